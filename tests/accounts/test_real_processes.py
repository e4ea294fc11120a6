"""Signing up through the servers as they run: web process, Redis, worker, and a mailbox of files."""

from __future__ import annotations

import email
from contextlib import ExitStack
from email.policy import default

import httpx

from freshtrack.embedded.processes import wait_until
from tests.accounts.client import code_in, totp_code
from tests.stack import Stack, running_stack

NEW = "violet anchor 27 tram"


class App:
    """What the web app does: one page's cookies, and the token of its forms."""

    def __init__(self, stack: Stack, until: ExitStack) -> None:
        self.http = until.enter_context(httpx.Client(base_url=f"{stack.url}/_allauth/browser/v1/", timeout=30))
        self.http.get("config")

    def call(self, method: str, path: str, **data: object) -> httpx.Response:
        headers = {"X-CSRFToken": self.http.cookies["csrftoken"]}
        return self.http.request(method, path, json=data or None, headers=headers)


def words_in(stack: Stack, to: str) -> str:
    """The text of the newest e-mail to this address, once there is one."""

    def found() -> list[str]:
        texts = []
        for path in sorted((stack.home / "mail").glob("*.eml")):
            message = email.message_from_bytes(path.read_bytes(), policy=default)
            body = message.get_body(("plain",))
            if message["To"] == to and body is not None:
                texts.append(body.get_content())
        return texts

    assert wait_until(lambda: bool(found()), seconds=30), f"no e-mail to {to}"
    return found()[-1]


def test_from_signing_up_to_two_factors_and_too_many_guesses() -> None:
    with running_stack(env={"RATE_SIGN_IN": "10/min"}, processes=("web", "worker")) as stack, ExitStack() as until:
        app = App(stack, until)
        assert app.call("POST", "auth/signup", email="chef@example.com", password=NEW, name="Chef").status_code == 401
        code = code_in(words_in(stack, "chef@example.com"))
        assert app.call("POST", "auth/email/verify", key=code).status_code == 200
        app.http.get(f"{stack.url}/verify-email/{code}")
        assert code not in "".join(stack.log(name) for name in ("web", "worker"))
        # Nothing of the code is left in the database.
        assert stack.sql("SELECT subject, text, html FROM notifications_notification") == [("", "", "")]

        assert app.call("POST", "auth/reauthenticate", password=NEW).status_code == 200
        secret = app.call("GET", "account/authenticators/totp").json()["meta"]["secret"]
        assert app.call("POST", "account/authenticators/totp", code=totp_code(secret, periods=-1)).status_code == 200

        elsewhere = App(stack, until)
        assert elsewhere.call("POST", "auth/login", email="chef@example.com", password=NEW).status_code == 401
        assert elsewhere.call("POST", "auth/2fa/authenticate", code=totp_code(secret)).status_code == 200
        answer = elsewhere.http.get(f"{stack.url}/api/v1/me/")
        assert answer.json()["email"] == "chef@example.com"

        stranger = App(stack, until)
        for _ in range(9):  # and the one above: all of them come from this machine
            stranger.http.headers["X-Forwarded-For"] = "198.51.100.7"
            answer = stranger.call("POST", "auth/login", email="nobody@example.com", password="wrong")
            assert answer.status_code == 400
        answer = stranger.call("POST", "auth/login", email="nobody@example.com", password="wrong")
        assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
        assert 0 < int(answer.headers["retry-after"]) <= 60
