"""The peers: what teams who write in Node would build. They run where BENCH_PEERS points to a folder that has them.

A peer of ingest is `fastify_ingest.js` in that folder, told by the environment what it is (MODE), where it listens
(PORT) and where the database is (PGSOCK). It gets a database `bench` in the same cluster, with the tables that it
needs. A peer of the outbox is `bullmq_bench.js` (outbox.py).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import psycopg

from bench.contestants import PEERS, Contestant, peer, pulses_of
from bench.house import House, free_port
from freshtrack.embedded.postgres import SUPERUSER
from freshtrack.embedded.processes import wait_until

VARIABLE: Final = "BENCH_PEERS"
SERVER: Final = "fastify_ingest.js"
DATABASE: Final = "bench"
KEY: Final = "gw-key-1"
INSTALL_SECONDS: Final = 300
START_SECONDS: Final = 30.0
NONE: Final = f"No peers: {VARIABLE} points to no folder, so only FreshTrack is measured (see bench/README.md)."

# The same rows as ours, without organization, delay, signal and door; partitioned by month like ours.
TABLES: Final = """
CREATE TABLE sensor (id int PRIMARY KEY, org_id int NOT NULL, min_t real, max_t real, last_at timestamptz, last_t real)
  WITH (fillfactor=70);
INSERT INTO sensor SELECT n, 1, -5, 8 FROM generate_series(1, {sensors}) n;
CREATE TABLE api_key (id int PRIMARY KEY, hash text UNIQUE NOT NULL, org_id int NOT NULL);
INSERT INTO api_key VALUES (1, encode(sha256('{key}'), 'hex'), 1);
CREATE TABLE reading (sensor_id int NOT NULL, recorded_at timestamptz NOT NULL, temperature real NOT NULL,
  humidity real, battery smallint, PRIMARY KEY (sensor_id, recorded_at)) PARTITION BY RANGE (recorded_at);
DO $$ BEGIN FOR m IN -12..2 LOOP EXECUTE format('CREATE TABLE %I PARTITION OF reading FOR VALUES FROM (%L) TO (%L)',
  'reading_' || m + 12, date_trunc('month', now()) + m * interval '1 month',
  date_trunc('month', now()) + (m + 1) * interval '1 month'); END LOOP; END $$;
"""


class NoPeersError(Exception):
    """BENCH_PEERS points to something that can't be started."""


@dataclass(frozen=True)
class Peers:
    """A folder with peers that are installed."""

    folder: Path


def found() -> Peers | None:
    """The peers that BENCH_PEERS points to, or None if it isn't set. Raises NoPeersError."""
    named = os.environ.get(VARIABLE)
    if not named:
        return None
    folder = Path(named).resolve()
    for wanted in (SERVER, "package.json"):
        if not (folder / wanted).is_file():
            raise NoPeersError(f"{VARIABLE} is {folder}, and there is no {wanted} in it.")
    if not has_node():
        raise NoPeersError("The peers need Node: there is no `node` on the PATH.")
    return Peers(folder)


def has_node() -> bool:
    """Whether this machine can run them."""
    return shutil.which("node") is not None


def installed(peers: Peers, scratch: Path) -> Peers:
    """The same peers with their packages: in their folder if they are there, else installed in a copy."""
    if (peers.folder / "node_modules" / "fastify").is_dir():
        return peers
    copy = scratch / "peers"
    copy.mkdir(parents=True)
    for file in peers.folder.iterdir():
        if file.suffix in (".js", ".json") and file.is_file():
            shutil.copy(file, copy / file.name)
    command = "ci" if (copy / "package-lock.json").exists() else "install"
    done = subprocess.run(
        ["npm", command, "--legacy-peer-deps", "--no-audit", "--no-fund"],
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise NoPeersError(f"The peers' packages can't be installed:\n{done.stderr[-2000:]}")
    return Peers(copy)


@contextlib.contextmanager
def running(peers: Peers | None, house: House, *, sensors: int, start: datetime) -> Iterator[list[Contestant]]:
    """The peers as contestants, all of them started once for the whole run: their compilers get warm."""
    if peers is None:
        yield []
        return
    sockets = str(house.sockets)

    def connect(database: str = DATABASE) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(host=sockets, user=SUPERUSER, dbname=database, autocommit=True)

    with connect("postgres") as database:
        database.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        database.execute(f"CREATE DATABASE {DATABASE}")
    with connect() as database:
        database.execute(TABLES.format(sensors=sensors, key=KEY).encode())
    # All peers share the table, so they share the clocks: each load is of rows that no one has stored yet.
    pulses = pulses_of([str(n) for n in range(1, sensors + 1)], _temperatures(sensors), start)
    started: list[subprocess.Popen[bytes]] = []
    try:
        contestants = []
        for name, mode in PEERS.items():
            port = free_port()
            process = _start(peers, house, name=name, mode=mode, port=port, sockets=sockets)
            started.append(process)
            contestants.append(peer(name, port=port, pid=process.pid, pulses=pulses, key=KEY, connect=connect))
        yield contestants
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(10)


def _start(peers: Peers, house: House, *, name: str, mode: str, port: int, sockets: str) -> subprocess.Popen[bytes]:
    log = house.stack.home / "logs" / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["node", SERVER],
            cwd=peers.folder,
            env={**os.environ, "MODE": mode, "PORT": str(port), "PGSOCK": sockets, "NODE_ENV": "production"},
            stdout=output,
            stderr=output,
        )
    wait_until(lambda: process.poll() is not None or b"listening" in log.read_bytes(), seconds=START_SECONDS)
    if b"listening" not in log.read_bytes():
        process.kill()
        raise NoPeersError(f"{name} doesn't start:\n{log.read_text()[-2000:]}")
    return process


def _temperatures(sensors: int) -> list[tuple[float, float | None]]:
    return [(3.0, 6.0 if number % 10 == 0 else None) for number in range(sensors)]
