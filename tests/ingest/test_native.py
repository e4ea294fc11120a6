"""What a gateway may send, and which code each broken reading gets."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import native
from ingest.samples import BadBody
from tests.factories import NOON
from tests.ingest.judged import Judged, judged

GOOD = {"sensor": "S", "recorded_at": "2026-11-20T11:55:00Z", "temperature": 3.4}


def decode(*readings: Any) -> Judged:
    return judged(native.decode(json.dumps({"readings": readings}).encode(), at=NOON), at=NOON)


def code_of(**changes: Any) -> str | None:
    decoded = decode({**GOOD, **changes})
    assert len(decoded.samples) + len(decoded.rejected) == 1
    return decoded.rejected[0].code if decoded.rejected else None


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"temperature": 3},
        {"temperature": None, "humidity": 0},
        {"temperature": None, "door_open": False},
        {"channel": "probe 2"},
        {"channel": None},
        {"battery": 92.6, "signal": -71.4},
        {"recorded_at": "2026-11-20T13:55:00.123456+02:00"},
        {"recorded_at": "2026-11-20T12:10:00Z"},
        {"recorded_at": "2000-01-01T00:00:00Z"},
        {"sensor": "ü" * 64},
        {"unknown": {"field": [1, 2]}},
        {"temperature": 85.0},
        {"temperature": -200, "humidity": 100, "battery": 0, "signal": -200},
    ],
)
def test_a_good_reading_is_taken(changes: dict[str, Any]) -> None:
    assert code_of(**changes) is None


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("invalid", {"temperature": "3.4"}),
        ("invalid", {"temperature": True}),
        ("invalid", {"temperature": [3.4]}),
        ("invalid", {"recorded_at": "2026-11-20T11:55:00"}),
        ("invalid", {"recorded_at": 1763640000}),
        ("invalid", {"recorded_at": "yesterday"}),
        ("invalid", {"recorded_at": None}),
        ("invalid", {"sensor": ""}),
        ("invalid", {"sensor": "x" * 65}),
        ("invalid", {"sensor": "x" * 300}),
        ("invalid", {"sensor": 12}),
        ("invalid", {"sensor": "a\u0000b"}),
        ("invalid", {"sensor": "a\nb"}),
        ("invalid", {"channel": ""}),
        ("invalid", {"door_open": "yes"}),
        ("missing_value", {"temperature": None}),
        ("sensor_fault", {"temperature": -127}),
        ("sensor_fault", {"temperature": 327.67}),
        ("sensor_fault", {"temperature": -327.68}),
        ("sensor_fault", {"temperature": 3276.7}),
        ("sensor_fault", {"temperature": 6553.5}),
        ("sensor_fault", {"temperature": -273.15}),
        ("sensor_fault", {"temperature": -127, "recorded_at": "1999-01-01T00:00:00Z"}),
        ("out_of_range", {"temperature": 200.01}),
        ("out_of_range", {"temperature": 1e300}),
        ("out_of_range", {"humidity": 100.1}),
        ("out_of_range", {"battery": -1}),
        ("out_of_range", {"signal": 1}),
        ("out_of_range", {"temperature": 300, "recorded_at": "1999-01-01T00:00:00Z"}),
        ("in_future", {"recorded_at": "2026-11-20T12:10:00.001Z"}),
        ("in_future", {"recorded_at": "9999-12-31T23:59:59-12:00"}),
        ("too_old", {"recorded_at": "1999-12-31T23:59:59.999Z"}),
        ("too_old", {"recorded_at": "0001-01-01T00:00:00+14:00"}),
    ],
)
def test_a_broken_reading_gets_its_code(code: str, changes: dict[str, Any]) -> None:
    assert code_of(**changes) == code


def test_a_missing_field_is_invalid_and_the_others_are_taken() -> None:
    decoded = decode(GOOD, {"temperature": 3}, "nonsense", None, {**GOOD, "temperature": 4})
    assert [(r.index, r.code) for r in decoded.rejected] == [(1, "invalid"), (2, "invalid"), (3, "invalid")]
    assert decoded.indexes == [0, 4]
    assert [sample.temperature for sample in decoded.samples] == [3.4, 4.0]


def test_times_become_utc_cut_to_milliseconds() -> None:
    (sample,) = decode({**GOOD, "recorded_at": "2026-11-20T13:55:00.123999+02:00"}).samples
    assert sample.recorded_at == NOON - timedelta(minutes=5) + timedelta(milliseconds=123)


def test_a_fault_with_an_impossible_time_is_refused_but_marks_no_sensor() -> None:
    assert decode({**GOOD, "temperature": -127}).faults
    assert not decode({**GOOD, "temperature": -127, "recorded_at": "2036-01-01T00:00:00Z"}).faults


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed_json"),
        (b'{"readings": [{"temperature": NaN}]}', 400, "malformed_json"),
        (b'{"readings": [{"temperature": Infinity}]}', 400, "malformed_json"),
        (b"\xff\xfe", 400, "malformed_json"),
        (b'{"more": ' + b"[" * 100_000, 400, "malformed_json"),
        (b"[]", 400, "invalid"),
        (b"{}", 400, "invalid"),
        (b'{"readings": {}}', 400, "invalid"),
        (b'{"readings": [' + b"{}," * 10_000 + b"{}]}", 413, "too_many_readings"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_whole(body: bytes, status: int, code: str) -> None:
    with pytest.raises(BadBody) as caught:
        native.decode(body, at=NOON)
    assert (caught.value.status, caught.value.code) == (status, code)


def test_nothing_in_it_is_fine() -> None:
    assert decode() == Judged()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)
readings = st.dictionaries(
    st.sampled_from(["sensor", "channel", "recorded_at", "temperature", "humidity", "battery", "signal", "door_open"]),
    json_values | st.sampled_from(["S", "2026-11-20T11:55:00Z", 3.4]),
)


@given(st.lists(readings | json_values, max_size=6))
def test_every_reading_of_any_json_is_taken_or_refused_with_a_code(sent: list[Any]) -> None:
    body = json.dumps({"readings": sent}).encode()
    try:
        decoded = judged(native.decode(body, at=NOON), at=NOON)
    except BadBody:
        return  # NaN, Infinity, lone surrogates: no JSON
    assert len(decoded.samples) + len(decoded.rejected) == len(sent)
    assert sorted([*decoded.indexes, *(r.index for r in decoded.rejected)]) == list(range(len(sent)))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_politely(body: bytes) -> None:
    with pytest.raises(BadBody):
        native.decode(b"\x00" + body, at=NOON)
