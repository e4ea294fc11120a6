"""Years of readings, made by PostgreSQL itself: what a table holds after customers have used the product for long.

Sensors report every five minutes, and joined at different times. Rows are written in the order in which they would have
come: by time, sensor after sensor. So a sensor's rows lie as far apart as they do in life.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from bench.contestants import Size
from bench.fleet import Fleet
from bench.house import House

INTERVAL_S = 300
# In one statement: progress can be told, and nobody waits for a long transaction.
STRETCH = timedelta(days=1)

FILL = """
INSERT INTO sensors_reading
  (recorded_at, sensor_id, organization_number, delay_s, temperature, humidity, battery, signal, door)
SELECT to_timestamp(second), probe.id, %(organization)s, 2,
  probe.usual + (second / 300 + probe.id * 7) %% 97 - 48, 8000 + (second / 300 + probe.id) %% 900, 93,
  -60 - (second / 300) %% 20, (second / 300 + probe.id) %% 40 / 39
FROM generate_series(%(first)s::integer, %(last)s::integer, 300) AS second
CROSS JOIN LATERAL (
  SELECT id, usual FROM unnest(%(ids)s::integer[], %(usual)s::integer[], %(since)s::integer[]) AS one (id, usual, since)
  WHERE since <= second OFFSET 0
) AS probe
"""
NEWEST = """
UPDATE sensors_sensor s SET last_reading_at = r.recorded_at, last_received_at = r.recorded_at + interval '2 seconds',
  temperature = r.temperature, humidity = r.humidity, battery = r.battery, signal = r.signal, door_open = r.door = 1
FROM unnest(%s::integer[]) AS filled (id)
CROSS JOIN LATERAL (SELECT * FROM sensors_reading WHERE sensor_id = filled.id ORDER BY recorded_at DESC LIMIT 1) r
WHERE s.id = filled.id
"""


def ages(sensors: int, rows: int, year: int) -> list[int]:
    """How many readings each sensor has, `rows` together: a quarter of them a year's, a quarter half of it.

    The others share what is left; where nothing would be, all have as many.
    """
    quarter = sensors // 4
    left = rows - quarter * year - quarter * (year // 2)
    others = sensors - 2 * quarter
    if left < others or not quarter:
        return [rows // sensors + (number < rows % sensors) for number in range(sensors)]
    rest = [left // others + (number < left % others) for number in range(others)]
    return [year] * quarter + [year // 2] * quarter + rest


def fill(house: House, fleet: Fleet, counts: Sequence[int], say: Callable[[str], None]) -> None:
    """Give each sensor of the fleet so many readings, the newest of them just before the loads begin.

    Two connections write at once, each to months of its own, so that rows of one month stay in order.
    """
    end = int(fleet.start.timestamp()) // INTERVAL_S * INTERVAL_S  # the first second without a reading
    since = [end - count * INTERVAL_S for count in counts]
    known = {
        "ids": [probe.number for probe in fleet.probes],
        "usual": [round(probe.usual * 100) for probe in fleet.probes],
        "since": since,
    }
    with house.database() as database:
        found = database.execute(
            "SELECT number FROM organizations_organization o JOIN sensors_sensor s ON s.organization_id = o.id"
            " WHERE s.id = %s",
            [fleet.probes[0].number],
        ).fetchone()
        assert found is not None
    months = _stretches(datetime.fromtimestamp(min(since), UTC), datetime.fromtimestamp(end, UTC))
    waiting, written, failures = list(reversed(list(months.values()))), 0, []
    changing = threading.Lock()
    total = sum(counts)

    def write() -> None:
        nonlocal written
        try:
            with house.database() as database:
                while waiting and not failures:
                    for first, last in waiting.pop():
                        parameters = {"organization": found[0], "first": first, "last": last, **known}
                        rows = database.execute(FILL, parameters).rowcount
                        with changing:
                            before, written = written, written + rows
                            if before * 5 // total != written * 5 // total:
                                say(f"  {written / 1e6:.1f} of {total / 1e6:.1f} million rows written")
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    assert written == total, (written, total)
    with house.database() as database:
        database.execute(NEWEST, [known["ids"]])
        database.execute("VACUUM (ANALYZE) sensors_reading")
        database.execute("VACUUM (ANALYZE) sensors_sensor")
        database.execute("CHECKPOINT")


def rebuild_closed_month(house: House) -> dict[str, float]:
    """Bytes a row of the last month that is over, after its key was made anew. A month takes no more readings then.

    While it is written, each sensor's readings go into the middle of the key, where split pages stay half empty.
    """
    month = (datetime.now(UTC).replace(day=1) - timedelta(days=1)).strftime("%Y_%m")
    with house.database() as database:
        partition = f"sensors_reading_{month}"
        database.execute(f"REINDEX TABLE {partition}".encode())
        sizes = f"SELECT pg_relation_size('{partition}'), pg_indexes_size('{partition}'), count(*) FROM {partition}"
        row = database.execute(sizes.encode()).fetchone()
    assert row is not None
    return Size(*row).a_row()


def _stretches(start: datetime, end: datetime) -> dict[str, list[tuple[int, int]]]:
    """Month -> the first and last second of each of its stretches, ascending."""
    months: dict[str, list[tuple[int, int]]] = {}
    while start < end:
        midnight = datetime(start.year, start.month, start.day, tzinfo=UTC) + STRETCH
        after = min(midnight, end)
        first = -(-int(start.timestamp()) // INTERVAL_S) * INTERVAL_S
        months.setdefault(f"{start:%Y-%m}", []).append((first, int(after.timestamp()) - 1))
        start = after
    return months
