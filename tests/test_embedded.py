"""The embedded servers: they keep what they were given, and end with whoever started them."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import redis

from freshtrack.embedded import Embedded, EmbeddedError, adopt_environment, processes, secret_key
from freshtrack.embedded.postgres import ROLES, Postgres, binaries
from freshtrack.embedded.processes import wait_until
from freshtrack.embedded.servers import DATABASE, InUseError, remains

ROOT = Path(__file__).resolve().parent.parent


def postgres_of(servers: Embedded) -> Postgres:
    assert servers.postgres is not None
    return servers.postgres


@pytest.fixture(scope="module")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped installation with the database and one table, to be copied: making one takes a second."""
    home = tmp_path_factory.mktemp("made")
    with Embedded(home, durable=False) as servers:
        postgres_of(servers).prepare_database(DATABASE)
        with postgres_of(servers).connect(DATABASE) as connection:
            connection.execute("CREATE TABLE kept (number integer)")
    return home


@pytest.fixture
def home(made_home: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "home"
    subprocess.run(["cp", "-a", str(made_home), str(copy)], check=True)
    return copy


@pytest.fixture
def owner(home: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts another process that owns the servers of the home, stores a row in each, and says so."""
    program = textwrap.dedent(
        f"""
        import redis, signal
        from pathlib import Path
        from freshtrack.embedded import Embedded
        servers = Embedded(Path({str(home)!r}), durable=True).start()
        with servers.postgres.connect({DATABASE!r}) as connection:
            connection.execute("INSERT INTO kept VALUES (1)")
        redis.Redis.from_url(servers.environment()["REDIS_URL"]).set("kept", 1)
        print(servers.postgres.process.pid, servers.redis.process.pid, flush=True)
        signal.pause()
        """
    )
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    # What the last one left in the temporary folder; a next start would have removed it.
    sockets = remains(home)
    if sockets is not None:
        shutil.rmtree(sockets, ignore_errors=True)


def pids_of(owner: subprocess.Popen[str]) -> list[int]:
    assert owner.stdout is not None
    return [int(word) for word in owner.stdout.readline().split()]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_data_survive_a_stop(home: Path) -> None:
    with Embedded(home, durable=True) as servers:
        redis.Redis.from_url(servers.environment()["REDIS_URL"]).set("kept", 1)
        with psycopg.connect(postgres_of(servers).address(role="postgres", database=DATABASE)) as connection:
            connection.execute("INSERT INTO kept VALUES (1)")

    with Embedded(home, durable=True) as servers:
        assert redis.Redis.from_url(servers.environment()["REDIS_URL"]).get("kept") == b"1"
        with psycopg.connect(postgres_of(servers).address(role="postgres", database=DATABASE)) as connection:
            assert connection.execute("SELECT number FROM kept").fetchall() == [(1,)]


def test_a_stop_leaves_no_process_and_no_socket(home: Path) -> None:
    servers = Embedded(home, durable=True).start()
    sockets = remains(home)
    assert sockets is not None
    assert sockets.is_dir()
    assert servers.postgres is not None
    assert servers.postgres.process is not None
    pid = servers.postgres.process.pid

    servers.stop()
    servers.stop()

    assert not alive(pid)
    assert not sockets.exists()
    assert remains(home) is None


def test_servers_die_with_a_killed_owner_and_the_next_start_needs_no_repair(
    home: Path, owner: Callable[[], subprocess.Popen[str]]
) -> None:
    first = owner()
    pids = pids_of(first)
    sockets = remains(home)
    assert sockets is not None

    first.kill()
    # Not waiting for the servers to end: the next owner has to.
    second = owner()
    assert pids_of(second)

    assert wait_until(lambda: not any(alive(pid) for pid in pids), seconds=15)
    assert not sockets.exists()
    with psycopg.connect(host=str(remains(home)), user="postgres", dbname=DATABASE) as connection:
        assert connection.execute("SELECT number FROM kept").fetchall() == [(1,), (1,)]


def test_the_next_start_recovers_when_the_servers_were_killed_too(
    home: Path, owner: Callable[[], subprocess.Popen[str]]
) -> None:
    first = owner()
    for pid in (first.pid, *pids_of(first)):
        os.kill(pid, signal.SIGKILL)
    first.wait()

    with Embedded(home, durable=True) as servers, postgres_of(servers).connect(DATABASE) as connection:
        assert connection.execute("SELECT number FROM kept").fetchall() == [(1,)]


def test_a_stale_pid_that_now_belongs_to_somebody_else_is_no_obstacle(home: Path) -> None:
    (home / "pg" / "postmaster.pid").write_text(f"{os.getpid()}\n{home / 'pg'}\n1\n5432\n\n\n")

    with Embedded(home, durable=True) as servers:
        postgres_of(servers).connect(DATABASE).close()


def test_a_home_has_one_owner(home: Path) -> None:
    with Embedded(home, durable=True), pytest.raises(InUseError, match=rf"in use by process {os.getpid()} "):
        Embedded(home, durable=True).start()


def test_two_homes_run_side_by_side(home: Path, tmp_path: Path) -> None:
    other_home = tmp_path / "other"
    subprocess.run(["cp", "-a", str(home), str(other_home)], check=True)
    with Embedded(home, durable=True) as one, Embedded(other_home, durable=True) as other:
        with postgres_of(one).connect(DATABASE) as connection:
            connection.execute("INSERT INTO kept VALUES (1)")
        with postgres_of(other).connect(DATABASE) as connection:
            assert connection.execute("SELECT number FROM kept").fetchall() == []


def test_the_database_never_runs_as_root_and_has_no_port(home: Path) -> None:
    with Embedded(home, durable=True) as servers:
        assert servers.postgres is not None
        assert servers.postgres.process is not None
        status = Path(f"/proc/{servers.postgres.process.pid}/status").read_text()
        uids = next(line.split()[1:] for line in status.splitlines() if line.startswith("Uid:"))
        assert "0" not in uids
        with servers.postgres.connect() as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        # Whoever reaches the socket is the superuser.
        assert servers.postgres.sockets.stat().st_mode & 0o777 == 0o700


def test_whoever_runs_the_servers_reaches_what_lies_in_a_folder_of_ours_alone(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    program = closed / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    account = processes.server_account(data=tmp_path / "pg", must_reach=[program])

    # `test` asks as PostgreSQL does for its own files, with access(2).
    process = processes.start(["/usr/bin/test", "-x", program], log=tmp_path / "log", account=account)

    assert process.wait(10) == 0


def test_what_is_committed_is_on_disk_in_an_installation_but_not_in_tests(home: Path) -> None:
    for durable, setting in ((True, "on"), (False, "off")):
        with Embedded(home, durable=durable) as servers, postgres_of(servers).connect() as connection:
            assert connection.execute("SHOW fsync").fetchone() == (setting,)
            assert connection.execute("SHOW synchronous_commit").fetchone() == (setting,)


def _wrong_version(data: Path) -> None:
    (data / "PG_VERSION").write_text("16\n")


def _no_database(data: Path) -> None:
    (data / "PG_VERSION").unlink()


def _no_control_file(data: Path) -> None:
    (data / "global" / "pg_control").write_bytes(b"")


def _no_tables(data: Path) -> None:
    shutil.rmtree(data / "base")


def _a_file(data: Path) -> None:
    shutil.rmtree(data)
    data.write_text("not a folder")


@pytest.mark.parametrize("damage", [_wrong_version, _no_database, _no_control_file, _no_tables, _a_file])
def test_a_broken_database_folder_is_one_sentence(home: Path, damage: Callable[[Path], None]) -> None:
    damage(home / "pg")

    with pytest.raises(EmbeddedError) as caught:
        Embedded(home, durable=True).start()

    assert str(home / "pg") in str(caught.value)
    assert "\n" not in str(caught.value)
    # Nothing is left running: the home is free for the next attempt.
    assert remains(home) is None
    with pytest.raises(EmbeddedError, match=str(home / "pg")):
        Embedded(home, durable=True).start()


def test_an_interrupted_first_start_is_done_again(tmp_path: Path) -> None:
    half = tmp_path / "pg.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")

    with Embedded(tmp_path, durable=False, with_redis=False) as servers:
        postgres_of(servers).connect().close()


def test_a_home_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedError, match=r"can't be written .*: choose another one with FRESHTRACK_HOME"):
        Embedded(tmp_path / "file" / "home", durable=True).start()


# --- roles ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster(made_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    home = tmp_path_factory.mktemp("cluster") / "home"
    subprocess.run(["cp", "-a", str(made_home), str(home)], check=True)
    with Embedded(home, durable=False, with_redis=False) as servers:
        yield postgres_of(servers)


def login(cluster: Postgres, role: str, database: str = DATABASE) -> psycopg.Connection:
    return psycopg.connect(host=str(cluster.sockets), user=role, dbname=database, autocommit=True)


@pytest.mark.parametrize("role", ["freshtrack_app", "freshtrack_owner"])
def test_a_login_becomes_tenant_or_system_only_by_saying_so(cluster: Postgres, role: str) -> None:
    with login(cluster, role) as connection:
        for room in ("freshtrack_tenant", "freshtrack_system"):
            inherited = connection.execute("SELECT pg_has_role(%s, 'USAGE')", [room]).fetchone()
            assert inherited == (False,)
            connection.execute(f"SET ROLE {room}".encode())
            assert connection.execute("SELECT current_user").fetchone() == (room,)
            connection.execute("RESET ROLE")


def test_new_tables_are_open_to_the_app_and_closed_to_a_tenant(cluster: Postgres) -> None:
    with login(cluster, "freshtrack_owner") as connection:
        connection.execute("CREATE TABLE fresh (number integer GENERATED ALWAYS AS IDENTITY)")
    with login(cluster, "freshtrack_app") as connection:
        connection.execute("INSERT INTO fresh DEFAULT VALUES")
        assert connection.execute("SELECT number FROM fresh").fetchall() == [(1,)]
        connection.execute("SET ROLE freshtrack_system")
        connection.execute("INSERT INTO fresh DEFAULT VALUES")
        connection.execute("SET ROLE freshtrack_tenant")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT number FROM fresh")


@pytest.mark.parametrize("statement", ["CREATE TABLE mine (number integer)", "TRUNCATE kept", "DROP TABLE kept"])
def test_the_runtime_login_changes_no_tables(cluster: Postgres, statement: str) -> None:
    with login(cluster, "freshtrack_app") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_nobody_walks_through_row_level_security(cluster: Postgres) -> None:
    with cluster.connect() as connection:
        connection.execute("ALTER ROLE freshtrack_app BYPASSRLS")
        cluster.prepare_database(DATABASE)
        powerful = connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'freshtrack%%' AND (rolsuper OR rolbypassrls)"
        ).fetchall()
    assert powerful == []


def test_roles_may_be_made_again_by_several_at_once_in_several_databases(cluster: Postgres) -> None:
    databases = [DATABASE, "other_one", "other_two"]
    for database in databases:
        cluster.prepare_database(database)
    with cluster.connect("other_one") as connection:
        # Roles belong to the cluster: as on a new one, at least one of the runs has something to make.
        connection.execute("REVOKE freshtrack_tenant, freshtrack_system FROM freshtrack_app")

    def run(database: str) -> None:
        with cluster.connect(database) as connection:
            connection.execute(ROLES.read_bytes())

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(run, databases * 4))

    for database in databases:
        with login(cluster, "freshtrack_app", database) as connection:
            connection.execute("SET ROLE freshtrack_tenant")
            assert connection.execute("SELECT current_user").fetchone() == ("freshtrack_tenant",)


def test_strangers_may_not_connect(cluster: Postgres) -> None:
    with cluster.connect() as connection:
        connection.execute("CREATE ROLE stranger LOGIN")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        login(cluster, "stranger")


# --- commands from another shell ----------------------------------------------------------------------------------


def test_a_command_finds_the_servers_that_run(home: Path) -> None:
    with Embedded(home, durable=True) as servers:
        environment = {"FRESHTRACK_HOME": str(home)}
        adopt_environment(["seal_days"], environment)

        assert environment["DATABASE_URL"] == postgres_of(servers).address(role="freshtrack_app", database=DATABASE)
        assert environment["REDIS_URL"] == servers.environment()["REDIS_URL"]
        assert environment["SECRET_KEY"] == secret_key(home)


@pytest.mark.parametrize(
    ("command", "role"), [("migrate", "freshtrack_owner"), ("dbshell", "postgres"), ("shell", "freshtrack_app")]
)
def test_each_command_logs_in_as_whom_it_needs(home: Path, command: str, role: str) -> None:
    with Embedded(home, durable=True):
        environment = {"FRESHTRACK_HOME": str(home), "PATH": os.defpath}
        adopt_environment([command], environment)
    assert environment["DATABASE_URL"].startswith(f"postgres://{role}@/")
    # psql of another version might refuse the server.
    assert (environment["PATH"].split(os.pathsep)[0] == str(binaries())) == (command == "dbshell")


def test_given_servers_are_left_alone(tmp_path: Path) -> None:
    environment = {
        "FRESHTRACK_HOME": str(tmp_path),
        "DATABASE_URL": "postgres://app@db/freshtrack",
        "MIGRATION_DATABASE_URL": "postgres://owner@db/freshtrack",
        "REDIS_URL": "redis://redis/0",
    }
    before = dict(environment)
    adopt_environment(["check"], environment)
    assert environment == before
    adopt_environment(["migrate"], environment)
    assert environment == before | {"DATABASE_URL": "postgres://owner@db/freshtrack"}
    assert list(tmp_path.iterdir()) == []


def test_a_command_alone_starts_servers_and_stops_them_when_no_other_command_needs_them(home: Path) -> None:
    command = textwrap.dedent(
        """
        import os, sys
        from freshtrack.embedded import adopt_environment
        adopt_environment(["shell"])
        print(os.environ["DATABASE_URL"], flush=True)
        sys.stdin.read()
        """
    )
    environment = {"FRESHTRACK_HOME": str(home), "PATH": os.environ["PATH"]}

    def run() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", command],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    with run() as first:
        assert first.stdin is not None
        assert first.stdout is not None
        assert first.stderr is not None
        address = first.stdout.readline()
        assert address.startswith("postgres://freshtrack_app@/")
        with run() as second:
            assert second.stdout is not None
            assert second.stdout.readline() == address
            first.stdin.close()
            # The first has nothing more to do, but the second still uses its servers.
            assert first.stderr.readline() == "Waiting for another command that uses the same embedded servers.\n"
            psycopg.connect(host=str(remains(home)), user="postgres", dbname=DATABASE).close()
            second.communicate()
        assert first.wait(20) == 0
    assert remains(home) is None


def test_the_secret_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(secret_key, [tmp_path / "home"] * 16))
    assert len(keys) == 1
    assert len(keys.pop()) >= 50
    assert [(path.name, path.stat().st_mode & 0o777) for path in (tmp_path / "home").iterdir()] == [
        ("secret_key", 0o600)
    ]
