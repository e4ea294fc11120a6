"""Organizations: founded with what they need, renamed without breaking links, deleted and brought back."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from rest_framework.test import APIClient

from alerts.models import AlertRule
from alerts.profiles import EVERYWHERE, PROFILES
from ingest import authentication
from organizations import founding, secrets, slugs
from organizations.models import Change, FormerSlug, Membership, Organization, Role, User
from organizations.scoped_views import membership_of
from organizations.tenancy import acting_as_system
from tests.factories import (
    MembershipFactory,
    OrganizationFactory,
    SiteFactory,
    UserFactory,
    as_system,
    fresh,
    key_of,
)
from tests.organizations.people import base, client_of, verified
from tests.organizations.test_members import at_once

pytestmark = pytest.mark.django_db

ORGS = "/api/v1/orgs/"


@pytest.fixture
def founder() -> User:
    return verified(email="founder@example.com")


@pytest.fixture
def owner() -> Membership:
    made: Membership = MembershipFactory(organization__slug="old-name", organization__name="Old Name")
    return made


def found(person: User, **wanted: Any) -> Any:
    return client_of(person).post(ORGS, {"name": "Blue Fish Ltd", **wanted}, format="json")


def change(member: Membership, **wanted: Any) -> Any:
    return client_of(member.user).patch(base(member), wanted, format="json")


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def field(response: Any) -> tuple[int, str, str]:
    error = response.json()["errors"][0]
    return response.status_code, error["field"], error["code"]


class TestFounding:
    def test_makes_an_organization_of_which_one_is_the_owner(self, founder: User) -> None:
        answer = found(founder, timezone="Europe/Berlin")
        made = answer.json()
        assert answer.status_code == 201
        assert set(made) == {
            *("id", "slug", "name", "timezone", "email", "role", "sites", "permissions"),
            *("acknowledgement_minutes", "created_at", "deleted_at", "purge_at"),
        }
        assert (made["slug"], made["name"], made["timezone"]) == ("blue-fish-ltd", "Blue Fish Ltd", "Europe/Berlin")
        assert (made["role"], made["sites"], made["email"]) == ("owner", None, founder.email)
        assert "organization.delete" in made["permissions"]
        client = client_of(founder)
        assert client.get(ORGS).json()["results"] == [made]
        assert client.get(f"{ORGS}blue-fish-ltd/").json() == made

    def test_lays_the_default_rules_of_every_kind_of_unit(self, founder: User) -> None:
        slug = found(founder).json()["slug"]
        with as_system():
            rules = AlertRule.objects.filter(organization__slug=slug)
            of_kinds = sum(len(profile.rules) for profile in PROFILES.values())
            assert rules.count() == of_kinds + len(EVERYWHERE)
            assert set(rules.values_list("unit_kind", flat=True)) == {*PROFILES, ""}

    def test_the_change_log_says_who_founded_it(self, founder: User) -> None:
        found(founder)
        with as_system():
            change = Change.objects.get(entity="organization")
        assert (change.action, change.actor_id, change.via) == ("create", founder.pk, "api")

    def test_needs_a_verified_address(self) -> None:
        person = UserFactory()
        assert code(found(person)) == (403, "address_not_verified")
        with as_system():
            EmailAddress.objects.create(user=person, email=person.email, verified=False)
        assert code(found(person)) == (403, "address_not_verified")
        with as_system():
            assert not Organization.objects.exists()

    def test_needs_somebody(self) -> None:
        assert code(client_of(None).post(ORGS, {"name": "Blue Fish"}, format="json")) == (401, "not_authenticated")

    def test_has_a_limit_of_its_own(self, founder: User, settings: Any) -> None:
        rates = {**settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "founding": "2/hour"}
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
        answers = [found(founder) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [201, 201, 429]
        assert int(answers[2]["Retry-After"]) > 0
        assert client_of(founder).get(ORGS).status_code == 200

    def test_what_fails_leaves_nothing_behind(self, founder: User, settings: Any) -> None:
        settings.FURNISHINGS = ["alerts.profiles.lay_default_rules", "alerts.profiles.nothing"]
        client = APIClient(raise_request_exception=False)
        client.force_authenticate(founder)
        assert client.post(ORGS, {"name": "Blue Fish"}, format="json").status_code == 500
        with as_system():
            assert not Organization.objects.exists()


class TestNames:
    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("", "blank"),
            ("   ", "blank"),
            ("x" * 121, "max_length"),
            ("x" * 10_000, "max_length"),
            ("Blue\r\nBcc: everybody@example.com", "not_printable"),
            ("Blue\nFish", "not_printable"),
            ("Blue\u2028Fish", "not_printable"),
            ("Blue \u202ehsiF", "not_printable"),
            ("Blue\u200bFish", "not_printable"),
            ("\x1b[31mBlue", "not_printable"),
            ("Blue\x00Fish", "null_characters_not_allowed"),
            (None, "null"),
            (["Blue"], "invalid"),
            ({"a": 1}, "invalid"),
        ],
    )
    def test_what_can_not_be_a_name_is_refused_in_words(self, name: Any, why: str, founder: User) -> None:
        answer = found(founder, name=name)
        assert field(answer)[:2] == (400, "name")
        assert why in {error["code"] for error in answer.json()["errors"]}
        assert len(answer.content) < 1000  # a long name isn't sent back

    @pytest.mark.parametrize(
        "name", ["  Blue Fish  ", "蓝鱼", "Café “Zum Löwen”", "👩\u200d🍳 Kitchen", "O'Neill & Sons"]
    )
    def test_what_people_call_their_company_is_kept(self, name: str, founder: User) -> None:
        assert found(founder, name=name).json()["name"] == name.strip()

    @pytest.mark.parametrize("zone", ["Berlin", "", "../../etc/passwd", None, 5, "x" * 1000])
    def test_a_time_zone_must_be_known(self, zone: Any, founder: User) -> None:
        assert field(found(founder, timezone=zone))[:2] == (400, "timezone")


class TestSlugs:
    @pytest.mark.parametrize(
        ("name", "slug"),
        [
            ("Blue Fish & Sons", "blue-fish-sons"),
            ("Käse", "kase"),
            ("蓝鱼", "organization-org"),
            ("API", "api-org"),
            ("2024", "2024-org"),
            ("X", "x-org"),
            ("__a__b__", "a-b"),
        ],
    )
    def test_are_made_of_the_name(self, name: str, slug: str, founder: User) -> None:
        made = found(founder, name=name).json()["slug"]
        slugs.acceptable(made)
        assert made == slug

    def test_are_numbered_when_they_are_taken(self, founder: User) -> None:
        for expected in ("blue-fish-ltd", "blue-fish-ltd-2", "blue-fish-ltd-3"):
            assert found(founder).json()["slug"] == expected

    def test_long_names_make_short_ones(self, founder: User) -> None:
        made = [found(founder, name="x" * 120).json()["slug"] for _ in range(2)]
        assert len(set(made)) == 2
        assert all(len(slug) <= slugs.LONGEST for slug in made)

    @pytest.mark.parametrize(
        "slug",
        [
            *("ab", "x" * 61, "x" * 10_000, "Blue-Fish", "blue fish", "blue_fish", "-blue", "blue-", "blue--fish"),
            *("blue/fish", "../api", "blüe", "123", "12-3", "", "blue\r\nfish", "blue\x00fish", "%2e%2e", "b.f"),
            *("api", "admin", "static", "ws", "health", "new", "orgs", "me", "sign-in", "invitation", "support", "www"),
        ],
    )
    def test_what_can_not_be_in_an_address_is_refused_in_words(self, slug: str, founder: User) -> None:
        assert field(found(founder, slug=slug))[:2] == (400, "slug")

    def test_one_that_is_taken_is_a_conflict(self, founder: User, owner: Membership) -> None:
        assert code(found(founder, slug="old-name")) == (409, "slug_taken")

    def test_nor_one_that_somebody_had(self, founder: User, owner: Membership) -> None:
        change(owner, slug="new-name")
        assert code(found(founder, slug="old-name")) == (409, "slug_taken")
        other = MembershipFactory()
        assert code(change(other, slug="old-name")) == (409, "slug_taken")
        assert found(founder, name="Old Name").json()["slug"] == "old-name-2"

    def test_nor_that_of_a_deleted_organization(self, founder: User, owner: Membership) -> None:
        client_of(owner.user).delete(base(owner))
        assert code(found(founder, slug="old-name")) == (409, "slug_taken")

    def test_no_address_of_ours_can_be_one(self) -> None:
        """A new address must be reserved before a customer has its name."""
        segments = set()
        for pattern in get_resolver().url_patterns:
            if isinstance(pattern, URLResolver | URLPattern):
                segments.add(str(pattern.pattern).strip("^/").split("/")[0])
        api = {str(p.pattern).split("/")[0] for p in get_resolver("organizations.urls").url_patterns}
        words = {word for word in segments | api if word.replace("-", "").isalpha()}
        assert {"admin", "health", "metrics", "me", "orgs", "invitations"} <= words | {"metrics"}
        assert {word for word in words if len(word) >= slugs.SHORTEST} <= slugs.RESERVED

    def test_nor_an_address_of_the_web_app(self) -> None:
        router = (settings.BASE_DIR / "frontend/src/app/router.tsx").read_text()
        paths = re.findall(r"getParentRoute: \(\) => (?:root|signedIn),\s*path: '/([^'/]*)", router)
        first = set(paths) - {""}
        assert "sign-in" in first
        assert {word for word in first if len(word) >= slugs.SHORTEST and "$" not in word} <= slugs.RESERVED


class TestChanging:
    def test_name_time_zone_and_invoice_address(self, owner: Membership) -> None:
        answer = change(owner, name="New Name", timezone="Asia/Tokyo", email="money@example.com")
        assert answer.status_code == 200
        shown = answer.json()
        assert (shown["name"], shown["timezone"], shown["email"]) == ("New Name", "Asia/Tokyo", "money@example.com")
        assert client_of(owner.user).get(base(owner)).json() == shown

    @pytest.mark.parametrize("role", [Role.MANAGER, Role.STAFF, Role.VIEWER])
    def test_is_for_administrators(self, role: str, owner: Membership) -> None:
        member = MembershipFactory(organization=owner.organization, role=role)
        assert change(member, name="Mine").status_code == 403
        assert client_of(member.user).get(base(member)).json()["email"] is None

    def test_an_old_address_leads_to_the_new_one(self, owner: Membership) -> None:
        SiteFactory(organization=owner.organization)
        client = client_of(owner.user)
        assert client.patch(f"{ORGS}old-name/", {"slug": "new-name"}, format="json").json()["slug"] == "new-name"
        moved = client.get(f"{ORGS}old-name/sites/?page_size=1&search=a%20b")
        assert moved.status_code == 308
        assert moved["Location"] == f"{ORGS}new-name/sites/?page_size=1&search=a%20b"
        assert moved["Cache-Control"] == "no-store"
        followed = client.get(moved["Location"].partition("?")[0])
        assert (followed.status_code, len(followed.json()["results"])) == (200, 1)
        posted = client.post(f"{ORGS}old-name/sites/", {"name": "New"}, format="json")
        assert (posted.status_code, posted["Location"]) == (308, f"{ORGS}new-name/sites/")

    def test_only_for_members(self, owner: Membership) -> None:
        stranger = MembershipFactory().user
        past = MembershipFactory(organization=owner.organization, ended_at=timezone.now()).user
        change(owner, slug="new-name")
        for person in (stranger, past):
            assert client_of(person).get(f"{ORGS}old-name/").status_code == 404
        assert client_of(None).get(f"{ORGS}old-name/").status_code == 401

    def test_a_socket_finds_it_under_the_old_name(self, owner: Membership) -> None:
        change(owner, slug="new-name")
        found = membership_of(owner.user, "old-name")
        assert found is not None
        assert found.organization.slug == "new-name"

    def test_one_may_go_back_to_an_old_name(self, owner: Membership) -> None:
        client = client_of(owner.user)
        for old, new in (("old-name", "second"), ("second", "third"), ("third", "old-name"), ("old-name", "second")):
            assert client.patch(f"{ORGS}{old}/", {"slug": new}, format="json").status_code == 200
        assert client.get(f"{ORGS}old-name/")["Location"] == f"{ORGS}second/"
        assert client.get(f"{ORGS}third/")["Location"] == f"{ORGS}second/"
        assert client.get(f"{ORGS}second/").status_code == 200

    def test_a_name_that_is_taken_changes_nothing(self, owner: Membership) -> None:
        OrganizationFactory(slug="taken-name")
        answer = client_of(owner.user).patch(f"{ORGS}old-name/", {"slug": "taken-name", "name": "New"}, format="json")
        assert code(answer) == (409, "slug_taken")
        assert (fresh(owner.organization).slug, fresh(owner.organization).name) == ("old-name", "Old Name")
        with as_system():
            assert not FormerSlug.objects.filter(slug="taken-name").exists()

    @pytest.mark.parametrize("email", ["x", "a@b.example\r\nBcc: c@d.example", "a" * 10_000 + "@b.example"])
    def test_an_invoice_address_is_an_address(self, email: str, owner: Membership) -> None:
        assert field(change(owner, email=email))[:2] == (400, "email")


class TestVersions:
    def test_a_change_of_what_somebody_else_changed_is_refused(self, owner: Membership) -> None:
        client = client_of(owner.user)
        seen = client.get(base(owner))["ETag"]
        assert (
            client.patch(base(owner), {"name": "First"}, format="json", headers={"if-match": seen}).status_code == 200
        )
        second = client.patch(base(owner), {"name": "Second"}, format="json", headers={"if-match": seen})
        assert code(second) == (412, "precondition_failed")
        assert second.json()["current"]["name"] == "First"
        assert client.delete(base(owner), headers={"if-match": seen}).status_code == 412
        assert fresh(owner.organization).name == "First"


class TestDeleting:
    def test_everything_of_it_is_gone(self, owner: Membership) -> None:
        member = MembershipFactory(organization=owner.organization, role=Role.MANAGER)
        key = key_of(owner.organization)
        assert authentication.KeyCache().look_up(secrets.digest(key)) is not None
        assert client_of(owner.user).delete(base(owner)).status_code == 204
        for person in (owner.user, member.user):
            client = client_of(person)
            for path in ("", "sites/", "members/", "alerts/", "invitations/"):
                assert client.get(f"{base(owner)}{path}").status_code == 404
            assert client.get(ORGS).json()["results"] == []
            assert client.get("/api/v1/me/").json()["memberships"] == []
        assert authentication.KeyCache().look_up(secrets.digest(key)) is None

    @pytest.mark.parametrize("role", [Role.ADMIN, Role.MANAGER, Role.VIEWER])
    def test_is_for_owners(self, role: str, owner: Membership) -> None:
        member = MembershipFactory(organization=owner.organization, role=role)
        assert client_of(member.user).delete(base(member)).status_code == 403

    def test_owners_see_what_they_deleted_and_when_it_is_gone_for_good(self, owner: Membership) -> None:
        admin = MembershipFactory(organization=owner.organization, role=Role.ADMIN)
        client = client_of(owner.user)
        assert client.get(f"{ORGS}?deleted=true").json()["results"] == []
        client.delete(base(owner))
        (shown,) = client.get(f"{ORGS}?deleted=true").json()["results"]
        gone_at = fresh(owner.organization).deleted_at
        assert (shown["slug"], shown["role"]) == ("old-name", "owner")
        assert shown["purge_at"] == (gone_at + timedelta(days=30)).isoformat().replace("+00:00", "Z")
        assert client_of(admin.user).get(f"{ORGS}?deleted=true").json()["results"] == []

    def test_an_owner_brings_it_back_as_it_was(self, owner: Membership) -> None:
        key = key_of(owner.organization)
        SiteFactory(organization=owner.organization)
        client = client_of(owner.user)
        client.delete(base(owner))
        for _ in range(2):
            answer = client.post(f"{base(owner)}restore/")
            assert (answer.status_code, answer.json()["deleted_at"]) == (200, None)
        assert len(client.get(f"{base(owner)}sites/").json()["results"]) == 1
        assert authentication.KeyCache().look_up(secrets.digest(key)) is not None
        with as_system():
            changes = Change.objects.filter(entity="organization", action="update").order_by("id")
            assert [change.actor_id for change in changes] == [owner.user_id, owner.user_id]

    def test_nobody_else_does(self, owner: Membership) -> None:
        admin = MembershipFactory(organization=owner.organization, role=Role.ADMIN)
        assert client_of(admin.user).post(f"{base(owner)}restore/").status_code == 403
        client_of(owner.user).delete(base(owner))
        for person in (admin.user, MembershipFactory().user):
            assert client_of(person).post(f"{base(owner)}restore/").status_code == 404

    def test_not_after_thirty_days(self, owner: Membership) -> None:
        with as_system():
            Organization.objects.update(deleted_at=timezone.now() - founding.RESTORABLE)
        client = client_of(owner.user)
        assert code(client.post(f"{base(owner)}restore/")) == (409, "too_late")
        assert client.get(f"{ORGS}?deleted=true").json()["results"] == []


def test_a_longer_list_costs_no_more_queries(founder: User) -> None:
    client = client_of(founder)
    client.get(ORGS)
    counts = []
    for more in (1, 20):
        for _ in range(more):
            MembershipFactory(user=founder, role=Role.STAFF)
        with CaptureQueriesContext(connection) as queries:
            listed = client.get(ORGS).json()
        counts.append(len(queries))
    assert len(listed["results"]) == 21
    assert counts[0] == counts[1]
    first = client.get(f"{ORGS}?page_size=10").json()
    second = client.get(first["next"]).json()
    names = [row["name"] for row in first["results"] + second["results"]]
    assert len(names) == 20
    assert names == sorted(names)


@pytest.mark.django_db(transaction=True)
class TestAtTheSameMoment:
    @pytest.mark.parametrize("attempt", range(5))
    def test_organizations_of_one_name_get_different_addresses(self, attempt: int) -> None:
        people = [verified() for _ in range(4)]

        def founding_by(person: User) -> Any:
            def run() -> None:
                with acting_as_system("tests"):
                    founding.found(name="Blue Fish", owner=person)

            return run

        assert at_once(*(founding_by(person) for person in people)) == ["done"] * 4
        with as_system():
            assert sorted(Organization.objects.values_list("slug", flat=True)) == [
                *("blue-fish", "blue-fish-2", "blue-fish-3", "blue-fish-4")
            ]

    @pytest.mark.parametrize("attempt", range(5))
    def test_of_two_who_want_one_address_one_gets_it(self, attempt: int) -> None:
        members = [MembershipFactory() for _ in range(2)]

        def moving(member: Membership) -> Any:
            def run() -> None:
                with acting_as_system("tests"):
                    founding.change(organization=member.organization, slug="wanted-name")

            return run

        assert at_once(*(moving(member) for member in members)) == ["done", "slug_taken"]
