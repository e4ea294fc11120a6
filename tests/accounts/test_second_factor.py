"""Codes from a phone and recovery codes, at sign-in and to set up."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator

from tests.accounts.client import Browser, Mailbox, link_in, person, totp_code
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)


def with_phone(email: str) -> tuple[Browser, str, list[str]]:
    """Somebody who is signed in and added an authenticator app: the browser, the app's secret, the recovery codes."""
    person(email)
    browser = Browser()
    browser.sign_in(email)
    browser.say_it_again()
    offered = browser.call("GET", "account/authenticators/totp")
    assert offered.status_code == 404
    secret = offered.json()["meta"]["secret"]
    assert offered.json()["meta"]["totp_url"].startswith("otpauth://totp/")
    assert "FreshTrack" in offered.json()["meta"]["totp_url"]
    answer = browser.call("POST", "account/authenticators/totp", {"code": totp_code(secret, periods=-1)})
    assert answer.status_code == 200, answer.content
    codes = browser.call("GET", "account/authenticators/recovery-codes").json()["data"]["unused_codes"]
    return browser, secret, codes


def at_second_step(email: str, password: str = PASSWORD) -> Browser:
    browser = Browser()
    answer = browser.sign_in(email, password)
    assert answer.status_code == 401
    pending = [flow for flow in answer.json()["data"]["flows"] if flow.get("is_pending")]
    assert [flow["id"] for flow in pending] == ["mfa_authenticate"]
    assert browser.get("/api/v1/me/").status_code == 401
    return browser


def answer(browser: Browser, code: str) -> Any:
    return browser.call("POST", "auth/2fa/authenticate", {"code": code})


def test_setting_up_takes_the_password_once_more_and_a_right_code(mailbox: Mailbox) -> None:
    person("chef@example.com")
    browser = Browser()
    browser.sign_in("chef@example.com")
    secret = browser.call("GET", "account/authenticators/totp").json()["meta"]["secret"]
    assert browser.call("POST", "account/authenticators/totp", {"code": totp_code(secret)}).status_code == 401
    browser.say_it_again()
    wrong = f"{(int(totp_code(secret)) + 1) % 1_000_000:06}"
    assert browser.call("POST", "account/authenticators/totp", {"code": wrong}).status_code == 400
    assert browser.call("POST", "account/authenticators/totp", {"code": totp_code(secret)}).status_code == 200
    assert "Signing in asks for a code now" in mailbox.subjects("chef@example.com")
    # The secret lies encrypted, and isn't shown a second time.
    assert secret not in str(Authenticator.objects.get(type="totp").data)
    assert "secret" not in str(browser.call("GET", "account/authenticators/totp").json())


def test_signing_in_takes_the_code_and_a_code_counts_once() -> None:
    _, secret, _ = with_phone("chef@example.com")
    browser = at_second_step("chef@example.com")
    code = totp_code(secret)
    assert answer(browser, "000000" if code != "000000" else "000001").status_code == 400
    assert answer(browser, code).status_code == 200
    assert browser.get("/api/v1/me/").status_code == 200
    assert answer(at_second_step("chef@example.com"), code).status_code == 400


def test_a_phone_whose_clock_is_half_a_minute_off_works_and_an_old_code_does_not() -> None:
    _, secret, _ = with_phone("chef@example.com")
    assert answer(at_second_step("chef@example.com"), totp_code(secret, periods=1)).status_code == 200
    assert answer(at_second_step("chef@example.com"), totp_code(secret, periods=-10)).status_code == 400


def test_a_recovery_code_works_once_and_new_ones_replace_the_old() -> None:
    browser, _, codes = with_phone("chef@example.com")
    assert len(set(codes)) == 10
    assert answer(at_second_step("chef@example.com"), codes[0]).status_code == 200
    assert answer(at_second_step("chef@example.com"), codes[0]).status_code == 400
    fresh = browser.call("POST", "account/authenticators/recovery-codes").json()["data"]["unused_codes"]
    assert not set(fresh) & set(codes)
    assert answer(at_second_step("chef@example.com"), codes[1]).status_code == 400
    assert answer(at_second_step("chef@example.com"), fresh[0]).status_code == 200


def test_guessing_codes_ends_with_429_whatever_the_address_and_a_new_password_ends_the_lock(mailbox: Mailbox) -> None:
    _, secret, _ = with_phone("chef@example.com")
    for _ in range(5):
        assert answer(at_second_step("chef@example.com"), "12345x").status_code == 400
    refused = answer(at_second_step("chef@example.com"), totp_code(secret))
    assert refused.status_code == 429
    assert refused["Content-Type"] == "application/problem+json"
    assert int(refused["Retry-After"]) > 0
    assert (refused.json()["code"], refused.json()["status"]) == ("throttled", 429)

    # Who guesses knows the password: with another one the owner is rid of them at once.
    owner = Browser()
    owner.call("POST", "auth/password/request", {"email": "chef@example.com"})
    key = link_in(mailbox.last("chef@example.com"))
    owner.call("POST", "auth/password/reset", {"key": key, "password": "violet anchor 27 tram"})
    browser = at_second_step("chef@example.com", "violet anchor 27 tram")
    assert answer(browser, totp_code(secret)).status_code == 200


def test_a_new_password_alone_does_not_get_past_the_phone(mailbox: Mailbox) -> None:
    with_phone("chef@example.com")
    thief = Browser()
    thief.call("POST", "auth/password/request", {"email": "chef@example.com"})
    key = link_in(mailbox.last("chef@example.com"))
    thief.call("POST", "auth/password/reset", {"key": key, "password": "violet anchor 27 tram"})
    assert thief.get("/api/v1/me/").status_code == 401
    at_second_step("chef@example.com", "violet anchor 27 tram")


def test_switching_it_off_takes_recent_proof_and_is_told(mailbox: Mailbox) -> None:
    browser, secret, _ = with_phone("chef@example.com")
    later = at_second_step("chef@example.com")
    answer(later, totp_code(secret))
    assert later.call("DELETE", "account/authenticators/totp").status_code == 401
    assert browser.call("DELETE", "account/authenticators/totp").status_code == 200
    assert "Signing in doesn't ask for a code any more" in mailbox.subjects("chef@example.com")
    assert not Authenticator.objects.exists()  # recovery codes of nothing
    assert Browser().sign_in("chef@example.com").status_code == 200


@pytest.mark.parametrize("code", ["", "x" * 10_000, "１２３４５６", "12 34 56", None, 123456, [], "\x00"])
def test_a_strange_code_is_just_wrong(code: Any) -> None:
    with_phone("chef@example.com")
    assert answer(at_second_step("chef@example.com"), code).status_code == 400
