"""A unit's whole past at once: what `replay` finds in it, without judging every point.

Nearly all readings don't matter. Numpy finds the stretches in which a delay may complete and those in which an open
alert may clear; only these are given, point by point, to the code that judges live readings (alerts/evaluation). A test
holds the result to that of judging every point. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from alerts.evaluation import IDLE, Incident, Opened, Point, Resolved, State, Terms, evaluate
from alerts.past.columns import Floats, Integers, Mask, Track

# Sums of seconds are made in another order here: what is that close to complete is looked at.
_SLACK_S: Final = 1e-3

# The one sensor that stands for all of a unit, whose value is the worst of theirs.
_UNIT: Final = 0


class Scan:
    """One rule and what it sees of one unit."""

    def __init__(self, terms: Terms, seen: Track) -> None:
        self._terms, self._seen = terms, seen
        self._value = worst = _worst(terms, seen)
        if terms.condition == "above":
            self._breached, self._cleared = worst > terms.threshold, worst <= terms.threshold - terms.hysteresis
        else:
            self._breached, self._cleared = worst < terms.threshold, worst >= terms.threshold + terms.hysteresis
        elapsed = np.diff(seen.at, prepend=seen.at[:1])
        counted = np.where(elapsed <= seen.gap_s, elapsed, 0.0)
        both_watched = seen.watched & np.concatenate([seen.watched[:1], seen.watched[:-1]])
        # Seconds counted since the first row; of a stretch the difference of two of its rows counts.
        self._breach_s, self._clear_s = np.cumsum(counted * both_watched), np.cumsum(counted)
        self._breaches = self._enough(*self._watched_breaches(), self._breach_s, terms.delay_s)
        self._first_rows: dict[int, int] = {}  # of each sensor, once it is asked for
        self._clearings = self._enough(*_stretches(self._cleared), self._clear_s, terms.clear_delay_s)

    def incidents(self, begin: int = 0) -> Iterator[Incident]:
        """What `replay` finds in the rows from `begin` on, in order of time, where nothing is remembered before it.

        What was measured before `begin` counts for sensors that haven't spoken since.
        """
        row, (firsts, ends) = begin, self._breaches
        while (place := int(np.searchsorted(firsts, row))) < len(firsts):
            found, row = self._follow(int(firsts[place]), int(ends[place]))
            if found is not None:
                yield found

    def quiet_row(self, *, after: float, before: float) -> int | None:
        """The last row between two moments (seconds since 1970) at which surely nothing is in breach, open or held.

        From `after` on enough must be known of what was measured before.
        """
        firsts, ends = _stretches(self._cleared)
        counted = self._clear_s[self._cleared] - np.repeat(self._clear_s[firsts], ends - firsts)
        enough = self._terms.clear_delay_s + _SLACK_S if self._terms.clear_delay_s else 0.0
        rows = np.flatnonzero(self._cleared)[counted >= enough]
        at = self._seen.at[rows]
        rows = rows[(at >= after) & (at < before)]
        return int(rows[-1]) if len(rows) else None

    def _watched_breaches(self) -> tuple[Integers, Integers]:
        """Stretches in breach, from the first row inside the schedule on."""
        firsts, ends = _stretches(self._breached)
        watched = np.flatnonzero(self._breached & self._seen.watched)
        places = np.searchsorted(watched, firsts)
        first_watched = np.append(watched, self._seen.rows)[places]
        is_watched = first_watched < ends
        return first_watched[is_watched], ends[is_watched]

    def _enough(self, firsts: Integers, ends: Integers, seconds: Floats, needed_s: float) -> tuple[Integers, Integers]:
        """Those stretches that last long enough, or nearly."""
        enough = seconds[ends - 1] - seconds[firsts] >= needed_s - _SLACK_S
        return firsts[enough], ends[enough]

    def _follow(self, first: int, end: int) -> tuple[Incident | None, int]:
        """What began with a stretch in breach, and from which row on to look for the next."""
        row = self._reached(self._breach_s, first, end, self._terms.delay_s)
        state, moves = evaluate(self._terms, IDLE, self._points(first, row + 1))
        while not moves and row + 1 < end:
            row += 1
            state, moves = evaluate(self._terms, state, self._points(row, row + 1))
        if not moves:
            return None, end
        [opened] = moves
        assert isinstance(opened, Opened)  # noqa: S101 (nothing in a stretch clears)
        row = first + int(np.argmax((self._seen.at[first:end] == opened.at) & self._seen.watched[first:end]))
        incident = Incident(opened.started_at, opened.at, self._worst_sensor(row), opened.value, opened.peak, None)
        resolved, row = self._until_clear(state, row)
        if isinstance(resolved, Resolved):
            incident = incident._replace(resolved_at=resolved.at)
        peak = resolved.peak
        return incident if peak is None else incident._replace(peak=peak), row

    def _until_clear(self, state: State, row: int) -> tuple[Resolved | State, int]:
        """How an alert that is open at a row ends, or its last state; and the row after that."""
        firsts, ends = self._clearings
        for place in range(int(np.searchsorted(firsts, row)), len(firsts)):
            first, end = int(firsts[place]), int(ends[place])
            state = self._skip(state, row + 1, first)
            row = self._reached(self._clear_s, first, end, self._terms.clear_delay_s)
            state, moves = evaluate(self._terms, state, self._points(first, row + 1))
            while not moves and row + 1 < end:
                row += 1
                state, moves = evaluate(self._terms, state, self._points(row, row + 1))
            for move in moves:
                if isinstance(move, Resolved):
                    return move, row + 1
        return self._skip(state, row + 1, self._seen.rows), self._seen.rows

    def _skip(self, state: State, first: int, end: int) -> State:
        """The state of an open alert after rows in which it can't clear: of these the worst and the last matter."""
        if first >= end:
            return state
        values = self._value[first:end]
        worst = first + int(values.argmax() if self._terms.condition == "above" else values.argmin())
        rows = [worst, end - 1] if self._breached[worst] and worst < end - 1 else [end - 1]
        for row in rows:
            state, _ = evaluate(self._terms, state, self._points(row, row + 1))
        return state

    def _worst_sensor(self, row: int) -> int:
        """Whose value was the unit's: the sensor that spoke, or else of equal ones the one that was known first."""
        seen = self._seen
        if seen.value[row] == self._value[row]:
            return int(seen.sensor[row])
        first = int(np.searchsorted(seen.at, seen.at[row] - seen.gap_s.max()))
        newest = {sensor: place for place, sensor in enumerate(seen.sensor[first : row + 1].tolist(), first)}
        worst: list[int] = [
            sensor
            for sensor, place in newest.items()
            if seen.value[place] == self._value[row] and seen.at[row] - seen.at[place] <= seen.gap_s[place]
        ]
        if not self._first_rows:
            sensors, rows = np.unique(seen.sensor, return_index=True)
            self._first_rows = dict(zip(sensors.tolist(), rows.tolist(), strict=True))
        return min(worst, key=self._first_rows.__getitem__)

    def _reached(self, seconds: Floats, first: int, end: int, needed_s: float) -> int:
        """The first row of a stretch at which so much may be counted."""
        row = first + int(np.searchsorted(seconds[first:end], seconds[first] + needed_s - _SLACK_S))
        return min(row, end - 1)

    def _points(self, first: int, end: int) -> list[Point]:
        seen = self._seen
        columns = (seen.at, self._value, seen.gap_s, seen.watched)
        rows = zip(*(column[first:end].tolist() for column in columns), strict=True)
        return [Point(at, _UNIT, value, gap_s, watched) for at, value, gap_s, watched in rows]


def _worst(terms: Terms, seen: Track) -> Floats:
    """At each row the worst value of the unit: of sensors that have spoken, and not been silent for too long.

    Sensors that were always clear can't be it; of rows that are clear the value is only known to be clear.
    """
    above = terms.condition == "above"
    limit = terms.threshold - terms.hysteresis if above else terms.threshold + terms.hysteresis
    beyond = seen.value > limit if above else seen.value < limit
    worst = seen.value
    for sensor in np.unique(seen.sensor[beyond]).tolist():
        mine = np.flatnonzero(seen.sensor == sensor)
        if len(mine) == seen.rows:
            break
        lasting = _lasting(seen, mine, -np.inf if above else np.inf)
        worst = np.maximum(worst, lasting) if above else np.minimum(worst, lasting)
    return worst


def _lasting(seen: Track, mine: Integers, nothing: float) -> Floats:
    """At each row of the unit the newest value of one sensor; `nothing` before its first and after too long a silence.

    `mine` are the sensor's rows.
    """
    following = np.append(mine[1:], seen.rows)
    until = seen.at[mine] + seen.gap_s[mine]
    surely, perhaps = (np.searchsorted(seen.at, until + slack, side="right") for slack in (-_SLACK_S, _SLACK_S))
    ends = np.minimum(surely, following)
    # As evaluation compares: the difference of two floats, not their sum.
    for place in np.flatnonzero((surely < perhaps) & (surely < following)).tolist():
        row = mine[place]
        near = seen.at[surely[place] : perhaps[place]] - seen.at[row] <= seen.gap_s[row]
        ends[place] = min(surely[place] + int(near.sum()), following[place])
    lengths = np.column_stack([ends - mine, following - ends]).ravel()
    values = np.column_stack([seen.value[mine], np.full(len(mine), nothing)]).ravel()
    return np.concatenate([np.full(mine[0], nothing), np.repeat(values, lengths)])


def _stretches(mask: Mask) -> tuple[Integers, Integers]:
    """Where runs of true rows begin, and the row after each."""
    edges = np.diff(mask.view(np.int8), prepend=0, append=0)
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
