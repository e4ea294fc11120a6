"""What sensors tell in a digest: who is silent, and how complete the readings are."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freshtrack.sections import Section
from organizations.models import Organization
from sensors import completeness, digest
from sensors.completeness import Expected
from sensors.models import Sensor, SensorStatus
from tests.factories import NOON, OrganizationFactory, SensorFactory, SiteFactory, UnitFactory, as_system
from tests.sensors.readings import Measured, hour_of, keep, note, roll, store

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
UTC_ZONE = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")


def probe(**fields: Any) -> Sensor:
    """Claimed long ago, heard of a minute before noon."""
    given = {
        "status": SensorStatus.ONLINE,
        "claimed_at": NOON - 90 * DAY,
        "last_reading_at": NOON - MINUTE,
        "temperature": 3.0,
    }
    made: Sensor = SensorFactory(**{**given, **fields})
    return made


def told(organization: Organization, **how: Any) -> Section | None:
    given = {"site_ids": None, "start": NOON - DAY, "end": NOON, "at": NOON, "zone": UTC_ZONE, "unit": "c"}
    with as_system():
        return digest.section(organization=organization, **{**given, **how})


def the_section(organization: Organization, **how: Any) -> Section:
    found = told(organization, **how)
    assert found is not None
    return found


def silent(section: Section) -> list[tuple[str, str, str]]:
    return [(line.what, line.text, line.when) for line in section.parts[0].lines]


class TestSilence:
    def test_who_missed_three_intervals_is_silent_the_longest_first(self) -> None:
        one = probe(serial="A", last_reading_at=NOON - 15 * MINUTE)
        site = one.site
        area = one.unit.area
        fridge = UnitFactory(area=area, name="Fridge")
        probe(serial="B", unit=fridge, last_reading_at=NOON - 16 * MINUTE)
        probe(serial="C", channel="2", unit=UnitFactory(area=area, name="Freezer"), last_reading_at=NOON - 3 * DAY)
        section = the_section(site.organization)
        assert silent(section) == [
            ("Freezer", "no data from probe C/2 for 3 days", "Since Tue 17 Nov, 12:00"),
            ("Fridge", "no data from probe B for 16 min", "Since Fri 20 Nov, 11:44"),
        ]
        assert section.news == ["2 silent sensors"]
        assert section.parts[0].lines[1].path == f"/o/{site.organization.slug}/units/{fridge.pk}"

    def test_who_never_said_anything_or_reports_a_fault_is_among_them(self) -> None:
        one = probe(serial="A", status=SensorStatus.FAULT)
        probe(serial="B", unit=one.unit, last_reading_at=None, temperature=None, status=SensorStatus.OFFLINE)
        texts = [text for _, text, _ in silent(the_section(one.organization))]
        assert texts == ["probe A is faulty", "probe B has never sent anything"]

    def test_times_are_the_sites_and_say_so_where_the_reader_has_another_clock(self) -> None:
        unit = UnitFactory(area__site__timezone="America/New_York")
        probe(unit=unit, last_reading_at=NOON - HOUR)
        found = the_section(unit.organization, zone=BERLIN)
        assert silent(found)[0][2] == "Since Fri 20 Nov, 06:00 (America/New_York)"

    def test_what_was_deleted_or_retired_or_is_nowhere_is_nobodys_concern(self) -> None:
        old = {"last_reading_at": NOON - 3 * DAY}
        one = probe()
        organization = one.organization
        probe(unit=UnitFactory(area=one.unit.area, deleted_at=NOON), **old)
        probe(unit=UnitFactory(area__site__organization=organization, area__site__deleted_at=NOON), **old)
        probe(unit=one.unit, status=SensorStatus.RETIRED, retired_at=NOON - 2 * DAY, **old)
        SensorFactory(organization=organization, unclaimed=True, **old)
        probe(last_reading_at=NOON - 3 * DAY)  # somebody else's
        section = the_section(organization)
        assert (section.parts[0].number, section.news) == (0, [])

    def test_a_member_of_some_sites_hears_of_these_only(self) -> None:
        here = probe(last_reading_at=NOON - DAY)
        there = SiteFactory(organization=here.organization)
        probe(unit=UnitFactory(area__site=there), last_reading_at=NOON - DAY)
        assert the_section(here.organization).parts[0].number == 2
        section = the_section(here.organization, site_ids=[here.site_id])
        assert [line.where for line in section.parts[0].lines] == [here.site.name]
        assert told(here.organization, site_ids=[SiteFactory(organization=here.organization).pk]) is None

    def test_twenty_are_listed_and_the_others_counted(self) -> None:
        one = probe(last_reading_at=NOON - DAY)
        for _ in range(22):
            probe(unit=one.unit, last_reading_at=NOON - DAY)
        part = the_section(one.organization).parts[0]
        assert (len(part.lines), part.more) == (20, 3)

    def test_without_sensors_there_is_nothing_to_tell(self) -> None:
        assert told(OrganizationFactory()) is None


def share_of(section: Section) -> str:
    assert section.figures is not None
    return section.figures.rows[0][1]


class TestCompleteness:
    def test_all_of_a_day_is_all_of_it_summed_up_or_not(self) -> None:
        one = probe()
        store(one, *([3.0] * 288), start=NOON - DAY)
        assert share_of(the_section(one.organization)) == "100 % (288 of 288)"
        roll()
        assert share_of(the_section(one.organization)) == "100 % (288 of 288)"

    def test_a_gap_is_missing_and_no_burst_makes_up_for_it(self) -> None:
        one = probe()
        # Every minute instead of every five, but for half a day only: 13 an hour count, one more than expected.
        store(one, *([3.0] * 720), every=MINUTE, start=NOON - DAY)
        roll()
        section = the_section(one.organization)
        assert share_of(section) == f"54.1 % ({12 * 13} of 288)"
        assert section.caveat == "only 54.1 % of the expected readings came"

    def test_nine_tenths_are_enough_to_say_that_all_was_quiet(self) -> None:
        one = probe()
        store(one, *([3.0] * 260), start=NOON - DAY)
        assert the_section(one.organization).caveat == ""

    def test_it_counts_from_claim_to_retirement(self) -> None:
        one = probe(claimed_at=NOON - 6 * HOUR - 10 * MINUTE)
        probe(
            unit=one.unit,
            status=SensorStatus.RETIRED,
            retired_at=NOON - 12 * HOUR,
            last_reading_at=NOON - 12 * HOUR,
        )
        store(one, *([3.0] * 288), start=NOON - DAY)
        assert share_of(the_section(one.organization)) == "33.9 % (74 of 218)"

    def test_a_contact_that_knows_doors_only_is_not_waited_for_by_the_clock(self) -> None:
        one = probe(temperature=None, humidity=None)
        section = the_section(one.organization)
        assert (section.figures, section.caveat) == (None, "")

    def test_each_site_has_a_line_the_worst_first(self) -> None:
        good = probe(unit__area__site__name="Good")
        bad = probe(unit=UnitFactory(area__site__organization=good.organization, area__site__name="Bad"))
        store(good, *([3.0] * 288), start=NOON - DAY)
        store(bad, *([3.0] * 144), start=NOON - DAY)
        figures = the_section(good.organization).figures
        assert figures is not None
        assert figures.rows == [
            ("All sites", "75.0 % (432 of 576)"),
            ("Bad", "50.0 % (144 of 288)"),
            ("Good", "100 % (288 of 288)"),
        ]

    def test_nearly_all_is_not_all(self) -> None:
        assert [digest.percent(share) for share in (0.99999, 1.0, 0.0)] == ["99.9 %", "100 %", "0.0 %"]

    def test_a_site_whose_summaries_are_made_anew_is_counted_from_its_readings(self) -> None:
        one = probe()
        store(one, *([3.0] * 288), start=NOON - DAY)
        roll()
        with as_system():
            note(one, [datetime.fromtimestamp(-3600, tz=UTC)])  # the whole sensor
        assert share_of(the_section(one.organization)) == "100 % (288 of 288)"


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    zone=st.sampled_from(["UTC", "Asia/Kathmandu", "America/St_Johns", "Europe/Berlin"]),
    start=st.integers(0, 600),
    length=st.integers(1, 900),
    interval_s=st.sampled_from([60, 300, 900, 7200]),
    minutes=st.lists(st.integers(-60, 1600), max_size=150, unique=True),
    rolled=st.sampled_from(["nothing", "everything", "before the last"]),
)
def test_it_is_what_a_recount_of_the_readings_says(
    zone: str, start: int, length: int, interval_s: int, minutes: list[int], rolled: str
) -> None:
    """Hours that are summed up, noted ones and those that the stretch cuts."""
    base = datetime(2026, 10, 24, 12, tzinfo=UTC)  # clocks go back in Berlin
    unit = UnitFactory(area__site__timezone=zone)
    one: Sensor = SensorFactory(unit=unit, expected_interval_s=interval_s)
    moments = [base + minute * MINUTE for minute in sorted(minutes)]
    begin, end = base + start * MINUTE, base + (start + length) * MINUTE
    expected = Expected(one.pk, zone, begin, end, interval_s)
    keep(one, [Measured(moment, 300) for moment in moments[:-1]])
    if rolled == "everything":
        keep(one, [Measured(moment, 300) for moment in moments[-1:]])
    if rolled != "nothing":
        roll()
    if rolled != "everything":
        keep(one, [Measured(moment, 300) for moment in moments[-1:]])
    hours: dict[datetime, int] = defaultdict(int)
    for moment in moments:
        if begin <= moment < end:
            hours[hour_of(moment, zone)] += 1
    most = -(-3600 // interval_s) + 1
    received = sum(min(number, most) for number in hours.values())
    with as_system():
        found = completeness.of([expected], organization=unit.organization)[one.pk]
    assert found.expected == length * 60 / interval_s
    assert found.received == min(received, found.expected)


def test_it_asks_as_often_for_a_hundred_sensors_as_for_one() -> None:
    one = probe(last_reading_at=NOON - DAY)

    def statements() -> int:
        with as_system(), CaptureQueriesContext(connection) as asked:
            digest.section(
                organization=one.organization,
                site_ids=None,
                start=NOON - DAY,
                end=NOON,
                at=NOON,
                zone=UTC_ZONE,
                unit="c",
            )
        return len(asked)

    before = statements()
    for _ in range(5):
        unit = UnitFactory(area__site__organization=one.organization)
        for _ in range(4):
            probe(unit=unit, last_reading_at=NOON - DAY)
    assert statements() == before == 2
