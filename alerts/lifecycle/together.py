"""Many alerts that move at once, in a few statements: silences that open in the same look of the clock, and what ends
in the same batch of readings (a network that is back ends a thousand silences within a minute)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from alerts import mutes, telling
from alerts.evaluation import Opened, Resolved
from alerts.lifecycle import judged, moving, stepping, waiting
from alerts.models import Alert, AlertEventKind, AlertRule, AlertStatus, Channel, Mute, Severity
from organizations import bells
from sensors.models import Gateway, Sensor, Unit


class Opening(NamedTuple):
    """The silence of one sensor, as `judged.open_alert` takes it; the unit with its site and organization.

    With `parent`, the alert of its silent gateway, nobody is told of it.
    """

    rule: AlertRule
    unit: Unit
    sensor: Sensor
    gateway: Gateway | None
    cause: str
    opened: Opened
    facts: dict[str, Any]
    found_at: datetime | None
    parent: Alert | None


def open_together(openings: Sequence[Opening], *, at: datetime) -> int:
    """Open them and tell people, or say when, as `judged.open_alert` does with one; how many opened.

    Each of another cause; what is open already stays as it is. `at` is the server's clock. Call inside a transaction,
    with the causes' states locked.
    """
    rows = Alert.objects.unresolved().filter(cause_key__in=[one.cause for one in openings])
    known = {alert.cause_key: alert for alert in rows}
    made = []
    for one in openings:
        if one.cause in known:
            judged.once_more(known[one.cause], opened=one.opened, at=at)
        else:
            made.append(_make(one, at=at))
    if not made:
        return 0
    stepping.give_plans(made, at=at)
    told, muted = _choose(made, at=at)
    groups, steps = stepping.take_first(told, at=at)
    Alert.objects.bulk_create(made)
    opened = [moving.Recorded(alert, AlertEventKind.OPENED, alert.opened_at) for alert in made]
    quiet = [
        moving.Recorded(alert, AlertEventKind.MUTED, at, waiting.until_its_end(alert, mute)) for alert, mute in muted
    ]
    moving.record_all([*opened, *quiet, *steps], channel=Channel.CLOCK)
    moving.refresh_severities({one.unit.pk for one in openings})
    for group in groups:
        telling.promise_all_opened(alerts=group.alerts, people=group.people, urgent=group.urgent, at=at)
    return len(made)


def resolve_together(ended: Mapping[str, Resolved], *, at: datetime) -> int:
    """What readings have ended (cause -> when, how bad): `judged.resolve_cleared` for each, and a worker tells of it.

    Causes without an unresolved alert are passed over; returns how many resolved. `at` is the server's clock. Call
    inside the transaction that judges, with the causes' states locked.
    """
    if not ended:
        return 0
    rows = Alert.objects.unresolved().filter(cause_key__in=list(ended)).select_related(*moving.SHOWN_WITH_IT)
    alerts = list(rows.select_for_update(of=("self",)).order_by("cause_key"))
    if not alerts:
        return 0
    moves: dict[Channel, list[moving.Recorded]] = defaultdict(list)
    for alert in alerts:
        resolved = ended[alert.cause_key]
        if alert.condition not in moving.KINDS:
            alert.peak = resolved.peak
        if alert.severity == Severity.INFO:
            alert.tell_at = None  # nobody was told of it
        elif not moving.is_new(alert):
            alert.tell_at = at
        alert.status, alert.resolved_at = AlertStatus.RESOLVED, moving.moment(resolved.at)
        alert.snoozed_until = None
        moves[moving.made_by(alert)].append(moving.Recorded(alert, AlertEventKind.RESOLVED, alert.resolved_at))
    Alert.objects.bulk_update(alerts, ["status", "resolved_at", "tell_at", "snoozed_until", "peak"])
    for channel, some in moves.items():
        moving.record_all(some, channel=channel)
    moving.refresh_severities({alert.unit_id for alert in alerts if alert.unit_id is not None})
    bells.ring_afterwards(moving.TELL)
    return len(alerts)


def _make(one: Opening, *, at: datetime) -> Alert:
    """A new alert, not yet stored."""
    alert = judged.make(
        rule=one.rule,
        unit=one.unit,
        sensor=one.sensor,
        gateway=one.gateway,
        cause=one.cause,
        happened=one.opened,
        at=at,
        facts=one.facts,
    )
    alert.organization = one.unit.organization  # known already: nobody has to ask for it
    alert.found_at, alert.parent = one.found_at, one.parent
    return alert


def _choose(made: Sequence[Alert], *, at: datetime) -> tuple[list[Alert], list[tuple[Alert, Mute]]]:
    """Write on alerts that aren't stored yet when people are told of them, in the order of `waiting.tell`.

    Returns those that are told now, and those that a mute keeps quiet.
    """
    covering = mutes.covering_each(alerts=made, at=at)
    critical = _critical(made)
    coming_back = _coming_back(made)
    told: list[Alert] = []
    muted: list[tuple[Alert, Mute]] = []
    for alert in made:
        mute = covering.get(alert.pk)
        if alert.severity == Severity.INFO:
            continue
        if mute is not None:
            alert.muted_by, alert.tell_at = mute, mute.ends_at
            muted.append((alert, mute))
        elif (alert.severity == Severity.WARNING and alert.sensor_id in critical) or alert.parent_id is not None:
            continue  # what ends those tells of it
        elif alert.cause_key in coming_back and (held := telling.held_back(alert=alert, at=at)) is not None:
            alert.parent_id, alert.tell_at = held.first, held.until
        elif wait := stepping.first_wait(alert):
            alert.tell_at = at + wait
        else:
            told.append(alert)
    return told, muted


def _critical(made: Sequence[Alert]) -> set[int | None]:
    """Sensors of which a critical silence is open, or opens now: of their warnings nobody is told."""
    kinds = {alert.kind for alert in made}
    sensors = {alert.sensor_id for alert in made if alert.severity == Severity.WARNING}
    if not sensors:
        return set()
    stored = Alert.objects.unresolved().filter(
        unit__in={alert.unit_id for alert in made}, sensor__in=sensors, kind__in=kinds, severity=Severity.CRITICAL
    )
    now = {alert.sensor_id for alert in made if alert.severity == Severity.CRITICAL}
    return now.union(stored.values_list("sensor_id", flat=True))


def _coming_back(made: Sequence[Alert]) -> set[str]:
    """Causes that opened so often lately that they may be held back (telling.held_back)."""
    opened = {alert.cause_key: alert.opened_at for alert in made}
    earlier = Alert.objects.filter(
        cause_key__in=list(opened), opened_at__gt=min(opened.values()) - telling.FLAPPING_WITHIN
    )
    times = Counter(
        cause
        for cause, at in earlier.values_list("cause_key", "opened_at")
        if opened[cause] - telling.FLAPPING_WITHIN < at <= opened[cause]
    )
    return {cause for cause, count in times.items() if count >= telling.FLAPPING_FROM - 1}
