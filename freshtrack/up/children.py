"""The processes that belong together: started, watched, and stopped as one."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from freshtrack.embedded import processes
from freshtrack.up import guard

# How long a process may take to finish what it is doing: a worker gives up what takes longer than 30 s by itself
# (WORKER_GRACE_S).
GRACE_SECONDS = 35.0
ASK_AGAIN_SECONDS = 3.0


@dataclass
class Child:
    """One process with a name for people and a log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    log_start: int
    lasting: bool
    started: float = field(default_factory=time.monotonic)

    def running(self) -> bool:
        return self.process.poll() is None

    def output(self) -> str:
        """What it has written so far."""
        return read_from(self.log, self.log_start)

    def how_it_ended(self) -> str:
        """`ended with status 1` or `was killed by SIGKILL`."""
        status = self.process.returncode
        if status is not None and status < 0:
            return f"was killed by {signal.Signals(-status).name}"
        return f"ended with status {status}"

    def obituary(self) -> str:
        """What to tell a person when it ended and shouldn't have."""
        lines = last_lines(self.output())
        said = f" The last lines of {self.log}:\n{lines}" if lines else f" It wrote nothing to {self.log}."
        return f"{self.name} {self.how_it_ended()}.{said}"


class Children:
    """All processes of one supervisor. None of them outlives it, not even when it is killed."""

    def __init__(self) -> None:
        self._all: list[Child] = []
        self._guard = subprocess.Popen(  # noqa: S603 (our own script)
            [sys.executable, "-I", "-S", guard.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str],
        folder: Path,
        lasting: bool = True,
    ) -> Child:
        """Start a process in a group of its own; `lasting`: it isn't supposed to end before we say so.

        Call it from the main thread, see processes.start.
        """
        log_start = log.stat().st_size if log.exists() and log.stat().st_size <= processes.LOG_KEPT_BYTES else 0
        process = processes.start(command, log=log, environment=environment, folder=folder)
        child = Child(name=name, process=process, log=log, log_start=log_start, lasting=lasting)
        self._tell_guard(f"+{process.pid}")
        self._all.append(child)
        return child

    def ended(self) -> Child | None:
        """A lasting process that is no longer running, or None."""
        return next((child for child in self._all if child.lasting and not child.running()), None)

    def forget(self, child: Child) -> None:
        """A process ended, and that is all right."""
        self._kill_group(child)
        child.process.wait()
        self._tell_guard(f"-{child.process.pid}")
        self._all.remove(child)

    def stop(self, grace_seconds: float = GRACE_SECONDS) -> list[str]:
        """Ask all to end, kill those that don't within the grace. Returns the names of those that had to be killed."""
        end = time.monotonic() + grace_seconds
        while any(child.running() for child in self._all) and time.monotonic() < end:
            # Asked more than once: beat loses a signal that comes while it asks the database what is due.
            for child in self._all:
                # Not the whole group: a worker lets its pool finish, which a signal to the pool would prevent.
                child.process.send_signal(signal.SIGTERM)
            patience = min(ASK_AGAIN_SECONDS, end - time.monotonic())
            processes.wait_until(lambda: not any(child.running() for child in self._all), seconds=patience)
        stubborn = [child for child in self._all if child.running()]
        for child in stubborn:
            # With PYTHONFAULTHANDLER the log then ends with what each thread was doing.
            child.process.send_signal(signal.SIGABRT)
        processes.wait_until(lambda: not any(child.running() for child in stubborn), seconds=1)
        self.kill()
        return [child.name for child in stubborn]

    def kill(self) -> None:
        """End all at once, and whatever they started."""
        for child in self._all:
            self._kill_group(child)
        for child in self._all:
            child.process.wait()
            self._tell_guard(f"-{child.process.pid}")
        self._all.clear()

    def close(self) -> None:
        """Dismiss the guard. No process may be left."""
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        self._guard.wait()

    def _kill_group(self, child: Child) -> None:
        # The group is named after its first process, which may be gone while others of the group live.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.process.pid, signal.SIGKILL)

    def _tell_guard(self, line: str) -> None:
        # Without a guard (somebody killed it) everything but the aftermath of our own violent death still works.
        with contextlib.suppress(BrokenPipeError):
            if self._guard.stdin is not None:
                self._guard.stdin.write(f"{line}\n".encode())
                self._guard.stdin.flush()


def read_from(path: Path, start: int) -> str:
    """What was written to a log since it had the size `start`."""
    try:
        with path.open("rb") as log:
            log.seek(start)
            return log.read().decode(errors="replace")
    except OSError:
        return ""


def last_lines(text: str, count: int = 12) -> str:
    """The end of an output, indented, for a message about what failed."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(f"    {line[:300]}" for line in lines[-count:])
