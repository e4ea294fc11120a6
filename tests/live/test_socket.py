"""The live socket through the real layer: hello, snapshot, readings, alerts, and who may listen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings as project
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from live.routing import sockets
from organizations import founding
from organizations.models import AccessToken, Membership, Organization, Role, User
from tests.factories import (
    AlertFactory,
    MembershipFactory,
    OrganizationFactory,
    UserFactory,
    as_system,
    fresh,
    token_of,
)
from tests.live.screens import Screen, cooler, post

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]


async def test_a_screen_gets_hello_then_every_unit_then_what_happens() -> None:
    sensor, token = await cooler()
    screen = await Screen(sensor.organization.slug, token).open()
    hello = await screen.receive_json_from(timeout=5)
    assert (hello["type"], hello["flush_ms"]) == ("hello", 200)
    assert hello["cursor"]
    snapshot = await screen.receive_json_from(timeout=5)
    assert snapshot["units"] == [
        {
            "unit": str(sensor.unit_id),
            "site": str(sensor.site_id),
            "temperature": None,
            "humidity": None,
            "recorded_at": None,
            "status": "no_data",
        }
    ]
    await post(sensor, temperature=3.4)
    readings = await screen.next("readings")
    assert [(r["unit"], r["temperature"]) for r in readings["batch"]] == [(str(sensor.unit_id), 3.4)]
    await post(sensor, temperature=9.0)
    alert = await screen.next("alert")
    assert (alert["event"], alert["alert"]["value"]) == ("opened", 9.0)
    assert alert["event_id"]
    await screen.disconnect()


async def test_the_next_screen_sees_the_unit_as_it_is_now() -> None:
    sensor, token = await cooler()
    await post(sensor, temperature=9.0)
    screen = await Screen(sensor.organization.slug, token).open()
    unit = (await screen.next("snapshot"))["units"][0]
    assert (unit["status"], unit["temperature"]) == ("warning", 9.0)
    await screen.disconnect()


async def test_readings_after_the_first_are_sent_together() -> None:
    sensor, token = await cooler()
    screen = await Screen(sensor.organization.slug, token).open()
    await screen.next("snapshot")
    for value in (3.0, 3.1, 3.2):
        await post(sensor, temperature=value)
    first, rest = await screen.next("readings"), await screen.next("readings")
    assert [r["temperature"] for r in first["batch"]] == [3.0]
    while len(rest["batch"]) < 2:
        rest["batch"] += (await screen.next("readings"))["batch"]
    assert [r["temperature"] for r in rest["batch"]] == [3.1, 3.2]
    await screen.disconnect()


async def test_another_organization_hears_nothing() -> None:
    sensor, token = await cooler()
    other, other_token = await cooler()
    screen = await Screen(other.organization.slug, other_token).open()
    await screen.next("snapshot")
    await post(sensor, temperature=9.0)
    assert await screen.receive_nothing(timeout=0.5)
    await screen.disconnect()
    assert token


@pytest.mark.parametrize("token", [None, "nonsense"])
async def test_nobody_is_turned_away_with_4401(token: str | None) -> None:
    sensor, _ = await cooler()
    screen = await Screen(sensor.organization.slug, token).open()
    assert await screen.close_code() == 4401


async def test_a_strangers_organization_does_not_exist_for_them() -> None:
    sensor, _ = await cooler()
    stranger = await sync_to_async(lambda: token_of(MembershipFactory().user))()
    for slug in (sensor.organization.slug, "no-such-organization"):
        screen = await Screen(slug, stranger).open()
        assert await screen.close_code() == 4404


async def test_a_header_carries_the_token_as_well() -> None:
    sensor, token = await cooler()
    screen = await Screen(sensor.organization.slug, authorization=f"Bearer {token}").open()
    await screen.next("snapshot")
    await screen.disconnect()


@sync_to_async
def session_of_member() -> tuple[str, str]:
    """(slug, Cookie header) of somebody who signed in with a browser."""
    member = MembershipFactory()
    browser = Client()
    browser.force_login(member.user)
    return (
        member.organization.slug,
        f"{project.SESSION_COOKIE_NAME}={browser.cookies[project.SESSION_COOKIE_NAME].value}",
    )


async def test_a_session_cookie_counts_from_our_own_pages_only() -> None:
    slug, cookie = await session_of_member()
    for origin in (project.PUBLIC_URL, None):
        headers = {"origin": origin} if origin else {}
        screen = await Screen(slug, cookie=cookie, **headers).open()
        await screen.next("snapshot")
        await screen.disconnect()
    elsewhere = await Screen(slug, cookie=cookie, origin="https://evil.example").open()
    assert await elsewhere.close_code() == 4401


@sync_to_async
def end_sessions() -> None:
    Session.objects.all().delete()


async def test_an_ended_session_closes_its_screens() -> None:
    slug, cookie = await session_of_member()
    screen = await Screen(slug, cookie=cookie).open()
    await screen.next("snapshot")
    await end_sessions()
    assert await screen.close_code() == 4401


@sync_to_async
def end_membership(user: User) -> None:
    with as_system():
        Membership.objects.filter(user=user).update(ended_at=timezone.now())


@sync_to_async
def revoke_tokens() -> None:
    with as_system():
        AccessToken.objects.update(revoked_at=timezone.now())


@sync_to_async
def lower_role() -> None:
    with as_system():
        Membership.objects.update(role=Role.VIEWER)


@sync_to_async
def delete_organizations() -> None:
    with as_system():
        for organization in Organization.objects.all():
            founding.delete(organization=organization, at=timezone.now())


@pytest.mark.parametrize(
    ("happens", "code"),
    [(revoke_tokens, 4401), (lower_role, 4403), (delete_organizations, 4403)],
    ids=["token revoked", "role lowered", "organization deleted"],
)
async def test_an_open_screen_is_closed_within_five_seconds(happens: Any, code: int) -> None:
    sensor, token = await cooler()
    screen = await Screen(sensor.organization.slug, token).open()
    await screen.next("snapshot")
    before = timezone.now()
    await happens()
    assert await screen.close_code() == code
    assert timezone.now() - before < timedelta(seconds=5)


async def test_a_removed_member_is_shown_out() -> None:
    organization = await sync_to_async(OrganizationFactory)()
    member = await sync_to_async(MembershipFactory)(organization=organization)
    token = await sync_to_async(token_of)(member.user)
    screen = await Screen(organization.slug, token).open()
    await screen.next("snapshot")
    await end_membership(member.user)
    assert await screen.close_code() == 4403


@sync_to_async
def rename(organization: Organization) -> None:
    with as_system():
        founding.change(organization=organization, slug="another-name")


async def test_a_former_slug_opens_the_same_screen() -> None:
    sensor, token = await cooler()
    old = sensor.organization.slug
    await rename(sensor.organization)
    for slug in (old, "another-name"):
        screen = await Screen(slug, token).open()
        assert len((await screen.next("snapshot"))["units"]) == 1
        await screen.disconnect()


async def test_ping_is_answered_and_nonsense_gets_an_error() -> None:
    sensor, token = await cooler()
    screen = await Screen(sensor.organization.slug, token).open()
    await screen.next("snapshot")
    await screen.say(type="ping", id=7)
    assert await screen.next("reply") == {"type": "reply", "id": 7, "ok": True, "error": None}
    for nonsense in ("{", "[]", '{"type": 1}', "x" * 70_000):
        await screen.send_to(text_data=nonsense)
        assert (await screen.next("error"))["code"] == "malformed"
    await screen.say(type="dance")
    assert (await screen.next("error"))["code"] == "unknown_type"
    await screen.disconnect()


async def test_more_than_twenty_malformed_messages_in_a_minute_end_it() -> None:
    sensor, token = await cooler()
    screen = await Screen(sensor.organization.slug, token).open()
    await screen.next("snapshot")
    for _ in range(20):
        await screen.send_to(text_data="{")
        await screen.next("error")
    await screen.say(type="ping", id=1)
    await screen.next("reply")
    await screen.send_to(text_data="{")
    assert await screen.close_code() == 4429


async def test_an_alert_is_acknowledged_over_the_socket() -> None:
    sensor, token = await cooler()
    alert = await sync_to_async(AlertFactory)(unit=sensor.unit)
    screen = await Screen(sensor.organization.slug, token).open()
    await screen.next("snapshot")
    await screen.say(type="acknowledge", id="a", alert=str(alert.pk), note="On my way")
    told = {message["type"]: message for message in [await screen.receive_json_from(timeout=5) for _ in range(2)]}
    assert told["reply"]["ok"]
    assert told["alert"]["event"] == "acknowledged"
    assert (await sync_to_async(fresh)(alert)).status == "acknowledged"
    await screen.disconnect()


async def test_a_viewer_may_not_acknowledge_and_nobody_a_strangers_alert() -> None:
    sensor, token = await cooler(role=Role.VIEWER)
    alert = await sync_to_async(AlertFactory)(unit=sensor.unit)
    screen = await Screen(sensor.organization.slug, token).open()
    await screen.say(type="acknowledge", id=1, alert=str(alert.pk))
    assert (await screen.next("reply"))["error"] == "permission_denied"
    await screen.disconnect()

    other, other_token = await cooler()
    screen = await Screen(other.organization.slug, other_token).open()
    for wanted, error in ((str(alert.pk), "not_found"), ("x", "invalid"), (None, "invalid")):
        await screen.say(type="acknowledge", id=2, alert=wanted)
        assert (await screen.next("reply"))["error"] == error
    await screen.disconnect()


async def test_too_many_screens_of_one_person(settings: Any) -> None:
    settings.LIVE_SOCKETS_PER_USER = 1
    sensor, token = await cooler()
    first = await Screen(sensor.organization.slug, token).open()
    await first.next("snapshot")
    second = await Screen(sensor.organization.slug, token).open()
    assert await second.close_code() == 4429
    await first.disconnect()
    third = await Screen(sensor.organization.slug, token).open()
    await third.next("snapshot")
    await third.disconnect()


async def test_an_unknown_address_is_closed() -> None:
    user = await sync_to_async(UserFactory)()
    assert user
    screen = WebsocketCommunicator(sockets, "/ws/v1/nothing/")
    connected, code = await screen.connect(timeout=5)
    assert (connected, code) == (False, 4404)


async def test_without_redis_a_screen_still_opens_and_shows_everything(settings: Any, tmp_path: Any) -> None:
    layer = settings.CHANNEL_LAYERS["default"]
    away = {**layer["CONFIG"], "hosts": [{"address": f"unix://{tmp_path}/nowhere.sock"}]}
    settings.CHANNEL_LAYERS = {"default": {**layer, "CONFIG": away}}
    sensor, token = await cooler()
    screen = await Screen(sensor.organization.slug, token).open()
    assert len((await screen.next("snapshot"))["units"]) == 1
    await screen.say(type="ping", id=1)
    assert (await screen.next("reply"))["ok"]
    await screen.disconnect()
