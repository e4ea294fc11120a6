"""Both servers of one installation as one thing that is started, found by others, and stopped."""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from freshtrack.embedded import postgres, processes, redis
from freshtrack.embedded.processes import EmbeddedError

DATABASE = "freshtrack"
STATE = "embedded.json"
LOCK = "embedded.lock"
# The longest path of a Unix socket is 107 bytes on Linux; ours end in /ft-xxxxxxxx/.s.PGSQL.5432.lock.
SOCKET_FOLDER_BYTES = 70


class InUseError(EmbeddedError):
    """Another process owns the servers of this home."""


class Embedded:
    """PostgreSQL and Redis for the installation in `home`, alive until stop() or until this process ends.

    `durable` says whether a commit survives a power cut (installations) or may be forgotten (tests). Start it from the
    main thread. Only one process owns the servers of a home; what others need to find them is in embedded.json.
    """

    def __init__(
        self,
        home: Path,
        *,
        durable: bool,
        with_postgres: bool = True,
        with_redis: bool = True,
    ) -> None:
        self.home = home.resolve()
        self.durable = durable
        self.with_postgres = with_postgres
        self.with_redis = with_redis
        self.postgres: postgres.Postgres | None = None
        self.redis: redis.Redis | None = None
        self._sockets: Path | None = None
        self._lock: int | None = None
        self._owner = 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, *, wait_seconds: float = 0.0) -> Self:
        """Start the servers, waiting up to `wait_seconds` for another process that owns them.

        Raises EmbeddedError, with a sentence for the person, if they can't be had; nothing is left running then.
        """
        self._take_lock(wait_seconds)
        try:
            self._clear_remains()
            self._sockets = self._make_sockets()
            self._start_servers(self._sockets)
            self._publish()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the servers and forget them. Twice is the same as once; in a forked child it does nothing."""
        if self._lock is None or self._owner != os.getpid():
            return
        if self.redis is not None:
            self.redis.stop()
        if self.postgres is not None:
            self.postgres.stop()
        self.postgres = self.redis = None
        (self.home / STATE).unlink(missing_ok=True)
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets = None
        os.close(self._lock)
        self._lock = None

    def environment(self, database: str = DATABASE) -> dict[str, str]:
        """The variables by which settings find the servers."""
        found = {}
        if self.postgres is not None:
            found["DATABASE_URL"] = self.postgres.address(role="freshtrack_app", database=database)
            found["MIGRATION_DATABASE_URL"] = self.postgres.address(role="freshtrack_owner", database=database)
        if self.redis is not None:
            found["REDIS_URL"] = self.redis.address()
        return found

    def ended(self) -> str | None:
        """What to say about a server that ended although nobody stopped it, or None."""
        if self.postgres is not None and self.postgres.process is not None and self.postgres.process.poll() is not None:
            reason = self.postgres.complaint() or f"status {self.postgres.process.returncode}."
            return f"The embedded PostgreSQL ended unexpectedly: {reason} Details: {self.postgres.log}"
        if self.redis is not None and self.redis.process is not None and self.redis.process.poll() is not None:
            return f"The embedded Redis ended unexpectedly. Details: {self.redis.log}"
        return None

    def _take_lock(self, wait_seconds: float) -> None:
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            lock = os.open(
                self.home / LOCK,
                os.O_RDWR | os.O_CREAT | os.O_CLOEXEC,
                0o600,
            )
        except OSError as error:
            raise unwritable(self.home, error) from error
        if not processes.wait_until(lambda: _locked(lock), seconds=wait_seconds):
            os.close(lock)
            owner = (running(self.home) or {}).get("command", "another process")
            raise InUseError(f"The embedded servers in {self.home} are in use by {owner}: end it first.")
        self._lock = lock
        self._owner = os.getpid()
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(self._owner).encode(), 0)

    def _clear_remains(self) -> None:
        """What a predecessor that was killed left in the temporary folder."""
        sockets = remains(self.home)
        if sockets is not None and sockets.name.startswith("ft-"):
            shutil.rmtree(sockets, ignore_errors=True)
            (self.home / STATE).unlink(missing_ok=True)

    def _make_sockets(self) -> Path:
        """A folder that only we may enter: whoever reaches the socket is the superuser of the database."""
        parent = tempfile.gettempdir()
        if len(os.fsencode(parent)) > SOCKET_FOLDER_BYTES:
            parent = "/tmp"  # noqa: S108 (mkdtemp below makes a folder of our own)
        try:
            return Path(tempfile.mkdtemp(prefix="ft-", dir=parent))
        except OSError as error:
            raise EmbeddedError(
                f"The temporary folder {parent} can't be written ({error.strerror}): choose another one with TMPDIR."
            ) from error

    def _start_servers(self, sockets: Path) -> None:
        data = self.home / "pg"
        # Found out first, so that a missing wheel is said before anything is made.
        programs = [postgres.binaries() / "postgres"] if self.with_postgres else []
        programs += [redis.binary()] if self.with_redis else []
        account = processes.server_account(data=data, must_reach=(self.home, sockets, *programs))
        if account is not None:
            os.chown(sockets, account.uid, account.gid)
        logs = self.home / "logs"
        if self.with_redis:
            self.redis = redis.Redis(
                data=self.home / "redis",
                sockets=sockets,
                log=logs / "redis.log",
                durable=self.durable,
                account=account,
            )
            self.redis.start()
        if self.with_postgres:
            self.postgres = postgres.Postgres(
                data=data,
                sockets=sockets,
                log=logs / "postgres.log",
                durable=self.durable,
                account=account,
            )
            self.postgres.start()

    def state(self) -> dict[str, Any]:
        """What others need to find the servers, and to say who owns them."""
        state: dict[str, Any] = {
            "pid": self._owner,
            "command": _own_command(),
            "sockets": str(self._sockets),
            "environment": self.environment(),
        }
        if self.postgres is not None:
            state["superuser"] = self.postgres.address(role=postgres.SUPERUSER, database=DATABASE)
        return state

    def _publish(self) -> None:
        temporary = self.home / f"{STATE}.new"
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(self.state(), file, indent=2)
        temporary.replace(self.home / STATE)


def running(home: Path) -> dict[str, Any] | None:
    """The state of the servers whose owner holds the lock now, or None if it hasn't written it yet."""
    state = _read_state(home)
    with contextlib.suppress(OSError, ValueError):
        if state is not None and state["pid"] == int((home / LOCK).read_text()):
            return state
    return None


def remains(home: Path) -> Path | None:
    """The socket folder that the last owner of this home made, or None if it has cleared up."""
    state = _read_state(home)
    return Path(state["sockets"]) if state else None


def unwritable(home: Path, error: OSError) -> EmbeddedError:
    """The sentence for a home that we can't write."""
    return EmbeddedError(
        f"The folder {home} can't be written ({error.strerror}): choose another one with FRESHTRACK_HOME."
    )


def _read_state(home: Path) -> dict[str, Any] | None:
    with contextlib.suppress(OSError, ValueError):
        state = json.loads((home / STATE).read_text())
        if isinstance(state, dict) and {"pid", "command", "sockets", "environment"} <= state.keys():
            return state
    return None


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _own_command() -> str:
    """What to call this process in a sentence for whoever finds the servers taken."""
    with contextlib.suppress(OSError):
        words = Path("/proc/self/cmdline").read_bytes().decode(errors="replace").split("\0")
        return f"process {os.getpid()} ({' '.join(words[1:6]).strip()})"
    return f"process {os.getpid()}"
