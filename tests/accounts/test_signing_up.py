"""From signing up to being signed in, as the app does it."""

from __future__ import annotations

import threading

import pytest
from allauth.account.models import EmailAddress
from django.db import connection

from notifications.models import ContactMethod
from organizations import secrets
from organizations.models import User
from tests.accounts.client import Browser, Mailbox, code_in, link_in
from tests.factories import InvitationFactory, as_system

pytestmark = pytest.mark.django_db(transaction=True)
NEW = "violet anchor 27 tram"


def test_whoever_signs_up_types_the_code_from_the_mail_and_is_signed_in(mailbox: Mailbox) -> None:
    browser = Browser()
    answer = browser.sign_up("Chef@Example.com", NEW, name="Chef")
    assert answer.status_code == 401
    assert {"id": "verify_email", "is_pending": True} in answer.json()["data"]["flows"]
    assert browser.get("/api/v1/me/").status_code == 401

    text = mailbox.last("chef@example.com")
    assert link_in(text) == code_in(text)  # the link is the same code, for who would rather click
    answer = browser.call("POST", "auth/email/verify", {"key": code_in(text)})
    assert answer.status_code == 200
    assert browser.get("/api/v1/me/").json()["name"] == "Chef"
    user = User.objects.get()
    assert EmailAddress.objects.filter(user=user, email="chef@example.com", verified=True, primary=True).exists()
    with as_system():
        assert ContactMethod.objects.get(user=user, address="chef@example.com").verified_at is not None


def test_nobody_gets_in_before_the_address_is_verified(mailbox: Mailbox) -> None:
    Browser().sign_up("chef@example.com", NEW)
    browser = Browser()
    assert browser.sign_in("chef@example.com", NEW).status_code == 401
    assert browser.get("/api/v1/me/").status_code == 401
    # Another browser gets a code of its own; the first one's is of no use here.
    first, second = map(code_in, mailbox.texts("chef@example.com"))
    if first != second:
        assert browser.call("POST", "auth/email/verify", {"key": first}).status_code == 400
    assert browser.call("POST", "auth/email/verify", {"key": second}).status_code == 200


def test_three_wrong_codes_are_enough(mailbox: Mailbox) -> None:
    browser = Browser()
    browser.sign_up("chef@example.com", NEW)
    right = code_in(mailbox.last("chef@example.com"))
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    for _ in range(3):
        assert browser.call("POST", "auth/email/verify", {"key": wrong}).status_code == 400
    assert browser.call("POST", "auth/email/verify", {"key": right}).status_code == 409


def test_a_new_code_can_be_asked_for(mailbox: Mailbox) -> None:
    browser = Browser()
    browser.sign_up("chef@example.com", NEW)
    assert browser.call("POST", "auth/email/verify/resend").status_code == 200
    _, code = map(code_in, mailbox.texts("chef@example.com"))
    assert browser.call("POST", "auth/email/verify", {"key": code}).status_code == 200


def test_two_taps_on_the_button_make_one_account(mailbox: Mailbox) -> None:
    start, statuses = threading.Barrier(4), []

    def tap() -> None:
        browser = Browser()
        start.wait(10)
        statuses.append(browser.sign_up("chef@example.com", NEW).status_code)
        connection.close()

    threads = [threading.Thread(target=tap) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert set(statuses) <= {401, 409}
    assert User.objects.count() == 1
    assert EmailAddress.objects.count() == 1


def test_a_weak_password_is_refused_with_the_reason() -> None:
    answer = Browser().sign_up("chef@example.com", "password12")
    assert answer.status_code == 400
    assert {error["param"] for error in answer.json()["errors"]} == {"password"}
    assert not User.objects.exists()


def test_an_address_proved_by_an_invitation_needs_no_code_and_no_other_is_believed(mailbox: Mailbox) -> None:
    InvitationFactory(email="invited@example.com", hash=secrets.digest("the token"))
    browser = Browser()
    answer = browser.post("/api/v1/invitations/look-up/", {"token": "the token"}, content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert browser.sign_up("other@example.com", NEW).status_code == 401
    other = User.objects.get(email="other@example.com")
    assert not EmailAddress.objects.filter(user=other, verified=True).exists()

    answer = browser.sign_up("invited@example.com", NEW)
    assert answer.status_code == 200, answer.json()
    assert mailbox.subjects("invited@example.com") == []
    with as_system():
        assert ContactMethod.objects.filter(address="invited@example.com").exists()
