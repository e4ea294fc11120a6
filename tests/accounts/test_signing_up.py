"""From signing up to being signed in, as the app does it."""

from __future__ import annotations

import pytest
from django.core import mail

from organizations.models import User
from tests.accounts.client import Browser, code_in

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "violet anchor 27 tram"


def test_whoever_signs_up_types_the_code_from_the_mail_and_is_signed_in() -> None:
    browser = Browser()
    answer = browser.sign_up("chef@example.com", PASSWORD, name="Chef")
    assert answer.status_code == 401
    print(answer.json())
    print(mail.outbox[0].body if mail.outbox else None)
    answer = browser.call("POST", "auth/email/verify", {"key": code_in(mail.outbox[0].body)})
    print(answer.json())
    assert answer.status_code == 200
    assert User.objects.get().name == "Chef"
    print(browser.call("GET", "auth/sessions").json())
    print(browser.call("GET", "config").json())
    print(browser.call("GET", "account/authenticators").json())
