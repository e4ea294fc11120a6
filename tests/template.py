"""A stopped PostgreSQL with a migrated database, made once and copied for each run of the tests.

Migrating takes a while. The copy takes a moment, and is the same: real migrations,
real roles, real row-level security.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from psycopg import sql

from freshtrack.embedded import Embedded, processes
from freshtrack.up import fingerprints
from freshtrack.up.children import last_lines, read_from
from freshtrack.up.jobs import migration_progress

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".freshtrack"
DATABASE = "template_freshtrack"
KEPT = 2
# Raise it when the recipe below changes.
RECIPE = "3"
BUILD_SECONDS = 900.0

# What tests that commit leave behind, gone as with TRUNCATE, which takes a second for so many tables (each gets new
# files) and can't leave out those that nobody wrote to. Whoever still writes is waited for. Triggers and foreign keys
# have nothing to say: everything goes, but what migrating put there.
EMPTY = """
CREATE SCHEMA tests;
GRANT USAGE ON SCHEMA tests TO freshtrack_app;
CREATE FUNCTION tests.empty() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
SET session_replication_role = replica AS $$
DECLARE
  written regclass;
BEGIN
  FOR written IN
    SELECT oid FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
      AND relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission')
    ORDER BY oid
  LOOP
    EXECUTE format('LOCK TABLE %s IN EXCLUSIVE MODE', written);
    EXECUTE format('DELETE FROM %s', written);
  END LOOP;
END $$
"""


def copy_into(home: Path) -> None:
    """Put a copy of the template's data into `home`, building the template first if nobody has yet."""
    FOLDER.mkdir(exist_ok=True)
    while True:
        template = FOLDER / f"test-template-{key()}"
        with _lock(fcntl.LOCK_SH):
            if template.exists():
                _copy(template, home)
                return
        with _lock(fcntl.LOCK_EX):
            # Perhaps the one who had the lock before us built it. If a migration was edited meanwhile, once more.
            if not template.exists():
                _build(template)
                _prune()


def key() -> str:
    """Changes whenever migrating from nothing could give another database."""
    return fingerprints.of_migrations(RECIPE)


def _build(template: Path) -> None:
    began = time.monotonic()
    _say("Building the migrated test database (once for each state of the migrations).")
    unfinished = template.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    with Embedded(unfinished, durable=False, with_redis=True) as servers:
        postgres = servers.postgres
        if postgres is None:
            raise RuntimeError("The embedded PostgreSQL was not started.")
        postgres.prepare_database(DATABASE)
        _migrate({**servers.environment(DATABASE), "FRESHTRACK_HOME": str(unfinished)}, unfinished / "migrate.log")
        with postgres.connect(DATABASE) as connection:
            # Only here: tests that commit empty the tables afterwards, and the runtime login has no TRUNCATE.
            connection.execute("GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO freshtrack_app")
            connection.execute(EMPTY)
            connection.execute("VACUUM ANALYZE")
        with postgres.connect() as connection:
            # Only here: the test runner, which logs in like the product does, makes its databases from the template.
            connection.execute("ALTER ROLE freshtrack_app CREATEDB")
            connection.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE true").format(sql.Identifier(DATABASE)))
    # Somebody may have edited a migration while Django read it: then it is nobody's template.
    if template.name.endswith(key()):
        unfinished.rename(template)
    _say(f"Built the test database in {time.monotonic() - began:.0f} s.")


def _migrate(servers: dict[str, str], log: Path) -> None:
    """Run the migrations as the owner of the tables, as production does, and show how far they are."""
    environment = {
        **os.environ,
        **servers,
        "DATABASE_URL": servers["MIGRATION_DATABASE_URL"],
        "SECRET_KEY": "for the test database only",
        "TEST_DB_TEMPLATE": "",
    }
    command = [sys.executable, "-m", "freshtrack.up.migrations"]
    process = processes.start(command, log=log, environment=environment, folder=ROOT)
    try:
        shown = time.monotonic()
        end = shown + BUILD_SECONDS
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                _say(f"  migrations: {migration_progress(read_from(log, 0))}")
            if shown > end:
                raise RuntimeError(f"The migrations of the test database took over {BUILD_SECONDS:.0f} s: see {log}.")
    finally:
        processes.stop(process)
    if process.returncode != 0:
        raise RuntimeError(f"The migrations of the test database failed:\n{last_lines(read_from(log, 0), 40)}")


def _copy(template: Path, home: Path) -> None:
    os.utime(template)  # the newest are kept
    # cp keeps owner and mode (as root, the data belongs to another account) and shares blocks where the disk can.
    subprocess.run(["cp", "-a", "--reflink=auto", str(template / "pg"), str(home / "pg")], check=True)


def _prune() -> None:
    """Remove all but the newest templates. The caller holds the exclusive lock, so nobody is copying one."""
    templates = sorted(FOLDER.glob("test-template-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    finished = [path for path in templates if path.suffix != ".unfinished" and path.is_dir()]
    for path in {*finished[KEPT:], *(path for path in templates if path.suffix == ".unfinished")}:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _lock(kind: int) -> Iterator[None]:
    descriptor = os.open(FOLDER / "test-template.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Waiting for another test run that builds the test database.")
            fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)


def _say(line: str) -> None:
    print(line, file=sys.__stderr__, flush=True)
