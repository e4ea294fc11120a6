"""When a rule watches: a site's opening hours by its own clock. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)

# By weekday the hours in which a site is open, "HH:MM" each; "24:00" is the day's end.
OpeningHours = Mapping[str, Sequence[Sequence[str]]]


class Hours:
    """A site's opening hours. A site that names none is always open; a day that isn't named is closed."""

    def __init__(self, hours: OpeningHours, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._spans = [[(_minutes(begin), _minutes(end)) for begin, end in hours.get(day, ())] for day in WEEKDAYS]
        self._always = not hours

    def open_at(self, at: float) -> bool:
        """Whether the site is open; `at` in seconds since 1970. The opening minute is inside, the closing one isn't."""
        if self._always:
            return True
        local = datetime.fromtimestamp(at, tz=self._zone)
        minute = local.hour * 60 + local.minute
        return any(begin <= minute < end for begin, end in self._spans[local.weekday()])

    def next_opening(self, at: float) -> float | None:
        """When it opens next, in seconds since 1970: `at` itself where it is open, None where it never opens."""
        if self.open_at(at):
            return at
        day = datetime.fromtimestamp(at, tz=self._zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        for _ in range(8):
            for begin, _ in sorted(self._spans[day.weekday()]):
                opens = (day + timedelta(minutes=begin)).replace(tzinfo=self._zone).astimezone(UTC).timestamp()
                if opens > at:
                    return opens
            day += _DAY
        return None


@lru_cache(maxsize=4096)
def _cached(spans: tuple[tuple[str, tuple[tuple[str, str], ...]], ...], zone: str) -> Hours:
    return Hours(dict(spans), zone)


def hours_of(opening_hours: OpeningHours, zone: str) -> Hours:
    """The hours of a site, made once for all that have the same."""
    spans = tuple(
        (day, tuple((str(begin), str(end)) for begin, end in spans)) for day, spans in sorted(opening_hours.items())
    )
    return _cached(spans, zone)


def _minutes(clock: str) -> int:
    hour, _, minute = clock.partition(":")
    return int(hour) * 60 + int(minute)
