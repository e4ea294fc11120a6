"""Nobody overwrites what they never saw: ETag, If-Match, If-None-Match."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from organizations.models import Organization
from sensors.models import Sensor
from tests.api.client import Api
from tests.factories import (
    AreaFactory,
    MembershipFactory,
    OrganizationFactory,
    RuleFactory,
    SensorFactory,
    SiteFactory,
    UnitFactory,
    as_system,
    fresh,
)


@pytest.fixture
def api() -> Api:
    return Api(OrganizationFactory())


def objects_of(organization: Organization) -> dict[str, dict[str, Any]]:
    """Address -> a change of each kind of object."""
    sensor = SensorFactory(unit__area__site__organization=organization)
    rule = RuleFactory(organization=organization)
    member = MembershipFactory(organization=organization, role="staff")
    return {
        "": {"name": "Other"},
        f"sites/{sensor.site.pk}/": {"name": "Other"},
        f"areas/{sensor.unit.area.pk}/": {"name": "Other"},
        f"units/{sensor.unit.pk}/": {"name": "Other"},
        f"sensors/{sensor.public_id}/": {"name": "Other"},
        f"alert-rules/{rule.pk}/": {"name": "Other"},
        f"members/{member.pk}/": {"role": "viewer"},
    }


@pytest.mark.django_db
class TestVersions:
    def test_each_kind_of_object_has_one_and_a_change_makes_another(self, api: Api) -> None:
        for path, change in objects_of(api.organization).items():
            seen = api.get(api.path(path))
            changed = api.patch(api.path(path), change, format="json", headers={"If-Match": seen["ETag"]})
            assert changed.status_code == 200, (path, changed.content)
            assert changed["ETag"] == api.get(api.path(path))["ETag"] != seen["ETag"], path

            late = api.patch(api.path(path), change, format="json", headers={"If-Match": seen["ETag"]})
            assert (late.status_code, late["Content-Type"]) == (412, "application/problem+json"), path
            assert late.json()["code"] == "precondition_failed"
            assert late.json()["current"] == api.read(path), path
            assert late["ETag"] == changed["ETag"], path

    def test_what_was_changed_meanwhile_is_not_deleted(self, api: Api) -> None:
        site = SiteFactory(organization=api.organization)
        seen = api.get(api.path(f"sites/{site.pk}/"))["ETag"]
        api.write(f"sites/{site.pk}/", {"name": "Other"}, method="patch", status=200)
        assert api.delete(api.path(f"sites/{site.pk}/"), headers={"If-Match": seen}).status_code == 412
        assert fresh(site).deleted_at is None

    def test_a_new_object_comes_with_its_version(self, api: Api) -> None:
        made = api.post(api.path("sites/"), {"name": "Harbor"}, format="json")
        assert made["ETag"] == api.get(api.path(f"sites/{made.json()['id']}/"))["ETag"]

    def test_a_reading_that_came_in_meanwhile_stops_nobody(self, api: Api) -> None:
        sensor = SensorFactory(unit__area__site__organization=api.organization)
        paths = [api.path(f"sensors/{sensor.public_id}/"), api.path(f"units/{sensor.unit.pk}/")]
        before = [api.get(path)["ETag"] for path in paths]
        with as_system():
            Sensor.objects.filter(pk=sensor.pk).update(
                temperature=9.5, last_reading_at=timezone.now() + timedelta(minutes=1), status="fault"
            )
        assert [api.get(path)["ETag"] for path in paths] == before
        for path, seen in zip(paths, before, strict=True):
            changed = api.patch(path, {"name": "Other"}, format="json", headers={"If-Match": seen})
            assert changed.status_code == 200
            assert changed.json()["temperature"] == 9.5

    @pytest.mark.parametrize(
        ("header", "status"),
        [
            ("*", 200),
            ("{}", 200),
            ("W/{}", 200),
            ('"other", {}', 200),
            ('"other"', 412),
            ('"one", "two"', 412),
            ("", 412),
            ("no quotes", 400),
            ('"open', 400),
        ],
    )
    def test_if_match_takes_one_several_or_any(self, api: Api, header: str, status: int) -> None:
        site = SiteFactory(organization=api.organization)
        path = api.path(f"sites/{site.pk}/")
        header = header.format(api.get(path)["ETag"])
        assert api.patch(path, {"name": "Other"}, format="json", headers={"If-Match": header}).status_code == status

    def test_who_has_it_already_gets_it_again_only_if_it_changed(self, api: Api) -> None:
        site = SiteFactory(organization=api.organization)
        path = api.path(f"sites/{site.pk}/")
        seen = api.get(path)["ETag"]
        again = api.get(path, headers={"If-None-Match": seen})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", seen)
        api.write(f"sites/{site.pk}/", {"name": "Other"}, method="patch", status=200)
        assert api.get(path, headers={"If-None-Match": seen}).json()["name"] == "Other"

    def test_what_has_a_temperature_is_answered_whole(self, api: Api) -> None:
        unit = UnitFactory(area__site__organization=api.organization)
        path = api.path(f"units/{unit.pk}/")
        assert api.get(path, headers={"If-None-Match": api.get(path)["ETag"]}).status_code == 200

    def test_somebody_who_may_not_change_it_learns_that_first(self, api: Api) -> None:
        site = SiteFactory(organization=api.organization)
        viewer = Api(api.organization, role="viewer")
        refused = viewer.patch(viewer.path(f"sites/{site.pk}/"), {}, format="json", headers={"If-Match": '"x"'})
        assert refused.status_code == 403

    def test_members_of_some_sites_still_read_why_a_rule_of_all_sites_is_not_theirs(self, api: Api) -> None:
        site = SiteFactory(organization=api.organization)
        rule = RuleFactory(organization=api.organization)
        manager = Api(api.organization, role="manager", site_ids=[site.pk])
        refused = manager.patch(manager.path(f"alert-rules/{rule.pk}/"), {"name": "X"}, format="json")
        assert (refused.status_code, refused.json()["code"]) == (403, "outside_your_sites")


@pytest.mark.django_db(transaction=True)
def test_of_several_who_saw_the_same_one_wins(api: Api) -> None:
    area = AreaFactory(site__organization=api.organization)
    path = api.path(f"areas/{area.pk}/")
    seen = api.get(path)["ETag"]
    statuses: list[int] = []
    start = threading.Barrier(6)

    def change(number: int) -> None:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=api.authorization)
        start.wait()
        answer = client.patch(path, {"name": f"Name {number}"}, format="json", headers={"If-Match": seen})
        statuses.append(answer.status_code)
        connection.close()

    threads = [threading.Thread(target=change, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 412, 412, 412, 412, 412]


@pytest.mark.django_db(transaction=True)
def test_two_changes_of_different_fields_at_once_both_stay(api: Api) -> None:
    """Without If-Match as well: a change writes the row as it is, not as it was read."""
    sensor = SensorFactory(unit__area__site__organization=api.organization)
    path = api.path(f"sensors/{sensor.public_id}/")
    changes = [{"name": "Left"}, {"model": "ERS2"}, {"expected_interval_s": 900}]
    start = threading.Barrier(len(changes))

    def change(body: dict[str, Any]) -> None:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=api.authorization)
        start.wait()
        assert client.patch(path, body, format="json").status_code == 200
        connection.close()

    threads = [threading.Thread(target=change, args=(body,)) for body in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    now = api.read(f"sensors/{sensor.public_id}/")
    assert (now["name"], now["model"], now["expected_interval_s"]) == ("Left", "ERS2", 900)
