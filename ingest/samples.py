"""From what a gateway claims to what we believe: the contract's codes, tried in the contract's order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec

from sensors.recording import Sample

IN_FUTURE_AFTER: Final = timedelta(minutes=10)
OLDEST: Final = datetime(2000, 1, 1, tzinfo=UTC)

# What probes say when they can't measure: disconnected DS18B20, open inputs of several makes, absolute zero.
FAULT_VALUES: Final = frozenset({-127.0, 327.67, -327.68, 3276.7, 6553.5, -273.15})
# A DS18B20's register after power-on. Real in an oven, so pipeline.py looks at the reading before it.
POWER_ON_VALUE: Final = 85.0

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Candidate(msgspec.Struct, gc=False):
    """One reading as the native format spells it. Units: °C, % RH, %, dBm."""

    sensor: Name
    recorded_at: Annotated[datetime, msgspec.Meta(tz=True)]
    channel: Name | None = None
    temperature: float | None = None
    humidity: float | None = None
    battery: float | None = None
    signal: float | None = None
    door_open: bool | None = None


class Rejection(msgspec.Struct, gc=False):
    """Why one reading of a request was refused; `index` is its position in the request."""

    index: int
    code: str
    detail: str


class Fault(msgspec.Struct, gc=False):
    """A probe said that it can't measure. Refused as a reading, but the sensor's status shows it."""

    serial: str
    channel: str
    recorded_at: datetime


class Decoded(msgspec.Struct, gc=False):
    """A request after decoding and validation: `indexes[i]` is where `samples[i]` stood in it."""

    samples: list[Sample] = []
    indexes: list[int] = []
    faults: list[Fault] = []
    rejected: list[Rejection] = []
    # What was refused here, by its position: the JSON as it was sent, or as we understood it.
    sent: dict[int, bytes] = {}

    def refuse(self, index: int, code: str, detail: str) -> None:
        """Note a refused reading."""
        self.rejected.append(Rejection(index, code, detail))


def spelled(serial: str, channel: str | None, recorded_at: datetime | None, **values: float | bool | None) -> bytes:
    """A reading as the native format spells it, what is missing left out."""
    moment = None if recorded_at is None else recorded_at.isoformat()
    reading = {"sensor": serial, "channel": channel, "recorded_at": moment, **values}
    return msgspec.json.encode({name: value for name, value in reading.items() if value is not None})


class BadBody(Exception):
    """The whole request can't be read: nothing of it is stored."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


def validate(candidates: Iterable[tuple[int, Candidate]], *, at: datetime, into: Decoded) -> Decoded:
    """Sort candidates into samples, faults and rejections. `at` is the server's time of receipt."""
    latest = at + IN_FUTURE_AFTER
    for index, candidate in candidates:
        refusal = _refusal(candidate, latest=latest)
        if refusal is None:
            into.samples.append(_sample(candidate))
            into.indexes.append(index)
            continue
        into.refuse(index, *refusal)
        if refusal[0] == "sensor_fault" and OLDEST <= candidate.recorded_at <= latest:
            into.faults.append(Fault(candidate.sensor, candidate.channel or "0", cut(candidate.recorded_at)))
    return into


def _refusal(c: Candidate, *, latest: datetime) -> tuple[str, str] | None:
    if not c.sensor.isprintable() or not (c.channel is None or c.channel.isprintable()):
        return "invalid", "The serial or channel contains control characters."
    temperature = c.temperature
    if temperature is None and c.humidity is None and c.battery is None and c.signal is None and c.door_open is None:
        return "missing_value", "None of temperature, humidity, battery, signal and door_open is given."
    if temperature is not None:
        if temperature in FAULT_VALUES:
            return "sensor_fault", f"{temperature} is what a probe sends when it can't measure."
        if not -200 <= temperature <= 200:
            return "out_of_range", f"temperature {temperature} is outside -200 to 200 °C."
    if c.humidity is not None and not 0 <= c.humidity <= 100:
        return "out_of_range", f"humidity {c.humidity} is outside 0 to 100 %."
    if c.battery is not None and not 0 <= c.battery <= 100:
        return "out_of_range", f"battery {c.battery} is outside 0 to 100 %."
    if c.signal is not None and not -200 <= c.signal <= 0:
        return "out_of_range", f"signal {c.signal} is outside -200 to 0 dBm."
    if c.recorded_at > latest:
        return "in_future", "recorded_at is more than 10 minutes ahead of the server's clock."
    if c.recorded_at < OLDEST:
        return "too_old", "recorded_at is before the year 2000."
    return None


def _sample(c: Candidate) -> Sample:
    return Sample(
        serial=c.sensor,
        channel=c.channel or "0",
        recorded_at=cut(c.recorded_at),
        temperature=c.temperature,
        humidity=c.humidity,
        battery=None if c.battery is None else round(c.battery),
        signal=None if c.signal is None else round(c.signal),
        door_open=c.door_open,
    )


def cut(moment: datetime) -> datetime:
    """UTC, cut (not rounded) to milliseconds."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
