"""What stands for one unit: the law, the rules, why each is in force or isn't, and how far that is from its profile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils import dateformat

from alerts import rule_words, scopes
from alerts.models import AlertRule, Condition, Metric, RuleOverride
from alerts.profiles import PROFILES, Default, laws, product_tau_s
from sensors.models import Unit

SWITCHED_OFF: Final = "Not in force: the rule is switched off."
WITHOUT_DEFAULTS: Final = "Not in force: this unit does without the default rules of its kind."


class Standing(NamedTuple):
    """A rule whose scope holds the unit."""

    rule: AlertRule
    in_force: bool
    reason: str
    override: RuleOverride | None

    @property
    def terms(self) -> laws.Terms:
        """What holds for the unit now."""
        own = terms_of(self.rule)
        if self.override is None:
            return own
        threshold, delay_s = self.override.threshold, self.override.delay_s
        return own._replace(
            threshold=own.threshold if threshold is None else threshold,
            delay_s=own.delay_s if delay_s is None else delay_s,
        )


class UnitRules(NamedTuple):
    """Everything that stands for a unit, and where it is away from its profile, in sentences."""

    legal: list[laws.Limit]
    operating_band: tuple[float, float] | None
    # How slowly the product follows the air in this kind of unit, seconds; what the unit says itself goes before it.
    kind_tau_s: int
    rules: list[Standing]
    drift: list[str]


class _Candidate(NamedTuple):
    rule: AlertRule
    metric: str
    condition: str
    severity: str
    is_ceiling: bool
    is_default: bool
    rank: scopes.Rank


def terms_of(rule: AlertRule) -> laws.Terms:
    """A rule as far as the law is concerned."""
    return laws.Terms(rule.metric, rule.condition, rule.threshold, rule.delay_s)


def rules_of(*, unit: Unit, at: datetime) -> UnitRules:
    """What stands for the unit now. Two statements, if its site is at hand. Call inside a transaction."""
    day = at.astimezone(ZoneInfo(unit.site.timezone)).date()
    legal = laws.limits(kind=unit.kind, jurisdiction=unit.site.jurisdiction, on=day)
    profile = PROFILES.get(unit.kind)
    held = list(
        AlertRule.objects.for_organization(unit.organization)
        .alive()
        .filter(_holding(unit))
        .exclude(metric=Metric.GATEWAY)
        .order_by("metric", "condition", "severity", "name", "pk")
    )
    overrides = {
        override.rule_id: override
        for override in RuleOverride.objects.for_organization(unit.organization)
        .filter(unit=unit, ended_at=None, expires_at__gt=at)
        .select_related("owner")
    }
    rules = _standings(unit, held, overrides)
    drift = [*_drift_of_defaults(unit, rules), *_drift_of_others(unit, rules, legal)]
    band = profile.operating_band if profile else None
    return UnitRules(legal, band, product_tau_s(unit.kind), rules, drift)


def _holding(unit: Unit) -> Q:
    return (
        Q(site=None, area=None, unit=None, unit_kind__in=["", unit.kind])
        | Q(site_id=unit.site_id)
        | Q(area_id=unit.area_id)
        | Q(unit_id=unit.pk)
    )


def _standings(unit: Unit, held: Sequence[AlertRule], overrides: dict[UUID, RuleOverride]) -> list[Standing]:
    """Those in force first, then those that other rules or people keep out; in the order given otherwise."""
    out = {rule.pk: reason for rule in held if (reason := _why_out(rule, unit))}
    candidates = [_candidate(rule) for rule in held if rule.pk not in out]
    chosen = [
        Standing(choice.rule.rule, choice.in_force, choice.reason, overrides.get(choice.rule.rule.pk))
        for choice in scopes.choose(candidates)
    ]
    left_out = [Standing(rule, False, out[rule.pk], overrides.get(rule.pk)) for rule in held if rule.pk in out]
    return sorted([*chosen, *left_out], key=lambda standing: not standing.in_force)


def _why_out(rule: AlertRule, unit: Unit) -> str:
    if not rule.enabled:
        return SWITCHED_OFF
    return WITHOUT_DEFAULTS if rule.is_default and not unit.default_rules else ""


def _candidate(rule: AlertRule) -> _Candidate:
    rank = scopes.rank(site=rule.site_id, area=rule.area_id, unit=rule.unit_id, unit_kind=rule.unit_kind)
    return _Candidate(rule, rule.metric, rule.condition, rule.severity, rule.is_ceiling, rule.is_default, rank)


# --- away from the profile --------------------------------------------------------------------------------------------


def _drift_of_defaults(unit: Unit, rules: Sequence[Standing]) -> Iterator[str]:
    """Default rules that are off, gone or changed."""
    profile = PROFILES.get(unit.kind)
    if profile is None:
        return
    if not unit.default_rules:
        yield "The default rules of its kind are switched off for this unit."
        return
    laid = [standing.rule for standing in rules if standing.rule.is_default and standing.rule.unit_kind == unit.kind]
    for default in profile.rules:
        rule = _row_of(default, laid)
        if rule is None:
            yield f"The default rule “{default.name}” ({_words(_terms(default))}) was removed."
            continue
        laid.remove(rule)
        if not rule.enabled:
            yield f"The default rule {rule_words.name(rule)} ({_words(terms_of(rule))}) is switched off."
        elif (rule.threshold, rule.delay_s) != (default.threshold, default.delay_s):
            yield (
                f"The default rule {rule_words.name(rule)} was changed: {_words(terms_of(rule))} instead of"
                f" {_words(_terms(default))}."
            )


def _row_of(default: Default, rows: Sequence[AlertRule]) -> AlertRule | None:
    """The row of a default rule, though somebody may have changed its limit or its name."""
    alike = [
        row
        for row in rows
        if (row.metric, row.condition, row.severity, row.is_ceiling)
        == (default.metric, default.condition, default.severity, default.is_ceiling)
    ]
    for exact in (
        [row for row in alike if row.threshold == default.threshold],
        [row for row in alike if row.name == default.name],
        alike,
    ):
        if exact:
            return exact[0]
    return None


def _drift_of_others(unit: Unit, rules: Sequence[Standing], legal: Sequence[laws.Limit]) -> Iterator[str]:
    """Overrides, rules beyond the law or weaker than what they replaced, and law that no rule watches."""
    zone = ZoneInfo(unit.site.timezone)
    for standing in rules:
        if standing.override is not None and standing.in_force:
            yield _override_words(standing, standing.override, zone)
    own = [standing for standing in rules if standing.in_force and not standing.rule.is_default]
    for standing in own:
        rule = standing.rule
        limit = laws.beyond(standing.terms, legal)
        if limit is not None:
            yield f"{rule_words.name(rule)} ({_words(standing.terms)}) lies beyond the legal limit: {limit.citation}."
        for default in _weakened(standing, rules):
            yield (
                f"{rule_words.name(rule)} replaces the default rule {rule_words.name(default)} with less:"
                f" {_words(standing.terms)} instead of {_words(terms_of(default))}."
            )
    yield from _unwatched(rules, legal)


def _override_words(standing: Standing, override: RuleOverride, zone: ZoneInfo) -> str:
    until = f"{dateformat.format(override.expires_at.astimezone(zone), 'D j M Y, H:i')} ({zone.key})"
    by = f" by {override.owner.get_full_name()}" if override.owner else ""
    return (
        f"{rule_words.name(standing.rule)} is overridden until {until}{by}: {_words(standing.terms)} instead of"
        f" {_words(terms_of(standing.rule))}. Reason: {override.reason}"
    )


def _weakened(standing: Standing, rules: Sequence[Standing]) -> Iterator[AlertRule]:
    """The enabled default rules that this one replaced and that would have called sooner."""
    mine = standing.rule
    for other in rules:
        rule = other.rule
        same = (rule.metric, rule.condition, rule.severity) == (mine.metric, mine.condition, mine.severity)
        replaced = rule.is_default and not other.in_force and other.reason not in (SWITCHED_OFF, WITHOUT_DEFAULTS)
        if same and replaced and _is_weaker(standing.terms, terms_of(rule)):
            yield rule


def _is_weaker(terms: laws.Terms, than: laws.Terms) -> bool:
    if terms.delay_s > than.delay_s:
        return True
    if terms.threshold is None or than.threshold is None:
        return False
    if terms.condition == Condition.BELOW:
        return terms.threshold < than.threshold
    return terms.threshold > than.threshold


def _unwatched(rules: Sequence[Standing], legal: Iterable[laws.Limit]) -> Iterator[str]:
    """Limits of the law that no rule in force keeps, whatever its severity."""
    in_force = [standing.terms for standing in rules if standing.in_force]
    for limit in legal:
        if limit.threshold is not None and not any(laws.keeps(terms, limit) for terms in in_force):
            yield f"No rule in force watches the legal limit: {limit.citation}."


def _terms(default: Default) -> laws.Terms:
    return laws.Terms(default.metric, default.condition, default.threshold, default.delay_s)


def _words(terms: laws.Terms) -> str:
    return rule_words.terms(terms.metric, terms.condition, terms.threshold, terms.delay_s)
