"""Policies that reach nobody, or only one person, and places for which nobody is left. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID
from zoneinfo import ZoneInfo

from alerts.coverage.holes import About, Hole, Kind, Paths, clock, span, where
from alerts.coverage.reaching import Moment, Reaching, Tried, key_of, sites_of
from alerts.models import EscalationPolicy, Hours, Severity
from sensors.models import Site

_AT_HOURS = {Hours.ALWAYS: "", Hours.OPEN: " in opening hours", Hours.CLOSED: " outside opening hours"}


@dataclass
class Found:
    """The holes; which policies for critical alerts reach nobody at some time (others are causes of that); and where.

    `silent`: site -> policy -> when.
    """

    holes: list[Hole] = field(default_factory=list)
    critical: set[UUID] = field(default_factory=set)
    silent: dict[UUID | None, dict[UUID, Moment]] = field(default_factory=lambda: defaultdict(dict))


def of_policies(reaching: Reaching) -> Found:
    """Every policy in force, tried wherever it holds."""
    found = Found()
    for policy in reaching.known.policies:
        tried = list(reaching.try_out(policy))
        silent = [one for one in tried if one.silent]
        for one in silent:
            found.silent[key_of(one.site)].setdefault(policy.pk, one.moment)
        if silent:
            found.holes.append(_reaches_nobody(reaching, policy, silent))
            if reaching.severity_of(policy) == Severity.CRITICAL:
                found.critical.add(policy.pk)
        first = _first_of_each(tried)
        found.holes += _empty_steps(reaching, policy, [one for one in first if not one.silent])
        found.holes += _only_one(reaching, policy, first)
    return found


def of_places(reaching: Reaching, found: Found) -> list[Hole]:
    """Sites at which something critical would reach neither whom a policy names nor a manager."""
    paths, zone = Paths(reaching.known.organization), ZoneInfo(reaching.known.organization.time_zone)
    holes = []
    for site in reaching.known.sites:
        if reaching.managers(site):
            continue
        silent = found.silent[site.pk]
        given = reaching.general[site.pk]
        times = [silent[policy.pk] for policy in given if policy is not None and policy.pk in silent]
        moment = min(times, key=lambda one: one.at, default=None)
        if moment is None and None not in given:
            continue
        later = moment if moment is not None and not moment.now and None not in given else None
        when = f", {span(later.at, later.until, zone=zone)}" if later else ""
        policies = {policy.pk for policy in given if policy is not None}
        policy_id = policies.pop() if len(policies) == 1 else None
        holes.append(
            Hole(
                Kind.NOBODY_FOR_PLACE,
                Severity.CRITICAL.value,
                f"A critical alert at {site.name} would reach nobody{when}: no policy that holds there reaches anybody,"
                " and no manager has an address that works.",
                About(site=site.pk, policy=policy_id),
                paths.members() if policy_id is None else paths.policy(policy_id),
                later.at if later else None,
                later.until if later else None,
            )
        )
    return holes


def _reaches_nobody(reaching: Reaching, policy: EscalationPolicy, silent: Sequence[Tried]) -> Hole:
    organization = reaching.known.organization
    zone = ZoneInfo(organization.time_zone)
    soonest = min(silent, key=lambda one: one.moment.at).moment
    sites = sites_of(silent)
    times = len({one.moment.at for one in silent})
    if soonest.now:
        when = f" now, until {clock(soonest.until, zone=zone)} ({zone.key})" if soonest.until else " now"
    else:
        of_shift = span(soonest.at, soonest.until, zone=zone)
        when = f" {of_shift}" if soonest.of_shift else _AT_HOURS[Hours(policy.hours)]
    more = f" (and {times - 1} more time{'s' if times > 2 else ''} within two weeks)" if times > 1 else ""
    backed = all(reaching.managers(site) for site in sites)
    then = "managers are told instead" if backed else "and there isn't always a manager who could be told instead"
    place = where(sites, all_of=_everywhere(reaching, policy))
    return Hole(
        Kind.POLICY_REACHES_NOBODY,
        reaching.severity_of(policy),
        f"“{policy.name}” reaches nobody{place}{when}{more}: {then}.",
        About(policy=policy.pk, site=key_of(sites[0]) if len(sites) == 1 else None),
        Paths(organization).policy(policy.pk),
        soonest.at,
        soonest.until,
    )


def _first_of_each(tried: Sequence[Tried]) -> list[Tried]:
    """Each place as it is now, or when the policy holds there next."""
    first: dict[UUID | None, Tried] = {}
    for one in tried:
        first.setdefault(key_of(one.site), one)
    return list(first.values())


def _empty_steps(reaching: Reaching, policy: EscalationPolicy, tried: Sequence[Tried]) -> list[Hole]:
    """Steps that are passed over, of a policy that reaches somebody."""
    at: dict[int, list[Site | None]] = defaultdict(list)
    for one in tried:
        for number, people in enumerate(one.steps, start=1):
            if people is not None and not people:
                at[number].append(one.site)
    every = _everywhere(reaching, policy)
    return [
        Hole(
            Kind.STEP_REACHES_NOBODY,
            Severity.WARNING.value,
            f"Step {number} of “{policy.name}” reaches nobody{where(sites, all_of=every)}: it is passed over.",
            About(policy=policy.pk, step=number, site=key_of(sites[0]) if len(sites) == 1 else None),
            Paths(reaching.known.organization).policy(policy.pk),
        )
        for number, sites in sorted(at.items())
    ]


def _only_one(reaching: Reaching, policy: EscalationPolicy, tried: Sequence[Tried]) -> list[Hole]:
    """All steps reach one and the same person."""
    at: dict[UUID, list[Site | None]] = defaultdict(list)
    for one in tried:
        if one.known and len(one.reached) == 1:
            at[next(iter(one.reached))].append(one.site)
    every = _everywhere(reaching, policy)
    return [
        Hole(
            Kind.ONLY_ONE_PERSON,
            Severity.WARNING.value,
            f"“{policy.name}” reaches only {reaching.known.people[person].name}{where(sites, all_of=every)}."
            " If that person sleeps, nobody hears of it.",
            About(policy=policy.pk, person=person, site=key_of(sites[0]) if len(sites) == 1 else None),
            Paths(reaching.known.organization).policy(policy.pk),
        )
        for person, sites in at.items()
    ]


def _everywhere(reaching: Reaching, policy: EscalationPolicy) -> int:
    """At so many sites it holds; of a policy for every site somebody restricted doesn't see all."""
    return 0 if reaching.known.restricted and not policy.has_place else len(reaching.places(policy))
