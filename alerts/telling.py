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

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple, TypedDict
from uuid import UUID

from django.conf import settings
from django.db.models import Max, QuerySet
from django.template.loader import render_to_string

from alerts import words
from alerts.models import Alert, Severity
from notifications import delivery, people
from notifications.models import ContactMethod, Notification
from organizations import permissions
from organizations.models import User

# Two openings within an hour are two events, three are one door that doesn't close (hold back, never for longer).
FLAPPING_WITHIN: Final = timedelta(hours=1)
FLAPPING_FROM: Final = 3
HELD_BACK: Final = timedelta(minutes=30)
# What an open critical alert or a silent gateway covered often ends soon after it; what doesn't is told then.
GRACE: Final = timedelta(minutes=15)
# Somebody who has to know of a warning is reminded once a day, of a critical one as often as acknowledgements lapse.
REMIND_OF_WARNINGS: Final = timedelta(days=1)
# An excursion that was found late and was over by then is news for a day; after that it is a record.
NEWS_FOR: Final = timedelta(hours=24)
MOST_IN_SUMMARY: Final = 10

OPENED: Final = "alert.opened"
AGAIN: Final = "alert.again"
FOUND: Final = "alert.found"
RESOLVED: Final = "alert.resolved"
ASSIGNED: Final = "alert.assigned"
_TOLD: Final = (OPENED, AGAIN, FOUND)


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
}
# These were heard of before.
_AGAIN: Final = {Why.AWAKE, Why.LAPSED, Why.REOPENED, Why.REMINDER}


class Held(NamedTuple):
    """Quiet until then, as a part of an alert that was told before."""

    first: UUID
    until: datetime


def promise_opened(*, alert: Alert, at: datetime, why: Why = Why.OPENED) -> None:
    """Promise a message to everybody concerned: managers and above who may see the site, by verified addresses.

    Told again, who is assigned or had acknowledged hears of it, too. Call inside a transaction.
    """
    again = why in _AGAIN
    also = [alert.assigned_to_id, alert.acknowledged_by_id] if again else []
    contacts = _concerned(alert, also=[user_id for user_id in also if user_id])
    _promise(alert, contacts, **_opened(alert, why, at=at), at=at)


class _Said(TypedDict):
    """What a message is made of, and what tells it from others about the same alert."""

    template: str
    context: dict[str, object]
    event: str
    key: str


def _opened(alert: Alert, why: Why, *, at: datetime) -> _Said:
    again = why in _AGAIN
    return {
        "template": "opened",
        "context": {
            "again": again,
            "reason": _WORDS[why],
            "rows": words.rows(alert),
            "headline": words.headline(alert),
        },
        "event": AGAIN if again else OPENED,
        "key": why.value if why is Why.OPENED else f"{why.value}:{_stamp(at)}",
    }


def promise_all_opened(*, alerts: Sequence[Alert], at: datetime) -> None:
    """`promise_opened` for many that opened just now: who is concerned is asked once for each site."""
    concerned: dict[tuple[UUID, UUID | None], list[ContactMethod]] = {}
    promised = []
    for alert in alerts:
        place = (alert.organization_id, alert.site_id)
        if place not in concerned:
            concerned[place] = _concerned(alert)
        promised += _messages(alert, concerned[place], **_opened(alert, Why.OPENED, at=at))
    if promised:
        delivery.promise_all(promised, at=at)


def promise_resolved(*, alert: Alert, at: datetime) -> None:
    """Promise a message that it is over to those who were told that it was open, muted or not.

    Who may no longer see the site, or left, isn't told. Call inside a transaction; may be repeated.
    """
    told = set(
        Notification.objects.filter(about=f"alert:{alert.pk}", event__in=_TOLD).values_list("user_id", "channel", "to")
    )
    if not told:
        return
    contacts = [
        contact
        for contact in _members(alert).filter(user_id__in=[user_id for user_id, _, _ in told])
        if (contact.user_id, contact.kind, contact.address) in told
    ]
    assert alert.resolved_at is not None  # noqa: S101 (alert_resolved_has_time)
    _promise(
        alert,
        contacts,
        template="resolved",
        context={"rows": words.rows(alert), "still": _still_open(alert)},
        event=RESOLVED,
        key=f"resolved:{_stamp(alert.resolved_at)}",
        at=at,
    )


def promise_found(*, alerts: Sequence[Alert], at: datetime) -> None:
    """Promise one message about excursions of one unit that were found late, if they are news still.

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
    incidents = [(words.sentence(alert), words.rows(alert)) for alert in shown[:MOST_IN_SUMMARY]]
    context = {
        "incidents": incidents,
        "more": max(len(shown) - MOST_IN_SUMMARY, 0),
        "number": len(shown),
        "lasts": any(alert.resolved_at is None for alert in told),
        "found": words.local(first, at),
    }
    _promise(
        first,
        _concerned(first),
        template="found",
        context=context,
        event=FOUND,
        key=f"found:{_stamp(at)}",
        at=at,
    )


def promise_assigned(*, alert: Alert, to: User, by: User, at: datetime, note: str) -> None:
    """Tell somebody that an alert is theirs now. Call inside a transaction."""
    _promise(
        alert,
        _members(alert).filter(user_id=to.pk),
        template="assigned",
        context={"by": by.get_full_name(), "note": note, "rows": words.rows(alert)},
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
    last_told = Notification.objects.filter(
        about__in=[f"alert:{pk}" for pk, _, _ in earlier], event__in=_TOLD
    ).aggregate(last=Max("created_at"))["last"]
    if last_told is None:
        return None  # whatever kept those quiet, this is news
    began = min((made for _, parent, made in earlier if parent is not None and made > last_told), default=at)
    until = began + HELD_BACK
    return Held(earlier[0][0], until) if until > at else None


def remind_at(*, alert: Alert, at: datetime) -> datetime | None:
    """When people are told again of an alert that nobody took charge of; None where acknowledgements never lapse."""
    minutes = alert.organization.acknowledgement_minutes
    if not minutes:
        return None
    pause = timedelta(minutes=minutes)
    return at + (pause if alert.severity == Severity.CRITICAL else max(pause, REMIND_OF_WARNINGS))


def told_of(alerts: Collection[UUID]) -> set[UUID]:
    """Which of the alerts people were told of."""
    about = {f"alert:{pk}": pk for pk in alerts}
    found = Notification.objects.filter(about__in=list(about), event__in=_TOLD).values_list("about", flat=True)
    return {about[name] for name in found}


# --- who ----------------------------------------------------------------------------------------------------------


def _members(alert: Alert) -> QuerySet[ContactMethod]:
    return people.addresses(
        organization_id=alert.organization_id,
        site_id=alert.site_id,
        roles=permissions.roles_that_may("alerts.view"),
        kinds=["email"],
    )


def _concerned(alert: Alert, *, also: Collection[UUID] = ()) -> list[ContactMethod]:
    roles = permissions.roles_that_may("rules.change")  # manager and above
    contacts = list(
        people.addresses(organization_id=alert.organization_id, site_id=alert.site_id, roles=roles, kinds=["email"])
    )
    if also:
        known = {contact.pk for contact in contacts}
        contacts += [contact for contact in _members(alert).filter(user_id__in=also) if contact.pk not in known]
    return contacts


def _promise(
    alert: Alert,
    contacts: Iterable[ContactMethod],
    *,
    template: str,
    context: dict[str, object],
    event: str,
    key: str,
    at: datetime,
) -> None:
    messages = _messages(alert, contacts, template=template, context=context, event=event, key=key)
    if messages:
        delivery.promise_all(messages, at=at)


def _messages(
    alert: Alert,
    contacts: Iterable[ContactMethod],
    *,
    template: str,
    context: dict[str, object],
    event: str,
    key: str,
) -> list[tuple[delivery.Message, str]]:
    """The same words for each address, with the key that tells them from others."""
    contacts = list(contacts)
    if not contacts:
        return []
    context = {**_words(alert), **context}
    subject = render_to_string(f"alerts/email/{template}.subject.txt", context).strip()
    text = render_to_string(f"alerts/email/{template}.txt", context)
    html = delivery.inline_styles(render_to_string(f"alerts/email/{template}.html", context))
    return [
        (
            delivery.Message(
                organization_id=alert.organization_id,
                site_id=alert.site_id,
                contact=contact,
                event=event,
                about=f"alert:{alert.pk}",
                subject=subject,
                text=text,
                html=html,
            ),
            f"alert:{alert.pk}:{key}:{contact.pk}",
        )
        for contact in contacts
    ]


def _words(alert: Alert) -> dict[str, object]:
    return {
        "alert": alert,
        "place": words.place(alert),
        "site": alert.site,
        "critical": alert.severity == Severity.CRITICAL,
        "sentence": words.sentence(alert),
        "link": f"{settings.PUBLIC_URL}/o/{alert.organization.slug}/alerts/{alert.pk}",
    }


def _still_open(alert: Alert) -> list[str]:
    """What else is wrong with the unit: that something is over doesn't mean that all is well."""
    if alert.unit_id is None:
        return []
    others = (
        Alert.objects.unresolved()
        .filter(unit=alert.unit_id)
        .exclude(severity=Severity.INFO)
        .select_related("unit", "site", "sensor", "gateway")
        .order_by("-opened_at", "pk")[:MOST_IN_SUMMARY]
    )
    return [words.sentence(other) for other in others]


def _stamp(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))
