"""Promises as people see them, on a phone: how one is told, the inbox, and what was sent again after it failed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from freshtrack.embedded.processes import wait_until
from tests.browser.test_alerts import fridge, keep_picture
from tests.chromium import chromium
from tests.mail import Sink, mail_server
from tests.stack import Stack, running_stack

PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def mail() -> Iterator[Sink]:
    with mail_server() as sink:
        yield sink


@pytest.fixture(scope="module")
def stack(mail: Sink) -> Iterator[Stack]:
    settings = {"DEMO": "0", "RATE_SIGN_IN": "1000/min", "EMAIL_URL": mail.url}
    with running_stack(env=settings, processes=("web", "worker")) as stack:
        stack.manage("seed_demo")
        yield stack


@pytest.fixture(scope="module")
def demo(stack: Stack) -> dict[str, Any]:
    return dict(json.loads((stack.home / "demo.json").read_text()))


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh visitor; a page that throws, breaks its own policy or scrolls sideways fails the test."""
    expect.set_options(timeout=PATIENCE_MS)
    context = browser.new_context(viewport={"width": 360, "height": 800}, timezone_id="UTC")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    keep_picture(page, request.node.name)
    fits = page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    context.close()
    assert complaints == []
    assert fits


def sign_in(page: Page, stack: Stack, demo: dict[str, Any], role: str, path: str) -> None:
    page.goto(f"{stack.url}/sign-in?next=/o/demo/{path}")
    page.get_by_label("E-mail").fill(demo["users"][role]["email"])
    page.get_by_label("Password", exact=True).fill(demo["users"][role]["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()


def letter(mail: Sink, to: str, *, about: str = "") -> EmailMessage:
    """The newest message to this address with these words in its subject, once there is one."""

    def found() -> list[EmailMessage]:
        return [
            message for message in list(mail.messages) if to in str(message["To"]) and about in str(message["Subject"])
        ]

    assert wait_until(lambda: bool(found()), seconds=30), f"no message to {to}"
    return found()[-1]


def words(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def nothing_waits(stack: Stack) -> bool:
    return stack.sql("SELECT count(*) FROM notifications_outboxentry") == [(0,)]


def test_another_address_is_verified_by_the_code_that_arrives_there(
    page: Page, stack: Stack, demo: dict[str, Any], mail: Sink
) -> None:
    sign_in(page, stack, demo, "staff", "account/notifications")
    where = page.get_by_role("region", name="Where you are told")
    where.get_by_role("button", name="Add").click()
    page.get_by_label("E-mail address").fill("night-shift@example.com")
    page.get_by_role("button", name="Send code").click()
    code = page.get_by_label("Code that was sent to night-shift@example.com")
    expect(code).to_be_focused()
    match = re.search(r"(?<!\d)\d{6}(?!\d)", words(letter(mail, "night-shift@example.com")))
    assert match
    code.press_sequentially(match[0])
    row = where.get_by_role("listitem").filter(has_text="night-shift@example.com")
    expect(row.get_by_text("Verified", exact=True)).to_be_visible()
    expect(row.get_by_role("button", name="Enter the code")).to_have_count(0)


def test_what_one_chooses_changes_who_would_be_told(page: Page, stack: Stack, demo: dict[str, Any]) -> None:
    unit, _, _ = fridge(stack, demo)
    sign_in(page, stack, demo, "manager", "account/notifications")
    how = page.get_by_role("region", name="How you are told")
    how.get_by_role("switch", name="Quiet hours").check()
    # The demo's people are in UTC.
    now = datetime.now(UTC)
    how.get_by_label("Quiet from").fill(f"{now - timedelta(hours=2):%H:%M}")
    how.get_by_label("Quiet to").fill(f"{now + timedelta(hours=2):%H:%M}")
    how.get_by_role("checkbox", name="Critical: E-mail").uncheck()
    expect(how.get_by_text("Not saved yet")).to_be_in_viewport()
    how.get_by_role("button", name="Save").click()
    expect(how.get_by_text("Saved at")).to_be_visible()

    page.goto(f"{stack.url}/o/demo/units/{unit}")
    told = page.get_by_role("region", name="Who would be told")
    told.get_by_role("button", name="Show").click()
    mara = told.get_by_role("listitem").filter(has_text="Mara Manager")
    expect(mara).to_contain_text("In the app only")
    expect(mara).to_contain_text("Wants to find what is critical in the app only.")
    expect(told.get_by_role("listitem").filter(has_text="Olivia Owner")).to_contain_text("at once")
    told.get_by_text("Warning", exact=True).click()
    expect(mara).to_contain_text("Told later")
    expect(mara).to_contain_text(f"Quiet hours until {now + timedelta(hours=2):%a}")


def test_a_digest_is_seen_before_it_is_wanted_and_sent_at_once(
    page: Page, stack: Stack, demo: dict[str, Any], mail: Sink
) -> None:
    sign_in(page, stack, demo, "admin", "account/notifications")
    digests = page.get_by_role("region", name="Digests")
    digests.get_by_role("button", name="Preview of Harbor Street Foods").click()
    dialog = page.get_by_role("dialog", name="Daily digest of Harbor Street Foods")
    inside = page.frame_locator("iframe[title='Preview of the digest']")
    expect(inside.get_by_text("Daily digest").first).to_be_visible()
    # Its own styles hold, though nothing in it may run.
    expect(inside.get_by_role("heading").first).to_have_css("font-family", re.compile("sans-serif"))
    dialog.get_by_role("button", name="Send me this now").click()
    address = demo["users"]["admin"]["email"]
    expect(page.get_by_text(f"On its way to {address}")).to_be_visible()
    # Beside what is told of the units that other tests made too warm.
    assert letter(mail, address, about="Harbor Street Foods")["List-Unsubscribe"]

    digests.get_by_text("Weekly", exact=True).click()
    digests.get_by_role("button", name="Save").click()
    expect(digests.get_by_text("Next on")).to_be_visible()


def test_what_happens_is_in_the_inbox_at_once_and_is_read_together(
    page: Page, stack: Stack, demo: dict[str, Any]
) -> None:
    sign_in(page, stack, demo, "owner", "inbox")
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    expect(page.get_by_text("Live", exact=True).and_(page.locator(":visible"))).to_be_visible()
    _, _, name = fridge(stack, demo)
    item = page.get_by_role("main").get_by_role("listitem").filter(has_text=name)
    expect(item).to_be_visible()
    expect(item.get_by_role("button", name="Mark as read")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile(r"^Inbox, \d+ unread$"))).to_be_visible()
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.get_by_role("link", name="Inbox", exact=True)).to_be_visible()
    expect(item.get_by_role("button")).to_have_count(0)
    item.get_by_role("link").click()
    expect(page.get_by_role("heading", name=f"{name}: too warm")).to_be_visible()


def opened(page: Page, name: str) -> Locator:
    """A message about this unit that was given up, with its tries."""
    row = page.get_by_role("region", name="Messages").get_by_role("listitem").filter(has_text=name)
    expect(row.filter(has_text="Given up").first).to_be_visible()
    row.first.locator("summary").click()
    return row.first


def test_what_was_refused_is_sent_again_one_by_one_and_all_together(
    page: Page, stack: Stack, demo: dict[str, Any], mail: Sink
) -> None:
    assert wait_until(lambda: nothing_waits(stack), seconds=60)
    refusal = "554 5.7.1 Not from you"
    # More than there are people: whatever is tried is refused.
    mail.answers = [refusal] * 20
    _, _, name = fridge(stack, demo)
    assert wait_until(
        lambda: stack.sql("SELECT count(*) > 1 FROM notifications_notification WHERE status = 'dead'") == [(True,)],
        seconds=60,
    )
    assert wait_until(lambda: nothing_waits(stack), seconds=60)
    mail.answers = []

    sign_in(page, stack, demo, "admin", "deliveries")
    expect(page.get_by_text("Messages of the last 30 days were given up")).to_be_visible()
    expect(page.get_by_role("region", name="Channels")).to_contain_text("Not from you")
    page.get_by_role("button", name="Show them").click()
    row = opened(page, name)
    expect(row).to_contain_text("Refused for good")
    keep_picture(page, "given-up")
    row.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("The message is on its way again")).to_be_visible()

    page.get_by_role("button", name="Send all again").click()
    page.get_by_role("dialog").get_by_role("button", name="Send again").click()
    expect(page.get_by_text("on the way again")).to_be_visible()
    expect(page.get_by_text("Messages of the last 30 days were given up")).to_have_count(0)
    assert wait_until(lambda: nothing_waits(stack), seconds=60)
    assert stack.sql("SELECT count(*) FROM notifications_notification WHERE status = 'dead'") == [(0,)]
    assert [name in str(message["Subject"]) for message in mail.messages[-2:]] == [True, True]
