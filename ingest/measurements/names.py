"""What a decoder's key means: which quantity, of which probe, in which unit, or something that only looks like it.

Every payload formatter invents its own names: `TempC_SHT`, `externalTemperature2`, `temperature_chn1`, `Temp_Red`,
`tempNOW`, `Air Temperature`. A key is taken apart into words; one word says the quantity, units and fillers are
dropped, and the rest says which probe it is.
"""

from __future__ import annotations

import enum
import re
import zlib
from functools import lru_cache
from typing import Final, NamedTuple

from ingest.measurements.vocabulary import (
    ABOUT,
    BATTERY,
    CHARGE,
    CONTACT,
    DOOR,
    DOOR_STATES,
    FILLERS,
    HUMIDITY,
    NOT_AIR,
    NOWHERE,
    PERCENT,
    STATISTICS,
    TEMPERATURE,
    UNITS,
    vocabulary,
)

LONGEST_KEY: Final = 80  # longer keys aren't names
LONGEST_CHANNEL: Final = 64


class Quantity(enum.Enum):
    """What is measured."""

    TEMPERATURE = "temperature"
    HUMIDITY = "humidity"
    BATTERY = "battery"
    DOOR = "door"


class Name(NamedTuple):
    """A key, understood."""

    words: tuple[str, ...]
    quantity: Quantity | None = None
    # What tells one probe from another: ("external", "2"), ("red",), ("1",). Empty: the device's own sensor.
    probe: tuple[str, ...] = ()
    # "c", "f" or "k" of a temperature, "percent" of a battery, if the key says it.
    unit: str | None = None
    # The key itself holds no measured value (a status, a counter); what is nested below it may.
    not_a_value: bool = False
    # Neither the key nor anything below it is what a probe in the air or in the food measures now.
    forbidden: bool = False
    # 0: the value itself. Above: a substitute (mean, last, Fahrenheit) that gives way to the value itself.
    rank: int = 0


_SIGNS: Final = (("℃", " celsius "), ("℉", " fahrenheit "), ("°", " "), ("º", " "), ("%", " percent "))
_SEPARATORS: Final = re.compile(r"[\W_]+")
_WORD: Final = re.compile(r"(?i:ds18[bs]20)|[A-Z]+[0-9A-Z]*(?![a-z])|[A-Z]?[^\WA-Z\d_]+\d*|\d+|\w")
_NUMBERED: Final = re.compile(r"([^\W\d_]+?)(\d{1,3})")
# "watertemp", "temperaturec", "airhumidity", "doorstatus": words written together.
_TOGETHER: Final = (
    re.compile(r"(.*?)(temperatur(?:e|a|en|es)?s?)(.*)"),
    re.compile(r"(.*?)(humidity|humidité|humid)(.*)"),
    re.compile(r"()(battery|batterie|batt|bat)(.+)"),
    re.compile(r"()(door|contact|reed|magnet)(.+)"),
    re.compile(r"(.+)(temp)()"),
    re.compile(r"()(temp)(.+)"),
)
# What follows "temp" in words that aren't temperatures: template, temporary, tempt, temper, tempest, tempura.
_NOT_TEMP: Final = re.compile(r"l|o(?!ut|v|bj)|t(?!op|ank)|er|est|ur")
_BATTERY_TAILS: Final = PERCENT | CHARGE | vocabulary("voltage volt volts v mv status state low alarm health")
_DOOR_TAILS: Final = DOOR_STATES | CONTACT
# Words that a number may follow closely: chn12, temp10. Chips keep theirs: sht31, tmp117, pt100.
_COUNTED: Final = (TEMPERATURE | FILLERS) - {"tmp"}
_KNOWN: Final = (
    TEMPERATURE | HUMIDITY | BATTERY | DOOR | CONTACT | DOOR_STATES | PERCENT | CHARGE | FILLERS | STATISTICS
) | (NOWHERE | ABOUT | NOT_AIR | frozenset(UNITS) | {"humidor"})
# The chip in the box of a large family of devices whose other keys name the probe on the cable.
_OWN_SENSOR: Final = re.compile(r"sht\d{0,2}")


def read_name(key: str) -> Name:
    """Understand a key, a label or a `type`. Never raises; an unknown name is one without a quantity."""
    return _read(key) if len(key) <= LONGEST_KEY else Name(())


@lru_cache(maxsize=4096)
def _read(key: str) -> Name:
    if key in ("t", "T"):
        return Name((key,), Quantity.TEMPERATURE)
    words = split(key)
    kinds = set(words)
    if kinds & BATTERY:
        return _battery(words, kinds)
    quantity = None
    if kinds & TEMPERATURE:
        quantity = Quantity.TEMPERATURE
    elif kinds & HUMIDITY and not kinds & NOT_AIR:
        quantity = Quantity.HUMIDITY
    elif _is_door(words):
        return Name(words, Quantity.DOOR, tuple(word for word in words if word.isdigit()))
    unit = next((UNITS[word] for word in words if word in UNITS), None)
    return Name(
        words,
        quantity,
        tuple(word for word in words if _tells_probes_apart(word)),
        unit if unit or not kinds & PERCENT else "percent",
        not_a_value=bool(kinds & ABOUT),
        forbidden=bool(kinds & NOWHERE),
        rank=int(bool(kinds & STATISTICS)) + int(unit in ("f", "k")),
    )


def channel(probe: tuple[str, ...]) -> str:
    """The channel of a probe: its words joined by "-"; "0" is the device's own (or only) sensor."""
    joined = "-".join(probe) or "0"
    if len(joined) > LONGEST_CHANNEL:  # cut, two long names could become one
        return f"{joined[: LONGEST_CHANNEL - 9]}-{zlib.crc32(joined.encode(errors='replace')):08x}"
    return joined


def split(key: str) -> tuple[str, ...]:
    """The words of a key: `TempC_DS18B20` gives temp, c, ds18b20; `temperature_chn1` gives temperature, chn, 1."""
    for sign, word in _SIGNS:
        key = key.replace(sign, word)
    words: list[str] = []
    for chunk in _SEPARATORS.split(key):
        for word in _WORD.findall(chunk):
            words += _without_number(word.lower())
    return tuple(words)


def _without_number(word: str) -> list[str]:
    if word.isdigit():
        return [_number(word)]
    match = _NUMBERED.fullmatch(word)
    if match is None or (len(match[2]) > 1 and len(match[1]) < 4 and match[1] not in _COUNTED):
        return _apart(word)
    return [*_apart(match[1]), _number(match[2])]


def _number(digits: str) -> str:
    return digits.lstrip("0") or "0"


def _apart(word: str) -> list[str]:
    if word in _KNOWN:
        return [word]
    for pattern in _TOGETHER:
        match = pattern.fullmatch(word)
        if match is None:
            continue
        before, quantity, after = match.groups()
        if quantity == "temp" and after and after not in _KNOWN and _NOT_TEMP.match(after):
            continue
        if quantity in BATTERY and after not in _BATTERY_TAILS:
            continue
        if quantity in DOOR | CONTACT and after not in _DOOR_TAILS:
            continue
        return [part for part in (before, quantity, after) if part]
    return [word]


def _battery(words: tuple[str, ...], kinds: set[str]) -> Name:
    rest = kinds - BATTERY - PERCENT - CHARGE - (FILLERS - {"status", "state"})
    return Name(
        words,
        Quantity.BATTERY,
        unit="percent" if kinds & PERCENT else None,
        not_a_value=bool(rest),
        # A battery's own temperature isn't one of the food.
        forbidden=bool(kinds & (TEMPERATURE | NOWHERE)),
        rank=0 if kinds & PERCENT else 1,
    )


def _is_door(words: tuple[str, ...]) -> bool:
    """Whether every word fits a door's state: counters of openings and alarms of doors are something else."""
    if words in (("open",), ("is", "open")):
        return True
    return not (DOOR | CONTACT).isdisjoint(words) and all(
        word in DOOR or word in CONTACT or word in DOOR_STATES or word in FILLERS or word.isdigit() for word in words
    )


def _tells_probes_apart(word: str) -> bool:
    return not (
        word in TEMPERATURE
        or word in HUMIDITY
        or word in UNITS
        or word in PERCENT
        or word in FILLERS
        or word in STATISTICS
        or _OWN_SENSOR.fullmatch(word)
    )
