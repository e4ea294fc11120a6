"""What every move of an alert needs: the table of moves, its event, the locks, and what follows an end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import Q

from alerts import telling
from alerts.models import (
    Alert,
    AlertEvent,
    AlertEventKind,
    AlertRule,
    AlertStatus,
    Channel,
    Condition,
    RuleState,
    Severity,
)
from alerts.moves import MOVES
from alerts.shapes import alert_shape
from freshtrack.errors import DomainError
from freshtrack.rounds import Step, array_of, ask
from organizations import bells, events
from organizations.models import User
from sensors.models import Unit

KINDS: Final = {Condition.NO_DATA: "no_data", Condition.FAULT: "fault", Condition.DOOR_OPEN_FOR: "door"}


SHOWN_WITH_IT: Final = ("unit", "site", "sensor", "gateway", "rule", "assigned_to", "organization", "muted_by")


OVER: Final[dict[str, Any]] = {"tell_at": None, "snoozed_until": None}


# The task that tells of what is due (alerts/tasks.py): it is rung for what readings have moved.
TELL: Final = "alerts.sweep_due"


OPEN_AGAIN: Final[dict[str, Any]] = {"resolved_at": None, "resolved_by": None, "snoozed_until": None}


class IllegalTransition(DomainError):
    """The alert's state doesn't allow the move."""

    code = "illegal_transition"


# A UUID is put into words slowly, and judging names the same few rules and units with every batch.
_text: Final = lru_cache(maxsize=8192)(str)


def cause_key(*, rule_id: Any, unit_id: Any = None, sensor_public_id: Any = None, gateway_id: Any = None) -> str:
    """What an alert is about while it is open: unique in the database until it is resolved. Give one of the three."""
    if sensor_public_id is not None:
        return f"sensor:{sensor_public_id}:rule:{rule_id}"
    if gateway_id is not None:
        return f"gateway:{gateway_id}:rule:{rule_id}"
    return f"unit:{_text(unit_id)}:rule:{_text(rule_id)}"


def kind_of(rule: AlertRule) -> str:
    """What kind of alert the rule opens, as lists are filtered by it."""
    return KINDS.get(Condition(rule.condition), rule.metric)


def move(
    alert: Alert,
    kind: AlertEventKind,
    *,
    by: User | None,
    at: datetime,
    channel: Channel,
    note: str = "",
    live: str | None = None,
    **changes: Any,
) -> AlertEvent:
    """Make a move of the table, with what it changes besides the state, and its event.

    Raises IllegalTransition if the alert's state doesn't allow it.
    """
    allowed = MOVES[kind]
    to = allowed.to or alert.status
    if alert.status not in allowed.sources or (to != alert.status and to not in Alert.TRANSITIONS[alert.status]):
        raise IllegalTransition(f"This alert is already {alert.status}.")
    change(alert, {"status": to, **changes})
    return record(alert, kind, by=by, at=at, channel=channel, note=note, live=live)


def change(alert: Alert, changes: dict[str, Any]) -> None:
    """Set these columns, here and in the database."""
    for name, value in changes.items():
        setattr(alert, name, value)
    alert.save(update_fields=list(changes))


def record(
    alert: Alert,
    kind: AlertEventKind,
    *,
    by: User | None,
    at: datetime,
    channel: Channel,
    note: str = "",
    live: str | None = None,
) -> AlertEvent:
    """Write the event, and tell open screens once it is committed: in the contract's word for it, or in `live`."""
    row = _event(Recorded(alert, kind, at, note), by=by, channel=channel)
    row.save(force_insert=True)
    _publish(row, live=live)
    return row


class Recorded(NamedTuple):
    """What an event is to say: what happened to the alert, when, and a word on it."""

    alert: Alert
    kind: AlertEventKind
    at: datetime
    note: str = ""


def record_all(moves: Sequence[Recorded], *, channel: Channel) -> None:
    """The same for many that no person made, in their order. Call inside a transaction."""
    rows = [_event(one, by=None, channel=channel) for one in moves]
    AlertEvent.objects.bulk_create(rows)
    for row in rows:
        _publish(row)


def _event(one: Recorded, *, by: User | None, channel: Channel) -> AlertEvent:
    return AlertEvent(
        organization_id=one.alert.organization_id,
        alert=one.alert,
        site_id=one.alert.site_id,
        event=one.kind,
        by=by,
        at=one.at,
        channel=channel,
        note=one.note,
    )


def _publish(row: AlertEvent, *, live: str | None = None) -> None:
    event: events.Event = {
        "type": "alert",
        "event_id": str(row.pk),
        "event": live or MOVES[AlertEventKind(row.event)].live,
        "alert": alert_shape(row.alert),
    }
    events.publish(row.organization_id, event)


def end(
    alert: Alert,
    *,
    resolved_at: datetime,
    by: User | None,
    channel: Channel,
    at: datetime,
    note: str = "",
    **changes: Any,
) -> None:
    """Resolve it, with what else is to be kept about that, and tell those who were told of it."""
    changes = {"resolved_at": resolved_at, **OVER, **changes}
    move(alert, AlertEventKind.RESOLVED, by=by, at=resolved_at, channel=channel, note=note, **changes)
    after_the_end(alert, at=at)


def end_soon(
    alert: Alert, *, resolved_at: datetime, by: User | None, channel: Channel, tell_at: datetime, **changes: Any
) -> None:
    """The same, but a worker tells of it as soon as this is committed (`waiting.tell_due`)."""
    changes = {"resolved_at": resolved_at, **OVER, "tell_at": tell_at, **changes}
    move(alert, AlertEventKind.RESOLVED, by=by, at=resolved_at, channel=channel, **changes)
    refresh_severity(alert)
    bells.ring_afterwards(TELL)


def is_new(alert: Alert) -> bool:
    """Whether it opened just now and people are to be told, but no worker has come by yet."""
    return alert.tell_at is not None and alert.tell_at == alert.created_at


def after_the_end(alert: Alert, *, at: datetime) -> None:
    """What follows the end of an alert: the unit's colour, those it had covered, those who were told of it."""
    refresh_severity(alert)
    tell_the_end(alert, at=at)


def tell_the_end(alert: Alert, *, at: datetime) -> None:
    """Those it had covered are told of in a while, and those who were told of it now."""
    tell_all_ends([alert], at=at)


def tell_all_ends(alerts: Sequence[Alert], *, at: datetime) -> None:
    """The same of many, with a few statements."""
    _uncover(alerts, at=at)
    telling.promise_all_resolved(alerts=alerts, at=at)


def _uncover(alerts: Sequence[Alert], *, at: datetime) -> None:
    """What nobody was told of because these were open is told in a while, if it lasts."""
    whole = [alert.pk for alert in alerts if alert.unit_id is None]
    covering = {
        (alert.unit_id, alert.kind) for alert in alerts if alert.unit_id and alert.severity == Severity.CRITICAL
    }
    if not whole and not covering:
        return
    covered = Alert.objects.filter(status=AlertStatus.OPEN, tell_at=None, snoozed_until=None).filter(
        Q(parent__in=whole) | Q(unit__in={unit for unit, _ in covering}, severity=Severity.WARNING)
    )
    found = [
        pk
        for pk, parent, unit, kind in covered.order_by("pk").values_list("pk", "parent_id", "unit_id", "kind")
        if parent in whole or (unit, kind) in covering
    ]
    if found:
        untold = set(found) - telling.told_of(found)
        Alert.objects.filter(pk__in=untold).update(tell_at=at + telling.GRACE)


def refresh_severity(alert: Alert) -> None:
    """Keep the unit's worst open severity, which tiles and the live snapshot show."""
    if alert.unit_id is not None:
        refresh_severities([alert.unit_id])


# In the words of the database, since every alert that opens or resolves asks for it.
_SEVERITIES: Final = """
UPDATE sensors_unit AS u SET severity = coalesce((
  SELECT severity FROM alerts_alert
  WHERE unit_id = u.id AND status <> 'resolved' AND contradicted_at IS NULL
  ORDER BY CASE severity WHEN 'critical' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END DESC LIMIT 1
), '')
WHERE u.id = ANY ($1::uuid[])
"""


def refresh_severities(units: Collection[UUID]) -> None:
    """The same of several. Call inside a transaction."""
    ask([Step(_SEVERITIES, [array_of(units)])])


def lock_cause(alert: Alert) -> RuleState | None:
    """Lock what judging locks, in its order (unit, state, alert): the other way round would be a deadlock."""
    if alert.unit_id is not None:
        Unit.objects.select_for_update(of=("self",), no_key=True).get(pk=alert.unit_id)
    return RuleState.objects.select_for_update(of=("self",)).filter(cause_key=alert.cause_key).first()


def locked(alert: Alert) -> Alert:
    """The alert as it is now, with all that is shown with it; nobody else moves it meanwhile."""
    return Alert.objects.select_for_update(of=("self",)).select_related(*SHOWN_WITH_IT).get(pk=alert.pk)


def unresolved(cause: str) -> Alert | None:
    """The alert of a cause that isn't resolved, locked."""
    rows = Alert.objects.unresolved().filter(cause_key=cause)
    return rows.select_for_update(of=("self",)).select_related(*SHOWN_WITH_IT).first()


def another_is_open(alert: Alert) -> bool:
    """Whether its cause has another alert that isn't resolved."""
    return Alert.objects.unresolved().filter(cause_key=alert.cause_key).exclude(pk=alert.pk).exists()


def made_by(alert: Alert) -> Channel:
    """Silence is noticed by the clock, all else by readings."""
    return Channel.CLOCK if alert.condition == Condition.NO_DATA else Channel.READINGS


def moment(seconds: float) -> datetime:
    """A time of evaluation as a time of the database."""
    # Readings are cut to milliseconds; a float of seconds carries microseconds of dust.
    return datetime.fromtimestamp(round(seconds, 3), tz=UTC)
