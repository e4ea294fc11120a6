"""Reads a recording out of a CSV file, whoever wrote it: finds the header, the columns, the unit and the moments.

What a file doesn't say (its time zone, which of two temperatures is meant) is asked for, never guessed: a reading an
hour off or in the wrong unit is worse than none. What was found is part of the result, so that it can be shown to the
person.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from typing import Final

HEADER_WITHIN: Final = 60  # lines; iButtons have the longest preamble met so far, 15
DELIMITERS: Final = (",", ";", "\t")
DATE_ORDERS: Final = ("dmy", "mdy", "ymd")

_TIME = re.compile(r"^(time|date|datum|zeit|recorded|measured|datetime)", re.I)
_TEMPERATURE = re.compile(r"temp|°\s*[cf]\b|℃|℉|celsius|fahrenheit", re.I)
# Other temperatures that devices report: of their own board, of set points and alarms, and what is computed from them.
_NOT_THE_TEMPERATURE = re.compile(
    r"dew|set|alarm|thresh|limit|board|mcu|cpu|intern|min\b|max\b|avg|mean|heat.?index", re.I
)
_HUMIDITY = re.compile(r"humid|^rh\b|^hum", re.I)
_SIGNAL = re.compile(r"rssi|^signal", re.I)
_FAHRENHEIT = re.compile(r"°\s*f\b|℉|fahrenheit|[_ (\[]f[)\]]?$|[_ ](deg_?f)\b", re.I)
_CELSIUS = re.compile(r"°\s*c\b|℃|celsius|[_ (\[]c[)\]]?$|[_ ](deg_?c)\b", re.I)
_HEADER_OFFSET = re.compile(r"(?:GMT|UTC)\s*([+-])(\d{1,2}):?(\d{2})", re.I)
_NUMBER = re.compile(r"^([+-]?\d+(?:[.,]\d+)?(?:e[+-]?\d+)?)\s*(?:°?\s*[CF]|℃|℉|%|dBm)?$", re.I)
_SLASHED = re.compile(
    r"^(\d{1,4})[/.-](\d{1,2})[/.-](\d{1,4})[ T,]+(\d{1,2}):(\d{2})(?::(\d{2}))?(\.\d+)?\s*([ap])?\.?(?:m\.?)?$", re.I
)


class BadRecording(Exception):
    """The file can't be read as it was asked; the words are for the person and say what would help."""


@dataclass(frozen=True, slots=True)
class Row:
    """One moment of the recording; `line` is its line in the file."""

    line: int
    recorded_at: datetime
    temperature: float
    humidity: float | None = None
    signal: float | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    line: int
    reason: str


@dataclass(slots=True)
class Recording:
    """What was read, in order of time, and how: `found` says in words which column became what."""

    rows: list[Row] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    found: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What the person said about the file. None: find out."""

    column: str | None = None
    time_column: str | None = None
    timezone: tzinfo | None = None
    fahrenheit: bool = False
    date_order: str | None = None


def read(content: bytes, *, wishes: Wishes) -> Recording:
    """Read a CSV file. Raises BadRecording with a sentence that says what is missing."""
    table = _table(content, wishes)
    columns = _choose_columns(table.header, wishes)
    recording = Recording(found=columns.words())
    rows = list(table.rows())
    moments = _moments(table, rows, columns, wishes, recording)
    for (line, cells), moment in zip(rows, moments, strict=True):
        if any(cell.strip() for cell in cells):
            row = _row(line, cells, moment, columns=columns, delimiter=table.delimiter)
            if isinstance(row, Row):
                recording.rows.append(row)
            else:
                recording.skipped.append(row)
    if not recording.rows:
        first = next(iter(recording.skipped), None)
        why = f" The first problem: line {first.line}: {first.reason}." if first else ""
        raise BadRecording(f"There is no reading in this file.{why}")
    recording.rows.sort(key=lambda row: row.recorded_at)
    return recording


def _row(
    line: int, cells: Sequence[str], moment: datetime | str, *, columns: _Columns, delimiter: str
) -> Row | Skipped:
    if isinstance(moment, str):
        return Skipped(line, moment)
    text = _cell(cells, columns.temperature)
    temperature = _number(text, delimiter)
    if temperature is None:
        return Skipped(line, f"{text!r} is not a temperature" if text else "no temperature")
    if columns.is_fahrenheit(cells):
        temperature = (temperature - 32.0) / 1.8
    humidity = _number(_cell(cells, columns.humidity), delimiter)
    signal = _number(_cell(cells, columns.signal), delimiter)
    return Row(
        line,
        moment,
        round(temperature, 4),
        # What can't be isn't sent as if it were measured; the temperature beside it may well be right.
        humidity if humidity is not None and 0 <= humidity <= 100 else None,
        signal if signal is not None and -200 <= signal <= 0 else None,
    )


# --- the table ---


@dataclass(frozen=True, slots=True)
class _Table:
    header: list[str]
    delimiter: str
    lines: list[str]
    first_line: int  # of `lines` in the file, counted from 1

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(self.lines, delimiter=self.delimiter)
        try:
            for cells in reader:
                yield self.first_line + reader.line_num - 1, cells
        except csv.Error as error:
            line = self.first_line + reader.line_num - 1
            raise BadRecording(f"Line {line} can't be read as CSV: {error}.") from error


def _table(content: bytes, wishes: Wishes) -> _Table:
    if b"\0" in content[:4096]:
        raise BadRecording("This isn't a text file. Export it as CSV, in UTF-8.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")  # older loggers write the degree sign so
    lines = re.split(r"\r\n|\n|\r", text)
    for number, line in enumerate(lines[:HEADER_WITHIN]):
        for delimiter in DELIMITERS:
            cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
            if len(cells) >= 2 and _is_header(cells, wishes):
                return _Table(cells, delimiter, lines[number + 1 :], number + 2)
    if wishes.time_column:
        raise BadRecording(f"No line of the first {HEADER_WITHIN} names a column {wishes.time_column!r}.")
    raise BadRecording(
        "No header was found: a line that names its columns, one of them a time or a date. "
        "If the time column has another name, say which it is (--time-column)."
    )


def _is_header(cells: Sequence[str], wishes: Wishes) -> bool:
    if wishes.time_column:
        return any(_same(cell, wishes.time_column) for cell in cells)
    return any(_TIME.match(cell) for cell in cells)


def _same(first: str, second: str) -> bool:
    return first.strip().casefold() == second.strip().casefold()


def _cell(cells: Sequence[str], index: int | None) -> str:
    return cells[index].strip() if index is not None and index < len(cells) else ""


def _number(text: str, delimiter: str) -> float | None:
    found = _NUMBER.match(text)
    if not found or ("," in found[1] and delimiter == ","):
        return None
    number = float(found[1].replace(",", "."))
    return number if math.isfinite(number) else None


# --- the columns ---


@dataclass(frozen=True, kw_only=True, slots=True)
class _Columns:
    header: list[str]
    time: tuple[int, ...]  # two: a date and a time of day
    temperature: int
    unit: int | None  # column that names the unit, row by row
    fahrenheit: bool
    humidity: int | None
    signal: int | None

    def is_fahrenheit(self, cells: Sequence[str]) -> bool:
        if self.unit is not None:
            return _cell(cells, self.unit).lstrip("°").upper().startswith("F")
        return self.fahrenheit

    def words(self) -> list[str]:
        unit = "unit of each row" if self.unit is not None else "°F" if self.fahrenheit else "°C"
        words = [
            "time from " + " and ".join(repr(self.header[index]) for index in self.time),
            f"temperature from {self.header[self.temperature]!r} ({unit})",
        ]
        if self.humidity is not None:
            words.append(f"humidity from {self.header[self.humidity]!r}")
        if self.signal is not None:
            words.append(f"signal from {self.header[self.signal]!r}")
        return words


def _choose_columns(header: list[str], wishes: Wishes) -> _Columns:
    time = _time_columns(header, wishes)
    unit = next((i for i, name in enumerate(header) if _same(name, "unit")), None)
    temperature = _temperature_column(header, wishes, excluded=time, has_unit=unit is not None)
    name = header[temperature]
    in_header = bool(_FAHRENHEIT.search(name))
    if wishes.fahrenheit and (_CELSIUS.search(name) or unit is not None):
        raise BadRecording(f"The file itself says the unit of {name!r}; --fahrenheit contradicts it or isn't needed.")
    return _Columns(
        header=header,
        time=time,
        temperature=temperature,
        unit=unit,
        fahrenheit=in_header or wishes.fahrenheit,
        humidity=_only(header, _HUMIDITY),
        signal=_only(header, _SIGNAL),
    )


def _time_columns(header: list[str], wishes: Wishes) -> tuple[int, ...]:
    if wishes.time_column:
        return (_named(header, wishes.time_column),)
    found = [index for index, name in enumerate(header) if _TIME.match(name)]
    names = [header[index].casefold() for index in found]
    if "date" in names and "time" in names:
        return found[names.index("date")], found[names.index("time")]
    if len(found) > 1:
        # Loggers often write the same moment in several forms; the first is the one people look at.
        found.sort(key=lambda index: header[index].casefold() not in ("timestamp", "recorded_at", "datetime"))
    return (found[0],)


def _temperature_column(header: list[str], wishes: Wishes, *, excluded: tuple[int, ...], has_unit: bool) -> int:
    if wishes.column:
        return _named(header, wishes.column)
    found = [
        index
        for index, name in enumerate(header)
        if index not in excluded and _TEMPERATURE.search(name) and not _NOT_THE_TEMPERATURE.search(name)
    ]
    if not found and has_unit:
        found = [index for index, name in enumerate(header) if _same(name, "value")]
    if len(found) == 1:
        return found[0]
    columns = ", ".join(repr(header[index]) for index in (found or range(len(header))))
    if found:
        raise BadRecording(f"Several columns hold a temperature; say which one is meant with --column: {columns}.")
    raise BadRecording(f"No column is called a temperature; say which one is meant with --column: {columns}.")


def _named(header: list[str], name: str) -> int:
    for index, cell in enumerate(header):
        if _same(cell, name):
            return index
    raise BadRecording(f"There is no column {name!r}. The columns are: {', '.join(map(repr, header))}.")


def _only(header: list[str], pattern: re.Pattern[str]) -> int | None:
    found = [index for index, name in enumerate(header) if pattern.search(name)]
    return found[0] if len(found) == 1 else None


# --- the moments ---


def _moments(
    table: _Table, rows: list[tuple[int, list[str]]], columns: _Columns, wishes: Wishes, recording: Recording
) -> list[datetime | str]:
    """Return for each row its moment in UTC, or why it has none."""
    texts = [" ".join(_cell(cells, index) for index in columns.time).strip() for _, cells in rows]
    parsed = _parse(texts, wishes, recording)
    zone = wishes.timezone or _header_zone(table.header, columns)
    naive = next((text for text, at in zip(texts, parsed, strict=True) if at is not None and at.tzinfo is None), None)
    if naive is not None and zone is None:
        raise BadRecording(
            f"The times have no zone ({naive!r}). Say whose clock it was with --timezone, "
            "for example --timezone America/New_York or --timezone UTC."
        )
    if naive is not None and zone is not None:
        recording.found.append(f"clock of {zone}")
    backwards = _runs_backwards([at for at in parsed if at is not None])
    moments: list[datetime | str] = []
    before: datetime | None = None
    for text, at in zip(
        reversed(texts) if backwards else texts, reversed(parsed) if backwards else parsed, strict=True
    ):
        if at is None:
            moments.append(f"{text!r} is not a time" if text else "no time")
            continue
        moment = at.astimezone(UTC) if at.tzinfo is not None else _to_utc(at, zone or UTC, before)
        if moment is None:
            moments.append(f"{text!r} doesn't exist in {zone}: its clocks jumped over it")
            continue
        before = moment
        moments.append(moment)
    return moments[::-1] if backwards else moments


def _parse(texts: Sequence[str], wishes: Wishes, recording: Recording) -> list[datetime | None]:
    parsed: list[datetime | None] = []
    slashed = 0
    for text in texts:
        at = _unmistakable(text)
        if at is None and _SLASHED.match(text):
            slashed += 1
        parsed.append(at)
    if slashed:
        order = wishes.date_order or _find_order(texts)
        recording.found.append(f"dates read as {'/'.join({'d': 'day', 'm': 'month', 'y': 'year'}[c] for c in order)}")
        parsed = [at if at is not None else _in_order(text, order) for text, at in zip(texts, parsed, strict=True)]
    return parsed


def _unmistakable(text: str) -> datetime | None:
    """Read ISO 8601 and Unix times, which can only mean one thing."""
    if re.fullmatch(r"\d{10}(\.\d+)?|\d{13}", text):
        seconds = float(text) / (1000 if len(text) == 13 else 1)
        return datetime.fromtimestamp(seconds, UTC)
    if not re.match(r"\d{4}-\d\d-\d\d", text):
        return None  # fromisoformat also takes forms like 2020W101, which no logger writes
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _in_order(text: str, order: str) -> datetime | None:
    found = _SLASHED.match(text)
    if not found:
        return None
    parts = dict(zip(order, (int(found[1]), int(found[2]), int(found[3])), strict=True))
    hour, half = int(found[4]), (found[8] or "").lower()
    if half and not 1 <= hour <= 12:
        return None
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    year = parts["y"] + 2000 if parts["y"] < 100 else parts["y"]
    fraction = round(float(found[7] or 0) * 1_000_000)
    try:
        # Naive on purpose: the zone comes afterwards, from the header or from the person.
        return datetime(year, parts["m"], parts["d"], hour, int(found[5]), int(found[6] or 0), fraction)  # noqa: DTZ001
    except ValueError:
        return None


def _find_order(texts: Sequence[str]) -> str:
    """Find out whether 11/10/12 is in October or November: only one way makes every row a date that goes on evenly.

    Raises BadRecording where two ways remain.
    """
    slashed = [text for text in texts if _SLASHED.match(text)]
    lengths: list[tuple[float, str]] = []
    for order in DATE_ORDERS:
        moments = [_in_order(text, order) for text in slashed]
        known = [at for at in moments if at is not None]
        if len(known) == len(moments):
            way = sum(abs((b - a).total_seconds()) for a, b in pairwise(known))
            lengths.append((way, order))
    lengths.sort()
    if not lengths:
        raise BadRecording(f"The dates can't be read in one order (the first is {slashed[0]!r}).")
    # Read wrongly, days become months or years: the way from row to row is many times longer.
    if len(lengths) == 1 or (lengths[0][0] > 0 and lengths[1][0] > 5 * lengths[0][0]):
        return lengths[0][1]
    raise BadRecording(f"{slashed[0]!r} can be read in several ways. Say which with --date-order dmy, mdy or ymd.")


def _header_zone(header: list[str], columns: _Columns) -> tzinfo | None:
    for index in columns.time:
        if found := _HEADER_OFFSET.search(header[index]):
            offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
            return timezone(-offset if found[1] == "-" else offset)
    return None


def _runs_backwards(moments: Sequence[datetime]) -> bool:
    """Whether the newest reading comes first. Zones don't matter for that."""
    if len(moments) < 2 or (moments[0].tzinfo is None) != (moments[-1].tzinfo is None):
        return False
    return moments[0] > moments[-1]


def _to_utc(local: datetime, zone: tzinfo, before: datetime | None) -> datetime | None:
    """Return the moment of a local time; None if the clocks jumped over it in spring.

    In autumn an hour comes twice. A recording goes on, so what would lie before the reading before it is the second.
    """
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) != local:
        return None
    second = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return second if second != first and before is not None and first <= before else first
