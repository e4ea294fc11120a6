"""The timetable of this room."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from organizations import events
from organizations.tenancy import acting_as_system
from sensors import summaries
from sensors.keeping import retire_partitions
from sensors.models import Sensor, SensorStatus
from sensors.partitions import make_partitions

__all__ = ["make_partitions", "publish_device", "retire_partitions", "roll_up", "sweep_silent"]

SWEEP_AT_ONCE = 1000
# Less than beat waits: a worker isn't kept from other tasks for long, and the next round goes on.
ROLL_UP_SECONDS = 10


@shared_task(name="sensors.sweep_silent")
def sweep_silent() -> int:
    """Mark sensors offline that missed three of their intervals, and tell open screens. Safe to run twice."""
    now = timezone.now()
    with acting_as_system("sweep"):
        silent = list(
            Sensor.objects.silent(at=now)
            .select_for_update(skip_locked=True, of=("self",), no_key=True)
            .order_by("pk")[:SWEEP_AT_ONCE]
        )
        Sensor.objects.filter(pk__in=[sensor.pk for sensor in silent]).update(status=SensorStatus.OFFLINE)
        for sensor in silent:
            publish_device(sensor.organization_id, sensor.public_id, sensor.unit_id, sensor.site_id, "offline")
    return len(silent)


def publish_device(organization_id, public_id, unit_id, site_id, status) -> None:  # type: ignore[no-untyped-def]
    """Tell open screens that a device went on- or offline. Call inside a transaction."""
    events.publish(
        organization_id,
        {
            "type": "device",
            "sensor": str(public_id),
            "unit": None if unit_id is None else str(unit_id),
            "site": None if site_id is None else str(site_id),
            "status": status,
        },
    )


@shared_task(name="sensors.roll_up")
def roll_up() -> int:
    """Sum up by hour and by day what was stored since. Safe to run twice, late, or after a crash."""
    return summaries.roll_up(at=timezone.now(), seconds=ROLL_UP_SECONDS)
