"""The places and sensors that the loads use, made through the API, and the readings that they send.

Each connection is a gateway with sensors of its own, whose readings it sends in order: an older reading than a sensor's
newest is history, which no rule judges, and would make the measurement cheaper than the truth.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.client import Connection, request
from bench.house import House
from bench.sizes import Sizes

INGEST = "/api/v1/ingest/readings"
# Kind of unit -> its usual temperature, and that of a defrost: over the limit of its warning, never for long enough.
KINDS = {
    "walk_in_cooler": (3.0, 6.0),
    "reach_in_fridge": (3.0, 6.0),
    "display_case": (1.0, 5.0),
    "walk_in_freezer": (-19.0, -13.0),
}
DEFROSTS_EVERY = 10  # sensors: one in ten
DEFROST_S, DEFROST_PERIOD_S = 300, 1800
SPACING = timedelta(seconds=1)
FIRST_READING_BEFORE = timedelta(hours=20)


@dataclass
class Probe:
    """One claimed sensor and its clock."""

    id: str
    serial: str
    usual: float
    defrost: float | None
    clock: datetime

    def next(self) -> str:
        """Its next reading as JSON, as a gateway of the simulated kind sends it."""
        self.clock += SPACING
        second = int(self.clock.timestamp())
        defrosting = self.defrost is not None and second % DEFROST_PERIOD_S < DEFROST_S
        temperature = (self.defrost if defrosting else self.usual) + second % 60 / 100  # type: ignore[operator]
        return (
            f'{{"sensor":"{self.serial}","recorded_at":"{self.clock:%Y-%m-%dT%H:%M:%SZ}","temperature":{temperature:.2f},'
            f'"humidity":{80 + second % 100 / 10:.1f},"battery":93,"signal":{-70 - second % 10}}}'
        )


@dataclass
class Fleet:
    """What was made for one run."""

    site: str
    probes: list[Probe]
    lone: dict[str, Any]  # the unit and sensor of lone readings
    alarmed: dict[str, Any]  # those of alerts, and their rule
    charted: dict[str, Any]  # those of the day as a chart
    day_end: datetime
    serials: list[str] = field(default_factory=list)

    def gateways(self, count: int) -> list[list[Probe]]:
        """The probes dealt out to `count` connections."""
        return [self.probes[number::count] for number in range(count)]


def requests_of(probes: list[Probe], *, readings: int, count: int, key: str) -> list[bytes]:
    """`count` requests of `readings` readings each, taking turns among the gateway's probes."""
    made, turn = [], 0
    for _ in range(count):
        parts = []
        for _ in range(readings):
            parts.append(probes[turn % len(probes)].next())
            turn += 1
        made.append(ingest_request(key, parts))
    return made


def ingest_request(key: str, readings: list[str]) -> bytes:
    """Readings as JSON in one request to the door."""
    return request("POST", INGEST, token=key, body=f'{{"readings":[{",".join(readings)}]}}'.encode())


class Builder:
    """Makes things through the API, as a person's program would."""

    def __init__(self, house: House, connection: Connection) -> None:
        self._house = house
        self._connection = connection

    async def create(self, what: str, **body: Any) -> dict[str, Any]:
        made = request("POST", f"{self._house.api}/{what}/", token=self._house.demo["token"], body=_json(body))
        _, answer = await self._connection.timed(made, expect=201)
        return dict(json.loads(answer))

    async def unit_with_sensor(self, area: str, name: str) -> dict[str, Any]:
        """A unit without default rules and its sensor: {"unit", "sensor", "serial"}."""
        unit = await self.create("units", area=area, name=name, kind="other", default_rules=False)
        serial = f"BENCH-{name.upper()}"
        sensor = await self.create("sensors", serial=serial, unit=unit["id"], name=name)
        return {"unit": unit["id"], "sensor": sensor["id"], "serial": serial}


async def found(house: House, sizes: Sizes) -> Fleet:
    """Make the places and sensors, and a day of readings for the chart."""
    connection = await Connection.open(house.web_port)
    build = Builder(house, connection)
    site = await build.create("sites", name="Bench", kind="warehouse", timezone="Europe/Berlin")
    area = await build.create("areas", site=site["id"], name="Fleet")
    probes = await _probes(build, area["id"], sizes)
    aside = await build.create("sites", name="Bench aside", kind="warehouse", timezone="Europe/Berlin")
    quiet = (await build.create("areas", site=aside["id"], name="Alone"))["id"]
    lone, alarmed, charted = [await build.unit_with_sensor(quiet, name) for name in ("lone", "alarmed", "charted")]
    rule = await build.create(
        *("alert-rules",),
        **{"name": "At once", "metric": "temperature", "condition": "above", "threshold": 30, "severity": "critical"},
        **{"delay_s": 0, "clear_delay_s": 0, "hysteresis": 1, "scope": {"unit": alarmed["unit"]}},
    )
    day_end = datetime.now(UTC).replace(second=0, microsecond=0)
    day = _day(charted["serial"], day_end, sizes.day_of_readings)
    _, answer = await connection.timed(ingest_request(house.demo["ingest_key"], day))
    assert json.loads(answer)["accepted"] == len(day), answer
    connection.close()
    alarmed["rule"] = rule["id"]
    return Fleet(site=site["id"], probes=probes, lone=lone, alarmed=alarmed, charted=charted, day_end=day_end)


async def _probes(build: Builder, area: str, sizes: Sizes) -> list[Probe]:
    start = datetime.now(UTC).replace(microsecond=0) - FIRST_READING_BEFORE
    kinds = list(KINDS)
    units = [
        await build.create("units", area=area, name=f"Unit {number:03}", kind=kinds[number % len(kinds)])
        for number in range(sizes.units)
    ]
    probes = []
    for number in range(sizes.sensors):
        unit = units[number % len(units)]
        usual, defrost = KINDS[unit["kind"]]
        serial = f"BENCH-{number:04}"
        sensor = await build.create("sensors", serial=serial, unit=unit["id"], name=f"Probe {number}")
        swings = defrost if number % DEFROSTS_EVERY == 0 else None
        probes.append(Probe(sensor["id"], serial, usual, swings, start))
    return probes


def _day(serial: str, end: datetime, count: int) -> list[str]:
    """A reading a minute, the last one a minute before `end`."""
    return [
        f'{{"sensor":"{serial}","recorded_at":"{end - timedelta(minutes=ago):%Y-%m-%dT%H:%M:%SZ}",'
        f'"temperature":{3 + ago % 37 / 20:.2f},"humidity":{80 + ago % 50 / 10:.1f}}}'
        for ago in range(count, 0, -1)
    ]


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()
