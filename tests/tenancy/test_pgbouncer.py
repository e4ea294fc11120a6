"""Behind PgBouncer in transaction mode: one connection to PostgreSQL serves everybody in turn, and nobody sees more."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from websockets.sync.client import connect

from tests.bouncer import NoBouncer, bouncer, executable
from tests.stack import Stack, running_stack

THREADS = 8
ROUNDS = 12


@dataclass
class Person:
    """Somebody with a token, and what they may see: the ids of the units."""

    slug: str
    token: str
    units: set[str]
    key: str = ""

    def __hash__(self) -> int:
        return hash(self.token)


class Behind:
    """The product behind a PgBouncer."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.client = httpx.Client(base_url=f"{stack.url}/api/v1/", timeout=30)
        demo = json.loads((stack.home / "demo.json").read_text())
        second = demo["second_org"]
        self.owner = Person(demo["org"], demo["token"], self._units_of(demo["org"]), demo["ingest_key"])
        self.neighbour = Person(second["org"], second["token"], self._units_of(second["org"]))
        self.staff = self._restricted(demo)

    def _units_of(self, slug: str) -> set[str]:
        rows = self.stack.sql(
            "SELECT u.id::text FROM sensors_unit u JOIN organizations_organization o ON o.id = u.organization_id"
            " WHERE o.slug = %s",
            [slug],
        )
        return {key for (key,) in rows}

    def _restricted(self, demo: dict[str, Any]) -> Person:
        """The demo's member of staff, restricted to a new site with one unit."""
        site = self.api(self.owner, "POST", "sites/", name="Annexe").json()
        area = self.api(self.owner, "POST", "areas/", site=site["id"], name="Hall").json()
        unit = self.api(self.owner, "POST", "units/", area=area["id"], name="Lonely").json()
        self.owner.units.add(unit["id"])
        user = demo["users"]["staff"]
        member = next(
            row
            for row in self.api(self.owner, "GET", "members/").json()["results"]
            if row["user"]["email"] == user["email"]
        )
        assert self.api(self.owner, "PATCH", f"members/{member['id']}/", sites=[site["id"]]).status_code == 200
        return Person(self.owner.slug, user["token"], {unit["id"]})

    def api(self, who: Person, method: str, place: str, **body: Any) -> httpx.Response:
        return self.client.request(
            method,
            f"orgs/{who.slug}/{place}",
            headers={"Authorization": f"Bearer {who.token}"},
            json=body or None,
        )

    def snapshot(self, who: Person) -> set[str]:
        """What a new screen shows."""
        url = f"{self.stack.url.replace('http', 'ws', 1)}/ws/v1/orgs/{who.slug}/live/"
        with connect(url, additional_headers={"Authorization": f"Bearer {who.token}"}, open_timeout=30) as socket:
            while (frame := json.loads(socket.recv(timeout=30)))["type"] != "snapshot":
                pass
        return {unit["unit"] for unit in frame["units"]}

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """As the product's login, through PgBouncer."""
        with psycopg.connect(
            host=str(self.folder), user="freshtrack_app", dbname=self.stack.database, autocommit=True
        ) as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture
def behind() -> Iterator[Behind]:
    try:
        executable()
    except NoBouncer as reason:
        pytest.skip(str(reason))
    with running_stack(processes=(), env={"DEMO": "0", "RATE_PER_USER": "100000/min"}) as stack:
        servers = Path(stack.env["DATABASE_URL"].rpartition("host=")[2].replace("%2F", "/"))
        with bouncer(servers, connections=1) as folder:
            stack.env["DATABASE_URL"] = f"postgres://freshtrack_app@/{stack.database}?host={folder}"
            stack.manage("seed_demo")
            stack.start("web")
            product = Behind(stack, folder)
            yield product
            product.client.close()
            # Before PgBouncer goes: a product without its database would have much to say.
            stack.children.stop(15.0)


def _one_round(behind: Behind, who: Person, seed: int) -> Counter[str]:
    """Reads and writes of one person; what came of each. Whatever is read must be theirs."""
    chance = random.Random(seed)
    seen: Counter[str] = Counter()
    for kind in chance.sample(["units", "unit", "foreign", "refused", "sensors", "readings", "screen"], 7):
        if kind == "units":
            answer = behind.api(who, "GET", "units/?page_size=500")
            assert {unit["id"] for unit in answer.json()["results"]} == who.units
        elif kind == "unit":
            answer = behind.api(who, "GET", f"units/{chance.choice(sorted(who.units))}/")
        elif kind == "foreign":
            others = behind.owner.units if who is not behind.owner else behind.neighbour.units
            answer = behind.api(who, "GET", f"units/{chance.choice(sorted(others - who.units))}/")
            assert answer.status_code == 404
        elif kind == "refused":
            # Refused in the middle of a transaction: what it had set must be gone with it.
            answer = behind.api(who, "POST", "areas/", site="00000000-0000-0000-0000-000000000000", name="x")
            assert answer.status_code in (400, 403)
        elif kind == "sensors":
            answer = behind.api(who, "GET", "sensors/?page_size=500")
            assert {sensor["unit"] for sensor in answer.json()["results"]} - {None} <= who.units
        elif kind == "readings":
            if not who.key:
                continue
            moment = datetime.now(UTC) - timedelta(days=1, milliseconds=seed)
            reading = {"sensor": "FT-HSK-01", "recorded_at": moment.isoformat(), "temperature": 3.0}
            answer = behind.client.post(
                "ingest/readings", json={"readings": [reading]}, headers={"Authorization": f"Bearer {who.key}"}
            )
            assert answer.json()["accepted"] + answer.json()["duplicates"] == 1
        else:
            assert behind.snapshot(who) == who.units
            seen["101"] += 1
            continue
        seen[str(answer.status_code)] += 1
    return seen


def test_people_of_two_organizations_take_turns_on_one_connection(behind: Behind) -> None:
    people = [behind.owner, behind.neighbour, behind.staff]
    jobs = [(person, number * len(people) + index) for number in range(ROUNDS) for index, person in enumerate(people)]
    with ThreadPoolExecutor(THREADS) as threads:
        answers = list(threads.map(lambda job: _one_round(behind, *job), jobs))
    total: Counter[str] = sum(answers, Counter())
    # 200 and 404 as expected, the refused ones, sockets; nothing of 500 or 503.
    assert set(total) <= {"200", "101", "400", "403", "404"}, total
    assert total["200"] > 2 * len(jobs)
    assert total["101"] == len(jobs)
    connections = behind.stack.sql(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usename = 'freshtrack_app'",
        [behind.stack.database],
    )
    assert connections == [(1,)], "everybody shared it"
    _remembers_nobody(behind)


def _remembers_nobody(behind: Behind) -> None:
    """The connection that everybody shared."""
    names = ("role", "freshtrack.organization", "freshtrack.number", "freshtrack.sites", "freshtrack.actor")
    columns = ", ".join(f"coalesce(current_setting('{name}', true), '')" for name in names)
    assert behind.sql(f"SELECT {columns}") == [("none", "", "", "", "")]
    assert behind.sql(
        "SELECT (SELECT count(*) FROM sensors_site), (SELECT count(*) FROM organizations_membership)"
    ) == [(0, 0)]
    assert behind.sql("SELECT count(*) FROM pg_prepared_statements") == [(0,)]
    assert behind.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]
