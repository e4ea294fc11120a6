"""Readings in, rows and alerts out: one transaction, counted exactly."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from alerts import lifecycle
from alerts.models import Alert, AlertEvent, AlertRule, Channel, RuleState
from alerts.profiles import lay_default_rules
from ingest import native, pipeline
from ingest.authentication import Sender
from ingest.pipeline import Delivery, Outcome
from notifications.models import Notification
from organizations import events
from organizations.models import Organization, Role
from sensors.models import Reading, Sensor, SensorStatus
from tests.factories import (
    NOON,
    AlertFactory,
    ContactMethodFactory,
    MembershipFactory,
    OrganizationFactory,
    RuleFactory,
    SensorFactory,
    UnitFactory,
    as_system,
    fresh,
)

pytestmark = pytest.mark.django_db


def reading(minute: float, temperature: float | None, *, sensor: str = "S", **more: Any) -> dict[str, Any]:
    moment = (NOON + timedelta(minutes=minute)).isoformat()
    return {"sensor": sensor, "recorded_at": moment, "temperature": temperature, **more}


def delivery(organization: Organization, readings: list[dict[str, Any]], *, at: datetime) -> Delivery:
    decoded = native.decode(native.msgspec.json.encode({"readings": readings}), at=at)
    return Delivery(Sender(organization.pk, organization.number, True), decoded)


def store(organization: Organization, *readings: dict[str, Any], at: datetime = NOON + timedelta(days=1)) -> Outcome:
    return pipeline.store([delivery(organization, list(readings), at=at)], at=at)[0]


def post(organization: Organization, *readings: dict[str, Any], at: datetime = NOON + timedelta(days=1)) -> Outcome:
    """Store them, and let the worker that is rung for come by."""
    outcome = store(organization, *readings, at=at)
    with as_system():
        lifecycle.tell_due(at=at, most=100)
    return outcome


def counts(outcome: Outcome) -> tuple[int, int, list[tuple[int, str]]]:
    return outcome.accepted, outcome.duplicates, [(r.index, r.code) for r in outcome.rejected]


def stored() -> list[tuple[float | None, float | None]]:
    with as_system():
        return list(Reading.objects.order_by("recorded_at", "sensor_id").values_list("temperature", "humidity"))


@contextmanager
def sent(*kinds: str) -> Iterator[list[str]]:
    """Messages to the server, as libpq sees them: Django doesn't count what goes past its cursors."""
    found: list[str] = []
    with tempfile.TemporaryFile("w+") as trace:
        connection.ensure_connection()
        connection.connection.pgconn.trace(trace.fileno())
        try:
            yield found
        finally:
            connection.connection.pgconn.untrace()
        trace.seek(0)
        messages = [line.split("\t") for line in trace]
        found += [m[3] for m in messages if len(m) > 3 and m[1] == "F" and m[3].rstrip() in kinds]


class TestStoring:
    def test_a_repeat_is_a_duplicate_and_a_contradiction_a_conflict(self) -> None:
        organization = OrganizationFactory()
        assert counts(post(organization, reading(0, 3.4), reading(5, 3.5))) == (2, 0, [])
        again = post(organization, reading(0, 3.4), reading(5, 9.9), reading(10, 3.6))
        assert counts(again) == (1, 1, [(1, "conflict")])
        assert stored() == [(3.4, None), (3.5, None), (3.6, None)]

    def test_what_another_writer_stored_meanwhile_is_found_and_counted_exactly(self) -> None:
        organization = OrganizationFactory()
        post(organization, reading(0, 4.0), reading(0, 4.0, sensor="T"))
        at = NOON + timedelta(days=1)
        with as_system():  # it remembers nothing, and this writer knows nothing of it
            pipeline.store_within([delivery(organization, [reading(5, 4.5), reading(6, 4.6)], at=at)], at=at)
        again = post(organization, reading(5, 4.5), reading(6, 9.9), reading(7, 4.7), reading(5, 4.0, sensor="T"))
        assert counts(again) == (2, 1, [(1, "conflict")])
        assert [temperature for temperature, _ in stored()] == [4.0, 4.0, 4.5, 4.0, 4.6, 4.7]

    def test_what_is_new_by_all_that_is_known_takes_one_round(self) -> None:
        organization = OrganizationFactory()
        post(organization, reading(0, 4.0))
        with sent("Sync") as rounds:
            post(organization, reading(1, 4.0))
        assert len(rounds) == 1
        with sent("Sync") as rounds:
            post(organization, reading(1, 4.0))
        assert len(rounds) == 2

    def test_values_count_as_equal_after_rounding_to_a_hundredth(self) -> None:
        organization = OrganizationFactory()
        post(organization, reading(0, 3.401))
        assert counts(post(organization, reading(0, 3.404))) == (0, 1, [])
        assert counts(post(organization, reading(0, 3.41))) == (0, 0, [(0, "conflict")])

    def test_missing_equals_missing_only(self) -> None:
        organization = OrganizationFactory()
        post(organization, reading(0, 3.4))
        assert counts(post(organization, reading(0, 3.4, humidity=50))) == (0, 0, [(0, "conflict")])

    def test_battery_and_signal_are_not_compared(self) -> None:
        organization = OrganizationFactory()
        post(organization, reading(0, 3.4, battery=90, signal=-70))
        assert counts(post(organization, reading(0, 3.4, battery=80))) == (0, 1, [])

    def test_inside_one_request_the_first_wins(self) -> None:
        outcome = post(OrganizationFactory(), reading(0, 3.4), reading(0, 3.4), reading(0, 7.0))
        assert counts(outcome) == (1, 1, [(2, "conflict")])

    def test_times_are_cut_to_milliseconds(self) -> None:
        organization = OrganizationFactory()
        moment = {"recorded_at": "2026-11-20T12:00:00.1239Z"}
        post(organization, {**reading(0, 3.4), **moment})
        assert counts(post(organization, {**reading(0, 3.4), "recorded_at": "2026-11-20T12:00:00.123Z"})) == (0, 1, [])

    def test_channels_are_probes_of_their_own(self) -> None:
        outcome = post(OrganizationFactory(), reading(0, 3.4), reading(0, 9.0, channel="1"))
        assert counts(outcome) == (2, 0, [])

    def test_two_organizations_may_use_the_same_serial(self) -> None:
        one, other = OrganizationFactory(), OrganizationFactory()
        at = NOON + timedelta(days=1)
        outcomes = pipeline.store(
            [delivery(one, [reading(0, 3)], at=at), delivery(other, [reading(0, 8)], at=at)], at=at
        )
        assert [counts(outcome) for outcome in outcomes] == [(1, 0, []), (1, 0, [])]
        with as_system():
            assert Reading.objects.for_organization(one).get().temperature == 3.0

    def test_two_requests_of_one_batch_are_each_counted_for_themselves(self) -> None:
        organization = OrganizationFactory()
        at = NOON + timedelta(days=1)
        same = [reading(0, 3)]
        outcomes = pipeline.store([delivery(organization, same, at=at), delivery(organization, same, at=at)], at=at)
        assert [counts(outcome) for outcome in outcomes] == [(1, 0, []), (0, 1, [])]

    def test_an_unknown_sensor_is_kept_as_unclaimed(self) -> None:
        organization = OrganizationFactory()
        post(organization, reading(0, 3.4, humidity=80, battery=93, signal=-71))
        with as_system():
            sensor = Sensor.objects.get()
        assert (sensor.status, sensor.unit_id, sensor.organization_id) == ("unclaimed", None, organization.pk)
        assert (sensor.temperature, sensor.humidity, sensor.battery, sensor.signal) == (3.4, 80, 93, -71)

    def test_ten_thousand_readings_cost_as_many_statements_as_ten(self) -> None:
        sensor = SensorFactory(serial="S")
        for minute in (-3, -2, -1):  # what is looked up once is remembered
            post(sensor.organization, reading(minute, 3))
        with sent("Bind", "Query") as small:
            store(sensor.organization, *(reading(minute / 10, 3) for minute in range(10)))
        with sent("Bind", "Query") as large:
            store(sensor.organization, *(reading(10 + minute / 10, 3) for minute in range(2000)))
        assert len(large) == len(small)
        assert len(large) < 16


class TestNewestValues:
    def test_the_newest_reading_stands_on_the_sensor(self) -> None:
        sensor = SensorFactory(serial="S")
        post(sensor.organization, reading(10, 4.0), reading(0, 3.0), at=NOON + timedelta(minutes=11))
        sensor = fresh(sensor)
        assert (sensor.temperature, sensor.last_reading_at) == (4.0, NOON + timedelta(minutes=10))
        assert sensor.status == SensorStatus.ONLINE

    def test_a_late_reading_is_stored_but_is_no_news(self) -> None:
        sensor = SensorFactory(serial="S")
        post(sensor.organization, reading(10, 4.0))
        post(sensor.organization, reading(5, 9.0))
        assert fresh(sensor).temperature == 4.0
        assert len(stored()) == 2

    def test_a_door_contact_does_not_erase_the_temperature(self) -> None:
        sensor = SensorFactory(serial="S")
        post(sensor.organization, reading(0, 4.0))
        post(sensor.organization, reading(1, None, door_open=True))
        sensor = fresh(sensor)
        assert (sensor.temperature, sensor.door_open) == (4.0, True)

    def test_an_import_of_old_readings_does_not_make_a_sensor_online(self) -> None:
        sensor = SensorFactory(serial="S")
        post(sensor.organization, reading(0, 4.0), at=NOON + timedelta(days=3))
        assert fresh(sensor).status == SensorStatus.OFFLINE

    def test_a_fault_value_is_refused_and_shows_on_the_sensor(self) -> None:
        sensor = SensorFactory(serial="S")
        post(sensor.organization, reading(0, 4.0), at=NOON)
        assert counts(post(sensor.organization, reading(5, -127.0))) == (0, 0, [(0, "sensor_fault")])
        assert (fresh(sensor).status, fresh(sensor).temperature) == (SensorStatus.FAULT, 4.0)
        post(sensor.organization, reading(10, 4.1), at=NOON + timedelta(minutes=10))
        assert fresh(sensor).status == SensorStatus.ONLINE

    def test_85_degrees_after_a_cold_reading_is_a_probe_that_powered_on(self) -> None:
        organization = OrganizationFactory()
        assert counts(post(organization, reading(0, 85.0))) == (1, 0, [])
        assert counts(post(organization, reading(1, 4.0), reading(30, 85.0))) == (1, 0, [(1, "sensor_fault")])
        assert counts(post(organization, reading(62, 85.0))) == (1, 0, [])


@pytest.fixture
def watched() -> Sensor:
    """A cooler with a rule (above 5 °C for 30 min), a sensor S, an owner and a viewer."""
    sensor = SensorFactory(serial="S", unit=UnitFactory(name="Walk-in cooler"))
    RuleFactory(organization=sensor.organization)
    owner = MembershipFactory(organization=sensor.organization)
    viewer = MembershipFactory(organization=sensor.organization, role=Role.VIEWER)
    ContactMethodFactory(user=owner.user)
    ContactMethodFactory(user=viewer.user)
    return sensor


def warm(*, until: int, start: int = 0, value: float = 8.0) -> list[dict[str, Any]]:
    return [reading(minute, value) for minute in range(start, until + 1, 5)]


class TestJudging:
    def test_a_warm_cooler_opens_one_alert_with_its_event_and_its_messages(self, watched: Sensor) -> None:
        post(watched.organization, *warm(until=60))
        with as_system():
            alert = Alert.objects.get()
            event = AlertEvent.objects.get()
            message = Notification.objects.get()
        assert (alert.started_at, alert.opened_at) == (NOON, NOON + timedelta(minutes=30))
        assert (alert.value, alert.threshold, alert.status, alert.sensor_id) == (8.0, 5.0, "open", watched.pk)
        assert (event.event, event.at) == ("opened", alert.opened_at)
        assert message.subject.startswith("Warning: Walk-in cooler is above 5.0 °C (8.0 °C)")
        assert "Walk-in cooler" in message.text
        assert f"/alerts/{alert.pk}" in message.html

    def test_people_are_told_in_the_time_of_the_site(self, watched: Sensor) -> None:
        with as_system():
            type(watched.site).objects.update(timezone="America/New_York")
        post(watched.organization, *warm(until=30))
        with as_system():
            message = Notification.objects.get()
        for words in (message.text, message.html):
            assert "Fri 20 Nov 2026, 07:00 (America/New_York)" in words

    def test_splitting_and_repeating_the_readings_changes_nothing(self, watched: Sensor) -> None:
        for minute in range(0, 61, 5):
            post(watched.organization, reading(minute, 8.0))
            post(watched.organization, reading(minute, 8.0))
        with as_system():
            assert Alert.objects.get().opened_at == NOON + timedelta(minutes=30)
            assert Notification.objects.count() == 1

    def test_it_resolves_itself_and_the_unit_is_fine_again(self, watched: Sensor) -> None:
        post(watched.organization, *warm(until=30))
        assert fresh(watched.unit).severity == "warning"
        post(watched.organization, reading(35, 12.0), reading(40, 3.0))
        with as_system():
            alert = Alert.objects.get()
            moves = list(AlertEvent.objects.order_by("created_at", "pk").values_list("event", flat=True))
        assert (alert.status, alert.resolved_at, alert.peak) == ("resolved", NOON + timedelta(minutes=40), 12.0)
        assert moves == ["opened", "resolved"]
        assert fresh(watched.unit).severity == ""

    def test_a_second_excursion_is_a_second_alert(self, watched: Sensor) -> None:
        post(watched.organization, *warm(until=30), reading(35, 3.0), *warm(start=40, until=70))
        with as_system():
            assert list(Alert.objects.order_by("opened_at").values_list("status", flat=True)) == ["resolved", "open"]

    def test_a_unit_that_is_fine_writes_no_state(self, watched: Sensor) -> None:
        post(watched.organization, *warm(until=60, value=3.0))
        with as_system():
            assert not RuleState.objects.exists()

    def test_what_is_in_breach_takes_two_rounds_more_in_however_many_units(self, watched: Sensor) -> None:
        others = [SensorFactory(unit=UnitFactory(area=watched.unit.area)).serial for _ in range(4)]
        store(watched.organization, *[reading(0, 3.0, sensor=serial) for serial in ("S", *others)])
        with sent("Sync") as rounds:
            store(watched.organization, reading(1, 8.0), *[reading(1, 3.0, sensor=serial) for serial in others])
        assert len(rounds) == 3
        with sent("Sync") as rounds:
            store(watched.organization, *[reading(2, 8.0, sensor=serial) for serial in ("S", *others)])
        assert len(rounds) == 3
        with as_system():
            assert RuleState.objects.filter(active=True).count() == 5

    def test_late_readings_of_two_sensors_count_from_the_earlier_one(self, watched: Sensor) -> None:
        other = SensorFactory(unit=watched.unit).serial
        with as_system():
            AlertRule.objects.update(changed_at=NOON - timedelta(days=1))
        post(watched.organization, *warm(until=35), *[reading(minute, 3.0) for minute in range(40, 125, 5)])
        post(watched.organization, reading(120, 3.0, sensor=other))
        with as_system():
            alert = Alert.objects.get()
        assert (alert.status, alert.contradicted_at) == ("resolved", None)
        # It was cold in between after all; the other sensor's late reading is of an hour after the alert's end.
        post(watched.organization, reading(12, 3.0), reading(100, 3.0, sensor=other))
        assert fresh(alert).contradicted_at is not None

    def test_an_open_critical_silences_the_messages_of_the_warning_not_its_row(self, watched: Sensor) -> None:
        RuleFactory(organization=watched.organization, severity="critical", threshold=7.0, delay_s=900)
        post(watched.organization, *warm(until=60))
        with as_system():
            assert sorted(Alert.objects.values_list("severity", flat=True)) == ["critical", "warning"]
            assert [m.subject.split(":")[0] for m in Notification.objects.all()] == ["CRITICAL"]

    def test_an_unclaimed_sensor_is_judged_by_nobody(self) -> None:
        organization = OrganizationFactory()
        RuleFactory(organization=organization)
        post(organization, *warm(until=60))
        with as_system():
            assert not Alert.objects.exists()

    def test_rules_hold_for_their_scope_only(self, watched: Sensor) -> None:
        other = SensorFactory(serial="OTHER", unit=UnitFactory(area=watched.unit.area, kind="walk_in_freezer"))
        RuleFactory(organization=watched.organization, name="freezers", unit_kind="walk_in_freezer", delay_s=0)
        RuleFactory(organization=watched.organization, name="off", enabled=False, delay_s=0)
        RuleFactory(organization=watched.organization, name="deleted", deleted_at=NOON, delay_s=0)
        RuleFactory(name="of somebody else", delay_s=0)
        post(watched.organization, reading(0, 8.0), reading(0, 8.0, sensor=other.serial))
        with as_system():
            assert list(Alert.objects.values_list("rule_name", "unit_id")) == [("freezers", other.unit_id)]

    def test_a_unit_may_do_without_the_defaults_of_its_kind(self) -> None:
        plain = SensorFactory(serial="S", unit=UnitFactory(default_rules=False))
        with as_system():
            lay_default_rules(organization=plain.organization)
        post(plain.organization, *warm(until=120, value=30.0))
        with as_system():
            assert not Alert.objects.exists()

    def test_the_defaults_of_a_cooler_warn_at_30_minutes_and_call_at_15_above_ten(self) -> None:
        sensor = SensorFactory(serial="S")
        with as_system():
            lay_default_rules(organization=sensor.organization)
        post(sensor.organization, *warm(until=45, value=12.0))
        with as_system():
            opened = list(
                Alert.objects.order_by("opened_at", "severity").values_list("rule_name", "severity", "opened_at")
            )
        assert opened == [
            ("Hard ceiling", "critical", NOON + timedelta(minutes=15)),
            ("Product too warm", "critical", NOON + timedelta(minutes=30)),
            ("Too warm", "warning", NOON + timedelta(minutes=30)),
        ]

    def test_a_cause_that_is_open_already_is_not_opened_again(self, watched: Sensor) -> None:
        with as_system():
            rule = AlertRule.objects.get()
        AlertFactory(unit=watched.unit, rule=rule)
        assert counts(post(watched.organization, *warm(until=60))) == (13, 0, [])
        with as_system():
            assert Alert.objects.count() == 1

    def test_readings_of_humidity_are_judged_by_rules_of_humidity(self, watched: Sensor) -> None:
        RuleFactory(organization=watched.organization, name="damp", metric="humidity", threshold=90, delay_s=0)
        post(watched.organization, reading(0, 3.0, humidity=95))
        with as_system():
            assert list(Alert.objects.values_list("kind", "value")) == [("humidity", 95.0)]


def test_open_screens_are_told_after_the_commit(watched: Sensor, django_capture_on_commit_callbacks: Any) -> None:
    with events.collecting() as afterwards, django_capture_on_commit_callbacks(execute=True):
        store(watched.organization, *warm(until=30))
    told = afterwards.events[watched.organization.pk]
    assert [event["type"] for event in told] == ["alert", "readings"]
    alert = told[0]["alert"]
    assert (told[0]["event"], alert["unit"], alert["unit_name"]) == ("opened", str(watched.unit_id), "Walk-in cooler")
    assert told[1]["batch"][0] == {
        "unit": str(watched.unit_id),
        "sensor": str(watched.public_id),
        "site": str(watched.site_id),
        "recorded_at": "2026-11-20T12:00:00Z",
        "temperature": 8.0,
        "humidity": None,
    }
    assert len(afterwards.actions) == 1  # the bell of the worker that finds people and words


def test_a_writer_that_knows_too_many_probes_forgets_them_with_their_units_and_judges_on() -> None:
    organization = OrganizationFactory()
    units = [UnitFactory(organization=organization) for _ in range(3)]
    probes = [SensorFactory(unit=unit, serial=f"S{number}") for number, unit in enumerate(units)]
    RuleFactory(organization=organization, threshold=5, delay_s=0)
    memory = pipeline.Memory(most=2)

    def say(minute: float, temperature: float) -> None:
        at = NOON + timedelta(minutes=minute)
        several = [reading(minute, temperature, sensor=probe.serial) for probe in probes]
        with as_system():
            pipeline._store([delivery(organization, several, at=at)], memory=memory, at=at, opening=[], trusting=False)

    say(0, 9.0)
    assert all(memory.register.knows(probe.pk) for probe in probes)

    memory.make_room()
    assert not any(memory.register.knows(probe.pk) for probe in probes)
    for unit in units:
        with pytest.raises(KeyError):
            memory.rulebook.place(unit.pk)

    say(1, 3.0)
    with as_system():
        assert list(Alert.objects.values_list("status", flat=True)) == ["resolved"] * 3


class TestTellingSoon:
    """Readings don't wait for words: whom to tell is a worker's, who is rung for and would come by anyway."""

    def test_nobody_is_promised_anything_in_the_transaction_that_stores(self, watched: Sensor) -> None:
        store(watched.organization, *warm(until=30), at=NOON + timedelta(minutes=31))
        with as_system():
            alert = Alert.objects.get()
            assert not Notification.objects.exists()
            assert alert.tell_at == alert.created_at
            assert lifecycle.tell_due(at=NOON + timedelta(minutes=31), most=10) == 1
            assert [row.event for row in Notification.objects.all()] == ["alert.opened"]
            assert lifecycle.tell_due(at=NOON + timedelta(minutes=32), most=10) == 0

    def test_what_came_and_went_before_the_worker_did_is_told_in_its_order(self, watched: Sensor) -> None:
        store(watched.organization, *warm(until=30), at=NOON + timedelta(minutes=31))
        store(watched.organization, *warm(start=35, until=90, value=3.0), at=NOON + timedelta(minutes=91))
        with as_system():
            assert Alert.objects.get().status == "resolved"
            lifecycle.tell_due(at=NOON + timedelta(minutes=92), most=10)
            rows = Notification.objects.order_by("created_at", "pk")
            assert [row.event for row in rows] == ["alert.opened", "alert.resolved"]
            assert Alert.objects.get().tell_at is None

    def test_whoever_takes_charge_before_the_worker_came_by_is_not_the_only_one_who_knows(
        self, watched: Sensor
    ) -> None:
        store(watched.organization, *warm(until=30), at=NOON + timedelta(minutes=31))
        person = MembershipFactory(organization=watched.organization).user
        with as_system():
            at = NOON + timedelta(minutes=32)
            alert = Alert.objects.get()
            lifecycle.acknowledge(alert=alert, by=person, at=at, channel=Channel.WEB)
            assert [row.event for row in Notification.objects.all()] == ["alert.opened"]
