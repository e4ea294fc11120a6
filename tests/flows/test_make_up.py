"""The whole product under its supervisor: ready, found by other shells, and gone without a trace."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from freshtrack.embedded import Embedded
from freshtrack.embedded.processes import wait_until
from freshtrack.embedded.servers import remains
from tests import template

ROOT = Path(__file__).resolve().parent.parent.parent
READY = re.compile(r"^FreshTrack is ready at (http://127\.0\.0\.1:\d+)$", re.MULTILINE)


class Up:
    """One run of what `make up` runs, in a home of its own."""

    def __init__(self, environment: dict[str, str], output: Path) -> None:
        self.environment = environment
        self._output = output
        self._start = output.stat().st_size if output.exists() else 0
        with output.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "freshtrack.up"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        return self._output.read_text()[self._start :]

    def wait_until_ready(self) -> str:
        assert wait_until(lambda: READY.search(self.output) or self.process.poll() is not None, seconds=120), (
            self.output
        )
        ready = READY.search(self.output)
        assert ready, self.output
        return ready[1]

    def end(self, sign: int) -> int:
        self.process.send_signal(sign)
        return self.process.wait(40)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A home with a migrated database: migrating from nothing is what the template of all tests did."""
    home = tmp_path_factory.mktemp("up") / "home"
    home.mkdir()
    template.copy_into(home)
    with Embedded(home, durable=True, with_redis=False) as servers:
        assert servers.postgres is not None
        with servers.postgres.connect() as connection:
            connection.execute("CREATE DATABASE freshtrack TEMPLATE template_freshtrack OWNER freshtrack_owner")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    yield {**kept, "FRESHTRACK_HOME": str(home), "PORT": str(port), "DEMO": "0"}
    assert survivors(home) == []


@pytest.fixture
def up(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Up]]:
    started: list[Up] = []

    def start() -> Up:
        started.append(Up(environment, tmp_path_factory.getbasetemp() / "up.out"))
        return started[-1]

    yield start
    for run in started:
        if run.process.poll() is None:
            run.process.terminate()
            run.process.wait(40)


def processes_of(home: Path) -> dict[int, str]:
    """The processes that have to do with a home, and their command lines."""
    marks = [os.fsencode(home)]
    sockets = remains(home)
    marks += [os.fsencode(sockets)] if sockets else []
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        # It may end while we look; others belong to other people.
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes()
            if int(folder.name) != os.getpid() and any(
                mark in command or mark in (folder / "environ").read_bytes() for mark in marks
            ):
                found[int(folder.name)] = command.replace(b"\0", b" ").decode(errors="replace")
    return found


def survivors(home: Path) -> list[str]:
    wait_until(lambda: not processes_of(home), seconds=20)
    return list(processes_of(home).values())


def manage(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_whole_found_from_other_shells_and_ends_when_asked(
    environment: dict[str, str], up: Callable[[], Up]
) -> None:
    home = Path(environment["FRESHTRACK_HOME"])
    run = up()
    url = run.wait_until_ready()

    assert url == f"http://127.0.0.1:{environment['PORT']}"
    assert httpx.get(f"{url}/health/ready").status_code == 200
    assert httpx.get(url).text.startswith("<!doctype html>")
    assert (home / "demo.json").stat().st_mode & 0o777 == 0o600
    assert str(home / "demo.json") in run.output
    assert str(home / "mail") in run.output

    # Another shell, which knows no more than the home.
    assert manage(environment, "dbshell", "--", "-Atc", "SELECT current_user, current_database()") == (
        "postgres|freshtrack\n"
    )
    assert "No planned migration operations." in manage(environment, "migrate", "--plan")
    # The processes that answer strangers don't know the login of the tables' owner.
    web = next(pid for pid, command in processes_of(home).items() if "freshtrack.up.daphne" in command)
    assert b"freshtrack_owner" not in Path(f"/proc/{web}/environ").read_bytes()

    again = subprocess.run(
        [sys.executable, "-m", "freshtrack.up"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert again.returncode == 1
    assert again.stdout == (
        f"FreshTrack already runs in {home} (process {run.process.pid}, port {environment['PORT']}): "
        "stop it first, or start another copy with its own FRESHTRACK_HOME and PORT.\n"
    )

    assert run.end(signal.SIGTERM) == 0
    assert survivors(home) == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_a_second_start_is_quick_and_the_death_of_a_child_ends_everything(
    environment: dict[str, str], up: Callable[[], Up]
) -> None:
    home = Path(environment["FRESHTRACK_HOME"])
    run = up()
    run.wait_until_ready()
    # Nothing is done twice. That is what makes it quick (6 s on two idle cores; this machine may be busy).
    assert [line for line in run.output.splitlines() if line.endswith(" s")] == [
        line for line in run.output.splitlines() if line.startswith(("  embedded PostgreSQL", "  services ready"))
    ]

    worker = min(pid for pid, command in processes_of(home).items() if "--hostname worker@" in command)
    os.kill(worker, signal.SIGKILL)

    assert run.process.wait(40) == 1
    assert f"The worker was killed by SIGKILL. The last lines of {home / 'logs' / 'worker.log'}:" in run.output
    assert "FreshTrack stops, because it isn't whole without it." in run.output
    assert survivors(home) == []


def test_a_killed_supervisor_leaves_nothing_and_starts_again(environment: dict[str, str], up: Callable[[], Up]) -> None:
    home = Path(environment["FRESHTRACK_HOME"])
    run = up()
    run.wait_until_ready()
    before = processes_of(home)
    # The pools of the workers are among them: they aren't the supervisor's children.
    assert sum("celery" in command for command in before.values()) >= 6

    run.process.kill()
    run.process.wait()

    # Started at once, while the old servers may still be writing their last checkpoint.
    next_run = up()
    next_run.wait_until_ready()
    assert not before.keys() & processes_of(home).keys()
    assert next_run.end(signal.SIGINT) == 0
    assert survivors(home) == []
