"""A browser's side of allauth's headless API, and the account mail it causes."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

from django.test import Client

_numbers = itertools.count(1)


def fresh_address() -> str:
    """An address of a client that nobody counted yet (TEST-NET-2 and beyond, RFC 5737 and 2544)."""
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

    def sign_in(self, email: str, password: str, **extra: Any) -> Any:
        return self.call("POST", "auth/login", {"email": email, "password": password}, **extra)


def code_in(text: str) -> str:
    """The code that a person would type."""
    match = re.search(r"(?<!\d)\d{6}(?!\d)", text)
    assert match, text
    return match[0]
