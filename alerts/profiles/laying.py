"""Default rules become rows: when an organization is founded, and for those that were there before a rule was."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.models import AlertRule
from alerts.profiles.kinds import EVERYWHERE, PROFILES, Default
from organizations.models import Organization

_Key = tuple[str, str, str, float | None, str]


def lay_default_rules(*, organization: Organization) -> list[AlertRule]:
    """Give an organization the default rules that it lacks, and return them. Twice is the same as once.

    What is there stays as it is, whatever its delay; so does what somebody changed, switched off or removed. Only that
    a rule is a hard ceiling is made good, which nobody can choose. Call inside a transaction.
    """
    there = AlertRule.objects.for_organization(organization).filter(is_default=True)
    _mark_ceilings(list(there.filter(is_ceiling=False)))
    known = set(there.values_list("unit_kind", "metric", "condition", "threshold", "severity"))
    names = set(there.values_list("unit_kind", "metric", "condition", "name", "severity"))
    return AlertRule.objects.bulk_create(
        AlertRule(
            organization=organization,
            name=default.name,
            metric=default.metric,
            condition=default.condition,
            threshold=default.threshold,
            severity=default.severity,
            delay_s=default.delay_s,
            hysteresis=hysteresis if default.threshold is not None else 0.0,
            schedule=default.schedule,
            is_ceiling=default.is_ceiling,
            unit_kind=kind,
            is_default=True,
            source=default.source,
        )
        for kind, default, hysteresis in _defaults()
        if _key(kind, default) not in known
        # The same name with another threshold is one that somebody changed.
        and (kind, default.metric, default.condition, default.name, default.severity) not in names
    )


def _defaults() -> Iterator[tuple[str, Default, float]]:
    for default in EVERYWHERE:
        yield "", default, 0.0
    for kind, profile in PROFILES.items():
        for default in profile.rules:
            yield kind, default, profile.hysteresis


def _key(kind: str, default: Default) -> _Key:
    return kind, default.metric, default.condition, default.threshold, default.severity


def _mark_ceilings(rules: list[AlertRule]) -> None:
    ceilings = {_key(kind, default) for kind, default, _ in _defaults() if default.is_ceiling}
    for rule in rules:
        if (rule.unit_kind, rule.metric, rule.condition, rule.threshold, rule.severity) in ceilings:
            rule.is_ceiling = True
            rule.save(update_fields=["is_ceiling"])
