"""Any history, in any order, through the whole house: what stands in the end is what the pure core says happened."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.alerts.cases import DAY, Act, Arrival, Case, Expected, Reading, Rule, compare
from tests.alerts.cases.house import House
from tests.alerts.cases.model import run
from tests.alerts.cases.page import words_of

pytestmark = pytest.mark.django_db

TEMPERATURES = st.sampled_from([3.0, 3.5, 4.2, 5.0, 6.0, 8.0, 8.0, 9.5])

RULES = st.builds(
    Rule,
    name=st.just("Rule"),
    metric=st.sampled_from(["temperature", "temperature", "product_temperature"]),
    condition=st.sampled_from(["above", "above", "below", "rate_above"]),
    threshold=st.sampled_from([4.0, 5.0]),
    delay_s=st.sampled_from([0, 300, 1800]),
    hysteresis=st.sampled_from([0.0, 1.0]),
    clear_delay_s=st.sampled_from([0, 600]),
).map(lambda rule: replace(rule, metric="temperature") if rule.condition == "rate_above" else rule)


@st.composite
def stories(draw: st.DrawFn) -> Case:
    """One to three sensors, whose readings arrive in pieces, mixed up and some of them twice."""
    sensors = "ABC"[: draw(st.integers(1, 3))]
    at, readings = DAY.timestamp() + 6 * 3600, {}
    step = st.tuples(st.sampled_from(sensors), st.sampled_from([0, 60, 300, 300, 300, 900, 901, 7200]), TEMPERATURES)
    for sensor, pause, value in draw(st.lists(step, min_size=1, max_size=24)):
        at += pause
        readings[at, sensor] = Reading(at, sensor, temperature=value)
    mixed = draw(st.permutations(list(readings.values()))) if draw(st.booleans()) else list(readings.values())
    pieces: list[list[Reading]] = []
    for reading in mixed:
        if not pieces or draw(st.integers(0, 2)):
            pieces.append([])
        pieces[-1].append(reading)
    arrivals, now = [], 0.0
    for number, piece in enumerate(pieces):
        again = draw(st.sampled_from([[], [], [], pieces[max(0, number - 1)]]))
        now = max([now + 1, *(reading.at for reading in piece)])
        arrivals.append(Arrival(now, (*piece, *again)))
    return Case(
        title="A story",
        theme="Any order",
        level="pure",
        rules=(draw(RULES),),
        arrivals=tuple(arrivals),
        acts=(),
        alerts=(),
        tau_s=draw(st.sampled_from([600.0, 2700.0])),
    )


@st.composite
def stories_with_people(draw: st.DrawFn) -> tuple[Case, Case]:
    """The same readings and the same acts of people twice: each as it was measured, and in batches between the acts.

    A batch is mixed up, and brings again what came before.
    """
    calm = draw(stories())
    readings = calm.readings()
    # At the server's clock between two readings, so that it is plain what people knew when they acted.
    breaks = [place for place in range(1, len(readings)) if readings[place].at >= readings[place - 1].at + 1]
    chosen = sorted(draw(st.sets(st.sampled_from(breaks), max_size=4))) if breaks else []
    acts = tuple(
        Act(readings[place - 1].at + 0.5, draw(st.sampled_from(["resolve", "resolve", "acknowledge"])), {})
        for place in chosen
    )
    one_by_one = tuple(Arrival(reading.at, (reading,)) for reading in readings)
    batches = []
    for first, last in pairwise([0, *chosen, len(readings)]):
        again = draw(st.lists(st.sampled_from(readings[:last]), max_size=3))
        mixed = draw(st.permutations([*readings[first:last], *again]))
        batches.append(Arrival(readings[last - 1].at + 0.25, tuple(mixed)))
    return replace(calm, arrivals=one_by_one, acts=acts), replace(calm, arrivals=tuple(batches), acts=acts)


def only_resolved(case: Case) -> Case:
    """The pure core knows nothing of those who take charge: what happened doesn't depend on it."""
    return replace(case, acts=tuple(act for act in case.acts if act.does == "resolve"))


def standing(alerts: list[Expected]) -> list[Expected]:
    """What isn't contradicted; of two as warm either may be named."""
    return [replace(alert, found=None, sensor=None) for alert in alerts if alert.contradicted is None]


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(stories())
def test_whatever_arrives_however_the_house_says_what_the_pure_core_says(case: Case) -> None:
    true = standing(run(case))
    note(words_of(case))
    assert not compare(replace(case, alerts=tuple(true)), standing(House(case).run()))


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(stories_with_people())
def test_however_readings_are_split_and_repeated_between_the_acts_of_people_the_same_happens(
    told: tuple[Case, Case],
) -> None:
    one_by_one, in_batches = told
    note(words_of(one_by_one))
    note(words_of(in_batches))
    true = tuple(replace(alert, found=None, sensor=None) for alert in run(only_resolved(one_by_one)))
    assert all(alert.contradicted is None for alert in true)
    for case in told:
        alerts = [replace(alert, found=None, sensor=None) for alert in House(case).run()]
        assert not compare(replace(case, alerts=true), alerts), "nothing was contradicted, and nothing is missing"
