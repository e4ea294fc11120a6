"""The meaning of a rule, in readings and times. Minutes after noon; °C."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts.evaluation import Opened, Point, Resolved, State, Terms, evaluate, resolved_by_hand, steps

MINUTE = 60
GAP = 15 * MINUTE

ABOVE_5_FOR_30 = Terms("above", 5.0, 30 * MINUTE, 1.0, 0)


def points(*pairs: tuple[float, float], sensor: int = 1) -> list[Point]:
    return [Point(minute * MINUTE, sensor, value, GAP) for minute, value in pairs]


def steady(value: float, *, until: int, start: int = 0, every: int = 5) -> list[Point]:
    return points(*((minute, value) for minute in range(start, until + 1, every)))


def story(terms: Terms, *batches: list[Point]) -> list[tuple[str, float]]:
    """What happened, and at which minute."""
    state, told = State(), []
    for batch in batches:
        state, transitions = evaluate(terms, state, batch)
        told += [(type(t).__name__.lower(), t.at / MINUTE) for t in transitions]
    return told


def test_reaching_the_delay_exactly_opens() -> None:
    assert story(ABOVE_5_FOR_30, steady(8, until=25)) == []
    assert story(ABOVE_5_FOR_30, steady(8, until=30)) == [("opened", 30)]


def test_no_delay_opens_at_the_first_reading_in_breach() -> None:
    assert story(Terms("above", 5.0, 0, 1.0, 0), points((0, 5.0), (5, 5.01))) == [("opened", 5)]


def test_a_value_on_the_threshold_is_inside() -> None:
    assert story(ABOVE_5_FOR_30, steady(5.0, until=300)) == []


def test_one_reading_back_inside_starts_the_delay_anew() -> None:
    warm = points((0, 8), (5, 8), (10, 8), (15, 8), (20, 8), (25, 4), (30, 8), (35, 8))
    assert story(ABOVE_5_FOR_30, warm) == []
    assert story(ABOVE_5_FOR_30, warm, steady(8, start=40, until=60)) == [("opened", 60)]


def test_a_reading_back_inside_never_opens_even_if_it_completes_the_delay() -> None:
    assert story(ABOVE_5_FOR_30, steady(8, until=25), points((30, 4))) == []


def test_the_delay_is_frozen_through_a_gap() -> None:
    before, after = steady(8, until=20), steady(8, start=120, until=130)
    assert story(ABOVE_5_FOR_30, before, after) == [("opened", 130)]


def test_a_pause_of_exactly_the_gap_still_counts() -> None:
    assert story(ABOVE_5_FOR_30, points((0, 8), (15, 8), (30, 8))) == [("opened", 30)]
    assert story(ABOVE_5_FOR_30, points((0, 8), (15.1, 8), (30, 8))) == []


def test_it_clears_only_beyond_the_hysteresis() -> None:
    warm = steady(8, until=30)
    assert story(ABOVE_5_FOR_30, warm, points((35, 4.5), (40, 4.1))) == [("opened", 30)]
    assert story(ABOVE_5_FOR_30, warm, points((35, 4.0))) == [("opened", 30), ("resolved", 35)]


def test_it_clears_after_the_clear_delay() -> None:
    terms = ABOVE_5_FOR_30._replace(clear_delay_s=10 * MINUTE)
    cold = points((35, 3), (40, 4.5), (45, 3), (50, 3), (55, 3))
    assert story(terms, steady(8, until=30), cold) == [("opened", 30), ("resolved", 55)]


def test_the_clear_delay_is_frozen_through_a_gap_too() -> None:
    terms = ABOVE_5_FOR_30._replace(clear_delay_s=10 * MINUTE)
    cold = points((35, 3), (90, 3), (95, 3), (100, 3))
    assert story(terms, steady(8, until=30), cold) == [("opened", 30), ("resolved", 100)]


def test_below_mirrors_above() -> None:
    hot = Terms("below", 57.0, 15 * MINUTE, 1.5, 0)
    readings = points((0, 56), (5, 55), (10, 56), (15, 56), (20, 58), (25, 58.5))
    assert story(hot, readings) == [("opened", 15), ("resolved", 25)]


def test_it_says_when_it_began_the_value_and_the_peak() -> None:
    _, told = evaluate(ABOVE_5_FOR_30, State(), points((0, 6), (10, 11), (20, 9), (30, 7)))
    assert told == [Opened(0, 30 * MINUTE, 1, 7, 11)]


def test_the_peak_grows_while_it_is_open() -> None:
    state, _ = evaluate(ABOVE_5_FOR_30, State(), [*steady(8, until=30), *points((35, 14), (40, 9))])
    assert state.peak == 14
    _, told = evaluate(ABOVE_5_FOR_30, state, points((45, 3)))
    assert told == [Resolved(45 * MINUTE, 14)]


def test_the_warmest_of_several_sensors_counts() -> None:
    warm, cold = steady(8, until=30), [replace(p, sensor=2) for p in steady(3, until=30)]
    mixed = sorted(warm + cold, key=lambda p: (p.at, p.sensor))
    assert story(ABOVE_5_FOR_30, mixed) == [("opened", 30)]


def test_a_sensor_that_fell_silent_stops_counting_after_its_gap() -> None:
    warm, cold = points((0, 8)), [replace(p, sensor=2) for p in steady(3, start=5, until=40)]
    assert story(ABOVE_5_FOR_30, [*warm, *cold]) == []


def test_a_sibling_that_comes_late_is_judged_with_the_last_one() -> None:
    terms = ABOVE_5_FOR_30._replace(delay_s=0)
    state, _ = evaluate(terms, State(breached=True, open=True, at=10 * MINUTE), points((10, 3)))
    assert not state.open
    late = [Point(9 * MINUTE, 2, 9.0, GAP)]
    assert story(terms, points((10, 3)), late) == [("opened", 9)]


def test_the_sensor_that_is_farthest_out_is_named_whoever_reports() -> None:
    warm, cold = points((0, 8), (10, 8), (20, 9), (29, 9), sensor=2), points((30, 3))
    _, [opened] = evaluate(ABOVE_5_FOR_30, State(), [*warm, *cold])
    assert (opened.at / MINUTE, opened.sensor, opened.value) == (30, 2, 9)


def test_each_sensor_counts_for_its_own_gap() -> None:
    hourly = {2: (0.0, 8.0, 3 * 3600.0)}
    seen = steady(3, start=5, until=60)
    assert [t.at / MINUTE for t in evaluate(ABOVE_5_FOR_30, State(), seen, others=hourly)[1]] == [35]
    assert evaluate(ABOVE_5_FOR_30, State(), seen, others={2: (0.0, 8.0)})[1] == []


def outside(seen: list[Point]) -> list[Point]:
    return [replace(point, watched=False) for point in seen]


def test_outside_its_schedule_a_rule_starts_nothing() -> None:
    state, told = evaluate(ABOVE_5_FOR_30, State(), outside(steady(8, until=120)))
    assert (told, state.idle) == ([], True)
    assert story(ABOVE_5_FOR_30, outside(steady(8, until=25)), steady(8, start=30, until=60)) == [("opened", 60)]


def test_outside_its_schedule_a_breach_adds_nothing_and_resets_nothing() -> None:
    before, night, morning = (
        steady(8, until=20),
        outside(steady(8, start=25, until=600)),
        steady(8, start=605, until=615),
    )
    assert story(ABOVE_5_FOR_30, before, night, morning) == [("opened", 615)]


def test_outside_its_schedule_a_reading_back_inside_starts_it_over() -> None:
    before, night, morning = steady(8, until=20), outside(points((25, 3))), steady(8, start=30, until=55)
    assert story(ABOVE_5_FOR_30, before, night, morning) == []


def test_outside_its_schedule_nothing_opens_even_without_a_delay() -> None:
    assert story(ABOVE_5_FOR_30._replace(delay_s=0), outside(points((0, 8))), points((5, 8))) == [("opened", 5)]


def test_outside_its_schedule_an_open_alert_goes_on_clearing() -> None:
    night = outside(points((35, 12), (40, 3)))
    state, told = evaluate(ABOVE_5_FOR_30, State(), [*steady(8, until=30), *night])
    assert (told[1], state) == (Resolved(40 * MINUTE, 12), State())


def test_resolved_by_hand_in_breach_opens_again_only_after_it_cleared_and_held() -> None:
    state, _ = evaluate(ABOVE_5_FOR_30, State(), steady(8, until=30))
    held = resolved_by_hand(state)
    assert held.held
    state, told = evaluate(ABOVE_5_FOR_30, held, steady(8, start=35, until=120))
    assert told == []
    state, told = evaluate(ABOVE_5_FOR_30, state, points((125, 3)))
    assert (told, state.held) == ([], False)
    _, told = evaluate(ABOVE_5_FOR_30, state, steady(8, start=130, until=160))
    assert [type(t) for t in told] == [Opened]


def test_resolved_by_hand_inside_the_hysteresis_may_open_again_at_once() -> None:
    state, _ = evaluate(ABOVE_5_FOR_30, State(), [*steady(8, until=30), *points((35, 4.5))])
    after = resolved_by_hand(state)
    assert (after.open, after.held) == (False, False)


def test_nothing_wrong_needs_no_memory() -> None:
    state, _ = evaluate(ABOVE_5_FOR_30, State(), steady(3, until=600))
    assert state.idle


values = st.floats(min_value=-5, max_value=15).map(lambda value: round(value, 2))
pauses = st.sampled_from([1, 5, 5, 5, 15, 16, 60, 240])


@st.composite
def histories(draw: st.DrawFn) -> list[Point]:
    minute, history = 0.0, []
    for value, pause in draw(st.lists(st.tuples(values, pauses), min_size=1, max_size=60)):
        minute += pause
        history.append(Point(minute * MINUTE, 1, value, GAP))
    return history


terms = st.builds(
    Terms,
    condition=st.sampled_from(["above", "below"]),
    threshold=st.sampled_from([0.0, 4.0, 5.0, 8.0]),
    delay_s=st.sampled_from([0, 60, 300, 1800]),
    hysteresis=st.sampled_from([0.0, 0.5, 2.0]),
    clear_delay_s=st.sampled_from([0, 300, 900]),
)


@given(terms, histories(), st.integers())
def test_splitting_a_history_into_batches_never_changes_what_happens(
    rule: Terms, history: list[Point], seed: int
) -> None:
    whole_state, whole = evaluate(rule, State(), history)
    chance = random.Random(seed)
    state, pieces, rest = State(), [], list(history)
    while rest:
        size = chance.randint(1, len(rest))
        state, told = evaluate(rule, state, rest[:size])
        pieces += told
        rest = rest[size:]
    assert (state, pieces) == (whole_state, whole)


@st.composite
def units(draw: st.DrawFn) -> list[Point]:
    """Two sensors, of which one is warm for most of the time; a place that closes now and then."""
    minute, history = 0.0, []
    usual = {1: 9.0, 2: 3.0}
    rows = st.tuples(st.sampled_from([1, 2]), st.sampled_from([0, 0, 0, 0, -6, 6]), pauses, st.integers(0, 9))
    for sensor, off, pause, closed in draw(st.lists(rows, min_size=1, max_size=60)):
        minute += pause
        history.append(Point(minute * MINUTE, sensor, usual[sensor] + off + minute % 7 / 10, GAP, closed > 0))
    return history


@given(terms, units(), st.integers())
def test_batches_of_two_sensors_come_to_what_their_readings_come_to_one_by_one(
    rule: Terms, history: list[Point], seed: int
) -> None:
    one_by_one = list(steps(rule, State(), history))
    chance = random.Random(seed)
    state, pieces, rest = State(), [], list(history)
    newest: dict[int, tuple[float, float, float]] = {}
    while rest:
        size = chance.randint(1, len(rest))
        state, told = evaluate(rule, state, rest[:size], others=newest)
        newest |= {point.sensor: (point.at, point.value, point.gap_s) for point in rest[:size]}
        pieces += told
        rest = rest[size:]
    assert state == one_by_one[-1][0]
    assert pieces == [transition for _, transition in one_by_one if transition is not None]


@given(terms, histories())
def test_opened_and_resolved_take_turns_and_agree_with_a_recount(rule: Terms, history: list[Point]) -> None:
    _, told = evaluate(rule, State(), history)
    assert [(type(t), t.at) for t in told] == recount(rule, history)


def recount(rule: Terms, history: list[Point]) -> list[tuple[type, float]]:
    """The contract's sentences once more, as plainly as possible."""
    told: list[tuple[type, float]] = []
    is_open, timer, clear_timer = False, 0.0, 0.0
    for index, point in enumerate(history):
        previous = history[index - 1] if index else None
        elapsed = point.at - previous.at if previous else 0.0
        counted = elapsed if elapsed <= GAP else 0.0
        if not is_open:
            if not rule.breached(point.value):
                timer = 0.0
                continue
            timer = timer + counted if previous and rule.breached(previous.value) else 0.0
            if timer >= rule.delay_s:
                is_open, clear_timer = True, 0.0
                told.append((Opened, point.at))
        else:
            if not rule.cleared(point.value):
                clear_timer = 0.0
                continue
            clear_timer = clear_timer + counted if previous and rule.cleared(previous.value) else 0.0
            if clear_timer >= rule.clear_delay_s:
                is_open, timer = False, 0.0
                told.append((Resolved, point.at))
    return told


@pytest.mark.parametrize("field", ["since", "breach_s", "peak"])
def test_an_idle_state_carries_nothing_over(field: str) -> None:
    state, _ = evaluate(ABOVE_5_FOR_30, State(), points((0, 8), (5, 3)))
    assert getattr(state, field) == getattr(State(), field)
