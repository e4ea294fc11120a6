"""Storing what was measured: skip repeats, refuse contradictions, keep the newest values on the sensor.

Everything here works on columns: a batch of five thousand readings is a dozen arrays in memory and three statements.
Probes are locked in the order of their id before anything else is read, so two writers take turns and repeats can be
told from conflicts without a race.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from freshtrack.arrays import MISSING, NEVER, int2s, int4s, moments
from sensors.summaries import note_arrivals

Column = NDArray[np.int64]
Mask = NDArray[np.bool_]

HOUR_MS: Final = 3_600_000

# In the order of the columns of the tables. As stored: hundredths of °C and % RH, %, dBm; door 1 open, 0 closed.
METRICS: Final = ("temperature", "humidity", "battery", "signal", "door")
# What a duplicate must repeat; battery and signal are of the moment when it was sent.
_COMPARED: Final = ("temperature", "humidity", "door")


class ProbesVanished(Exception):
    """Some of the probes don't exist any more."""


@dataclass(slots=True)
class Rows:
    """Measurements as columns of equal length: sensor ids, milliseconds since 1970, values as stored or MISSING."""

    sensor: Column
    ms: Column
    temperature: Column
    humidity: Column
    battery: Column
    signal: Column
    door: Column

    def __len__(self) -> int:
        return len(self.sensor)

    def take(self, which: Mask | Column) -> Rows:
        """Some of them, or all in another order."""
        return Rows(
            self.sensor[which],
            self.ms[which],
            self.temperature[which],
            self.humidity[which],
            self.battery[which],
            self.signal[which],
            self.door[which],
        )

    def metric(self, name: str) -> Column:
        """The column of one of METRICS."""
        column: Column = getattr(self, name)
        return column


class Sorted(NamedTuple):
    """Rows by sensor and time, the first of equal ones first."""

    rows: Rows
    order: Column  # where each row stood before
    starts: Column  # where each sensor's rows begin
    repeats: Mask  # rows with the same sensor and time as the one before


def sort(rows: Rows) -> Sorted:
    """Neighbours in the batch become neighbours in the index, and repeats neighbours of what they repeat."""
    order = np.lexsort((rows.ms, rows.sensor))
    ordered = rows.take(order)
    is_first = np.ones(len(rows), dtype=np.bool_)
    is_first[1:] = ordered.sensor[1:] != ordered.sensor[:-1]
    repeats = np.zeros(len(rows), dtype=np.bool_)
    repeats[1:] = ~is_first[1:] & (ordered.ms[1:] == ordered.ms[:-1])
    return Sorted(ordered, order, np.flatnonzero(is_first), repeats)


class Before(NamedTuple):
    """What was known of the locked probes before this batch: columns in the order of their ids."""

    sensor: Column
    ms: Column  # of the newest reading; NEVER: none
    temperature: Column
    humidity: Column
    battery: Column
    signal: Column
    changed: Column  # whose status this batch changed
    statuses: list[str]  # to what

    def at(self, sensors: Column) -> Column:
        """Positions of these sensors. They must be among them."""
        return np.searchsorted(self.sensor, sensors)


# The newest values go to the sensor in the statement that locks it: one way to the database instead of two. Nothing
# later than a probe's newest reading can be stored already, so this needn't wait until repeats have been told apart.
_KEEP_NEWEST: Final = """
WITH wanted AS (
  SELECT * FROM unnest(%s::integer[], %s::timestamptz[], %s::smallint[], %s::smallint[], %s::smallint[], %s::smallint[],
                       %s::smallint[]) AS wanted (id, at, temperature, humidity, battery, signal, door)
), locked AS MATERIALIZED (
  SELECT s.id, s.last_reading_at, s.temperature, s.humidity, s.battery, s.signal, s.status
  FROM wanted JOIN sensors_sensor s USING (id)
  ORDER BY s.id FOR NO KEY UPDATE OF s
), kept AS (
  UPDATE sensors_sensor s SET
    last_reading_at = w.at, last_received_at = %s,
    status = CASE WHEN l.status IN ('unclaimed', 'retired') THEN l.status
                  WHEN %s - w.at <= s.expected_interval_s * interval '3 seconds' THEN 'online' ELSE 'offline' END,
    temperature = coalesce(w.temperature, s.temperature), humidity = coalesce(w.humidity, s.humidity),
    battery = coalesce(w.battery, s.battery), signal = coalesce(w.signal, s.signal),
    door_open = coalesce(w.door = 1, s.door_open)
  FROM locked l JOIN wanted w ON w.id = l.id
  WHERE s.id = l.id AND w.at > coalesce(l.last_reading_at, '-infinity')
  RETURNING s.id, s.status, l.status AS status_before
), changed AS (
  SELECT array_agg(id) AS ids, array_agg(status::text) AS statuses FROM kept WHERE status <> status_before
)
SELECT array_agg(id), array_agg(coalesce(last_reading_at, '-infinity')),
       array_agg(coalesce(temperature, (-32768)::smallint)), array_agg(coalesce(humidity, (-32768)::smallint)),
       array_agg(coalesce(battery, (-32768)::smallint)), array_agg(coalesce(signal, (-32768)::smallint)),
       (SELECT ids FROM changed), (SELECT statuses FROM changed)
FROM locked
"""

_NONE: Final = np.empty(0, dtype=np.int64)


def keep_newest(cursor: Any, ordered: Sorted, *, at: datetime, also: Column = _NONE) -> None:
    """Lock the probes and put the newest values on them; `also` are locked without one. Take the answer with `before`.

    A value that the newest reading lacks is taken from the ones before it, in the batch or on the sensor: a door
    contact that reports between two temperatures doesn't erase them. What is older than the newest stored reading
    changes nothing. Call inside a transaction.
    """
    rows, starts = ordered.rows, ordered.starts
    ends = np.append(starts[1:], len(rows))[: len(starts)] - 1
    alone = np.setdiff1d(also, rows.sensor[starts])
    nothing = np.full(len(alone), MISSING)
    sensors = np.concatenate([rows.sensor[starts], alone])
    by_id = np.argsort(sensors, kind="stable")
    newest = [np.concatenate([_last(rows.metric(name), starts, ends), nothing])[by_id] for name in METRICS]
    latest = np.concatenate([rows.ms[ends], np.full(len(alone), NEVER)])[by_id]
    cursor.execute(_KEEP_NEWEST, [int4s(sensors[by_id]), moments(latest), *map(int2s, newest), at, at])


def _last(values: Column, starts: Column, ends: Column) -> Column:
    """For each sensor its last value that isn't missing."""
    last = values[ends]
    if not (last == MISSING).any():
        return last
    # The position of the newest value so far, row by row; one before a sensor's own start is another sensor's.
    positions = np.where(values == MISSING, -1, np.arange(len(values)))
    newest = np.maximum.accumulate(positions)[ends]
    return np.where(newest >= starts, values[newest], MISSING)


def before(cursor: Any) -> Before:
    """The answer to `keep_newest`. A probe that isn't in it doesn't exist any more."""
    *columns, changed, statuses = cursor.fetchone()
    values: list[Column] = [_NONE if column is None else column for column in columns]
    ids = values[0]
    if (ids[1:] < ids[:-1]).any():  # PostgreSQL promises no order here, it only keeps it
        order = np.argsort(ids)
        values = [column[order] for column in values]
    ids, ms, temperature, humidity, battery, signal = values
    changed = _NONE if changed is None else changed
    return Before(ids, ms, temperature, humidity, battery, signal, changed, statuses or [])


class Verdicts(NamedTuple):
    """What became of sorted rows. What is neither duplicate nor conflict is new."""

    is_new: Mask
    is_duplicate: Mask
    is_conflict: Mask
    is_news: Mask  # new, and later than everything that its probe had measured before this batch


def compare(cursor: Any, ordered: Sorted, known: Before) -> Verdicts:
    """Tell repeats and contradictions from what is new, by what is stored. Call with the probes locked.

    A row with the key of a stored one is a duplicate if temperature, humidity and door agree (missing equals missing
    only), else a conflict, which never overwrites. Inside the batch the first one wins.
    """
    rows, repeats = ordered.rows, ordered.repeats
    late = rows.ms <= known.ms[known.at(rows.sensor)]
    if not late.any() and not repeats.any():
        nothing = np.zeros(len(rows), dtype=np.bool_)
        return Verdicts(~nothing, nothing, nothing, ~nothing)
    # The row that was first with its key stands for all of them: it, or what is stored under its key.
    first = np.maximum.accumulate(np.where(repeats, 0, np.arange(len(rows))))
    references = {name: rows.metric(name)[first] for name in _COMPARED}
    is_stored = np.zeros(len(rows), dtype=np.bool_)
    if late.any():
        is_stored = _take_stored(cursor, rows, late, references)
    agrees = np.ones(len(rows), dtype=np.bool_)
    for name in _COMPARED:
        agrees &= rows.metric(name) == references[name]
    is_new = ~repeats & ~is_stored
    return Verdicts(is_new, ~is_new & agrees, ~is_new & ~agrees, is_new & ~late)


_STORED: Final = """
SELECT array_agg(wanted.place), array_agg(coalesce(r.temperature, (-32768)::smallint)),
       array_agg(coalesce(r.humidity, (-32768)::smallint)), array_agg(coalesce(r.door, (-32768)::smallint))
FROM unnest(%s::integer[], %s::integer[], %s::timestamptz[]) AS wanted (place, sensor_id, recorded_at)
JOIN sensors_reading r USING (sensor_id, recorded_at)
WHERE r.recorded_at BETWEEN %s AND %s
"""


def _take_stored(cursor: Any, rows: Rows, late: Mask, references: dict[str, Column]) -> Mask:
    """Which late rows have a key that is stored already; its values become their references."""
    places = np.flatnonzero(late)
    times = rows.ms[places]
    # The span lets PostgreSQL leave out the partitions of other months.
    span = [datetime.fromtimestamp(int(edge) / 1000, tz=UTC) for edge in (times.min(), times.max())]
    cursor.execute(_STORED, [int4s(places), int4s(rows.sensor[places]), moments(times), *span])
    found, *values = cursor.fetchone()
    is_stored = np.zeros(len(rows), dtype=np.bool_)
    if found is not None:
        is_stored[found] = True
        for name, column in zip(_COMPARED, values, strict=True):
            references[name][found] = column
    return is_stored


# Optimistic: `compare` has left out what is stored, so there is nothing to be skipped.
_STORE: Final = """
INSERT INTO sensors_reading
  (sensor_id, recorded_at, organization_number, delay_s, temperature, humidity, battery, signal, door)
SELECT * FROM unnest(%s::integer[], %s::timestamptz[], %s::integer[], %s::integer[], %s::smallint[], %s::smallint[],
                     %s::smallint[], %s::smallint[], %s::smallint[])
"""


def store(cursor: Any, rows: Rows, *, numbers: Column, at: datetime) -> None:
    """Put new rows into the table, and note which hours are to be summed up.

    `numbers` are their organizations', `at` is when we received them.

    Call inside the transaction of `keep_newest`, with what `compare` found to be new.
    """
    if not len(rows):
        return
    delays = np.rint(at.timestamp() - rows.ms / 1000)
    values = [int2s(rows.metric(name)) for name in METRICS]
    cursor.execute(_STORE, [int4s(rows.sensor), moments(rows.ms), int4s(numbers), int4s(delays), *values])
    hours = rows.ms // HOUR_MS
    is_first = np.ones(len(rows), dtype=np.bool_)
    is_first[1:] = (rows.sensor[1:] != rows.sensor[:-1]) | (hours[1:] != hours[:-1])
    note_arrivals(cursor, numbers=numbers[is_first], sensors=rows.sensor[is_first], hours=hours[is_first])


_LOCK: Final = """
SELECT id, coalesce((extract(epoch FROM last_reading_at) * 1000)::bigint, -1), temperature
FROM sensors_sensor WHERE id = ANY (%s::integer[]) ORDER BY id FOR NO KEY UPDATE
"""


def lock(cursor: Any, sensors: Column) -> dict[int, tuple[int, int]]:
    """Lock probes and tell when and what they last measured: id -> (ms, hundredths of °C), if they ever did.

    For who must know before `keep_newest`. Lock all probes of the batch: some now and others later would be a deadlock.
    Call inside a transaction.
    """
    cursor.execute(_LOCK, [int4s(np.unique(sensors))])
    return {row[0]: (row[1], row[2]) for row in cursor.fetchall() if row[2] is not None}


_MARK_FAULTS: Final = """
UPDATE sensors_sensor s SET status = 'fault'
FROM unnest(%s::integer[], %s::timestamptz[]) AS fault (id, at)
WHERE s.id = fault.id AND s.status NOT IN ('unclaimed', 'retired', 'fault')
  AND fault.at > coalesce(s.last_reading_at, '-infinity')
RETURNING s.id
"""


def mark_faults(cursor: Any, sensors: Column, ms: Column) -> list[int]:
    """Probes whose last word is that they can't measure: their status says so. Returns those that it changed.

    Call inside a transaction, probes locked.
    """
    cursor.execute(_MARK_FAULTS, [int4s(sensors), moments(ms)])
    return [row[0] for row in cursor.fetchall()]
