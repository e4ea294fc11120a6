"""What the clock does: who is told now, who later, and what is due (Note [Telling] in alerts/telling.py)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db.models import F

from alerts import mutes, telling, words
from alerts.lifecycle import defrosts, stepping
from alerts.lifecycle.moving import SHOWN_WITH_IT, TELL, is_new, move, record, tell_all_ends, tell_the_end
from alerts.models import Alert, AlertEventKind, AlertStatus, Channel, Condition, Mute, Severity
from alerts.telling import Why
from organizations import bells

# Of what people did themselves (a snooze, an acknowledgement) they hear in any case.
_NOT_WHILE_ITS_GATEWAY_IS_SILENT: Final = (Why.UNMUTED, Why.UNCOVERED, Why.REMINDER)


def tell_due(*, at: datetime, most: int) -> int:
    """Do what is due with the alerts whose `tell_at` has come, at most so many (of those that are over ten times as
    many, since no reading waits for them); return how many there were.

    Readings have opened or resolved it, a snooze or a mute is over, an acknowledgement lapses, nobody has taken charge
    yet: the next step of its plan. Which alert somebody else is moving just now is left alone until the next round, so
    two sweeps at once are as one. Call inside a transaction.
    """
    ended = _tell_ended(at=at, most=10 * most)
    due = list(
        Alert.objects.filter(tell_at__lte=at)
        .select_for_update(skip_locked=True, of=("self",))
        .select_related(*SHOWN_WITH_IT, "parent")
        .order_by("tell_at", "pk")[:most]
    )
    told = telling.told_of([alert.pk for alert in due])
    for alert in due:
        _come_due(alert, at=at, was_told=alert.pk in told)
    return ended + len(due)


def _tell_ended(*, at: datetime, most: int) -> int:
    """Those that readings have ended, all together: a network that is back ends a thousand silences within a minute.

    What nobody was told of yet is left: people hear of both, in their order.
    """
    rows = Alert.objects.filter(tell_at__lte=at, status=AlertStatus.RESOLVED).exclude(tell_at=F("created_at"))
    over = list(
        rows.select_for_update(skip_locked=True, of=("self",))
        .select_related(*SHOWN_WITH_IT)
        .order_by("tell_at", "pk")[:most]
    )
    if over:
        tell_all_ends(over, at=at)
        Alert.objects.filter(pk__in=[alert.pk for alert in over]).update(tell_at=None)
    return len(over)


def _come_due(alert: Alert, *, at: datetime, was_told: bool) -> None:
    if alert.status == AlertStatus.RESOLVED:
        _tell_of_what_is_over(alert, at=at)
    elif not concerns_somebody(alert):
        wait(alert, until=None)
    elif is_new(alert):
        stepping.take(alert, at=at, why=Why.OPENED)
    elif alert.snoozed_until is not None:
        if alert.snoozed_until > at:
            wait(alert, until=alert.snoozed_until)
            return
        move(alert, AlertEventKind.AWAKE, by=None, at=at, channel=Channel.CLOCK, snoozed_until=None)
        tell(alert, at=at, why=Why.AWAKE)
    elif alert.status == AlertStatus.ACKNOWLEDGED:
        move(alert, AlertEventKind.LAPSED, by=None, at=at, channel=Channel.CLOCK)
        tell(alert, at=at, why=Why.LAPSED)
    elif _waits_for_its_mute(alert):
        if tell(alert, at=at, why=Why.UNMUTED):
            record(alert, AlertEventKind.UNMUTED, by=None, at=at, channel=Channel.CLOCK)
    elif was_told or alert.step:
        tell(alert, at=at, why=Why.REMINDER)
    else:
        tell(alert, at=at, why=_why_only_now(alert))


def catch_up(alert: Alert, *, at: datetime) -> Alert:
    """Before anybody moves it: tell now what readings left to a worker that hasn't come by yet. Locked, please."""
    if is_new(alert) or (alert.status == AlertStatus.RESOLVED and alert.tell_at is not None):
        _come_due(alert, at=at, was_told=False)
    return alert


def _tell_of_what_is_over(alert: Alert, *, at: datetime) -> None:
    """Readings ended it; if it opened a moment before, people hear of both, in their order."""
    if is_new(alert) and concerns_somebody(alert):
        stepping.take(alert, at=at, why=Why.OPENED)
    tell_the_end(alert, at=at)
    wait(alert, until=None)


def _why_only_now(alert: Alert) -> Why:
    """What kept a message back that nobody has had yet."""
    first = alert.parent
    if first is not None:
        return Why.FLAPPING if first.cause_key == alert.cause_key else Why.UNCOVERED
    if alert.facts.get("defrost_until"):
        return Why.DEFROSTED
    return Why.OPENED if stepping.first_wait(alert) else Why.UNCOVERED


def _waits_for_its_mute(alert: Alert) -> bool:
    """What was told after a mute waits for something later than its end."""
    mute = alert.muted_by
    return mute is not None and alert.tell_at is not None and alert.tell_at <= mute.ends_at


def concerns_somebody(alert: Alert) -> bool:
    """Nobody wants to hear of a unit or a rule that is gone."""
    # A sensor that fell silent with its gateway concerns people still when only the gateway is gone.
    places = (alert.unit or alert.gateway, alert.site)
    if any(place.deleted_at is not None for place in places if place is not None):
        return False
    if alert.organization.deleted_at is not None:
        return False
    return alert.rule is not None and alert.rule.enabled and alert.rule.deleted_at is None


def tell(
    alert: Alert,
    *,
    at: datetime,
    why: Why = Why.OPENED,
    opening: bool = False,
    quiet_until: datetime | None = None,
    soon: bool = False,
) -> bool:
    """Tell people of an open alert now, or write down when; whether they were (Note [Telling] in telling.py).

    `soon`: what is decided now is carried out by a worker, as soon as this is committed.
    """
    if alert.severity == Severity.INFO:
        wait(alert, until=None)
        return False
    mute = mutes.covering(alert=alert, at=at)
    if mute is not None:
        keep_quiet(alert, mute, at=at)
        return False
    if telling.is_covered(alert):
        # When what covers it ends, it will be told (moving.after_the_end), if it waits for nothing else.
        wait(alert, until=None if opening else at + telling.GRACE)
        return False
    if opening and alert.parent_id is not None:
        wait(alert, until=quiet_until)
        return False
    if why in _NOT_WHILE_ITS_GATEWAY_IS_SILENT and _falls_to_its_gateway(alert):
        wait(alert, until=at + telling.GRACE)
        return False
    held = telling.held_back(alert=alert, at=at) if opening else None
    if held is not None:
        alert.parent_id = held.first
        alert.save(update_fields=["parent"])
        wait(alert, until=held.until)
        return False
    defrosted = defrosts.waits_until(alert, at=at) if opening else None
    if defrosted is not None:
        _wait_for_defrost(alert, until=defrosted, at=at)
        return False
    if opening and stepping.first_wait(alert):
        wait(alert, until=at + stepping.first_wait(alert))
        return False
    if soon:
        wait(alert, until=alert.created_at)  # so that it is_new
        bells.ring_afterwards(TELL)
    else:
        stepping.take(alert, at=at, why=why)
    return True


def _wait_for_defrost(alert: Alert, *, until: datetime, at: datetime) -> None:
    alert.facts = {**alert.facts, "defrost_until": until.isoformat(timespec="seconds")}
    alert.save(update_fields=["facts"])
    note = f"A defrost was due, and looks like those before it. Told at {words.local(alert, until)} if it lasts."
    record(alert, AlertEventKind.COMMENTED, by=None, at=at, channel=Channel.CLOCK, note=note)
    wait(alert, until=until)


def _falls_to_its_gateway(alert: Alert) -> bool:
    """Whether it is a part of a gateway's silence that lasts: people hear of that."""
    silences = Alert.objects.unresolved().filter(unit=None, condition=Condition.NO_DATA)
    return alert.parent_id is not None and silences.filter(pk=alert.parent_id).exists()


def keep_quiet(alert: Alert, mute: Mute, *, at: datetime) -> None:
    """Tell nobody before the mute is over, and write down which it was."""
    if alert.muted_by_id != mute.pk:
        alert.muted_by = mute
        alert.save(update_fields=["muted_by"])
        record(alert, AlertEventKind.MUTED, by=None, at=at, channel=Channel.CLOCK, note=until_its_end(alert, mute))
    wait(alert, until=mute.ends_at)


def until_its_end(alert: Alert, mute: Mute) -> str:
    """What the timeline says of a mute."""
    return f"Until {words.local(alert, mute.ends_at)}." + (f" {mute.reason}" if mute.reason else "")


def wait(alert: Alert, *, until: datetime | None) -> None:
    """When the sweep is to look at it; None: nothing is due."""
    alert.tell_at = until
    alert.save(update_fields=["tell_at"])


def lapses_at(alert: Alert, *, at: datetime) -> datetime | None:
    """A snooze says itself when people hear of it again."""
    if alert.snoozed_until is not None:
        return alert.snoozed_until
    minutes = alert.organization.acknowledgement_minutes
    return at + timedelta(minutes=minutes) if minutes and alert.severity != Severity.INFO else None
