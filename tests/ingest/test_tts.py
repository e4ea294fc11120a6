"""Webhook bodies of The Things Stack: whose reading it is, when it was measured, and what isn't a reading at all."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import tts
from ingest.samples import BadBody
from tests.ingest import examples
from tests.ingest.judged import Judged, judged
from tests.ingest.test_measurements import JSON

FIXTURES = Path(__file__).parent / "fixtures" / "tts"
AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
EUI = "A84041FFFF3C0DE1"
IDS = {"device_id": "d", "application_ids": {"application_id": "a"}, "dev_eui": EUI}


def fixture(name: str) -> Judged:
    return judged(tts.decode((FIXTURES / f"{name}.json").read_bytes(), at=AT), at=AT)


def event(**parts: Any) -> dict[str, Any]:
    return {"end_device_ids": IDS, "received_at": "2026-11-20T11:59:00Z", **parts}


def decode(body: Any) -> Judged:
    return judged(tts.decode(json.dumps(body).encode(), at=AT), at=AT)


def uplink(decoded: Any = None, normalized: Any = None, **more: Any) -> Judged:
    return decode(event(uplink_message={"decoded_payload": decoded, "normalized_payload": normalized, **more}))


def read(decoded: Judged) -> list[tuple[str, float | None, float | None]]:
    return [(sample.channel, sample.temperature, sample.humidity) for sample in decoded.samples]


def test_box_and_probe_are_channels_of_one_device() -> None:
    decoded = fixture("box_and_probe")
    assert {sample.serial for sample in decoded.samples} == {EUI}
    assert read(decoded) == [("0", 21.88, 61.4), ("ds", 3.06, None)]
    assert {(sample.battery, sample.signal) for sample in decoded.samples} == {(87, -61)}
    assert {sample.recorded_at for sample in decoded.samples} == {datetime(2026, 11, 20, 11, 58, 3, 206000, tzinfo=UTC)}
    assert (decoded.indexes, decoded.rejected, decoded.faults) == ([0, 1], [], [])


def test_a_probe_that_is_not_plugged_in_is_a_fault_of_that_probe() -> None:
    decoded = uplink({"TempC_SHT": 21.5, "Hum_SHT": 40, "TempC_DS": 327.67})
    assert read(decoded) == [("0", 21.5, 40)]
    assert [(rejection.index, rejection.code) for rejection in decoded.rejected] == [(1, "sensor_fault")]
    assert decoded.faults == [(EUI, "ds")]


def test_the_normalized_event() -> None:
    (sample,) = fixture("normalized_event").samples
    assert (sample.serial, sample.channel) == ("0011AABBCCDD0102", "0")
    assert (sample.temperature, sample.humidity, sample.door_open) == (4.7, 44.5, True)
    assert (sample.battery, sample.signal) == (None, -200)
    assert sample.recorded_at == datetime(2026, 11, 20, 11, 58, 30, 123000, tzinfo=UTC)


def test_readings_from_the_memory_keep_their_time() -> None:
    decoded = fixture("backlog")
    assert [(sample.recorded_at.isoformat(), sample.temperature, sample.battery) for sample in decoded.samples] == [
        ("2026-11-20T11:59:59.800000+00:00", 2.5, 81),
        ("2026-11-20T10:40:00+00:00", 2.1, None),
        ("2026-11-20T10:50:00+00:00", 2.3, None),
    ]
    assert decoded.indexes == [0, 1, 2]
    assert [(rejection.index, rejection.code) for rejection in decoded.rejected] == [(3, "invalid")]


@pytest.mark.parametrize(
    "name", ["join_accept", "location_solved", "downlink_failed", "no_decoder", "mac_only", "simulated"]
)
def test_events_without_measurements(name: str) -> None:
    assert fixture(name) == Judged()


@pytest.mark.parametrize(
    "payload", [{}, [], None, "raw", 7, {"battery": 90}, {"tempMax": 50, "batLevel": 74.5}, {"version": "1.2"}]
)
def test_an_uplink_that_measures_nothing_is_no_reading(payload: Any) -> None:
    assert uplink(payload, rx_metadata=[{"rssi": -60}], last_battery_percentage={"value": 50}) == Judged()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda body: {"name": "as.up.data.forward", "time": "2026-11-20T11:59:00Z", "data": {"@type": "x", **body}},
        lambda body: {"result": body},
        lambda body: {"result": {"name": "as.up.data.forward", "data": body}},
    ],
)
def test_wrapped_bodies(wrap: Any) -> None:
    body = event(uplink_message={"decoded_payload": {"temperature": 3.4}})
    assert decode(wrap(body)) == decode(body)
    assert len(decode(wrap(body)).samples) == 1
    assert decode(wrap({**body, "simulated": True})) == Judged()


@pytest.mark.parametrize(
    ("ids", "serial"),
    [
        ({"dev_eui": "a84041ffff3c0de1"}, EUI),
        ({"dev_eui": "", "device_id": "d1", "application_ids": {"application_id": "app"}}, "app/d1"),
        ({"dev_eui": 7, "device_id": "d1", "application_ids": {"application_id": "app"}}, "app/d1"),
        ({"device_id": "d1", "application_ids": []}, "d1"),
        ({"device_id": "d" * 36, "application_ids": {"application_id": "a" * 36}}, "a" * 36 + "/" + "d" * 27),
    ],
)
def test_whose_reading_it_is(ids: Any, serial: str) -> None:
    decoded = decode({"end_device_ids": ids, "uplink_message": {"decoded_payload": {"temperature": 3.4}}})
    assert [sample.serial for sample in decoded.samples] == [serial]


@pytest.mark.parametrize("ids", [None, [], {}, {"device_id": ""}, {"application_ids": {"application_id": "a"}}])
def test_a_reading_of_nobody_is_refused(ids: Any) -> None:
    decoded = decode({"end_device_ids": ids, "uplink_message": {"decoded_payload": {"Temp1": 3, "Temp2": 4}}})
    assert decoded.samples == []
    assert [(rejection.index, rejection.code) for rejection in decoded.rejected] == [(0, "invalid"), (1, "invalid")]


NETWORK, APPLICATION = "2026-11-20T11:50:00.1234567Z", "2026-11-20T11:51:00Z"
TEMPERATURE = {"temperature": 3.4}
AIR = {"air": {"temperature": 3.4}}


@pytest.mark.parametrize(
    ("message", "top", "expected"),
    [
        ({"decoded_payload": TEMPERATURE, "received_at": NETWORK}, APPLICATION, "11:50:00.123000"),
        ({"decoded_payload": TEMPERATURE, "received_at": "0001-01-01T00:00:00Z"}, APPLICATION, "11:51:00"),
        ({"decoded_payload": TEMPERATURE}, APPLICATION, "11:51:00"),
        ({"decoded_payload": TEMPERATURE, "received_at": "2020-02-17T10:32:24..."}, 5, "12:00:00"),
        ({"decoded_payload": TEMPERATURE, "settings": {"time": "2001-01-01T00:00:00Z"}}, None, "12:00:00"),
        (
            {"normalized_payload": [{**AIR, "time": "2026-11-20T13:49:00+02:00"}], "received_at": NETWORK},
            APPLICATION,
            "11:49:00",
        ),
        (
            {
                "decoded_payload": {"TempC1": 3.4, "TempC2": 4},
                "normalized_payload": [{**AIR, "time": "2026-11-20T11:49:00Z"}],
                "received_at": NETWORK,
            },
            APPLICATION,
            "11:49:00",
        ),
    ],
)
def test_when_it_was_measured(message: Any, top: Any, expected: str) -> None:
    decoded = decode({"end_device_ids": IDS, "received_at": top, "uplink_message": message})
    assert {sample.recorded_at.time().isoformat() for sample in decoded.samples} == {expected}


def test_the_device_is_judged_by_the_servers_clock() -> None:
    ahead = (AT + timedelta(minutes=11)).isoformat()
    decoded = uplink(None, [{**AIR, "time": ahead}, {**AIR, "time": "1999-12-31T23:59:59Z"}])
    assert [rejection.code for rejection in decoded.rejected] == ["in_future", "too_old"]


def test_normalized_values_are_celsius_and_keep_the_decoders_channel() -> None:
    assert read(uplink({"temperature": 50, "humidity": 40}, [{"air": {"temperature": 10}}])) == [("0", 10, 40)]
    assert read(uplink({"TempC_DS": 3.1}, [{"air": {"temperature": 3.1}}])) == [("ds", 3.1, None)]
    both = uplink({"TempC_SHT": 21, "TempC_DS": 3.1, "Hum_SHT": 40}, [{"air": {"temperature": 3.1}}])
    assert read(both) == [("0", 21, 40), ("ds", 3.1, None)]


def test_the_normalizer_may_know_more_than_the_decoder_and_the_other_way_round() -> None:
    door = {"action": {"contactState": "open"}}
    (sample,) = uplink({"temperature": 4, "humidity": 50}, [{**AIR, **door}]).samples
    assert (sample.temperature, sample.humidity, sample.door_open) == (3.4, 50, True)
    assert read(uplink({"x": 1}, [AIR])) == [("0", 3.4, None)]
    assert [sample.door_open for sample in uplink({"x": 1}, [door]).samples] == [True]
    assert [sample.door_open for sample in uplink({"Temp1": 1, "Temp2": 2}, [door]).samples] == [None, None, True]
    stored = {"temperature": 4, "history": [{"timestamp": 1795171200, "temperature": 5}]}
    assert read(uplink(stored, [{"air": {"temperature": 4}}])) == [("0", 4, None), ("0", 5, None)]


def test_both_kinds_of_uplink_bring_the_same_reading() -> None:
    times = {"received_at": NETWORK}
    one = decode(event(uplink_message={"decoded_payload": TEMPERATURE, "normalized_payload": [AIR], **times}))
    other = decode(event(uplink_normalized={"normalized_payload": AIR, **times}))
    assert one.samples == other.samples


@pytest.mark.parametrize(
    ("gateways", "signal"),
    [
        ([{"rssi": -97.5}, {"rssi": -61.4}, {"channel_rssi": -99}], -61),
        ([{"channel_rssi": -99}], -99),
        ([{"rssi": 12}], 0),
        ([{"rssi": -1000}], -200),
        ([{"rssi": "-70"}], -70),
        ([{"rssi": None}, "x", 3, {"rssi": True}], None),
        ({"rssi": -3}, None),
        (None, None),
    ],
)
def test_signal_is_that_of_the_gateway_that_hears_best(gateways: Any, signal: int | None) -> None:
    assert [sample.signal for sample in uplink(TEMPERATURE, rx_metadata=gateways).samples] == [signal]


@pytest.mark.parametrize(
    ("payload", "answer", "battery"),
    [
        ({"battery": 80}, {"value": 50}, 80),
        ({"battery": 3.6}, {"value": 50.4}, 50),
        ({"BatV": 3.6}, None, None),
        ({}, {"value": 130}, None),
        ({}, {"value": "x"}, None),
        ({}, 50, None),
    ],
)
def test_battery_in_percent(payload: Any, answer: Any, battery: int | None) -> None:
    decoded = uplink({**TEMPERATURE, **payload}, last_battery_percentage=answer)
    assert [sample.battery for sample in decoded.samples] == [battery]


def test_the_contracts_codes_apply() -> None:
    decoded = uplink({"Temp1": 279.9, "Temp2": -393.28, "Temp3": 3, "humidity": 104})
    assert [(rejection.index, rejection.code) for rejection in decoded.rejected] == [
        (0, "out_of_range"),
        (1, "out_of_range"),
        (3, "out_of_range"),
    ]
    assert decoded.indexes == [2]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed_json"),
        (b"{", "malformed_json"),
        (b'{"end_device_ids": NaN}', "malformed_json"),
        (b"\xff\xfe", "malformed_json"),
        (b"[" * 100_000, "malformed_json"),
        (b"[]", "invalid"),
        (b"7", "invalid"),
        (b"null", "invalid"),
        (b"{}", "invalid"),
        (b'{"readings": []}', "invalid"),
        (b'{"result": {"result": {"result": {"result": {"result": {}}}}}}', "invalid"),
    ],
)
def test_what_is_not_an_event(body: bytes, code: str) -> None:
    with pytest.raises(BadBody) as caught:
        tts.decode(body, at=AT)
    assert (caught.value.status, caught.value.code) == (400, code)


PARTS = st.fixed_dictionaries(
    {},
    optional={
        "end_device_ids": st.one_of(st.just(IDS), JSON),
        "received_at": JSON,
        "simulated": JSON,
        "data": JSON,
        "uplink_message": st.one_of(
            JSON,
            st.fixed_dictionaries(
                {},
                optional={
                    "decoded_payload": JSON,
                    "normalized_payload": JSON,
                    "rx_metadata": JSON,
                    "received_at": JSON,
                    "last_battery_percentage": JSON,
                },
            ),
        ),
    },
)


@given(st.one_of(JSON, PARTS))
def test_no_json_raises_anything_but_bad_body(body: Any) -> None:
    try:
        decoded = decode(body)
    except BadBody:
        return
    positions = sorted([*decoded.indexes, *(rejection.index for rejection in decoded.rejected)])
    assert positions == list(range(len(positions)))
    assert len(decoded.indexes) == len(decoded.samples)


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_but_bad_body(body: bytes) -> None:
    with pytest.raises(BadBody):
        tts.decode(b"\x00" + body, at=AT)


# --- real bodies ---


def test_collected_webhook_bodies(capsys: pytest.CaptureFixture[str]) -> None:
    """Every body of the vendor's documents and of other projects is taken; only uplinks measure."""
    readings = {}
    for path in examples.files("webhooks/tts/*.json"):
        decoded = judged(tts.decode(path.read_bytes(), at=AT), at=AT)
        assert decoded.rejected == []
        if decoded.samples:
            assert path.name.startswith("uplink_message")
            readings[path.stem] = [sample.temperature for sample in decoded.samples]
    with capsys.disabled():
        print(f"\nwebhook bodies with readings: {sorted(readings.values())}")
    assert sorted(readings.values()) == [[13.3], [21.5], [24.6], [24.6]]


def test_collected_fragments() -> None:
    for path in examples.files("webhooks/tts_fragments/*.json"):
        fragment = json.loads(path.read_bytes())
        body = {"end_device_ids": IDS, **fragment}
        if "uplink_normalized" not in fragment:
            body = {"end_device_ids": IDS, "uplink_message": fragment}
        assert [sample.temperature for sample in decode(body).samples] in ([10], [-21.3])


def test_composed_bodies_of_catalogued_devices(capsys: pytest.CaptureFixture[str]) -> None:
    """The catalogue's examples in a webhook body: each temperature is stored or refused with a code."""
    readings = 0
    codes: dict[str, int] = {}
    for example in examples.lines("lorawan/ttn_device_examples.jsonl"):
        decoded = uplink(
            example["decoded_payload"],
            example.get("normalized_payload"),
            f_port=example["fPort"],
            frm_payload=base64.b64encode(bytes.fromhex(example["bytes_hex"])).decode(),
        )
        readings += bool(decoded.samples)
        for rejection in decoded.rejected:
            codes[rejection.code] = codes.get(rejection.code, 0) + 1
    with capsys.disabled():
        print(f"\n{readings} composed uplinks gave readings; refused values: {codes}")
    assert readings > 100
    assert set(codes) <= {"invalid", "out_of_range", "sensor_fault"}


def test_bodies_without_a_decoder() -> None:
    """Real uplinks whose devices had no payload formatter: taken, and no reading."""
    for body in examples.lines("lorawan/thingsboard_tts_bodies.jsonl"):
        assert decode(body["body"]) == Judged()
