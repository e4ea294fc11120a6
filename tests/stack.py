"""The product as real processes, for tests that walk through several of them.

    with running_stack(env={"EMAIL_URL": "smtp://127.0.0.1:2525"}) as stack:
        stack.manage("seed_demo")
        httpx.get(f"{stack.url}/health/live")

Each stack has its own database (a clone of the migrated template), its own corner of Redis, its own home and port.
"""

import contextlib
import http.client
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from freshtrack.embedded.postgres import SUPERUSER
from freshtrack.embedded.processes import wait_until
from freshtrack.embedded.servers import running
from freshtrack.up import services
from freshtrack.up.children import Child, Children, last_lines
from tests import template

ROOT = Path(__file__).resolve().parent.parent
ARTIFACTS = ROOT / "tests" / "artifacts"
START_SECONDS = 60.0
STOP_SECONDS = 15.0


@dataclass
class Stack:
    """Running processes of FreshTrack, and how to reach them."""

    url: str
    home: Path
    env: dict[str, str]
    database: str
    children: Children
    running: dict[str, Child] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self.env["PORT"])

    def manage(self, *arguments: str, check: bool = True, seconds: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run a manage.py command in the environment of the stack."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"manage.py {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done

    def sql(self, query: sql.SQL | str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Ask the database as its superuser, whom no row-level security stops."""
        with superuser(self.database) as connection:
            cursor = connection.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []

    def start(self, *names: str) -> None:
        """Start "web", "worker", "beat" or "simulator", side by side, and wait until all of them are ready."""
        chosen = [(name, *self._services()[name]) for name in names]
        for name, service, _ in chosen:
            self.running[name] = self.children.start(
                service.name,
                service.command,
                log=self.home / "logs" / f"{service.log}.log",
                environment=services.environment_of_services(self.env),
                folder=ROOT,
            )
        for name, service, is_ready in chosen:
            child = self.running[name]
            _wait(child, is_ready)
            if not child.running():
                raise AssertionError(child.obituary())
            if not is_ready(child):
                words = last_lines(child.output())
                raise AssertionError(f"{service.name} wasn't ready after {START_SECONDS:.0f} s:\n{words}")

    def kill(self, name: str) -> None:
        """Kill a process and all that it started, as a crash would."""
        child = self.running.pop(name)
        child.process.kill()
        child.process.wait()
        self.children.forget(child)

    def log(self, name: str) -> str:
        """What a process wrote since it was started."""
        return self.running[name].output()

    def _services(self) -> dict[str, tuple[services.Service, Callable[[Child], bool]]]:
        return {
            "web": (services.web(self.port), lambda child: _alive(self.port)),
            "worker": (services.worker(), lambda child: services.worker().ready_words in child.output()),
            "beat": (services.beat(), lambda child: services.beat().ready_words in child.output()),
            "simulator": (services.simulator(), lambda child: True),
        }


@contextlib.contextmanager
def running_stack(
    *, env: Mapping[str, str] | None = None, processes: Sequence[str] = ("web", "worker", "beat")
) -> Iterator[Stack]:
    """Start the processes against a fresh database, and stop them at the end.

    If the body fails, the ends of the logs are printed (pytest shows them) and the logs are kept in tests/artifacts.
    """
    token = secrets.token_hex(4)
    with _database(f"stack_{token}") as (database, servers), _reserved_port() as port, _home() as home:
        url = f"http://127.0.0.1:{port}"
        environment = {
            **os.environ,
            **servers,
            "FRESHTRACK_HOME": str(home),
            "PORT": str(port),
            "PUBLIC_URL": url,
            "REDIS_PREFIX": f"stack-{token}",
            **(env or {}),
        }
        # Marks of the test run: the stack must behave like the product (its password hasher, its database).
        for name in ("PYTEST_VERSION", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER", "TEST_DB_TEMPLATE"):
            environment.pop(name, None)
        stack = Stack(url=url, home=home, env=environment, database=database, children=Children())
        try:
            stack.start(*processes)
            yield stack
        except BaseException:
            _keep_logs(home, token)
            raise
        finally:
            killed = stack.children.stop(STOP_SECONDS)
            stack.children.close()
            if killed:
                _keep_logs(home, token)
                raise AssertionError(f"These didn't end when asked: {', '.join(killed)}.")


@contextlib.contextmanager
def _database(name: str) -> Iterator[tuple[str, dict[str, str]]]:
    """A clone of the template, and the addresses of everything for processes that use it."""
    with superuser() as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER freshtrack_owner").format(
                sql.Identifier(name), sql.Identifier(template.DATABASE)
            )
        )
    servers = _servers()["environment"]
    addresses = {
        variable: servers[variable].replace("@/freshtrack?", f"@/{name}?")
        for variable in ("DATABASE_URL", "MIGRATION_DATABASE_URL", "REDIS_URL")
    }
    try:
        yield name, addresses
    finally:
        with superuser() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _servers() -> dict[str, Any]:
    state = running(Path(os.environ.get("FRESHTRACK_TEST_HOME", "")))
    if state is None:
        raise RuntimeError("Stacks need the embedded servers of the test run: run pytest without DATABASE_URL.")
    return state


def superuser(database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
    """A connection to the server of this test run that may do everything."""
    return psycopg.connect(host=_servers()["sockets"], user=SUPERUSER, dbname=database, autocommit=True)


@contextlib.contextmanager
def _reserved_port() -> Iterator[int]:
    """A port that nobody else is given while the stack lives, even between a kill and a restart of its web server."""
    with socket.socket() as reservation:
        # Bound but not listening, and willing to share: the web server, which shares too, may listen on it.
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reservation.bind(("127.0.0.1", 0))
        yield reservation.getsockname()[1]


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="stack-", dir=os.environ["FRESHTRACK_TEST_HOME"]))
    (home / "static").mkdir()
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _alive(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _wait(child: Child, is_ready: Callable[[Child], bool]) -> None:
    wait_until(lambda: not child.running() or is_ready(child), seconds=START_SECONDS)


def _keep_logs(home: Path, token: str) -> None:
    logs = home / "logs"
    if not logs.exists():
        return
    shutil.copytree(logs, ARTIFACTS / f"stack-{token}", dirs_exist_ok=True)
    for log in sorted(logs.glob("*.log")):
        print(f"--- end of {log.name} (whole: tests/artifacts/stack-{token}/)\n{last_lines(log.read_text(), 30)}")
