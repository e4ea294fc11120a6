"""Bearer tokens of other identity providers, against a real issuer that rotates keys and goes away."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives import serialization
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from freshtrack.checks import identity_providers_can_be_asked
from notifications.models import ContactMethod
from organizations.models import AccessToken, ExternalIdentity, SecurityEvent, User
from organizations.oidc import keys as issuers_keys
from organizations.oidc.fetching import SigningKey, Unreachable, fetch_keys
from organizations.oidc.keys import RETRY_S, UNKNOWN_S, IssuerKeys
from organizations.oidc.tokens import LEEWAY_S
from tests.factories import PASSWORD, MembershipFactory, UserFactory, as_system, fresh, token_of
from tests.issuer import AUDIENCE, DISCOVERY, KEYS, WELL_KNOWN_KEYS, Issuer, Key, rsa_key, running
from tests.organizations.people import verified

pytestmark = pytest.mark.django_db
ME = "/api/v1/me/"
HOUR = 3600


@pytest.fixture
def issuer(settings: Any) -> Iterator[Issuer]:
    with running() as made:
        settings.OIDC_ISSUERS = {made.url: [AUDIENCE]}
        yield made


def ask(bearer: str, path: str = ME) -> Any:
    return APIClient().get(path, headers={"authorization": f"Bearer {bearer}"})


def refusal(bearer: str) -> str:
    """The code of the 401 that this bearer gets."""
    answer = ask(bearer)
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json"), answer.content
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["detail"]
    return str(answer.json()["code"])


def segment(shape: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(shape).encode()).decode().rstrip("=")


def by_hmac(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """PyJWT refuses to sign with a public key as secret; an attacker doesn't."""
    body = f"{segment(header)}.{segment(claims)}"
    signature = hmac.new(secret, body.encode(), hashlib.sha256).digest()
    return f"{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


class TestGenuine:
    @pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
    def test_a_token_of_each_allowed_algorithm_opens_the_api(self, algorithm: str, issuer: Issuer) -> None:
        issuer.keys = [Key("ES256"), Key(algorithm)]
        answer = ask(issuer.token(key=issuer.keys[1]))
        assert (answer.status_code, answer.json()["email"]) == (200, "cook@example.com")

    def test_an_issuer_without_discovery_has_its_keys_at_the_usual_place(self, issuer: Issuer) -> None:
        issuer.answers = {DISCOVERY: 404, WELL_KNOWN_KEYS: {"keys": [issuer.keys[0].published()]}}
        assert ask(issuer.token()).status_code == 200

    def test_one_of_several_audiences_is_enough(self, issuer: Issuer, settings: Any) -> None:
        settings.OIDC_ISSUERS = {issuer.url: ["another", AUDIENCE]}
        assert ask(issuer.token(aud=["a third", AUDIENCE])).status_code == 200

    def test_clocks_may_differ_a_little(self, issuer: Issuer) -> None:
        now = int(time.time())
        assert ask(issuer.token(exp=now - LEEWAY_S // 2)).status_code == 200
        assert ask(issuer.token(nbf=now + LEEWAY_S // 2, iat=now + LEEWAY_S // 2)).status_code == 200

    def test_without_key_id_the_only_key_is_meant(self, issuer: Issuer) -> None:
        assert ask(issuer.token(header={"kid": None})).status_code == 200

    def test_access_tokens_of_rfc_9068_count(self, issuer: Issuer) -> None:
        assert ask(issuer.token(header={"typ": "at+jwt"})).status_code == 200


class TestForged:
    @pytest.mark.parametrize(
        ("said", "code"),
        [
            ({"aud": "somebody else"}, "wrong_audience"),
            ({"aud": None}, "invalid_token"),
            ({"iss": "https://issuer.example"}, "unknown_issuer"),
            ({"iss": None}, "unknown_issuer"),
            ({"exp": int(time.time()) - 2 * LEEWAY_S}, "token_expired"),
            ({"exp": None}, "invalid_token"),
            ({"exp": "soon"}, "invalid_token"),
            ({"exp": str(int(time.time()) + HOUR)}, "invalid_token"),
            ({"exp": 10**400}, "invalid_token"),
            ({"nbf": int(time.time()) + HOUR}, "token_not_yet_valid"),
            ({"iat": int(time.time()) + HOUR}, "token_not_yet_valid"),
            ({"sub": None}, "invalid_token"),
            ({"sub": " "}, "invalid_token"),
            ({"sub": 7}, "invalid_token"),
            ({"sub": "x" * 256}, "invalid_token"),
            ({"sub": "x\0"}, "invalid_token"),
        ],
        # By claim: moments differ between the processes that collect.
        ids=lambda value: value if isinstance(value, str) else next(iter(value)),
    )
    def test_wrong_claims_are_refused_with_a_reason(self, said: dict[str, Any], code: str, issuer: Issuer) -> None:
        assert refusal(issuer.token(**said)) == code
        assert not User.objects.exists()

    @pytest.mark.parametrize(
        ("header", "code"),
        [
            ({"crit": ["exp"], "exp": 1}, "invalid_token"),
            ({"crit": []}, "invalid_token"),
            ({"b64": True}, "invalid_token"),
            ({"typ": "logout+jwt"}, "invalid_token"),
            ({"kid": "nobody's"}, "unknown_key"),
        ],
        ids=str,
    )
    def test_headers_that_demand_something_are_refused(self, header: dict[str, Any], code: str, issuer: Issuer) -> None:
        key = issuer.keys[0]
        names = {"alg": key.algorithm, "typ": "JWT", "kid": key.kid, **header}
        body = f"{segment(names)}.{segment(issuer.claims())}"
        signature = jwt.get_algorithm_by_name(key.algorithm).sign(body.encode(), key.private)
        assert refusal(f"{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}") == code

    @pytest.mark.parametrize("claims", [[], "x", {"iss": ["x"]}, {"iss": {"x": 1}}, {}], ids=str)
    def test_claims_of_another_shape_are_refused(self, claims: Any, issuer: Issuer) -> None:
        header = segment({"alg": "ES256", "kid": issuer.keys[0].kid})
        assert refusal(f"{header}.{segment(claims)}.AAAA") in ("invalid_token", "unknown_issuer")

    @pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, 5, ["ES256"]])
    def test_unsigned_tokens_are_refused(self, algorithm: Any, issuer: Issuer) -> None:
        header = segment({"alg": algorithm, "typ": "JWT", "kid": issuer.keys[0].kid})
        claims = segment(issuer.claims())
        for signature in ("", issuer.token().rpartition(".")[2]):
            assert refusal(f"{header}.{claims}.{signature}") in ("wrong_algorithm", "invalid_token")

    def test_a_public_key_is_no_secret_of_an_hmac(self, issuer: Issuer) -> None:
        issuer.keys = [Key("RS256")]
        key = issuer.keys[0]
        public = key.private.public_key()
        secrets = [
            public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
            public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
            json.dumps(key.published()).encode(),
            b"",
        ]
        for secret in secrets:
            for algorithm in ("HS256", "RS256"):
                header = {"alg": algorithm, "typ": "JWT", "kid": key.kid}
                expected = "wrong_algorithm" if algorithm == "HS256" else "invalid_token"
                assert refusal(by_hmac(header, issuer.claims(), secret)) == expected

    def test_another_algorithm_of_the_same_kind_of_key_is_refused(self, issuer: Issuer) -> None:
        issuer.keys = [Key("RS256", kid="1")]
        for algorithm in ("RS384", "PS256"):
            token = jwt.encode(issuer.claims(), rsa_key(), algorithm=algorithm, headers={"kid": "1"})
            assert refusal(token) == "wrong_algorithm"

    def test_a_key_is_only_good_for_its_own_algorithm(self, issuer: Issuer) -> None:
        rsa, elliptic = Key("RS256"), Key("ES256")
        issuer.keys = [rsa, elliptic]
        assert refusal(issuer.token(key=elliptic, header={"kid": rsa.kid})) == "unknown_key"

    def test_another_key_under_a_known_id_is_refused(self, issuer: Issuer) -> None:
        imposter = Key("ES256", kid=issuer.keys[0].kid)
        assert refusal(issuer.token(key=imposter)) == "invalid_token"

    def test_keys_that_the_token_brings_along_are_never_asked(self, issuer: Issuer) -> None:
        with running() as evil:
            own = evil.keys[0]
            for header in (
                {"jwk": own.published(), "kid": issuer.keys[0].kid},
                {"jku": f"{evil.url}{KEYS}", "kid": own.kid},
                {"x5u": f"{evil.url}{KEYS}", "kid": own.kid},
            ):
                token = issuer.token(key=own, header=header)
                assert refusal(token) in ("invalid_token", "unknown_key")
            assert evil.asked == []

    def test_without_key_id_nobody_guesses_among_several(self, issuer: Issuer) -> None:
        issuer.keys.append(Key("ES256"))
        assert refusal(issuer.token(header={"kid": None})) == "unknown_key"

    def test_any_change_of_a_character_is_noticed(self, issuer: Issuer) -> None:
        token = issuer.token()
        assert ask(token).status_code == 200
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        for at in range(0, len(token), 3):
            other = letters[(letters.find(token[at]) + 1) % len(letters)]
            refusal(token[:at] + other + token[at + 1 :])
        # The last character of a signature may have bits that count for nothing; they count all the same.
        for letter in letters.replace(token[-1], ""):
            refusal(token[:-1] + letter)
        for changed in (token[:-1], token + "A", token + "=", token + ".", f"{token}.x", token[1:]):
            refusal(changed)

    @pytest.mark.parametrize(
        "bearer",
        ["a.b.c", "..", "x", "a.b", "a.b.c.d", "é.é.é", "ftk_abc", f"{'[' * 4000}.x.y", f"{'A' * 9000}.e30.x"],
        ids=lambda value: value[:8],
    )
    def test_what_is_no_token_is_refused(self, bearer: str, issuer: Issuer) -> None:
        assert refusal(bearer)
        nested = base64.urlsafe_b64encode(b"[" * 5000).decode().rstrip("=")
        assert refusal(f"{nested}.{nested}.x") == "invalid_token"

    def test_what_is_too_long_is_refused_before_anything_is_read(self, issuer: Issuer) -> None:
        assert refusal(issuer.token(name="x" * 9000)) == "invalid_token"
        assert issuer.asked == []

    def test_without_trusted_issuers_nobody_is_asked(self, issuer: Issuer, settings: Any) -> None:
        settings.OIDC_ISSUERS = {}
        assert refusal(issuer.token()) == "unknown_issuer"
        assert issuer.asked == []

    def test_nothing_of_a_token_is_logged(self, issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        good, bad = issuer.token(), issuer.token(aud="somebody else")
        ask(good)
        refusal(bad)
        refusal(good[:-5] + "AAAAA")
        issuer.stop()
        refusal(issuer.token(key=Key("ES256")))
        assert caplog.records
        for token in (good, bad):
            for part in token.split("."):
                assert part not in caplog.text


class TestKeys:
    """Counted at the issuer. The clock is an argument."""

    def test_keys_are_fetched_once_for_many_tokens(self, issuer: Issuer) -> None:
        for _ in range(5):
            assert ask(issuer.token()).status_code == 200
        assert issuer.fetches == 1

    def test_a_new_key_is_believed_at_once(self, issuer: Issuer) -> None:
        old = issuer.token()
        assert ask(old).status_code == 200
        issuer.rotate()
        assert ask(issuer.token()).status_code == 200
        assert issuer.fetches == 2
        assert refusal(old) == "unknown_key"

    def test_invented_key_ids_ask_the_issuer_once_a_minute(self, issuer: Issuer) -> None:
        now = [0.0]
        known = IssuerKeys(issuer.url, clock=lambda: now[0])
        assert known.find(kid=issuer.keys[0].kid, algorithm="ES256") is not None
        now[0] += 1
        for number in range(20):
            assert known.find(kid=f"invented {number}", algorithm="ES256") is None
        assert issuer.fetches == 2
        issuer.rotate()
        assert known.find(kid=issuer.keys[0].kid, algorithm="ES256") is None
        now[0] += UNKNOWN_S
        assert known.find(kid=issuer.keys[0].kid, algorithm="ES256") is not None
        assert issuer.fetches == 3

    def test_many_who_come_at_once_make_one_fetch(self, issuer: Issuer) -> None:
        issuer.pause_s = 0.2
        for expected in (1, 2):
            token = issuer.token()
            kid = issuer.keys[0].kid
            with ThreadPoolExecutor(12) as threads:
                found = list(threads.map(lambda kid: _found(issuer, kid), [kid] * 12))
            assert all(found)
            assert (issuer.fetches, bool(token)) == (expected, True)
            issuer.rotate()

    def test_an_outage_of_the_issuer_signs_nobody_out(self, issuer: Issuer) -> None:
        now = [0.0]
        known, kid = IssuerKeys(issuer.url, clock=lambda: now[0]), issuer.keys[0].kid
        assert known.find(kid=kid, algorithm="ES256") is not None
        issuer.stop()
        for _ in range(5):
            now[0] += HOUR
            assert known.find(kid=kid, algorithm="ES256") is not None
        issuer.rotate()
        issuer.start()
        now[0] += HOUR
        assert known.find(kid=kid, algorithm="ES256") is None
        assert known.find(kid=issuer.keys[0].kid, algorithm="ES256") is not None

    def test_a_broken_answer_doesnt_replace_good_keys(self, issuer: Issuer) -> None:
        now = [0.0]
        known, kid = IssuerKeys(issuer.url, clock=lambda: now[0]), issuer.keys[0].kid
        known.find(kid=kid, algorithm="ES256")
        for broken in ({"keys": []}, {}, "no JSON", 500, 404, {"keys": "x"}, {"keys": [5]}, "[1]"):
            issuer.answers[KEYS] = broken
            now[0] += HOUR
            assert known.find(kid=kid, algorithm="ES256") is not None

    def test_an_issuer_that_never_answered_is_asked_again_soon(self, issuer: Issuer) -> None:
        issuer.stop()
        answer = ask(issuer.token())
        assert (answer.status_code, answer.json()["code"]) == (503, "issuer_unavailable")
        assert int(answer["Retry-After"]) >= RETRY_S
        now, asked = [0.0], []

        def fetch(address: str) -> tuple[SigningKey, ...]:
            asked.append(address)
            return fetch_keys(address)

        known = IssuerKeys(issuer.url, fetch=fetch, clock=lambda: now[0])
        for _ in range(3):
            with pytest.raises(Unreachable):
                known.find(kid=None, algorithm="ES256")
        assert len(asked) == 1
        issuer.start()
        now[0] += RETRY_S
        assert known.find(kid=None, algorithm="ES256") is not None

    def test_a_slow_issuer_holds_up_only_one(self, issuer: Issuer) -> None:
        now = [0.0]
        known, kid = IssuerKeys(issuer.url, clock=lambda: now[0]), issuer.keys[0].kid
        known.find(kid=kid, algorithm="ES256")
        now[0] += HOUR
        issuer.pause_s = 1.0
        with ThreadPoolExecutor(1) as threads:
            slow = threads.submit(known.find, kid=kid, algorithm="ES256")
            while len(issuer.asked) < 3:
                time.sleep(0.01)
            began = time.monotonic()
            assert known.find(kid=kid, algorithm="ES256") is not None
            assert time.monotonic() - began < 0.5
            assert not slow.done()
            assert slow.result(10) is not None

    @pytest.mark.parametrize(
        "published",
        [
            {"kty": "oct", "k": "c2VjcmV0", "kid": "1", "alg": "HS256"},
            {"use": "enc"},
            {"alg": "ES512"},
            {"d": "AAAA"},
            {"key_ops": ["sign"]},
            {"crv": "P-384"},
            {"x": "!"},
            {"x": 5},
        ],
        ids=str,
    )
    def test_keys_for_anything_else_are_left_out(self, published: dict[str, Any], issuer: Issuer) -> None:
        odd = Key("ES256")
        shape = published if "kty" in published else odd.published(**published)
        issuer.answers[KEYS] = {"keys": [shape, issuer.keys[0].published()]}
        assert [key.kid for key in fetch_keys(issuer.url)] == [issuer.keys[0].kid]

    def test_short_rsa_keys_are_left_out(self, issuer: Issuer) -> None:
        short = Key("RS256", private=rsa_key(0, 1024))
        issuer.keys.append(short)
        assert [key.algorithm for key in fetch_keys(issuer.url)] == ["ES256"]

    @pytest.mark.parametrize(
        ("answers", "reason"),
        [
            ({DISCOVERY: {"issuer": "https://other.example", "jwks_uri": "https://other.example"}}, "another issuer"),
            ({KEYS: "x" * 300_000}, "too large"),
            ({KEYS: 500}, "500"),
            ({DISCOVERY: 503}, "503"),
            ({KEYS: "http://127.0.0.1:1/elsewhere"}, "302"),
        ],
        ids=str,
    )
    def test_what_an_issuer_may_not_answer(self, answers: dict[str, Any], reason: str, issuer: Issuer) -> None:
        issuer.answers = answers
        with pytest.raises(Unreachable, match=reason):
            fetch_keys(issuer.url)

    def test_keys_elsewhere_must_be_behind_https(self, issuer: Issuer) -> None:
        for address in ("http://keys.example/", "ftp://127.0.0.1/", "file:///etc/passwd", "//x", ""):
            issuer.answers[DISCOVERY] = {"issuer": issuer.url, "jwks_uri": address}
            with pytest.raises(Unreachable, match="https"):
                fetch_keys(issuer.url)


def _found(issuer: Issuer, kid: str) -> bool:
    return issuers_keys.of(issuer.url).find(kid=kid, algorithm="ES256") is not None


class TestPeople:
    def test_the_first_request_makes_the_account(self, issuer: Issuer) -> None:
        issuer_says = {"email": "New.Cook@Example.com", "locale": "de-AT", "zoneinfo": "Europe/Vienna"}
        me = ask(issuer.token(name="Ne\u202ew \x00Cook", **issuer_says)).json()
        assert (me["email"], me["name"], me["language"]) == ("new.cook@example.com", "New Cook", "de")
        assert (me["time_zone"], me["memberships"]) == ("Europe/Vienna", [])
        user = User.objects.get()
        assert not user.has_usable_password()
        with as_system():
            address = EmailAddress.objects.get()
            contact = ContactMethod.objects.get()
        assert (address.user, address.email, address.verified, address.primary) == (user, user.email, True, True)
        assert (contact.user, contact.address, contact.kind) == (user, user.email, "email")
        assert contact.verified_at is not None

    def test_nonsense_about_language_and_zone_is_ignored(self, issuer: Issuer) -> None:
        me = ask(issuer.token(name=["x"], locale={"a": 1}, zoneinfo="../../etc")).json()
        assert (me["name"], me["language"], me["time_zone"]) == ("", "en", "UTC")

    @pytest.mark.parametrize(
        "said",
        [
            {"email_verified": False},
            {"email_verified": None},
            {"email_verified": "false"},
            {"email_verified": 1},
            {"email": None},
            {"email": "no address"},
            {"email": ["cook@example.com"]},
            {"email": f"{'x' * 250}@example.com"},
        ],
        ids=str,
    )
    def test_an_unverified_address_opens_nothing(self, said: dict[str, Any], issuer: Issuer) -> None:
        owner = verified(email="cook@example.com")
        assert refusal(issuer.token(**said)) == "email_not_verified"
        with as_system():
            assert not ExternalIdentity.objects.exists()
        assert User.objects.get() == owner

    def test_one_address_verified_on_both_sides_is_one_person(self, issuer: Issuer) -> None:
        owner = verified(email="cook@example.com")
        token = token_of(owner)
        assert ask(issuer.token(email="COOK@example.com")).json()["id"] == str(owner.pk)
        assert fresh(owner).check_password(PASSWORD)
        assert ask(token).status_code == 200

    def test_whoever_waited_under_an_address_that_isnt_theirs_loses_everything(self, issuer: Issuer) -> None:
        member = MembershipFactory(user__email="cook@example.com")
        squatter = member.user
        browser = Client()
        browser.force_login(squatter)
        assert browser.get(ME).status_code == 200
        token = token_of(squatter)
        with as_system():
            EmailAddress.objects.create(user=squatter, email="cook@example.com", primary=True)
            EmailAddress.objects.create(user=squatter, email="evil@example.com", verified=True)
            SocialAccount.objects.create(user=squatter, provider="acme", uid="evil")
            ExternalIdentity.objects.create(user=squatter, issuer=issuer.url, subject="evil")
        assert ask(issuer.token()).json()["id"] == str(squatter.pk)
        assert not fresh(squatter).has_usable_password()
        assert ask(token).status_code == 401
        assert browser.get(ME).status_code == 401
        with as_system():
            assert [a.email for a in EmailAddress.objects.filter(verified=True)] == ["cook@example.com"]
            assert EmailAddress.objects.count() == 1
            assert not SocialAccount.objects.exists()
            assert [identity.subject for identity in ExternalIdentity.objects.all()] == ["somebody"]
            told = SecurityEvent.objects.get()
        assert (told.kind, told.organization_id, told.user_id) == (
            "account_reclaimed",
            member.organization_id,
            squatter.pk,
        )

    def test_staff_are_never_linked_by_an_address_they_didnt_confirm(self, issuer: Issuer) -> None:
        staff = UserFactory(email="cook@example.com", is_staff=True)
        assert refusal(issuer.token()) == "email_not_verified"
        assert fresh(staff).check_password(PASSWORD)

    def test_somebodys_wish_for_an_address_keeps_nobody_out(self, issuer: Issuer) -> None:
        other = verified(email="other@example.com")
        with as_system():
            EmailAddress.objects.create(user=other, email="cook@example.com")
        assert ask(issuer.token()).json()["id"] != str(other.pk)
        assert fresh(other).check_password(PASSWORD)

    def test_once_known_it_is_the_subject_that_counts(self, issuer: Issuer) -> None:
        known = ask(issuer.token()).json()["id"]
        boss = verified(email="boss@example.com")
        for said in ({"email": boss.email}, {"email": None}, {"email_verified": False}):
            assert ask(issuer.token(**said)).json()["id"] == known
        assert ask(issuer.token(sub="another", email=boss.email)).json()["id"] == str(boss.pk)

    def test_the_same_subject_at_another_issuer_is_somebody_else(self, issuer: Issuer, settings: Any) -> None:
        known = ask(issuer.token()).json()["id"]
        with running() as other:
            settings.OIDC_ISSUERS = {**settings.OIDC_ISSUERS, other.url: [AUDIENCE]}
            assert ask(other.token(email="other@example.com")).json()["id"] != known
            # A key of one issuer signs nothing of another, whatever it is called.
            assert refusal(issuer.token(iss=other.url, header={"kid": other.keys[0].kid})) == "invalid_token"

    def test_a_switched_off_person_stays_outside(self, issuer: Issuer) -> None:
        user = User.objects.get(pk=ask(issuer.token()).json()["id"])
        with as_system():
            User.objects.filter(pk=user.pk).update(is_active=False)
        assert refusal(issuer.token()) == "account_disabled"
        assert refusal(issuer.token(sub="another")) == "account_disabled"

    def test_the_last_use_is_written_once_a_minute(self, issuer: Issuer) -> None:
        def last_used() -> Any:
            with as_system():
                return ExternalIdentity.objects.get().last_used_at

        ask(issuer.token())
        first = last_used()
        ask(issuer.token())
        assert last_used() == first
        earlier = timezone.now() - timedelta(seconds=61)
        with as_system():
            ExternalIdentity.objects.update(last_used_at=earlier)
        ask(issuer.token())
        assert last_used() > first

    def test_a_known_persons_request_costs_one_look_up(
        self, issuer: Issuer, django_assert_max_num_queries: Any
    ) -> None:
        ask(issuer.token())
        ask(issuer.token())
        token = token_of(UserFactory())
        ask(token)
        with django_assert_max_num_queries(50) as own:
            ask(token)
        with django_assert_max_num_queries(len(own)):
            ask(issuer.token())

    def test_the_person_may_do_in_an_organization_what_the_role_says(self, issuer: Issuer) -> None:
        member = MembershipFactory(user=verified(email="cook@example.com"), role="viewer")
        path = f"/api/v1/orgs/{member.organization.slug}/sites/"
        assert ask(issuer.token(), path).status_code == 200
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {issuer.token()}")
        assert client.post(path, {"name": "x"}, format="json").status_code == 403
        assert ask(issuer.token(), "/api/v1/orgs/somebody-elses/sites/").status_code == 404

    def test_requests_are_counted_for_the_person(self, issuer: Issuer, settings: Any) -> None:
        rates = {**settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "user": "2/hour"}
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
        assert [ask(issuer.token()).status_code for _ in range(3)] == [200, 200, 429]
        assert ask(issuer.token(sub="another", email="another@example.com")).status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("waiting", [False, True], ids=["nobody yet", "an unproved account"])
def test_two_first_requests_at_once_are_one_person(waiting: bool, issuer: Issuer) -> None:
    if waiting:
        UserFactory(email="cook@example.com")
    bearer = issuer.token()

    def first() -> Any:
        try:
            return ask(bearer).json().get("id")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        found = {future.result() for future in [threads.submit(first) for _ in range(8)]}
    user = User.objects.get()
    assert found == {str(user.pk)}
    with as_system():
        assert (ExternalIdentity.objects.count(), EmailAddress.objects.count()) == (1, 1)
        assert not AccessToken.objects.exists()


@pytest.mark.parametrize(
    ("issuers", "good"),
    [
        ({"https://login.example/x": ["a"]}, True),
        ({"http://127.0.0.1:9000/x": ["a"]}, True),
        ({"http://login.example/x": ["a"]}, False),
        ({"https://login.example/x": [""]}, False),
        ({"": ["https://login.example"]}, False),
        ({f"https://login.example/{'x' * 300}": ["a"]}, False),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_mistake_in_the_setting_is_told_at_the_start(issuers: Any, good: bool, settings: Any) -> None:
    settings.OIDC_ISSUERS = issuers
    assert (identity_providers_can_be_asked() == []) is good
