"""A unit's history in a real browser: from a year to an hour without losing the one warm reading, and out as a file."""

from __future__ import annotations

import contextlib
import csv
import json
import math
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, TimeoutError, expect

from tests.chromium import chromium
from tests.stack import ARTIFACTS, Stack, running_stack

SENSOR = "FT-HSK-01"
EVERY = timedelta(minutes=10)
WARMEST = 17.3
# The machine may be busy; what is waited for is always a condition.
PATIENCE_MS = 30_000

# What stands for the reader's choice of a file: one in the browser's own store, written to as any other.
CHOOSES_A_FILE = """
    window.showSaveFilePicker = async ({ suggestedName }) => {
      const folder = await navigator.storage.getDirectory()
      return folder.getFileHandle(suggestedName, { create: true })
    }
"""
HAS_NO_CHOICE = "delete window.showSaveFilePicker"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(env={"DEMO": "0"}, processes=("web",)) as stack:
        stack.manage("seed_demo")
        yield stack


@pytest.fixture(scope="module")
def demo(stack: Stack) -> dict[str, Any]:
    return dict(json.loads((stack.home / "demo.json").read_text()))


@pytest.fixture(scope="module")
def warm_at(stack: Stack, demo: dict[str, Any]) -> datetime:
    """A year of readings, ten minutes apart, one of which is warm: when that was."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    count = int(timedelta(days=366) / EVERY)
    moments = [now - EVERY * (count - index) for index in range(count)]
    warm = moments[count * 2 // 3]
    readings = [
        {
            "sensor": SENSOR,
            "recorded_at": at.isoformat(),
            "temperature": WARMEST if at == warm else round(3 + math.sin(at.timestamp() / 13_000), 2),
            "humidity": 80,
        }
        for at in moments
    ]
    headers = {"Authorization": f"Bearer {demo['ingest_key']}"}
    for start in range(0, count, 10_000):
        body = {"readings": readings[start : start + 10_000]}
        answer = httpx.post(f"{stack.url}/api/v1/ingest/readings", json=body, headers=headers, timeout=120)
        assert answer.json()["accepted"] == len(body["readings"]), answer.text
    return warm


@pytest.fixture
def unit(demo: dict[str, Any], stack: Stack) -> str:
    """The address of the unit's page."""
    headers = {"Authorization": f"Bearer {demo['token']}"}
    found = httpx.get(f"{stack.url}/api/v1/orgs/demo/sensors/", params={"serial": SENSOR}, headers=headers, timeout=30)
    return f"{stack.url}/o/demo/units/{found.json()['results'][0]['unit']}"


@pytest.fixture(params=[1280, 390], ids=["desktop", "phone"])
def page(
    browser: Browser, request: pytest.FixtureRequest, stack: Stack, demo: dict[str, Any], warm_at: datetime
) -> Iterator[Page]:
    """Somebody who is signed in; a page that throws fails the test, and the last picture is kept."""
    context = browser.new_context(viewport={"width": request.param, "height": 900}, accept_downloads=True)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(stack.url)
    page.get_by_label("E-mail").fill(demo["users"]["viewer"]["email"])
    page.get_by_label("Password", exact=True).fill(demo["users"]["viewer"]["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible(timeout=PATIENCE_MS)
    yield page
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(ARTIFACTS / f"{request.node.name}.png"))
    context.close()
    assert complaints == []


def shown(page: Page) -> tuple[datetime, datetime]:
    """From when to when the chart shows, by the page's address."""
    query = parse_qs(urlsplit(page.url).query)
    return datetime.fromisoformat(query["from"][0]), datetime.fromisoformat(query["to"][0])


def draw_around(page: Page, share: float) -> None:
    """Select a bit of the chart on both sides of a place, with the mouse.

    Begins when nothing finer is on its way: a chart that changes between two looks at it is missed by any hand. Where
    it is drawn anew all the same, draw again.
    """
    address = page.url
    give_up = time.monotonic() + PATIENCE_MS / 1000
    expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=PATIENCE_MS)
    while page.url == address:
        assert time.monotonic() < give_up, "The chart can't be selected."
        box = page.locator(".u-over").first.bounding_box()
        if box is None:
            continue
        x, y = box["x"] + box["width"] * share, box["y"] + box["height"] / 2
        reach = box["width"] * 0.02
        page.mouse.move(x - reach, y)
        page.mouse.down()
        page.mouse.move(x + reach, y, steps=5)
        page.mouse.up()
        with contextlib.suppress(TimeoutError):
            page.wait_for_url(lambda url: url != address, timeout=2000)


def test_the_one_warm_reading_of_a_year_is_seen_from_afar_and_from_near(
    page: Page, unit: str, warm_at: datetime
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/readings/?" in request.url else None)
    highest = page.get_by_role("img", name=re.compile(rf"^Temperature.*highest {WARMEST}"))
    page.goto(f"{unit}?range=1y")
    expect(highest).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("lowest to highest by day")).to_be_visible()

    now = datetime.now(UTC)
    stretch = (now - timedelta(days=365), now)
    steps = 0
    while stretch[1] - stretch[0] > timedelta(hours=1):
        draw_around(page, (warm_at - stretch[0]) / (stretch[1] - stretch[0]))
        steps += 1
        stretch = shown(page)
        assert stretch[0] < warm_at < stretch[1]
        expect(highest).to_be_visible(timeout=PATIENCE_MS)
    assert steps <= 5
    # Near enough for single readings: the exact one, at its exact time on the site's clock.
    expect(page.get_by_text("every reading")).to_be_visible(timeout=PATIENCE_MS)
    expect(highest).to_have_attribute("aria-label", re.compile(warm_at.strftime(":%M:00.?(AM|PM)?\\.")))

    # (Steps that follow each other at once are one step back.)
    for _ in range(steps):
        if page.url.endswith("?range=1y"):
            break
        page.go_back()
    expect(page).to_have_url(re.compile(r"\?range=1y$"), timeout=PATIENCE_MS)
    expect(highest).to_be_visible(timeout=PATIENCE_MS)
    # Never more than an answer of 2000 points, and no more answers than there were steps (and their ways back).
    assert {parse_qs(urlsplit(address).query)["max_points"][0] for address in asked} == {"2000"}
    assert len(asked) <= 2 * steps + 2


def test_keys_zoom_and_read_and_the_same_stands_in_a_table(page: Page, unit: str) -> None:
    page.goto(f"{unit}?range=7d")
    chart = page.get_by_role("group", name=re.compile("^Temperature chart"))
    expect(chart).to_be_visible(timeout=PATIENCE_MS)
    chart.focus()
    page.keyboard.press("End")
    expect(chart.get_by_text(re.compile(r"\d.\d\d.°C to .* average"), exact=False).first).to_be_attached()
    for _ in range(5):
        page.keyboard.press("+")
    expect(page).to_have_url(re.compile("from="), timeout=PATIENCE_MS)
    page.get_by_role("button", name="Show as a table").click()
    rows = page.get_by_role("region", name="Readings").get_by_role("row")
    # Five hours and a quarter, ten minutes apart.
    expect(rows.nth(25)).to_be_attached(timeout=PATIENCE_MS)
    expect(rows.nth(40)).to_have_count(0)


@pytest.mark.parametrize("choice", [CHOOSES_A_FILE, HAS_NO_CHOICE], ids=["onto the disk", "through memory"])
def test_an_export_brings_every_row(page: Page, unit: str, choice: str, tmp_path: Path) -> None:
    page.add_init_script(choice)
    until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=1)
    since = until - timedelta(days=60)
    page.goto(f"{unit}?from={since:%Y-%m-%dT%H:%M:%SZ}&to={until:%Y-%m-%dT%H:%M:%SZ}")
    page.get_by_role("button", name="Export…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(re.compile("About 8,640 rows, roughly 1.1.MB"))).to_be_visible(timeout=PATIENCE_MS)
    saved = dialog.get_by_text(re.compile("Saved as walk-in-cooler_.*8,640 rows"))
    if choice == CHOOSES_A_FILE:
        dialog.get_by_role("button", name="Download").click()
        expect(saved).to_be_visible(timeout=PATIENCE_MS)
        text = page.evaluate(
            """async () => {
                 const folder = await navigator.storage.getDirectory()
                 for await (const file of folder.values()) return (await file.getFile()).text()
               }"""
        )
    else:
        with page.expect_download() as coming:
            dialog.get_by_role("button", name="Download").click()
        assert re.fullmatch(r"walk-in-cooler_[\d-]+_[\d-]+_every-reading\.csv", coming.value.suggested_filename)
        coming.value.save_as(tmp_path / "readings.csv")
        text = (tmp_path / "readings.csv").read_text()
        expect(saved).to_be_visible(timeout=PATIENCE_MS)
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == 8640
    assert {row["serial"] for row in rows} == {SENSOR}
    moments = [datetime.fromisoformat(row["recorded_at"]) for row in rows]
    assert moments == sorted(moments)
    assert since <= moments[0] < since + EVERY
    assert until - EVERY <= moments[-1] < until
