"""Members who are restricted to some sites: what PostgreSQL shows them, and the words when they reach too far."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, models, transaction
from django.db.models import F
from django.db.utils import ProgrammingError
from django.urls import path
from rest_framework.response import Response
from rest_framework.test import APIClient

from alerts.models import Alert, AlertEvent, AlertRule, RuleState
from ingest.models import QuarantinedReading
from notifications.models import Attempt, InboxItem, Notification
from organizations.models import Change, Membership, Organization, Role
from organizations.scoped_views import OrganizationScoped
from organizations.tenancy import acting_in
from sensors.models import Gateway, Reading, ReadingDay, ReadingHour, Sensor, Site, Unit
from tests.factories import (
    NOON,
    AlertFactory,
    AreaFactory,
    GatewayFactory,
    InboxItemFactory,
    MembershipFactory,
    MuteFactory,
    NotificationFactory,
    OnCallFeedFactory,
    OnCallOverrideFactory,
    OnCallScheduleFactory,
    OrganizationFactory,
    OverrideFactory,
    PolicyFactory,
    QuarantinedReadingFactory,
    RuleFactory,
    SensorFactory,
    ShiftSwapFactory,
    SiteFactory,
    UnitFactory,
    as_system,
    key_of,
    token_of,
)
from tests.tenancy.test_structure import own_tables, sites_of

pytestmark = pytest.mark.django_db

OF_SITES = [model for model in own_tables().values() if sites_of(model)]
CHANGEABLE = [model for model in OF_SITES if model is not Change]


@dataclass
class Chain:
    """An organization with three sites and, for each of them, the rows of every table."""

    organization: Organization
    sites: dict[UUID, dict[type[models.Model], models.Model]]

    def keys(self, model: type[models.Model], sites: Any) -> set[Any]:
        """The keys of the model's rows at these sites."""
        return {rows[model].pk for site, rows in self.sites.items() if site in sites}

    def combinations(self) -> Iterator[tuple[UUID, ...]]:
        for size in range(len(self.sites) + 1):
            yield from itertools.combinations(self.sites, size)


@pytest.fixture
def chain() -> Chain:
    organization = OrganizationFactory()
    found = Chain(organization, {})
    for _ in range(3):
        site = SiteFactory(organization=organization)
        found.sites[site.pk] = _furnish(site)
    # Rows without a site: nobody who is restricted sees them.
    SensorFactory(organization=organization, unclaimed=True)
    GatewayFactory(organization=organization, site=None)
    NotificationFactory(organization=organization)
    QuarantinedReadingFactory(organization=organization)
    return found


def _furnish(site: Site) -> dict[type[models.Model], models.Model]:
    area = AreaFactory(site=site)
    unit = UnitFactory(area=area)
    sensor = SensorFactory(unit=unit)
    rule = RuleFactory(organization=site.organization, site=site)
    alert = AlertFactory(unit=unit, rule=rule, sensor=sensor)
    with as_system():
        event = AlertEvent.objects.create(
            organization=site.organization, alert=alert, site_id=site.pk, event="opened", at=NOON
        )
        state = RuleState.objects.create(
            organization=site.organization, cause_key=f"state:{unit.pk}", rule=rule, unit=unit, state={}
        )
        reading = Reading.objects.create(
            organization=site.organization, sensor=sensor, recorded_at=NOON, delay_s=0, temperature=3.0
        )
        sums = {"count": 1, "total": 300, "humidity_count": 0, "humidity_total": 0}
        hour = ReadingHour.objects.create(organization=site.organization, sensor=sensor, hour=NOON, **sums)
        day = ReadingDay.objects.create(organization=site.organization, sensor=sensor, day=NOON, **sums)
        change = Change.objects.get(entity="site", entity_id=str(site.pk))
    gateway = GatewayFactory(site=site)
    mute = MuteFactory(organization=site.organization, site=site)
    override = OverrideFactory(unit=unit, rule=rule)
    notification = NotificationFactory(organization=site.organization, site_id=site.pk)
    item = InboxItemFactory(organization=site.organization, site_id=site.pk)
    with as_system():
        attempt = Attempt.objects.create(
            organization=site.organization,
            site_id=site.pk,
            notification=notification,
            number=1,
            at=NOON,
            duration_ms=1,
            channel="email",
            provider="smtp",
            outcome="sent",
        )
    refused = QuarantinedReadingFactory(organization=site.organization, site_id=site.pk)
    policy = PolicyFactory(organization=site.organization, site=site)
    schedule = OnCallScheduleFactory(organization=site.organization, site=site)
    duties = [factory(schedule=schedule) for factory in (OnCallOverrideFactory, ShiftSwapFactory, OnCallFeedFactory)]
    measured = [reading, hour, day]
    rows = [
        policy,
        schedule,
        *duties,
        site,
        area,
        unit,
        sensor,
        rule,
        alert,
        event,
        state,
        *measured,
        change,
        gateway,
        mute,
        override,
        notification,
        attempt,
        item,
        refused,
    ]
    return {type(row): row for row in rows}


# What is stored of readings has no key of its own: it is a sensor's at a time, in this column.
TIMES: dict[type[models.Model], str] = {Reading: "recorded_at", ReadingHour: "hour", ReadingDay: "day"}
# A column that can be set to itself.
NUMBERS: dict[type[models.Model], str] = {Reading: "delay_s", ReadingHour: "count", ReadingDay: "count"}


@contextmanager
def refused() -> Iterator[None]:
    """By row-level security, and not for another reason."""
    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        yield


# --- the second wall -----------------------------------------------------------------------------------------------


def test_every_table_with_rows_of_sites_is_tried(chain: Chain) -> None:
    assert set(next(iter(chain.sites.values()))) == set(OF_SITES)


@pytest.mark.parametrize("model", OF_SITES, ids=lambda model: model.__name__)
def test_whatever_the_sites_only_their_rows_are_seen(model: Any, chain: Chain) -> None:
    everything = chain.keys(model, chain.sites)
    for sites in chain.combinations():
        with acting_in(chain.organization, sites=sites):
            seen = set(model.objects.values_list("pk", flat=True))
        assert seen & everything == chain.keys(model, sites)
        if model is not Change:
            # Nor what belongs to none; the change log also tells what happened to the whole organization.
            assert seen == chain.keys(model, sites)
    with acting_in(chain.organization):
        assert everything <= set(model.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("model", CHANGEABLE, ids=lambda model: model.__name__)
def test_rows_of_other_sites_are_neither_changed_nor_deleted(model: Any, chain: Chain) -> None:
    here, *others = chain.sites
    column = NUMBERS.get(model, "organization")
    table = connection.ops.quote_name(model._meta.db_table)
    with acting_in(chain.organization, sites=[here]):
        before = transaction.savepoint()
        assert model.objects.update(**{column: F(column)}) == 1
        assert model.objects.filter(pk__in=list(chain.keys(model, others))).update(**{column: F(column)}) == 0
        transaction.savepoint_rollback(before)
        with connection.cursor() as cursor:
            # No row hangs on it that the foreign keys would speak for: the statement itself is asked.
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            cursor.execute(f"DELETE FROM {table} WHERE true")
            assert cursor.rowcount == 1
        transaction.savepoint_rollback(before)


@pytest.mark.parametrize("model", CHANGEABLE, ids=lambda model: model.__name__)
def test_no_row_is_made_at_another_site(model: Any, chain: Chain) -> None:
    here, there, _ = chain.sites
    with as_system():
        copy = model.objects.get(pk=chain.sites[there][model].pk)
    if model in TIMES:
        setattr(copy, TIMES[model], NOON.replace(hour=13))
    else:
        copy.pk = None if model is Sensor else model._meta.pk.get_default()
    with acting_in(chain.organization, sites=[here]), refused():
        copy.save(force_insert=True)


@pytest.mark.parametrize(
    # An attempt is seen with its notification, wherever it says that it belongs.
    "model",
    [m for m in CHANGEABLE if m not in (Site, Attempt) and hasattr(m, "site_id")],
    ids=lambda model: model.__name__,
)
def test_no_row_is_moved_to_another_site_or_to_all(model: Any, chain: Chain) -> None:
    here, there, _ = chain.sites
    column = "site_id" if model in (AlertEvent, InboxItem, Notification, QuarantinedReading) else "site"
    nullable = model._meta.get_field(column).null
    for destination in [there, None] if nullable else [there]:
        with acting_in(chain.organization, sites=[here]), refused():
            model.objects.update(site_id=destination)


def test_no_join_leads_to_another_site(chain: Chain) -> None:
    """Rows that point across sites, as after a move: each table is hidden for itself."""
    here, there, _ = chain.sites
    with as_system():
        Alert.objects.filter(site_id=here).update(rule=chain.sites[there][AlertRule], sensor=chain.sites[there][Sensor])
        Sensor.objects.filter(site_id=here).update(unit=chain.sites[there][Unit])
    tried = 0
    with acting_in(chain.organization, sites=[here]):
        for model in OF_SITES:
            for field in model._meta.concrete_fields:
                if field.is_relation and field.related_model in OF_SITES:
                    target = field.related_model
                    found = set(model.objects.values_list(f"{field.name}__{_told(target)}", flat=True)) - {None}
                    assert found <= set(target.objects.values_list(_told(target), flat=True)), f"{model}.{field}"
                    tried += 1
        assert [alert.rule for alert in Alert.objects.select_related("rule")] == [None]
    assert tried >= 12


def _told(model: Any) -> str:
    """A column that isn't the foreign key itself, so that the join has to look."""
    return TIMES.get(model, "created_at")


@pytest.mark.parametrize("model", [Site, Unit, Sensor], ids=lambda model: model.__name__)
def test_what_searches_for_words_keeps_to_organization_and_sites(model: Any, chain: Chain) -> None:
    """The functions run with rights that see everything, so they must look at the scope themselves."""
    stranger = OrganizationFactory()
    _furnish(SiteFactory(organization=stranger))
    with as_system():
        model.objects.update(name="Findable")

    def found() -> set[Any]:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {model._meta.db_table}_search('find')")
            return {row[0] for row in cursor.fetchall()}

    for sites in chain.combinations():
        with acting_in(chain.organization, sites=sites):
            assert found() == chain.keys(model, sites)
    with as_system():
        assert found() == set()


def test_a_rule_for_the_whole_organization_is_seen_and_left_alone(chain: Chain) -> None:
    rule = RuleFactory(organization=chain.organization, name="Everywhere")
    here = next(iter(chain.sites))
    with acting_in(chain.organization, sites=[here]):
        assert AlertRule.objects.filter(pk=rule.pk).exists()
        assert AlertRule.objects.filter(pk=rule.pk).update(name="mine") == 0
        with refused():
            RuleFactory._meta.model.objects.create(
                organization=chain.organization, metric="temperature", condition="fault", severity="info"
            )


def test_a_message_to_oneself_is_seen_whatever_it_is_about(chain: Chain) -> None:
    here, there, _ = chain.sites
    member = MembershipFactory(organization=chain.organization, role=Role.STAFF, site_ids=[here])
    NotificationFactory(organization=chain.organization, site_id=there, user=member.user, subject="Yours")
    with acting_in(chain.organization, by=member.user, sites=[here]):
        assert Notification.objects.filter(subject="Yours").exists()
        assert Notification.objects.for_member(member).count() == Notification.objects.count() == 2


def test_in_the_first_wall_querysets_agree_with_the_database(chain: Chain) -> None:
    """Each wall for itself: the code's filter without the database's, and the other way round."""
    for sites in chain.combinations():
        if not sites:
            continue  # the database knows no member who is restricted to nothing
        member = Membership(organization=chain.organization, user_id=uuid4(), role=Role.STAFF, site_ids=list(sites))
        for model in OF_SITES:
            if model in (Change, Attempt):  # the one has its own filter, the other is looked up by its notification
                continue
            with acting_in(chain.organization):
                by_code = set(model.objects.for_member(member).values_list("pk", flat=True))
            assert by_code == chain.keys(model, sites), model


# --- unfiltered queries in a customer's request ----------------------------------------------------------------------


class Everything(OrganizationScoped):
    """A view that forgets every filter."""

    may = {"GET": "organization.view"}

    def get(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        answer = {}
        for model in own_tables().values():
            try:
                with transaction.atomic():
                    answer[model._meta.label] = [str(row.pk) for row in model._base_manager.all()]
            except ProgrammingError as error:
                assert "permission denied" in str(error)  # noqa: PT017 (which of them is the answer)
        return Response(answer)


urlpatterns = [path("everything/<slug:organization>/", Everything.as_view())]


@pytest.mark.urls("tests.tenancy.test_sites")
@pytest.mark.parametrize("restricted", [False, True], ids=["whole organization", "one site"])
def test_a_request_that_forgets_every_filter_finds_only_what_the_member_may_see(restricted: bool, chain: Chain) -> None:
    other = OrganizationFactory()
    _furnish(SiteFactory(organization=other))
    for organization in (chain.organization, other):
        MembershipFactory(organization=organization)
        key_of(organization)
    sites = [next(iter(chain.sites))] if restricted else None
    member = MembershipFactory(organization=chain.organization, role=Role.STAFF, site_ids=sites)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(member.user)}")

    found = client.get(f"/everything/{chain.organization.slug}/").json()

    for label, keys in found.items():
        model = next(model for model in own_tables().values() if model._meta.label == label)
        with as_system():
            mine = {str(key) for key in _owned_by(model, chain.organization)}
        assert set(keys) <= mine, label
        if not restricted:
            assert set(keys) == mine, label
        elif model in OF_SITES and model is not Change:
            assert set(keys) == {str(key) for key in chain.keys(model, sites)}, label
    assert len(found) >= len(OF_SITES) + 5
    assert "organizations.AccessToken" not in found


def _owned_by(model: Any, organization: Organization) -> Any:
    """Asked as the system: the keys that belong to the organization."""
    if model is Organization:
        return [organization.pk]
    fields = {field.name for field in model._meta.get_fields()}
    if "organization" in fields:
        return model._base_manager.filter(organization=organization).values_list("pk", flat=True)
    person = "memberships" if "memberships" in fields else "user__memberships"
    return model._base_manager.filter(**{f"{person}__organization": organization}).values_list("pk", flat=True)


# --- in words --------------------------------------------------------------------------------------------------------


@pytest.fixture
def manager(chain: Chain) -> Callable[..., Any]:
    """A manager of the first site: calls the API, returns (status, body)."""
    member = MembershipFactory(organization=chain.organization, role=Role.MANAGER, site_ids=[next(iter(chain.sites))])
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(member.user)}")

    def ask(method: str, place: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        response = getattr(client, method)(f"/api/v1/orgs/{chain.organization.slug}/{place}", body, format="json")
        return response.status_code, response.json() if response.content else {}

    return ask


RULE = {"metric": "temperature", "condition": "above", "threshold": 5, "severity": "warning"}


@pytest.mark.parametrize(
    ("place", "body", "field"),
    [
        ("sensors/", {"serial": "new"}, "unit"),
        ("sensors/", {"serial": "new", "unit": None}, "unit"),
        ("gateways/", {"serial": "new"}, "site"),
        ("alert-rules/", RULE, "scope"),
        ("alert-rules/", {**RULE, "scope": {}}, "scope"),
        ("alert-rules/", {**RULE, "scope": {"unit_kind": "room"}}, "scope"),
        ("mutes/", {"ends_at": "2099-01-01T00:00:00Z"}, "scope"),
        ("mutes/", {"ends_at": "2099-01-01T00:00:00Z", "scope": {}}, "scope"),
    ],
)
def test_what_would_belong_to_all_sites_is_refused_in_words(place: str, body: Any, field: str, manager: Any) -> None:
    status, answer = manager("post", place, body)
    assert status == 400
    assert [error["field"] for error in answer["errors"]] == [field]
    assert "restricted to some sites" in answer["errors"][0]["detail"]


def test_nothing_of_theirs_is_given_to_all_sites(chain: Chain, manager: Any) -> None:
    mine = next(iter(chain.sites.values()))
    for place, body in (
        (f"gateways/{mine[Gateway].pk}/", {"site": None}),
        (f"alert-rules/{mine[AlertRule].pk}/", {"scope": {}}),
    ):
        status, answer = manager("patch", place, body)
        assert (status, "restricted to some sites" in answer["detail"]) == (400, True), place


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_rule_of_all_sites_can_be_read_and_not_changed(method: str, chain: Chain, manager: Any) -> None:
    rule = RuleFactory(organization=chain.organization)
    assert manager("get", f"alert-rules/{rule.pk}/")[0] == 200
    status, answer = manager(method, f"alert-rules/{rule.pk}/", RULE)
    assert (status, answer["code"]) == (403, "outside_your_sites")
    assert "every site" in answer["detail"]


def test_sites_are_made_by_those_who_see_all(manager: Any) -> None:
    status, answer = manager("post", "sites/", {"name": "New"})
    assert (status, answer["code"]) == (403, "permission_denied")
    assert "restricted to some sites" in answer["detail"]


def test_a_serial_that_is_known_at_another_site_is_a_conflict(chain: Chain, manager: Any) -> None:
    here, there, _ = chain.sites.values()
    lonely = SensorFactory(organization=chain.organization, unclaimed=True)
    for serial in (there[Sensor].serial, lonely.serial):  # type: ignore[attr-defined]
        status, answer = manager("post", "sensors/", {"serial": serial, "unit": str(here[Unit].pk)})
        assert (status, answer["code"]) == (409, "already_known")
    known = {"serial": there[Gateway].serial, "site": str(here[Site].pk)}  # type: ignore[attr-defined]
    assert manager("post", "gateways/", known)[1]["code"] == "already_known"
    assert manager("patch", f"gateways/{here[Gateway].pk}/", known)[1]["code"] == "already_known"


def test_a_probe_is_registered_at_a_site_of_theirs(chain: Chain, manager: Any) -> None:
    here = next(iter(chain.sites.values()))
    status, sensor = manager("post", "sensors/", {"serial": "new", "unit": str(here[Unit].pk)})
    assert (status, sensor["status"], sensor["site"]) == (201, "offline", str(here[Site].pk))


class Forgetful(OrganizationScoped):
    """A view whose first wall has a gap: it makes what belongs to no site."""

    may = {"POST": "organization.view"}

    def post(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        Gateway.objects.create(organization=self.organization, serial="planted")
        return Response()


urlpatterns += [path("forgetful/<slug:organization>/", Forgetful.as_view())]


@pytest.mark.urls("tests.tenancy.test_sites")
def test_what_the_second_wall_refuses_is_a_refusal_and_not_our_mistake(chain: Chain, caplog: Any) -> None:
    member = MembershipFactory(organization=chain.organization, role=Role.STAFF, site_ids=[next(iter(chain.sites))])
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(member.user)}")
    response = client.post(f"/forgetful/{chain.organization.slug}/")
    assert (response.status_code, response.json()["code"]) == (403, "outside_your_sites")
    assert response["Content-Type"] == "application/problem+json"
    logged = [record for record in caplog.records if "row-level security" in record.message]
    assert [record.levelname for record in logged] == ["WARNING"]
    with as_system():
        assert not Gateway.objects.filter(serial="planted").exists()
