"""Whom would an alert here tell, and whom does this one tell next: questions of people, answered without telling."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from alerts.escalation import choosing, plans, rehearsal
from alerts.escalation.plans import Plan, Step, Target
from alerts.escalation.rehearsal import Taken
from alerts.models import Alert, AlertStatus, EscalationPolicy
from organizations.models import Organization, Role, User
from sensors.models import Site, Unit

_NONE_HOLDS = "No escalation policy holds here: managers are told, and reminded until somebody answers."


@dataclass(frozen=True)
class Answer:
    """Which policy, why it, and its steps from now on."""

    policy: UUID | None
    policy_name: str
    why: str
    state: str = "running"
    next_at: datetime | None = None
    results: list[Taken] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def of_place(
    *,
    organization: Organization,
    by: User,
    severity: str,
    at: datetime,
    site: Site | None = None,
    site_id: UUID | None = None,
    unit: Unit | None = None,
    policy: dict[str, Any] | None = None,
) -> Answer:
    """As if an alert opened there at that moment, with the policies there are or with a draft (steps and repeat_s).

    A handful of statements. Call inside a transaction.
    """
    site = unit.site if unit is not None else site
    if site is None and site_id is not None:
        site = Site.objects.filter(pk=site_id).first()
    chosen, plan, why = None, None, ""
    if policy is not None:
        plan = Plan("", "Draft", plans.steps_of(policy["steps"]), policy["repeat_s"])
    else:
        rows = EscalationPolicy.objects.in_force().for_organization(organization).order_by("created_at", "pk")
        chosen = choosing.choose(rows, choosing.Place(site, unit, severity), at=at)
        if chosen is not None:
            plan, why = choosing.plan_of(chosen), choosing.why(chosen)
    notes = [] if plan is not None else [_NONE_HOLDS]
    plan = plan or Plan("", "", (Step((Target(role=Role.MANAGER.value),)),), _pause(organization))
    first_at = at + plan.wait_before(0)
    steps = rehearsal.rehearse(
        plan,
        organization_id=organization.pk,
        site_id=None if site is None else site.pk,
        severity=severity,
        taken=0,
        first_at=first_at,
        by=by,
    )
    return Answer(
        policy=None if chosen is None else chosen.pk,
        policy_name=plan.name,
        why=why,
        next_at=first_at,
        results=steps,
        warnings=notes + rehearsal.warnings(steps),
    )


def of_alert(alert: Alert, *, by: User) -> Answer:
    """The steps that follow if nobody answers. An alert without a plan tells managers again and again.

    A handful of statements. Call inside a transaction.
    """
    plan = plans.decode(alert.plan)
    state = _state(alert)
    answer = Answer(
        policy=None if plan is None else UUID(plan.policy),
        policy_name="" if plan is None else plan.name,
        why="It opened with this policy." if plan is not None else _NONE_HOLDS,
        state=state,
        next_at=None if state == "resolved" else alert.tell_at,
    )
    if state == "resolved" or alert.tell_at is None:
        return answer
    known = plan or Plan("", "", (Step((Target(role=Role.MANAGER.value),)),), _pause(alert.organization))
    steps = rehearsal.rehearse(
        known,
        organization_id=alert.organization_id,
        site_id=alert.site_id,
        severity=alert.severity,
        # Answered, snoozed or muted: when that is over it begins anew.
        taken=alert.step if state == "running" else 0,
        first_at=alert.tell_at,
        by=by,
    )
    return replace(answer, results=steps, warnings=rehearsal.warnings(steps))


def _state(alert: Alert) -> str:
    if alert.status == AlertStatus.RESOLVED:
        return "resolved"
    if alert.snoozed_until is not None:
        return "snoozed"
    if alert.status == AlertStatus.ACKNOWLEDGED:
        return "answered"
    if alert.muted_by is not None and alert.tell_at is not None and alert.tell_at <= alert.muted_by.ends_at:
        return "muted"
    return "quiet" if alert.tell_at is None else "running"


def _pause(organization: Organization) -> int:
    """How often people are reminded without a policy, in seconds (telling.remind_at)."""
    return organization.acknowledgement_minutes * 60 or 3600
