"""What the contract says about a reading, written down from its text and from nothing of ours.

"`invalid`: wrong type, number as text, time without zone, serial empty or over 64 characters; `missing_value`: none of
temperature, humidity, battery, signal, door_open (null is missing); `sensor_fault`: …; `out_of_range`: …. They are
tried in this order, then the times, then `conflict`."
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

NUMBERS = ("temperature", "humidity", "battery", "signal")
FAULTS = (-127, 327.67, -327.68, 3276.7, 6553.5, -273.15)
RANGES = {"temperature": (-200, 200), "humidity": (0, 100), "battery": (0, 100), "signal": (-200, 0)}
CODES = {"invalid", "missing_value", "out_of_range", "sensor_fault", "in_future", "too_old", "conflict"}

# Whatever begins like a time may be one under a generous reading of RFC 3339; nothing else is.
_LOOKS_LIKE_A_TIME = re.compile(r"\s*\d{4}-\d\d-\d\d[Tt _]?\d\d:?\d\d")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII)


class Verdict(NamedTuple):
    """The codes that a reading may be refused with; None among them: it may be stored."""

    codes: frozenset[str | None]

    @property
    def certain(self) -> bool:
        return len(self.codes) == 1


def _only(code: str | None) -> Verdict:
    return Verdict(frozenset({code}))


ANY = Verdict(frozenset({*CODES, None}))


def judge(reading: Any, *, at: datetime) -> Verdict:
    """What becomes of one reading of a request, stored ones aside."""
    if not isinstance(reading, dict) or not _is_well_typed(reading):
        return _only("invalid")
    moment = _moment(reading.get("recorded_at"))
    if moment == "perhaps" or not _is_plain(reading["sensor"]) or not _is_plain(reading.get("channel") or "0"):
        return ANY
    if moment is None or reading.get("channel") == "":
        return _only("invalid")
    if any(reading.get(name) is not None and not math.isfinite(_double(reading[name])) for name in NUMBERS):
        return Verdict(frozenset({"invalid", "out_of_range"}))
    if all(reading.get(name) is None for name in (*NUMBERS, "door_open")):
        return _only("missing_value")
    temperature = reading.get("temperature")
    if temperature in FAULTS:
        return _only("sensor_fault")
    for name, (low, high) in RANGES.items():
        value = reading.get(name)
        if value is not None and not low <= value <= high:
            return _only("out_of_range")
    assert isinstance(moment, datetime)
    if moment > at + timedelta(minutes=10):
        return _only("in_future")
    if moment < datetime(2000, 1, 1, tzinfo=UTC):
        return _only("too_old")
    return _only(None)


def _is_well_typed(reading: dict[str, Any]) -> bool:
    sensor, channel = reading.get("sensor"), reading.get("channel")
    if not isinstance(sensor, str) or not 1 <= len(sensor) <= 64:
        return False
    if channel is not None and (not isinstance(channel, str) or len(channel) > 64):
        return False
    if not isinstance(reading.get("recorded_at"), str):
        return False
    for name in NUMBERS:
        value = reading.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            return False
    return isinstance(reading.get("door_open"), bool | None)


def _is_plain(text: str) -> bool:
    """Nothing that a database or a log can't hold: about such names the contract says nothing."""
    return text.isprintable() and text.strip() == text


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _moment(text: object) -> datetime | str | None:
    """The moment, None for no time, "perhaps" for what some readers of RFC 3339 take."""
    assert isinstance(text, str)
    match = _TIME.fullmatch(text)
    if match is None:
        return "perhaps" if _LOOKS_LIKE_A_TIME.match(text) and _has_zone(text) else None
    whole, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(whole + zone.replace("Z", "+00:00"))
        return (moment + timedelta(microseconds=int((fraction or "0")[:6].ljust(6, "0")))).astimezone(UTC)
    except (ValueError, OverflowError):
        return "perhaps" if whole[17:19] == "60" or whole[:4] in ("0000", "0001", "9999") else None


def _has_zone(text: str) -> bool:
    return re.search(r"([Zz]|[+-]\d\d:?(\d\d)?)\s*$", text) is not None


Key = tuple[str, str, int]
Stored = tuple[int | None, int | None, bool | None]


def keep(requests: Sequence[Sequence[dict[str, Any]]], *, at: datetime) -> list[dict[str, Any]]:
    """The answers to requests that follow one another, from an empty store. Certain readings only."""
    stored: dict[Key, Stored] = {}
    answers = []
    for readings in requests:
        accepted = duplicates = 0
        rejected: list[tuple[int, str]] = []
        for index, reading in enumerate(readings):
            (code,) = judge(reading, at=at).codes
            if code is not None:
                rejected.append((index, code))
                continue
            moment = _moment(reading["recorded_at"])
            assert isinstance(moment, datetime)
            key = (reading["sensor"], reading.get("channel") or "0", math.floor(moment.timestamp() * 1000 + 1e-3))
            values = (
                _hundredths(reading.get("temperature")),
                _hundredths(reading.get("humidity")),
                reading.get("door_open"),
            )
            earlier = stored.setdefault(key, values)
            if earlier is values:
                accepted += 1
            elif earlier == values:
                duplicates += 1
            else:
                rejected.append((index, "conflict"))
        answers.append({"accepted": accepted, "duplicates": duplicates, "rejected": sorted(rejected)})
    return answers


def _hundredths(value: float | None) -> int | None:
    return None if value is None else round(value * 100)
