"""The supervisor's parts: one sentence when FreshTrack can't start, and no process left when it ends."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from freshtrack.embedded.processes import wait_until
from freshtrack.up.children import Children
from freshtrack.up.console import Console
from freshtrack.up.installation import Hold, UpError, from_environment
from freshtrack.up.jobs import Job, Schedule, migration_progress

ROOT = Path(__file__).resolve().parent.parent


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def up(*, checkout: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the supervisor as `make up` does, in a case in which it can't start."""
    return subprocess.run(
        [sys.executable, "-m", "freshtrack.up"],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- why it can't start -------------------------------------------------------------------------------------------


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def unbuilt(tmp_path: Path) -> Path:
    """A checkout whose web app was never built."""
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "freshtrack", checkout / "freshtrack", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "deploy", checkout / "deploy")
    (checkout / "frontend").mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / "frontend" / name, checkout / "frontend")
    return checkout


def test_a_port_in_use_is_one_sentence(busy_port: int, tmp_path: Path) -> None:
    done = up(PORT=str(busy_port), FRESHTRACK_HOME=str(tmp_path / "home"))

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"Port {busy_port} can't be used (Address already in use): end the program that has it, or choose another one, "
        f"for example with `PORT={busy_port + 1} make up`."
    ]
    assert done.stderr == ""


@pytest.mark.parametrize("port", ["eighty", "0", "65536", "-1", "80 80"])
def test_a_port_that_is_none_is_one_sentence(port: str, tmp_path: Path) -> None:
    with pytest.raises(UpError, match=f"PORT is {port!r}, but it has to be a number from 1 to 65535"):
        from_environment({"PORT": port, "FRESHTRACK_HOME": str(tmp_path)})


def test_a_missing_node_is_one_sentence(unbuilt: Path, free_port: int) -> None:
    done = up(checkout=unbuilt, PORT=str(free_port), PATH="/nowhere")

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "Building the web app needs Node.js 20.19 or newer with npm, and `node` isn't on the PATH: install it "
        "(https://nodejs.org)."
    ]


def test_an_old_node_is_one_sentence(unbuilt: Path, free_port: int, tmp_path: Path) -> None:
    for name in ("node", "npm"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho v20.18.3\n")
        program.chmod(0o755)

    done = up(checkout=unbuilt, PORT=str(free_port), PATH=f"{tmp_path}:/usr/bin:/bin")

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "Building the web app needs Node.js 20.19 or newer, but `node` here is v20.18.3: install a newer one "
        "(https://nodejs.org)."
    ]


def test_a_broken_database_folder_is_one_sentence(unbuilt: Path, free_port: int, tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\necho v20.19.0\n")
    node.chmod(0o755)
    shutil.copy(node, tmp_path / "npm")
    home = tmp_path / "home"
    (home / "pg").mkdir(parents=True)
    (home / "pg" / "notes.txt").write_text("not a database")

    done = up(checkout=unbuilt, PORT=str(free_port), FRESHTRACK_HOME=str(home), PATH=f"{tmp_path}:/usr/bin:/bin")

    assert done.returncode == 1
    assert done.stdout.splitlines()[1:] == [
        f"{home / 'pg'} isn't a PostgreSQL data folder (it has no PG_VERSION): move it away, or restore it from a "
        "backup."
    ]
    assert done.stderr == ""


def test_a_home_that_cannot_be_written_is_one_sentence(free_port: int, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = up(PORT=str(free_port), FRESHTRACK_HOME=str(tmp_path / "file" / "home"))

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"The folder {tmp_path / 'file' / 'home'} can't be written (Not a directory): choose another one with "
        "FRESHTRACK_HOME."
    ]


def test_one_supervisor_a_home(tmp_path: Path) -> None:
    installation = from_environment({"FRESHTRACK_HOME": str(tmp_path), "PORT": "8123"})
    first, second = Hold(installation), Hold(installation)
    first.take(status=lambda text: None)

    with pytest.raises(UpError, match=rf"already runs in {tmp_path} \(process {os.getpid()}, port 8123\)"):
        second.take(status=lambda text: None)
    # The one that was refused leaves the other's note alone.
    second.note("stopping")
    second.release()
    with pytest.raises(UpError, match="already runs"):
        second.take(status=lambda text: None)

    first.release()
    second.take(status=lambda text: None)
    second.release()


def test_a_supervisor_waits_for_one_that_stops(tmp_path: Path) -> None:
    installation = from_environment({"FRESHTRACK_HOME": str(tmp_path)})
    first, second = Hold(installation), Hold(installation)
    first.take(status=lambda text: None)
    first.note("stopping")
    waits: list[str] = []

    def status(text: str) -> None:
        waits.append(text)
        first.release()

    second.take(status=status)
    assert waits == ["waiting for the previous run to stop"]
    second.release()


# --- how its processes end ----------------------------------------------------------------------------------------


@pytest.fixture
def children() -> Iterator[Children]:
    children = Children()
    yield children
    children.kill()
    children.close()


def start_shell(children: Children, script: str, log: Path, *, lasting: bool = True) -> int:
    child = children.start(
        "The shell", ["/bin/sh", "-c", script], log=log, environment=os.environ, folder=ROOT, lasting=lasting
    )
    return child.process.pid


def test_children_are_asked_first_and_finish_what_they_do(children: Children, tmp_path: Path) -> None:
    log = tmp_path / "log"
    start_shell(children, "trap 'echo finished; exit' TERM; echo started; while :; do sleep 0.1; done", log)
    assert wait_until(lambda: "started" in log.read_text(), seconds=10)

    assert children.stop(10) == []
    assert log.read_text() == "started\nfinished\n"


def test_a_child_that_does_not_listen_is_killed_with_all_it_started(children: Children, tmp_path: Path) -> None:
    log = tmp_path / "log"
    pid = start_shell(children, "trap '' TERM; sleep 1000 & echo $!; while :; do sleep 0.1; done", log)
    assert wait_until(lambda: log.read_text().endswith("\n"), seconds=10)

    assert children.stop(0.5) == ["The shell"]
    assert wait_until(lambda: not alive(pid) and not alive(int(log.read_text())), seconds=10)


def test_the_end_of_a_child_is_told_with_its_last_words(children: Children, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("of an earlier run\n")
    start_shell(children, "echo no more disk; exit 3", log)
    assert wait_until(lambda: children.ended() is not None, seconds=10)
    child = children.ended()

    assert child is not None
    assert child.obituary() == f"The shell ended with status 3. The last lines of {log}:\n    no more disk"


def test_a_killed_child_is_told_as_such(children: Children, tmp_path: Path) -> None:
    pid = start_shell(children, "sleep 1000", tmp_path / "log")
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: children.ended() is not None, seconds=10)
    child = children.ended()

    assert child is not None
    assert child.obituary() == f"The shell was killed by SIGKILL. It wrote nothing to {tmp_path / 'log'}."


def test_a_killed_supervisor_leaves_no_process_not_even_grandchildren(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = textwrap.dedent(
        f"""
        import os, signal
        from pathlib import Path
        from freshtrack.up.children import Children
        children = Children()
        for number in range(2):
            children.start("x", ["/bin/sh", "-c", "sleep 1000 & echo $! $$; wait"], log=Path({str(log)!r}),
                           environment=os.environ, folder=Path("/"))
        signal.pause()
        """
    )
    supervisor = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    assert wait_until(lambda: log.exists() and log.read_text().count("\n") == 2, seconds=20)
    pids = [int(word) for word in log.read_text().split()]
    assert all(alive(pid) for pid in pids)

    supervisor.kill()
    supervisor.wait()

    assert wait_until(lambda: not any(alive(pid) for pid in pids), seconds=10)


# --- set-up jobs --------------------------------------------------------------------------------------------------


def job(name: str, script: str, log: Path, **more: object) -> Job:
    values: dict[str, object] = {
        "name": name,
        "doing": f"doing {name}",
        "done": f"{name} done",
        "command": ("/bin/sh", "-c", script),
        "environment": os.environ,
        "folder": ROOT,
        "log": log,
        **more,
    }
    return Job(**values)  # type: ignore[arg-type]


def run(schedule: Schedule) -> None:
    def finished() -> bool:
        schedule.step()
        return schedule.done()

    assert wait_until(finished, seconds=20)


def test_jobs_run_in_their_order_and_only_if_needed(children: Children, tmp_path: Path) -> None:
    log = tmp_path / "log"
    noted: list[str] = []
    output = StringIO()
    jobs = [
        job("last", "echo last", log, after=frozenset({"skipped"})),
        job("skipped", "echo skipped", log, after=frozenset({"first"}), needed=lambda: False),
        job("first", "echo first", log, succeeded=lambda: noted.append("first")),
    ]
    run(Schedule(jobs=jobs, children=children, console=Console(output)))

    assert log.read_text() == "first\nlast\n"
    assert noted == ["first"]
    assert [line.split("  ")[1] for line in output.getvalue().splitlines()] == ["first done", "last done"]


def test_jobs_that_do_not_wait_for_each_other_run_side_by_side(children: Children, tmp_path: Path) -> None:
    # Each waits for the other: one after the other they would never end.
    meet = "touch {0}; until [ -e {1} ]; do sleep 0.05; done"
    one, other = tmp_path / "one", tmp_path / "other"
    jobs = [
        job("one", meet.format(one, other), tmp_path / "log"),
        job("other", meet.format(other, one), tmp_path / "log"),
    ]
    run(Schedule(jobs=jobs, children=children, console=Console(StringIO())))


def test_a_failed_job_is_told_with_its_last_words(children: Children, tmp_path: Path) -> None:
    schedule = Schedule(
        jobs=[job("web", "echo no such module; exit 2", tmp_path / "log")],
        children=children,
        console=Console(StringIO()),
    )
    with pytest.raises(UpError, match=r"The step 'doing web' ended with status 2\. The last lines of .*\n    no such"):
        run(schedule)


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("", "comparing"),
        ("plan 212\n", "comparing"),
        ("plan 212\nRunning migrations:\n  Applying auth.0001_initial...", "1 of 212, auth.0001_initial"),
        ("plan 3\n  Applying a.0001_a... OK\n  Applying b.0002_b... OK\n", "2 of 3, b.0002_b"),
    ],
)
def test_a_person_sees_how_far_the_migrations_are(output: str, shown: str) -> None:
    assert migration_progress(output) == shown


def test_a_console_that_is_no_terminal_gets_whole_lines() -> None:
    output = StringIO()
    console = Console(output)
    console.status("working")
    console.done("worked", 1.25)
    assert output.getvalue() == f"  {'worked':<58}    1.2 s\n"


def test_waiting_does_not_take_longer_than_it_was_told() -> None:
    began = time.monotonic()
    assert not wait_until(lambda: False, seconds=0.1)
    assert time.monotonic() - began < 5
