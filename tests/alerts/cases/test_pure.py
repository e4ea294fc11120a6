"""The table, decided by the pure core; and the page that people read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.alerts.cases import Arrival, Case, cases, compare
from tests.alerts.cases.model import run
from tests.alerts.cases.page import PATH, as_markdown

PURE = cases("pure")


def test_the_table_is_as_long_as_it_should_be_and_says_nothing_twice() -> None:
    titles = [case.title for case in cases()]
    assert len(titles) == len(set(titles)) >= 45
    assert all(title.endswith(".") for title in titles)


@pytest.mark.parametrize("case", PURE, ids=str)
def test_case(case: Case) -> None:
    assert not compare(case, run(case))


@pytest.mark.parametrize("case", [case for case in PURE if not case.acts], ids=str)
def test_the_same_readings_at_once_tell_the_same_but_for_when_it_was_found(case: Case) -> None:
    together = Arrival(max(arrival.at for arrival in case.arrivals), tuple(case.readings()))
    true = tuple(replace(alert, found=None) for alert in case.alerts if alert.contradicted is None)
    found = [replace(alert, found=None) for alert in run(replace(case, arrivals=(together,)))]
    assert not compare(replace(case, alerts=true), found)


@pytest.mark.parametrize("case", [case for case in PURE if not case.acts], ids=str)
def test_in_any_order_of_arrival_what_stands_in_the_end_is_what_happened(case: Case) -> None:
    late = max(arrival.at for arrival in case.arrivals)
    backwards = tuple(
        Arrival(late + number, (reading,)) for number, reading in enumerate(reversed(case.readings()), start=1)
    )
    true = tuple(replace(alert, found=None) for alert in case.alerts if alert.contradicted is None)
    found = [
        replace(alert, found=None) for alert in run(replace(case, arrivals=backwards)) if alert.contradicted is None
    ]
    assert not compare(replace(case, alerts=true), found)


def test_the_page_agrees_with_the_table() -> None:
    assert PATH.read_text() == as_markdown(), "run python -m tests.alerts.cases.page"
