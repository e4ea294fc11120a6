"""Storing what was measured: skip repeats, refuse contradictions, keep the newest values on the sensor.

Everything here works on columns: a batch of five thousand readings is a dozen arrays in memory and three statements.
Probes are locked in the order of their id before anything else is read, so two writers take turns and repeats can be
told from conflicts without a race.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from freshtrack.arrays import MISSING, NEVER, int2s, int4s, moments
from freshtrack.rounds import Row, Step, ask
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
    door: Column
    changed: Column  # whose status this batch changed
    statuses: list[str]  # to what

    def at(self, sensors: Column) -> Column:
        """Positions of these sensors. They must be among them."""
        return np.searchsorted(self.sensor, sensors)


# One touch of each row locks it, keeps its newest values and tells those before: nothing later than a probe's newest
# reading can be stored already, so this needn't wait until repeats have been told apart. Rows are taken in the order of
# `wanted`, which is sorted: see ORDERLY.
_IS_NEWEST: Final = "w.at > coalesce(s.last_reading_at, '-infinity')"
_KEEP_NEWEST: Final = f"""
WITH kept AS (
  UPDATE sensors_sensor s SET
    last_reading_at = greatest(s.last_reading_at, nullif(w.at, '-infinity')),
    last_received_at = CASE WHEN {_IS_NEWEST} THEN $8::timestamptz ELSE s.last_received_at END,
    status = CASE WHEN s.status IN ('unclaimed', 'retired') OR NOT ({_IS_NEWEST}) THEN s.status
                  WHEN $8::timestamptz - w.at <= s.expected_interval_s * interval '3 seconds' THEN 'online'
                  ELSE 'offline' END,
    temperature = coalesce(CASE WHEN {_IS_NEWEST} THEN w.temperature END, s.temperature),
    humidity = coalesce(CASE WHEN {_IS_NEWEST} THEN w.humidity END, s.humidity),
    battery = coalesce(CASE WHEN {_IS_NEWEST} THEN w.battery END, s.battery),
    signal = coalesce(CASE WHEN {_IS_NEWEST} THEN w.signal END, s.signal),
    door_open = coalesce(CASE WHEN {_IS_NEWEST} THEN w.door = 1 END, s.door_open)
  FROM unnest($1::integer[], $2::timestamptz[], $3::smallint[], $4::smallint[], $5::smallint[], $6::smallint[],
              $7::smallint[]) AS w (id, at, temperature, humidity, battery, signal, door)
  WHERE s.id = w.id
  RETURNING s.id, old.last_reading_at, old.temperature, old.humidity, old.battery, old.signal, old.door_open,
            new.status, old.status AS status_before
), changed AS (
  SELECT array_agg(id) AS ids, string_agg(status, ',') AS statuses FROM kept WHERE status <> status_before
)
SELECT array_agg(id), array_agg(coalesce(last_reading_at, '-infinity')),
       array_agg(coalesce(temperature, (-32768)::smallint)), array_agg(coalesce(humidity, (-32768)::smallint)),
       array_agg(coalesce(battery, (-32768)::smallint)), array_agg(coalesce(signal, (-32768)::smallint)),
       array_agg(CASE WHEN door_open THEN 1::smallint WHEN NOT door_open THEN 0::smallint ELSE (-32768)::smallint END),
       (SELECT ids FROM changed), (SELECT statuses FROM changed)
FROM kept
"""  # noqa: S608  # ours alone

# An update joined by a loop takes the rows in the order of the ids that it is given; joined otherwise in the table's,
# and two writers could wait for each other.
ORDERLY: Final = Step("SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)")

_NONE: Final = np.empty(0, dtype=np.int64)


def keep_newest(ordered: Sorted, *, at: datetime, also: Column = _NONE) -> Step:
    """Lock the probes and put the newest values on them; `also` are locked without one. `before` reads the answer.

    A value that the newest reading lacks is taken from the ones before it, in the batch or on the sensor: a door
    contact that reports between two temperatures doesn't erase them. What is older than the newest stored reading
    changes nothing. Send it inside a transaction, after ORDERLY.
    """
    rows, starts = ordered.rows, ordered.starts
    if len(starts) == len(rows) and not len(also):
        ids, latest, newest = rows.sensor, rows.ms, [rows.metric(name) for name in METRICS]
    else:
        ends = np.append(starts[1:], len(rows))[: len(starts)] - 1
        alone = np.setdiff1d(also, rows.sensor[starts])
        nothing = np.full(len(alone), MISSING)
        ids = np.concatenate([rows.sensor[starts], alone])
        by_id = np.argsort(ids, kind="stable")
        newest = [np.concatenate([_last(rows.metric(name), starts, ends), nothing])[by_id] for name in METRICS]
        ids, latest = ids[by_id], np.concatenate([rows.ms[ends], np.full(len(alone), NEVER)])[by_id]
    return Step(_KEEP_NEWEST, [int4s(ids), moments(latest), *map(int2s, newest), at.isoformat()])


def _last(values: Column, starts: Column, ends: Column) -> Column:
    """For each sensor its last value that isn't missing."""
    last = values[ends]
    if not (last == MISSING).any():
        return last
    # The position of the newest value so far, row by row; one before a sensor's own start is another sensor's.
    positions = np.where(values == MISSING, -1, np.arange(len(values)))
    newest = np.maximum.accumulate(positions)[ends]
    return np.where(newest >= starts, values[newest], MISSING)


def before(row: Row) -> Before:
    """The answer to `keep_newest`. A probe that isn't in it doesn't exist any more."""
    *columns, changed, statuses = row
    values: list[Column] = [_NONE if column is None else column for column in columns]
    ids = values[0]
    if (ids[1:] < ids[:-1]).any():  # PostgreSQL promises no order here, it only keeps it
        order = np.argsort(ids)
        values = [column[order] for column in values]
    ids, ms, temperature, humidity, battery, signal, door = values
    changed = _NONE if changed is None else changed
    told = statuses.split(",") if statuses else []
    return Before(ids, ms, temperature, humidity, battery, signal, door, changed, told)


class Verdicts(NamedTuple):
    """What became of sorted rows. What is neither duplicate nor conflict is new."""

    is_new: Mask
    is_duplicate: Mask
    is_conflict: Mask
    is_news: Mask  # new, and later than everything that its probe had measured before this batch


def compare(ordered: Sorted, known: Before, *, all_new: bool) -> Verdicts:
    """Tell repeats and contradictions from what is new, by what is stored. Call with the probes locked.

    A row with the key of a stored one is a duplicate if temperature, humidity and door agree (missing equals missing
    only), else a conflict, which never overwrites. Inside the batch the first one wins. `all_new`: the batch is in the
    table already, so nothing of it was.
    """
    rows, repeats = ordered.rows, ordered.repeats
    late = rows.ms <= known.ms[known.at(rows.sensor)]
    if all_new or (not late.any() and not repeats.any()):
        nothing = np.zeros(len(rows), dtype=np.bool_)
        return Verdicts(~nothing, nothing, nothing, ~late)
    # The row that was first with its key stands for all of them: it, or what is stored under its key.
    first = np.maximum.accumulate(np.where(repeats, 0, np.arange(len(rows))))
    references = {name: rows.metric(name)[first] for name in _COMPARED}
    is_stored = np.zeros(len(rows), dtype=np.bool_)
    if late.any():
        is_stored = _take_stored(rows, late, references)
    agrees = np.ones(len(rows), dtype=np.bool_)
    for name in _COMPARED:
        agrees &= rows.metric(name) == references[name]
    is_new = ~repeats & ~is_stored
    return Verdicts(is_new, ~is_new & agrees, ~is_new & ~agrees, is_new & ~late)


_STORED: Final = """
SELECT array_agg(wanted.place), array_agg(coalesce(r.temperature, (-32768)::smallint)),
       array_agg(coalesce(r.humidity, (-32768)::smallint)), array_agg(coalesce(r.door, (-32768)::smallint))
FROM unnest($1::integer[], $2::integer[], $3::timestamptz[]) AS wanted (place, sensor_id, recorded_at)
JOIN sensors_reading r USING (sensor_id, recorded_at)
WHERE r.recorded_at BETWEEN $4::timestamptz AND $5::timestamptz
"""


def _take_stored(rows: Rows, late: Mask, references: dict[str, Column]) -> Mask:
    """Which late rows have a key that is stored already; its values become their references."""
    places = np.flatnonzero(late)
    times = rows.ms[places]
    # The span lets PostgreSQL leave out the partitions of other months.
    span = [datetime.fromtimestamp(int(edge) / 1000, tz=UTC).isoformat() for edge in (times.min(), times.max())]
    [(found, *values)] = ask([Step(_STORED, [int4s(places), int4s(rows.sensor[places]), moments(times), *span])])
    is_stored = np.zeros(len(rows), dtype=np.bool_)
    if found is not None:
        is_stored[found] = True
        for name, column in zip(_COMPARED, values, strict=True):
            references[name][found] = column
    return is_stored


_STORE: Final = """
INSERT INTO sensors_reading
  (sensor_id, recorded_at, organization_number, delay_s, temperature, humidity, battery, signal, door)
SELECT * FROM unnest($1::integer[], $2::timestamptz[], $3::integer[], $4::integer[], $5::smallint[], $6::smallint[],
                     $7::smallint[], $8::smallint[], $9::smallint[])
"""


def store(rows: Rows, *, numbers: Column, at: datetime) -> list[Step]:
    """What puts new rows into the table, and notes which hours are to be summed up.

    `numbers` are their organizations', `at` is when we received them. Send it inside the transaction of `keep_newest`,
    after it, with what `compare` found to be new: what is stored already makes it fail (UniqueViolation).
    """
    if not len(rows):
        return []
    delays = np.rint(at.timestamp() - rows.ms / 1000)
    values = [int2s(rows.metric(name)) for name in METRICS]
    storing = Step(_STORE, [int4s(rows.sensor), moments(rows.ms), int4s(numbers), int4s(delays), *values])
    hours = rows.ms // HOUR_MS
    is_first = np.ones(len(rows), dtype=np.bool_)
    is_first[1:] = (rows.sensor[1:] != rows.sensor[:-1]) | (hours[1:] != hours[:-1])
    noting = note_arrivals(numbers=numbers[is_first], sensors=rows.sensor[is_first], hours=hours[is_first])
    return [storing, *noting]


_LOCK: Final = """
SELECT array_agg(id) FILTER (WHERE measured), array_agg(last_reading_at) FILTER (WHERE measured),
       array_agg(temperature) FILTER (WHERE measured)
FROM (SELECT id, last_reading_at, temperature, last_reading_at IS NOT NULL AND temperature IS NOT NULL AS measured
      FROM sensors_sensor WHERE id = ANY ($1::integer[]) ORDER BY id FOR NO KEY UPDATE) AS locked
"""


def lock(sensors: Column) -> dict[int, tuple[int, int]]:
    """Lock probes and tell when and what they last measured: id -> (ms, hundredths of °C), if they ever did.

    For who must know before `keep_newest`. Lock all probes of the batch: some now and others later would be a deadlock.
    Call inside a transaction.
    """
    [(ids, ms, temperatures)] = ask([Step(_LOCK, [int4s(np.unique(sensors))])])
    if ids is None:
        return {}
    return dict(zip(ids.tolist(), zip(ms.tolist(), temperatures.tolist(), strict=True), strict=True))


_MARK_FAULTS: Final = """
WITH marked AS (
  UPDATE sensors_sensor s SET status = 'fault'
  FROM unnest($1::integer[], $2::timestamptz[]) AS fault (id, at)
  WHERE s.id = fault.id AND s.status NOT IN ('unclaimed', 'retired', 'fault')
    AND fault.at > coalesce(s.last_reading_at, '-infinity')
  RETURNING s.id
)
SELECT array_agg(id) FROM marked
"""


def mark_faults(sensors: Column, ms: Column) -> list[int]:
    """Probes whose last word is that they can't measure: their status says so. Returns those that it changed.

    Call inside a transaction, probes locked.
    """
    [(ids,)] = ask([Step(_MARK_FAULTS, [int4s(sensors), moments(ms)])])
    return [] if ids is None else ids.tolist()
