"""Signing in without a password, with a software authenticator at the other end of the real ceremony."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator

from tests.accounts.client import Browser, Mailbox, person
from tests.accounts.passkey import USER_PRESENT, Passkey

pytestmark = pytest.mark.django_db(transaction=True)
NOT_SIGNED = {"id": "AA", "rawId": "AA", "type": "public-key", "clientExtensionResults": {}}


def signed_in(email: str = "chef@example.com") -> Browser:
    person(email)
    browser = Browser()
    browser.sign_in(email)
    browser.say_it_again()
    return browser


def add(browser: Browser, passkey: Passkey, *, passwordless: bool = True) -> Any:
    query = "?passwordless" if passwordless else ""
    offered = browser.call("GET", f"account/authenticators/webauthn{query}")
    assert offered.status_code == 200, offered.content
    made = passkey.create(offered.json()["data"]["creation_options"])
    return browser.call("POST", "account/authenticators/webauthn", {"name": "Phone", "credential": made})


def use(browser: Browser, passkey: Passkey, where: str = "auth/webauthn/login") -> Any:
    offered = browser.call("GET", where)
    assert offered.status_code == 200, offered.content
    return browser.call("POST", where, {"credential": passkey.get(offered.json()["data"]["request_options"])})


def test_a_passkey_signs_in_alone(mailbox: Mailbox) -> None:
    browser, passkey = signed_in(), Passkey()
    answer = add(browser, passkey)
    assert answer.status_code == 200, answer.content
    assert "A passkey was added" in mailbox.subjects("chef@example.com")

    elsewhere = Browser()
    assert use(elsewhere, passkey).status_code == 200
    assert elsewhere.get("/api/v1/me/").json()["email"] == "chef@example.com"
    kinds = {row["type"] for row in browser.call("GET", "account/authenticators").json()["data"]}
    assert kinds == {"webauthn", "recovery_codes"}


def test_it_is_a_second_factor_too_and_proves_oneself_again() -> None:
    browser, passkey = signed_in(), Passkey()
    add(browser, passkey, passwordless=False)
    second = Browser()
    answer = second.sign_in("chef@example.com")
    assert answer.status_code == 401
    (pending,) = [flow for flow in answer.json()["data"]["flows"] if flow.get("is_pending")]
    assert (pending["id"], set(pending["types"])) == ("mfa_authenticate", {"webauthn", "recovery_codes"})
    assert use(second, passkey, "auth/webauthn/authenticate").status_code == 200
    assert second.get("/api/v1/me/").status_code == 200

    # Signed in a while ago: sensitive changes ask for it once more.
    assert second.call("DELETE", "account/authenticators/webauthn", {"authenticators": []}).status_code in (400, 401)
    assert use(second, passkey, "auth/webauthn/reauthenticate").status_code == 200
    row = Authenticator.objects.get(type="webauthn")
    answer = second.call("DELETE", "account/authenticators/webauthn", {"authenticators": [row.pk]})
    assert answer.status_code == 200
    assert not Authenticator.objects.exists()


def test_adding_one_takes_recent_proof() -> None:
    person("chef@example.com")
    browser = Browser()
    browser.sign_in("chef@example.com")
    assert browser.call("GET", "account/authenticators/webauthn").status_code == 401


def test_what_one_phone_signed_is_worth_nothing_a_second_time() -> None:
    browser, passkey = signed_in(), Passkey()
    add(browser, passkey)
    thief = Browser()
    options = thief.call("GET", "auth/webauthn/login").json()["data"]["request_options"]
    signed = passkey.get(options)
    assert thief.call("POST", "auth/webauthn/login", {"credential": signed}).status_code == 200
    other = Browser()
    other.call("GET", "auth/webauthn/login")
    assert other.call("POST", "auth/webauthn/login", {"credential": signed}).status_code == 400


def test_a_page_elsewhere_a_stranger_s_key_and_a_phone_that_asked_nobody_are_refused(settings: Any) -> None:
    browser, passkey = signed_in(), Passkey()
    add(browser, passkey)

    stranger = Passkey()
    stranger.user, stranger.id = passkey.user, passkey.id
    assert use(Browser(), stranger).status_code == 400
    passkey.flags = USER_PRESENT  # neither finger nor face: enough beside a password, not instead of one
    assert use(Browser(), passkey).status_code == 400

    settings.MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = False
    settings.LOOPBACK, settings.PUBLIC_URL = False, "https://app.example.com"
    phished = Passkey("https://app.examp1e.com")
    assert add(signed_in("other@example.com"), phished).status_code == 400
    genuine = Passkey("https://app.example.com")
    third = signed_in("third@example.com")
    assert add(third, genuine).status_code == 200
    assert use(Browser(), genuine).status_code == 200


@pytest.mark.parametrize("credential", [None, {}, "x", [], NOT_SIGNED, {**NOT_SIGNED, "response": {"userHandle": 1}}])
def test_what_is_no_credential_is_refused(credential: Any) -> None:
    browser = Browser()
    browser.call("GET", "auth/webauthn/login")
    assert browser.call("POST", "auth/webauthn/login", {"credential": credential}).status_code == 400
