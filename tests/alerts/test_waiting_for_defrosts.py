"""A warning in a defrost that was due waits for its end; nothing else does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.lifecycle import defrosts
from alerts.models import Alert
from sensors.models import Sensor
from tests.alerts.people import sweep
from tests.alerts.sweeps import alerts, manager_of, only, subjects, timeline
from tests.alerts.test_labels import MINUTES_5, with_defrosts
from tests.factories import NOON, RuleFactory, SensorFactory, UnitFactory
from tests.ingest.test_pipeline import post, reading
from tests.sensors.readings import store

pytestmark = pytest.mark.django_db

# One begins at two o'clock, after three days in which others were seen.
DUE = NOON + timedelta(days=3, hours=2)


@pytest.fixture
def freezer() -> Sensor:
    """A freezer that has defrosted for three days, twice a day, and a manager; nobody has asked much lately."""
    defrosts.budget.forget()
    unit = UnitFactory(kind="walk_in_freezer", name="Freezer")
    sensor: Sensor = SensorFactory(unit=unit, serial="S")
    count = (DUE - NOON) // MINUTES_5
    store(sensor, *[with_defrosts(NOON + n * MINUTES_5) for n in range(count)], every=MINUTES_5, start=NOON)
    manager_of(sensor.organization)
    return sensor


def warns(sensor: Sensor, **fields: Any) -> None:
    terms = {"condition": "above", "threshold": -18.0, "delay_s": 600, "hysteresis": 0.5, "severity": "warning"}
    RuleFactory(organization=sensor.organization, unit=sensor.unit, **{**terms, **fields})


def live(sensor: Sensor, *minutes: int, warmer: float = 0.0) -> None:
    """Readings of these minutes of the defrost, each as it comes."""
    for minute in minutes:
        at = DUE + timedelta(minutes=minute)
        offset = (at - NOON).total_seconds() / 60
        post(sensor.organization, reading(offset, with_defrosts(at) + warmer), at=at)


def waited_for(alert: Alert) -> datetime:
    return datetime.fromisoformat(alert.facts["defrost_until"])


def test_a_warning_opens_as_ever_and_says_until_when_nobody_is_told(freezer: Sensor) -> None:
    warns(freezer)
    live(freezer, *range(0, 30, 5))
    alert = only()
    until = waited_for(alert)
    assert alert.status == "open"
    assert alert.opened_at < DUE + timedelta(minutes=30) < until < DUE + timedelta(hours=2)
    assert (alert.tell_at, subjects()) == (until, [])
    assert [(event, channel) for event, channel, _ in timeline(alert)] == [
        ("opened", "readings"),
        ("commented", "clock"),
    ]
    assert "A defrost was due" in timeline(alert)[1][2]


def test_over_with_the_defrost_nobody_hears_of_it(freezer: Sensor) -> None:
    warns(freezer)
    live(freezer, *range(0, 60, 5))
    alert = only()
    assert (alert.status, alert.tell_at) == ("resolved", None)
    sweep(DUE + timedelta(hours=3))
    assert subjects() == []


def test_what_lasts_is_told_when_the_defrost_should_be_over(freezer: Sensor) -> None:
    warns(freezer)
    live(freezer, *range(0, 30, 5))
    until = waited_for(only())
    sweep(until - timedelta(seconds=1))
    assert subjects() == []
    sweep(until)
    assert len(subjects()) == 1
    assert only().tell_at == until + timedelta(days=1), "reminded as of any other"


@pytest.mark.parametrize(
    "fields",
    [
        {"severity": "critical"},
        {"is_ceiling": True},
        {"metric": "product_temperature", "threshold": -21.5, "delay_s": 0},
    ],
    ids=["critical", "a hard limit", "of the product"],
)
def test_nothing_else_waits(freezer: Sensor, fields: dict[str, Any]) -> None:
    warns(freezer, **fields)
    live(freezer, *range(0, 30, 5))
    (alert,) = alerts()
    assert "defrost_until" not in alert.facts
    assert len(subjects()) == 1


def test_warmer_than_any_defrost_before_it_is_told_at_once(freezer: Sensor) -> None:
    warns(freezer)
    live(freezer, *range(0, 30, 5), warmer=6.0)
    assert "defrost_until" not in only().facts
    assert len(subjects()) == 1


def test_readings_that_open_nothing_ask_nothing(freezer: Sensor) -> None:
    warns(freezer, threshold=-5.0)
    live(freezer, 0, 5)
    with CaptureQueriesContext(connection) as without:
        live(freezer, 10)
    assert not any("sensors_reading" in query["sql"] and "SELECT" in query["sql"] for query in without)
    assert alerts() == []


def test_where_many_warnings_open_at_once_the_rest_is_told_at_once(freezer: Sensor) -> None:
    warns(freezer)
    asked = [defrosts.budget.take() for _ in range(defrosts.MOST_ASKED + 1)]
    assert asked == [True] * defrosts.MOST_ASKED + [False]
    live(freezer, *range(0, 30, 5))
    assert "defrost_until" not in only().facts
    assert len(subjects()) == 1
