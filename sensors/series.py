"""Readings for charts and lists: raw, thinned without losing an extreme, or by hour and day.

Hours and days come from the summaries; noted hours are read from the raw readings (Note [Summaries]), so answers are
exact at any moment. Everything here is called inside a transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from django.db import connection

from sensors.models import Reading, Sensor
from sensors.summaries import ADDED_UP, HOUR_S, SUMMED_UP, SUMS, day_of

Direction = Literal["after", "before", "upto"]

RESOLUTIONS: Final = ("raw", "hour", "day", "auto")
# What `auto` draws: a week of 5-minute readings is 2,000 points, half a year of hours 4,400.
_RAW_UP_TO: Final = timedelta(days=7)
_HOURS_UP_TO: Final = timedelta(days=180)
# So many readings are thinned in 20 ms; of more, hours show the extremes as well. Shorter ranges have too few hours.
_THINNED_UP_TO: Final = 20_000
_HOURS_FROM: Final = timedelta(days=2)


# --- raw --------------------------------------------------------------------------------------------------------------

_COLUMNS: Final = "sensor_id, recorded_at, temperature, humidity, battery, signal, door"

# Each sensor's own readings come in order from the key; only the first few of each are looked at.
_PAGE: Final = """
SELECT page.* FROM unnest(%(sensors)s::integer[]) AS wanted (id) CROSS JOIN LATERAL (
  SELECT {columns} FROM sensors_reading
  WHERE sensor_id = wanted.id AND recorded_at >= %(from)s AND recorded_at < %(to)s
    AND (recorded_at, sensor_id) {beyond} (%(at)s, %(sensor)s)
  ORDER BY recorded_at {order} LIMIT %(limit)s
) AS page ORDER BY recorded_at {order}, sensor_id {order} LIMIT %(limit)s
"""
_PAGES: Final = {
    direction: _PAGE.format(columns=_COLUMNS, beyond=beyond, order=order)
    for direction, beyond, order in (("after", ">", "ASC"), ("before", "<", "DESC"), ("upto", "<=", "DESC"))
}

# Before and after all readings, as a place in their order.
_FIRST_PLACE: Final = (datetime.fromisoformat("0001-01-02T00:00:00+00:00"), 0)


class Place(NamedTuple):
    """A reading's or a bucket's place in a series, and which way from there."""

    direction: Direction
    at: datetime
    sensor: int = 0


def readings(
    *, sensors: Sequence[Sensor], start: datetime, end: datetime, limit: int, place: Place | None = None
) -> list[Reading]:
    """Up to `limit` raw readings from a place on, ascending; back from it, the nearest ones."""
    direction, at, sensor = place or Place("after", *_FIRST_PLACE)
    with connection.cursor() as cursor:
        cursor.execute(
            _PAGES[direction],
            {
                "sensors": [s.pk for s in sensors],
                "from": max(start, at) if direction == "after" else start,
                "to": end if direction == "after" else min(end, at + timedelta(milliseconds=1)),
                "at": at,
                "sensor": sensor,
                "limit": limit,
            },
        )
        found = [_reading(row) for row in cursor.fetchall()]
    return found if direction == "after" else found[::-1]


_COUNT: Final = """
SELECT count(*) FROM (
  SELECT FROM sensors_reading
  WHERE sensor_id = ANY(%(sensors)s) AND recorded_at >= %(from)s AND recorded_at < %(to)s LIMIT %(limit)s
) AS found
"""

# Value and milliseconds in one number, so that one pass over the readings finds when the extremes were (the earliest
# ones): 16 bits of value before 42 bits of time. Humidity counts where there is no temperature, else the moments do.
_THINNED: Final = f"""
WITH placed AS (
  SELECT sensor_id, temperature::bigint AS warmth, humidity::bigint AS damp,
         floor(date_part('epoch', recorded_at) * 1000)::bigint AS ms,
         width_bucket(date_part('epoch', recorded_at), %(start)s, %(end)s, %(buckets)s) AS bucket
  FROM sensors_reading
  WHERE sensor_id = ANY(%(sensors)s) AND recorded_at >= %(from)s AND recorded_at < %(to)s
), extremes AS (
  SELECT sensor_id,
         coalesce(min((warmth << 42) + ms), min((damp << 42) + ms), min(ms)) & ((1::bigint << 42) - 1) AS low,
         coalesce(min((-warmth << 42) + ms), min((-damp << 42) + ms), max(ms)) & ((1::bigint << 42) - 1) AS high
  FROM placed GROUP BY sensor_id, bucket
), picked AS (
  SELECT sensor_id, low AS ms FROM extremes UNION SELECT sensor_id, high FROM extremes
)
SELECT reading.* FROM picked CROSS JOIN LATERAL (
  SELECT {_COLUMNS} FROM sensors_reading
  WHERE sensor_id = picked.sensor_id AND recorded_at >= to_timestamp(ms / 1000.0::float8) - interval '1 millisecond'
    AND recorded_at <= to_timestamp(ms / 1000.0::float8) + interval '1 millisecond'
    AND floor(date_part('epoch', recorded_at) * 1000)::bigint = ms
    AND recorded_at >= %(from)s AND recorded_at < %(to)s
  ORDER BY recorded_at LIMIT 1
) AS reading ORDER BY recorded_at, sensor_id
"""  # noqa: S608  # ours alone


def thinned(*, sensors: Sequence[Sensor], start: datetime, end: datetime, max_points: int) -> list[Reading]:
    """At most `max_points` raw readings, ascending; each stretch of time keeps its coldest and its warmest."""
    if not sensors:
        return []
    few = readings(sensors=sensors, start=start, end=end, limit=max_points + 1)
    if len(few) <= max_points:
        return few
    with connection.cursor() as cursor:
        cursor.execute(
            _THINNED,
            {
                "sensors": [s.pk for s in sensors],
                "from": start,
                "to": end,
                "start": start.timestamp(),
                "end": end.timestamp(),
                "buckets": max(1, max_points // (2 * len(sensors))),
            },
        )
        kept = [_reading(row) for row in cursor.fetchall()]
    return kept if len(kept) <= max_points else _farthest(kept, max_points)


def _farthest(kept: Sequence[Reading], max_points: int) -> list[Reading]:
    """Where there isn't even room for two of each sensor: the warmest and the coldest of all, by turns."""
    by_warmth = sorted(kept, key=lambda reading: (reading.temperature is None, -(reading.temperature or 0.0)))
    measured = [reading for reading in by_warmth if reading.temperature is not None] or by_warmth
    turns = [measured[-1 - turn // 2] if turn % 2 else measured[turn // 2] for turn in range(len(measured))]
    return sorted(turns[:max_points], key=lambda reading: (reading.recorded_at, reading.sensor_id))


def _reading(row: Sequence[Any]) -> Reading:
    sensor_id, recorded_at, temperature, humidity, battery, signal, door = row
    return Reading(
        sensor_id=sensor_id,
        recorded_at=recorded_at,
        temperature=None if temperature is None else temperature / 100,
        humidity=None if humidity is None else humidity / 100,
        battery=battery,
        signal=signal,
        door=door,
    )


# --- by hour and day --------------------------------------------------------------------------------------------------

# A stretch that overlaps these buckets overlaps the range. Hours of UTC that touch them: days may have 26 hours.
_SPAN: Final = """
SELECT low, high, floor(date_part('epoch', low) / 3600)::bigint - 1 AS first,
       floor(date_part('epoch', high) / 3600)::bigint + %(hours)s AS last
FROM (SELECT {low} AS low, {high} AS high FROM (
  SELECT date_trunc('hour', %(from)s::timestamptz, %(zone)s) AS low_hour,
         date_trunc('hour', %(to)s::timestamptz - interval '1 microsecond', %(zone)s) AS high_hour
) AS hours) AS buckets
"""
_SPANS: Final = {
    "hour": _SPAN.format(low="low_hour", high="high_hour"),
    "day": _SPAN.format(low=day_of("low_hour", "%(zone)s"), high=day_of("high_hour", "%(zone)s")),
}
_HOURS_OF: Final = {"hour": 1, "day": 26}

_NOTED: Final = """
SELECT DISTINCT noted.sensor_id, noted.hour
FROM sensors_arrival a CROSS JOIN LATERAL unnest(a.sensors, a.hours) AS noted (sensor_id, hour)
WHERE a.sensors && %(sensors)s::integer[] AND noted.sensor_id = ANY(%(sensors)s::integer[])
  AND (noted.hour < 0 OR noted.hour BETWEEN %(first)s AND %(last)s)
ORDER BY 1, 2
"""

# Noted hours this close to each other are read as one run: no two runs of a sensor touch the same day.
_RUN_GAP_HOURS: Final = 50
# More runs than this of one sensor are read as one: each hour summed up is compared with each run.
_MOST_RUNS: Final = 20

_RUNS: Final = """
SELECT sensor_id, date_trunc('hour', to_timestamp(start), %(zone)s) AS low,
       date_trunc('hour', to_timestamp(after) - interval '1 microsecond', %(zone)s) AS high
FROM unnest(%(run_sensors)s::integer[], %(run_starts)s::float8[], %(run_afters)s::float8[])
     AS run (sensor_id, start, after)
"""

_NAMES: Final = ", ".join(SUMS)

_RAW_HOURS: Final = f"""
SELECT runs.sensor_id, summed.* FROM runs CROSS JOIN LATERAL (
  SELECT date_trunc('hour', r.recorded_at, %(zone)s) AS at, {SUMMED_UP}
  FROM sensors_reading r
  WHERE r.sensor_id = runs.sensor_id AND r.recorded_at >= runs.low AND r.recorded_at < runs.high + interval '1 hour'
    AND r.recorded_at >= %(low)s::timestamptz - interval '1 hour'
    AND r.recorded_at < %(high)s::timestamptz + interval '27 hours'
  GROUP BY 1
) AS summed
WHERE summed.at BETWEEN runs.low AND runs.high AND (count > 0 OR humidity_count > 0)
"""  # noqa: S608

_SUMMED_HOURS: Final = f"""
SELECT sensor_id, hour AS at, {_NAMES} FROM sensors_readinghour h
WHERE sensor_id = ANY(%(sensors)s) AND hour BETWEEN %(low)s AND %(high)s
"""  # noqa: S608
_SUMMED_DAYS: Final = f"""
SELECT sensor_id, day AS at, {_NAMES} FROM sensors_readingday d
WHERE sensor_id = ANY(%(sensors)s) AND day BETWEEN %(low)s AND %(high)s
"""  # noqa: S608

# Hours of the days that have noted hours: summed up where they aren't noted.
_HOURS_OF_DAYS: Final = f"""
SELECT days.sensor_id, day, {_NAMES}, at FROM days CROSS JOIN LATERAL (
  SELECT {day_of("h.hour", "%(zone)s")} AS day, h.hour AS at, {_NAMES} FROM sensors_readinghour h
  WHERE h.sensor_id = days.sensor_id AND h.hour >= days.low - interval '1 hour'
    AND h.hour < days.high + interval '26 hours'
    AND h.hour >= %(low)s::timestamptz - interval '1 hour' AND h.hour < %(high)s::timestamptz + interval '27 hours'
    AND NOT EXISTS (
      SELECT FROM runs WHERE runs.sensor_id = h.sensor_id AND h.hour BETWEEN runs.low AND runs.high)
) AS hours WHERE day BETWEEN days.low AND days.high
UNION ALL
SELECT sensor_id, {day_of("at", "%(zone)s")}, {_NAMES}, at FROM raw_hours
"""  # noqa: S608

_PARTS: Final = {
    ("hour", False): f"WITH parts AS ({_SUMMED_HOURS})",
    ("hour", True): f"""
WITH runs AS MATERIALIZED ({_RUNS}), raw_hours AS ({_RAW_HOURS}), parts AS (
  {_SUMMED_HOURS} AND NOT EXISTS (
    SELECT FROM runs WHERE runs.sensor_id = h.sensor_id AND h.hour BETWEEN runs.low AND runs.high)
  UNION ALL SELECT * FROM raw_hours WHERE at BETWEEN %(low)s AND %(high)s
)""",  # noqa: S608
    ("day", False): f"WITH parts AS ({_SUMMED_DAYS})",
    ("day", True): f"""
WITH runs AS MATERIALIZED ({_RUNS}), raw_hours AS ({_RAW_HOURS}), days AS MATERIALIZED (
  SELECT sensor_id, {day_of("low", "%(zone)s")} AS low, {day_of("high", "%(zone)s")} AS high FROM runs
), hours AS ({_HOURS_OF_DAYS}), parts AS (
  {_SUMMED_DAYS} AND NOT EXISTS (
    SELECT FROM days WHERE days.sensor_id = d.sensor_id AND d.day BETWEEN days.low AND days.high)
  UNION ALL
  SELECT sensor_id, day, {ADDED_UP} FROM hours WHERE day BETWEEN %(low)s AND %(high)s GROUP BY 1, 2
)""",  # noqa: S608
}

_ONE: Final = ", added AS (SELECT * FROM parts)"
# The first and last values of several sensors together would be anybody's.
_SEVERAL: Final = """
, added AS (
  SELECT at, sum(count)::integer AS count, sum(total)::bigint AS total, min(lowest) AS lowest, max(highest) AS highest,
         CASE count(first) WHEN 1 THEN min(first) END AS first, CASE count(last) WHEN 1 THEN min(last) END AS last,
         sum(humidity_count)::integer AS humidity_count, sum(humidity_total)::bigint AS humidity_total,
         min(humidity_lowest) AS humidity_lowest, max(humidity_highest) AS humidity_highest
  FROM parts GROUP BY at
)
"""

# As the tables keep it, mean instead of total: rounded as people round.
_PLAIN: Final = """
SELECT at, lowest, round(total::numeric / nullif(count, 0))::integer, highest, count::bigint, first, last,
       humidity_lowest, round(humidity_total::numeric / nullif(humidity_count, 0))::integer, humidity_highest
FROM added WHERE at {beyond} %(place)s ORDER BY at {order} LIMIT %(limit)s
"""

# Neighbouring hours or days become one point: those of `width` seconds from `low` on. The first and last value stand
# behind their time, in one number of which they have 16 bits.
_MERGED: Final = """
SELECT min(at), min(lowest), round(sum(total) / nullif(sum(count), 0))::integer, max(highest), sum(count),
       CASE WHEN min(sensor_id) = max(sensor_id) THEN (min((second << 16) + first + 32768) & 65535) - 32768 END,
       CASE WHEN min(sensor_id) = max(sensor_id) THEN (max((second << 16) + last + 32768) & 65535) - 32768 END,
       min(humidity_lowest), round(sum(humidity_total) / nullif(sum(humidity_count), 0))::integer,
       max(humidity_highest), max(at), count(*)
FROM (SELECT *, date_part('epoch', at)::bigint AS second FROM parts) AS placed
GROUP BY (second - %(origin)s) / %(width)s ORDER BY 1
"""

_STEP_S: Final = {"hour": HOUR_S, "day": 24 * HOUR_S}
# A day of 23 hours brings the next one an hour before its time.
_SLACK_S: Final = {"hour": 0, "day": 6 * HOUR_S}


class Bucket(NamedTuple):
    """What was measured in an hour or day of the site's clock, or in several that were merged: °C and % RH."""

    at: datetime
    min: float | None
    avg: float | None
    max: float | None
    count: int  # type: ignore[assignment]  # nobody counts a bucket's fields
    first: float | None
    last: float | None
    humidity_min: float | None
    humidity_avg: float | None
    humidity_max: float | None


class Buckets(NamedTuple):
    """Buckets, ascending; `merged` is how many hours or days each of them covers at most."""

    rows: list[Bucket]
    merged: int = 1


class Span(NamedTuple):
    """The first and last bucket of a range, and the hours since 1970 in UTC that touch them."""

    low: datetime
    high: datetime
    first: int
    last: int


def span_of(*, start: datetime, end: datetime, resolution: str, zone: str) -> Span:
    """The buckets that overlap a range."""
    with connection.cursor() as cursor:
        hours = _HOURS_OF[resolution]
        cursor.execute(_SPANS[resolution], {"from": start, "to": end, "zone": zone, "hours": hours})
        return Span(*cursor.fetchone())


def buckets(
    *, sensors: Sequence[Sensor], start: datetime, end: datetime, resolution: str, zone: str, max_points: int
) -> Buckets:
    """Every bucket of the zone that overlaps the range, whole; neighbours merged to no more than `max_points`.

    Merging keeps each extreme, and means count every reading. Of several sensors `first` and `last` are None. Call
    inside a transaction.
    """
    span = span_of(start=start, end=end, resolution=resolution, zone=zone)
    what: dict[str, Any] = {"sensors": sensors, "span": span, "resolution": resolution, "zone": zone}
    rows: list[Any] = []
    low, merged = span.low, _to_merge(span.low, span.high, resolution, max_points)
    while merged > 1:
        origin, width = int(low.timestamp()) - _SLACK_S[resolution], merged * _STEP_S[resolution]
        rows = _select(_MERGED, **what, origin=origin, width=width)
        if sum(row[-1] for row in rows) <= max_points * len(sensors):
            break  # few enough, perhaps, without
        need = _to_merge(rows[0][0], rows[-1][-2], resolution, max_points)
        if need >= merged:
            return Buckets([_bucket(row[:-2]) for row in rows], merged)
        low, merged = rows[0][0], need  # the range has room for more than there is
    single = _select(_alone(sensors) + _PLAINS["after"], **what, place=_FIRST_PLACE[0], limit=max_points + 1)
    if len(single) <= max_points or not rows:
        return Buckets([_bucket(row) for row in single[:max_points]])
    return Buckets([_bucket(row[:-2]) for row in rows], merged)


def _alone(sensors: Sequence[Sensor]) -> str:
    """SQL that brings the hours or days of several sensors together."""
    return _ONE if len(sensors) == 1 else _SEVERAL


def _to_merge(low: datetime, high: datetime, resolution: str, max_points: int) -> int:
    """How many hours or days from `low` to `high` must become one. An hour more: some are half an hour off."""
    points = (high - low) // timedelta(seconds=_STEP_S[resolution]) + 2
    return -(-points // max_points)


def bucket_page(
    *,
    sensors: Sequence[Sensor],
    start: datetime,
    end: datetime,
    resolution: str,
    zone: str,
    limit: int,
    place: Place | None = None,
) -> list[Bucket]:
    """Up to `limit` buckets that overlap the range, from a place on, ascending; back from it, the nearest ones.

    Call inside a transaction.
    """
    direction, at, _ = place or Place("after", *_FIRST_PLACE)
    if direction == "after":
        start = max(start, at)
    else:
        end = min(end, at + timedelta(milliseconds=1))
    rows: list[Any] = []
    for low, high in _nearest_first(start, end, step=timedelta(seconds=limit * _STEP_S[resolution]), back=direction):
        if low >= high:
            continue
        span = span_of(start=low, end=high, resolution=resolution, zone=zone)
        what: dict[str, Any] = {"sensors": sensors, "span": span, "resolution": resolution, "zone": zone}
        rows = _select(_alone(sensors) + _PLAINS[direction], **what, place=at, limit=limit)
        if len(rows) >= limit:
            break
    found = [_bucket(row) for row in rows]
    return found if direction == "after" else found[::-1]


_PLAINS: Final = {
    direction: _PLAIN.format(beyond=beyond, order=order)
    for direction, beyond, order in (("after", ">", "ASC"), ("before", "<", "DESC"), ("upto", "<=", "DESC"))
}


def _nearest_first(
    start: datetime, end: datetime, *, step: timedelta, back: Direction
) -> list[tuple[datetime, datetime]]:
    """The part of the range that usually fills a page, so that a page doesn't cost the whole; then the whole."""
    if end - start <= 2 * step:
        return [(start, end)]
    near = (start, start + 2 * step) if back == "after" else (end - 2 * step, end)
    return [near, (start, end)]


def _select(
    final: str, *, sensors: Sequence[Sensor], span: Span, resolution: str, zone: str, **values: Any
) -> list[Any]:
    ids = [sensor.pk for sensor in sensors]
    with connection.cursor() as cursor:
        cursor.execute(_NOTED, {"sensors": ids, "first": span.first, "last": span.last})
        runs = _runs(cursor.fetchall(), first=span.first, last=span.last)
        cursor.execute(
            _PARTS[resolution, bool(runs)] + final,
            {
                "sensors": ids,
                "zone": zone,
                "low": span.low,
                "high": span.high,
                "run_sensors": [sensor for sensor, _, _ in runs],
                "run_starts": [start * HOUR_S for _, start, _ in runs],
                "run_afters": [(last + 1) * HOUR_S for _, _, last in runs],
                **values,
            },
        )
        rows: list[Any] = cursor.fetchall()
        return rows


def _runs(noted: Sequence[tuple[int, int]], *, first: int, last: int) -> list[tuple[int, int, int]]:
    """Noted hours as runs (sensor, first, last) that are read from raw readings; a whole sensor is one run."""
    of_sensor: dict[int, list[tuple[int, int]]] = {}
    for sensor, hour in noted:
        runs = of_sensor.setdefault(sensor, [])
        if hour < 0:
            runs[:] = [(first, last)]
        elif runs and hour - runs[-1][1] <= _RUN_GAP_HOURS:
            runs[-1] = (runs[-1][0], max(hour, runs[-1][1]))
        else:
            runs.append((hour, hour))
    return [
        (sensor, *run)
        for sensor, runs in of_sensor.items()
        for run in (runs if len(runs) <= _MOST_RUNS else [(runs[0][0], max(last for _, last in runs))])
    ]


def _bucket(row: Sequence[Any]) -> Bucket:
    at, low, mean, high, count, first, last, *damp = row
    low, mean, high = (_degrees(value) for value in (low, mean, high))
    return Bucket(at, low, mean, high, count, *map(_degrees, (first, last, *damp)))


def _degrees(hundredths: int | None) -> float | None:
    return None if hundredths is None else hundredths / 100


# --- how finely -------------------------------------------------------------------------------------------------------


def choose_resolution(*, sensors: Sequence[Sensor], start: datetime, end: datetime, max_points: int | None) -> str:
    """What `auto` means for a range: the finest that neither takes long nor needs merging. Inside a transaction."""
    length = end - start
    if length <= _RAW_UP_TO and (length <= _HOURS_FROM or not _is_too_many(sensors, start, end)):
        return "raw"
    hours = length / timedelta(hours=1) + 2
    return "hour" if length <= _HOURS_UP_TO and (max_points is None or hours <= max_points) else "day"


def _is_too_many(sensors: Sequence[Sensor], start: datetime, end: datetime) -> bool:
    with connection.cursor() as cursor:
        limit = _THINNED_UP_TO + 1
        cursor.execute(_COUNT, {"sensors": [s.pk for s in sensors], "from": start, "to": end, "limit": limit})
        return bool(cursor.fetchone()[0] == limit)
