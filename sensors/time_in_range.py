"""How long it was too cold, too warm, or neither: time counted as alert rules count it (Note [Timers])."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from sensors.fields import centi
from sensors.models import Sensor

# As in the rules: a longer pause between two readings counts as nothing measured.
MIN_GAP_S: Final = 15 * 60
GAP_INTERVALS: Final = 3
LONGEST: Final = timedelta(days=400)  # 115,000 readings of a 5-minute sensor take a tenth of a second

# From each reading to the next one of its sensor. The first may lie before the range and the last one after it: only
# what is inside counts, so that the times of two neighbouring ranges add up to those of both.
_TIMES: Final = """
WITH spans AS (
  SELECT reading.*, recorded_at >= %(from)s AND recorded_at < %(to)s AS is_inside,
         CASE WHEN until - recorded_at <= wanted.gap * interval '1 second'
              THEN greatest(date_part('epoch', least(until, %(to)s) - greatest(recorded_at, %(from)s)), 0)
              ELSE 0 END AS seconds
  FROM unnest(%(sensors)s::integer[], %(gaps)s::float8[]) AS wanted (id, gap) CROSS JOIN LATERAL (
    SELECT recorded_at, temperature, lead(recorded_at) OVER (ORDER BY recorded_at) AS until
    FROM sensors_reading
    WHERE sensor_id = wanted.id AND temperature IS NOT NULL
      AND recorded_at >= %(from)s::timestamptz - %(gap)s * interval '1 second'
      AND recorded_at <= %(to)s::timestamptz + %(gap)s * interval '1 second'
  ) AS reading
)
SELECT coalesce(sum(seconds), 0), coalesce(sum(seconds) FILTER (WHERE temperature > %(high)s), 0),
       coalesce(sum(seconds) FILTER (WHERE temperature < %(low)s), 0),
       min(temperature) FILTER (WHERE is_inside) / 100.0::float8,
       round(avg(temperature) FILTER (WHERE is_inside) / 100, 2)::float8,
       max(temperature) FILTER (WHERE is_inside) / 100.0::float8, count(*) FILTER (WHERE is_inside)
FROM spans
"""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Seconds and °C. `measured_s` is the sum of the three times; those of several sensors add up."""

    measured_s: float
    in_range_s: float
    above_s: float
    below_s: float
    min: float | None
    avg: float | None
    max: float | None
    count: int


def statistics(
    *, sensors: Sequence[Sensor], start: datetime, end: datetime, low: float | None, high: float | None
) -> Statistics:
    """How long temperatures were within `low` and `high` (both included; None: no limit). Call inside a transaction.

    A distance of more than 15 minutes, and more than three intervals of the sensor, adds nothing.
    """
    gaps = [float(max(MIN_GAP_S, GAP_INTERVALS * sensor.expected_interval_s)) for sensor in sensors]
    with connection.cursor() as cursor:
        cursor.execute(
            _TIMES,
            {
                "sensors": [sensor.pk for sensor in sensors],
                "gaps": gaps,
                "gap": max(gaps, default=0.0),
                "from": start,
                "to": end,
                # Compared with hundredths in two bytes, which are never beyond these.
                "low": -40_000 if low is None else centi(low),
                "high": 40_000 if high is None else centi(high),
            },
        )
        measured, above, below, coldest, mean, warmest, count = cursor.fetchone()
    in_range = max(measured - above - below, 0.0)
    measured, in_range, above, below = (round(seconds, 3) for seconds in (measured, in_range, above, below))
    return Statistics(measured, in_range, above, below, coldest, mean, warmest, count)
