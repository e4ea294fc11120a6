"""Adding and changing rows: inside one organization, through the domain, and only what was changed."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerts.models import Alert, AlertRule
from organizations.models import Change, LegalHold, Membership, Organization, Role, User
from sensors.models import Area, Gateway, Sensor, SensorStatus, Site, Unit
from tests.admin.conftest import Customer, page, text_of
from tests.factories import PASSWORD, AreaFactory, SensorFactory, UnitFactory, UserFactory, as_system, fresh

pytestmark = pytest.mark.django_db

RULE = {
    "name": "Fish",
    "metric": "temperature",
    "condition": "above",
    "threshold": "3",
    "schedule": "always",
    "severity": "critical",
    "delay_s": "600",
    "hysteresis": "1",
    "clear_delay_s": "0",
    "enabled": "on",
}


def saved(office: Client, address: str, data: dict[str, Any]) -> None:
    response = office.post(address, data)
    assert response.status_code == 302, text_of(response)


def refused(office: Client, address: str, data: dict[str, Any]) -> str:
    """What the form says instead of saving."""
    response = office.post(address, data)
    assert response.status_code == 200
    return text_of(response)


def only(model: type[Any], **columns: Any) -> Any:
    with as_system():
        return model.objects.get(**columns)


def test_places_take_their_organization_from_above(office: Client, customer: Customer) -> None:
    organization = customer.organization
    site = {
        "organization": organization.pk,
        "name": "Pier",
        "timezone": "Europe/Rome",
        "kind": "grocery",
        "address": "",
    }
    saved(office, page(Site, "add"), site)
    pier = only(Site, name="Pier")
    saved(office, page(Area, "add"), {"site": pier.pk, "name": "Back room"})
    back = only(Area, name="Back room")
    saved(office, page(Unit, "add"), {"area": back.pk, "name": "Icebox", "kind": "chest_freezer", "note": ""})
    icebox = only(Unit, name="Icebox")
    assert (back.organization_id, icebox.organization_id, icebox.site_id) == (organization.pk, organization.pk, pier.pk)
    with as_system():
        made = Change.objects.filter(entity__in=["site", "area", "unit"], action="create", via="admin")
        assert made.count() == 3


def test_a_row_of_another_organization_is_refused(office: Client, customer: Customer) -> None:
    other = Customer()
    gateway = {"organization": customer.organization.pk, "serial": "GW-9", "site": other.site.pk}
    assert "This belongs to another organization." in refused(office, page(Gateway, "add"), gateway)
    rule = {**RULE, "organization": customer.organization.pk, "unit": other.unit.pk}
    assert "This belongs to another organization." in refused(office, page(AlertRule, "add"), rule)
    moved = {"name": "", "model": "", "unit": other.unit.pk, "expected_interval_s": "300"}
    assert "This belongs to another organization." in refused(office, page(Sensor, "change", customer.sensor.pk), moved)
    with as_system():
        assert not Gateway.objects.filter(serial="GW-9").exists()
    assert fresh(customer.sensor).unit_id == customer.unit.pk


def test_a_place_stays_in_its_organization(office: Client, customer: Customer) -> None:
    other = Customer()
    data = {"name": "Same", "timezone": "UTC", "kind": "other", "address": "", "organization": other.organization.pk}
    saved(office, page(Site, "change", customer.site.pk), data)
    assert fresh(customer.site).organization_id == customer.organization.pk


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"timezone": "Mars/Base"}, "Not a known time zone."),
        ({"name": "Line\nbreak"}, "Control characters aren&#x27;t allowed."),
        ({"name": ""}, "This field is required."),
    ],
)
def test_what_the_api_refuses_is_refused_here(
    data: dict[str, str], words: str, office: Client, customer: Customer
) -> None:
    site = {"name": "Pier", "timezone": "UTC", "kind": "other", "address": "", **data}
    before = fresh(customer.site).name
    assert words in refused(office, page(Site, "change", customer.site.pk), site)
    assert fresh(customer.site).name == before


def test_a_sensor_is_registered_and_claimed(office: Client, customer: Customer) -> None:
    data = {"organization": customer.organization.pk, "serial": "N-1", "channel": "2", "name": "", "model": "T"}
    saved(office, page(Sensor, "add"), {**data, "unit": customer.unit.pk, "expected_interval_s": "60"})
    sensor = only(Sensor, serial="N-1")
    assert (sensor.unit_id, sensor.site_id, sensor.status) == (customer.unit.pk, customer.site.pk, SensorStatus.OFFLINE)
    assert sensor.claimed_at is not None
    assert "Sensor with this Organization, Serial and Channel already exists." in refused(
        office, page(Sensor, "add"), {**data, "expected_interval_s": "60"}
    )


def test_a_sensor_that_moves_takes_its_site_along(office: Client, customer: Customer) -> None:
    there = UnitFactory(area=AreaFactory(site__organization=customer.organization))
    data = {"name": "Door side", "model": "", "unit": there.pk, "expected_interval_s": "300"}
    saved(office, page(Sensor, "change", customer.sensor.pk), data)
    moved = fresh(customer.sensor)
    assert (moved.unit_id, moved.site_id, moved.name) == (there.pk, there.site_id, "Door side")
    assert "Choose the unit it moves to, or retire" in refused(
        office, page(Sensor, "change", moved.pk), {**data, "unit": ""}
    )


def test_a_form_writes_only_what_was_changed_in_it(office: Client, customer: Customer) -> None:
    """The page is minutes old when it comes back; the newest values of the row aren't."""
    data = {"name": "Renamed", "model": "", "unit": customer.unit.pk, "expected_interval_s": "300"}
    with CaptureQueriesContext(connection) as queries:
        saved(office, page(Sensor, "change", customer.sensor.pk), data)
    (update,) = [q["sql"] for q in queries if q["sql"].startswith('UPDATE "sensors_sensor"')]
    assert update.split(" WHERE ")[0] == """UPDATE "sensors_sensor" SET "name" = 'Renamed'"""


def test_an_unclaimed_sensor_is_claimed_by_choosing_a_unit(office: Client, customer: Customer) -> None:
    sensor = SensorFactory(organization=customer.organization, unclaimed=True)
    data = {"name": "", "model": "", "unit": customer.unit.pk, "expected_interval_s": "300"}
    saved(office, page(Sensor, "change", sensor.pk), data)
    assert (fresh(sensor).status, fresh(sensor).unit_id) == (SensorStatus.OFFLINE, customer.unit.pk)


def test_a_sensors_page_shows_its_newest_fifty_readings(office: Client, customer: Customer) -> None:
    response = office.get(page(Sensor, "change", customer.sensor.pk))
    rows = response.context["readings"]["rows"]
    assert len(rows) == 50
    assert rows[0][2] == "4.5\N{NO-BREAK SPACE}°C"
    assert "2026-11-20 12:00:00" in rows[0][0]
    assert "Newest readings" in text_of(response)


def test_a_rule_says_what_is_wrong_with_it(office: Client, customer: Customer) -> None:
    rule = {**RULE, "organization": customer.organization.pk}
    assert "This condition needs a threshold." in refused(office, page(AlertRule, "add"), {**rule, "threshold": ""})
    both = {**rule, "site": customer.site.pk, "unit": customer.unit.pk}
    assert "Choose at most one of site, area, unit and kind of unit." in refused(office, page(AlertRule, "add"), both)
    saved(office, page(AlertRule, "add"), {**rule, "unit": customer.unit.pk})
    assert only(AlertRule, name="Fish").unit_id == customer.unit.pk


def test_a_person_is_a_member_once_at_a_time(office: Client, customer: Customer) -> None:
    data = {"organization": customer.organization.pk, "user": customer.person.pk, "role": Role.VIEWER}
    assert "This person is a member already." in refused(office, page(Membership, "add"), data)
    newcomer = UserFactory()
    saved(office, page(Membership, "add"), {**data, "user": newcomer.pk})
    assert only(Membership, user=newcomer).role == Role.VIEWER


def test_people_are_added_with_small_letters_and_one_address_each(office: Client, customer: Customer) -> None:
    data = {"name": "New", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    saved(office, page(User, "add"), {**data, "email": "New.Person@Example.com"})
    person = only(User, name="New")
    assert person.email == "new.person@example.com"
    assert person.check_password(PASSWORD)
    assert not person.is_staff
    assert "Somebody has this address already." in refused(
        office, page(User, "add"), {**data, "email": "NEW.person@example.com"}
    )


def test_staff_set_another_password(office: Client, customer: Customer) -> None:
    data = {"usable_password": "true", "password1": "a brand new secret", "password2": "a brand new secret"}
    saved(office, f"/admin/organizations/user/{customer.person.pk}/password/", data)
    assert fresh(customer.person).check_password("a brand new secret")


def test_an_organizations_address_can_be_corrected_and_its_slug_not(office: Client, customer: Customer) -> None:
    organization = customer.organization
    data = {"name": "Renamed", "email": "money@example.com", "time_zone": "Europe/Paris", "slug": "stolen"}
    data.update({"keep_years": "3", "history_days": ""})
    data.update({"memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "1"})
    saved(office, page(Organization, "change", organization.pk), data)
    changed = fresh(organization)
    assert (changed.name, changed.email, changed.slug) == ("Renamed", "money@example.com", organization.slug)


def test_staff_say_how_far_back_readings_are_shown_and_for_how_long_they_are_kept(
    office: Client, customer: Customer
) -> None:
    address = page(Organization, "change", customer.organization.pk)
    data = {"name": "Fish", "email": "", "time_zone": "UTC", "keep_years": "30", "history_days": "90"}
    data.update({"memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "1"})
    saved(office, address, data)
    changed = fresh(customer.organization)
    assert (changed.keep_years, changed.history_days) == (30, 90)
    assert "Readings are kept for at least 3 years." in refused(office, address, {**data, "keep_years": "2"})
    saved(office, address, {**data, "history_days": ""})
    assert fresh(customer.organization).history_days is None


def test_staff_place_a_hold_and_lift_it(office: Client, customer: Customer, staff: User) -> None:
    data = {"organization": str(customer.organization.pk), "reason": "The authority asks"}
    assert "This field is required." in refused(office, page(LegalHold, "add"), {**data, "reason": ""})
    saved(office, page(LegalHold, "add"), data)
    with as_system():
        hold = LegalHold.objects.select_related("placed_by").get(reason="The authority asks")
    assert (hold.placed_by, hold.lifted_at) == (staff, None)
    saved(office, page(LegalHold, "change", hold.pk), {"reason": "Another one", "placed_at": ""})
    assert fresh(hold).reason == "The authority asks"
    office.post(page(LegalHold), {"action": "lift", "_selected_action": str(hold.pk)})
    lifted = fresh(hold)
    assert lifted.lifted_at is not None
    assert lifted.lifted_by_id == staff.pk


def test_an_organization_is_counted_and_linked(office: Client, customer: Customer) -> None:
    SensorFactory(unit=customer.unit, status=SensorStatus.RETIRED, retired_at=customer.alert.opened_at)
    row = office.get(page(Organization)).context["cl"].result_list[0]
    counts = (row.count_members, row.count_sites, row.count_units, row.count_sensors, row.count_open_alerts)
    assert counts == (1, 1, 1, 1, 1)
    said = text_of(office.get(page(Organization, "change", customer.organization.pk)))
    for model in (Site, Unit, Sensor, Alert, Change):
        assert f"{page(model)}?organization__id__exact={customer.organization.pk}" in said
    other = Customer()
    shown = text_of(office.get(f"{page(Unit)}?organization__id__exact={customer.organization.pk}"))
    assert customer.unit.name in shown
    assert other.unit.name not in shown


def test_hidden_rows_are_shown_when_asked_for(office: Client, customer: Customer) -> None:
    retired = SensorFactory(unit=customer.unit, status=SensorStatus.RETIRED, retired_at=customer.alert.opened_at)
    assert retired.serial not in text_of(office.get(page(Sensor)))
    for query in ("hidden=only", "hidden=too", "status__exact=retired"):
        assert retired.serial in text_of(office.get(f"{page(Sensor)}?{query}")), query


def test_the_change_log_is_found_by_row_and_by_person(office: Client, staff: User, customer: Customer) -> None:
    Customer()
    data = {"name": "Harbour", "timezone": "UTC", "kind": "other", "address": ""}
    saved(office, page(Site, "change", customer.site.pk), data)
    for query in (
        f"entity=site&entity_id={customer.site.pk}&via=admin",
        f"q={staff.email}",
        f"organization__id__exact={customer.organization.pk}&via=admin",
    ):
        response = office.get(f"{page(Change)}?{query}")
        (change,) = response.context["cl"].result_list
        assert change.changes["name"]["after"] == "Harbour"
    assert office.get(page(Change, "change", change.pk)).status_code == 302


def test_choices_are_named_with_their_customer(office: Client, customer: Customer) -> None:
    choices = {"app_label": "sensors", "model_name": "sensor", "field_name": "unit", "term": customer.unit.name}
    (choice,) = office.get("/admin/autocomplete/", choices).json()["results"]
    assert choice["id"] == str(customer.unit.pk)
    assert choice["text"] == f"{customer.unit.name}, {customer.site.name} · {customer.organization.name}"
