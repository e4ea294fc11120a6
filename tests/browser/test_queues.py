"""The staff's page of queues, as it is looked at: it keeps itself up to date, and says when somebody is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.chromium import chromium
from tests.stack import Stack, running_stack

PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(env={"DEMO": "0"}) as stack:
        stack.manage("seed_demo")
        yield stack


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(stack: Stack, browser: Browser) -> Iterator[Page]:
    """A phone on which a member of staff has signed in."""
    staff = json.loads((stack.home / "demo.json").read_text())["staff_user"]
    context = browser.new_context(viewport={"width": 360, "height": 800})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{stack.url}/admin/login/?next=/admin/queues/")
    page.fill("input[name=username]", staff["email"])
    page.fill("input[name=password]", staff["password"])
    page.click("button[type=submit]")
    page.wait_for_url(f"{stack.url}/admin/queues/")
    yield page
    context.close()


def test_it_keeps_itself_up_to_date(stack: Stack, page: Page) -> None:
    figures = page.locator("#queues")
    expect(figures).to_contain_text("worker@", timeout=PATIENCE_MS)
    expect(figures.get_by_text("there", exact=True)).to_have_count(3, timeout=PATIENCE_MS)
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), "a table scrolls, not the page"

    stack.sql(
        "INSERT INTO organizations_failedjob (id, task, task_id, queue, args, kwargs, error, traceback, failed_at)"
        " VALUES (gen_random_uuid(), 'organizations.forget_answers', 'x', 'bulk', '[]', '{}', 'Oh: no', 'Trace', now())"
    )
    expect(page.locator("#queues-stale")).to_contain_text("new failures", timeout=PATIENCE_MS)

    # It is tried again by the worker that is there.
    page.reload()
    page.get_by_label("Choose organizations.forget_answers").check()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("Sent once more: 1 job.")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("tried again", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("#queues")).to_contain_text("organizations.forget_answers", timeout=PATIENCE_MS)

    stack.kill("worker")
    expect(page.locator("#queues")).to_contain_text("No worker answers.", timeout=PATIENCE_MS)
