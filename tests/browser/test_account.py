"""One's own account in a real browser: signing up, the second step, a passkey, a forgotten password, an invitation."""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import hmac
import json
import re
import struct
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from freshtrack.embedded.processes import wait_until
from tests.chromium import chromium
from tests.stack import ARTIFACTS, Stack, running_stack

PASSWORD = "violet anchor 27 tram"
# The machine may be busy; what is waited for is always a condition.
PATIENCE_MS = 20_000
_numbers = count(1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    # All of these people come from one address.
    with running_stack(env={"DEMO": "0", "RATE_SIGN_IN": "1000/min"}, processes=("web", "worker")) as stack:
        stack.manage("seed_demo")
        yield stack


@pytest.fixture(scope="module")
def home(stack: Stack) -> str:
    """Browsers know passkeys of names only, and of one without https: localhost."""
    return stack.url.replace("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def demo(stack: Stack) -> dict[str, Any]:
    return dict(json.loads((stack.home / "demo.json").read_text()))


@pytest.fixture(params=[1280, 360], ids=["desktop", "phone"])
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": request.param, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh visitor; a page that throws or scrolls sideways fails the test, and the last picture is kept."""
    expect.set_options(timeout=PATIENCE_MS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(ARTIFACTS / f"{request.node.name}.png"))
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def fresh_address() -> str:
    return f"cook-{next(_numbers)}@example.com"


def letters(stack: Stack, to: str) -> list[str]:
    """The words of every message to this address, oldest first."""
    files = sorted((stack.home / "mail").glob("*.eml"), key=lambda file: (file.stat().st_mtime_ns, file.name))
    found = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
    bodies = [message.get_body(("plain",)) for message in found if to in str(message["To"])]
    return [str(body.get_content()) for body in bodies if body is not None]


def newest_letter(stack: Stack, to: str, *, number: int = 1) -> str:
    """The newest message to this address, once there are so many."""
    assert wait_until(lambda: len(letters(stack, to)) >= number, seconds=30), f"no message {number} to {to}"
    return letters(stack, to)[-1]


def code_in(text: str) -> str:
    match = re.search(r"(?<!\d)\d{6}(?!\d)", text)
    assert match, text
    return match[0]


def link_in(text: str, home: str, *, to: str) -> str:
    """The first link to this part of the app, at the name under which the browser knows it."""
    match = re.search(rf"https?://\S+?(/{to}/\S+)", text)
    assert match, text
    return home + match[1]


def app_code(secret: str, *, periods: int = 0) -> str:
    """What an authenticator app shows, now or some periods of 30 s later (RFC 6238)."""
    counter = struct.pack(">Q", int(time.time()) // 30 + periods)
    digest = hmac.new(base64.b32decode(secret + "=" * (-len(secret) % 8)), counter, hashlib.sha1).digest()
    start = digest[-1] & 0x0F
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def sign_in(page: Page, home: str, address: str, password: str) -> None:
    page.goto(f"{home}/sign-in")
    page.get_by_label("E-mail").fill(address)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_out(page: Page, home: str) -> None:
    page.goto(f"{home}/account")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in to FreshTrack")).to_be_visible()


def prove(page: Page, password: str) -> None:
    """Answer the dialog that asks once more who this is."""
    dialog = page.get_by_role("dialog", name="Confirm that it is you")
    dialog.get_by_label("Password", exact=True).fill(password)
    dialog.get_by_role("button", name="Continue").click()


def keep_codes(page: Page) -> list[str]:
    """Read the recovery codes, which are shown once."""
    dialog = page.get_by_role("dialog", name="Your recovery codes")
    rows = dialog.get_by_role("list", name="Recovery codes").get_by_role("listitem")
    expect(rows).to_have_count(10)
    codes = rows.all_inner_texts()
    dialog.get_by_role("button", name="I have kept them").click()
    expect(dialog).to_be_hidden()
    return codes


def test_from_signing_up_to_a_lost_phone(page: Page, stack: Stack, home: str) -> None:
    address = fresh_address()
    page.goto(home)
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("Your name").fill("Ann Cook")
    page.get_by_label("E-mail").fill(address)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="Check your e-mail")).to_be_visible()
    # The last digit sends it.
    page.get_by_label("Code from the e-mail").press_sequentially(code_in(newest_letter(stack, address)))
    expect(page.get_by_role("heading", name="Welcome, Ann Cook")).to_be_visible()

    page.goto(f"{home}/account/security")
    page.get_by_role("button", name="Set up").click()
    prove(page, PASSWORD)
    dialog = page.get_by_role("dialog", name="Set up an authenticator app")
    expect(dialog.get_by_role("img", name="QR code")).to_be_visible()
    secret = dialog.locator("code").inner_text().replace(" ", "")
    dialog.get_by_label("type the code").fill(app_code(secret))
    codes = keep_codes(page)
    expect(page.get_by_text("10 of 10 unused")).to_be_visible()
    sign_out(page, home)

    sign_in(page, home, address, PASSWORD)
    expect(page.get_by_role("heading", name="Enter the code from your app")).to_be_visible()
    page.reload()  # nothing is lost
    page.get_by_label("Code").fill("000000")
    expect(page.get_by_text(re.compile("Incorrect code|code is wrong"))).to_be_visible()
    # The code of the set-up was used: the next one is accepted already.
    page.get_by_label("Code").fill(app_code(secret, periods=1))
    expect(page.get_by_role("heading", name="Welcome, Ann Cook")).to_be_visible()
    sign_out(page, home)

    sign_in(page, home, address, PASSWORD)
    page.get_by_role("button", name="Use a recovery code instead").click()
    page.get_by_label("Recovery code").fill(codes[0])
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Welcome, Ann Cook")).to_be_visible()
    page.goto(f"{home}/account/security")
    expect(page.get_by_text("9 of 10 unused")).to_be_visible()


def test_a_passkey_opens_the_door_without_a_password(
    page: Page, context: BrowserContext, stack: Stack, home: str, demo: dict[str, Any]
) -> None:
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    device = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": device})
    assert page.viewport_size is not None
    person = demo["users"]["manager" if page.viewport_size["width"] > 700 else "staff"]

    sign_in(page, home, person["email"], person["password"])
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.goto(f"{home}/o/demo/account/security")
    page.get_by_role("button", name="Add passkey").click()
    dialog = page.get_by_role("dialog", name="Add a passkey")
    dialog.get_by_label("Name").fill("Kitchen tablet")
    dialog.get_by_role("button", name="Continue").click()
    prove(page, person["password"])
    keep_codes(page)
    expect(page.get_by_text("Kitchen tablet").first).to_be_visible()
    page.get_by_role("button", name="Rename Kitchen tablet").click()
    dialog = page.get_by_role("dialog", name="Rename passkey")
    dialog.get_by_label("Name").fill("Tablet at the pass")
    dialog.get_by_role("button", name="Rename").click()
    expect(page.get_by_text("Tablet at the pass").first).to_be_visible()
    sign_out(page, home)

    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()

    # The passkey is the second step as well; without it the password alone lets in again.
    sign_out(page, home)
    sign_in(page, home, person["email"], person["password"])
    page.get_by_role("button", name="Use passkey").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.goto(f"{home}/account/security")
    page.get_by_role("button", name="Remove Tablet at the pass").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    prove(page, person["password"])
    expect(page.get_by_text("None yet.")).to_be_visible()


def test_a_forgotten_password_is_replaced_and_signs_out_everywhere(
    page: Page, browser: Browser, stack: Stack, home: str, demo: dict[str, Any]
) -> None:
    assert page.viewport_size is not None
    person = demo["users"]["viewer" if page.viewport_size["width"] > 700 else "admin"]
    elsewhere = browser.new_context()
    elsewhere.set_default_timeout(PATIENCE_MS)
    other = elsewhere.new_page()
    sign_in(other, home, person["email"], person["password"])
    expect(other.get_by_role("heading", name="Dashboard")).to_be_visible()

    before = len(letters(stack, person["email"]))
    for address in ("nobody@example.com", person["email"]):
        page.goto(f"{home}/sign-in")
        page.get_by_role("link", name="Forgot your password?").click()
        page.get_by_label("E-mail").fill(address)
        page.get_by_role("button", name="Send link").click()
        expect(page.get_by_text(f"If there is an account with {address}, a link")).to_be_visible()
    text = newest_letter(stack, person["email"], number=before + 1)
    link = link_in(text, home, to="reset-password")
    page.goto(link)
    expect(page.get_by_text(person["email"])).to_be_visible()
    page.get_by_label("New password", exact=True).fill("short")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("too short")).to_be_visible()
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("heading", name="Your password is changed")).to_be_visible()
    other.goto(f"{home}/o/demo")
    expect(other.get_by_role("heading", name="Sign in to FreshTrack")).to_be_visible()
    elsewhere.close()

    sign_in(page, home, person["email"], person["password"])
    expect(page.get_by_role("alert")).to_contain_text("don’t belong together")
    sign_in(page, home, person["email"], PASSWORD)
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.goto(link)
    expect(page.get_by_role("heading", name="This link doesn't work any more")).to_be_visible()


def test_an_invited_person_signs_up_with_one_form_and_is_inside(
    page: Page, stack: Stack, home: str, demo: dict[str, Any]
) -> None:
    address = fresh_address()
    answer = httpx.post(
        f"{stack.url}/api/v1/orgs/demo/invitations/",
        json={"email": address, "role": "staff", "sites": None},
        headers={"Authorization": f"Bearer {demo['users']['owner']['token']}"},
        timeout=20,
    )
    assert answer.status_code == 201, answer.text
    link = link_in(newest_letter(stack, address), home, to="invitation")
    page.goto(link)
    expect(page.get_by_role("heading", name=re.compile("^Join "))).to_be_visible()
    expect(page.get_by_label("E-mail")).to_have_value(address)
    expect(page.get_by_label("E-mail")).not_to_be_editable()
    page.get_by_label("Your name").fill("Ivo Invited")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account and join").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    # The link proved the address: there was no second message with a code.
    assert len(letters(stack, address)) == 1

    page.goto(link)
    expect(page.get_by_role("heading", name="This invitation was accepted already")).to_be_visible()
