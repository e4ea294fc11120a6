"""Why did an alert open, or why didn't it: each sentence, and what is stored behind it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts.models import Alert, AlertRule, Mute, RuleOverride
from organizations.models import User
from sensors.models import Gateway, Sensor, Unit
from tests.alerts.test_backtest import measured
from tests.factories import (
    AlertFactory,
    GatewayFactory,
    MembershipFactory,
    OrganizationFactory,
    RuleFactory,
    SensorFactory,
    UnitFactory,
    as_system,
    token_of,
)
from tests.sensors.test_api import Api

pytestmark = pytest.mark.django_db

# A Friday. The site's clock is an hour ahead of UTC.
TEN = datetime.fromisoformat("2026-11-13T10:00:00+00:00")
LONG_AGO = TEN - timedelta(days=300)


@pytest.fixture
def api() -> Api:
    return Api(OrganizationFactory())


@pytest.fixture
def unit(api: Api) -> Unit:
    return UnitFactory(
        area__site__organization=api.organization, area__site__timezone="Europe/Berlin", default_rules=False
    )


@pytest.fixture
def sensor(unit: Unit) -> Sensor:
    return SensorFactory(unit=unit, serial="S-1", claimed_at=LONG_AGO)


@pytest.fixture
def rule(unit: Unit) -> AlertRule:
    """Above 5 °C for 30 minutes; clears at 4 °C."""
    return RuleFactory(organization=unit.organization, changed_at=LONG_AGO)


def cold(sensor: Sensor, *, hours: float = 8) -> None:
    """Hours of 3 °C until 9:55, so that nothing is remembered of what was before."""
    count = round(hours * 12)
    measured(sensor, [3.0] * count, start=TEN - count * timedelta(minutes=5))


def why(api: Api, unit: Unit, *, minutes: float = 0, **query: Any) -> list[dict[str, Any]]:
    """So many minutes after ten (eleven at the site)."""
    at = (TEN + timedelta(minutes=minutes)).isoformat()
    results: list[dict[str, Any]] = api.read(f"units/{unit.pk}/why/", at=at, **query)["results"]
    return results


def words(api: Api, unit: Unit, *, minutes: float = 0, **query: Any) -> list[str]:
    [one] = why(api, unit, minutes=minutes, **query)
    found: list[str] = one["words"]
    return found


def change(row: Any, **fields: Any) -> None:
    with as_system():
        type(row)._default_manager.filter(pk=row.pk).update(**fields)


def person(unit: Unit) -> User:
    member = MembershipFactory(organization=unit.organization, user__name="Ada Cook")
    return member.user  # type: ignore[no-any-return]


class TestWhyNot:
    def test_nothing_was_in_breach(self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule) -> None:
        cold(sensor)
        [one] = why(api, unit)
        assert one == {
            "rule": str(rule.pk),
            "rule_name": "Too warm",
            "severity": "warning",
            "in_force": True,
            "reason": "In force: the most specific rule, made for the whole organization.",
            "signal": "temperature",
            "value": 3.0,
            "limit": 5.0,
            "in_breach_since": None,
            "counted_s": None,
            "delay_s": 1800.0,
            "frozen_s": None,
            "open_alert": None,
            "muted_by": None,
            "words": [
                "At 10:55 the air temperature was 3.0 °C, within the limit of 5.0 °C.",
                "Nothing was in breach, so no alert opened.",
            ],
        }

    def test_the_delay_was_not_over(self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule) -> None:
        cold(sensor)
        measured(sensor, [6.0, 6.5, 6.25, 7.0, 6.0, 6.01], start=TEN)
        [one] = why(api, unit, minutes=26)
        assert one["words"] == [
            "At 11:25 the air temperature was 6.01 °C, above the limit of 5.0 °C.",
            "It has been above the limit since 11:00. 25 min of the delay of 30 min have counted; 5 min are missing.",
        ]
        assert (one["in_breach_since"], one["counted_s"], one["frozen_s"]) == ("2026-11-13T10:00:00Z", 1500.0, 0.0)

    def test_pauses_do_not_count(self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule) -> None:
        cold(sensor)
        measured(sensor, [6.0, 6.0, None, None, None, None, None, 6.0, 6.0], start=TEN)
        [one] = why(api, unit, minutes=41)
        assert one["words"][1:] == [
            "It has been above the limit since 11:00. 10 min of the delay of 30 min have counted; 20 min are missing.",
            "The 30 min from 11:05 to 11:35 don't count: nothing was measured.",
        ]
        assert (one["counted_s"], one["frozen_s"]) == (600.0, 1800.0)

    def test_many_pauses_are_told_as_one(self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule) -> None:
        cold(sensor)
        measured(sensor, [6.0] * 7, start=TEN, every_s=1200)
        assert words(api, unit, minutes=121)[2:] == [
            "The 20 min from 11:00 to 11:20 don't count: nothing was measured.",
            "The 20 min from 11:20 to 11:40 don't count: nothing was measured.",
            "The 20 min from 11:40 to 12:00 don't count: nothing was measured.",
            "Nor do 3 other pauses, 60 min in all.",
        ]

    def test_the_site_was_closed(self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule) -> None:
        change(rule, schedule="opening_hours")
        change(unit.site, opening_hours={"fri": [["09:00", "11:10"]], "sat": [["09:00", "12:00"]]})
        cold(sensor)
        measured(sensor, [6.0] * 6, start=TEN)
        assert words(api, unit, minutes=26)[1:] == [
            "It has been above the limit since 11:00. 5 min of the delay of 30 min have counted; 25 min are missing.",
            "The 20 min from 11:05 to 11:25 don't count: the site was closed.",
            "The site was closed, and this rule watches in its opening hours only. It opens Sat 14 Nov, 09:00.",
        ]

    def test_somebody_resolved_it_by_hand(self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule) -> None:
        cold(sensor)
        measured(sensor, [6.0] * 24, start=TEN)
        AlertFactory(
            unit=unit,
            rule=rule,
            sensor=sensor,
            started_at=TEN,
            opened_at=TEN + timedelta(minutes=30),
            status="resolved",
            resolved_at=TEN + timedelta(minutes=42),
            resolved_by=person(unit),
        )
        assert words(api, unit, minutes=116)[1:] == [
            "Ada Cook resolved it by hand at 11:42 while it was still in breach. It opens again only after it has"
            " cleared: 4.0 °C or less."
        ]

    def test_a_more_specific_rule_replaces_it(self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule) -> None:
        RuleFactory(organization=unit.organization, unit=unit, name="Its own", threshold=8.0, changed_at=LONG_AGO)
        cold(sensor)
        general, own = sorted(why(api, unit), key=lambda one: one["rule_name"], reverse=True)
        assert general["words"] == ["Not in force: replaced by a rule made for this unit."]
        assert (general["in_force"], own["in_force"], own["limit"]) == (False, True, 8.0)

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"enabled": False}, "Not in force: the rule is switched off."),
            ({"deleted_at": TEN - timedelta(days=1)}, "Not in force: the rule was deleted."),
            ({"unit_kind": "blast_chiller"}, "Not in force: the rule is made for other units."),
            ({"is_default": True}, "Not in force: this unit does without the default rules of its kind."),
        ],
    )
    def test_a_rule_that_does_not_watch_says_why(
        self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule, fields: dict[str, Any], reason: str
    ) -> None:
        change(rule, **fields)
        cold(sensor)
        [one] = why(api, unit, rule=str(rule.pk))
        assert (one["in_force"], one["reason"], one["words"]) == (False, reason, [reason])

    def test_an_override_is_in_force(self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule) -> None:
        with as_system():
            RuleOverride.objects.create(
                organization=unit.organization,
                rule=rule,
                unit=unit,
                threshold=7.0,
                delay_s=3600,
                reason="The gasket is on order.",
                owner=person(unit),
                created_at=TEN - timedelta(days=2),
                expires_at=TEN + timedelta(days=2),
            )
        cold(sensor)
        measured(sensor, [6.0], start=TEN)
        [one] = why(api, unit, minutes=1)
        assert one["words"] == [
            "An override sets the limit to 7.0 °C and the delay to 60 min until Sun 15 Nov, 11:00:"
            " The gasket is on order. (Ada Cook)",
            "At 11:00 the air temperature was 6.0 °C, within the limit of 7.0 °C.",
            "Nothing was in breach, so no alert opened.",
        ]
        assert (one["limit"], one["delay_s"]) == (7.0, 3600.0)

    def test_the_rule_said_something_else_then(self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule) -> None:
        change(rule, changed_at=TEN + timedelta(hours=2))
        cold(sensor)
        assert words(api, unit)[0] == "The rule was changed later, 13:00; what it said before isn't known."

    def test_by_what_is_stored_now_there_would_be_one(
        self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule
    ) -> None:
        cold(sensor)
        measured(sensor, [6.0] * 12, start=TEN)
        assert words(api, unit, minutes=56)[1] == (
            "By what is stored now it was in breach since 11:00, and an alert would be open. There was none: the"
            " readings came later, or the rule said something else then."
        )

    def test_nothing_was_measured(self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule) -> None:
        assert words(api, unit) == ["The air temperature wasn't measured in the 35 days before 11:00."]

    def test_there_is_no_sensor(self, api: Api, unit: Unit, rule: AlertRule) -> None:
        assert words(api, unit) == ["No sensor is in this unit."]

    def test_a_probe_fell_silent(self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule) -> None:
        cold(sensor)
        assert words(api, unit, minutes=60) == [
            "At 10:55 the air temperature was 3.0 °C, within the limit of 5.0 °C. Nothing came in the 65 min after"
            " that, and nothing was counted.",
            "Probe S-1 has been silent since 10:55.",
            "Nothing was in breach, so no alert opened.",
        ]

    def test_a_probe_says_that_it_cannot_measure(self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule) -> None:
        now = timezone.now()
        measured(sensor, [3.0], start=now - timedelta(minutes=4))
        change(sensor, status="fault")
        [one] = api.read(f"units/{unit.pk}/why/")["results"]
        assert "Probe S-1 says that it can't measure: what it sends isn't judged." in one["words"]

    def test_the_worst_of_several_probes_is_named(self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule) -> None:
        cold(sensor)
        measured(SensorFactory(unit=unit, serial="S-2", name="Door side", claimed_at=LONG_AGO), [4.5], start=TEN)
        assert words(api, unit, minutes=1)[0] == (
            "At 11:00 the air temperature was 4.5 °C (Door side), within the limit of 5.0 °C."
        )


class TestWhy:
    @pytest.fixture
    def alert(self, unit: Unit, sensor: Sensor, rule: AlertRule) -> Alert:
        cold(sensor)
        measured(sensor, [6.0] * 12 + [4.5] * 3 + [3.0], start=TEN)
        return AlertFactory(unit=unit, rule=rule, sensor=sensor, started_at=TEN, opened_at=TEN + timedelta(minutes=30))

    def test_it_was_open(self, api: Api, unit: Unit, alert: Alert) -> None:
        [one] = why(api, unit, minutes=56)
        assert one["words"] == [
            "An alert was open, since 11:30; it began at 11:00.",
            "At 11:55 the air temperature was 6.0 °C, above the limit of 5.0 °C.",
        ]
        assert (one["open_alert"], one["counted_s"]) == (str(alert.pk), 1800.0)
        assert one["in_breach_since"] == "2026-11-13T10:00:00Z"

    def test_it_waits_until_it_has_cleared(self, api: Api, unit: Unit, rule: AlertRule, alert: Alert) -> None:
        assert words(api, unit, minutes=71)[1] == (
            "It is back inside the limit and resolves when it has cleared: 4.0 °C or less."
        )
        change(rule, clear_delay_s=600)
        assert words(api, unit, minutes=76)[1] == (
            "It is back inside the limit and resolves when it has cleared: 4.0 °C or less, held for 10 min,"
            " 0 s have counted."
        )

    def test_it_was_found_late(self, api: Api, unit: Unit, alert: Alert) -> None:
        change(alert, found_at=TEN + timedelta(hours=5))
        assert words(api, unit, minutes=56)[1] == "Nobody could know yet: it was found late, at 16:00."
        change(alert, found_at=TEN + timedelta(minutes=40))
        assert words(api, unit, minutes=56)[1] == ("It was found late, at 11:40: the readings came after their time.")

    def test_it_is_contradicted(self, api: Api, unit: Unit, alert: Alert) -> None:
        change(alert, contradicted_at=TEN + timedelta(hours=5))
        assert words(api, unit, minutes=56)[1] == ("Readings that came later, 16:00, show that it never was. It stays.")

    def test_a_mute_kept_it_quiet(self, api: Api, unit: Unit, alert: Alert) -> None:
        with as_system():
            mute = Mute.objects.create(
                organization=unit.organization,
                site=unit.site,
                reason="Stocktaking",
                starts_at=TEN,
                ends_at=TEN + timedelta(hours=2),
            )
        [one] = why(api, unit, minutes=56)
        assert one["words"][-1] == "Messages were muted until 13:00 (Stocktaking); alerts open all the same."
        assert one["muted_by"] == str(mute.pk)
        assert why(api, unit, minutes=121)[0]["muted_by"] is None

    def test_a_critical_one_keeps_its_messages_back(self, api: Api, unit: Unit, alert: Alert) -> None:
        AlertFactory(unit=unit, critical=True, started_at=TEN, opened_at=TEN + timedelta(minutes=31))
        assert "An open critical alert of the same kind keeps its messages back." in words(
            api, unit, minutes=56, rule=str(alert.rule_id)
        )

    def test_it_is_a_part_of_another(self, api: Api, unit: Unit, alert: Alert) -> None:
        first = AlertFactory(unit=unit, started_at=TEN, opened_at=TEN, status="resolved", resolved_at=TEN)
        change(alert, parent=first)
        assert words(api, unit, minutes=56, rule=str(alert.rule_id))[1] == (
            "It is a part of another alert, which people were told of instead."
        )

    def test_it_is_snoozed(self, api: Api, unit: Unit, alert: Alert) -> None:
        now = timezone.now()
        change(alert, snoozed_until=now + timedelta(hours=30))
        [one] = api.read(f"units/{unit.pk}/why/")["results"]
        assert "It is snoozed until" in one["words"][1]


class TestSilenceFaultsAndDoors:
    def test_when_a_silence_is_too_long(self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule) -> None:
        change(rule, condition="no_data", threshold=None)
        cold(sensor)
        assert words(api, unit, minutes=20) == ["Probe S-1 was heard last at 10:55; it would be too long at 11:25."]
        [one] = why(api, unit, minutes=60)
        assert one["words"] == ["Probe S-1 was heard last at 10:55, 65 min before: that is too long since 11:25."]
        assert (one["in_breach_since"], one["limit"]) == ("2026-11-13T09:55:00Z", None)

    def test_who_never_said_anything_is_not_waited_for(
        self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule
    ) -> None:
        change(rule, condition="no_data", threshold=None)
        assert words(api, unit) == ["Probe S-1 has never been heard, so it isn't waited for."]

    def test_a_gateway(self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule) -> None:
        change(rule, metric="gateway", condition="no_data", threshold=None)
        gateway: Gateway = GatewayFactory(site=unit.site, name="Kitchen", last_seen_at=TEN - timedelta(minutes=5))
        assert words(api, unit, minutes=60) == [
            "Gateway Kitchen was heard last at 10:55, 65 min before: that is too long since 11:25."
        ]
        change(gateway, last_seen_at=TEN + timedelta(hours=2))
        assert words(api, unit, minutes=60) == [
            "Gateway Kitchen has been heard since; when it was heard before isn't kept."
        ]

    def test_faults(self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule) -> None:
        change(rule, condition="fault", threshold=None)
        [one] = api.read(f"units/{unit.pk}/why/")["results"]
        assert one["words"] == ["No probe of this unit said that it can't measure."]
        change(sensor, status="fault")
        [one] = api.read(f"units/{unit.pk}/why/")["results"]
        assert one["words"] == ["Probe S-1 says that it can't measure."]

    def test_an_open_door(self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule) -> None:
        change(rule, condition="door_open_for", threshold=None)
        cold(sensor)
        measured(sensor, [3.0] * 4, start=TEN, door=[0, 1, 1, 1])
        assert words(api, unit, minutes=16) == [
            "At 11:15 the door was open.",
            "It has been open since 11:05. 10 min of the delay of 30 min have counted; 20 min are missing.",
        ]

    def test_the_product(self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule) -> None:
        change(rule, metric="product_temperature")
        change(unit, product_tau_s=2700)
        cold(sensor, hours=30)
        measured(sensor, [8.0] * 3, start=TEN)
        [one] = why(api, unit, minutes=11)
        assert 4.2 < one["value"] < 4.5
        assert one["words"][0].startswith("At 11:10 the estimated product temperature was 4.")


class TestAsking:
    def test_a_wrong_question_is_refused(self, api: Api, unit: Unit) -> None:
        for query, field in (
            ({"at": "soon"}, "at"),
            ({"at": "2199-01-01T00:00:00Z"}, "at"),
            ({"rule": "Too warm"}, "rule"),
            ({"rule": str(RuleFactory().pk)}, "rule"),
        ):
            problem = api.read(f"units/{unit.pk}/why/", status=400, **query)
            assert problem["errors"][0]["field"] == field
        api.read(f"units/{UnitFactory().pk}/why/", status=404)

    def test_the_plan_hides_what_is_older(self, api: Api, unit: Unit) -> None:
        change(api.organization, history_days=3)
        assert api.read(f"units/{unit.pk}/why/", status=400, at=TEN.isoformat())["errors"][0]["field"] == "at"

    def test_everybody_who_sees_the_unit_may_ask(self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule) -> None:
        member = MembershipFactory(organization=api.organization, role="viewer", site_ids=[unit.site_id])
        api.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(member.user)}")
        assert len(why(api, unit)) == 1
        elsewhere = UnitFactory(area__site__organization=api.organization)
        api.read(f"units/{elsewhere.pk}/why/", status=404)

    def test_ten_rules_cost_as_many_statements_as_one(
        self, api: Api, unit: Unit, sensor: Sensor, rule: AlertRule
    ) -> None:
        def statements() -> int:
            with CaptureQueriesContext(connection) as captured:
                why(api, unit)
            return len(captured)

        cold(sensor)
        statements()  # the token's first use is noted
        few = statements()
        for number in range(9):
            RuleFactory(organization=unit.organization, unit=unit, threshold=number, changed_at=LONG_AGO)
        assert statements() == few
