"""Which rises of the air are defrosts: bounded, over by themselves, and back at their times. Pure.

What is recognised is a label for charts and explanations. It deletes no reading, mends no value and masks no limit:
what keeps a defrost from waking people is that food follows the air slowly (docs/defrost.md).

Learnt from what the unit itself did in the days around. First come the rises: the air leaves the unit's usual band,
goes well beyond the top of the thermostat's saw-tooth and comes back within two and a half hours, without a pause in
the readings. Then their rhythm: a defrost comes at the same time of most other days (a timer), or again and again after
the same interval (a controller that counts hours). Doors open at random, so few of their rises pass for one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensors.models import UnitKind

Floats = NDArray[np.float64]

DAY_S: Final = 86_400.0
# How far to look for what is usual and for the rhythm, before a moment and after it.
DAYS: Final = 7

# Electric defrosts of walk-in freezers are ended by a fail-safe after 40 to 60 minutes; the air needs as long again.
LONGEST_S: Final = 150 * 60.0
# Nothing but a door warms the air so quickly: this share of a rise within this time.
QUICK_S: Final = 8 * 60.0
QUICK_SHARE: Final = 0.9
HIGHEST: Final = 30.0  # K
# Of a unit whose thermostat hardly swings: a rise smaller than this is nothing that anybody asks about.
LOWEST: Final = 0.5  # K

# Of an even saw-tooth the median is halfway and `swing`, from the coldest quarter to it, a quarter of its height: it
# stands above the band for a quarter of the time, and its top is at 2. Real ones stay lower, and
# where cycles are seen they say themselves how high they go.
BAND: Final = 1.0
TOP: Final = 1.5
# Thermostats switch more often than this, and nothing defrosts so often.
CYCLES_A_DAY: Final = 10
ABOVE_CYCLES: Final = 0.3  # K

# A timer starts defrosts to the minute; how long one takes depends on the ice. Wider, and people at lunch pass for one.
LATE_S: Final = 15 * 60.0
OF_DAYS: Final = 0.6
SHORTEST_INTERVAL_S: Final = 3 * 3600.0
LONGEST_INTERVAL_S: Final = 20 * 3600.0
OF_INTERVALS: Final = 0.75
FEWEST_INTERVALS: Final = 5
# More rises than these are no defrosts with doors between them, but a unit whose usual band can't be told.
MOST_A_DAY: Final = 30

# An unfinished defrost is known by its begin, which is as early as the saw-tooth was high already.
EARLY_S: Final = 30 * 60.0
# How much longer and warmer than those before it one may be.
LONGER: Final = 1.25
WARMER: Final = 1.0  # K
# From the usual band down to where a rule clears.
CLEARING_S: Final = 15 * 60.0

# What is neither cold nor kept by an evaporator that ices up.
WITHOUT: Final = frozenset({UnitKind.HOT_HOLDING, UnitKind.PHARMACY_ROOM, UnitKind.DRY_STORE, UnitKind.ROOM})


class Rise(NamedTuple):
    """The air above its usual band: seconds since 1970 of the last reading before and the first after it, and its peak.

    `height` is above what was usual then, in K.
    """

    start: float
    end: float
    peak_at: float
    peak: float
    height: float


def recognise(at: Floats, value: Floats, *, gap_s: float, opened: Sequence[tuple[float, float]] = ()) -> list[Rise]:
    """The defrosts among what one sensor measured, in order of time: `at` in seconds, ascending, `value` in °C.

    Give at least three days; a week is better. A pause longer than `gap_s` is no reading of anything. `opened` are the
    times in which the unit's door is known to have been open, in order: what rises while it is open isn't a defrost.
    """
    found = [rise for rise in rises(at, value, gap_s=gap_s) if not _is_of_a_door(rise, opened)]
    return _rhythmic(found, at)


class Expected(NamedTuple):
    """A defrost that seems to be going on: since when, and when it would be over at the latest."""

    since: float
    until: float


def expected(at: Floats, value: Floats, *, gap_s: float, opened: Sequence[tuple[float, float]] = ()) -> Expected | None:
    """The defrost that the last reading seems to be in: one was due, and so far it is like those before it.

    Give the last week. None where nothing is due, nothing was recognised yet, the air is warmer than in any defrost
    before, or it is back. A failure that begins just then looks the same until `until`: let only warnings wait for it.
    """
    if len(at) < 3:
        return None
    middle, swing = _usual(np.floor(at / DAY_S), value)
    inside = np.flatnonzero(value <= _band(middle, swing))
    if not len(inside) or inside[-1] == len(at) - 1 or float(np.diff(at[inside[-1] :]).max()) > gap_s:
        return None
    since = float(at[inside[-1]])
    due = _due(recognise(at, value, gap_s=gap_s, opened=opened), since)
    if not due or value[inside[-1] :].max() > max(rise.peak for rise in due) + WARMER:
        return None
    if _is_of_a_door(Rise(since, float(at[-1]), float(at[-1]), float(value[-1]), 0.0), opened):
        return None
    length = min(LONGER * max(rise.end - rise.start for rise in due), LONGEST_S)
    return Expected(since, since + length + CLEARING_S)


def _due(before: Sequence[Rise], since: float) -> list[Rise]:
    """Those before it by which one is due now: at this time of day, or an interval ago."""
    late = [(since - rise.start + DAY_S / 2) % DAY_S - DAY_S / 2 for rise in before]
    daily = [rise for rise, seconds in zip(before, late, strict=True) if abs(seconds) <= EARLY_S]
    if len(daily) >= 2:
        return daily
    starts = [rise.start for rise in before[-1 - FEWEST_INTERVALS :]]
    if len(starts) > FEWEST_INTERVALS and abs(since - starts[-1] - float(np.median(np.diff(starts)))) <= EARLY_S:
        return list(before[-1 - FEWEST_INTERVALS :])
    return []


# --- rises ------------------------------------------------------------------------------------------------------------


def rises(at: Floats, value: Floats, *, gap_s: float) -> list[Rise]:
    """Every bounded rise above the top of the saw-tooth that ended by itself."""
    if len(at) < 3:
        return []
    day = np.floor(at / DAY_S)
    middle, swing = _usual(day, value)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], value > _band(middle, swing), [False]]).astype(np.int8)))
    firsts, afters = edges[::2], edges[1::2]
    if not len(firsts):
        return []
    peaks = np.maximum.reduceat(np.append(value, -np.inf), edges)[::2]
    tops = np.maximum(middle[firsts] + np.maximum(TOP * swing[firsts], LOWEST), _cycle_tops(day[firsts], peaks))
    found = []
    for number in np.flatnonzero(peaks > tops).tolist():
        first, after = int(firsts[number]), int(afters[number])
        if first == 0 or after == len(at):
            continue  # nobody saw it begin, or end
        start, end = float(at[first - 1]), float(at[after])
        if end - start > LONGEST_S or float(np.diff(at[first - 1 : after + 1]).max()) > gap_s:
            continue
        highest = first + int(np.argmax(value[first:after]))
        height = float(value[highest] - middle[highest])
        up = slice(first - 1, highest + 1)
        if height <= HIGHEST and not _is_quick(at[up], value[up]):
            found.append(Rise(start, end, float(at[highest]), float(value[highest]), height))
    return found


def _band(middle: Floats, swing: Floats) -> Floats:
    """Where the usual band ends."""
    return middle + np.maximum(BAND * swing, 0.4 * LOWEST)


def _is_quick(at: Floats, value: Floats) -> bool:
    """Whether most of the way up was gone at once: somebody opened the door."""
    before = np.searchsorted(at, at - QUICK_S)
    return bool((value - value[before]).max() > QUICK_SHARE * (value[-1] - value[0]))


def _usual(day: Floats, value: Floats) -> tuple[Floats, Floats]:
    """For each reading the median of the days around, and how far below it the coldest quarter begins.

    Only what is below the median tells the swing: defrosts, doors and failures are all above it.
    """
    middle, swing = np.empty(len(day)), np.empty(len(day))
    for here, around in _days(day):
        quarter, half = np.quantile(value[around], [0.25, 0.5])
        middle[here], swing[here] = half, half - quarter
    return middle, swing


def _cycle_tops(day: Floats, peaks: Floats) -> Floats:
    """For each time above the band how high a thermostat's cycle goes there: most of them are such.

    -infinity where they are too few for a thermostat.
    """
    tops = np.full(len(day), -np.inf)
    for here, around in _days(day):
        if around.stop - around.start >= CYCLES_A_DAY * (day[around.stop - 1] - day[around.start] + 1):
            tops[here] = np.median(peaks[around]) + ABOVE_CYCLES
    return tops


def _days(day: Floats) -> Iterator[tuple[slice, slice]]:
    """For each day that there is where its rows stand, and where those of the days around it."""
    for number in np.unique(day).tolist():
        yield (
            slice(*np.searchsorted(day, [number, number + 1]).tolist()),
            slice(*np.searchsorted(day, [number - DAYS // 2, number + DAYS // 2 + 1]).tolist()),
        )


def _is_of_a_door(rise: Rise, opened: Sequence[tuple[float, float]]) -> bool:
    """Whether the door stood open for most of the way up."""
    place = max(0, bisect_left(opened, rise.start, key=lambda span: span[0]) - 1)
    seconds = 0.0
    for begin, end in opened[place:]:
        if begin >= rise.peak_at:
            break
        seconds += max(0.0, min(end, rise.peak_at) - max(begin, rise.start))
    return seconds > (rise.peak_at - rise.start) / 2


# --- rhythm -----------------------------------------------------------------------------------------------------------


def _rhythmic(found: Sequence[Rise], at: Floats) -> list[Rise]:
    """Those that come back at their times."""
    if not found or len(found) > MOST_A_DAY * (1 + (at[-1] - at[0]) / DAY_S):
        return []
    rhythm = _Rhythm(found, at)
    return [rise for rise in found if rhythm.is_daily(rise) or rhythm.is_periodic(rise)]


class _Rhythm:
    """When else there were rises like one, and when somebody could have seen one."""

    def __init__(self, found: Sequence[Rise], at: Floats) -> None:
        self._found = found
        self._peaks = [rise.peak_at for rise in found]
        self._at = at

    def is_daily(self, rise: Rise) -> bool:
        """At the same time of most other days."""
        seen = [
            self._like(rise, moment) is not None
            for day in range(-DAYS, DAYS + 1)
            if day and self._measured(moment := rise.peak_at + day * DAY_S)
        ]
        return sum(seen) >= 2 and sum(seen) >= OF_DAYS * len(seen)

    def is_periodic(self, rise: Rise) -> bool:
        """Again and again after the same interval: that to one of its neighbours."""
        first = bisect_left(self._peaks, rise.peak_at + SHORTEST_INTERVAL_S)
        last = bisect_left(self._peaks, rise.peak_at + LONGEST_INTERVAL_S)
        before = bisect_left(self._peaks, rise.peak_at - LONGEST_INTERVAL_S)
        until = bisect_left(self._peaks, rise.peak_at - SHORTEST_INTERVAL_S)
        neighbours = [*self._found[first:last], *self._found[before:until]]
        return any(self._returns(rise, abs(other.peak_at - rise.peak_at)) for other in neighbours)

    def _returns(self, rise: Rise, interval: float) -> bool:
        """Whether most steps of the interval, to both sides, meet a rise; each goes on from the one that was met."""
        met = seen = 0
        reach = max(2.5 * DAY_S, FEWEST_INTERVALS * interval)
        for step in (interval, -interval):
            moment = rise.peak_at + step
            while abs(moment - rise.peak_at) <= reach and self._measured(moment):
                seen += 1
                other = self._like(rise, moment)
                if other is not None:
                    met += 1
                    moment = other.peak_at
                moment += step
        return met >= FEWEST_INTERVALS and met >= OF_INTERVALS * seen

    def _like(self, rise: Rise, moment: float) -> Rise | None:
        """The nearest rise of about the same height around a moment."""
        near = slice(bisect_left(self._peaks, moment - LATE_S), bisect_left(self._peaks, moment + LATE_S))
        like = [other for other in self._found[near] if rise.height / 2 <= other.height <= rise.height * 2]
        return min(like, key=lambda other: abs(other.peak_at - moment), default=None)

    def _measured(self, moment: float) -> bool:
        """Whether a rise there would have been seen: there are readings on both sides of it."""
        first, last = np.searchsorted(self._at, [moment - LATE_S, moment + LATE_S])
        return bool(last - first >= 2)
