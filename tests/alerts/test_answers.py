"""Whoever was told says "I have it" from the message, without signing in; whoever only looks changes nothing."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as configured
from django.utils import timezone

from alerts import lifecycle, telling
from alerts.models import Alert, AlertEvent, AlertEventKind, AlertStatus, Channel
from freshtrack.requests import SecretLinksFilter
from notifications import links
from notifications.models import Notification
from organizations.models import Change, Membership, Role
from tests.factories import (
    AlertFactory,
    ContactMethodFactory,
    MembershipFactory,
    SiteFactory,
    UserFactory,
    as_system,
    fresh,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def alert() -> Alert:
    made: Alert = AlertFactory()
    return made


@pytest.fixture
def chef(alert: Alert) -> Membership:
    member: Membership = MembershipFactory(
        organization=alert.organization, role=Role.STAFF, user__name="Chef", site_ids=[alert.site_id]
    )
    return member


def link(alert: Alert, member: Membership, *, days_ago: float = 0.0) -> str:
    at = timezone.now() - timedelta(days=days_ago)
    words = links.with_answer(links.ANSWER_LINK, about=f"alert:{alert.pk}", user_id=member.user_id, at=at)
    return words.removeprefix(configured.PUBLIC_URL)


def moves(alert: Alert) -> list[tuple[str, str, Any]]:
    with as_system():
        return list(AlertEvent.objects.filter(alert=alert).values_list("event", "channel", "by_id"))


def said(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text.split("<main>")[1]).split())


def test_one_button_acknowledges_in_the_persons_name(alert: Alert, chef: Membership, client: Any) -> None:
    path = link(alert, chef)
    page = client.get(path)
    assert page.status_code == 200
    assert alert.unit.name in said(page)
    assert '<form method="post"><button>Acknowledge</button></form>' in page.text
    done = client.post(path)
    assert done.status_code == 200
    assert "Thank you, Chef: you have it." in said(done)
    row = fresh(alert)
    assert (row.status, row.acknowledged_by_id) == (AlertStatus.ACKNOWLEDGED, chef.user_id)
    assert moves(alert) == [(AlertEventKind.ACKNOWLEDGED, Channel.EMAIL, chef.user_id)]
    with as_system():
        change = Change.objects.filter(entity="alert", entity_id=alert.pk, action="update").latest("pk")
    assert (change.via, change.actor_id) == ("email", chef.user_id)
    again = client.post(path)
    assert "You acknowledged this before." in said(again)
    assert len(moves(alert)) == 1


@pytest.mark.parametrize("method", ["get", "head", "options", "put", "delete", "patch"])
def test_looking_changes_nothing(method: str, alert: Alert, chef: Membership, client: Any) -> None:
    """Mail servers open links, to look for malware."""
    answer = getattr(client, method)(link(alert, chef))
    assert answer.status_code == (200 if method in ("get", "head") else 405)
    assert (fresh(alert).status, moves(alert)) == (AlertStatus.OPEN, [])


def test_the_page_works_without_scripts_cookies_or_anything_from_elsewhere(
    alert: Alert, chef: Membership, client: Any
) -> None:
    page = client.get(link(alert, chef))
    assert not page.cookies
    assert not re.search(r"<script|<img|<link|javascript:|\son\w+=|url\(|@import", page.text)
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Robots-Tag"] == "noindex, nofollow"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy


def test_a_cookie_is_neither_needed_nor_believed(alert: Alert, chef: Membership, client: Any) -> None:
    stranger = UserFactory()
    client.force_login(stranger)
    assert client.post(link(alert, chef)).status_code == 200
    assert fresh(alert).acknowledged_by_id == chef.user_id


def test_who_comes_second_reads_who_was_first(alert: Alert, chef: Membership, client: Any) -> None:
    bob = MembershipFactory(organization=alert.organization, user__name="Bob")
    client.post(link(alert, bob))
    for method in ("get", "post"):
        answer = getattr(client, method)(link(alert, chef))
        assert answer.status_code == 200
        assert "Bob acknowledged this before." in said(answer)
        assert "<form" not in answer.text
    assert fresh(alert).acknowledged_by_id == bob.user_id


def test_what_is_over_needs_no_answer(alert: Alert, chef: Membership, client: Any) -> None:
    with as_system():
        lifecycle.resolve(
            alert=alert, by=chef.user, at=timezone.now(), channel=Channel.WEB, corrective_action="Closed the door"
        )
    for method in ("get", "post"):
        answer = getattr(client, method)(link(alert, chef))
        assert "This is over: Chef resolved it." in said(answer)
        assert "<form" not in answer.text
    assert fresh(alert).status == AlertStatus.RESOLVED


def test_a_week_later_the_link_is_too_old(alert: Alert, chef: Membership, client: Any) -> None:
    assert client.get(link(alert, chef, days_ago=6.9)).status_code == 200
    answer = client.post(link(alert, chef, days_ago=7.1))
    assert answer.status_code == 410
    assert said(answer).startswith("FreshTrack This link is too old. Sign in")
    assert alert.unit.name not in answer.text
    assert fresh(alert).status == AlertStatus.OPEN


@pytest.mark.parametrize("why", ["left", "viewer", "another site", "deactivated", "organization deleted", "stranger"])
def test_whose_it_is_no_longer_changes_and_learns_nothing(
    why: str, alert: Alert, chef: Membership, client: Any
) -> None:
    with as_system():
        if why == "left":
            Membership.objects.filter(pk=chef.pk).update(ended_at=timezone.now())
        elif why == "viewer":
            Membership.objects.filter(pk=chef.pk).update(role=Role.VIEWER)
        elif why == "another site":
            site = SiteFactory(organization=alert.organization)
            Membership.objects.filter(pk=chef.pk).update(site_ids=[site.pk])
        elif why == "deactivated":
            type(chef.user).objects.filter(pk=chef.user_id).update(is_active=False)
        elif why == "organization deleted":
            type(alert.organization).objects.filter(pk=alert.organization_id).update(deleted_at=timezone.now())
    person = MembershipFactory() if why == "stranger" else chef
    for method in ("get", "post"):
        answer = getattr(client, method)(link(alert, person))
        assert answer.status_code == 403
        assert "This isn’t yours any more." in said(answer)
        assert alert.unit.name not in answer.text
    assert (fresh(alert).status, moves(alert)) == (AlertStatus.OPEN, [])


def test_an_alert_that_is_gone_is_nobodys(chef: Membership, client: Any) -> None:
    gone = Alert(pk="00000000-0000-4000-8000-000000000000")
    assert client.post(link(gone, chef)).status_code == 403


def test_a_link_that_was_changed_or_made_for_something_else_is_worth_nothing(
    alert: Alert, chef: Membership, client: Any, settings: Any
) -> None:
    good = link(alert, chef)
    token = good.split("/")[2]
    content = links.unseal(token, purpose="answer", at=timezone.now())
    other = links.seal(content, purpose="unsubscribe", until=timezone.now() + timedelta(days=1))
    task = links.seal(content._replace(word="task"), purpose="answer", until=timezone.now() + timedelta(days=1))
    for bad in (
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        token.replace("alert", "alerts"),
        other,
        task,
        "x" * 3000,
    ):
        answer = client.post(f"/answer/{bad}/")
        assert answer.status_code == 404
        assert alert.unit.name not in answer.text
    settings.RATE_LINKS = "2/min"
    last = [client.get(f"/answer/guess-{number}/") for number in range(8)][-1]
    assert last.status_code == 429
    assert int(last.headers["Retry-After"]) > 0
    assert client.get(good.rstrip("/")).status_code == 200, "a good one isn't stopped by others' guesses"
    assert [client.get(good).status_code for _ in range(3)][-1] == 429, "but by its own"
    assert fresh(alert).status == AlertStatus.OPEN


def test_the_link_stands_in_no_log(
    alert: Alert, chef: Membership, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert "secret_links" in configured.LOGGING["handlers"]["console"]["filters"]
    with caplog.at_level(logging.DEBUG):
        for path in (link(alert, chef), link(alert, chef, days_ago=8), "/answer/alert-guess.x/"):
            client.get(path)
            client.post(path)
            client.put(path)
    assert caplog.records, "Django logs the path of what it answers with an error"
    for record in caplog.records:
        SecretLinksFilter().filter(record)
        assert not re.search(r"/answer/[^…]", record.getMessage()), record.getMessage()


def test_names_are_words_and_no_markup(alert: Alert, client: Any) -> None:
    member = MembershipFactory(organization=alert.organization, user__name="<b>Chef</b>")
    page = client.get(link(alert, member))
    assert "<b>Chef</b>" not in page.text
    assert "&lt;b&gt;Chef&lt;/b&gt;" in page.text


def test_the_message_of_an_open_alert_has_the_button_and_no_secret(alert: Alert, chef: Membership) -> None:
    owner = MembershipFactory(organization=alert.organization)
    ContactMethodFactory(user=owner.user)
    with as_system():
        telling.promise_opened(alert=alert, at=timezone.now())
        row = Notification.objects.get(about=f"alert:{alert.pk}")
    assert (links.ANSWER_LINK in row.text, f'href="{links.ANSWER_LINK}"' in row.html) == (True, True)
    assert "/answer/" not in row.text + row.html
    assert "/account/notifications" in row.text
