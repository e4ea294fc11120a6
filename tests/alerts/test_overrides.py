"""Exceptions from rules: for a reason, with an owner and an end, and never beyond the law."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerts import overrides
from alerts.models import AlertRule, RuleOverride
from notifications.models import Notification
from organizations.models import Change, Role
from sensors.models import Unit
from tests.factories import (
    NOON,
    ContactMethodFactory,
    MembershipFactory,
    OrganizationFactory,
    OverrideFactory,
    RuleFactory,
    UnitFactory,
    as_system,
    fresh,
)
from tests.sensors.test_api import Api

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def api() -> Api:
    return Api(OrganizationFactory())


@pytest.fixture
def unit(api: Api) -> Unit:
    made: Unit = UnitFactory(area__site__organization=api.organization, area__site__timezone="America/New_York")
    return made


def a_rule(unit: Unit, **fields: Any) -> AlertRule:
    """Above 5 °C for 30 minutes, for the organization."""
    made: AlertRule = RuleFactory(organization=unit.organization, **fields)
    return made


def body(rule: AlertRule, unit: Unit, **fields: Any) -> dict[str, Any]:
    until = timezone.now() + DAY
    return {"rule": str(rule.pk), "unit": str(unit.pk), "reason": "Stock-taking", "expires_at": until} | fields


class TestMaking:
    def test_it_has_a_reason_an_owner_and_an_end(self, api: Api, unit: Unit) -> None:
        rule = a_rule(unit)
        made = api.write("rule-overrides/", body(rule, unit, threshold=4.0, delay_s=600))
        assert (made["rule"], made["unit"], made["threshold"], made["delay_s"]) == (str(rule.pk), str(unit.pk), 4, 600)
        assert (made["owner"], made["owner_name"]) == (str(api.member.user_id), api.member.user.get_full_name())
        assert (made["reason"], made["ended_at"], made["ended_by"]) == ("Stock-taking", None, None)
        assert api.read(f"rule-overrides/{made['id']}/") == made
        for query, number in ((f"unit={unit.pk}", 1), (f"rule={rule.pk}&active=true", 1), ("active=false", 0)):
            assert len(api.read(f"rule-overrides/?{query}")["results"]) == number, query

    @pytest.mark.parametrize(
        ("changes", "field", "code"),
        [
            ({"reason": ""}, "reason", "blank"),
            ({"expires_at": NOON - 30 * DAY}, "expires_at", "invalid"),
            ({"expires_at": datetime.max.replace(year=2200, tzinfo=NOON.tzinfo)}, "expires_at", "invalid"),
            ({"threshold": None}, "threshold", "not_overridable"),
            ({"threshold": "nan"}, "threshold", "invalid"),
            ({"threshold": 1e300}, "threshold", "max_value"),
            ({"delay_s": -1}, "delay_s", "min_value"),
        ],
    )
    def test_what_is_missing_or_endless_is_refused(
        self, api: Api, unit: Unit, changes: dict[str, Any], field: str, code: str
    ) -> None:
        rule = a_rule(unit)
        problem = api.write("rule-overrides/", body(rule, unit, **{"threshold": 4.0, **changes}), status=400)
        assert [(error["field"], error["code"]) for error in problem["errors"]] == [(field, code)]

    def test_it_lasts_90_days_at_most(self, api: Api, unit: Unit) -> None:
        rule, now = a_rule(unit), timezone.now()
        longer = body(rule, unit, threshold=4.0, expires_at=now + 91 * DAY)
        assert "90 days" in api.write("rule-overrides/", longer, status=400)["detail"]
        api.write("rule-overrides/", {**longer, "expires_at": now + 89 * DAY})

    def test_one_at_a_time(self, api: Api, unit: Unit) -> None:
        wanted = body(a_rule(unit), unit, threshold=4.0)
        first = api.write("rule-overrides/", wanted)
        assert api.write("rule-overrides/", wanted, status=409)["code"] == "already_overridden"
        api.write(f"rule-overrides/{first['id']}/", status=204, method="delete")
        api.write("rule-overrides/", wanted)

    def test_one_that_has_expired_doesnt_wait_for_the_sweep(self, api: Api, unit: Unit) -> None:
        rule = a_rule(unit)
        over = OverrideFactory(
            rule=rule, unit=unit, created_at=NOON - 2 * DAY, expires_at=timezone.now() - timedelta(seconds=1)
        )
        api.write("rule-overrides/", body(rule, unit, threshold=4.0))
        assert fresh(over).ended_at is not None

    def test_ending_it_keeps_the_row_and_says_who(self, api: Api, unit: Unit) -> None:
        made = api.write("rule-overrides/", body(a_rule(unit), unit, threshold=4.0))
        path = f"rule-overrides/{made['id']}/"
        api.write(path, status=204, method="delete")
        ended = api.read(path)
        assert (ended["ended_by"], ended["ended_at"] is None) == (str(api.member.user_id), False)
        api.write(path, status=204, method="delete")
        assert api.read(path) == ended
        assert [row["id"] for row in api.read("rule-overrides/?active=false")["results"]] == [made["id"]]
        with as_system():
            actions = list(
                Change.objects.filter(entity="rule_override", entity_id=made["id"])
                .order_by("pk")
                .values_list("action", "actor_id")
            )
        assert actions == [("create", api.member.user_id), ("update", api.member.user_id)]


class TestWhatCantBeOverridden:
    def test_a_rule_of_other_units(self, api: Api, unit: Unit) -> None:
        rule = a_rule(unit, unit_kind="chest_freezer")
        problem = api.write("rule-overrides/", body(rule, unit, threshold=4.0), status=400)
        assert (problem["code"], problem["errors"][0]["field"]) == ("not_overridable", "rule")

    def test_a_rule_or_unit_of_another_organization(self, api: Api, unit: Unit) -> None:
        there = UnitFactory()
        api.write("rule-overrides/", body(a_rule(there), unit, threshold=4.0), status=400)
        api.write("rule-overrides/", body(a_rule(unit), there, threshold=4.0), status=400)

    def test_a_hard_ceiling(self, api: Api, unit: Unit) -> None:
        ceiling = a_rule(unit, threshold=10.0, is_ceiling=True)
        assert api.write("rule-overrides/", body(ceiling, unit, threshold=9.0), status=400)["code"] == "not_overridable"

    def test_the_threshold_of_a_rule_that_has_none(self, api: Api, unit: Unit) -> None:
        silence = a_rule(unit, condition="no_data", threshold=None)
        api.write("rule-overrides/", body(silence, unit, threshold=4.0), status=400)
        api.write("rule-overrides/", body(silence, unit, delay_s=7200))

    @pytest.mark.parametrize(
        ("kind", "own", "changed", "legal"),
        [
            # Food: 5 °C for food, and the air leads to it.
            ("walk_in_cooler", ("product_temperature", "above", 5.0), 5.5, "5 °C"),
            ("walk_in_cooler", ("temperature", "above", 3.0), 5.1, "5 °C"),
            ("walk_in_cooler", ("temperature", "above", 3.0), 5.0, None),
            # Far off for long: it may come nearer to the law, never move away from it.
            ("walk_in_cooler", ("temperature", "above", 7.0), 7.1, "5 °C"),
            ("walk_in_cooler", ("temperature", "above", 7.0), 6.0, None),
            # The other side of a cooler has no law.
            ("walk_in_cooler", ("temperature", "below", 0.0), -5.0, None),
            ("hot_holding", ("temperature", "below", 60.0), 56.9, "57 °C"),
            ("hot_holding", ("temperature", "below", 60.0), 57.0, None),
            ("vaccine_fridge", ("temperature", "below", 2.5), 1.9, "2 to 8 °C"),
            ("vaccine_fridge", ("temperature", "above", 7.5), 8.5, "2 to 8 °C"),
            ("room", ("temperature", "above", 20.0), 40.0, None),
            ("walk_in_cooler", ("humidity", "above", 80.0), 99.0, None),
        ],
    )
    def test_the_law(
        self, api: Api, unit: Unit, kind: str, own: tuple[str, str, float], changed: float, legal: str | None
    ) -> None:
        metric, condition, threshold = own
        place = UnitFactory(area=unit.area, kind=kind)
        rule = a_rule(unit, metric=metric, condition=condition, threshold=threshold)
        wanted = body(rule, place, threshold=changed)
        if legal is None:
            assert api.write("rule-overrides/", wanted)["threshold"] == changed
            return
        problem = api.write("rule-overrides/", wanted, status=400)
        assert (problem["code"], problem["errors"][0]["field"]) == ("beyond_legal_limit", "threshold")
        assert legal in problem["detail"]

    def test_a_delay_beyond_the_four_hours_after_which_food_is_discarded(self, api: Api, unit: Unit) -> None:
        rule = a_rule(unit)
        problem = api.write("rule-overrides/", body(rule, unit, delay_s=4 * 3600 + 1), status=400)
        assert (problem["code"], problem["errors"][0]["field"]) == ("beyond_legal_limit", "delay_s")
        api.write("rule-overrides/", body(rule, unit, delay_s=4 * 3600))

    def test_the_law_is_that_of_the_site(self, api: Api, unit: Unit) -> None:
        rule = a_rule(unit, metric="product_temperature")
        api.write("rule-overrides/", body(rule, unit, threshold=7.5), status=400)
        api.write(f"sites/{unit.site_id}/", {"jurisdiction": "uk"}, status=200, method="patch")
        api.write("rule-overrides/", body(rule, unit, threshold=8.5), status=400)
        api.write("rule-overrides/", body(rule, unit, threshold=7.5))


class TestWho:
    def test_staff_look_and_managers_change(self, api: Api, unit: Unit) -> None:
        wanted = body(a_rule(unit), unit, threshold=4.0)
        staff = Api(api.organization, role=Role.STAFF)
        staff.write("rule-overrides/", wanted, status=403)
        made = Api(api.organization, role=Role.MANAGER).write("rule-overrides/", wanted)
        assert staff.read(f"rule-overrides/{made['id']}/")["id"] == made["id"]
        staff.write(f"rule-overrides/{made['id']}/", status=403, method="delete")

    def test_a_manager_of_some_sites_overrides_a_rule_of_all_sites_for_a_unit_of_theirs(
        self, api: Api, unit: Unit
    ) -> None:
        rule, elsewhere = a_rule(unit), UnitFactory(area__site__organization=api.organization)
        manager = Api(api.organization, role=Role.MANAGER, site_ids=[unit.site_id])
        manager.write("rule-overrides/", body(rule, elsewhere, threshold=4.0), status=400)
        made = manager.write("rule-overrides/", body(rule, unit, threshold=4.0))
        theirs = api.write("rule-overrides/", body(rule, elsewhere, threshold=4.0))
        assert [row["id"] for row in manager.read("rule-overrides/")["results"]] == [made["id"]]
        manager.write(f"rule-overrides/{theirs['id']}/", status=404, method="delete")
        manager.write(f"rule-overrides/{made['id']}/", status=204, method="delete")


class TestItRevertsByItself:
    @pytest.fixture
    def override(self, unit: Unit) -> RuleOverride:
        owner = MembershipFactory(organization=unit.organization, role=Role.MANAGER, user__name="Ann")
        ContactMethodFactory(user=owner.user)
        rule = a_rule(unit, name="Too warm")
        made: RuleOverride = OverrideFactory(rule=rule, unit=unit, threshold=3.0, delay_s=600, owner=owner.user)
        return made

    def run(self, at: datetime) -> int:
        with as_system():
            return overrides.end_expired(at=at)

    def messages(self, override: RuleOverride) -> list[Notification]:
        with as_system():
            return list(Notification.objects.filter(about=f"rule_override:{override.pk}").order_by("to"))

    def test_at_its_end_and_not_before(self, override: RuleOverride) -> None:
        assert self.run(override.expires_at - timedelta(seconds=1)) == 0
        assert fresh(override).ended_at is None
        assert self.run(override.expires_at) == 1
        row = fresh(override)
        assert (row.ended_at, row.ended_by) == (override.expires_at, None)
        assert self.run(override.expires_at + DAY) == 0

    def test_the_owner_is_told_what_holds_again(self, override: RuleOverride) -> None:
        self.run(override.expires_at)
        (message,) = self.messages(override)
        assert (message.to, message.event) == (override.owner.email, "rule.override_ended")
        assert message.subject == f"Exception over: “Too warm”, {override.unit.name}, {override.unit.site.name}"
        for words in (
            "From now on: above 5.0 °C for 30 min",
            "Until now: above 3.0 °C for 10 min",
            "Since: Fri 20 Nov 2026, 07:00 (America/New_York)",
            "Made by: Ann",
            "Reason: The new compressor comes on Friday.",
            f"/units/{override.unit_id}",
        ):
            assert words in message.text, words
        assert "above 5.0 °C for 30 min" in message.html

    def test_without_its_owner_those_are_told_who_may_change_rules(self, override: RuleOverride) -> None:
        boss = MembershipFactory(organization=override.organization, role=Role.ADMIN)
        ContactMethodFactory(user=boss.user)
        with as_system():
            override.owner.memberships.update(ended_at=NOON)
        self.run(override.expires_at)
        assert [message.to for message in self.messages(override)] == [boss.user.email]

    def test_of_a_unit_that_is_gone_nobody_is_told(self, override: RuleOverride) -> None:
        with as_system():
            Unit.objects.filter(pk=override.unit_id).update(deleted_at=NOON)
        assert self.run(override.expires_at) == 1
        assert self.messages(override) == []
