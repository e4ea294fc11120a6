"""A real PgBouncer before the tests' PostgreSQL: found, or installed from Debian when root, or one clear sentence."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from freshtrack.embedded import processes

INSTALL_SECONDS = 300
START_SECONDS = 15.0

CONFIGURATION = """
[databases]
* = host={servers}
[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
listen_port = 5432
auth_type = trust
auth_file = {folder}/users.txt
stats_users = freshtrack_app
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 500
ignore_startup_parameters = extra_float_digits,options
"""


class NoBouncer(Exception):
    """No PgBouncer, and none can be installed here."""


def executable() -> str:
    """Its path. May install it; two runs at once take turns.

    Raises NoBouncer with a sentence that says what to do.
    """
    with (Path(tempfile.gettempdir()) / f"freshtrack-pgbouncer-{os.geteuid()}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not _found() and os.geteuid() == 0 and shutil.which("apt-get"):
            print("Installing PgBouncer from Debian (once).", flush=True)
            for words in (["update"], ["install", "-y", "--no-install-recommends", "pgbouncer"]):
                _apt(*words)
        found = _found()
    if found is None:
        raise NoBouncer(
            "This test needs PgBouncer: install the package pgbouncer (as root: apt-get install pgbouncer)."
        )
    return found


def _found() -> str | None:
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _apt(*words: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(["apt-get", *words], env=environment, check=False, timeout=INSTALL_SECONDS, capture_output=True)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"apt-get {words[0]}: {error}", flush=True)


@contextmanager
def bouncer(servers: Path, *, connections: int) -> Iterator[Path]:
    """Run it before the PostgreSQL whose sockets are in `servers`; gives the folder of its own socket.

    In transaction mode, with so many connections for each database. Call it from the main thread.
    """
    program = executable()
    folder = Path(tempfile.mkdtemp(prefix="ft-b-"))
    # It refuses to run as root, like PostgreSQL, whose sockets only its own account reaches.
    owner = servers.stat()
    account = processes.Account(uid=owner.st_uid, gid=owner.st_gid) if os.geteuid() == 0 else None
    (folder / "users.txt").write_text('"freshtrack_app" ""\n')
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(CONFIGURATION.format(servers=servers, folder=folder, connections=connections))
    if account is not None:
        for path in (folder, *folder.iterdir()):
            os.chown(path, account.uid, account.gid)
    log = folder / "pgbouncer.log"
    process = processes.start([program, configuration], log=log, account=account)
    try:
        if (
            not processes.wait_until(lambda: process.poll() is not None or _answers(folder), seconds=START_SECONDS)
            or process.poll() is not None
        ):
            raise AssertionError(f"PgBouncer didn't start:\n{log.read_text()}")
        yield folder
    finally:
        processes.stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def _answers(folder: Path) -> bool:
    try:
        psycopg.connect(host=str(folder), user="freshtrack_app", dbname="pgbouncer", autocommit=True).close()
    except psycopg.OperationalError:
        return False
    return True
