"""What screens and auditors ask of years of readings: a year as a chart, the newest of all sensors, a page, an export.

In a database with a past (bench/past.py), through the web process. Each page is asked for twice over: as a client sees
it, and with PostgreSQL writing down how long each statement took.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any
from urllib.parse import quote

import websockets

from bench import machine
from bench.client import BadAnswer, Connection, request
from bench.database_time import Statement, watched
from bench.figures import latency
from bench.fleet import Fleet, Probe
from bench.house import House
from bench.past import INTERVAL_S
from bench.sizes import Sizes
from tests.stack import ROOT

POINTS = 1000
PAGE = 500
PIECE = 1 << 18
SAMPLE_S = 0.02
# Sums up what is noted, and says how many hours that was. In a process of its own, as the worker is.
ROLL_UP = """
import django; django.setup()
import time
from django.utils import timezone
from sensors import summaries
began, used, hours = time.perf_counter(), time.process_time(), 0
while True:
    done = summaries.roll_up(at=timezone.now(), seconds=30)
    hours += done
    if not done:
        break
print(hours, time.perf_counter() - began, time.process_time() - used)
"""
HOURS_SIZE = """
SELECT sum(pg_total_relation_size(inhrelid)) / (SELECT count(*) FROM sensors_readinghour)
FROM pg_inherits WHERE inhparent = 'sensors_readinghour'::regclass
"""
# What somebody without summaries would ask of the same table.
YEAR_BY_HAND = """
SELECT date_bin(%(step)s, recorded_at, %(start)s), min(temperature), avg(temperature), max(temperature)
FROM sensors_reading WHERE sensor_id = %(sensor)s AND recorded_at >= %(start)s AND recorded_at < %(end)s
GROUP BY 1 ORDER BY 1
"""
NEWEST_BY_HAND = """
SELECT s.id, r.* FROM sensors_sensor s, LATERAL (
  SELECT recorded_at, temperature, humidity FROM sensors_reading WHERE sensor_id = s.id
  ORDER BY recorded_at DESC LIMIT 1
) r WHERE s.id = ANY(%(sensors)s)
"""


class HistoryBench:
    """One house whose table is large, and its web process, which must run."""

    def __init__(self, house: House, fleet: Fleet, sizes: Sizes, counts: list[int]) -> None:
        self._house = house
        self._sizes = sizes
        self._fleet = fleet
        # Two sensors of one unit with the longest past, or one.
        oldest = fleet.probes[counts.index(max(counts))]
        self._exported = [probe for probe in fleet.probes if probe.unit == oldest.unit]
        self._counts = {probe.number: count for probe, count in zip(fleet.probes, counts, strict=True)}
        self._sensor = oldest
        self._end = datetime.fromtimestamp(int(fleet.start.timestamp()) // INTERVAL_S * INTERVAL_S, UTC)
        self._start = self._end - timedelta(seconds=INTERVAL_S * max(counts))
        middle = self._start + (self._end - self._start) / 2
        self.paths = {
            "year": self._path(oldest, self._start, self._end, resolution="auto", max_points=POINTS),
            "year_in_hours": self._path(oldest, self._start, self._end, resolution="hour", max_points=POINTS),
            "page": self._path(oldest, middle, self._end, resolution="raw", page_size=PAGE),
        }

    def sum_up(self) -> dict[str, Any]:
        """Have the exported unit's sensors and some others summed up, and tell what that takes."""
        chosen = [*self._exported, *sorted(self._fleet.probes, key=lambda probe: -self._counts[probe.number])]
        probes = list({probe.number: probe for probe in chosen[: self._sizes.summed_up]}.values())
        with self._house.database() as database:
            database.execute("DELETE FROM sensors_arrival")
            database.execute(
                "INSERT INTO sensors_arrival (organization_number, sensors, hours)"
                " SELECT organization_number, array_agg(sensor_id), array_agg(-1) FROM ("
                "  SELECT DISTINCT organization_number, sensor_id FROM sensors_reading WHERE sensor_id = ANY(%s)) s"
                " GROUP BY 1",
                [[probe.number for probe in probes]],
            )
        return sum_up(self._house, readings=sum(self._counts[probe.number] for probe in probes))

    async def measure(self, name: str) -> dict[str, Any]:
        """One page: as a client sees it, and in the database."""
        wanted = request("GET", self.paths[name], token=self._house.demo["token"])
        connection = await Connection.open(self._house.web_port)
        for _ in range(3):
            await connection.timed(wanted)
        times, body, in_database = [], b"", []
        for _ in range(self._sizes.requests):
            took, body = await connection.timed(wanted)
            times.append(took)
        with watched(self._house) as durations:
            await connection.timed(wanted)
            for _ in range(self._sizes.requests):
                durations.take()
                await connection.timed(wanted)
                in_database.append(_seconds(durations.take()))
        connection.close()
        answer = json.loads(body)
        if not 0 < len(answer["results"]) <= max(POINTS, PAGE):
            raise BadAnswer(f"{name} has {len(answer['results'])} results.")
        return {
            **latency(times),
            "database": latency(in_database),
            "results": len(answer["results"]),
            "resolution": answer["resolution"],
            "bytes": len(body),
        }

    async def newest(self) -> dict[str, Any]:
        """What a screen is shown first: the newest of all sensors. In the database: the statement that fetches them."""
        url = f"ws://127.0.0.1:{self._house.web_port}/ws/v1/orgs/{self._house.demo['org']}/live/"
        protocols = [websockets.Subprotocol(name) for name in ("freshtrack.v1", f"bearer.{self._house.demo['token']}")]
        times, in_database, whole = [], [], []
        with watched(self._house) as durations:
            for number in range(self._sizes.screens + 1):
                durations.take()
                began = perf_counter()
                async with websockets.connect(url, subprotocols=protocols, max_size=None) as screen:
                    while (frame := json.loads(await screen.recv()))["type"] != "snapshot":
                        pass
                    took = perf_counter() - began
                statements = durations.take()
                if number:  # the first fills caches
                    times.append(took)
                    whole.append(_seconds(statements))
                    in_database += [one.ms / 1000 for one in statements if 'FROM "sensors_sensor"' in one.text]
        if not in_database:
            raise RuntimeError("No statement about sensors was found in the server's log.")
        return {
            **latency(times),
            "database": latency(in_database),
            "whole_in_database": latency(whole),
            "units": len(frame["units"]),
        }

    def by_hand(self) -> dict[str, dict[str, float]]:
        """The same from raw readings in plain SQL, which is what one writes first."""
        known = {"sensor": self._sensor.number, "start": self._start, "end": self._end}
        known |= {"step": (self._end - self._start) / POINTS, "sensors": [probe.number for probe in self._fleet.probes]}
        return {
            name: self._timed(statement, known)
            for name, statement in (("year", YEAR_BY_HAND), ("newest", NEWEST_BY_HAND))
        }

    def _timed(self, statement: str, parameters: dict[str, Any]) -> dict[str, float]:
        times = []
        with self._house.database() as database:
            for number in range(self._sizes.by_hand + 1):
                began = perf_counter()
                database.execute(statement, parameters).fetchall()
                if number:
                    times.append(perf_counter() - began)
        return latency(times)

    async def export(self) -> dict[str, Any]:
        """All readings of one unit as CSV: rows a second, and how much the web process grew meanwhile."""
        path = self._path(self._exported[0], self._start, self._end, resolution="raw", unit=True, format="csv")
        pid = self._house.stack.running["web"].process.pid
        before = peak = machine.memory_mb(pid)
        reading = asyncio.create_task(asyncio.to_thread(self._read, path))
        while not reading.done():
            peak = max(peak, machine.memory_mb(pid))
            await asyncio.sleep(SAMPLE_S)
        lines, size, seconds = await reading
        rows = sum(self._counts[probe.number] for probe in self._exported)
        if lines != rows + 1:
            raise BadAnswer(f"The export has {lines} lines, and there are {rows} readings.")
        return {
            "rows": rows,
            "rows_a_second": round(rows / seconds),
            "megabytes": round(size / 1e6, 1),
            "growth_mb": round(peak - before, 1),
            "memory_mb": round(peak, 1),
        }

    def _read(self, path: str) -> tuple[int, int, float]:
        """Lines, bytes, seconds."""
        connection = http.client.HTTPConnection("127.0.0.1", self._house.web_port, timeout=120)
        began = perf_counter()
        connection.request("GET", path, headers={"Authorization": f"Bearer {self._house.demo['token']}"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise BadAnswer(f"The export was answered {answer.status}: {answer.read(300)!r}")
        lines = size = 0
        while piece := answer.read(PIECE):
            lines += piece.count(b"\n")
            size += len(piece)
        seconds = perf_counter() - began
        connection.close()
        return lines, size, seconds

    def _path(self, probe: Probe, start: datetime, end: datetime, *, unit: bool = False, **query: object) -> str:
        where = f"units/{probe.unit}" if unit else f"sensors/{probe.id}"
        options = "".join(f"&{name}={value}" for name, value in query.items())
        first, last = (quote(f"{moment:%Y-%m-%dT%H:%M:%SZ}") for moment in (start, end))
        return f"{self._house.api}/{where}/readings/?from={first}&to={last}{options}"


def sum_up(house: House, *, readings: int) -> dict[str, Any]:
    """Run the summing up until nothing that is due is left. `readings` are in the hours that are noted."""
    before = machine.cpu_seconds(house.postgres_pid)
    done = subprocess.run(
        [sys.executable, "-c", ROLL_UP],
        cwd=ROOT,
        env={**house.stack.env, "DATABASE_POOL": "0", "DJANGO_SETTINGS_MODULE": "freshtrack.settings"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"Readings couldn't be summed up:\n{done.stderr[-3000:]}")
    hours, seconds, processor = done.stdout.split()
    postgres = machine.cpu_seconds(house.postgres_pid) - before
    with house.database() as database:
        row = database.execute(HOURS_SIZE).fetchone()
    assert row is not None
    return {
        "readings": readings,
        "hours": int(hours),
        "bytes_an_hour": round(float(row[0]), 1),
        "readings_a_second": round(readings / float(seconds)),
        "cpu_ms_a_1000": {
            "worker": round(float(processor) * 1e6 / readings, 2),
            "postgres": round(postgres * 1e6 / readings, 2),
        },
    }


def _seconds(statements: list[Statement]) -> float:
    return sum(one.ms for one in statements) / 1000
