"""Which policy holds where, and whom its steps reach at which moment. Pure: all that is asked is in Known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from alerts.coverage.knowing import Known
from alerts.escalation import choosing
from alerts.escalation.choosing import Place
from alerts.escalation.plans import Step
from alerts.models import EscalationPolicy, Hours, Severity
from alerts.schedules import hours_of
from notifications import routing
from notifications.routing import Reachable
from organizations import permissions
from organizations.models import Role
from sensors.models import Site, Unit

# Opening hours are looked at this closely, this far ahead: a week and a bit has all there are.
_CLOSELY: Final = timedelta(minutes=15)
_WEEK: Final = timedelta(days=8)
_SEVERITIES: Final = (Severity.CRITICAL.value, Severity.WARNING.value)


class Moment(NamedTuple):
    """When a policy is tried: `now`, when it holds next, or as a shift begins that reaches nobody.

    `until`: how long such a shift lasts; None: nobody knows, or beyond what is looked at.
    """

    at: datetime
    until: datetime | None
    now: bool
    of_shift: bool


@dataclass(frozen=True)
class Tried:
    """A policy tried for a site (None: there are none) at a moment: whom each step reaches; None: that isn't known."""

    site: Site | None
    moment: Moment
    steps: list[frozenset[UUID] | None]

    @property
    def known(self) -> bool:
        """Whether all of it is."""
        return None not in self.steps

    @property
    def reached(self) -> frozenset[UUID]:
        """Everybody whom a step reaches."""
        return frozenset(person for step in self.steps if step for person in step)

    @property
    def silent(self) -> bool:
        """No step reaches anybody."""
        return self.known and not self.reached


class Reaching:
    """What would happen, for one organization."""

    def __init__(self, known: Known) -> None:
        self.known = known
        # A policy for gateways that stand nowhere only matters where there is no site at all.
        self.sites: list[Site | None] = [*known.sites] or ([] if known.restricted else [None])
        self._able: dict[tuple[str, bool], frozenset[UUID]] = {}
        self._sees: dict[UUID | None, frozenset[UUID]] = {}
        self._steps: dict[tuple[Step, str, frozenset[UUID]], frozenset[UUID]] = {}
        # Policy -> site -> the severities for which it is the one that holds.
        self.held: dict[UUID, dict[UUID | None, set[str]]] = defaultdict(lambda: defaultdict(set))
        # Site -> what a critical alert there that is of no unit in particular is given to: None where nothing holds.
        self.general: dict[UUID | None, list[EscalationPolicy | None]] = defaultdict(list)
        for site in self.sites:
            self._hold(site)

    def severity_of(self, policy: EscalationPolicy) -> str:
        """The worst that it is given; a warning if it is given none."""
        given = {severity for some in self.held.get(policy.pk, {}).values() for severity in some}
        return (Severity.CRITICAL if Severity.CRITICAL in given else Severity.WARNING).value

    def places(self, policy: EscalationPolicy) -> list[Site | None]:
        """Where it holds for anything."""
        held = self.held.get(policy.pk, {})
        return [site for site in self.sites if key_of(site) in held]

    def try_out(self, policy: EscalationPolicy) -> Iterator[Tried]:
        """At each place where it holds, at each moment that may differ."""
        severity = self.severity_of(policy)
        for site in self.places(policy):
            for moment in self._moments(policy, site, severity):
                sees = self.sees(site)
                steps = [self._reached(step, severity, sees, moment.at) for step in self.known.steps[policy.pk]]
                yield Tried(site, moment, steps)

    def managers(self, site: Site | None) -> frozenset[UUID]:
        """Managers and above who may see the site, and to whom something critical would be sent."""
        return self._of_role(Role.MANAGER.value, self.sees(site)) & self.able(Severity.CRITICAL, urgent=True)

    def able(self, severity: str, *, urgent: bool) -> frozenset[UUID]:
        """To whom something would be sent, if nobody else were told."""
        if (severity, urgent) not in self._able:
            some = self.known.reachable[severity]
            alone = [Reachable(some.severity, [user], some.contacts) for user in some.users]
            routes = [routing.routes_at(one, at=self.known.at, urgent=urgent)[0] for one in alone]
            self._able[severity, urgent] = frozenset(route.user.pk for route in routes if route.contacts)
        return self._able[severity, urgent]

    def sees(self, site: Site | None) -> frozenset[UUID]:
        """Who may see it."""
        pk = key_of(site)
        if pk not in self._sees:
            self._sees[pk] = frozenset(one.user_id for one in self.known.people.values() if one.may_see(pk))
        return self._sees[pk]

    def gaps(self, schedule: str, *, able: frozenset[UUID]) -> list[tuple[datetime, datetime]]:
        """When nobody of these is on duty, joined."""
        duty = self.known.duties.get(schedule)
        found: list[tuple[datetime, datetime]] = []
        for span in duty.spans if duty is not None and not duty.gone else ():
            if span.person and UUID(span.person) in able:
                continue
            if found and found[-1][1] == span.start:
                found[-1] = (found[-1][0], span.end)
            else:
                found.append((span.start, span.end))
        return found

    # --- which policy holds ------------------------------------------------------------------------------------------

    def _hold(self, site: Site | None) -> None:
        """Note which policies hold here, and for what."""
        known, pk = self.known, key_of(site)
        here = [one for one in known.policies if (one.unit.site_id if one.unit else one.site_id) in (None, pk)]
        kinds = dict.fromkeys(one.unit_kind for one in here if one.unit_kind and (pk, one.unit_kind) in known.kinds)
        units = [None, *(Unit(kind=kind) for kind in kinds), *(one.unit for one in here if one.unit)]
        for is_open in (True, False):
            at = self._first(site, is_open, known.at, known.at + _WEEK)
            for unit in units if at is not None else ():
                for severity in _SEVERITIES:
                    chosen = choosing.choose(here, Place(site, unit, severity), at=at or known.at)
                    if chosen is not None:
                        self.held[chosen.pk][pk].add(severity)
                    if unit is None and severity == Severity.CRITICAL:
                        self.general[pk].append(chosen)

    def _first(self, site: Site | None, is_open: bool, begin: datetime, end: datetime) -> datetime | None:
        """The first moment from begin to end at which the site is open, or closed."""
        if site is None or not site.opening_hours:
            return begin if is_open else None
        hours, moment = hours_of(site.opening_hours, site.timezone), begin
        while moment < end:
            if hours.open_at(moment.timestamp()) == is_open:
                return moment
            moment += _CLOSELY
        return None

    def _moments(self, policy: EscalationPolicy, site: Site | None, severity: str) -> list[Moment]:
        """Now (or when it holds next), and as each shift begins that reaches nobody."""

        def first(begin: datetime, end: datetime) -> datetime | None:
            if policy.hours == Hours.ALWAYS:
                return begin
            return self._first(site, policy.hours == Hours.OPEN, begin, end)

        at = self.known.at
        begin = first(at, at + _WEEK)
        found = {} if begin is None else {begin: Moment(begin, None, now=begin == at, of_shift=False)}
        able = self.able(severity, urgent=True) & self.sees(site)
        for schedule in self.known.schedules_of(policy):
            for start, stop in self.gaps(schedule, able=able):
                moment = first(start, stop)
                if moment is None:
                    continue
                # Of several that begin together the one that is over first ends the silence.
                ends = [one.until for one in (found.get(moment),) if one is not None and one.until is not None]
                until = min([*ends, stop])
                until_known = until if until < self.known.until else None
                found[moment] = Moment(moment, until_known, now=moment == at, of_shift=True)
        return [found[moment] for moment in sorted(found)]

    # --- whom it reaches ---------------------------------------------------------------------------------------------

    def _reached(self, step: Step, severity: str, sees: frozenset[UUID], at: datetime) -> frozenset[UUID] | None:
        """Whom the step reaches, of those who may see the place; None: a schedule of another site has to say."""
        same = (step, severity, sees)
        able = self.able(severity, urgent=step.urgent or severity == Severity.CRITICAL) & sees
        if same not in self._steps:
            self._steps[same] = self._always(step, sees) & able
        found = self._steps[same]
        for schedule in (target.schedule for target in step.targets if target.schedule):
            duty = self.known.duties.get(schedule)
            if duty is None and self.known.restricted:
                return None
            on_duty = self._on_duty(schedule, at)
            if on_duty is not None and on_duty in able:
                found = found | {on_duty}
        return found

    def _always(self, step: Step, sees: frozenset[UUID]) -> frozenset[UUID]:
        """Those whom it names, and those with the roles that it names."""
        found = frozenset(UUID(target.person) for target in step.targets if target.person)
        for target in step.targets:
            if target.role:
                found |= self._of_role(target.role, sees)
        return found

    def _of_role(self, role: str, sees: frozenset[UUID]) -> frozenset[UUID]:
        roles = permissions.roles_from(role)
        return frozenset(one.user_id for one in self.known.people.values() if one.role in roles) & sees

    def _on_duty(self, schedule: str, at: datetime) -> UUID | None:
        duty = self.known.duties.get(schedule)
        spans = duty.spans if duty is not None and not duty.gone else ()
        person = next((span.person for span in spans if span.start <= at < span.end), None)
        return UUID(person) if person else None


def sites_of(tried: Sequence[Tried]) -> list[Site | None]:
    """Each once, in the same order."""
    return list({key_of(one.site): one.site for one in tried}.values())


def key_of(site: Site | None) -> UUID | None:
    """Its id."""
    return None if site is None else site.pk
