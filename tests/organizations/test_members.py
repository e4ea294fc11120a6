"""Who may change whom, and that an owner always stays."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from freshtrack.errors import DomainError
from organizations import membership
from organizations.models import Change, Membership, Organization, Role
from organizations.tenancy import acting_in
from tests.factories import (
    InvitationFactory,
    MembershipFactory,
    OrganizationFactory,
    SiteFactory,
    as_system,
    fresh,
)
from tests.organizations.people import base, client_of

pytestmark = pytest.mark.django_db


class Team:
    """An organization with somebody in each role."""

    def __init__(self) -> None:
        self.organization: Organization = OrganizationFactory()
        self.owner, self.admin, self.manager, self.staff, self.viewer = (
            MembershipFactory(organization=self.organization, role=role)
            for role in (Role.OWNER, Role.ADMIN, Role.MANAGER, Role.STAFF, Role.VIEWER)
        )
        self.site = SiteFactory(organization=self.organization)

    def change(self, by: Membership, member: Membership, **wanted: Any) -> Any:
        return client_of(by.user).patch(f"{base(by)}members/{member.pk}/", wanted, format="json")

    def remove(self, by: Membership, member: Membership) -> Any:
        return client_of(by.user).delete(f"{base(by)}members/{member.pk}/")

    def hand_over(self, by: Membership, member: Membership, **wanted: Any) -> Any:
        return client_of(by.user).post(f"{base(by)}members/{member.pk}/make-owner/", wanted, format="json")

    def leave(self, member: Membership) -> Any:
        return client_of(member.user).post(f"{base(member)}members/leave/")


@pytest.fixture
def team() -> Team:
    return Team()


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


class TestTheList:
    def test_names_everybody_who_is_a_member_now(self, team: Team) -> None:
        MembershipFactory(organization=team.organization, ended_at=timezone.now())
        MembershipFactory()
        listed = client_of(team.staff.user).get(f"{base(team.staff)}members/").json()["results"]
        assert [row["role"] for row in listed] == ["owner", "admin", "manager", "staff", "viewer"]
        assert [row["is_you"] for row in listed] == [False, False, False, True, False]
        user = team.owner.user
        assert listed[0]["user"] == {"id": str(user.pk), "email": user.email, "name": user.name}
        assert set(listed[0]) == {"id", "user", "role", "sites", "created_at", "is_you"}

    def test_can_be_narrowed_to_a_role(self, team: Team) -> None:
        listed = client_of(team.owner.user).get(f"{base(team.owner)}members/?role=admin").json()["results"]
        assert [row["id"] for row in listed] == [str(team.admin.pk)]

    def test_somebody_who_is_restricted_sees_who_works_at_the_same_sites(self, team: Team) -> None:
        elsewhere = SiteFactory(organization=team.organization)
        both = MembershipFactory(organization=team.organization, role=Role.STAFF, site_ids=[elsewhere.pk, team.site.pk])
        other = MembershipFactory(organization=team.organization, role=Role.STAFF, site_ids=[elsewhere.pk])
        here = MembershipFactory(organization=team.organization, role=Role.MANAGER, site_ids=[team.site.pk])
        client = client_of(here.user)
        seen = {row["id"] for row in client.get(f"{base(here)}members/").json()["results"]}
        assert {str(both.pk), str(here.pk), str(team.owner.pk)} <= seen
        assert str(other.pk) not in seen
        assert client.get(f"{base(here)}members/{other.pk}/").status_code == 404

    def test_a_longer_list_comes_in_pages_and_costs_no_more_queries(self, team: Team) -> None:
        client = client_of(team.owner.user)
        address = f"{base(team.owner)}members/?page_size=50"
        client.get(address)
        with CaptureQueriesContext(connection) as few:
            client.get(address)
        for _ in range(60):
            MembershipFactory(organization=team.organization, role=Role.VIEWER)
        with CaptureQueriesContext(connection) as many:
            first = client.get(address).json()
        assert len(many) == len(few)
        asked = [
            query["sql"] for query in many if query["sql"].startswith("SELECT") and "set_config" not in query["sql"]
        ]
        assert len(asked) <= 4, asked  # token, membership, members with their people
        second = client.get(first["next"]).json()
        assert (len(first["results"]), len(second["results"])) == (50, 15)


class TestRoles:
    def test_an_administrator_changes_those_below(self, team: Team) -> None:
        changed = team.change(team.admin, team.viewer, role="manager")
        assert (changed.status_code, changed.json()["role"]) == (200, "manager")
        assert team.change(team.admin, team.manager, role="admin").status_code == 200
        assert fresh(team.manager).role == Role.ADMIN

    def test_it_holds_from_the_next_request_on(self, team: Team) -> None:
        sites = f"{base(team.manager)}sites/"
        manager = client_of(team.manager.user)
        assert manager.post(sites, {"name": "New"}, format="json").status_code == 201
        team.change(team.admin, team.manager, role="viewer")
        assert manager.post(sites, {"name": "Newer"}, format="json").status_code == 403

    @pytest.mark.parametrize("role", ["owner", "staff"])
    def test_an_administrator_neither_makes_nor_lowers_owners(self, role: str, team: Team) -> None:
        target = team.viewer if role == "owner" else team.owner
        assert code(team.change(team.admin, target, role=role)) == (403, "permission_denied")
        assert code(team.remove(team.admin, team.owner)) == (403, "permission_denied")
        assert fresh(target).role == target.role

    def test_managers_and_below_change_nobody(self, team: Team) -> None:
        for member in (team.manager, team.staff, team.viewer):
            assert team.change(member, team.viewer, role="staff").status_code == 403
            assert team.remove(member, team.viewer).status_code == 403
            assert team.hand_over(member, member).status_code == 403

    @pytest.mark.parametrize("wanted", [{"role": "viewer"}, {"sites": None}, {"role": "owner"}])
    def test_nobody_changes_their_own_role_or_sites(self, wanted: dict[str, Any], team: Team) -> None:
        for member in (team.owner, team.admin):
            answer = team.change(member, member, **wanted)
            if (member.role, wanted.get("role")) in (("owner", "owner"),):
                assert answer.status_code == 200
            else:
                assert answer.status_code == 403, answer.json()
            assert fresh(member).role == member.role

    @pytest.mark.parametrize("role", ["emperor", "", None, 5, ["admin"], "ADMIN"])
    def test_an_unknown_role_is_named(self, role: Any, team: Team) -> None:
        answer = team.change(team.owner, team.viewer, role=role)
        assert code(answer) == (400, "invalid")
        assert answer.json()["errors"][0]["field"] == "role"

    def test_an_owner_lowers_another_owner(self, team: Team) -> None:
        other = MembershipFactory(organization=team.organization, role=Role.OWNER)
        assert team.change(team.owner, other, role="viewer").status_code == 200

    def test_a_member_of_another_organization_is_not_there(self, team: Team) -> None:
        stranger = MembershipFactory(role=Role.VIEWER)
        assert team.change(team.owner, stranger, role="admin").status_code == 404
        assert team.remove(team.owner, stranger).status_code == 404
        assert team.hand_over(team.owner, stranger).status_code == 404
        assert fresh(stranger).role == Role.VIEWER

    def test_the_change_log_says_who_did_it(self, team: Team) -> None:
        team.change(team.admin, team.viewer, role="staff")
        with as_system():
            change = Change.objects.filter(entity="membership", entity_id=str(team.viewer.pk)).latest("id")
        assert (change.actor_id, change.via) == (team.admin.user_id, "api")
        assert change.changes == {"role": {"before": "viewer", "after": "staff"}}


class TestVersions:
    def test_a_change_of_what_somebody_else_changed_is_refused(self, team: Team) -> None:
        client = client_of(team.admin.user)
        address = f"{base(team.admin)}members/{team.viewer.pk}/"
        seen = client.get(address)["ETag"]
        team.change(team.owner, team.viewer, role="staff")
        late = client.patch(address, {"role": "manager"}, format="json", headers={"if-match": seen})
        assert code(late) == (412, "precondition_failed")
        assert late.json()["current"]["role"] == "staff"
        assert client.delete(address, headers={"if-match": seen}).status_code == 412


class TestSites:
    def test_a_member_is_restricted_and_freed_again(self, team: Team) -> None:
        SiteFactory(organization=team.organization, name="Elsewhere")
        restricted = team.change(team.admin, team.staff, sites=[str(team.site.pk), str(team.site.pk)])
        assert (restricted.status_code, restricted.json()["sites"]) == (200, [str(team.site.pk)])
        seen = client_of(team.staff.user).get(f"{base(team.staff)}sites/").json()["results"]
        assert [site["id"] for site in seen] == [str(team.site.pk)]
        assert team.change(team.admin, team.staff, role="manager").json()["sites"] == [str(team.site.pk)]
        assert team.change(team.admin, team.staff, sites=None).json()["sites"] is None

    def test_sites_must_be_living_ones_of_the_organization(self, team: Team) -> None:
        gone = SiteFactory(organization=team.organization, deleted_at=timezone.now())
        for site in (SiteFactory().pk, gone.pk, "01890000-0000-7000-8000-000000000000"):
            answer = team.change(team.admin, team.staff, sites=[str(site)])
            assert code(answer) == (400, "invalid")
            assert answer.json()["errors"][0]["code"] == "does_not_exist"
            assert str(site) in answer.json()["errors"][0]["detail"]

    @pytest.mark.parametrize("sites", [[], "all", ["x"], {}, [None], 7])
    def test_what_is_not_a_list_of_ids_is_named(self, sites: Any, team: Team) -> None:
        answer = team.change(team.admin, team.staff, sites=sites)
        assert code(answer) == (400, "invalid")
        assert answer.json()["errors"][0]["field"].startswith("sites")

    def test_owners_and_administrators_see_all_sites(self, team: Team) -> None:
        sites = [str(team.site.pk)]
        answer = team.change(team.owner, team.staff, role="admin", sites=sites)
        assert answer.json()["errors"][0]["code"] == "role_sees_all_sites"
        assert code(team.change(team.owner, team.admin, sites=sites)) == (409, "role_sees_all_sites")
        team.change(team.owner, team.staff, sites=sites)
        raised = team.change(team.owner, team.staff, role="admin")
        assert (raised.status_code, raised.json()["sites"]) == (200, None)


class TestLeaving:
    def test_who_leaves_is_a_stranger_afterwards_and_stays_in_the_records(self, team: Team) -> None:
        assert team.leave(team.staff).status_code == 204
        assert fresh(team.staff).ended_at is not None
        assert client_of(team.staff.user).get(f"{base(team.staff)}members/").status_code == 404
        assert client_of(team.staff.user).get("/api/v1/me/").json()["memberships"] == []

    def test_who_is_removed_too(self, team: Team) -> None:
        assert team.remove(team.admin, team.staff).status_code == 204
        assert client_of(team.staff.user).get(f"{base(team.staff)}members/").status_code == 404
        assert team.remove(team.admin, team.staff).status_code == 404

    def test_nobody_removes_themselves(self, team: Team) -> None:
        assert code(team.remove(team.admin, team.admin)) == (403, "own_role")

    def test_the_last_owner_stays(self, team: Team) -> None:
        assert code(team.leave(team.owner)) == (409, "last_owner")
        assert fresh(team.owner).ended_at is None

    def test_an_owner_whose_account_is_switched_off_does_not_count(self, team: Team) -> None:
        MembershipFactory(organization=team.organization, role=Role.OWNER, user__is_active=False)
        assert code(team.leave(team.owner)) == (409, "last_owner")

    def test_with_another_owner_one_may_leave(self, team: Team) -> None:
        MembershipFactory(organization=team.organization, role=Role.OWNER)
        assert team.leave(team.owner).status_code == 204

    def test_who_comes_back_has_a_new_membership(self, team: Team) -> None:
        team.leave(team.staff)
        with as_system():
            again = membership.join(organization=team.organization, user=team.staff.user, role=Role.VIEWER)
        assert again.pk != team.staff.pk
        assert fresh(team.staff).ended_at is not None


class TestHandingOver:
    def test_ownership_is_transferred(self, team: Team) -> None:
        answer = team.hand_over(team.owner, team.manager, step_down=True)
        assert (answer.status_code, answer.json()["role"]) == (200, "owner")
        assert (fresh(team.manager).role, fresh(team.owner).role) == (Role.OWNER, Role.ADMIN)
        assert team.hand_over(team.owner, team.viewer).status_code == 403

    def test_or_shared(self, team: Team) -> None:
        restricted = MembershipFactory(organization=team.organization, role=Role.STAFF, site_ids=[team.site.pk])
        answer = team.hand_over(team.owner, restricted)
        assert (answer.json()["role"], answer.json()["sites"]) == ("owner", None)
        assert fresh(team.owner).role == Role.OWNER

    def test_to_oneself_changes_nothing(self, team: Team) -> None:
        assert team.hand_over(team.owner, team.owner, step_down=True).status_code == 200
        assert fresh(team.owner).role == Role.OWNER


class TestInvitationsOfWhoGoes:
    def pending_of(self, member: Membership, role: str = Role.STAFF) -> Any:
        return InvitationFactory(organization=member.organization, invited_by=member.user, role=role)

    def test_are_revoked_when_the_inviter_is_removed(self, team: Team) -> None:
        own, others = self.pending_of(team.admin), self.pending_of(team.owner)
        team.remove(team.owner, team.admin)
        assert fresh(own).revoked_at is not None
        assert fresh(others).revoked_at is None

    def test_are_revoked_when_the_inviter_may_no_longer_invite(self, team: Team) -> None:
        own = self.pending_of(team.admin)
        team.change(team.owner, team.admin, role="manager")
        assert fresh(own).revoked_at is not None

    def test_of_owners_are_revoked_when_an_owner_becomes_an_administrator(self, team: Team) -> None:
        owners, staffs = self.pending_of(team.owner, Role.OWNER), self.pending_of(team.owner)
        team.hand_over(team.owner, team.manager, step_down=True)
        assert fresh(owners).revoked_at is not None
        assert fresh(staffs).revoked_at is None


def at_once(*operations: Callable[[], object]) -> list[str]:
    """Run each in a thread with its own connection, all beginning together. What became of each."""
    ready = threading.Barrier(len(operations))
    outcomes: list[str] = []

    def run(operation: Callable[[], object]) -> None:
        try:
            ready.wait(timeout=30)
            operation()
        except DomainError as refusal:
            outcomes.append(refusal.code)
        else:
            outcomes.append("done")
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(operation,)) for operation in operations]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return sorted(outcomes)


def owners_of(organization: Organization) -> int:
    with as_system():
        return Membership.objects.current().filter(organization=organization, role=Role.OWNER).count()


def in_organization(organization: Organization, operation: Callable[..., object], **arguments: Any) -> Any:
    def run() -> None:
        with acting_in(organization):
            operation(at=timezone.now(), **arguments)

    return run


@pytest.mark.django_db(transaction=True)
class TestAtTheSameMoment:
    @pytest.mark.parametrize("attempt", range(5))
    def test_two_owners_who_leave_leave_one(self, attempt: int) -> None:
        organization = OrganizationFactory()
        pair = [MembershipFactory(organization=organization, role=Role.OWNER) for _ in range(2)]
        outcomes = at_once(*(in_organization(organization, membership.leave, membership=one) for one in pair))
        assert outcomes == ["done", "last_owner"]
        assert owners_of(organization) == 1

    @pytest.mark.parametrize("attempt", range(5))
    def test_two_owners_who_lower_each_other_leave_one(self, attempt: int) -> None:
        organization = OrganizationFactory()
        one, other = (MembershipFactory(organization=organization, role=Role.OWNER) for _ in range(2))
        outcomes = at_once(
            in_organization(organization, membership.change, membership=one, by=other, role=Role.ADMIN),
            in_organization(organization, membership.change, membership=other, by=one, role=Role.ADMIN),
        )
        assert outcomes == ["done", "permission_denied"]
        assert owners_of(organization) == 1

    def test_changes_of_members_over_http_wait_for_each_other_and_none_fails(self) -> None:
        """One lock before all others: who hands over writes rows that who changes members has locked."""
        organization = OrganizationFactory()
        owners = [MembershipFactory(organization=organization, role=Role.OWNER) for _ in range(3)]
        others = [MembershipFactory(organization=organization, role=Role.VIEWER) for _ in range(3)]
        answers: list[int] = []

        def asking(by: Membership, member: Membership) -> Callable[[], None]:
            client = client_of(by.user)
            address = f"{base(by)}members/{member.pk}/"

            def run() -> None:
                for role in ("staff", "manager", "viewer"):
                    answers.append(client.post(f"{address}make-owner/").status_code)
                    answers.append(client.patch(address, {"role": role}, format="json").status_code)

            return run

        outcomes = at_once(*(asking(by, member) for by in owners for member in others))
        assert outcomes == ["done"] * 9
        assert answers == [200] * 54

    @pytest.mark.parametrize("attempt", range(5))
    def test_owners_who_remove_each_other_leave_one(self, attempt: int) -> None:
        organization = OrganizationFactory()
        one, other = (MembershipFactory(organization=organization, role=Role.OWNER) for _ in range(2))
        outcomes = at_once(
            in_organization(organization, membership.remove, membership=one, by=other),
            in_organization(organization, membership.remove, membership=other, by=one),
        )
        assert outcomes == ["done", "not_a_member"]
        assert owners_of(organization) == 1


def test_a_membership_that_ended_long_ago_can_not_be_changed(team: Team) -> None:
    with as_system():
        Membership.objects.filter(pk=team.staff.pk).update(ended_at=timezone.now() - timedelta(days=1))
    assert team.change(team.owner, team.staff, role="admin").status_code == 404
