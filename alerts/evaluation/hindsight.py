"""What happened, as all readings tell it, and what of it people were told otherwise.

A reading that comes late may show that an excursion began earlier, never was, was two, or is not over. So what a unit
measured is judged once more in order (`replay`), and compared with the alerts that stand (`reconcile`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from math import inf
from typing import Any, Final, NamedTuple

from alerts.evaluation.timers import IDLE, Newest, Opened, Point, Resolved, State, Terms, evaluate, resolved_by_hand


class Incident(NamedTuple):
    """An excursion that lasted, as the readings tell it. Seconds since 1970; `resolved_at` None: it lasts."""

    started_at: float
    opened_at: float
    sensor: int
    value: float
    peak: float
    resolved_at: float | None
    by_hand: bool = False


def replay(
    terms: Terms,
    points: Iterable[Point],
    *,
    hand: Sequence[float] = (),
    state: State = IDLE,
    others: Newest | None = None,
) -> tuple[State, list[Incident]]:
    """Judge points in the order of (at, sensor); return where the rule stands then, and what happened.

    `hand` are the server's times at which a person resolved an alert of this cause. Each comes after the points up to
    its time and takes effect on the alert open then, if there is one. Of a device whose clock runs ahead the alert may
    open later than it was resolved: give the later of the two. An alert that is open in `state` already is followed but
    is none of the incidents; begin at a quiet point.
    """
    rest = list(points)
    newest = dict(others or {})
    incidents: list[Incident] = []
    for moment in sorted(hand):
        end = bisect_right(rest, moment, key=lambda point: point.at)
        until, rest = rest[:end], rest[end:]
        state = _follow(terms, state, until, newest, incidents)
        newest |= {point.sensor: (point.at, point.value, point.gap_s) for point in until}
        if state.open:
            _close(incidents, at=moment, peak=state.peak, by_hand=True)
            state = resolved_by_hand(state)
    state = _follow(terms, state, rest, newest, incidents)
    if state.open and incidents and incidents[-1].resolved_at is None and state.peak is not None:
        incidents[-1] = incidents[-1]._replace(peak=state.peak)
    return state, incidents


def _follow(terms: Terms, state: State, points: list[Point], newest: Newest, incidents: list[Incident]) -> State:
    state, transitions = evaluate(terms, state, points, others=newest)
    for move in transitions:
        if isinstance(move, Opened):
            incidents.append(Incident(move.started_at, move.at, move.sensor, move.value, move.peak, None))
        else:
            _close(incidents, at=move.at, peak=move.peak)
    return state


def _close(incidents: list[Incident], *, at: float, peak: float | None, by_hand: bool = False) -> None:
    if incidents and incidents[-1].resolved_at is None:
        last = incidents[-1]
        incidents[-1] = last._replace(resolved_at=at, peak=last.peak if peak is None else peak, by_hand=by_hand)


class Settled(NamedTuple):
    """An alert that nobody can judge again: what opened it is unknown by now, as an older version of the rule.

    What the rule says now counts from `until` on: its end, or, while it is open, the moment since which the rule says
    so.
    """

    started_at: float
    until: float
    peak: float | None
    is_open: bool
    by_hand: bool  # a person resolved it


def replay_around(
    terms: Terms, points: Sequence[Point], settled: Sequence[Settled], *, hand: Sequence[float], others: Newest
) -> tuple[State, list[Incident], Resolved | None]:
    """`replay` from a quiet point on, leaving out what `settled` alerts stand for, as if all had come in time.

    A breach that goes on after one of them is a new incident: taken for a part of what is over it would be nobody's.
    One that is open is followed, and the third value says when readings ended it.
    """
    state, rest, newest = IDLE, list(points), dict(others)
    incidents: list[Incident] = []
    last = -inf
    for one in sorted(settled, key=lambda one: (one.is_open, one.until)):
        end = bisect_right(rest, one.until, key=lambda point: point.at)
        part, rest = rest[:end], rest[end:]
        acts = [at for at in hand if last < at <= one.until]
        state, found = replay(terms, part, hand=acts, state=state, others=newest)
        # What isn't over by now lasts into it.
        incidents += [incident for incident in found if _end(incident.resolved_at) < one.started_at]
        newest |= {point.sensor: (point.at, point.value, point.gap_s) for point in part}
        state, last = _after(one, state), max(last, one.until)
    over = None
    if state.open:
        _, moves = evaluate(terms, state, rest, others=newest)
        over = next((move for move in moves if isinstance(move, Resolved)), None)
    state, found = replay(terms, rest, hand=[at for at in hand if at > last], state=state, others=newest)
    return state, incidents + found, over


def _after(one: Settled, state: State) -> State:
    """Where a rule stands at the end of an alert, or when it began to follow one that is open."""
    if one.is_open:
        return State(at=state.at, breached=True, since=one.started_at, peak=one.peak, open=True)
    if one.by_hand and state.breached:
        return State(at=state.at, breached=True, since=state.since, held=True)
    return IDLE


class Told(NamedTuple):
    """An alert as it stands. `key` is whatever its owner knows it by."""

    key: Any
    started_at: float
    opened_at: float
    resolved_at: float | None
    peak: float | None
    value: float | None
    contradicted: bool


class Found(NamedTuple):
    """It happened, and there is no alert of it."""

    incident: Incident


class Amended(NamedTuple):
    """It happened otherwise than the alert says: put these times and values; a contradicted one is true after all."""

    key: Any
    incident: Incident


class Contradicted(NamedTuple):
    """It never happened, or was a part of another: the alert stays, marked, and is over if it was open."""

    key: Any


Move = Found | Amended | Contradicted

# Values are kept in hundredths: an estimate that differs by less is the same to everybody who sees it.
SAME_VALUE: Final = 0.005


def reconcile(told: Sequence[Told], true: Sequence[Incident]) -> list[Move]:
    """What makes the alerts of one cause agree with what happened. Once these are made, there are none left to make.

    An alert and an incident that overlap are the same, in order of time. As many as possible keep their alert; of two
    that became one the open one goes on, or else the first; of one that became two the first keeps it. Alerts that were
    contradicted are taken only where no other fits, and stand again. Moves that close come before those that open, so
    that no two are ever open.
    """
    standing = sorted((alert for alert in told if not alert.contradicted), key=_by_time)
    doubtful = sorted((alert for alert in told if alert.contradicted), key=_by_time)
    incidents = sorted(true, key=_by_time)
    partner = _align(standing, incidents)
    kept = {standing[place].key for place in partner.values()}
    moves: list[Move] = [Contradicted(alert.key) for alert in standing if alert.key not in kept]
    amended: list[Move] = []
    found: list[Move] = []
    for number, incident in enumerate(incidents):
        if number in partner:
            alert = standing[partner[number]]
        else:
            candidates = [alert for alert in doubtful if _overlap(alert, incident) is not None]
            if not candidates:
                found.append(Found(incident))
                continue
            alert = max(candidates, key=lambda alert: _same_moment(alert.opened_at, incident.opened_at))
            doubtful.remove(alert)
        if alert.contradicted or not _agree(alert, incident):
            amended.append(Amended(alert.key, incident))
    return moves + amended + found


def _by_time(happened: Told | Incident) -> tuple[float, float, float]:
    return happened.started_at, happened.opened_at, _end(happened.resolved_at)


# How good a set of pairs is: how many; how few alerts must open again; how many opened at the very moment; how many
# overlap by more than a moment.
_Score = tuple[int, int, int, int]
_NOTHING: Final[_Score] = (0, 0, 0, 0)


def _align(alerts: Sequence[Told], incidents: Sequence[Incident]) -> dict[int, int]:
    """The best pairs in order of time: number of the incident -> place of its alert."""
    # best[i][j]: of the alerts from i on and the incidents from j on.
    best = [[_NOTHING] * (len(incidents) + 1) for _ in range(len(alerts) + 1)]
    for i in reversed(range(len(alerts))):
        for j in reversed(range(len(incidents))):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], _paired(alerts[i], incidents[j], best[i + 1][j + 1]))
    pairs: dict[int, int] = {}
    i = j = 0
    while i < len(alerts) and j < len(incidents):
        # The earliest of equally good ones.
        if best[i][j] == _paired(alerts[i], incidents[j], best[i + 1][j + 1]):
            pairs[j] = i
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def _paired(alert: Told, incident: Incident, rest: _Score) -> _Score:
    """The score with this pair, or one worse than any if they can't be the same."""
    overlap = _overlap(alert, incident)
    if overlap is None:
        return (-1, 0, 0, 0)
    count, kept, same, lasting = rest
    reopened = alert.resolved_at is not None and incident.resolved_at is None
    return (
        count + 1,
        kept - reopened,
        same + _same_moment(alert.opened_at, incident.opened_at),
        lasting + (overlap > 0),
    )


def _overlap(alert: Told, incident: Incident) -> float | None:
    """For how long both lasted, in seconds; 0.0 if they only touch, None if they don't."""
    begin = max(alert.started_at, incident.started_at)
    # How long a contradicted one stood is how long nobody knew better: only its opening says what it was about.
    last = alert.opened_at if alert.contradicted else _end(alert.resolved_at)
    end = min(last, _end(incident.resolved_at))
    return end - begin if end >= begin else None


def _end(resolved_at: float | None) -> float:
    return inf if resolved_at is None else resolved_at


def _same_moment(one: float | None, other: float | None) -> bool:
    """Times are kept in milliseconds; a float of seconds carries dust."""
    if one is None or other is None:
        return one is other
    return round(one * 1000) == round(other * 1000)


def _agree(alert: Told, incident: Incident) -> bool:
    return (
        _same_moment(alert.started_at, incident.started_at)
        and _same_moment(alert.opened_at, incident.opened_at)
        and _same_moment(alert.resolved_at, incident.resolved_at)
        and _same_value(alert.value, incident.value)
        and _same_value(alert.peak, incident.peak)
    )


def _same_value(one: float | None, other: float) -> bool:
    return one is not None and abs(one - other) < SAME_VALUE
