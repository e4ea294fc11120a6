"""Rules and alerts over HTTP: what a person can do about an excursion."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from alerts import lifecycle
from alerts.evaluation import State
from alerts.models import Alert, RuleState
from alerts.states import decode, encode
from tests.factories import NOON, AlertFactory, OrganizationFactory, UnitFactory, as_system, fresh
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
        api.write("alert-rules/", {**body, "scope": {"unit": str(UnitFactory().pk)}}, status=400)

    def test_two_scopes_at_once_are_refused(self, api: Api) -> None:
        unit = UnitFactory(area__site__organization=api.organization)
        body = {"metric": "temperature", "condition": "above", "threshold": 5, "severity": "critical"}
        scope = {"unit": str(unit.pk), "site": str(unit.site_id)}
        api.write("alert-rules/", {**body, "scope": scope}, status=400)

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

    def test_somebody_elses_alert_does_not_exist(self, api: Api) -> None:
        theirs = AlertFactory()
        assert api.read(f"alerts/{theirs.pk}/", status=404)["code"] == "not_found"
        api.write(f"alerts/{theirs.pk}/acknowledge/", status=404)
        api.read("alerts/not-a-uuid/", status=404)


def test_the_table_of_moves_lets_nothing_leave_resolved() -> None:
    alert = AlertFactory(resolved=True)
    with as_system(), pytest.raises(lifecycle.IllegalTransition):
        lifecycle.resolve(alert=alert, by=None, at=NOON)  # type: ignore[arg-type]
