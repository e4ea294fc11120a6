"""What is measured: FreshTrack's own processes on a cluster that keeps its promises.

The processes are those of `make up`, and beside them the ingest process as production runs it. The cluster is made as
`make up` makes it, and gets its tables from the migrated template of the tests: migrating takes minutes.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg

from bench import machine
from freshtrack.embedded import Embedded
from freshtrack.embedded.postgres import SUPERUSER, Postgres, binaries
from freshtrack.embedded.processes import wait_until
from freshtrack.up import services
from freshtrack.up.children import Child
from tests import template
from tests.stack import ROOT, START_SECONDS, Stack, running_stack

# What a developer's shell holds decides nothing here.
KEPT_VARIABLES = frozenset({"PATH", "HOME", "TMPDIR", "LANG"})
# Of a server with some memory of its own, for everybody who is measured on it. A load is not to pay for a checkpoint.
CLUSTER = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min", "effective_cache_size": "4GB"}
# As `make up` has it: limits that a measurement doesn't meet.
UP = {"DEMO": "0", "RATE_PER_USER": "6000/min"}
PROMISES = ("fsync", "synchronous_commit", "full_page_writes")
LISTENING = re.compile(r"Uvicorn running on http://127\.0\.0\.1:(\d+)")


class NotDurableError(Exception):
    """The cluster may forget what it has committed: numbers of it would be worth nothing."""


@dataclass(frozen=True)
class Door:
    """An ingest process: where it listens, and its number."""

    port: int
    pid: int


@dataclass(frozen=True, kw_only=True)
class House:
    """The running product, and how to reach its parts."""

    stack: Stack
    demo: dict[str, Any]
    postgres_pid: int
    doors: list[Door] = field(default_factory=list)

    @property
    def web_port(self) -> int:
        return self.stack.port

    @property
    def api(self) -> str:
        """The path under which the demo organization is."""
        return f"/api/v1/orgs/{self.demo['org']}"

    def promises(self) -> dict[str, str]:
        """What the cluster promises to the login that the product uses."""
        with psycopg.connect(self.stack.env["DATABASE_URL"]) as connection:
            return {name: str(connection.execute(f"SHOW {name}").fetchone()[0]) for name in PROMISES}  # type: ignore[index]

    def check_durable(self) -> dict[str, str]:
        """The promises, all of them kept. Raises NotDurableError."""
        promises = self.promises()
        if set(promises.values()) != {"on"}:
            raise NotDurableError(f"Measured is only what survives a power cut, and this cluster says {promises}.")
        return promises

    @property
    def sockets(self) -> str:
        """The folder with the sockets of the cluster."""
        return str(psycopg.conninfo.conninfo_to_dict(self.stack.env["DATABASE_URL"])["host"])

    def database(self) -> psycopg.Connection[tuple[Any, ...]]:
        """The database as its superuser, whom no row-level security stops."""
        return psycopg.connect(host=self.sockets, user=SUPERUSER, dbname=self.stack.database, autocommit=True)

    @property
    def server_log(self) -> Path:
        """What PostgreSQL writes."""
        return Path(os.environ["FRESHTRACK_TEST_HOME"]) / "logs" / "postgres.log"

    def start(self, *names: str) -> None:
        """Start further processes of the stack, if they don't run yet."""
        self.stack.start(*(name for name in names if name not in self.stack.running))

    def stop(self, *names: str) -> None:
        """End processes of the stack at once."""
        for name in names:
            if name in self.stack.running:
                self.stack.kill(name)

    def open_doors(self, count: int) -> None:
        """Start ingest processes beside each other, until there are this many."""
        new = [_start_ingest(self.stack, number) for number in range(len(self.doors) + 1, count + 1)]
        self.doors.extend(Door(_port_of(child), child.process.pid) for child in new)

    def twin(self, name: str) -> "House":
        """Another house with a copy of the database, in the same cluster. Call before doors are open: it has none."""
        self.stop("web")
        database = f"{self.stack.database}_{name}"
        with psycopg.connect(host=self.sockets, user=SUPERUSER, dbname="postgres", autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [self.stack.database]
            )
            connection.execute(f"CREATE DATABASE {database} TEMPLATE {self.stack.database}".encode())
        # Beside the stack's own logs, which are kept if a run fails.
        home, port = self.stack.home / "logs" / name, free_port()
        (home / "static").mkdir(parents=True)
        environment = {
            variable: value.replace(f"@/{self.stack.database}?", f"@/{database}?")
            for variable, value in self.stack.env.items()
        } | {
            "FRESHTRACK_HOME": str(home),
            "PORT": str(port),
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "REDIS_PREFIX": f"{self.stack.env['REDIS_PREFIX']}-{name}",
        }
        stack = replace(
            self.stack, url=environment["PUBLIC_URL"], home=home, env=environment, database=database, running={}
        )
        return replace(self, stack=stack, doors=[])


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def durable_servers() -> Iterator[None]:
    """PostgreSQL and Redis as `make up` starts them, on the disk of the checkout, where running_stack finds them."""
    for name in set(os.environ) - KEPT_VARIABLES:
        del os.environ[name]
    template.FOLDER.mkdir(exist_ok=True)
    # Not in the temporary folder, which may be memory.
    home = Path(tempfile.mkdtemp(prefix="bench-", dir=template.FOLDER))
    home.chmod(0o711)  # as root, PostgreSQL runs under another account, which has to pass through
    try:
        dump = _migrated_tables(home)
        with Embedded(home, durable=True) as servers:
            assert servers.postgres is not None
            _load(servers.postgres, dump)
            _configure(servers.postgres)
            os.environ["FRESHTRACK_TEST_HOME"] = str(home)
            os.environ["SECRET_KEY"] = "a key for the bench only, long enough for every check of its length"
            yield
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def opened() -> Iterator[House]:
    """The product with the demo organization; only its web process runs yet."""
    with running_stack(env=UP, processes=("web",)) as stack:
        stack.manage("seed_demo")
        with psycopg.connect(stack.env["DATABASE_URL"]) as connection:
            postgres_pid = machine.parent_of(connection.info.backend_pid)
        yield House(
            stack=stack,
            demo=json.loads((stack.home / "demo.json").read_text()),
            postgres_pid=postgres_pid,
        )


def _migrated_tables(home: Path) -> Path:
    """The template's tables as SQL. A copy of its files wouldn't do: it has the small log files of a throw-away."""
    dump, source = home / "tables.sql", home / "template"
    source.mkdir()
    template.copy_into(source)
    with Embedded(source, durable=False, with_redis=False) as servers:
        assert servers.postgres is not None
        _run(servers.postgres, "pg_dump", "--file", str(dump), template.DATABASE)
    shutil.rmtree(source)
    return dump


def _load(postgres: Postgres, dump: Path) -> None:
    postgres.prepare_database("roles")  # roles belong to the cluster, so they aren't in the dump
    with postgres.connect() as connection:
        connection.execute(f"CREATE DATABASE {template.DATABASE} OWNER freshtrack_owner TEMPLATE template0")
    _run(postgres, "psql", "-v", "ON_ERROR_STOP=1", "-q", "-o", os.devnull, "-f", str(dump), "-d", template.DATABASE)
    with postgres.connect(template.DATABASE) as connection:
        connection.execute("VACUUM ANALYZE")
    dump.unlink()


def _run(postgres: Postgres, program: str, *arguments: str) -> None:
    command = [str(binaries() / program), "-h", str(postgres.sockets), "-U", SUPERUSER, *arguments]
    subprocess.run(command, check=True, timeout=120)


def _configure(postgres: Postgres) -> None:
    """The settings, which need a restart."""
    with postgres.connect() as connection:
        for name, value in CLUSTER.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
    postgres.stop()
    postgres.start()


def _start_ingest(stack: Stack, number: int) -> Child:
    """The ingest process as compose.yaml runs it, on a port that it chooses itself."""
    return stack.children.start(
        f"The ingest process {number}",
        (
            *(sys.executable, "-m", "uvicorn", "freshtrack.asgi:ingest", "--host", "127.0.0.1", "--port", "0"),
            *("--lifespan", "on", "--no-access-log", "--no-server-header", "--timeout-keep-alive", "75"),
        ),
        log=stack.home / "logs" / f"ingest-{number}.log",
        environment=services.environment_of_services(stack.env),
        folder=ROOT,
    )


def _port_of(ingest: Child) -> int:
    """Where the ingest process listens, once it does."""
    wait_until(lambda: not ingest.running() or LISTENING.search(ingest.output()) is not None, seconds=START_SECONDS)
    found = LISTENING.search(ingest.output())
    if found is None:
        raise RuntimeError(ingest.obituary() if not ingest.running() else "The ingest process didn't start in time.")
    return int(found[1])
