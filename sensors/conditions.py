"""How is a unit right now? One answer for lists, tiles and the live snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from sensors.models import Sensor, SensorStatus, Unit

# Worst first. A silent unit with an open warning is shown as silent: nobody knows how warm it is.
_ORDER: Final = ("critical", "fault", "no_data", "warning", "ok")


class Now(NamedTuple):
    """Newest values of a unit and its status: ok, warning, critical, no_data or fault."""

    status: str
    temperature: float | None
    humidity: float | None
    recorded_at: datetime | None


def now_of(unit: Unit, sensors: Iterable[Sensor]) -> Now:
    """The unit's state from its own sensors: values of the newest, status of the worst."""
    living = [sensor for sensor in sensors if sensor.retired_at is None]
    measured = [sensor for sensor in living if sensor.last_reading_at is not None]
    statuses = {"ok"}
    if unit.severity in ("warning", "critical"):
        statuses.add(unit.severity)
    if not measured or any(sensor.status == SensorStatus.OFFLINE for sensor in living):
        statuses.add("no_data")
    if any(sensor.status == SensorStatus.FAULT for sensor in living):
        statuses.add("fault")
    status = next(status for status in _ORDER if status in statuses)
    if not measured:
        return Now(status, None, None, None)
    newest = max(measured, key=lambda sensor: (sensor.last_reading_at, sensor.pk))
    return Now(status, newest.temperature, newest.humidity, newest.last_reading_at)
