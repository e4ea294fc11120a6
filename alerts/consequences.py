"""What follows from a verdict: alerts that open, resolve, are found late, amended or contradicted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from alerts import lifecycle
from alerts.evaluation import SAME_VALUE, Amended, Contradicted, Incident, Move, Opened, Resolved, State, Transition
from alerts.models import Alert, AlertRule
from alerts.scopes import Rank
from alerts.watching import OF_ONE_SENSOR, PRODUCT, Place, Watch
from freshtrack.rounds import Step, ask
from sensors.models import Unit
from sensors.register import MIN_GAP, Probe, Register


class Cause(NamedTuple):
    """What an alert can be about: a rule with a unit, or with one sensor of it."""

    key: str
    watch: Watch
    place: Place
    sensor: Probe | None


class InOrder(NamedTuple):
    """What became of a cause whose readings came in the order of their times."""

    cause: Cause
    before: State
    after: State
    transitions: Sequence[Transition]


class Again(NamedTuple):
    """What became of a cause that was judged again (Note [Hindsight] in looking_back.py)."""

    cause: Cause
    state: State
    moves: Sequence[Move]


def causes(watch: Watch, place: Place, sensors: Iterable[int], probes: Register) -> list[Cause]:
    """What a rule judges in a unit: all of it together, or each of the sensors (ids) that say something now."""
    if watch.signal not in OF_ONE_SENSOR:
        return [Cause(lifecycle.cause_key(rule_id=watch.rule_id, unit_id=place.unit_id), watch, place, None)]
    return [
        Cause(lifecycle.cause_key(rule_id=watch.rule_id, sensor_public_id=probe.public_id), watch, place, probe)
        for probe in map(probes.probe, sensors)
        if probe.unit_id == place.unit_id
    ]


def follow(in_order: Iterable[InOrder], again: Iterable[Again], *, at: datetime, keeping: Sequence[Step] = ()) -> None:
    """Move the alerts of judged causes. `at` is the server's clock. Call inside the transaction that judges.

    Critical ones first: an open critical silences the messages of the warning, in the same batch too. What was found
    late is told once for each unit, however much of it there is. `keeping` is what judging writes itself: it goes the
    same way to the database.
    """
    found: list[Alert] = []
    worse: dict[str, float | None] = {}
    verdicts = sorted(in_order, key=lambda verdict: not verdict.cause.watch.is_critical)
    ended = {verdict.cause.key: over for verdict in verdicts if (over := _only_ended(verdict)) is not None}
    lifecycle.resolve_together(ended, at=at)
    for verdict in verdicts:
        if verdict.transitions and verdict.cause.key not in ended:
            found += _move_on(verdict, at=at)
        if verdict.after.open and verdict.after.peak != verdict.before.peak:
            worse[verdict.cause.key] = verdict.after.peak
    ask([*lifecycle.worsening(worse), *keeping])
    for judged in sorted(again, key=lambda judged: not judged.cause.watch.is_critical):
        for move in judged.moves:
            found += _correct(judged, move, at=at)
    if found:
        lifecycle.promise_found(alerts=found, at=at)


def _only_ended(verdict: InOrder) -> Resolved | None:
    """What most of a network's thousand sensors do when it is back, and most alerts sooner or later."""
    if len(verdict.transitions) != 1 or not isinstance(verdict.transitions[0], Resolved):
        return None
    return verdict.transitions[0]


def _move_on(verdict: InOrder, *, at: datetime) -> list[Alert]:
    """Returns what was over before we heard of it."""
    found: list[Alert] = []
    transitions = list(verdict.transitions)
    while transitions:
        transition = transitions.pop(0)
        if isinstance(transition, Resolved):
            lifecycle.resolve_cleared(cause=verdict.cause.key, resolved=transition, at=at, soon=True)
        elif transitions and isinstance(transitions[0], Resolved) and _is_late(verdict.cause, transition.at, at):
            resolved = transitions.pop(0)
            assert isinstance(resolved, Resolved)  # noqa: S101 (asked above)
            peak = transition.peak if resolved.peak is None else resolved.peak
            found += _find(verdict.cause, Incident(*transition[:4], peak, resolved.at), at=at)
        else:
            counted_s = verdict.after.breach_s if verdict.after.open and not transitions else None
            _open(verdict.cause, transition, counted_s=counted_s, at=at)
    return found


def _correct(judged: Again, move: Move, *, at: datetime) -> list[Alert]:
    """Returns what is news: found, or open again."""
    cause = judged.cause
    if isinstance(move, Contradicted):
        lifecycle.contradict(alert=Alert.objects.get(pk=move.key), at=at)
        return []
    if isinstance(move, Amended):
        return _amend(cause, move, at=at)
    if move.incident.resolved_at is None or not _is_late(cause, move.incident.opened_at, at):
        counted_s = judged.state.breach_s if judged.state.open and move.incident.resolved_at is None else None
        _open(cause, move.incident, counted_s=counted_s, at=at)
        if move.incident.resolved_at is not None:
            resolved = Resolved(move.incident.resolved_at, move.incident.peak)
            lifecycle.resolve_cleared(cause=cause.key, resolved=resolved, at=at, soon=True)
        return []
    return _find(cause, move.incident, at=at)


def _amend(cause: Cause, move: Amended, *, at: datetime) -> list[Alert]:
    alert = Alert.objects.get(pk=move.key)
    incident = move.incident
    goes_on = alert.resolved_at is None and alert.contradicted_at is None
    if goes_on and _is_as_told(alert, incident):
        # Nothing was wrong: it lasts and has got worse, or is over now.
        if incident.resolved_at is None:
            Alert.objects.filter(pk=alert.pk).update(peak=incident.peak)
        else:
            resolved = Resolved(incident.resolved_at, incident.peak)
            lifecycle.resolve_cleared(cause=cause.key, resolved=resolved, at=at, soon=True)
        return []
    amended = lifecycle.amend(alert=alert, incident=incident, at=at)
    return [amended] if amended.resolved_at is None and not goes_on else []


def _is_as_told(alert: Alert, incident: Incident) -> bool:
    return (
        round(alert.started_at.timestamp() * 1000) == round(incident.started_at * 1000)
        and round(alert.opened_at.timestamp() * 1000) == round(incident.opened_at * 1000)
        and (alert.value is None or abs(alert.value - incident.value) < SAME_VALUE)
        and not incident.by_hand
    )


def _is_late(cause: Cause, opened_at: float, at: datetime) -> bool:
    """Whether a sensor that isn't interrupted would have told earlier."""
    gap_s = MIN_GAP.total_seconds() if cause.sensor is None else cause.sensor.gap_s
    return at.timestamp() - opened_at > gap_s


def _open(cause: Cause, opened: Opened | Incident, *, counted_s: float | None, at: datetime) -> None:
    opened_at = opened.at if isinstance(opened, Opened) else opened.opened_at
    lifecycle.open_alert(
        **_whose(cause),
        opened=opened,
        at=at,
        facts=facts(cause, counted_s=counted_s, lasted_s=opened_at - opened.started_at),
        found_at=at if _is_late(cause, opened_at, at) else None,
        soon=True,
    )


def _find(cause: Cause, incident: Incident, *, at: datetime) -> list[Alert]:
    lasted_s = incident.opened_at - incident.started_at
    known = facts(cause, counted_s=None, lasted_s=lasted_s)
    alert = lifecycle.open_found(**_whose(cause), incident=incident, at=at, facts=known)
    return [] if alert is None else [alert]


def _whose(cause: Cause) -> dict[str, Any]:
    return {
        "rule": AlertRule.objects.get(pk=cause.watch.rule_id),
        "unit": Unit.objects.select_related("site").get(pk=cause.place.unit_id),
        "sensor": None,  # what opened it names it
        "gateway": None,
        "cause": cause.key,
    }


def facts(cause: Cause, *, counted_s: float | None, lasted_s: float) -> dict[str, Any]:
    """Why an alert opened, kept with it: the terms that were in force and how its time was counted (seconds).

    `frozen_s` is time through which nothing was counted: gaps, hours outside the schedule, warmth that came back.
    """
    watch, terms = cause.watch, cause.watch.terms
    known: dict[str, Any] = {
        "terms": {
            "condition": watch.condition,
            "threshold": None if watch.signal in OF_ONE_SENSOR or watch.signal == "door" else terms.threshold,
            "delay_s": terms.delay_s,
            "hysteresis": terms.hysteresis,
            "clear_delay_s": terms.clear_delay_s,
            "schedule": watch.schedule,
        },
        "signal": watch.signal,
        "scope": Rank(watch.rank).name.lower(),
        "reason": watch.reason,
        "override": None if watch.override_id is None else str(watch.override_id),
        "counted_s": counted_s,
        "frozen_s": None if counted_s is None else max(0.0, lasted_s - counted_s),
    }
    if watch.signal == PRODUCT:
        known["tau_s"] = cause.place.tau_s
    return known
