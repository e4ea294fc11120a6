"""Legal holds: who places and lifts them, what they say, and what they keep from being deleted."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from freshtrack.embedded.processes import wait_until
from organizations import holds, purging
from organizations.models import LegalHold, Membership, Organization, Role
from organizations.tenancy import acting_as_system, acting_in
from tests.factories import (
    NOON,
    LegalHoldFactory,
    MembershipFactory,
    OrganizationFactory,
    SiteFactory,
    as_system,
    fresh,
)
from tests.organizations.people import base, client_of
from tests.stack import superuser

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(days=31)


@pytest.fixture
def admin() -> Membership:
    membership: Membership = MembershipFactory(role=Role.ADMIN)
    return membership


def place(member: Membership, **body: Any) -> Any:
    return client_of(member.user).post(f"{base(member)}legal-holds/", {"reason": "A recall", **body}, format="json")


def events_of(member: Membership) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        client_of(member.user).get(f"{base(member)}audit-events/?entity=legal_hold").json()["results"]
    )
    return found


class TestPlacing:
    def test_says_why_who_and_since_when(self, admin: Membership) -> None:
        before = timezone.now()
        response = place(admin, reason="  Lot 4711 is recalled.  ")
        hold = response.json()
        assert response.status_code == 201
        assert hold["reason"] == "Lot 4711 is recalled."
        assert hold["placed_by"] == {"id": str(admin.user.pk), "email": admin.user.email, "name": admin.user.name}
        assert (hold["lifted_at"], hold["lifted_by"]) == (None, None)
        with as_system():
            assert LegalHold.objects.get(pk=hold["id"]).placed_at >= before

    @pytest.mark.parametrize("body", [{"reason": ""}, {"reason": "   "}, {"reason": None}, {"reason": "x" * 2001}])
    def test_needs_a_reason_that_can_be_read(self, admin: Membership, body: dict[str, Any]) -> None:
        response = place(admin, **body)
        assert response.status_code == 400
        assert [error["field"] for error in response.json()["errors"]] == ["reason"]

    def test_each_stands_for_itself(self, admin: Membership) -> None:
        first, second = place(admin).json(), place(admin).json()
        client_of(admin.user).post(f"{base(admin)}legal-holds/{first['id']}/lift/")
        with acting_in(admin.organization):
            assert [str(hold.pk) for hold in holds.standing(admin.organization)] == [second["id"]]

    def test_nobody_places_more_than_anybody_can_look_after(self, admin: Membership) -> None:
        with as_system():
            rows = [LegalHold(organization=admin.organization, reason="One of many") for _ in range(holds.MOST)]
            LegalHold.objects.bulk_create(rows)
        response = place(admin)
        assert (response.status_code, response.json()["code"]) == (409, "too_many")

    def test_the_audit_trail_tells_of_it(self, admin: Membership) -> None:
        hold = place(admin).json()
        client_of(admin.user).post(f"{base(admin)}legal-holds/{hold['id']}/lift/")
        lifted, placed = events_of(admin)
        assert (placed["action"], placed["object_id"], placed["actor"]["id"]) == (
            "create",
            hold["id"],
            str(admin.user.pk),
        )
        assert placed["changes"]["reason"] == {"before": None, "after": "A recall"}
        assert (lifted["action"], set(lifted["changes"])) == ("update", {"lifted_at", "lifted_by"})


class TestLifting:
    def test_keeps_it_on_record_with_who_lifted_it(self, admin: Membership) -> None:
        hold = place(admin).json()
        owner = MembershipFactory(organization=admin.organization, role=Role.OWNER)
        address = f"{base(admin)}legal-holds/{hold['id']}/"
        lifted = client_of(owner.user).post(f"{address}lift/").json()
        assert lifted["lifted_by"]["id"] == str(owner.user.pk)
        assert lifted["lifted_at"] is not None
        assert client_of(admin.user).get(address).json() == lifted

    def test_twice_is_the_same_as_once(self, admin: Membership) -> None:
        hold = place(admin).json()
        owner = MembershipFactory(organization=admin.organization, role=Role.OWNER)
        address = f"{base(admin)}legal-holds/{hold['id']}/lift/"
        once = client_of(admin.user).post(address).json()
        assert client_of(owner.user).post(address).json() == once

    @pytest.mark.parametrize("method", ["put", "patch", "delete"])
    def test_nobody_rewrites_or_removes_one(self, admin: Membership, method: str) -> None:
        hold = place(admin).json()
        address = f"{base(admin)}legal-holds/{hold['id']}/"
        assert getattr(client_of(admin.user), method)(address, {"reason": "Another"}).status_code == 405


class TestList:
    def test_newest_first_and_by_whether_they_stand(self, admin: Membership) -> None:
        older = LegalHoldFactory(organization=admin.organization, placed_at=NOON)
        newer = LegalHoldFactory(organization=admin.organization, placed_at=NOON + timedelta(days=1), lifted_at=NOON)
        LegalHoldFactory()

        def listed(query: str) -> list[str]:
            answer = client_of(admin.user).get(f"{base(admin)}legal-holds/{query}").json()
            return [hold["id"] for hold in answer["results"]]

        assert listed("") == [str(newer.pk), str(older.pk)]
        assert listed("?lifted=false") == [str(older.pk)]
        assert listed("?lifted=true") == [str(newer.pk)]

    def test_costs_the_same_however_many_there_are(self, admin: Membership) -> None:
        client = client_of(admin.user)

        def cost() -> int:
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert client.get(f"{base(admin)}legal-holds/").status_code == 200
            return len(queries)

        LegalHoldFactory(organization=admin.organization, placed_by=admin.user)
        cost()
        one = cost()
        for _ in range(9):
            LegalHoldFactory(organization=admin.organization, placed_by=MembershipFactory().user)
        assert cost() == one


class TestWhoMay:
    @pytest.mark.parametrize(("role", "status"), [(Role.MANAGER, 403), (Role.ADMIN, 201), (Role.OWNER, 201)])
    def test_administrators_and_owners(self, role: str, status: int) -> None:
        assert place(MembershipFactory(role=role)).status_code == status

    def test_not_who_is_restricted_to_some_sites(self) -> None:
        site = SiteFactory()
        member = MembershipFactory(organization=site.organization, role=Role.MANAGER, site_ids=[site.pk])
        assert place(member).status_code == 403


class TestPurge:
    def test_who_is_held_is_not_purged_until_it_is_lifted(self) -> None:
        gone: Organization = OrganizationFactory(deleted_at=timezone.now() - LONG_AGO)
        SiteFactory(organization=gone)
        hold = LegalHoldFactory(organization=gone)
        by = MembershipFactory().user
        assert purging.purge() == 0
        with pytest.raises(purging.Held):
            purging.remove(organization=gone)
        assert fresh(gone) == gone
        with acting_as_system("tests"):
            holds.lift(hold=hold, by=by, at=timezone.now())
        assert purging.purge() == 1
        with as_system():
            assert not Organization.objects.filter(pk=gone.pk).exists()
            assert not LegalHold.objects.filter(organization=gone.pk).exists()

    def test_another_ones_hold_is_no_obstacle(self) -> None:
        OrganizationFactory(deleted_at=timezone.now() - LONG_AGO)
        LegalHoldFactory()
        assert purging.purge() == 1


@pytest.mark.django_db(transaction=True)
def test_a_hold_waits_for_the_purge_that_is_deleting_and_then_stops_it() -> None:
    gone: Organization = OrganizationFactory(deleted_at=timezone.now() - LONG_AGO)
    for _ in range(3):
        SiteFactory(organization=gone)
    by = MembershipFactory().user
    placed = threading.Event()

    def placing() -> None:
        try:
            with acting_as_system("tests"):
                holds.place(organization=gone, reason="A lawsuit", by=by, at=timezone.now())
            placed.set()
        finally:
            connection.close()

    thread = threading.Thread(target=placing)
    with acting_as_system("tests"):
        purging._begin(gone)
        thread.start()
        with superuser(connection.settings_dict["NAME"]) as watching:
            waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            assert wait_until(lambda: watching.execute(waiting).fetchone() is not None, seconds=10)
        assert not placed.is_set(), "it waits for the transaction that deletes"
    thread.join(10)
    assert placed.is_set()
    with pytest.raises(purging.Held):
        purging.remove(organization=gone)
