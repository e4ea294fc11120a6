"""What alerts tell in a digest: what was too warm for how long, what is open, what is out of range now."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts import digest
from alerts.evaluation import State
from alerts.models import Condition
from freshtrack.sections import Part, Section
from organizations.models import Organization
from sensors.models import SensorStatus
from tests.alerts.people import HOUR, MINUTE, Cooler, cooler, seconds
from tests.factories import (
    NOON,
    AlertFactory,
    OverrideFactory,
    RuleFactory,
    SensorFactory,
    SiteFactory,
    UnitFactory,
    UserFactory,
    as_system,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
EVENING = NOON + 6 * HOUR


def told(organization: Organization, **how: Any) -> Section:
    """Of the day until six in the evening."""
    given = {
        "site_ids": None,
        "start": EVENING - DAY,
        "end": EVENING,
        "at": EVENING,
        "zone": ZoneInfo("UTC"),
        "unit": "c",
    }
    with as_system():
        return digest.section(organization=organization, **{**given, **how})


def part(section: Section, title: str) -> Part:
    return next(part for part in section.parts if part.title == title)


def excursions(section: Section) -> list[tuple[str, str, str]]:
    return [(line.what, line.text, line.when) for line in part(section, "Excursions").lines]


def of_the_open(section: Section) -> list[str]:
    return [line.text for line in part(section, "Open alerts").lines]


def out_of_range(section: Section) -> list[tuple[str, str, str]]:
    return [(line.what, line.text, line.when) for line in part(section, "Out of range now").lines]


class TestExcursions:
    def test_it_says_what_where_how_long_how_bad_and_whether_it_lasts(self) -> None:
        unit = UnitFactory(name="Walk-in cooler")
        over = AlertFactory(unit=unit, resolved=True)
        AlertFactory(unit=UnitFactory(area=unit.area, name="Freezer"), critical=True, threshold=-15.0, peak=-9.5)
        section = told(unit.organization)
        assert excursions(section) == [
            ("Freezer", "above -15.0 °C for 6 h, at worst -9.5 °C, still open", "Since Fri 20 Nov, 12:00"),
            ("Walk-in cooler", "above 5.0 °C for 60 min, at worst 9.0 °C", "Fri 20 Nov, 12:00 to 13:00"),
        ]
        second = part(section, "Excursions").lines[1]
        assert (second.where, second.severity) == (unit.site.name, "warning")
        assert second.path == f"/o/{unit.organization.slug}/alerts/{over.pk}"
        assert section.news == ["1 open alert", "2 excursions"]

    def test_in_the_scale_and_by_the_clocks_that_people_have(self) -> None:
        unit = UnitFactory(area__site__timezone="America/New_York")
        AlertFactory(unit=unit, resolved=True)
        section = told(unit.organization, unit="f", zone=ZoneInfo("Europe/Berlin"))
        ((_, text, when),) = excursions(section)
        assert text == "above 41.0 °F for 60 min, at worst 48.2 °F"
        assert when == "Fri 20 Nov, 07:00 to 08:00 (America/New_York)"

    @pytest.mark.parametrize(
        ("times", "number"),
        [
            ({"started_at": NOON - 2 * DAY, "resolved_at": EVENING - DAY - MINUTE}, 0),
            ({"started_at": NOON - 2 * DAY, "resolved_at": EVENING - DAY + MINUTE}, 1),
            ({"started_at": EVENING + MINUTE, "resolved_at": EVENING + HOUR}, 0),
            ({"started_at": NOON - 9 * DAY, "resolved_at": NOON - 8 * DAY, "found_at": NOON}, 1),
            ({"started_at": NOON, "resolved_at": NOON + HOUR, "contradicted_at": NOON + HOUR}, 0),
        ],
        ids=["over before", "ended in it", "began later", "found late", "never was"],
    )
    def test_what_lasted_in_the_stretch_belongs_to_it(self, times: dict[str, Any], number: int) -> None:
        alert = AlertFactory(**{"status": "resolved", "opened_at": times["started_at"], **times})
        assert part(told(alert.organization), "Excursions").number == number

    def test_the_worst_that_lasts_comes_first_twenty_are_listed_and_the_others_counted(self) -> None:
        unit = UnitFactory()
        for number in range(22):
            AlertFactory(unit=unit, cause_key=f"over {number}", resolved=True)
        AlertFactory(unit=unit, cause_key="lasts")
        AlertFactory(unit=unit, cause_key="worst", critical=True)
        found = part(told(unit.organization), "Excursions")
        assert (found.number, len(found.lines), found.more) == (24, 20, 4)
        assert [line.severity for line in found.lines[:3]] == ["critical", "warning", "warning"]
        assert "still open" in found.lines[1].text
        assert "still open" not in found.lines[2].text

    def test_products_humidity_and_rises_are_called_what_they_are(self) -> None:
        unit = UnitFactory()
        for kind, condition in (("product_temperature", "above"), ("humidity", "below"), ("temperature", "rate_above")):
            AlertFactory(unit=unit, kind=kind, condition=condition, resolved=True, cause_key=kind)
        texts = sorted(text.partition(" for")[0] for _, text, _ in excursions(told(unit.organization)))
        assert texts == [
            "humidity below 5.0 % RH",
            "product, by estimate, above 5.0 °C",
            "rising faster than 5.0 °C per hour",
        ]

    def test_a_silence_that_is_over_is_no_excursion_but_told(self) -> None:
        alert = AlertFactory(kind="no_data", condition=Condition.NO_DATA, resolved=True, peak=None)
        section = told(alert.organization)
        assert excursions(section) == []
        assert [line.text for line in part(section, "Other alerts that are over").lines] == ["no data, for 60 min"]
        assert section.news == ["1 other alert"]


class TestOpenAlerts:
    def test_each_says_how_old_it_is_and_whose(self) -> None:
        unit = UnitFactory()
        AlertFactory(unit=unit, cause_key="nobody's", started_at=NOON - 3 * DAY)
        AlertFactory(
            unit=unit,
            cause_key="Carl's",
            status="acknowledged",
            acknowledged_at=NOON + HOUR,
            acknowledged_by=UserFactory(name="Carl Cook"),
            assigned_to=UserFactory(name="Olga Owner"),
            snoozed_until=EVENING + HOUR,
        )
        assert of_the_open(told(unit.organization)) == [
            "above 5.0 °C, open for 3 days 6 h, nobody has acknowledged it",
            "above 5.0 °C, open for 6 h, acknowledged by Carl Cook, assigned to Olga Owner, snoozed",
        ]

    def test_those_of_units_that_were_deleted_are_nobodys_concern(self) -> None:
        alert = AlertFactory(unit__deleted_at=NOON)
        AlertFactory(unit=UnitFactory(area__site__organization=alert.organization, area__site__deleted_at=NOON))
        assert part(told(alert.organization), "Open alerts").number == 0

    def test_a_member_of_some_sites_hears_of_these_only(self) -> None:
        here = AlertFactory()
        there = AlertFactory(unit=UnitFactory(area__site__organization=here.organization))
        assert part(told(here.organization), "Open alerts").number == 2
        for alert in (here, there):
            section = told(here.organization, site_ids=[alert.site_id])
            assert [line.where for line in part(section, "Open alerts").lines] == [alert.site.name]
        assert told(here.organization, site_ids=[SiteFactory(organization=here.organization).pk]).news == []

    def test_another_organization_hears_nothing(self) -> None:
        AlertFactory()
        section = told(UnitFactory().organization)
        assert (section.news, [part.number for part in section.parts]) == ([], [0, 0, 0, 0])


class TestOutOfRange:
    @pytest.fixture
    def place(self) -> Cooler:
        """Its probe has just said 8.4 °C."""
        made = cooler(severity="warning")
        with as_system():
            type(made.sensor).objects.filter(pk=made.sensor.pk).update(
                status=SensorStatus.ONLINE, last_reading_at=EVENING - MINUTE, temperature=8.4
            )
        return made

    def breached(self, **fields: Any) -> State:
        return State(
            **{"at": seconds(EVENING - MINUTE), "breached": True, "since": seconds(NOON), "peak": 9.0, **fields}
        )

    def test_a_unit_is_so_by_its_newest_readings_be_the_delay_complete_or_not(self, place: Cooler) -> None:
        place.remembers(self.breached())
        section = told(place.unit.organization)
        assert out_of_range(section) == [
            ("Walk-in cooler", "8.4 °C, above 5.0 °C", "Since Fri 20 Nov, 12:00"),
        ]
        assert section.news == ["1 unit out of range now"]

    def test_the_worst_limit_speaks_for_the_unit_and_its_exception_counts(self, place: Cooler) -> None:
        place.remembers(self.breached())
        critical = RuleFactory(organization=place.unit.organization, severity="critical", threshold=7.0)
        place.remembers(self.breached(), rule=critical)
        OverrideFactory(unit=place.unit, rule=critical, threshold=6.0)
        found = part(told(place.unit.organization), "Out of range now")
        assert [(line.text, line.severity) for line in found.lines] == [("8.4 °C, above 6.0 °C", "critical")]
        assert found.number == 1

    def test_what_is_back_in_range_isnt_though_its_alert_is_still_clearing(self, place: Cooler) -> None:
        place.remembers(self.breached(breached=False, cleared=True, open=True))
        assert out_of_range(told(place.unit.organization)) == []

    @pytest.mark.parametrize("what", ["disabled", "deleted", "left behind", "unit deleted"])
    def test_rules_that_no_longer_watch_the_unit_say_nothing(self, place: Cooler, what: str) -> None:
        state = place.remembers(self.breached(at=seconds(EVENING - 3 * HOUR if what == "left behind" else EVENING)))
        with as_system():
            if what == "disabled":
                type(state.rule).objects.filter(pk=state.rule_id).update(enabled=False)
            elif what == "deleted":
                type(state.rule).objects.filter(pk=state.rule_id).update(deleted_at=NOON)
            elif what == "unit deleted":
                type(place.unit).objects.filter(pk=place.unit.pk).update(deleted_at=NOON)
        assert out_of_range(told(place.unit.organization)) == []

    def test_a_member_of_some_sites_hears_of_these_only(self, place: Cooler) -> None:
        place.remembers(self.breached())
        elsewhere = SiteFactory(organization=place.unit.organization)
        assert len(out_of_range(told(place.unit.organization, site_ids=[place.site.pk]))) == 1
        assert out_of_range(told(place.unit.organization, site_ids=[elsewhere.pk])) == []


def test_it_asks_as_often_for_a_hundred_alerts_as_for_two() -> None:
    unit = UnitFactory()

    def statements() -> int:
        with as_system(), CaptureQueriesContext(connection) as asked:
            digest.section(
                organization=unit.organization,
                site_ids=None,
                start=EVENING - DAY,
                end=EVENING,
                at=EVENING,
                zone=ZoneInfo("UTC"),
                unit="c",
            )
        return len(asked)

    def a_few(first: int) -> None:
        for number in range(first, first + 21):
            another = UnitFactory(area=unit.area)
            sensor = SensorFactory(unit=another)
            AlertFactory(unit=another, sensor=sensor, cause_key=f"open {number}")
            AlertFactory(unit=another, sensor=sensor, cause_key=f"over {number}", resolved=True)
            AlertFactory(unit=another, kind="no_data", condition="no_data", cause_key=f"silent {number}", resolved=True)

    a_few(0)
    before = statements()
    a_few(100)
    assert statements() == before <= 10
