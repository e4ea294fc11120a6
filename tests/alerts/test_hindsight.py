"""What happened, whatever came late; and what becomes of what was told before. Minutes after noon; °C."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.evaluation import (
    Amended,
    Contradicted,
    Found,
    Incident,
    Move,
    Opened,
    Point,
    State,
    Terms,
    Told,
    evaluate,
    product,
    reconcile,
    replay,
)
from tests.alerts.cases.model import Alert, House

MINUTE = 60.0
GAP = 900.0
FOREVER = None

ABOVE_5_FOR_30 = Terms("above", 5.0, 30 * MINUTE, 1.0, 0)


def points(*pairs: tuple[float, float], sensor: int = 1) -> list[Point]:
    return [Point(minute * MINUTE, sensor, value, GAP) for minute, value in pairs]


def steady(value: float, *, until: int, start: int = 0) -> list[Point]:
    return points(*((minute, value) for minute in range(start, until + 1, 5)))


def incident(started: float, opened: float, resolved: float | None, *, value: float = 8, peak: float = 8) -> Incident:
    end = None if resolved is None else resolved * MINUTE
    return Incident(started * MINUTE, opened * MINUTE, 1, value, peak, end)


def told(key: Any, happened: Incident, *, contradicted: bool = False) -> Told:
    return Told(
        key,
        happened.started_at,
        happened.opened_at,
        happened.resolved_at,
        happened.peak,
        happened.value,
        contradicted,
    )


class TestReplay:
    def test_it_tells_each_excursion_with_its_beginning_its_end_and_its_peak(self) -> None:
        readings = [*steady(8, until=30), *points((35, 12), (40, 3)), *steady(6, start=45, until=80)]
        state, incidents = replay(ABOVE_5_FOR_30, readings)
        assert incidents == [incident(0, 30, 40, peak=12), incident(45, 75, FOREVER, value=6, peak=6)]
        assert state.open

    def test_the_peak_of_one_that_lasts_is_that_of_now(self) -> None:
        _, incidents = replay(ABOVE_5_FOR_30, [*steady(8, until=30), *points((35, 12), (40, 9))])
        assert incidents == [incident(0, 30, FOREVER, peak=12)]

    def test_what_a_person_resolved_is_over_at_that_time_and_held(self) -> None:
        state, incidents = replay(ABOVE_5_FOR_30, steady(8, until=120), hand=[42 * MINUTE])
        assert incidents == [incident(0, 30, 42)._replace(by_hand=True)]
        assert (state.open, state.held) == (False, True)

    def test_a_resolution_comes_after_the_readings_up_to_its_time(self) -> None:
        readings = [*steady(8, until=30), *points((40, 9), (41, 15))]
        _, incidents = replay(ABOVE_5_FOR_30, readings, hand=[40 * MINUTE])
        assert incidents == [incident(0, 30, 40, peak=9)._replace(by_hand=True)]

    def test_a_resolution_of_nothing_does_nothing(self) -> None:
        alone = replay(ABOVE_5_FOR_30, steady(8, until=60))
        assert replay(ABOVE_5_FOR_30, steady(8, until=60), hand=[10 * MINUTE]) == alone

    def test_a_resolution_after_all_readings_counts(self) -> None:
        _, incidents = replay(ABOVE_5_FOR_30, steady(8, until=30), hand=[500 * MINUTE])
        assert incidents == [incident(0, 30, 500)._replace(by_hand=True)]

    def test_siblings_count_across_a_resolution(self) -> None:
        warm, cold = steady(8, until=30), points((42, 3), sensor=2)
        state, _ = replay(ABOVE_5_FOR_30, [*warm, *cold], hand=[40 * MINUTE])
        assert state.held
        state, _ = replay(ABOVE_5_FOR_30, [*warm, *points((46, 3), sensor=2)], hand=[40 * MINUTE])
        assert not state.held

    def test_what_was_before_goes_on(self) -> None:
        before, after = steady(8, until=15), steady(8, start=20, until=30)
        state, _ = evaluate(ABOVE_5_FOR_30, State(), before)
        assert replay(ABOVE_5_FOR_30, after, state=state)[1] == [incident(0, 30, FOREVER)]
        cold = {2: (0.0, 9.0, 3600.0)}
        assert replay(ABOVE_5_FOR_30, steady(3, until=30), others=cold)[1] == [
            incident(0, 30, FOREVER, value=9, peak=9)._replace(sensor=2)
        ]


class TestReconcile:
    FIRST, SECOND = incident(0, 30, 60), incident(90, 120, 180)

    def test_what_agrees_stays(self) -> None:
        assert reconcile([told("a", self.FIRST), told("b", self.SECOND)], [self.FIRST, self.SECOND]) == []

    def test_values_that_nobody_can_tell_apart_agree(self) -> None:
        assert reconcile([told("a", self.FIRST)], [self.FIRST._replace(peak=8.004)]) == []
        moves = reconcile([told("a", self.FIRST)], [self.FIRST._replace(peak=8.01)])
        assert moves == [Amended("a", self.FIRST._replace(peak=8.01))]

    def test_what_nobody_was_told_of_is_found(self) -> None:
        assert reconcile([told("a", self.FIRST)], [self.FIRST, self.SECOND]) == [Found(self.SECOND)]

    def test_what_never_was_is_contradicted_even_if_it_is_open(self) -> None:
        assert reconcile([told("a", self.FIRST)], []) == [Contradicted("a")]
        assert reconcile([told("a", incident(0, 30, FOREVER))], []) == [Contradicted("a")]

    def test_what_is_contradicted_already_stays_so(self) -> None:
        assert reconcile([told("a", self.FIRST, contradicted=True)], [self.SECOND]) == [Found(self.SECOND)]

    def test_other_times_amend(self) -> None:
        true = incident(-20, 10, 60, peak=9)
        assert reconcile([told("a", self.FIRST)], [true]) == [Amended("a", true)]

    def test_what_is_not_over_after_all_is_open_again(self) -> None:
        true = incident(0, 30, FOREVER)
        assert reconcile([told("a", self.FIRST)], [true]) == [Amended("a", true)]

    def test_one_that_became_two_is_kept_by_the_first(self) -> None:
        one = incident(0, 30, 180)
        moves = reconcile([told("a", one)], [self.FIRST, self.SECOND])
        assert moves == [Amended("a", self.FIRST), Found(self.SECOND)]
        lasting = incident(90, 120, FOREVER)
        moves = reconcile([told("a", incident(0, 30, FOREVER))], [self.FIRST, lasting])
        assert moves == [Amended("a", self.FIRST), Found(lasting)]

    def test_of_two_that_became_one_the_first_goes_on(self) -> None:
        one = incident(0, 30, 180)
        moves = reconcile([told("a", self.FIRST), told("b", self.SECOND)], [one])
        assert moves == [Contradicted("b"), Amended("a", one)]

    def test_of_two_that_became_one_the_open_one_goes_on(self) -> None:
        one = incident(0, 30, FOREVER)
        moves = reconcile([told("a", self.FIRST), told("b", incident(90, 120, FOREVER))], [one])
        assert moves == [Contradicted("a"), Amended("b", one)]

    def test_as_many_as_possible_keep_their_alert(self) -> None:
        long, short = incident(0, 30, 100), incident(110, 140, 180)
        true = [incident(0, 30, 40), incident(60, 90, 170)]
        assert reconcile([told("a", long), told("b", short)], true) == [Amended("a", true[0]), Amended("b", true[1])]

    def test_two_that_only_touch_are_not_mixed_up(self) -> None:
        before, after = incident(0, 30, 60), incident(60, 60, 90)
        assert reconcile([told("b", after)], [before, after]) == [Found(before)]

    def test_what_was_contradicted_stands_again_if_it_was_after_all(self) -> None:
        assert reconcile([told("a", self.FIRST, contradicted=True)], [self.FIRST]) == [Amended("a", self.FIRST)]

    def test_contradicted_ones_are_taken_only_where_no_other_fits(self) -> None:
        alerts = [told("old", self.FIRST, contradicted=True), told("new", incident(10, 40, 60))]
        assert reconcile(alerts, [self.FIRST]) == [Amended("new", self.FIRST)]

    def test_of_several_contradicted_ones_that_which_opened_then_stands_again(self) -> None:
        alerts = [
            told("early", incident(-10, 20, 60), contradicted=True),
            told("right", self.FIRST, contradicted=True),
        ]
        assert reconcile(alerts, [self.FIRST]) == [Amended("right", self.FIRST)]

    def test_a_contradicted_one_that_stood_for_long_is_not_taken_for_what_came_later(self) -> None:
        lasted = incident(0, 30, 600)  # for as long as nobody knew better
        assert reconcile([told("a", lasted, contradicted=True)], [self.SECOND]) == [Found(self.SECOND)]

    def test_what_closes_comes_before_what_opens(self) -> None:
        alerts = [told("a", incident(0, 30, FOREVER)), told("c", incident(70, 80, 85), contradicted=True)]
        true = [self.FIRST, incident(80, 100, FOREVER)]
        assert reconcile(alerts, true) == [Amended("a", true[0]), Amended("c", true[1])]


def by_time(happened: Told | Incident) -> tuple[float, float, float]:
    end = inf if happened.resolved_at is None else happened.resolved_at
    return happened.started_at, happened.opened_at, end


def applied(alerts: list[Told], moves: list[Move]) -> list[Told]:
    """The alerts after the moves; never are two open."""
    after = {alert.key: alert for alert in alerts}
    for number, move in enumerate(moves):
        if isinstance(move, Found):
            after[f"found {number} of {len(alerts)}"] = told(f"found {number} of {len(alerts)}", move.incident)
        elif isinstance(move, Amended):
            after[move.key] = told(move.key, move.incident)
        else:
            alert = after[move.key]
            end = 1e9 if alert.resolved_at is None else alert.resolved_at
            after[move.key] = alert._replace(contradicted=True, resolved_at=end)
        assert len([alert for alert in after.values() if alert.resolved_at is None]) <= 1
    return list(after.values())


@st.composite
def pasts(draw: st.DrawFn) -> list[Incident]:
    """Incidents as a replay may tell them: one after the other, touching at most, only the last one open."""
    at, found = 0.0, []
    for pause, delay, length, value in draw(
        st.lists(st.tuples(*[st.integers(0, 6)] * 3, st.integers(6, 9)), max_size=6)
    ):
        started = at + pause
        opened = started + delay
        at = opened + length
        found.append(incident(started, opened, at, value=value, peak=value))
    if found and draw(st.booleans()):
        found[-1] = found[-1]._replace(resolved_at=None)
    return found


@given(pasts(), pasts(), pasts())
def test_once_reconciled_alerts_agree_with_what_happened_and_nothing_is_left_to_do(
    first: list[Incident], second: list[Incident], third: list[Incident]
) -> None:
    alerts: list[Told] = []
    for true in (first, second, third, second):
        alerts = applied(alerts, reconcile(alerts, true))
        stand = [alert._replace(key="") for alert in alerts if not alert.contradicted]
        assert sorted(stand, key=by_time) == sorted((told("", happened) for happened in true), key=by_time)
        assert reconcile(alerts, true) == []


# --- a house in memory ------------------------------------------------------------------------------------------------

values = st.one_of(
    st.sampled_from([3.0, 4.0, 4.5, 5.0, 6.0, 8.0]),
    st.floats(min_value=-5, max_value=15).map(lambda value: round(value, 2)),
)
rules = st.builds(
    Terms,
    condition=st.sampled_from(["above", "below"]),
    threshold=st.sampled_from([4.0, 5.0]),
    delay_s=st.sampled_from([0, 300, 600, 1800]),
    hysteresis=st.sampled_from([0.0, 1.0]),
    clear_delay_s=st.sampled_from([0, 300, 900]),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Point]:
    """What one to three sensors measure, in order; some of it outside the rule's schedule."""
    sensors = draw(st.integers(1, 3))
    at, history = 1_760_000_000.0, {}
    step = st.tuples(st.integers(1, sensors), st.sampled_from([0, 60, 300, 300, 300, 900, 901, 7200]), values)
    closed = draw(st.sampled_from([0, 0, 5]))  # every so many hours
    for sensor, pause, value in draw(st.lists(step, max_size=30)):
        at += pause
        watched = not closed or (at // 3600) % closed != 0
        history[at, sensor] = Point(at, sensor, value, GAP, watched)
    return [history[key] for key in sorted(history)]


@st.composite
def arrivals(draw: st.DrawFn, *, in_order: bool) -> tuple[list[Point], list[list[Point]]]:
    """A history, and in what pieces it arrives: with repeats, and mixed up unless in order."""
    history = draw(histories())
    order = list(range(len(history)))
    if not in_order:
        order = draw(st.permutations(order))
    pieces: list[list[Point]] = []
    for place in order:
        if not pieces or draw(st.booleans()):
            pieces.append([])
        pieces[-1].append(history[place])
        if draw(st.integers(0, 4)) == 0:
            # A gateway that heard no answer sends again what it has sent.
            pieces[-1].append(history[draw(st.sampled_from(order[: order.index(place) + 1]))])
    return history, pieces


def standing(house: House) -> list[Incident]:
    """The alerts that are not contradicted, as incidents, by time."""
    found = [alert.incident() for alert in house.alerts if alert.contradicted_at is None]
    return sorted(found, key=by_time)


def shown(incidents: list[Incident]) -> list[tuple[Any, ...]]:
    """As everybody sees them: to the hundredth (less is not amended). Of two as warm either may be named."""
    return [
        (
            i.started_at,
            i.opened_at,
            i.resolved_at,
            i.by_hand,
            pytest.approx(i.value, abs=0.005),
            pytest.approx(i.peak, abs=0.005),
        )
        for i in incidents
    ]


def plain(incidents: list[Incident]) -> list[tuple[Any, ...]]:
    return [(i.started_at, i.opened_at, i.resolved_at, i.by_hand, i.value, i.peak) for i in incidents]


def run(terms: Terms, pieces: list[list[Point]], **more: Any) -> House:
    house = House(terms, **more)
    clock = 0.0
    for piece in pieces:
        clock = max([clock, *(point.at for point in piece)])
        house.arrive(piece, at=clock)
    return house


@given(rules, arrivals(in_order=True))
def test_splitting_and_repeating_never_change_what_happens(
    terms: Terms, arriving: tuple[list[Point], list[list[Point]]]
) -> None:
    history, pieces = arriving
    _, incidents = replay(terms, history)
    house = run(terms, pieces)
    assert [alert.incident() for alert in house.alerts] == incidents
    assert all(alert.contradicted_at is None for alert in house.alerts)


@given(rules, arrivals(in_order=False))
def test_in_any_order_what_stands_in_the_end_is_what_happened(
    terms: Terms, arriving: tuple[list[Point], list[list[Point]]]
) -> None:
    history, pieces = arriving
    _, incidents = replay(terms, history)
    house = run(terms, pieces)
    assert plain(standing(house)) == shown(incidents)


@given(rules, arrivals(in_order=False))
def test_only_what_was_told_before_the_contradicting_reading_came_is_contradicted(
    terms: Terms, arriving: tuple[list[Point], list[list[Point]]]
) -> None:
    _, pieces = arriving
    house = House(terms)
    for number, piece in enumerate(pieces):
        before = list(house.alerts)
        house.arrive(piece, at=float(number))
        after = house.alerts
        assert len(after) >= len(before), "what was told stays"
        for place, alert in enumerate(after):
            if alert.contradicted_at == float(number):
                # It was told by then, and by what was known then it was right.
                assert place < len(before)
                assert before[place].contradicted_at is None
        known = [point for some in pieces[: number + 1] for point in some]
        assert plain(standing(house)) == shown(replay(terms, in_order(known))[1])


@given(rules, arrivals(in_order=False), st.data())
def test_resolved_by_hand_at_any_time_what_stands_is_what_happened(
    terms: Terms, arriving: tuple[list[Point], list[list[Point]]], data: st.DataObject
) -> None:
    _, pieces = arriving
    house, clock = House(terms), 0.0
    for piece in pieces:
        clock = max([clock, *(point.at for point in piece)])
        house.arrive(piece, at=clock)
        if house.state.open and data.draw(st.booleans()):
            house.resolve(at=clock + 30)
            assert not house.state.open
        known = in_order(list(house.stored.values()))
        assert plain(standing(house)) == shown(replay(terms, known, hand=house.hand)[1])


@given(rules, arrivals(in_order=False), st.sampled_from([600.0, 2700.0]))
def test_the_products_temperature_may_come_in_any_order_too(
    terms: Terms, arriving: tuple[list[Point], list[list[Point]]], tau_s: float
) -> None:
    history, pieces = arriving
    house = run(terms, pieces, signal=lambda seen: product(seen, tau_s))
    assert plain(standing(house)) == shown(replay(terms, product(history, tau_s))[1])


@given(rules, arrivals(in_order=False))
def test_judging_again_changes_nothing(terms: Terms, arriving: tuple[list[Point], list[list[Point]]]) -> None:
    _, pieces = arriving
    house = run(terms, pieces)
    alerts = [
        Told(n, a.started_at, a.opened_at, a.resolved_at, a.peak, a.value, a.contradicted_at is not None)
        for n, a in enumerate(house.alerts)
    ]
    assert reconcile(alerts, house.incidents()) == []


def in_order(seen: list[Point]) -> list[Point]:
    unique = {(point.at, point.sensor): point for point in seen}
    return [unique[key] for key in sorted(unique)]


def test_the_model_keeps_what_was_told_and_found() -> None:
    """A guard of the guard: a house that forgot its alerts would pass the properties."""
    house = run(ABOVE_5_FOR_30, [points((0, 8)), points((15, 8)), points((30, 8)), points((40, 3))])
    assert house.alerts == [Alert(0.0, 30 * MINUTE, 1, 8, 8, 40 * MINUTE)]
    house.arrive(points((20, 3)), at=50 * MINUTE)
    assert house.alerts == [Alert(0.0, 30 * MINUTE, 1, 8, 8, 40 * MINUTE, contradicted_at=50 * MINUTE)]
    house.arrive(points((5, 8), (10, 8), (-15, 8), (-30, 8)), at=60 * MINUTE)
    assert house.alerts == [Alert(-30 * MINUTE, 0.0, 1, 8, 8, 20 * MINUTE)]


def test_an_alert_open_before_is_followed_and_is_no_incident() -> None:
    state, [opened] = evaluate(ABOVE_5_FOR_30, State(), steady(8, until=30))
    assert opened == Opened(0.0, 30 * MINUTE, 1, 8, 8)
    assert replay(ABOVE_5_FOR_30, points((35, 3)), state=state) == (State(), [])
