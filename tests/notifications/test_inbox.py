"""What happened, for each person to read: nobody else's, and only where the person still belongs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from rest_framework.test import APIClient

from notifications import inbox
from notifications.models import InboxItem
from organizations.models import Membership, Role, User
from tests.factories import (
    NOON,
    InboxItemFactory,
    MembershipFactory,
    OrganizationFactory,
    SiteFactory,
    UserFactory,
    as_system,
    fresh,
    token_of,
)
from tests.live.screens import Screen
from tests.notifications.told import items, notice, tell_them

pytestmark = pytest.mark.django_db

PATH = "/api/v1/me/inbox/"


def client_of(user: User) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(user)}")
    return client


def ids(client: APIClient, **query: str) -> list[str]:
    answer = client.get(PATH, query)
    assert answer.status_code == 200, answer.content
    return [item["id"] for item in answer.json()["results"]]


def unread(client: APIClient) -> int:
    number: int = client.get(f"{PATH}count/").json()["unread"]
    return number


@pytest.fixture
def member() -> Membership:
    member: Membership = MembershipFactory(role=Role.MANAGER)
    return member


def item_of(member: Membership, **fields: Any) -> InboxItem:
    item: InboxItem = InboxItemFactory(user=member.user, **{"organization": member.organization, **fields})
    return item


def test_it_shows_the_newest_first_page_by_page_and_nobody_elses(member: Membership) -> None:
    mine = [item_of(member, created_at=NOON + timedelta(minutes=number)) for number in range(5)]
    item_of(MembershipFactory(organization=member.organization))
    client = client_of(member.user)
    page = client.get(PATH, {"page_size": "3"}).json()
    rest = client.get(page["next"]).json()
    shown = [item["id"] for item in page["results"] + rest["results"]]
    assert (shown, rest["next"]) == ([str(item.pk) for item in reversed(mine)], None)
    first = page["results"][0]
    assert {name: first[name] for name in ("org", "severity", "subject", "path", "read_at")} == {
        "org": member.organization.slug,
        "severity": "warning",
        "subject": "Cooler 1 is too warm",
        "path": "",
        "read_at": None,
    }
    assert first["created_at"] == "2026-11-20T12:04:00Z"


def test_without_credentials_there_is_none() -> None:
    for method, path in (("get", ""), ("get", "count/"), ("post", "read-all/")):
        assert getattr(APIClient(), method)(f"{PATH}{path}").status_code == 401


def test_it_can_be_narrowed_to_what_is_unread_and_to_one_organization(member: Membership) -> None:
    elsewhere = MembershipFactory(user=member.user)
    new, read = item_of(member), item_of(member, read_at=NOON)
    there = item_of(elsewhere)
    client = client_of(member.user)
    assert set(ids(client, unread="true")) == {str(new.pk), str(there.pk)}
    assert set(ids(client, unread="false")) == {str(read.pk)}
    assert set(ids(client, org=member.organization.slug)) == {str(new.pk), str(read.pk)}
    for query in ({"org": OrganizationFactory().slug}, {"unread": "perhaps"}, {"severity": "loud"}):
        answer = client.get(PATH, query)
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
        assert answer.json()["errors"][0]["field"] == next(iter(query))


def test_what_a_left_organization_told_is_not_there_any_more(member: Membership) -> None:
    other = MembershipFactory(user=member.user)
    item_of(member)
    kept = item_of(other)
    account = item_of(member, organization=None, event="account.password_changed")
    with as_system():
        Membership.objects.filter(pk=member.pk).update(ended_at=NOON)
    client = client_of(member.user)
    assert set(ids(client)) == {str(kept.pk), str(account.pk)}
    assert unread(client) == 2
    with as_system():
        type(other.organization).objects.filter(pk=other.organization_id).update(deleted_at=timezone.now())
    assert (ids(client), unread(client)) == ([str(account.pk)], 1)


def test_what_happened_at_a_site_that_is_no_longer_seen_is_not_there(member: Membership) -> None:
    here, there = (SiteFactory(organization=member.organization) for _ in range(2))
    shown = item_of(member, site_id=here.pk)
    hidden = item_of(member, site_id=there.pk)
    whole = item_of(member)
    client = client_of(member.user)
    assert unread(client) == 3
    with as_system():
        Membership.objects.filter(pk=member.pk).update(site_ids=[here.pk])
    assert (set(ids(client)), unread(client)) == ({str(shown.pk), str(whole.pk)}, 2)
    assert client.post(f"{PATH}{hidden.pk}/read/").status_code == 404
    assert client.post(f"{PATH}read-all/").json() == {"unread": 0}
    assert fresh(hidden).read_at is None


def test_reading_one_is_remembered_and_once_is_enough(member: Membership) -> None:
    item = item_of(member)
    client = client_of(member.user)
    first = client.post(f"{PATH}{item.pk}/read/")
    assert (first.status_code, first.json()["id"], unread(client)) == (200, str(item.pk), 0)
    again = client.post(f"{PATH}{item.pk}/read/")
    assert again.json()["read_at"] == first.json()["read_at"]
    stranger = client_of(UserFactory())
    assert stranger.post(f"{PATH}{item.pk}/read/").status_code == 404


def test_all_can_be_read_at_once_of_one_organization_or_of_every_one(member: Membership) -> None:
    other = MembershipFactory(user=member.user)
    for home in (member, member, other):
        item_of(home)
    bystander = item_of(MembershipFactory(organization=member.organization))
    client = client_of(member.user)
    first = client.post(f"{PATH}read-all/", {"org": member.organization.slug}, format="json")
    assert (first.status_code, first.json()) == (200, {"unread": 1})
    refused = client.post(f"{PATH}read-all/", {"org": "nobodys"}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "org")
    assert client.post(f"{PATH}read-all/").json() == {"unread": 0}
    assert fresh(bystander).read_at is None


def test_a_token_for_reading_reads_and_marks_nothing(member: Membership) -> None:
    item = item_of(member)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(member.user, scopes=['read'])}")
    assert ids(client) == [str(item.pk)]
    for path in (f"{item.pk}/read/", "read-all/"):
        assert client.post(f"{PATH}{path}").status_code == 403


def test_the_badge_counts_up_to_a_thousand(member: Membership) -> None:
    with as_system():
        InboxItem.objects.bulk_create(
            InboxItem(
                organization=member.organization,
                user=member.user,
                event="alert.opened",
                subject="Warm",
                dedupe_key=f"many:{number}",
            )
            for number in range(inbox.MOST_COUNTED + 5)
        )
    assert unread(client_of(member.user)) == inbox.MOST_COUNTED


def test_a_list_costs_the_same_however_long_it_is(member: Membership, django_assert_max_num_queries: Any) -> None:
    client = client_of(member.user)
    for _ in range(30):
        item_of(member)
    with django_assert_max_num_queries(12):
        assert len(ids(client)) == 30


# --- on open screens -------------------------------------------------------------------------------------------------


@sync_to_async
def tell_now(member: Membership, number: int) -> None:
    tell_them(notice(member.organization, number), [member], at=timezone.now())


@sync_to_async
def screen_of(member: Membership, home: Membership | None = None) -> Screen:
    return Screen((home or member).organization.slug, token_of(member.user))


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_it_appears_on_the_persons_own_screens_only_and_reading_it_changes_the_badge_on_all() -> None:
    member = await sync_to_async(MembershipFactory)()
    colleague = await sync_to_async(MembershipFactory)(organization=member.organization)
    elsewhere = await sync_to_async(MembershipFactory)(user=member.user)
    own = await (await screen_of(member)).open()
    second = await (await screen_of(member)).open()
    other = await (await screen_of(member, elsewhere)).open()
    theirs = await (await screen_of(colleague)).open()
    for screen in (own, second, other, theirs):
        await screen.next("snapshot")

    await tell_now(member, 1)
    for screen in (own, second):
        frame = await screen.next("inbox")
        assert (frame["item"]["subject"], frame["unread"]) == ("Cooler 01 °C", 1)
        assert frame["item"]["org"] == member.organization.slug
    await tell_now(member, 2)
    assert [(await screen.next("inbox"))["unread"] for screen in (own, second)] == [2, 2]

    (first, _) = await sync_to_async(items)()
    client = await sync_to_async(client_of)(member.user)
    await sync_to_async(client.post)(f"{PATH}{first.pk}/read/")
    for screen in (own, second, other):
        frame = await screen.next("inbox")
        assert (frame["item"]["id"], frame["unread"]) == (str(first.pk), 1)
        assert frame["item"]["read_at"]
    await sync_to_async(client.post)(f"{PATH}read-all/")
    for screen in (own, second, other):
        assert await screen.next("inbox") == {"type": "inbox", "item": None, "unread": 0}

    # Whatever the colleague would have seen stands before the answer to this.
    await theirs.say(type="ping", id=1)
    assert "inbox" not in [frame["type"] for frame in await theirs.until("reply")]
    for screen in (own, second, other, theirs):
        await screen.disconnect()
