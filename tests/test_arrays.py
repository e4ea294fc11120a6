"""Columns of numbers reach PostgreSQL and come back as they were."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshtrack.arrays import MISSING, NEVER, int2s, int4s, moments
from freshtrack.rounds import Step, ask

pytestmark = pytest.mark.django_db

small = st.integers(-32768, 32767)
whole = st.integers(-(2**31), 2**31 - 1)
# 2000 to 2100, in milliseconds since 1970.
times = st.integers(946_684_800_000, 4_102_444_800_000)


def asked(statement: str, *columns: bytes) -> tuple[Any, ...]:
    [row] = ask([Step(statement, columns)])
    return row


@given(st.lists(st.tuples(small, whole, times | st.just(NEVER)), max_size=40))
def test_columns_come_back_as_they_were_sent(rows: list[tuple[int, int, int]]) -> None:
    shorts, longs, ms = (np.array([row[n] for row in rows], dtype=np.int64) for n in range(3))
    back = asked(
        "SELECT array_agg(coalesce(a, (-32768)::smallint)), array_agg(b), array_agg(c)"
        " FROM unnest($1::smallint[], $2::integer[], $3::timestamptz[]) AS sent (a, b, c)",
        int2s(shorts),
        int4s(longs),
        moments(ms),
    )
    if not rows:
        assert back == (None, None, None)
    else:
        assert [column.tolist() for column in back] == [shorts.tolist(), longs.tolist(), ms.tolist()]


def test_what_is_missing_is_null() -> None:
    values = np.array([350, MISSING, -1800, MISSING])
    assert asked("SELECT $1::smallint[]::text", int2s(values)) == ("{350,NULL,-1800,NULL}",)


def test_moments_are_those_of_the_calendar() -> None:
    ms = np.array([1_795_246_496_789, NEVER])
    sent = (
        "SELECT to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') FROM unnest($1::timestamptz[]) AS t LIMIT 1"
    )
    assert asked(sent, moments(ms)) == ("2026-11-21 07:34:56.789",)
    assert asked("SELECT ($1::timestamptz[])[2] = '-infinity'", moments(ms)) == (True,)


def test_a_null_that_comes_back_is_an_error_and_no_number() -> None:
    with pytest.raises(ValueError, match="NULL"):
        asked("SELECT ARRAY[1, NULL]::integer[]")
