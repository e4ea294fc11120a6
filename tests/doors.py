"""Ingest processes as production runs them, and a PostgreSQL that forgets nothing, for tests that kill them.

    with installation(durable=True) as house:
        door = house.open_door()
        key = house.furnish("from tests.factories import …; told(key=…)")["key"]
        httpx.post(f"{door.url}/api/v1/ingest/readings", …)
        door.kill(); door.start()

The command is that of compose.yaml, so that what is tested is what is deployed.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import yaml
from psycopg import sql

from freshtrack.embedded import Embedded, redis
from freshtrack.embedded.postgres import SUPERUSER
from freshtrack.embedded.processes import wait_until
from freshtrack.up import services
from freshtrack.up.children import Child, Children, last_lines
from tests import template
from tests.stack import ROOT, Stack, _home, _reserved_port, running_stack

PATH = "/api/v1/ingest/readings"
START_SECONDS = 60.0
DATABASE = "freshtrack"
# Marks of the test run: processes must behave like the product.
MARKS = ("PYTEST_VERSION", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER", "TEST_DB_TEMPLATE")

_FURNISHING = """
import json, django
django.setup()
from datetime import timedelta
from django.utils import timezone
from tests.factories import *
def told(**facts):
    print("told:" + json.dumps(facts, default=str))
"""


def production_command(port: int) -> list[str]:
    """How compose.yaml starts an ingest process, on a port of this machine."""
    words = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["ingest"]["command"]
    words[words.index("--host") + 1] = "127.0.0.1"
    words[words.index("--port") + 1] = str(port)
    return [sys.executable, "-m", *words]


@dataclass
class Door:
    """One ingest process, which may be killed and started again on the same port."""

    house: Installation
    name: str
    port: int
    env: dict[str, str]
    child: Child | None = None
    generations: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.child is not None
        return self.child.process.pid

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.generations += 1
        self.child = child = self.house.children.start(
            self.name,
            production_command(self.port),
            log=self.house.home / "logs" / f"{self.name}.log",
            environment=services.environment_of_services(self.env),
            folder=ROOT,
        )
        wait_until(lambda: not child.running() or self.answers(), seconds=START_SECONDS)
        assert child.running(), child.obituary()
        assert self.answers(), f"{self.name} wasn't ready:\n{last_lines(child.output())}"

    def answers(self) -> bool:
        """Whether somebody listens: GET isn't the door's method, 405 is its sign of life."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", PATH)
            return connection.getresponse().status == 405
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """As a crash or the kernel would: no warning, nothing is finished."""
        assert self.child is not None
        self.child.process.kill()
        self.child.process.wait()
        self.house.children.forget(self.child)
        self.child = None

    def ask_to_end(self) -> None:
        """What `docker compose stop` and a new deployment begin with."""
        assert self.child is not None
        self.child.process.send_signal(signal.SIGTERM)

    def ended(self, *, seconds: float) -> bool:
        """Whether it has ended by itself within that time."""
        assert self.child is not None
        try:
            self.child.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        self.house.children.forget(self.child)
        self.child = None
        return True

    def log(self) -> str:
        """All that its processes wrote."""
        path = self.house.home / "logs" / f"{self.name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def memory(self) -> int:
        """Bytes of main memory that it holds now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]

    def open_files(self) -> int:
        """How many files and sockets it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))


@dataclass
class Installation:
    """A database and processes around it."""

    home: Path
    env: dict[str, str]
    database: str
    sockets: Path
    children: Children
    embedded: Embedded | None = None
    stack: Stack | None = None
    doors: list[Door] = field(default_factory=list)
    _ports: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def open_door(self, **env: str) -> Door:
        """Start one more ingest process. Call it from the main thread."""
        door = Door(self, f"ingest-{len(self.doors)}", self._ports.enter_context(_reserved_port()), {**self.env, **env})
        door.start()
        self.doors.append(door)
        return door

    def connect(self, *, role: str = SUPERUSER) -> psycopg.Connection[tuple[Any, ...]]:
        """Past every process, straight to the database; by default as its superuser."""
        return psycopg.connect(host=str(self.sockets), user=role, dbname=self.database, autocommit=True)

    def sql(self, query: str, parameters: Sequence[Any] = (), *, role: str = SUPERUSER) -> list[tuple[Any, ...]]:
        """Ask the database; by default as its superuser, whom no row-level security stops."""
        with self.connect(role=role) as connection:
            cursor = connection.execute(query.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def furnish(self, script: str) -> dict[str, Any]:
        """Run a script with the factories against this database; returns what it told with `told(name=…)`."""
        done = subprocess.run(
            [sys.executable, "-c", _FURNISHING + script],
            cwd=ROOT,
            env={**self.env, "DJANGO_SETTINGS_MODULE": "freshtrack.settings"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        line = next(line for line in done.stdout.splitlines() if line.startswith("told:"))
        facts: dict[str, Any] = json.loads(line.removeprefix("told:"))
        return facts

    def let_the_worker_tell(self) -> int:
        """What a worker does that is rung for when alerts open or resolve; returns how many alerts it looked at."""
        done = self.furnish("from alerts.tasks import sweep_due; told(alerts=sweep_due())")
        return int(done["alerts"])

    def open_doors(self, count: int, **env: str) -> list[Door]:
        """Several side by side."""
        return [self.open_door(**env) for _ in range(count)]

    def kill_database(self) -> None:
        """kill -9 of the postmaster. Its backends notice and end; nobody writes a checkpoint."""
        process = self._postgres().process
        assert process is not None
        process.kill()
        process.wait()

    def stop_database(self) -> None:
        """An orderly stop."""
        self._postgres().stop()

    def start_database(self) -> None:
        """As a supervisor would. Call it from the main thread."""
        self._postgres().start()

    def start_service(self, service: services.Service) -> Child:
        """Start a worker or beat, as production does, without waiting for it. Call it from the main thread."""
        return self.children.start(
            service.name,
            service.command,
            log=self.home / "logs" / f"{service.log}.log",
            environment=services.environment_of_services(self.env),
            folder=ROOT,
        )

    def kill_service(self, child: Child) -> None:
        """kill -9 of it and of all that it started."""
        child.process.kill()
        self.children.forget(child)

    def kill_broker(self) -> None:
        """kill -9 of Redis. What it wrote to its log in the last second may be gone."""
        process = self._redis().process
        assert process is not None
        process.kill()
        process.wait()

    def start_broker(self, *, forgetful: bool = False) -> None:
        """As a supervisor would; `forgetful`: on a new, empty disk. Call it from the main thread."""
        if forgetful:
            shutil.rmtree(self._redis().data)
        self._redis().start()

    def _redis(self) -> redis.Redis:
        assert self.embedded is not None, "this installation shares the server of the test run"
        assert self.embedded.redis is not None
        return self.embedded.redis

    def _postgres(self) -> Any:
        assert self.embedded is not None, "this installation shares the server of the test run"
        assert self.embedded.postgres is not None
        return self.embedded.postgres

    def close(self) -> None:
        """Stop everything; says which process had to be killed."""
        killed = self.children.stop(20.0)
        self.children.close()
        self._ports.close()
        assert not killed, f"These didn't end when asked: {', '.join(killed)}."


@contextlib.contextmanager
def installation(*, durable: bool = False, env: Mapping[str, str] | None = None) -> Iterator[Installation]:
    """A database made from the migrated template, without any process yet.

    `durable`: a cluster of its own with fsync, which may be killed; otherwise a database of the test run's server.
    """
    if not durable:
        with running_stack(processes=(), env=env) as stack, contextlib.ExitStack() as ports:
            sockets = Path(stack.env["DATABASE_URL"].rpartition("host=")[2].replace("%2F", "/"))
            house = Installation(
                stack.home, stack.env, stack.database, sockets, stack.children, stack=stack, _ports=ports
            )
            try:
                yield house
            except BaseException:
                _tell_logs(house)
                raise
        return
    with _home() as home, _durable_servers() as servers:
        assert servers.postgres is not None
        environment = {
            **os.environ,
            **servers.environment(DATABASE),
            "FRESHTRACK_HOME": str(home),
            "REDIS_PREFIX": f"durable-{secrets.token_hex(4)}",
            **(env or {}),
        }
        for name in MARKS:
            environment.pop(name, None)
        house = Installation(home, environment, DATABASE, servers.postgres.sockets, Children(), embedded=servers)
        try:
            yield house
        except BaseException:
            _tell_logs(house)
            raise
        finally:
            house.close()


@contextlib.contextmanager
def _durable_servers() -> Iterator[Embedded]:
    folder = Path(tempfile.mkdtemp(prefix="ft-durable-"))
    folder.chmod(0o711)
    try:
        template.copy_into(folder)
        with Embedded(folder, durable=True) as servers:
            assert servers.postgres is not None
            with servers.postgres.connect() as connection:
                connection.execute(
                    sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER freshtrack_owner").format(
                        sql.Identifier(DATABASE), sql.Identifier(template.DATABASE)
                    )
                )
            yield servers
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tell_logs(house: Installation) -> None:
    for log in sorted((house.home / "logs").glob("*.log")):
        print(f"--- end of {log.name}\n{last_lines(log.read_text(errors='replace'), 30)}")
