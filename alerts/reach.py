"""Who would be told of an alert if it opened now, by which way, and why not: before it matters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Q

from alerts import telling, words
from alerts.models import Mute, Severity
from notifications import people, routing
from notifications.routing import Way
from organizations import permissions
from organizations.models import Membership, User
from sensors.models import Unit

_INFORMATION: Final = "Nobody is told of what is only information: it stands in the list of alerts."


@dataclass(frozen=True)
class Channel:
    """One address, masked unless it is the asker's own, when it would be written to, and why so."""

    kind: str
    to: str
    at: datetime
    why: str


@dataclass(frozen=True)
class Reached:
    """One person. `told`: something would be sent, be it later; whoever is concerned finds it in the app besides."""

    user: UUID
    name: str
    told: bool
    channels: list[Channel]
    reasons: list[str]


@dataclass(frozen=True)
class Reach:
    """Everybody who is or could be concerned, and what somebody should know of it, in words."""

    results: list[Reached]
    warnings: list[str]


def of_place(
    *, asker: Membership, by: User, severity: str, site_id: UUID | None, unit: Unit | None, at: datetime
) -> Reach:
    """As if an alert of this severity opened now at the unit, at the site, or (None) at no site in particular.

    A handful of statements however many members. Call inside a transaction.
    """
    members = list(
        Membership.objects.for_member(asker)
        .current()
        .filter(role__in=permissions.roles_that_may("rules.change"))
        .select_related("user")
        .order_by("user__email", "pk")
    )
    concerned = telling.those_concerned(organization_id=asker.organization_id, site_id=site_id)
    routes = {
        route.user.pk: route
        for route in routing.routes(
            concerned.values_list("user_id", flat=True),
            organization_id=asker.organization_id,
            severity=severity,
            at=at,
        )
        if severity != Severity.INFO
    }
    results = []
    for member in members:
        route = routes.get(member.user_id)
        channels = [_channel(way, own=member.user_id == by.pk) for way in route.contacts] if route else []
        reasons = route.reasons if route else [_why_unconcerned(member, severity=severity, site_id=site_id)]
        results.append(Reached(member.user_id, member.user.get_full_name(), bool(channels), channels, list(reasons)))
    warnings = _warnings(results, severity=severity, at=at) + _mutes(asker, site_id=site_id, unit=unit, at=at)
    return Reach(results, warnings)


def _channel(way: Way, *, own: bool) -> Channel:
    address = way.contact.address
    return Channel(way.contact.kind, address if own else people.masked(address), way.due_at, way.why)


def _why_unconcerned(member: Membership, *, severity: str, site_id: UUID | None) -> str:
    if not member.user.is_active:
        return "The account is switched off."
    if severity == Severity.INFO:
        return _INFORMATION
    return "Is restricted to some sites." if site_id is None else "Is restricted to other sites."


def _warnings(results: list[Reached], *, severity: str, at: datetime) -> list[str]:
    if severity == Severity.INFO:
        return [_INFORMATION]
    told = [one for one in results if one.told]
    if not told:
        return ["Nothing would be sent to anybody. Whoever is concerned finds it in the app only."]
    at_once = [one for one in told if any(channel.at <= at for channel in one.channels)]
    if not at_once:
        return ["Nobody would be told at once: everybody who is told has quiet hours."]
    if len(at_once) == 1:
        return [f"Only {at_once[0].name} would be told at once. If that message is missed, nobody hears of it."]
    return []


def _mutes(asker: Membership, *, site_id: UUID | None, unit: Unit | None, at: datetime) -> list[str]:
    """What keeps it quiet now."""
    everything = Q(site=None, unit=None, rule=None)
    here = Q(site=site_id, site__isnull=False) | Q(unit=unit.pk if unit else None, unit__isnull=False)
    mute = (
        Mute.objects.for_organization(asker.organization)
        .filter(everything | here, starts_at__lte=at, ends_at__gt=at)
        .order_by("-ends_at", "pk")
        .select_related("site", "unit__site")
        .first()
    )
    if mute is None:
        return []
    until = words.clock(mute.ends_at, zone=_zone(mute, asker))
    return [f"A mute is in force until {until}: nobody is told before, and then of what lasts."]


def _zone(mute: Mute, asker: Membership) -> str:
    site = mute.unit.site if mute.unit else mute.site
    return site.timezone if site else asker.organization.time_zone
