"""Build the web app when its sources changed. Also a command: `python -m freshtrack.up.web_app [packages]`.

The command builds it for tests and screenshots; with `packages` it only installs what its own tests need.
"""

import fcntl
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from freshtrack.up import fingerprints
from freshtrack.up.children import Children
from freshtrack.up.console import Console
from freshtrack.up.installation import CHECKOUT, UpError, check_node, from_environment
from freshtrack.up.jobs import Job, Schedule

FRONTEND = CHECKOUT / "frontend"
DIST = FRONTEND / "dist"
# Hidden, so that collectstatic leaves them out; inside, so that they vanish with what they describe.
BUILD_NOTE = DIST / ".freshtrack-sources"
PACKAGES_NOTE = FRONTEND / "node_modules" / ".freshtrack-lock"


def build_is_stale() -> bool:
    """Whether the sources are no longer those that the build was made from."""
    return not (DIST / "index.html").exists() or _read(BUILD_NOTE) != fingerprints.of_web_app(FRONTEND)


def packages_are_stale() -> bool:
    """Whether other packages are installed than the lock file names."""
    return _read(PACKAGES_NOTE) != _packages_fingerprint()


class WebApp:
    """The two jobs of the web app, in this order. Two supervisors in one checkout take turns."""

    def __init__(self, *, environment: Mapping[str, str], log: Path) -> None:
        # npm shows no spinner and asks nothing.
        self._environment = {**environment, "CI": "1", "NO_COLOR": "1"}
        self._log = log
        self._turn = -1

    def packages(self, *, only_to_build: bool) -> Job:
        """Install the packages; `only_to_build`: not if there is nothing to build anyway."""
        return Job(
            name="web app packages",
            doing="installing the web app's packages",
            done="web app's packages installed",
            command=(shutil.which("npm") or "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"),
            environment=self._environment,
            folder=FRONTEND,
            log=self._log,
            enter=self._take_turn,
            needed=lambda: packages_are_stale() and (build_is_stale() or not only_to_build),
            succeeded=lambda: _note(PACKAGES_NOTE, _packages_fingerprint()),
        )

    def build(self) -> Job:
        """Build it, and let the next supervisor have its turn."""
        made_from = fingerprints.of_web_app(FRONTEND)
        return Job(
            name="web app",
            doing="building the web app",
            done="web app built",
            command=(shutil.which("npm") or "npm", "run", "build"),
            environment=self._environment,
            folder=FRONTEND,
            log=self._log,
            after=frozenset({"web app packages"}),
            needed=build_is_stale,
            # Of the sources as they were before: what is edited meanwhile is built next time.
            succeeded=lambda: _note(BUILD_NOTE, made_from),
            leave=self._give_turn,
        )

    def _take_turn(self) -> bool:
        if self._turn < 0:
            # The folder itself is the lock: no file to ignore, nothing to be left behind.
            self._turn = os.open(FRONTEND, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _give_turn(self) -> None:
        if self._turn >= 0:
            os.close(self._turn)
            self._turn = -1


def main() -> None:
    """Bring the web app, or only its packages, up to date and say so."""
    console = Console()
    children = Children()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda *_: sys.exit(1))
    try:
        log = from_environment(os.environ).logs / "web-app.log"
        web_app = WebApp(environment=os.environ, log=log)
        only_packages = sys.argv[1:] == ["packages"]
        jobs = [web_app.packages(only_to_build=not only_packages)]
        jobs += [] if only_packages else [web_app.build()]
        if packages_are_stale() or (build_is_stale() and not only_packages):
            check_node()
        schedule = Schedule(jobs=jobs, children=children, console=console)
        while not schedule.done():
            schedule.step()
            time.sleep(0.1)
    except UpError as error:
        sys.exit(str(error))
    finally:
        children.kill()
        children.close()


def _packages_fingerprint() -> str:
    return fingerprints.of_files([FRONTEND / "package.json", FRONTEND / "package-lock.json"])


def _read(note: Path) -> str:
    return note.read_text() if note.exists() else ""


def _note(note: Path, fingerprint: str) -> None:
    note.write_text(fingerprint)


if __name__ == "__main__":
    main()
