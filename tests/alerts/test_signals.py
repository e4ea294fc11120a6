"""What a rule looks at and no sensor reports: the product's temperature, and how fast it gets warmer."""

from __future__ import annotations

from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts.evaluation import Point, product, rate

MINUTE = 60.0
GAP = 900.0
TAU = 45 * MINUTE


def points(*pairs: tuple[float, float], sensor: int = 1) -> list[Point]:
    return [Point(minute * MINUTE, sensor, value, GAP) for minute, value in pairs]


def values(seen: list[Point]) -> list[float]:
    return [point.value for point in seen]


@pytest.mark.parametrize(("minutes", "rise"), [(10, 2.0), (20, 3.6), (60, 7.4)])
def test_air_that_is_10_k_warmer_warms_the_product_as_physics_says(minutes: int, rise: float) -> None:
    air = points((0, 2.0), *((minute, 12.0) for minute in range(5, minutes + 1, 5)))
    assert product(air, TAU)[-1].value - 2.0 == pytest.approx(rise, abs=0.05)


def test_how_often_it_is_measured_doesnt_matter_while_the_air_stays_the_same() -> None:
    often = product(points((0, 2.0), *((minute, 12.0) for minute in range(1, 61))), TAU)
    seldom = product(points((0, 2.0), (60, 12.0)), TAU)
    assert often[-1].value == pytest.approx(seldom[-1].value)


def test_the_product_begins_as_warm_as_the_air() -> None:
    assert values(product(points((0, 7.5)), TAU)) == [7.5]


def test_a_pause_counts_in_full() -> None:
    [_, after] = product(points((0, 3.0), (120, 12.0)), TAU)
    assert after.value == pytest.approx(12 - 9 * exp(-120 / 45))


def test_it_goes_on_from_what_it_was() -> None:
    [estimate] = product(points((45, 10.0)), TAU, {1: (0.0, 0.0)})
    assert estimate.value == pytest.approx(10 * (1 - exp(-1)))


def test_each_sensor_has_its_own_product() -> None:
    mixed = sorted(points((0, 2.0), (30, 2.0)) + points((0, 9.0), (30, 9.0), sensor=2))
    assert values(product(mixed, TAU)) == [2.0, 9.0, 2.0, 9.0]


def test_without_a_time_constant_it_is_the_air() -> None:
    assert values(product(points((0, 2.0), (5, 9.0)), 0)) == [2.0, 9.0]


def test_a_point_keeps_its_time_its_gap_and_its_schedule() -> None:
    outside = Point(300.0, 1, 9.0, GAP, watched=False)
    [estimate] = product([outside], TAU)
    assert estimate == outside


def test_the_rate_is_that_of_the_last_15_minutes() -> None:
    seen = rate(points((0, 2.0), (5, 2.0), (10, 2.0), (15, 3.0), (20, 5.0)))
    assert [(p.at / MINUTE, p.value) for p in seen] == [(10, 0.0), (15, 4.0), (20, 12.0)]


def test_falling_is_a_rate_below_zero() -> None:
    assert values(rate(points((0, 8.0), (15, 5.0)))) == [-12.0]


def test_without_ten_minutes_of_readings_there_is_no_rate() -> None:
    assert rate(points((0, 2.0), (5, 3.0), (9, 4.0))) == []
    assert values(rate(points((0, 2.0), (10, 4.0)))) == [12.0]


def test_what_is_older_than_the_window_and_a_gap_says_nothing() -> None:
    assert values(rate(points((0, 2.0), (30, 7.0)))) == [10.0]
    assert rate(points((0, 2.0), (31, 7.0))) == []
    assert values(rate(points((0, 2.0), (31, 7.0), (41, 8.0)))) == [6.0]


def test_a_sensor_that_reports_hourly_is_compared_with_its_reading_before() -> None:
    hourly = [replace(point, gap_s=3 * 3600.0) for point in points((0, 2.0), (60, 5.0))]
    assert values(rate(hourly)) == [3.0]


def test_each_sensor_has_its_own_rate() -> None:
    mixed = sorted(points((0, 2.0), (15, 3.0)) + points((0, 9.0), (15, 7.0), sensor=2))
    assert [(p.sensor, p.value) for p in rate(mixed)] == [(1, 4.0), (2, -8.0)]


temperatures = st.floats(min_value=-40, max_value=60).map(lambda value: round(value, 2))


@st.composite
def measured(draw: st.DrawFn) -> list[Point]:
    """Of one to three sensors, in order of (at, sensor)."""
    at, seen = 1_760_000_000.0, []
    for sensor, pause, value in draw(
        st.lists(st.tuples(st.integers(1, 3), st.sampled_from([0, 1, 60, 300, 901, 40_000]), temperatures), max_size=40)
    ):
        at += pause
        seen.append(Point(at, sensor, value, GAP))
    return sorted({(point.at, point.sensor): point for point in seen}.values())


@given(measured(), st.floats(min_value=1, max_value=20_000), st.integers(0, 40))
def test_estimated_in_two_parts_it_is_the_same_if_one_remembers_what_it_was(
    seen: list[Point], tau_s: float, cut: int
) -> None:
    first = product(seen[:cut], tau_s)
    carried = {point.sensor: (point.at, point.value) for point in first}
    assert first + product(seen[cut:], tau_s, carried) == product(seen, tau_s)


@given(measured(), st.floats(min_value=0, max_value=20_000))
def test_the_estimate_never_leaves_the_range_of_what_was_measured(seen: list[Point], tau_s: float) -> None:
    low: dict[int, float] = {}
    high: dict[int, float] = {}
    for point, estimate in zip(seen, product(seen, tau_s), strict=True):
        low[point.sensor] = min(point.value, low.get(point.sensor, point.value))
        high[point.sensor] = max(point.value, high.get(point.sensor, point.value))
        assert low[point.sensor] <= estimate.value <= high[point.sensor]


@given(measured(), st.integers(0, 40))
def test_a_rate_needs_no_more_past_than_15_minutes_and_a_gap(seen: list[Point], cut: int) -> None:
    news = seen[cut:]
    if not news:
        return
    recent = [point for point in seen[:cut] if point.at >= news[0].at - 900 - GAP]
    is_new = {(point.at, point.sensor) for point in news}
    with_recent, with_all = (
        [point for point in rate([*past, *news]) if (point.at, point.sensor) in is_new] for past in (recent, seen[:cut])
    )
    assert with_recent == with_all


@given(measured())
def test_a_steady_rise_has_one_rate(seen: list[Point]) -> None:
    rising = [replace(point, value=(point.at - 1_760_000_000.0) / 3600 * 6) for point in seen]
    assert all(value == pytest.approx(6.0) for value in values(rate(rising)))
