"""Which gateway brings a sensor's readings.

Its own, if somebody said so; without one (or where that was removed) the only gateway of its site. Where a site has
several and nobody said which, nobody knows.

Gateways send nothing of their own that we read: neither the native format nor The Things Stack's uplinks tell of one
without a measurement. `Gateway.last_seen_at` is for the day when something does; until then it stays empty.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Q

from sensors.models import Gateway, Sensor, SensorQuerySet

# The columns of sensors, and `carrier_id`: the gateway that brings their readings, or NULL.
CARRIED: Final = """
SELECT s.*, coalesce(own.id, sole.id) AS carrier_id
FROM sensors_sensor s
LEFT JOIN sensors_gateway own ON own.id = s.gateway_id AND own.deleted_at IS NULL
LEFT JOIN (
  SELECT site_id, (array_agg(id))[1] AS id FROM sensors_gateway
  WHERE deleted_at IS NULL AND site_id IS NOT NULL GROUP BY site_id HAVING count(*) = 1
) AS sole ON own.id IS NULL AND sole.site_id = s.site_id
"""


_CARRIERS: Final = f"""
SELECT c.id, c.carrier_id FROM ({CARRIED}) AS c WHERE c.id = ANY (%s) AND c.carrier_id IS NOT NULL
"""  # noqa: S608  # ours alone


def carriers_of(sensors: Collection[int]) -> dict[int, UUID]:
    """The gateways that bring the readings of these sensors, where that is known. Call inside a transaction."""
    if not sensors:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_CARRIERS, [list(sensors)])
        return dict(cursor.fetchall())


def sensors_behind(gateway: Gateway) -> SensorQuerySet:
    """The sensors in service whose readings it brings."""
    behind = Q(gateway=gateway)
    if gateway.site_id is not None and gateway.deleted_at is None:
        others = Gateway.objects.alive().exclude(pk=gateway.pk)
        if not others.filter(site=gateway.site_id).exists():
            of_others = others.filter(organization=gateway.organization_id)
            # No join, so that the indexes on gateway and site are used.
            behind |= Q(site=gateway.site_id) & (Q(gateway=None) | ~Q(gateway__in=of_others.values("pk")))
    found: SensorQuerySet = Sensor.objects.alive().filter(behind, unit__isnull=False)
    return found
