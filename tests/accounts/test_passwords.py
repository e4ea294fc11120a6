"""Forgotten, changed and stolen passwords; another address."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress

from notifications.models import ContactMethod
from organizations.models import User
from tests.accounts.client import Browser, Mailbox, code_in, link_in, person
from tests.factories import PASSWORD, ContactMethodFactory, as_system

pytestmark = pytest.mark.django_db(transaction=True)
NEW = "violet anchor 27 tram"


def is_in(browser: Browser) -> bool:
    return bool(browser.get("/api/v1/me/").status_code == 200)


def test_a_forgotten_password_is_chosen_anew_with_the_link_from_the_mail(mailbox: Mailbox) -> None:
    person("chef@example.com")
    elsewhere = Browser()
    elsewhere.sign_in("chef@example.com")
    assert is_in(elsewhere)

    browser = Browser()
    assert browser.call("POST", "auth/password/request", {"email": "Chef@Example.com"}).status_code == 200
    key = link_in(mailbox.last("chef@example.com"))
    assert browser.call("GET", "auth/password/reset", headers={"X-Password-Reset-Key": key}).status_code == 200
    weak = browser.call("POST", "auth/password/reset", {"key": key, "password": "chef@example.com"})
    assert weak.status_code == 400
    assert browser.call("POST", "auth/password/reset", {"key": key, "password": NEW}).status_code == 401

    assert not is_in(elsewhere)
    assert Browser().sign_in("chef@example.com", PASSWORD).status_code == 400
    assert browser.sign_in("chef@example.com", NEW).status_code == 200
    assert mailbox.subjects("chef@example.com") == [
        "Choose a new password for FreshTrack",
        "Your password was changed",
    ]
    # Once.
    again = Browser().call("POST", "auth/password/reset", {"key": key, "password": "another tram 28 anchor"})
    assert again.status_code == 400


@pytest.mark.parametrize("key", ["", "x", "a-b", "01a1fc8d8ff27495a050581f6ce1ccbd-cabinet-1", "'; DROP TABLE-1-2"])
def test_a_made_up_link_is_refused(key: str) -> None:
    answer = Browser().call("POST", "auth/password/reset", {"key": key, "password": NEW})
    assert answer.status_code == 400
    assert {error["param"] for error in answer.json()["errors"]} == {"key"}


def test_whoever_resets_the_password_of_an_unproved_account_still_has_to_prove_the_address(mailbox: Mailbox) -> None:
    Browser().sign_up("chef@example.com", "the attacker's choice")
    owner = Browser()
    owner.call("POST", "auth/password/request", {"email": "chef@example.com"})
    owner.call("POST", "auth/password/reset", {"key": link_in(mailbox.last("chef@example.com")), "password": NEW})
    assert Browser().sign_in("chef@example.com", "the attacker's choice").status_code == 400
    assert owner.sign_in("chef@example.com", NEW).status_code == 401
    code = code_in(mailbox.last("chef@example.com"))
    assert owner.call("POST", "auth/email/verify", {"key": code}).status_code == 200


def test_changing_the_password_takes_the_present_one_and_ends_other_sessions(mailbox: Mailbox) -> None:
    person("chef@example.com")
    here, elsewhere = Browser(), Browser()
    here.sign_in("chef@example.com")
    elsewhere.sign_in("chef@example.com")
    wrong = here.call("POST", "account/password/change", {"current_password": "wrong", "new_password": NEW})
    assert wrong.status_code == 400
    right = here.call("POST", "account/password/change", {"current_password": PASSWORD, "new_password": NEW})
    assert right.status_code == 200
    assert is_in(here)
    assert not is_in(elsewhere)
    assert mailbox.subjects("chef@example.com") == ["Your password was changed"]
    assert here.address in mailbox.last("chef@example.com")


def test_a_new_address_replaces_the_old_one_once_it_is_verified_and_the_old_one_is_told(mailbox: Mailbox) -> None:
    user = person("old@example.com")
    ContactMethodFactory(user=user)
    browser = Browser()
    browser.sign_in("old@example.com")
    refused = browser.call("POST", "account/email", {"email": "new@example.com"})
    assert refused.status_code == 401  # the password once more
    assert {flow["id"] for flow in refused.json()["data"]["flows"]} == {"reauthenticate"}
    browser.say_it_again()
    assert browser.call("POST", "account/email", {"email": "New@Example.com"}).status_code == 200

    assert User.objects.get().email == "old@example.com"
    assert Browser().sign_in("new@example.com").status_code == 400
    code = code_in(mailbox.last("new@example.com"))
    assert browser.call("POST", "auth/email/verify", {"key": code}).status_code == 200
    assert User.objects.get().email == "new@example.com"
    assert [*EmailAddress.objects.values_list("email", "verified", "primary")] == [("new@example.com", True, True)]
    assert Browser().sign_in("new@example.com").status_code == 200
    assert Browser().sign_in("old@example.com").status_code == 400
    assert mailbox.subjects("old@example.com") == ["Your sign-in address was changed"]
    assert "new@example.com" in mailbox.last("old@example.com")
    with as_system():
        assert [*ContactMethod.objects.values_list("address", flat=True)] == ["new@example.com"]


def test_nobody_takes_an_address_that_is_somebodys(mailbox: Mailbox) -> None:
    person("taken@example.com")
    person("me@example.com")
    browser = Browser()
    browser.sign_in("me@example.com")
    browser.say_it_again()
    browser.call("POST", "account/email", {"email": "taken@example.com"})
    code = code_in(mailbox.last("taken@example.com"))
    assert browser.call("POST", "auth/email/verify", {"key": code}).status_code == 400
    assert {user.email for user in User.objects.all()} == {"taken@example.com", "me@example.com"}


@pytest.mark.parametrize("email", ["chef@example.com\r\nBcc: all@example.com", "x" * 10_000 + "@example.com", "chef"])
def test_an_address_that_is_none_is_refused(email: str, mailbox: Mailbox) -> None:
    assert Browser().sign_up(email, NEW).status_code == 400
    assert Browser().call("POST", "auth/password/request", {"email": email}).status_code == 400
    assert mailbox.messages() == []


@pytest.mark.parametrize("password", ["x" * 10_000, "\x00" * 12, "tram\n27 anchor"])
def test_a_strange_password_is_no_mistake_of_ours(password: str) -> None:
    person("chef@example.com")
    assert Browser().sign_in("chef@example.com", password).status_code == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"email": {}, "password": []}'])
def test_a_body_that_is_none_is_refused(body: bytes) -> None:
    answer = Browser().generic("POST", "/_allauth/browser/v1/auth/login", body, content_type="application/json")
    assert answer.status_code == 400
