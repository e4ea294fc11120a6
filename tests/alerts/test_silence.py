"""Sensors that say nothing any more: told once, in time, and over when they are heard again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts import lifecycle, silence
from alerts.evaluation import IDLE, Resolved, State, Terms, resolved_by_hand
from alerts.models import AlertRule, Channel, RuleState
from alerts.schedules import Hours
from alerts.silence import sweeping
from alerts.silence.outages import Attention
from alerts.states import decode
from organizations.tenancy import acting_as_system
from sensors import provisioning
from sensors.models import Sensor, Unit
from tests.alerts.sweeps import (
    alerts,
    at,
    hear,
    manager_of,
    only,
    rounds_until,
    rule_of_silence,
    sensor_heard,
    subjects,
    sweep,
    sweep_now,
    timeline,
)
from tests.factories import (
    NOON,
    AreaFactory,
    OrganizationFactory,
    RuleFactory,
    SiteFactory,
    UnitFactory,
    UserFactory,
    as_system,
    fresh,
)
from tests.ingest.test_pipeline import post, reading

TEN_MINUTES = Terms("above", 0.5, 600, 0.0, 0)
GAP = 900.0


class TestHearing:
    """Pure: seconds since some moment."""

    SILENT = silence.silent(newest=0.0, due=600.0)

    def heard(self, state: State, times: list[float], *, now: float, clear: float = 0) -> tuple[State, Any]:
        terms = TEN_MINUTES._replace(clear_delay_s=clear)
        return silence.heard(terms, state, times, gap_s=GAP, now=now)

    def test_the_first_reading_that_is_newer_than_the_delay_ends_it(self) -> None:
        assert self.heard(self.SILENT, [900, 1500, 1550], now=1600) == (IDLE, Resolved(1500, None))

    def test_a_backlog_that_is_as_old_as_the_delay_ends_nothing(self) -> None:
        state, resolved = self.heard(self.SILENT, [900, 1000], now=1600)
        assert (resolved, state.open, state.at) == (None, True, 1000)

    def test_nothing_is_over_before_it_opened(self) -> None:
        assert self.heard(self.SILENT, [200], now=610) == (IDLE, Resolved(600, None))

    def test_the_same_again_changes_nothing(self) -> None:
        state, _ = self.heard(self.SILENT, [1000], now=1010, clear=300)
        assert self.heard(state, [1000, 900], now=1020, clear=300) == (state, None)

    def test_the_clear_delay_counts_from_reading_to_reading(self) -> None:
        state, resolved = self.heard(self.SILENT, [1000, 1200], now=1210, clear=300)
        assert (resolved, state.clear_s) == (None, 200)
        assert self.heard(state, [1299], now=1300, clear=300)[1] is None
        assert self.heard(state, [1300], now=1300, clear=300) == (IDLE, Resolved(1300, None))

    def test_a_pause_that_is_too_long_adds_nothing_and_a_new_silence_starts_it_over(self) -> None:
        patient = Terms("above", 0.5, 3600, 0.0, 300)
        state, _ = silence.heard(patient, silence.silent(newest=0, due=3600), [4000, 4200], gap_s=GAP, now=4200)
        paused, resolved = silence.heard(patient, state, [5200], gap_s=GAP, now=5200)
        assert (resolved, paused.clear_s) == (None, 200)
        again, _ = silence.heard(patient, state, [7800], gap_s=GAP, now=7800)
        assert again.clear_s == 0

    def test_what_was_being_cleared_is_silent_again_after_the_delay(self) -> None:
        terms = TEN_MINUTES._replace(clear_delay_s=300)
        state, _ = self.heard(self.SILENT, [1000], now=1000, clear=300)
        assert silence.still(terms, state, gap_s=GAP, now=1599) is state
        assert silence.still(terms, state, gap_s=GAP, now=1600).breached

    def test_resolved_by_hand_it_is_forgotten_without_a_word_once_it_is_heard(self) -> None:
        held = resolved_by_hand(self.SILENT)
        assert held.held
        assert self.heard(held, [1000], now=1000) == (IDLE, None)

    def test_a_delay_of_nothing_waits_for_the_longest_pause(self) -> None:
        terms = TEN_MINUTES._replace(delay_s=0)
        assert silence.patience_s(terms, gap_s=GAP) == GAP
        assert silence.patience_s(TEN_MINUTES, gap_s=GAP) == 600

    def test_with_opening_hours_it_is_due_when_the_site_opens(self) -> None:
        hours = Hours({"fri": [["12:00", "22:00"]], "sat": [["08:00", "22:00"]]}, "UTC")
        evening = NOON.replace(hour=21, minute=55).timestamp()
        assert silence.due_at(newest=evening, patience_s=600, hours=hours) == evening + 10 * 3600 + 5 * 60
        assert silence.due_at(newest=evening, patience_s=60, hours=hours) == evening + 60
        assert silence.due_at(newest=evening, patience_s=600) == evening + 600


@pytest.fixture
def sensor() -> Sensor:
    """A sensor S that was heard at noon, a critical rule of ten minutes, and a manager."""
    sensor = sensor_heard(0, serial="S", unit=UnitFactory(name="Walk-in cooler"))
    rule_of_silence(sensor.organization)
    manager_of(sensor.organization)
    return sensor


@pytest.mark.django_db
class TestOpening:
    def test_it_opens_exactly_when_the_delay_is_complete_and_names_unit_and_probe(self, sensor: Sensor) -> None:
        assert sweep(10 - 1 / 60) == 0
        assert sweep(10) == 1
        alert = only()
        assert (alert.kind, alert.severity, alert.status) == ("no_data", "critical", "open")
        assert (alert.started_at, alert.opened_at, alert.found_at) == (NOON, at(10), None)
        assert (alert.value, alert.peak, alert.threshold) == (None, None, None)
        assert (alert.unit_id, alert.site_id, alert.sensor_id) == (sensor.unit_id, sensor.site_id, sensor.pk)
        assert alert.cause_key == f"sensor:{sensor.public_id}:rule:{alert.rule_id}"
        assert timeline(alert) == [("opened", "clock", "")]
        assert len(subjects()) == 1
        assert "Walk-in cooler" in subjects()[0]
        assert fresh(sensor.unit).severity == "critical"

    def test_why_it_opened_is_kept_with_it(self, sensor: Sensor) -> None:
        sweep(10)
        facts = only().facts
        assert facts["terms"] == {
            "condition": "no_data",
            "threshold": None,
            "delay_s": 600,
            "hysteresis": 0.0,
            "clear_delay_s": 0,
            "schedule": "always",
        }
        assert (facts["signal"], facts["scope"], facts["counted_s"], facts["frozen_s"]) == (
            "silence",
            "organization",
            600,
            0,
        )
        assert facts["override"] is None
        assert "most specific" in facts["reason"]

    @pytest.mark.parametrize(("minute", "late"), [(11, False), (11.1, True)])
    def test_found_more_than_a_minute_late_it_says_so(self, sensor: Sensor, minute: float, late: bool) -> None:
        sweep(minute)
        assert only().found_at == (at(minute) if late else None)
        assert only().opened_at == at(10)

    def test_thirty_rounds_later_there_is_one_alert_and_one_message(self, sensor: Sensor) -> None:
        assert [sweep(10 + number / 4) for number in range(30)] == [1] + [0] * 29
        assert len(alerts()) == len(subjects()) == 1

    def test_each_sensor_of_a_unit_has_its_own_alert(self, sensor: Sensor) -> None:
        other = sensor_heard(5, unit=sensor.unit)
        sweep(12)
        assert [alert.sensor_id for alert in alerts()] == [sensor.pk]
        sweep(15)
        assert [alert.sensor_id for alert in alerts()] == [sensor.pk, other.pk]

    @pytest.mark.parametrize(
        "fields",
        [
            {"last_reading_at": None, "last_received_at": None},
            {"last_received_at": at(24 * 60 + 1)},
            {"retired_at": NOON, "status": "retired"},
            {"unit": None, "site": None, "status": "unclaimed"},
        ],
        ids=["it never reported", "its newest was an import", "it is retired", "it is nobody's"],
    )
    def test_it_is_not_waited_for_if(self, sensor: Sensor, fields: dict[str, Any]) -> None:
        with as_system():
            Sensor.objects.filter(pk=sensor.pk).update(**fields)
        assert sweep(2 * 24 * 60) == 0

    def test_a_reading_that_was_a_day_old_when_it_came_is_no_import_yet(self, sensor: Sensor) -> None:
        with as_system():
            Sensor.objects.filter(pk=sensor.pk).update(last_received_at=at(24 * 60))
        assert sweep(24 * 60) == 1

    def test_sensors_of_a_removed_unit_are_not_waited_for(self, sensor: Sensor) -> None:
        with as_system():
            Unit.objects.filter(pk=sensor.unit_id).update(deleted_at=NOON)
        assert sweep(60) == 0

    @pytest.mark.parametrize("changes", [{"enabled": False}, {"deleted_at": NOON}])
    def test_a_rule_out_of_force_waits_for_nobody(self, sensor: Sensor, changes: dict[str, Any]) -> None:
        with as_system():
            AlertRule.objects.update(**changes)
        assert sweep(60) == 0

    def test_the_rules_of_another_organization_are_not_ours(self, sensor: Sensor) -> None:
        theirs = sensor_heard(0)
        rule_of_silence(theirs.organization, delay=30)
        sweep(20)
        assert [alert.sensor_id for alert in alerts()] == [sensor.pk]

    def test_the_most_specific_rule_waits(self, sensor: Sensor) -> None:
        rule_of_silence(sensor.organization, delay=30, unit=sensor.unit, name="This unit")
        assert sweep(20) == 0
        sweep(30)
        assert only().rule_name == "This unit"

    def test_warning_and_critical_are_two_alerts_and_one_message_at_a_time(self, sensor: Sensor) -> None:
        rule_of_silence(sensor.organization, delay=5, severity="warning")
        sweep(5)
        sweep(10)
        assert [alert.severity for alert in alerts()] == ["warning", "critical"]
        assert [subject.split(":")[0] for subject in subjects()] == ["Warning", "CRITICAL"]

    def test_found_together_the_critical_one_is_told(self, sensor: Sensor) -> None:
        rule_of_silence(sensor.organization, delay=5, severity="warning")
        sweep(10)
        assert [alert.severity for alert in alerts()] == ["warning", "critical"]
        assert [subject.split(":")[0] for subject in subjects()] == ["CRITICAL"]

    def test_an_override_gives_one_unit_more_time(self, sensor: Sensor) -> None:
        with as_system():
            rule = AlertRule.objects.get()
            rule.overrides.create(
                organization=sensor.organization,
                unit=sensor.unit,
                delay_s=300,
                reason="Vaccines",
                created_at=NOON,
                expires_at=at(600),
            )
        sweep(5)
        assert only().opened_at == at(5)
        assert only().facts["override"] is not None

    def test_without_a_delay_a_sensor_may_make_its_longest_pause(self, sensor: Sensor) -> None:
        with as_system():
            AlertRule.objects.update(delay_s=0)
            Sensor.objects.update(expected_interval_s=600)
        assert sweep(29) == 0
        sweep(30)
        assert only().opened_at == at(30)

    def test_outside_the_opening_hours_nobody_is_told_and_when_the_site_opens_they_are(self, sensor: Sensor) -> None:
        with as_system():
            AlertRule.objects.update(schedule="opening_hours")
            type(sensor.site).objects.update(
                opening_hours={"fri": [["08:00", "12:05"]], "sat": [["08:00", "22:00"]]}, timezone="UTC"
            )
        opens = 20 * 60
        assert [sweep(minute) for minute in (10, 60, opens - 1)] == [0, 0, 0]
        sweep(opens)
        alert = only()
        assert (alert.started_at, alert.opened_at, alert.found_at) == (NOON, at(opens), None)

    def test_members_of_other_sites_are_not_told(self, sensor: Sensor) -> None:
        sweep(10)
        assert len(subjects()) == 1


@pytest.mark.django_db
class TestResolving:
    def test_a_reading_ends_it_at_its_own_time_and_people_hear_of_it(self, sensor: Sensor) -> None:
        sweep(10)
        post(sensor.organization, reading(31, 3.0), reading(32, 3.0), at=at(33))
        alert = only()
        assert (alert.status, alert.resolved_at, alert.peak) == ("resolved", at(31), None)
        assert fresh(sensor.unit).severity == ""
        assert len(subjects()) == 2
        with as_system():
            assert not RuleState.objects.filter(active=True).exists()

    def test_a_backlog_ends_nothing_before_it_reaches_the_present(self, sensor: Sensor) -> None:
        sweep(10)
        post(sensor.organization, *(reading(minute, 3.0) for minute in range(1, 20)), at=at(30))
        assert sweep(30) == 0
        assert only().status == "open"
        post(sensor.organization, *(reading(minute, 3.0) for minute in range(20, 30)), at=at(30))
        assert (only().status, only().resolved_at) == ("resolved", at(21))

    def test_an_import_neither_ends_nor_begins_a_silence(self, sensor: Sensor) -> None:
        sweep(10)
        days = 3 * 24 * 60
        post(sensor.organization, reading(60, 3.0), at=at(days))
        sweep(days)
        assert only().status == "open"
        post(sensor.organization, reading(days, 3.0), at=at(days))
        assert only().status == "resolved"

    def test_a_reading_that_was_on_its_way_ends_it_when_it_opened(self, sensor: Sensor) -> None:
        sweep(10)
        post(sensor.organization, reading(4, 3.0), at=at(11))
        assert (only().status, only().resolved_at) == ("resolved", at(10))

    def test_it_is_silent_again_after_that_and_has_a_second_alert(self, sensor: Sensor) -> None:
        sweep(10)
        post(sensor.organization, reading(20, 3.0), at=at(20))
        assert sweep(29) == 0
        sweep(30)
        assert [alert.status for alert in alerts()] == ["resolved", "open"]
        assert alerts()[1].started_at == at(20)

    def test_the_clear_delay_is_waited_for(self, sensor: Sensor) -> None:
        with as_system():
            AlertRule.objects.update(clear_delay_s=600)
        sweep(10)
        for minute in (20, 25):
            post(sensor.organization, reading(minute, 3.0), at=at(minute))
            sweep(minute)
            assert only().status == "open"
        post(sensor.organization, reading(30, 3.0), at=at(30))
        assert (only().status, only().resolved_at) == ("resolved", at(30))

    def test_silent_again_while_it_clears_it_starts_over(self, sensor: Sensor) -> None:
        with as_system():
            AlertRule.objects.update(clear_delay_s=600)
        sweep(10)
        post(sensor.organization, reading(20, 3.0), at=at(20))
        sweep(31)
        with as_system():
            assert decode(RuleState.objects.get().state).breached
        post(sensor.organization, reading(32, 3.0), reading(41, 3.0), at=at(41))
        assert only().status == "open"
        post(sensor.organization, reading(42, 3.0), at=at(42))
        assert only().resolved_at == at(42)

    def test_a_sensor_that_speaks_and_is_not_judged_is_found_by_the_next_round(self, sensor: Sensor) -> None:
        sweep(10)
        hear(sensor, 20)
        assert sweep(20.25) == 1
        assert (only().status, only().resolved_at) == ("resolved", at(20))

    def test_resolved_by_hand_it_opens_again_only_after_it_was_heard(self, sensor: Sensor) -> None:
        sweep(10)
        with as_system():
            lifecycle.resolve(
                alert=only(),
                by=UserFactory(),
                at=at(12),
                channel=Channel.WEB,
                corrective_action="New batteries are ordered",
            )
        assert [sweep(minute) for minute in (13, 60, 600)] == [0, 0, 0]
        post(sensor.organization, reading(700, 3.0), at=at(700))
        assert [alert.status for alert in alerts()] == ["resolved"]
        sweep(710)
        assert [alert.status for alert in alerts()] == ["resolved", "open"]


@pytest.mark.django_db
class TestWhatNoReadingEnds:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda s: AlertRule.objects.update(enabled=False), "The rule was switched off or removed."),
            (lambda s: AlertRule.objects.update(deleted_at=NOON), "The rule was switched off or removed."),
            (lambda s: provisioning.retire(sensor=s, at=NOON), "The sensor was taken out of service."),
            (lambda s: Unit.objects.update(deleted_at=NOON), "The unit was removed."),
            (
                lambda s: AlertRule.objects.update(unit_kind="hot_holding"),
                "The rule doesn't watch here any more: another one does, or its scope was changed.",
            ),
        ],
        ids=["switched off", "removed", "retired", "unit removed", "other scope"],
    )
    def test_it_is_over_and_the_timeline_says_why(
        self, sensor: Sensor, change: Callable[[Sensor], object], words: str
    ) -> None:
        sweep(10)
        with as_system():
            change(sensor)
        assert sweep(11) == 1
        alert = only()
        assert (alert.status, alert.resolved_at, alert.resolved_by_id) == ("resolved", at(11), None)
        assert timeline(alert)[-1] == ("resolved", "clock", words)
        with as_system():
            assert not RuleState.objects.filter(active=True).exists()
        assert sweep(12) == 0

    def test_a_sensor_that_speaks_in_another_unit_isnt_silent_any_more(self, sensor: Sensor) -> None:
        sweep(10)
        freezer = UnitFactory(area=sensor.unit.area, name="Freezer")
        RuleFactory(organization=sensor.organization, unit=freezer)
        with as_system():
            provisioning.claim(sensor=sensor, unit=freezer, at=at(11))
        post(sensor.organization, reading(11.5, 8.0), at=at(11.5))
        assert (only().status, only().resolved_at) == ("resolved", at(11.5))

    def test_a_sensor_that_was_moved_is_told_of_where_it_is(self, sensor: Sensor) -> None:
        sweep(10)
        freezer = UnitFactory(area=sensor.unit.area, name="Freezer")
        with as_system():
            provisioning.claim(sensor=sensor, unit=freezer, at=at(11))
        assert sweep(12) == 2
        assert [(alert.status, alert.unit_id) for alert in alerts()] == [
            ("resolved", sensor.unit_id),
            ("open", freezer.pk),
        ]
        assert timeline(alerts()[0])[-1][2] == "The sensor was moved to another unit."

    def test_a_rule_that_was_switched_off_while_a_transmitter_was_offline_tells_of_it_once_it_is_on(
        self, sensor: Sensor
    ) -> None:
        with as_system():
            AlertRule.objects.update(enabled=False)
        assert sweep(60) == 0
        with as_system():
            AlertRule.objects.update(enabled=True)
        sweep(120)
        assert (only().status, only().opened_at, only().found_at) == ("open", at(10), at(120))

    def test_a_transmitter_that_was_offline_can_alarm_again_and_again(self, sensor: Sensor) -> None:
        for hour in range(3):
            sweep(60 * hour + 15)
            post(sensor.organization, reading(60 * hour + 30, 3.0), at=at(60 * hour + 30))
        sweep(3 * 60)
        assert [alert.status for alert in alerts()] == ["resolved"] * 3 + ["open"]

    def test_a_fault_of_a_probe_that_was_taken_out_is_over_too(self, sensor: Sensor) -> None:
        rule_of_silence(sensor.organization, name="Broken")
        with as_system():
            AlertRule.objects.filter(name="Broken").update(condition="fault", delay_s=0)
        post(sensor.organization, reading(1, -127.0), at=at(1))
        assert only().kind == "fault"
        with as_system():
            provisioning.retire(sensor=fresh(sensor), at=at(2))
        sweep(3)
        assert (only().status, timeline(only())[-1][2]) == ("resolved", "The sensor was taken out of service.")


@pytest.mark.django_db
class TestCost:
    def test_a_round_asks_as_much_for_two_hundred_silent_sensors_as_for_two(self) -> None:
        organization = OrganizationFactory()
        rule_of_silence(organization)
        area = AreaFactory(site=SiteFactory(organization=organization))

        def round_of(count: int) -> int:
            units = [UnitFactory(area=area) for _ in range(count)]
            for unit in units:
                sensor_heard(0, unit=unit)
            sweep(10)  # opens them
            rounds_until(11)
            with CaptureQueriesContext(connection) as queries:
                assert sweep_now(11) == 0
            return len(queries)

        few = round_of(2)
        assert round_of(200) == few
        assert few < 32

    def test_two_hundred_silences_open_with_as_many_statements_as_twenty(self) -> None:
        area = AreaFactory()
        rule_of_silence(area.organization)
        manager_of(area.organization)

        def opening(count: int, minute: int) -> list[str]:
            for _ in range(count):
                sensor_heard(minute, unit=UnitFactory(area=area))
            rounds_until(minute + 10)
            with CaptureQueriesContext(connection) as queries:
                opened = sweeping.sweep(at=at(minute + 10), at_once=200)
            assert opened == len(alerts(started_at=at(minute))) == count
            return [query["sql"] for query in queries]

        opening(1, 0)
        few, more, many = opening(2, 20), opening(20, 40), opening(200, 60)
        assert len(few) < len(more) == len(many) < 60, "for the whole round; so many are put together for their reader"
        whole = [subject for subject in subjects() if subject == "Several messages"]
        assert (len(whole), len(subjects())) == (2, 223 + 2), "each is told"

    def test_what_no_rule_watches_costs_no_more(self) -> None:
        organization = OrganizationFactory()
        rule_of_silence(organization, unit_kind="hot_holding")
        area = AreaFactory(site=SiteFactory(organization=organization))

        def round_of(count: int) -> int:
            for _ in range(count):
                sensor_heard(0, unit=UnitFactory(area=area))
            with CaptureQueriesContext(connection) as queries:
                assert sweep(60) == 0
            return len(queries)

        round_of(1)  # the first of all remembers that it came by
        assert round_of(1) == round_of(30)

    def test_many_pages_are_walked_through(self) -> None:
        organization = OrganizationFactory()
        rule_of_silence(organization)
        area = AreaFactory(site=SiteFactory(organization=organization))
        for _ in range(7):
            sensor_heard(0, unit=UnitFactory(area=area))
        assert sweeping.sweep(at=at(10), page=3, at_once=2) == 7
        with as_system():
            AlertRule.objects.update(enabled=False)
        assert sweeping.sweep(at=at(11), page=3, at_once=2) == 7

    def test_what_a_round_does_not_reach_is_left_to_the_next(self, sensor: Sensor) -> None:
        assert sweeping.sweep(at=at(10), seconds=0) == 0
        assert sweep(10.25) == 1


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_what_a_writer_is_just_storing_is_not_silent(self) -> None:
        sensor = sensor_heard(0)
        rule_of_silence(sensor.organization)
        holds, swept = threading.Event(), threading.Event()

        def write() -> None:
            with acting_as_system("tests"):
                Sensor.objects.filter(pk=sensor.pk).update(last_reading_at=at(10), last_received_at=at(10))
                holds.set()
                swept.wait(30)
            connection.close()

        writer = threading.Thread(target=write)
        writer.start()
        assert holds.wait(30)
        moved = sweep(10)
        swept.set()
        writer.join(30)
        assert (moved, sweep(10.25), alerts()) == (0, 0, [])

    def test_a_reading_that_comes_while_an_alert_opens_ends_it(self) -> None:
        sensor = sensor_heard(0, serial="S")
        rule_of_silence(sensor.organization)
        answered = threading.Event()

        def send() -> None:
            post(sensor.organization, reading(11, 3.0), at=at(11))
            answered.set()
            connection.close()

        sender = threading.Thread(target=send)
        with acting_as_system("tests"):
            this = sweeping.Round(at(10), Attention(at(10).timestamp()), 0.0, page=10, at_once=10)
            due = sweeping._due(sweeping._silent(after=0, at=at(10), most=10), sweeping.Rulebook(), now=this.now)
            assert sweeping._open(due, {}, this) == 1
            sender.start()
            assert not answered.wait(0.5), "the writer waits for the sensor"
        sender.join(30)
        assert [(alert.status, alert.resolved_at) for alert in alerts()] == [("resolved", at(11))]

    def test_two_sweeps_at_once_open_one_alert(self) -> None:
        sensor = sensor_heard(0)
        rule_of_silence(sensor.organization)
        start = threading.Barrier(4)

        def work() -> None:
            start.wait(10)
            sweep(10)
            connection.close()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(alerts()) == 1
