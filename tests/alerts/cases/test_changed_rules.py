"""What late readings make of alerts that a rule opened before it was changed: nothing is lost, and nothing stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from alerts import lifecycle
from alerts.models import Alert, AlertRule, Channel
from organizations.models import Organization
from tests.alerts.sweeps import alerts, at, manager_of, only, subjects
from tests.factories import (
    NOON,
    OrganizationFactory,
    RuleFactory,
    SensorFactory,
    UnitFactory,
    UserFactory,
    as_system,
)
from tests.ingest.test_pipeline import post, reading

# As in life each request and each change commits: within one transaction the writer's memory can't see its own changes.
pytestmark = pytest.mark.django_db(transaction=True)

# A report that came late and says nothing of temperatures, or nothing new.
LATE = [{"battery": 93}, {"temperature": 8.5}]


@pytest.fixture
def kitchen() -> Organization:
    """A cooler with the probes S and T, and a rule for more than 8 °C for half an hour that is a day old."""
    organization: Organization = OrganizationFactory()
    unit = UnitFactory(area__site__organization=organization)
    for serial in ("S", "T"):
        SensorFactory(serial=serial, unit=unit)
    before = NOON - timedelta(days=1)
    RuleFactory(organization=organization, threshold=8.0, hysteresis=1.0, created_at=before, changed_at=before)
    manager_of(organization)
    return organization


def measure(kitchen: Organization, minutes: range, value: float, sensor: str = "S") -> None:
    """Each reading comes when it was measured."""
    for minute in minutes:
        post(kitchen, reading(minute, value, sensor=sensor), at=at(minute))


def change(minute: float, **terms: Any) -> None:
    """Somebody changes the rule at this minute."""
    with as_system():
        AlertRule.objects.update(changed_at=at(minute), **terms)


def span(alert: Alert) -> tuple[Any, ...]:
    return alert.started_at, alert.opened_at, alert.resolved_at, alert.contradicted_at


class TestAnAlertThatIsOpen:
    def test_late_readings_end_it_at_their_time(self, kitchen: Organization) -> None:
        measure(kitchen, range(0, 40, 5), 9.0)
        change(38, delay_s=3600)
        measure(kitchen, range(60, 61), 9.0)
        post(kitchen, *(reading(minute, 3.0) for minute in range(70, 39, -5)), at=at(75))
        assert span(only()) == (NOON, at(30), at(40), None)
        assert len(subjects()) == 2, "people hear that it is over"
        measure(kitchen, range(80, 145, 5), 9.0)
        assert [(alert.status, alert.opened_at) for alert in alerts()] == [("resolved", at(30)), ("open", at(140))]

    def test_it_goes_on_while_the_breach_does_and_ends_in_time(self, kitchen: Organization) -> None:
        measure(kitchen, range(0, 40, 5), 9.0)
        change(38, threshold=6.0)
        measure(kitchen, range(40, 55, 5), 7.0)
        post(kitchen, {**reading(33, None), "battery": 93}, at=at(51))
        assert (only().status, only().peak) == ("open", 9.0)
        measure(kitchen, range(55, 60, 5), 12.0)
        assert (only().status, only().peak) == ("open", 12.0)
        measure(kitchen, range(60, 65, 5), 5.0)
        assert span(only()) == (NOON, at(30), at(60), None)

    def test_nothing_that_was_measured_before_the_change_ends_it(self, kitchen: Organization) -> None:
        measure(kitchen, range(0, 40, 5), 9.0)
        change(38, threshold=12.0)
        post(kitchen, reading(33, 9.5), at=at(39))
        assert only().status == "open", "by then the rule was another one"
        measure(kitchen, range(40, 41), 9.0)
        assert span(only()) == (NOON, at(30), at(40), None)


class TestAnAlertThatIsOver:
    @pytest.fixture(autouse=True)
    def over(self, kitchen: Organization) -> None:
        """9 °C from noon on, 7 °C since 12:40, and a rule that is stricter since 12:43."""
        measure(kitchen, range(0, 40, 5), 9.0)
        measure(kitchen, range(40, 45, 5), 7.0)
        change(43, threshold=5.0)

    @pytest.mark.parametrize("late", LATE, ids=str)
    def test_what_the_stricter_rule_says_of_the_time_since_is_told(
        self, kitchen: Organization, late: dict[str, Any]
    ) -> None:
        measure(kitchen, range(45, 60, 5), 7.0)
        post(kitchen, {**reading(33, None), **late}, at=at(56))
        measure(kitchen, range(60, 90, 5), 7.0)
        assert [span(alert)[:3] for alert in alerts()] == [(NOON, at(30), at(40)), (at(45), at(75), None)]
        assert len(subjects()) == 3, "opened, over, opened"

    @pytest.mark.parametrize("late", LATE, ids=str)
    def test_what_it_has_opened_since_stands(self, kitchen: Organization, late: dict[str, Any]) -> None:
        measure(kitchen, range(45, 90, 5), 7.0)
        before = [span(alert) for alert in alerts()]
        assert len(before) == 2
        post(kitchen, {**reading(33, None), **late}, at=at(88))
        assert [span(alert) for alert in alerts()] == before
        measure(kitchen, range(90, 95, 5), 3.0)
        assert [alert.resolved_at for alert in alerts()] == [at(40), at(90)]

    def test_a_late_reading_of_before_it_is_found_beside_it(self, kitchen: Organization) -> None:
        early = [reading(minute, 6.0, sensor="T") for minute in range(-120, -80, 5)]
        post(kitchen, *early, reading(-80, 3.0, sensor="T"), at=at(44))
        assert [span(alert)[:3] for alert in alerts()] == [
            (at(-120), at(-90), at(-80)),
            (NOON, at(30), at(40)),
        ]


class TestAnAlertThatSomebodyResolved:
    @pytest.mark.parametrize("late", LATE, ids=str)
    def test_it_opens_again_only_after_it_has_cleared(self, kitchen: Organization, late: dict[str, Any]) -> None:
        measure(kitchen, range(0, 40, 5), 9.0)
        with as_system():
            lifecycle.resolve(alert=only(), by=UserFactory(), at=at(37), channel=Channel.WEB)
        change(38, threshold=6.0)
        measure(kitchen, range(40, 60, 5), 9.0)
        post(kitchen, {**reading(33, None), **late}, at=at(56))
        measure(kitchen, range(60, 120, 5), 9.0)
        assert [alert.status for alert in alerts()] == ["resolved"]
        measure(kitchen, range(120, 125, 5), 3.0)
        measure(kitchen, range(125, 160, 5), 9.0)
        assert [(alert.status, alert.opened_at) for alert in alerts()] == [("resolved", at(30)), ("open", at(155))]
