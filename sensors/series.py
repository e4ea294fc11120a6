"""Readings for charts and lists: raw, thinned without losing an extreme, or by hour and day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from sensors.models import Reading, Sensor

RESOLUTIONS: Final = ("raw", "hour", "day", "auto")
# What `auto` draws: a week of 5-minute readings is 2,000 points, half a year of hours 4,400.
_RAW_UP_TO: Final = timedelta(days=7)
_HOURS_UP_TO: Final = timedelta(days=180)

_THINNED: Final = """
WITH placed AS (
  SELECT sensor_id, recorded_at, temperature, humidity, battery, signal, door,
         width_bucket(extract(epoch FROM recorded_at)::float8, %(start)s, %(end)s, %(buckets)s) AS bucket
  FROM sensors_reading
  WHERE sensor_id = ANY(%(sensors)s) AND recorded_at >= %(from)s AND recorded_at < %(to)s
), ranked AS (
  SELECT *, row_number() OVER (PARTITION BY sensor_id, bucket ORDER BY temperature NULLS LAST, recorded_at) AS low,
         row_number() OVER (PARTITION BY sensor_id, bucket ORDER BY temperature DESC NULLS LAST, recorded_at) AS high
  FROM placed
)
SELECT sensor_id, recorded_at, temperature, humidity, battery, signal, door
FROM ranked WHERE low = 1 OR high = 1 ORDER BY recorded_at, sensor_id
"""

# Whole buckets: a bucket that overlaps the range is counted with all its readings. Days are the site's days.
_BUCKETS: Final = """
SELECT date_trunc(%(unit)s, recorded_at, %(zone)s) AS at, min(temperature) / 100.0::float8,
       round(avg(temperature) / 100.0, 2)::float8, max(temperature) / 100.0::float8, count(temperature)
FROM sensors_reading
WHERE sensor_id = ANY(%(sensors)s)
  AND recorded_at >= date_trunc(%(unit)s, %(from)s::timestamptz, %(zone)s)
  AND recorded_at < date_trunc(%(unit)s,
        date_trunc(%(unit)s, %(to)s::timestamptz - interval '1 microsecond', %(zone)s) + %(step)s::interval, %(zone)s)
  AND temperature IS NOT NULL
GROUP BY 1 ORDER BY 1
"""


def choose_resolution(*, start: datetime, end: datetime) -> str:
    """What `auto` means for a range."""
    length = end - start
    if length <= _RAW_UP_TO:
        return "raw"
    return "hour" if length <= _HOURS_UP_TO else "day"


def count_raw(*, sensors: Sequence[Sensor], start: datetime, end: datetime) -> int:
    """How many readings the range has. Call inside a transaction."""
    return Reading.objects.filter(
        sensor_id__in=[s.pk for s in sensors], recorded_at__gte=start, recorded_at__lt=end
    ).count()


def thinned(*, sensors: Sequence[Sensor], start: datetime, end: datetime, max_points: int) -> list[Reading]:
    """At most `max_points` raw readings, ascending; each bucket of time keeps its coldest and its warmest.

    Call inside a transaction.
    """
    if not sensors:
        return []
    if count_raw(sensors=sensors, start=start, end=end) <= max_points:
        rows = Reading.objects.filter(
            sensor_id__in=[s.pk for s in sensors], recorded_at__gte=start, recorded_at__lt=end
        )
        return list(rows.order_by("recorded_at", "sensor_id"))
    with connection.cursor() as cursor:
        cursor.execute(
            _THINNED,
            {
                "sensors": [s.pk for s in sensors],
                "from": start,
                "to": end,
                "start": start.timestamp(),
                "end": end.timestamp(),
                "buckets": max(1, max_points // (2 * len(sensors))),
            },
        )
        return [_reading(row) for row in cursor.fetchall()]


def _reading(row: Sequence[Any]) -> Reading:
    sensor_id, recorded_at, temperature, humidity, battery, signal, door = row
    return Reading(
        sensor_id=sensor_id,
        recorded_at=recorded_at,
        temperature=None if temperature is None else temperature / 100,
        humidity=None if humidity is None else humidity / 100,
        battery=battery,
        signal=signal,
        door=door,
    )


def buckets(
    *, sensors: Sequence[Sensor], start: datetime, end: datetime, resolution: str, zone: str
) -> list[dict[str, Any]]:
    """[{"at", "min", "avg", "max", "count"}] by hour or day of the site's zone, ascending. Inside a transaction."""
    if not sensors:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            _BUCKETS,
            {
                "unit": resolution,
                "zone": zone,
                "sensors": [s.pk for s in sensors],
                "from": start,
                "to": end,
                # The end of the last bucket: a day may have 25 hours, so step well into the next and cut to its start.
                "step": "1 hour" if resolution == "hour" else "28 hours",
            },
        )
        names = ("at", "min", "avg", "max", "count")
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
