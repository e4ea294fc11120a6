"""Who may listen with which bearer, and for how long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from random import randrange
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from alerts.models import Alert
from organizations import secrets
from organizations.models import AccessToken, Membership, Role, SecurityEvent, User
from tests.factories import AlertFactory, MembershipFactory, UserFactory, as_system, fresh, token_of
from tests.issuer import AUDIENCE, Issuer, running
from tests.live.screens import Screen
from tests.organizations.people import verified

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]


@pytest.fixture
def issuer(settings: Any) -> Iterator[Issuer]:
    with running() as made:
        settings.OIDC_ISSUERS = {made.url: [AUDIENCE]}
        yield made


@sync_to_async
def member_of_issuer(role: str = Role.STAFF) -> Membership:
    """Whom the issuer calls by their address."""
    member: Membership = MembershipFactory(user=verified(email="cook@example.com"), role=role)
    return member


async def test_another_issuers_token_opens_a_screen_in_the_header_and_as_subprotocol(issuer: Issuer) -> None:
    member = await member_of_issuer()
    slug, token = member.organization.slug, issuer.token()
    for screen in (Screen(slug, token), Screen(slug, authorization=f"Bearer {token}")):
        await screen.open()
        await screen.next("snapshot")
        await screen.disconnect()


async def test_a_screen_ends_with_its_token(issuer: Issuer) -> None:
    member = await member_of_issuer()
    ends = int(time.time()) + 2
    lasting = await Screen(member.organization.slug, issuer.token()).open()
    await lasting.next("snapshot")
    screen = await Screen(member.organization.slug, issuer.token(exp=ends)).open()
    await screen.next("snapshot")
    assert await screen.close_code() == 4401
    assert ends <= time.time() < ends + 5
    await lasting.say(type="ping", id=1)
    assert (await lasting.next("reply"))["ok"]
    await lasting.disconnect()


@pytest.mark.parametrize("said", [{"aud": "another"}, {"exp": 1}, {"email_verified": False}], ids=str)
async def test_a_bad_token_of_an_issuer_opens_nothing(said: dict[str, Any], issuer: Issuer) -> None:
    member = await member_of_issuer()
    screen = await Screen(member.organization.slug, issuer.token(**said)).open()
    assert await screen.close_code() == 4401
    forged = await Screen(member.organization.slug, issuer.token()[:-4] + "AAAA").open()
    assert await forged.close_code() == 4401


async def test_while_the_issuer_is_away_a_screen_is_asked_to_come_again(issuer: Issuer) -> None:
    member = await member_of_issuer()
    issuer.stop()
    screen = await Screen(member.organization.slug, issuer.token()).open()
    assert await screen.close_code() == 1013


async def test_a_switched_off_persons_screen_is_closed(issuer: Issuer) -> None:
    member = await member_of_issuer()
    screen = await Screen(member.organization.slug, issuer.token()).open()
    await screen.next("snapshot")

    @sync_to_async
    def switch_off() -> None:
        with as_system():
            User.objects.filter(pk=member.user_id).update(is_active=False)

    await switch_off()
    assert await screen.close_code() == 4403
    again = await Screen(member.organization.slug, issuer.token()).open()
    assert await again.close_code() == 4401


@sync_to_async
def alert_and_token(scopes: list[str]) -> tuple[Alert, str]:
    alert: Alert = AlertFactory()
    member = MembershipFactory(organization=alert.organization)
    return alert, token_of(member.user, scopes=scopes)


async def test_a_token_for_reading_watches_and_takes_charge_of_nothing() -> None:
    alert, token = await alert_and_token(["read"])
    screen = await Screen(alert.organization.slug, token).open()
    await screen.next("snapshot")
    await screen.say(type="acknowledge", id=1, alert=str(alert.pk))
    reply = await screen.next("reply")
    assert (reply["ok"], reply["error"]) == (False, "insufficient_scope")
    assert (await sync_to_async(fresh)(alert)).status == "open"
    await screen.disconnect()


async def test_a_token_that_may_not_read_opens_no_screen() -> None:
    alert, token = await alert_and_token(["write"])
    screen = await Screen(alert.organization.slug, token).open()
    assert await screen.close_code() == 4403


@pytest.mark.parametrize("how", ["revoked", "expired"])
async def test_a_token_that_ends_closes_its_screens_within_five_seconds(how: str) -> None:
    alert, token = await alert_and_token(["read", "write"])
    screen = await Screen(alert.organization.slug, token).open()
    await screen.next("snapshot")

    @sync_to_async
    def end() -> None:
        with as_system():
            row = AccessToken.objects.get(hash=secrets.digest(token))
            if how == "revoked":
                secrets.revoke(secret=row, at=timezone.now())
            else:
                AccessToken.objects.filter(pk=row.pk).update(expires_at=timezone.now())

    await end()
    began = time.monotonic()
    assert await screen.close_code() == 4401
    assert time.monotonic() - began < 5
    again = await Screen(alert.organization.slug, token).open()
    assert await again.close_code() == 4401

    @sync_to_async
    def told() -> list[tuple[Any, str]]:
        with as_system():
            return [(event.organization_id, event.kind) for event in SecurityEvent.objects.all()]

    assert await told() == [(alert.organization_id, "revoked_token_used")]


async def test_whoever_guesses_over_sockets_is_told_to_wait(settings: Any) -> None:
    rates = {**settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "bad_credentials": "2/hour"}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
    address = f"10.{randrange(256)}.{randrange(256)}.{randrange(256)}"  # what others counted isn't this test's
    codes = []
    for number in range(3):
        screen = Screen("anything", f"ftp_guess{number}")
        screen.scope["client"] = (address, 1)
        await screen.open()
        codes.append(await screen.close_code())
    assert codes == [4401, 4401, 4429]
    member = await sync_to_async(lambda: MembershipFactory(user=UserFactory()))()
    token = await sync_to_async(token_of)(member.user)
    good = Screen(member.organization.slug, token)
    good.scope["client"] = (address, 1)
    await good.open()
    await good.next("snapshot")
    await good.disconnect()
