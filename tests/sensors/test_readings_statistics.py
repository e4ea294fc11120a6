"""How long it was too warm: counted as alert rules count time, equal to a recount by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors import time_in_range
from sensors.models import Sensor
from tests.factories import NOON, OrganizationFactory, SensorFactory, as_system
from tests.sensors.readings import Measured, keep, store
from tests.sensors.test_api import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> Api:
    return Api(OrganizationFactory())


@pytest.fixture
def sensor(api: Api) -> Sensor:
    return SensorFactory(unit__area__site__organization=api.organization)


def ask(api: Api, sensor: Sensor, status: int = 200, **query: Any) -> dict[str, Any]:
    query = {"from": NOON.isoformat(), "to": (NOON + timedelta(hours=1)).isoformat(), **query}
    return api.read(f"units/{sensor.unit_id}/readings/statistics/", status=status, **query)


def test_a_reading_counts_until_the_next_one(api: Api, sensor: Sensor) -> None:
    store(sensor, 3, 6, 6, 1, 3)
    found = ask(api, sensor, low=2, high=5)
    assert found == {
        "from": "2026-11-20T12:00:00Z",
        "to": "2026-11-20T13:00:00Z",
        "measured_s": 1200,
        "in_range_s": 300,
        "above_s": 600,
        "below_s": 300,
        "min": 1,
        "avg": 3.8,
        "max": 6,
        "count": 5,
        "shown_from": None,
    }


def test_limits_are_in_range_and_may_be_left_out(api: Api, sensor: Sensor) -> None:
    store(sensor, 2, 5, 7)
    assert ask(api, sensor, low=2, high=5)["in_range_s"] == 600
    assert ask(api, sensor, high=4.99)["above_s"] == 300
    everything = ask(api, sensor)
    assert (everything["in_range_s"], everything["above_s"], everything["below_s"]) == (600, 0, 0)


def test_a_long_pause_adds_nothing(api: Api, sensor: Sensor) -> None:
    store(sensor, 9, 9, every=timedelta(minutes=15, seconds=1))
    assert ask(api, sensor, high=5)["measured_s"] == 0
    slow = SensorFactory(unit__area__site__organization=api.organization, expected_interval_s=400)
    store(slow, 9, 9, every=timedelta(seconds=1200))
    assert ask(api, slow, high=5)["above_s"] == 1200


def test_times_of_neighbouring_ranges_add_up(api: Api, sensor: Sensor) -> None:
    store(sensor, *[index % 9 for index in range(30)], every=timedelta(minutes=7))
    middle = (NOON + timedelta(minutes=88)).isoformat()
    end = (NOON + timedelta(hours=9)).isoformat()
    whole, one, other = (
        ask(api, sensor, low=2, high=5, **part) for part in ({"to": end}, {"to": middle}, {"from": middle, "to": end})
    )
    for name in ("measured_s", "in_range_s", "above_s", "below_s", "count"):
        assert one[name] + other[name] == pytest.approx(whole[name])
    assert whole["measured_s"] == 29 * 7 * 60


def test_times_of_several_sensors_add_up(api: Api, sensor: Sensor) -> None:
    other = SensorFactory(organization=api.organization, unit=sensor.unit, site_id=sensor.site_id)
    store(sensor, 3, 9, 3)
    store(other, 9, 9, 3)
    found = ask(api, sensor, high=5)
    assert (found["measured_s"], found["above_s"], found["count"]) == (1200, 900, 6)


def test_nothing_measured_is_nothing(api: Api, sensor: Sensor) -> None:
    found = ask(api, sensor, low=2, high=5)
    assert (found["measured_s"], found["count"], found["min"], found["avg"]) == (0, 0, None, None)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"low": "5", "high": "2"}, "low"),
        ({"high": "warm"}, "high"),
        ({"high": "NaN"}, "high"),
        ({"from": "2020-01-01T00:00:00Z"}, "from"),
        ({"from": "2027-01-01T00:00:00Z"}, "from"),
    ],
)
def test_a_wrong_parameter_is_named(api: Api, sensor: Sensor, query: dict[str, str], field: str) -> None:
    assert ask(api, sensor, status=400, **query)["errors"][0]["field"] == field


def test_a_range_in_the_past_has_a_version(api: Api, sensor: Sensor) -> None:
    past = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
    path = api.path(f"sensors/{sensor.public_id}/readings/statistics/")
    first = api.get(path, past)
    assert api.get(path, past, HTTP_IF_NONE_MATCH=first.headers["ETag"]).status_code == 304
    store(sensor, 3, start=datetime.fromisoformat("2026-01-01T12:00:00+00:00"))
    assert api.get(path, past, HTTP_IF_NONE_MATCH=first.headers["ETag"]).status_code == 200


def recounted(
    measured: list[Measured], *, start: datetime, end: datetime, low: int, high: int, gap_s: float
) -> dict[str, float]:
    times = {"in_range_s": 0.0, "above_s": 0.0, "below_s": 0.0}
    warm = sorted((one for one in measured if one.temperature is not None), key=lambda one: one.at)
    for one, following in pairwise(warm):
        if (following.at - one.at).total_seconds() > gap_s:
            continue
        seconds = (min(following.at, end) - max(one.at, start)).total_seconds()
        value = one.temperature or 0
        name = "above_s" if value > high else "below_s" if value < low else "in_range_s"
        times[name] += max(seconds, 0)
    return times


@settings(max_examples=60)
@given(
    minutes=st.lists(st.integers(-200, 200), unique=True, max_size=40),
    values=st.lists(st.one_of(st.none(), st.integers(-500, 1500)), min_size=40, max_size=40),
    start=st.integers(-150, 100),
    length=st.integers(1, 200),
    limits=st.tuples(st.integers(-500, 1500), st.integers(0, 900)),
    interval_s=st.sampled_from([60, 300, 900]),
)
def test_times_equal_a_recount(
    minutes: list[int],
    values: list[int | None],
    start: int,
    length: int,
    limits: tuple[int, int],
    interval_s: int,
) -> None:
    sensor = SensorFactory(expected_interval_s=interval_s)
    measured = [Measured(NOON + timedelta(minutes=m), v) for m, v in zip(minutes, values, strict=False)]
    keep(sensor, measured)
    begin = NOON + timedelta(minutes=start)
    end = begin + timedelta(minutes=length)
    low, high = limits[0], limits[0] + limits[1]
    with as_system():
        found = time_in_range.statistics(sensors=[sensor], start=begin, end=end, low=low / 100, high=high / 100)
    gap_s = max(900.0, 3 * interval_s)
    expected = recounted(measured, start=begin, end=end, low=low, high=high, gap_s=gap_s)
    assert {name: getattr(found, name) for name in expected} == expected
    assert found.measured_s == sum(expected.values())
    inside = [m.temperature for m in measured if m.temperature is not None and begin <= m.at < end]
    assert (found.count, found.max) == (len(inside), max(inside) / 100 if inside else None)
