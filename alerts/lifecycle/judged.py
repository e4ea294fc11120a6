"""What readings and silence do: alerts open and resolve, and late readings find, amend or contradict them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from alerts import mutes, telling, words
from alerts.evaluation import Incident, Opened, Resolved
from alerts.lifecycle import stepping
from alerts.lifecycle.moving import (
    KINDS,
    OPEN_AGAIN,
    OVER,
    after_the_end,
    another_is_open,
    end,
    end_soon,
    is_new,
    kind_of,
    locked,
    made_by,
    moment,
    move,
    record,
    refresh_severity,
    unresolved,
)
from alerts.lifecycle.waiting import catch_up, keep_quiet, tell
from alerts.models import Alert, AlertEventKind, AlertRule, AlertStatus, Channel, Severity
from alerts.telling import Why
from freshtrack.rounds import Step
from sensors.models import Gateway, Sensor, Unit

_WORSEN: Final = """
UPDATE alerts_alert AS a SET peak = worse.peak
FROM jsonb_to_recordset($1::jsonb) AS worse (cause text, peak float8)
WHERE a.cause_key = worse.cause AND a.status <> 'resolved'
"""
_NAMES: Final = {
    "started_at": "began",
    "opened_at": "opened",
    "resolved_at": "ended",
    "value": "opened with",
    "peak": "worst",
}


def open_alert(
    *,
    rule: AlertRule,
    unit: Unit | None,
    sensor: Sensor | None,
    gateway: Gateway | None,
    cause: str,
    opened: Opened | Incident,
    at: datetime,
    facts: dict[str, Any],
    found_at: datetime | None = None,
    parent: Alert | None = None,
    quiet_until: datetime | None = None,
    soon: bool = False,
) -> Alert | None:
    """Open the alert of a rule whose delay is complete and tell people, or say when. Call inside the transaction that
    judges, with the cause's state locked. May be repeated: a cause that is open already stays as it is (None).

    `at` is the server's clock. `opened` says when and how bad; its sensor's id counts where `sensor` isn't given.
    `facts` tell why it opened, with the terms that were in force (an override's among them). With `parent` (the alert
    of its silent gateway) nobody is told before `quiet_until`, or before that one is over. `soon`: a worker finds
    people and words, as soon as this is committed; readings don't wait for that.
    """
    existing = Alert.objects.unresolved().filter(cause_key=cause).first()
    if existing is not None:
        once_more(existing, opened=opened, at=at)
        return None
    alert = make(rule=rule, unit=unit, sensor=sensor, gateway=gateway, cause=cause, happened=opened, at=at, facts=facts)
    alert.found_at, alert.parent = found_at, parent
    stepping.give_plans([alert], at=at)
    alert.save(force_insert=True)
    record(alert, AlertEventKind.OPENED, by=None, at=alert.opened_at, channel=made_by(alert))
    refresh_severity(alert)
    tell(alert, at=at, opening=True, quiet_until=quiet_until, soon=soon)
    return alert


def resolve_cleared(*, cause: str, resolved: Resolved, at: datetime, soon: bool = False) -> Alert | None:
    """Resolve the alert of a cause whose readings cleared, if there still is one, and tell those who were told of it.

    `at` is the server's clock. `soon`: a worker tells them, as soon as this is committed.

    Call inside the transaction that judges, with the cause's state locked.
    """
    alert = unresolved(cause)
    if alert is None:
        return None
    peak = alert.peak if alert.condition in KINDS else resolved.peak
    how: dict[str, Any] = {"resolved_at": moment(resolved.at), "by": None, "channel": made_by(alert)}
    if soon and alert.severity != Severity.INFO:
        end_soon(alert, **how, tell_at=alert.created_at if is_new(alert) else at, peak=peak)
    else:
        end(alert, **how, at=at, peak=peak)
    return alert


def worsening(peaks: Mapping[str, float | None]) -> list[Step]:
    """Keep how bad it has become by now (cause -> peak) with the alerts of causes that are open, however many.

    To be asked inside the transaction that judges, with the states of the causes locked.
    """
    if not peaks:
        return []
    known = msgspec.json.encode([{"cause": cause, "peak": peak} for cause, peak in sorted(peaks.items())])
    return [Step(_WORSEN, [known.decode()])]


def open_found(
    *,
    rule: AlertRule,
    unit: Unit | None,
    sensor: Sensor | None,
    gateway: Gateway | None,
    cause: str,
    incident: Incident,
    at: datetime,
    facts: dict[str, Any],
) -> Alert | None:
    """Keep an alert that late readings show, over or not: events carry the device's times, `found_at` the server's.

    Tells nobody by itself: give what was found to `promise_found`, all of one unit at once. (Who doesn't leaves it to
    the sweep.) None if the cause has an unresolved alert and this one would be the second.
    Call inside the transaction that judges, with the cause's state locked.
    """
    over = incident.resolved_at is not None
    if not over and Alert.objects.unresolved().filter(cause_key=cause).exists():
        return None
    alert = make(
        rule=rule, unit=unit, sensor=sensor, gateway=gateway, cause=cause, happened=incident, at=at, facts=facts
    )
    alert.found_at = at
    alert.tell_at = None if over else at
    if incident.resolved_at is not None:
        alert.status, alert.resolved_at = AlertStatus.RESOLVED, moment(incident.resolved_at)
    stepping.give_plans([alert], at=at)
    alert.save(force_insert=True)
    record(alert, AlertEventKind.OPENED, by=None, at=alert.opened_at, channel=Channel.READINGS)
    if alert.resolved_at is not None:
        record(alert, AlertEventKind.RESOLVED, by=None, at=alert.resolved_at, channel=Channel.READINGS)
    refresh_severity(alert)
    return alert


def amend(*, alert: Alert, incident: Incident, at: datetime) -> Alert:
    """Give an alert the times and the peak that late readings show; it resolves, or is open again, if that follows.

    What was contradicted and now turns out to have been is so no longer. Nothing new: nothing happens. Who was told of
    it is told that it is over; give what is open again to `promise_found`. Call as `open_found`.
    """
    alert = locked(alert)
    resolved_at = None if incident.resolved_at is None else moment(incident.resolved_at)
    if incident.by_hand and alert.resolved_by_id is not None:
        resolved_at = alert.resolved_at  # to the microsecond; evaluation knows milliseconds
    lasts = resolved_at is None and not another_is_open(alert)
    if resolved_at is None and not lasts:
        resolved_at = alert.resolved_at
    before = {name: getattr(alert, name) for name in _NAMES}
    after = {**before, **_measured(alert.condition, incident), "resolved_at": resolved_at}
    if after == before and alert.contradicted_at is None:
        return alert
    note = _what_changed(alert, before, after)
    was_open, alert.contradicted_at = alert.status != AlertStatus.RESOLVED, None
    for name, value in after.items():
        if name != "resolved_at" or not (was_open or lasts):
            setattr(alert, name, value)
    alert.save(update_fields=[*after, "contradicted_at"])
    record(alert, AlertEventKind.AMENDED, by=None, at=at, channel=Channel.READINGS, note=note)
    if was_open and resolved_at is not None:
        catch_up(alert, at=at)
        end(alert, resolved_at=resolved_at, by=None, channel=Channel.READINGS, at=at)
    elif not was_open and lasts:
        move(alert, AlertEventKind.REOPENED, by=None, at=at, channel=Channel.READINGS, tell_at=at, **OPEN_AGAIN)
        refresh_severity(alert)
    return alert


def contradict(*, alert: Alert, at: datetime) -> Alert:
    """Late readings show that it never was. It stays as a record, marked so, and no longer concerns anybody.

    Who was told that it is open is told that it isn't. Twice is the same as once. Call as `open_found`.
    """
    alert = locked(alert)
    if alert.contradicted_at is not None:
        return alert
    was_open = alert.status != AlertStatus.RESOLVED
    changes = {"resolved_at": at, **OVER} if was_open else {}
    move(
        alert,
        AlertEventKind.CONTRADICTED,
        by=None,
        at=at,
        channel=Channel.READINGS,
        live=None if was_open else AlertEventKind.COMMENTED.value,
        contradicted_at=at,
        **changes,
    )
    if was_open:
        after_the_end(alert, at=at)
    return alert


def promise_found(*, alerts: Sequence[Alert], at: datetime) -> None:
    """Tell people of alerts that were found late or are open again: one message a unit, and only if it is news.

    It is if one of them lasts or ended within the last 24 hours. A mute keeps it quiet: what lasts is told at its end.
    Call once a batch, inside its transaction.
    """
    news: dict[UUID | None, list[Alert]] = defaultdict(list)
    for alert in alerts:
        mute = None if alert.severity == Severity.INFO else mutes.covering(alert=alert, at=at)
        if mute is None:
            news[alert.unit_id].append(alert)
        elif alert.status != AlertStatus.RESOLVED:
            keep_quiet(alert, mute, at=at)
    for of_unit in news.values():
        telling.promise_found(alerts=of_unit, people=lambda first: stepping.people_now(first, at=at), at=at)
        for alert in of_unit:
            if alert.status != AlertStatus.RESOLVED:
                stepping.told_otherwise(alert, at=at)


def once_more(alert: Alert, *, opened: Opened | Incident, at: datetime) -> None:
    """The cause is in breach again: people must hear of that if the alert is open only because a person reopened it.

    Call inside the transaction that judges.
    """
    if not alert.facts.get("by_hand"):
        return
    alert = catch_up(locked(alert), at=at)
    facts = {**alert.facts, "by_hand": False}
    seen = moment(_opened_at(opened))
    note = f"In breach again since {words.local(alert, moment(opened.started_at))}."
    move(
        alert,
        AlertEventKind.REOPENED,
        by=None,
        at=seen,
        channel=made_by(alert),
        note=note,
        facts=facts,
        snoozed_until=None,
    )
    tell(alert, at=at, why=Why.REOPENED)


def make(
    *,
    rule: AlertRule,
    unit: Unit | None,
    sensor: Sensor | None,
    gateway: Gateway | None,
    cause: str,
    happened: Opened | Incident,
    at: datetime,
    facts: dict[str, Any],
) -> Alert:
    """A new alert, not yet stored."""
    place = unit or gateway
    return Alert(
        organization_id=rule.organization_id,
        cause_key=cause,
        rule=rule,
        rule_name=rule.name,
        site=None if place is None else place.site,
        unit=unit,
        sensor=sensor if sensor is not None else Sensor.objects.filter(pk=happened.sensor).first(),
        gateway=gateway,
        kind=kind_of(rule),
        condition=rule.condition,
        severity=rule.severity,
        threshold=facts.get("terms", {}).get("threshold", rule.threshold),
        facts=facts,
        created_at=at,
        **_measured(rule.condition, happened),
    )


def _measured(condition: str, happened: Opened | Incident) -> dict[str, Any]:
    """The columns that tell of times and values. Silence, faults and doors have no value."""
    without = condition in KINDS
    return {
        "started_at": moment(happened.started_at),
        "opened_at": moment(_opened_at(happened)),
        "value": None if without else happened.value,
        "peak": None if without else happened.peak,
    }


def _opened_at(happened: Opened | Incident) -> float:
    return happened.opened_at if isinstance(happened, Incident) else happened.at


def _what_changed(alert: Alert, before: dict[str, Any], after: dict[str, Any]) -> str:
    def told(value: Any) -> str:
        if value is None:
            return "not yet"
        return words.local(alert, value) if isinstance(value, datetime) else words.measured(alert, value)

    changed = [
        f"{_NAMES[name]} {told(after[name])} instead of {told(before[name])}"
        for name in _NAMES
        if after[name] != before[name]
    ]
    if alert.contradicted_at is not None:
        changed.insert(0, "it was after all")
    return f"Late readings: {'; '.join(changed)}."
