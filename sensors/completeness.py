"""How many of the readings that were expected have come.

A sensor is expected to report once in each of its intervals, from when it was claimed until it was retired. An hour (by
its site's clock) counts for at most one reading more than is expected of it: neither does a burst make up for a gap,
nor does a reading that comes a second before the hour and the next one a second after count against anybody. And no
sensor counts for more than all that was expected of it. Hours come from the summaries; noted ones, and those that the
stretch cuts, from the raw readings (Note [Summaries]).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection

from organizations.models import Organization
from sensors.summaries import HOUR_S

# Up to a burst of one; see above.
_SLACK: Final = 1

_RECEIVED: Final = """
WITH wanted AS MATERIALIZED (
  SELECT * FROM unnest(%(sensors)s::integer[], %(zones)s::text[], %(starts)s::timestamptz[], %(stops)s::timestamptz[],
                       %(mosts)s::bigint[]) AS w (sensor_id, zone, start, stop, most)
), noted AS MATERIALIZED (
  SELECT DISTINCT n.sensor_id, n.hour
  FROM sensors_arrival a CROSS JOIN LATERAL unnest(a.sensors, a.hours) AS n (sensor_id, hour)
  WHERE a.organization_number = %(number)s AND (n.hour < 0 OR n.hour BETWEEN %(first)s AND %(last)s)
), raw AS MATERIALIZED (
  SELECT sensor_id, date_trunc('hour', start, zone) AS hour FROM wanted WHERE date_trunc('hour', start, zone) <> start
  UNION
  SELECT sensor_id, date_trunc('hour', stop, zone) FROM wanted WHERE date_trunc('hour', stop, zone) <> stop
  UNION
  SELECT w.sensor_id, date_trunc('hour', touched.at, w.zone)
  FROM wanted w JOIN noted n USING (sensor_id) CROSS JOIN LATERAL (
    VALUES (to_timestamp(n.hour * 3600.0::float8)),
           (to_timestamp(n.hour * 3600.0::float8) + interval '3600 seconds' - interval '1 microsecond')
  ) AS touched (at)
  WHERE n.hour >= 0
  UNION
  SELECT w.sensor_id, date_trunc('hour', each.at, w.zone)
  FROM wanted w JOIN noted n USING (sensor_id)
  CROSS JOIN LATERAL generate_series(w.start, w.stop + interval '1 hour', interval '30 minutes') AS each (at)
  WHERE n.hour < 0
), counted AS MATERIALIZED (
  SELECT sensor_id, sum(least(found.number, most)) AS number, array_agg(hour) AS hours
  FROM raw JOIN wanted USING (sensor_id) CROSS JOIN LATERAL (
    SELECT count(*) AS number FROM sensors_reading r
    WHERE r.sensor_id = wanted.sensor_id AND (temperature IS NOT NULL OR humidity IS NOT NULL)
      AND r.recorded_at >= greatest(raw.hour, start) AND r.recorded_at < least(raw.hour + interval '1 hour', stop)
      AND r.recorded_at >= %(from)s AND r.recorded_at < %(to)s
  ) AS found
  GROUP BY sensor_id
)
SELECT sensor_id, coalesce(counted.number, 0) + summed.number
FROM wanted LEFT JOIN counted USING (sensor_id) CROSS JOIN LATERAL (
  SELECT coalesce(sum(least(greatest(h.count, h.humidity_count), most)), 0) AS number FROM sensors_readinghour h
  WHERE h.sensor_id = wanted.sensor_id AND h.hour >= start AND h.hour <= stop - interval '1 hour'
    AND h.hour >= %(from)s AND h.hour < %(to)s AND (counted.hours IS NULL OR h.hour <> ALL (counted.hours))
) AS summed
"""


@dataclass(frozen=True, slots=True)
class Expected:
    """A sensor from when until when it was to report, by which clock its hours are cut, and how often."""

    sensor: int
    zone: str
    start: datetime
    stop: datetime
    interval_s: int

    @property
    def number(self) -> float:
        """How many readings that makes."""
        return max((self.stop - self.start).total_seconds(), 0.0) / self.interval_s

    @property
    def most_an_hour(self) -> int:
        """What one hour counts for."""
        return math.ceil(HOUR_S / self.interval_s) + _SLACK


@dataclass(slots=True)
class Completeness:
    """Readings of one or more sensors. Those of several add up."""

    expected: float = 0.0
    received: float = 0.0

    @property
    def share(self) -> float | None:
        """Between 0 and 1; None where nothing was expected."""
        return self.received / self.expected if self.expected else None

    def add(self, other: Completeness) -> None:
        """Together."""
        self.expected += other.expected
        self.received += other.received


def of(expected: Sequence[Expected], *, organization: Organization) -> dict[int, Completeness]:
    """Of each sensor. One statement however many. Call inside a transaction."""
    expected = [one for one in expected if one.start < one.stop]
    if not expected:
        return {}
    start, stop = min(one.start for one in expected), max(one.stop for one in expected)
    with connection.cursor() as cursor:
        cursor.execute(
            _RECEIVED,
            {
                "sensors": [one.sensor for one in expected],
                "zones": [one.zone for one in expected],
                "starts": [one.start for one in expected],
                "stops": [one.stop for one in expected],
                "mosts": [one.most_an_hour for one in expected],
                "number": organization.number,
                "first": int(start.timestamp() // HOUR_S) - 1,
                "last": int(stop.timestamp() // HOUR_S) + 1,
                "from": start,
                "to": stop,
            },
        )
        received = dict(cursor.fetchall())
    return {
        one.sensor: Completeness(one.number, min(float(received.get(one.sensor, 0)), one.number)) for one in expected
    }
