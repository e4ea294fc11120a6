"""What an organization starts with: nobody has to set anything up before a freezer wakes somebody."""

from __future__ import annotations

from typing import Any, Final

from alerts.escalation.plans import Step, Target, written
from alerts.models import EscalationPolicy, Severity
from organizations.models import Organization, Role

_MINUTE: Final = 60
_MANAGERS: Final = Target(role=Role.MANAGER.value)
# Who stands in the kitchen can close a door; at night they are woken only after managers have had a quarter of an hour.
_EVERYBODY: Final = Target(role=Role.STAFF.value)

_DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "Critical alerts": {
        "severity": Severity.CRITICAL,
        "steps": (Step((_MANAGERS,), urgent=True), Step((_EVERYBODY,), wait_s=15 * _MINUTE, urgent=True)),
        "repeat_s": 30 * _MINUTE,
    },
    # As often as reminders without a policy (telling.REMIND_OF_WARNINGS).
    "Warnings": {"severity": Severity.WARNING, "steps": (Step((_MANAGERS,)),), "repeat_s": 24 * 60 * _MINUTE},
}


def lay_default_policies(*, organization: Organization) -> list[EscalationPolicy]:
    """Give a new organization its first policies, and return them. One that has or had them is left as it is.

    Call inside a transaction.
    """
    if EscalationPolicy.objects.for_organization(organization).filter(is_default=True).exists():
        return []
    return EscalationPolicy.objects.bulk_create(
        EscalationPolicy(
            organization=organization,
            name=name,
            severity=default["severity"],
            steps=written(default["steps"]),
            repeat_s=default["repeat_s"],
            is_default=True,
        )
        for name, default in _DEFAULTS.items()
    )
