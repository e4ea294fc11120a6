"""Who is measured: our ingest process, alone and two side by side, and the peers where BENCH_PEERS has them.

Each has the same number of sensors, connections, and readings a request. Each connection is a gateway with sensors of
its own, whose readings it sends in order: an older reading than a sensor's newest is history, which no rule judges, and
would make the measurement cheaper than the truth.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from bench import machine
from bench.client import request
from bench.fleet import INGEST
from bench.load import Prepared

FRESHTRACK, TWO = "freshtrack", "freshtrack, 2 processes"
PEERS = {"node-drizzle": "drizzle", "node-unnest": "unnest", "node-gc": "gc"}

# How warm it is in the places that the readings come from: usually, and in a defrost.
DEFROST_S, DEFROST_PERIOD_S = 300, 1800


# A table, or those of its partitions by month that the loads write to (they begin a day ago at most).
NEWEST_PARTITIONS = """
SELECT c.oid::regclass::text FROM pg_class c WHERE c.oid = %s::regclass AND c.relkind = 'r'
UNION ALL
SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = %s::regclass
AND (regexp_match(pg_get_expr(relpartbound, c.oid), 'TO \\(''([^'']+)''\\)'))[1]::timestamptz BETWEEN
    now() - interval '1 day' AND now() + interval '32 days'
"""


@dataclass
class Pulse:
    """One sensor as a load sees it: how its readings name it, and its clock (seconds since 1970)."""

    name: str  # as JSON
    usual: float
    defrost: float | None
    clock: int
    place: str  # what stands in one place sends through one gateway
    warm_s: int = DEFROST_S
    period_s: int = DEFROST_PERIOD_S
    phase: int = 0  # how far into its period it was at 1970


@dataclass(frozen=True)
class Size:
    """What a table partitioned by month takes on disk, in bytes."""

    table: int
    key: int
    rows: int

    def a_row(self, before: Size | None = None) -> dict[str, float]:
        """Bytes a row: of the table itself, of its key, and of both. Only those that were added since, if told."""
        before = before or Size(0, 0, 0)
        rows = max(1, self.rows - before.rows)
        table, key = (self.table - before.table) / rows, (self.key - before.key) / rows
        return {"rows": rows, "table": round(table, 1), "key": round(key, 1), "both": round(table + key, 1)}


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A server that stores readings, and how to talk to it."""

    name: str
    ports: Sequence[int]
    pids: Sequence[int]
    pulses: list[Pulse]
    extra: str  # what else its readings hold, as JSON
    head: Callable[[bytes], bytes]
    wanted: Callable[[int], bytes]
    connect: Callable[[], psycopg.Connection[Any]]
    table: str  # where its readings are
    beside: Sequence[str]  # other tables that it writes to
    numbers: list[int]  # its sensors in the database

    def cpu_seconds(self) -> float:
        return sum(machine.cpu_seconds(pid) for pid in self.pids)

    def memory_mb(self) -> float:
        return round(sum(machine.memory_mb(pid) for pid in self.pids), 1)

    def count_since(self, since: int) -> tuple[int, int]:
        """How many readings are younger than this, and by how many transactions they came."""
        statement = (
            f"SELECT count(*), count(DISTINCT xmin::text) FROM {self.table}"
            " WHERE sensor_id = ANY(%s) AND recorded_at > to_timestamp(%s)"
        )
        with self.connect() as database:
            row = database.execute(statement, [self.numbers, since]).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

    def settle(self) -> None:
        """What autovacuum and the checkpointer would do at some time they do now, before the clock starts."""
        with self.connect() as database:
            for table in (self.table, *self.beside):
                for (partition,) in database.execute(NEWEST_PARTITIONS, [table, table]).fetchall():
                    database.execute(f"VACUUM (ANALYZE) {partition}")
            database.execute("CHECKPOINT")

    def size(self) -> Size:
        """What its readings take on disk now."""
        with self.connect() as database:
            # Counted: what statistics hold is an estimate.
            row = database.execute(
                "SELECT sum(pg_relation_size(inhrelid)), sum(pg_indexes_size(inhrelid)),"
                f" (SELECT count(*) FROM {self.table}) FROM pg_inherits WHERE inhparent = %s::regclass",
                [self.table],
            ).fetchone()
        assert row is not None
        return Size(*(int(value) for value in row))

    def align(self) -> int:
        """All clocks at the same second, later than anything that was prepared. Returns it."""
        since = max(pulse.clock for pulse in self.pulses)
        for pulse in self.pulses:
            pulse.clock = since
        return since

    def prepare(self, *, connections: int, readings: int, count: int) -> list[Prepared]:
        """`count` requests for each connection, which takes turns among its sensors."""
        return [
            Prepared(
                port=self.ports[number % len(self.ports)],
                requests=self._requests(pulses, readings, count),
                wanted=self.wanted(readings),
            )
            for number, pulses in enumerate(dealt(self.pulses, connections))
        ]

    def _requests(self, pulses: list[Pulse], readings: int, count: int) -> list[bytes]:
        made, turn, several = [], 0, len(pulses)
        for _ in range(count):
            parts = []
            for _ in range(readings):
                parts.append(next_reading(pulses[turn % several], self.extra))
                turn += 1
            made.append(self.head(f'{{"readings":[{",".join(parts)}]}}'.encode()))
        return made


def dealt(pulses: Sequence[Pulse], connections: int) -> list[list[Pulse]]:
    """The sensors of each connection, about as many for all. Those of one place share one, so none of them is late."""
    places: dict[str, list[Pulse]] = {}
    for pulse in pulses:
        places.setdefault(pulse.place, []).append(pulse)
    hands: list[list[Pulse]] = [[] for _ in range(connections)]
    for together in sorted(places.values(), key=len, reverse=True):
        min(hands, key=len).extend(together)
    return [hand for hand in hands if hand]


_texts: dict[int, str] = {}


def _text(second: int) -> str:
    text = _texts.get(second)
    if text is None:
        text = _texts[second] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
    return text


def next_reading(pulse: Pulse, extra: str) -> str:
    """Its next reading as JSON, a second after the last."""
    pulse.clock = second = pulse.clock + 1
    defrosting = pulse.defrost is not None and (second + pulse.phase) % pulse.period_s < pulse.warm_s
    temperature = (pulse.defrost if defrosting else pulse.usual) + second % 60 / 100  # type: ignore[operator]
    return (
        f'{{"sensor":{pulse.name},"recorded_at":"{_text(second)}","temperature":{temperature:.2f},'
        f'"humidity":{80 + second % 100 / 10:.1f},"battery":93{extra}}}'
    )


def ours(
    name: str,
    doors: Sequence[Any],
    *,
    pulses: list[Pulse],
    key: str,
    sensors: list[int],
    connect: Callable[[], psycopg.Connection[Any]],
) -> Contestant:
    """Our ingest process, or several of them side by side: gateways are dealt out to them."""
    return Contestant(
        name=name,
        ports=[door.port for door in doors],
        pids=[door.pid for door in doors],
        pulses=pulses,
        extra=',"signal":-71',
        head=lambda body: request("POST", INGEST, token=key, body=body),
        wanted=lambda readings: b'{"accepted":%d,"duplicates":0,"rejected":[]}' % readings,
        connect=connect,
        table="sensors_reading",
        beside=("sensors_arrival", "sensors_sensor", "alerts_rulestate"),
        numbers=sensors,
    )


def peer(
    name: str, *, port: int, pid: int, pulses: list[Pulse], key: str, connect: Callable[[], psycopg.Connection[Any]]
) -> Contestant:
    """One of the Node peers."""

    def head(body: bytes) -> bytes:
        return (
            f"POST /ingest HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Api-Key: {key}\r\nAccept: application/json\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    return Contestant(
        name=name,
        ports=[port],
        pids=[pid],
        pulses=pulses,
        extra="",
        head=head,
        wanted=lambda readings: b'{"accepted":%d}' % readings,
        connect=connect,
        table="reading",
        beside=(),
        numbers=[int(json.loads(pulse.name)) for pulse in pulses],
    )


def pulses_of(
    names: Sequence[str],
    temperatures: Sequence[tuple[float, float | None]],
    start: datetime,
    *,
    places: Sequence[str] | None = None,
) -> list[Pulse]:
    """Sensors by the names that readings call them, with their usual temperature and that of a defrost."""
    return [
        Pulse(name, usual, defrost, int(start.timestamp()), place)
        for name, (usual, defrost), place in zip(names, temperatures, places or names, strict=True)
    ]
