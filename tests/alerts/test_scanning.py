"""The fast way over a unit's past finds what judging every point finds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.evaluation import Incident, Point, Terms, product, rate, replay
from alerts.past.columns import Readings, Track, product_of, rate_of, source_of, track
from alerts.past.scanning import Scan
from alerts.schedules import Hours
from alerts.watching import signal_of, terms_of
from tests.alerts.cases import Case, Expected, Rule, cases, compare

# A Friday morning, so that opening hours begin and end among the points.
BEGIN = 1_795_161_600.0

# Pauses in seconds: none, of a second, of one interval, of just the gap and a little more, of hours; with milliseconds.
pauses = st.sampled_from([0.0, 1.0, 0.007, 60.0, 300.0, 300.0, 300.0, 299.993, 899.999, 900.0, 900.001, 1200.0, 9000.0])
values = st.sampled_from([3.0, 3.5, 4.0, 4.01, 4.5, 4.99, 5.0, 5.01, 6.0, 7.25, 9.0])
terms_of_rules = st.builds(
    Terms,
    st.sampled_from(["above", "below"]),
    st.sampled_from([4.5, 5.0]),
    st.sampled_from([0.0, 1.0, 300.0, 900.0, 1800.0]),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.sampled_from([0.0, 300.0, 600.0, 1200.0]),
)
opening = Hours({"fri": [["08:20", "09:10"], ["10:00", "11:00"]], "sat": [["00:00", "24:00"]]}, "UTC")


@st.composite
def tracks(draw: st.DrawFn, most: int = 60) -> Track:
    """What up to four sensors measured, some of them rarely."""
    columns = []
    for sensor in range(draw(st.integers(1, 4))):
        steps = draw(st.lists(st.tuples(pauses, values), max_size=most))
        at = BEGIN + np.round(np.cumsum([0.0, *(max(pause, 0.001) for pause, _ in steps)])[1:], 3)
        columns.append((at, np.full(len(steps), sensor + 7), np.array([value for _, value in steps], dtype=float)))
    at, sensor, value = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    order = np.lexsort((at, sensor))
    readings = Readings(sensor[order].astype(np.int64), at[order], value[order])
    gaps = {sensor + 7: draw(st.sampled_from([900.0, 900.0, 3600.0])) for sensor in range(4)}
    hours = draw(st.sampled_from([None, None, opening]))
    return track(readings, gaps=gaps, until={}, signal="temperature", hours=hours)


class TestScanning:
    @given(terms_of_rules, tracks())
    def test_finds_what_judging_every_point_finds(self, terms: Terms, seen: Track) -> None:
        _, plain = replay(terms, seen.points())
        assert list(Scan(terms, seen).incidents()) == plain

    @given(terms_of_rules, tracks(), st.integers(0, 240))
    def test_may_begin_anew_after_a_quiet_point(self, terms: Terms, seen: Track, place: int) -> None:
        before = seen.at[place] if place < seen.rows else BEGIN + 1e9
        scan = Scan(terms, seen)
        quiet = scan.quiet_row(after=BEGIN, before=before)
        if quiet is None:
            return
        state, earlier = replay(terms, seen.points(0, quiet + 1))
        assert state.idle
        assert earlier + list(scan.incidents(quiet + 1)) == replay(terms, seen.points())[1]

    def test_a_hundred_days_in_breach_are_one_incident(self) -> None:
        at = BEGIN + 300.0 * np.arange(28_800)
        seen = track(
            Readings(np.ones(len(at), dtype=np.int64), at, 8 + np.arange(len(at)) % 7 / 100),
            gaps={1: 900.0},
            until={},
            signal="temperature",
        )
        found = list(Scan(Terms("above", 5.0, 1800, 1.0, 0), seen).incidents())
        assert found == [Incident(BEGIN, BEGIN + 1800, 1, 8.06, 8.06, None)]

    def test_of_nothing_comes_nothing(self) -> None:
        empty = track(
            Readings(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0)), gaps={1: 900.0}, until={}, signal="rate"
        )
        scan = Scan(Terms("above", 5.0, 0, 0, 0), empty)
        assert list(scan.incidents()) == []
        assert scan.quiet_row(after=0, before=1e12) is None

    def test_what_a_sensor_measured_after_it_was_retired_is_not_the_units(self) -> None:
        readings = Readings(np.full(3, 1), BEGIN + np.array([0.0, 300.0, 600.0]), np.array([3.0, 8.0, 9.0]))
        seen = track(readings, gaps={1: 900.0}, until={1: BEGIN + 300}, signal="temperature")
        assert seen.value.tolist() == [3.0, 8.0]


class TestSignals:
    @given(st.lists(st.tuples(pauses, st.floats(-40, 40)), max_size=80), st.sampled_from([0.0, 600.0, 2700.0, 86400.0]))
    def test_the_estimate_of_a_column_is_that_of_its_points_to_the_last_bit(
        self, steps: list[tuple[float, float]], tau_s: float
    ) -> None:
        points = points_of(steps)
        at, value = (np.array(column, dtype=float) for column in ([p.at for p in points], [p.value for p in points]))
        assert product_of(at, value, tau_s).tolist() == [point.value for point in product(points, tau_s)]

    @given(st.lists(st.tuples(pauses, st.floats(-40, 40)), max_size=80))
    def test_the_rate_of_a_column_is_that_of_its_points_to_the_last_bit(self, steps: list[tuple[float, float]]) -> None:
        points = points_of(steps)
        at, value = (np.array(column, dtype=float) for column in ([p.at for p in points], [p.value for p in points]))
        found = rate(points)
        moments, rises = rate_of(at, value, 900.0)
        assert moments.tolist() == [point.at for point in found]
        assert rises.tolist() == [point.value for point in found]


def points_of(steps: list[tuple[float, float]]) -> list[Point]:
    at, points = BEGIN, []
    for pause, value in steps:
        at = round(at + max(pause, 0.001), 3)
        points.append(Point(at, 1, value, 900.0))
    return points


# --- the table of cases -----------------------------------------------------------------------------------------------

# What people do is no part of a back-test; silence and faults are no excursions.
CASES = [
    case
    for case in cases("pure")
    if not case.acts and not {rule.condition for rule in case.rules} & {"no_data", "fault"}
]


def readings_of(case: Case, source: str) -> Readings:
    numbers = {name: number for number, name in enumerate(case.sensor_names())}
    rows = sorted(
        (numbers[reading.sensor], reading.at, float(value))
        for reading in case.readings()
        if (value := getattr(reading, {"door": "door_open", "product_temperature": "temperature"}.get(source, source)))
        is not None
    )
    sensor, at, value = zip(*rows, strict=True) if rows else ((), (), ())
    return Readings(np.array(sensor, dtype=np.int64), np.array(at, dtype=float), np.array(value, dtype=float))


def found_in(case: Case, rule: Rule) -> list[Expected]:
    names = case.sensor_names()
    signal = signal_of(rule.metric, rule.condition)
    week = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    hours = Hours({day: [case.hours] for day in week} if case.hours else {}, "UTC")
    seen = track(
        readings_of(case, source_of(signal, rule.metric)),
        gaps={number: case.gap_s(name) for number, name in enumerate(names)},
        until={},
        signal=signal,
        tau_s=case.tau_s or 0.0,
        hours=hours if rule.schedule == "opening_hours" else None,
    )
    terms = terms_of(rule.condition, rule.threshold, rule.delay_s, rule.hysteresis, rule.clear_delay_s)
    return [
        Expected(
            rule.name,
            incident.opened_at,
            started=incident.started_at,
            resolved=incident.resolved_at,
            value=incident.value,
            peak=incident.peak,
            sensor=names[incident.sensor],
        )
        for incident in Scan(terms, seen).incidents()
    ]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_finds_what_the_table_says(case: Case) -> None:
    """As if all had come in time: what was told otherwise meanwhile is no part of it."""
    true = tuple(replace(alert, found=None) for alert in case.alerts if alert.contradicted is None)
    assert compare(replace(case, alerts=true), [alert for rule in case.rules for alert in found_in(case, rule)]) == ""


def test_most_of_the_table_is_asked() -> None:
    assert len(CASES) > 30
