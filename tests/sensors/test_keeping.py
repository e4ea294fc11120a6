"""What is shown, what is kept, and when a month of readings may go."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, OperationalError, connection
from django.test import Client
from django.utils import timezone

from freshtrack.celery import app
from organizations.models import Change, LegalHold, Organization
from organizations.tenancy import acting_in
from sensors import keeping, partitions
from sensors.models import Arrival, Reading, ReadingHour, Sensor
from tests.factories import (
    NOON,
    LegalHoldFactory,
    MembershipFactory,
    OrganizationFactory,
    SensorFactory,
    UserFactory,
    as_system,
)
from tests.organizations.people import base, client_of
from tests.sensors import readings
from tests.sensors.test_partitions import query, soon, store, store_many, swept, where
from tests.stack import superuser

pytestmark = pytest.mark.django_db

__all__ = ["swept"]  # a fixture

MONTH = date(2012, 5, 1)
BEGIN = datetime(2012, 5, 1, tzinfo=UTC)
NAME = "sensors_reading_2012_05"

# --- an archive of the tests ---------------------------------------------------------------------------------------

has_it = True
asked: list[date] = []
meanwhile: Callable[[], object] = list  # what happens while the archive is asked


def archive(month: date) -> bool:
    asked.append(month)
    meanwhile()
    return has_it


@pytest.fixture
def archived(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.READING_ARCHIVES = ("tests.sensors.test_keeping.archive",)
    monkeypatch.setattr("tests.sensors.test_keeping.asked", [])


def say(monkeypatch: pytest.MonkeyPatch, **values: Any) -> None:
    for name, value in values.items():
        monkeypatch.setattr(f"tests.sensors.test_keeping.{name}", value)


def sum_up(sensor: Sensor, hour: datetime, *, count: int) -> None:
    with as_system():
        ReadingHour.objects.create(
            sensor=sensor,
            organization=sensor.organization,
            hour=hour,
            count=count,
            total=300 * count,
            lowest=3.0,
            highest=3.0,
            first=3.0,
            last=3.0,
            humidity_count=0,
            humidity_total=0,
        )


def measured(organization: Organization | None = None, *, month: datetime = BEGIN) -> Sensor:
    """A sensor with three readings in each of two hours of the month, summed up."""
    sensor: Sensor = SensorFactory(**({} if organization is None else {"unit__area__site__organization": organization}))
    for hour in (month, month + timedelta(days=30)):
        store(sensor, [hour + timedelta(minutes=20 * n) for n in range(3)])
        sum_up(sensor, hour, count=3)
    partitions.drain("sensors_reading", until=soon())
    return sensor


def verdict(name: str = NAME, *, at: datetime = NOON) -> keeping.Verdict:
    return next(found for found in keeping.verdicts(at=at) if found.month.name == name)


def retired() -> list[date]:
    return [gone.month for gone in keeping.retire(at=timezone.now())]


class TestShown:
    def test_without_a_limit_everything(self) -> None:
        assert keeping.shown_from(OrganizationFactory(), at=NOON) is None

    def test_with_a_limit_the_last_days(self) -> None:
        assert keeping.shown_from(OrganizationFactory(history_days=30), at=NOON) == NOON - timedelta(days=30)


class TestMonthsGo:
    def test_when_everybody_has_kept_them_long_enough_and_an_archive_has_them(self, archived: None) -> None:
        sensor = measured()
        assert verdict().words == "may go"
        assert retired() == [MONTH]
        assert where(sensor) == {}
        assert NAME not in {month.name for month in partitions.months()}
        assert set(asked) == {MONTH}
        assert retired() == []

    def test_hours_stay(self, archived: None) -> None:
        sensor = measured()
        retired()
        with as_system():
            assert ReadingHour.objects.filter(sensor=sensor).count() == 2

    def test_each_organization_is_told_what_of_its_readings_went(self, archived: None) -> None:
        mine, theirs = measured(), measured()
        with as_system():
            Reading.objects.filter(sensor=mine, recorded_at=BEGIN).update(humidity=55.5, battery=90, signal=-70, door=1)
        lines = [f"{int((BEGIN + timedelta(minutes=20 * n)).timestamp() * 1000)},0,300,,,," for n in range(3)]
        lines[0] = lines[0].removesuffix(",,,,") + ",5550,90,-70,1"
        lines += [f"{int((BEGIN + timedelta(days=30, minutes=20 * n)).timestamp() * 1000)},0,300,,,," for n in range(3)]
        expected = hashlib.sha256(hashlib.sha256("\n".join(lines).encode()).digest()).hexdigest()
        (gone,) = keeping.retire(at=timezone.now())
        assert gone.rows == 12
        with acting_in(mine.organization):
            change = Change.objects.get(entity="readings")
            assert (change.action, change.entity_id, change.via) == ("delete", "2012-05", "retention")
            assert change.changes == {
                "rows": {"before": 6, "after": None},
                "sha256": {"before": expected, "after": None},
            }
            mine_said = f"{mine.organization.number} 6 {expected}\n"
        with acting_in(theirs.organization):
            other = Change.objects.get(entity="readings").changes["sha256"]["before"]
        assert other != expected
        said = sorted([mine_said, f"{theirs.organization.number} 6 {other}\n"], key=lambda line: int(line.split()[0]))
        assert gone.sha256 == hashlib.sha256("".join(said).encode()).hexdigest()

    def test_a_month_of_nobody_goes_too(self, archived: None) -> None:
        query("SELECT freshtrack_make_partitions('sensors_reading', %s, 1)", [MONTH])
        assert retired() == [MONTH]

    def test_what_comes_for_the_month_later_is_stored(self, archived: None) -> None:
        sensor = measured()
        retired()
        store(sensor, [BEGIN])
        partitions.drain("sensors_reading", until=soon())
        assert where(sensor) == {NAME: 1}

    def test_beat_rings_for_it(self, settings: Any) -> None:
        rung = {entry["task"] for entry in settings.TIMETABLE.values()}
        assert "sensors.retire_partitions" in rung & set(app.tasks)


class TestMonthsStay:
    @pytest.fixture(autouse=True)
    def nothing_goes(self) -> Iterator[None]:
        """Neither by the task nor by the function that it calls, which decides for itself."""
        yield
        assert retired() == []
        if NAME in {month.name for month in partitions.months()}:
            query("SELECT freshtrack_retire_begin(%s)", [MONTH])
            query("SELECT freshtrack_retire_count(%s)", [MONTH])
            ((gone, obstacle),) = query("SELECT gone, obstacle FROM freshtrack_retire_drop(%s)", [MONTH])
            assert gone is None
            assert obstacle in keeping.WORDS
            query("SELECT freshtrack_retire_cancel(%s)", [MONTH])

    def test_while_one_organization_must_keep_them(self, archived: None) -> None:
        measured()
        measured(OrganizationFactory(keep_years=50))
        found = verdict()
        assert (found.obstacle, found.organizations) == ("kept", 2)
        assert found.kept_until == datetime(2062, 6, 1, tzinfo=UTC)

    def test_while_one_organization_is_held(self, archived: None) -> None:
        measured()
        held = measured().organization
        with as_system():
            LegalHold.objects.create(organization=held, reason="A lawsuit")
            LegalHold.objects.create(organization=held, reason="An older one", lifted_at=NOON)
        assert (verdict().obstacle, verdict().holds) == ("held", 1)

    def test_while_hours_are_not_summed_up(self, archived: None) -> None:
        sensor = measured()
        hour = int((BEGIN + timedelta(days=3)).timestamp()) // 3600
        with as_system():
            Arrival.objects.create(organization=sensor.organization, sensors=[sensor.pk], hours=[hour])
        assert (verdict().obstacle, verdict().summed) == ("arrivals", False)

    def test_while_an_hour_is_missing(self, archived: None) -> None:
        sensor = measured()
        with as_system():
            ReadingHour.objects.filter(sensor=sensor, hour=BEGIN).delete()
        assert (verdict().obstacle, verdict().summed) == ("unsummed", False)

    def test_while_an_hour_says_less_than_its_readings(self, archived: None) -> None:
        sensor = measured()
        store(sensor, [BEGIN + timedelta(minutes=59)])
        assert verdict().obstacle == "unsummed"

    def test_readings_of_nobody_are_somebodys(self, archived: None) -> None:
        sensor = measured()
        query("UPDATE sensors_reading SET organization_number = -1 WHERE sensor_id = %s", [sensor.pk])
        assert verdict().obstacle == "unknown"


def test_nothing_goes_that_no_archive_has(settings: Any) -> None:
    sensor = measured()
    assert settings.READING_ARCHIVES == ()
    assert (verdict().obstacle, verdict().archived) == ("unarchived", False)
    assert retired() == []
    assert where(sensor) == {NAME: 6}


def test_all_archives_must_agree(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sensor = measured()
    settings.READING_ARCHIVES = ("tests.sensors.test_keeping.archive", "builtins.bool")
    say(monkeypatch, has_it=False)
    assert retired() == []
    say(monkeypatch, has_it=True)
    assert where(sensor) == {NAME: 6}
    assert retired() == [MONTH]


def test_what_is_written_after_the_archive_was_asked_is_not_lost(
    archived: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reading of years ago, which the archive can't have."""
    sensor = measured()
    late = BEGIN + timedelta(days=7)

    def store_once() -> None:
        with as_system():
            Reading.objects.filter(sensor=sensor, recorded_at=BEGIN).update(temperature=4.0)

    say(monkeypatch, meanwhile=store_once)
    assert retired() == []
    say(monkeypatch, meanwhile=list)
    assert where(sensor) == {NAME: 6}
    assert late not in asked
    assert retired() == [MONTH]


@pytest.mark.parametrize("minutes", [30, 45])
def test_hours_across_the_border_of_a_month_are_no_obstacle(minutes: int, archived: None) -> None:
    """Where clocks stand 30 or 45 minutes off, an hour of May begins in April."""
    sensor = SensorFactory()
    first = BEGIN - timedelta(minutes=minutes)
    last = datetime(2012, 6, 1, tzinfo=UTC) - timedelta(minutes=minutes)
    for hour in (first, first + timedelta(hours=1), last):
        store(sensor, [hour, hour + timedelta(minutes=59)])
        sum_up(sensor, hour, count=2)
    partitions.drain("sensors_reading", until=soon())
    with as_system():
        Reading.objects.filter(sensor=sensor, recorded_at=first).delete()  # April was dropped before
        Reading.objects.filter(sensor=sensor, recorded_at=last + timedelta(minutes=59)).delete()
    assert verdict().words == "may go"
    store(sensor, [BEGIN + timedelta(days=1)])
    assert verdict().obstacle == "unsummed"


def test_younger_than_three_years_stays_whatever_an_archive_says(archived: None) -> None:
    young = timezone.now() - timedelta(days=3 * 365 - 60)
    name = f"sensors_reading_{young:%Y_%m}"
    query("SELECT freshtrack_make_partitions('sensors_reading', %s, 1)", [young.date()])
    assert verdict(name, at=timezone.now()).obstacle == "kept"
    assert query("SELECT freshtrack_month_obstacle(%s, '{}')", [young.date()]) == [("kept",)]


def test_no_organization_keeps_less_than_three_years() -> None:
    with pytest.raises(IntegrityError, match="organization_keeps_three_years"):
        OrganizationFactory(keep_years=2)


def test_the_table_for_staff(archived: None) -> None:
    measured()
    with as_system():
        store_many(SensorFactory(), begin=datetime(2011, 1, 1, tzinfo=UTC), number=3, every_s=60)
    said = io.StringIO()
    call_command("retention", stdout=said)
    lines = said.getvalue().splitlines()
    assert " ".join(lines[0].split()) == (
        "month readings MiB kept until organizations holds summed up archived verdict"
    )
    (line,) = [line for line in lines if line.startswith("2012-05")]
    assert line.split()[3:] == ["2015-06-01", "1", "0", "yes", "yes", "may", "go"]
    assert [line for line in lines if line.startswith("sensors_reading: 3 rows without a month")]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"])
def test_what_was_summed_up_by_the_sites_clock_may_go(zone: str, archived: None) -> None:
    """As readings are really stored and rolled up, over the borders of the month and where clocks change."""
    month = datetime(2012, 10, 1, tzinfo=UTC)  # on the 7th Lord Howe moves by half an hour
    sensor = SensorFactory(unit__area__site__timezone=zone)
    for day in (-1, 0, 6, 30, 31):
        start = month + timedelta(days=day)
        readings.store(sensor, *(3 + n / 100 for n in range(96)), every=timedelta(minutes=15), start=start)
    readings.keep(sensor, [readings.Measured(month + timedelta(days=10), humidity=5000)])
    for table in ("sensors_reading", "sensors_readinghour"):
        partitions.drain(table, until=soon())
    name = "sensors_reading_2012_10"
    assert verdict(name).obstacle == "arrivals"
    readings.roll()
    assert verdict(name).words == "may go"
    readings.keep(sensor, [readings.Measured(month + timedelta(days=3), 300)])
    assert verdict(name).obstacle == "arrivals"
    readings.roll()
    assert verdict("sensors_reading_2012_09").words == "may go"
    assert retired() == [date(2012, 9, 1), date(2012, 10, 1), date(2012, 11, 1)]


class TestThePlan:
    def test_hides_and_a_larger_one_shows_again(self) -> None:
        member = MembershipFactory(organization__history_days=30)
        sensor = SensorFactory(unit__area__site__organization=member.organization)
        now = timezone.now().replace(microsecond=0)
        for days in (400, 40, 5):
            readings.store(sensor, 3.0, start=now - timedelta(days=days))
        client = client_of(member.user)
        address = f"{base(member)}units/{sensor.unit_id}/readings/"
        query = {"from": (now - timedelta(days=500)).isoformat(), "to": now.isoformat()}

        def shown() -> tuple[int, int, int]:
            raw = client.get(address, {**query, "resolution": "raw"}).json()["results"]
            days = client.get(address, {**query, "resolution": "day"}).json()["results"]
            table = b"".join(client.get(address, {**query, "format": "csv", "resolution": "raw"})).decode()
            return len(raw), sum(day["count"] for day in days), len(table.splitlines()) - 1

        assert shown() == (1, 1, 1)
        for history_days, count in ((365, 2), (None, 3), (10, 1)):
            with as_system():
                Organization.objects.filter(pk=member.organization.pk).update(history_days=history_days)
            assert shown() == (count, count, count)
        assert sum(where(sensor).values()) == 3


class TestPageForStaff:
    @pytest.fixture
    def office(self) -> Client:
        client = Client()
        client.force_login(UserFactory(is_staff=True, is_superuser=True))
        return client

    def test_tells_what_becomes_of_each_month(self, office: Client) -> None:
        held = measured().organization
        page = office.get("/admin/months/").content.decode()
        assert "goes when archived" in page
        assert "No archive is set up" in page
        LegalHoldFactory(organization=held)
        page = office.get("/admin/months/").content.decode()
        assert "legal hold" in page
        assert page.count("<rect") == len(partitions.months())

    def test_tells_of_strays_and_so_does_the_overview(self, office: Client) -> None:
        assert "rows that wait" not in office.get("/admin/months/").content.decode()
        store(SensorFactory(), [BEGIN, BEGIN + timedelta(hours=1)])
        assert "sensors_reading has rows that wait" in office.get("/admin/months/").content.decode()
        assert "2 rows wait" in office.get("/admin/").content.decode()

    def test_is_for_staff_who_may_see_organizations(self) -> None:
        client = Client()
        client.force_login(UserFactory(is_staff=True))
        assert client.get("/admin/months/").status_code == 403
        assert Client().get("/admin/months/").status_code == 302


@pytest.mark.django_db(transaction=True)
def test_a_hold_that_is_placed_while_it_is_decided_is_waited_for(swept: None) -> None:
    """Whoever was told that a hold stands finds the readings."""
    sensor = measured()
    partitions.drain("sensors_readinghour", until=soon())
    query("SELECT freshtrack_retire_begin(%s)", [MONTH])
    assert query("SELECT freshtrack_retire_count(%s)", [MONTH]) == [(None,)]
    drop = "SELECT gone, obstacle FROM freshtrack_retire_drop(%s)"
    with superuser(connection.settings_dict["NAME"]) as placing, placing.transaction():
        placing.execute(
            "INSERT INTO organizations_legalhold (id, organization_id, reason, placed_at)"
            " VALUES (gen_random_uuid(), %s, 'A recall', now())",
            [sensor.organization.pk],
        )
        with pytest.raises(OperationalError, match="lock timeout"):
            query(drop, [MONTH])
    assert query(drop, [MONTH]) == [(None, "held")]
    assert where(sensor) == {NAME: 6}
