"""An organization whose alerts reach people, and what may go wrong with that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.coverage import finding
from alerts.coverage.holes import Coverage, Hole
from alerts.models import EscalationPolicy, OnCallSchedule
from notifications.models import ContactMethod
from organizations.models import Membership, Organization, Role
from sensors.models import Site
from tests.factories import (
    NOON,
    ContactMethodFactory,
    MembershipFactory,
    OnCallScheduleFactory,
    OrganizationFactory,
    PolicyFactory,
    SiteFactory,
    as_system,
)

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
# The Monday after NOON.
MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@dataclass
class Home:
    """An organization with a site, an owner and a manager; both have an address. Nothing is missing."""

    organization: Organization
    site: Site
    olga: Membership
    mia: Membership

    def look(self, at: datetime = NOON, **who: Any) -> Coverage:
        with as_system():
            return finding.of_organization(organization=self.organization, at=at, **who)

    def holes(self, kind: str, at: datetime = NOON) -> list[Hole]:
        return [hole for hole in self.look(at).holes if hole.kind == kind]

    def kinds(self, at: datetime = NOON, **who: Any) -> list[tuple[str, str]]:
        return [(hole.kind.value, hole.severity) for hole in self.look(at, **who).holes]

    def policy(self, *steps: list[dict[str, str]], **fields: Any) -> EscalationPolicy:
        """One step for each list of targets."""
        made = [{"wait_s": 600 * number, "targets": targets} for number, targets in enumerate(steps)]
        row: EscalationPolicy = PolicyFactory(organization=self.organization, steps=made, **fields)
        return row

    def schedule(self, *people: Membership, **fields: Any) -> OnCallSchedule:
        """Each a week in turn; without people nobody ever."""
        layer = {"name": "Weeks", "rotation": "weekly", "starts_on": "2026-01-05"}
        layers = [{**layer, "people": [str(one.user_id) for one in people]}] if people else []
        row: OnCallSchedule = OnCallScheduleFactory(organization=self.organization, layers=layers, **fields)
        return row

    def member(self, name: str, *, address: bool = True, role: str = Role.STAFF, **fields: Any) -> Membership:
        made: Membership = MembershipFactory(organization=self.organization, role=role, user__name=name, **fields)
        if address:
            ContactMethodFactory(user=made.user)
        return made


def leave(membership: Membership) -> None:
    with as_system():
        Membership.objects.filter(pk=membership.pk).update(ended_at=NOON)


def change(row: Any, **fields: Any) -> None:
    with as_system():
        type(row)._default_manager.filter(pk=row.pk).update(**fields)


def address_of(membership: Membership) -> ContactMethod:
    with as_system():
        return ContactMethod.objects.get(user=membership.user_id)


def person(membership: Membership) -> dict[str, str]:
    return {"person": str(membership.user_id)}


def duty(schedule: OnCallSchedule) -> dict[str, str]:
    return {"schedule": str(schedule.pk)}


MANAGERS = {"role": "manager"}


def make() -> Home:
    organization = OrganizationFactory(created_at=NOON - 100 * DAY, time_zone="Europe/Berlin")
    site = SiteFactory(organization=organization, name="Kitchen North")
    olga = MembershipFactory(organization=organization, user__name="Olga Owner")
    mia = MembershipFactory(organization=organization, role=Role.MANAGER, user__name="Mia Manager")
    for one in (olga, mia):
        ContactMethodFactory(user=one.user)
    return Home(organization, site, olga, mia)
