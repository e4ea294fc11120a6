"""An alert from the reading that opens it to the person who resolves it, rules and mutes, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

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


def ask(stack: Stack, demo: dict[str, Any], path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """As the owner, over the API."""
    answer = httpx.request(
        "GET" if body is None else "POST",
        f"{stack.url}/api/v1/orgs/demo/{path}",
        json=body,
        headers={"Authorization": f"Bearer {demo['token']}"},
        timeout=30,
    )
    assert answer.is_success, answer.text
    return dict(answer.json())


def fridge(stack: Stack, demo: dict[str, Any]) -> tuple[str, str, str]:
    """A unit with a critical rule, a sensor, and five hours in which it was well and then became too warm."""
    number = next(_numbers)
    area = ask(stack, demo, "areas/")["results"][0]["id"]
    body = {"area": area, "name": f"Fridge {number}", "kind": "reach_in_fridge", "default_rules": False}
    unit = ask(stack, demo, "units/", body)["id"]
    ask(stack, demo, "sensors/", {"serial": f"SCREEN-{number}", "unit": unit})
    rule = {"name": f"Rule {number}", "metric": "temperature", "condition": "above", "threshold": 5}
    made = ask(
        stack,
        demo,
        "alert-rules/",
        {**rule, "severity": "critical", "delay_s": 600, "hysteresis": 1, "scope": {"unit": unit}},
    )
    now = datetime.now(UTC)
    readings = [
        {
            "sensor": f"SCREEN-{number}",
            "recorded_at": (now - timedelta(minutes=minutes)).isoformat(),
            "temperature": 3.0 if minutes > 30 else 9.0,
        }
        for minutes in range(300, 0, -5)
    ]
    answer = httpx.post(
        f"{stack.url}/api/v1/ingest/readings",
        json={"readings": readings},
        headers={"Authorization": f"Bearer {demo['ingest_key']}"},
        timeout=30,
    )
    assert answer.json()["accepted"] == len(readings)
    return unit, made["id"], f"Fridge {number}"


def sign_in(page: Page, stack: Stack, demo: dict[str, Any], path: str) -> None:
    page.goto(f"{stack.url}/sign-in?next=/o/demo/{path}")
    page.get_by_label("E-mail").fill(demo["users"]["manager"]["email"])
    page.get_by_label("Password", exact=True).fill(demo["users"]["manager"]["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_an_alert_is_snoozed_assigned_discussed_and_resolved_in_a_few_taps(
    page: Page, stack: Stack, demo: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    unit, _, name = fridge(stack, demo)
    alert = ask(stack, demo, f"alerts/?unit={unit}")["results"][0]
    sign_in(page, stack, demo, f"alerts/{alert['id']}")
    expect(page.get_by_role("heading", name=f"{name}: too warm")).to_be_visible()
    expect(page.get_by_role("img", name="Temperature, around this alert")).to_be_visible()
    why = page.get_by_role("region", name="Why did this alert open?")
    expect(why).to_contain_text("not above 5.0")
    why.get_by_text("What every rule of this unit said then").click()
    expect(why.get_by_role("link", name="The alert that was open")).to_be_visible()
    keep_picture(page, f"{request.node.name}-alert")

    page.get_by_role("button", name="Snooze", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="1 hour").click()
    expect(page.get_by_text("If it lasts, everybody is told again.")).to_be_visible()

    page.get_by_role("button", name="Assign", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Me").click()
    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline.get_by_text("Assigned by Mara Manager")).to_be_visible()
    timeline.get_by_label("Comment").fill("The compressor is silent.")
    timeline.get_by_role("button", name="Send").click()
    expect(timeline.get_by_text("The compressor is silent.")).to_be_visible()

    page.get_by_role("button", name="Resolve", exact=True).click()
    dialog = page.get_by_role("dialog", name="Resolve alert")
    dialog.get_by_role("button", name="Broken cooling").click()
    dialog.get_by_role("button", name="Food discarded").click()
    dialog.get_by_text("Discarded", exact=True).click()
    dialog.get_by_label("How much").fill("12 kg")
    keep_picture(page, f"{request.node.name}-resolve")
    dialog.get_by_role("button", name="Resolve").click()
    expect(page.get_by_role("button", name="Open again")).to_be_visible()
    told = ask(stack, demo, f"alerts/{alert['id']}/")
    assert (told["cause"], told["disposition"], told["amount"]) == ("Broken cooling", "Discarded", "12 kg")


def test_a_rule_is_tried_on_the_past_before_it_is_saved(
    page: Page, stack: Stack, demo: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    _, rule, name = fridge(stack, demo)
    sign_in(page, stack, demo, f"rules/{rule}")
    preview = page.get_by_role("region", name="What it would have done")
    expect(preview.get_by_text("1 alert", exact=True)).to_be_visible()
    expect(preview.get_by_role("button", name=name)).to_contain_text("1 with this rule, 1 happened")
    expect(page.get_by_role("img", name="Temperature, the last")).to_be_visible()
    keep_picture(page, f"{request.node.name}-preview")
    page.get_by_role("textbox", name="Limit", exact=True).fill("10")
    expect(preview.get_by_text("0 alerts", exact=True)).to_be_visible()
    assert ask(stack, demo, f"alert-rules/{rule}/")["threshold"] == 5
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Rules", exact=True)).to_be_visible()
    assert ask(stack, demo, f"alert-rules/{rule}/")["threshold"] == 10


def test_a_unit_is_muted_and_its_rule_changed_for_a_while(
    page: Page, stack: Stack, demo: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    unit, _, name = fridge(stack, demo)
    sign_in(page, stack, demo, f"units/{unit}")
    rules = page.get_by_role("region", name="Rules here")
    row = rules.get_by_role("listitem").filter(has_text="Air above 5.0")
    row.get_by_role("button", name="Change here").click()
    dialog = page.get_by_role("dialog", name="Change here for a while")
    dialog.get_by_role("textbox", name="For at least").fill("60")
    dialog.get_by_label("Reason").fill("A big delivery")
    dialog.get_by_role("button", name="Change").click()
    expect(rules.get_by_text("Changed for this unit")).to_be_visible()
    rules.get_by_role("button", name="End it now").click()
    expect(rules.get_by_text("Changed for this unit")).to_have_count(0)

    page.get_by_role("button", name="Mute", exact=True).click()
    dialog = page.get_by_role("dialog", name="Mute")
    dialog.get_by_text("2 hours").click()
    dialog.get_by_label("Reason").fill("Deep cleaning")
    dialog.get_by_role("button", name="Mute").click()
    expect(page.get_by_text("Deep cleaning. Nobody is told")).to_be_visible()
    keep_picture(page, f"{request.node.name}-muted")
    page.goto(f"{stack.url}/o/demo/mutes")
    row = page.get_by_role("region", name="Now").get_by_role("listitem").filter(has_text=name)
    expect(row).to_contain_text("by Mara Manager")
    row.get_by_role("button", name="End now").click()
    expect(row).to_have_count(0)
    expect(page.get_by_role("region", name="Over").get_by_text(name)).to_be_visible()
