"""Readings of a range as columns, page by page in order of time.

PostgreSQL sends a page as one run of bytes that numpy reads where it lies: a message and a Python object for each row
would cost more than all the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from sensors.models import Sensor

# 1.3 MB as they come, a tenth of a second: a transaction that is neither long nor one of thousands.
PAGE_ROWS: Final = 50_000
# So dense that the page would become too large: it is asked for again with less time.
MOST_ROWS: Final = 2 * PAGE_ROWS
LONGEST_PAGE: Final = timedelta(days=366)
SHORTEST_PAGE: Final = timedelta(milliseconds=1)
# No stored value is that small (-200 °C, -200 dBm).
NOTHING: Final = -32768

_VALUES: Final = ("temperature", "humidity", "battery", "signal", "door")
_ROW: Final = np.dtype(
    [
        ("at", ">i8"),
        ("sensor", ">i4"),
        ("delay_s", ">i4"),
        *((name, ">i2") for name in _VALUES),
    ]
)

# The limit stands inside: it stops the scan, where an aggregate would count on. The order is made by numpy.
_PAGE: Final = """
COPY (
  SELECT string_agg(timestamptz_send(recorded_at) || int4send(sensor_id) || int4send(delay_s)
    || int2send(coalesce(temperature, '-32768')) || int2send(coalesce(humidity, '-32768'))
    || int2send(coalesce(battery, '-32768')) || int2send(coalesce(signal, '-32768'))
    || int2send(coalesce(door, '-32768')), ''::bytea)
  FROM (
    SELECT recorded_at, sensor_id, delay_s, temperature, humidity, battery, signal, door FROM sensors_reading
    WHERE sensor_id = ANY (%s) AND recorded_at >= %s AND recorded_at < %s LIMIT %s
  ) AS found
) TO STDOUT WITH (FORMAT binary)
"""

_FIRST: Final = """
SELECT min(first.recorded_at) FROM unnest(%s::integer[]) AS wanted (id), LATERAL (
  SELECT recorded_at FROM sensors_reading
  WHERE sensor_id = wanted.id AND recorded_at >= %s AND recorded_at < %s ORDER BY recorded_at LIMIT 1
) AS first
"""

_COUNT: Final = """
SELECT count(*) FROM (
  SELECT FROM sensors_reading WHERE sensor_id = ANY (%s) AND recorded_at >= %s AND recorded_at < %s LIMIT %s
) AS found
"""

# PostgreSQL counts microseconds from the year 2000.
_ITS_EPOCH_MS: Final = 946_684_800_000

Read = Callable[[Callable[[], Any]], Any]


class Columns(NamedTuple):
    """A page, ordered by time and sensor. `sensor` is the place in the list of sensors; NOTHING: not measured."""

    at_ms: NDArray[np.int64]  # since 1970
    sensor: NDArray[np.int64]
    delay_s: NDArray[np.int64]
    temperature: NDArray[np.int16]  # hundredths of °C
    humidity: NDArray[np.int16]  # hundredths of % RH
    battery: NDArray[np.int16]
    signal: NDArray[np.int16]
    door: NDArray[np.int16]  # 1 open, 0 closed

    def part(self, begin: int, end: int) -> Columns:
        """Some of its rows."""
        return Columns._make(column[begin:end] for column in self)


@dataclass
class Range:
    """Which readings: of these sensors, from `start` (inclusive) to `end` (exclusive)."""

    sensors: Sequence[Sensor]
    start: datetime
    end: datetime
    ids: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.sensors = sorted(self.sensors, key=lambda sensor: sensor.pk)
        self.ids = [sensor.pk for sensor in self.sensors]

    def first_after(self, moment: datetime) -> datetime | None:
        """When the first reading at or after the moment was measured. Call inside a transaction."""
        with connection.cursor() as cursor:
            cursor.execute(_FIRST, [self.ids, moment, self.end])
            found: datetime | None = cursor.fetchone()[0]
        return found

    def count(self, *, most: int) -> int:
        """How many readings there are; counting ends after `most`. Call inside a transaction."""
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, [self.ids, self.start, self.end, most])
            return int(cursor.fetchone()[0])

    def pages(self, read: Read) -> Iterator[Columns]:
        """All readings, in order. `read` calls what it is given inside a transaction, one for each page.

        Pages are stretches of time: a late reading that is stored meanwhile is in a later page or in none, and never
        moves another one.
        """
        at = read(partial(self.first_after, self.start))
        length = self._first_length()
        while at is not None and at < self.end:
            until = min(at + length, self.end)
            rows = read(partial(self._fetch, at, until))
            if len(rows) > self._most_rows() and length > SHORTEST_PAGE:
                length = max(length / 4, SHORTEST_PAGE)
                continue
            if len(rows):
                yield self._columns(rows)
                # Towards full pages, slowly: what comes may be denser than what was.
                length = min(max(length * min(2.0, PAGE_ROWS / len(rows)), SHORTEST_PAGE), LONGEST_PAGE)
                at = until
            else:
                at = read(partial(self.first_after, until))

    def _first_length(self) -> timedelta:
        rows_a_second = sum(1 / sensor.expected_interval_s for sensor in self.sensors)
        return min(LONGEST_PAGE, timedelta(seconds=PAGE_ROWS / rows_a_second)) if rows_a_second else LONGEST_PAGE

    def _most_rows(self) -> int:
        return max(MOST_ROWS, 2 * len(self.ids))

    def _fetch(self, since: datetime, until: datetime) -> NDArray[np.void]:
        with connection.cursor() as cursor:
            # Django's cursor takes no parameters for a copy while it logs statements (DEBUG).
            statement = cursor.mogrify(_PAGE, [self.ids, since, until, self._most_rows() + 1])
            with cursor.copy(statement) as copy:
                copy.set_types(["bytea"])
                (found,) = copy.rows()
        return np.frombuffer(found[0] or b"", dtype=_ROW)

    def _columns(self, rows: NDArray[np.void]) -> Columns:
        at, sensor = rows["at"].astype(np.int64), rows["sensor"].astype(np.int64)
        order = np.lexsort((sensor, at))
        values = (
            rows[name].astype(np.int16)[order] for name in ("temperature", "humidity", "battery", "signal", "door")
        )
        return Columns(
            at[order] // 1000 + _ITS_EPOCH_MS,
            np.searchsorted(np.array(self.ids), sensor[order]),
            rows["delay_s"].astype(np.int64)[order],
            *values,
        )
