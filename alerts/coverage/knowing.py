"""What coverage is judged by: policies, sites, schedules, people, addresses. A dozen statements however many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef

from alerts.escalation import plans
from alerts.escalation.plans import Step
from alerts.models import EscalationPolicy, OnCallOverride, OnCallSchedule, Severity
from alerts.oncall import duty, rota
from alerts.oncall.rota import Span
from notifications import routing
from notifications.models import ContactMethod, Notification, NotificationStatus
from notifications.routing import Reachable
from organizations import permissions
from organizations.models import Membership, Organization
from sensors.models import Site, Unit

# As far ahead as shifts are looked at, and as far back as messages.
AHEAD: Final = timedelta(days=14)
BEHIND: Final = timedelta(days=14)
# So many messages in a row that didn't arrive say that the address doesn't work.
IN_A_ROW: Final = 2
_DAY: Final = timedelta(days=1)
_FAILED: Final = (NotificationStatus.FAILED, NotificationStatus.DEAD)
_SETTLED: Final = (*_FAILED, NotificationStatus.SENT, NotificationStatus.DELIVERED)


@dataclass(frozen=True)
class Person:
    """Somebody who works here and can sign in."""

    user_id: UUID
    name: str
    role: str
    site_ids: frozenset[UUID] | None

    def may_see(self, site: UUID | None) -> bool:
        """Whether alerts of this site (None: of none) are theirs to see."""
        return self.site_ids is None or site in self.site_ids


@dataclass(frozen=True)
class Duty:
    """A schedule, who is on duty in it from now on for AHEAD, and whom its rules name."""

    row: OnCallSchedule
    spans: list[Span]
    named: list[UUID]

    @property
    def gone(self) -> bool:
        """It was deleted."""
        return self.row.deleted_at is not None


@dataclass(frozen=True)
class Known:
    """All of it. `sites`: those that the asker may see, of those who see all of them `restricted` is False.

    `people` work here, by id; `left` (id -> name) don't, and are named all the same. `failing`: addresses whose last
    messages didn't arrive.
    """

    organization: Organization
    at: datetime
    restricted: bool
    policies: list[EscalationPolicy]
    steps: Mapping[UUID, tuple[Step, ...]]
    sites: list[Site]
    kinds: frozenset[tuple[UUID, str]]
    duties: Mapping[str, Duty]
    people: Mapping[UUID, Person]
    left: Mapping[UUID, str]
    reachable: Mapping[str, Reachable]
    failing: frozenset[UUID]

    @property
    def until(self) -> datetime:
        """As far as shifts are known."""
        return self.at + AHEAD

    def contacts(self, person: UUID) -> Sequence[ContactMethod]:
        """All addresses of somebody who works here."""
        return self.reachable[Severity.CRITICAL].contacts.get(person, [])

    def schedules_of(self, policy: EscalationPolicy) -> list[str]:
        """Every schedule that it names, each once."""
        return list(dict.fromkeys(target.schedule for target in _targets(self.steps[policy.pk]) if target.schedule))


def load(*, organization: Organization, site_ids: Collection[UUID] | None, at: datetime) -> Known:
    """What there is at this moment; of the sites of somebody who is restricted to some. Inside a transaction."""
    policies = _policies(organization, site_ids)
    steps = {policy.pk: plans.steps_of(policy.steps) for policy in policies}
    sites = Site.objects.for_organization(organization).filter(deleted_at=None).order_by("name", "pk")
    duties = _duties(organization, {target.schedule for some in steps.values() for target in _targets(some)}, at=at)
    people = _people(organization)
    named = {UUID(target.person) for some in steps.values() for target in _targets(some) if target.person}
    named |= {person for one in duties.values() for person in one.named}
    reachable = {
        severity: routing.reachable(people, organization_id=organization.pk, severity=severity)
        for severity in (Severity.CRITICAL.value, Severity.WARNING.value)
    }
    return Known(
        organization=organization,
        at=at,
        restricted=site_ids is not None,
        policies=policies,
        steps=steps,
        sites=list(sites if site_ids is None else sites.in_sites(site_ids)),
        kinds=_kinds(organization, policies),
        duties=duties,
        people=people,
        left=_left(organization, named - set(people), site_ids),
        reachable=reachable,
        failing=_failing(organization, people, at=at),
    )


def _targets(steps: Sequence[Step]) -> list[plans.Target]:
    return [target for step in steps for target in step.targets]


def _policies(organization: Organization, site_ids: Collection[UUID] | None) -> list[EscalationPolicy]:
    """Those in force whose place is still there, the oldest first as `choosing` wants them."""
    rows = EscalationPolicy.objects.in_force().for_organization(organization)
    if site_ids is not None:
        rows = rows.in_sites(site_ids)
    found = rows.select_related("site", "unit__site").order_by("created_at", "pk")
    return [row for row in found if _is_there(row.site) and _is_there(row.unit)]


def _is_there(place: Site | Unit | None) -> bool:
    if place is None:
        return True
    return place.deleted_at is None and (isinstance(place, Site) or place.site.deleted_at is None)


def _kinds(organization: Organization, policies: Sequence[EscalationPolicy]) -> frozenset[tuple[UUID, str]]:
    """At which sites there are units of the kinds that policies are for."""
    wanted = {policy.unit_kind for policy in policies if policy.unit_kind}
    units = Unit.objects.for_organization(organization).filter(deleted_at=None, kind__in=wanted)
    return frozenset(units.order_by().values_list("site_id", "kind").distinct())


def _duties(organization: Organization, ids: set[str], *, at: datetime) -> dict[str, Duty]:
    """The schedules with these ids, deleted ones too. Those that the asker can't see are left out."""
    rows = list(OnCallSchedule.objects.for_organization(organization).filter(pk__in=ids - {""}).order_by("name", "pk"))
    overrides: dict[UUID, list[OnCallOverride]] = defaultdict(list)
    holding = OnCallOverride.objects.for_organization(organization).filter(schedule__in=[row.pk for row in rows])
    for one in holding.within(at, at + AHEAD).order_by("created_at", "pk"):
        overrides[one.schedule_id].append(one)
    found = {}
    for row in rows:
        made = duty.made_of(row, overrides[row.pk])
        spans = rota.final(made, at, at + AHEAD)
        # What a layer names that is over is nobody's concern any more, nor are holidays and overrides of other times.
        lasting = [one for one in made.layers if one.ends_on is None or one.ends_on >= at.date() - _DAY]
        named = [person for one in lasting for person in (*one.people, *(shift.person for shift in one.shifts))]
        named += [span.person for span in spans if span.person]
        found[str(row.pk)] = Duty(row, spans, [UUID(one) for one in dict.fromkeys(named)])
    return found


def _people(organization: Organization) -> dict[UUID, Person]:
    rows = (
        Membership.objects.for_organization(organization)
        .current()
        .filter(user__is_active=True, role__in=permissions.roles_that_may("alerts.view"))
        .select_related("user")
        .order_by("user__name", "user__email", "pk")
    )
    return {
        row.user_id: Person(
            row.user_id,
            row.user.get_full_name(),
            row.role,
            None if row.site_ids is None else frozenset(row.site_ids),
        )
        for row in rows
    }


def _left(organization: Organization, ids: set[UUID], site_ids: Collection[UUID] | None) -> dict[UUID, str]:
    """How those are called who are named and not here any more; for somebody restricted those of their sites."""
    rows = Membership.objects.for_organization(organization).filter(user__in=ids).select_related("user")
    if site_ids is None:
        return {one: "Somebody" for one in ids} | {row.user_id: row.user.get_full_name() for row in rows}
    return {
        row.user_id: row.user.get_full_name()
        for row in rows
        if row.site_ids is None or not set(site_ids).isdisjoint(row.site_ids)
    }


def _failing(organization: Organization, people: Collection[UUID], *, at: datetime) -> frozenset[UUID]:
    """Addresses whose last messages from here all failed: each looks at its last ones (notification_of_user)."""
    last = (
        Notification.objects.for_organization(organization)
        .filter(
            user=OuterRef("user"),
            contact=OuterRef("pk"),
            status__in=_SETTLED,
            created_at__gt=at - BEHIND,
            created_at__lte=at,
        )
        .order_by("-created_at", "-pk")
        .values("status")[:IN_A_ROW]
    )
    found = ContactMethod.objects.filter(user__in=people).annotate(last=ArraySubquery(last)).values_list("pk", "last")
    return frozenset(pk for pk, last in found if len(last) == IN_A_ROW and set(last) <= set(_FAILED))
