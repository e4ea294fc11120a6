"""Whether an address has an account can't be told from outside: the same answers, after the same work."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

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


class Work:
    """What a request cost: rounds of hashing, statements by their kind, bells rung."""

    def __init__(self) -> None:
        self.rounds = 0
        self.statements: Counter[str] = Counter()


@contextlib.contextmanager
def measured() -> Iterator[Work]:
    work, before = Work(), CountedHasher.rounds
    with CaptureQueriesContext(connection) as queries:
        yield work
    work.rounds = CountedHasher.rounds - before
    work.statements = Counter(" ".join(query["sql"].split()[:3])[:40] for query in queries)


def compare(ask: Callable[[Browser, str], Any], known: str, unknown: str, *, statements: bool = True) -> None:
    answers, works = [], []
    for email in (known, unknown):
        browser = Browser()
        browser.get("/health/live")
        with measured() as work:
            answer = ask(browser, email)
        body = answer.content.decode().replace(email, "…")
        answers.append((answer.status_code, body, sorted(answer.cookies)))
        works.append(work)
    assert answers[0] == answers[1]
    assert works[0].rounds == works[1].rounds
    if statements:
        difference = (works[0].statements - works[1].statements, works[1].statements - works[0].statements)
        assert works[0].statements.total() == works[1].statements.total(), difference


def test_signing_in() -> None:
    person("known@example.com")
    compare(lambda browser, email: browser.sign_in(email, NEW), "known@example.com", "unknown@example.com")


def test_signing_in_to_an_account_without_password() -> None:
    person("known@example.com")
    User.objects.update(password="!")
    compare(lambda browser, email: browser.sign_in(email, NEW), "known@example.com", "unknown@example.com")


def test_signing_in_to_an_account_that_is_switched_off() -> None:
    person("known@example.com", is_active=False)
    compare(lambda browser, email: browser.sign_in(email, NEW), "known@example.com", "unknown@example.com")


def test_signing_in_to_one_that_nobody_verified() -> None:
    UserFactory(email="known@example.com")
    compare(lambda browser, email: browser.sign_in(email, NEW), "known@example.com", "unknown@example.com")


def test_signing_up(mailbox: Mailbox) -> None:
    person("known@example.com")
    compare(lambda browser, email: browser.sign_up(email, NEW), "known@example.com", "unknown@example.com")
    assert len(mailbox.subjects("known@example.com")) == len(mailbox.subjects("unknown@example.com")) == 1


def test_asking_for_a_new_password(mailbox: Mailbox) -> None:
    person("known@example.com")
    ask: Any = lambda browser, email: browser.call("POST", "auth/password/request", {"email": email})  # noqa: E731
    compare(ask, "known@example.com", "unknown@example.com")
    assert len(mailbox.subjects("known@example.com")) == len(mailbox.subjects("unknown@example.com")) == 1


def test_guessing_the_code_of_an_account_that_exists_already(mailbox: Mailbox) -> None:
    person("known@example.com")

    def ask(browser: Browser, email: str) -> Any:
        browser.sign_up(email, NEW)
        return browser.call("POST", "auth/email/verify", {"key": "000000"})

    compare(ask, "known@example.com", "unknown@example.com", statements=False)


def test_asking_for_another_code(mailbox: Mailbox) -> None:
    person("known@example.com")

    def ask(browser: Browser, email: str) -> Any:
        browser.sign_up(email, NEW)
        return browser.call("POST", "auth/email/verify/resend")

    compare(ask, "known@example.com", "unknown@example.com", statements=False)
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
