"""Secret addresses under which calendar programs read who is on duty. Whoever has one reads what its owner may."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.conf import settings

from alerts.models import OnCallFeed, OnCallSchedule
from alerts.oncall import calendars, duty, looking, rota
from freshtrack.errors import DomainError
from organizations import permissions, secrets
from organizations.models import Membership, User

PREFIX: Final = "ftc_"
# Far more than anybody has calendars.
MOST: Final = 50
# What a calendar program shows: what was, and half a year ahead.
BEHIND: Final = timedelta(days=30)
AHEAD: Final = timedelta(days=183)
_LAST_USED_EVERY: Final = timedelta(minutes=10)


class TooManyFeeds(DomainError):
    """Nobody has so many calendars."""

    code = "too_many"


class Worthless(Exception):
    """Nobody made this address, or it was revoked, or its owner may not look any more."""


class Made(NamedTuple):
    """A new feed, and the address that is shown once."""

    feed: OnCallFeed
    address: str


def make(*, schedule: OnCallSchedule, user: User, only_mine: bool, at: datetime) -> Made:
    """A new secret address of a schedule. Call inside a transaction. Raises TooManyFeeds."""
    mine = OnCallFeed.objects.filter(organization=schedule.organization_id, user=user, revoked_at=None)
    if mine.count() >= MOST:
        raise TooManyFeeds(f"You have {MOST} of them. Revoke one that you don’t use.")
    fresh = secrets.make(PREFIX)
    feed = OnCallFeed.objects.create(
        organization_id=schedule.organization_id,
        user=user,
        schedule=schedule,
        only_mine=only_mine,
        hash=fresh.hash,
        prefix=fresh.prefix,
        created_at=at,
    )
    return Made(feed, f"{settings.PUBLIC_URL}/on-call/{fresh.secret}.ics")


def revoke(*, feed: OnCallFeed, at: datetime) -> None:
    """Nobody reads anything there any more. Twice is the same as once."""
    OnCallFeed.objects.filter(pk=feed.pk, revoked_at=None).update(revoked_at=at)


def admit(secret: str, *, at: datetime) -> OnCallFeed:
    """The feed of a secret, whose owner may still look. Call inside a system transaction. Raises Worthless."""
    feed = (
        OnCallFeed.objects.select_related("schedule__organization", "user")
        .filter(hash=secrets.digest(secret), revoked_at=None, schedule__deleted_at=None)
        .filter(organization__deleted_at=None, user__is_active=True)
        .first()
    )
    if feed is None:
        raise Worthless
    membership = Membership.objects.current().filter(organization=feed.organization_id, user=feed.user_id).first()
    if membership is None or not permissions.member_may(membership, "oncall.view"):
        raise Worthless
    schedule = feed.schedule
    if membership.site_ids is not None and schedule.site_id is not None and schedule.site_id not in membership.site_ids:
        raise Worthless
    if feed.last_used_at is None or feed.last_used_at < at - _LAST_USED_EVERY:
        feed.last_used_at = at
        feed.save(update_fields=["last_used_at"])
    return feed


def calendar(feed: OnCallFeed, *, at: datetime) -> bytes:
    """What a calendar program reads: RFC 5545. Call inside a transaction."""
    begin, end = at - BEHIND, at + AHEAD
    schedule = duty.of_schedule(feed.schedule, begin=begin, end=end)
    spans = rota.final(schedule, begin, end)
    if feed.only_mine:
        spans = rota.shifts_of(spans, str(feed.user_id))
    names = looking.names(schedule, organization=feed.schedule.organization)
    return calendars.feed(
        name=f"On call: {feed.schedule.name}",
        spans=spans,
        label=lambda span: f"{names.get(span.person or '', 'Somebody who left')} on call, {feed.schedule.name}",
        uid=str(feed.schedule_id),
        made_at=at,
        zone=feed.schedule.time_zone,
    )
