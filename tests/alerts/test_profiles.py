"""What each kind of unit starts with, and what the law asks of it."""

from __future__ import annotations

from datetime import date
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from alerts.models import AlertRule, Condition, Metric, Severity
from alerts.profiles import EVERYWHERE, PROFILES, laws, lay_default_rules, product_tau_s
from organizations.models import Organization
from sensors.jurisdictions import Jurisdiction
from sensors.models import UnitKind
from tests.factories import NOON, OrganizationFactory, RuleFactory, as_system

TODAY = date(2026, 11, 20)
AIR, FOOD = Metric.TEMPERATURE, Metric.PRODUCT_TEMPERATURE

# The class table, a row for each kind: metric, condition, threshold °C, minutes, severity; (C) is a hard ceiling.
TABLE = {
    "walk_in_cooler": "A>5 30 w, P>5 30 c, A>7 60 c, A>10 15 C",
    "reach_in_fridge": "A>5 30 w, P>5 30 c, A>8 45 c, A>12 15 C, A<0 30 w",
    "prep_table": "A>5 45 w, P>5 30 c, A>13 20 C",
    "display_case": "A>3 45 w, P>5 30 c, A>10 20 C",
    "egg_cooler": "A>6.5 30 w, A>7.2 60 c, A>12 15 C",
    "fish_cooler": "A>3 30 w, P>4.4 30 c, A>8 15 C",
    "walk_in_freezer": "A>-15 60 w, P>-12 60 c, A>-5 30 C",
    "chest_freezer": "A>-14 60 w, P>-10 60 c, A>-3 30 C",
    "ice_cream_case": "A>-17 45 w, P>-14 60 c, A>-8 20 C",
    "hot_holding": "A<60 10 w, A<57 15 c, A<54 5 C",
    "blast_chiller": "A>21 120 c, A>5 360 c",
    "vaccine_fridge": "A<2.5 10 w, A>7.5 10 w, A<2 10 c, A>8 10 c, A<0 0 C",
    "vaccine_freezer": "A>-17 15 w, A>-15 15 c, A>-10 0 C, A<-50 15 c",
    "ultra_cold_freezer": "A>-65 15 w, A>-60 10 c, A>-50 0 C, A<-90 15 c",
    "pharmacy_room": "A<19 60 w, A>26 60 w, A<15 30 c, A>30 30 c, A>40 0 C",
    "dry_store": "A>27 240 w, A>32 120 c",
}
# Minutes of silence until the warning and the critical alert.
SILENCE = {
    **dict.fromkeys(TABLE, (20, 45)),
    **dict.fromkeys(("walk_in_freezer", "chest_freezer", "ice_cream_case"), (30, 60)),
    **dict.fromkeys(("vaccine_fridge", "vaccine_freezer", "ultra_cold_freezer"), (15, 30)),
    "hot_holding": (10, 20),
    "blast_chiller": (5, 10),
    "pharmacy_room": (60, 120),
    "dry_store": (120, 360),
}


def written(kind: str) -> set[str]:
    """A profile as the table writes it."""
    found = set()
    for rule in PROFILES[kind].rules:
        if rule.condition == Condition.NO_DATA:
            continue
        letter = "C" if rule.is_ceiling else rule.severity.value[0]
        where = "A" if rule.metric == AIR else "P"
        direction = ">" if rule.condition == Condition.ABOVE else "<"
        found.add(f"{where}{direction}{rule.threshold:g} {rule.delay_s / 60:g} {letter}")
    return found


class TestProfiles:
    def test_every_kind_but_rooms_and_others_has_one(self) -> None:
        assert set(UnitKind.values) - set(PROFILES) == {"room", "other"}
        assert set(PROFILES) == set(TABLE)

    @pytest.mark.parametrize("kind", TABLE)
    def test_the_rules_are_those_of_the_class_table(self, kind: str) -> None:
        assert written(kind) == set(TABLE[kind].split(", "))

    @pytest.mark.parametrize("kind", TABLE)
    def test_silence_is_told_as_the_class_table_says(self, kind: str) -> None:
        rules = [rule for rule in PROFILES[kind].rules if rule.condition == Condition.NO_DATA]
        assert [(rule.severity, rule.delay_s / 60, rule.threshold) for rule in rules] == [
            (Severity.WARNING, SILENCE[kind][0], None),
            (Severity.CRITICAL, SILENCE[kind][1], None),
        ]

    def test_every_number_has_its_source(self) -> None:
        for profile in PROFILES.values():
            assert profile.source
            assert all(rule.source for rule in profile.rules)
        assert all(rule.source for rule in EVERYWHERE)

    def test_a_rule_lies_inside_its_ceiling_and_a_warning_calls_before_a_critical_one(self) -> None:
        for kind, profile in PROFILES.items():
            for condition, sign in ((Condition.ABOVE, 1), (Condition.BELOW, -1)):
                rules = [rule for rule in profile.rules if rule.condition == condition]
                ceilings = [sign * rule.threshold for rule in rules if rule.is_ceiling and rule.threshold is not None]
                others = [rule for rule in rules if not rule.is_ceiling and rule.threshold is not None]
                assert all(sign * rule.threshold < ceiling for rule in others for ceiling in ceilings), kind  # type: ignore[operator]
                warnings = [sign * rule.threshold for rule in others if rule.severity == Severity.WARNING]  # type: ignore[operator]
                criticals = [sign * rule.threshold for rule in others if rule.severity == Severity.CRITICAL]  # type: ignore[operator]
                assert all(warning <= critical for warning in warnings for critical in criticals), kind

    def test_the_operating_band_raises_no_warning(self) -> None:
        for kind, profile in PROFILES.items():
            if profile.operating_band is None:
                assert kind == "blast_chiller"
                continue
            low, high = profile.operating_band
            assert low < high
            for rule in profile.rules:
                if rule.threshold is not None:
                    assert rule.threshold >= high if rule.condition == Condition.ABOVE else rule.threshold <= low, kind

    def test_a_product_follows_the_air_within_the_hour_and_of_a_kind_without_profile_soon(self) -> None:
        assert product_tau_s("walk_in_cooler") == 45 * 60
        assert product_tau_s("room") == product_tau_s("other") == product_tau_s("no such kind") == 15 * 60
        assert all(60 <= product_tau_s(kind) <= 45 * 60 for kind in UnitKind.values)


class TestLaws:
    @pytest.mark.parametrize(
        ("jurisdiction", "kind", "expected"),
        [
            ("", "walk_in_cooler", [(FOOD, "above", 5.0, "us_food_code")]),
            ("us_food_code", "hot_holding", [(FOOD, "below", 57.0, "us_food_code")]),
            ("us_food_code", "egg_cooler", [(AIR, "above", 7.0, "us_food_code")]),
            ("us_food_code", "walk_in_freezer", [(FOOD, "above", None, "us_food_code")]),
            ("us_food_code", "dry_store", []),
            ("maryland", "walk_in_cooler", [(AIR, "above", 5.0, "maryland")]),
            # It says nothing of hot food: the code that it adopted does.
            ("maryland", "hot_holding", [(FOOD, "below", 57.0, "us_food_code")]),
            ("uk", "walk_in_cooler", [(FOOD, "above", 8.0, "uk")]),
            ("uk", "hot_holding", [(FOOD, "below", 63.0, "uk")]),
            ("eu", "display_case", [(FOOD, "above", 7.0, "eu")]),
            ("eu", "chest_freezer", [(FOOD, "above", -18.0, "eu")]),
            ("eu", "hot_holding", []),
            ("au_nz", "hot_holding", [(FOOD, "below", 60.0, "au_nz")]),
            ("au_nz", "vaccine_fridge", [(AIR, "below", 2.0, "us_guidance"), (AIR, "above", 8.0, "us_guidance")]),
            ("a state we don't know", "walk_in_cooler", [(FOOD, "above", 5.0, "us_food_code")]),
        ],
    )
    def test_the_limits_of_a_kind_are_those_of_the_site_s_law(
        self, jurisdiction: str, kind: str, expected: list[tuple[Any, ...]]
    ) -> None:
        found = laws.limits(kind=kind, jurisdiction=jurisdiction, on=TODAY)
        assert [(one.metric, one.condition, one.threshold, one.jurisdiction) for one in found] == expected

    def test_a_limit_holds_from_its_first_to_its_last_day(self) -> None:
        assert [one.jurisdiction for one in laws.limits(kind="walk_in_cooler", jurisdiction="uk", on=TODAY)] == ["uk"]
        # Before it was law there was none, and what we fall back to says nothing of food.
        assert laws.limits(kind="walk_in_cooler", jurisdiction="uk", on=date(2006, 1, 10)) == []
        assert laws.limits(kind="walk_in_cooler", jurisdiction="uk", on=date(2006, 1, 11)) != []

    def test_every_limit_has_a_citation_and_says_what_is_not_verified(self) -> None:
        assert all(one.citation and one.kinds for one in laws.LIMITS)
        unverified = {(one.jurisdiction, one.threshold) for one in laws.LIMITS if one.status == "unverified"}
        assert unverified == {("us_food_code", 4.4), ("eu", -18.0)}

    def test_a_site_may_choose_each_law_there_is(self) -> None:
        assert dict(Jurisdiction.choices) == laws.JURISDICTIONS

    @pytest.mark.parametrize("jurisdiction", ["us_food_code", "maryland"])
    def test_the_default_rules_of_each_kind_watch_the_law_of_the_default_jurisdiction(self, jurisdiction: str) -> None:
        for kind, profile in PROFILES.items():
            terms = [laws.Terms(rule.metric, rule.condition, rule.threshold, rule.delay_s) for rule in profile.rules]
            for limit in laws.limits(kind=kind, jurisdiction=jurisdiction, on=TODAY):
                assert limit.threshold is None or any(laws.keeps(one, limit) for one in terms), kind


@pytest.mark.django_db
class TestLaying:
    def laid(self, organization: Organization) -> int:
        with as_system():
            return len(lay_default_rules(organization=organization))

    def rules(self, organization: Organization, **wanted: Any) -> list[AlertRule]:
        with as_system():
            return list(AlertRule.objects.for_organization(organization).filter(**wanted).order_by("pk"))

    def test_twice_is_the_same_as_once(self) -> None:
        organization = OrganizationFactory()
        expected = sum(len(profile.rules) for profile in PROFILES.values()) + len(EVERYWHERE)
        assert self.laid(organization) == expected
        assert self.laid(organization) == 0
        rules = self.rules(organization)
        assert len(rules) == expected
        assert all(rule.source and rule.is_default for rule in rules)

    def test_warnings_wait_for_opening_hours_and_critical_ones_dont(self) -> None:
        organization = OrganizationFactory()
        self.laid(organization)
        assert {(rule.severity, rule.schedule) for rule in self.rules(organization)} == {
            ("warning", "opening_hours"),
            ("critical", "always"),
        }

    def test_a_silent_gateway_is_everybody_s(self) -> None:
        organization = OrganizationFactory()
        self.laid(organization)
        (rule,) = self.rules(organization, unit_kind="")
        assert (rule.metric, rule.condition, rule.threshold, rule.severity, rule.delay_s) == (
            *("gateway", "no_data", None, "critical"),
            15 * 60,
        )

    def test_an_organization_from_before_gets_what_it_lacks_and_keeps_what_it_has(self) -> None:
        organization = OrganizationFactory()
        older = {"organization": organization, "unit_kind": "walk_in_cooler", "is_default": True, "delay_s": 1234}
        kept = RuleFactory(**older, threshold=5.0, severity="warning", hysteresis=0.7)
        ceiling = RuleFactory(**older, name="Hard ceiling", threshold=10.0, severity="critical")
        total = sum(len(profile.rules) for profile in PROFILES.values()) + len(EVERYWHERE)
        assert self.laid(organization) == total - 2
        (same,) = self.rules(organization, pk=kept.pk)
        assert (same.delay_s, same.hysteresis, same.schedule) == (1234, 0.7, "always")
        (same,) = self.rules(organization, pk=ceiling.pk)
        assert (same.delay_s, same.is_ceiling) == (1234, True)

    def test_what_somebody_changed_switched_off_or_removed_doesnt_come_back(self) -> None:
        organization = OrganizationFactory()
        self.laid(organization)
        of_coolers = AlertRule.objects.filter(organization=organization, unit_kind="walk_in_cooler")
        with as_system():
            of_coolers.filter(threshold=5.0, severity="warning").update(threshold=4.0)
            of_coolers.filter(threshold=7.0).update(enabled=False)
            of_coolers.filter(metric="product_temperature").update(deleted_at=NOON)
        assert self.laid(organization) == 0

    def test_the_command_lays_them_for_all_organizations_or_the_ones_named(self) -> None:
        one, other = OrganizationFactory(slug="one"), OrganizationFactory(slug="other")
        OrganizationFactory(slug="gone", deleted_at=NOON)
        out = StringIO()
        call_command("lay_default_rules", "one", stdout=out)
        assert self.rules(one) != []
        assert self.rules(other) == []
        number = len(self.rules(one))
        call_command("lay_default_rules", stdout=out)
        assert out.getvalue().splitlines() == [
            f"one: {number} rules laid",
            "one: 0 rules laid",
            f"other: {number} rules laid",
        ]
        with pytest.raises(CommandError, match="nowhere"):
            call_command("lay_default_rules", "nowhere")
