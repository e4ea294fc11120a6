"""By which way does each person hear of something now? Wishes, quiet hours, absences, and addresses that work.

Note [Routes]. Who never chose is told by e-mail. Where none of the chosen channels has an address that works, e-mail
stands in, so that a number that was never verified silences nobody. Quiet hours put off what isn't critical to their
end. Who is away reads it in the app, unless nobody else would be told of something critical. An empty choice is a
choice. Whatever the way, everybody finds it in the app's inbox.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import ArrayField
from django.db.models import CharField, OuterRef, QuerySet, Subquery
from django.utils import dateformat

from notifications import preferences
from notifications.models import ContactKind, ContactMethod, NotificationPreference, Rest, Severity
from organizations.models import User

_WORDS: Final = {Severity.INFO: "information", Severity.WARNING: "warnings", Severity.CRITICAL: "what is critical"}


class Way(NamedTuple):
    """One address, when it is written to, and why so."""

    contact: ContactMethod
    due_at: datetime
    why: str


@dataclass(frozen=True)
class Route:
    """How one person hears of it. `reasons`: in words, why not by other ways, or not at all."""

    user: User
    contacts: list[Way] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


class Reachable(NamedTuple):
    """What is known of some people: their wishes for one severity, and their addresses."""

    severity: str
    users: list[Any]
    contacts: dict[UUID, list[ContactMethod]]


def routes(
    people: Iterable[UUID], *, organization_id: UUID, severity: str, at: datetime, urgent: bool = False
) -> list[Route]:
    """The way to each of these people, by their addresses; who can't sign in any more is left out.

    What is `urgent` passes quiet hours, and absences where nobody else would be told, as what is critical always does.
    Two statements however many they are. Call inside a transaction.
    """
    known = reachable(people, organization_id=organization_id, severity=severity)
    return routes_at(known, at=at, urgent=urgent)


def reachable(people: Iterable[UUID], *, organization_id: UUID, severity: str) -> Reachable:
    """What `routes_at` needs to know, for whoever asks for several moments. Two statements. Inside a transaction."""
    wish = NotificationPreference.objects.filter(
        user=OuterRef("pk"), organization=organization_id, severity=severity
    ).values("channels")[:1]
    users = list(
        # A query for people becomes a part of this one.
        User.objects.filter(pk__in=people if isinstance(people, QuerySet) else list(people), is_active=True)
        .select_related("rest")
        .annotate(chosen=Subquery(wish, output_field=ArrayField(CharField())))
        .order_by("email", "pk")
    )
    contacts: dict[UUID, list[ContactMethod]] = defaultdict(list)
    for contact in ContactMethod.objects.filter(user__in=[user.pk for user in users]).order_by("kind", "pk"):
        contacts[contact.user_id].append(contact)
    return Reachable(severity, users, contacts)


def routes_at(
    known: Reachable, *, at: datetime, urgent: bool = False, among: Collection[UUID] | None = None
) -> list[Route]:
    """The way to each of them, or only to those `among` them, at a moment. Asks nobody."""
    severity, contacts = known.severity, known.contacts
    urgent = urgent or severity == Severity.CRITICAL
    users = [user for user in known.users if among is None or user.pk in among]
    how: dict[str, Any] = {"severity": severity, "urgent": urgent, "at": at}
    found = [_route(user, contacts[user.pk], **how) for user in users]
    if not urgent or any(route.contacts for route in found):
        return found
    return [_route(user, contacts[user.pk], **how, though_away=True) for user in users]


def clock(moment: datetime, *, zone: ZoneInfo) -> str:
    """A moment by somebody's clock, in words."""
    return f"{dateformat.format(moment.astimezone(zone), 'D j M, H:i')} ({zone.key})"


def _route(
    user: Any,
    contacts: Sequence[ContactMethod],
    *,
    severity: str,
    urgent: bool,
    at: datetime,
    though_away: bool = False,
) -> Route:
    """`user` knows the channels that were chosen for this severity here (None: none ever)."""
    rest: Rest | None = getattr(user, "rest", None)
    zone = preferences.zone_of(user)
    away = preferences.absence(rest, at=at)
    is_away = away is not None and away.start <= at
    if away and is_away and not though_away:
        return Route(user, [], [f"Away until {clock(away.end, zone=zone)}: finds it in the app only."])
    if user.chosen is not None and not user.chosen:
        return Route(user, [], [f"Wants to find {_WORDS[Severity(severity)]} in the app only."])
    usable, why, reasons = _usable(contacts, chosen=user.chosen)
    if is_away:
        why = "Away, but nobody else would be told."
    until = None
    if not urgent:
        until = preferences.quiet_until(hours=preferences.quiet_hours(rest), zone=zone, at=at)
    if until is not None:
        why = f"Quiet hours until {clock(until, zone=zone)}: then, with whatever else there is."
    return Route(user, [Way(contact, until or at, why) for contact in usable], reasons)


def _usable(
    contacts: Sequence[ContactMethod], *, chosen: Collection[str] | None
) -> tuple[list[ContactMethod], str, list[str]]:
    """(where to write, why there, why not elsewhere)."""
    wanted = preferences.DEFAULT_CHANNELS if chosen is None else tuple(chosen)
    works = [contact for contact in contacts if preferences.is_usable(contact)]
    kinds = {contact.kind for contact in works}
    found = [contact for contact in works if contact.kind in wanted]
    reasons = [f"{ContactKind(kind).label}: {_why_not(kind, contacts)}." for kind in wanted if kind not in kinds]
    if found:
        return found, "By default." if chosen is None else "Chosen.", reasons
    instead = [contact for contact in works if contact.kind in preferences.DEFAULT_CHANNELS]
    return instead, f"Instead of {' and '.join(ContactKind(kind).label for kind in wanted)}.", reasons


def _why_not(kind: str, contacts: Sequence[ContactMethod]) -> str:
    own = [contact for contact in contacts if contact.kind == kind]
    if any(contact.disabled_at for contact in own):
        return "the address was switched off, since nothing arrives there"
    if own and all(contact.verified_at is None for contact in own):
        return "the address isn't verified yet"
    return preferences.why_not(kind)
