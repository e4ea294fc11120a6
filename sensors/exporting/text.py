"""Columns as lines of CSV. Each cell has few texts that are made once, and a row is a look-up of its cells.

So no row is touched by Python, and a page is formatted faster than PostgreSQL reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from freshtrack import csv
from sensors.exporting.pages import NOTHING, Columns

# 190 bytes a row in the making: 3 MB.
ROWS_A_PART: Final = 8192

_DAY_MS: Final = 86_400_000
_SHIFT: Final = 32_768

# Texts of one width, filled up with zeros, which no text of ours has.
Texts = NDArray[np.uint8]


def lines(columns: Columns, labels: Texts) -> Iterator[bytes]:
    """The rows as parts of a file; `labels` are the cells that tell the sensor, as `labels_of` makes them."""
    for begin in range(0, len(columns.at_ms), ROWS_A_PART):
        yield _joined(columns.part(begin, begin + ROWS_A_PART), labels)


def labels_of(rows: Iterable[Sequence[str]]) -> Texts:
    """The cells of each sensor between its time and its values."""
    return _texts(b"," + csv.lines([row]).removesuffix(b"\r\n") + b"," for row in rows)


def _joined(part: Columns, labels: Texts) -> bytes:
    cells = [
        *_moments(part.at_ms, b"Z"),
        labels[part.sensor],
        _hundredths()[part.temperature.astype(np.int64) + _SHIFT],
        _hundredths()[part.humidity.astype(np.int64) + _SHIFT],
        _numbers()[part.battery.astype(np.int64) + _SHIFT],
        _numbers()[part.signal.astype(np.int64) + _SHIFT],
        _doors()[np.where(part.door == NOTHING, 2, part.door != 0)],
        *_moments(part.at_ms + part.delay_s * 1000, b"Z\r\n"),
    ]
    row = np.concatenate(cells, axis=1)
    kept: bytes = row[row != 0].tobytes()
    return kept


def _moments(at_ms: NDArray[np.int64], end: bytes) -> list[Texts]:
    """RFC 3339 in UTC; milliseconds only where there are any."""
    days, of_day = np.divmod(at_ms, _DAY_MS)
    seconds, ms = np.divmod(of_day, 1000)
    first, last = int(days.min()), int(days.max())
    return [_dates(first, last)[days - first], _clock()[seconds], _fractions(end)[ms]]


def _texts(texts: Iterable[bytes]) -> Texts:
    rows = np.array([b"", *texts], dtype=np.bytes_)[1:]
    return rows.view(np.uint8).reshape(len(rows), rows.itemsize)


def _dates(first: int, last: int) -> Texts:
    days = np.arange(first, last + 1).astype("datetime64[D]")
    return _texts(np.datetime_as_string(days).astype(np.bytes_))


@cache
def _clock() -> Texts:
    return _texts(b"T%02d:%02d:%02d" % (s // 3600, s // 60 % 60, s % 60) for s in range(86_400))


@cache
def _fractions(end: bytes) -> Texts:
    return _texts((b".%03d" % ms if ms else b"") + end for ms in range(1000))


@cache
def _hundredths() -> Texts:
    return _texts(
        b"," if value == NOTHING else b"%s%d.%02d," % (b"-" if value < 0 else b"", abs(value) // 100, abs(value) % 100)
        for value in range(NOTHING, -NOTHING)
    )


@cache
def _numbers() -> Texts:
    return _texts(b"," if value == NOTHING else b"%d," % value for value in range(NOTHING, -NOTHING))


@cache
def _doors() -> Texts:
    return _texts([b"false,", b"true,", b","])
