"""Readings in bulk, and how a file of them looks when it is written row by row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from freshtrack import csv
from freshtrack.times import rfc3339
from sensors.models import Reading, Sensor
from sensors.summaries import EVERYTHING
from tests.factories import as_system

BEGIN = datetime(2026, 10, 1, tzinfo=UTC)

# Each value now and then missing, negative ones, milliseconds, late arrivals, doors.
_FILL = """
INSERT INTO sensors_reading
  (sensor_id, recorded_at, organization_number, delay_s, temperature, humidity, battery, signal, door)
SELECT %s, %s + n * %s + CASE WHEN n %% 3 = 0 THEN interval '0' ELSE n %% 1000 * interval '1 ms' END, %s, n %% 90,
       CASE WHEN n %% 7 <> 0 THEN (n * 37) %% 40000 - 20000 END, CASE WHEN n %% 5 <> 0 THEN (n * 13) %% 10001 END,
       CASE WHEN n %% 11 <> 0 THEN n %% 101 END, CASE WHEN n %% 13 <> 0 THEN - (n %% 201) END,
       CASE n %% 3 WHEN 0 THEN 0 WHEN 1 THEN 1 END
FROM generate_series(0, %s - 1) AS n
"""
_NOTE = "INSERT INTO sensors_arrival (organization_number, sensors, hours) VALUES (%s, ARRAY[%s], ARRAY[%s])"


def fill(
    sensor: Sensor, *, many: int, begin: datetime = BEGIN, every: timedelta = timedelta(minutes=5), db: Any = None
) -> None:
    """So many readings of all kinds. `db` is a psycopg connection; else the test's own."""
    number = sensor.organization.number
    statements = ((_FILL, [sensor.pk, begin, every, number, many]), (_NOTE, [number, sensor.pk, EVERYTHING]))
    if db is not None:
        for statement, parameters in statements:
            db.execute(statement, parameters)
        return
    with as_system(), connection.cursor() as cursor:
        for statement, parameters in statements:
            cursor.execute(statement, parameters)


HEADER = (
    *("recorded_at", "unit", "sensor", "serial", "channel"),
    *("temperature", "humidity", "battery", "signal", "door_open", "received_at"),
)


def written_by_hand(sensors: Sequence[Sensor], *, start: datetime, end: datetime) -> bytes:
    """What a plain loop over the readings writes."""
    known = {sensor.pk: sensor for sensor in sensors}
    with as_system():
        found = list(
            Reading.objects.filter(sensor_id__in=list(known), recorded_at__gte=start, recorded_at__lt=end).order_by(
                "recorded_at", "sensor_id"
            )
        )
    return csv.lines([HEADER, *(_cells(known[reading.sensor_id], reading) for reading in found)])


def _cells(sensor: Sensor, reading: Reading) -> list[Any]:
    return [
        rfc3339(reading.recorded_at),
        sensor.unit.name if sensor.unit else "",
        str(sensor.public_id),
        sensor.serial,
        sensor.channel,
        *(None if value is None else Decimals(value) for value in (reading.temperature, reading.humidity)),
        reading.battery,
        reading.signal,
        None if reading.door is None else reading.door == 1,
        rfc3339(reading.recorded_at + timedelta(seconds=reading.delay_s)),
    ]


class Decimals(float):
    """A number that is written with two decimals."""

    def __str__(self) -> str:
        return f"{float(self):.2f}"
