"""Which policy an alert is given to: the most specific that holds where and when it opens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from alerts.escalation.plans import Plan, steps_of
from alerts.models import Alert, EscalationPolicy, Hours, Severity
from alerts.schedules import hours_of
from sensors.models import Site, Unit

_UNIT, _KIND, _SITE, _EVERYWHERE = 3, 2, 1, 0
_WHOSE: Final = {
    _UNIT: "made for this unit",
    _KIND: "made for this kind of unit",
    _SITE: "made for this site",
    _EVERYWHERE: "made for the whole organization",
}
_WHEN: Final = {Hours.ALWAYS: "", Hours.OPEN: ", in opening hours", Hours.CLOSED: ", outside opening hours"}


class Place(NamedTuple):
    """Where and how bad. Without a site (a gateway that stands nowhere) only what holds everywhere is left."""

    site: Site | None
    unit: Unit | None
    severity: str


def plans_for(alerts: Sequence[Alert], *, at: datetime) -> dict[UUID, Plan]:
    """The plan of each alert that a policy holds for: alert -> plan. One statement. Call inside a transaction.

    `at` is the server's clock: opening hours are those in which people are told.
    """
    concerning = [alert for alert in alerts if alert.severity != Severity.INFO]
    if not concerning:
        return {}
    rows = EscalationPolicy.objects.in_force().filter(organization__in={one.organization_id for one in concerning})
    policies: dict[UUID, list[EscalationPolicy]] = defaultdict(list)
    for policy in rows.order_by("created_at", "pk"):
        policies[policy.organization_id].append(policy)
    found = {}
    for alert in concerning:
        chosen = choose(policies[alert.organization_id], Place(alert.site, alert.unit, alert.severity), at=at)
        if chosen is not None:
            found[alert.pk] = plan_of(chosen)
    return found


def choose(policies: Iterable[EscalationPolicy], place: Place, *, at: datetime) -> EscalationPolicy | None:
    """Of these the one that an alert of this place would be given to at this moment; None: none holds.

    What somebody made goes before what the organization started with; then the unit before its kind, its site and the
    whole organization; then what names the severity, then what names hours; of equals the first in the order given.
    """
    holding = [policy for policy in policies if _holds(policy, place, at=at)]
    return max(holding, key=_precedence, default=None)


def why(policy: EscalationPolicy) -> str:
    """For people: why this one, as the end of a sentence."""
    about = f", for {Severity(policy.severity).label.lower()} alerts" if policy.severity else ""
    return _WHOSE[_rank(policy)] + about + _WHEN[Hours(policy.hours)]


def plan_of(policy: EscalationPolicy) -> Plan:
    """What an alert keeps of it."""
    return Plan(str(policy.pk), policy.name, steps_of(policy.steps), policy.repeat_s)


def _holds(policy: EscalationPolicy, place: Place, *, at: datetime) -> bool:
    if policy.severity and policy.severity != place.severity:
        return False
    if policy.site_id is not None and (place.site is None or policy.site_id != place.site.pk):
        return False
    if policy.unit_id is not None and (place.unit is None or policy.unit_id != place.unit.pk):
        return False
    if policy.unit_kind and (place.unit is None or policy.unit_kind != place.unit.kind):
        return False
    return policy.hours == Hours.ALWAYS or _is_open(place.site, at=at) == (policy.hours == Hours.OPEN)


def _is_open(site: Site | None, *, at: datetime) -> bool:
    """Where nobody said when they open, they always are."""
    return site is None or hours_of(site.opening_hours, site.timezone).open_at(at.timestamp())


def _rank(policy: EscalationPolicy) -> int:
    if policy.unit_id is not None:
        return _UNIT
    if policy.unit_kind:
        return _KIND
    return _SITE if policy.site_id is not None else _EVERYWHERE


def _precedence(policy: EscalationPolicy) -> tuple[bool, int, bool, bool]:
    return not policy.is_default, _rank(policy), bool(policy.severity), policy.hours != Hours.ALWAYS
