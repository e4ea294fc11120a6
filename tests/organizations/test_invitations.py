"""Invitations: sent, looked up, accepted once by the right person, and nothing else."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from notifications.models import Notification
from organizations import invitations, membership, secrets
from organizations.models import Change, Invitation, Membership, Organization, Role, SecurityEvent, User
from organizations.tenancy import acting_as_system
from tests.factories import (
    InvitationFactory,
    MembershipFactory,
    OrganizationFactory,
    SiteFactory,
    UserFactory,
    as_system,
    fresh,
)
from tests.mail import mail_server
from tests.organizations.people import base, client_of, verified
from tests.organizations.test_members import at_once
from tests.outbox import send_all

pytestmark = pytest.mark.django_db

ACCEPT, LOOK_UP = "/api/v1/invitations/accept/", "/api/v1/invitations/look-up/"


def letters() -> list[Notification]:
    """What was promised, oldest first."""
    with as_system():
        return list(Notification.objects.filter(event="invitation").order_by("pk"))


def token_in(text: str) -> str:
    found = re.search(r"/invitation/(\S+)", text)
    assert found is not None, text
    return found[1]


def invite(by: Membership, email: str = "chef@example.com", role: str = "staff", **more: Any) -> Any:
    return client_of(by.user).post(f"{base(by)}invitations/", {"email": email, "role": role, **more}, format="json")


def invited(by: Membership, email: str = "chef@example.com", role: str = "staff", **more: Any) -> str:
    """The token in the link that the invited person gets."""
    answer = invite(by, email, role, **more)
    assert answer.status_code == 201, answer.json()
    return token_in(letters()[-1].text)


def accept(user: User | None, token: str) -> Any:
    return client_of(user).post(ACCEPT, {"token": token}, format="json")


def look_up(token: Any, client: APIClient | None = None) -> Any:
    return (client or APIClient()).post(LOOK_UP, {"token": token}, format="json")


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def only(organization: Organization) -> Invitation:
    with as_system():
        return Invitation.objects.get(organization=organization)


def story_of(organization: Organization) -> list[tuple[str, Any]]:
    """What the audit trail tells about refusals: kind and who tried."""
    with as_system():
        return list(
            SecurityEvent.objects.filter(organization=organization).order_by("pk").values_list("kind", "user_id")
        )


@pytest.fixture
def admin() -> Membership:
    made: Membership = MembershipFactory(role=Role.ADMIN, user__name="Adam Admin", organization__name="Blue Fish")
    return made


@pytest.fixture
def chef() -> User:
    return verified(email="chef@example.com", name="Chef")


class TestInviting:
    def test_answers_with_the_invitation_and_never_with_its_link(self, admin: Membership) -> None:
        answer = invite(admin, "Chef@Example.com", "manager", sites=None)
        made = answer.json()
        assert answer.status_code == 201
        assert set(made) == {
            *("id", "email", "role", "sites", "state", "invited_by", "created_at", "expires_at", "accepted_at")
        }
        assert (made["email"], made["role"], made["sites"], made["state"]) == (
            "chef@example.com",
            "manager",
            None,
            "pending",
        )
        assert made["invited_by"]["name"] == "Adam Admin"
        token = token_in(letters()[0].text)
        assert token not in answer.content.decode()
        assert len(token) > 43  # 256 bits
        listed = client_of(admin.user).get(f"{base(admin)}invitations/")
        assert listed.json()["results"] == [made]

    def test_only_a_hash_is_stored_and_none_of_it_is_logged(self, admin: Membership) -> None:
        token = invited(admin)
        row = only(admin.organization)
        assert row.hash == secrets.digest(token)
        with as_system():
            change = Change.objects.get(entity="invitation")
            entries = str(list(Change.objects.values_list("changes", flat=True)))
        assert change.changes["email"]["after"] == "chef@example.com"
        assert token not in entries
        assert row.hash not in entries

    def test_expires_after_the_days_of_the_setting(self, admin: Membership) -> None:
        invite(admin)
        row = only(admin.organization)
        assert row.expires_at - row.created_at == timedelta(days=settings.INVITATION_DAYS) == timedelta(days=7)

    def test_a_second_one_of_the_same_address_replaces_the_first(self, admin: Membership, chef: User) -> None:
        first = invited(admin)
        second = invited(admin, "CHEF@example.com", "manager")
        assert code(accept(chef, first)) == (409, "invitation_revoked")
        assert accept(chef, second).json()["role"] == "manager"

    def test_a_member_can_not_be_invited(self, admin: Membership) -> None:
        member = MembershipFactory(organization=admin.organization, role=Role.VIEWER, user__email="vera@example.com")
        assert code(invite(admin, "Vera@example.com")) == (409, "already_member")
        with as_system():
            membership.leave(membership=member, at=timezone.now())
        assert invite(admin, "vera@example.com").status_code == 201

    def test_owners_are_invited_by_owners(self, admin: Membership) -> None:
        assert code(invite(admin, role="owner")) == (403, "permission_denied")
        owner = MembershipFactory(organization=admin.organization)
        assert invite(owner, role="owner").status_code == 201
        of_owner = only(admin.organization)
        client = client_of(admin.user)
        assert client.post(f"{base(admin)}invitations/{of_owner.pk}/resend/").status_code == 403
        assert client.delete(f"{base(admin)}invitations/{of_owner.pk}/").status_code == 403
        assert fresh(of_owner).revoked_at is None

    @pytest.mark.parametrize("role", [Role.MANAGER, Role.STAFF, Role.VIEWER])
    def test_managers_and_below_neither_invite_nor_see_who_was(self, role: str, admin: Membership) -> None:
        invite(admin)
        member = MembershipFactory(organization=admin.organization, role=role)
        assert invite(member).status_code == 403
        assert client_of(member.user).get(f"{base(member)}invitations/").status_code == 403

    def test_for_some_sites(self, admin: Membership, chef: User) -> None:
        site = SiteFactory(organization=admin.organization)
        token = invited(admin, sites=[str(site.pk)])
        assert accept(chef, token).json()["sites"] == [str(site.pk)]
        answer = invite(admin, "other@example.com", sites=[str(SiteFactory().pk)])
        assert answer.json()["errors"][0]["code"] == "does_not_exist"
        answer = invite(admin, "other@example.com", role="admin", sites=[str(site.pk)])
        assert answer.json()["errors"][0]["code"] == "role_sees_all_sites"

    @pytest.mark.parametrize(
        "email",
        [
            "",
            "chef",
            "chef@",
            "a" * 10_000 + "@example.com",
            "chef@example.com\r\nBcc: everybody@example.com",
            "chef@example.com,other@example.com",
            "chef@exa mple.com",
            "chef@example.com\x00",
            None,
            ["chef@example.com"],
        ],
    )
    def test_what_is_not_one_address_is_refused_in_words(self, email: Any, admin: Membership) -> None:
        answer = invite(admin, email)
        assert code(answer) == (400, "invalid")
        assert answer.json()["errors"][0]["field"] == "email"
        assert letters() == []

    def test_has_a_limit_of_its_own(self, admin: Membership, settings: Any) -> None:
        rates = {**settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "inviting": "2/hour"}
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
        answers = [invite(admin, f"chef{number}@example.com") for number in range(3)]
        assert [answer.status_code for answer in answers] == [201, 201, 429]
        assert int(answers[2]["Retry-After"]) > 0
        assert client_of(admin.user).get(f"{base(admin)}invitations/").status_code == 200


class TestTheList:
    def test_is_filtered_by_state(self, admin: Membership) -> None:
        organization = admin.organization
        rows = {
            "pending": InvitationFactory(organization=organization),
            "accepted": InvitationFactory(organization=organization, accepted_at=timezone.now()),
            "revoked": InvitationFactory(organization=organization, revoked_at=timezone.now()),
            "expired": InvitationFactory(organization=organization, expires_at=timezone.now()),
        }
        client = client_of(admin.user)
        for state, row in rows.items():
            listed = client.get(f"{base(admin)}invitations/?state={state}").json()["results"]
            assert [(shown["id"], shown["state"]) for shown in listed] == [(str(row.pk), state)]
        assert client.get(f"{base(admin)}invitations/?state=odd").status_code == 400
        newest_first = [row["id"] for row in client.get(f"{base(admin)}invitations/").json()["results"]]
        assert newest_first == sorted(newest_first, reverse=True)

    def test_costs_no_more_queries_when_it_is_longer(self, admin: Membership) -> None:
        client = client_of(admin.user)
        client.get(f"{base(admin)}invitations/")  # the token's first use is noted
        counts = []
        for more in (1, 30):
            for _ in range(more):
                InvitationFactory(organization=admin.organization, invited_by=admin.user)
            with CaptureQueriesContext(connection) as queries:
                client.get(f"{base(admin)}invitations/")
            counts.append(len(queries))
        assert counts[0] == counts[1]


class TestTheLetter:
    def test_says_who_invites_to_what_and_how_long(self, admin: Membership) -> None:
        site = SiteFactory(organization=admin.organization)
        token = invited(admin, sites=[str(site.pk)])
        letter = letters()[0]
        assert letter.subject == "Adam Admin invites you to Blue Fish in FreshTrack"
        assert (letter.to, letter.organization_id) == ("chef@example.com", admin.organization_id)
        for words in (letter.text, letter.html):
            assert f"{settings.PUBLIC_URL}/invitation/{token}" in words
            for part in (admin.user.email, "Adam Admin", "Blue Fish", "staff", "for some of its sites", "(UTC)"):
                assert part in words

    def test_arrives_and_is_wiped(self, admin: Membership, settings: Any) -> None:
        with mail_server() as sink:
            settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
            settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
            token = invited(admin)
            send_all()
        (mail,) = sink.messages
        assert mail["To"] == "chef@example.com"
        body = mail.get_body(("plain",))
        assert body is not None
        assert token in body.get_content()
        letter = letters()[0]
        assert (letter.status, letter.text, letter.html) == ("sent", "", "")

    def test_nobody_reads_the_link_in_the_list_of_deliveries(self, admin: Membership) -> None:
        token = invited(admin)
        shown = client_of(admin.user).get(f"{base(admin)}notifications/")
        assert [row["to"] for row in shown.json()["results"]] == ["chef@example.com"]
        assert token not in shown.content.decode()

    @pytest.mark.parametrize("column", ["inviter", "organization"])
    def test_a_name_with_a_line_end_becomes_no_header(self, column: str, settings: Any) -> None:
        """The API refuses such a name; an import or a member of staff might not."""
        evil = "Evil\r\nBcc: everybody@example.com\r\n\r\n<script>alert(1)</script>"
        fields = {"user__name": evil} if column == "inviter" else {"organization__name": evil[:120]}
        member = MembershipFactory(role=Role.ADMIN, **fields)
        with mail_server() as sink:
            settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
            settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
            invited(member)
            send_all()
        (mail,) = sink.messages
        assert mail["Bcc"] is None
        assert "Bcc: everybody@example.com" in mail["Subject"]
        html = mail.get_body(("html",))
        assert html is not None
        assert "<script>" not in html.get_content()


class TestAccepting:
    def test_gives_the_role_that_was_offered(self, admin: Membership, chef: User) -> None:
        token = invited(admin, role="manager")
        answer = accept(chef, token)
        assert answer.status_code == 200
        me = client_of(chef).get("/api/v1/me/").json()
        assert me["memberships"] == [answer.json()]
        assert (answer.json()["role"], answer.json()["org"]["slug"]) == ("manager", admin.organization.slug)
        row = only(admin.organization)
        assert (row.accepted_by_id, row.accepted_at is not None) == (chef.pk, True)
        with as_system():
            change = Change.objects.get(entity="membership", actor_id=chef.pk)
        assert (change.action, change.via, change.address) == ("create", "api", "127.0.0.1")

    def test_works_once(self, admin: Membership, chef: User) -> None:
        token = invited(admin)
        accept(chef, token)
        assert code(accept(chef, token)) == (409, "invitation_used")
        assert story_of(admin.organization) == [("invitation_reused", chef.pk)]

    def test_only_for_the_invited_address(self, admin: Membership, chef: User) -> None:
        token = invited(admin)
        thief = verified(email="thief@example.com")
        assert code(accept(thief, token)) == (403, "invitation_for_somebody_else")
        assert story_of(admin.organization) == [("invitation_of_another_address", thief.pk)]
        assert accept(chef, token).status_code == 200

    def test_the_address_must_be_verified(self, admin: Membership) -> None:
        token = invited(admin)
        unproved = UserFactory(email="chef@example.com")
        with as_system():
            EmailAddress.objects.create(user=unproved, email="chef@example.com", verified=False, primary=True)
        assert code(accept(unproved, token)) == (403, "invitation_for_somebody_else")

    def test_not_after_it_expired(self, admin: Membership, chef: User) -> None:
        token = invited(admin)
        with as_system():
            Invitation.objects.update(expires_at=timezone.now())
        assert code(accept(chef, token)) == (409, "invitation_expired")
        assert story_of(admin.organization) == [("invitation_expired", chef.pk)]

    def test_not_after_it_was_revoked(self, admin: Membership, chef: User) -> None:
        token = invited(admin)
        row = only(admin.organization)
        client = client_of(admin.user)
        for _ in range(2):
            assert client.delete(f"{base(admin)}invitations/{row.pk}/").status_code == 204
        assert code(accept(chef, token)) == (409, "invitation_revoked")
        assert story_of(admin.organization) == [("invitation_revoked_used", chef.pk)]

    def test_not_after_its_inviter_was_removed(self, admin: Membership, chef: User) -> None:
        token = invited(admin)
        owner = MembershipFactory(organization=admin.organization)
        client_of(owner.user).delete(f"{base(owner)}members/{admin.pk}/")
        assert code(accept(chef, token)) == (409, "invitation_revoked")

    def test_refusals_tell_nobody_else(self, admin: Membership, chef: User) -> None:
        MembershipFactory()
        accept(verified(email="thief@example.com"), invited(admin))
        with as_system():
            assert set(SecurityEvent.objects.values_list("organization_id", flat=True)) == {admin.organization_id}

    @pytest.mark.parametrize("token", ["fti_nonsense", "x", "", None, 5, "fti_" + "a" * 10_000])
    def test_an_unknown_link_is_unknown(self, token: Any, chef: User) -> None:
        answer = client_of(chef).post(ACCEPT, {"token": token}, format="json")
        assert answer.status_code in (400, 404)
        assert look_up(token).status_code == answer.status_code

    def test_a_tampered_link_is_unknown(self, admin: Membership, chef: User) -> None:
        token = invited(admin)
        assert accept(chef, token[:-1] + ("A" if token[-1] != "A" else "B")).status_code == 404
        assert accept(chef, token.lower()).status_code == 404

    def test_a_deleted_organization_can_not_be_joined(self, admin: Membership, chef: User) -> None:
        token = invited(admin)
        with as_system():
            Organization.objects.update(deleted_at=timezone.now())
        assert accept(chef, token).status_code == 404
        assert look_up(token).status_code == 404
        assert client_of(chef).get("/api/v1/me/invitations/").json()["results"] == []

    def test_nobody_joins_without_signing_in(self, admin: Membership) -> None:
        assert code(accept(None, invited(admin))) == (401, "not_authenticated")

    def test_somebody_who_is_a_member_by_now_stays_as_they_are(self, admin: Membership, chef: User) -> None:
        token = invited(admin, role="admin")
        member = MembershipFactory(organization=admin.organization, user=chef, role=Role.STAFF)
        assert accept(chef, token).json()["role"] == "staff"
        assert fresh(member).role == Role.STAFF
        assert code(accept(chef, token)) == (409, "invitation_used")

    def test_who_left_can_be_invited_again(self, admin: Membership, chef: User) -> None:
        accept(chef, invited(admin))
        client_of(chef).post(f"{base(admin)}members/leave/")
        assert accept(chef, invited(admin, role="viewer")).json()["role"] == "viewer"


class TestResending:
    def test_sends_a_new_link_and_the_old_one_is_dead(self, admin: Membership, chef: User) -> None:
        old = invited(admin)
        row = only(admin.organization)
        with as_system():
            Invitation.objects.update(expires_at=timezone.now())
        answer = client_of(admin.user).post(f"{base(admin)}invitations/{row.pk}/resend/")
        assert (answer.status_code, answer.json()["state"]) == (200, "pending")
        new = token_in(letters()[-1].text)
        assert accept(chef, old).status_code == 404
        assert accept(chef, new).status_code == 200

    def test_not_what_was_accepted_or_revoked(self, admin: Membership) -> None:
        client = client_of(admin.user)
        used = InvitationFactory(organization=admin.organization, accepted_at=timezone.now())
        revoked = InvitationFactory(organization=admin.organization, revoked_at=timezone.now())
        assert code(client.post(f"{base(admin)}invitations/{used.pk}/resend/")) == (409, "invitation_used")
        assert code(client.post(f"{base(admin)}invitations/{revoked.pk}/resend/")) == (409, "invitation_revoked")
        assert code(client.delete(f"{base(admin)}invitations/{used.pk}/")) == (409, "invitation_used")

    def test_another_organizations_invitation_is_not_there(self, admin: Membership) -> None:
        other = InvitationFactory()
        assert client_of(admin.user).post(f"{base(admin)}invitations/{other.pk}/resend/").status_code == 404
        assert client_of(admin.user).delete(f"{base(admin)}invitations/{other.pk}/").status_code == 404


class TestLookingUp:
    def test_says_who_invites_to_what_without_signing_in(self, admin: Membership) -> None:
        token = invited(admin, role="manager")
        shown = look_up(token).json()
        assert set(shown) == {*("organization", "email", "role", "invited_by", "state", "expires_at", "has_account")}
        assert shown["organization"] == {"name": "Blue Fish"}
        assert (shown["email"], shown["role"], shown["state"]) == ("chef@example.com", "manager", "pending")
        assert (shown["invited_by"]["name"], shown["has_account"]) == ("Adam Admin", False)

    def test_says_whether_to_sign_in_or_up(self, admin: Membership, chef: User) -> None:
        assert look_up(invited(admin)).json()["has_account"] is True

    def test_says_what_became_of_it(self, admin: Membership, chef: User) -> None:
        token = invited(admin)
        accept(chef, token)
        assert look_up(token).json()["state"] == "accepted"

    @pytest.mark.parametrize("state", ["pending", "expired"])
    def test_proves_the_address_of_who_signs_up_only_while_it_is_good(self, state: str, admin: Membership) -> None:
        token = invited(admin)
        if state == "expired":
            with as_system():
                Invitation.objects.update(expires_at=timezone.now())
        client = APIClient()
        look_up(token, client)
        proved = "chef@example.com" in str(dict(client.session.items()))
        assert proved == (state == "pending")

    def test_guessing_has_an_end(self, settings: Any) -> None:
        rates = {**settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "look_up": "3/min"}
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
        # A client's own X-Forwarded-For counts for nothing.
        guesser = [
            APIClient(REMOTE_ADDR="198.51.100.7").post(
                LOOK_UP, {"token": "x"}, format="json", headers={"x-forwarded-for": f"203.0.113.{number}"}
            )
            for number in range(4)
        ]
        assert [answer.status_code for answer in guesser] == [404, 404, 404, 429]
        assert int(guesser[3]["Retry-After"]) > 0
        assert APIClient(REMOTE_ADDR="198.51.100.8").post(LOOK_UP, {"token": "x"}, format="json").status_code == 404


class TestOwnInvitations:
    def test_are_those_of_the_verified_addresses(self, admin: Membership, chef: User) -> None:
        invite(admin)
        InvitationFactory(email="other@example.com")
        InvitationFactory(email="chef@example.com", revoked_at=timezone.now())
        InvitationFactory(email="unproved@example.com")
        with as_system():
            EmailAddress.objects.create(user=chef, email="unproved@example.com", verified=False)
        listed = client_of(chef).get("/api/v1/me/invitations/").json()["results"]
        assert [(row["organization"], row["role"]) for row in listed] == [({"name": "Blue Fish"}, "staff")]
        assert set(listed[0]) == {
            *("id", "organization", "email", "role", "state", "invited_by", "created_at", "expires_at")
        }

    def test_can_be_accepted_without_the_link(self, admin: Membership, chef: User) -> None:
        invite(admin, role="manager")
        row = only(admin.organization)
        address = f"/api/v1/me/invitations/{row.pk}/accept/"
        assert client_of(verified(email="thief@example.com")).post(address).status_code == 404
        assert client_of(chef).post(address).json()["role"] == "manager"
        assert client_of(chef).post(address).status_code == 404

    def test_somebody_without_a_verified_address_has_none(self) -> None:
        InvitationFactory(email="chef@example.com")
        assert client_of(UserFactory(email="chef@example.com")).get("/api/v1/me/invitations/").json()["results"] == []


@pytest.mark.django_db(transaction=True)
class TestAtTheSameMoment:
    @pytest.mark.parametrize("attempt", range(5))
    def test_of_two_who_accept_one_joins(self, attempt: int) -> None:
        organization = OrganizationFactory()
        chef = verified(email="chef@example.com")
        row = InvitationFactory(organization=organization, email="chef@example.com")

        def accepting() -> None:
            with acting_as_system("tests"):
                invitations.accept(invitation=row, by=chef, at=timezone.now())

        assert at_once(accepting, accepting, accepting) == ["done", "invitation_used", "invitation_used"]
        with as_system():
            assert Membership.objects.filter(organization=organization, user=chef).count() == 1

    @pytest.mark.parametrize("attempt", range(5))
    def test_somebody_who_is_removed_leaves_no_invitation_behind(self, attempt: int) -> None:
        owner = MembershipFactory()
        admin = MembershipFactory(organization=owner.organization, role=Role.ADMIN)

        def inviting() -> None:
            with acting_as_system("tests"):
                invitations.invite(email="back@example.com", role="admin", sites=None, by=admin, at=timezone.now())

        def removing() -> None:
            with acting_as_system("tests"):
                membership.remove(membership=admin, by=owner, at=timezone.now())

        assert at_once(inviting, removing) in (["done", "done"], ["done", "not_a_member"])
        with as_system():
            assert not Invitation.objects.pending(at=timezone.now()).exists()

    @pytest.mark.parametrize("attempt", range(5))
    def test_two_invitations_of_one_address_leave_one_open(self, attempt: int) -> None:
        inviters = [MembershipFactory(role=Role.ADMIN)]
        inviters.append(MembershipFactory(role=Role.ADMIN, organization=inviters[0].organization))

        def inviting(by: Membership) -> Any:
            def run() -> None:
                with acting_as_system("tests"):
                    invitations.invite(email="chef@example.com", role="staff", sites=None, by=by, at=timezone.now())

            return run

        assert at_once(*(inviting(by) for by in inviters)) == ["done", "done"]
        with as_system():
            assert Invitation.objects.pending(at=timezone.now()).count() == 1

    def test_a_refusal_is_told_although_its_request_was_rolled_back(self) -> None:
        admin = MembershipFactory(role=Role.ADMIN)
        thief = verified(email="thief@example.com")
        token = invited(admin)
        assert accept(thief, token).status_code == 403
        assert story_of(admin.organization) == [("invitation_of_another_address", thief.pk)]
        with as_system():
            told = Change.objects.get(entity="security_event")
        assert (told.actor_id, told.via) == (thief.pk, "api")
        assert told.changes["detail"]["after"] == "Invitation of chef@example.com, tried by thief@example.com"
