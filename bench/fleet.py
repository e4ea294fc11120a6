"""The places and sensors that the loads use, made through the API, and the readings that they send.

The sensors' readings are made by bench/contestants.py. One sensor in ten goes over the limit of its warning for a while
(a defrost), so timers start and clear; never for long enough to alert.
"""

import json
from dataclasses import dataclass
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
FIRST_READING_BEFORE = timedelta(hours=20)


# Copies of the first units and sensors, which take turns. Sensor n is in unit n, or beside the one there.
MORE_UNITS = """
INSERT INTO sensors_unit SELECT (jsonb_populate_record(u, jsonb_build_object(
  'id', md5('bench unit ' || n), 'name', 'Unit ' || lpad(n::text, 4, '0')))).*
FROM generate_series(%(kinds)s::integer, %(last_unit)s::integer) n
JOIN sensors_unit u ON u.id = (%(units)s::uuid[])[n %% %(kinds)s::integer + 1]
"""
MORE_SENSORS = """
INSERT INTO sensors_sensor SELECT (jsonb_populate_record(s, jsonb_build_object(
  'id', nextval(pg_get_serial_sequence('sensors_sensor', 'id')), 'public_id', gen_random_uuid(),
  'serial', 'BENCH-' || lpad(n::text, 4, '0'), 'name', 'Probe ' || n,
  'unit_id', CASE WHEN n %% %(count)s::integer < %(kinds)s THEN (%(units)s::uuid[])[n %% %(count)s::integer + 1]
             ELSE md5('bench unit ' || n %% %(count)s::integer)::uuid END))).*
FROM generate_series(%(kinds)s::integer, %(last_sensor)s::integer) n
JOIN sensors_sensor s ON s.public_id = (%(sensors)s::uuid[])[n %% %(kinds)s::integer + 1]
"""


@dataclass
class Probe:
    """One claimed sensor."""

    id: str
    number: int  # its id in the database
    serial: str
    unit: str
    usual: float
    defrost: float | None


@dataclass
class Fleet:
    """What was made for one run."""

    site: str
    probes: list[Probe]
    lone: dict[str, Any]  # the unit and sensor of lone readings
    alarmed: dict[str, Any]  # those of alerts, and their rule
    charted: dict[str, Any]  # those of the day as a chart
    day_end: datetime
    start: datetime  # before the first reading of the loads


def ingest_request(key: str, readings: list[str]) -> bytes:
    """Readings as JSON in one request to the door."""
    return request("POST", INGEST, token=key, body=f'{{"readings":[{",".join(readings)}]}}'.encode())


class Builder:
    """Makes things through the API, as a person's program would."""

    def __init__(self, house: House, connection: Connection) -> None:
        self.house = house
        self._connection = connection

    async def create(self, what: str, **body: Any) -> dict[str, Any]:
        made = request("POST", f"{self.house.api}/{what}/", token=self.house.demo["token"], body=_json(body))
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
    start = datetime.now(UTC).replace(microsecond=0) - FIRST_READING_BEFORE
    return Fleet(
        site=site["id"], probes=probes, lone=lone, alarmed=alarmed, charted=charted, day_end=day_end, start=start
    )


async def _probes(build: Builder, area: str, sizes: Sizes) -> list[Probe]:
    """One unit of each kind through the API, the others as copies of it: a thousand requests would take minutes."""
    kinds = list(KINDS)
    units = [await build.create("units", area=area, name=f"Unit {kind}", kind=kind) for kind in kinds]
    sensors = [
        await build.create("sensors", serial=f"BENCH-{number:04}", unit=unit["id"], name=f"Probe {number}")
        for number, unit in enumerate(units)
    ]
    with build.house.database() as database:
        database.execute("SET session_replication_role = replica")  # the change log has nothing to tell of them
        parameters = {
            "units": [unit["id"] for unit in units],
            "sensors": [sensor["id"] for sensor in sensors],
            "kinds": len(kinds),
            "last_unit": sizes.units - 1,
            "last_sensor": sizes.sensors - 1,
            "count": sizes.units,
        }
        database.execute(MORE_UNITS, parameters)
        database.execute(MORE_SENSORS, parameters)
        database.execute("ANALYZE sensors_unit, sensors_sensor")
        rows = database.execute(
            "SELECT s.public_id, s.id, s.serial, u.kind, u.id"
            " FROM sensors_sensor s JOIN sensors_unit u ON u.id = s.unit_id"
            " WHERE s.serial LIKE 'BENCH-0%' OR s.serial LIKE 'BENCH-1%' ORDER BY s.serial"
        ).fetchall()
    assert len(rows) == sizes.sensors, len(rows)
    return [
        Probe(str(public_id), number, serial, str(unit), *_temperatures(kind, place))
        for place, (public_id, number, serial, kind, unit) in enumerate(rows)
    ]


def _temperatures(kind: str, place: int) -> tuple[float, float | None]:
    usual, defrost = KINDS[kind]
    return usual, defrost if place % DEFROSTS_EVERY == 0 else None


def _day(serial: str, end: datetime, count: int) -> list[str]:
    """A reading a minute, the last one a minute before `end`."""
    return [
        f'{{"sensor":"{serial}","recorded_at":"{end - timedelta(minutes=ago):%Y-%m-%dT%H:%M:%SZ}",'
        f'"temperature":{3 + ago % 37 / 20:.2f},"humidity":{80 + ago % 50 / 10:.1f}}}'
        for ago in range(count, 0, -1)
    ]


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()
