"""Rules as customers see them: what may be said, which of several watches a unit, how far that is from its profile."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import scopes
from alerts.models import AlertRule
from alerts.profiles import PROFILES, lay_default_rules
from alerts.scopes import Rank
from organizations.models import Role
from sensors.models import Unit
from tests.factories import (
    NOON,
    MembershipFactory,
    OrganizationFactory,
    OverrideFactory,
    RuleFactory,
    UnitFactory,
    as_system,
    fresh,
)
from tests.sensors.test_api import Api

BODY = {"metric": "temperature", "condition": "above", "threshold": 5, "severity": "warning"}


class Light(NamedTuple):
    """A rule as far as choosing needs it."""

    name: str
    rank: Rank
    metric: str = "temperature"
    condition: str = "above"
    severity: str = "critical"
    is_ceiling: bool = False
    is_default: bool = False


def in_force(*rules: Light) -> list[str]:
    return [choice.rule.name for choice in scopes.choose(rules) if choice.in_force]


class TestTheMostSpecificWins:
    def test_a_unit_s_own_rule_then_its_kind_s_its_area_s_its_site_s_and_at_last_everybody_s(self) -> None:
        rules = [Light(rank.name, rank) for rank in Rank]
        for _ in Rank:
            highest = max(rules, key=lambda rule: rule.rank)
            assert in_force(*rules) == [highest.name]
            rules.remove(highest)
        assert list(Rank) == [Rank.ORGANIZATION, Rank.SITE, Rank.AREA, Rank.UNIT_KIND, Rank.UNIT]

    def test_several_of_one_rank_all_watch(self) -> None:
        assert in_force(Light("a", Rank.SITE), Light("b", Rank.SITE), Light("c", Rank.ORGANIZATION)) == ["a", "b"]

    @pytest.mark.parametrize(
        "other",
        [{"metric": "humidity"}, {"condition": "below"}, {"severity": "warning"}],
        ids=lambda other: next(iter(other)),
    )
    def test_rules_of_another_metric_condition_or_severity_dont_compete(self, other: dict[str, Any]) -> None:
        assert in_force(Light("unit", Rank.UNIT), Light("all", Rank.ORGANIZATION, **other)) == ["unit", "all"]

    def test_a_ceiling_always_watches_and_replaces_nothing(self) -> None:
        ceiling = Light("ceiling", Rank.UNIT_KIND, is_ceiling=True)
        assert in_force(ceiling, Light("unit", Rank.UNIT)) == ["ceiling", "unit"]
        assert in_force(ceiling, Light("all", Rank.ORGANIZATION)) == ["ceiling", "all"]

    def test_a_default_never_replaces_what_somebody_made(self) -> None:
        default = Light("default", Rank.UNIT_KIND, is_default=True)
        assert in_force(default, Light("site", Rank.SITE)) == ["default", "site"]
        assert in_force(default, Light("site", Rank.SITE), Light("all", Rank.ORGANIZATION)) == ["default", "site"]
        assert in_force(default, Light("unit", Rank.UNIT), Light("site", Rank.SITE)) == ["unit"]

    def test_each_says_why_in_the_order_given(self) -> None:
        rules = [
            Light("all", Rank.ORGANIZATION),
            Light("kind", Rank.UNIT_KIND),
            Light("hard", Rank.SITE, is_ceiling=True),
        ]
        assert [(choice.rule.name, choice.reason) for choice in scopes.choose(rules)] == [
            ("all", "Not in force: replaced by a rule made for its kind of unit."),
            ("kind", "In force: the most specific rule, made for its kind of unit."),
            ("hard", "In force: a hard limit, which no other rule replaces."),
        ]
        assert scopes.choose([]) == []

    def test_the_rank_is_that_of_the_scope(self) -> None:
        assert [
            scopes.rank(),
            scopes.rank(site=1, unit_kind=""),
            scopes.rank(area=1),
            scopes.rank(unit_kind="room"),
            scopes.rank(unit=1),
        ] == list(Rank)


@pytest.fixture
def api() -> Api:
    return Api(OrganizationFactory())


@pytest.fixture
def unit(api: Api) -> Unit:
    made: Unit = UnitFactory(area__site__organization=api.organization)
    return made


@pytest.mark.django_db
class TestWhatARuleSays:
    def test_it_watches_always_unless_it_is_to_keep_opening_hours(self, api: Api) -> None:
        rule = api.write("alert-rules/", BODY)
        assert (rule["schedule"], rule["is_ceiling"]) == ("always", False)
        path = f"alert-rules/{rule['id']}/"
        changed = api.write(path, {"schedule": "opening_hours"}, status=200, method="patch")
        assert changed["schedule"] == "opening_hours"
        api.write(path, {"schedule": "at full moon"}, status=400, method="patch")

    def test_nobody_makes_or_lifts_a_hard_ceiling(self, api: Api) -> None:
        assert api.write("alert-rules/", {**BODY, "is_ceiling": True})["is_ceiling"] is False
        ceiling = RuleFactory(organization=api.organization, is_ceiling=True)
        body = {"is_ceiling": False, "name": "Mine"}
        assert api.write(f"alert-rules/{ceiling.pk}/", body, status=200, method="patch")["is_ceiling"] is True

    @pytest.mark.parametrize("condition", ["no_data", "door_open_for", "fault"])
    def test_what_is_there_or_isnt_has_no_threshold(self, api: Api, condition: str) -> None:
        rule = api.write("alert-rules/", {**BODY, "condition": condition, "delay_s": 600})
        assert (rule["threshold"], rule["delay_s"]) == (None, 600)
        path = f"alert-rules/{rule['id']}/"
        assert api.write(path, {"threshold": 7}, status=200, method="patch")["threshold"] is None
        problem = api.write(path, {"condition": "above"}, status=400, method="patch")
        assert problem["errors"][0]["field"] == "threshold"
        back = api.write(path, {"condition": "above", "threshold": 7}, status=200, method="patch")
        assert back["threshold"] == 7

    def test_a_gateway_is_known_by_its_silence_alone_and_belongs_to_a_site(self, api: Api, unit: Unit) -> None:
        silent = {**BODY, "metric": "gateway", "condition": "no_data", "delay_s": 900}
        assert api.write("alert-rules/", silent)["threshold"] is None
        api.write("alert-rules/", {**silent, "scope": {"site": str(unit.site_id)}})
        for scope in ({"unit": str(unit.pk)}, {"area": str(unit.area_id)}, {"unit_kind": "room"}):
            assert api.write("alert-rules/", {**silent, "scope": scope}, status=400)["errors"][0]["field"] == "scope"
        problem = api.write("alert-rules/", {**silent, "condition": "above"}, status=400)
        assert problem["errors"][0]["field"] == "condition"

    def test_only_temperature_and_humidity_have_a_rate(self, api: Api) -> None:
        rising = {**BODY, "condition": "rate_above", "threshold": 6}
        for metric in ("temperature", "humidity"):
            api.write("alert-rules/", {**rising, "metric": metric})
        for metric in ("product_temperature", "battery", "signal"):
            assert api.write("alert-rules/", {**rising, "metric": metric}, status=400)["errors"][0]["field"] == "metric"

    @pytest.mark.parametrize("threshold", ["nan", "inf", "-Infinity", 1e300, 1e9])
    def test_what_no_sensor_measures_is_no_limit(self, api: Api, threshold: Any) -> None:
        problem = api.write("alert-rules/", {**BODY, "threshold": threshold}, status=400)
        assert problem["errors"][0]["field"] == "threshold"

    def test_it_says_since_when_it_says_what_it_says(self, api: Api, unit: Unit) -> None:
        rule = RuleFactory(organization=api.organization, changed_at=NOON)
        path = f"alert-rules/{rule.pk}/"

        def changed(**body: Any) -> datetime:
            api.write(path, body, status=200, method="patch")
            found: datetime = fresh(rule).changed_at
            return found

        assert changed(name="Other", severity="critical") == NOON
        assert changed(threshold=rule.threshold, delay_s=rule.delay_s, scope={}, enabled=True) == NOON
        last = NOON
        for body in (
            {"threshold": 6.0},
            {"delay_s": 60},
            {"hysteresis": 0.5},
            {"clear_delay_s": 60},
            {"schedule": "opening_hours"},
            {"enabled": False},
            {"enabled": True},
            {"metric": "humidity"},
            {"condition": "below"},
            {"scope": {"unit": str(unit.pk)}},
            {"scope": {"unit_kind": "room"}},
            {"scope": {}},
        ):
            moved = changed(**body)
            assert moved > last, body
            last = moved
        assert api.read(path)["changed_at"].startswith(last.isoformat()[:19])
        ignored = {"changed_at": "2001-01-01T00:00:00Z"}
        assert changed(**ignored) == last


@pytest.mark.django_db
class TestPlaces:
    def test_a_site_s_opening_hours_are_put_in_order(self, api: Api) -> None:
        site = api.write("sites/", {"name": "Harbor"})
        assert (site["opening_hours"], site["jurisdiction"]) == ({}, "")
        hours = {"sat": [], "mon": [["17:00", "24:00"], ["00:00", "14:00"]]}
        path = f"sites/{site['id']}/"
        changed = api.write(path, {"opening_hours": hours, "jurisdiction": "uk"}, status=200, method="patch")
        assert changed["opening_hours"] == {"mon": [["00:00", "14:00"], ["17:00", "24:00"]], "sat": []}
        assert changed["jurisdiction"] == "uk"
        again = api.write(path, {"name": "Harbor Street"}, status=200, method="patch")
        assert (again["opening_hours"], again["jurisdiction"]) == (changed["opening_hours"], "uk")
        none = api.write(path, {"opening_hours": {}, "jurisdiction": ""}, status=200, method="patch")
        assert (none["opening_hours"], none["jurisdiction"]) == ({}, "")

    @pytest.mark.parametrize(
        ("hours", "words"),
        [
            (None, "fill this in"),
            ([], "object"),
            ({"monday": [["08:00", "22:00"]]}, "no weekday"),
            ({"mon": ["08:00", "22:00"]}, "pair"),
            ({"mon": [["08:00"]]}, "pair"),
            ({"mon": [[8, 22]]}, "pair"),
            ({"mon": "08:00-22:00"}, "list"),
            ({"mon": [["8:00", "22:00"]]}, "HH:MM"),
            ({"mon": [["08:00", "24:30"]]}, "HH:MM"),
            ({"mon": [["24:00", "24:00"]]}, "HH:MM"),
            ({"mon": [["08:60", "22:00"]]}, "HH:MM"),
            ({"mon": [["22:00", "02:00"]]}, "Give a night as two"),
            ({"mon": [["08:00", "08:00"]]}, "closing comes after opening"),
            ({"mon": [["08:00", "14:00"], ["13:59", "20:00"]]}, "overlap"),
            ({"mon": [["08:00", "09:00"]] * 7}, "up to 6"),
        ],
    )
    def test_hours_that_cant_be_are_refused_in_words(self, api: Api, hours: Any, words: str) -> None:
        problem = api.write("sites/", {"name": "Harbor", "opening_hours": hours}, status=400)
        (error,) = problem["errors"]
        assert error["field"] == "opening_hours"
        assert words in error["detail"]

    def test_an_unknown_law_is_refused(self, api: Api) -> None:
        api.write("sites/", {"name": "Harbor", "jurisdiction": "atlantis"}, status=400)

    def test_a_unit_may_have_a_time_constant_of_its_own(self, api: Api, unit: Unit) -> None:
        path = f"units/{unit.pk}/"
        assert api.read(path)["product_tau_s"] is None
        assert api.write(path, {"product_tau_s": 600}, status=200, method="patch")["product_tau_s"] == 600
        assert api.write(path, {"product_tau_s": None}, status=200, method="patch")["product_tau_s"] is None
        for wrong in (0, -1, 86_401, "slow"):
            api.write(path, {"product_tau_s": wrong}, status=400, method="patch")

    def test_acknowledgements_lapse_when_the_organization_says(self, api: Api) -> None:
        assert api.read("")["acknowledgement_minutes"] == 240
        changed = api.write("", {"acknowledgement_minutes": 0}, status=200, method="patch")
        assert changed["acknowledgement_minutes"] == 0
        for wrong in (-1, 7 * 24 * 60 + 1, None):
            api.write("", {"acknowledgement_minutes": wrong}, status=400, method="patch")
        Api(api.organization, role=Role.MANAGER).write("", {"acknowledgement_minutes": 5}, status=403, method="patch")


def lay(unit: Unit) -> None:
    with as_system():
        lay_default_rules(organization=unit.organization)


@pytest.mark.django_db
class TestWhatStandsForAUnit:
    def of(self, api: Api, unit: Unit) -> dict[str, Any]:
        found: dict[str, Any] = api.read(f"units/{unit.pk}/rules/")
        return found

    def test_a_unit_with_the_rules_of_its_kind_has_no_drift(self, api: Api, unit: Unit) -> None:
        lay(unit)
        found = self.of(api, unit)
        assert found["drift"] == []
        assert found["operating_band"] == [1.5, 4.0]
        assert found["kind_tau_s"] == 2700
        assert found["legal"] == [
            {
                "metric": "product_temperature",
                "condition": "above",
                "threshold": 5.0,
                "within_s": None,
                "citation": "FDA Food Code 2022, 3-501.16(A)(2): cold food is held at 5 °C (41 °F) or less",
                "url": "",
                "jurisdiction": "us_food_code",
                "valid_from": None,
                "valid_to": None,
                "status": "verified",
            }
        ]
        assert len(found["rules"]) == len(PROFILES["walk_in_cooler"].rules)
        assert all(rule["in_force"] and rule["reason"] and rule["override"] is None for rule in found["rules"])
        (ceiling,) = [rule for rule in found["rules"] if rule["is_ceiling"]]
        assert ceiling["reason"] == scopes.CEILING
        assert api.read(f"alert-rules/{ceiling['id']}/").items() <= ceiling.items()

    @pytest.mark.parametrize("kind", PROFILES)
    def test_no_kind_drifts_from_its_own_profile(self, api: Api, unit: Unit, kind: str) -> None:
        lay(unit)
        assert self.of(api, UnitFactory(area=unit.area, kind=kind))["drift"] == []

    def test_the_law_is_that_of_the_site_and_says_where_the_rules_fall_short(self, api: Api, unit: Unit) -> None:
        lay(unit)
        held_hot = UnitFactory(area=unit.area, kind="hot_holding")
        api.write(f"sites/{unit.site_id}/", {"jurisdiction": "uk"}, status=200, method="patch")
        found = self.of(api, held_hot)
        (limit,) = found["legal"]
        assert (limit["threshold"], limit["valid_from"], limit["jurisdiction"]) == (63.0, "2006-01-11", "uk")
        assert limit["url"].startswith("https://www.legislation.gov.uk/")
        assert found["drift"] == [f"No rule in force watches the legal limit: {limit['citation']}."]

    def test_each_rule_says_why_it_is_in_force_or_isnt(self, api: Api, unit: Unit) -> None:
        terms = {"organization": api.organization, "severity": "warning"}
        for name, fields in {
            "everywhere": {},
            "site": {"site": unit.site},
            "kind": {"unit_kind": unit.kind},
            "unit": {"unit": unit},
            "off": {"unit": unit, "enabled": False},
            "damp": {"metric": "humidity"},
            "other kind": {"unit_kind": "room"},
            "deleted": {"deleted_at": NOON},
            "gateway": {"metric": "gateway", "condition": "no_data"},
        }.items():
            RuleFactory(**terms, **fields, name=name)
        RuleFactory(name="of somebody else")
        rules = {rule["name"]: (rule["in_force"], rule["reason"]) for rule in self.of(api, unit)["rules"]}
        replaced = (False, "Not in force: replaced by a rule made for this unit.")
        assert rules == {
            "unit": (True, "In force: the most specific rule, made for this unit."),
            "damp": (True, "In force: the most specific rule, made for the whole organization."),
            "everywhere": replaced,
            "site": replaced,
            "kind": replaced,
            "off": (False, "Not in force: the rule is switched off."),
        }

    def test_a_unit_that_does_without_defaults_says_so_and_that_nothing_watches_the_law(
        self, api: Api, unit: Unit
    ) -> None:
        lay(unit)
        api.write(f"units/{unit.pk}/", {"default_rules": False}, status=200, method="patch")
        found = self.of(api, unit)
        assert {(rule["in_force"], rule["reason"]) for rule in found["rules"]} == {
            (False, "Not in force: this unit does without the default rules of its kind.")
        }
        assert found["drift"] == [
            "The default rules of its kind are switched off for this unit.",
            f"No rule in force watches the legal limit: {found['legal'][0]['citation']}.",
        ]

    def test_default_rules_that_were_switched_off_removed_or_changed_are_drift(self, api: Api, unit: Unit) -> None:
        lay(unit)
        with as_system():
            rules = AlertRule.objects.filter(organization=api.organization, unit_kind=unit.kind)
            rules.filter(name="Much too warm").update(enabled=False)
            rules.filter(name="Still no data").update(deleted_at=NOON)
            rules.filter(name="Too warm").update(threshold=4.0, delay_s=600, name="Warm")
        assert set(self.of(api, unit)["drift"]) == {
            "The default rule “Much too warm” (above 7.0 °C for 60 min) is switched off.",
            "The default rule “Still no data” (for 45 min) was removed.",
            "The default rule “Warm” was changed: above 4.0 °C for 10 min instead of above 5.0 °C for 30 min.",
        }

    def test_a_rule_of_ones_own_that_is_weaker_or_beyond_the_law_is_drift(self, api: Api, unit: Unit) -> None:
        lay(unit)
        RuleFactory(organization=api.organization, unit=unit, name="Mine", threshold=8.0, delay_s=3600)
        found = self.of(api, unit)
        assert found["drift"] == [
            f"“Mine” (above 8.0 °C for 60 min) lies beyond the legal limit: {found['legal'][0]['citation']}.",
            "“Mine” replaces the default rule “Too warm” with less:"
            " above 8.0 °C for 60 min instead of above 5.0 °C for 30 min.",
        ]

    def test_a_stricter_rule_of_ones_own_is_no_drift(self, api: Api, unit: Unit) -> None:
        lay(unit)
        RuleFactory(organization=api.organization, unit=unit, name="Mine", threshold=4.0, delay_s=600)
        assert self.of(api, unit)["drift"] == []

    def test_an_override_is_shown_with_the_rule_and_told_as_drift(self, api: Api, unit: Unit) -> None:
        room = UnitFactory(area=unit.area, kind="room")
        rule = RuleFactory(organization=api.organization, name="Too warm")
        until = timezone.now().replace(microsecond=0) + timedelta(days=1)
        ann = MembershipFactory(organization=api.organization, user__name="Ann").user
        override = OverrideFactory(rule=rule, unit=room, threshold=3.0, expires_at=until, owner=ann)
        found = self.of(api, room)
        (shown,) = found["rules"]
        assert (shown["threshold"], shown["override"]["id"]) == (5.0, str(override.pk))
        assert (shown["override"]["threshold"], shown["override"]["owner_name"]) == (3.0, "Ann")
        assert found["drift"] == [
            f"“Too warm” is overridden until {until:%a} {until.day} {until:%b %Y, %H:%M} (UTC) by Ann:"
            " above 3.0 °C for 30 min instead of above 5.0 °C for 30 min. Reason: The new compressor comes on Friday."
        ]
        with as_system():
            type(override).objects.update(expires_at=timezone.now())
        assert self.of(api, room)["rules"][0]["override"] is None

    def test_the_number_of_statements_doesnt_grow_with_the_rules(self, api: Api, unit: Unit) -> None:
        def statements() -> int:
            with CaptureQueriesContext(connection) as captured:
                self.of(api, unit)
            return len(captured)

        RuleFactory(organization=api.organization)
        self.of(api, unit)  # the first request notes that the token is in use
        few = statements()
        lay(unit)
        for _ in range(5):
            rule = RuleFactory(organization=api.organization, unit=unit)
            OverrideFactory(rule=rule, unit=unit, expires_at=timezone.now() + timedelta(days=1), owner=api.member.user)
        assert statements() == few

    def test_a_member_of_other_sites_doesnt_find_the_unit(self, api: Api, unit: Unit) -> None:
        elsewhere = UnitFactory(area__site__organization=api.organization)
        viewer = Api(api.organization, role=Role.VIEWER, site_ids=[unit.site_id])
        viewer.read(f"units/{unit.pk}/rules/")
        viewer.read(f"units/{elsewhere.pk}/rules/", status=404)
        api.read(f"units/{UnitFactory().pk}/rules/", status=404)
