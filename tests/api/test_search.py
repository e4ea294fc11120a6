"""`?search=`: by the beginnings of words, in one organization and one member's sites, through an index."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from organizations.models import Organization
from organizations.tenancy import acting_as_system, acting_in
from sensors.models import Sensor
from tests.api.client import Api
from tests.factories import (
    NOON,
    AreaFactory,
    OrganizationFactory,
    SensorFactory,
    SiteFactory,
    UnitFactory,
)

pytestmark = pytest.mark.django_db

FUNCTIONS = ("sensors_site_search", "sensors_unit_search", "sensors_sensor_search")


@pytest.fixture
def api() -> Api:
    return Api(OrganizationFactory())


def found(api: Api, room: str, typed: str, field: str = "name", **query: Any) -> list[str]:
    return [row[field] for row in api.all(f"{room}/", search=typed, **query)]


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("harb", ["Harbor 1", "Old Harbor"]),
        ("HARBOR", ["Harbor 1", "Old Harbor"]),
        ("arbor", []),
        ("old har", ["Old Harbor"]),
        ("har old", ["Old Harbor"]),
        ("creme", ["Crème Brûlée"]),
        ("Crème", ["Crème Brûlée"]),
        ("brulee crem", ["Crème Brûlée"]),
        ("strasse", ["Kaufhaus"]),
        ("Straße 12", ["Kaufhaus"]),
        ("oster", ["Østerport"]),
        ("Øster", ["Østerport"]),
        ("冷", ["冷蔵庫 1"]),
        ("walk in", ["Walk-In", "Walkin store"]),
        ("walk-in", ["Walk-In", "Walkin store"]),
        ("walkin", ["Walkin store"]),
        ("---", []),
        ("' | 'x':* & !", []),
        ("\\", []),
        ("%", []),
        ("harbor:*", ["Harbor 1", "Old Harbor"]),
    ],
)
def test_sites_are_found_by_the_beginnings_of_words(api: Api, typed: str, names: list[str]) -> None:
    rows = [
        ("Harbor 1", ""),
        ("Old Harbor", ""),
        ("Crème Brûlée", ""),
        ("Kaufhaus", "Lange Straße 12"),
        ("Østerport", ""),
        ("冷蔵庫 1", ""),
        ("Walk-In", ""),
        ("Walkin store", ""),
    ]
    for name, address in rows:
        SiteFactory(organization=api.organization, name=name, address=address)
    assert sorted(found(api, "sites", typed)) == sorted(names)


def test_units_are_found_by_name_and_note(api: Api) -> None:
    area = AreaFactory(site__organization=api.organization)
    UnitFactory(area=area, name="Fish", note="left of the door")
    UnitFactory(area=area, name="Door cooler")
    UnitFactory(area=area, name="Freezer")
    assert found(api, "units", "door") == ["Door cooler", "Fish"]
    assert found(api, "units", "door", ordering="-name") == ["Fish", "Door cooler"]


@pytest.mark.parametrize("typed", ["70b3d5", "70B3D57ED005", "70:b3:d5", "70-b3-d5-7e", "ers", "kitchen pro"])
def test_sensors_are_found_by_the_beginning_of_the_serial(api: Api, typed: str) -> None:
    unit = UnitFactory(area__site__organization=api.organization)
    SensorFactory(unit=unit, serial="70B3D57ED0050001", name="Kitchen probe", model="ERS2 Lite")
    SensorFactory(unit=unit, serial="A81758FFFE051D02")
    assert found(api, "sensors", typed, "serial") == ["70B3D57ED0050001"]


def test_a_serial_with_signs_is_found_without_them(api: Api) -> None:
    SensorFactory(unit__area__site__organization=api.organization, serial="TS-00.42")
    assert [len(found(api, "sensors", typed)) for typed in ("ts00", "TS-0", "ts 00", "0042")] == [1, 1, 1, 0]


def test_what_is_renamed_is_found_by_its_new_name(api: Api) -> None:
    sensor = SensorFactory(unit__area__site__organization=api.organization, name="Left")
    assert len(found(api, "sensors", "left")) == 1
    api.write(f"sensors/{sensor.public_id}/", {"name": "Right"}, method="patch", status=200)
    assert (len(found(api, "sensors", "left")), len(found(api, "sensors", "right"))) == (0, 1)


def test_pages_of_a_search_are_pages_of_the_list(api: Api) -> None:
    for number in range(7):
        SiteFactory(organization=api.organization, name=f"Harbor {number}")
    SiteFactory(organization=api.organization, name="Station")
    assert found(api, "sites", "harbor", page_size=2) == [f"Harbor {number}" for number in range(7)]


def test_an_empty_search_is_none_and_a_deleted_site_is_not_found(api: Api) -> None:
    SiteFactory(organization=api.organization, name="Harbor", deleted_at="2026-01-01T00:00:00Z")
    SiteFactory(organization=api.organization, name="Station")
    assert found(api, "sites", "") == ["Station"]
    assert found(api, "sites", "harbor") == []


@pytest.mark.parametrize("typed", ["x" * 201, "nul\0"])
def test_what_cannot_be_searched_is_refused(api: Api, typed: str) -> None:
    assert api.read("sites/", search=typed, status=400)["errors"][0]["field"] == "search"


def world(organization: Organization) -> Sensor:
    sensor = SensorFactory(
        unit__area__site__organization=organization,
        unit__area__site__name="Harbor",
        unit__name="Harbor cooler",
        name="Harbor probe",
    )
    assert isinstance(sensor, Sensor)
    return sensor


def test_other_organizations_are_not_searched(api: Api) -> None:
    world(OrganizationFactory())
    for room in ("sites", "units", "sensors"):
        assert api.read(f"{room}/", search="harbor")["results"] == []


def test_members_of_some_sites_search_only_these(api: Api) -> None:
    here, _there = world(api.organization), world(api.organization)
    manager = Api(api.organization, role="manager", site_ids=[here.site_id])
    assert [row["id"] for row in manager.all("sites/", search="harbor")] == [str(here.site_id)]
    assert [row["id"] for row in manager.all("units/", search="harbor")] == [str(here.unit_id)]
    assert [row["id"] for row in manager.all("sensors/", search="harbor")] == [str(here.public_id)]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_function_itself_knows_organization_and_sites(api: Api, function: str) -> None:
    """The second wall: whatever query calls it, and with row-level security out of the way."""
    here, _there = world(api.organization), world(api.organization)
    world(OrganizationFactory())

    def keys() -> set[Any]:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}('harbor')")
            return {key for (key,) in cursor.fetchall()}

    mine: dict[str, Any] = {"sensors_site_search": here.site_id, "sensors_unit_search": here.unit_id}
    with acting_in(api.organization):
        assert len(keys()) == 2
    with acting_in(api.organization, sites=[here.site_id]):
        assert keys() == {mine.get(function, here.pk)}
    with acting_as_system("tests"):
        assert keys() == set()
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        keys()  # the runtime login outside of a scope


@pytest.mark.parametrize("function", FUNCTIONS)
def test_it_searches_through_its_index(api: Api, function: str) -> None:
    world(api.organization)
    scans = "SELECT pg_stat_get_xact_numscans(%s::regclass)"
    index = function.removesuffix("search") + "words"
    with acting_in(api.organization), connection.cursor() as cursor:
        # A table of two rows is read through at once; this is about whether the index may be used at all.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("DISCARD PLANS")  # those that were made in tests before, for this connection
        cursor.execute(scans, [index])
        before = cursor.fetchone()[0]
        cursor.execute(f"SELECT count(*) FROM {function}('harbor')")
        assert cursor.fetchone()[0] == 1
        cursor.execute(scans, [index])
        assert cursor.fetchone()[0] == before + 1


def test_row_security_alone_would_keep_the_index_from_being_used(api: Api) -> None:
    """Why there are functions: if this ever fails, they can go."""
    words = "freshtrack_words(organization_id, name || ' ' || note)"
    query = f"EXPLAIN SELECT id FROM sensors_unit WHERE {words} @@ freshtrack_wanted($organization, 'harbor')"
    with acting_in(api.organization), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(query.replace("$organization", f"'{api.organization.pk}'"))
        assert "sensors_unit_words" not in str(cursor.fetchall())


def test_the_functions_belong_to_the_role_that_sees_all_and_only_scopes_may_call_them() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname, pg_get_userbyid(proowner), prosecdef, proconfig::text, proacl::text"
            " FROM pg_proc WHERE proname = ANY (%s)",
            [list(FUNCTIONS)],
        )
        rows = cursor.fetchall()
        cursor.execute("SELECT has_schema_privilege('freshtrack_system', 'public', 'CREATE')")
        assert cursor.fetchone() == (False,)
    assert len(rows) == 3
    for name, owner, definer, settings, rights in rows:
        assert (owner, definer) == ("freshtrack_system", True), name
        assert "search_path=pg_catalog, public, pg_temp" in settings, name
        assert "=X/" not in rights.replace("freshtrack_system=X/", "").replace("freshtrack_tenant=X/", ""), rights


@pytest.mark.django_db(transaction=True)
def test_readings_leave_a_sensors_row_where_it_is() -> None:
    """So they cost no new entry in any index, nor are a sensor's words computed anew."""
    sensor = SensorFactory()

    def counted() -> tuple[int, int]:
        """(changed, in place), with what this session did before and hasn't reported yet."""
        cursor.execute(
            "SELECT pg_stat_get_xact_tuples_updated('sensors_sensor'::regclass),"
            " pg_stat_get_xact_tuples_hot_updated('sensors_sensor'::regclass)"
        )
        changed, in_place = cursor.fetchone()
        return changed, in_place

    with acting_as_system("tests"), connection.cursor() as cursor:
        before = counted()
        Sensor.objects.filter(pk=sensor.pk).update(temperature=4.0, last_reading_at=NOON, status="online")
        after = counted()
    assert (after[0] - before[0], after[1] - before[1]) == (1, 1)
