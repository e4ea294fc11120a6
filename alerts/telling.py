"""Who is told about an alert, when, and in which words. Sending is the next room's business.

Note [Telling]. Whether people are told is decided with the alert, in the transaction that stores its readings; a
worker that is rung for finds people and words (`Alert.tell_at` is due at once then). People are told when an alert
opens, unless a mute, its gateway's alert, an open critical one of the same unit and kind, its own flapping or (for a
warning on air) a defrost that was due speaks against it. Whoever has to be told later is told by the sweep that finds
`Alert.tell_at` (lifecycle.tell_due): at the end of a mute or a snooze, when an acknowledgement lapses, and again and
again as long as nobody takes charge. Nothing that lasts stays quiet for ever. Who was told that it opened is told that
it is over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.template.loader import render_to_string

from alerts import words
from alerts.models import Alert, Severity
from notifications import outbox, people
from notifications.models import InboxItem, Notification
from notifications.telling import Notice, Words, tell, tell_all
from organizations import permissions
from organizations.models import Membership, User

# Two openings within an hour are two events, three are one door that doesn't close (hold back, never for longer).
FLAPPING_WITHIN: Final = timedelta(hours=1)
FLAPPING_FROM: Final = 3
HELD_BACK: Final = timedelta(minutes=30)
# What an open critical alert or a silent gateway covered often ends soon after it; what doesn't is told then.
GRACE: Final = timedelta(minutes=15)
# Somebody who has to know of a warning is reminded once a day, of a critical one as often as acknowledgements lapse;
# where these never do, every hour: that an answer holds for good doesn't say that none is needed.
REMIND_OF_WARNINGS: Final = timedelta(days=1)
REMIND_OF_CRITICAL: Final = timedelta(hours=1)
# An excursion that was found late and was over by then is news for a day; after that it is a record.
NEWS_FOR: Final = timedelta(hours=24)
MOST_IN_SUMMARY: Final = 10

OPENED: Final = "alert.opened"
AGAIN: Final = "alert.again"
FOUND: Final = "alert.found"
RESOLVED: Final = "alert.resolved"
ASSIGNED: Final = "alert.assigned"
ESCALATED: Final = "alert.escalated"
_TOLD: Final = (OPENED, AGAIN, FOUND, ESCALATED)


class Why(StrEnum):
    """Why people are told that an alert is open. Part of the messages' keys."""

    OPENED = "opened"
    UNMUTED = "unmuted"
    UNCOVERED = "uncovered"
    FLAPPING = "flapping"
    DEFROSTED = "defrosted"
    AWAKE = "awake"
    LAPSED = "lapsed"
    REOPENED = "reopened"
    REMINDER = "reminder"
    ESCALATED = "escalated"


_WORDS: Final = {
    Why.OPENED: "",
    Why.UNMUTED: "It was kept quiet by a mute, and it lasts.",
    Why.UNCOVERED: "What covered it is over, and it lasts.",
    Why.FLAPPING: "It comes and goes: you hear of it once in a while only.",
    Why.DEFROSTED: "A defrost was due when it began. That should be over, and it lasts.",
    Why.AWAKE: "It was snoozed, and it lasts.",
    Why.LAPSED: "It was acknowledged a while ago, and it lasts.",
    Why.REOPENED: "It had been resolved, and is open again.",
    Why.REMINDER: "It lasts, and nobody has acknowledged it yet.",
    Why.ESCALATED: "Nobody has answered yet.",
}
# These were heard of before.
_AGAIN: Final = {Why.AWAKE, Why.LAPSED, Why.REOPENED, Why.REMINDER, Why.ESCALATED}


class Held(NamedTuple):
    """Quiet until then, as a part of an alert that was told before."""

    first: UUID
    until: datetime


def promise_opened(
    *,
    alert: Alert,
    at: datetime,
    why: Why = Why.OPENED,
    people: Sequence[UUID] | None = None,
    urgent: bool = False,
    which: str = "",
) -> None:
    """Tell these people, or (None) everybody concerned: managers and above who may see the site.

    Told again, who is assigned or had acknowledged hears of it, too. `which` step of a policy it is, in words; `urgent`
    passes quiet hours. Call inside a transaction.
    """
    also = [alert.assigned_to_id, alert.acknowledged_by_id] if why in _AGAIN else []
    concerned = _concerned(alert, people=people, also=[user_id for user_id in also if user_id])
    tell(_opened(alert, why=why, at=at, urgent=urgent, which=which), people=concerned, at=at)


def promise_all_opened(
    *, alerts: Sequence[Alert], at: datetime, people: Sequence[UUID] | None = None, urgent: bool = False
) -> None:
    """`promise_opened` for many of one site and severity that opened just now, with the statements of one.

    Call inside a transaction.
    """
    notices = [_opened(alert, why=Why.OPENED, at=at, urgent=urgent) for alert in alerts]
    tell_all(notices, people=_concerned(alerts[0], people=people), at=at)


def _opened(alert: Alert, *, why: Why, at: datetime, urgent: bool = False, which: str = "") -> Notice:
    again = why in _AGAIN
    reason = _WORDS[why]
    if why is Why.ESCALATED:
        reason = f"{reason} {which}."

    def context(scale: str) -> Context:
        return {
            "again": again,
            "reason": reason,
            "rows": words.rows(alert, scale=scale),
            "headline": words.headline(alert, scale=scale),
        }

    return _notice(
        alert,
        template="opened",
        context=context,
        event=ESCALATED if why is Why.ESCALATED else AGAIN if again else OPENED,
        key=why.value if why is Why.OPENED else f"{why.value}:{_stamp(at)}",
        urgent=urgent,
    )


def promise_resolved(*, alert: Alert, at: datetime) -> None:
    """Tell those who were told that it was open that it is over, muted or not.

    Who may no longer see the site, or left, isn't told. Call inside a transaction; may be repeated.
    """
    promise_all_resolved(alerts=[alert], at=at)


def promise_all_resolved(*, alerts: Sequence[Alert], at: datetime) -> None:
    """The same of many: a handful of statements for each site, severity and circle of people who were told."""
    told = _who_was_told(alerts)
    alike: dict[tuple[UUID, UUID | None, str, frozenset[UUID]], list[Alert]] = defaultdict(list)
    for alert in alerts:
        if told[alert.pk]:
            alike[alert.organization_id, alert.site_id, alert.severity, frozenset(told[alert.pk])].append(alert)
    still = _still_open([alert for some in alike.values() for alert in some])
    for (_, _, _, users), some in alike.items():
        people = _members(some[0]).filter(user__in=users).values_list("user_id", flat=True)
        tell_all([_over(alert, still=still[alert.pk]) for alert in some], people=people, at=at)


def _who_was_told(alerts: Sequence[Alert]) -> dict[UUID, set[UUID]]:
    """Alert -> who heard that it was open: in the app, and (of alerts from before there was an inbox) by a message."""
    about = {f"alert:{alert.pk}": alert.pk for alert in alerts}
    which: dict[str, Any] = {"about__in": list(about), "event__in": _TOLD}
    rows = InboxItem.objects.filter(**which).values_list("about", "user_id")
    written = Notification.objects.filter(**which, user__isnull=False).values_list("about", "user_id")
    told: dict[UUID, set[UUID]] = {alert.pk: set() for alert in alerts}
    for name, user_id in rows.union(written):
        told[about[name]].add(user_id)
    return told


def _over(alert: Alert, *, still: Sequence[Alert]) -> Notice:
    assert alert.resolved_at is not None  # noqa: S101 (alert_resolved_has_time)

    def context(scale: str) -> Context:
        return {
            "rows": words.rows(alert, scale=scale),
            "still": [words.sentence(other, scale=scale) for other in still],
        }

    key = f"resolved:{_stamp(alert.resolved_at)}"
    return _notice(alert, template="resolved", context=context, event=RESOLVED, key=key)


def promise_found(
    *, alerts: Sequence[Alert], at: datetime, people: Callable[[Alert], Sequence[UUID] | None] = lambda alert: None
) -> None:
    """Tell of excursions of one unit that were found late, all in one message, if they are news still.

    `people` of the alert that stands for all are told; None: managers.
    They are if one of them lasts or ended within the last 24 hours. Call inside a transaction.
    """
    told = sorted(
        (alert for alert in alerts if alert.severity != Severity.INFO and alert.contradicted_at is None),
        key=lambda alert: (alert.resolved_at is not None, alert.severity != Severity.CRITICAL, alert.started_at),
    )
    if not any(alert.resolved_at is None or alert.resolved_at >= at - NEWS_FOR for alert in told):
        return
    first = told[0]  # it stands for all: the worst of those that last
    shown = sorted(told, key=lambda alert: alert.started_at)

    def context(scale: str) -> Context:
        return {
            "incidents": [
                (words.sentence(alert, scale=scale), words.rows(alert, scale=scale))
                for alert in shown[:MOST_IN_SUMMARY]
            ],
            "more": max(len(shown) - MOST_IN_SUMMARY, 0),
            "number": len(shown),
            "lasts": any(alert.resolved_at is None for alert in told),
            "found": words.local(first, at),
        }

    _tell(
        first,
        _concerned(first, people=people(first)),
        template="found",
        context=context,
        event=FOUND,
        key=f"found:{_stamp(at)}",
        at=at,
    )


def promise_assigned(*, alert: Alert, to: User, by: User, at: datetime, note: str) -> None:
    """Tell somebody that an alert is theirs now. Call inside a transaction."""
    _tell(
        alert,
        _members(alert).filter(user=to).values_list("user_id", flat=True),
        template="assigned",
        context=lambda scale: {"by": by.get_full_name(), "note": note, "rows": words.rows(alert, scale=scale)},
        event=ASSIGNED,
        key=f"assigned:{_stamp(at)}",
        at=at,
    )


# --- when ---------------------------------------------------------------------------------------------------------


def is_covered(alert: Alert) -> bool:
    """A warning stays silent while a critical alert of the same unit and kind (of one probe: of that probe) is open."""
    if alert.severity != Severity.WARNING or alert.unit_id is None:
        return False
    critical = Alert.objects.unresolved().filter(unit=alert.unit_id, kind=alert.kind, severity=Severity.CRITICAL)
    if alert.cause_key.startswith("sensor:"):
        critical = critical.filter(sensor=alert.sensor_id)
    return critical.exists()


def held_back(*, alert: Alert, at: datetime) -> Held | None:
    """Whether an alert that just opened is the same one coming and going, and until when nobody is told of it.

    The third opening of a cause within an hour is, and those after it; of all of them people hear every half hour.
    """
    earlier = list(
        Alert.objects.filter(
            cause_key=alert.cause_key,
            opened_at__gt=alert.opened_at - FLAPPING_WITHIN,
            opened_at__lte=alert.opened_at,
            contradicted_at=None,
        )
        .exclude(pk=alert.pk)
        .order_by("opened_at", "pk")
        .values_list("pk", "parent_id", "created_at")
    )
    if len(earlier) < FLAPPING_FROM - 1:
        return None
    about = {"about__in": [f"alert:{pk}" for pk, _, _ in earlier], "event__in": _TOLD}
    last_told = (
        Notification.objects.filter(**about)
        .values_list("created_at", flat=True)
        .union(InboxItem.objects.filter(**about).values_list("created_at", flat=True))
        .order_by("-created_at")
        .first()
    )
    if last_told is None:
        return None  # whatever kept those quiet, this is news
    began = min((made for _, parent, made in earlier if parent is not None and made > last_told), default=at)
    until = began + HELD_BACK
    return Held(earlier[0][0], until) if until > at else None


def remind_at(*, alert: Alert, at: datetime) -> datetime:
    """When people are told again of an alert without an escalation policy that nobody took charge of."""
    pause = timedelta(minutes=alert.organization.acknowledgement_minutes) or REMIND_OF_CRITICAL
    return at + (pause if alert.severity == Severity.CRITICAL else max(pause, REMIND_OF_WARNINGS))


def told_of(alerts: Collection[UUID]) -> set[UUID]:
    """Which of the alerts people were told of, be it in the app only."""
    about = {f"alert:{pk}": pk for pk in alerts}
    which = {"about__in": list(about), "event__in": _TOLD}
    found = Notification.objects.filter(**which).values_list("about", flat=True)
    return {about[name] for name in found.union(InboxItem.objects.filter(**which).values_list("about", flat=True))}


# --- who ----------------------------------------------------------------------------------------------------------


def _members(alert: Alert) -> QuerySet[Membership]:
    return people.members(
        organization_id=alert.organization_id,
        site_id=alert.site_id,
        roles=permissions.roles_that_may("alerts.view"),
    )


def those_concerned(*, organization_id: UUID, site_id: UUID | None) -> QuerySet[Membership]:
    """Who is told of alerts of a site (None: of no site's) by themselves. Call inside a transaction."""
    roles = permissions.roles_that_may("rules.change")  # manager and above
    return people.members(organization_id=organization_id, site_id=site_id, roles=roles)


def _concerned(
    alert: Alert, *, people: Sequence[UUID] | None = None, also: Collection[UUID] = ()
) -> QuerySet[Membership, UUID]:
    if people is None:
        concerned = those_concerned(organization_id=alert.organization_id, site_id=alert.site_id)
    else:
        concerned = _members(alert).filter(user__in=people)
    if also:
        concerned |= _members(alert).filter(user__in=also)
    return concerned.values_list("user_id", flat=True)


# --- how it is said -----------------------------------------------------------------------------------------------

Context = dict[str, object]


def _tell(
    alert: Alert,
    to: QuerySet[Membership, UUID],
    *,
    template: str,
    context: Callable[[str], Context],
    event: str,
    key: str,
    at: datetime,
) -> None:
    tell(_notice(alert, template=template, context=context, event=event, key=key), people=to, at=at)


def _notice(
    alert: Alert, *, template: str, context: Callable[[str], Context], event: str, key: str, urgent: bool = False
) -> Notice:
    """`context` has the template's words in a scale."""

    def said(user: User) -> Words:
        scale = user.temperature_unit
        values = {**_words(alert, scale=scale), **context(scale)}
        subject = render_to_string(f"alerts/email/{template}.subject.txt", values).strip()
        reason = values.get("reason")
        return Words(
            subject=subject,
            text=render_to_string(f"alerts/email/{template}.txt", values),
            html=outbox.inline_styles(render_to_string(f"alerts/email/{template}.html", values)),
            short=f"{subject}. {reason}" if reason else f"{subject}.",
        )

    return Notice(
        organization_id=alert.organization_id,
        site_id=alert.site_id,
        event=event,
        about=f"alert:{alert.pk}",
        severity=alert.severity,
        path=_path(alert),
        key=f"alert:{alert.pk}:{key}",
        words=said,
        urgent=urgent,
    )


def _path(alert: Alert) -> str:
    return f"/o/{alert.organization.slug}/alerts/{alert.pk}"


def _words(alert: Alert, *, scale: str) -> Context:
    return {
        "alert": alert,
        "place": words.place(alert),
        "site": alert.site,
        "critical": alert.severity == Severity.CRITICAL,
        "sentence": words.sentence(alert, scale=scale),
        "link": f"{settings.PUBLIC_URL}{_path(alert)}",
    }


def _still_open(alerts: Sequence[Alert]) -> dict[UUID, list[Alert]]:
    """What else is wrong with each one's unit: that something is over doesn't mean that all is well."""
    units = {alert.unit_id for alert in alerts if alert.unit_id is not None}
    others: dict[UUID | None, list[Alert]] = defaultdict(list)
    rows = (
        Alert.objects.unresolved()
        .filter(unit__in=units)
        .exclude(severity=Severity.INFO)
        .select_related("unit", "site", "sensor", "gateway")
        .order_by("-opened_at", "pk")
    )
    for other in rows if units else ():
        others[other.unit_id].append(other)
    return {alert.pk: others[alert.unit_id][:MOST_IN_SUMMARY] for alert in alerts}


def _stamp(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))
