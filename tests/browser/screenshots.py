"""Take pictures of every screen of a running FreshTrack: `make up` in one terminal, `make screenshots` in another.

Address and credentials come from `$FRESHTRACK_HOME/demo.json`. Pictures go to `docs/screenshots/{page}-{width}.png`, or
below the folder given as the first argument; names of screens after it take only these. Later screens are judged beside
them.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from tests.chromium import NoBrowser, chromium

CHECKOUT: Final = Path(__file__).resolve().parents[2]
HOME: Final = Path(os.environ.get("FRESHTRACK_HOME", CHECKOUT / ".freshtrack"))
# A small phone and a small laptop.
SIZES: Final = {360: 760, 1280: 800}
TALLEST: Final = 1800
# The simulator opens the show unit's door every five minutes; half a minute later it alarms.
SHOW_EVERY_MS: Final = 400_000

Opener = Callable[[Page, str], None]


def sign_in_page(page: Page, url: str) -> None:
    """Before anybody is signed in."""
    page.context.clear_cookies()
    page.goto(url)
    expect(page.get_by_role("heading", name="Sign in to FreshTrack")).to_be_visible()


def dashboard(page: Page, url: str) -> None:
    """Tiles of every unit, live."""
    page.goto(f"{url}/o/demo")
    expect(page.get_by_role("article").first).to_be_visible()
    expect(page.get_by_text("Live", exact=True).and_(page.locator(":visible"))).to_be_visible()


def unit(page: Page, url: str) -> None:
    """The unit that is worst off, since that is what people open."""
    dashboard(page, url)
    worst = (
        page.get_by_role("article")
        .filter(has_text="Critical")
        .or_(page.get_by_role("article").filter(has_text="Warning"))
    )
    (worst.first if worst.count() else page.get_by_role("article").first).get_by_role("link").click()
    expect(page.get_by_role("img", name="Temperature, last 24 hours")).to_be_visible()
    expect(page.get_by_role("heading", name="Sensors")).to_be_visible()


def unit_week(page: Page, url: str) -> None:
    """The same unit over seven days, by hour."""
    unit(page, url)
    page.get_by_text("7 d", exact=True).click()
    expect(page.get_by_role("img", name="Temperature, last 7 days")).to_be_visible()


def alerts(page: Page, url: str) -> None:
    """Open, acknowledged and resolved ones."""
    page.goto(f"{url}/o/demo/alerts")
    for name in ("Open", "Resolved"):
        section = page.get_by_role("region", name=name)
        expect(section).to_be_visible()
        expect(section.get_by_role("status", name="Loading")).to_have_count(0)


def alert(page: Page, url: str) -> None:
    """The newest alert with its timeline, if there is one yet."""
    alerts(page, url)
    rows = page.get_by_role("region").get_by_role("listitem").get_by_role("link")
    if not rows.count():
        return
    rows.first.click()
    expect(page.get_by_role("region", name="Timeline").get_by_text("Opened").first).to_be_visible()
    expect(page.get_by_role("img", name="Temperature")).to_be_visible()


def alert_why(page: Page, url: str) -> None:
    """Below why it opened: what every rule of its unit said at that moment."""
    alert(page, url)
    why = page.get_by_role("region", name="Why did this alert open?")
    why.get_by_text("What every rule of this unit said then").click()
    expect(why.get_by_role("status", name="Loading")).to_have_count(0)
    expect(why.get_by_role("link", name="The alert that was open").first).to_be_visible()
    why.scroll_into_view_if_needed()


def open_alert(page: Page, url: str) -> None:
    """One that is open; the demo's counter fridge has one every five minutes."""
    alerts(page, url)
    rows = page.get_by_role("region", name="Open").get_by_role("listitem").get_by_role("link")
    expect(rows.first).to_be_visible(timeout=SHOW_EVERY_MS)
    rows.first.click()


def resolve(page: Page, url: str) -> None:
    """Cause, corrective action and the food, filled in with a few taps."""
    open_alert(page, url)
    page.get_by_role("button", name="Resolve", exact=True).click()
    dialog = page.get_by_role("dialog", name="Resolve alert")
    dialog.get_by_role("button", name="Door left open").click()
    dialog.get_by_role("button", name="Door closed").click()
    dialog.get_by_text("Kept", exact=True).click()
    expect(dialog.get_by_label("How much")).to_be_visible()


def rules(page: Page, url: str) -> None:
    """From those that hold everywhere to those of a single unit; one kind of unit opened."""
    page.goto(f"{url}/o/demo/rules")
    page.locator("summary").filter(has_text="Walk-in cooler").click()
    expect(page.get_by_role("link", name="Product above").first).to_be_visible()


def rule(page: Page, url: str) -> None:
    """The demo's own rule, tried on the last week, with the curve of the unit it watches."""
    page.goto(f"{url}/o/demo/rules?q=counter+fridge+above+8")
    page.get_by_role("main").get_by_role("listitem").get_by_role("link").first.click()
    preview = page.get_by_role("region", name="What it would have done")
    preview.get_by_text("7 days", exact=True).click()
    expect(preview.get_by_text("with this rule").first).to_be_visible()
    expect(page.get_by_role("img", name="Temperature, the last")).to_be_visible()


def mutes(page: Page, url: str) -> None:
    """What is quiet now; the first picture mutes a unit for two hours, so that there is something to see."""
    page.goto(f"{url}/o/demo/mutes")
    now = page.get_by_role("region", name="Now")
    expect(now.get_by_role("listitem").or_(now.get_by_text("Nothing is muted")).first).to_be_visible()
    if not now.get_by_role("listitem").count():
        page.goto(f"{url}/o/demo")
        page.get_by_role("article").filter(has_text="Soup hot well").get_by_role("link").click()
        page.get_by_role("button", name="Mute", exact=True).click()
        dialog = page.get_by_role("dialog", name="Mute")
        dialog.get_by_text("2 hours").click()
        dialog.get_by_label("Reason").fill("Deep cleaning")
        dialog.get_by_role("button", name="Mute").click()
        expect(page.get_by_text("Deep cleaning")).to_be_visible()
        page.goto(f"{url}/o/demo/mutes")
    expect(now.get_by_role("listitem").first).to_be_visible()


def alert_next(page: Page, url: str) -> None:
    """An open alert: who is told next, counting down."""
    open_alert(page, url)
    told = page.get_by_role("region", name="Who is told next")
    expect(told.get_by_text("if nobody answers")).to_be_visible()
    expect(page.get_by_role("img", name="Temperature")).to_be_visible()


def escalation(page: Page, url: str) -> None:
    """The policies that an organization starts with, as they are gone through."""
    page.goto(f"{url}/o/demo/escalation")
    expect(page.get_by_role("main").get_by_role("listitem").get_by_role("link").first).to_be_visible()


def escalation_policy(page: Page, url: str) -> None:
    """One of them with what it would do now, a step added; nothing is saved."""
    escalation(page, url)
    page.get_by_role("link", name="Critical alerts").click()
    page.get_by_role("button", name="Add a step").click()
    third = page.get_by_role("group", name="Step 3")
    third.get_by_role("combobox", name="Tell").click()
    page.get_by_role("option", name="Owners", exact=True).click()
    tried = page.get_by_role("region", name="What it would do")
    expect(tried.get_by_text("Step 3 of 3")).to_be_visible()


def inbox(page: Page, url: str) -> None:
    """What the person was told, some of it read."""
    page.goto(f"{url}/o/demo/inbox")
    items = page.get_by_role("main").get_by_role("listitem")
    expect(items.first).to_be_visible(timeout=SHOW_EVERY_MS)
    expect(page.get_by_role("link", name="Inbox")).to_be_visible()
    unread = items.get_by_role("button", name="Mark as read")
    if unread.count() > 2:
        before = unread.count()
        unread.last.click()
        expect(unread).to_have_count(before - 1)


def deliveries(page: Page, url: str) -> None:
    """How the channels do, and every message; the newest one opened."""
    page.goto(f"{url}/o/demo/deliveries")
    rows = page.get_by_role("region", name="Messages").get_by_role("listitem")
    expect(rows.first).to_be_visible(timeout=SHOW_EVERY_MS)
    expect(page.get_by_role("region", name="Channels").get_by_text("Last hour").first).to_be_visible()
    rows.first.locator("summary").click()
    expect(rows.first.get_by_text("took").first).to_be_visible()


def account_notifications(page: Page, url: str) -> None:
    """Where and how one is told, with quiet hours and a weekly digest filled in; nothing is saved."""
    page.goto(f"{url}/o/demo/account/notifications")
    page.get_by_role("switch", name="Quiet hours").check()
    digests = page.get_by_role("region", name="Digests")
    digests.get_by_text("Weekly", exact=True).click()
    expect(digests.get_by_label("weekly on")).to_be_visible()
    page.evaluate("scrollTo(0, 0)")


def digest_preview(page: Page, url: str) -> None:
    """What the digest of today would say."""
    page.goto(f"{url}/o/demo/account/notifications")
    page.get_by_role("button", name="Preview of").click()
    inside = page.frame_locator("iframe[title='Preview of the digest']")
    expect(inside.get_by_text("Daily digest").first).to_be_visible()


def reach(page: Page, url: str) -> None:
    """Below a unit: who would be told if it alerted now."""
    page.goto(f"{url}/o/demo")
    page.get_by_role("article").filter(has_text="Walk-in cooler").first.get_by_role("link").click()
    told = page.get_by_role("region", name="Who would be told")
    told.get_by_role("button", name="Show").click()
    expect(told.get_by_role("listitem").first).to_be_visible()
    told.scroll_into_view_if_needed()


def sites(page: Page, url: str) -> None:
    """Where everything is, when it is open, and whose law applies."""
    page.goto(f"{url}/o/demo/sites")
    expect(page.get_by_role("link", name="Harbor Street Kitchen")).to_be_visible()


def site(page: Page, url: str) -> None:
    """Opening hours as somebody fills them in, one day with a night; nothing is saved."""
    sites(page, url)
    page.get_by_role("link", name="Harbor Street Kitchen").click()
    page.get_by_text("By the week", exact=True).click()
    saturday = page.get_by_role("group", name="Saturday")
    saturday.get_by_label("Opens").fill("17:00")
    saturday.get_by_label("Closes").fill("02:00")
    page.get_by_role("group", name="Sunday").get_by_role("switch").click()
    expect(saturday.get_by_text("next day")).to_be_visible()


def account(page: Page, url: str) -> None:
    """Role, preferences, the way out."""
    page.goto(f"{url}/o/demo/account")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def account_security(page: Page, url: str) -> None:
    """Password, second factors, passkeys."""
    page.goto(f"{url}/o/demo/account/security")
    expect(page.get_by_role("button", name="Set up")).to_be_visible()


def account_devices(page: Page, url: str) -> None:
    """Where the person is signed in."""
    page.goto(f"{url}/o/demo/account/sessions")
    expect(page.get_by_text("This one")).to_be_visible()


def account_tokens(page: Page, url: str) -> None:
    """The seeded personal access token."""
    page.goto(f"{url}/o/demo/account/tokens")
    expect(page.get_by_role("button", name="Revoke").first).to_be_visible()


def sign_up_page(page: Page, url: str) -> None:
    """For somebody new."""
    sign_in_page(page, url)
    page.get_by_role("link", name="Create an account").click()
    expect(page.get_by_role("heading", name="Create your account")).to_be_visible()


def forgot_password(page: Page, url: str) -> None:
    """Asks where to send the link."""
    page.goto(f"{url}/forgot-password")
    expect(page.get_by_role("button", name="Send link")).to_be_visible()


def members(page: Page, url: str) -> None:
    """Who works here."""
    page.goto(f"{url}/o/demo/members")
    expect(page.get_by_text("Mara Manager")).to_be_visible()
    expect(page.get_by_role("region", name="Invitations").get_by_role("status", name="Loading")).to_have_count(0)


def invite(page: Page, url: str) -> None:
    """Roles in words, and which sites."""
    members(page, url)
    page.get_by_role("button", name="Invite somebody").click()
    expect(page.get_by_role("dialog").get_by_label("E-mail")).to_be_focused()


def api_keys(page: Page, url: str) -> None:
    """The key of the simulated gateways."""
    page.goto(f"{url}/o/demo/keys")
    expect(page.get_by_text("Demo gateways")).to_be_visible()


def audit(page: Page, url: str) -> None:
    """What was changed of members, the first row open."""
    page.goto(f"{url}/o/demo/audit?entity=membership")
    page.locator("summary").first.click()
    expect(page.get_by_role("button", name="Everything that happened to it")).to_be_visible()


def settings(page: Page, url: str) -> None:
    """Name, address, time zone, and the ways out."""
    page.goto(f"{url}/o/demo/settings")
    expect(page.get_by_label("Address")).to_have_value("demo")


def new_organization(page: Page, url: str) -> None:
    """The address follows the name."""
    page.goto(f"{url}/new-organization")
    page.get_by_label("Name").fill("Night Market")
    expect(page.get_by_label("Address")).to_have_value("night-market")


SCREENS: Final[dict[str, Opener]] = {
    "dashboard": dashboard,
    "unit": unit,
    "unit-week": unit_week,
    "alerts": alerts,
    "alert": alert,
    "alert-why": alert_why,
    "resolve": resolve,
    "rules": rules,
    "rule": rule,
    "mutes": mutes,
    "alert-next": alert_next,
    "escalation": escalation,
    "escalation-policy": escalation_policy,
    "inbox": inbox,
    "deliveries": deliveries,
    "reach": reach,
    "sites": sites,
    "site": site,
    "members": members,
    "invite": invite,
    "api-keys": api_keys,
    "audit": audit,
    "settings": settings,
    "new-organization": new_organization,
    "account": account,
    "account-notifications": account_notifications,
    "digest-preview": digest_preview,
    "account-security": account_security,
    "account-devices": account_devices,
    "account-tokens": account_tokens,
    "sign-in": sign_in_page,  # last: it signs out
    "sign-up": sign_up_page,
    "forgot-password": forgot_password,
}


def shoot(page: Page, *, to: Path, width: int) -> None:
    """Save the page as tall as its content, so that fixed bars stand where they do on a screen."""
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": width, "height": min(max(height, SIZES[width]), TALLEST)})
    page.evaluate("document.fonts.ready")
    # The chart follows the new size with its next frame.
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.screenshot(path=to, animations="disabled")
    page.set_viewport_size({"width": width, "height": SIZES[width]})


def sign_in(context: BrowserContext, *, url: str, email: str, password: str) -> Page:
    """A page of somebody who is signed in."""
    page = context.new_page()
    page.goto(f"{url}/sign-in")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    return page


def open_context(browser: Browser, *, width: int, scheme: str) -> BrowserContext:
    """The same person, place and time zone in every picture."""
    return browser.new_context(
        viewport={"width": width, "height": SIZES[width]},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en-GB",
        timezone_id="America/New_York",
        is_mobile=width < 600,
        has_touch=width < 600,
    )


def demo() -> dict[str, Any]:
    """Address and credentials of the running demo."""
    try:
        return dict(json.loads((HOME / "demo.json").read_text()))
    except FileNotFoundError:
        sys.exit(f"There is no demo in {HOME}: start FreshTrack with `make up` first.")


def main() -> None:
    """All wanted screens in both widths, and the dashboard in the dark."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else CHECKOUT / "docs" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = set(sys.argv[2:]) or {"dashboard-dark", *SCREENS}
    facts = demo()
    expect.set_options(timeout=20_000)
    try:
        with chromium() as browser:
            take_all(browser, url=facts["url"], owner=facts["users"]["owner"], folder=folder, wanted=wanted)
    except NoBrowser as error:
        sys.exit(str(error))
    except Error as error:
        if "ERR_CONNECTION_REFUSED" not in str(error):
            raise
        sys.exit(f"Nothing answers at {facts['url']}: start FreshTrack with `make up` first.")


def take_all(browser: Browser, *, url: str, owner: dict[str, str], folder: Path, wanted: set[str]) -> None:
    """Each wanted screen in each width."""
    for width in SIZES:
        for scheme, screens in (("dark", {"dashboard-dark": dashboard}), ("light", SCREENS)):
            context = open_context(browser, width=width, scheme=scheme)
            page = sign_in(context, url=url, email=owner["email"], password=owner["password"])
            for name, open_screen in screens.items():
                if name not in wanted:
                    continue
                open_screen(page, url)
                picture = folder / f"{name}-{width}.png"
                shoot(page, to=picture, width=width)
                print(picture.relative_to(CHECKOUT) if picture.is_relative_to(CHECKOUT) else picture)
            context.close()


if __name__ == "__main__":
    main()
