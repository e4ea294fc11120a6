"""The own account, tokens, errors and limits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from organizations.models import AccessToken, Role
from organizations.permissions import TABLE, actions_of, may, roles_that_may
from tests.factories import MembershipFactory, OrganizationFactory, UserFactory, as_system, token_of

pytestmark = pytest.mark.django_db


def client(token: str | None = None) -> APIClient:
    made = APIClient()
    if token:
        made.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return made


def test_me_names_the_person_and_the_organizations() -> None:
    member = MembershipFactory(role=Role.STAFF)
    MembershipFactory(user=member.user, ended_at=timezone.now())
    MembershipFactory(user=member.user, organization__deleted_at=timezone.now())
    me = client(token_of(member.user)).get("/api/v1/me/").json()
    assert me["email"] == member.user.email
    organization = member.organization
    assert me["memberships"] == [
        {
            "org": {"slug": organization.slug, "name": organization.name},
            "role": "staff",
            "sites": None,
            "permissions": actions_of(member),
        }
    ]
    assert "alerts.resolve" in actions_of(member)
    assert "rules.change" not in actions_of(member)


def test_the_list_of_organizations_has_the_persons_own_only() -> None:
    member = MembershipFactory(role=Role.VIEWER)
    OrganizationFactory()
    listed = client(token_of(member.user)).get("/api/v1/orgs/").json()["results"]
    assert [(o["slug"], o["role"]) for o in listed] == [(member.organization.slug, "viewer")]
    one = client(token_of(member.user)).get(f"/api/v1/orgs/{member.organization.slug}/").json()
    assert (one["name"], one["role"]) == (member.organization.name, "viewer")


def test_somebody_without_organizations_has_an_empty_list() -> None:
    assert client(token_of(UserFactory())).get("/api/v1/orgs/").json()["results"] == []


@pytest.mark.parametrize("path", ["/api/v1/me/", "/api/v1/orgs/", "/api/v1/orgs/x/", "/api/v1/orgs/x/alerts/"])
def test_without_credentials_everything_asks_for_them(path: str) -> None:
    response = client().get(path)
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert (problem["code"], problem["status"]) == ("not_authenticated", 401)
    assert problem["request_id"] == response["X-Request-Id"]


class TestTokens:
    @pytest.mark.parametrize(
        "fields",
        [
            {"revoked_at": timezone.now()},
            {"expires_at": timezone.now() - timedelta(seconds=1)},
        ],
        ids=["revoked", "expired"],
    )
    def test_an_unusable_token_is_refused(self, fields: dict[str, Any]) -> None:
        token = token_of(UserFactory(), **fields)
        assert client(token).get("/api/v1/me/").status_code == 401

    def test_an_unknown_token_is_refused(self) -> None:
        response = client("ftp_nonsense").get("/api/v1/me/")
        assert (response.status_code, response.json()["code"]) == (401, "authentication_failed")

    def test_a_switched_off_person_is_refused(self) -> None:
        assert client(token_of(UserFactory(is_active=False))).get("/api/v1/me/").status_code == 401

    def test_only_the_hash_is_stored_and_last_use_is_noted(self) -> None:
        token = token_of(UserFactory())
        client(token).get("/api/v1/me/")
        with as_system():
            row = AccessToken.objects.get()
        assert token not in (row.hash, row.prefix)
        assert token.startswith(row.prefix)
        assert row.last_used_at is not None


class TestErrors:
    def test_an_unknown_address_of_the_api_is_json(self) -> None:
        response = client().get("/api/v1/nothing/")
        assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")

    def test_broken_json_is_named(self) -> None:
        member = MembershipFactory()
        response = client(token_of(member.user)).post(
            f"/api/v1/orgs/{member.organization.slug}/sites/", b"{", content_type="application/json"
        )
        assert (response.status_code, response.json()["code"]) == (400, "parse_error")

    def test_a_wrong_method_is_named(self) -> None:
        response = client(token_of(UserFactory())).delete("/api/v1/me/")
        assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")

    def test_a_proxys_request_id_is_kept_if_it_looks_like_one(self) -> None:
        good = client().get("/health/live", headers={"x-request-id": "abcdefgh-123"})
        assert good["X-Request-Id"] == "abcdefgh-123"
        bad = client().get("/health/live", headers={"x-request-id": "a b; drop table"})
        assert bad["X-Request-Id"] != "a b; drop table"

    def test_too_fast_says_when_to_come_back(self, settings: Any) -> None:
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": {"user": "2/hour"}}
        hasty, calm = client(token_of(UserFactory())), client(token_of(UserFactory()))
        answers = [hasty.get("/api/v1/me/") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert (answers[2].json()["code"], int(answers[2]["Retry-After"]) > 0) == ("throttled", True)
        assert calm.get("/api/v1/me/").status_code == 200

    def test_a_persons_screens_and_programs_are_counted_apart(self, settings: Any) -> None:
        rates = {"user": "1/hour", "screen": "3/hour"}
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
        person = UserFactory()
        program, screen = client(token_of(person)), client()
        screen.force_login(person)
        assert [program.get("/api/v1/me/").status_code for _ in range(2)] == [200, 429]
        assert [screen.get("/api/v1/me/").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_the_schema_is_openapi_3_1_and_public() -> None:
    response = client().get("/api/v1/schema/", headers={"accept": "application/json"})
    assert response.status_code == 200
    assert response.data["openapi"].startswith("3.1")
    assert client().get("/api/v1/docs/").status_code == 200


def test_a_higher_role_may_do_all_that_a_lower_one_may() -> None:
    for action in TABLE:
        allowed = [may(role, action) for role in ("viewer", "staff", "manager", "admin", "owner")]
        assert allowed == sorted(allowed)
        assert may("owner", action)
    assert roles_that_may("rules.change") == ["manager", "admin", "owner"]
    with pytest.raises(KeyError):
        may("owner", "nothing.known")
