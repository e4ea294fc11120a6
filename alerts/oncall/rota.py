"""Who is on call at which time, from layers, holidays and overrides. Pure: no database and no clock.

Note [Duty follows the wall clock].
A moment is judged by what a clock on the wall of the schedule's zone reads then, as if clocks were never changed. So a
handover at 08:00 is at 08:00 all year, a shift over the hour that is lost in spring is an hour shorter, and one over
the hour that comes twice in autumn covers it both times. Between two changes of the zone's offset such readings are
plain numbers; that is why everything here is worked out one stretch of constant offset at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from heapq import heappop, heappush
from itertools import pairwise
from typing import Literal, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import msgspec

Source = Literal["layer", "holiday", "override", "gap"]
T = TypeVar("T")
# Something that holds from a moment (inside) to another (outside).
Stretch = tuple[datetime, datetime, T]

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_MIDNIGHT = time()
_DAY_SECONDS = 86_400


class Hours(msgspec.Struct, frozen=True):
    """Hours of a weekday (0: Monday), "HH:MM". An end of "24:00" is the day's; one not after `begin` is tomorrow's."""

    day: int
    begin: str
    end: str


class Shift(msgspec.Struct, frozen=True):
    """A person's hours in one week of a custom layer's cycle (the first is 0). `end` as in Hours."""

    week: int
    day: int
    begin: str
    end: str
    person: str


class Layer(msgspec.Struct, frozen=True):
    """One rotation.

    Daily and weekly: people take turns of `every` days or weeks, the first from `starts_on` at `handover`. Custom:
    `shifts` repeat every `weeks` weeks, counted from the Monday of the week of `starts_on`; `handover` means nothing,
    the layer begins with the day, and where two shifts overlap the later in the list has it. `hours`, if there are any,
    are the only ones in which the layer has anybody. `ends_on` is the last day, to its midnight.
    """

    name: str
    rotation: Literal["daily", "weekly", "custom"]
    starts_on: date
    people: tuple[str, ...] = ()
    every: int = 1
    handover: str = "08:00"
    ends_on: date | None = None
    hours: tuple[Hours, ...] = ()
    weeks: int = 1
    shifts: tuple[Shift, ...] = ()
    off_on_holidays: bool = False


class Holiday(msgspec.Struct, frozen=True):
    """A local day on which layers with `off_on_holidays` rest. With a person: theirs, whatever the layers say."""

    day: date
    name: str
    person: str | None = None


class Override(msgspec.Struct, frozen=True):
    """A person for a time, whatever holidays and layers say. Later ones win over earlier ones."""

    start: datetime
    end: datetime
    person: str
    id: str = ""


class Schedule(msgspec.Struct, frozen=True):
    """The whole plan of a place. Later layers win over earlier ones, where they have somebody."""

    zone: str
    layers: tuple[Layer, ...] = ()
    holidays: tuple[Holiday, ...] = ()
    overrides: tuple[Override, ...] = ()


class Span(msgspec.Struct, frozen=True):
    """Who is on call from `start` (inside) to `end` (outside), in UTC, and what says so. No person: a gap."""

    start: datetime
    end: datetime
    person: str | None
    source: Source
    name: str
    id: str


class _Duty(NamedTuple):
    person: str | None
    source: Source
    name: str = ""
    id: str = ""


_GAP = _Duty(None, "gap")


def final(schedule: Schedule, begin: datetime, end: datetime) -> list[Span]:
    """Who is on call in [begin, end), without holes or overlaps. Raises ZoneInfoNotFoundError for an unknown zone."""
    return _spans(schedule, range(len(schedule.layers)), begin, end, alone=False)


def of_layer(schedule: Schedule, index: int, begin: datetime, end: datetime) -> list[Span]:
    """What one layer gives by itself in [begin, end): no other layers, no people of holidays, no overrides."""
    return _spans(schedule, (index,), begin, end, alone=True)


def on_duty(schedule: Schedule, at: datetime) -> Span:
    """Who is on call at a moment and what says so, as in `final`: a span of no length, since nobody looked how long."""
    [span, *_] = final(schedule, at, at + timedelta.resolution)
    return msgspec.structs.replace(span, end=span.start)


def gaps(spans: Iterable[Span]) -> list[Span]:
    """When nobody is on call."""
    return [span for span in spans if span.person is None]


def shifts_of(spans: Iterable[Span], person: str) -> list[Span]:
    """When this person is on call."""
    return [span for span in spans if span.person == person]


def _spans(schedule: Schedule, indexes: Iterable[int], begin: datetime, end: datetime, *, alone: bool) -> list[Span]:
    zone = ZoneInfo(schedule.zone)
    begin, end = begin.astimezone(UTC), end.astimezone(UTC)
    layers = [schedule.layers[index] for index in indexes]
    duties: list[Stretch[_Duty]] = [(begin, end, _GAP)]
    for low, high, offset in _constant_offsets(zone, begin, end):
        first, last = (low + offset).replace(tzinfo=None), (high + offset).replace(tzinfo=None)
        for start, stop, duty in _by_the_wall(schedule, layers, first, last, alone=alone):
            duties.append(((start - offset).replace(tzinfo=UTC), (stop - offset).replace(tzinfo=UTC), duty))
    if not alone:
        for override in schedule.overrides:
            if override.start < end and override.end > begin:
                start, stop = max(override.start.astimezone(UTC), begin), min(override.end.astimezone(UTC), end)
                duties.append((start, stop, _Duty(override.person, "override", id=override.id)))
    return [Span(start, stop, *duty) for start, stop, duty in _topmost(duties)]


def _constant_offsets(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[Stretch[timedelta]]:
    """[begin, end) cut where the zone's distance to UTC changes.

    Asks once a day, so it would miss two changes within a day that undo each other; no zone has ever had them.
    """

    def offset_at(second: int) -> timedelta:
        return datetime.fromtimestamp(second, tz=zone).utcoffset() or timedelta()

    low, second, stop = begin, int(begin.timestamp() // 1), end.timestamp()
    offset = offset_at(second)
    while second < stop:
        probe = second + _DAY_SECONDS
        if offset_at(probe) == offset:
            second = probe
            continue
        same, other = second, probe
        while other - same > 1:
            middle = (same + other) // 2
            same, other = (middle, other) if offset_at(middle) == offset else (same, middle)
        change = datetime.fromtimestamp(other, tz=UTC)
        if change >= end:
            break
        yield low, change, offset
        low, second, offset = change, other, offset_at(other)
    if low < end:
        yield low, end, offset


def _by_the_wall(
    schedule: Schedule, layers: list[Layer], low: datetime, high: datetime, *, alone: bool
) -> Iterator[Stretch[_Duty]]:
    """What layers and then holidays say in [low, high), wall clock readings; what comes later wins."""
    holidays = [holiday for holiday in schedule.holidays if low.date() <= holiday.day <= high.date()]
    days_off = {holiday.day for holiday in holidays}
    for layer in layers:
        duty_of = {person: _Duty(person, "layer", layer.name) for person in _people(layer)}
        for start, stop, person in _turns(layer, days_off, low, high):
            yield start, stop, duty_of[person]
    for holiday in holidays if not alone else ():
        if holiday.person is not None:
            for start, stop in _clipped(holiday.day, "00:00", "24:00", low, high):
                yield start, stop, _Duty(holiday.person, "holiday", holiday.name)


def _people(layer: Layer) -> Iterable[str]:
    return layer.people if layer.rotation != "custom" else (shift.person for shift in layer.shifts)


def _turns(layer: Layer, days_off: Iterable[date], low: datetime, high: datetime) -> Iterator[Stretch[str]]:
    """Who has the layer when in [low, high)."""
    if layer.rotation == "custom":
        first = datetime.combine(layer.starts_on, _MIDNIGHT)
        windows = _windows(layer, days_off, max(low, first), high)
        yield from _within(_cycle(layer, low, high), windows)
        return
    if not layer.people:
        return
    first = datetime.combine(layer.starts_on, _MIDNIGHT) + _since_midnight(layer.handover)
    length = (_DAY if layer.rotation == "daily" else _WEEK) * layer.every
    for start, stop, _ in _windows(layer, days_off, max(low, first), high):
        turn = (start - first) // length
        while start < stop:
            over = min(stop, first + (turn + 1) * length)
            yield start, over, layer.people[turn % len(layer.people)]
            start, turn = over, turn + 1


def _windows(layer: Layer, days_off: Iterable[date], low: datetime, high: datetime) -> list[Stretch[bool]]:
    """When in [low, high) the layer has anybody at all."""
    if layer.ends_on is not None and layer.ends_on < high.date():
        high = datetime.combine(layer.ends_on, _MIDNIGHT) + _DAY
    if low >= high:
        return []
    open_at: list[Stretch[bool]] = [] if layer.hours else [(low, high, True)]
    # From a week earlier, since hours may run past midnight.
    monday = low.date() - timedelta(days=low.weekday() + 7)
    for hours in layer.hours:
        for day in _every(_WEEK, monday + timedelta(days=hours.day), low, high):
            open_at += [(start, stop, True) for start, stop in _clipped(day, hours.begin, hours.end, low, high)]
    if layer.off_on_holidays:
        for day in days_off:
            open_at += [(start, stop, False) for start, stop in _clipped(day, "00:00", "24:00", low, high)]
    return [window for window in _topmost(open_at) if window[2]]


def _cycle(layer: Layer, low: datetime, high: datetime) -> list[Stretch[str]]:
    """A custom layer's shifts in [low, high)."""
    monday = layer.starts_on - timedelta(days=layer.starts_on.weekday())
    shifts: list[Stretch[str]] = []
    for shift in layer.shifts:
        if not 0 <= shift.week < layer.weeks:
            continue
        first = monday + _WEEK * shift.week + timedelta(days=shift.day)
        for day in _every(_WEEK * layer.weeks, first, low, high):
            clipped = _clipped(day, shift.begin, shift.end, low, high)
            shifts += [(start, stop, shift.person) for start, stop in clipped]
    return _topmost(shifts)


def _every(step: timedelta, first: date, low: datetime, high: datetime) -> Iterator[date]:
    """The days first, first + step, … on which something that ends by the next day's midnight may touch [low, high)."""
    day = first + max(0, -((first - (low.date() - _DAY)) // step)) * step
    while day <= high.date():
        yield day
        day += step


def _clipped(day: date, begin: str, end: str, low: datetime, high: datetime) -> list[tuple[datetime, datetime]]:
    """Hours of a day, as far as they are in [low, high): one stretch or none."""
    midnight = datetime.combine(day, _MIDNIGHT)
    start, stop = midnight + _since_midnight(begin), midnight + _since_midnight(end)
    if stop <= start:
        stop += _DAY
    start, stop = max(start, low), min(stop, high)
    return [(start, stop)] if start < stop else []


@lru_cache(maxsize=4096)
def _since_midnight(clock: str) -> timedelta:
    hour, _, minute = clock.partition(":")
    return timedelta(hours=int(hour), minutes=int(minute))


def _within(stretches: list[Stretch[T]], windows: list[Stretch[bool]]) -> Iterator[Stretch[T]]:
    """The parts of stretches that are in windows; both in order and without overlaps."""
    place = 0
    for start, stop, what in stretches:
        while place < len(windows) and windows[place][1] <= start:
            place += 1
        for window in range(place, len(windows)):
            if windows[window][0] >= stop:
                break
            yield max(start, windows[window][0]), min(stop, windows[window][1]), what


def _topmost(stretches: list[Stretch[T]]) -> list[Stretch[T]]:
    """Stretches that may overlap made into ones that don't: the later in the list wins. Equal neighbours are joined."""
    starting: dict[datetime, list[int]] = {}
    for rank, (start, stop, _) in enumerate(stretches):
        if start < stop:
            starting.setdefault(start, []).append(rank)
    moments = sorted({moment for start, stop, _ in stretches if start < stop for moment in (start, stop)})
    result: list[Stretch[T]] = []
    current: list[int] = []  # a heap of negative ranks: the winner is first, those that are over go when they come up
    for left, right in pairwise(moments):
        for rank in starting.get(left, ()):
            heappush(current, -rank)
        while current and stretches[-current[0]][1] <= left:
            heappop(current)
        if not current:
            continue
        what = stretches[-current[0]][2]
        if result and result[-1][1] == left and result[-1][2] == what:
            result[-1] = (result[-1][0], right, what)
        else:
            result.append((left, right, what))
    return result
