"""From single values to measurements: what one probe measured at one time belongs together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from ingest.measurements.names import LONGEST_CHANNEL, Quantity
from ingest.measurements.vocabulary import vocabulary

UNTIMED: Final = "One of several values without a time of their own: only the newest is kept."

# Where bare humidity belongs if these are the only temperature; a probe on a cable has none.
_AIR: Final = vocabulary("ambient air room indoor inside box env environment environmental")


class Measurement(msgspec.Struct):
    """What one probe measured at one time, or why that can't be kept.

    `at` is the device's time, None for the time of the uplink. Temperature in °C, humidity in % RH.
    """

    channel: str
    at: datetime | None = None
    temperature: float | None = None
    humidity: float | None = None
    door_open: bool | None = None
    refusal: str | None = None


class Found(NamedTuple):
    """A value, and where it stood."""

    quantity: Quantity
    channel: str
    value: float | bool
    at: datetime | None
    problem: str | None  # why its time isn't known
    order: tuple[int, ...]  # position in the lists around it; the highest is the newest
    rank: int  # values of a higher rank give way
    spelling: str


_Probe = tuple[str, datetime | None, str | None]


def grouped(found: Iterable[Found], *, apart: bool) -> list[Measurement]:
    """The measurements of a payload, in the order in which their first values stand in it.

    Of values of one probe without a time of their own the newest is kept; `apart` takes them for several probes.
    """
    probes: dict[_Probe, dict[Quantity, list[Found]]] = defaultdict(lambda: defaultdict(list))
    for value in _told_apart(list(found)):
        probes[value.channel, value.at, value.problem][value.quantity].append(value)
    _move_humidity(probes)
    measurements: list[Measurement] = []
    for (channel, at, problem), quantities in probes.items():
        for layer, values in enumerate(_layers(list(quantities.values()), newest_first=not apart)):
            refusal, its_channel = problem, channel
            if layer and at is None and apart:
                its_channel = str(layer) if channel == "0" else f"{channel}-{layer}"
            elif layer and at is None:
                refusal = refusal or UNTIMED
            measurements += _measurements(Measurement(its_channel, at, refusal=refusal), values)
    return measurements


def _layers(quantities: Sequence[list[Found]], *, newest_first: bool) -> list[list[Found]]:
    """One value of each quantity at a time; those of one item of a list belong together."""
    orders = [{value.order for value in values} for values in quantities]
    if sum(map(len, orders)) > len(set().union(*orders)):
        items: dict[tuple[int, ...], list[Found]] = defaultdict(list)
        for values in quantities:
            for value in values:
                items[value.order].append(value)
        return [items[order] for order in sorted(items, key=_recency, reverse=newest_first)]
    # Every item has one quantity: a list of entries. The first temperature goes with the first humidity.
    ordered = [sorted(values, key=lambda value: _recency(value.order), reverse=newest_first) for values in quantities]
    return [
        [values[layer] for values in ordered if layer < len(values)]
        for layer in range(max(map(len, ordered), default=0))
    ]


def _recency(order: tuple[int, ...]) -> tuple[bool, tuple[int, ...]]:
    return order == (), order


def _told_apart(found: Sequence[Found]) -> list[Found]:
    """Drop substitutes and repetitions; two names of one channel with different values are two channels."""
    best: dict[tuple[object, ...], Found] = {}
    kept: dict[int, Found] = {}
    by_name = sorted(enumerate(found), key=lambda item: (item[1].rank, *_plainness(item[1].spelling)))
    for position, value in by_name:
        place = (value.quantity, value.channel, value.at, value.problem, value.order)
        first = best.setdefault(place, value)
        if first is value:
            kept[position] = value
        elif value.rank == first.rank and value.value != first.value and value.spelling != first.spelling:
            kept[position] = value._replace(channel=value.spelling[:LONGEST_CHANNEL])
    return [kept[position] for position in sorted(kept)]


def _plainness(spelling: str) -> tuple[bool, int, str]:
    return "temperature" not in spelling, len(spelling), spelling


def _move_humidity(probes: dict[_Probe, dict[Quantity, list[Found]]]) -> None:
    """Give a humidity without a temperature to the only temperature that it can belong to.

    `relative_humidity_2` of a Cayenne payload is measured beside `temperature_1`; `humidity` beside `ambientTemp`.
    """
    by_time: dict[tuple[datetime | None, str | None], list[_Probe]] = defaultdict(list)
    for probe in probes:
        by_time[probe[1:]].append(probe)
    for together in by_time.values():
        temperatures = [probe for probe in together if Quantity.TEMPERATURE in probes[probe]]
        humidities = [probe for probe in together if Quantity.HUMIDITY in probes[probe]]
        if len(humidities) != 1 or humidities[0] in temperatures:
            continue
        homes = [probe for probe in temperatures if probe[0] in _AIR] if humidities[0][0] == "0" else temperatures
        if len(homes) != 1 or not (homes[0][0] in _AIR or (homes[0][0].isdigit() and humidities[0][0].isdigit())):
            continue
        probes[homes[0]][Quantity.HUMIDITY] = probes[humidities[0]].pop(Quantity.HUMIDITY)
        if not probes[humidities[0]]:
            del probes[humidities[0]]


def _measurements(measurement: Measurement, values: Iterable[Found]) -> list[Measurement]:
    extra = []
    for value in values:
        if value.quantity is Quantity.TEMPERATURE:
            measurement.temperature = float(value.value)
        elif value.quantity is Quantity.HUMIDITY:
            measurement.humidity = float(value.value)
        elif value.quantity is Quantity.DOOR:
            measurement.door_open = bool(value.value)
    humidity = measurement.humidity
    if humidity is not None and not 0 <= humidity <= 100 and measurement.temperature is not None:
        # Wet sensors say 104 %: that is refused by itself and must not take the temperature with it.
        extra.append(Measurement(measurement.channel, measurement.at, humidity=humidity, refusal=measurement.refusal))
        measurement.humidity = None
    return [measurement, *extra]
