"""The shape of what a room tells in a digest, and the words that all of them use. It stands below all rooms."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.utils import dateformat

# Nobody reads more of one kind in a mail; the app has all of them.
MOST_LINES: Final = 20


@dataclass(frozen=True)
class Line:
    """One thing: what and where it is, what is to be said of it, and when that was. `path`: where the app shows it."""

    what: str
    where: str
    text: str
    when: str = ""
    severity: str = ""
    path: str = ""


@dataclass(frozen=True)
class Part:
    """Things of one kind: the first MOST_LINES of `number`. `nothing` is what to say if there are none."""

    title: str
    nothing: str
    path: str
    lines: list[Line] = field(default_factory=list)
    number: int = 0

    @property
    def more(self) -> int:
        """How many aren't listed."""
        return self.number - len(self.lines)


@dataclass(frozen=True)
class Figures:
    """A small table: label and value."""

    title: str
    rows: list[tuple[str, str]]
    more: str = ""


@dataclass(frozen=True)
class Section:
    """What one room tells. `news` in a few words each, for the subject; empty: all was quiet.

    `caveat` is what speaks against relying on that, as the end of a sentence.
    """

    parts: list[Part] = field(default_factory=list)
    news: list[str] = field(default_factory=list)
    figures: Figures | None = None
    caveat: str = ""
    small_print: str = ""


def many(number: int, one: str, several: str = "") -> str:
    """1 open alert, 2 open alerts."""
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def clock(moment: datetime, *, zone: ZoneInfo, reader: ZoneInfo) -> str:
    """A moment by the clock of a place; which clock is said where it isn't the reader's."""
    words = dateformat.format(moment.astimezone(zone), "D j M, H:i")
    return words if zone.key == reader.key else f"{words} ({zone.key})"


def spell(start: datetime, end: datetime, *, zone: ZoneInfo, reader: ZoneInfo) -> str:
    """From when to when, by the clock of a place: the day once where it is the same."""
    local, until = start.astimezone(zone), end.astimezone(zone)
    last = dateformat.format(until, "H:i" if local.date() == until.date() else "D j M, H:i")
    clocks = "" if zone.key == reader.key else f" ({zone.key})"
    return f"{dateformat.format(local, 'D j M, H:i')} to {last}{clocks}"
