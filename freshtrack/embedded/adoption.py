"""How a command from any shell comes to the servers and the secret of this checkout."""

import atexit
import contextlib
import fcntl
import os
import secrets
import sys
import tempfile
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

from freshtrack.embedded import postgres, processes
from freshtrack.embedded.processes import EmbeddedError
from freshtrack.embedded.servers import DATABASE, Embedded, InUseError, running, unwritable

CHECKOUT = Path(__file__).resolve().parents[2]
SECRET = "secret_key"  # noqa: S105 (the name of a file)
# `make up` needs this long at most from taking the lock to having servers that answer.
OWNER_START_SECONDS = 60.0

# Commands that change tables, or compare them with the models, log in as the owner of the tables.
OWNERS_COMMANDS = frozenset(
    {"migrate", "makemigrations", "sqlmigrate", "showmigrations", "squashmigrations", "optimizemigration"}
    | {"flush", "sqlflush", "sqlsequencereset", "createcachetable", "inspectdb"}
)


def home_of(environment: MutableMapping[str, str]) -> Path:
    """The folder with the data of this installation: FRESHTRACK_HOME, or .freshtrack in the checkout."""
    return Path(environment.get("FRESHTRACK_HOME") or CHECKOUT / ".freshtrack").resolve()


def secret_key(home: Path) -> str:
    """The key that signs sessions of this installation, made at the first call and the same ever after."""
    path = home / SECRET
    try:
        if path.exists():
            return path.read_text().strip()
        home.mkdir(parents=True, exist_ok=True)
        # For its owner's eyes only, from the first byte.
        descriptor, temporary = tempfile.mkstemp(prefix=f"{SECRET}.", dir=home)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
        # Of several that make a key at once the first wins, and all read the winner's.
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
        os.unlink(temporary)
        return path.read_text().strip()
    except OSError as error:
        raise EmbeddedError(f"The key file {path} can't be read or made: {error.strerror}.") from error


def adopt_environment(arguments: Sequence[str], environment: MutableMapping[str, str] = os.environ) -> None:
    """Complete `environment` for a manage.py command: servers, secret and the right login for the command.

    Where DATABASE_URL or REDIS_URL isn't given, the embedded servers are used: those that run (`make up`), else our
    own, started for the time of the command. Raises EmbeddedError with a sentence for the person.
    """
    home = home_of(environment)
    command = arguments[0] if arguments else "help"
    missing = [name for name in ("DATABASE_URL", "REDIS_URL") if not environment.get(name)]
    superuser = None
    if missing:
        state = _servers(home, missing)
        environment.update({name: state["environment"][name] for name in missing})
        if "DATABASE_URL" in missing:
            environment["MIGRATION_DATABASE_URL"] = state["environment"]["MIGRATION_DATABASE_URL"]
            superuser = state["superuser"]
    if not environment.get("SECRET_KEY") and (missing or (home / SECRET).exists()):
        environment["SECRET_KEY"] = secret_key(home)
    if command in OWNERS_COMMANDS or command == "dbshell":
        environment["DATABASE_URL"] = environment.get("MIGRATION_DATABASE_URL") or environment["DATABASE_URL"]
    if command == "dbshell" and superuser:
        # Whoever may enter the socket folder is the superuser already; psql of the same version comes with the server.
        environment["DATABASE_URL"] = superuser
        environment["PATH"] = os.pathsep.join([str(postgres.binaries()), environment.get("PATH", os.defpath)])


def _servers(home: Path, missing: Sequence[str]) -> dict[str, Any]:
    """The state of servers that have the missing addresses: another process's, or ours until this process ends."""
    users = _use(home)
    state: dict[str, Any] | None = None

    def found() -> bool:
        nonlocal state
        servers = Embedded(
            home, durable=True, with_postgres="DATABASE_URL" in missing, with_redis="REDIS_URL" in missing
        )
        try:
            servers.start()
        except InUseError:
            # By whom, is known a moment after the lock is taken.
            state = running(home)
            return state is not None
        atexit.register(_stop_unused, servers, users)
        if servers.postgres is not None:
            servers.postgres.prepare_database(DATABASE)
        state = servers.state()
        return True

    processes.wait_until(found, seconds=OWNER_START_SECONDS)
    if state is None:
        raise EmbeddedError(f"The embedded servers in {home} have been starting for a minute: see {home / 'logs'}.")
    if not set(missing) <= state["environment"].keys():
        raise EmbeddedError(
            f"FreshTrack runs in {home} with other servers than the embedded ones: give this command the same "
            f"{' and '.join(missing)}."
        )
    return state


def _use(home: Path) -> int:
    """Say that this process uses the servers of the home, until it ends."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        users = os.open(home / "embedded.users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unwritable(home, error) from error
    fcntl.flock(users, fcntl.LOCK_SH)
    return users


def _stop_unused(servers: Embedded, users: int) -> None:
    """At the end of a command: stop its servers, but not under the feet of another command that found them."""
    with contextlib.suppress(KeyboardInterrupt):
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another command that uses the same embedded servers.", file=sys.stderr, flush=True)
            fcntl.flock(users, fcntl.LOCK_EX)
    servers.stop()
