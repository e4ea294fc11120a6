"""What a rule looks at and no sensor reports: the product's temperature, and how fast it gets warmer.

Made from stored readings, sensor by sensor, so that the same is seen by live ingest, back-tests and charts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import expm1
from typing import Final

from msgspec.structs import replace

from alerts.evaluation.timers import Point

# °C per hour over the last quarter of an hour; less than ten minutes of readings is noise, not a trend.
WINDOW_S: Final = 900.0
SHORTEST_S: Final = 600.0
HOUR_S: Final = 3600.0


def product(points: Iterable[Point], tau_s: float, start: dict[int, tuple[float, float]] | None = None) -> list[Point]:
    """The temperature of the food, estimated from the air's: it follows with the time constant `tau_s` (seconds).

    dTp/dt = (Ta − Tp)/tau (FDA Food Code 4-204.112(A): "simulated product temperature"). Each sensor's points in order
    of time; pauses count in full, since food goes on warming unseen. `start` is what the estimate was last, sensor ->
    (time, value); without it the product begins as warm as the air. A small tau is the safe side, 0 is the air itself.
    """
    estimates, _ = followed(points, tau_s, start or {})
    return estimates


def followed(
    points: Iterable[Point], tau_s: float, start: Mapping[int, tuple[float, float]]
) -> tuple[list[Point], dict[int, tuple[float, float]]]:
    """`product`, and what the estimate is last: the `start` of what comes next."""
    newest = dict(start)
    estimates = []
    for point in points:
        at, sensor, air = point.at, point.sensor, point.value
        known = newest.get(sensor)
        if known is not None and tau_s > 0:
            seen, before = known
            nearer = -expm1((seen - at) / tau_s) if at > seen else 0.0
            estimate = before + (air - before) * nearer
            # Between the two, whatever the last digit of a float says.
            coldest, warmest = (before, air) if before <= air else (air, before)
            if not coldest <= estimate <= warmest:
                estimate = coldest if estimate < coldest else warmest
            newest[sensor] = (at if at > seen else seen, estimate)
        else:
            estimate = air
            newest[sensor] = (at, estimate)
        estimates.append(Point(at, sensor, estimate, point.gap_s, point.watched))
    return estimates, newest


def rate(points: Iterable[Point]) -> list[Point]:
    """°C per hour over the last 15 minutes, for each point of which that can be said.

    Compared with the sensor's last point at or before 15 minutes ago, if no pause lies between them (it may be older by
    `gap_s`); else with the oldest of the 15 minutes, if that is at least 10 minutes old; else there is no rate. Each
    sensor's points in order of time; to judge from a moment on, give those of 15 minutes and a gap before it, too.
    """
    history: dict[int, list[Point]] = defaultdict(list)
    oldest: dict[int, int] = defaultdict(int)  # sensor -> position in its history of what the window may need
    rates = []
    for point in points:
        mine = history[point.sensor]
        mine.append(point)
        place = oldest[point.sensor]
        while place + 1 < len(mine) and mine[place + 1].at <= point.at - WINDOW_S:
            place += 1
        oldest[point.sensor] = place
        base = _base(mine, place, point)
        if base is not None:
            hours = (point.at - base.at) / HOUR_S
            rates.append(replace(point, value=(point.value - base.value) / hours))
    return rates


def _base(mine: list[Point], place: int, point: Point) -> Point | None:
    """What to compare with; `place` is the last point at or before the window's begin, or the very first."""
    first = mine[place]
    if first.at <= point.at - WINDOW_S:
        if point.at - first.at <= WINDOW_S + point.gap_s:
            return first
        first = mine[place + 1]  # the point itself, if nothing else is in the window
    return first if point.at - first.at >= SHORTEST_S else None
