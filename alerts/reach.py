"""Who would be told of an alert if it opened now, by which way, and why not: before it matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Q

from alerts import words
from alerts.escalation import asking
from alerts.escalation.rehearsal import Channel, Rehearsed, Taken
from alerts.models import Mute, Severity
from organizations import permissions
from organizations.models import Membership, User
from sensors.models import Unit

_INFORMATION: Final = "Nobody is told of what is only information: it stands in the list of alerts."


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
    policy: UUID | None = None
    policy_name: str = ""


def of_place(
    *, asker: Membership, by: User, severity: str, site_id: UUID | None, unit: Unit | None, at: datetime
) -> Reach:
    """As if an alert of this severity opened now at the unit, at the site, or (None) at no site in particular.

    A handful of statements however many members. Call inside a transaction.
    """
    answer = asking.of_place(
        organization=asker.organization, by=by, severity=severity, at=at, site_id=site_id, unit=unit
    )
    told = {} if severity == Severity.INFO else _told_first(answer.results)
    later = _told_later(answer.results)
    members = list(
        Membership.objects.for_member(asker)
        .current()
        .filter(Q(role__in=permissions.roles_that_may("rules.change")) | Q(user__in=[*told, *later]))
        .select_related("user")
        .order_by("user__email", "pk")
    )
    results = []
    for member in members:
        one = told.get(member.user_id)
        channels = one.channels if one else []
        reasons = one.reasons if one else [_why_not_first(member, later, severity=severity, site_id=site_id)]
        results.append(Reached(member.user_id, member.user.get_full_name(), bool(channels), channels, reasons))
    first_at = max(at, answer.next_at or at)
    others = len(set(later) - set(told))
    warnings = _warnings(results, severity=severity, at=first_at, others=others) + _mutes(
        asker, site_id=site_id, unit=unit, at=at
    )
    return Reach(results, warnings, answer.policy, answer.policy_name)


def _told_first(steps: Sequence[Taken]) -> dict[UUID, Rehearsed]:
    """Whom the first step tells that reaches anybody; of one that waits, at its time."""
    first = next((step for step in steps if step.reaches), None)
    return {} if first is None else {person.user: person for person in first.people}


def _told_later(steps: Sequence[Taken]) -> dict[UUID, Taken]:
    """The first step that tells each person anything."""
    found: dict[UUID, Taken] = {}
    for step in steps:
        for person in step.people:
            if person.told:
                found.setdefault(person.user, step)
    return found


def _why_not_first(member: Membership, later: Mapping[UUID, Taken], *, severity: str, site_id: UUID | None) -> str:
    if not member.user.is_active:
        return "The account is switched off."
    if severity == Severity.INFO:
        return _INFORMATION
    if member.user_id in later:
        step = later[member.user_id]
        return f"Told at step {step.step} of {step.of}, if nobody has answered by then."
    if member.site_ids is not None and (site_id is None or site_id not in member.site_ids):
        return "Is restricted to some sites." if site_id is None else "Is restricted to other sites."
    return "The escalation policy doesn't name this person."


def _warnings(results: list[Reached], *, severity: str, at: datetime, others: int) -> list[str]:
    if severity == Severity.INFO:
        return [_INFORMATION]
    told = [one for one in results if one.told]
    if not told:
        return ["Nothing would be sent to anybody. Whoever is concerned finds it in the app only."]
    at_once = [one for one in told if any(channel.at <= at for channel in one.channels)]
    if not at_once:
        return ["Nobody would be told at once: everybody who is told has quiet hours."]
    if len(at_once) == 1 and others:
        return [f"Only {at_once[0].name} would be told at first. Others follow if nobody answers."]
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
