"""From what a gateway claims to what we believe: the contract's codes, tried in the contract's order.

Readings are judged as columns, all of a batch at once (columns.py); here is what one of them is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import nan
from typing import Annotated, Any, Final

import msgspec

IN_FUTURE_AFTER: Final = timedelta(minutes=10)
OLDEST: Final = datetime(2000, 1, 1, tzinfo=UTC)

# What probes say when they can't measure: disconnected DS18B20, open inputs of several makes, absolute zero.
FAULT_VALUES: Final = (-127.0, 327.67, -327.68, 3276.7, 6553.5, -273.15)
# A DS18B20's register after power-on. Real in an oven, so pipeline.py looks at the reading before it.
POWER_ON_VALUE: Final = 85.0

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Candidate(msgspec.Struct, gc=False):
    """One reading as the native format spells it. Units: °C, % RH, %, dBm. NaN and None are missing values.

    JSON has no NaN, so what wasn't sent is NaN here: numpy takes it four times as fast as None.
    """

    sensor: Name
    recorded_at: Annotated[datetime, msgspec.Meta(tz=True)]
    channel: Name | None = None
    temperature: float | None = nan
    humidity: float | None = nan
    battery: float | None = nan
    signal: float | None = nan
    door_open: bool | None = None


class Rejection(msgspec.Struct, gc=False):
    """Why one reading of a request was refused; `index` is its position in the request."""

    index: int
    code: str
    detail: str


class Decoded(msgspec.Struct, gc=False):
    """A request after decoding: what can be read of it. Values are judged with the rest of its batch."""

    candidates: list[Candidate] = []
    # Where each candidate stood in the request; None: where it stands here.
    indexes: list[int] | None = None
    rejected: list[Rejection] = []
    # The request as it was sent, where its readings can be cut out of it.
    body: bytes = b""
    # What was refused here, by its position: as it was sent, or as we understood it.
    sent: dict[int, bytes] = {}

    @property
    def count(self) -> int:
        """Readings in the request."""
        return len(self.candidates) + len(self.rejected)

    def index(self, position: int) -> int:
        """Where a candidate stood in the request."""
        return position if self.indexes is None else self.indexes[position]

    def refuse(self, index: int, code: str, detail: str) -> None:
        """Note a refused reading."""
        self.rejected.append(Rejection(index, code, detail))

    def as_sent(self, indexes: Sequence[int]) -> list[bytes]:
        """The JSON of readings of the request, for those who want to know what was refused."""
        found = [self.sent.get(index) for index in indexes]
        if None in found:
            everything = _loose.decode(self.body).readings if self.body else None
            positions = {self.index(position): position for position in range(len(self.candidates))}
            for place, index in enumerate(indexes):
                if found[place] is None:
                    found[place] = everything[index] if everything else _spelled_out(self.candidates[positions[index]])
        return [bytes(one or b"null") for one in found]


class LooseBody(msgspec.Struct, gc=False):
    """The native format, no reading looked at."""

    readings: list[msgspec.Raw]


_loose: Final = msgspec.json.Decoder(LooseBody)


class BadBody(Exception):
    """The whole request can't be read: nothing of it is stored."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


def spelled(serial: str, channel: str | None, recorded_at: datetime | None, **values: float | bool | None) -> bytes:
    """A reading as the native format spells it, what is missing left out."""
    moment = None if recorded_at is None else recorded_at.isoformat()
    reading = {"sensor": serial, "channel": channel, "recorded_at": moment, **values}
    return msgspec.json.encode({name: value for name, value in reading.items() if value is not None and value == value})


def _spelled_out(c: Candidate) -> bytes:
    values: dict[str, Any] = {name: getattr(c, name) for name in ("temperature", "humidity", "battery", "signal")}
    return spelled(c.sensor, c.channel, c.recorded_at, **values, door_open=c.door_open)


def cut(moment: datetime) -> datetime:
    """UTC, cut (not rounded) to milliseconds."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
