"""Which gateway brings a sensor's readings.

Its own, if somebody said so; without one (or where that was removed) the only gateway of its site. Where a site has
several and nobody said which, nobody knows.
"""

from __future__ import annotations

from typing import Final

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


def sensors_behind(gateway: Gateway) -> SensorQuerySet:
    """The sensors in service whose readings it brings."""
    behind = Q(gateway=gateway)
    if gateway.site_id is not None and gateway.deleted_at is None:
        others = Gateway.objects.alive().filter(site=gateway.site_id).exclude(pk=gateway.pk)
        if not others.exists():
            behind |= Q(gateway=None, site=gateway.site_id) | Q(gateway__deleted_at__isnull=False, site=gateway.site_id)
    found: SensorQuerySet = Sensor.objects.alive().filter(behind, unit__isnull=False)
    return found
