"""The timetable of this room."""

from __future__ import annotations

import logging

from celery import shared_task
from django.db import connection
from django.utils import timezone

from organizations import events
from organizations.tenancy import acting_as_system
from sensors.models import Sensor, SensorStatus

logger = logging.getLogger(__name__)

SWEEP_AT_ONCE = 1000


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


@shared_task(name="sensors.make_partitions")
def make_partitions() -> int:
    """Readings and changes of the next months get their partitions before they come. Returns how many were made."""
    made = 0
    with acting_as_system("sweep"), connection.cursor() as cursor:
        for table in ("sensors_reading", "organizations_change"):
            cursor.execute("SELECT freshtrack_make_partitions(%s::regclass, current_date, 4)", [table])
            made += cursor.fetchone()[0]
    if made:
        logger.info("made %s partitions", made)
    return made
