"""API keys and personal access tokens: shown once, hashed, scoped, expiring, revoked everywhere within seconds."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import randrange
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from ingest.authentication import KeyCache
from organizations import secrets
from organizations.models import AccessToken, ApiKey, Change, Membership, Role, SecurityEvent
from tests.factories import MembershipFactory, OrganizationFactory, UserFactory, as_system, key_of, token_of
from tests.organizations.people import base, client_of

pytestmark = pytest.mark.django_db
TOKENS = "/api/v1/me/access-tokens/"
ME = "/api/v1/me/"
# The contract's promise.
PROMISED_S = 5.0


def with_token(secret: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def make(client: APIClient, path: str, **body: Any) -> Any:
    return client.post(path, {"name": "Gateway", **body}, format="json")


def row_of(secret: str) -> Any:
    """The row of a key or token, as it is stored."""
    with as_system():
        model = ApiKey if secret.startswith("ftk_") else AccessToken
        return model._default_manager.get(hash=secrets.digest(secret))


def events(kind: str) -> list[SecurityEvent]:
    with as_system():
        return list(SecurityEvent.objects.filter(kind=kind).order_by("pk"))


def look_up(keys: KeyCache, secret: str) -> bool:
    """As the door does: from the cache, else from the database."""
    known, _, sender = keys.get(secrets.digest(secret))
    return (sender if known else keys.look_up(secrets.digest(secret))) is not None


@pytest.fixture
def admin() -> Membership:
    member: Membership = MembershipFactory(role=Role.ADMIN)
    return member


class TestKeys:
    def test_the_secret_is_in_the_answer_that_makes_it_and_nowhere_else(self, admin: Membership) -> None:
        client, path = client_of(admin.user), f"{base(admin)}api-keys/"
        made = make(client, path)
        assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
        body = made.json()
        secret = body.pop("key")
        assert secret.startswith("ftk_")
        assert len(secret) > 40
        assert body == {
            "id": body["id"],
            "name": "Gateway",
            "prefix": secret[:12],
            "scopes": ["ingest"],
            "created_by": {"id": str(admin.user.pk), "email": admin.user.email, "name": admin.user.name},
            "created_at": body["created_at"],
            "expires_at": None,
            "last_used_at": None,
            "revoked_at": None,
        }
        assert client.get(path).json()["results"] == [body]
        assert client.get(f"{path}{body['id']}/").json() == body
        row = row_of(secret)
        assert secret not in (row.hash, row.prefix, row.name)
        with as_system():
            changes = [change.changes for change in Change.objects.filter(entity="api_key")]
        assert changes
        assert secret not in str(changes)
        assert row.hash not in str(changes)
        assert KeyCache().look_up(secrets.digest(secret)) is not None

    def test_a_repeat_under_an_idempotency_key_never_gets_a_stored_secret(self, admin: Membership) -> None:
        client, path = client_of(admin.user), f"{base(admin)}api-keys/"
        answers = [
            client.post(path, {"name": "Gateway"}, format="json", headers={"idempotency-key": "again"})
            for _ in range(2)
        ]
        first, second = (answer.json()["key"] for answer in answers)
        assert first != second

    def test_a_revoked_key_stays_in_the_list(self, admin: Membership) -> None:
        client, path = client_of(admin.user), f"{base(admin)}api-keys/"
        made, other = make(client, path).json(), make(client, path).json()
        for _ in range(2):
            assert client.delete(f"{path}{made['id']}/").status_code == 204
        first = row_of(made["key"]).revoked_at
        assert first is not None
        listed = {
            wanted: [key["id"] for key in client.get(path, {"revoked": wanted}).json()["results"]]
            for wanted in ("true", "false")
        }
        assert listed == {"true": [made["id"]], "false": [other["id"]]}
        assert len(client.get(path).json()["results"]) == 2

    def test_a_list_of_keys_costs_the_same_however_long(
        self, admin: Membership, django_assert_num_queries: Any
    ) -> None:
        client, path = client_of(admin.user), f"{base(admin)}api-keys/"
        make(client, path)
        with CaptureQueriesContext(connection) as one:
            assert len(client.get(path).json()["results"]) == 1
            statements = [query["sql"] for query in one if query["sql"].startswith(("SELECT", "UPDATE"))]
            size = len(one)
        assert len(statements) < 10, statements
        for _ in range(4):
            make(client, path)
        with django_assert_num_queries(size):
            assert len(client.get(path).json()["results"]) == 5
        page = client.get(path, {"page_size": 2}).json()
        assert (len(page["results"]), bool(page["next"])) == (2, True)

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"name": ""}, "name"),
            ({"name": "x" * 121}, "name"),
            ({"name": "a\nb"}, "name"),
            ({"name": "a\x00b"}, "name"),
            ({"name": "\u202eevil"}, "name"),
            ({"name": None}, "name"),
            ({"scopes": []}, "scopes"),
            ({"scopes": ["everything"]}, "scopes.0"),
            ({"scopes": "ingest"}, "scopes"),
            ({"scopes": None}, "scopes"),
            ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
            ({"expires_at": "9999-12-31T23:59:59Z"}, "expires_at"),
            ({"expires_at": "soon"}, "expires_at"),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_what_makes_no_key_is_named(self, body: dict[str, Any], field: str, admin: Membership) -> None:
        for path in (f"{base(admin)}api-keys/", TOKENS):
            answer = make(client_of(admin.user), path, **body)
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field), answer.content

    def test_there_is_an_end_to_keys_and_tokens(self, admin: Membership) -> None:
        now, client = timezone.now(), client_of(admin.user)
        with as_system():
            ApiKey.objects.bulk_create(
                ApiKey(organization=admin.organization, name="x", prefix="ftk_x", hash=f"{number}")
                for number in range(secrets.MOST_KEYS)
            )
            AccessToken.objects.bulk_create(
                AccessToken(user=admin.user, name="x", prefix="ftp_x", hash=f"{number}", scopes=["read"])
                for number in range(secrets.MOST_TOKENS - 1)
            )
        for path in (f"{base(admin)}api-keys/", TOKENS):
            answer = make(client, path)
            assert (answer.status_code, answer.json()["code"]) == (409, "too_many")
        with as_system():
            ApiKey.objects.filter(hash="0").update(revoked_at=now)
            AccessToken.objects.filter(hash="0").update(expires_at=now)
        for path in (f"{base(admin)}api-keys/", TOKENS):
            assert make(client, path).status_code == 201

    def test_a_key_is_no_persons_token_and_a_token_no_key(self, admin: Membership) -> None:
        answer = with_token(key_of(admin.organization)).get(ME)
        assert (answer.status_code, "key" in answer.json()["detail"]) == (401, True)
        assert KeyCache().look_up(secrets.digest(token_of(admin.user))) is None

    def test_the_last_use_is_written_once_a_minute(self, admin: Membership) -> None:
        secret = key_of(admin.organization)
        KeyCache().look_up(secrets.digest(secret))
        first = row_of(secret).last_used_at
        KeyCache().look_up(secrets.digest(secret))
        assert row_of(secret).last_used_at == first is not None
        with as_system():
            ApiKey.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
        KeyCache().look_up(secrets.digest(secret))
        assert row_of(secret).last_used_at > first


class TestRefused:
    """What ends, ends in every process; each has a cache of its own."""

    @pytest.mark.parametrize("how", ["revoked", "expired", "organization deleted"])
    def test_two_processes_refuse_a_key_within_five_seconds(self, how: str, admin: Membership) -> None:
        secret = key_of(admin.organization)
        processes = [KeyCache(), KeyCache()]
        assert [look_up(process, secret) for process in processes] == [True, True]
        now = timezone.now()
        began = time.monotonic()
        with as_system():
            if how == "revoked":
                secrets.revoke(secret=row_of(secret), at=now)
            elif how == "expired":
                ApiKey.objects.update(expires_at=now)
            else:
                type(admin.organization).objects.filter(pk=admin.organization_id).update(deleted_at=now)
        while any(look_up(process, secret) for process in processes):
            assert time.monotonic() - began < PROMISED_S
            time.sleep(0.05)
        assert time.monotonic() - began < PROMISED_S

    def test_a_key_that_is_used_after_its_end_is_told_once_an_hour(self, admin: Membership) -> None:
        now = timezone.now()
        revoked = key_of(admin.organization, revoked_at=now)
        expired = key_of(admin.organization, expires_at=now)
        for secret in (revoked, expired) * 3:
            assert KeyCache().look_up(secrets.digest(secret)) is None
        told = events("revoked_key_used")
        assert [(event.organization_id, event.detail) for event in told] == [
            (admin.organization_id, f"{revoked[:12]}… (Gateway), revoked"),
            (admin.organization_id, f"{expired[:12]}… (Gateway), expired"),
        ]
        with as_system():
            SecurityEvent.objects.update(created_at=now - timedelta(minutes=61))
        KeyCache().look_up(secrets.digest(revoked))
        assert len(events("revoked_key_used")) == 3
        assert all(secret not in event.detail for event in told for secret in (revoked, expired))

    def test_a_revoked_token_is_told_where_it_is_tried(self, admin: Membership) -> None:
        token = token_of(admin.user, revoked_at=timezone.now())
        for path in (f"{base(admin)}sites/", f"{base(admin)}sites/", ME, f"{base(MembershipFactory())}sites/"):
            answer = with_token(token).get(path)
            assert (answer.status_code, answer.json()["code"]) == (401, "token_revoked")
        (told,) = events("revoked_token_used")
        assert (told.organization_id, told.user_id) == (admin.organization_id, admin.user_id)
        assert token not in told.detail
        assert token[:12] in told.detail

    def test_any_change_of_a_character_is_noticed(self) -> None:
        token = token_of(UserFactory())
        assert with_token(token).get(ME).status_code == 200
        changed = [token[:at] + ("x" if token[at] != "x" else "y") + token[at + 1 :] for at in range(len(token))]
        for wrong in (*changed, token[:-1], token + "x", token.upper(), "x" * 20_000, "ftp_"):
            answer = with_token(wrong).get(ME)
            assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
            assert answer.json()["code"] == "authentication_failed"

    def test_nothing_of_a_secret_is_logged(self, admin: Membership, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        token, key = token_of(admin.user), key_of(admin.organization)
        made = make(with_token(token), TOKENS).json()["token"]
        with_token(token[:-1]).get(ME)
        with_token(token_of(admin.user, revoked_at=timezone.now())).get(f"{base(admin)}sites/")
        KeyCache().look_up(secrets.digest(key))
        assert caplog.records
        for secret in (token, key, made):
            assert secret[12:] not in caplog.text
            assert secrets.digest(secret) not in "".join(
                record.getMessage() for record in caplog.records if not record.name.startswith("django.db")
            )


class TestTokens:
    def test_a_person_makes_lists_and_revokes_their_own(self) -> None:
        owner, stranger = UserFactory(), UserFactory()
        client = client_of(owner)
        ends = (timezone.now() + timedelta(days=30)).isoformat()
        made = make(client, TOKENS, scopes=["write", "read", "read"], expires_at=ends)
        assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
        body = made.json()
        secret = body.pop("token")
        assert sorted(body) == sorted(
            ["id", "name", "prefix", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at"]
        )
        assert (body["scopes"], body["prefix"]) == (["read", "write"], secret[:12])
        assert secret.startswith("ftp_")
        assert with_token(secret).get(ME).json()["id"] == str(owner.pk)
        assert body["id"] in [row["id"] for row in client.get(TOKENS).json()["results"]]
        assert body["id"] not in str(client_of(stranger).get(TOKENS).json())
        assert client_of(stranger).delete(f"{TOKENS}{body['id']}/").status_code == 404
        for _ in range(2):
            assert client.delete(f"{TOKENS}{body['id']}/").status_code == 204
        assert with_token(secret).get(ME).status_code == 401
        assert [row["id"] for row in client.get(TOKENS, {"revoked": "true"}).json()["results"]] == [body["id"]]

    def test_nobody_without_credentials_makes_one(self) -> None:
        assert make(APIClient(), TOKENS).status_code == 401

    def test_a_token_for_reading_changes_nothing(self) -> None:
        admin = MembershipFactory()
        client = with_token(token_of(admin.user, scopes=["read"]))
        assert client.get(ME).status_code == 200
        assert client.head(ME).status_code == 200
        assert client.options(ME).status_code == 200
        for path in (ME, TOKENS, f"{base(admin)}sites/", base(admin), "/api/v1/orgs/"):
            for method in ("post", "put", "patch", "delete"):
                answer = getattr(client, method)(path, {"name": "x"}, format="json")
                assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope"), (method, path)

    def test_a_token_for_changing_only_reads_nothing(self) -> None:
        client = with_token(token_of(UserFactory(), scopes=["write"]))
        assert client.get(ME).json()["code"] == "insufficient_scope"
        assert client.patch(ME, {"name": "x"}, format="json").status_code == 200

    def test_a_token_cant_make_one_that_may_more(self) -> None:
        owner = UserFactory()
        writer = with_token(token_of(owner, scopes=["write"]))
        answer = make(writer, TOKENS)
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
        assert make(writer, TOKENS, scopes=["write"]).status_code == 201

    def test_a_token_cant_make_one_that_outlives_it(self) -> None:
        ends = timezone.now() + timedelta(hours=1)
        client = with_token(token_of(UserFactory(), expires_at=ends))
        for later in (None, (ends + timedelta(seconds=1)).isoformat()):
            answer = make(client, TOKENS, expires_at=later)
            assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
        assert make(client, TOKENS, expires_at=ends.isoformat()).status_code == 201

    def test_the_last_use_is_written_once_a_minute(self) -> None:
        token = token_of(UserFactory())
        client = with_token(token)
        client.get(ME)
        first = row_of(token).last_used_at
        client.get(ME)
        assert row_of(token).last_used_at == first is not None
        with as_system():
            AccessToken.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
        client.get(ME)
        assert row_of(token).last_used_at > first

    def test_an_expiring_token_is_refused_from_its_end_on(self) -> None:
        token = token_of(UserFactory(), expires_at=timezone.now() + timedelta(seconds=0.3))
        client = with_token(token)
        began = time.monotonic()
        while client.get(ME).status_code == 200:
            assert time.monotonic() - began < PROMISED_S
        assert client.get(ME).json()["code"] == "token_expired"


class TestGuessing:
    """Each test comes from addresses of its own: what others counted isn't its business."""

    @pytest.fixture(autouse=True)
    def few(self, settings: Any) -> None:
        rates = {**settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "bad_credentials": "3/hour"}
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}

    @pytest.fixture
    def network(self) -> str:
        return f"10.{randrange(256)}.{randrange(256)}"

    def guess(self, address: str, secret: str = "ftp_guessed") -> Any:
        return with_token(secret).get(ME, REMOTE_ADDR=address)

    def test_whoever_guesses_is_told_to_wait(self, network: str) -> None:
        answers = [self.guess(f"{network}.1") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
        assert int(answers[-1]["Retry-After"]) > 3000
        assert answers[-1].json()["code"] == "throttled"
        assert self.guess(f"{network}.2").status_code == 401
        codes = [self.guess(f"{network}.3", bad).status_code for bad in ("a.b.c", "x", "ftk_x", "..")]
        assert codes == [401, 401, 401, 429]

    def test_a_good_token_from_the_same_address_doesnt_notice(self, network: str) -> None:
        token = token_of(UserFactory())
        for _ in range(5):
            self.guess(f"{network}.1")
        assert self.guess(f"{network}.1", token).status_code == 200
        assert APIClient().get(ME, REMOTE_ADDR=f"{network}.1").status_code == 401

    def test_an_ipv6_customer_is_one(self) -> None:
        network = f"2001:db8:{randrange(65536):x}:{randrange(65536):x}"
        answers = [self.guess(f"{network}::{number}").status_code for number in range(5)]
        assert answers == [401, 401, 401, 429, 429]


@pytest.mark.django_db(transaction=True)
def test_two_who_reach_for_the_last_place_dont_both_get_it() -> None:
    user = UserFactory()
    with as_system():
        AccessToken.objects.bulk_create(
            AccessToken(user=user, name="x", prefix="ftp_x", hash=f"{number}", scopes=["read"])
            for number in range(secrets.MOST_TOKENS - 2)
        )
    client = client_of(user)

    def one() -> int:
        try:
            return int(make(client, TOKENS).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        found = [future.result() for future in [threads.submit(one) for _ in range(4)]]
    assert sorted(found) == [201, 409, 409, 409]


@pytest.mark.django_db(transaction=True)
def test_two_processes_that_refuse_a_key_at_once_tell_it_once() -> None:
    organization = OrganizationFactory()
    secret = key_of(organization, revoked_at=timezone.now())

    def one() -> bool:
        try:
            return KeyCache().look_up(secrets.digest(secret)) is None
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        assert all(future.result() for future in [threads.submit(one) for _ in range(6)])
    assert len(events("revoked_key_used")) == 1
