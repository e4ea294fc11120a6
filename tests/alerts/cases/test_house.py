"""The table once more, through the whole house: it must say what the pure core says, and more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.alerts.cases import Arrival, Case, cases, clock, compare
from tests.alerts.cases.house import House

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("case", cases(), ids=str)
def test_case(case: Case) -> None:
    house = House(case)
    assert not compare(case, house.run())
    if case.told is not None:
        assert house.told() == [clock(at) for at in case.told]
    if case.recovered is not None:
        assert house.recovered() == [clock(at) for at in case.recovered]


# A late fault is past: a probe that has measured since is believed (alerts/evaluation/faults.py).
MEASURED = [case for case in cases("pure") if not case.acts and all(r.condition != "fault" for r in case.rules)]


@pytest.mark.parametrize("case", MEASURED, ids=str)
def test_what_arrives_in_pieces_from_the_last_to_the_first_leaves_standing_what_happened(case: Case) -> None:
    readings, late = case.readings(), max(arrival.at for arrival in case.arrivals)
    pieces = [readings[start : start + 4] for start in range(0, len(readings), 4)]
    backwards = tuple(Arrival(late + number, tuple(piece)) for number, piece in enumerate(reversed(pieces), start=1))
    true = tuple(replace(alert, found=None) for alert in case.alerts if alert.contradicted is None)
    stand = [
        replace(alert, found=None)
        for alert in House(replace(case, arrivals=backwards)).run()
        if alert.contradicted is None
    ]
    assert not compare(replace(case, alerts=true), stand)
