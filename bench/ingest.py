"""Readings per second through the door: ours and the peers' in turn, and raw COPY of the same rows as the limit.

The door decodes, validates, looks for repeats, judges every reading by the rules in force, keeps the newest values and
commits; COPY only stores rows that are ready, in one transaction. Nobody who keeps the table can be quicker than that.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
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
from bench.load import Load, paced, saturate
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
class Measured:
    """A load with what everybody used of the processors meanwhile, and what PostgreSQL wrote to its log of changes."""

    load: Load
    seconds: dict[str, float]
    log_bytes: int

    def processors(self) -> dict[str, float]:
        """On average."""
        return {name: round(seconds / self.load.seconds, 2) for name, seconds in self.seconds.items()}

    def told(self, readings: int) -> dict[str, Any]:
        """What every result of a load holds. `readings` were stored."""
        return {
            "readings_a_second": round(readings / self.load.seconds),
            "requests_a_second": round(self.load.requests / self.load.seconds, 1),
            **latency(self.load.latencies),
            "processors": self.processors(),
            "cpu_ms_a_1000": {
                name: round(self.seconds[name] * 1e6 / readings, 2) for name in ("server", "postgres", "client")
            },
            "log_bytes_a_reading": round(self.log_bytes / readings),
        }


class Loads:
    """Sends loads to contestants, and knows from the last one how much has to be prepared for the next."""

    def __init__(self, house: House) -> None:
        self._house = house
        # Requests a second that a connection got through last time: more than it can send needn't be prepared.
        self._pace: dict[tuple[str, int], float] = {}

    async def warm_up(self, shape: Shape, contestant: Contestant, seconds: float) -> None:
        """Every path, uncounted: caches, plans and compilers; and a first idea of how quick they are."""
        for _ in range(2):
            await self.saturate(shape, contestant, seconds)

    async def saturate(self, shape: Shape, contestant: Contestant, seconds: float) -> Measured:
        """As much as the contestant takes."""
        pace = self._pace.get((contestant.name, shape.readings))
        # Half as many again as it got through last time.
        count = min(shape.most, ceil(pace * seconds * 1.5) + 2 if pace else ceil(shape.most / 10))
        prepared = contestant.prepare(connections=shape.connections, readings=shape.readings, count=count)
        position, before = self._log_position(), self._processor_seconds(contestant)
        load = await saturate(prepared, seconds)
        after = self._processor_seconds(contestant)
        self._pace[contestant.name, shape.readings] = load.requests / shape.connections / load.seconds
        used = {name: after[name] - before[name] for name in before} | {"client": load.client_cpu}
        used["others"] = max(0.0, used.pop("everybody") - sum(used.values()))
        return Measured(load, used, self._log_position() - position)

    async def counted(self, shape: Shape, contestant: Contestant, seconds: float) -> tuple[int, Measured, int]:
        """From which second on, a load, and how many transactions it took. Raises BadAnswer if rows are missing."""
        contestant.settle()
        since = contestant.align()
        measured = await self.saturate(shape, contestant, seconds)
        stored, commits = contestant.count_since(since)
        if stored != measured.load.requests * shape.readings:
            acknowledged = measured.load.requests * shape.readings
            raise BadAnswer(f"{acknowledged} readings were acknowledged and {stored} are stored.")
        return since, measured, commits

    async def paced(self, shape: Shape, contestant: Contestant, rate: float, seconds: float) -> dict[str, Any]:
        """Latency of requests that are sent at fixed times, `rate` of them a second."""
        contestant.settle()
        contestant.align()
        count = ceil(rate * seconds / shape.connections) + 1
        prepared = contestant.prepare(connections=shape.connections, readings=shape.readings, count=count)
        load = await paced(prepared, rate, seconds)
        return {"readings_a_second": round(rate * shape.readings), **latency(load.latencies)}

    def _processor_seconds(self, contestant: Contestant) -> dict[str, float]:
        return {
            "server": contestant.cpu_seconds(),
            "postgres": machine.cpu_seconds(self._house.postgres_pid),
            "everybody": machine.busy_seconds(),
        }

    def _log_position(self) -> int:
        with self._house.database() as database:
            row = database.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
        assert row is not None
        return int(row[0])


def contestant_of(house: House, fleet: Fleet, *, name: str, doors: int) -> Contestant:
    """The first ingest processes of a house, as one contestant."""
    return contestants.ours(
        name,
        house.doors[:doors],
        pulses=contestants.pulses_of(
            [json.dumps(probe.serial) for probe in fleet.probes],
            [(probe.usual, probe.defrost) for probe in fleet.probes],
            fleet.start,
            places=[probe.unit for probe in fleet.probes],
        ),
        key=house.demo["ingest_key"],
        sensors=[probe.number for probe in fleet.probes],
        connect=house.database,
    )


class IngestBench:
    """All loads of one run, on one machine, against one cluster."""

    def __init__(self, house: House, fleet: Fleet, sizes: Sizes, peers: list[Contestant]) -> None:
        self._house = house
        self._sizes = sizes
        self._copies = 0
        self._loads = Loads(house)
        self._sensors = [probe.number for probe in fleet.probes]
        self._one = contestant_of(house, fleet, name=FRESHTRACK, doors=1)
        two = contestant_of(house, fleet, name=TWO, doors=2)
        # The same sensors, so the same clocks.
        self._two = replace(two, pulses=self._one.pulses)
        self._peers = peers

    def of(self, shape: Shape) -> list[Contestant]:
        """Who takes part, in turn. Processes side by side are for single readings, which one process alone limits."""
        return [self._one, *([self._two] if shape.readings == 1 else []), *self._peers]

    async def warm_up(self, shape: Shape, contestant: Contestant) -> None:
        """Uncounted."""
        await self._loads.warm_up(shape, contestant, self._sizes.warm_up_seconds)

    async def measure(self, shape: Shape, contestant: Contestant) -> dict[str, Any]:
        """One load as quick as it gets, COPY of what it stored (ours only), then one load at half of that rate."""
        load_average = machine.load_average()
        since, measured, commits = await self._loads.counted(shape, contestant, self._sizes.seconds)
        load = measured.load
        got = {
            **measured.told(load.requests * shape.readings),
            "requests_a_commit": round(load.requests / commits, 1),
            "memory_mb": contestant.memory_mb(),
            "load_average": load_average,
        }
        if contestant is self._one:
            copied = self._copy(since, load.requests * shape.readings)
            got |= {
                "copy_rows_a_second": round(copied),
                "door_to_copy": round(got["readings_a_second"] / copied, 4),
            }
        half = load.requests / load.seconds / 2
        got["at_half"] = await self._loads.paced(shape, contestant, half, self._sizes.half_seconds)
        return got

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
