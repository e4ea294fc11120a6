"""The sweep that finds which digests are due: each is promised once, whoever looks and however often.

A digest is claimed, its message promised and its next time written in one transaction (Note [Rows are the queue]): two
beats, two workers and a crash in between send it once. Its key names the day, for whatever else may go wrong.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from celery import shared_task
from django.db import connection, transaction

from freshtrack import requests
from freshtrack.errors import DomainError
from notifications import outbox, preferences
from notifications.digests import history, making, periods
from notifications.digests.choosing import plan_of
from notifications.digests.periods import Due, Plan
from notifications.models import ContactKind, ContactMethod, Digest, Notification, Rest, Severity, Urgency
from notifications.preferences import Span
from organizations.models import Membership, User
from organizations.tenancy import acting_as_system

logger = logging.getLogger(__name__)

AT_ONCE: Final = 20
# Change log cursors wait for the oldest transaction (Note [Cursors]): two seconds at most.
LONG_S: Final = 1.0
# Less than a worker is given to finish when it is told to stop; what is left is found a minute later.
SECONDS: Final = 20
MOST_CLOCKS: Final = 500

# Another time of day than was chosen, by the person's clock of today: the zone was changed meanwhile. CASE is evaluated
# in order: a zone that PostgreSQL doesn't know would be an error for all.
_ASTRAY: Final = """
SELECT digest.id FROM notifications_digest digest JOIN organizations_user person ON person.id = digest.user_id
WHERE digest.enabled AND digest.next_at > %(at)s AND CASE WHEN person.time_zone = ANY(%(zones)s) THEN
  (digest.next_at AT TIME ZONE person.time_zone)::time <> digest.at
  OR digest.period = 'weekly'
    AND extract(isodow FROM digest.next_at AT TIME ZONE person.time_zone) <> digest.weekday + 1
END
ORDER BY digest.next_at, digest.id LIMIT %(most)s
"""


class NoAddress(DomainError):
    """There is nowhere to send it."""

    code = "no_address"


@shared_task(name="notifications.sweep_digests")
def sweep_digests() -> int:
    """Promise the digests that are due. Returns how many. Safe to run twice, at once, late, or after a crash."""
    with acting_as_system("sweep"), connection.cursor() as cursor:
        # The database's clock: one that jumps must not send tomorrow's news.
        cursor.execute("SELECT now()")
        at: datetime = cursor.fetchone()[0]
    return sweep(at=at)


def sweep(*, at: datetime) -> int:
    """Promise what is due at this moment; returns how many. Opens its own transactions, each shorter than 2 s."""
    follow_clocks(at=at)
    promised = 0
    failed: set[UUID] = set()
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with acting_as_system("sweep"):
            page = _page(at=at, but_not=failed)
        promised += page.promised
        failed |= page.failed
        if not page.handled:
            break
    return promised


def follow_clocks(*, at: datetime) -> int:
    """Move digests of people who changed their zone to the same time of day there. Opens its own transaction.

    Later than planned the sweep would find by itself; this is for those whose day begins earlier now.
    """
    with acting_as_system("sweep"), connection.cursor() as cursor:
        cursor.execute(_ASTRAY, {"at": at, "zones": _known_zones(), "most": MOST_CLOCKS})
        astray = [key for (key,) in cursor.fetchall()]
        return _follow_clocks(astray, at=at) if astray else 0


def address_of(user: User) -> ContactMethod | None:
    """Where a digest is sent: to the sign-in address, or if that doesn't work to another one. Inside a transaction."""
    usable = [
        contact
        for contact in ContactMethod.objects.filter(user=user, kind=ContactKind.EMAIL).order_by("created_at", "pk")
        if preferences.is_usable(contact)
    ]
    return next((contact for contact in usable if contact.address == user.email), next(iter(usable), None))


def send_preview(*, membership: Membership, user: User, period: str, at: datetime) -> Notification:
    """Send the person what a digest would tell if it were due now; it counts for no day. Call inside a transaction.

    Raises NoAddress.
    """
    contact = address_of(user)
    if contact is None:
        raise NoAddress("You have no verified e-mail address that works.")
    letter = preview(membership=membership, user=user, period=period, at=at)
    message = _message(membership, contact, letter, period=period, about="digest:preview")
    row = outbox.promise(message, dedupe_key=f"digest:preview:{uuid4()}", at=at)
    assert row is not None  # noqa: S101 (nobody else has its key)
    return row


def preview(*, membership: Membership, user: User, period: str, at: datetime) -> making.Letter:
    """What a digest would tell if it were due now. Call inside a transaction."""
    plan = Plan(period, at.time(), 0, ZoneInfo(user.time_zone))
    told = periods.until_now(plan, at=at)
    return making.make(
        organization=membership.organization,
        user=user,
        site_ids=membership.site_ids,
        period=period,
        told=told,
        at=at,
    )


@dataclass
class _Page:
    """What became of a page: how many were looked at, promised, and which ones can't be made now."""

    handled: int = 0
    promised: int = 0
    failed: set[UUID] = field(default_factory=set)


def _page(*, at: datetime, but_not: Collection[UUID]) -> _Page:
    """As many as there is time for; the others are let go with the transaction. One that fails is tried next time."""
    started, page = time.monotonic(), _Page()
    due = Digest.objects.filter(enabled=True, next_at__lte=at).exclude(pk__in=but_not)
    rows = (
        history.with_last(due, at=at)
        .select_related("user__rest", "organization")
        .select_for_update(of=("self",), skip_locked=True)
        .order_by("next_at", "pk")[:AT_ONCE]
    )
    for digest in rows:
        if page.handled and time.monotonic() - started > LONG_S:
            break
        page.handled += 1
        try:
            with requests.of(digest.organization_id), transaction.atomic():
                page.promised += _send(digest, at=at)
        except Exception:
            logger.exception("digest %s could not be made", digest.pk)
            page.failed.add(digest.pk)
    return page


def _send(digest: Digest, *, at: datetime) -> bool:
    """Promise it if there is one to send, and move it on. Call with its row locked."""
    plan = plan_of(digest, user=digest.user)
    last = history.sent(plan, digest.last)  # type: ignore[attr-defined]  # history.with_last
    decision = periods.decide(plan, done=last.number if last else None, at=at)
    digest.next_at = decision.next_at
    promised = decision.send is not None and _promise(digest, plan, decision.send, last, at=at)
    digest.save(update_fields=["next_at", "enabled"])
    return promised


def _promise(digest: Digest, plan: Plan, due: Due, last: periods.Sent | None, *, at: datetime) -> bool:
    organization, user = digest.organization, digest.user
    if organization.deleted_at is not None or not user.is_active:
        return False
    membership = Membership.objects.current().filter(organization=organization, user=user).first()
    if membership is None:
        digest.enabled = False
        return False
    membership.organization = organization
    away = _absence(user)
    if away is not None and away.start <= at < away.end:
        return False
    contact = address_of(user)
    if contact is None:
        return False
    told = periods.stretch(plan, due=due, sent=last, away=away)
    letter = making.make(
        organization=organization, user=user, site_ids=membership.site_ids, period=digest.period, told=told, at=at
    )
    message = _message(membership, contact, letter, period=digest.period, about=f"digest:{digest.pk}")
    message.extra.update(history.facts(day=due.day, until=told.end))
    return outbox.promise(message, dedupe_key=f"digest:{digest.pk}:{due.day}", at=at) is not None


def _message(
    membership: Membership, contact: ContactMethod, letter: making.Letter, *, period: str, about: str
) -> outbox.Message:
    return outbox.Message(
        organization_id=membership.organization_id,
        contact=contact,
        event=history.event_of(period),
        about=about,
        subject=letter.subject,
        text=letter.text,
        html=letter.html,
        severity=Severity.INFO,
        urgency=Urgency.BULK,
        extra={"path": f"/o/{membership.organization.slug}"},
    )


def _absence(user: User) -> Span | None:
    """The last absence that the person told of, be it over."""
    rest: Rest | None = getattr(user, "rest", None)
    if rest is None or rest.away_from is None or rest.away_until is None:
        return None
    return Span(rest.away_from, rest.away_until)


@functools.cache
def _known_zones() -> list[str]:
    """Those of PostgreSQL. It reads six hundred files for them, so once in a process."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        return [name for (name,) in cursor.fetchall()]


def _follow_clocks(astray: Collection[UUID], *, at: datetime) -> int:
    moved = 0
    rows = history.with_last(Digest.objects.filter(pk__in=astray), at=at).select_related("user")
    for digest in rows.select_for_update(of=("self",), skip_locked=True).order_by("pk"):
        plan = plan_of(digest, user=digest.user)
        if periods.first(plan, after=digest.next_at - timedelta(microseconds=1)).moment == digest.next_at:
            continue  # the clock jumps over that time of day
        last = history.sent(plan, digest.last)  # type: ignore[attr-defined]  # history.with_last
        digest.next_at = periods.changed(plan, next_at=digest.next_at, done=last.number if last else None, at=at)
        digest.save(update_fields=["next_at"])
        moved += 1
    return moved
