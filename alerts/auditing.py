"""The proof that nobody is forgotten: every open critical alert has a next step, or a person who answered.

Note [Auditor]. What tells people moves `Alert.tell_at` from one look to the next, and each of those places could have a
fault. So each minute another job, which shares nothing with them, looks at what must hold of the rows themselves. What
is stuck is told now (the safe side is once too often), written into its timeline, logged as an error, and kept as a
round that staff see. Only a round that found nothing stuck pings HEARTBEAT_URL: whoever watches that address is called
if the auditor finds something, if it can't reach the database, and if it doesn't run at all.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

import httpx
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from alerts.lifecycle.moving import SHOWN_WITH_IT, change, move, record
from alerts.lifecycle.waiting import concerns_somebody
from alerts.models import Alert, AlertEventKind, AlertStatus, AuditRound, Channel, Condition, Severity
from organizations.models import Membership

logger = logging.getLogger(__name__)

# The sweep comes by every five seconds; so late it isn't coming, or one alert makes it fall over each time.
LATE: Final = timedelta(minutes=5)
# Of a storm the oldest are repaired first, the others with the next rounds.
MOST: Final = 500
KEPT: Final = timedelta(days=30)
PATIENCE_S: Final = 5.0


class Stuck(StrEnum):
    """Why nobody would hear of an alert, in the words of its timeline."""

    QUIET = "no next step was due"
    LATE = "its next step was overdue"
    FOREVER = "its acknowledgement would never have lapsed"
    LEFT = "whoever had acknowledged it doesn't work here any more"


class Found(NamedTuple):
    """An alert that is stuck, and why."""

    alert: Alert
    why: Stuck


def audit(*, at: datetime) -> AuditRound:
    """Look at every critical alert that isn't resolved, repair what is stuck, and keep what was found.

    A handful of statements, and three for each that is stuck. Call inside a system transaction; two at once are as one.
    """
    open_ones = Alert.objects.unresolved().filter(severity=Severity.CRITICAL, contradicted_at=None)
    checked = open_ones.count()
    found = _stuck(open_ones, at=at)
    for one in found:
        _repair(one, at=at)
    for why in Stuck:
        some = [str(one.alert.pk) for one in found if one.why is why]
        if some:
            logger.error("Nobody would have heard of %s critical alerts: %s. Told now: %s", len(some), why, some[:20])
    AuditRound.objects.filter(at__lt=at - KEPT).delete()
    return AuditRound.objects.create(
        at=at, checked=checked, stuck=len(found), alerts=[f"{one.alert.pk}: {one.why}" for one in found[:100]]
    )


def ping(found: AuditRound) -> bool:
    """Tell the outside watcher that all is well, if it is and there is one; whether it was told.

    Not inside a transaction. A watcher that doesn't answer is its own alarm: that is logged, and no error here.
    """
    if found.stuck or not settings.HEARTBEAT_URL:
        return False
    try:
        response = httpx.get(settings.HEARTBEAT_URL, timeout=PATIENCE_S, follow_redirects=False)
        response.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # The address is a secret: whoever has it can keep the watcher quiet.
        logger.warning("The watcher at HEARTBEAT_URL wasn't reached: %s", type(error).__name__)
        return False
    return True


def _stuck(open_ones: QuerySet[Alert], *, at: datetime) -> list[Found]:
    here = Membership.objects.current().filter(
        organization=OuterRef("organization"), user=OuterRef("acknowledged_by"), user__is_active=True
    )
    answered = Q(status=AlertStatus.ACKNOWLEDGED)
    unanswered = Q(status=AlertStatus.OPEN)
    rows = (
        open_ones.annotate(is_here=Exists(here))
        .filter(
            Q(tell_at__lt=at - LATE)
            | (unanswered & Q(tell_at=None))
            | (answered & Q(tell_at=None, organization__acknowledgement_minutes__gt=0))
            | (answered & Q(is_here=False) & (Q(tell_at=None) | Q(tell_at__gt=at)) & Q(snoozed_until=None))
        )
        # A part of its gateway's silence: people hear of that, which is looked at by itself.
        .exclude(unanswered & Q(tell_at=None) & _part_of_a_silence())
        .select_related(*SHOWN_WITH_IT, "parent")
        .select_for_update(of=("self",), skip_locked=True)
        .order_by(F("tell_at").asc(nulls_first=True), "pk")[:MOST]
    )
    return [Found(alert, _why(alert, at=at)) for alert in rows if concerns_somebody(alert)]


def _part_of_a_silence() -> Q:
    return Q(parent__unit=None, parent__condition=Condition.NO_DATA) & ~Q(parent__status=AlertStatus.RESOLVED)


def _why(alert: Alert, *, at: datetime) -> Stuck:
    if alert.tell_at is not None and alert.tell_at < at - LATE:
        return Stuck.LATE
    if alert.status != AlertStatus.ACKNOWLEDGED:
        return Stuck.QUIET
    here: bool = alert.is_here  # type: ignore[attr-defined]
    return Stuck.FOREVER if here else Stuck.LEFT


def _repair(one: Found, *, at: datetime) -> None:
    """The sweep tells of it in a moment: with the alert's own steps, and one at a time."""
    alert, note = one.alert, f"Found by the auditor: {one.why}. Told now."
    with transaction.atomic():
        if one.why in (Stuck.FOREVER, Stuck.LEFT):
            move(alert, AlertEventKind.LAPSED, by=None, at=at, channel=Channel.CLOCK, note=note, tell_at=at, step=0)
        else:
            change(alert, {"tell_at": at})
            record(alert, AlertEventKind.COMMENTED, by=None, at=at, channel=Channel.CLOCK, note=note)
