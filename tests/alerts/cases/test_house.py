"""The table once more, through the whole house: it must say what the pure core says, and more."""

from __future__ import annotations

import pytest

from tests.alerts.cases import Case, cases, clock, compare
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
