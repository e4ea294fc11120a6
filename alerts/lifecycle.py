"""Open, acknowledged, resolved: every move of an alert, one function each, one event for each move."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db.models import Case, IntegerField, Value, When

from alerts import telling
from alerts.evaluation import Opened, Resolved, resolved_by_hand
from alerts.models import Alert, AlertEvent, AlertEventKind, AlertRule, AlertStatus, RuleState, Severity
from alerts.shapes import alert_shape
from alerts.states import decode, encode
from freshtrack.errors import DomainError
from organizations import events
from organizations.models import User
from sensors.models import Unit


class IllegalTransition(DomainError):
    """The alert's state doesn't allow the move."""

    code = "illegal_transition"


class CorrectiveActionMissing(DomainError):
    """A critical alert needs to say what was done: an inspector will ask."""

    code = "corrective_action_required"
    status = 400


def cause_key(*, rule_id: Any, unit_id: Any) -> str:
    """What an alert is about while it is open: unique in the database until it is resolved."""
    return f"unit:{unit_id}:rule:{rule_id}"


def open_alert(*, rule: AlertRule, unit: Unit, opened: Opened, at: datetime) -> None:
    """Open the alert of a rule whose delay is complete; promise the messages. Call inside the readings' transaction.

    `at` is the server's clock. A cause that is open already stays as it is: with the unit locked nobody else can open
    it meanwhile, and the database would refuse (`alert_open_once_per_cause`).
    """
    cause = cause_key(rule_id=rule.pk, unit_id=unit.pk)
    if Alert.objects.unresolved().filter(cause_key=cause).exists():
        return
    alert = Alert.objects.create(
        organization_id=rule.organization_id,
        cause_key=cause,
        rule=rule,
        rule_name=rule.name,
        site_id=unit.site_id,
        unit=unit,
        sensor_id=opened.sensor,
        kind=rule.metric,
        condition=rule.condition,
        severity=rule.severity,
        threshold=rule.threshold,
        value=opened.value,
        peak=opened.peak,
        started_at=_moment(opened.started_at),
        opened_at=_moment(opened.at),
    )
    _record(alert, AlertEventKind.OPENED, by=None, at=alert.opened_at)
    _refresh_severity(alert)
    telling.promise_opened(alert=alert, at=at)


def resolve_cleared(*, cause: str, resolved: Resolved) -> None:
    """Resolve the alert of a cause whose readings cleared, if there still is one. Call inside their transaction."""
    alert = (
        Alert.objects.unresolved()
        .select_for_update(of=("self",))
        .select_related("unit", "site", "sensor")
        .filter(cause_key=cause)
        .first()
    )
    if alert is None:
        return
    moment = _moment(resolved.at)
    _move(alert, to=AlertStatus.RESOLVED, by=None, at=moment, resolved_at=moment, peak=resolved.peak)
    _refresh_severity(alert)


def acknowledge(*, alert: Alert, by: User, at: datetime, note: str = "") -> Alert:
    """Take charge of an open alert. Twice is the same as once. Call inside a transaction.

    Raises IllegalTransition if the alert is already resolved.
    """
    alert = _locked(alert)
    if alert.status != AlertStatus.ACKNOWLEDGED:
        _move(alert, to=AlertStatus.ACKNOWLEDGED, by=by, at=at, note=note, acknowledged_by=by, acknowledged_at=at)
    return alert


def resolve(
    *,
    alert: Alert,
    by: User,
    at: datetime,
    corrective_action: str = "",
    cause: str = "",
    disposition: str = "",
    amount: str = "",
) -> Alert:
    """Close an alert by hand and say what was done. Call inside a transaction.

    While the readings are still in breach the rule stays held: it opens again only after it has cleared.
    Raises IllegalTransition if it is already resolved, CorrectiveActionMissing for a critical one without an action.
    """
    state = _lock_cause(alert)
    alert = _locked(alert)
    if alert.severity == Severity.CRITICAL and not corrective_action.strip():
        raise CorrectiveActionMissing("Say what was done: a critical alert is resolved with a corrective action.")
    _move(
        alert,
        to=AlertStatus.RESOLVED,
        by=by,
        at=at,
        note=corrective_action,
        resolved_by=by,
        resolved_at=at,
        corrective_action=corrective_action,
        cause=cause,
        disposition=disposition,
        amount=amount,
    )
    if state is not None:
        after = resolved_by_hand(decode(state.state))
        state.state, state.active = encode(after), not after.idle
        state.save(update_fields=["state", "active"])
    _refresh_severity(alert)
    return alert


def comment(*, alert: Alert, by: User, at: datetime, note: str) -> AlertEvent:
    """Add a remark to the timeline, in any state. Call inside a transaction."""
    return _record(alert, AlertEventKind.COMMENTED, by=by, at=at, note=note)


def _lock_cause(alert: Alert) -> RuleState | None:
    """Lock what judging locks, in its order (unit, state, alert): the other way round would be a deadlock."""
    if alert.unit is not None:
        Unit.objects.select_for_update(of=("self",), no_key=True).get(pk=alert.unit.pk)
    return RuleState.objects.select_for_update(of=("self",)).filter(cause_key=alert.cause_key).first()


def _locked(alert: Alert) -> Alert:
    return (
        Alert.objects.select_for_update(of=("self",)).select_related("unit", "site", "sensor", "rule").get(pk=alert.pk)
    )


def _move(alert: Alert, *, to: AlertStatus, by: User | None, at: datetime, note: str = "", **changes: Any) -> None:
    if to not in Alert.TRANSITIONS[alert.status]:
        raise IllegalTransition(f"This alert is already {alert.status}.")
    for name, value in {"status": to, **changes}.items():
        setattr(alert, name, value)
    alert.save(update_fields=["status", *changes])
    _record(alert, AlertEventKind(to.value), by=by, at=at, note=note)


def _record(alert: Alert, event: AlertEventKind, *, by: User | None, at: datetime, note: str = "") -> AlertEvent:
    row = AlertEvent.objects.create(
        organization_id=alert.organization_id, alert=alert, site_id=alert.site_id, event=event, by=by, at=at, note=note
    )
    live: events.Event = {"type": "alert", "event_id": str(row.pk), "event": event.value, "alert": alert_shape(alert)}
    events.publish(alert.organization_id, live)
    return row


def _refresh_severity(alert: Alert) -> None:
    """Keep the unit's worst open severity, which tiles and the live snapshot show."""
    worst = (
        Alert.objects.unresolved()
        .filter(unit=alert.unit)
        .annotate(
            rank=Case(
                When(severity=Severity.CRITICAL, then=Value(2)),
                When(severity=Severity.WARNING, then=Value(1)),
                default=Value(0),
                output_field=IntegerField(),
            )
        )
        .order_by("-rank", "pk")
        .values_list("severity", flat=True)
        .first()
    )
    if alert.unit is not None:
        Unit.objects.filter(pk=alert.unit.pk).update(severity=worst or "")


def _moment(seconds: float) -> datetime:
    # Readings are cut to milliseconds; a float of seconds carries microseconds of dust.
    return datetime.fromtimestamp(round(seconds, 3), tz=UTC)
