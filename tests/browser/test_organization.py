"""How an organization is looked after, in a real browser: people, roles, keys, and the trail of it all."""

from __future__ import annotations

import email
import email.policy
import json
import re
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from freshtrack.embedded.processes import wait_until
from tests.chromium import chromium
from tests.stack import ARTIFACTS, Stack, running_stack

PATIENCE_MS = 20_000
PASSWORD = "a kettle of warm soup"
_numbers = count(1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(env={"DEMO": "0", "RATE_SIGN_IN": "1000/min"}, processes=("web", "worker")) as stack:
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
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(ARTIFACTS / f"{request.node.name}.png"))
    fits = page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    context.close()
    assert complaints == []
    assert fits


def sign_in(page: Page, stack: Stack, demo: dict[str, Any], role: str) -> None:
    page.goto(f"{stack.url}/sign-in")
    page.get_by_label("E-mail").fill(demo["users"][role]["email"])
    page.get_by_label("Password", exact=True).fill(demo["users"][role]["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def on_phone(page: Page) -> bool:
    assert page.viewport_size is not None
    return page.viewport_size["width"] < 700


def menu(page: Page) -> Locator:
    """Where the links to seldom pages are: in the sidebar, on a phone in the sheet behind "More"."""
    if not on_phone(page):
        return page.get_by_role("navigation", name="Main")
    page.get_by_role("button", name="More", exact=True).click()
    return page.get_by_role("dialog")


def row_of(page: Page, name: str) -> Locator:
    return page.locator("tr").filter(has_text=name)


def link_in_mail(stack: Stack, to: str) -> str:
    """The address that the newest message to somebody leads to."""
    found: list[str] = []

    def arrived() -> bool:
        for file in sorted((stack.home / "mail").glob("*.eml")):
            message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            body = message.get_body(("plain",))
            if to in str(message["To"]) and body is not None:
                found.extend(re.findall(r"https?://\S+/invitation/\S+", body.get_content()))
        return bool(found)

    assert wait_until(arrived, seconds=30), f"no invitation came to {to}"
    return found[-1]


def test_a_person_is_invited_joins_and_is_given_another_role(
    page: Page, browser: Browser, stack: Stack, demo: dict[str, Any]
) -> None:
    address = f"newcomer-{next(_numbers)}@example.com"
    sign_in(page, stack, demo, "owner")
    menu(page).get_by_role("link", name="Members").click()
    page.get_by_role("button", name="Invite somebody").click()
    dialog = page.get_by_role("dialog", name="Invite somebody")
    dialog.get_by_label("E-mail").fill(address)
    dialog.get_by_text("Only these").click()
    dialog.get_by_label("Riverside Pharmacy").check()
    dialog.get_by_role("button", name="Send invitation").click()
    invited = row_of(page, address)
    expect(invited).to_contain_text("Riverside Pharmacy")

    newcomer = browser.new_context(viewport=page.viewport_size)
    newcomer.set_default_timeout(PATIENCE_MS)
    other = newcomer.new_page()
    other.goto(link_in_mail(stack, address))
    other.get_by_label("Your name").fill(f"Nora {address.split('@')[0]}")
    other.get_by_label("Password", exact=True).fill(PASSWORD)
    other.get_by_role("button", name="Create account and join").click()
    # Only the site that they were invited to, and a word about it.
    expect(other.get_by_role("heading", name="Riverside Pharmacy")).to_be_visible()
    expect(other.get_by_role("heading", name="Harbor Street Kitchen")).to_have_count(0)
    restricted = menu(other)
    expect(restricted.get_by_text("You see Riverside Pharmacy only.")).to_be_visible()
    expect(restricted.get_by_role("link", name="API keys")).to_have_count(0)

    page.reload()
    expect(row_of(page, address)).to_contain_text("Staff")
    page.get_by_role("button", name=f"Actions for Nora {address.split('@')[0]}").click()
    page.get_by_role("menuitem", name="Change role and sites").click()
    change = page.get_by_role("dialog", name=re.compile("^Change"))
    change.get_by_role("radio", name="Administrator").check()
    change.get_by_role("button", name="Save").click()
    expect(row_of(page, address)).to_contain_text("Administrator")
    expect(row_of(page, address)).to_contain_text("All sites")

    other.reload()
    expect(menu(other).get_by_role("link", name="API keys")).to_be_visible()
    newcomer.close()

    page.goto(f"{stack.url}/o/demo/audit?entity=membership")
    told = page.locator("summary").filter(has_text=address.split("@")[0]).filter(has_text="changed")
    expect(told).to_contain_text("Olivia Owner")
    told.click()
    change_of_role = page.get_by_role("row").filter(has_text=re.compile("^role"))
    expect(change_of_role).to_contain_text("staff")
    expect(change_of_role).to_contain_text("administrator")


def test_a_key_posts_a_first_reading_and_is_revoked(page: Page, stack: Stack, demo: dict[str, Any]) -> None:
    name = f"Gateway {next(_numbers)}"
    sign_in(page, stack, demo, "admin")
    menu(page).get_by_role("link", name="API keys").click()
    page.get_by_role("button", name="Create API key").click()
    page.get_by_role("dialog").get_by_label("Name").fill(name)
    page.get_by_role("dialog").get_by_role("button", name="Create").click()
    shown = page.get_by_role("dialog", name=f"The key of {name}")
    command = shown.get_by_role("region", name=re.compile("first reading")).locator("pre").inner_text()
    key = re.search(r"Bearer (\S+)'", command)
    body = re.search(r"-d '(.*)'", command)
    assert key is not None
    assert body is not None
    shown.get_by_role("button", name="I have copied it").click()
    expect(page.get_by_text(key[1])).to_have_count(0)

    def post() -> httpx.Response:
        headers = {"Authorization": f"Bearer {key[1]}", "Content-Type": "application/json"}
        address = f"{stack.url}/api/v1/ingest/readings"
        return httpx.post(address, content=body[1], headers=headers, timeout=20)

    assert post().status_code == 200, post().text
    page.reload()
    expect(row_of(page, name)).to_contain_text(re.compile("ago|just now"))

    page.get_by_role("button", name=f"Revoke {name}").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row_of(page, name)).to_have_count(0)
    assert wait_until(lambda: post().status_code == 401, seconds=10), "the revoked key still works"

    menu(page).get_by_role("link", name="Audit trail").click()
    trail = page.locator("summary").filter(has_text=name)
    expect(trail.filter(has_text="created API key")).to_contain_text("Adam Admin")
    expect(trail.filter(has_text="revoked API key")).to_contain_text("from 127.0.0.1")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    exported = download.value.path().read_text()
    assert name in exported
    assert key[1] not in exported


def test_an_organization_is_founded_renamed_deleted_and_restored(
    page: Page, stack: Stack, demo: dict[str, Any]
) -> None:
    number = next(_numbers)
    name, slug = f"Night Market {number}", f"night-market-{number}"
    sign_in(page, stack, demo, "manager")
    page.goto(f"{stack.url}/new-organization")
    page.get_by_label("Name").fill(name)
    expect(page.get_by_label("Address")).to_have_value(slug)
    page.get_by_role("button", name="Create organization").click()
    expect(page).to_have_url(f"{stack.url}/o/{slug}")
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()

    menu(page).get_by_role("link", name="Settings").click()
    page.get_by_label("Address").fill(f"{slug}-hall")
    expect(page.get_by_text("Every link changes")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url(f"{stack.url}/o/{slug}-hall/settings")
    # A bookmark of before.
    page.goto(f"{stack.url}/o/{slug}/audit?entity=organization")
    expect(page).to_have_url(f"{stack.url}/o/{slug}-hall/audit?entity=organization")
    expect(page.locator("summary").filter(has_text="changed address")).to_contain_text("Mara Manager")

    page.goto(f"{stack.url}/o/{slug}-hall/settings")
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("to confirm").fill(name)
    dialog.get_by_role("button", name="Delete organization").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.goto(f"{stack.url}/o/{slug}-hall")
    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    page.goto(f"{stack.url}/new-organization")
    page.get_by_role("button", name=f"Restore {name}").click()
    expect(page.get_by_role("button", name=f"Restore {name}")).to_have_count(0)
    page.goto(f"{stack.url}/o/{slug}-hall")
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def test_a_viewer_has_neither_the_menus_nor_the_pages(page: Page, stack: Stack, demo: dict[str, Any]) -> None:
    sign_in(page, stack, demo, "viewer")
    links = menu(page).get_by_role("link")
    expect(links.filter(has_text="Members")).to_be_visible()
    for words in ("API keys", "Audit trail", "Settings"):
        expect(links.filter(has_text=words)).to_have_count(0)
    for place in ("keys", "audit", "settings"):
        page.goto(f"{stack.url}/o/demo/{place}")
        expect(page.get_by_text("This page isn't for your role")).to_be_visible()
    page.goto(f"{stack.url}/o/demo/members")
    expect(page.get_by_text("Mara Manager")).to_be_visible()
    expect(page.get_by_role("button", name="Invite somebody")).to_have_count(0)
