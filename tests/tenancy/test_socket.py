"""Who may open a socket, and what reaches it: both walls around the live screens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from organizations import events
from organizations.models import RESTRICTABLE, FormerSlug, Membership, Organization, Role
from organizations.permissions import may
from sensors.models import Sensor
from tests.factories import (
    AlertFactory,
    MembershipFactory,
    RuleFactory,
    SensorFactory,
    SiteFactory,
    UserFactory,
    as_system,
    fresh,
    token_of,
)
from tests.live.screens import Screen, post

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]


@dataclass
class Place:
    """A site with one cooler, its probe and an alert."""

    sensor: Sensor
    alert: Any

    @property
    def site(self) -> Any:
        return self.sensor.site_id

    def marks(self) -> list[str]:
        """What none may read who may not see the place."""
        ids = (self.site, self.sensor.unit_id, self.sensor.public_id, self.alert.pk)
        return [*(str(value) for value in ids), self.sensor.unit.name, self.sensor.site.name]


@sync_to_async
def customer(places: int = 2) -> tuple[Organization, list[Place]]:
    """An organization in which every reading above 5 °C opens an alert."""
    first = SiteFactory()
    sites = [first, *(SiteFactory(organization=first.organization) for _ in range(places - 1))]
    RuleFactory(organization=first.organization, delay_s=0)
    made = []
    for site in sites:
        sensor = SensorFactory(unit__area__site=site)
        made.append(Place(sensor, AlertFactory(unit=sensor.unit)))
    return first.organization, made


@sync_to_async
def token(organization: Organization, role: str, *sites: Place, **fields: Any) -> str:
    """Of a member with this role, restricted to the sites if any are given."""
    site_ids = [place.site for place in sites] or None
    return token_of(MembershipFactory(organization=organization, role=role, site_ids=site_ids, **fields).user)


def sites_in(frame: dict[str, Any], key: str) -> set[str]:
    return {row["site"] for row in frame[key]}


@pytest.mark.parametrize("role", Role.values)
async def test_each_role_sees_everything_and_does_what_the_table_says(role: str) -> None:
    organization, places = await customer()
    screen = await Screen(organization.slug, await token(organization, role)).open()
    assert sites_in(await screen.next("snapshot"), "units") == {str(place.site) for place in places}
    await screen.say(type="acknowledge", id=1, alert=str(places[0].alert.pk))
    reply = await screen.next("reply")
    assert reply["error"] == (None if may(role, "alerts.acknowledge") else "permission_denied")
    status = (await sync_to_async(fresh)(places[0].alert)).status
    assert status == ("acknowledged" if may(role, "alerts.acknowledge") else "open")
    await screen.disconnect()


@pytest.mark.parametrize("role", RESTRICTABLE)
async def test_no_frame_tells_of_another_site(role: str) -> None:
    organization, (here, there) = await customer()
    boss = await Screen(organization.slug, await token(organization, Role.OWNER)).open()
    screen = await Screen(organization.slug, await token(organization, role, here)).open()
    frames = await screen.until("snapshot")
    assert sites_in(frames[-1], "units") == {str(here.site)}

    # There alone, then both in one batch, which also opens alerts; then something without a site.
    await post(there.sensor, temperature=9.0)
    await post(here.sensor, there.sensor, temperature=9.5)
    stray = {"type": "device", "sensor": str(there.sensor.public_id), "unit": None, "site": None, "status": "online"}
    await events.send({organization.pk: [stray]})
    await _sign(organization, here)
    frames += await _until_the_sign(screen)
    # Readings wait for each other: another round has whatever of the first came late.
    await post(here.sensor, there.sensor, temperature=9.6)
    frames += await screen.until("readings")
    await _sign(organization, here)
    frames += await _until_the_sign(screen)

    assert {"readings", "alert", "device"} <= {frame["type"] for frame in frames}
    text = json.dumps(frames)
    assert [mark for mark in there.marks() if mark in text] == []
    # Who may see all has heard of both, also of what has no site.
    heard = await _until_the_sign(boss)
    assert {frame.get("site") for frame in heard if frame["type"] == "device"} >= {str(there.site), None}
    assert {frame["alert"]["site"] for frame in heard if frame["type"] == "alert"} == {str(here.site), str(there.site)}
    for each in (boss, screen):
        await each.disconnect()


async def _sign(organization: Organization, place: Place) -> None:
    """An event that everybody in the test may see: what was told before it has arrived before it."""
    event = {"type": "device", "sensor": str(place.sensor.public_id), "unit": None, "site": str(place.site)}
    await events.send({organization.pk: [{**event, "status": "sign"}]})


async def _until_the_sign(screen: Screen) -> list[dict[str, Any]]:
    frames = await screen.until("device")
    while frames[-1]["status"] != "sign":
        frames += await screen.until("device")
    return frames


async def test_each_hears_of_their_own_sites_from_one_event() -> None:
    organization, (one, two, three) = await customer(3)
    seen = {"a": [one], "b": [two], "both": [one, two], "again": [two, one]}
    screens = {
        name: await Screen(organization.slug, await token(organization, Role.STAFF, *places)).open()
        for name, places in seen.items()
    }
    for screen in screens.values():
        await screen.next("snapshot")
    await post(one.sensor, two.sensor, three.sensor, temperature=3.0)
    for name, screen in screens.items():
        batch = await screen.next("readings")
        assert sites_in(batch, "batch") == {str(place.site) for place in seen[name]}, name
        await screen.disconnect()


async def test_an_inbox_is_on_its_persons_screens_only() -> None:
    """Not even on those of who may see everything."""
    organization, (here, _) = await customer()
    member = await sync_to_async(MembershipFactory)(organization=organization, role=Role.STAFF, site_ids=[here.site])
    own = await Screen(organization.slug, await sync_to_async(token_of)(member.user)).open()
    boss = await Screen(organization.slug, await token(organization, Role.OWNER)).open()
    for screen in (own, boss):
        await screen.next("snapshot")
    item = {"id": "1", "subject": "Too warm", "site": str(here.site)}
    people = {str(member.user_id): {"item": item, "unread": 3}}
    await events.send({organization.pk: [{"type": "inbox", "people": people}]})
    await _sign(organization, here)
    assert [frame for frame in await _until_the_sign(own) if frame["type"] == "inbox"] == [
        {"type": "inbox", "item": item, "unread": 3}
    ]
    assert "inbox" not in {frame["type"] for frame in await _until_the_sign(boss)}
    for screen in (own, boss):
        await screen.disconnect()


async def test_an_alert_of_another_site_does_not_exist_for_them() -> None:
    organization, (here, there) = await customer()
    screen = await Screen(organization.slug, await token(organization, Role.MANAGER, here)).open()
    for place, error in ((there, "not_found"), (here, None)):
        await screen.say(type="acknowledge", id=1, alert=str(place.alert.pk))
        assert (await screen.next("reply"))["error"] == error
    assert (await sync_to_async(fresh)(there.alert)).status == "open"
    await screen.disconnect()


@pytest.mark.parametrize("change", ["restricted", "other sites", "all sites again"])
async def test_other_sites_close_an_open_screen_within_five_seconds(change: str) -> None:
    organization, (here, there) = await customer()
    before = [] if change == "restricted" else [here]
    after = {"restricted": [here.site], "other sites": [there.site], "all sites again": None}[change]
    screen = await Screen(organization.slug, await token(organization, Role.STAFF, *before)).open()
    await screen.next("snapshot")
    began = timezone.now()
    await sync_to_async(_restrict)(after)
    assert await screen.close_code() == 4403
    assert timezone.now() - began < timedelta(seconds=5)


def _restrict(sites: Any) -> None:
    with as_system():
        Membership.objects.update(site_ids=sites)


async def test_the_same_sites_in_another_order_close_nothing() -> None:
    organization, (here, there) = await customer()
    secret = await token(organization, Role.STAFF, here, there)
    screen = await Screen(organization.slug, secret).open()
    await screen.next("snapshot")
    await sync_to_async(_restrict)([there.site, here.site])
    assert await screen.receive_nothing(timeout=4)  # one round of the re-check
    await screen.disconnect()


@pytest.mark.parametrize("who", ["stranger", "past member", "deactivated", "member of a deleted organization"])
async def test_who_has_no_business_here_is_shown_nothing(who: str) -> None:
    organization, _ = await customer()

    def secret() -> tuple[str, str, int]:
        if who == "stranger":
            return organization.slug, token_of(MembershipFactory().user), 4404
        if who == "past member":
            past = MembershipFactory(organization=organization, ended_at=timezone.now())
            return organization.slug, token_of(past.user), 4404
        if who == "deactivated":
            gone = MembershipFactory(organization=organization, user=UserFactory(is_active=False))
            return organization.slug, token_of(gone.user), 4401
        closed = MembershipFactory(organization__deleted_at=timezone.now())
        return closed.organization.slug, token_of(closed.user), 4404

    slug, bearer, code = await sync_to_async(secret)()
    screen = await Screen(slug, bearer).open()
    frame = await screen.receive_json_from(timeout=5)
    assert frame["type"] == "bye"
    assert await screen.close_code() == code


async def test_a_former_name_leads_its_members_on_and_nobody_else() -> None:
    organization, places = await customer()

    def rename() -> None:
        with as_system():
            FormerSlug.objects.create(organization=organization, slug="as-it-was-called")

    await sync_to_async(rename)()
    screen = await Screen("as-it-was-called", await token(organization, Role.VIEWER)).open()
    assert len((await screen.next("snapshot"))["units"]) == len(places)
    await screen.disconnect()
    stranger = await sync_to_async(lambda: token_of(MembershipFactory().user))()
    other = await Screen("as-it-was-called", stranger).open()
    assert await other.close_code() == 4404
