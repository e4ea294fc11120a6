"""What is noted, what is summed up when, and what makes summaries anew."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.db import connection

from freshtrack import rounds
from organizations.tenancy import acting_as_system
from sensors import provisioning, series, summaries
from sensors.models import Arrival, Reading, Sensor
from sensors.tasks import roll_up
from tests.factories import (
    NOON,
    AreaFactory,
    OrganizationFactory,
    SensorFactory,
    SiteFactory,
    UnitFactory,
    as_system,
    fresh,
)
from tests.sensors.readings import Measured, keep, recount, roll, rolled, store
from tests.sensors.test_api import Api

HOUR = timedelta(hours=1)
NOON_HOUR = int(NOON.timestamp()) // 3600


def noted() -> set[tuple[int, int]]:
    """Every pair of sensor and hour that waits."""
    with as_system():
        return {pair for arrival in Arrival.objects.all() for pair in zip(arrival.sensors, arrival.hours, strict=True)}


def arrivals() -> int:
    with as_system():
        return Arrival.objects.count()


def counts(sensor: Sensor, resolution: str = "hour") -> dict[datetime, int]:
    return {at: sums["count"] for at, sums in rolled(sensor, resolution).items()}


def note(*triples: tuple[int, int, int]) -> None:
    numbers, sensors, hours = zip(*triples, strict=True)
    with as_system():
        rounds.ask(summaries.note_arrivals(numbers=numbers, sensors=sensors, hours=hours))


@pytest.mark.django_db
class TestNoting:
    def test_many_readings_of_several_organizations_are_one_statement(self) -> None:
        numbers = [OrganizationFactory().number for _ in range(3)]
        steps = summaries.note_arrivals(numbers=numbers * 100, sensors=[7, 8, 9] * 100, hours=[5, 6, 5, 6, 5, 5] * 50)
        assert len(steps) == 1
        with as_system():
            rounds.ask(steps)
            rows = {a.organization_id: list(zip(a.sensors, a.hours, strict=True)) for a in Arrival.objects.all()}
        assert rows == {numbers[0]: [(7, 5), (7, 6)], numbers[1]: [(8, 5), (8, 6)], numbers[2]: [(9, 5)]}

    def test_nothing_is_noted_of_nothing(self) -> None:
        assert summaries.note_arrivals(numbers=[], sensors=[], hours=[]) == []


@pytest.mark.django_db
class TestRolling:
    def test_an_hour_is_summed_up_once_it_has_been_over_for_five_minutes(self) -> None:
        sensor = SensorFactory()
        store(sensor, 1, 2, every=HOUR)
        assert roll(NOON + HOUR + timedelta(seconds=299)) == 0
        assert counts(sensor) == {}
        assert roll(NOON + HOUR + timedelta(seconds=300)) == 1
        assert counts(sensor) == {NOON: 1}
        assert noted() == {(sensor.pk, NOON_HOUR + 1)}

    def test_notes_of_an_open_hour_are_merged_into_one_row(self) -> None:
        organization = OrganizationFactory()
        sensors = [SensorFactory(organization=organization) for _ in range(3)]
        for sensor in sensors:
            for minute in range(4):
                store(sensor, 3, start=NOON + timedelta(minutes=minute))
        assert arrivals() == 12
        assert roll(NOON + timedelta(minutes=30)) == 0
        assert arrivals() == 1
        assert noted() == {(sensor.pk, NOON_HOUR) for sensor in sensors}

    def test_a_row_of_which_nothing_is_due_stays_as_it_is(self) -> None:
        store(SensorFactory(), 3)
        with as_system():
            before = Arrival.objects.get().pk
        roll(NOON)
        with as_system():
            assert Arrival.objects.get().pk == before

    def test_rolling_again_does_nothing(self) -> None:
        sensor = SensorFactory()
        store(sensor, 1, 2, 3)
        assert roll() == 1
        assert (roll(), arrivals(), counts(sensor)) == (0, 0, {NOON: 3})

    def test_a_late_reading_makes_its_hour_and_day_anew(self) -> None:
        sensor = SensorFactory()
        store(sensor, 5, start=NOON)
        roll()
        store(sensor, 9, start=NOON + timedelta(minutes=10))
        store(sensor, 1, start=NOON - 2 * HOUR)
        roll()
        assert counts(sensor) == {NOON: 2, NOON - 2 * HOUR: 1}
        (day,) = rolled(sensor, "day").values()
        assert (day["count"], day["total"], day["first"], day["last"]) == (3, 1500, 100, 900)

    def test_an_hour_whose_readings_are_gone_loses_its_summary(self) -> None:
        sensor = SensorFactory()
        store(sensor, 5)
        roll()
        with as_system():
            Reading.objects.filter(sensor=sensor).delete()
        note((sensor.organization.number, sensor.pk, NOON_HOUR))
        roll()
        assert (rolled(sensor, "hour"), rolled(sensor, "day")) == ({}, {})

    def test_hours_without_temperature_and_humidity_have_no_summary(self) -> None:
        sensor = SensorFactory()
        keep(sensor, [Measured(NOON)])
        roll()
        assert (rolled(sensor, "hour"), rolled(sensor, "day"), arrivals()) == ({}, {}, 0)

    def test_notes_of_a_sensor_that_is_gone_are_dropped(self) -> None:
        note((OrganizationFactory().number, 999_999, NOON_HOUR), (OrganizationFactory().number, 999_998, -1))
        roll()
        assert arrivals() == 0

    def test_an_import_of_years_is_summed_up_in_steps(self) -> None:
        sensor = SensorFactory(unit__area__site__timezone="Europe/Berlin")
        start = datetime(2024, 1, 1, tzinfo=UTC)
        measured = [Measured(start + index * timedelta(hours=2), index % 700) for index in range(2 * 365 * 12)]
        keep(sensor, measured)
        assert roll() == len(measured)
        for resolution in ("hour", "day"):
            assert rolled(sensor, resolution) == recount(measured, zone="Europe/Berlin", resolution=resolution)

    def test_with_no_time_nothing_is_lost(self) -> None:
        sensor = SensorFactory()
        store(sensor, 1)
        assert summaries.roll_up(at=NOON + 9 * HOUR, seconds=0) == 0
        assert noted() == {(sensor.pk, NOON_HOUR)}

    def test_the_task_sums_up_what_is_over_now(self) -> None:
        sensor = SensorFactory()
        store(sensor, 1, 2, start=datetime(2026, 1, 1, tzinfo=UTC))
        assert roll_up() == 1
        assert len(counts(sensor)) == 1


@pytest.mark.django_db
class TestAnotherClock:
    START = datetime(2026, 6, 1, tzinfo=UTC)

    def measured(self) -> list[Measured]:
        return [Measured(self.START + index * timedelta(minutes=20), index % 50) for index in range(3 * 72)]

    def agree(self, sensor: Sensor, measured: list[Measured], zone: str) -> None:
        for resolution in ("hour", "day"):
            expected = {at: sums["count"] for at, sums in recount(measured, zone=zone, resolution=resolution).items()}
            with as_system():
                found = series.buckets(
                    sensors=[sensor],
                    start=self.START - timedelta(days=2),
                    end=self.START + timedelta(days=6),
                    resolution=resolution,
                    zone=zone,
                    max_points=2000,
                )
            assert {bucket.at: bucket.count for bucket in found.rows} == expected

    def test_a_site_that_gets_another_zone_has_its_summaries_made_anew(self) -> None:
        api = Api(OrganizationFactory())
        sensor = SensorFactory(unit__area__site__organization=api.organization)
        keep(sensor, self.measured())
        roll()
        path = f"sites/{sensor.site_id}/"
        api.write(path, {"timezone": "Asia/Kathmandu"}, status=200, method="patch")
        self.agree(sensor, self.measured(), "Asia/Kathmandu")
        assert noted() == {(sensor.pk, summaries.EVERYTHING)}
        roll()
        assert noted() == set()
        self.agree(sensor, self.measured(), "Asia/Kathmandu")
        assert rolled(sensor, "hour") == recount(self.measured(), zone="Asia/Kathmandu", resolution="hour")
        assert rolled(sensor, "day") == recount(self.measured(), zone="Asia/Kathmandu", resolution="day")

    def test_another_name_of_a_site_makes_nothing_anew(self) -> None:
        api = Api(OrganizationFactory())
        sensor = SensorFactory(unit__area__site__organization=api.organization)
        api.write(f"sites/{sensor.site_id}/", {"name": "Pier"}, status=200, method="patch")
        assert noted() == set()

    def test_a_claimed_sensor_comes_under_its_sites_clock(self) -> None:
        unit = UnitFactory(area__site__timezone="Europe/Berlin")
        sensor = SensorFactory(
            organization=unit.organization, unit=None, site=None, status="unclaimed", claimed_at=None
        )
        keep(sensor, self.measured())
        roll()
        with as_system():
            provisioning.claim(sensor=sensor, unit=unit, at=NOON)
        self.agree(sensor, self.measured(), "Europe/Berlin")
        roll()
        assert rolled(sensor, "day") == recount(self.measured(), zone="Europe/Berlin", resolution="day")

    def test_a_unit_that_moves_takes_its_sensors_under_the_other_clock(self) -> None:
        api = Api(OrganizationFactory())
        sensor = SensorFactory(unit__area__site__organization=api.organization)
        keep(sensor, self.measured())
        roll()
        area = AreaFactory(site=SiteFactory(organization=api.organization, timezone="America/New_York"))
        api.write(f"units/{sensor.unit_id}/", {"area": str(area.pk)}, status=200, method="patch")
        assert fresh(sensor).site_id == area.site_id
        self.agree(sensor, self.measured(), "America/New_York")
        roll()
        assert rolled(sensor, "day") == recount(self.measured(), zone="America/New_York", resolution="day")

    def test_what_is_older_than_the_raw_readings_stays(self) -> None:
        sensor = SensorFactory()
        keep(sensor, self.measured())
        roll()
        before = rolled(sensor, "day")
        with as_system():
            Reading.objects.filter(sensor=sensor, recorded_at__lt=self.START + timedelta(days=2)).delete()
            summaries.note_everything(organization=sensor.organization, sensors=[sensor.pk])
        roll()
        assert rolled(sensor, "day") == before


@pytest.mark.django_db
def test_an_older_installation_notes_its_sensors_when_it_is_upgraded() -> None:
    sensor = SensorFactory()
    measured = [Measured(NOON - index * timedelta(days=3), 400) for index in range(9)]
    keep(sensor, measured)
    with as_system():
        Arrival.objects.all().delete()  # as if stored by a release that noted nothing
    migration = import_module("sensors.migrations.0008_note_history")
    with connection.cursor() as cursor:
        cursor.execute(migration.NOTE)
    (pair,) = noted()
    this_hour = int(datetime.now(UTC).timestamp()) // 3600
    assert pair in {(sensor.pk, -this_hour - 1), (sensor.pk, -this_hour)}
    with as_system():
        found = series.buckets(
            sensors=[sensor],
            start=NOON - timedelta(days=30),
            end=NOON + HOUR,
            resolution="day",
            zone="UTC",
            max_points=100,
        )
    assert len(found.rows) == 9
    # Processes of the old release may go on storing until the next hour is over.
    assert roll(datetime.fromtimestamp((this_hour + 1) * 3600, UTC)) == 0
    assert roll() == 9
    assert rolled(sensor, "day") == recount(measured, zone="UTC", resolution="day")


@pytest.mark.django_db(transaction=True)
class TestSideBySide:
    def test_two_at_once_do_no_harm(self) -> None:
        sensors = [SensorFactory() for _ in range(6)]
        start = datetime(2026, 1, 1, tzinfo=UTC)
        measured = [Measured(start + index * timedelta(minutes=30), index % 90) for index in range(400)]
        errors: list[BaseException] = []

        def work() -> None:
            try:
                for _ in range(6):
                    roll()
            except BaseException as error:  # told below
                errors.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for part in range(4):
            for sensor in sensors:
                keep(sensor, measured[part::4])
        for thread in threads:
            thread.join()
        roll()
        assert errors == []
        assert arrivals() == 0
        for sensor in sensors:
            assert rolled(sensor, "hour") == recount(measured, zone="UTC", resolution="hour")
            assert rolled(sensor, "day") == recount(measured, zone="UTC", resolution="day")

    def test_a_queue_that_somebody_works_on_is_left_to_them(self) -> None:
        sensor = SensorFactory()
        store(sensor, 1)
        held, done = threading.Event(), threading.Event()

        def hold() -> None:
            with acting_as_system("tests"), connection.cursor() as cursor:
                queue = sensor.organization.number % summaries.QUEUES
                cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [summaries.LOCK, queue])
                held.set()
                done.wait(20)
            connection.close()

        thread = threading.Thread(target=hold)
        thread.start()
        try:
            assert held.wait(20)
            assert roll() == 0
        finally:
            done.set()
            thread.join()
        assert roll() == 1

    def test_what_breaks_off_in_the_middle_leaves_everything_noted(self) -> None:
        sensor = SensorFactory()
        store(sensor, 1, 2)

        def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if "INSERT INTO sensors_readingday" in sql:
                return execute("SELECT 1 / 0", None, many, context)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(refuse):
            assert roll() == 0
        assert (noted(), rolled(sensor, "hour")) == ({(sensor.pk, NOON_HOUR)}, {})
        assert roll() == 1
        assert counts(sensor) == {NOON: 2}
