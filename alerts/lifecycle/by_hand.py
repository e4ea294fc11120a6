"""What people do with an alert: through the web app, the API, an open screen or a message's answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from alerts import telling, words
from alerts.evaluation import resolved_by_hand
from alerts.lifecycle.moving import (
    OPEN_AGAIN,
    IllegalTransition,
    another_is_open,
    end,
    lock_cause,
    locked,
    move,
    record,
    refresh_severity,
)
from alerts.lifecycle.waiting import catch_up, lapses_at, tell
from alerts.models import Alert, AlertEvent, AlertEventKind, AlertStatus, Channel, Severity
from alerts.states import decode, encode
from alerts.telling import Why
from freshtrack.errors import DomainError
from organizations.models import Membership, User

LONGEST_SNOOZE: Final = timedelta(days=7)


class AnotherIsOpen(DomainError):
    """One cause has one open alert."""

    code = "another_is_open"


class CorrectiveActionMissing(DomainError):
    """A critical alert needs to say what was done: an inspector will ask."""

    code = "corrective_action_required"
    status = 400


class WrongField(DomainError):
    """What was asked for can't be, whatever the alert's state."""

    code = "invalid"
    status = 400

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.extra = {"errors": [{"field": field, "code": "invalid", "detail": detail}]}


def acknowledge(*, alert: Alert, by: User, at: datetime, channel: Channel, note: str = "") -> Alert:
    """Take charge of an open alert. Twice is the same as once. Call inside a transaction.

    If it lasts longer than the organization's `acknowledgement_minutes` it is open again and told again.
    Raises IllegalTransition if the alert is already resolved.
    """
    alert = catch_up(locked(alert), at=at)
    if alert.status != AlertStatus.ACKNOWLEDGED:
        move(
            alert,
            AlertEventKind.ACKNOWLEDGED,
            by=by,
            at=at,
            channel=channel,
            note=note,
            acknowledged_by=by,
            acknowledged_at=at,
            tell_at=lapses_at(alert, at=at),
        )
    return alert


def snooze(*, alert: Alert, by: User, at: datetime, channel: Channel, until: datetime, note: str = "") -> Alert:
    """Keep an alert quiet until a time at most seven days ahead: then it is open and told again if it lasts.

    Snoozed again, the last time counts. Call inside a transaction.
    Raises IllegalTransition if it is resolved, WrongField if the time is past or too far ahead.
    """
    alert = catch_up(locked(alert), at=at)
    if alert.status == AlertStatus.RESOLVED:
        raise IllegalTransition("This alert is already resolved.")
    if until <= at:
        raise WrongField("until", "A snooze ends in the future.")
    if until - at > LONGEST_SNOOZE:
        raise WrongField("until", f"A snooze lasts at most {LONGEST_SNOOZE.days} days.")
    words_of_it = f"Until {words.local(alert, until)}." + (f" {note}" if note else "")
    move(
        alert,
        AlertEventKind.SNOOZED,
        by=by,
        at=at,
        channel=channel,
        note=words_of_it,
        snoozed_until=until,
        tell_at=until,
    )
    return alert


def assign(*, alert: Alert, user_id: UUID | None, by: User, at: datetime, channel: Channel, note: str = "") -> Alert:
    """Make it somebody's, who is told, or nobody's. The same person again changes nothing. Call inside a transaction.

    Raises IllegalTransition if it is resolved, WrongField for somebody who doesn't work here or may not see the site.
    """
    alert = catch_up(locked(alert), at=at)
    if alert.status == AlertStatus.RESOLVED:
        raise IllegalTransition("This alert is already resolved.")
    to = None if user_id is None else _who_may_see(alert, user_id)
    if user_id is not None and to is None:
        raise WrongField("user", "Nobody with this id works here and may see the site.")
    if alert.assigned_to_id == user_id:
        return alert
    whose = f"To {to.get_full_name()}." if to else "To nobody."
    move(
        alert,
        AlertEventKind.ASSIGNED,
        by=by,
        at=at,
        channel=channel,
        note=f"{whose} {note}".strip(),
        assigned_to=to,
    )
    if to is not None and to.pk != by.pk:
        telling.promise_assigned(alert=alert, to=to, by=by, at=at, note=note)
    return alert


def resolve(
    *,
    alert: Alert,
    by: User,
    at: datetime,
    channel: Channel,
    corrective_action: str = "",
    cause: str = "",
    disposition: str = "",
    amount: str = "",
) -> Alert:
    """Close an alert by hand and say what was done. Call inside a transaction.

    While the readings are still in breach the rule stays held: it opens again only after it has cleared.
    Raises IllegalTransition if it is already resolved, CorrectiveActionMissing for a critical one without an action.
    """
    state = lock_cause(alert)
    alert = catch_up(locked(alert), at=at)
    if alert.severity == Severity.CRITICAL and not corrective_action.strip():
        raise CorrectiveActionMissing("Say what was done: a critical alert is resolved with a corrective action.")
    end(
        alert,
        resolved_at=at,
        by=by,
        channel=channel,
        at=at,
        note=_what_was_done(corrective_action, cause, disposition, amount),
        resolved_by=by,
        corrective_action=corrective_action,
        cause=cause,
        disposition=disposition,
        amount=amount,
    )
    if state is not None:
        after = resolved_by_hand(decode(state.state))
        state.state, state.active = encode(after), not after.idle
        state.save(update_fields=["state", "active"])
    return alert


def reopen(*, alert: Alert, by: User, at: datetime, channel: Channel, note: str) -> Alert:
    """Say that a resolved alert isn't over: it is open and told again. Call inside a transaction.

    If the readings are still in breach they will resolve it; else a person has to. What was said when it was resolved
    stays in its timeline. Raises IllegalTransition unless it is resolved and was so, AnotherIsOpen if its cause has
    another alert that isn't resolved.
    """
    state = lock_cause(alert)
    alert = catch_up(locked(alert), at=at)
    if alert.status != AlertStatus.RESOLVED:
        raise IllegalTransition(f"This alert is {alert.status}: there is nothing to reopen.")
    if alert.contradicted_at is not None:
        raise IllegalTransition("Later readings showed that this never was.")
    if another_is_open(alert):
        raise AnotherIsOpen("Another alert of the same cause is open already.")
    before = None if state is None else decode(state.state)
    followed = before is not None and before.held
    if state is not None and before is not None and followed:
        state.state, state.active = encode(replace(before, open=True, held=False, peak=alert.peak)), True
        state.save(update_fields=["state", "active"])
    # Readings that are in order know nothing of it: should they be in breach again, people must hear of that.
    facts = {**alert.facts, "by_hand": not followed}
    move(alert, AlertEventKind.REOPENED, by=by, at=at, channel=channel, note=note, facts=facts, **OPEN_AGAIN)
    refresh_severity(alert)
    tell(alert, at=at, why=Why.REOPENED)
    return alert


def comment(*, alert: Alert, by: User, at: datetime, channel: Channel, note: str) -> AlertEvent:
    """Add a remark to the timeline, in any state, for good. Call inside a transaction."""
    return record(alert, AlertEventKind.COMMENTED, by=by, at=at, channel=channel, note=note)


def _who_may_see(alert: Alert, user_id: UUID) -> User | None:
    membership = (
        Membership.objects.current()
        .select_related("user")
        .filter(organization=alert.organization_id, user=user_id, user__is_active=True)
        .first()
    )
    if membership is None or (membership.site_ids is not None and alert.site_id not in membership.site_ids):
        return None
    return membership.user


def _what_was_done(corrective_action: str, cause: str, disposition: str, amount: str) -> str:
    """All of it in the timeline, where a later resolution can't overwrite it."""
    food = ", ".join(part for part in (disposition, amount) if part)
    parts = [corrective_action, f"Cause: {cause}" if cause else "", f"Food: {food}" if food else ""]
    return "\n".join(part for part in parts if part)
