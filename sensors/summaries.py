"""Readings summed up by hour and by day, and what is still to be summed up.

Note [Summaries]. Whoever stores readings notes their sensors and hours in the same transaction (`sensors.Arrival`).
`roll_up` takes notes, computes those hours anew from the raw readings and the days from the hours, and deletes the
notes in the same transaction. So an hour that nobody has noted is summed up exactly, and whoever asks
(sensors/series.py) reads noted hours from the raw readings: answers are right at once, whatever came late, twice or out
of order.

Hours are cut by the clock of the sensor's site, and days are sums of hours also where clocks are 30 or 45 minutes off.
Days begin at the site's midnight; where clocks go back over midnight, at the first of the two. A sensor without site
lives in UTC. Notes are in hours of UTC; such an hour touches up to two of the site's.

A negative hour notes the whole sensor: nothing of it counts as summed up, its summaries are made anew once the hour -h
is over. That is how a site changes its zone, and how an installation that is older than the summaries gets them.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import numpy as np
from django.db import DatabaseError, connection
from numpy.typing import ArrayLike, NDArray

from freshtrack import rounds
from freshtrack.arrays import int4s
from freshtrack.rounds import Step, array_of
from organizations.models import Organization
from organizations.tenancy import acting_as_system

logger = logging.getLogger(__name__)

Column = NDArray[np.int64]

HOUR_S: Final = 3600
# An hour is summed up when it has been over for this long: what devices send on the hour comes a little after it.
GRACE_S: Final = 300
# The whole sensor, at once.
EVERYTHING: Final = -1
# The zone of a sensor that is at no site.
NOWHERE: Final = "UTC"

# Organizations are spread over so many queues; one process at a time works on one.
QUEUES: Final = 16
LOCK: Final = 0x5E7E5  # the first half of the queues' advisory locks; any number that nobody else uses
# Pairs that one transaction looks at, and in one row that it writes back.
_PAIRS_AT_ONCE: Final = 50_000
_PAIRS_A_ROW: Final = 20_000
# Hours that one transaction sums up: at first, at least, at most. What they cost depends on how often sensors report.
_HOURS: Final = (500, 50, 10_000)
# What a transaction should take. Change log cursors wait for the oldest one (Note [Cursors]): two seconds at most.
_SHORT_S, _LONG_S = 0.2, 0.5

_DAY: Final = """(date_trunc('day', {at}, {zone}) - greatest(interval '0',
  (date_trunc('day', {at}, {zone}) - interval '1 microsecond') AT TIME ZONE {zone} + interval '1 microsecond'
  - date_trunc('day', {at}, {zone}) AT TIME ZONE {zone}))"""

SUMS: Final = (
    *("count", "total", "lowest", "highest", "first", "last"),
    *("humidity_count", "humidity_total", "humidity_lowest", "humidity_highest"),
)

# Of raw readings.
SUMMED_UP: Final = """
count(temperature)::integer AS count, coalesce(sum(temperature), 0)::bigint AS total,
min(temperature) AS lowest, max(temperature) AS highest,
(array_agg(temperature ORDER BY recorded_at) FILTER (WHERE temperature IS NOT NULL))[1] AS first,
(array_agg(temperature ORDER BY recorded_at DESC) FILTER (WHERE temperature IS NOT NULL))[1] AS last,
count(humidity)::integer AS humidity_count, coalesce(sum(humidity), 0)::bigint AS humidity_total,
min(humidity) AS humidity_lowest, max(humidity) AS humidity_highest"""

# Of summaries of one sensor whose start is in the column `at`.
ADDED_UP: Final = """
sum(count)::integer AS count, sum(total)::bigint AS total, min(lowest) AS lowest, max(highest) AS highest,
(array_agg(first ORDER BY at) FILTER (WHERE first IS NOT NULL))[1] AS first,
(array_agg(last ORDER BY at DESC) FILTER (WHERE last IS NOT NULL))[1] AS last,
sum(humidity_count)::integer AS humidity_count, sum(humidity_total)::bigint AS humidity_total,
min(humidity_lowest) AS humidity_lowest, max(humidity_highest) AS humidity_highest"""


def day_of(at: str, zone: str) -> str:
    """SQL: where the site's day begins that holds the hour `at`. Both are expressions of ours, never input."""
    return _DAY.format(at=at, zone=zone)


# --- noting -----------------------------------------------------------------------------------------------------------

_NOTE: Final = """
INSERT INTO sensors_arrival (organization_number, sensors, hours)
SELECT number, sensors::integer[], hours::integer[]
FROM unnest($1::integer[], $2::text[], $3::text[]) AS noted (number, sensors, hours)
"""
_NOTE_ONE: Final = """
INSERT INTO sensors_arrival (organization_number, sensors, hours) VALUES ($1::integer, $2::integer[], $3::integer[])
"""


def note_arrivals(*, numbers: ArrayLike, sensors: ArrayLike, hours: ArrayLike) -> list[Step]:
    """What notes that readings of these sensors came for these hours: columns of equal length, repeats allowed.

    `numbers` are the organizations', `hours` whole hours since 1970 in UTC. At most one statement, whatever their
    number. Send it in the transaction that stores the readings.
    """
    return _writing(_distinct(*(np.asarray(column, dtype=np.int64) for column in (numbers, sensors, hours))))


def note_everything(*, organization: Organization, sensors: Iterable[int]) -> None:
    """Have the summaries of these sensors made anew, since their hours are cut otherwise now.

    Until that is done, their series are read from raw readings. Call in the transaction of the change.
    """
    ids = np.fromiter(sensors, dtype=np.int64)
    hours = np.full(len(ids), EVERYTHING)
    rounds.ask(note_arrivals(numbers=np.full(len(ids), organization.number), sensors=ids, hours=hours))


def note_moved(*, organization: Organization, sensors: Iterable[int], before: str, after: str) -> None:
    """Sensors came under another clock: `before` and `after` are zones. The same zone changes nothing.

    Call in the transaction of the change.
    """
    if before != after:
        note_everything(organization=organization, sensors=sensors)


class Pairs(NamedTuple):
    """Sensors and hours of UTC to be summed up, each pair once: by organization, sensor, hour."""

    number: Column
    sensor: Column
    hour: Column

    def take(self, which: NDArray[Any] | slice) -> Pairs:
        """Some of them."""
        return Pairs(self.number[which], self.sensor[which], self.hour[which])

    def __bool__(self) -> bool:
        return len(self.sensor) > 0


def _distinct(number: Column, sensor: Column, hour: Column) -> Pairs:
    order = np.lexsort((hour, sensor, number))
    number, sensor, hour = number[order], sensor[order], hour[order]
    fresh = np.ones(len(order), dtype=np.bool_)
    fresh[1:] = (sensor[1:] != sensor[:-1]) | (hour[1:] != hour[:-1])
    return Pairs(number[fresh], sensor[fresh], hour[fresh])


def _writing(pairs: Pairs) -> list[Step]:
    """A row for each organization; more where one would become too long for a transaction to work on."""
    if not pairs:
        return []
    if len(pairs.sensor) <= _PAIRS_A_ROW and pairs.number[0] == pairs.number[-1]:
        return [Step(_NOTE_ONE, [str(pairs.number[0]), int4s(pairs.sensor), int4s(pairs.hour)])]
    ends = np.flatnonzero(pairs.number[1:] != pairs.number[:-1]) + 1
    edges = [0, *ends.tolist(), len(pairs.number)]
    rows = [
        (start, min(start + _PAIRS_A_ROW, after))
        for begin, after in itertools.pairwise(edges)
        for start in range(begin, after, _PAIRS_A_ROW)
    ]
    numbers = int4s(pairs.number[[start for start, _ in rows]])
    lists = (array_of(_array(column[start:after]) for start, after in rows) for column in (pairs.sensor, pairs.hour))
    return [Step(_NOTE, [numbers, *lists])]


def _array(values: Column) -> str:
    return "{" + ",".join(map(str, values.tolist())) + "}"


# --- summing up -------------------------------------------------------------------------------------------------------

_QUEUES_WAITING: Final = "SELECT DISTINCT organization_number %% %s FROM sensors_arrival"
_NEWEST: Final = "SELECT max(id) FROM sensors_arrival WHERE organization_number %% %s = %s"

# The oldest ones, as many as hold so many pairs.
_TAKE: Final = """
SELECT id, organization_number, sensors, hours FROM sensors_arrival
WHERE id IN (
  SELECT id FROM (
    SELECT id, sum(cardinality(sensors)) OVER (ORDER BY id) - cardinality(sensors) AS before
    FROM sensors_arrival WHERE organization_number %% %s = %s AND id > %s AND id <= %s
  ) AS queue WHERE before < %s
)
ORDER BY id FOR UPDATE SKIP LOCKED
"""

# Runs of hours are few and short, which the planner can't know: to join by reading the table would take minutes.
_BY_INDEX: Final = """
SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
       set_config('enable_seqscan', 'off', true)
"""

# Runs of consecutive hours of a sensor, as the site's clock cuts them: `low` and `high` are the first and last hour.
_RUNS: Final = """
SELECT run.sensor_id, run.number, zone,
       date_trunc('hour', to_timestamp(run.start), zone) AS low,
       date_trunc('hour', to_timestamp(run.after) - interval '1 microsecond', zone) AS high
FROM unnest(%(sensors)s::integer[], %(numbers)s::integer[], %(starts)s::float8[], %(afters)s::float8[])
     AS run (sensor_id, number, start, after)
JOIN sensors_sensor s ON s.id = run.sensor_id
LEFT JOIN sensors_site t ON t.id = s.site_id
CROSS JOIN LATERAL (SELECT coalesce(t.timezone, 'UTC') AS zone) AS clock
"""

_FORGET_HOURS: Final = f"""
WITH runs AS MATERIALIZED ({_RUNS})
DELETE FROM sensors_readinghour h USING runs
WHERE h.sensor_id = runs.sensor_id AND h.hour BETWEEN runs.low AND runs.high
  AND h.hour BETWEEN %(first)s AND %(last)s
"""  # noqa: S608  # ours alone

_SUM_UP_HOURS: Final = f"""
WITH runs AS MATERIALIZED ({_RUNS})
INSERT INTO sensors_readinghour (sensor_id, organization_number, hour, {", ".join(SUMS)})
SELECT runs.sensor_id, runs.number, summed.*
FROM runs CROSS JOIN LATERAL (
  SELECT date_trunc('hour', r.recorded_at, runs.zone) AS hour, {SUMMED_UP}
  FROM sensors_reading r
  WHERE r.sensor_id = runs.sensor_id
    AND r.recorded_at >= runs.low AND r.recorded_at < runs.high + interval '1 hour'
    AND r.recorded_at >= %(first)s AND r.recorded_at < %(last)s::timestamptz + interval '1 hour'
  GROUP BY 1
) AS summed
WHERE summed.hour BETWEEN runs.low AND runs.high AND (summed.count > 0 OR summed.humidity_count > 0)
ORDER BY runs.sensor_id, summed.hour
ON CONFLICT (sensor_id, hour) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in SUMS)}
"""  # noqa: S608

_DAYS: Final = f"""
SELECT DISTINCT sensor_id, number, zone, {day_of("low", "zone")} AS low, {day_of("high", "zone")} AS high
FROM runs
"""  # noqa: S608

_FORGET_DAYS: Final = f"""
WITH runs AS MATERIALIZED ({_RUNS}), days AS MATERIALIZED ({_DAYS})
DELETE FROM sensors_readingday d USING days
WHERE d.sensor_id = days.sensor_id AND d.day BETWEEN days.low AND days.high
"""  # noqa: S608

_SUM_UP_DAYS: Final = f"""
WITH runs AS MATERIALIZED ({_RUNS}), days AS MATERIALIZED ({_DAYS})
INSERT INTO sensors_readingday (sensor_id, organization_number, day, {", ".join(SUMS)})
SELECT DISTINCT ON (days.sensor_id, summed.day) days.sensor_id, days.number, summed.*
FROM days CROSS JOIN LATERAL (
  SELECT {day_of("at", "days.zone")} AS day, {ADDED_UP}
  FROM (SELECT hour AS at, h.* FROM sensors_readinghour h) AS hours
  WHERE sensor_id = days.sensor_id
    AND at >= days.low - interval '1 hour' AND at < days.high + interval '26 hours'
    AND at >= %(first)s::timestamptz - interval '28 hours' AND at < %(last)s::timestamptz + interval '28 hours'
  GROUP BY 1
) AS summed
WHERE summed.day BETWEEN days.low AND days.high
ORDER BY days.sensor_id, summed.day
ON CONFLICT (sensor_id, day) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in SUMS)}
"""  # noqa: S608


@dataclass
class _Pace:
    """How many hours the next transaction sums up, so that none takes long."""

    hours: int = _HOURS[0]

    def heed(self, seconds: float) -> None:
        """Half of them after a long one, twice as many after a short one."""
        if seconds > _LONG_S:
            self.hours = max(_HOURS[1], self.hours // 2)
        elif seconds < _SHORT_S:
            self.hours = min(_HOURS[2], self.hours * 2)


def roll_up(*, at: datetime, seconds: float) -> int:
    """Sum up what is noted and over, for about so many seconds at most. Returns how many hours of sensors it was.

    Opens a transaction for each step. May run twice at once, late or never: a queue that somebody works on is left to
    them, and what isn't summed up stays noted.
    """
    started, done, pace = time.monotonic(), 0, _Pace()
    with acting_as_system("sweep"), connection.cursor() as cursor:
        cursor.execute(_QUEUES_WAITING, [QUEUES])
        queues = [row[0] for row in cursor.fetchall()]
    for queue in queues:
        try:
            done += _work_off(queue, at=at, until=started + seconds, pace=pace)
        except DatabaseError:
            # Its notes stay, so answers stay right. The others needn't wait for whatever is wrong with this one.
            logger.exception("readings of some organizations couldn't be summed up")
    return done


def _work_off(queue: int, *, at: datetime, until: float, pace: _Pace) -> int:
    """Everything that is due in one queue, as long as there is time."""
    done = looked_at = 0
    upto = _newest(queue)
    while upto is not None and time.monotonic() < until:
        step = _step(queue, since=looked_at, upto=upto, at=at, pace=pace)
        if step is None:
            break
        done += step.hours
        looked_at = step.looked_at
        # What a step writes back is newer: to be looked at in this round only if some of it is due.
        upto = _newest(queue) if step.has_more else upto
    return done


def _newest(queue: int) -> int | None:
    with acting_as_system("sweep"), connection.cursor() as cursor:
        cursor.execute(_NEWEST, [QUEUES, queue])
        newest: int | None = cursor.fetchone()[0]
        return newest


class _Step(NamedTuple):
    hours: int
    looked_at: int  # the newest row
    has_more: bool  # whether more is due of what was looked at


def _step(queue: int, *, since: int, upto: int, at: datetime, pace: _Pace) -> _Step | None:
    """One transaction's work. None: there is nothing left, or somebody else is at it."""
    started = time.monotonic()
    with acting_as_system("sweep"), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCK, queue])
        if not cursor.fetchone()[0]:
            return None
        cursor.execute(_TAKE, [QUEUES, queue, since, upto, _PAIRS_AT_ONCE])
        rows = cursor.fetchall()
        if not rows:
            return None
        step = _work(cursor, rows, at=at, most=pace.hours)
    pace.heed(time.monotonic() - started)
    return step


def _work(cursor: Any, rows: Sequence[tuple[int, int, list[int], list[int]]], *, at: datetime, most: int) -> _Step:
    noted = _distinct(
        np.repeat(np.array([row[1] for row in rows], dtype=np.int64), [len(row[2]) for row in rows]),
        np.concatenate([np.array(row[2], dtype=np.int64) for row in rows]),
        np.concatenate([np.array(row[3], dtype=np.int64) for row in rows]),
    )
    is_due = (np.abs(noted.hour) + 1) * HOUR_S + GRACE_S <= at.timestamp()
    is_whole = noted.hour < 0
    whole = noted.take(is_due & is_whole)
    cursor.execute(_BY_INDEX)
    taken, found = _begin_anew(cursor, whole, most=most)
    due = np.flatnonzero(is_due & ~is_whole & ~np.isin(noted.sensor, taken))
    now, later = noted.take(due[:most]), due[most:]
    if now:
        _sum_up(cursor, now)
    kept = np.ones(len(noted.hour), dtype=np.bool_)
    kept[due[:most]] = False
    kept[is_due & is_whole & np.isin(noted.sensor, taken)] = False
    _write_back(cursor, rows, noted.take(kept), found)
    has_more = len(later) > 0 or len(taken) < len(whole.sensor) or bool(found)
    return _Step(len(now.hour), rows[-1][0], has_more)


def _write_back(cursor: Any, rows: Sequence[tuple[int, int, list[int], list[int]]], kept: Pairs, found: Pairs) -> None:
    """What stays noted becomes one row of its organization; a row of which all stays is left where it is."""
    stays = _distinct(*(np.concatenate(columns) for columns in zip(kept, found, strict=True)))
    left = dict(zip(*(column.tolist() for column in np.unique(stays.number, return_counts=True)), strict=True))
    of_organization: dict[int, list[int]] = {}
    for _, number, sensors, _ in rows:
        of_organization.setdefault(number, []).append(len(sensors))
    same = [number for number, sizes in of_organization.items() if sizes == [left.get(number, 0)]]
    cursor.execute("DELETE FROM sensors_arrival WHERE id = ANY(%s)", [[row[0] for row in rows if row[1] not in same]])
    rounds.ask(_writing(stays.take(~np.isin(stays.number, same))))


# What is older than the raw readings can't be made anew, so it stays as it was cut: all before the one with the first.
_FORGET: Final = """
WITH raw AS MATERIALIZED (SELECT min(recorded_at) AS first FROM sensors_reading WHERE sensor_id = %(sensor)s)
DELETE FROM sensors_reading{what} USING raw
WHERE sensor_id = %(sensor)s AND {what} > raw.first - interval '{length}'
  AND {what} >= coalesce((
    SELECT max({what}) FROM sensors_reading{what} WHERE sensor_id = %(sensor)s AND {what} <= raw.first), raw.first)
"""
_FORGET_ALL: Final = (_FORGET.format(what="hour", length="1 hour"), _FORGET.format(what="day", length="26 hours"))
_ALL_HOURS: Final = """
SELECT DISTINCT floor(date_part('epoch', recorded_at) / 3600)::integer FROM sensors_reading WHERE sensor_id = %s
"""


def _begin_anew(cursor: Any, whole: Pairs, *, most: int) -> tuple[list[int], Pairs]:
    """Forget the summaries of some sensors; instead of them as a whole, the hours that they have readings in are noted.

    Returns these sensors, and the hours.
    """
    started = time.monotonic()
    taken: list[int] = []
    numbers: list[int] = []
    sensors: list[int] = []
    hours: list[int] = []
    for number, sensor in zip(whole.number.tolist(), whole.sensor.tolist(), strict=True):
        if len(hours) >= most or (taken and time.monotonic() - started > _SHORT_S):
            break
        for statement in _FORGET_ALL:
            cursor.execute(statement, {"sensor": sensor})
        cursor.execute(_ALL_HOURS, [sensor])
        found = [row[0] for row in cursor.fetchall()]
        taken.append(sensor)
        hours += found
        sensors += [sensor] * len(found)
        numbers += [number] * len(found)
    return taken, _distinct(*(np.array(column, dtype=np.int64) for column in (numbers, sensors, hours)))


def _sum_up(cursor: Any, pairs: Pairs) -> None:
    begins = np.ones(len(pairs.hour), dtype=np.bool_)
    begins[1:] = (pairs.sensor[1:] != pairs.sensor[:-1]) | (pairs.hour[1:] != pairs.hour[:-1] + 1)
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], len(pairs.hour)) - 1
    runs = {
        "sensors": _array(pairs.sensor[starts]),
        "numbers": _array(pairs.number[starts]),
        "starts": _array(pairs.hour[starts] * HOUR_S),
        "afters": _array((pairs.hour[ends] + 1) * HOUR_S),
        # The span of them all lets PostgreSQL leave out the partitions of other months. Local hours begin up to an hour
        # before those of UTC.
        "first": _moment((int(pairs.hour.min()) - 1) * HOUR_S),
        "last": _moment((int(pairs.hour.max()) + 1) * HOUR_S),
    }
    for statement in (_FORGET_HOURS, _SUM_UP_HOURS, _FORGET_DAYS, _SUM_UP_DAYS):
        cursor.execute(statement, runs)


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat()
