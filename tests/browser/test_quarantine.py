"""What a broken gateway sends, from its refusal at the door to the person who mends it, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.chromium import chromium
from tests.stack import ARTIFACTS, Stack, running_stack

PATIENCE_MS = 20_000
_numbers = count(1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(env={"DEMO": "0", "RATE_SIGN_IN": "1000/min"}, processes=("web",)) as stack:
        stack.manage("seed_demo")
        yield stack


@pytest.fixture(scope="module")
def demo(stack: Stack) -> dict[str, Any]:
    return dict(json.loads((stack.home / "demo.json").read_text()))


@pytest.fixture(params=[1280, 360], ids=["desktop", "phone"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh visitor; a page that throws or scrolls sideways fails the test, and the last picture is kept."""
    expect.set_options(timeout=PATIENCE_MS)
    context = browser.new_context(viewport={"width": request.param, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    keep_picture(page, request.node.name)
    fits = page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    context.close()
    assert complaints == []
    assert fits


def keep_picture(page: Page, name: str) -> None:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(ARTIFACTS / f"{name}.png"))


def send(stack: Stack, demo: dict[str, Any], *readings: dict[str, Any]) -> dict[str, Any]:
    """As a gateway does."""
    answer = httpx.post(
        f"{stack.url}/api/v1/ingest/readings",
        json={"readings": list(readings)},
        headers={"Authorization": f"Bearer {demo['ingest_key']}"},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def item(page: Page, words: str) -> Locator:
    return page.get_by_role("main").get_by_role("listitem").filter(has_text=words)


def test_a_manager_finds_corrects_and_discards_what_a_gateway_sent(
    page: Page, stack: Stack, demo: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    serial = f"BROKEN-{next(_numbers)}"
    moment = (datetime.now(UTC) - timedelta(minutes=5)).replace(microsecond=0)
    same = {"sensor": serial, "recorded_at": (moment - timedelta(minutes=1)).isoformat()}
    answer = send(
        stack,
        demo,
        {**same, "temperature": 3.1},
        {**same, "temperature": 9.9},
        {"sensor": serial, "recorded_at": moment.isoformat(), "temperature": 345},
        {"sensor": serial, "recorded_at": moment.isoformat(), "temperature": "warm"},
        {"sensor": serial, "recorded_at": moment.isoformat(), "temperature": -127},
    )
    assert (answer["accepted"], len(answer["rejected"])) == (1, 4)

    page.goto(f"{stack.url}/sign-in?next=/o/demo/quarantine")
    page.get_by_label("E-mail").fill(demo["users"]["manager"]["email"])
    page.get_by_label("Password", exact=True).fill(demo["users"]["manager"]["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Refused readings")).to_be_visible()
    page.get_by_role("textbox", name="Sensor").fill(serial)
    page.get_by_role("textbox", name="Sensor").press("Enter")
    expect(item(page, serial)).to_have_count(4)
    keep_picture(page, f"{request.node.name}-list")

    # A contradiction, beside what is stored.
    contradiction = item(page, "Contradicts").filter(has_text=serial)
    contradiction.locator("summary").click()
    expect(contradiction.get_by_role("row", name="Temperature")).to_contain_text("3.1 °C")
    expect(contradiction.get_by_role("row", name="Temperature")).to_contain_text("9.9 °C")
    contradiction.get_by_role("button", name="Send in again").click()
    expect(contradiction.get_by_role("alert")).to_contain_text("still refused")
    keep_picture(page, f"{request.node.name}-contradiction")

    # Tenths of degrees, corrected.
    wrong = item(page, "Out of range").filter(has_text=serial)
    wrong.locator("summary").click()
    wrong.get_by_role("button", name="Correct…").click()
    dialog = page.get_by_role("dialog", name="Correct and send in again")
    expect(dialog.get_by_label("Temperature (°C)")).to_have_value("345")
    dialog.get_by_label("Temperature (°C)").fill("34.5")
    keep_picture(page, f"{request.node.name}-correct")
    dialog.get_by_role("button", name="Send in again").click()
    expect(page.get_by_text("The reading was stored")).to_be_visible()
    expect(item(page, serial)).to_have_count(3)
    stored = stack.sql(
        "SELECT r.temperature FROM sensors_reading r JOIN sensors_sensor s ON s.id = r.sensor_id WHERE s.serial = %s"
        " ORDER BY r.recorded_at",
        [serial],
    )
    assert stored == [(310,), (3450,)]

    # The rest is put away together.
    page.get_by_label("Select all shown").check()
    page.get_by_role("button", name="Discard", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Discard").click()
    expect(page.get_by_text("Nothing matches these filters")).to_be_visible()
    page.get_by_label("Show").select_option("Sent in again")
    expect(item(page, serial)).to_have_count(1)

    told = httpx.get(
        f"{stack.url}/api/v1/orgs/demo/audit-events/?entity=security_event",
        headers={"Authorization": f"Bearer {demo['token']}"},
        timeout=30,
    ).json()["results"]
    details = [event["changes"]["detail"]["after"] for event in told if "detail" in event["changes"]]
    assert any(serial in detail and detail.endswith("temperature 345 → 34.5") for detail in details)
