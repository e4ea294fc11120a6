"""What a chart shows beside a unit's readings: defrosts, open doors, and how warm the food was by estimate.

All of it is made when somebody looks, from the readings as they are stored: a late reading, another probe or another
time constant is in it at once. Everything here is called inside a transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from rest_framework import status

from alerts.past import columns, defrost
from alerts.past.columns import Floats, Readings
from alerts.profiles import product_tau_s
from freshtrack.errors import DomainError
from sensors.models import Sensor, Unit
from sensors.time_in_range import GAP_INTERVALS, MIN_GAP_S

DEFROST: Final = "defrost"
DOOR_OPEN: Final = "door_open"

LONGEST: Final = timedelta(days=100)
# A probe that reports every ten seconds for 100 days and what is learnt from: a second of work, 40 MB.
MOST_READINGS: Final = 1_000_000
# Of one sensor in a week: one every six seconds.
MOST_LEARNT_FROM: Final = 100_000
# A chart of 100 days has fewer pixels. The longest are kept, and it is said how many aren't.
MOST_LABELS: Final = 2000
# Defrosts are told by what comes before and after; a door may have been opened before the range.
LEARNING: Final = timedelta(days=defrost.DAYS)
ONE_DAY: Final = timedelta(days=1)
# After twelve time constants not a hundredth of a kelvin is left of whatever was assumed at their begin.
WARM_UP_TAUS: Final = 12
LONGEST_WARM_UP: Final = timedelta(days=30)


class TooManyReadings(DomainError):
    """More than anybody could look at in one chart."""

    code = "too_many_readings"
    status = status.HTTP_400_BAD_REQUEST

    def __init__(self, most: int) -> None:
        super().__init__(f"There are more than {most:,} readings in this time and the days around. Ask for less.")


class Label(NamedTuple):
    """What was going on in a unit, as one of its sensors tells it. `peak`: the warmest air meanwhile, °C."""

    kind: Literal["defrost", "door_open"]
    start: datetime
    end: datetime
    sensor: int
    peak: float | None


class Labels(NamedTuple):
    """In order of time; `left_out` of them, the shortest, were too many."""

    rows: list[Label]
    left_out: int


class Estimate(NamedTuple):
    """How warm the food was, °C."""

    at: datetime
    sensor: int
    temperature: float


def labels_of(
    *, unit: Unit, sensors: Sequence[Sensor], start: datetime, end: datetime, most: int = MOST_READINGS
) -> Labels:
    """Recognised defrosts and open doors that overlap the range, which is at most LONGEST.

    Raises TooManyReadings.
    """
    if not sensors or start >= end:
        return Labels([], 0)
    doors = _read(sensors, start - ONE_DAY, end + ONE_DAY, "door", most)
    air = _read(sensors, start - LEARNING, end + LEARNING, "temperature", most)
    opened = {sensor.pk: _opened(doors, sensor) for sensor in sensors}
    of_the_unit = sorted(span for spans in opened.values() for span in spans)
    found = []
    for sensor in sensors:
        mine = air.of(sensor.pk)
        at, value = air.at[mine], air.value[mine]
        if unit.kind not in defrost.WITHOUT:
            for rise in defrost.recognise(at, value, gap_s=_gap_s(sensor), opened=of_the_unit):
                found.append(Label(DEFROST, _moment(rise.start), _moment(rise.end), sensor.pk, rise.peak))
        for begin, until in opened[sensor.pk]:
            peak = _peak(at, value, begin, until)
            found.append(Label(DOOR_OPEN, _moment(begin), _moment(until), sensor.pk, peak))
    found = [label for label in found if label.start < end and label.end >= start]
    kept = sorted(found, key=lambda label: label.start - label.end)[:MOST_LABELS]
    return Labels(sorted(kept, key=lambda label: (label.start, label.sensor)), len(found) - len(kept))


def defrost_until(
    *, unit: Unit, sensors: Sequence[Sensor], sensor: Sensor, at: datetime, most: int = MOST_LEARNT_FROM
) -> datetime | None:
    """When the defrost that one of the unit's sensors seems to see would be over at the latest; None: none is due.

    As far as was known at `at`, the moment of its newest reading. So long a warning on its air may wait before people
    are told; what is critical waits for nothing. None as well where the last week has too many readings to be looked
    at while others wait.
    """
    if unit.kind in defrost.WITHOUT:
        return None
    start, end = at - LEARNING, at + timedelta(milliseconds=1)
    ids = [one.pk for one in sensors]
    doors = columns.read(sensors=ids, start=start, end=end, source="door", most=most)
    air = columns.read(sensors=[sensor.pk], start=start, end=end, source="temperature", most=most)
    if doors is None or air is None:
        return None
    opened = sorted(span for one in sensors for span in _opened(doors, one))
    found = defrost.expected(air.at, air.value, gap_s=_gap_s(sensor), opened=opened)
    return None if found is None else _moment(found.until)


def product_series(
    *,
    unit: Unit,
    sensors: Sequence[Sensor],
    start: datetime,
    end: datetime,
    max_points: int,
    most: int = MOST_READINGS,
) -> list[Estimate]:
    """The product temperature as rules see it, at most `max_points`, ascending; each stretch keeps its extremes.

    Raises TooManyReadings.
    """
    if not sensors or start >= end:
        return []
    tau_s = tau_of(unit)
    warm_up = min(timedelta(seconds=WARM_UP_TAUS * tau_s), LONGEST_WARM_UP)
    air = _read(sensors, start - warm_up, end, "temperature", most)
    found = []
    for sensor in sensors:
        mine = air.of(sensor.pk)
        at = air.at[mine]
        estimate = columns.product_of(at, air.value[mine], tau_s)
        shown = at >= start.timestamp()
        found.append((sensor.pk, at[shown], estimate[shown]))
    if sum(len(at) for _, at, _ in found) > max_points:
        found = _thinned(found, start=start, end=end, max_points=max_points)
    estimates = [
        Estimate(_moment(at), sensor, round(value, 2))
        for sensor, moments, values in found
        for at, value in zip(moments.tolist(), values.tolist(), strict=True)
    ]
    estimates.sort(key=lambda estimate: (estimate.at, estimate.sensor))
    return estimates if len(estimates) <= max_points else _farthest(estimates, max_points)


def tau_of(unit: Unit) -> int:
    """The time constant with which the unit's product follows its air, in seconds: its own, or that of its kind."""
    return unit.product_tau_s or product_tau_s(unit.kind)


# --- parts ------------------------------------------------------------------------------------------------------------


def open_spans(at: Floats, is_open: Any, *, gap_s: float) -> list[tuple[float, float]]:
    """When a door was open: each from its first reading to the first that says it was closed.

    Across a pause longer than `gap_s` nobody knows: the span ends with its last reading, another begins after it.
    """
    if not len(at):
        return []
    paused = np.concatenate([[True], np.diff(at) > gap_s])
    before = np.concatenate([[False], is_open[:-1]])
    begins = np.flatnonzero(is_open & (paused | ~before))
    last = np.flatnonzero(is_open & np.concatenate([paused[1:] | ~is_open[1:], [True]]))
    spans = []
    for first, final in zip(begins.tolist(), last.tolist(), strict=True):
        closed = final + 1 < len(at) and not paused[final + 1]
        spans.append((float(at[first]), float(at[final + 1] if closed else at[final])))
    return spans


def _opened(doors: Readings, sensor: Sensor) -> list[tuple[float, float]]:
    mine = doors.of(sensor.pk)
    return open_spans(doors.at[mine], doors.value[mine] == 1, gap_s=_gap_s(sensor))


def _peak(at: Floats, value: Floats, start: float, end: float) -> float | None:
    first, last = np.searchsorted(at, [start, end])
    inside = value[first : last + 1]
    return float(inside.max()) if len(inside) else None


_OfSensor = tuple[int, Floats, Floats]


def _thinned(found: Sequence[_OfSensor], *, start: datetime, end: datetime, max_points: int) -> list[_OfSensor]:
    """Each sensor's coldest and warmest estimate in each of equal stretches."""
    count = max(1, max_points // (2 * len(found)))
    edges = np.linspace(start.timestamp(), end.timestamp(), count + 1)[1:-1]
    thinned = []
    for sensor, at, value in found:
        bucket = np.searchsorted(edges, at, side="right")
        # Sorted by bucket, then value: the first and the last of each bucket are its extremes.
        order = np.lexsort((value, bucket))
        firsts = np.flatnonzero(np.diff(bucket[order], prepend=-1))
        lasts = np.append(firsts[1:], len(order)) - 1
        kept = np.unique(np.concatenate([order[firsts], order[lasts]])) if len(order) else order
        thinned.append((sensor, at[kept], value[kept]))
    return thinned


def _farthest(estimates: Sequence[Estimate], max_points: int) -> list[Estimate]:
    """Where there isn't even room for two of each sensor: the warmest and the coldest of all, by turns."""
    by_warmth = sorted(estimates, key=lambda estimate: -estimate.temperature)
    turns = [by_warmth[-1 - turn // 2] if turn % 2 else by_warmth[turn // 2] for turn in range(max_points)]
    return sorted(turns, key=lambda estimate: (estimate.at, estimate.sensor))


def _read(sensors: Sequence[Sensor], start: datetime, end: datetime, source: str, most: int) -> Readings:
    found = columns.read(sensors=[sensor.pk for sensor in sensors], start=start, end=end, source=source, most=most)
    if found is None:
        raise TooManyReadings(most)
    return found


def _gap_s(sensor: Sensor) -> float:
    return float(max(MIN_GAP_S, GAP_INTERVALS * sensor.expected_interval_s))


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(round(at, 3), UTC)
