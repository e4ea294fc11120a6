"""A browser's side of allauth's headless API, and the account mail it causes."""

from __future__ import annotations

import itertools
import json
import re
from email.message import EmailMessage
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal import auth as totp
from django.test import Client

from organizations.models import User
from tests.factories import PASSWORD, UserFactory
from tests.mail import Sink
from tests.outbox import send_all

_numbers = itertools.count(1)


def fresh_address() -> str:
    """An address of a client that nobody counted yet (RFC 2544)."""
    number = next(_numbers)
    return f"198.18.{number // 250}.{number % 250 + 1}"


class Browser(Client):
    """Keeps cookies as a browser does; `address` is where it comes from."""

    def __init__(self, address: str = "", **defaults: Any) -> None:
        self.address = address or fresh_address()
        super().__init__(REMOTE_ADDR=self.address, **defaults)

    def call(self, method: str, path: str, data: Any = None, **extra: Any) -> Any:
        """Ask allauth's API; the path begins after v1/."""
        body = json.dumps(data) if data is not None else ""
        return self.generic(method, f"/_allauth/browser/v1/{path}", body, content_type="application/json", **extra)

    def sign_up(self, email: str, password: str, **more: Any) -> Any:
        return self.call("POST", "auth/signup", {"email": email, "password": password, **more})

    def sign_in(self, email: str, password: str = PASSWORD, **extra: Any) -> Any:
        return self.call("POST", "auth/login", {"email": email, "password": password}, **extra)

    def say_it_again(self, password: str = PASSWORD) -> Any:
        """The password once more, which sensitive changes ask for."""
        return self.call("POST", "auth/reauthenticate", {"password": password})


class Mailbox:
    """What the mail server got, after the worker has done what it was rung for."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink

    def messages(self) -> list[EmailMessage]:
        """In the order of their promises, which their ids (UUID 7) keep: several lines carry them at once."""
        send_all()
        return sorted(self.sink.messages, key=lambda message: str(message["X-Entity-Ref-ID"]))

    def last(self, to: str) -> str:
        """The words of the newest message to this address."""
        texts = self.texts(to)
        assert texts, f"nothing was sent to {to}"
        return texts[-1]

    def texts(self, to: str) -> list[str]:
        """The words of all messages to this address, oldest first."""
        bodies = [message.get_body(("plain",)) for message in self.messages() if message["To"] == to]
        return [str(body.get_content()) for body in bodies if body is not None]

    def subjects(self, to: str) -> list[str]:
        return [str(message["Subject"]) for message in self.messages() if message["To"] == to]


def code_in(text: str) -> str:
    """The code that a person would type."""
    match = re.search(r"(?<!\d)\d{6}(?!\d)", text)
    assert match, text
    return match[0]


def link_in(text: str) -> str:
    """The last part of the first link into the app."""
    match = re.search(r"http://127\.0\.0\.1:\d+/(?:reset-password|verify-email)/(\S+)", text)
    assert match, text
    return match[1]


def person(email: str, **fields: Any) -> User:
    """Somebody with a password and a verified address."""
    user: User = UserFactory(email=email, **fields)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def totp_code(secret: str, *, periods: int = 0) -> str:
    """What an authenticator app shows, now or some periods later."""
    counter = list(totp.yield_hotp_counters_from_time())[1] + periods
    return totp.format_hotp_value(totp.hotp_value(secret, counter))
