"""Who has been silent for too long, and who is heard again. Pure.

Note [Silence]. Nothing can come from a dead sensor, so this is the one verdict that runs by our own clock: from the
newest `recorded_at` of a sensor (or of all that a gateway brings) until `delay_s` later. Who never said anything isn't
waited for, and neither is one whose newest reading was older than a day when it came: that was an import. A `delay_s`
of 0 stands for the longest pause that the sensor may make (register.gap_s): "at once" would be always.

A sensor is heard again with the first reading that is newer than `delay_s` ago. A backlog that is older still tells
what was measured, not that somebody is there. What is open stays so through the clear delay, counted like any other; a
new silence within it starts that over.

After an outage of our own everybody has time to deliver before a silence opens: Note [Outages] in outages.py.

The sweep (alerts/silence/sweeping.py) opens; the readings themselves resolve, in the transaction that stores them, and
the sweep resolves what they couldn't.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from alerts.evaluation import IDLE, Resolved, State, Terms
from alerts.schedules import Hours

# Readings that were older than this when they came are an import (contract: "Meaning").
IMPORTED_AFTER_S: Final = 24 * 3600
# An alert that is found later than this says so (`found_at`).
FOUND_LATE_AFTER_S: Final = 60


def patience_s(terms: Terms, *, gap_s: float) -> float:
    """How long a rule waits for the next reading; `gap_s` is the longest pause of the sensor that still counts."""
    return terms.delay_s or gap_s


def due_at(*, newest: float, patience_s: float, hours: Hours | None = None) -> float | None:
    """When a silence since `newest` is too long (seconds since 1970), if nothing comes.

    With opening `hours` that is while the site is open: a silence that lasts through the night is told when it opens.
    None: it never opens.
    """
    due = newest + patience_s
    return due if hours is None else hours.next_opening(due)


def silent(*, newest: float, due: float) -> State:
    """What to remember of a silence whose alert opens."""
    return State(at=newest, breached=True, since=newest, breach_s=due - newest, open=True)


def heard(
    terms: Terms, state: State, times: Iterable[float], *, gap_s: float, now: float
) -> tuple[State, Resolved | None]:
    """A sensor (or gateway) of which a silence is remembered has said something: is it over?

    `times` are those of its new readings, in order; `now` is the server's clock. What isn't later than the last one
    that was judged changes nothing, so this may be repeated. A silence that a person resolved is forgotten without a
    word, and may open again.
    """
    patience = patience_s(terms, gap_s=gap_s)
    for at in times:
        if state.at is not None and at <= state.at:
            continue
        if at <= now - patience:
            state = replace(state, at=at, breached=True, cleared=False, clear_s=0.0)
            continue
        clear_s = _cleared_s(state, at=at, gap_s=gap_s, patience_s=patience)
        if clear_s >= terms.clear_delay_s:
            return IDLE, Resolved(_not_before_it_opened(at, state), None) if state.open else None
        state = replace(state, at=at, breached=False, cleared=True, clear_s=clear_s)
    return state, None


def still(terms: Terms, state: State, *, gap_s: float, now: float) -> State:
    """What to remember if nothing came: one that was being cleared is silent again after a while."""
    if state.cleared and state.at is not None and state.at <= now - patience_s(terms, gap_s=gap_s):
        return replace(state, breached=True, cleared=False, clear_s=0.0)
    return state


def _cleared_s(state: State, *, at: float, gap_s: float, patience_s: float) -> float:
    if not state.cleared or state.at is None:
        return 0.0
    elapsed = at - state.at
    if elapsed >= patience_s:
        return 0.0
    return state.clear_s + (elapsed if elapsed <= gap_s else 0.0)


def _not_before_it_opened(at: float, state: State) -> float:
    """A reading may have been on its way when our clock lost patience."""
    return at if state.since is None else max(at, state.since + state.breach_s)
