"""Rules and alerts over HTTP: what a person can do about an excursion."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from alerts import telling
from alerts.evaluation import State
from alerts.models import Alert, RuleState
from alerts.states import decode, encode
from freshtrack.times import rfc3339
from notifications.models import Notification
from organizations.models import Role
from tests.factories import (
    NOON,
    AlertFactory,
    ContactMethodFactory,
    GatewayFactory,
    MembershipFactory,
    OrganizationFactory,
    UnitFactory,
    as_system,
    fresh,
    token_of,
)
from tests.sensors.test_api import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> Api:
    return Api(OrganizationFactory())


@pytest.fixture
def alert(api: Api) -> Alert:
    return AlertFactory(unit__area__site__organization=api.organization)


class TestRules:
    def test_only_metric_condition_and_severity_are_required_with_a_threshold_where_it_is_needed(
        self, api: Api
    ) -> None:
        rule = api.write(
            "alert-rules/", {"metric": "temperature", "condition": "above", "threshold": 5, "severity": "warning"}
        )
        assert {k: rule[k] for k in ("delay_s", "hysteresis", "clear_delay_s", "enabled", "scope", "name")} == {
            "delay_s": 0,
            "hysteresis": 0.0,
            "clear_delay_s": 0,
            "enabled": True,
            "scope": {},
            "name": "",
        }
        problem = api.write(
            "alert-rules/", {"metric": "temperature", "condition": "above", "severity": "warning"}, status=400
        )
        assert problem["errors"][0]["field"] == "threshold"
        api.write("alert-rules/", {"metric": "temperature", "condition": "no_data", "severity": "critical"})

    def test_a_rule_has_one_scope_and_may_change_it(self, api: Api) -> None:
        unit = UnitFactory(area__site__organization=api.organization)
        body = {"metric": "temperature", "condition": "above", "threshold": 5, "severity": "critical"}
        rule = api.write("alert-rules/", {**body, "scope": {"unit": str(unit.pk)}})
        assert rule["scope"] == {"unit": str(unit.pk)}
        path = f"alert-rules/{rule['id']}/"
        changed = api.write(path, {"scope": {"unit_kind": "chest_freezer"}}, status=200, method="patch")
        assert changed["scope"] == {"unit_kind": "chest_freezer"}
        assert api.write(path, {"enabled": False}, status=200, method="patch")["scope"] == changed["scope"]
        assert api.write(path, {"scope": {}}, status=200, method="patch")["scope"] == {}

    @pytest.mark.parametrize(
        "changes",
        [
            {"scope": {"unit_kind": "spaceship"}},
            {"scope": {"planet": "Earth"}},
            {"delay_s": -1},
            {"hysteresis": -0.5},
            {"severity": "terrible"},
            {"threshold": "warm"},
        ],
    )
    def test_a_wrong_rule_is_refused(self, api: Api, changes: dict[str, Any]) -> None:
        body = {"metric": "temperature", "condition": "above", "threshold": 5, "severity": "critical"}
        assert api.write("alert-rules/", {**body, **changes}, status=400)["code"] == "invalid"

    def test_a_place_of_another_organization_is_no_scope(self, api: Api) -> None:
        body = {"metric": "temperature", "condition": "above", "threshold": 5, "severity": "critical"}
        elsewhere = {"unit": str(UnitFactory().pk)}
        assert api.write("alert-rules/", {**body, "scope": elsewhere}, status=400)["code"] == "invalid"
        assert api.read("alert-rules/")["results"] == []

    def test_two_scopes_at_once_are_refused(self, api: Api) -> None:
        unit = UnitFactory(area__site__organization=api.organization)
        body = {"metric": "temperature", "condition": "above", "threshold": 5, "severity": "critical"}
        scope = {"unit": str(unit.pk), "site": str(unit.site_id)}
        assert api.write("alert-rules/", {**body, "scope": scope}, status=400)["code"] == "invalid"
        assert api.read("alert-rules/")["results"] == []

    def test_a_deleted_rule_is_gone_but_its_alerts_still_name_it(self, api: Api, alert: Alert) -> None:
        api.write(f"alert-rules/{alert.rule_id}/", status=204, method="delete")
        assert api.read("alert-rules/")["results"] == []
        assert api.read(f"alerts/{alert.pk}/")["rule"] == str(alert.rule_id)


class TestAlerts:
    def test_an_alert_has_the_fields_of_the_contract(self, api: Api, alert: Alert) -> None:
        shown = api.read(f"alerts/{alert.pk}/")
        assert shown["unit"] == str(alert.unit_id)
        assert shown["unit_name"] == alert.unit.name
        assert (shown["kind"], shown["severity"], shown["status"]) == ("temperature", "warning", "open")
        assert (shown["started_at"], shown["opened_at"]) == ("2026-11-20T12:00:00Z", "2026-11-20T12:30:00Z")
        assert (shown["value"], shown["threshold"], shown["peak"]) == (8.0, 5.0, 9.0)
        assert shown["found_at"] is shown["acknowledged_at"] is shown["resolved_at"] is None
        later = ("gateway", "parent", "assigned_to", "snoozed_until", "contradicted_at", "muted_by")
        assert {name: shown[name] for name in later} == dict.fromkeys(later)
        assert (shown["assigned_to_name"], shown["facts"]) == ("", {})

    def test_the_list_is_newest_first_and_filtered(self, api: Api, alert: Alert) -> None:
        newer = AlertFactory(unit=alert.unit, critical=True, opened_at=NOON + timedelta(hours=2), cause_key="another")
        AlertFactory(unit=alert.unit, resolved=True)
        assert api.read("alerts/")["results"][0]["id"] == str(newer.pk)
        for query, expected in (
            ("status=open", 2),
            ("status=resolved", 1),
            ("status=open&status=resolved", 3),
            ("severity=critical", 1),
            (f"unit={alert.unit_id}", 3),
            (f"site={alert.site_id}&kind=temperature", 3),
            ("kind=humidity", 0),
            ("opened_after=2026-11-20T13:00:00Z", 1),
        ):
            assert len(api.read(f"alerts/?{query}")["results"]) == expected, query

    def test_acknowledging_twice_is_the_same_as_once(self, api: Api, alert: Alert) -> None:
        first = api.write(f"alerts/{alert.pk}/acknowledge/", {"note": "On my way"}, status=200)
        again = api.write(f"alerts/{alert.pk}/acknowledge/", status=200)
        assert first["status"] == again["status"] == "acknowledged"
        assert first["acknowledged_at"] == again["acknowledged_at"]
        assert first["acknowledged_by"] == str(api.member.user_id)
        (event,) = api.read(f"alerts/{alert.pk}/events/")["results"]
        assert (event["event"], event["note"], event["by_name"]) == ("acknowledged", "On my way", api.member.user.name)
        assert event["channel"] == "api"

    def test_after_it_was_resolved_there_is_nothing_to_acknowledge(self, api: Api, alert: Alert) -> None:
        api.write(f"alerts/{alert.pk}/resolve/", status=200)
        problem = api.write(f"alerts/{alert.pk}/acknowledge/", status=409)
        assert (problem["code"], problem["detail"]) == ("illegal_transition", "This alert is already resolved.")

    def test_a_critical_alert_is_resolved_with_a_corrective_action(self, api: Api) -> None:
        alert = AlertFactory(unit__area__site__organization=api.organization, critical=True)
        assert api.write(f"alerts/{alert.pk}/resolve/", status=400)["code"] == "corrective_action_required"
        assert fresh(alert).status == "open"
        done = {
            "corrective_action": "Closed the door",
            "cause": "Delivery",
            "disposition": "discarded",
            "amount": "2 kg",
        }
        resolved = api.write(f"alerts/{alert.pk}/resolve/", done, status=200)
        assert {name: resolved[name] for name in done} == done
        assert resolved["resolved_by"] == str(api.member.user_id)

    def test_resolving_by_hand_while_still_in_breach_holds_the_rule(self, api: Api, alert: Alert) -> None:
        with as_system():
            row = RuleState.objects.create(
                organization=alert.organization,
                cause_key=alert.cause_key,
                rule=alert.rule,
                unit=alert.unit,
                state=encode(State(at=1.0, breached=True, since=0.0, open=True)),
            )
        api.write(f"alerts/{alert.pk}/resolve/", status=200)
        state = decode(fresh(row).state)
        assert (state.open, state.held) == (False, True)
        assert fresh(alert.unit).severity == ""

    def test_the_unit_keeps_the_worst_of_what_remains_open(self, api: Api, alert: Alert) -> None:
        worse = AlertFactory(unit=alert.unit, critical=True, cause_key="worse")
        api.write(f"alerts/{worse.pk}/resolve/", {"corrective_action": "Fixed"}, status=200)
        assert fresh(alert.unit).severity == "warning"

    def test_a_comment_joins_the_timeline_in_any_state(self, api: Api) -> None:
        alert = AlertFactory(unit__area__site__organization=api.organization, resolved=True)
        event = api.write(f"alerts/{alert.pk}/comment/", {"note": "Gasket ordered"})
        assert (event["event"], event["note"]) == ("commented", "Gasket ordered")
        api.write(f"alerts/{alert.pk}/comment/", {"note": ""}, status=400)

    def test_a_session_is_the_web_app(self, api: Api, alert: Alert) -> None:
        browser = APIClient()
        browser.force_login(api.member.user)
        assert browser.post(api.path(f"alerts/{alert.pk}/acknowledge/"), {}, format="json").status_code == 200
        assert api.read(f"alerts/{alert.pk}/events/")["results"][0]["channel"] == "web"

    def test_snoozing_ends_and_says_until_when(self, api: Api, alert: Alert) -> None:
        until = (timezone.now() + timedelta(days=1)).replace(microsecond=0)
        snoozed = api.write(
            f"alerts/{alert.pk}/snooze/", {"until": until.isoformat(), "note": "Parts ordered"}, status=200
        )
        assert snoozed["snoozed_until"] == rfc3339(until)
        assert snoozed["status"] == "open"
        (event,) = api.read(f"alerts/{alert.pk}/events/")["results"]
        assert event["event"] == "snoozed"
        assert event["note"].endswith("(UTC). Parts ordered")

    @pytest.mark.parametrize("days", [-1, 8])
    def test_a_snooze_ends_in_the_future_and_within_a_week(self, api: Api, alert: Alert, days: int) -> None:
        until = timezone.now() + timedelta(days=days)
        problem = api.write(f"alerts/{alert.pk}/snooze/", {"until": until.isoformat()}, status=400)
        assert [error["field"] for error in problem["errors"]] == ["until"]
        api.write(f"alerts/{alert.pk}/snooze/", {}, status=400)
        assert fresh(alert).snoozed_until is None

    def test_after_it_was_resolved_there_is_nothing_to_snooze_or_assign(self, api: Api, alert: Alert) -> None:
        api.write(f"alerts/{alert.pk}/resolve/", status=200)
        until = (timezone.now() + timedelta(hours=1)).isoformat()
        assert api.write(f"alerts/{alert.pk}/snooze/", {"until": until}, status=409)["code"] == "illegal_transition"
        api.write(f"alerts/{alert.pk}/assign/", {"user": str(api.member.user_id)}, status=409)

    def test_an_alert_is_somebodys_and_nobodys_again(self, api: Api, alert: Alert) -> None:
        cook = MembershipFactory(organization=api.organization, role=Role.STAFF, user__name="Carl Cook")
        path = f"alerts/{alert.pk}/assign/"
        theirs = api.write(path, {"user": str(cook.user_id), "note": "Please"}, status=200)
        assert (theirs["assigned_to"], theirs["assigned_to_name"]) == (str(cook.user_id), "Carl Cook")
        assert api.write(path, {"user": None}, status=200)["assigned_to"] is None
        notes = [event["note"] for event in api.read(f"alerts/{alert.pk}/events/")["results"]]
        assert notes == ["To Carl Cook. Please", "To nobody."]
        problem = api.write(path, {"user": str(MembershipFactory().user_id)}, status=400)
        assert [error["field"] for error in problem["errors"]] == ["user"]
        api.write(path, {}, status=400)

    def test_reopening_needs_a_word_and_a_resolved_alert(self, api: Api, alert: Alert) -> None:
        path = f"alerts/{alert.pk}/reopen/"
        assert api.write(path, {"note": "It isn't over"}, status=409)["code"] == "illegal_transition"
        api.write(f"alerts/{alert.pk}/resolve/", {"corrective_action": "Closed the door"}, status=200)
        api.write(path, {}, status=400)
        again = api.write(path, {"note": "It isn't over"}, status=200)
        assert (again["status"], again["resolved_at"], again["resolved_by"]) == ("open", None, None)
        api.write(f"alerts/{alert.pk}/resolve/", status=200)
        AlertFactory(unit=alert.unit, rule=alert.rule)
        assert api.write(path, {"note": "Again"}, status=409)["code"] == "another_is_open"

    @pytest.mark.parametrize("method", ["put", "patch", "delete"])
    def test_nothing_in_a_timeline_is_changed_or_removed(self, api: Api, alert: Alert, method: str) -> None:
        event = api.write(f"alerts/{alert.pk}/comment/", {"note": "The door was open"})
        for path in (f"alerts/{alert.pk}/", f"alerts/{alert.pk}/events/", f"alerts/{alert.pk}/comment/"):
            api.write(path, {"note": "It wasn't"}, status=405, method=method)
        api.write(f"alerts/{alert.pk}/events/{event['id']}/", {"note": "It wasn't"}, status=404, method=method)
        assert [row["note"] for row in api.read(f"alerts/{alert.pk}/events/")["results"]] == ["The door was open"]

    def test_somebody_restricted_to_the_site_resolves_and_those_who_were_told_are_told(
        self, api: Api, alert: Alert
    ) -> None:
        owner = ContactMethodFactory(user=api.member.user)
        with as_system():
            telling.promise_opened(alert=alert, at=NOON)
        cook = MembershipFactory(organization=api.organization, role=Role.STAFF, site_ids=[alert.site_id])
        api.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(cook.user)}")
        api.write(f"alerts/{alert.pk}/resolve/", status=200)
        with as_system():
            (message,) = Notification.objects.filter(event="alert.resolved")
        assert message.to == owner.address

    def test_the_list_asks_as_much_for_many_as_for_one(self, api: Api, alert: Alert) -> None:
        def cost() -> int:
            with CaptureQueriesContext(connection) as queries:
                api.read("alerts/")
            return len(queries)

        cost()  # the first notes that the token was used
        one = cost()
        for number in range(4):
            AlertFactory(unit=alert.unit, cause_key=f"{number}", assigned_to=api.member.user, gateway=GatewayFactory())
        assert cost() == one

    def test_somebody_elses_alert_does_not_exist(self, api: Api) -> None:
        theirs = AlertFactory()
        assert api.read(f"alerts/{theirs.pk}/", status=404)["code"] == "not_found"
        api.write(f"alerts/{theirs.pk}/acknowledge/", status=404)
        api.read("alerts/not-a-uuid/", status=404)
