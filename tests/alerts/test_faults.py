"""What a broken probe says: its fault is told, and its values never open an alert about temperature."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.evaluation import Opened, Point, Resolved, State, Terms, evaluate, faults
from alerts.models import Alert
from alerts.schedules import Hours
from sensors.models import Sensor
from tests.factories import NOON, RuleFactory, SensorFactory, as_system, fresh
from tests.ingest.test_pipeline import post, reading

BROKEN = -127.0
GAP = 900.0


def said(*, faulty: list[int], fine: list[int], newest: float | None = None) -> list[tuple[float, float]]:
    """Minutes to (minutes, value)."""
    found = faults.points(
        7,
        faults=[minute * 60_000 for minute in faulty],
        readings=[minute * 60_000 for minute in fine],
        gap_s=GAP,
        newest=None if newest is None else newest * 60,
    )
    assert all(point.sensor == 7 and point.gap_s == GAP for point in found)
    return [(point.at / 60, point.value) for point in found]


class TestPoints:
    def test_each_refused_value_is_a_one_and_each_accepted_reading_a_zero_in_order_of_time(self) -> None:
        assert said(faulty=[5, 10], fine=[0, 15]) == [(0, 0.0), (5, 1.0), (10, 1.0), (15, 0.0)]

    def test_what_is_not_later_than_the_last_word_is_past(self) -> None:
        assert said(faulty=[5, 10, 15], fine=[12], newest=10) == [(12, 0.0), (15, 1.0)]

    def test_a_retry_says_nothing_new(self) -> None:
        assert said(faulty=[5, 5, 5], fine=[]) == [(5, 1.0)]
        assert said(faulty=[5], fine=[], newest=5) == []

    def test_at_the_same_moment_the_reading_counts_last(self) -> None:
        assert said(faulty=[5], fine=[5]) == [(5, 1.0), (5, 0.0)]

    def test_outside_the_opening_hours_a_fault_is_not_watched(self) -> None:
        hours = Hours({"fri": [["12:00", "13:00"]]}, "UTC")
        noon = int(NOON.timestamp() * 1000)
        times = [noon - 60_000, noon, noon + 3_600_000]
        found = faults.points(7, faults=times, readings=[], gap_s=GAP, newest=None, hours=hours)
        assert [point.watched for point in found] == [False, True, False]

    def test_the_last_word_is_the_latest_that_is_known(self) -> None:
        assert faults.last_word(None, 3.0, 7.0, None) == 7.0
        assert faults.last_word(None, None) is None

    def test_a_fault_that_lasts_opens_and_the_first_reading_ends_it(self) -> None:
        terms = Terms("above", 0.5, 600, 0.0, 0)
        points = faults.points(7, faults=[0, 300_000, 600_000], readings=[900_000], gap_s=GAP, newest=None)
        _, transitions = evaluate(terms, State(), points)
        assert transitions == [Opened(0.0, 600.0, 7, 1.0, 1.0), Resolved(900.0, 1.0)]

    def test_points_are_those_of_evaluation(self) -> None:
        assert faults.points(7, faults=[1000], readings=[], gap_s=GAP, newest=None) == [Point(1.0, 7, 1.0, GAP)]


@pytest.fixture
def probe() -> Sensor:
    return SensorFactory(serial="S")


def alerts() -> list[tuple[str, str]]:
    with as_system():
        return list(Alert.objects.order_by("opened_at", "pk").values_list("kind", "status"))


@pytest.mark.django_db
class TestThroughTheDoor:
    def test_a_broken_probe_never_opens_an_alert_about_temperature(self, probe: Sensor) -> None:
        for condition, threshold in (("below", -20.0), ("above", 5.0)):
            RuleFactory(
                organization=probe.organization,
                condition=condition,
                threshold=threshold,
                delay_s=0,
                severity="critical",
            )
        post(probe.organization, reading(0, 3.0), at=NOON)
        for minute, value in enumerate([BROKEN, 327.67, -327.68, 3276.7, 6553.5, -273.15, 85.0], start=1):
            outcome = post(probe.organization, reading(minute, value), at=NOON + timedelta(minutes=minute))
            assert [one.code for one in outcome.rejected] == ["sensor_fault"]
        assert alerts() == []
        assert fresh(probe).status == "fault"

    def test_its_fault_is_told_once_and_over_with_the_first_good_reading(self, probe: Sensor) -> None:
        RuleFactory(organization=probe.organization, condition="fault", threshold=None, delay_s=600)
        post(probe.organization, reading(0, 3.0), at=NOON)
        for minute in (5, 10):
            post(probe.organization, reading(minute, BROKEN), at=NOON + timedelta(minutes=minute))
        assert alerts() == []
        post(probe.organization, reading(15, BROKEN), at=NOON + timedelta(minutes=15))
        assert alerts() == [("fault", "open")]
        with as_system():
            alert = Alert.objects.get()
        assert alert.cause_key == f"sensor:{probe.public_id}:rule:{alert.rule_id}"
        assert (alert.sensor_id, alert.unit_id, alert.value, alert.threshold) == (probe.pk, probe.unit_id, None, None)
        assert (alert.started_at, alert.opened_at) == (NOON + timedelta(minutes=5), NOON + timedelta(minutes=15))
        post(probe.organization, reading(20, 3.1), at=NOON + timedelta(minutes=20))
        assert alerts() == [("fault", "resolved")]
        assert fresh(alert).resolved_at == NOON + timedelta(minutes=20)

    def test_each_probe_of_a_unit_has_its_own_fault(self, probe: Sensor) -> None:
        SensorFactory(serial="T", unit=probe.unit)
        RuleFactory(organization=probe.organization, condition="fault", threshold=None, delay_s=0)
        post(probe.organization, reading(0, BROKEN), reading(0, BROKEN, sensor="T"), at=NOON)
        assert alerts() == [("fault", "open"), ("fault", "open")]

    def test_a_fault_that_is_older_than_a_good_reading_is_past(self, probe: Sensor) -> None:
        RuleFactory(organization=probe.organization, condition="fault", threshold=None, delay_s=0)
        post(probe.organization, reading(10, 3.0), at=NOON + timedelta(minutes=10))
        post(probe.organization, reading(5, BROKEN), at=NOON + timedelta(minutes=11))
        assert alerts() == []

    def test_a_good_reading_that_is_older_than_the_fault_ends_nothing(self, probe: Sensor) -> None:
        RuleFactory(organization=probe.organization, condition="fault", threshold=None, delay_s=0)
        post(probe.organization, reading(10, BROKEN), at=NOON + timedelta(minutes=10))
        post(probe.organization, reading(5, 3.0), at=NOON + timedelta(minutes=11))
        assert alerts() == [("fault", "open")]
