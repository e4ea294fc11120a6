"""What the extractor takes from decoded payloads, and what it must leave."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.measurements import Extracted, Measurement, extract, extract_normalized, values
from ingest.measurements.extraction import MOST_VALUES
from ingest.measurements.grouping import UNTIMED
from ingest.measurements.names import Quantity, channel, read_name, split
from tests.ingest import examples


def temperatures(payload: Any) -> dict[str, float | None]:
    """Channel -> temperature of now."""
    return {
        m.channel: m.temperature
        for m in extract(payload).measurements
        if m.temperature is not None and m.refusal is None and m.at is None
    }


def only(extracted: Extracted) -> Measurement:
    assert len(extracted.measurements) == 1, extracted
    return extracted.measurements[0]


@pytest.mark.parametrize(
    "key",
    [
        *("temperature", "Temperature", "TEMP", "temp", "Temp", "Tempera", "t", "tempC", "temperatureCelsius"),
        *("TempC_SHT", "TempC_SHT31", "sensorTemperature", "tempNOW", "Temp (°C)", "TEMP [℃]", "temperature_c"),
        *("temperatureMeasure", "current_temperature", "температура", "温度", "temperatura", "Temperatur"),
    ],
)
def test_names_of_the_own_sensor(key: str) -> None:
    assert temperatures({key: 3.4}) == {"0": 3.4}


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("TempC1", "1"),
        ("Temp2", "2"),
        ("Temp_C3", "3"),
        ("Temp_Channel1", "1"),
        ("temperature_chn12", "12"),
        ("temperature_41", "41"),
        ("temperature_1", "1"),
        ("TempC_DS", "ds"),
        ("TempC_DS18B20", "ds18b20"),
        ("temp_ds18b20", "ds18b20"),
        ("TempC_TMP117", "tmp117"),
        ("EXT_TempC_SHT", "ext"),
        ("externalTemperature", "external"),
        ("externalTemperature2", "external-2"),
        ("extThermistorTemperature", "ext-thermistor"),
        ("Temp_Red", "red"),
        ("temp_SOIL", "soil"),
        ("Leaf_Temperature", "leaf"),
        ("ambient_temperature", "ambient"),
        ("ambientTemp", "ambient"),
        ("watertemp", "water"),
        ("irExternalTemperature", "ir-external"),
    ],
)
def test_the_channel_is_read_from_the_key(key: str, name: str) -> None:
    assert temperatures({key: -18.25}) == {name: -18.25}


@pytest.mark.parametrize(
    "key",
    [
        *("temperatureBoard", "mcu_temperature", "mcuTemp", "cputemp", "internalCircuitTemperature", "ic_temperature"),
        *("Internal Temperature", "temp_int", "electronics_temperature", "barometer_temperature", "Lidar_temp"),
        *("deviceTemperature", "device temperature", "batteryTemperature", "targetTemperature", "temperature_setpoint"),
        *("highTemperatureThreshold", "tempAlarmLimitHigh", "tempAlarmLimitLow", "HighTempAlarm", "temperature_alarm"),
        *("temperature_chn1_alarm", "temperature_chn1_change", "TempChange", "CurrentChange", "tempOffset", "tempMin"),
        *("tempMax", "temp_min", "max_temperature", "lowest_temp", "tempHumidChanged", "temperature_delta", "tempRate"),
        *("temp_status", "tempAlarmsEnabled", "temperature_raw", "temp_x10", "temp_adc", "temperature_count"),
        *("tamper", "attempt", "attempts", "template", "temporary", "temper", "tempo", "dew_point_temperature"),
        *("feels_like_temp", "colorTemperature", "temperature_calibration", "temperature_unit", "temp_config"),
    ],
)
def test_what_only_looks_like_a_temperature(key: str) -> None:
    assert extract({key: 21.5}).measurements == []
    assert extract({key: {"value": 21.5}}).measurements == []
    assert temperatures({key: 21.5, "temperature": 3.4}) == {"0": 3.4}


@pytest.mark.parametrize(
    "container",
    [
        *("thresholds", "alarm_status", "config", "settings", "target", "limits", "mcu", "board", "internal"),
        *("calibration", "min", "max", "device_status"),
    ],
)
def test_nothing_is_taken_from_below_such_names(container: str) -> None:
    assert extract({container: {"temperature": 21.5, "values": [{"temperature": {"value": 3}}]}}).measurements == []


@pytest.mark.parametrize(
    ("written", "degrees"),
    [
        (3, 3.0),
        ("24.90", 24.9),
        ("0.00", 0.0),
        ("-18,4", -18.4),
        ("22 ℃", 22.0),
        ("30°C", 30.0),
        ("+4.5 degC", 4.5),
        ("38.3 °F", 3.5),
    ],
)
def test_numbers_and_their_units(written: Any, degrees: float) -> None:
    assert temperatures({"temperature": written}) == {"0": pytest.approx(degrees)}


@pytest.mark.parametrize(
    "written",
    [None, True, False, "NULL", "null", "NoSensor", "", "ok", "80-100%", "3.384 V", "55 %", "1e3", [], {}, "1" * 60],
)
def test_a_probe_that_says_nothing(written: Any) -> None:
    assert temperatures({"temperature": written, "TempC2": 5}) == {"2": 5.0}


@pytest.mark.parametrize(
    "payload",
    [
        {"temperature_F": 38.3},
        {"tempF": 38.3, "tempC": 3.5},
        {"Temperature (°F)": 38.3},
        {"temperature": 38.3, "unit": "F"},
        {"temperature": 38.3, "tempUnit": "fahrenheit"},
        {"temperature": {"value": 38.3, "unit": "°F"}},
        {"temperature": {"celsius": 3.5, "fahrenheit": 38.3}},
        {"temperature": 276.65, "unit": "K"},
        {"name": "temperature", "value": 38.3, "unit": "°F"},
    ],
)
def test_fahrenheit_and_kelvin_become_celsius(payload: Any) -> None:
    assert temperatures(payload) == {"0": pytest.approx(3.5, abs=0.001)}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"values": {"temperature": {"value": 21.3, "unit": "°C"}}}, {"0": 21.3}),
        ({"values": {"temperature_1": {"value": 1.0}, "temperature_2": {"value": 2.0}}}, {"1": 1.0, "2": 2.0}),
        ({"water": {"temperature": {"min": 1, "max": 9, "avg": 4, "current": 5}}}, {"water": 5.0}),
        ({"temperature": {"min": 1, "max": 9, "avg": 4}}, {"0": 4.0}),
        ({"temperature": 5, "temperature_avg": 4, "lastTemperature": 3}, {"0": 5.0}),
        ({"probe1": {"temperature": 3}, "probe2": {"temperature": 4}}, {"probe-1": 3.0, "probe-2": 4.0}),
        ({"temperature": {"1": 3, "2": 4}}, {"1": 3.0, "2": 4.0}),
        ({"temperatures": {"internal": 22, "probe": 3}}, {"probe": 3.0}),
        ({"temperatures": [1.5, "NULL", 3.5]}, {"0": 1.5, "2": 3.5}),
        ({"sensors": [{"temperature": 3}, {"temperature": 4}]}, {"0": 3.0, "1": 4.0}),
        ({"sensors": [{"id": 2, "temperature": 4}, {"id": 1, "temperature": 3}]}, {"1": 3.0, "2": 4.0}),
        ({"devices": [{"mac": "AC:DE:48:00:11:22", "temperature": 3}]}, {"acde48001122": 3.0}),
        (
            {"readings": [{"name": "Fridge", "temperature": 3}, {"name": "Bar", "temperature": 4}]},
            {"fridge": 3.0, "bar": 4.0},
        ),
        ({"values": {"product": {"value": 3, "unit": "°C"}}}, {"product": 3.0}),
    ],
)
def test_nested_values(payload: Any, expected: dict[str, float]) -> None:
    assert temperatures(payload) == expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ([{"variable": "temperature", "value": 22.5}, {"variable": "temperature_min", "value": 1}], {"0": 22.5}),
        (
            {"messages": [{"measurementId": "4097", "measurementValue": 13.3, "type": "Air Temperature"}]},
            {"air": 13.3},
        ),
        (
            {"messages": [[{"type": "report_telemetry", "measurementId": 4097, "measurementValue": 21.4}]]},
            {"air": 21.4},
        ),
        (
            {
                "channels": [
                    {"channelId": 0, "channelName": "temperature", "value": 94.2},
                    {"channelId": 1, "channelName": "device temperature", "value": 30},
                ]
            },
            {"0": 94.2},
        ),
        (
            [{"channel": 7, "type": "temperature", "value": 4}, {"channel": 8, "type": "TEMPERATURE", "value": 5}],
            {"7": 4.0, "8": 5.0},
        ),
        ([{"n": "temp", "u": "Cel", "v": 4, "t": 100}], {"0": 4.0}),
        ({"name": "Product", "unit": "°C", "value": 3}, {"product": 3.0}),
        ({"type": "status", "temperature": 24.35}, {"0": 24.35}),
        ({"type": "TX TEMP 600", "values": {"temperature": {"value": 3.5}, "humidity": {"value": 40}}}, {"0": 3.5}),
        ({"SensorType": "Temperature", "Channel": 1, "Status": "Success"}, {}),
        ({"sensorType": "temperature", "status": 1}, {}),
        ({"measurement": "temperature", "type": "max", "value": 9}, {}),
        ({"name": "Setpoint", "unit": "°C", "value": 5}, {}),
    ],
)
def test_entries_with_a_name_and_a_value(payload: Any, expected: dict[str, float]) -> None:
    assert temperatures(payload) == expected


def test_temperature_and_humidity_of_one_probe_are_one_measurement() -> None:
    extracted = extract({"TempC_SHT": 21, "Hum_SHT": 40, "EXT_TempC_SHT": 3.1, "EXT_Hum_SHT": 70, "TempC_DS": 2})
    assert extracted.measurements == [
        Measurement("0", temperature=21, humidity=40),
        Measurement("ext", temperature=3.1, humidity=70),
        Measurement("ds", temperature=2),
    ]


@pytest.mark.parametrize(
    "payload",
    [
        {"temperature_1": 4, "relative_humidity_2": 55},
        {"ambientTemp": 4, "humidity": 55},
        {"air_temperature": 4, "relativeHumidity": "55 %"},
        {"tempNOW": [4, 3], "humNOW": [55, 54]},
        [{"type": "Temperature", "value": 4}, {"type": "Humidity", "value": 55, "unit": "%RH"}],
        {"t": 4, "h": 55},
        {"temperature": 4, "humidity": 55, "unit": "C"},
        {"tempHum": {"temperature": 4, "humidity": 55}},
    ],
)
def test_humidity_finds_its_temperature(payload: Any) -> None:
    first = extract(payload).measurements[0]
    assert (first.temperature, first.humidity) == (4, 55)


@pytest.mark.parametrize(
    "payload", [{"externalTemperature": 4, "humidity": 55}, {"TempC_DS": 4, "Hum_SHT": 55}, {"Temp1": 4, "Humi": 55}]
)
def test_humidity_of_the_box_is_not_given_to_a_probe(payload: Any) -> None:
    assert [(m.temperature, m.humidity) for m in extract(payload).measurements] == [(4, None), (None, 55)]


@pytest.mark.parametrize(
    "payload",
    [{"SoildHumi5TE": 10}, {"soil_humidity": 20}, {"humidity_alarm": 1}, {"humMax": 70}, {"absolute_humidity": 9}],
)
def test_what_is_not_relative_humidity(payload: Any) -> None:
    assert extract(payload).measurements == []


def test_an_impossible_humidity_does_not_take_the_temperature_with_it() -> None:
    assert extract({"temperature": 4, "humidity": 104.2}).measurements == [
        Measurement("0", temperature=4),
        Measurement("0", humidity=104.2),
    ]


def test_sentinels_are_passed_on() -> None:
    assert temperatures({"TempC_DS": 327.67, "TempC_SHT": 1.3}) == {"ds": 327.67, "0": 1.3}


def test_probes_that_are_called_absent_are_left_out() -> None:
    payload = {"sensorTemperature": 21.5, "extThermistorTemperature": 0, "thermistorProperlyConnected": False}
    assert temperatures(payload) == {"0": 21.5}
    assert temperatures({**payload, "thermistorProperlyConnected": True}) == {"0": 21.5, "ext-thermistor": 0.0}
    assert temperatures({"sensorTemperature": 0.0, "brokenSensor": True}) == {}
    assert temperatures({"temperature": 4, "valid": False}) == {}
    assert temperatures({"externalPowerConnected": False, "externalTemperature": 4, "connected": False}) == {
        "external": 4.0
    }


def test_each_reading_of_a_list_keeps_its_own_time() -> None:
    payload = {
        "temperature": 3,
        "history": [{"timestamp": 1700000000, "temperature": 1}, {"timestamp": 1700000600000, "temperature": 2}],
    }
    assert extract(payload).measurements == [
        Measurement("0", temperature=3),
        Measurement("0", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), temperature=1),
        Measurement("0", datetime(2023, 11, 14, 22, 23, 20, tzinfo=UTC), temperature=2),
    ]


def test_a_time_in_parts_and_a_message_from_memory() -> None:
    moment = {"year": 2026, "month": "March", "day": 1, "hours": 13, "minutes": 5, "seconds": 2}
    at = datetime(2026, 3, 1, 13, 5, 2, tzinfo=UTC)
    stored = {"msgType": "SendBackLogMessage", "temperature": 7.5, "humidity": 61}
    assert only(extract({**stored, "timestamp": moment})) == Measurement("0", at, temperature=7.5, humidity=61)
    assert only(extract(stored)).refusal is not None
    listed = {"msgType": "SendBackLogMessages", "readings": [{"timestamp": moment, "temperature": 7.5, "humidity": 61}]}
    assert only(extract(listed)) == Measurement("0", at, temperature=7.5, humidity=61)


def test_the_clock_of_a_device_is_not_asked_for_what_it_measures_now() -> None:
    assert (
        only(extract({"Systimestamp": 1625570502, "time": "2021-01-01T00:00:00Z", "Temp_Channel1": 21.46})).at is None
    )


def test_several_values_without_times() -> None:
    first, *others = extract({"temperature": {"unit": "°C", "values": [3.1, 3.2, 3.3]}}).measurements
    assert (first.temperature, first.refusal) == (3.1, None)
    assert [(m.temperature, m.refusal) for m in others] == [(3.2, UNTIMED), (3.3, UNTIMED)]
    log = extract({"readings": [{"temperature": 1, "humidity": 50}, {"temperature": 2}]}).measurements
    assert log == [Measurement("0", temperature=2), Measurement("0", temperature=1, humidity=50, refusal=UNTIMED)]


def test_stored_values_and_local_times_are_refused() -> None:
    extracted = extract({"temperature": {"value": 3, "history": [2, 1]}})
    assert [(m.temperature, m.refusal is None) for m in extracted.measurements] == [(3, True), (2, False), (1, False)]
    assert only(extract({"list": [{"time": "2024-01-01 00:00:00", "temperature": 3}]})).refusal is not None


@pytest.mark.parametrize(
    ("payload", "charge"),
    [
        ({"battery": 92}, 92),
        ({"Bat": 74}, 74),
        ({"batLevel": 75.5}, 75.5),
        ({"batteryLevel": "76%"}, 76),
        ({"Battery(%)": 100}, 100),
        ({"batteryPerc": 3}, 3),
        ({"battery": {"level": 98, "voltage": 3.1}}, 98),
        ({"battery": {"value": 5, "unit": "%"}}, 5),
        ({"battery": 3.6}, None),
        ({"battery": 3}, None),
        ({"batteryLevel": 2.74}, None),
        ({"battery": 3594}, None),
        ({"battery": {"value": 12, "unit": "V"}}, None),
        ({"BatV": 3.062}, None),
        ({"battery_voltage": 13}, None),
        ({"batteryVoltage": 30}, None),
        ({"Bat_status": 30}, None),
        ({"BatteryChange": 10}, None),
        ({"lowBattery": 50}, None),
        ({"batteryCapacity": "80-100%"}, None),
        ({"battery_percent": 130}, None),
    ],
)
def test_battery_is_percent_only(payload: Any, charge: float | None) -> None:
    extracted = extract(payload)
    assert extracted.battery == charge
    assert extracted.measurements == []


@pytest.mark.parametrize(
    ("payload", "is_open"),
    [
        ({"Door_status": "OPEN"}, True),
        ({"Door_status": "CLOSE"}, False),
        ({"DOOR_OPEN_STATUS": 0, "DOOR_OPEN_TIMES": 9472, "LAST_DOOR_OPEN_DURATION": 65536}, False),
        ({"magnet_status": "open"}, True),
        ({"action": {"contactState": "closed"}}, False),
        ({"door": {"value": "open"}}, True),
        ({"doorOpen": True}, True),
        ({"door_closed": 1}, False),
        ({"open": 0}, False),
        ({"operatingMode": "Door Sensor", "state": "Open"}, True),
        ({"contact": 1}, None),
        ({"reed_state": False}, None),
        ({"door_alarm": 1}, None),
        ({"openWindow": True}, None),
        ({"valveState": "open"}, None),
        ({"door": "ajar"}, None),
    ],
)
def test_doors(payload: Any, is_open: bool | None) -> None:
    found = [m.door_open for m in extract(payload).measurements]
    assert found == ([] if is_open is None else [is_open])


def test_a_numbered_contact_belongs_to_its_channel() -> None:
    payload = {"temperature_chn1": 3, "temperature_chn2": 4, "magnet_chn1": "open", "magnet_chn2": "close"}
    assert extract(payload).measurements == [
        Measurement("1", temperature=3, door_open=True),
        Measurement("2", temperature=4, door_open=False),
    ]


def test_two_names_of_one_channel_with_different_values_are_kept_apart() -> None:
    assert temperatures({"temp": 39.2, "temperature": 4}) == {"0": 4.0, "temp": 39.2}
    assert temperatures({"Temperature": 4, "temperature": 4}) == {"0": 4.0}


KEYS = {
    "temperature": "0",
    "TempC1": "1",
    "Temp_Channel2": "2",
    "TempC_DS": "ds",
    "externalTemperature": "external",
    "externalTemperature2": "external-2",
    "ambient_temperature": "ambient",
    "Temp_Red": "red",
}


@given(st.permutations(list(KEYS)).flatmap(lambda keys: st.sampled_from([keys[: i + 1] for i in range(len(keys))])))
def test_a_channel_depends_neither_on_the_order_nor_on_the_presence_of_other_keys(keys: list[str]) -> None:
    known = {key: float(number) for number, key in enumerate(KEYS)}
    payload = {key: known[key] for key in keys}
    assert temperatures(payload) == {KEYS[key]: known[key] for key in keys}


def test_normalized_payloads() -> None:
    air = {"air": {"temperature": 3.2, "relativeHumidity": 50}, "battery": 3.1, "action": {"contactState": "open"}}
    assert only(extract_normalized(air)) == Measurement("0", temperature=3.2, humidity=50, door_open=True)
    timed = [{"time": f"2026-01-01T00:{minute}0:00Z", "air": {"temperature": minute}} for minute in (0, 1)]
    assert [(m.channel, m.at and m.at.minute) for m in extract_normalized(timed).measurements] == [("0", 0), ("0", 10)]
    twins = [{"air": {"temperature": 3}}, {"air": {"temperature": 4}}, {"action": {"contactState": "open"}}]
    assert [(m.channel, m.temperature, m.door_open) for m in extract_normalized(twins).measurements] == [
        ("0", 3, True),
        ("1", 4, None),
    ]
    assert only(extract_normalized({"soil": {"temperature": 9, "depth": 3}})).channel == "soil"


def test_words_of_names() -> None:
    assert split("TempC_DS18B20") == ("temp", "c", "ds18b20")
    assert split("EC5SoildHumi") == ("ec", "5", "soild", "humi")
    assert split("temperature_chn01") == ("temperature", "chn", "1")
    assert read_name("Air Humidity").quantity is Quantity.HUMIDITY
    assert read_name("x" * 10_000).quantity is None
    long = channel(tuple(f"part{number}" for number in range(30)))
    assert len(long) == 64
    assert long != channel(tuple(f"part{number}" for number in range(31)))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20T11:58:03.412790155Z", datetime(2026, 11, 20, 11, 58, 3, 412790, tzinfo=UTC)),
        ("2026-11-20T13:58:03+02:00", datetime(2026, 11, 20, 11, 58, 3, tzinfo=UTC)),
        ("2026-11-20 11:58:03.5 UTC", datetime(2026, 11, 20, 11, 58, 3, 500000, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("2026-11-20T11:58:03", None),
        ("2026-02-30T00:00:00Z", None),
        ("2020-0327T12:39:05.547336Z", None),
        (1700000000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("1700000000123", datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=UTC)),
        (1700000000.5, datetime(2023, 11, 14, 22, 13, 20, 500000, tzinfo=UTC)),
        ({"unix": 1700000000, "string": "Tue, 14 Nov 2023"}, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ({"year": 2026, "month": 13, "day": 1}, None),
        ({"year": True, "month": "x", "day": []}, None),
        (4, None),
        (True, None),
        (float("inf"), None),
        (None, None),
    ],
)
def test_moments(text: Any, moment: datetime | None) -> None:
    assert values.moment(text) == moment


WORDS = (
    *(
        "temperature",
        "temperatures",
        "TempC1",
        "humidity",
        "battery",
        "door",
        "t",
        "h",
        "open",
        "measurementId",
        "4097",
    ),
    *("time", "timestamp", "year", "month", "history", "readings", "msgType", "SendBackLog", "sensors", "channel"),
    *("id", "name", "type", "value", "values", "unit", "°C", "valid", "24.9", "327.67"),
)
TEXTS = st.one_of(st.text(max_size=12), st.sampled_from(WORDS))


def json_of(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    """Any JSON, with names in it that mean something."""
    return st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), numbers, TEXTS),
        lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(TEXTS, inner, max_size=6)),
        max_leaves=30,
    )


JSON = json_of(st.floats(allow_nan=False, allow_infinity=False))


@given(json_of(st.floats()))
def test_no_json_makes_it_raise(payload: Any) -> None:
    for extracted in (extract(payload), extract_normalized(payload)):
        for measurement in extracted.measurements:
            assert 0 < len(measurement.channel) <= 64
            assert measurement.at is None or measurement.at.tzinfo is not None
            given_values = (measurement.temperature, measurement.humidity, measurement.door_open)
            assert any(value is not None for value in given_values)


def test_work_is_bounded() -> None:
    deep: dict[str, Any] = {"temperature": 4}
    for _ in range(50):
        deep = {"data": deep}
    assert extract(deep).measurements == []
    assert extract({"temperature": list(range(MOST_VALUES + 1))}).measurements == []
    assert (
        extract([{f"temperature_{row}_{column}": 1 for column in range(100)} for row in range(100)]).measurements == []
    )
    assert len(extract({f"temperature_{number}": 1 for number in range(1000)}).measurements) == 1000


# --- real devices ---

# Written for this test and apart from the extractor's vocabulary: keys that hold a temperature, and those that don't.
MEANT = re.compile(r"temp(?!late|orary|er(?!a))|(?:^|\.)t$", re.IGNORECASE)
NOT_MEANT = re.compile(
    r"attempt|tamper|board|mcu|cpu|internal|circuit|target|setpoint|threshold|limit|alarm|change|offset|max|min|delta"
    r"|lidar|barometer|enabled|status\.|config",
    re.IGNORECASE,
)
A_NUMBER = re.compile(r"^\s*([+-]?\d+(?:\.\d+)?)\s*(?:°C|℃|C)?\s*$")


def meant(payload: Any, path: str = "") -> Iterator[float]:
    """Temperatures of a payload by the rule above, whatever their number."""
    if isinstance(payload, dict):
        if str(payload.get("measurementId")) == "4097" and isinstance(payload.get("measurementValue"), int | float):
            yield payload["measurementValue"]
        for key, value in payload.items():
            yield from meant(value, f"{path}.{key}")
    elif isinstance(payload, list):
        for item in payload:
            yield from meant(item, path)
    elif MEANT.search(path) and not NOT_MEANT.search(path) and not isinstance(payload, bool):
        match = A_NUMBER.match(str(payload))
        if match:
            yield float(match[1])


def test_devices_of_the_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    """At least 95 % of the examples with a temperature are read, and no value comes from another key."""
    carrying = read = complete = 0
    missed, forbidden = [], []
    for example in examples.lines("lorawan/ttn_device_examples.jsonl"):
        payload = example["decoded_payload"]
        expected = set(meant(payload))
        found = {m.temperature for m in extract(payload).measurements if m.temperature is not None}
        where = f"{example['vendor']}/{example['codec']}#{example['example']}"
        if not found <= expected:
            forbidden.append((where, found - expected))
        if expected:
            carrying += 1
            read += bool(found & expected)
            complete += found == expected
            if found != expected:
                missed.append((where, expected - found))
    with capsys.disabled():
        print(f"\n{read} of {carrying} examples with a temperature were read, {complete} completely; missed: {missed}")
    assert carrying > 100
    assert forbidden == []
    assert read >= 0.95 * carrying


def test_devices_with_an_expected_telemetry(capsys: pytest.CaptureFixture[str]) -> None:
    """What another platform's converters make of real uplinks: its `temperature` and `humidity` are found again."""
    carrying = read = 0
    missed = []
    for body in examples.lines("lorawan/thingsboard_*_bodies.jsonl"):
        expected = body.get("expected")
        for telemetry in expected.get("telemetry", []) if isinstance(expected, dict) else []:
            told = telemetry.get("values") if isinstance(telemetry, dict) else None
            if not isinstance(told, dict) or not isinstance(told.get("temperature"), int | float):
                continue
            carrying += 1
            found = any(m.channel == "0" and m.temperature == told["temperature"] for m in extract(told).measurements)
            read += found
            if not found:
                missed.append((body["vendor"], body["device"], json.dumps(told)[:80]))
    with capsys.disabled():
        print(f"\n{read} of {carrying} telemetry objects with a temperature were read; missed: {missed}")
    assert carrying > 20
    assert read >= 0.95 * carrying
