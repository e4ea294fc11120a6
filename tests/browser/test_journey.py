"""One person's journey in a real browser: sign in, see a tile change, see the alert, take charge of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.chromium import chromium
from tests.stack import ARTIFACTS, Stack, running_stack

COOLER = "FT-HSK-01"
# The machine may be busy; what is waited for is always a condition.
PATIENCE_MS = 20_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(env={"DEMO": "0"}, processes=("web", "worker")) as stack:
        stack.manage("seed_demo")
        yield stack


@pytest.fixture(scope="module")
def demo(stack: Stack) -> dict[str, Any]:
    return dict(json.loads((stack.home / "demo.json").read_text()))


@pytest.fixture(params=[1280, 360], ids=["desktop", "phone"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh visitor; a page that throws fails the test, and the last picture is kept."""
    context = browser.new_context(viewport={"width": request.param, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(ARTIFACTS / f"{request.node.name}.png"))
    context.close()
    assert complaints == []


def post(stack: Stack, demo: dict[str, Any], *temperatures: float, sensor: str = COOLER, minutes_ago: int = 0) -> None:
    """Readings of one sensor, five minutes apart, the last one now or some minutes ago."""
    now = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    readings = [
        {
            "sensor": sensor,
            "recorded_at": (now - timedelta(minutes=5 * (len(temperatures) - 1 - index))).isoformat(),
            "temperature": temperature,
        }
        for index, temperature in enumerate(temperatures)
    ]
    headers = {"Authorization": f"Bearer {demo['ingest_key']}"}
    answer = httpx.post(f"{stack.url}/api/v1/ingest/readings", json={"readings": readings}, headers=headers, timeout=20)
    assert answer.status_code == 200, answer.text


def sign_in(page: Page, stack: Stack, demo: dict[str, Any], role: str) -> None:
    page.goto(stack.url)
    page.get_by_label("E-mail").fill(demo["users"][role]["email"])
    page.get_by_label("Password", exact=True).fill(demo["users"][role]["password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible(timeout=PATIENCE_MS)


def test_a_wrong_password_is_told_and_lets_nobody_in(page: Page, stack: Stack, demo: dict[str, Any]) -> None:
    page.goto(stack.url)
    page.get_by_label("E-mail").fill(demo["users"]["owner"]["email"])
    page.get_by_label("Password", exact=True).fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible(timeout=PATIENCE_MS)
    expect(page).to_have_url(re.compile("/sign-in"))


def test_from_sign_in_to_taking_charge(page: Page, stack: Stack, demo: dict[str, Any]) -> None:
    # Each visitor has a unit of their own: what one leaves behind is the past of that unit only.
    assert page.viewport_size is not None
    on_phone = page.viewport_size["width"] < 700
    sensor, unit = ("FT-HSK-07", "Dairy display case") if on_phone else ("FT-HSK-03", "Line fridge")
    post(stack, demo, 1.1, sensor=sensor, minutes_ago=40)
    sign_in(page, stack, demo, "manager")
    tile = page.get_by_role("article").filter(has_text=unit)
    expect(tile).to_contain_text("1.1", timeout=PATIENCE_MS)

    post(stack, demo, 2.2, sensor=sensor, minutes_ago=35)
    expect(tile).to_contain_text("2.2", timeout=PATIENCE_MS)

    post(stack, demo, *[12.5] * 6, sensor=sensor)
    toast = page.get_by_role("alert").filter(has_text=unit).first
    expect(toast).to_be_visible(timeout=PATIENCE_MS)
    expect(tile).to_contain_text("Critical", timeout=PATIENCE_MS)
    expect(page).to_have_title(re.compile(r"^\(\d+\)"), timeout=PATIENCE_MS)

    page.goto(f"{stack.url}/o/demo/alerts")
    row = page.get_by_role("listitem").filter(has_text=unit).filter(has_text="Critical").first
    row.get_by_role("link").first.click()
    page.get_by_role("button", name="Acknowledge").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("On my way")
    dialog.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("On my way")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("Mara Manager").first).to_be_visible(timeout=PATIENCE_MS)

    post(stack, demo, 1.0, sensor=sensor)
    expect(page.get_by_text("Resolved").first).to_be_visible(timeout=PATIENCE_MS)


def test_a_viewer_may_look_but_not_act(page: Page, stack: Stack, demo: dict[str, Any]) -> None:
    post(stack, demo, *[0.0] * 8, sensor="FT-HSK-02")
    sign_in(page, stack, demo, "viewer")
    page.goto(f"{stack.url}/o/demo/alerts")
    page.get_by_role("link").filter(has_text="Walk-in freezer").first.click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)


def test_the_unit_page_draws_the_day_and_grows(page: Page, stack: Stack, demo: dict[str, Any]) -> None:
    post(stack, demo, 3.0, 3.5, 4.0)
    sign_in(page, stack, demo, "owner")
    page.get_by_role("link").filter(has_text="Walk-in cooler").first.click()
    chart = page.get_by_role("img").first
    expect(chart).to_be_visible(timeout=PATIENCE_MS)
    post(stack, demo, 4.7)
    expect(page.get_by_label("Now")).to_contain_text("4.7", timeout=PATIENCE_MS)
