"""The second wall: what PostgreSQL shows to whom, whatever a query asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models, transaction
from django.db.utils import DatabaseError, ProgrammingError

from alerts.models import Alert
from notifications.models import ContactMethod
from organizations.models import AccessToken, ApiKey, Change, Invitation, Membership, Organization, User
from organizations.owned import OwnedModel
from organizations.tenancy import Origin, acting_as_system, acting_in
from sensors.models import Reading, Sensor, Site, Unit
from tests.factories import (
    NOON,
    AlertFactory,
    ContactMethodFactory,
    InvitationFactory,
    MembershipFactory,
    NotificationFactory,
    OrganizationFactory,
    QuarantinedReadingFactory,
    SensorFactory,
    SiteFactory,
    as_system,
    key_of,
    token_of,
)

pytestmark = pytest.mark.django_db

OWN_APPS = {
    "organizations",
    "sensors",
    "alerts",
    "notifications",
    "maintenance",
    "compliance",
    "billing",
    "ingest",
    "live",
}
# Models that hold no customer's rows, and why. Everything else must be owned.
NOT_OWNED = {
    "organizations.User": "one person may belong to several organizations; its own policy shows members only",
    "organizations.Organization": "belongs to itself; the policy compares its id",
    "organizations.AccessToken": "belongs to a person; no organization sees it",
    "organizations.ExternalIdentity": "belongs to a person; no organization sees it",
    "alerts.Listening": "the last round of our own sweep",
    "alerts.AuditRound": "rounds of our own auditor; staff see them",
    "organizations.Beat": "signs of life of our own processes",
    "organizations.FailedJob": "errors of our own processes; staff see them",
    "organizations.User_groups": "what our staff may do in the admin",
    "organizations.User_user_permissions": "what our staff may do in the admin",
    "notifications.ContactMethod": "belongs to a person; its own policy shows members' only",
    "notifications.Rest": "belongs to a person; its own policy shows members' only",
    "notifications.OutboxEntry": "its notification's, of which it is the waiting half: no OwnedModel",
    "notifications.Attempt": "its notification's: no OwnedModel",
    "notifications.ProviderEvent": "what providers told us of messages; staff see it, no organization does",
    "organizations.Change": "owned, but written by triggers: no OwnedModel",
    "sensors.Reading": "owned by the short number: no OwnedModel",
    "sensors.ReadingHour": "owned by the short number: no OwnedModel",
    "sensors.ReadingDay": "owned by the short number: no OwnedModel",
    "sensors.Arrival": "owned by the short number: no OwnedModel",
}
NO_ROWS_OF_CUSTOMERS = {
    "alerts.AuditRound",
    "alerts.Listening",
    "organizations.Beat",
    "organizations.FailedJob",
    "organizations.User_groups",
    "organizations.User_user_permissions",
}


def own_models() -> Iterator[type[models.Model]]:
    for model in apps.get_models(include_auto_created=True):
        if model._meta.app_label in OWN_APPS:
            yield model


def fill(organization: Organization) -> None:
    """A row in every table of the organization."""
    member = MembershipFactory(organization=organization)
    ContactMethodFactory(user=member.user)
    token_of(member.user)
    key_of(organization)
    InvitationFactory(organization=organization)
    NotificationFactory(organization=organization)
    sensor = SensorFactory(unit__area__site__organization=organization)
    AlertFactory(unit=sensor.unit)
    QuarantinedReadingFactory(organization=organization)
    with as_system():
        Reading.objects.create(sensor=sensor, recorded_at=NOON, organization=organization, delay_s=0, temperature=3.0)


@pytest.fixture
def two() -> tuple[Organization, Organization]:
    one, other = OrganizationFactory(), OrganizationFactory()
    fill(one)
    fill(other)
    return one, other


SEEN = [Organization, Membership, Invitation, ApiKey, Change, Site, Unit, Sensor, Reading, Alert, ContactMethod, User]


def test_the_tests_run_as_the_runtime_login_which_no_wall_lets_through() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == ("freshtrack_app", False, False)


@pytest.mark.parametrize("model", [m for m in SEEN if m is not User], ids=lambda m: m.__name__)
def test_a_query_without_filter_and_scope_finds_nothing(two: Any, model: Any) -> None:
    assert not model.objects.exists()


@pytest.mark.parametrize("model", SEEN, ids=lambda m: m.__name__)
def test_inside_an_organization_a_query_without_filter_finds_only_its_rows(two: Any, model: Any) -> None:
    one, other = two
    with acting_in(one):
        mine = set(model.objects.values_list("pk", flat=False))
    with acting_in(other):
        theirs = set(model.objects.values_list("pk", flat=False))
    with as_system():
        everybodys = set(model.objects.values_list("pk", flat=False))
    assert mine
    assert theirs
    assert not mine & theirs
    assert mine | theirs == everybodys


def test_tokens_are_no_business_of_an_organization(two: Any) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), acting_in(two[0]):
        AccessToken.objects.exists()


def test_a_row_of_another_organization_can_be_neither_changed_nor_made(two: Any) -> None:
    one, other = two
    with as_system():
        their_site = Site.objects.get(organization=other)
    with acting_in(one):
        assert Site.objects.filter(pk=their_site.pk).update(name="mine now") == 0
        assert Site.objects.filter(pk=their_site.pk).delete()[0] == 0
    with pytest.raises(ProgrammingError, match="row-level security"), acting_in(one):
        Site.objects.create(organization=other, name="planted")
    with pytest.raises(ProgrammingError, match="row-level security"), acting_in(one):
        Site.objects.update(organization=other)


def test_the_scope_ends_with_its_transaction(two: Any) -> None:
    with acting_in(two[0]):
        assert Site.objects.count() == 1
    assert Site.objects.count() == 0
    with pytest.raises(ZeroDivisionError), acting_in(two[0]):
        _ = 1 / 0
    assert Site.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_scopes_are_not_nested(two: Any) -> None:
    with pytest.raises(RuntimeError, match="durable"), acting_in(two[0]), acting_as_system("tests"):
        pass


def test_a_reason_must_be_on_the_list() -> None:
    with pytest.raises(KeyError), acting_as_system("because I can"):
        pass


def test_every_model_of_ours_is_owned_or_says_why_not() -> None:
    not_owned = {m._meta.label for m in own_models() if not issubclass(m, OwnedModel)}
    assert not_owned == set(NOT_OWNED)


def _security() -> dict[str, tuple[bool, bool]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relkind IN ('r', 'p')"
            " AND relnamespace = 'public'::regnamespace"
        )
        return {name: (enabled, forced) for name, enabled, forced in cursor.fetchall()}


def test_every_table_of_ours_is_under_forced_row_security() -> None:
    security = _security()
    for model in own_models():
        if model._meta.label not in NO_ROWS_OF_CUSTOMERS:
            assert security[model._meta.db_table] == (True, True), model._meta.label


def test_no_partition_can_be_reached_past_its_parent() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, c.relrowsecurity,"
            " has_table_privilege('freshtrack_app', c.oid, 'SELECT') OR"
            " has_table_privilege('freshtrack_tenant', c.oid, 'SELECT') OR"
            " has_table_privilege('freshtrack_system', c.oid, 'SELECT')"
            " FROM pg_class c WHERE c.relispartition AND c.relkind = 'r'"
        )
        partitions = cursor.fetchall()
    assert len(partitions) > 10
    assert [name for name, enabled, reachable in partitions if not enabled or reachable] == []


def test_new_partitions_are_closed_too() -> None:
    with as_system(), connection.cursor() as cursor:
        cursor.execute("SELECT freshtrack_make_partitions('sensors_reading', '2031-01-01', 1)")
        assert cursor.fetchone() == (1,)
    test_no_partition_can_be_reached_past_its_parent()


def test_readings_that_the_default_partition_caught_move_to_their_month() -> None:
    sensor = SensorFactory()
    moment = NOON.replace(year=2031)
    with as_system(), connection.cursor() as cursor:
        Reading.objects.create(
            sensor=sensor, recorded_at=moment, organization=sensor.organization, delay_s=0, temperature=3.0
        )
        cursor.execute("SELECT freshtrack_make_partitions('sensors_reading', %s, 1)", [moment.date()])
        cursor.execute("SELECT tableoid::regclass::text FROM sensors_reading WHERE sensor_id = %s", [sensor.pk])
        assert cursor.fetchall() == [("sensors_reading_2031_11",)]


class TestChangeLog:
    def test_a_change_says_what_who_through_what_and_from_where(self) -> None:
        member = MembershipFactory()
        site = SiteFactory(organization=member.organization, name="Old name")
        with acting_in(member.organization, by=member.user, origin=Origin(via="api", address="192.0.2.1")):
            site.name = "New name"
            site.save()
            change = Change.objects.filter(entity="site").latest("id")
        assert (change.action, change.entity_id, change.site_id) == ("update", str(site.pk), site.pk)
        assert change.changes == {"name": {"before": "Old name", "after": "New name"}}
        assert (change.actor_id, change.via, change.address) == (member.user_id, "api", "192.0.2.1")

    def test_bulk_and_raw_changes_are_recorded_as_well(self) -> None:
        site = SiteFactory()
        with acting_in(site.organization):
            Site.objects.update(name="bulk")
            with connection.cursor() as cursor:
                cursor.execute("UPDATE sensors_site SET name = 'raw'")
            names = [c.changes["name"]["after"] for c in Change.objects.filter(action="update").order_by("id")]
        assert names == ["bulk", "raw"]

    def test_an_update_that_changes_nothing_leaves_no_trace(self) -> None:
        site = SiteFactory()
        with acting_in(site.organization):
            before = Change.objects.count()
            site.save()
            assert Change.objects.count() == before

    def test_newest_values_and_secrets_never_appear(self) -> None:
        sensor = SensorFactory()
        key_of(sensor.organization)
        with acting_in(sensor.organization):
            before = Change.objects.count()
            Sensor.objects.update(temperature=3.0, last_reading_at=NOON, status="online")
            assert Change.objects.count() == before
            made = Change.objects.get(entity="api_key")
            assert "hash" not in made.changes
            assert "name" in made.changes

    def test_a_sensor_is_named_by_its_public_id(self) -> None:
        sensor = SensorFactory()
        with acting_in(sensor.organization):
            assert Change.objects.get(entity="sensor").entity_id == str(sensor.public_id)

    @pytest.mark.parametrize("statement", ["UPDATE {} SET via = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
    @pytest.mark.parametrize("scope", ["tenant", "system"])
    def test_nobody_in_the_application_can_alter_it(self, scope: str, statement: str) -> None:
        organization = OrganizationFactory()
        opened = acting_in(organization) if scope == "tenant" else acting_as_system("tests")
        with pytest.raises(ProgrammingError, match="permission denied"), opened, connection.cursor() as cursor:
            cursor.execute(statement.format("organizations_change"))

    def test_nor_can_anybody_insert_into_it(self) -> None:
        organization = OrganizationFactory()
        with pytest.raises(DatabaseError), acting_in(organization), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO organizations_change (organization_id, entity, entity_id, action, changes)"
                " VALUES (%s, 'site', 'x', 'create', '{}')",
                [organization.pk],
            )
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO organizations_change (organization_id, entity, entity_id, action, changes)"
                " VALUES (%s, 'site', 'x', 'create', '{}')",
                [organization.pk],
            )

    def test_every_column_that_may_be_seen_is_recorded(self) -> None:
        """A migration that adds a column must call freshtrack_own_table again."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT t.tgrelid::regclass::text, a.attname, encode(t.tgargs, 'escape'), a.attnum = ANY (t.tgattr)"
                " FROM pg_trigger t JOIN pg_attribute a ON a.attrelid = t.tgrelid AND a.attnum > 0"
                " AND NOT a.attisdropped WHERE t.tgname = 'record_update'"
            )
            rows = cursor.fetchall()
        assert {table for table, *_ in rows} >= {"sensors_unit", "alerts_alert", "organizations_membership"}
        for table, column, arguments, recorded in rows:
            hidden = arguments.split("\\000")[1].strip("{}").split(",")
            assert recorded == (column not in hidden), f"{table}.{column}"
