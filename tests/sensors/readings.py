"""Readings for tests: stored as ingest stores them, noted for the summaries; and what must come out of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from freshtrack import rounds
from sensors import summaries
from sensors.models import Reading, Sensor
from tests.factories import NOON, as_system


@dataclass(frozen=True)
class Measured:
    """One reading, values in hundredths."""

    at: datetime
    temperature: int | None = None
    humidity: int | None = None


def store(sensor: Sensor, *values: float, every: timedelta = timedelta(minutes=5), start: datetime = NOON) -> None:
    """Temperatures at equal distances."""
    keep(sensor, [Measured(start + index * every, round(value * 100)) for index, value in enumerate(values)])


def keep(sensor: Sensor, measured: Sequence[Measured]) -> None:
    """Store and note, in one transaction."""
    if not measured:
        return
    with as_system():
        Reading.objects.bulk_create(
            (
                Reading(
                    sensor=sensor,
                    organization=sensor.organization,
                    recorded_at=one.at,
                    delay_s=0,
                    temperature=None if one.temperature is None else one.temperature / 100,
                    humidity=None if one.humidity is None else one.humidity / 100,
                )
                for one in measured
            ),
            batch_size=5000,
        )
        note(sensor, (one.at for one in measured))


def note(sensor: Sensor, moments: Iterable[datetime]) -> None:
    """Inside a transaction."""
    hours = [int(moment.timestamp() // 3600) for moment in moments]
    numbers = [sensor.organization.number] * len(hours)
    rounds.ask(summaries.note_arrivals(numbers=numbers, sensors=[sensor.pk] * len(hours), hours=hours))


def hour_of(moment: datetime, zone: str) -> datetime:
    """Where the hour of the site's clock began, by the offset of the moment."""
    local = moment.astimezone(ZoneInfo(zone))
    return moment - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


def day_of(moment: datetime, zone: str) -> datetime:
    """The site's midnight before the hour, the first of two."""
    local = hour_of(moment, zone).astimezone(ZoneInfo(zone))
    return datetime(local.year, local.month, local.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def recount(measured: Iterable[Measured], *, zone: str, resolution: str) -> dict[datetime, dict[str, Any]]:
    """Buckets of one sensor by brute force; values in hundredths, means as (total, count)."""
    cut = hour_of if resolution == "hour" else day_of
    of_bucket: dict[datetime, list[Measured]] = defaultdict(list)
    for one in sorted(measured, key=lambda one: one.at):
        of_bucket[cut(one.at, zone)].append(one)
    found = {}
    for at, ones in of_bucket.items():
        warm = [one.temperature for one in ones if one.temperature is not None]
        damp = [one.humidity for one in ones if one.humidity is not None]
        if warm or damp:
            found[at] = {
                "count": len(warm),
                "total": sum(warm),
                "lowest": min(warm, default=None),
                "highest": max(warm, default=None),
                "first": warm[0] if warm else None,
                "last": warm[-1] if warm else None,
                "humidity_count": len(damp),
                "humidity_total": sum(damp),
                "humidity_lowest": min(damp, default=None),
                "humidity_highest": max(damp, default=None),
            }
    return found


def rolled(sensor: Sensor, resolution: str) -> dict[datetime, dict[str, Any]]:
    """What the tables of summaries hold of a sensor, in hundredths."""
    names = ", ".join(summaries.SUMS)
    with as_system(), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {resolution}, {names} FROM sensors_reading{resolution} WHERE sensor_id = %s",
            [sensor.pk],
        )
        return {row[0]: dict(zip(summaries.SUMS, row[1:], strict=True)) for row in cursor.fetchall()}


def roll(at: datetime | None = None) -> int:
    """Sum up everything that is over, by default as seen from far in the future."""
    return summaries.roll_up(at=at or datetime(2040, 1, 1, tzinfo=UTC), seconds=60)
