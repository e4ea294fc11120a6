"""Months of readings: there before they are needed, and made for what came without one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from psycopg import sql

from freshtrack.celery import app
from organizations.models import Organization
from sensors import partitions
from sensors.models import Reading, Sensor, Site
from tests.factories import SensorFactory, as_system
from tests.ingest.test_pipeline import post
from tests.stack import superuser

pytestmark = pytest.mark.django_db

TABLE = "sensors_reading"


def soon() -> float:
    return time.monotonic() + 30


def query(text: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    with as_system(), connection.cursor() as cursor:
        cursor.execute(text, parameters or [])
        return cursor.fetchall() if cursor.description else []


def store(sensor: Sensor, moments: list[datetime]) -> None:
    with as_system():
        Reading.objects.bulk_create(
            Reading(sensor=sensor, recorded_at=at, organization=sensor.organization, delay_s=0, temperature=3.0)
            for at in moments
        )


def store_many(sensor: Sensor, *, begin: datetime, number: int, every_s: int) -> None:
    query(
        "INSERT INTO sensors_reading (sensor_id, recorded_at, organization_number, delay_s, temperature)"
        " SELECT %s, %s::timestamptz + make_interval(secs => %s * n), %s, 1, 300 FROM generate_series(0, %s - 1) AS n",
        [sensor.pk, begin, every_s, sensor.organization.number, number],
    )


def where(sensor: Sensor) -> dict[str, int]:
    """How many readings of the sensor stand in which partition."""
    return dict(
        query(
            "SELECT tableoid::regclass::text, count(*) FROM sensors_reading WHERE sensor_id = %s GROUP BY 1",
            [sensor.pk],
        )
    )


def names(table: str = TABLE) -> set[str]:
    return {month.name for month in partitions.months(table)}


class TestAhead:
    @pytest.mark.parametrize("table", partitions.TABLES)
    def test_this_month_and_the_next_three_have_theirs(self, table: str) -> None:
        at = datetime(2042, 11, 30, 23, 59, tzinfo=UTC)
        assert partitions.make_ahead(table, at=at, until=soon()) == 4
        made = {f"{table}_{month}" for month in ("2042_11", "2042_12", "2043_01", "2043_02")}
        assert made <= names(table)
        assert partitions.make_ahead(table, at=at, until=soon()) == 0

    def test_the_month_is_that_of_utc(self) -> None:
        at = datetime.fromisoformat("2042-11-01T01:00:00+02:00")
        partitions.make_ahead(TABLE, at=at, until=soon())
        assert f"{TABLE}_2042_10" in names()

    def test_what_is_missing_is_told(self) -> None:
        at = datetime(2042, 3, 28, tzinfo=UTC)
        assert set(partitions.missing(at=at)) == {f"{t}_{m}" for t in partitions.TABLES for m in ("2042_03", "2042_04")}
        for table in partitions.TABLES:
            partitions.make_ahead(table, at=at, until=soon())
        assert partitions.missing(at=at) == []

    def test_rows_that_never_change_are_frozen_at_their_first_vacuum(self) -> None:
        at = datetime(2042, 3, 28, tzinfo=UTC)
        for table in partitions.TABLES:
            partitions.make_ahead(table, at=at, until=soon())
        found = dict(query("SELECT relname, reloptions::text FROM pg_class WHERE relname LIKE '%%_2042_03'"))
        assert found == {
            "sensors_reading_2042_03": "{autovacuum_freeze_min_age=0}",
            "organizations_change_2042_03": "{autovacuum_freeze_min_age=0}",
            "sensors_readinghour_2042_03": None,
        }

    def test_beat_rings_for_it(self) -> None:
        assert "sensors.make_partitions" in app.tasks


class TestStrays:
    def test_after_half_a_year_without_beat_readings_are_stored_and_then_sorted(self) -> None:
        sensor = SensorFactory()
        standing = [datetime(2042, month, 5, tzinfo=UTC) for month in range(1, 7)]
        store(sensor, standing)
        assert where(sensor) == {f"{TABLE}_default": 6}
        assert partitions.drain(TABLE, until=soon()) == 6
        assert where(sensor) == {f"{TABLE}_2042_0{month}": 1 for month in range(1, 7)}
        assert partitions.drain(TABLE, until=soon()) == 0

    def test_at_the_edges_of_a_month_and_of_what_is_accepted(self) -> None:
        sensor = SensorFactory()
        edges = {
            datetime(2000, 1, 1, tzinfo=UTC): "2000_01",
            datetime(2000, 1, 31, 23, 59, 59, 999000, tzinfo=UTC): "2000_01",
            datetime(2000, 2, 1, tzinfo=UTC): "2000_02",
            datetime(2004, 2, 29, 23, 59, 59, 999000, tzinfo=UTC): "2004_02",
            datetime(2004, 3, 1, tzinfo=UTC): "2004_03",
        }
        store(sensor, list(edges))
        assert where(sensor) == {f"{TABLE}_default": 5}
        partitions.drain(TABLE, until=soon())
        found = query(
            "SELECT recorded_at, tableoid::regclass::text FROM sensors_reading WHERE sensor_id = %s", [sensor.pk]
        )
        assert dict(found) == {at: f"{TABLE}_{month}" for at, month in edges.items()}

    def test_many_are_copied_beside_and_take_its_place(self) -> None:
        sensor = SensorFactory()
        store_many(sensor, begin=datetime(2010, 1, 1, tzinfo=UTC), number=20_000, every_s=3600)
        assert where(sensor) == {f"{TABLE}_default": 20_000}
        before = query("SELECT * FROM sensors_reading WHERE sensor_id = %s ORDER BY recorded_at", [sensor.pk])
        assert partitions.drain(TABLE, until=soon()) == 28
        after = query("SELECT * FROM sensors_reading WHERE sensor_id = %s ORDER BY recorded_at", [sensor.pk])
        assert after == before
        found = where(sensor)
        assert found[f"{TABLE}_2010_02"] == 28 * 24
        assert set(found) == {f"{TABLE}_{date(2010 + n // 12, n % 12 + 1, 1):%Y_%m}" for n in range(28)}
        assert names() >= set(found)

    def test_the_new_months_are_as_the_old_ones(self) -> None:
        """Closed to everybody, with the parent's indexes and checks and nothing more."""
        sensor = SensorFactory()
        store_many(sensor, begin=datetime(2010, 1, 1, tzinfo=UTC), number=11_000, every_s=60)
        partitions.drain(TABLE, until=soon())
        shape = (
            "SELECT c.relrowsecurity, c.relacl IS NOT NULL, c.reloptions::text,"
            " (SELECT array_agg(conname || pg_get_constraintdef(oid) ORDER BY conname) FROM pg_constraint"
            "  WHERE conrelid = c.oid AND contype = 'c'),"
            " (SELECT count(*) FROM pg_index i JOIN pg_inherits h ON h.inhrelid = i.indexrelid"
            "  WHERE i.indrelid = c.oid),"
            " (SELECT count(*) FROM pg_index WHERE indrelid = c.oid),"
            " (SELECT count(*) FROM pg_trigger WHERE tgrelid = c.oid) FROM pg_class c WHERE c.relname = %s"
        )
        made = query(shape, [f"{TABLE}_2010_01"])
        (old,) = query(shape, [partitions.months()[-1].name])
        assert made == [old]
        assert query(shape, [f"{TABLE}_default"]) == [old]
        assert query("SELECT relname FROM pg_class WHERE relname ~ '_(draining|drained|strays)'") == []

    def test_a_run_that_was_cut_short_goes_on(self) -> None:
        sensor = SensorFactory()
        store_many(sensor, begin=datetime(2010, 1, 1, tzinfo=UTC), number=60_000, every_s=60)
        runs = 1
        while True:
            try:
                partitions.drain(TABLE, until=time.monotonic())
            except partitions.Unfinished:
                assert sum(where(sensor).values()) == 60_000
                runs += 1
            else:
                break
        assert runs > 2
        assert where(sensor) == {f"{TABLE}_2010_01": 31 * 1440, f"{TABLE}_2010_02": 60_000 - 31 * 1440}

    def test_what_comes_goes_or_changes_while_it_is_copied_is_so_afterwards(self) -> None:
        sensor, other = SensorFactory(), SensorFactory()
        begin = datetime(2010, 1, 1, tzinfo=UTC)
        store_many(sensor, begin=begin, number=30_000, every_s=60)
        query("SELECT freshtrack_drain_begin('sensors_reading', 10)")
        query("SELECT freshtrack_drain_copy('sensors_reading', 20)")
        late = datetime(2011, 5, 1, tzinfo=UTC)
        store(other, [begin, begin + timedelta(days=1), late])
        with as_system():
            mine = Reading.objects.filter(sensor=sensor)
            mine.filter(recorded_at__lt=begin + timedelta(minutes=10)).delete()
            mine.filter(recorded_at__gte=begin + timedelta(minutes=29_990)).delete()
            mine.filter(recorded_at=begin + timedelta(minutes=20)).update(temperature=9.0)
            mine.filter(recorded_at=begin + timedelta(minutes=29_000)).update(temperature=8.0)
        partitions.drain(TABLE, until=soon())
        assert where(sensor) == {f"{TABLE}_2010_01": 30_000 - 20}
        # Nobody knew of that month when the copy began: it waits for the next run.
        assert where(other) == {f"{TABLE}_2010_01": 2, f"{TABLE}_default": 1}
        with as_system():
            odd = Reading.objects.filter(sensor=sensor).exclude(temperature=3.0).order_by("recorded_at")
            assert list(odd.values_list("temperature", flat=True)) == [9.0, 8.0]
        assert partitions.drain(TABLE, until=soon()) == 1
        assert where(other) == {f"{TABLE}_2010_01": 2, f"{TABLE}_2011_05": 1}

    def test_hours_that_are_summed_up_anew_while_they_are_copied_are_the_new_ones(self) -> None:
        sensor = SensorFactory()
        columns = "sensor_id, hour, organization_number, count, total, humidity_count, humidity_total"
        insert = (
            f"INSERT INTO sensors_readinghour ({columns})"
            " SELECT %s, %s::timestamptz + n * interval '1 hour', %s, %s, 0, 0, 0"
            " FROM generate_series(0, %s) AS n ON CONFLICT (sensor_id, hour) DO UPDATE SET count = excluded.count"
        )
        begin, number = datetime(2010, 1, 1, tzinfo=UTC), sensor.organization.number
        query(insert, [sensor.pk, begin, number, 1, 19_999])
        assert query("SELECT freshtrack_drain_begin('sensors_readinghour', 10)") == [(True,)]
        query("SELECT freshtrack_drain_copy('sensors_readinghour', 100)")
        query(insert, [sensor.pk, begin, number, 2, 4999])
        query(insert, [sensor.pk, begin + timedelta(hours=18_000), number, 3, 2999])
        partitions.drain("sensors_readinghour", until=soon())
        partitions.drain("sensors_readinghour", until=soon())
        counted = query("SELECT count, count(*) FROM sensors_readinghour WHERE sensor_id = %s GROUP BY 1", [sensor.pk])
        assert dict(counted) == {1: 13_000, 2: 5000, 3: 3000}
        tables = query("SELECT DISTINCT tableoid::regclass::text FROM sensors_readinghour")
        assert "sensors_readinghour_default" not in {name for (name,) in tables}

    def test_from_the_first_moment_to_ten_minutes_ahead_readings_find_their_month(self) -> None:
        """The rule of times, at the door, in the last minutes of a month."""
        at = datetime(2042, 11, 30, 23, 55, tzinfo=UTC)
        partitions.make_ahead(TABLE, at=at, until=soon())
        sensor = SensorFactory()
        accepted = {
            "2000-01-01T00:00:00Z": "2000_01",
            "2042-11-30T23:59:59.999Z": "2042_11",
            "2042-12-01T00:00:00Z": "2042_12",
            "2042-12-01T00:05:00Z": "2042_12",
        }
        refused = ["1999-12-31T23:59:59.999Z", "2042-12-01T00:05:00.001Z"]
        outcome = post(
            sensor.organization,
            *({"sensor": sensor.serial, "recorded_at": text, "temperature": 3} for text in [*accepted, *refused]),
            at=at,
        )
        assert outcome.accepted == len(accepted)
        assert len(outcome.rejected) == len(refused)
        partitions.drain(TABLE, until=soon())
        assert set(where(sensor)) == {f"{TABLE}_{month}" for month in accepted.values()}


# --- with others at work -------------------------------------------------------------------------------------------


@pytest.fixture
def swept() -> Iterator[None]:
    """Months that a test which commits made are gone after it."""
    before = {name for table in partitions.TABLES for name in names(table)}
    yield
    with superuser(connection.settings_dict["NAME"]) as superman:
        for name in {name for table in partitions.TABLES for name in names(table)} - before:
            superman.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))


class Writer(threading.Thread):
    """Stores one reading after the other, each in its own transaction, as fast as it can; then knows which."""

    def __init__(self, sensor: Sensor, *, begin: datetime, every_s: int) -> None:
        super().__init__()
        self.sensor, self.begin, self.every_s = sensor, begin, every_s
        self.stop = threading.Event()
        self.stored = 0
        self.repeated = 0
        self.longest = 0.0
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                began = time.monotonic()
                self.store(self.stored)
                self.stored += 1
                self.longest = max(self.longest, time.monotonic() - began)
                if self.stored % 10 == 0:
                    self.repeat(self.stored - 5)
        except Exception as error:
            self.failure = error
        finally:
            connection.close()

    def store(self, number: int) -> None:
        store(self.sensor, [self.begin + timedelta(seconds=self.every_s * number)])

    def repeat(self, number: int) -> None:
        """A gateway that sends twice: the key must refuse it, wherever the row stands at this moment."""
        with pytest.raises(IntegrityError):
            self.store(number)
        self.repeated += 1


@pytest.mark.django_db(transaction=True)
class TestMeanwhile:
    def test_who_writes_while_strays_are_sorted_loses_and_doubles_nothing_and_waits_for_a_moment(
        self, swept: None
    ) -> None:
        import_begins = datetime(2010, 1, 1, tzinfo=UTC)
        imported = SensorFactory()
        store_many(imported, begin=import_begins, number=120_000, every_s=600)
        writers = [
            Writer(SensorFactory(), begin=import_begins, every_s=3600),  # into the months that are being made
            Writer(SensorFactory(), begin=datetime(2012, 6, 1, tzinfo=UTC), every_s=86_400),  # and into later ones
            Writer(SensorFactory(), begin=datetime.now(UTC) - timedelta(days=5), every_s=1),  # what comes every day
        ]
        for writer in writers:
            writer.start()
        try:
            partitions.drain(TABLE, until=soon())
            partitions.drain(TABLE, until=soon())
        finally:
            for writer in writers:
                writer.stop.set()
            for writer in writers:
                writer.join()
        assert [writer.failure for writer in writers] == [None] * 3
        for writer in writers:
            assert writer.stored > 10
            assert writer.repeated > 0
            assert sum(where(writer.sensor).values()) == writer.stored
        found = where(imported)
        assert sum(found.values()) == 120_000
        assert f"{TABLE}_default" not in found
        waits = ", ".join(f"{writer.longest * 1000:.0f} ms" for writer in writers)
        print(f"\n{[writer.stored for writer in writers]} stored meanwhile; the longest waits: {waits}")
        assert max(writer.longest for writer in writers) < 2.0

    def test_a_reader_who_takes_long_is_not_waited_for(self, swept: None) -> None:
        """An export, a dump: whoever stores readings would wait behind us for as long."""
        sensor = SensorFactory()
        store(sensor, [datetime(2010, 1, 1, tzinfo=UTC)])
        with superuser(connection.settings_dict["NAME"]) as exporting, exporting.transaction():
            exporting.execute("SELECT count(*) FROM sensors_reading")
            began = time.monotonic()
            with pytest.raises(partitions.Busy):
                partitions.drain(TABLE, until=time.monotonic())
            assert time.monotonic() - began < 2.0
            store(sensor, [datetime(2010, 1, 1, 1, tzinfo=UTC)])
        assert where(sensor) == {f"{TABLE}_default": 2}
        partitions.drain(TABLE, until=soon())
        assert where(sensor) == {f"{TABLE}_2010_01": 2}

    def test_two_runs_at_once_are_as_one(self, swept: None) -> None:
        sensor = SensorFactory()
        store_many(sensor, begin=datetime(2010, 1, 1, tzinfo=UTC), number=60_000, every_s=600)
        failures: list[BaseException] = []

        def run() -> None:
            try:
                partitions.make_partitions()
            except BaseException as error:
                failures.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        found = where(sensor)
        assert sum(found.values()) == 60_000
        assert f"{TABLE}_default" not in found

    def test_strays_of_the_change_log_are_sorted_too(self, swept: None) -> None:
        """As they were: nobody who catches up loses his place."""
        organization: Organization = SensorFactory().organization
        rows = "SELECT * FROM organizations_change WHERE organization_id = %s ORDER BY id"
        with superuser(connection.settings_dict["NAME"]) as superman:
            superman.execute(
                "INSERT INTO organizations_change (organization_id, entity, entity_id, action, changes, at)"
                " SELECT %s, 'site', n, 'create', '{}', '2010-01-15T00:00:00Z'::timestamptz + n * interval '1 minute'"
                " FROM generate_series(1, 30000) AS n",
                [organization.pk],
            )
        before = query(rows, [organization.pk])
        partitions.drain("organizations_change", until=soon())
        assert query(rows, [organization.pk]) == before
        assert {"organizations_change_2010_01", "organizations_change_2010_02"} <= names("organizations_change")
        tables = query("SELECT DISTINCT tableoid::regclass::text FROM organizations_change")
        assert "organizations_change_default" not in {name for (name,) in tables}
        with as_system():
            assert Site.objects.filter(organization=organization).update(name="Still recorded") == 1
        assert len(query(rows, [organization.pk])) == len(before) + 1
