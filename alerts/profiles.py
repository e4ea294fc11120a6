"""The rules that a kind of unit starts with, as data: what an organization gets when it is founded.

Legal limits are quoted from their source. Warning, critical, delay and hysteresis are our engineering defaults: no
regulator sets them (a cooler's thermostat swings by 5 °F and it defrosts two to four times a day, so a bare line at the
legal limit would wake people every night). Delays count on air temperature. The last rule of each kind is a hard
ceiling that no label of a defrost cycle will ever mask.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from alerts.models import AlertRule, Condition, Metric, Severity
from organizations.models import Organization
from sensors.models import UnitKind

FOOD_CODE_COLD: Final = "FDA Food Code 2022, 3-501.16(A)(2): cold food is held at 5 °C (41 °F) or less"
FOOD_CODE_HOT: Final = "FDA Food Code 2022, 3-501.16(A)(1): hot food is held at 57 °C (135 °F) or more"
FOOD_CODE_FROZEN: Final = "FDA Food Code 2022, 3-501.11: frozen food is kept frozen (no number; -18 °C is the EU's)"
FOOD_CODE_EGGS: Final = "FDA Food Code 2022, 3-501.16(B): shell eggs in air of 7 °C (45 °F) or less"
FISH: Final = "Practice under 21 CFR 123: 4.4 °C (40 °F) or less"
VACCINE_FRIDGE: Final = "CDC Vaccine Storage and Handling Toolkit: 2 to 8 °C"
VACCINE_FREEZER: Final = "CDC Vaccine Storage and Handling Toolkit: -50 to -15 °C"
ULTRA_COLD: Final = "CDC Vaccine Storage and Handling Toolkit: -90 to -60 °C"
PHARMACY_ROOM: Final = "USP <659>: 20 to 25 °C, excursions 15 to 30 °C, spikes to 40 °C"
PRACTICE: Final = "Practice; the Food Code sets no number"

MINUTE: Final = 60
HOUR: Final = 3600


class Default(NamedTuple):
    """One default rule: air temperature, °C, minutes."""

    name: str
    condition: Condition
    threshold: float
    severity: Severity
    delay_s: int


def _cold(warning: tuple[float, int], critical: tuple[float, int] | None, ceiling: tuple[float, int]) -> list[Default]:
    rules = [Default("Too warm", Condition.ABOVE, warning[0], Severity.WARNING, warning[1] * MINUTE)]
    if critical is not None:
        rules.append(Default("Much too warm", Condition.ABOVE, critical[0], Severity.CRITICAL, critical[1] * MINUTE))
    rules.append(Default("Hard ceiling", Condition.ABOVE, ceiling[0], Severity.CRITICAL, ceiling[1] * MINUTE))
    return rules


def _band(
    warning: tuple[float, float, int], critical: tuple[float, float, int], ceiling: list[Default]
) -> list[Default]:
    rules = []
    for severity, (low, high, minutes) in ((Severity.WARNING, warning), (Severity.CRITICAL, critical)):
        rules.append(Default("Too cold", Condition.BELOW, low, severity, minutes * MINUTE))
        rules.append(Default("Too warm", Condition.ABOVE, high, severity, minutes * MINUTE))
    return rules + ceiling


def _at_once(name: str, condition: Condition, threshold: float) -> Default:
    return Default(name, condition, threshold, Severity.CRITICAL, 0)


class Profile(NamedTuple):
    """The defaults of one kind of unit."""

    rules: list[Default]
    hysteresis: float
    source: str


# Rows of the class table: (°C, minutes) each. Critical limits on product temperature come with the product estimate;
# until then the ceiling on air is the critical one.
PROFILES: Final[dict[str, Profile]] = {
    UnitKind.WALK_IN_COOLER: Profile(_cold((5.0, 30), (7.0, 60), (10.0, 15)), 1.0, FOOD_CODE_COLD),
    UnitKind.REACH_IN_FRIDGE: Profile(
        [
            *_cold((5.0, 30), (8.0, 45), (12.0, 15)),
            Default("Freezing", Condition.BELOW, 0.0, Severity.WARNING, 30 * MINUTE),
        ],
        1.0,
        FOOD_CODE_COLD,
    ),
    UnitKind.PREP_TABLE: Profile(_cold((5.0, 45), None, (13.0, 20)), 1.5, FOOD_CODE_COLD),
    UnitKind.DISPLAY_CASE: Profile(_cold((3.0, 45), None, (10.0, 20)), 1.5, FOOD_CODE_COLD),
    UnitKind.EGG_COOLER: Profile(_cold((6.5, 30), (7.2, 60), (12.0, 15)), 1.0, FOOD_CODE_EGGS),
    UnitKind.FISH_COOLER: Profile(_cold((3.0, 30), None, (8.0, 15)), 1.0, FISH),
    UnitKind.WALK_IN_FREEZER: Profile(_cold((-15.0, 60), None, (-5.0, 30)), 2.0, FOOD_CODE_FROZEN),
    UnitKind.CHEST_FREEZER: Profile(_cold((-14.0, 60), None, (-3.0, 30)), 2.0, FOOD_CODE_FROZEN),
    UnitKind.ICE_CREAM_CASE: Profile(_cold((-17.0, 45), None, (-8.0, 20)), 2.0, FOOD_CODE_FROZEN),
    UnitKind.HOT_HOLDING: Profile(
        [
            Default("Cooling down", Condition.BELOW, 60.0, Severity.WARNING, 10 * MINUTE),
            Default("Too cold", Condition.BELOW, 57.0, Severity.CRITICAL, 15 * MINUTE),
            Default("Hard floor", Condition.BELOW, 54.0, Severity.CRITICAL, 5 * MINUTE),
        ],
        1.5,
        FOOD_CODE_HOT,
    ),
    UnitKind.VACCINE_FRIDGE: Profile(
        _band((2.5, 7.5, 10), (2.0, 8.0, 10), [_at_once("Frozen", Condition.BELOW, 0.0)]), 0.5, VACCINE_FRIDGE
    ),
    UnitKind.VACCINE_FREEZER: Profile(
        [
            *_cold((-17.0, 15), (-15.0, 15), (-10.0, 0)),
            Default("Too cold", Condition.BELOW, -50.0, Severity.CRITICAL, 15 * MINUTE),
        ],
        1.0,
        VACCINE_FREEZER,
    ),
    UnitKind.ULTRA_COLD_FREEZER: Profile(
        [
            *_cold((-65.0, 15), (-60.0, 10), (-50.0, 0)),
            Default("Too cold", Condition.BELOW, -90.0, Severity.CRITICAL, 15 * MINUTE),
        ],
        2.0,
        ULTRA_COLD,
    ),
    UnitKind.PHARMACY_ROOM: Profile(
        _band((19.0, 26.0, 60), (15.0, 30.0, 30), [_at_once("Hard ceiling", Condition.ABOVE, 40.0)]),
        0.5,
        PHARMACY_ROOM,
    ),
    UnitKind.DRY_STORE: Profile(
        [
            Default("Too warm", Condition.ABOVE, 27.0, Severity.WARNING, 4 * HOUR),
            Default("Much too warm", Condition.ABOVE, 32.0, Severity.CRITICAL, 2 * HOUR),
        ],
        1.0,
        PRACTICE,
    ),
}


def lay_default_rules(*, organization: Organization) -> list[AlertRule]:
    """Give a new organization the rules of every kind of unit. Twice is the same as once. Call inside a transaction."""
    there = set(
        AlertRule.objects.for_organization(organization)
        .filter(is_default=True)
        .values_list("unit_kind", "condition", "threshold", "severity")
    )
    return AlertRule.objects.bulk_create(
        AlertRule(
            organization=organization,
            name=default.name,
            metric=Metric.TEMPERATURE,
            condition=default.condition,
            threshold=default.threshold,
            severity=default.severity,
            delay_s=default.delay_s,
            hysteresis=profile.hysteresis,
            unit_kind=kind,
            is_default=True,
            source=profile.source,
        )
        for kind, profile in PROFILES.items()
        for default in profile.rules
        if (kind, default.condition, default.threshold, default.severity) not in there
    )
