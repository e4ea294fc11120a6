"""Walking a decoded payload: find the values, tell the probes apart, give each value its time.

What is believed: a value under a name of the vocabulary in names.py, alone, in an object ({"value", "unit"},
{"min", "max", "avg", "current"}), in a list, or as an entry ({"name" or "type" or "variable", "value"}). What isn't:
names.NOWHERE, and what an object itself calls invalid or not connected.

Time: an item of a list may say when it was measured (`readings[].timestamp`, `history[].timestamp`, `date`). Other
values are of the uplink's time, since a device's clock is often unset, unless the payload says that it comes from the
device's memory; then they need a time of their own. Of several values of one probe without a time, one is of now: the
first of a plain list (periodic frames begin with the newest), the last of a list of objects (logs end with it). The
others are returned with a `refusal`, so that nothing is dropped in silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from ingest.measurements import values
from ingest.measurements.grouping import Found, Measurement, grouped
from ingest.measurements.names import Name, Quantity, channel, read_name
from ingest.measurements.vocabulary import (
    BROKEN,
    CHARGE,
    CONNECTED,
    CONTACT,
    DOOR,
    LABELS,
    PLACES,
    PROBE_IDS,
    PROBE_LISTS,
    PROBES,
    STORED,
    TEMPERATURE,
    TIME_WORDS,
    TIMES,
)

# A LoRaWAN payload has at most 242 bytes: no honest decoder makes more than this of it. The rest isn't read.
DEEPEST: Final = 16
MOST_VALUES: Final = 2_000

STALE: Final = "A value from the device's memory, without the time when it was measured."
LOCAL: Final = "The time of this value doesn't say its zone."

# Keys of entries, in lower case; the first that is there counts.
_NAME_KEYS: Final = (
    *("name", "n", "type", "variable", "label", "channelname", "channel_name", "parameter", "param", "key", "metric"),
    *("measurement", "quantity", "field", "kind", "sensor", "sensortype", "sensor_type", "operatingmode", "event"),
)
_VALUE_KEYS: Final = ("value", "v", "val", "measurementvalue", "values", "current", "reading", "state", "status")
_UNIT_KEYS: Final = ("unit", "units", "uom", "u")
_UNIT_WORDS: Final = frozenset({"unit", "units", "uom"})
# SenseCAP's numbers, for decoders that name them no further.
_NUMBERED_KINDS: Final = {"4097": "Air Temperature", "4098": "Air Humidity", "4102": "Soil Temperature"}


class Extracted(msgspec.Struct):
    """All measurements of a payload in the order they stand in it, and the device's battery in %."""

    measurements: list[Measurement] = []
    battery: float | None = None


class _Place(NamedTuple):
    """What is known of the place in the payload that is being read."""

    probe: tuple[str, ...] = ()
    at: datetime | None = None
    problem: str | None = None
    order: tuple[int, ...] = ()
    rank: int = 0
    unit: str | None = None
    absent: frozenset[frozenset[str]] = frozenset()  # words of probes that the payload calls absent; {} is channel "0"
    depth: int = 0

    def below(self) -> _Place:
        return self._replace(depth=self.depth + 1)

    def of(self, probe: tuple[str, ...]) -> _Place:
        """The place with more words for the probe; what is said twice (`temperature_1.temperature_1`) counts once."""
        if not probe or self.probe[-len(probe) :] == probe:
            return self
        return self._replace(probe=self.probe + probe)


def extract(payload: object) -> Extracted:
    """Measurements of a decoded payload. Never raises, whatever JSON it is given."""
    walk = _Walk()
    walk.visit(payload, _Place())
    return Extracted(grouped(walk.found, apart=False), walk.battery())


def extract_normalized(payload: object) -> Extracted:
    """Measurements of a normalized payload: an object, or a list of objects that may have a `time`.

    `air` is channel "0". Of several entries for one place at one time the first is "0", the next "1", and so on: the
    format has nothing better to tell them apart.
    """
    walk = _Walk(fillers=frozenset({"air", "action"}))
    for index, item in enumerate(payload if isinstance(payload, list) else [payload]):
        if isinstance(item, dict):
            walk.visit(item, _Place(at=values.rfc3339(item.get("time")), order=(index,)))
    return Extracted(grouped(walk.found, apart=True), walk.battery())


class _Walk:
    """One pass over a payload, collecting values."""

    def __init__(self, *, fillers: frozenset[str] = frozenset()) -> None:
        self.found: list[Found] = []
        self._batteries: list[tuple[int, float]] = []
        self._fillers = fillers
        self._left = MOST_VALUES

    def battery(self) -> float | None:
        """The battery's charge: from where the name says percent, else from where the number allows it."""
        return min(self._batteries)[1] if self._batteries else None

    def visit(self, node: object, place: _Place, *, under: Name | None = None) -> None:
        """Read an object or a list that isn't itself a value."""
        if isinstance(node, dict):
            if self._may_read(node, place):
                self._object(node, place.below())
        elif isinstance(node, list) and self._may_read(node, place):
            apart = under is not None and not PROBE_LISTS.isdisjoint(under.words)
            nested = [item if isinstance(item, dict | list) else None for item in node]
            for item, its_place in _items(nested, place.below(), apart=apart):
                self.visit(item, its_place, under=under)

    def _may_read(self, node: dict[str, Any] | list[Any], place: _Place) -> bool:
        """Whether there is enough of the budget left for the object or list and the objects in it."""
        self._left -= 1 + len(node)
        if isinstance(node, list) and self._left >= 0:
            self._left -= sum(len(item) for item in node if isinstance(item, dict))
        return place.depth <= DEEPEST and self._left >= 0

    def _object(self, node: dict[str, Any], place: _Place) -> None:
        if node.get("valid") is False:
            return
        if _is_from_memory(node):
            place = _timed(node, place._replace(problem=STALE))
        entry = self._entry(node, place)
        place = place._replace(absent=place.absent | _absent(node), unit=None)
        degrees = place._replace(unit=_unit_of_degrees(node))
        for key, value in node.items():
            if key in entry:
                continue
            name = read_name(key)
            if key in ("h", "H") and ("t" in node or "T" in node):
                name = Name((key,), Quantity.HUMIDITY)
            if name.forbidden:
                continue
            if name.quantity is None:
                self.visit(value, self._within(name, place), under=name)
            elif not name.not_a_value:
                self._take(name, value, degrees if name.quantity is Quantity.TEMPERATURE else place)

    def _within(self, name: Name, place: _Place) -> _Place:
        place = place.of(self._probe(name))._replace(rank=place.rank + name.rank)
        return place if STORED.isdisjoint(name.words) else place._replace(problem=STALE)

    def _probe(self, name: Name) -> tuple[str, ...]:
        return tuple(word for word in name.probe if word not in self._fillers)

    def _entry(self, node: dict[str, Any], place: _Place) -> tuple[str, ...]:
        """Read {"type": "Air Temperature", "value": 3.1} and its like; return the keys that are dealt with."""
        keys = {key.lower(): key for key in node}
        value_key = next((keys[key] for key in _VALUE_KEYS if key in keys and _is_plain(node[keys[key]])), None)
        if value_key is None:
            return ()
        labels = [node[keys[key]] for key in _NAME_KEYS if key in keys and isinstance(node[keys[key]], str)]
        labels += [_NUMBERED_KINDS[number] for number in [str(node.get("measurementId"))] if number in _NUMBERED_KINDS]
        names = [read_name(label) for label in labels]
        unit = _unit(node)
        name = next((name for name in names if name.quantity is not None), None)
        if name is None and values.must_be_degrees(unit):
            name = (names[0] if names else Name(()))._replace(quantity=Quantity.TEMPERATURE, rank=0)
        if name is None or (value_key.lower() in ("state", "status") and name.quantity is not Quantity.DOOR):
            return ()
        if not name.not_a_value and not any(label.forbidden for label in names):
            self._take(name, node[value_key], place._replace(unit=unit))
        return (value_key, "t")  # beside a name and a value, t is a time

    def _take(self, name: Name, value: object, place: _Place) -> None:
        """Read the value of a quantity's name: alone, in an object or in a list."""
        if isinstance(value, dict):
            if self._may_read(value, place):
                self._spread(name, value, place.below())
        elif isinstance(value, list):
            if not self._may_read(value, place):
                return
            apart = not PROBE_LISTS.isdisjoint(name.words)
            for item, its_place in _items(value, place.below(), apart=apart, plain=True):
                self._take(name, item, its_place)
        else:
            self._single(name, value, place)

    def _spread(self, name: Name, node: dict[str, Any], place: _Place) -> None:
        """Read the object below a quantity's name: a value and what is said about it, or a value for each probe."""
        label = node.get("name", node.get("label"))
        if node.get("valid") is False or (isinstance(label, str) and read_name(label).forbidden):
            return
        place = place._replace(unit=_unit(node) or place.unit)
        for key, value in node.items():
            inner = read_name(key)
            if inner.forbidden or inner.not_a_value or key.lower() in _UNIT_KEYS or LABELS.issuperset(inner.words):
                continue
            its_place = place.of(self._probe(name))
            if not STORED.isdisjoint(inner.words):
                its_place = its_place._replace(problem=STALE)
            if inner.quantity is not None:  # {"tempHum": {"temperature", "humidity"}}
                self._take(
                    inner, value, its_place if inner.quantity is name.quantity else its_place._replace(unit=None)
                )
            elif _says_value(inner) or _is_probe(inner) or isinstance(value, dict):
                inner = inner._replace(quantity=name.quantity, unit=inner.unit or name.unit)
                self._take(inner, value, its_place._replace(rank=place.rank + name.rank))

    def _single(self, name: Name, value: object, place: _Place) -> None:
        if name.quantity is Quantity.BATTERY:
            charge = values.battery(value, unit=name.unit or place.unit)
            if charge is not None:
                self._batteries.append((name.rank, charge))
            return
        measured = _measured(name, value, unit=place.unit or name.unit)
        probe = place.of(self._probe(name)).probe
        if name.quantity is Quantity.DOOR:
            probe = tuple(word for word in probe if word.isdigit())
        if name.quantity is None or measured is None or _is_absent(probe, place.absent):
            return
        self.found.append(
            Found(
                name.quantity,
                channel(probe),
                measured,
                place.at,
                place.problem,
                place.order,
                place.rank + name.rank,
                "-".join((*place.probe, *name.words)),
            )
        )


def _measured(name: Name, value: object, *, unit: str | None) -> float | bool | None:
    if name.quantity is Quantity.TEMPERATURE:
        degrees = values.celsius(value, unit=unit)
        if name.words in (("t",), ("T",)) and (isinstance(value, str) or abs(degrees or 0) > 200):
            return None  # a time, a counter, a type
        return degrees
    if name.quantity is Quantity.HUMIDITY:
        return values.relative_humidity(value, unit=unit)
    contact = DOOR.isdisjoint(name.words) and not CONTACT.isdisjoint(name.words)
    return values.door_open(value, words=name.words, contact=contact)


def _items(items: list[Any], place: _Place, *, apart: bool, plain: bool = False) -> Iterator[tuple[object, _Place]]:
    """The items of a list with their places: probes if they are `apart`, else a series (`plain`: newest first)."""
    for index, item in enumerate(items):
        if item is None:
            continue
        if not isinstance(item, dict):
            if apart and plain and not isinstance(item, list):
                yield item, place.of((str(index),) if index else ())
            else:
                yield item, place._replace(order=(*place.order, -index if plain else index))
        else:
            its_place = _timed(item, place._replace(order=(*place.order, index)))
            entry = not plain and any(key.lower() in _VALUE_KEYS for key in item)
            ids = apart and its_place.at is None
            probe = _identity(item, labels=not entry, ids=ids)
            if probe is None and ids and index:
                probe = (str(index),)
            yield item, its_place.of(probe or ())


def _identity(item: dict[str, Any], *, labels: bool, ids: bool) -> tuple[str, ...] | None:
    """What an item of a list says about which probe it is: a number (0 is the default), an address, words of a name."""
    found: list[tuple[int, str, tuple[str, ...]]] = []
    for key, value in item.items():
        words = set(read_name(key).words)
        if not words.isdisjoint(PROBES) and words <= PROBES | LABELS | PROBE_IDS:
            rank = 1 if words & LABELS else 0
        elif words and words <= LABELS and labels:
            rank = 2
        elif words and words <= PROBE_IDS and ids:
            rank = 3
        else:
            continue
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1000:
            found.append((rank, key, (str(value),) if value else ()))
        elif isinstance(value, str) and len(value) <= 48:
            address = "".join(letter for letter in value.lower() if letter.isalnum())
            probe = (address,) if rank == 3 and address else read_name(value).probe
            if probe:
                found.append((rank, key, probe))
    return min(found)[2] if found else None


def _timed(node: dict[str, Any], place: _Place) -> _Place:
    """The place with the time that the object gives for its values, if it gives one."""
    for key, value in node.items():
        words = read_name(key).words
        if TIMES.isdisjoint(words) or not TIME_WORDS.issuperset(words):
            continue
        at = values.moment(value)
        if at is not None:
            return place._replace(at=at, problem=None)
        if values.is_local_time(value):
            return place._replace(problem=LOCAL)
    return place


def _is_from_memory(node: dict[str, Any]) -> bool:
    """Whether the object says that it isn't of now: {"msgType": "SendBackLogMessage"}, {"historical": true}."""
    for key, value in node.items():
        if isinstance(value, str):
            if len(value) <= 64 and key.lower().endswith(("type", "kind", "event", "mode")):
                text = value.lower().replace("-", "").replace(" ", "").replace("_", "")
                if any(word in text for word in ("backlog", "histor", "datalog")):
                    return True
        elif value is True and not STORED.isdisjoint(read_name(key).words):
            return True
    return False


def _absent(node: dict[str, Any]) -> frozenset[frozenset[str]]:
    """Probes that aren't there: {"thermistorProperlyConnected": false}, {"brokenSensor": true}."""
    absent = set()
    for key, value in node.items():
        if not isinstance(value, bool):
            continue
        words = frozenset(read_name(key).words)
        if not words.isdisjoint(BROKEN if value else CONNECTED):
            rest = words - BROKEN - CONNECTED - {"properly", "correctly", "is"}
            if rest:
                absent.add(rest - {"sensor"})
    return frozenset(absent)


def _is_absent(probe: tuple[str, ...], absent: frozenset[frozenset[str]]) -> bool:
    return any(words <= set(probe) and (words or not probe) for words in absent)


def _unit(node: dict[str, Any]) -> str | None:
    return next((value for key, value in node.items() if key.lower() in _UNIT_KEYS and isinstance(value, str)), None)


def _unit_of_degrees(node: dict[str, Any]) -> str | None:
    """The unit that an object gives for its temperatures: {"temperature": 38.3, "tempUnit": "F"}."""
    for key, value in node.items():
        if isinstance(value, str) and values.may_be_degrees(value):
            words = set(read_name(key).words)
            if words & _UNIT_WORDS and words <= _UNIT_WORDS | TEMPERATURE:
                return value
    return None


def _is_plain(value: object) -> bool:
    return not isinstance(value, dict) and not (
        isinstance(value, list) and any(isinstance(item, dict | list) for item in value)
    )


def _says_value(name: Name) -> bool:
    """Whether a key below a quantity's name adds nothing: value, current, celsius, avg, level."""
    return bool(name.words) and CHARGE.issuperset(name.probe)


def _is_probe(name: Name) -> bool:
    """Whether a key below a quantity's name is a probe's: 1, ch2, probe_a, inside."""
    return bool(name.probe) and (name.probe[-1].isdigit() or not PLACES.isdisjoint(name.probe))
