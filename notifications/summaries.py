"""Many messages at once become one.

Note [Storms]. More than settings.SUMMARY_AFTER messages to one address within a minute, and whatever comes in quiet
hours, are put together: each keeps its row (a part, so everybody sees who was told of what) and one more row, the
summary, stands in the outbox for all. What comes in a storm goes out seconds later, since an alarm may be among it,
what comes in quiet hours at their end. As long as a summary hasn't been claimed others join it. Its words are made
when it is claimed, of all its parts, so a thousand parts cost one rendering. Two transactions at the same moment may
begin one each: nobody waits for the other.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from celery import current_app
from celery.exceptions import OperationalError as BrokerError
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count
from django.template.loader import render_to_string
from kombu.exceptions import OperationalError as KombuError

from notifications import outbox
from notifications.models import ContactKind, Notification, OutboxEntry, Severity, Urgency
from notifications.outbox import promising
from notifications.outbox.claiming import SUMMARY, Claim, Claimed
from notifications.preferences import zone_of
from notifications.routing import clock
from organizations import events

logger = logging.getLogger(__name__)

WITHIN: Final = timedelta(minutes=1)
# An e-mail about an alarm is written within 10 s: this, and if the bell is lost the 5 s between two sweeps.
GATHERED_FOR: Final = timedelta(seconds=4)
# Quiet hours last less than a day; on the longest one an hour more.
LONGEST_QUIET: Final = timedelta(hours=25)
# Longer than anybody reads; the rest stands in the app.
MOST_LINES: Final = 1000
LONGEST_TEXT: Final = 1000  # of SMS and the like

STORM: Final = "storm"
QUIET: Final = "quiet"

Keyed = tuple[str, outbox.Message]


def gather(messages: Sequence[Keyed], *, organization_id: UUID, site_id: UUID | None, at: datetime) -> list[Keyed]:
    """The messages to promise, those that come together as parts of summaries (which are promised here).

    One statement where there is nothing to put together, a handful otherwise. Call inside a transaction.
    """
    crowded = _crowded(messages, organization_id, at=at)
    parts = [(key, message) for key, message in messages if _put_off(message, at) or key in crowded]
    if not parts:
        return list(messages)
    # What was promised before must not begin a summary without parts.
    known = set(
        Notification.objects.filter(dedupe_key__in=[key for key, _ in parts]).values_list("dedupe_key", flat=True)
    )
    parts = [(key, message) for key, message in parts if key not in known]
    site = site_id if _is_restricted() else None
    found = _waiting([message for _, message in parts], organization_id, site, at=at)
    begun: dict[tuple[UUID, str, datetime], Notification] = {}
    joined = dict(messages)
    for key, message in parts:
        why = QUIET if _put_off(message, at) else STORM
        due_at = (message.due_at or at) if why == QUIET else at + GATHERED_FOR
        whole = _matching(found[message.contact.pk], message, why=why, due_at=due_at)
        if whole is None:
            same = (message.contact.pk, why, due_at)
            if same not in begun:
                begun[same] = _begin(message, organization_id, site, why=why, due_at=due_at, at=at)
            whole = begun[same]
        joined[key] = replace(message, summary_id=whole.pk, due_at=whole.next_attempt_at)
    return [(key, message) for key, message in joined.items() if key not in known]


def _put_off(message: outbox.Message, at: datetime) -> bool:
    return message.due_at is not None and message.due_at > at


def _crowded(keyed: Sequence[Keyed], organization_id: UUID, *, at: datetime) -> set[str]:
    """The keys of those that are one too many: of what their address gets within a minute, with those before them."""
    messages = {key: message for key, message in keyed if not _put_off(message, at)}
    if not messages:
        return set()
    written = (
        Notification.objects.filter(
            user__in={message.contact.user_id for message in messages.values()},
            organization=organization_id,
            # To both sides: clocks of two servers differ a little, and one that jumped must not make all days stormy.
            created_at__gt=at - WITHIN,
            created_at__lte=at + WITHIN,
            summary=None,
        )
        .exclude(event=SUMMARY)
        .values_list("contact_id")
        .annotate(number=Count("pk"))
    )
    sent = Counter({contact_id: number for contact_id, number in written if contact_id})
    crowded = set()
    for key, message in messages.items():
        if sent[message.contact.pk] >= settings.SUMMARY_AFTER:
            crowded.add(key)
        sent[message.contact.pk] += 1
    return crowded


def _is_restricted() -> bool:
    """Whether this transaction sees some sites only: it may not write about all of them (tenancy.acting_in)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting('freshtrack.sites', true), '') <> ''")
        return bool(cursor.fetchone()[0])


def _waiting(
    messages: Sequence[outbox.Message], organization_id: UUID, site_id: UUID | None, *, at: datetime
) -> dict[UUID, list[OutboxEntry]]:
    """Summaries to these addresses that nobody has claimed yet. Locked: a part is there before anybody claims it."""
    # Those of storms are seconds old; only for quiet hours is it worth looking further back.
    since = at - (LONGEST_QUIET if any(_put_off(message, at) for message in messages) else WITHIN)
    entries = (
        OutboxEntry.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(
            notification__user__in={message.contact.user_id for message in messages},
            notification__created_at__gt=since,
            notification__organization=organization_id,
            notification__event=SUMMARY,
            notification__site_id=site_id,
            lease=None,
            attempts=0,
            due_at__gt=at,
        )
        .select_related("notification")
        .order_by("due_at", "pk")
    )
    found: dict[UUID, list[OutboxEntry]] = defaultdict(list)
    for entry in entries:
        assert entry.notification.contact_id is not None  # noqa: S101 (promised to one)
        found[entry.notification.contact_id].append(entry)
    return found


def _matching(
    entries: Collection[OutboxEntry], message: outbox.Message, *, why: str, due_at: datetime
) -> Notification | None:
    for entry in entries:
        if entry.notification.extra.get("why") != why:
            continue
        if entry.due_at == due_at if why == QUIET else entry.due_at <= due_at and entry.urgency <= message.urgency:
            return entry.notification
    return None


def _begin(
    message: outbox.Message, organization_id: UUID, site_id: UUID | None, *, why: str, due_at: datetime, at: datetime
) -> Notification:
    urgency = message.urgency if why == STORM else Urgency.DEFAULT
    whole = outbox.Message(
        organization_id=organization_id,
        site_id=site_id,
        contact=message.contact,
        event=SUMMARY,
        about="",
        severity=message.severity,
        urgency=urgency,
        subject="Several messages",  # until it is claimed
        text="",
        extra={"why": why},
        due_at=due_at,
    )
    row = outbox.promise(whole, dedupe_key=f"{SUMMARY}:{uuid4()}", at=at)
    assert row is not None  # noqa: S101 (nobody else has its key)
    if why == STORM:
        events.afterwards(lambda: _ring_when_gathered(urgency))
    return row


def _ring_when_gathered(urgency: int) -> None:
    """Wake a worker when the summary is due. If the broker is away the sweep finds it."""
    try:
        current_app.send_task(
            promising.DRAIN,
            args=[urgency],
            queue=promising.queue_of(urgency),
            countdown=GATHERED_FOR.total_seconds(),
        )
    except (BrokerError, KombuError, OSError) as error:
        logger.warning("the bell for a summary was not heard: %s", error)


# --- words -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One of the messages that came together."""

    subject: str
    at: str
    link: str


def written(claim: Claim) -> Claim:
    """The claim with the words of its summaries, made of what has come together, here and on the rows.

    A summary without parts says nothing: it is gone. No statement where none was claimed. Inside a system transaction.
    """
    ids = [message.parcel.id for message in claim.messages if message.parcel.event == SUMMARY]
    if not ids:
        return claim
    try:
        with transaction.atomic():
            words = _words(ids)
    except Exception:
        # What else was claimed must not wait for the words of this, and this not for ever.
        logger.exception("summaries could not be put into words")
        return claim
    messages = [
        _saying(message, words[message.parcel.id]) if message.parcel.id in words else message
        for message in claim.messages
        if message.parcel.id in words or message.parcel.event != SUMMARY
    ]
    return replace(claim, messages=messages)


def _saying(message: Claimed, whole: Notification) -> Claimed:
    # With what it is about: a part that stayed alone has its own link to answer with.
    said = {name: getattr(whole, name) for name in ("subject", "text", "html", "severity", "about")}
    return message._replace(parcel=message.parcel._replace(**said))


def _words(ids: Sequence[UUID]) -> dict[UUID, Notification]:
    parts: dict[UUID | None, list[Notification]] = defaultdict(list)
    for part in Notification.objects.filter(summary__in=ids).order_by("created_at", "pk"):
        parts[part.summary_id].append(part)
    wholes = list(Notification.objects.filter(pk__in=ids).select_related("user", "organization"))
    full = [whole for whole in wholes if parts[whole.pk]]
    for whole in full:
        _word(whole, parts[whole.pk])
    Notification.objects.bulk_update(full, ["about", "subject", "text", "html", "severity"])
    Notification.objects.filter(pk__in=[whole.pk for whole in wholes if not parts[whole.pk]]).delete()
    return {whole.pk: whole for whole in full}


def _word(whole: Notification, parts: Sequence[Notification]) -> None:
    """Put the parts' words together; a part that stayed alone speaks for itself."""
    worst = [severity for severity in reversed(Severity.values) if any(part.severity == severity for part in parts)]
    whole.severity = worst[0]
    if len(parts) == 1:
        (part,) = parts
        whole.about, whole.subject, whole.text, whole.html = part.about, part.subject, part.text, part.html
        return
    context = _context(whole, sorted(parts, key=lambda part: worst.index(part.severity)))
    whole.subject = render_to_string("notifications/email/summary.subject.txt", context).strip()[:300]
    if whole.channel != ContactKind.EMAIL:
        short = "\n".join([whole.subject, *(line.subject for line in context["lines"])])
        whole.text = short if len(short) <= LONGEST_TEXT else f"{short[: LONGEST_TEXT - 1]}…"
        return
    whole.text = render_to_string("notifications/email/summary.txt", context)
    whole.html = outbox.inline_styles(render_to_string("notifications/email/summary.html", context))


def _context(whole: Notification, parts: Sequence[Notification]) -> dict[str, Any]:
    zone = zone_of(whole.user) if whole.user else ZoneInfo("UTC")
    home = whole.organization
    return {
        "number": len(parts),
        "quiet": whole.extra.get("why") == QUIET,
        "worst": whole.severity,
        "lines": [
            Line(part.subject, clock(part.created_at, zone=zone), f"{settings.PUBLIC_URL}{part.extra.get('path', '')}")
            for part in parts[:MOST_LINES]
        ],
        "more": max(len(parts) - MOST_LINES, 0),
        "organization": home.name if home else "FreshTrack",
        "link": f"{settings.PUBLIC_URL}/o/{home.slug}/inbox" if home else settings.PUBLIC_URL,
        "most": settings.SUMMARY_AFTER,
    }
