"""What would a rule have done? Run over the past of the units that its scope holds, over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts.models import Alert, AlertRule
from alerts.past import backtest
from organizations.models import Membership, Organization
from sensors.models import Reading, Sensor, Unit
from tests.alerts.cases import DAY as THE_DAY
from tests.alerts.cases import Case, Expected, cases, compare
from tests.alerts.cases.house import House
from tests.factories import (
    AlertFactory,
    AreaFactory,
    MembershipFactory,
    OrganizationFactory,
    SensorFactory,
    SiteFactory,
    UnitFactory,
    as_system,
    token_of,
)
from tests.sensors.test_api import Api

pytestmark = pytest.mark.django_db

# A Monday morning some days ago: previews end in the past.
MONDAY = datetime.fromisoformat("2026-11-09T08:00:00+00:00")
DAY = timedelta(days=1)


@pytest.fixture
def api() -> Api:
    return Api(OrganizationFactory())


@pytest.fixture
def unit(api: Api) -> Unit:
    return UnitFactory(area__site__organization=api.organization, name="Cooler")


@pytest.fixture
def sensor(unit: Unit) -> Sensor:
    return SensorFactory(unit=unit)


def rule(**changes: Any) -> dict[str, Any]:
    terms = {"metric": "temperature", "condition": "above", "threshold": 5, "severity": "warning", "hysteresis": 1}
    return {**terms, "delay_s": 1800, **changes}


def measured(
    sensor: Sensor, values: Sequence[float | None], *, start: datetime = MONDAY, every_s: int = 300, **columns: Any
) -> None:
    """Temperatures at equal distances; None: nothing was measured."""
    with as_system():
        Reading.objects.bulk_create(
            (
                Reading(
                    sensor=sensor,
                    organization=sensor.organization,
                    recorded_at=start + timedelta(seconds=every_s * number),
                    delay_s=0,
                    **({"temperature": value} | {name: column[number] for name, column in columns.items()}),
                )
                for number, value in enumerate(values)
                if value is not None
            ),
            batch_size=5000,
        )


def preview(api: Api, wanted: dict[str, Any], *, start: datetime = MONDAY, days: float = 1, **more: Any) -> Any:
    body = {"rule": wanted, "from": start.isoformat(), "to": (start + days * DAY).isoformat()}
    return api.write("alert-rules/preview/", body, status=200, **more)


def refused(api: Api, wanted: dict[str, Any], **times: str) -> list[tuple[str, str]]:
    body = {"rule": wanted, "from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z", **times}
    problem = api.write("alert-rules/preview/", body, status=400)
    return [(error["field"], error["code"]) for error in problem["errors"]]


def times(incidents: list[dict[str, Any]]) -> list[tuple[str, str, str | None]]:
    """Clock times of when it began, opened and was over."""
    return [
        (one["started_at"][11:16], one["opened_at"][11:16], one["resolved_at"] and one["resolved_at"][11:16])
        for one in incidents
    ]


class TestPreview:
    def test_tells_what_the_rule_would_have_opened_and_what_there_was(
        self, api: Api, unit: Unit, sensor: Sensor
    ) -> None:
        measured(sensor, [3.0] * 6 + [8.0, 8.5] + [8.0] * 6 + [3.5] * 6)
        there = AlertFactory(
            unit=unit,
            rule_name="Much too warm",
            severity="critical",
            started_at=MONDAY + timedelta(minutes=30),
            opened_at=MONDAY + timedelta(minutes=40),
            status="resolved",
            resolved_at=MONDAY + timedelta(minutes=70),
            peak=8.5,
        )
        AlertFactory(unit=unit, kind="humidity", opened_at=MONDAY + DAY / 2, started_at=MONDAY)
        AlertFactory(unit=unit, opened_at=MONDAY + 2 * DAY, started_at=MONDAY)
        assert preview(api, rule()) == {
            "incidents": [
                {
                    "unit": str(unit.pk),
                    "unit_name": "Cooler",
                    "started_at": "2026-11-09T08:30:00Z",
                    "opened_at": "2026-11-09T09:00:00Z",
                    "resolved_at": "2026-11-09T09:10:00Z",
                    "value": 8.0,
                    "peak": 8.5,
                    "sensor": str(sensor.public_id),
                }
            ],
            "happened": [
                {
                    "id": str(there.pk),
                    "unit": str(unit.pk),
                    "opened_at": "2026-11-09T08:40:00Z",
                    "resolved_at": "2026-11-09T09:10:00Z",
                    "peak": 8.5,
                    "severity": "critical",
                    "rule_name": "Much too warm",
                }
            ],
            "units": 1,
            "readings": 20,
            "from": "2026-11-09T08:00:00Z",
            "to": "2026-11-10T08:00:00Z",
            "note": "",
        }

    def test_stores_nothing(self, api: Api, sensor: Sensor) -> None:
        measured(sensor, [8.0] * 12)
        assert preview(api, rule())["incidents"]
        with as_system():
            assert (AlertRule.objects.count(), Alert.objects.count()) == (0, 0)

    def test_without_a_range_it_is_the_last_90_days(self, api: Api, sensor: Sensor) -> None:
        now = timezone.now().replace(microsecond=0)
        measured(sensor, [8.0] * 12, start=now - 80 * DAY)
        measured(sensor, [8.0] * 12, start=now - 93 * DAY)
        measured(sensor, [3.0] * 12, start=now - 92 * DAY)
        found = api.write("alert-rules/preview/", {"rule": rule()}, status=200)
        assert [one["opened_at"] for one in found["incidents"]] == [
            (now - 80 * DAY + timedelta(minutes=30)).isoformat().replace("+00:00", "Z")
        ]

    def test_an_excursion_that_began_before_the_range_counts(self, api: Api, sensor: Sensor) -> None:
        measured(sensor, [3.0, 8.0, 8.0, 8.0, 8.0], start=MONDAY - timedelta(minutes=25))
        measured(sensor, [8.0, 8.0, 8.0, 3.0])
        assert times(preview(api, rule())["incidents"]) == [("07:40", "08:10", "08:15")]

    def test_so_does_one_that_has_lasted_for_days(self, api: Api, sensor: Sensor) -> None:
        measured(sensor, [3.0] + [8.0] * 1000, start=MONDAY - 3 * DAY)
        [incident] = preview(api, rule())["incidents"]
        assert (incident["started_at"], incident["opened_at"]) == ("2026-11-06T08:05:00Z", "2026-11-06T08:35:00Z")
        assert incident["resolved_at"] is None

    def test_one_that_was_over_before_the_range_does_not(self, api: Api, sensor: Sensor) -> None:
        measured(sensor, [8.0] * 12 + [3.0] * 20, start=MONDAY - timedelta(hours=2))
        assert preview(api, rule())["incidents"] == []

    def test_units_of_its_scope_are_looked_at_and_no_others(self, api: Api, unit: Unit) -> None:
        area = AreaFactory(site=unit.site)
        beside = UnitFactory(area=area, kind="walk_in_freezer", name="Freezer")
        elsewhere = UnitFactory(area__site=SiteFactory(organization=api.organization), name="Elsewhere")
        UnitFactory(area=area, deleted_at=MONDAY)
        for one in (unit, beside, elsewhere, UnitFactory()):
            measured(SensorFactory(unit=one), [8.0] * 12)
        names = {
            "organization": {},
            "site": {"site": str(unit.site_id)},
            "area": {"area": str(area.pk)},
            "unit": {"unit": str(unit.pk)},
            "kind": {"unit_kind": "walk_in_freezer"},
        }
        found = {name: preview(api, rule(scope=scope)) for name, scope in names.items()}
        assert {name: [one["unit_name"] for one in answer["incidents"]] for name, answer in found.items()} == {
            "organization": ["Cooler", "Elsewhere", "Freezer"],
            "site": ["Cooler", "Freezer"],
            "area": ["Freezer"],
            "unit": ["Cooler"],
            "kind": ["Freezer"],
        }
        assert [answer["units"] for answer in found.values()] == [3, 2, 1, 1, 1]

    def test_the_worst_of_several_sensors_counts(self, api: Api, unit: Unit, sensor: Sensor) -> None:
        other = SensorFactory(unit=unit)
        measured(sensor, [8.0] * 3 + [3.0] * 9)
        measured(other, [3.0] * 2 + [7.0] * 10)
        [incident] = preview(api, rule())["incidents"]
        assert (incident["opened_at"], incident["value"], incident["peak"]) == ("2026-11-09T08:30:00Z", 7.0, 8.0)
        assert incident["sensor"] == str(other.public_id)

    def test_pauses_count_for_nothing(self, api: Api, sensor: Sensor) -> None:
        measured(sensor, [8.0] * 4 + [None] * 6 + [8.0] * 4)
        assert times(preview(api, rule())["incidents"]) == [("08:00", "09:05", None)]

    def test_opening_hours_are_by_the_clock_of_the_site(self, api: Api, unit: Unit, sensor: Sensor) -> None:
        with as_system():
            unit.site.timezone, unit.site.opening_hours = "Europe/Berlin", {"mon": [["10:00", "22:00"]]}
            unit.site.save()
        measured(sensor, [8.0] * 24)
        assert times(preview(api, rule(schedule="opening_hours"))["incidents"]) == [("09:00", "09:30", None)]

    def test_a_retired_sensor_counts_until_then(self, api: Api, unit: Unit, sensor: Sensor) -> None:
        measured(sensor, [8.0] * 12)
        with as_system():
            Sensor.objects.filter(pk=sensor.pk).update(retired_at=MONDAY + timedelta(minutes=29), status="retired")
        assert preview(api, rule())["incidents"] == []
        assert len(preview(api, rule(delay_s=1500))["incidents"]) == 1

    def test_the_plan_hides_what_is_older(self, api: Api, sensor: Sensor) -> None:
        now = timezone.now().replace(microsecond=0)
        for days in (50, 5):
            measured(sensor, [8.0] * 12 + [3.0] * 3, start=now - days * DAY)
        with as_system():
            Organization.objects.filter(pk=api.organization.pk).update(history_days=10)
        found = preview(api, rule(), start=now - 60 * DAY, days=60)
        assert len(found["incidents"]) == 1
        assert found["from"] > (now - 11 * DAY).isoformat()

    def test_more_than_anybody_reads_is_cut_and_said(self, api: Api, sensor: Sensor) -> None:
        measured(sensor, [8.0, 3.0] * (backtest.MOST_INCIDENTS + 5), every_s=20)
        found = preview(api, rule(delay_s=0))
        assert len(found["incidents"]) == backtest.MOST_INCIDENTS
        assert "more" in found["note"]


class TestWhatRulesLookAt:
    def test_the_product_warms_more_slowly_than_the_air(self, api: Api, unit: Unit, sensor: Sensor) -> None:
        with as_system():
            Unit.objects.filter(pk=unit.pk).update(product_tau_s=2700)
        # 0 °C for long, then 10 °C: the product reaches 5 °C after tau ln 2, 31 minutes.
        measured(sensor, [0.0] * 288 + [10.0] * 24, start=MONDAY - DAY)
        found = preview(api, rule(metric="product_temperature", delay_s=0))["incidents"]
        assert times(found) == [("08:30", "08:30", None)]
        assert 5 < found[0]["value"] < 5.5

    def test_how_fast_it_rises(self, api: Api, sensor: Sensor) -> None:
        measured(sensor, [3.0] * 6 + [4.0, 5.0, 6.0, 7.0] + [7.0] * 6)
        found = preview(api, rule(condition="rate_above", threshold=11, delay_s=0))["incidents"]
        assert times(found) == [("08:40", "08:40", "08:50")]
        assert (found[0]["value"], found[0]["peak"]) == (12.0, 12.0)

    def test_humidity(self, api: Api, sensor: Sensor) -> None:
        measured(sensor, [3.0] * 4, humidity=[60.0, 85.5, 85.0, 60.0])
        found = preview(api, rule(metric="humidity", threshold=80, delay_s=300))["incidents"]
        assert times(found) == [("08:05", "08:10", "08:15")]
        assert found[0]["peak"] == 85.5

    def test_battery_and_signal_are_whole_numbers(self, api: Api, sensor: Sensor) -> None:
        measured(sensor, [3.0] * 3, battery=[30, 14, 20], signal=[-70, -111, -70])
        low = preview(api, rule(metric="battery", condition="below", threshold=15, delay_s=0))["incidents"]
        weak = preview(api, rule(metric="signal", condition="below", threshold=-110, delay_s=0))["incidents"]
        assert [low[0]["value"], weak[0]["value"]] == [14.0, -111.0]

    def test_an_open_door(self, api: Api, sensor: Sensor) -> None:
        measured(sensor, [3.0] * 5, door=[0, 1, 1, 1, 0])
        found = preview(api, rule(condition="door_open_for", threshold=None, delay_s=600))["incidents"]
        assert times(found) == [("08:05", "08:15", "08:20")]

    def test_silence_is_a_pause_longer_than_the_delay(self, api: Api, sensor: Sensor) -> None:
        measured(sensor, [3.0, None, None, None, None, 3.0, None, None, None, 3.0, None, None, None])
        found = preview(api, rule(condition="no_data", threshold=None, delay_s=1200), days=0.05)
        assert times(found["incidents"]) == [("08:00", "08:20", "08:25"), ("08:45", "09:05", None)]
        assert found["incidents"][0]["value"] is None
        assert "sent later" in found["note"]

    def test_a_silence_may_have_begun_long_before_the_range(self, api: Api, sensor: Sensor) -> None:
        measured(sensor, [3.0], start=MONDAY - 20 * DAY)
        measured(sensor, [3.0], start=MONDAY + timedelta(minutes=30))
        found = preview(api, rule(condition="no_data", threshold=None, delay_s=7200), days=0.1)["incidents"]
        assert [(one["opened_at"], one["resolved_at"]) for one in found] == [
            ("2026-10-20T10:00:00Z", "2026-11-09T08:30:00Z")
        ]

    def test_a_retired_sensor_is_silent_only_until_then(self, api: Api, sensor: Sensor) -> None:
        measured(sensor, [3.0])
        with as_system():
            Sensor.objects.filter(pk=sensor.pk).update(retired_at=MONDAY + timedelta(hours=1), status="retired")
        silence = {"condition": "no_data", "threshold": None}
        assert times(preview(api, rule(**silence, delay_s=1200))["incidents"]) == [("08:00", "08:20", "09:00")]
        assert preview(api, rule(**silence, delay_s=7200))["incidents"] == []

    @pytest.mark.parametrize(("metric", "condition"), [("temperature", "fault"), ("gateway", "no_data")])
    def test_what_cannot_be_told_is_said(self, api: Api, sensor: Sensor, metric: str, condition: str) -> None:
        measured(sensor, [3.0])
        found = preview(api, rule(metric=metric, condition=condition, threshold=None))
        assert found["incidents"] == []
        assert found["note"].startswith("A preview can't tell")


class TestWhatIsRefused:
    def test_a_rule_that_could_not_be_stored(self, api: Api) -> None:
        assert refused(api, rule(threshold=None)) == [("rule.threshold", "invalid")]
        assert refused(api, rule(scope={"planet": "Earth"}))[0][0].startswith("rule.scope")
        assert refused(api, rule(scope={"unit": str(UnitFactory().pk)})) == [("rule.scope.unit", "does_not_exist")]
        assert refused(api, rule(severity="terrible")) == [("rule.severity", "invalid_choice")]
        assert api.write("alert-rules/preview/", {}, status=400)["errors"][0]["field"] == "rule"

    def test_a_range_that_is_none_or_too_long(self, api: Api) -> None:
        assert refused(api, rule(), to="2026-11-01T00:00:00Z")[0][0] == "from"
        assert refused(api, rule(), **{"from": "2026-07-20T00:00:00Z"})[0][0] == "from"
        assert refused(api, rule(), to="soon")[0][0] == "to"

    def test_the_ends_of_all_calendars_are_no_mistake_of_ours(self, api: Api) -> None:
        far = {"rule": rule(), "from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"}
        assert api.write("alert-rules/preview/", far, status=400)["errors"][0]["field"] == "from"

    def test_more_units_than_one_request_may_look_at(self, api: Api, unit: Unit) -> None:
        with as_system():
            Unit.objects.bulk_create(
                Unit(organization=api.organization, area=unit.area, site=unit.site, name=f"U{n}", kind="room")
                for n in range(backtest.MOST_UNITS)
            )
        body = {"rule": rule(), "from": MONDAY.isoformat(), "to": (MONDAY + DAY).isoformat()}
        problem = api.write("alert-rules/preview/", body, status=400)
        assert problem["code"] == "too_much"
        assert "one site, area or kind" in problem["detail"]
        assert preview(api, rule(scope={"unit_kind": "walk_in_cooler"}))["units"] == 1

    def test_somebody_who_may_not_change_rules(self, api: Api) -> None:
        body = {"rule": rule()}
        Api(api.organization, role="staff").write("alert-rules/preview/", body, status=403)
        Api(api.organization, role="manager").write("alert-rules/preview/", body, status=200)

    def test_a_member_who_is_restricted_sees_only_their_sites(self, api: Api, unit: Unit, sensor: Sensor) -> None:
        elsewhere = UnitFactory(area__site__organization=api.organization, kind=unit.kind)
        for one in (sensor, SensorFactory(unit=elsewhere)):
            measured(one, [8.0] * 12)
        AlertFactory(unit=elsewhere, started_at=MONDAY, opened_at=MONDAY + DAY / 2)
        member = MembershipFactory(organization=api.organization, role="manager", site_ids=[unit.site_id])
        api.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(member.user)}")
        found = preview(api, rule(scope={"site": str(unit.site_id)}))
        assert (found["units"], len(found["incidents"]), found["happened"]) == (1, 1, [])
        assert refused(api, rule(scope={"site": str(elsewhere.site_id)})) == [("rule.scope.site", "does_not_exist")]
        # As where rules are made: who is restricted says of which site they are.
        assert refused(api, rule(scope={"unit_kind": unit.kind})) == [("rule.scope", "outside_your_sites")]


def test_a_hundred_units_cost_as_many_statements_as_one(api: Api, unit: Unit, sensor: Sensor) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            preview(api, rule())
        return len(captured)

    measured(sensor, [3.0] * 12)
    statements()  # the token's first use is noted
    few = statements()
    for _ in range(20):
        measured(SensorFactory(unit=UnitFactory(area=unit.area)), [8.0] * 12)
    assert statements() == few


# What people did and who was silent by our own clock is no part of a preview.
MEASURED = [
    case
    for case in cases("pure")
    if not case.acts and not {rule.condition for rule in case.rules} & {"no_data", "fault"}
]


@pytest.mark.parametrize("case", MEASURED, ids=str)
def test_a_rule_that_was_in_force_would_have_opened_what_it_opened(case: Case) -> None:
    house = House(case)
    stand = tuple(replace(alert, found=None) for alert in house.run() if alert.contradicted is None)
    member = Membership(organization=house.organization, user=house.owner, role="owner")
    with as_system():
        found = [
            Expected(
                rule=stored.name,
                opened=would.opened_at.timestamp(),
                started=would.started_at.timestamp(),
                resolved=None if would.resolved_at is None else would.resolved_at.timestamp(),
                value=would.value,
                peak=would.peak,
                sensor=would.sensor.serial,
            )
            for stored in AlertRule.objects.for_organization(house.organization)
            for would in backtest.preview(
                rule=stored, membership=member, start=THE_DAY, end=THE_DAY + 2 * DAY, at=THE_DAY + 2 * DAY
            ).incidents
        ]
    assert compare(replace(case, alerts=stand), found) == ""
