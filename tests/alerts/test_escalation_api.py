"""Policies as customers make them, and what they would do before it matters."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import lifecycle
from alerts.escalation.plans import MOST_STEPS
from alerts.models import EscalationPolicy
from organizations.models import Membership, Role
from tests.alerts.people import Cooler, cooler, messages, sweep
from tests.api.client import Api
from tests.factories import (
    NOON,
    ContactMethodFactory,
    MembershipFactory,
    MuteFactory,
    OnCallScheduleFactory,
    OrganizationFactory,
    PolicyFactory,
    RestFactory,
    SiteFactory,
    UnitFactory,
    as_system,
    fresh,
)

pytestmark = pytest.mark.django_db

STEPS = [{"wait_s": 0, "targets": [{"role": "manager"}]}]


@pytest.fixture
def place() -> Cooler:
    return cooler()


@pytest.fixture
def api(place: Cooler) -> Api:
    """A manager who asks, and has no address."""
    return Api(place.unit.organization, role=Role.MANAGER)


def body(**fields: Any) -> dict[str, Any]:
    return {"name": "Night", "steps": STEPS, **fields}


def errors(problem: dict[str, Any]) -> set[str]:
    return {one["field"] for one in problem["errors"]}


class TestMaking:
    def test_name_and_steps_are_enough(self, api: Api) -> None:
        made = api.write("escalation-policies/", body())
        assert made == {
            "id": made["id"],
            "name": "Night",
            "scope": {},
            "severity": "",
            "hours": "always",
            "steps": [{"wait_s": 0, "targets": [{"role": "manager"}], "urgent": False}],
            "repeat_s": 1800,
            "enabled": True,
            "is_default": False,
            "created_at": made["created_at"],
        }
        assert api.read(f"escalation-policies/{made['id']}/") == made
        assert [row["id"] for row in api.all("escalation-policies/")] == [made["id"]]

    def test_people_roles_and_schedules_in_any_order(self, api: Api, place: Cooler) -> None:
        schedule = OnCallScheduleFactory(organization=place.unit.organization)
        targets = [{"schedule": str(schedule.pk)}, {"person": str(place.cook.user_id)}, {"role": "viewer"}]
        made = api.write("escalation-policies/", body(steps=[{"targets": targets, "wait_s": 60, "urgent": True}]))
        assert made["steps"] == [{"wait_s": 60, "targets": targets, "urgent": True}]

    @pytest.mark.parametrize("scope", ["site", "unit", "unit_kind"])
    def test_it_may_be_for_one_place(self, api: Api, place: Cooler, scope: str) -> None:
        values = {"site": str(place.site.pk), "unit": str(place.unit.pk), "unit_kind": place.unit.kind}
        made = api.write("escalation-policies/", body(scope={scope: values[scope]}))
        assert made["scope"] == {scope: values[scope]}
        changed = api.write(f"escalation-policies/{made['id']}/", {"scope": {}}, status=200, method="patch")
        assert changed["scope"] == {}

    def test_what_changes_is_only_what_was_sent(self, api: Api, place: Cooler) -> None:
        made = api.write("escalation-policies/", body(scope={"site": str(place.site.pk)}, severity="critical"))
        path = f"escalation-policies/{made['id']}/"
        assert api.write(path, {"repeat_s": 600}, status=200, method="patch") == {**made, "repeat_s": 600}
        assert api.write(path, body(), status=200, method="put")["name"] == "Night"

    def test_a_deleted_one_is_gone_and_alerts_follow_it_still(self, api: Api, place: Cooler) -> None:
        made = api.write("escalation-policies/", body())
        alert = place.opens()
        api.write(f"escalation-policies/{made['id']}/", status=204, method="delete")
        api.read(f"escalation-policies/{made['id']}/", status=404)
        assert api.all("escalation-policies/") == []
        assert fresh(alert).plan["policy"] == made["id"]

    def test_lists_are_filtered_and_cost_the_same_however_long(self, api: Api, place: Cooler) -> None:
        organization = place.unit.organization
        PolicyFactory(organization=organization, site=place.site, severity="warning")
        PolicyFactory(organization=organization, unit=place.unit)
        assert len(api.all("escalation-policies/", site=str(place.site.pk))) == 2
        assert len(api.all("escalation-policies/", severity="warning")) == 1
        costs = []
        for _ in range(2):
            with CaptureQueriesContext(connection) as asked:
                api.read("escalation-policies/")
            costs.append(len(asked))
            for _ in range(20):
                PolicyFactory(organization=organization)
        assert costs[1] <= costs[0]


class TestRefusing:
    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"steps": []}, "steps"),
            ({"steps": [{"targets": []}]}, "steps.0.targets"),
            ({"steps": [{"targets": [{}]}]}, "steps.0.targets.0"),
            ({"steps": [{"targets": [{"role": "manager", "person": str(uuid4())}]}]}, "steps.0.targets.0"),
            ({"steps": [{"targets": [{"rolle": "manager"}]}]}, "steps.0.targets.0"),
            ({"steps": [{"targets": [{"role": "chef"}]}]}, "steps.0.targets.0.role"),
            ({"steps": [{"targets": [{"person": str(uuid4())}]}]}, "steps"),
            ({"steps": [{"targets": [{"schedule": str(uuid4())}]}]}, "steps"),
            ({"steps": [{"targets": [{"role": "owner"}], "wait_s": -1}]}, "steps.0.wait_s"),
            ({"steps": [{"targets": [{"role": "owner"}], "wait_s": 86_401}]}, "steps.0.wait_s"),
            ({"steps": STEPS * (MOST_STEPS + 1)}, "steps"),
            ({"steps": "nobody"}, "steps"),
            ({"repeat_s": 59}, "repeat_s"),
            ({"repeat_s": 0}, "repeat_s"),
            ({"severity": "info"}, "severity"),
            ({"hours": "sometimes"}, "hours"),
            ({"name": ""}, "name"),
            ({"name": "a\nb"}, "name"),
            ({"scope": {"sites": "x"}}, "scope"),
            ({"scope": {"site": str(uuid4())}}, "scope.site"),
        ],
    )
    def test_what_is_wrong_is_named(self, api: Api, wrong: dict[str, Any], field: str) -> None:
        problem = api.write("escalation-policies/", body(**wrong), status=400)
        assert any(found == field or found.startswith(f"{field}.") for found in errors(problem)), problem
        with as_system():
            assert not EscalationPolicy.objects.exists()

    def test_people_and_schedules_of_others_are_unknown(self, api: Api) -> None:
        stranger, theirs = MembershipFactory(), OnCallScheduleFactory()
        for target in ({"person": str(stranger.user_id)}, {"schedule": str(theirs.pk)}):
            problem = api.write("escalation-policies/", body(steps=[{"targets": [target]}]), status=400)
            assert errors(problem) == {"steps"}

    def test_who_left_can_not_be_named_any_more(self, api: Api, place: Cooler) -> None:
        with as_system():
            Membership.objects.filter(pk=place.cook.pk).update(ended_at=NOON)
        target = {"person": str(place.cook.user_id)}
        api.write("escalation-policies/", body(steps=[{"targets": [target]}]), status=400)

    def test_who_is_restricted_to_sites_makes_and_changes_those_of_these(self, place: Cooler) -> None:
        organization = place.unit.organization
        api = Api(organization, role=Role.MANAGER, site_ids=[place.site.pk])
        everywhere = PolicyFactory(organization=organization)
        assert errors(api.write("escalation-policies/", body(), status=400)) == {"scope"}
        made = api.write("escalation-policies/", body(scope={"unit": str(place.unit.pk)}))
        elsewhere = SiteFactory(organization=organization)
        api.write("escalation-policies/", body(scope={"site": str(elsewhere.pk)}), status=400)
        assert {row["id"] for row in api.all("escalation-policies/")} == {made["id"], str(everywhere.pk)}
        api.write(f"escalation-policies/{everywhere.pk}/", {"name": "Mine"}, status=403, method="patch")
        api.write(f"escalation-policies/{made['id']}/", {"name": "Mine"}, status=200, method="patch")


class TestTheDryRun:
    def dry(self, api: Api, status: int = 200, **asked: Any) -> Any:
        return api.write("escalation-policies/dry-run/", asked, status=status)

    def test_who_would_be_told_when_by_which_way(self, api: Api, place: Cooler) -> None:
        steps = [
            {"wait_s": 0, "targets": [{"person": str(place.cook.user_id)}]},
            {"wait_s": 600, "targets": [{"role": "owner"}], "urgent": True},
        ]
        row = PolicyFactory(organization=place.unit.organization, steps=steps, severity="critical")
        said = self.dry(api, unit=str(place.unit.pk), at="2026-11-20T12:00:00Z")
        assert (said["policy"], said["policy_name"], said["state"]) == (str(row.pk), "Night", "running")
        assert said["why"] == "made for the whole organization, for critical alerts"
        assert [
            (one["step"], one["round"], one["at"][11:19], [who["name"] for who in one["people"]])
            for one in said["results"]
        ] == [
            (1, 1, "12:00:00", ["Carl Cook"]),
            (2, 1, "12:10:00", ["Olga Owner"]),
            (1, 2, "12:40:00", ["Carl Cook"]),
        ]
        (cook,) = said["results"][0]["people"]
        assert (cook["told"], cook["why"], cook["channels"][0]["kind"]) == (True, "by name", "email")
        assert "•••" in cook["channels"][0]["to"]
        assert said["warnings"] == []

    def test_quiet_hours_and_duty_are_those_of_each_steps_time(self, api: Api, place: Cooler) -> None:
        RestFactory(user=place.owner.user, quiet_from=time(12, 5), quiet_to=time(14))
        steps = [{"wait_s": 0, "targets": [{"role": "owner"}]}, {"wait_s": 600, "targets": [{"role": "owner"}]}]
        PolicyFactory(organization=place.unit.organization, steps=steps)
        said = self.dry(api, unit=str(place.unit.pk), severity="warning", at="2026-11-20T12:00:00Z")
        due = [step["people"][0]["channels"][0]["at"] for step in said["results"][:2]]
        assert (due[0], due[1] > "2026-11-20T13:00") == ("2026-11-20T12:00:00Z", True)

    def test_a_draft_is_tried_and_not_kept(self, api: Api, place: Cooler) -> None:
        draft = {"steps": [{"targets": [{"person": str(place.cook.user_id)}], "wait_s": 300}], "repeat_s": 900}
        said = self.dry(api, site=str(place.site.pk), at="2026-11-20T12:00:00Z", policy=draft)
        assert (said["policy"], said["results"][0]["at"]) == (None, "2026-11-20T12:05:00Z")
        assert said["warnings"] == ["Only Carl Cook is ever told. If that person sleeps, nobody hears of it."]
        with as_system():
            assert not EscalationPolicy.objects.exists()
        problem = self.dry(api, status=400, policy={"steps": []})
        assert errors(problem) == {"policy.steps"}

    def test_without_a_policy_managers_are_told_again_and_again(self, api: Api, place: Cooler) -> None:
        said = self.dry(api, unit=str(place.unit.pk))
        assert said["policy"] is None
        assert [len(step["people"]) for step in said["results"]] == [2, 2], "the owner, and the manager without address"
        assert said["warnings"][0].startswith("No escalation policy holds here")

    def test_a_step_that_reaches_nobody_is_pointed_out(self, api: Api, place: Cooler) -> None:
        empty = OnCallScheduleFactory(organization=place.unit.organization)
        targets = [{"targets": [{"schedule": str(empty.pk)}]}, {"targets": [{"role": "staff"}], "wait_s": 600}]
        said = self.dry(api, unit=str(place.unit.pk), policy={"steps": targets}, at="2026-11-20T12:00:00Z")
        assert said["warnings"] == ["Step 1 reaches nobody now: it is passed over."]
        assert said["results"][1]["at"] == "2026-11-20T12:00:00Z", "it costs no time"
        said = self.dry(api, unit=str(place.unit.pk), policy={"steps": targets[:1]})
        assert said["warnings"] == ["No step reaches anybody now: managers would be told instead."]

    def test_it_costs_the_same_however_many_steps_and_people(self, api: Api, place: Cooler) -> None:
        costs = []
        for number in (1, 15):
            for _ in range(number):
                ContactMethodFactory(user=MembershipFactory(organization=place.unit.organization).user)
            draft = {"steps": [{"targets": [{"role": "owner"}], "wait_s": 60}] * number}
            with CaptureQueriesContext(connection) as asked:
                self.dry(api, unit=str(place.unit.pk), policy=draft)
            costs.append(len(asked))
        assert costs[1] <= costs[0]

    def test_nobody_is_told_anything(self, api: Api, place: Cooler) -> None:
        PolicyFactory(organization=place.unit.organization)
        self.dry(api, unit=str(place.unit.pk))
        assert messages() == []

    def test_a_unit_or_a_site_not_both_and_none_of_others(self, api: Api, place: Cooler) -> None:
        self.dry(api, status=400, unit=str(place.unit.pk), site=str(place.site.pk))
        self.dry(api, status=400, unit=str(UnitFactory().pk))


class TestTheAlert:
    def test_it_says_how_far_its_policy_was_followed(self, api: Api, place: Cooler) -> None:
        row = PolicyFactory(organization=place.unit.organization)
        alert = place.opens()
        shown = api.read(f"alerts/{alert.pk}/")["escalation"]
        assert shown == {
            "policy": str(row.pk),
            "name": "Night",
            "steps": 2,
            "taken": 1,
            "next_at": "2026-11-20T12:10:00Z",
        }
        place.clears(NOON + timedelta(minutes=5))
        assert api.read(f"alerts/{alert.pk}/")["escalation"]["next_at"] is None

    def test_without_a_policy_it_says_none(self, api: Api, place: Cooler) -> None:
        assert api.read(f"alerts/{place.opens().pk}/")["escalation"] is None

    def test_whom_it_tells_next(self, api: Api, place: Cooler) -> None:
        PolicyFactory(organization=place.unit.organization)
        alert = place.opens()
        said = api.read(f"alerts/{alert.pk}/escalation/")
        assert (said["state"], said["next_at"]) == ("running", "2026-11-20T12:10:00Z")
        assert [(step["step"], step["round"]) for step in said["results"]] == [(2, 1), (1, 2)]
        assert [who["name"] for who in said["results"][0]["people"]] == ["Olga Owner"]
        sweep(NOON + timedelta(minutes=10))
        said = api.read(f"alerts/{alert.pk}/escalation/")
        assert [(step["step"], step["round"]) for step in said["results"]] == [(1, 2), (2, 2), (1, 3)]

    def test_once_answered_when_that_lapses_and_what_follows(self, api: Api, place: Cooler) -> None:
        PolicyFactory(organization=place.unit.organization)
        alert = place.opens()
        with as_system():
            lifecycle.acknowledge(alert=alert, **place.who(NOON + timedelta(minutes=5)))
        said = api.read(f"alerts/{alert.pk}/escalation/")
        assert (said["state"], said["next_at"]) == ("answered", "2026-11-20T16:05:00Z")
        assert said["results"][0]["step"] == 1
        with as_system():
            lifecycle.snooze(alert=alert, until=NOON + timedelta(hours=2), **place.who(NOON + timedelta(minutes=6)))
        assert api.read(f"alerts/{alert.pk}/escalation/")["state"] == "snoozed"

    def test_resolved_nobody(self, api: Api, place: Cooler) -> None:
        PolicyFactory(organization=place.unit.organization)
        alert = place.opens()
        place.clears(NOON + timedelta(minutes=5))
        said = api.read(f"alerts/{alert.pk}/escalation/")
        assert (said["state"], said["results"], said["next_at"]) == ("resolved", [], None)

    def test_muted_and_covered_ones_say_what_they_wait_for(self, api: Api, place: Cooler) -> None:
        now = timezone.now()
        MuteFactory(organization=place.unit.organization, starts_at=now, ends_at=now + timedelta(hours=1))
        alert = place.opens(now)
        assert api.read(f"alerts/{alert.pk}/escalation/")["state"] == "muted"

    def test_no_rights_are_needed_but_to_see_the_alert(self, place: Cooler) -> None:
        alert = place.opens()
        viewer = Api(place.unit.organization, role=Role.VIEWER)
        viewer.read(f"alerts/{alert.pk}/escalation/")
        Api(OrganizationFactory()).read(f"alerts/{alert.pk}/escalation/", status=404)


class TestReach:
    def test_who_would_be_told_follows_the_policy(self, api: Api, place: Cooler) -> None:
        steps = [
            {"wait_s": 0, "targets": [{"person": str(place.cook.user_id)}]},
            {"wait_s": 600, "targets": [{"person": str(place.owner.user_id)}]},
        ]
        row = PolicyFactory(organization=place.unit.organization, steps=steps)
        said = api.read("alerts/reach/", unit=str(place.unit.pk))
        assert (said["policy"], said["policy_name"]) == (str(row.pk), "Night")
        found = {one["name"]: one for one in said["results"]}
        assert found["Carl Cook"]["told"] is True
        assert found["Olga Owner"]["reasons"] == ["Told at step 2 of 2, if nobody has answered by then."]
        assert found[api.member.user.get_full_name()]["reasons"] == ["The escalation policy doesn't name this person."]
        assert said["warnings"] == ["Only Carl Cook would be told at first. Others follow if nobody answers."]
