"""What people change about rules, and since when a rule says what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from alerts.models import AlertRule

# What decides when and where a rule opens alerts. Its name or severity doesn't.
TERMS: Final = (
    "metric",
    "condition",
    "threshold",
    "delay_s",
    "hysteresis",
    "clear_delay_s",
    "schedule",
    "enabled",
    "site",
    "area",
    "unit",
    "unit_kind",
)


def changes_terms(rule: AlertRule, values: Mapping[str, Any]) -> bool:
    """Whether storing these values makes it another rule for the engine: then `changed_at` moves.

    What it opened before is never judged again by what it says today. Scopes are compared by their keys, so nothing is
    looked up.
    """
    return any(name in values and _key(rule, name) != getattr(values[name], "pk", values[name]) for name in TERMS)


def _key(rule: AlertRule, name: str) -> Any:
    return getattr(rule, f"{name}_id") if name in ("site", "area", "unit") else getattr(rule, name)
