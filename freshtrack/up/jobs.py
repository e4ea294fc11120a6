"""Set-up jobs: what has to be done once, in which order, side by side where that is possible."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from freshtrack.up.children import Child, Children
from freshtrack.up.console import Console
from freshtrack.up.installation import UpError

APPLYING = re.compile(r"^ +Applying (\S+)\.\.\.", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A command that runs once and has to succeed."""

    name: str
    doing: str  # "building the web app"
    done: str  # "web app built"
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    after: frozenset[str] = frozenset()
    # May it start now? (Another supervisor may be building the same thing.)
    enter: Callable[[], bool] = lambda: True
    # Asked only then: somebody else may have done it meanwhile.
    needed: Callable[[], bool] = lambda: True
    # What to show of its output so far.
    progress: Callable[[str], str] = lambda output: ""
    # It ran and succeeded: note what was made from what.
    succeeded: Callable[[], None] = lambda: None
    # It succeeded or wasn't needed.
    leave: Callable[[], None] = lambda: None


@dataclass
class Schedule:
    """Runs jobs as soon as those they wait for are done."""

    jobs: list[Job]
    children: Children
    console: Console
    finished: set[str] = field(default_factory=set)
    _running: dict[str, Child] = field(default_factory=dict)

    def step(self) -> None:
        """Start the jobs whose time has come and finish those that ended. Raises UpError if one failed."""
        for job in self.jobs:
            child = self._running.get(job.name)
            if child is not None and not child.running():
                self._finish(job, child)
            elif child is None and job.name not in self.finished and job.after <= self.finished and job.enter():
                self._start(job)
        self._show()

    def done(self, *names: str) -> bool:
        """Whether the named jobs (without names: all) are finished."""
        return set(names or (job.name for job in self.jobs)) <= self.finished

    def _start(self, job: Job) -> None:
        if not job.needed():
            self._settle(job)
            return
        self._running[job.name] = self.children.start(
            f"The step {job.doing!r}",
            job.command,
            log=job.log,
            environment=job.environment,
            folder=job.folder,
            lasting=False,
        )

    def _finish(self, job: Job, child: Child) -> None:
        if child.process.returncode != 0:
            raise UpError(child.obituary())
        del self._running[job.name]
        self.children.forget(child)
        job.succeeded()
        self._settle(job)
        self.console.done(job.done, time.monotonic() - child.started)

    def _settle(self, job: Job) -> None:
        self.finished.add(job.name)
        job.leave()

    def _show(self) -> None:
        parts = []
        for job in self.jobs:
            child = self._running.get(job.name)
            if child is not None:
                detail = job.progress(child.output())
                seconds = time.monotonic() - child.started
                parts.append(f"{job.doing}{f' ({detail})' if detail else ''} {seconds:.0f} s")
        if parts:
            self.console.status(", ".join(parts))


def migration_progress(output: str) -> str:
    """How far freshtrack.up.migrations is, from its output so far: `37 of 212, djstripe.0002_2_10`."""
    planned = re.match(r"plan (\d+)", output)
    applying = APPLYING.findall(output)
    if planned is None or not applying:
        return "comparing"
    return f"{len(applying)} of {planned[1]}, {applying[-1]}"
