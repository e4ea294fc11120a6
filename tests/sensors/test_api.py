"""Places, sensors and readings over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from organizations.models import Organization
from sensors.models import Sensor, SensorStatus, Unit
from sensors.tasks import make_partitions, sweep_silent
from tests.factories import (
    NOON,
    AreaFactory,
    MembershipFactory,
    OrganizationFactory,
    SensorFactory,
    SiteFactory,
    UnitFactory,
    as_system,
    fresh,
    token_of,
)

pytestmark = pytest.mark.django_db


class Api(APIClient):
    """The API of one organization, as its owner or another member, perhaps restricted to some sites."""

    def __init__(self, organization: Organization, role: str = "owner", site_ids: list[UUID] | None = None) -> None:
        super().__init__()
        self.organization = organization
        self.member = MembershipFactory(organization=organization, role=role, site_ids=site_ids)
        self.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(self.member.user)}")

    def path(self, rest: str) -> str:
        return f"/api/v1/orgs/{self.organization.slug}/{rest}"

    def read(self, rest: str, status: int = 200, **query: Any) -> Any:
        response = self.get(self.path(rest), query)
        assert response.status_code == status, response.content
        return response.json()

    def write(self, rest: str, body: Any = None, status: int = 201, method: str = "post") -> Any:
        response = getattr(self, method)(self.path(rest), body or {}, format="json")
        assert response.status_code == status, response.content
        return response.json() if response.content else None


@pytest.fixture
def api() -> Api:
    return Api(OrganizationFactory())


class TestPlaces:
    def test_a_site_an_area_a_unit_and_a_sensor_from_nothing(self, api: Api) -> None:
        site = api.write("sites/", {"name": "Harbor", "timezone": "Europe/Berlin", "kind": "restaurant"})
        area = api.write("areas/", {"site": site["id"], "name": "Kitchen"})
        unit = api.write("units/", {"area": area["id"], "name": "Cooler", "kind": "walk_in_cooler"})
        sensor = api.write("sensors/", {"serial": "A1", "unit": unit["id"]})
        assert (unit["site"], unit["status"], unit["default_rules"]) == (site["id"], "no_data", True)
        assert (sensor["unit"], sensor["site"], sensor["channel"]) == (unit["id"], site["id"], "0")
        assert sensor["status"] == "offline"
        assert api.read(f"units/{unit['id']}/")["name"] == "Cooler"
        assert api.read(f"sites/{site['id']}/")["timezone"] == "Europe/Berlin"

    def test_only_name_and_parent_are_required(self, api: Api) -> None:
        site = api.write("sites/", {"name": "S"})
        assert (site["timezone"], site["kind"]) == ("UTC", "other")
        problem = api.write("areas/", {}, status=400)
        assert problem["code"] == "invalid"
        assert {(e["field"], e["code"]) for e in problem["errors"]} == {("site", "required"), ("name", "required")}

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"name": "S", "timezone": "Europe/Nowhere"}, "timezone"),
            ({"name": "S", "kind": "castle"}, "kind"),
            ({"name": "x" * 10_000}, "name"),
            ({"name": "two\nlines"}, "name"),
            ({"name": "nul\u0000"}, "name"),
        ],
    )
    def test_a_wrong_field_is_named(self, api: Api, body: dict[str, str], field: str) -> None:
        assert api.write("sites/", body, status=400)["errors"][0]["field"] == field

    def test_a_parent_of_another_organization_is_as_unknown_as_none(self, api: Api) -> None:
        theirs = SiteFactory()
        problem = api.write("areas/", {"site": str(theirs.pk), "name": "Kitchen"}, status=400)
        assert (problem["errors"][0]["field"], problem["errors"][0]["code"]) == ("site", "does_not_exist")

    def test_lists_are_filtered_by_parent_and_come_in_pages(self, api: Api) -> None:
        site = SiteFactory(organization=api.organization)
        area = AreaFactory(site=site)
        units = [UnitFactory(area=area, name=f"U{n}") for n in range(5)]
        UnitFactory(area__site__organization=api.organization)
        page = api.read("units/", site=str(site.pk), page_size=2)
        names = [unit["name"] for unit in page["results"]]
        assert page["previous"] is None
        while page["next"]:
            page = api.get(page["next"]).json()
            names += [unit["name"] for unit in page["results"]]
        assert names == [unit.name for unit in units]
        assert api.read("areas/", site=str(site.pk))["results"][0]["id"] == str(area.pk)

    def test_a_hundred_units_cost_as_many_statements_as_one(self, api: Api) -> None:
        area = AreaFactory(site__organization=api.organization)
        SensorFactory(unit=UnitFactory(area=area))
        api.read("units/")  # writes when the token was used last, once a minute
        with CaptureQueriesContext(connection) as one:
            api.read("units/")
        for _ in range(30):
            SensorFactory(unit=UnitFactory(area=area))
        with CaptureQueriesContext(connection) as many:
            assert len(api.read("units/")["results"]) == 31
        assert len(many) == len(one)

    def test_deleting_hides_and_restoring_brings_back(self, api: Api) -> None:
        unit = UnitFactory(area__site__organization=api.organization)
        api.write(f"units/{unit.pk}/", status=204, method="delete")
        assert api.read("units/")["results"] == []
        assert api.read(f"units/{unit.pk}/")["deleted_at"]
        api.write(f"units/{unit.pk}/restore/", status=200)
        assert len(api.read("units/")["results"]) == 1

    def test_what_is_in_use_is_not_deleted(self, api: Api) -> None:
        sensor = SensorFactory(unit__area__site__organization=api.organization)
        for path in (f"sites/{sensor.site_id}/", f"areas/{sensor.unit.area_id}/", f"units/{sensor.unit_id}/"):
            assert api.write(path, status=409, method="delete")["code"] == "still_in_use"

    def test_a_unit_that_moves_takes_its_sensors_to_the_other_site(self, api: Api) -> None:
        sensor = SensorFactory(unit__area__site__organization=api.organization)
        elsewhere = AreaFactory(site__organization=api.organization)
        unit = api.write(f"units/{sensor.unit_id}/", {"area": str(elsewhere.pk)}, status=200, method="patch")
        assert unit["site"] == str(elsewhere.site_id)
        assert fresh(sensor).site_id == elsewhere.site_id


class TestSensors:
    def test_an_unclaimed_sensor_is_claimed_in_one_call(self, api: Api) -> None:
        sensor = SensorFactory(organization=api.organization, unclaimed=True)
        unit = UnitFactory(area__site__organization=api.organization)
        (listed,) = api.read("sensors/", unclaimed="true")["results"]
        assert (listed["id"], listed["status"]) == (str(sensor.public_id), "unclaimed")
        claimed = api.write(f"sensors/{listed['id']}/claim/", {"unit": str(unit.pk)}, status=200)
        assert (claimed["unit"], claimed["status"]) == (str(unit.pk), "offline")
        assert api.read("sensors/", unclaimed="true")["results"] == []
        assert len(api.read("sensors/", serial=sensor.serial)["results"]) == 1

    def test_registering_one_that_reported_before_takes_it_over(self, api: Api) -> None:
        sensor = SensorFactory(organization=api.organization, unclaimed=True, serial="A1")
        unit = UnitFactory(area__site__organization=api.organization)
        made = api.write("sensors/", {"serial": "A1", "unit": str(unit.pk), "name": "Door side"})
        assert (made["id"], made["name"]) == (str(sensor.public_id), "Door side")

    def test_the_same_probe_twice_is_a_conflict(self, api: Api) -> None:
        SensorFactory(unit__area__site__organization=api.organization, serial="A1")
        assert api.write("sensors/", {"serial": "A1"}, status=409)["code"] == "already_known"

    def test_a_300_character_serial_is_refused(self, api: Api) -> None:
        assert api.write("sensors/", {"serial": "x" * 300}, status=400)["errors"][0]["field"] == "serial"

    def test_a_unit_of_another_organization_cannot_be_claimed_for(self, api: Api) -> None:
        sensor = SensorFactory(organization=api.organization, unclaimed=True)
        theirs = UnitFactory()
        api.write(f"sensors/{sensor.public_id}/claim/", {"unit": str(theirs.pk)}, status=400)

    def test_retiring_keeps_the_readings_and_can_be_undone(self, api: Api) -> None:
        sensor = SensorFactory(unit__area__site__organization=api.organization)
        api.write(f"sensors/{sensor.public_id}/", status=204, method="delete")
        assert fresh(sensor).status == SensorStatus.RETIRED
        assert api.read("sensors/")["results"] == []
        assert len(api.read("sensors/?status=retired")["results"]) == 1
        assert api.write(f"sensors/{sensor.public_id}/restore/", status=200)["status"] == "offline"

    def test_silent_sensors_go_offline_after_three_intervals(self) -> None:
        silent = SensorFactory(status="online", last_reading_at=NOON)
        with as_system():
            now_ish = Sensor.objects.get(pk=silent.pk).created_at
        talking = SensorFactory(status="online", last_reading_at=now_ish)
        slow = SensorFactory(status="online", last_reading_at=now_ish - timedelta(hours=2), expected_interval_s=3600)
        assert sweep_silent() == 1
        assert [fresh(s).status for s in (silent, talking, slow)] == ["offline", "online", "online"]


def test_partitions_are_made_ahead_and_making_them_again_does_nothing() -> None:
    assert make_partitions() == 0


def test_the_unit_shows_its_newest_values() -> None:
    api = Api(OrganizationFactory())
    sensor = SensorFactory(
        unit__area__site__organization=api.organization,
        status="online",
        last_reading_at=NOON,
        temperature=4.25,
        humidity=80,
    )
    unit = api.read(f"units/{sensor.unit_id}/")
    shown = {name: unit[name] for name in ("temperature", "humidity", "recorded_at", "status")}
    assert shown == {"temperature": 4.25, "humidity": 80, "recorded_at": "2026-11-20T12:00:00Z", "status": "ok"}
    with as_system():
        Unit.objects.update(severity="critical")
    assert api.read(f"units/{sensor.unit_id}/")["status"] == "critical"
