"""What people wish: by which channels they hear of what, and when they want to be left alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings

from notifications.models import ContactKind, ContactMethod, NotificationPreference, Rest, Severity
from organizations.models import Membership, Organization, User

# Who never chose is told by e-mail: the verified sign-in address is a contact method.
DEFAULT_CHANNELS: Final = (ContactKind.EMAIL.value,)
LONGEST_ABSENCE: Final = timedelta(days=366)


class Wish(NamedTuple):
    """By which channels a person hears of something of this severity in this organization."""

    organization: Organization
    severity: str
    channels: tuple[str, ...]


class Span(NamedTuple):
    """From when to when."""

    start: datetime
    end: datetime


class Hours(NamedTuple):
    """Every day, by the clock of the person's time zone; past midnight where the end comes first."""

    start: time
    end: time


def zone_of(user: User) -> ZoneInfo:
    """The person's time zone; UTC where nobody knows it any more: a name must not keep somebody from being told."""
    try:
        return ZoneInfo(user.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


# --- when ------------------------------------------------------------------------------------------------------------


def instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The moment at which the clock shows this time on this day, in UTC.

    Where it shows it twice, the first one; where it never does because the clock jumps over it, the jump.
    """
    local = datetime.combine(day, clock, tzinfo=zone)
    moment = local.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return moment
    # Reckoned with the time before the jump it lies behind it, reckoned with the one after, before it.
    before, behind = local.replace(fold=1).astimezone(UTC), moment
    former = before.astimezone(zone).utcoffset()
    while behind - before > timedelta(seconds=1):
        middle = before + (behind - before) / 2
        if middle.astimezone(zone).utcoffset() == former:
            before = middle
        else:
            behind = middle
    return behind.replace(microsecond=0)


def quiet_until(*, hours: Hours | None, zone: ZoneInfo, at: datetime) -> datetime | None:
    """When the quiet hours end that this moment lies in; None outside. Right on days that are longer or shorter."""
    if hours is None:
        return None
    today = at.astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        start = instant(day, hours.start, zone)
        last_day = day if hours.start < hours.end else day + timedelta(days=1)
        end = instant(last_day, hours.end, zone)
        if start <= at < end:
            return end
    return None


def quiet_hours(rest: Rest | None) -> Hours | None:
    """The person's quiet hours, if there are any."""
    if rest is None or rest.quiet_from is None or rest.quiet_to is None:
        return None
    return Hours(rest.quiet_from, rest.quiet_to)


def absence(rest: Rest | None, *, at: datetime) -> Span | None:
    """The absence that this moment lies in or that is still to come; None once it is over."""
    if rest is None or rest.away_from is None or rest.away_until is None or rest.away_until <= at:
        return None
    return Span(rest.away_from, rest.away_until)


# --- whose -----------------------------------------------------------------------------------------------------------


def rest_of(user: User) -> Rest | None:
    """When the person wants to be left alone. Call inside a transaction."""
    return Rest.objects.filter(user=user).first()


def wishes_of(user: User) -> list[Wish]:
    """Of the organizations that the person belongs to now, by slug and severity. Inside a system transaction."""
    order = {severity: number for number, severity in enumerate(Severity.values)}
    rows = NotificationPreference.objects.filter(
        user=user, organization__in=Organization.objects.of_member(user)
    ).select_related("organization")
    found = [Wish(row.organization, row.severity, tuple(row.channels)) for row in rows]
    return sorted(found, key=lambda wish: (wish.organization.slug, order[wish.severity]))


def replace(*, user: User, wishes: Sequence[Wish], quiet: Hours | None, away: Span | None) -> None:
    """These are all of the person's wishes from now on. Twice is the same as once. Inside a system transaction.

    What stays the same isn't written, so that the record of changes tells of changes.
    """
    wanted = {(wish.organization.pk, wish.severity): list(wish.channels) for wish in wishes}
    kept = {}
    for row in NotificationPreference.objects.select_for_update(of=("self",)).filter(user=user):
        key = (row.organization_id, row.severity)
        if key not in wanted:
            row.delete()
            continue
        kept[key] = row
        if row.channels != wanted[key]:
            row.channels = wanted[key]
            row.save(update_fields=["channels"])
    NotificationPreference.objects.bulk_create(
        [
            NotificationPreference(user=user, organization_id=organization_id, severity=severity, channels=channels)
            for (organization_id, severity), channels in wanted.items()
            if (organization_id, severity) not in kept
        ],
        update_conflicts=True,
        unique_fields=["user", "organization", "severity"],
        update_fields=["channels"],
    )
    Rest.objects.update_or_create(
        user=user,
        defaults={
            "quiet_from": quiet.start if quiet else None,
            "quiet_to": quiet.end if quiet else None,
            "away_from": away.start if away else None,
            "away_until": away.end if away else None,
        },
    )


def warnings(*, user: User, at: datetime) -> list[str]:
    """What the person should know of the own wishes, in words: what will reach nobody. Inside a system transaction."""
    usable = usable_kinds(ContactMethod.objects.filter(user=user))
    chosen = {(wish.organization.pk, wish.severity): wish for wish in wishes_of(user)}
    organizations = [
        membership.organization
        for membership in Membership.objects.current()
        .filter(user=user, organization__deleted_at=None)
        .select_related("organization")
        .order_by("organization__name", "pk")
    ]
    found = []
    for organization in organizations:
        wish = chosen.get((organization.pk, Severity.CRITICAL))
        channels = DEFAULT_CHANNELS if wish is None else wish.channels
        if not channels:
            found.append(f"You hear of critical alerts of {organization.name} in the app only: nothing is sent to you.")
        elif not usable & {*channels, *DEFAULT_CHANNELS}:
            found.append(f"No verified address of yours works: nothing of {organization.name} can be sent to you.")
    missing = sorted({channel for wish in chosen.values() for channel in wish.channels if channel not in usable})
    found += [f"You chose {ContactKind(kind).label}: {why_not(kind)}." for kind in missing]
    if (away := absence(rest_of(user), at=at)) and away.start <= at:
        found.append("You are away: you are told in the app only, unless nobody else would hear of something critical.")
    return found


def usable_kinds(contacts: Collection[ContactMethod]) -> set[str]:
    """The channels that would reach the owner of these: verified, not switched off, and sent by this installation."""
    return {contact.kind for contact in contacts if is_usable(contact)}


def is_usable(contact: ContactMethod) -> bool:
    """Whether something can be sent there."""
    return contact.verified_at is not None and contact.disabled_at is None and contact.kind in settings.CHANNELS


def why_not(kind: str) -> str:
    """Why nothing reaches somebody by this channel who has no usable address for it."""
    if kind not in settings.CHANNELS:
        return "nothing can be sent that way here yet"
    return "there is no verified address for it that works"
