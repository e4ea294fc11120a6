"""Downloads by the web server itself: memory that doesn't grow with the range, and ends that the client notices."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from freshtrack.embedded.processes import wait_until
from tests.sensors.exports import BEGIN, fill
from tests.stack import Stack, running_stack, superuser

MANY = 400_000
MOST_GROWTH_MB = 50


class Web:
    """A web server whose demo organization has MANY readings of one unit."""

    def __init__(self, stack: Stack) -> None:
        stack.manage("seed_demo")
        self.stack = stack
        self.secrets = json.loads((stack.home / "demo.json").read_text())
        with superuser(stack.database) as db:
            found = db.execute(
                "SELECT s.id, s.unit_id, o.number FROM sensors_sensor s JOIN organizations_organization o"
                " ON o.id = s.organization_id WHERE o.slug = 'demo' AND s.unit_id IS NOT NULL ORDER BY s.id LIMIT 1"
            ).fetchone()
            assert found is not None
            self.sensor, unit, number = found
            db.execute("DELETE FROM sensors_reading WHERE sensor_id = %s", [self.sensor])
            sensor: Any = SimpleNamespace(pk=self.sensor, organization=SimpleNamespace(number=number))
            fill(sensor, many=MANY, every=timedelta(seconds=60), db=db)
        self.path = f"units/{unit}/readings/"

    @contextmanager
    def download(self, form: str, *, by: str = "owner") -> Iterator[httpx.Response]:
        query = {"format": form, "from": BEGIN.isoformat(), "to": (BEGIN + timedelta(days=400)).isoformat()}
        # Packed, all of it would fit into the buffers between us.
        headers = {"Authorization": f"Bearer {self.secrets['users'][by]['token']}", "Accept-Encoding": "identity"}
        url = f"{self.stack.url}/api/v1/orgs/demo/{self.path}"
        with httpx.stream("GET", url, params=query, headers=headers, timeout=60) as answer:
            assert answer.status_code == 200, answer.read()
            yield answer

    def memory_mb(self) -> float:
        status = Path(f"/proc/{self.stack.running['web'].process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    @contextmanager
    def watched(self) -> Iterator[Callable[[], float]]:
        """How much the server's memory has grown at most."""
        before = highest = self.memory_mb()
        over = threading.Event()

        def watch() -> None:
            nonlocal highest
            while not over.wait(0.01):
                highest = max(highest, self.memory_mb())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield lambda: highest - before
        finally:
            over.set()
            watcher.join()


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with running_stack(processes=("web",)) as stack:
        yield Web(stack)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_memory_does_not_grow_with_the_range(web: Web, form: str) -> None:
    # Once before: code that is loaded for the first of its kind stays, however long the range.
    with web.download(form) as first:
        length = sum(len(part) for part in first.iter_raw())
    with web.watched() as growth, web.download(form) as answer:
        assert sum(len(part) for part in answer.iter_raw()) > 0.9 * length > 1_000_000
    assert growth() < MOST_GROWTH_MB


def test_a_client_that_reads_nothing_costs_neither_memory_nor_a_transaction(web: Web) -> None:
    def transactions() -> int:
        (row,) = web.stack.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND usename = 'freshtrack_app' AND xact_start IS NOT NULL"
        )
        return int(row[0])

    with web.watched() as growth, web.download("csv") as answer:
        next(answer.iter_raw())
        # Once the buffers between us are full.
        assert wait_until(lambda: not wait_until(lambda: transactions() > 0, seconds=1), seconds=20)
    assert growth() < MOST_GROWTH_MB


def test_a_member_who_is_removed_meanwhile_gets_a_broken_connection(web: Web) -> None:
    with web.download("csv", by="viewer") as answer:
        parts = answer.iter_bytes()
        got = [next(parts).count(b"\n")]
        with superuser(web.stack.database) as db:
            db.execute(
                "UPDATE organizations_membership m SET ended_at = now() FROM organizations_user u"
                " WHERE u.id = m.user_id AND u.email = %s",
                [web.secrets["users"]["viewer"]["email"]],
            )
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            got.extend(part.count(b"\n") for part in parts)
    assert sum(got) < MANY / 2
