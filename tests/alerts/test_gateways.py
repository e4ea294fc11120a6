"""Gateways that fall silent: one alert for all behind them, and nobody hidden by a living one."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts import lifecycle, mutes
from alerts.models import Alert, AlertRule, Channel
from alerts.silence import gateways
from notifications.models import Notification
from organizations.models import Organization
from sensors.gateways import sensors_behind
from sensors.models import Gateway, Sensor
from tests.alerts.sweeps import (
    alerts,
    at,
    gateway_of,
    hear,
    manager_of,
    only,
    rule_of_gateways,
    rule_of_silence,
    sensor_heard,
    subjects,
    sweep,
    timeline,
)
from tests.factories import (
    NOON,
    AreaFactory,
    GatewayFactory,
    OrganizationFactory,
    RuleFactory,
    SensorFactory,
    SiteFactory,
    UnitFactory,
    UserFactory,
    as_system,
    fresh,
)
from tests.ingest.test_pipeline import post, reading
from tests.sensors.test_api import Api

pytestmark = pytest.mark.django_db


class Kitchen:
    """A gateway and three sensors behind it, all heard at noon; rules of ten minutes for both; a manager."""

    def __init__(self, *, sensors: int = 3, gateway_delay: float = 10, sensor_delay: float = 10) -> None:
        area = AreaFactory()
        self.organization: Organization = area.organization
        self.sensors = [
            sensor_heard(0, serial=f"K{number}", unit=UnitFactory(area=area, name=f"Fridge {number}"))
            for number in range(sensors)
        ]
        self.gateway = gateway_of(self.sensors[0], name="Kitchen")
        rule_of_silence(self.organization, delay=sensor_delay)
        rule_of_gateways(self.organization, delay=gateway_delay)
        manager_of(self.organization)

    def speak(self, minute: float, *numbers: int) -> None:
        """These sensors (or all) send a reading."""
        for number in numbers or range(len(self.sensors)):
            post(self.organization, reading(minute, 3.0, sensor=f"K{number}"), at=at(minute))


def parent() -> Alert:
    return only(unit=None)


def children() -> list[Alert]:
    return alerts(unit__isnull=False)


class TestOneAlertForAll:
    def test_a_silent_gateway_is_told_once_and_names_the_units_behind_it(self) -> None:
        kitchen = Kitchen()
        assert sweep(10) == 4
        alert = parent()
        assert (alert.kind, alert.severity, alert.condition) == ("no_data", "critical", "no_data")
        assert (alert.started_at, alert.opened_at, alert.found_at) == (NOON, at(10), None)
        assert (alert.gateway_id, alert.site_id) == (kitchen.gateway.pk, kitchen.gateway.site_id)
        assert (alert.sensor_id, alert.value, alert.threshold) == (None, None, None)
        assert alert.cause_key == f"gateway:{kitchen.gateway.pk}:rule:{alert.rule_id}"
        assert [child.parent_id for child in children()] == [alert.pk] * 3
        assert all(child.opened_at == at(10) for child in children())
        (subject,) = subjects()
        assert "Kitchen" in subject

    def test_the_message_names_units_of_sensors_that_are_assigned_and_of_those_of_its_site(self) -> None:
        kitchen = Kitchen()
        sweep(10)
        (message,) = texts()
        assert all(f"Fridge {number}" in message for number in range(len(kitchen.sensors)))

    def test_sensors_that_fall_due_later_join_it(self) -> None:
        Kitchen(sensor_delay=30)
        sweep(10)
        assert children() == []
        sweep(30)
        assert [child.parent_id for child in children()] == [parent().pk] * 3
        assert len(subjects()) == 1

    def test_a_silence_that_was_told_before_joins_it(self) -> None:
        kitchen = Kitchen(sensors=2, sensor_delay=5)
        hear(kitchen.sensors[1], 4)
        sweep(5)  # the second spoke a minute ago: the first is told
        assert [child.sensor_id for child in children()] == [kitchen.sensors[0].pk]
        sweep(14)
        assert {child.parent_id for child in children()} == {parent().pk}
        assert len(subjects()) == 2

    def test_one_sensor_behind_it_is_enough(self) -> None:
        Kitchen(sensors=1)
        sweep(10)
        assert (parent().status, children()[0].parent_id) == ("open", parent().pk)
        assert len(subjects()) == 1

    def test_its_own_sign_of_life_counts(self) -> None:
        kitchen = Kitchen()
        with as_system():
            Gateway.objects.filter(pk=kitchen.gateway.pk).update(last_seen_at=at(5))
        sweep(10)
        assert alerts(unit=None) == []
        assert [child.parent_id for child in children()] == [None] * 3, "alive, it hides nobody"
        sweep(15)
        assert parent().started_at == at(5)

    def test_who_never_brought_anything_is_not_waited_for(self) -> None:
        kitchen = Kitchen()
        with as_system():
            Sensor.objects.update(last_reading_at=None, last_received_at=None)
        assert sweep(60) == 0
        assert kitchen.gateway.last_seen_at is None

    def test_an_import_is_no_sign_of_life_to_be_missed(self) -> None:
        Kitchen()
        with as_system():
            Sensor.objects.update(last_received_at=at(24 * 60 + 1))
        assert sweep(3 * 24 * 60) == 0

    def test_a_removed_gateway_is_not_waited_for(self) -> None:
        kitchen = Kitchen()
        with as_system():
            Gateway.objects.filter(pk=kitchen.gateway.pk).update(deleted_at=NOON)
        sweep(10)
        assert alerts(unit=None) == []
        assert len(subjects()) == 3

    def test_a_rule_of_its_site_replaces_that_of_the_organization(self) -> None:
        kitchen = Kitchen()
        rule_of_gateways(kitchen.organization, delay=20, site=kitchen.gateway.site, name="This site")
        sweep(20)
        assert (parent().rule_name, parent().facts["scope"]) == ("This site", "site")

    def test_a_rule_of_another_site_does_not_watch_it(self) -> None:
        kitchen = Kitchen()
        with as_system():
            AlertRule.objects.filter(metric="gateway").update(site=SiteFactory(organization=kitchen.organization))
        sweep(10)
        assert alerts(unit=None) == []

    def test_a_rule_of_a_unit_watches_the_gateway_that_brings_its_readings(self) -> None:
        kitchen = Kitchen()
        with as_system():
            AlertRule.objects.filter(metric="gateway").update(unit=kitchen.sensors[1].unit)
        sweep(10)
        assert parent().gateway_id == kitchen.gateway.pk

    def test_outside_the_opening_hours_it_is_not_told(self) -> None:
        kitchen = Kitchen()
        with as_system():
            AlertRule.objects.update(schedule="opening_hours")
            type(kitchen.gateway.site).objects.update(opening_hours={"sat": [["08:00", "22:00"]]})
        assert sweep(60) == 0
        sweep(20 * 60)
        assert parent().opened_at == at(20 * 60)


def texts() -> list[str]:
    with as_system():
        return list(Notification.objects.order_by("created_at", "pk").values_list("text", flat=True))


class TestWhoIsBehindIt:
    def test_a_site_with_two_gateways_says_which_sensor_is_behind_which(self) -> None:
        one, other, nobodys = (sensor_heard(0, unit=unit) for unit in _units(3))
        first, second = gateway_of(one), gateway_of(one)
        with as_system():
            Sensor.objects.filter(pk=one.pk).update(gateway=first)
            Sensor.objects.filter(pk=other.pk).update(gateway=second)
            assert list(sensors_behind(first)) == [one]
            assert list(sensors_behind(second)) == [other]
            carriers = gateways.look_up([first.pk, second.pk])
        assert [voice.sensor for voice in carriers[first.pk].voices] == [one.pk]
        assert [voice.sensor for voice in carriers[second.pk].voices] == [other.pk]
        assert nobodys.gateway_id is None

    def test_the_only_gateway_of_a_site_brings_all_that_is_not_assigned(self) -> None:
        one, other = (sensor_heard(0, unit=unit) for unit in _units(2))
        elsewhere = sensor_heard(0, unit=UnitFactory(area__site__organization=one.organization))
        only_one, removed = gateway_of(one), gateway_of(one, deleted_at=NOON)
        with as_system():
            Sensor.objects.filter(pk=other.pk).update(gateway=removed)
            assert set(sensors_behind(only_one)) == {one, other}
            voices = gateways.look_up([only_one.pk, removed.pk])[only_one.pk].voices
        assert {voice.sensor for voice in voices} == {one.pk, other.pk}
        assert elsewhere.pk not in {voice.sensor for voice in voices}

    def test_a_sensor_of_another_site_may_be_behind_it(self) -> None:
        far = sensor_heard(0)
        gateway = GatewayFactory(site=SiteFactory(organization=far.organization))
        with as_system():
            Sensor.objects.filter(pk=far.pk).update(gateway=gateway)
            assert list(sensors_behind(gateway)) == [far]
            assert [voice.sensor for voice in gateways.look_up([gateway.pk])[gateway.pk].voices] == [far.pk]


def _units(count: int) -> list[Any]:
    area = AreaFactory()
    return [UnitFactory(area=area) for _ in range(count)]


class TestALivingGatewayHidesNobody:
    def test_a_dead_sensor_behind_a_living_gateway_is_told(self) -> None:
        kitchen = Kitchen()
        kitchen.speak(9, 1, 2)
        sweep(10)
        (alert,) = alerts()
        assert (alert.sensor_id, alert.parent_id) == (kitchen.sensors[0].pk, None)
        assert len(subjects()) == 1
        assert "Fridge 0" in subjects()[0]

    def test_a_sensor_that_stays_silent_after_its_gateway_is_back_is_told_after_its_own_delay(self) -> None:
        kitchen = Kitchen()
        sweep(10)
        kitchen.speak(30, 1, 2)
        sweep(30)
        assert parent().status == "resolved"
        told = len(subjects())
        dead = only(sensor=kitchen.sensors[0])
        assert (dead.status, dead.tell_at) == ("open", at(40))
        with as_system():
            lifecycle.tell_due(at=at(39), most=50)
        assert len(subjects()) == told
        with as_system():
            lifecycle.tell_due(at=at(40), most=50)
        assert len(subjects()) == told + 1
        assert "Fridge 0" in subjects()[-1]

    def test_children_that_are_heard_again_are_over_without_a_message(self) -> None:
        kitchen = Kitchen()
        sweep(10)
        kitchen.speak(30)
        sweep(30)
        assert {alert.status for alert in alerts()} == {"resolved"}
        assert len(subjects()) == 2, "the gateway is silent, and is heard again"
        with as_system():
            assert lifecycle.tell_due(at=at(600), most=50) == 0

    def test_a_fault_is_never_hidden_whatever_the_gateway_does(self) -> None:
        kitchen = Kitchen()
        RuleFactory(organization=kitchen.organization, condition="fault", threshold=None, delay_s=0)
        sweep(10)
        before = len(subjects())
        post(kitchen.organization, reading(11, -127.0, sensor="K0"), at=at(11))
        (fault,) = alerts(kind="fault")
        assert (fault.status, fault.parent_id) == ("open", None)
        assert len(subjects()) == before + 1

    def test_a_warm_cooler_is_never_hidden(self) -> None:
        kitchen = Kitchen()
        RuleFactory(organization=kitchen.organization, delay_s=0)
        sweep(10)
        before = len(subjects())
        post(kitchen.organization, reading(11, 12.0, sensor="K0"), at=at(11))
        assert only(kind="temperature").parent_id is None
        assert len(subjects()) > before


class TestBack:
    def test_the_reading_with_which_it_is_heard_ends_it(self) -> None:
        kitchen = Kitchen()
        sweep(10)
        kitchen.speak(31, 2)
        kitchen.speak(32, 1)
        sweep(33)
        assert (parent().status, parent().resolved_at) == ("resolved", at(31))
        assert timeline(parent())[-1][:2] == ("resolved", "clock")

    def test_a_backlog_ends_nothing(self) -> None:
        kitchen = Kitchen()
        sweep(10)
        post(kitchen.organization, reading(5, 3.0, sensor="K0"), at=at(40))
        sweep(40)
        assert parent().status == "open"

    def test_the_clear_delay_is_waited_for(self) -> None:
        kitchen = Kitchen()
        with as_system():
            AlertRule.objects.filter(metric="gateway").update(clear_delay_s=300)
        sweep(10)
        kitchen.speak(20)
        sweep(20)
        assert parent().status == "open"
        kitchen.speak(25)
        sweep(25)
        assert (parent().status, parent().resolved_at) == ("resolved", at(25))

    def test_it_falls_silent_again(self) -> None:
        kitchen = Kitchen()
        sweep(10)
        kitchen.speak(20)
        sweep(20)
        sweep(30)
        assert [alert.status for alert in alerts(unit=None)] == ["resolved", "open"]

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda: Gateway.objects.update(deleted_at=NOON), "The gateway was removed."),
            (
                lambda: AlertRule.objects.filter(metric="gateway").update(enabled=False),
                "The rule was switched off or removed.",
            ),
        ],
        ids=["gateway removed", "rule off"],
    )
    def test_without_it_its_sensors_are_told_of_themselves(self, change: Any, words: str) -> None:
        Kitchen()
        sweep(10)
        with as_system():
            change()
        sweep(11)
        assert (parent().status, timeline(parent())[-1][2]) == ("resolved", words)
        assert [child.tell_at for child in children()] == [at(21)] * 3
        before = len(subjects())
        with as_system():
            lifecycle.tell_due(at=at(21), most=50)
        assert len(subjects()) == before + 3

    def test_resolved_by_hand_it_stays_quiet_until_it_was_heard(self) -> None:
        kitchen = Kitchen()
        sweep(10)
        with as_system():
            lifecycle.resolve(
                alert=parent(),
                by=UserFactory(),
                at=at(12),
                channel=Channel.WEB,
                corrective_action="Called the provider",
            )
        assert [sweep(minute) for minute in (13, 60)] == [0, 0]
        kitchen.speak(70)
        sweep(70)
        sweep(80)
        assert [alert.status for alert in alerts(unit=None)] == ["resolved", "open"]

    def test_a_mute_that_ends_while_it_is_silent_does_not_tell_of_each_sensor(self) -> None:
        kitchen = Kitchen()
        with as_system():
            mutes.begin(organization=kitchen.organization, by=UserFactory(), at=NOON, ends_at=at(60))
        sweep(10)
        assert subjects() == []
        with as_system():
            lifecycle.tell_due(at=at(60), most=50)
        assert len(subjects()) == 1
        assert "Kitchen" in subjects()[0]


class TestSensorsThatAreWaitedForLessLong:
    def test_when_all_have_missed_a_reading_the_gateway_is_told_with_the_first_that_is_due(self) -> None:
        kitchen = Kitchen(gateway_delay=60, sensor_delay=15)
        hear(kitchen.sensors[1], 2)
        hear(kitchen.sensors[2], 4)
        sweep(15)
        alert = parent()
        assert (alert.started_at, alert.opened_at, alert.found_at) == (at(4), at(15), None)
        assert "Opened early" in alert.facts["reason"]
        assert [(child.sensor_id, child.parent_id) for child in children()] == [(kitchen.sensors[0].pk, alert.pk)]
        sweep(19)
        assert [child.parent_id for child in children()] == [alert.pk] * 3
        assert len(subjects()) == 1
        assert sweep(61) == 0

    def test_one_that_was_heard_lately_is_a_sign_of_life(self) -> None:
        kitchen = Kitchen(gateway_delay=60, sensor_delay=15)
        hear(kitchen.sensors[1], 12)
        hear(kitchen.sensors[2], 12)
        sweep(15)
        assert [alert.sensor_id for alert in alerts()] == [kitchen.sensors[0].pk]
        assert len(subjects()) == 1

    def test_one_that_reports_once_a_day_says_nothing_either_way(self) -> None:
        kitchen = Kitchen(gateway_delay=60, sensor_delay=15)
        with as_system():
            Sensor.objects.filter(pk=kitchen.sensors[2].pk).update(expected_interval_s=86_400)
        sweep(15)
        assert parent().opened_at == at(15)

    def test_a_single_sensor_is_told_for_itself(self) -> None:
        Kitchen(sensors=1, gateway_delay=60, sensor_delay=15)
        sweep(15)
        assert alerts(unit=None) == []
        assert len(subjects()) == 1

    def test_the_hub_of_a_whole_house_offline_is_one_message(self) -> None:
        kitchen = Kitchen(sensors=12, gateway_delay=60, sensor_delay=20)
        for number, sensor in enumerate(kitchen.sensors):
            hear(sensor, number * 5 / 12)
        for quarter in range(4 * 19, 4 * 70):
            sweep(quarter / 4)
        assert len(children()) == 12
        assert len(subjects()) == 1


class TestCost:
    def test_a_round_asks_as_much_for_thirty_silent_gateways_as_for_one(self) -> None:
        organization = OrganizationFactory()
        rule_of_gateways(organization)

        def round_of(count: int) -> int:
            for _ in range(count):
                sensor = sensor_heard(0, unit=UnitFactory(area__site__organization=organization))
                gateway_of(sensor)
            sweep(10)
            with CaptureQueriesContext(connection) as queries:
                assert sweep(11) == 0
            return len(queries)

        assert round_of(1) == round_of(30)


class TestTheAddress:
    @pytest.fixture
    def api(self) -> Api:
        return Api(OrganizationFactory())

    def test_a_sensor_says_which_gateway_brings_its_readings(self, api: Api) -> None:
        unit = UnitFactory(area__site__organization=api.organization)
        gateway = GatewayFactory(site=unit.site, organization=api.organization)
        made = api.write("sensors/", {"serial": "A1", "unit": str(unit.pk), "gateway": str(gateway.pk)})
        assert made["gateway"] == str(gateway.pk)
        path = f"sensors/{made['id']}/"
        assert api.read(path)["gateway"] == str(gateway.pk)
        assert api.write(path, {"gateway": None}, status=200, method="patch")["gateway"] is None
        assert api.write(path, {"gateway": str(gateway.pk)}, status=200, method="patch")["gateway"] == str(gateway.pk)

    def test_a_gateway_of_another_organization_does_not_exist(self, api: Api) -> None:
        sensor = SensorFactory(unit__area__site__organization=api.organization)
        body = {"gateway": str(GatewayFactory().pk)}
        problem = api.write(f"sensors/{sensor.public_id}/", body, status=400, method="patch")
        assert (problem["errors"][0]["field"], problem["errors"][0]["code"]) == ("gateway", "does_not_exist")

    def test_a_gateway_at_no_site_is_refused(self, api: Api) -> None:
        sensor = SensorFactory(unit__area__site__organization=api.organization)
        gateway = GatewayFactory(site=None, organization=api.organization)
        problem = api.write(f"sensors/{sensor.public_id}/", {"gateway": str(gateway.pk)}, status=400, method="patch")
        assert (problem["errors"][0]["field"], problem["errors"][0]["code"]) == ("gateway", "not_placed")

    def test_a_sensor_that_goes_to_another_site_leaves_its_gateway_behind(self, api: Api) -> None:
        sensor = SensorFactory(unit__area__site__organization=api.organization)
        gateway = gateway_of(sensor)
        path = f"sensors/{sensor.public_id}/"
        api.write(path, {"gateway": str(gateway.pk)}, status=200, method="patch")
        near = UnitFactory(area=sensor.unit.area)
        assert api.write(path, {"unit": str(near.pk)}, status=200, method="patch")["gateway"] == str(gateway.pk)
        far = UnitFactory(area__site__organization=api.organization)
        assert api.write(path, {"unit": str(far.pk)}, status=200, method="patch")["gateway"] is None

    def test_so_does_a_unit_that_goes_there(self, api: Api) -> None:
        sensor = SensorFactory(unit__area__site__organization=api.organization)
        gateway = gateway_of(sensor)
        with as_system():
            Sensor.objects.filter(pk=sensor.pk).update(gateway=gateway)
        area = AreaFactory(site=SiteFactory(organization=api.organization))
        api.write(f"units/{sensor.unit_id}/", {"area": str(area.pk)}, status=200, method="patch")
        moved = fresh(sensor)
        assert (moved.site_id, moved.gateway_id) == (area.site_id, None)
