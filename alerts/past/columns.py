"""What units measured, as columns: months of readings in one way to the database and back.

A point in Python for each of half a million readings would take longer than all that is done with them. What rules look
at (alerts/evaluation/signals.py) is made of whole columns here, by the same arithmetic in the same order, so that both
agree to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import expm1
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alerts.evaluation import Point
from alerts.evaluation.signals import HOUR_S, SHORTEST_S, WINDOW_S
from alerts.models import Metric
from alerts.schedules import Hours
from alerts.watching import PRODUCT, RATE, SILENCE
from freshtrack.arrays import int4s
from freshtrack.rounds import Step, ask

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

_NO_FLOATS: Final[Floats] = np.empty(0)
_NO_INTEGERS: Final[Integers] = np.empty(0, dtype=np.int64)


class Readings(NamedTuple):
    """What some sensors measured, in order of sensor and time; `at` in seconds since 1970."""

    sensor: Integers
    at: Floats
    value: Floats

    def of(self, sensor: int) -> slice:
        """Where a sensor's rows stand."""
        first, last = np.searchsorted(self.sensor, [sensor, sensor + 1])
        return slice(int(first), int(last))


class Track(NamedTuple):
    """What one rule sees of one unit, in order of time and sensor: the columns of its Points."""

    at: Floats
    sensor: Integers
    value: Floats
    gap_s: Floats
    watched: Mask

    @property
    def rows(self) -> int:
        """How many points it has."""
        return len(self.at)

    def points(self, begin: int = 0, end: int | None = None) -> list[Point]:
        """One by one, for what is judged so."""
        return [Point(*row) for row in zip(*(column[begin:end].tolist() for column in self), strict=True)]


# --- from the database ------------------------------------------------------------------------------------------------

# Columns of the table, and how many of a column's steps are one.
_COLUMNS: Final[Mapping[str, tuple[str, int]]] = {
    "temperature": ("temperature", 100),
    "humidity": ("humidity", 100),
    "battery": ("battery", 1),
    "signal": ("signal", 1),
    "door": ("door", 1),
    PRODUCT: ("temperature", 100),
    SILENCE: ("0::smallint", 1),  # only the moments matter
}

# The limit stands inside: it stops the scan.
_READ: Final = """
SELECT array_agg(sensor_id), array_agg(recorded_at), array_agg(value) FROM (
  SELECT sensor_id, recorded_at, {column} AS value FROM sensors_reading
  WHERE sensor_id = ANY ($1::integer[]) AND recorded_at >= $2::timestamptz AND recorded_at < $3::timestamptz
    AND {column} IS NOT NULL
  LIMIT $4::bigint
) AS found
"""


# The newest before a moment: from the key, one row a sensor.
_LAST: Final = """
SELECT array_agg(wanted.id), array_agg(last.recorded_at), array_agg(0::smallint)
FROM unnest($1::integer[]) AS wanted (id), LATERAL (
  SELECT recorded_at FROM sensors_reading
  WHERE sensor_id = wanted.id AND recorded_at < $2::timestamptz ORDER BY recorded_at DESC LIMIT 1
) AS last
"""


def source_of(signal: str, metric: str) -> str:
    """What must be read for a rule with this signal (watching.signal_of) and metric."""
    if signal != RATE:
        return signal
    return Metric.TEMPERATURE if metric == PRODUCT else metric


def read(*, sensors: Iterable[int], start: datetime, end: datetime, source: str, most: int) -> Readings | None:
    """What sensors (by `id`) measured from `start` (inclusive) to `end` (exclusive); None if it is more than `most`.

    One statement, whatever their number. Call inside a transaction.
    """
    column, scale = _COLUMNS[source]
    wanted = int4s(np.array(sorted(sensors), dtype=np.int64))
    [row] = ask([Step(_READ.format(column=column), [wanted, start.isoformat(), end.isoformat(), str(most + 1)])])
    if row[0] is None:
        return Readings(_NO_INTEGERS, _NO_FLOATS, _NO_FLOATS)
    sensor, ms, value = row
    if len(sensor) > most:
        return None
    if not _is_sorted(sensor, ms):
        order = np.lexsort((ms, sensor))
        sensor, ms, value = sensor[order], ms[order], value[order]
    return Readings(sensor, ms / 1000, value / scale)


def last_before(*, sensors: Iterable[int], moment: datetime) -> Readings:
    """When each sensor (by `id`) measured last before a moment; the values are 0. Call inside a transaction."""
    wanted = int4s(np.array(sorted(sensors), dtype=np.int64))
    [(sensor, ms, value)] = ask([Step(_LAST, [wanted, moment.isoformat()])])
    if sensor is None:
        return Readings(_NO_INTEGERS, _NO_FLOATS, _NO_FLOATS)
    return joined([Readings(sensor, ms / 1000, value / 1)])


def _is_sorted(sensor: Integers, ms: Integers) -> bool:
    step = np.diff(sensor)
    return bool(((step > 0) | ((step == 0) & (np.diff(ms) > 0))).all())


def joined(parts: Sequence[Readings]) -> Readings:
    """Several reads as one; they must not overlap."""
    sensor, at, value = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.lexsort((at, sensor))
    return Readings(sensor[order], at[order], value[order])


# --- what a rule sees -------------------------------------------------------------------------------------------------


def track(
    readings: Readings,
    *,
    gaps: Mapping[int, float],
    until: Mapping[int, float],
    signal: str,
    tau_s: float = 0.0,
    hours: Hours | None = None,
) -> Track:
    """What a rule sees of one unit. `gaps` are its sensors and their longest pauses that count, in seconds.

    What a sensor measured after `until` (it was retired then) isn't the unit's. With `hours` only what was measured
    while the site was open is watched.
    """
    parts: list[tuple[Floats, Integers, Floats, Floats]] = []
    for sensor, gap_s in gaps.items():
        mine = readings.of(sensor)
        at, value = readings.at[mine], readings.value[mine]
        if sensor in until:
            kept = int(np.searchsorted(at, until[sensor], side="right"))
            at, value = at[:kept], value[:kept]
        if signal == PRODUCT:
            value = product_of(at, value, tau_s)
        elif signal == RATE:
            at, value = rate_of(at, value, gap_s)
        parts.append((at, np.full(len(at), sensor), value, np.full(len(at), gap_s)))
    if not parts:
        return Track(_NO_FLOATS, _NO_INTEGERS, _NO_FLOATS, _NO_FLOATS, np.empty(0, dtype=np.bool_))
    at, sensors, value, gap = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    if len(parts) > 1:
        order = np.lexsort((sensors, at))
        at, sensors, value, gap = at[order], sensors[order], value[order], gap[order]
    watched = np.ones(len(at), dtype=np.bool_) if hours is None else open_at(hours, at)
    return Track(at, sensors, value, gap, watched)


def open_at(hours: Hours, at: Floats) -> Mask:
    """Which moments lie in the opening hours, asked once for each minute: clocks change at whole ones."""
    minutes, place = np.unique(at // 60, return_inverse=True)
    is_open = np.array([hours.open_at(minute * 60) for minute in minutes.tolist()], dtype=np.bool_)
    return is_open[place]


def product_of(at: Floats, air: Floats, tau_s: float) -> Floats:
    """`signals.product` of one sensor: the temperature of the food, estimated from the air's."""
    if len(at) == 0 or tau_s <= 0:
        return air
    pauses, place = np.unique(np.diff(at), return_inverse=True)
    nearer = np.array([-expm1(-pause / tau_s) for pause in pauses.tolist()])[place].tolist()
    product = float(air[0])
    estimates = [product]
    for outside, share in zip(air[1:].tolist(), nearer, strict=True):
        estimate = product + (outside - product) * share
        # Between the two, whatever the last digit of a float says.
        if outside >= product:
            product = product if estimate < product else outside if estimate > outside else estimate
        else:
            product = outside if estimate < outside else product if estimate > product else estimate
        estimates.append(product)
    return np.array(estimates)


def rate_of(at: Floats, value: Floats, gap_s: float) -> tuple[Floats, Floats]:
    """`signals.rate` of one sensor: how fast it rises, an hour, where that can be said."""
    rows = np.arange(len(at))
    # The last row at or before the window's begin, or the very first.
    before = np.maximum(np.searchsorted(at, at - WINDOW_S, side="right") - 1, 0)
    is_before = at[before] <= at - WINDOW_S
    is_near = is_before & (at - at[before] <= WINDOW_S + gap_s)
    base = np.minimum(np.where(is_before & ~is_near, before + 1, before), rows)
    told = is_near | (at - at[base] >= SHORTEST_S)
    hours = (at[told] - at[base[told]]) / HOUR_S
    return at[told], (value[told] - value[base[told]]) / hours
