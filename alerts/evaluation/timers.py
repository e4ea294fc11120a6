"""Is it too warm for too long? (terms, state, ordered points) -> (state, transitions).

Note [Timers]. Time counts between two consecutive readings of which the first is in breach; a pause longer than the
point's `gap_s` adds nothing and resets nothing (a silent sensor is no proof of warmth, nor of cold). Reaching the delay
exactly opens; a reading back inside the threshold starts over. Clearing counts the same way, from readings beyond the
hysteresis. What is measured outside a rule's schedule is like a pause to a breach: it starts none, adds nothing and
resets nothing, unless it is back inside the threshold. An open alert goes on clearing, whatever the hour.

Note [Late readings]. Points come in the order of (at, sensor). One that is older than the newest of its unit is late
and never comes here alone: what the unit measured is judged once more from before it, and compared with what was told
(hindsight.py). So alerts follow from what was measured and done, not from the order in which it arrived.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec


class Terms(NamedTuple):
    """What a rule says: `above` or `below` a threshold, for how long (seconds), and when it is over."""

    condition: Literal["above", "below"]
    threshold: float
    delay_s: float
    hysteresis: float
    clear_delay_s: float

    def breached(self, value: float) -> bool:
        """Beyond the threshold; exactly on it is still inside."""
        return value > self.threshold if self.condition == "above" else value < self.threshold

    def cleared(self, value: float) -> bool:
        """Back inside by at least the hysteresis."""
        if self.condition == "above":
            return value <= self.threshold - self.hysteresis
        return value >= self.threshold + self.hysteresis

    def worse(self, one: float | None, other: float) -> float:
        """The one farther out."""
        if one is None or (other > one if self.condition == "above" else other < one):
            return other
        return one


class Point(msgspec.Struct, frozen=True, order=True, gc=False):
    """One sensor's value: seconds since 1970 by the device's clock, and the longest pause that still counts.

    `watched`: inside the rule's schedule.
    """

    at: float
    sensor: int
    value: float
    gap_s: float
    watched: bool = True


# The newest (time, value) or (time, value, gap_s) of each sensor; without a gap that of the point it is compared with.
Newest = Mapping[int, tuple[float, float] | tuple[float, float, float]]


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a rule stands with a unit. The default is idle: nothing in breach, nothing open, nothing to remember."""

    at: float | None = None  # the last judged point; of a pending breach: None if that was outside the schedule
    breached: bool = False  # was it in breach?
    cleared: bool = False  # was it beyond the hysteresis?
    since: float | None = None  # first point of the breach
    breach_s: float = 0.0
    clear_s: float = 0.0
    peak: float | None = None
    open: bool = False
    held: bool = False  # resolved by hand while in breach: must clear before it may open again

    @property
    def idle(self) -> bool:
        """Whether forgetting it changes nothing."""
        return not (self.open or self.held or self.breached)


IDLE: Final = State()


class Opened(NamedTuple):
    """The delay is complete. `sensor` is the one that is farthest out, whoever reported."""

    started_at: float
    at: float
    sensor: int
    value: float
    peak: float


class Resolved(NamedTuple):
    """The clear delay is complete."""

    at: float
    peak: float | None


Transition = Opened | Resolved


def evaluate(
    terms: Terms, state: State, points: Sequence[Point], *, others: Newest | None = None
) -> tuple[State, list[Transition]]:
    """Judge points in the order given, that of (at, sensor), and say what opened and what resolved.

    `others` are the newest values of the unit's sensors before these points: several sensors share one verdict, the
    warmest for `above` and the coldest for `below`, each counted until it has been silent for longer than its gap.
    """
    transitions: list[Transition] = []
    newest = others or {}
    state, lasted = _last(terms, state, points, newest)
    if lasted == len(points):
        return state, []
    if lasted:
        newest = {**newest, **{point.sensor: (point.at, point.value, point.gap_s) for point in points[:lasted]}}
        points = points[lasted:]
    for after, transition in steps(terms, state, points, others=newest):
        state = after
        if transition is not None:
            transitions.append(transition)
    return state, transitions


def _last(terms: Terms, state: State, points: Sequence[Point], others: Newest) -> tuple[State, int]:
    """Follow a breach that merely lasts, as `steps` would; returns through how many of the points.

    It does for many readings, each of which only moves on the time, the peak and what was counted: a State for each
    would be most of the work. As far as one and the same sensor is in breach, and nothing opens or clears.
    """
    before, breach_s, peak, since = state.at, state.breach_s, state.peak, state.since
    if not state.breached or state.cleared or before is None or peak is None or since is None:
        return state, 0
    warm = [sensor for sensor, newest in others.items() if terms.breached(newest[1])]
    if len(warm) != 1:
        return state, 0
    [worst] = warm
    seen, held, *gap = others[worst]
    lasts_s = gap[0] if gap else None
    is_above, threshold, is_told = terms.condition == "above", terms.threshold, state.open or state.held
    lasted = 0
    for point in points:
        value, gap_s = point.value, point.gap_s
        at = point.at if point.at >= before else before
        is_beyond = value > threshold if is_above else value < threshold
        if point.sensor == worst:
            seen, held, lasts_s = point.at, value, gap_s
        if is_beyond != (point.sensor == worst) or at - seen > (gap_s if lasts_s is None else lasts_s):
            break
        if not is_told:
            counted_s = breach_s + (at - before if at - before <= gap_s else 0.0)
            if counted_s >= terms.delay_s or not point.watched:
                break
            breach_s = counted_s
        if held > peak if is_above else held < peak:
            peak = held
        before = at
        lasted += 1
    if lasted:
        state = State(before, True, False, since, breach_s, 0.0, peak, state.open, state.held)
    return state, lasted


def steps(
    terms: Terms, state: State, points: Iterable[Point], *, others: Newest | None = None
) -> Iterator[tuple[State, Transition | None]]:
    """The same, point by point: where the rule stands after each of them, and what that one opened or resolved."""
    latest: dict[int, tuple[float, float, float | None]] = {
        sensor: (newest[0], newest[1], newest[2] if len(newest) == 3 else None)
        for sensor, newest in (others or {}).items()
    }
    # Most points are fine in a unit that is fine: nothing is asked of those, so that a year is judged in seconds.
    beyond = {sensor for sensor, (_, value, _) in latest.items() if terms.breached(value)}
    is_above, threshold = terms.condition == "above", terms.threshold
    for point in points:
        now, sensor, value, point_gap_s = point.at, point.sensor, point.value, point.gap_s
        latest[sensor] = (now, value, point_gap_s)
        if value > threshold if is_above else value < threshold:
            beyond.add(sensor)
        else:
            beyond.discard(sensor)
            if not beyond and state.idle:
                state = IDLE
                yield IDLE, None
                continue
        before = state.at
        at = now if before is None or now >= before else before
        worst = sensor
        if len(latest) > 1:
            for other, (seen, held, gap_s) in latest.items():
                is_worse = held > value if is_above else held < value
                if is_worse and at - seen <= (point_gap_s if gap_s is None else gap_s):
                    worst, value = other, held
        elapsed = 0.0 if before is None else at - before
        counted = elapsed if elapsed <= point_gap_s else 0.0
        if state.open or state.held:
            state, transition = _go_on(terms, state, at, value, counted)
        else:
            state, transition = _judge(terms, state, at, worst, value, counted, point.watched)
        yield state, transition


def _judge(
    terms: Terms, state: State, at: float, sensor: int, value: float, counted: float, is_watched: bool
) -> tuple[State, Transition | None]:
    """A point while nothing is open; `counted` is the time since the one before, if it counts."""
    was_breached = state.breached
    if not terms.breached(value) or not (is_watched or was_breached):
        return IDLE, None
    since = state.since if was_breached and state.since is not None else at
    peak = terms.worse(state.peak if was_breached else None, value)
    if not is_watched:
        return State(breached=True, since=since, breach_s=state.breach_s, peak=peak), None
    breach_s = state.breach_s + counted if was_breached else 0.0
    opened = breach_s >= terms.delay_s
    after = State(at=at, breached=True, since=since, breach_s=breach_s, peak=peak, open=opened)
    return after, Opened(since, at, sensor, value, peak) if opened else None


def _go_on(terms: Terms, state: State, at: float, value: float, counted: float) -> tuple[State, Transition | None]:
    """A point while an alert is open, or was resolved by hand and hasn't cleared."""
    breached, cleared = terms.breached(value), terms.cleared(value)
    peak = terms.worse(state.peak, value) if breached else state.peak
    clear_s = state.clear_s + counted if cleared and state.cleared else 0.0
    if cleared and clear_s >= terms.clear_delay_s:
        return IDLE, Resolved(at, peak) if state.open else None
    after = State(
        at=at,
        breached=breached,
        cleared=cleared,
        since=state.since,
        breach_s=state.breach_s,
        clear_s=clear_s,
        peak=peak,
        open=state.open,
        held=state.held,
    )
    return after, None


def resolved_by_hand(state: State) -> State:
    """What remains of a state whose alert a person resolved: it may open again only after it has cleared."""
    if not state.open:
        return state
    if state.breached:
        return State(at=state.at, breached=True, since=state.since, held=True)
    return IDLE
