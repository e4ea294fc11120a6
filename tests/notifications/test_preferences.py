"""What people wish for themselves: kept as a whole, checked, and answered with what it means."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from freshtrack.times import rfc3339
from notifications.models import NotificationPreference, Rest
from organizations.models import Change, Membership
from tests.factories import (
    ContactMethodFactory,
    MembershipFactory,
    OrganizationFactory,
    PreferenceFactory,
    as_system,
    token_of,
)

pytestmark = pytest.mark.django_db

PATH = "/api/v1/me/notification-preferences/"


@pytest.fixture
def member() -> Membership:
    member: Membership = MembershipFactory(organization__name="Harbour", user__time_zone="Europe/Berlin")
    ContactMethodFactory(user=member.user)
    return member


@pytest.fixture
def client(member: Membership) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(member.user)}")
    return client


def put(client: APIClient, status: int = 200, **body: Any) -> Any:
    answer = client.put(PATH, {"preferences": [], "quiet_hours": None, **body}, format="json")
    assert answer.status_code == status, answer.content
    return answer.json()


def wish(member: Membership, severity: str, *channels: str) -> dict[str, Any]:
    return {"org": member.organization.slug, "severity": severity, "channels": list(channels)}


def test_who_never_chose_anything_finds_nothing_and_is_told_by_e_mail(client: APIClient) -> None:
    assert client.get(PATH).json() == {
        "preferences": [],
        "quiet_hours": None,
        "away": None,
        "time_zone": "Europe/Berlin",
        "available": ["email"],
        "warnings": [],
    }


def test_what_was_put_is_what_is_got_and_the_next_replaces_all_of_it(member: Membership, client: APIClient) -> None:
    now = timezone.now().replace(microsecond=0)
    away = {"from": rfc3339(now), "until": rfc3339(now + timedelta(days=3))}
    body = {
        "preferences": [wish(member, "warning", "email"), wish(member, "critical", "email", "sms")],
        "quiet_hours": {"from": "22:00", "to": "07:00"},
        "away": away,
    }
    answer = put(client, **body)
    assert {name: answer[name] for name in body} == body
    assert {name: client.get(PATH).json()[name] for name in body} == body
    answer = put(client, preferences=[wish(member, "info")])
    assert (answer["preferences"], answer["quiet_hours"], answer["away"]) == ([wish(member, "info")], None, None)
    with as_system():
        assert NotificationPreference.objects.count() == 1
        assert Rest.objects.get().quiet_from is None


def test_somebody_elses_wishes_stay_as_they_are(member: Membership, client: APIClient) -> None:
    theirs = PreferenceFactory(organization=member.organization, channels=["sms"])
    put(client, preferences=[wish(member, "warning", "email")])
    put(client)
    with as_system():
        assert [row.pk for row in NotificationPreference.objects.all()] == [theirs.pk]


def test_the_record_of_changes_tells_of_changes_only(member: Membership, client: APIClient) -> None:
    wishes = [wish(member, "warning", "email"), wish(member, "critical", "email")]

    def changes() -> list[tuple[str, Any]]:
        with as_system():
            rows = Change.objects.filter(entity="notification_preference").order_by("pk")
            return list(rows.values_list("action", "actor_id"))

    put(client, preferences=wishes)
    put(client, preferences=wishes)
    assert changes() == [("create", member.user_id)] * 2
    put(client, preferences=[wish(member, "warning", "sms"), wishes[1]])
    assert changes()[2:] == [("update", member.user_id)]
    put(client)
    assert changes()[3:] == [("delete", member.user_id)] * 2


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"org": "nobodys"}, "preferences.1.org"),
        ({"org": "\0"}, "preferences.1.org"),
        ({"severity": "loud"}, "preferences.1.severity"),
        ({"channels": ["pigeon"]}, "preferences.1.channels.0"),
        ({"channels": "email"}, "preferences.1.channels"),
        ({"severity": "critical"}, "preferences.1"),  # named before
    ],
)
def test_what_nobody_knows_is_refused_by_its_name(
    member: Membership, client: APIClient, changed: dict[str, Any], field: str
) -> None:
    wishes = [wish(member, "critical", "email"), {**wish(member, "warning", "email"), **changed}]
    answer = put(client, 400, preferences=wishes)
    assert answer["code"] == "invalid"
    assert [error["field"] for error in answer["errors"]] == [field]
    with as_system():
        assert not NotificationPreference.objects.exists()


def test_another_organization_is_as_unknown_as_none(client: APIClient) -> None:
    answer = put(
        client, 400, preferences=[{"org": OrganizationFactory().slug, "severity": "info", "channels": ["email"]}]
    )
    assert answer["errors"][0]["field"] == "preferences.0.org"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"quiet_hours": {"from": "22:00", "to": "22:00"}}, "quiet_hours.to"),
        ({"quiet_hours": {"from": "25:00", "to": "22:00"}}, "quiet_hours.from"),
        ({"quiet_hours": {"from": "22:00"}}, "quiet_hours.to"),
        ({"away": {"from": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"}}, "away.until"),
        ({"away": {"from": "2126-01-02T00:00:00Z", "until": "2126-01-01T00:00:00Z"}}, "away.until"),
        ({"away": {"from": "2026-01-01T00:00:00Z", "until": "2126-01-01T00:00:00Z"}}, "away.until"),
        ({"away": {"from": "soon", "until": "2126-01-01T00:00:00Z"}}, "away.from"),
        ({"preferences": None}, "preferences"),
    ],
)
def test_times_that_make_no_sense_are_refused(client: APIClient, body: dict[str, Any], field: str) -> None:
    assert put(client, 400, **body)["errors"][0]["field"] == field


def test_an_absence_that_is_over_is_none(member: Membership, client: APIClient) -> None:
    with as_system():
        past = timezone.now() - timedelta(days=1)
        Rest.objects.create(user=member.user, away_from=past - timedelta(days=1), away_until=past)
    assert client.get(PATH).json()["away"] is None


class TestWarnings:
    def test_critical_alerts_in_the_app_only_are_allowed_and_said(self, member: Membership, client: APIClient) -> None:
        answer = put(client, preferences=[wish(member, "critical")])
        assert answer["warnings"] == ["You hear of critical alerts of Harbour in the app only: nothing is sent to you."]
        assert client.get(PATH).json()["warnings"] == answer["warnings"]

    def test_a_channel_that_reaches_nobody_is_named(self, member: Membership, client: APIClient, settings: Any) -> None:
        wishes = [wish(member, "critical", "email", "sms")]
        assert put(client, preferences=wishes)["warnings"] == ["You chose SMS: nothing can be sent that way here yet."]
        settings.CHANNELS = {**settings.CHANNELS, "sms": "notifications.channels.email.sending"}
        assert put(client, preferences=wishes)["warnings"] == [
            "You chose SMS: there is no verified address for it that works."
        ]
        ContactMethodFactory(user=member.user, kind="sms", address="+15550100")
        assert put(client, preferences=wishes)["warnings"] == []

    def test_whose_address_does_not_work_is_told_so(self, member: Membership, client: APIClient) -> None:
        with as_system():
            member.user.contact_methods.update(disabled_at=timezone.now())
        assert client.get(PATH).json()["warnings"] == [
            "No verified address of yours works: nothing of Harbour can be sent to you."
        ]

    def test_an_absence_says_what_it_means(self, client: APIClient) -> None:
        now = timezone.now()
        away = {"from": rfc3339(now - timedelta(hours=1)), "until": rfc3339(now + timedelta(days=1))}
        assert "You are away" in put(client, away=away)["warnings"][0]


def test_wishes_for_an_organization_that_was_left_are_not_shown(member: Membership, client: APIClient) -> None:
    put(client, preferences=[wish(member, "warning", "email")])
    with as_system():
        Membership.objects.filter(pk=member.pk).update(ended_at=timezone.now())
    assert client.get(PATH).json()["preferences"] == []


def test_without_credentials_or_with_a_token_for_reading_nothing_is_changed(member: Membership) -> None:
    assert APIClient().get(PATH).status_code == 401
    reader = APIClient()
    reader.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(member.user, scopes=['read'])}")
    assert reader.get(PATH).status_code == 200
    assert reader.put(PATH, {"preferences": []}, format="json").status_code == 403
