"""The readings of a whole batch as columns, and which of the contract's codes each gets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from freshtrack.arrays import MISSING
from ingest.samples import FAULT_VALUES, IN_FUTURE_AFTER, OLDEST, POWER_ON_VALUE, Candidate
from sensors.recording import Column, Mask, Rows

Floats = NDArray[np.float64]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OLDEST_MS: Final = round(OLDEST.timestamp() * 1000)
_FAULTS: Final = np.array(FAULT_VALUES)

# In the order in which the contract tries them; 0 is a good reading.
CODES: Final = ("", "invalid", "missing_value", "sensor_fault", "out_of_range", "in_future", "too_old", "conflict")
GOOD: Final = 0
INVALID, MISSING_VALUE, SENSOR_FAULT, OUT_OF_RANGE, IN_FUTURE, TOO_OLD, CONFLICT = range(1, len(CODES))

_RANGES: Final = {
    "temperature": (-200, 200, "°C"),
    "humidity": (0, 100, "%"),
    "battery": (0, 100, "%"),
    "signal": (-200, 0, "dBm"),
}


class Columns(NamedTuple):
    """What was claimed: milliseconds since 1970 (cut, not rounded), °C, % RH, %, dBm, 1 and 0; NaN is missing."""

    ms: Column
    temperature: Floats
    humidity: Floats
    battery: Floats
    signal: Floats
    door: Floats

    def rows(self, which: Column, sensors: Column) -> Rows:
        """Some of them as they are stored; these must be good, and of these sensors."""
        return Rows(
            sensors,
            self.ms[which],
            _packed(self.temperature[which] * 100),
            _packed(self.humidity[which] * 100),
            _packed(self.battery[which]),
            _packed(self.signal[which]),
            _packed(self.door[which]),
        )


def columns(candidates: Sequence[Candidate]) -> Columns:
    """The readings of a batch, in their order."""
    doors: list[Any] = [c.door_open for c in candidates]
    return Columns(
        _milliseconds([c.recorded_at for c in candidates]),
        np.array([c.temperature for c in candidates], dtype=np.float64),
        np.array([c.humidity for c in candidates], dtype=np.float64),
        np.array([c.battery for c in candidates], dtype=np.float64),
        np.array([c.signal for c in candidates], dtype=np.float64),
        np.full(len(doors), np.nan) if doors.count(None) == len(doors) else np.array(doors, dtype=np.float64),
    )


def _milliseconds(moments: Sequence[datetime]) -> Column:
    """In whole numbers: a float of seconds would cut some milliseconds too early."""
    since = [moment - _EPOCH for moment in moments]
    seconds = [delta.days * 86_400 + delta.seconds for delta in since]
    cut: Column = np.array(seconds, dtype=np.int64) * 1000
    return cut + np.array([delta.microseconds for delta in since], dtype=np.int64) // 1000


def _packed(values: Floats) -> Column:
    """Rounded to the nearest, halves to the even one."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isnan(values), MISSING, np.rint(values)).astype(np.int64)


def check(c: Columns, *, at: datetime) -> NDArray[np.int8]:
    """The code of each reading, GOOD for most. `at` is the server's time of receipt."""
    latest = (at + IN_FUTURE_AFTER - _EPOCH).total_seconds() * 1000
    is_missing = np.isnan(c.temperature)
    for values in (c.humidity, c.battery, c.signal, c.door):
        is_missing &= np.isnan(values)
    is_outside = np.zeros(len(c.ms), dtype=np.bool_)
    for name, (least, most, _) in _RANGES.items():
        values = getattr(c, name)
        is_outside |= (values < least) | (values > most)
    # The later ones first: an earlier one overwrites them.
    codes = np.zeros(len(c.ms), dtype=np.int8)
    codes[c.ms < _OLDEST_MS] = TOO_OLD
    codes[c.ms > latest] = IN_FUTURE
    codes[is_outside] = OUT_OF_RANGE
    codes[np.isin(c.temperature, _FAULTS)] = SENSOR_FAULT
    codes[is_missing] = MISSING_VALUE
    return codes


def is_storable(serial: str, channel: str | None) -> bool:
    """Whether a probe may be called that. A name that is known is: only unknown ones need be asked."""
    return serial.isprintable() and (channel is None or channel.isprintable())


def has_time(c: Columns, *, at: datetime) -> Mask:
    """Whether the time is one that may be believed."""
    latest = (at + IN_FUTURE_AFTER - _EPOCH).total_seconds() * 1000
    return (c.ms >= _OLDEST_MS) & (c.ms <= latest)


def detail(code: int, c: Candidate) -> str:
    """What is wrong with a refused reading, in words."""
    if code == INVALID:
        return "The serial or channel contains control characters."
    if code == MISSING_VALUE:
        return "None of temperature, humidity, battery, signal and door_open is given."
    if code == SENSOR_FAULT:
        if c.temperature == POWER_ON_VALUE:
            return "85 after a reading below 60 is a probe that just powered on."
        return f"{c.temperature} is what a probe sends when it can't measure."
    if code == IN_FUTURE:
        return "recorded_at is more than 10 minutes ahead of the server's clock."
    if code == TOO_OLD:
        return "recorded_at is before the year 2000."
    if code == CONFLICT:
        moment = c.recorded_at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
        return f"Another value of this sensor is stored for {moment}Z."
    for name, (least, most, unit) in _RANGES.items():
        value = getattr(c, name)
        if value is not None and not least <= value <= most and value == value:
            return f"{name} {value} is outside {least} to {most} {unit}."
    raise ValueError(code)
