"""What becomes of a decoded request before a database is asked: the columns of one request, told as readings again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from ingest import columns
from ingest.columns import GOOD, SENSOR_FAULT
from ingest.samples import Decoded, Rejection
from sensors.recording import METRICS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Sample:
    """One good reading: °C and % RH as they are stored, times in UTC, cut to milliseconds."""

    serial: str
    channel: str
    recorded_at: datetime
    temperature: float | None
    humidity: float | None
    battery: int | None
    signal: int | None
    door_open: bool | None


@dataclass
class Judged:
    samples: list[Sample] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)


def judged(decoded: Decoded, *, at: datetime) -> Judged:
    """Each reading of the request with its code."""
    claimed = columns.columns(decoded.candidates)
    codes = columns.check(claimed, at=at)
    for position, candidate in enumerate(decoded.candidates):
        if not columns.is_storable(candidate.sensor, candidate.channel):
            codes[position] = columns.INVALID
    told = Judged(rejected=list(decoded.rejected))
    good = np.flatnonzero(codes == GOOD)
    rows = claimed.rows(good, good)
    for number, position in enumerate(good.tolist()):
        candidate = decoded.candidates[position]
        values = [int(rows.metric(name)[number]) for name in METRICS]
        temperature, humidity, battery, signal, door = [None if v == -32768 else v for v in values]
        told.samples.append(
            Sample(
                candidate.sensor,
                candidate.channel or "0",
                _EPOCH + timedelta(milliseconds=int(rows.ms[number])),
                None if temperature is None else temperature / 100,
                None if humidity is None else humidity / 100,
                battery,
                signal,
                None if door is None else bool(door),
            )
        )
        told.indexes.append(decoded.index(position))
    in_time = columns.has_time(claimed, at=at)
    for position in np.flatnonzero(codes != GOOD).tolist():
        candidate = decoded.candidates[position]
        code = int(codes[position])
        told.rejected.append(Rejection(decoded.index(position), columns.CODES[code], columns.detail(code, candidate)))
        if code == SENSOR_FAULT and in_time[position]:
            told.faults.append((candidate.sensor, candidate.channel or "0"))
    told.rejected.sort(key=lambda rejection: rejection.index)
    return told
