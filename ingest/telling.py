"""What open screens are told of new readings."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import numpy as np

from freshtrack.arrays import MISSING
from organizations import events
from sensors.recording import Column, Rows
from sensors.register import Register

# Of a flood (a gateway that comes back) a screen gets the newest of each probe, and fetches the rest for its chart.
MOST_AT_ONCE: Final = 200

_EPOCH: Final = np.datetime64(0, "s")


def publish_readings(news: Rows, *, probes: Register) -> None:
    """One event per organization: new readings of units, sorted by sensor. Call inside a transaction."""
    told = np.flatnonzero((news.temperature != MISSING) | (news.humidity != MISSING))
    if len(told) > MOST_AT_ONCE:
        is_last = np.ones(len(told), dtype=np.bool_)
        is_last[:-1] = news.sensor[told][1:] != news.sensor[told][:-1]
        told = told[is_last]
    moments = _spelled(news.ms[told])
    batches: dict[UUID, list[events.Event]] = {}
    for sensor, moment, temperature, humidity in zip(
        news.sensor[told].tolist(), moments, news.temperature[told].tolist(), news.humidity[told].tolist(), strict=True
    ):
        probe = probes.probe(sensor)
        if probe.unit_id is not None:
            batches.setdefault(probe.organization_id, []).append(
                {
                    **probe.shown,
                    "recorded_at": moment,
                    "temperature": None if temperature == MISSING else temperature / 100,
                    "humidity": None if humidity == MISSING else humidity / 100,
                }
            )
    for organization_id, batch in batches.items():
        events.publish(organization_id, {"type": "readings", "batch": batch})


def _spelled(ms: Column) -> list[str]:
    """RFC 3339 with Z, milliseconds only where there are any."""
    seconds = np.datetime_as_string(ms // 1000 * np.timedelta64(1, "s") + _EPOCH, unit="s").tolist()
    return [
        f"{text}.{part:03}Z" if part else f"{text}Z" for text, part in zip(seconds, (ms % 1000).tolist(), strict=True)
    ]
