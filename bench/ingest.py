"""Readings per second through the ingest door, beside the limit: COPY of the same rows into the same table.

The door decodes, validates, looks for repeats, judges every reading by the rules in force, keeps the newest values and
commits; COPY only stores rows that are ready, in one transaction. Nobody who keeps the table can be quicker than that.
"""

import asyncio
import gc
import json
import time
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from time import perf_counter
from typing import Any

from psycopg import sql

from bench import machine
from bench.client import BadAnswer, Connection
from bench.figures import latency
from bench.fleet import Fleet, requests_of
from bench.house import House
from bench.sizes import Sizes

COLUMNS = "recorded_at, organization_number, delay_s, temperature, humidity, battery, signal, door"
# Copies belong to sensors that don't exist: their numbers lie this far apart.
APART = 100_000
# In the order in which they were stored. The text is made before the clock starts.
COPY_OUT = sql.SQL(
    "COPY (SELECT sensor_id + {apart} * number, " + COLUMNS + " FROM sensors_reading r,"
    " generate_series({first}, {last}) AS number WHERE sensor_id = ANY({sensors}) AND recorded_at > {since}"
    " ORDER BY number, r.tableoid, r.ctid) TO STDOUT"
)
COPY_IN = f"COPY sensors_reading (sensor_id, {COLUMNS}) FROM STDIN"


@dataclass
class Load:
    """What one load came to."""

    requests: int
    seconds: float
    latencies: list[float]
    used: dict[str, float]  # processors, on average


class IngestBench:
    """All loads of one run against one door."""

    def __init__(self, house: House, fleet: Fleet, sizes: Sizes) -> None:
        self._house = house
        self._sizes = sizes
        self._gateways = fleet.gateways(sizes.connections)
        self._probes = fleet.probes
        self._copies = 0
        # Requests a second that a connection got through last time: more than it can send needn't be prepared.
        self._pace: dict[int, float] = {}
        with house.database() as database:
            serials = [probe.serial for probe in fleet.probes]
            rows = database.execute("SELECT id FROM sensors_sensor WHERE serial = ANY(%s)", [serials]).fetchall()
        self._sensors = [row[0] for row in rows]

    async def warm_up(self) -> None:
        """Every path once, uncounted."""
        for readings in self._sizes.shapes:
            await self._load(readings, self._sizes.warm_up_seconds)

    async def measure(self, readings: int) -> dict[str, Any]:
        """One load of requests of this size, then COPY of what it stored."""
        since = max(probe.clock for probe in self._probes)
        for probe in self._probes:
            probe.clock = since
        load = await self._load(readings, self._sizes.seconds)
        stored, commits = self._stored(since)
        if stored != load.requests * readings:
            raise BadAnswer(f"{load.requests * readings} readings were acknowledged and {stored} are stored.")
        copied = self._copy(since, stored)
        through_door = stored / load.seconds
        return {
            "readings_a_request": readings,
            "readings_a_second": round(through_door),
            "requests_a_second": round(load.requests / load.seconds, 1),
            "requests_a_commit": round(load.requests / commits, 1),
            **latency(load.latencies),
            "copy_rows_a_second": round(copied),
            "door_to_copy": round(through_door / copied, 4),
            "processors": load.used,
        }

    def _prepared(self, readings: int, seconds: float) -> list[list[bytes]]:
        """Requests for each connection, half as many again as it got through last time."""
        most = self._sizes.shapes[readings]
        count = min(most, ceil(self._pace[readings] * seconds * 1.5) + 1 if readings in self._pace else ceil(most / 20))
        key = self._house.demo["ingest_key"]
        return [requests_of(probes, readings=readings, count=count, key=key) for probes in self._gateways]

    async def _load(self, readings: int, seconds: float) -> Load:
        prepared = self._prepared(readings, seconds)
        connections = [await Connection.open(self._house.ingest_port) for _ in prepared]
        latencies: list[float] = []
        gc.collect()
        gc.disable()
        before, began = self._processor_seconds(), perf_counter()
        until = began + seconds
        try:
            await asyncio.gather(
                *(
                    _drive(connection, requests, readings, until, latencies)
                    for connection, requests in zip(connections, prepared, strict=True)
                )
            )
        finally:
            took = perf_counter() - began
            gc.enable()
        after = self._processor_seconds()
        for connection in connections:
            connection.close()
        self._pace[readings] = len(latencies) / len(prepared) / took
        used = {name: (after[name] - before[name]) / took for name in before}
        used["others"] = max(0.0, used.pop("everybody") - sum(used.values()))
        return Load(len(latencies), took, latencies, {name: round(value, 2) for name, value in used.items()})

    def _processor_seconds(self) -> dict[str, float]:
        return {
            "client": time.process_time(),
            "door": machine.cpu_seconds(self._house.ingest_pid),
            "postgres": machine.cpu_seconds(self._house.postgres_pid),
            "everybody": machine.busy_seconds(),
        }

    def _stored(self, since: datetime) -> tuple[int, int]:
        """How many readings are in the table, and by how many transactions they came there."""
        with self._house.database() as database:
            row = database.execute(
                "SELECT count(*), count(DISTINCT xmin::text) FROM sensors_reading"
                " WHERE sensor_id = ANY(%s) AND recorded_at > %s",
                [self._sensors, since],
            ).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

    def _copy(self, since: datetime, stored: int) -> float:
        """Rows per second of COPY, each time of so many copies of the rows that its commit doesn't weigh."""
        rows, seconds = 0, 0.0
        several = max(1, ceil(self._sizes.copy_rows / stored))
        with self._house.database() as database, database.cursor() as cursor:
            while seconds < self._sizes.copy_seconds:
                statement = COPY_OUT.format(
                    apart=sql.Literal(APART),
                    first=sql.Literal(self._copies + 1),
                    last=sql.Literal(self._copies + several),
                    sensors=sql.Literal(self._sensors),
                    since=sql.Literal(since),
                )
                self._copies += several
                with cursor.copy(statement) as out:
                    text = b"".join(bytes(part) for part in out)
                began = perf_counter()
                with cursor.copy(COPY_IN) as into:
                    into.write(text)
                seconds += perf_counter() - began
                rows += cursor.rowcount
        return rows / seconds


async def _drive(
    connection: Connection, requests: list[bytes], readings: int, until: float, latencies: list[float]
) -> None:
    """Send one request after another until the time is over, or all are sent. Every answer is checked."""
    wanted = b'{"accepted":%d,"duplicates":0,"rejected":[]}' % readings
    for request in requests:
        took, body = await connection.timed(request)
        if body != wanted and not _all_accepted(body, readings):
            raise BadAnswer(f"{readings} readings were sent, the answer was {body[:300]!r}")
        latencies.append(took)
        if perf_counter() >= until:
            return


def _all_accepted(body: bytes, readings: int) -> bool:
    return bool(json.loads(body)["accepted"] == readings)
