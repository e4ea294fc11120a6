"""Whatever bytes arrive: a decoder reads them, or says in one sentence why it can't. Never anything else."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.asgi import ADAPTERS
from ingest.samples import BadBody
from tests.ingest import oracle
from tests.ingest.judged import judged

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FORMATS = sorted(ADAPTERS)
EXAMPLES = 250
REFUSALS = {(400, "malformed_json"), (400, "invalid"), (413, "too_many_readings")}

text = st.one_of(
    st.text(max_size=80),
    st.sampled_from(["", "S", "x" * 64, "x" * 65, "a\x00b", "\u202e", "null", "3.4", "NaN", "é" * 64]),
)
numbers = st.one_of(
    st.integers(-(10**25), 10**25),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-25_000, 25_000).map(lambda hundredths: hundredths / 100),
    st.sampled_from([*oracle.FAULTS, 85, 85.0, 0, -0.0, 200, -200, 200.01, 100, 100.001, -0.001, 1e300, 2**63, 2**64]),
)


def around(before: timedelta, after: timedelta) -> st.SearchStrategy[datetime]:
    """Moments about the server's time, to the millisecond."""
    return st.timedeltas(-before, after).map(
        lambda distance: AT + timedelta(milliseconds=distance // timedelta(milliseconds=1))
    )


moments = st.one_of(
    around(timedelta(days=13_000), timedelta(days=2000)).map(datetime.isoformat),
    around(timedelta(days=1), timedelta(minutes=20)).map(lambda at: at.isoformat().replace("+00:00", "Z")),
    st.builds(
        lambda at, minutes: f"{at:%Y-%m-%dT%H:%M:%S}{minutes // 60:+03d}:{minutes % 60:02d}",
        around(timedelta(days=10_000), timedelta(days=40)),
        st.integers(0, 23 * 60),
    ),
    st.sampled_from(
        [
            *("2026-11-20", "2026-11-20T12:00:00", "2026-11-20T12:00:00z", "2026-11-20 12:00:00Z", "2026-11-20T12:00Z"),
            *("2026-02-30T12:00:00Z", "2026-11-20T24:00:00Z", "2026-11-20T12:60:00Z", "2026-11-20T23:59:60Z"),
            *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2000-01-01T00:00:00Z"),
            *("1999-12-31T23:59:59.999Z", "2026-11-20T12:10:00Z", "2026-11-20T12:10:00.001Z", "20261120T120000Z"),
            *(
                "2026-11-20T12:00:00.1234567890123Z",
                "2026-11-20T12:00:00+25:00",
                "2026-11-20T12:00:00+01",
                "٢٠٢٦-١١-٢٠",
            ),
        ]
    ),
    text,
)
anything: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, text),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(text, inner, max_size=4)),
    max_leaves=12,
)
mostly_right = st.fixed_dictionaries(
    {"sensor": st.one_of(st.sampled_from(["A", "B", "C"]), text), "recorded_at": moments},
    optional={
        "channel": st.one_of(st.none(), st.sampled_from(["0", "1"]), text),
        "temperature": st.one_of(st.none(), numbers),
        "humidity": st.one_of(st.none(), numbers),
        "battery": st.one_of(st.none(), numbers),
        "signal": st.one_of(st.none(), numbers),
        "door_open": st.one_of(st.none(), st.booleans()),
        "note": anything,
    },
)
fields = ["sensor", "channel", "recorded_at", *oracle.NUMBERS, "door_open", "extra"]
readings = st.one_of(
    mostly_right,
    st.builds(lambda reading, name, value: {**reading, name: value}, mostly_right, st.sampled_from(fields), anything),
    anything,
)


def mutated(body: bytes, changes: list[tuple[int, int]]) -> bytes:
    """The body with some bytes changed, taken out or doubled."""
    changed = bytearray(body)
    for place, byte in changes:
        position = place % max(1, len(changed))
        if byte < 256:
            changed[position : position + 1] = bytes([byte])
        elif byte < 300:
            del changed[position : position + byte - 255]
        else:
            changed[position:position] = changed[position : position + byte - 299]
    return bytes(changed)


changes = st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 340)), min_size=1, max_size=6)


def decode(form: str, body: bytes) -> Any:
    """What was decoded, or None where the whole body was refused as it should be."""
    refusal: BadBody | None = None
    try:
        decoded = ADAPTERS[form](body, at=AT)
    except BadBody as bad:
        refusal = bad
    if refusal is not None:
        assert (refusal.status, refusal.code) in REFUSALS
        assert 0 < len(str(refusal)) < 1000
        return None
    for rejection in decoded.rejected:
        assert rejection.code in oracle.CODES
        assert rejection.detail
        assert len(rejection.detail) < 1000
    return decoded


@settings(max_examples=EXAMPLES)
@given(st.lists(readings, max_size=6))
def test_each_reading_gets_the_code_of_the_contract(sent: list[Any]) -> None:
    body = json.dumps({"readings": sent}, allow_nan=False).encode()
    decoded = decode("readings", body)
    if decoded is None:
        # Half a surrogate pair is written \ud800 in JSON, and is no text.
        assert "\\ud" in body.decode()
        return
    codes: dict[int, str | None] = dict.fromkeys(range(len(sent)))
    for rejection in judged(decoded, at=AT).rejected:
        assert codes[rejection.index] is None, "refused once"
        codes[rejection.index] = rejection.code
    for index, reading in enumerate(sent):
        if "\\ud" not in json.dumps(reading):
            assert codes[index] in oracle.judge(reading, at=AT).codes, (reading, codes[index])


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=EXAMPLES)
@given(body=st.one_of(st.binary(max_size=300), anything.map(lambda value: json.dumps(value).encode())))
def test_arbitrary_bytes_and_arbitrary_json_are_read_or_refused(form: str, body: bytes) -> None:
    decode(form, body)


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=EXAMPLES)
@given(value=anything, key=st.sampled_from(["readings", "uplink_message", "data", "result", "uplink_normalized"]))
def test_arbitrary_json_in_the_place_of_readings_is_read_or_refused(form: str, value: Any, key: str) -> None:
    decode(form, json.dumps({key: value, "end_device_ids": {"dev_eui": "A84041"}}).encode())


@settings(max_examples=EXAMPLES)
@example(sent=[{"sensor": "A"}], changes=[(27, 0xFF)])
@given(sent=st.lists(mostly_right, min_size=1, max_size=3), changes=changes)
def test_damaged_readings_are_read_or_refused(sent: list[Any], changes: list[tuple[int, int]]) -> None:
    decode("readings", mutated(json.dumps({"readings": sent}, ensure_ascii=False).encode("utf-8", "replace"), changes))


WEBHOOKS = [path.read_bytes() for path in sorted((Path(__file__).parent / "fixtures" / "tts").glob("*.json"))]


@settings(max_examples=EXAMPLES)
@given(body=st.sampled_from(WEBHOOKS), changes=changes)
def test_damaged_webhooks_are_read_or_refused(body: bytes, changes: list[tuple[int, int]]) -> None:
    decode("ttn", mutated(body, changes))


@settings(max_examples=EXAMPLES)
@given(body=st.sampled_from(WEBHOOKS), data=st.data(), value=anything)
def test_webhooks_with_anything_in_any_place_are_read_or_refused(body: bytes, data: Any, value: Any) -> None:
    """Users choose which fields are sent, and their decoders choose the rest."""
    event = json.loads(body)
    place: Any = event
    while True:
        names = list(place) if isinstance(place, dict) else list(range(len(place)))
        name = data.draw(st.sampled_from(names))
        inner = place[name]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            break
        place = inner
    if isinstance(place, dict) and data.draw(st.booleans()):
        del place[name]
    else:
        place[name] = value
    decode("ttn", json.dumps(event).encode())


def test_the_oracle_knows_the_order_of_the_contract() -> None:
    """The oracle itself, against the contract's own words."""
    right = {"sensor": "S", "recorded_at": AT.isoformat(), "temperature": 3.4}
    late = (AT + timedelta(minutes=10, seconds=1)).isoformat()
    cases: list[tuple[dict[str, Any], str | None]] = [
        ({}, None),
        ({"temperature": "3.4"}, "invalid"),
        ({"temperature": None}, "missing_value"),
        ({"temperature": None, "recorded_at": late}, "missing_value"),
        ({"temperature": 327.67, "humidity": 101, "recorded_at": late}, "sensor_fault"),
        ({"temperature": 200.01, "recorded_at": late}, "out_of_range"),
        ({"recorded_at": late}, "in_future"),
        ({"recorded_at": "1999-12-31T23:59:59Z"}, "too_old"),
        ({"recorded_at": "2026-11-20T12:00:00"}, "invalid"),
        ({"sensor": "x" * 65, "temperature": None}, "invalid"),
    ]
    for changed, code in cases:
        assert oracle.judge({**right, **changed}, at=AT).codes == {code}, changed
