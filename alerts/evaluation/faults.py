"""What a probe says about itself: that it can't measure, or that it can. Pure.

A faulty value (ingest/samples.py: FAULT_VALUES, and 85 °C after a power-on) is refused as a reading, so it is neither
stored nor judged by a rule about temperature: a broken probe never makes a cooler too warm. It is what a `fault` rule
looks at instead: 1 for each refused value, 0 for each reading that was accepted, one cause for each probe.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import merge
from typing import Final

from alerts.evaluation import Point
from alerts.schedules import Hours

FAULTY: Final = 1.0
FINE: Final = 0.0


def points(
    sensor: int,
    *,
    faults: Iterable[int],
    readings: Iterable[int],
    gap_s: float,
    newest: float | None,
    hours: Hours | None = None,
) -> list[Point]:
    """One probe's points for its `fault` rules, in order of time.

    `faults` and `readings` are milliseconds since 1970, each in order: values that were refused as faulty, readings
    that were accepted. `newest` is the probe's last word before them, in seconds: the later of its newest reading and
    of what its rule has judged last. What isn't later is left out: a retry tells the same fault again, and a fault out
    of a backlog that is older than a good reading is past. At the same moment the reading counts last: the probe has
    recovered. With opening `hours` only what was said while the site was open is watched.
    """
    said = merge(((ms, FAULTY) for ms in faults), ((ms, FINE) for ms in readings), key=lambda word: (word[0], -word[1]))
    found: list[Point] = []
    for ms, value in said:
        at = ms / 1000
        if newest is not None and at <= newest:
            continue
        if found and found[-1].at == at and found[-1].value == value:
            continue
        found.append(Point(at, sensor, value, gap_s, hours is None or hours.open_at(at)))
    return found


def last_word(*words: float | None) -> float | None:
    """The latest of some moments that may be missing."""
    known = [word for word in words if word is not None]
    return max(known) if known else None
