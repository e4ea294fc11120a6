"""What judging remembers of a cause between two looks (`RuleState`), for those who look by the clock."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from alerts import scopes
from alerts.evaluation import State, Terms
from alerts.models import RuleState
from alerts.states import decode, encode


def lock(causes: Collection[str]) -> dict[str, RuleState]:
    """Lock what is remembered of these causes, in the order of everybody who does. Call inside a transaction."""
    rows = RuleState.objects.filter(cause_key__in=causes).select_for_update(of=("self",)).order_by("cause_key")
    return {row.cause_key: row for row in rows}


def is_active(row: RuleState | None) -> bool:
    """Whether there is something to remember: an open alert, or one that a person resolved too early."""
    return row is not None and row.active


def keep(row: RuleState, state: State) -> None:
    """Remember this of the cause. Call inside a transaction, with the row locked or not yet made."""
    row.state, row.active = encode(state), not state.idle
    row.save()


def keep_all(rows: Sequence[tuple[RuleState, State]]) -> None:
    """The same of many."""
    for row, state in rows:
        row.state, row.active = encode(state), not state.idle
    known = [row for row, _ in rows if not row._state.adding]
    RuleState.objects.bulk_create([row for row, _ in rows if row._state.adding])
    RuleState.objects.bulk_update(known, ["state", "active"])


def state_of(row: RuleState) -> State:
    """What is remembered."""
    return decode(row.state)


def facts(
    *,
    signal: str,
    condition: str,
    terms: Terms,
    schedule: str,
    rank: int,
    reason: str,
    counted_s: float,
    override: Any = None,
) -> dict[str, Any]:
    """Why an alert of a silence opens, as people can ask later (`Alert.facts`)."""
    return {
        "terms": {
            "condition": condition,
            "threshold": None,
            "delay_s": terms.delay_s,
            "hysteresis": terms.hysteresis,
            "clear_delay_s": terms.clear_delay_s,
            "schedule": schedule,
        },
        "signal": signal,
        "scope": scopes.Rank(rank).name.lower(),
        "reason": reason,
        "override": None if override is None else str(override),
        "counted_s": counted_s,
        "frozen_s": 0.0,
    }
