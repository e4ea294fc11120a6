"""One installation: its folder, its address, its environment, and the sentence when something is wrong with them."""

import contextlib
import fcntl
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freshtrack.embedded import home_of, processes

CHECKOUT = Path(__file__).resolve().parents[2]
NODE_NEEDED = (20, 19)
# A predecessor that is told to stop gives its processes 20 s, then stops the servers.
PREDECESSOR_SECONDS = 40.0


class UpError(Exception):
    """FreshTrack can't start. The message is what to tell the person."""


@dataclass(frozen=True, kw_only=True)
class Installation:
    """What the environment says about the copy of FreshTrack that is to be started."""

    home: Path
    port: int
    demo: bool
    environment: Mapping[str, str]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def logs(self) -> Path:
        return self.home / "logs"


def from_environment(environment: Mapping[str, str]) -> Installation:
    """Read PORT, FRESHTRACK_HOME and DEMO."""
    word = environment.get("PORT") or "8000"
    if not word.isdecimal() or not 0 < int(word) < 65536:
        raise UpError(f"PORT is {word!r}, but it has to be a number from 1 to 65535.")
    return Installation(
        home=home_of(dict(environment)),
        port=int(word),
        demo=(environment.get("DEMO") or "1").lower() not in ("0", "false", "no", "off"),
        environment=environment,
    )


def check_port(installation: Installation) -> None:
    """Raises UpError if somebody listens on our port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", installation.port))
            probe.listen()
        except OSError as error:
            raise UpError(
                f"Port {installation.port} can't be used ({error.strerror}): end the program that has it, or choose "
                f"another one, for example with `PORT={installation.port + 1} make up`."
            ) from error


def check_node() -> None:
    """Raises UpError unless Node.js can build the web app. Asked only when there is something to build."""
    needed = ".".join(str(number) for number in NODE_NEEDED)
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        missing = "node" if node is None else "npm"
        raise UpError(
            f"Building the web app needs Node.js {needed} or newer with npm, and `{missing}` isn't on the PATH: "
            "install it (https://nodejs.org)."
        )
    asked = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    answer = asked.stdout.strip()
    numbers = [int(part) for part in answer.removeprefix("v").split(".")[:2] if part.isdecimal()]
    if tuple(numbers) < NODE_NEEDED:
        raise UpError(
            f"Building the web app needs Node.js {needed} or newer, but `node` here is {answer or 'broken'}: "
            "install a newer one (https://nodejs.org)."
        )


class Hold:
    """The right to run the installation in a home: one supervisor at a time."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._state = installation.home / "up.json"
        self._lock = -1

    def take(self, *, status: Callable[[str], None]) -> None:
        """Take it, waiting for a predecessor that is stopping. Raises UpError if one is running."""
        home = self._installation.home
        try:
            home.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(home / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UpError(
                f"The folder {home} can't be written ({error.strerror}): choose another one with FRESHTRACK_HOME."
            ) from error

        def free_or_running() -> bool:
            if self._locked():
                return True
            status("waiting for the previous run to stop")
            return self._read().get("state") == "running"

        processes.wait_until(free_or_running, seconds=PREDECESSOR_SECONDS)
        if not self._locked():
            os.close(self._lock)
            self._lock = -1
            other = self._read()
            raise UpError(
                f"FreshTrack already runs in {home} (process {other.get('pid', '?')}, port {other.get('port', '?')}): "
                "stop it first, or start another copy with its own FRESHTRACK_HOME and PORT."
            )
        self.note("running")

    def note(self, state: str) -> None:
        """Tell others how far we are: `running` or `stopping`. Says nothing for a home that isn't ours."""
        if self._lock < 0:
            return
        with contextlib.suppress(OSError):
            content = {"pid": os.getpid(), "port": self._installation.port, "state": state}
            self._state.write_text(json.dumps(content))

    def release(self) -> None:
        if self._lock >= 0:
            self._state.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = -1

    def _locked(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _read(self) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            content = json.loads(self._state.read_text())
            if isinstance(content, dict):
                return content
        return {}
