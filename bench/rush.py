"""From a reading to an alert on a screen while hundreds of others come in: requests at fixed times, whatever happens.

One reading a request, to the ingest process; the screen is a socket of the web process, with worker and beat beside
them, as in `make up`. One reading in ten takes a unit over its limit or back, so an alert opens or resolves at once.
All times count from the moment at which the request was to be sent, so one that is late makes the next ones late, too.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

import websockets

from bench import machine
from bench.client import BadAnswer, Connection
from bench.figures import distribution
from bench.fleet import Builder, Fleet, ingest_request
from bench.house import House
from bench.load import Load, Prepared, paced
from bench.sizes import Sizes

CONNECTIONS = 32
PATIENCE_S = 20.0
WARM_C, COOL_C = 35.0, 20.0
ACCEPTED = b'{"accepted":1,"duplicates":0,"rejected":[]}'
# Copies of one unit and its sensor.
UNITS = """
INSERT INTO sensors_unit SELECT (jsonb_populate_record(u, jsonb_build_object(
  'id', md5('rushed unit ' || n), 'name', 'Rushed ' || n))).*
FROM generate_series(1, %(units)s::integer) n JOIN sensors_unit u ON u.id = %(unit)s
"""
SENSORS = """
INSERT INTO sensors_sensor SELECT (jsonb_populate_record(s, jsonb_build_object(
  'id', nextval(pg_get_serial_sequence('sensors_sensor', 'id')), 'public_id', gen_random_uuid(),
  'serial', 'RUSHED-' || n, 'name', 'Rushed ' || n, 'unit_id', md5('rushed unit ' || n)::uuid))).*
FROM generate_series(1, %(units)s::integer) n JOIN sensors_sensor s ON s.public_id = %(sensor)s
"""
RUSHED = "SELECT serial, unit_id::text FROM sensors_sensor WHERE serial LIKE 'RUSHED-%' ORDER BY id"

Flip = tuple[str, str]  # unit, and what becomes of its alert


class RushBench:
    """Units of their own, which one rule without delay watches. Web, worker, beat and a door must run."""

    def __init__(self, house: House, fleet: Fleet, sizes: Sizes) -> None:
        self._house = house
        self._fleet = fleet
        self._sizes = sizes
        self._units: list[tuple[str, str]] = []  # serial, unit
        self._flips = 0

    async def make(self) -> None:
        """The units, half of them warm already."""
        connection = await Connection.open(self._house.web_port)
        build = Builder(self._house, connection)
        site = await build.create("sites", name="Bench rush", kind="warehouse", timezone="Europe/Berlin")
        area = await build.create("areas", site=site["id"], name="Rush")
        first = await build.unit_with_sensor(area["id"], "rush")
        await build.create(
            *("alert-rules",),
            **{"name": "In a rush", "metric": "temperature", "condition": "above", "threshold": 30},
            **{
                "severity": "critical",
                "delay_s": 0,
                "clear_delay_s": 0,
                "hysteresis": 1,
                "scope": {"site": site["id"]},
            },
        )
        connection.close()
        with self._house.database() as database:
            database.execute("SET session_replication_role = replica")  # the change log has nothing to tell of them
            values = {"units": self._sizes.rush_units, "unit": first["unit"], "sensor": first["sensor"]}
            database.execute(UNITS, values)
            database.execute(SENSORS, values)
            self._units = [(str(serial), str(unit)) for serial, unit in database.execute(RUSHED).fetchall()]
        every = self._sizes.rush_every
        await self._run(len(self._units), rate=self._sizes.rush_rate / every, every=1)

    async def measure(self) -> dict[str, Any]:
        """One rush."""
        rate, every = self._sizes.rush_rate, self._sizes.rush_every
        return await self._run(round(rate * self._sizes.rush_seconds), rate=rate, every=every)

    async def _run(self, count: int, *, rate: float, every: int) -> dict[str, Any]:
        requests, flips = self._prepare(count, rate, every)
        wanted = [flip for flip in flips if flip is not None and flip[1]]
        dealt = [
            Prepared(port=self._house.doors[0].port, requests=requests[number::CONNECTIONS], wanted=ACCEPTED)
            for number in range(CONNECTIONS)
        ]
        url = f"ws://127.0.0.1:{self._house.web_port}/ws/v1/orgs/{self._house.demo['org']}/live/"
        protocols = [websockets.Subprotocol(name) for name in ("freshtrack.v1", f"bearer.{self._house.demo['token']}")]
        used = self._processor_seconds()
        async with websockets.connect(url, subprotocols=protocols, max_size=None) as screen:
            watcher = _Watcher(screen, {unit for _, unit in self._units})
            await watcher.shown()
            listening = asyncio.create_task(watcher.listen(len(wanted)))
            load = await paced(dealt, rate, count / rate)
            async with asyncio.timeout(PATIENCE_S):
                await listening
        used = {name: after - used[name] for name, after in self._processor_seconds().items()}
        return self._told(load, rate, flips, watcher.heard) | {
            "processors": {name: round(value / load.seconds, 2) for name, value in used.items()}
        }

    def _prepare(self, count: int, rate: float, every: int) -> tuple[list[bytes], list[Flip | None]]:
        """Requests in their order, and for each what its alert does. A unit's readings come in the order of time."""
        step = timedelta(seconds=1 / rate)
        start = datetime.now(UTC)
        key, probes = self._house.demo["ingest_key"], self._fleet.probes
        requests, flips = [], []
        for number in range(count):
            flip = None
            if number % every == 0:
                serial, temperature, flip = self._flip()
            else:
                probe = probes[number % len(probes)]
                serial, temperature = probe.serial, probe.usual
            moment = (start + number * step).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            reading = f'{{"sensor":"{serial}","recorded_at":"{moment}","temperature":{temperature:.2f}}}'
            requests.append(ingest_request(key, [reading]))
            flips.append(flip)
        return requests, flips

    def _flip(self) -> tuple[str, float, Flip]:
        """The next unit goes to the other side of its limit. In the first round half of them are cool already."""
        turn, place = divmod(self._flips, len(self._units))
        self._flips += 1
        serial, unit = self._units[place]
        if (turn + place) % 2:
            return serial, WARM_C, (unit, "opened")
        return serial, COOL_C, (unit, "resolved" if turn else "")

    def _told(
        self, load: Load, rate: float, flips: Sequence[Flip | None], heard: dict[Flip, list[float]]
    ) -> dict[str, Any]:
        """Each alert's frame and answer, counted from when its request was to be sent."""
        answers, due = _in_order(load.latencies), {flip: iter(times) for flip, times in heard.items()}
        times: dict[str, list[float]] = defaultdict(list)
        for number, (flip, answer) in enumerate(zip(flips, answers, strict=True)):
            times["answer"].append(answer)
            if flip is not None and flip[1]:
                times[f"{flip[1]}_frame"].append(next(due[flip]) - load.began - number / rate)
                times[f"{flip[1]}_answer"].append(answer)
        return {"rate": rate, "requests": load.requests, **{name: distribution(each) for name, each in times.items()}}

    def _processor_seconds(self) -> dict[str, float]:
        running = self._house.stack.running
        return {
            "ingest": machine.cpu_seconds(self._house.doors[0].pid),
            **{name: machine.cpu_seconds(running[name].process.pid) for name in ("web", "worker")},
            "postgres": machine.cpu_seconds(self._house.postgres_pid),
            "everybody": machine.busy_seconds(),
        }


class _Watcher:
    """One screen, and when it was told of alerts of these units."""

    def __init__(self, screen: websockets.ClientConnection, units: set[str]) -> None:
        self._screen = screen
        self._units = units
        self.heard: dict[Flip, list[float]] = defaultdict(list)

    async def shown(self) -> None:
        """Until it was shown the state of every unit: what comes now is news."""
        async with asyncio.timeout(PATIENCE_S):
            while json.loads(await self._screen.recv())["type"] != "snapshot":
                pass

    async def listen(self, count: int) -> None:
        """Until so many alerts have opened or resolved."""
        while count:
            text = await self._screen.recv()
            now = perf_counter()
            frame = json.loads(text)
            if frame["type"] == "bye":
                raise BadAnswer(f"The screen was closed: {text!r}")
            if frame["type"] == "alert" and frame["event"] in ("opened", "resolved"):
                unit = frame["alert"]["unit"]
                if unit in self._units:
                    self.heard[unit, frame["event"]].append(now)
                    count -= 1


def _in_order(latencies: Sequence[float]) -> list[float]:
    """Of the requests, which were dealt to connections in turn; given are those of one connection after another."""
    count = len(latencies)
    ordered = [0.0] * count
    given = iter(latencies)
    for connection in range(CONNECTIONS):
        for number in range(connection, count, CONNECTIONS):
            ordered[number] = next(given)
    return ordered
