"""How often somebody may try, and that nobody is locked out for good. Note [Soft locks]."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from organizations.accounts import limits
from organizations.accounts.limits import Rate
from tests.accounts.client import Browser, Mailbox, fresh_address, link_in, person
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def strict(settings: Any) -> None:
    """As in production."""
    settings.RATE_SIGN_IN = "10/min"
    settings.SIGN_IN_MISTAKES = 10


def refused(answer: Any) -> int:
    """It is a 429 as everywhere else in the API; returns after how many seconds to come back."""
    assert answer.status_code == 429, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert (answer.json()["status"], answer.json()["code"]) == (429, "throttled")
    return int(answer["Retry-After"])


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("auth/login", {"email": "a@example.com", "password": "x"}),
        ("auth/signup", {"email": "a", "password": "x"}),
        ("auth/password/request", {"email": "a"}),
        ("auth/password/reset", {"key": "a-b", "password": "x"}),
        ("auth/email/verify", {"key": "123456"}),
        ("auth/2fa/authenticate", {"code": "123456"}),
        ("auth/webauthn/login", {"credential": {}}),
        ("auth/reauthenticate", {"password": "x"}),
    ],
)
def test_ten_in_a_minute_from_one_address_and_others_are_not_held_up(path: str, data: Any, settings: Any) -> None:
    settings.SIGN_IN_MISTAKES = 100
    browser = Browser()
    for _ in range(10):
        assert browser.call("POST", path, data).status_code in (400, 401, 409)
    assert 0 < refused(browser.call("POST", path, data)) <= 60
    assert refused(Browser(browser.address).call("POST", path, data))  # without its cookies
    assert Browser().call("POST", path, data).status_code in (400, 401, 409)


def test_a_header_that_anybody_can_write_buys_no_further_attempts() -> None:
    browser = Browser()
    answers = [
        browser.sign_in(f"{number}@example.com", "x", headers={"X-Forwarded-For": fresh_address(), "X-Real-Ip": "::1"})
        for number in range(11)
    ]
    assert [answer.status_code for answer in answers] == [400] * 10 + [429]


def test_a_whole_network_of_new_addresses_counts_as_one() -> None:
    for number in range(10):
        assert Browser(f"2001:db8:1:2::{number:x}").sign_in("a@example.com", "x").status_code == 400
    refused(Browser("2001:db8:1:2:ffff::1").sign_in("a@example.com", "x"))
    assert Browser("2001:db8:1:3::1").sign_in("b@example.com", "x").status_code == 400


def test_the_admin_is_no_way_around() -> None:
    staff = UserFactory(is_staff=True, is_superuser=True)
    client = Client(REMOTE_ADDR=fresh_address())
    form = {"username": staff.email, "password": "wrong"}
    for _ in range(10):
        assert client.post("/admin/login/", form).status_code == 200
    refused(client.post("/admin/login/", {**form, "password": PASSWORD}))


def test_wrong_passwords_lock_for_their_address_only_and_end_by_themselves(settings: Any) -> None:
    settings.RATE_SIGN_IN = "1000/min"
    person("chef@example.com")
    attacker = Browser()
    for _ in range(10):
        assert attacker.sign_in("chef@example.com", "wrong").status_code == 400
    # Even the right one: it would tell that it is right.
    assert 0 < refused(attacker.sign_in("chef@example.com", PASSWORD)) <= 60
    assert Browser().sign_in("chef@example.com").status_code == 200

    # The next wrong one after the lock costs twice as long, but never more than an hour.
    for wait in (60, 120, 240, 480, 960, 1920, 3600, 3600):
        assert wait - 5 <= limits.lock_of("chef@example.com", attacker.address) <= wait
        limits.mistaken("chef@example.com", attacker.address)


def test_an_account_that_does_not_exist_is_locked_alike() -> None:
    browser = Browser()
    statuses = [browser.sign_in("nobody@example.com", "wrong").status_code for _ in range(10)]
    assert statuses == [400] * 10
    assert limits.lock_of("nobody@example.com", browser.address)


def test_guessing_from_everywhere_locks_strangers_and_not_the_owner_at_home(settings: Any, mailbox: Mailbox) -> None:
    settings.SIGN_IN_MISTAKES = 3
    person("chef@example.com")
    home = Browser()
    assert home.sign_in("chef@example.com").status_code == 200
    for _ in range(31):
        limits.mistaken("chef@example.com", fresh_address())
    refused(Browser().sign_in("chef@example.com"))
    assert Browser(home.address).sign_in("chef@example.com").status_code == 200

    # The owner on the road: a new password opens the door at once.
    road = Browser()
    road.call("POST", "auth/password/request", {"email": "chef@example.com"})
    key = link_in(mailbox.last("chef@example.com"))
    road.call("POST", "auth/password/reset", {"key": key, "password": "violet anchor 27 tram"})
    assert road.sign_in("chef@example.com", "violet anchor 27 tram").status_code == 200


def test_a_success_forgives_the_mistakes_before(settings: Any) -> None:
    settings.RATE_SIGN_IN = "1000/min"
    person("chef@example.com")
    address = fresh_address()
    for _ in range(3):
        for _ in range(9):
            assert Browser(address).sign_in("chef@example.com", "wrong").status_code == 400
        assert Browser(address).sign_in("chef@example.com").status_code == 200


def test_one_mailbox_gets_so_many_messages_in_an_hour(settings: Any, mailbox: Mailbox) -> None:
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "reset_password": "3/h/key"}
    person("chef@example.com")
    for email in ("chef@example.com", "nobody.here@example.com"):
        for _ in range(3):
            assert Browser().call("POST", "auth/password/request", {"email": email}).status_code == 200
        refused(Browser().call("POST", "auth/password/request", {"email": email}))
        assert len(mailbox.subjects(email)) == 3


def test_the_time_begins_with_the_first_attempt() -> None:
    for _ in range(3):
        assert limits.spend("test", "somebody", Rate(3, 60)) == 0
    assert 58 <= limits.spend("test", "somebody", Rate(3, 60)) <= 60
    assert limits.spend("test", "somebody else", Rate(3, 60)) == 0


@pytest.mark.parametrize(
    ("words", "rate"),
    [("10/min", Rate(10, 60)), ("1/s", Rate(1, 1)), ("20 / hour", Rate(20, 3600)), ("5/day", Rate(5, 86400))],
)
def test_rates_are_written_as_for_the_api(words: str, rate: Rate) -> None:
    assert limits.rate_of(words) == rate


@pytest.mark.parametrize("words", ["", "10", "10/", "ten/min", "-1/min", "10/fortnight"])
def test_what_is_no_rate_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match="no rate"):
        limits.rate_of(words)
