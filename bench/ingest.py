"""Readings per second through the door: ours and the peers' in turn, and raw COPY of the same rows as the limit.

The door decodes, validates, looks for repeats, judges every reading by the rules in force, keeps the newest values and
commits; COPY only stores rows that are ready, in one transaction. Nobody who keeps the table can be quicker than that.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from math import ceil
from time import perf_counter
from typing import Any

from psycopg import sql

from bench import contestants, machine
from bench.client import BadAnswer
from bench.contestants import FRESHTRACK, TWO, Contestant
from bench.figures import latency
from bench.fleet import Fleet
from bench.house import House
from bench.load import Load, Prepared, paced, saturate
from bench.sizes import Shape, Sizes

COLUMNS = "recorded_at, organization_number, delay_s, temperature, humidity, battery, signal, door"
# Copies belong to sensors that don't exist: their numbers lie this far apart.
APART = 100_000
# In the order in which they were stored. The text is made before the clock starts.
COPY_OUT = sql.SQL(
    "COPY (SELECT sensor_id + {apart} * number, " + COLUMNS + " FROM sensors_reading r,"
    " generate_series({first}, {last}) AS number"
    " WHERE sensor_id = ANY({sensors}) AND recorded_at > to_timestamp({since})"
    " ORDER BY number, r.tableoid, r.ctid) TO STDOUT"
)
COPY_IN = f"COPY sensors_reading (sensor_id, {COLUMNS}) FROM STDIN"


@dataclass
class _Measured:
    """A load with what everybody used of the processors meanwhile."""

    load: Load
    seconds: dict[str, float] = field(default_factory=dict)

    def processors(self) -> dict[str, float]:
        """On average."""
        return {name: round(seconds / self.load.seconds, 2) for name, seconds in self.seconds.items()}


class IngestBench:
    """All loads of one run, on one machine, against one cluster."""

    def __init__(self, house: House, fleet: Fleet, sizes: Sizes, peers: list[Contestant]) -> None:
        self._house = house
        self._sizes = sizes
        self._copies = 0
        # Requests a second that a connection got through last time: more than it can send needn't be prepared.
        self._pace: dict[tuple[str, int], float] = {}
        with house.database() as database:
            serials = [probe.serial for probe in fleet.probes]
            rows = database.execute("SELECT id FROM sensors_sensor WHERE serial = ANY(%s)", [serials]).fetchall()
        self._sensors = [row[0] for row in rows]
        pulses = contestants.pulses_of(
            [json.dumps(probe.serial) for probe in fleet.probes],
            [(probe.usual, probe.defrost) for probe in fleet.probes],
            fleet.start,
        )
        known = {"pulses": pulses, "key": house.demo["ingest_key"], "sensors": self._sensors, "connect": house.database}
        self._one = contestants.ours(FRESHTRACK, house.doors[:1], **known)
        self._two = contestants.ours(TWO, house.doors[:2], **known) if len(house.doors) > 1 else None
        self._peers = peers

    def of(self, shape: Shape) -> list[Contestant]:
        """Who takes part, in turn. Processes side by side are for single readings, which one process alone limits."""
        two = [self._two] if self._two is not None and shape.readings == 1 else []
        return [self._one, *two, *self._peers]

    async def warm_up(self, shape: Shape, contestant: Contestant) -> None:
        """Every path, uncounted: caches, plans and compilers; and a first idea of how quick they are."""
        for _ in range(2):
            await self._saturate(shape, contestant, self._sizes.warm_up_seconds)

    async def measure(self, shape: Shape, contestant: Contestant) -> dict[str, Any]:
        """One load as quick as it gets, COPY of what it stored (ours only), then one load at half of that rate."""
        load_before = machine.load_average()
        contestant.settle()
        since = contestant.align()
        measured = await self._saturate(shape, contestant, self._sizes.seconds)
        load, memory = measured.load, contestant.memory_mb()
        stored, commits = contestant.count_since(since)
        if stored != load.requests * shape.readings:
            raise BadAnswer(f"{load.requests * shape.readings} readings were acknowledged and {stored} are stored.")
        rate = stored / load.seconds
        got = {
            "readings_a_second": round(rate),
            "requests_a_second": round(load.requests / load.seconds, 1),
            "requests_a_commit": round(load.requests / commits, 1),
            **latency(load.latencies),
            "processors": measured.processors(),
            "cpu_ms_a_1000": {
                name: round(measured.seconds[name] * 1e6 / stored, 2) for name in ("server", "postgres", "client")
            },
            "memory_mb": memory,
            "load_average": load_before,
        }
        if contestant is self._one:
            copied = self._copy(since, stored)
            got |= {"copy_rows_a_second": round(copied), "door_to_copy": round(rate / copied, 4)}
        got["at_half"] = await self._at_half(shape, contestant, load.requests / load.seconds / 2)
        return got

    async def _at_half(self, shape: Shape, contestant: Contestant, rate: float) -> dict[str, Any]:
        """Latency of requests that are sent at fixed times, at this many a second."""
        contestant.settle()
        contestant.align()
        seconds = self._sizes.half_seconds
        count = ceil(rate * seconds / shape.connections) + 1
        load = await paced(self._prepared(shape, contestant, count), rate, seconds)
        return {"readings_a_second": round(rate * shape.readings), **latency(load.latencies)}

    async def _saturate(self, shape: Shape, contestant: Contestant, seconds: float) -> _Measured:
        pace = self._pace.get((contestant.name, shape.readings))
        # Half as many again as it got through last time.
        count = min(shape.most, ceil(pace * seconds * 1.5) + 1 if pace else ceil(shape.most / 10))
        prepared = self._prepared(shape, contestant, count)
        before = self._processor_seconds(contestant)
        load = await saturate(prepared, seconds)
        after = self._processor_seconds(contestant)
        self._pace[contestant.name, shape.readings] = load.requests / shape.connections / load.seconds
        used = {name: after[name] - before[name] for name in before} | {"client": load.client_cpu}
        used["others"] = max(0.0, used.pop("everybody") - sum(used.values()))
        return _Measured(load, used)

    def _prepared(self, shape: Shape, contestant: Contestant, count: int) -> list[Prepared]:
        return contestant.prepare(connections=shape.connections, readings=shape.readings, count=count)

    def _processor_seconds(self, contestant: Contestant) -> dict[str, float]:
        return {
            "server": contestant.cpu_seconds(),
            "postgres": machine.cpu_seconds(self._house.postgres_pid),
            "everybody": machine.busy_seconds(),
        }

    def _copy(self, since: int, stored: int) -> float:
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
                database.execute("CHECKPOINT")
                began = perf_counter()
                with cursor.copy(COPY_IN) as into:
                    into.write(text)
                seconds += perf_counter() - began
                rows += cursor.rowcount
        return rows / seconds
