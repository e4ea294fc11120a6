"""The Things Stack v3: the body of a webhook (or of its events and storage exports) to measurements.

The serial is the DevEUI. Channels are named in ingest/measurements: "0" is the device's own or only sensor.

Only `uplink_message` and `uplink_normalized` measure something. Everything else that the stack sends (joins, downlinks,
locations), uplinks without a decoded payload and simulated uplinks decode to nothing, and so does a payload without
temperature, humidity or door: battery and signal go along with a measurement, but a heartbeat is none and must not
make a dead probe look alive.

A subscription to both kinds of uplink brings each reading twice; they have the same time and values, so the second is
counted as a duplicate, or refused as a conflict if the decoder knew more than the normalizer.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec

from ingest.measurements import Extracted, Measurement, extract, extract_normalized
from ingest.measurements.values import number, rfc3339
from ingest.samples import BadBody, Candidate, Decoded, spelled

LONGEST_SERIAL: Final = 64
MOST_GATEWAYS: Final = 200

_UPLINKS: Final = ("uplink_message", "uplink_normalized")
_MARKS: Final = frozenset(
    {
        *("end_device_ids", *_UPLINKS, "join_accept", "location_solved", "service_data"),
        *("downlink_queued", "downlink_sent", "downlink_ack", "downlink_nack", "downlink_failed"),
        "downlink_queue_invalidated",
    }
)


def decode(body: bytes, *, at: datetime) -> Decoded:
    """What an event measured. `at` is the server's time of receipt, used where the event has no time.

    Values the contract refuses, values whose time isn't known and values of an unnamed device come back as rejections;
    `index` is the position of the measurement in the uplink. Raises BadBody for what isn't JSON, or isn't an event.
    """
    event = _event(body)
    uplink = next((event[kind] for kind in _UPLINKS if isinstance(event.get(kind), dict)), None)
    if uplink is None or event.get("simulated"):
        return Decoded()
    decoded = Decoded()
    extracted = _extracted(uplink)
    serial = _serial(event.get("end_device_ids"))
    received = rfc3339(uplink.get("received_at")) or rfc3339(event.get("received_at")) or at
    candidates: list[tuple[int, Candidate]] = []
    for index, measurement in enumerate(extracted.measurements):
        if measurement.refusal is not None:
            decoded.refuse(index, "invalid", measurement.refusal)
        elif not serial:
            decoded.refuse(index, "invalid", "The event doesn't say which device it is of (end_device_ids).")
        else:
            candidates.append((index, _candidate(measurement, serial=serial, received=received)))
    _add_health((candidate for _, candidate in candidates), battery=_battery(uplink, extracted), signal=_signal(uplink))
    decoded.indexes = [index for index, _ in candidates]
    decoded.candidates = [candidate for _, candidate in candidates]
    for rejection in decoded.rejected:
        refused = extracted.measurements[rejection.index]
        decoded.sent[rejection.index] = _spelled(refused, serial=serial, received=received)
    return decoded


def _event(body: bytes) -> dict[str, Any]:
    """The event itself, out of the wrappers {"name", "data": …} and {"result": …}."""
    try:
        event = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise BadBody(400, "malformed_json", f"The body isn't valid JSON: {error}") from error
    for _ in range(4):
        if not isinstance(event, dict):
            break
        if not _MARKS.isdisjoint(event):
            return event
        event = event.get("data", event.get("result"))
    raise BadBody(400, "invalid", "Expected an event of The Things Stack, with end_device_ids and uplink_message.")


def _serial(ids: object) -> str:
    """DevEUI in capitals; without one "<application>/<device>", which is unique within a tenant; "" for neither."""
    if not isinstance(ids, dict):
        return ""
    eui = _text(ids.get("dev_eui")).upper()
    if eui:
        return eui[:LONGEST_SERIAL]
    device = _text(ids.get("device_id"))
    application = ids.get("application_ids")
    within = _text(application.get("application_id")) if isinstance(application, dict) else ""
    return f"{within}/{device}"[:LONGEST_SERIAL] if within and device else device[:LONGEST_SERIAL]


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _spelled(measurement: Measurement, *, serial: str, received: datetime) -> bytes:
    """What was refused, for people to see. A value whose time isn't known gets none."""
    return spelled(
        serial,
        measurement.channel,
        measurement.at or (received if measurement.refusal is None else None),
        temperature=measurement.temperature,
        humidity=measurement.humidity,
        door_open=measurement.door_open,
    )


def _candidate(measurement: Measurement, *, serial: str, received: datetime) -> Candidate:
    return Candidate(
        sensor=serial,
        recorded_at=measurement.at or received,
        channel=measurement.channel,
        temperature=measurement.temperature,
        humidity=measurement.humidity,
        door_open=measurement.door_open,
    )


def _add_health(candidates: Iterable[Candidate], *, battery: float | None, signal: float | None) -> None:
    """Battery and signal are the device's and of now: they go to the newest reading of each channel."""
    newest: dict[str | None, Candidate] = {}
    for candidate in candidates:
        best = newest.setdefault(candidate.channel, candidate)
        if candidate.recorded_at > best.recorded_at:
            newest[candidate.channel] = candidate
    for candidate in newest.values():
        candidate.battery, candidate.signal = battery, signal


def _battery(uplink: dict[str, Any], extracted: Extracted) -> float | None:
    if extracted.battery is not None:
        return extracted.battery
    answer = uplink.get("last_battery_percentage")  # the device's last answer to a status request of the network
    charge = number(answer.get("value")) if isinstance(answer, dict) else None
    return charge[0] if charge is not None and 0 <= charge[0] <= 100 else None


def _signal(uplink: dict[str, Any]) -> float | None:
    """Strength at the gateway that heard the uplink best, in dBm."""
    gateways = uplink.get("rx_metadata")
    heard = []
    for gateway in gateways[:MOST_GATEWAYS] if isinstance(gateways, list) else []:
        strength = number(gateway.get("rssi", gateway.get("channel_rssi"))) if isinstance(gateway, dict) else None
        if strength is not None:
            heard.append(strength[0])
    return float(round(min(max(max(heard), -200.0), 0.0))) if heard else None


def _extracted(uplink: dict[str, Any]) -> Extracted:
    """What the decoder and the normalizer say together.

    The decoder's names tell probes apart, the normalizer's values are certainly °C and may have the device's time.
    With one temperature in the decoded payload the normalized value takes its place. With several, or none in the
    normalized payload, the decoder is followed.
    """
    decoded = extract(uplink.get("decoded_payload"))
    normalized = extract_normalized(uplink.get("normalized_payload"))
    battery = decoded.battery if decoded.battery is not None else normalized.battery
    agreed = [m for m in normalized.measurements if m.temperature is not None]
    named = [m for m in decoded.measurements if m.temperature is not None and m.at is None and m.refusal is None]
    times = {m.at for m in agreed}
    if agreed and len(named) < 2:
        return Extracted(_normalized_first(decoded, normalized, named=named, agreed=agreed), battery)
    if len(times) == 1:
        for measurement in decoded.measurements:
            measurement.at = measurement.at or agreed[0].at
    doors = [Measurement(m.channel, m.at, door_open=m.door_open) for m in normalized.measurements]
    return Extracted(_merged(decoded.measurements, doors if named else normalized.measurements), battery)


def _normalized_first(
    decoded: Extracted, normalized: Extracted, *, named: list[Measurement], agreed: list[Measurement]
) -> list[Measurement]:
    is_series = any(m.at is not None for m in agreed)
    rest = [m for m in decoded.measurements if m not in named and not (is_series and m.temperature is not None)]
    for measurement in named:
        own, place, now = measurement.channel, agreed[0].channel, agreed[0].at
        for m in normalized.measurements:
            m.channel = own if m.channel == place else m.channel
        rest.insert(0, Measurement(own, now, humidity=measurement.humidity, door_open=measurement.door_open))
    return _merged(normalized.measurements, rest)


def _merged(first: list[Measurement], others: list[Measurement]) -> list[Measurement]:
    """All measurements; of two of one channel and time the first counts and the other fills its gaps."""
    merged = list(first)
    known = {(m.channel, m.at): m for m in reversed(first) if m.refusal is None}
    for other in others:
        if other.refusal is None and other.temperature is None and other.humidity is None and other.door_open is None:
            continue
        same = known.get((other.channel, other.at)) if other.refusal is None else None
        if same is None:
            merged.append(other)
            known.setdefault((other.channel, other.at), other)
            continue
        same.temperature = other.temperature if same.temperature is None else same.temperature
        same.humidity = other.humidity if same.humidity is None else same.humidity
        same.door_open = other.door_open if same.door_open is None else same.door_open
    return merged
