"""Claiming, moving and retiring sensors; soft deletion of places."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F
from psycopg.errors import UniqueViolation

from freshtrack.errors import DomainError
from organizations.models import Organization
from sensors import summaries
from sensors.models import Area, Gateway, Sensor, SensorStatus, Site, Unit


class AlreadyKnown(DomainError):
    """The organization has this probe already."""

    code = "already_known"


class StillInUse(DomainError):
    """Something hangs on it."""

    code = "still_in_use"


def claim(*, sensor: Sensor, unit: Unit, at: datetime) -> Sensor:
    """Put a sensor into a unit of its organization; its earlier readings become the unit's history.

    Also moves a claimed sensor, and brings a retired one back. One that goes to another site leaves its gateway behind.
    Twice is the same as once. Call inside a transaction.
    """
    sensor = (
        Sensor.objects.select_for_update(of=("self",))
        .select_related("site", "organization", "gateway")
        .get(pk=sensor.pk)
    )
    zone = clock_of(sensor)
    if sensor.gateway is not None and sensor.gateway.site_id == sensor.site_id != unit.site_id:
        sensor.gateway = None
    sensor.unit = unit
    sensor.site_id = unit.site_id
    sensor.claimed_at = sensor.claimed_at or at
    sensor.retired_at = None
    if sensor.status in (SensorStatus.UNCLAIMED, SensorStatus.RETIRED):
        sensor.status = _status_of_newest(sensor, at=at)
    sensor.save(update_fields=["unit", "site", "gateway", "claimed_at", "retired_at", "status"])
    summaries.note_moved(organization=sensor.organization, sensors=[sensor.pk], before=zone, after=unit.site.timezone)
    return sensor


def clock_of(sensor: Sensor) -> str:
    """The time zone that cuts the sensor's hours and days."""
    return sensor.site.timezone if sensor.site is not None else summaries.NOWHERE


def move_unit(*, unit: Unit, before: str) -> None:
    """A unit that came to another site takes its sensors along, not their gateways. `before` is its old zone.

    Call inside a transaction.
    """
    moved = list(Sensor.objects.filter(unit=unit).exclude(site_id=unit.site_id).values_list("pk", flat=True))
    Sensor.objects.filter(pk__in=moved, gateway__site=F("site")).update(gateway=None)
    Sensor.objects.filter(pk__in=moved).update(site_id=unit.site_id)
    after = Site.objects.get(pk=unit.site_id).timezone
    summaries.note_moved(organization=unit.organization, sensors=moved, before=before, after=after)


def set_clock(*, site: Site, before: str) -> None:
    """A site's zone was changed from `before`: days of its sensors begin at another midnight. Inside a transaction."""
    sensors = Sensor.objects.filter(site=site).values_list("pk", flat=True)
    summaries.note_moved(organization=site.organization, sensors=sensors, before=before, after=site.timezone)


def _status_of_newest(sensor: Sensor, *, at: datetime) -> str:
    if sensor.last_reading_at is None:
        return SensorStatus.OFFLINE
    fresh = (at - sensor.last_reading_at).total_seconds() <= 3 * sensor.expected_interval_s
    return SensorStatus.ONLINE if fresh else SensorStatus.OFFLINE


def register(
    *,
    organization: Organization,
    serial: str,
    channel: str,
    unit: Unit | None,
    at: datetime,
    name: str = "",
    model: str = "",
    expected_interval_s: int = 300,
    gateway: Gateway | None = None,
) -> Sensor:
    """Make a sensor known before or after it first reports. Call inside a transaction.

    Raises AlreadyKnown if it is claimed already, or unclaimed while the member may see some sites only: then it is the
    whole organization's. One that reported before is taken over with its readings.
    """
    described = {"name": name, "model": model, "expected_interval_s": expected_interval_s, "gateway": gateway}
    # Placed with its first breath: members who are restricted to some sites can't make what has none.
    placed = (
        {"unit": unit, "site_id": unit.site_id, "claimed_at": at, "status": SensorStatus.OFFLINE.value} if unit else {}
    )
    with known_once(f"Sensor {serial} (channel {channel}) is already known. Perhaps it is at a site you don't see."):
        sensor, created = Sensor.objects.get_or_create(
            organization=organization, serial=serial, channel=channel, defaults={**described, **placed}
        )
    if created:
        return sensor
    if sensor.status != SensorStatus.UNCLAIMED:
        raise AlreadyKnown(f"Sensor {serial} (channel {channel}) is already known.")
    sensor.name, sensor.model, sensor.expected_interval_s, sensor.gateway = name, model, expected_interval_s, gateway
    sensor.save(update_fields=list(described))
    return claim(sensor=sensor, unit=unit, at=at) if unit is not None else sensor


@contextmanager
def known_once(words: str) -> Iterator[None]:
    """What another row stands in the way of, perhaps one of a site that the member doesn't see. Inside a transaction.

    Raises AlreadyKnown with these words.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if isinstance(error.__cause__, UniqueViolation):
            raise AlreadyKnown(words) from error
        raise


def retire(*, sensor: Sensor, at: datetime) -> Sensor:
    """Take a sensor out of service; its readings stay. Twice is the same as once. Call inside a transaction."""
    if sensor.retired_at is None:
        sensor.retired_at = at
        sensor.status = SensorStatus.RETIRED
        sensor.save(update_fields=["retired_at", "status"])
    return sensor


def bring_back(*, sensor: Sensor, at: datetime) -> Sensor:
    """Undo `retire`. Call inside a transaction."""
    sensor.retired_at = None
    sensor.status = SensorStatus.UNCLAIMED if sensor.unit_id is None else _status_of_newest(sensor, at=at)
    sensor.save(update_fields=["retired_at", "status"])
    return sensor


def remove_place(*, place: Site | Area | Unit, at: datetime) -> None:
    """Hide an empty place. Twice is the same as once. Call inside a transaction.

    Raises StillInUse while living places or sensors are in it: whoever deletes a kitchen must not silence a freezer.
    """
    if place.deleted_at is not None:
        return
    if _is_occupied(place):
        raise StillInUse(f"{place.name} isn't empty. Move or remove what is in it first.")
    place.deleted_at = at
    place.save(update_fields=["deleted_at"])


def _is_occupied(place: Site | Area | Unit) -> bool:
    if isinstance(place, Site):
        return Area.objects.alive().filter(site=place).exists()
    if isinstance(place, Area):
        return Unit.objects.alive().filter(area=place).exists()
    return Sensor.objects.alive().filter(unit=place).exists()


def restore_place(*, place: Site | Area | Unit) -> None:
    """Bring a hidden place back. Call inside a transaction."""
    place.deleted_at = None
    place.save(update_fields=["deleted_at"])
