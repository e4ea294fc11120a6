"""Whether an address has an account can't be told from outside: the same answers, after the same work."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection
from django.test import AsyncClient
from django.test.utils import CaptureQueriesContext

from notifications.models import Notification
from organizations.accounts.door import ANSWER_AFTER_S, UNHURRIED
from organizations.models import User
from tests.accounts.client import Browser, Mailbox, person
from tests.factories import UserFactory, as_system

pytestmark = pytest.mark.django_db(transaction=True)
NEW = "violet anchor 27 tram"


class CountedHasher(PBKDF2PasswordHasher):
    """What production uses, with few rounds, and counted."""

    algorithm = "counted"
    iterations = 10
    rounds = 0

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        CountedHasher.rounds += iterations or self.iterations
        return super().encode(password, salt, iterations)


@pytest.fixture(autouse=True)
def hashes(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["tests.accounts.test_silence.CountedHasher"]


class Seen(NamedTuple):
    """What a stranger can see of an answer: what it says, and what it costs."""

    answer: tuple[int, str, list[str]]  # status, body, names of cookies
    rounds: int  # of hashing
    statements: int

    @property
    def but_statements(self) -> tuple[object, int]:
        """Where mail goes out afterwards, in a transaction of its own."""
        return self.answer, self.rounds


def both(ask: Callable[[Browser, str], Any]) -> tuple[Seen, Seen]:
    """The same asked about an address that has an account, and about one that hasn't."""
    return seen(ask, "known@example.com"), seen(ask, "unknown@example.com")


def seen(ask: Callable[[Browser, str], Any], email: str) -> Seen:
    browser, before = Browser(), CountedHasher.rounds
    browser.get("/health/live")
    with CaptureQueriesContext(connection) as queries:
        answer = ask(browser, email)
    body = answer.content.decode().replace(email, "…")
    said = (answer.status_code, body, sorted(answer.cookies))
    return Seen(said, CountedHasher.rounds - before, len(queries))


def sign_in(browser: Browser, email: str) -> Any:
    return browser.sign_in(email, NEW)


def test_signing_in() -> None:
    person("known@example.com")
    known, unknown = both(sign_in)
    assert known == unknown
    assert known.rounds > 0


def test_signing_in_to_an_account_without_password() -> None:
    person("known@example.com")
    User.objects.update(password="!")
    known, unknown = both(sign_in)
    assert known == unknown
    assert known.rounds > 0


def test_signing_in_to_an_account_that_is_switched_off() -> None:
    person("known@example.com", is_active=False)
    known, unknown = both(sign_in)
    assert known == unknown
    assert known.rounds > 0


def test_signing_in_to_one_that_nobody_verified() -> None:
    UserFactory(email="known@example.com")
    known, unknown = both(sign_in)
    assert known == unknown
    assert known.rounds > 0


def test_signing_up(mailbox: Mailbox) -> None:
    person("known@example.com")
    known, unknown = both(lambda browser, email: browser.sign_up(email, NEW))
    assert known == unknown
    assert len(mailbox.subjects("known@example.com")) == len(mailbox.subjects("unknown@example.com")) == 1


def test_asking_for_a_new_password(mailbox: Mailbox) -> None:
    person("known@example.com")
    known, unknown = both(lambda browser, email: browser.call("POST", "auth/password/request", {"email": email}))
    assert known == unknown
    assert len(mailbox.subjects("known@example.com")) == len(mailbox.subjects("unknown@example.com")) == 1


def test_guessing_the_code_of_an_account_that_exists_already(mailbox: Mailbox) -> None:
    person("known@example.com")

    def ask(browser: Browser, email: str) -> Any:
        browser.sign_up(email, NEW)
        return browser.call("POST", "auth/email/verify", {"key": "000000"})

    known, unknown = both(ask)
    assert known.but_statements == unknown.but_statements


def test_asking_for_another_code(mailbox: Mailbox) -> None:
    person("known@example.com")

    def ask(browser: Browser, email: str) -> Any:
        browser.sign_up(email, NEW)
        return browser.call("POST", "auth/email/verify/resend")

    known, unknown = both(ask)
    assert known.but_statements == unknown.but_statements
    assert len(mailbox.subjects("known@example.com")) == len(mailbox.subjects("unknown@example.com")) == 2


def test_what_hashes_nothing_answers_after_a_fixed_time() -> None:
    """Through the asynchronous stack, as servers run it."""

    async def ask(path: str) -> float:
        began = time.monotonic()
        answer = await AsyncClient().post(path, {"email": "cook@example.com"}, content_type="application/json")
        assert answer.status_code in (200, 409)
        return time.monotonic() - began

    for path in UNHURRIED:
        assert async_to_sync(ask)(path) >= ANSWER_AFTER_S


def test_signed_in_and_changing_to_an_address_that_is_taken(mailbox: Mailbox) -> None:
    person("known@example.com")
    answers = []
    for number, wanted in enumerate(["known@example.com", "unknown@example.com"]):
        person(f"me{number}@example.com")
        browser = Browser()
        browser.sign_in(f"me{number}@example.com")
        browser.say_it_again()
        answer = browser.call("POST", "account/email", {"email": wanted})
        answers.append((answer.status_code, answer.content.decode().replace(wanted, "…").replace(f"me{number}", "me")))
    assert answers[0] == answers[1]
    with as_system():
        assert Notification.objects.filter(to="known@example.com").exists()
