"""Who a step tells, at this moment: people as they are now, not as they were when the policy was made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from alerts.escalation.plans import Step, Target
from alerts.oncall import duty
from notifications import people
from organizations import permissions
from organizations.models import Membership


class Recipient(NamedTuple):
    """One person, and as what they are told, for people to read: by name, by role, on duty."""

    user_id: UUID
    name: str
    why: str


def of_step(step: Step, *, organization_id: UUID, site_id: UUID | None, at: datetime) -> list[Recipient]:
    """Everybody whom the step tells who works here and may see the site (None: all sites), each once.

    In the order of the targets; of a role by name. Three statements however many. Call inside a transaction.
    """
    return of_steps([step], organization_id=organization_id, site_id=site_id, at=[at])[0]


def of_steps(
    steps: Sequence[Step], *, organization_id: UUID, site_id: UUID | None, at: Sequence[datetime]
) -> list[list[Recipient]]:
    """The same of several steps, each at its moment. No more statements than for one."""
    members = list(
        people.members(
            organization_id=organization_id, site_id=site_id, roles=permissions.roles_that_may("alerts.view")
        )
        .select_related("user")
        .order_by("user__name", "user__email", "pk")
    )
    named = {target.schedule for step in steps for target in step.targets if target.schedule}
    schedules = duty.load(named, organization_id=organization_id, begin=min(at), end=max(at))
    return [_of_one(step, members, schedules, at=moment) for step, moment in zip(steps, at, strict=True)]


def _of_one(step: Step, members: Sequence[Membership], schedules: duty.Schedules, *, at: datetime) -> list[Recipient]:
    found: dict[UUID, Recipient] = {}
    for target in step.targets:
        for member, why in _targeted(target, members, schedules, at=at):
            found.setdefault(member.user_id, Recipient(member.user_id, member.user.get_full_name(), why))
    return list(found.values())


def _targeted(
    target: Target, members: Sequence[Membership], schedules: duty.Schedules, *, at: datetime
) -> list[tuple[Membership, str]]:
    if target.role:
        roles = permissions.roles_from(target.role)
        return [(member, member.get_role_display()) for member in members if member.role in roles]
    person, why = target.person, "by name"
    if target.schedule:
        person, why = schedules.on_duty(target.schedule, at=at) or "", f"on duty: {schedules.name(target.schedule)}"
    return [(member, why) for member in members if str(member.user_id) == person]
