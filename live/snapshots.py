"""What a screen needs before the first event: each unit it may see as it is now, and where changes go on from."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Prefetch

from freshtrack.times import rfc3339_or_none
from live.access import Grant
from organizations import changes
from organizations.tenancy import Origin, acting_in
from sensors.conditions import now_of
from sensors.models import Sensor, Unit

# What `now_of` looks at. A snapshot of a thousand sensors is read with each screen that opens.
_NEEDED: Final = ("unit_id", "retired_at", "last_reading_at", "status", "temperature", "humidity")


def take(grant: Grant, *, address: str) -> tuple[str, list[dict[str, Any]]]:
    """(cursor, units). Blocks: call it in a thread. Opens its own transaction."""
    origin = Origin(via="socket", address=address)
    with acting_in(grant.organization, by=grant.user, origin=origin, sites=grant.sites):
        where = changes.cursor()
        units = (
            Unit.objects.for_member(grant.membership)
            .filter(deleted_at=None)
            .prefetch_related(Prefetch("sensors", Sensor.objects.only(*_NEEDED)))
            .order_by("name", "pk")
        )
        return where, [_shape(unit) for unit in units]


def _shape(unit: Unit) -> dict[str, Any]:
    now = now_of(unit, unit.sensors.all())
    return {
        "unit": str(unit.pk),
        "site": str(unit.site_id),
        "temperature": now.temperature,
        "humidity": now.humidity,
        "recorded_at": rfc3339_or_none(now.recorded_at),
        "status": now.status,
    }
