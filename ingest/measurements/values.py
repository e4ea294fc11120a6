"""Numbers, door states and moments as decoders spell them: "24.90", "22 ℃", "76%", "OPEN", 1700000000, {"year": …}.

Nothing here raises: what can't be read is None, and a probe that says "NULL" or "NoSensor" has said nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

_NUMBER: Final = re.compile(r"\s*([+-]?\d{1,9}(?:[.,]\d{1,12})?)\s*([^\d\s].{0,11})?\s*")
_CELSIUS: Final = frozenset({"", "c", "°c", "℃", "ºc", "degc", "deg c", "cel", "celsius", "degrees c", "°", "deg"})
_FAHRENHEIT: Final = frozenset({"f", "°f", "℉", "ºf", "degf", "deg f", "fahrenheit", "[degf]"})
_KELVIN: Final = frozenset({"k", "°k", "kelvin"})
VOLTS: Final = 6.01  # below: a battery's voltage, if nothing says otherwise
_PERCENT: Final = frozenset({"", "%", "%rh", "% rh", "rh", "rh%", "percent", "pct"})
_OPEN: Final = frozenset({"open", "opened", "door open", "opening"})
_CLOSED: Final = frozenset({"closed", "close", "shut", "door closed", "door close", "closing"})

_ISO: Final = re.compile(
    r"\s*(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,12}))?\s*([Zz]|[+-]\d\d:?\d\d|UTC|GMT)?\s*"
)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# Smaller numbers under a time's name count minutes, ticks or nothing.
_FIRST_SECOND: Final = 946_684_800  # 2000-01-01
_LAST_SECOND: Final = 4_102_444_800  # 2100-01-01


def number(value: object) -> tuple[float, str] | None:
    """A number and the unit written behind it (lower case, "" if none). A boolean isn't a number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return (float(value), "") if abs(value) < 1e12 and math.isfinite(value) else None
    if not isinstance(value, str) or len(value) > 40:
        return None
    match = _NUMBER.fullmatch(value)
    if match is None:
        return None
    try:
        return float(match[1].replace(",", ".")), (match[2] or "").strip().lower()
    except ValueError:  # digits of other scripts mixed
        return None


def celsius(value: object, *, unit: str | None) -> float | None:
    """A temperature in °C, from °C unless the text, or else `unit`, says otherwise. Another unit: None."""
    read = number(value)
    if read is None:
        return None
    degrees, written = read
    written = written or (unit or "").strip().lower()
    if written in _CELSIUS:
        return degrees
    if written in _FAHRENHEIT:
        return round((degrees - 32) / 1.8, 4)
    if written in _KELVIN:
        return round(degrees - 273.15, 4)
    return None


def may_be_degrees(unit: str | None) -> bool:
    """Whether the unit that an object gives can be that of its temperature: {"temperature": 38.3, "unit": "F"}."""
    return unit is not None and unit.strip().lower() in _CELSIUS | _FAHRENHEIT | _KELVIN


def must_be_degrees(unit: str | None) -> bool:
    """Whether the unit of a value makes it a temperature, whatever its name."""
    return unit is not None and unit.strip().lower() in (_CELSIUS | _FAHRENHEIT) - {"", "c", "f", "°", "deg"}


def relative_humidity(value: object, *, unit: str | None) -> float | None:
    """A humidity in % RH; 120 % is returned as it is, so that it can be refused."""
    read = number(value)
    if read is None or (read[1] or (unit or "").strip().lower()) not in _PERCENT:
        return None
    return read[0]


def battery(value: object, *, unit: str | None) -> float | None:
    """A battery's charge in %.

    `battery`, `Bat` and even `batteryLevel` are volts at some makers and percent at others. Unless the name, the text
    or `unit` says percent, a number up to 6 is taken for volts, and one over 100 for millivolts: neither is returned.
    """
    read = number(value)
    if read is None:
        return None
    charge, written = read[0], read[1] or (unit or "").strip().lower()
    if written not in _PERCENT:
        return None
    return charge if (0 if written else VOLTS) <= charge <= 100 else None


def door_open(value: object, *, words: tuple[str, ...], contact: bool) -> bool | None:
    """Whether the door is open: from words, or from 0 and 1 if the key says what they mean.

    A `contact` of 1 is a closed circuit at one maker and an open door at the next: only words are taken.
    """
    if isinstance(value, str):
        text = value.strip().lower()
        if text in _OPEN or text in _CLOSED:
            return text in _OPEN
        return None
    if value not in (0, 1):
        return None
    opened, closed = not {"open", "opened"}.isdisjoint(words), not {"closed", "close"}.isdisjoint(words)
    if opened and closed:
        return None
    if closed:
        return not value
    return bool(value) if opened or not contact else None


def moment(value: object) -> datetime | None:
    """A point in time: RFC 3339 with a zone, seconds or milliseconds since 1970, or its parts in UTC."""
    if isinstance(value, str) and len(value) <= 64:
        if value.strip().isdigit() and value.isascii():
            return _since_1970(int(value))
        return rfc3339(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _since_1970(value)
    if isinstance(value, Mapping):
        return _from_parts(value)
    return None


def is_local_time(value: object) -> bool:
    """Whether it is a date and time that doesn't say in which zone."""
    match = _ISO.fullmatch(value) if isinstance(value, str) and len(value) <= 64 else None
    return match is not None and match[4] is None


def rfc3339(value: object) -> datetime | None:
    """The moment, in UTC, digits beyond microseconds cut; None for the zero time of Go (year 1), which means none."""
    match = _ISO.fullmatch(value) if isinstance(value, str) and len(value) <= 64 else None
    if match is None or match[4] is None:
        return None
    day, clock, fraction, zone = match.groups()
    if zone[0] not in "+-":
        zone = "+00:00"
    try:
        at = datetime.fromisoformat(f"{day}T{clock}").replace(microsecond=int(f"{fraction or '0':0<6}"[:6]))
        at = at.replace(tzinfo=datetime.strptime(zone, "%z").tzinfo).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if at.year > 1 else None


def _since_1970(count: float) -> datetime | None:
    for unit in (1, 1_000, 1_000_000, 1_000_000_000):
        if _FIRST_SECOND * unit <= count < _LAST_SECOND * unit:
            whole, rest = divmod(count, unit)
            at = datetime.fromtimestamp(int(whole), UTC)
            return at.replace(microsecond=int(rest * 1_000_000 // unit))
    return None


def _from_parts(parts: Mapping[Any, Any]) -> datetime | None:
    unix = parts.get("unix", parts.get("seconds") if "year" not in parts else None)
    if unix is not None:
        return moment(unix) if isinstance(unix, int | float | str) else None
    month = parts.get("month")
    if isinstance(month, str):
        month = _MONTHS.index(month[:3].lower()) + 1 if month[:3].lower() in _MONTHS else None
    names = (("hours", "hour"), ("minutes", "minute"), ("seconds", "second"))
    clock = [next((parts[name] for name in pair if name in parts), 0) for pair in names]
    whole: list[Any] = [parts.get("year"), month, parts.get("day"), *clock]
    if not all(isinstance(part, int) and not isinstance(part, bool) for part in whole):
        return None
    year, month, day, hour, minute, second = whole
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
