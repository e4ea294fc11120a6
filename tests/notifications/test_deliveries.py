"""Who was told what, whether it arrived, and once more what didn't: over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from notifications import channel_health
from notifications.models import Attempt, Notification, NotificationStatus, OutboxEntry, Urgency
from notifications.outbox import claiming
from organizations.models import Organization
from tests.api.client import Api
from tests.factories import NotificationFactory, OrganizationFactory, SiteFactory, as_system, fresh
from tests.outbox import make_due

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    organization: Organization = OrganizationFactory()
    return organization


@pytest.fixture
def api(organization: Organization) -> Api:
    return Api(organization, role="manager")


def delivery(organization: Organization, **fields: Any) -> Notification:
    row: Notification = NotificationFactory(organization=organization, created_at=timezone.now(), **fields)
    return row


def attempt(organization: Organization, **fields: Any) -> Attempt:
    """Of a message of its own, unless `notification` says which."""
    fields = {"notification": None, "outcome": "sent", "at": timezone.now(), "provider": "smtp", **fields}
    fields["notification"] = fields["notification"] or delivery(
        organization, status="dead", site_id=fields.get("site_id")
    )
    defaults = {"organization": organization, "channel": "email", "number": 1, "duration_ms": 12}
    with as_system():
        return Attempt.objects.create(**{**defaults, **fields})


def ids(page: Any) -> set[str]:
    return {row["id"] for row in page["results"]}


def test_a_delivery_says_how_urgent_it_is_and_what_became_of_it(organization: Organization, api: Api) -> None:
    whole = delivery(organization, event="summary")
    row = delivery(
        organization,
        severity="critical",
        urgency=Urgency.URGENT,
        status="delivered",
        sent_at=timezone.now(),
        delivered_at=timezone.now(),
        maybe_twice=True,
        summary=whole,
    )
    shown = api.read(f"notifications/{row.pk}/")
    assert (shown["severity"], shown["urgency"], shown["status"]) == ("critical", "urgent", "delivered")
    assert (shown["maybe_twice"], shown["summary"]) == (True, str(whole.pk))
    assert shown["delivered_at"]
    assert shown["next_attempt_at"] == "2026-11-20T12:00:00Z"


def test_what_a_worker_has_in_hand_is_being_sent(organization: Organization, api: Api) -> None:
    row = delivery(organization)
    dead = delivery(organization, status="dead")
    assert api.read(f"notifications/{row.pk}/")["status"] == "promised"
    with as_system():
        claiming.claim(urgency=Urgency.DEFAULT, most=10)
    assert api.read(f"notifications/{row.pk}/")["status"] == "sending"
    assert ids(api.read("notifications/?status=sending")) == {str(row.pk)}
    assert ids(api.read("notifications/?status=promised")) == set()
    assert ids(api.read("notifications/?status=sending&status=dead")) == {str(row.pk), str(dead.pk)}
    make_due()  # its lease is over: whoever had it vanished
    assert api.read(f"notifications/{row.pk}/")["status"] == "promised"
    assert api.read("notifications/?status=lost", 400)["errors"][0]["field"] == "status"


def test_attempts_are_listed_the_newest_first(organization: Organization, api: Api) -> None:
    row = delivery(organization)
    now = timezone.now()
    for number in range(1, 4):
        attempt(
            organization,
            notification=row,
            number=number,
            at=now + timedelta(minutes=number),
            outcome="failed" if number < 3 else "sent",
            code="451",
            detail="Busy",
        )
    attempt(organization)
    shown = api.all(f"notifications/{row.pk}/attempts/")
    assert [(one["number"], one["outcome"], one["code"]) for one in shown] == [
        (3, "sent", "451"),
        (2, "failed", "451"),
        (1, "failed", "451"),
    ]
    other = delivery(OrganizationFactory())
    api.read(f"notifications/{other.pk}/attempts/", 404)


class TestSendingAgain:
    def test_one_that_died_goes_out_once_more(self, organization: Organization, api: Api) -> None:
        row = delivery(organization, status="dead", attempts=10)
        shown = api.write(f"notifications/{row.pk}/resend/", status=200)
        assert (shown["id"], shown["status"], shown["attempts"]) == (str(row.pk), "promised", 0)
        with as_system():
            assert OutboxEntry.objects.get().pk == row.pk
        refused = api.write(f"notifications/{row.pk}/resend/", status=409)
        assert refused["code"] == "not_failed"

    def test_several_at_once_those_that_can(self, organization: Organization, api: Api) -> None:
        dead = [delivery(organization, status="dead") for _ in range(3)]
        sent = delivery(organization, status="sent", sent_at=timezone.now())
        wanted = [str(row.pk) for row in [*dead, sent]]
        answer = api.write("notifications/resend/", {"ids": wanted}, 200)
        assert (set(answer["resent"]), answer["left"], answer["more"]) == ({str(r.pk) for r in dead}, 1, False)
        assert {fresh(row).status for row in dead} == {NotificationStatus.PROMISED}
        assert fresh(sent).status == NotificationStatus.SENT

    def test_or_all_that_are_dead(self, organization: Organization, api: Api) -> None:
        for _ in range(203):
            delivery(organization, status="dead")
        wiped = delivery(organization, status="dead", confidential=True, subject="", text="", html="")
        old = NotificationFactory(
            organization=organization, status="dead", created_at=timezone.now() - timedelta(days=31)
        )
        first = api.write("notifications/resend/", {"status": "dead"}, 200)
        assert (len(first["resent"]), first["left"], first["more"]) == (200, 0, True)
        second = api.write("notifications/resend/", {"status": "dead"}, 200)
        assert (len(second["resent"]), second["left"], second["more"]) == (3, 0, False)
        assert {fresh(row).status for row in (wiped, old)} == {NotificationStatus.DEAD}

    @pytest.mark.parametrize(
        "body",
        [{}, {"ids": []}, {"ids": ["x"]}, {"status": "sent"}, {"ids": ["0"] * 201}, {"status": "dead", "ids": []}],
    )
    def test_what_was_not_understood_sends_nothing(
        self, organization: Organization, api: Api, body: dict[str, Any]
    ) -> None:
        row = delivery(organization, status="dead")
        api.write("notifications/resend/", body, 400)
        assert fresh(row).status == NotificationStatus.DEAD

    def test_somebody_elses_is_not_there(self, organization: Organization, api: Api) -> None:
        theirs = delivery(OrganizationFactory(), status="dead")
        api.write(f"notifications/{theirs.pk}/resend/", status=404)
        answer = api.write("notifications/resend/", {"ids": [str(theirs.pk)]}, 400)
        assert answer["errors"][0]["field"] == "ids"
        api.write("notifications/resend/", {"status": "dead"}, 200)
        assert fresh(theirs).status == NotificationStatus.DEAD

    def test_who_is_restricted_sends_again_what_is_of_the_own_sites(self, organization: Organization) -> None:
        here, there = (SiteFactory(organization=organization) for _ in range(2))
        mine, other = (delivery(organization, status="dead", site_id=site.pk) for site in (here, there))
        restricted = Api(organization, role="manager", site_ids=[here.pk])
        assert restricted.write("notifications/resend/", {"status": "dead"}, 200)["resent"] == [str(mine.pk)]
        restricted.write(f"notifications/{other.pk}/resend/", status=404)

    def test_staff_see_deliveries_and_send_none(self, organization: Organization) -> None:
        row = delivery(organization, status="dead")
        staff = Api(organization, role="staff")
        staff.read("notifications/")
        staff.write(f"notifications/{row.pk}/resend/", status=403)
        staff.write("notifications/resend/", {"status": "dead"}, 403)


class TestHealth:
    def test_it_tells_the_last_success_the_last_error_and_how_often(self, organization: Organization, api: Api) -> None:
        now = timezone.now()
        for minutes, outcome in (
            (5, "sent"),
            (10, "sent"),
            (20, "failed"),
            (30, "lost"),
            (90, "refused"),
            (120, "sent"),
        ):
            at = now - timedelta(minutes=minutes)
            attempt(organization, outcome=outcome, at=at, code="550" if outcome != "sent" else "", detail=outcome)
        attempt(organization, at=now - timedelta(days=2))
        attempt(OrganizationFactory(), outcome="refused")
        (email,) = api.read("notifications/health/")["results"]
        assert (email["channel"], email["provider"]) == ("email", "smtp")
        assert email["hour"] == {"sent": 2, "failed": 2, "refused": 0}
        assert email["day"] == {"sent": 3, "failed": 2, "refused": 1}
        assert (email["last_error"]["code"], email["last_error"]["detail"]) == ("550", "failed")
        assert email["last_success"] > email["last_error"]["at"]

    def test_each_provider_stands_by_itself(self, organization: Organization, api: Api) -> None:
        attempt(organization)
        attempt(organization, provider="ses", outcome="failed")
        attempt(organization, provider="", channel="sms", outcome="refused", detail="Nothing can be sent by sms here.")
        rows = api.read("notifications/health/")["results"]
        assert [(row["channel"], row["provider"]) for row in rows] == [("email", "ses"), ("email", "smtp"), ("sms", "")]
        assert rows[0]["last_success"] is None
        assert rows[1]["last_error"] is None

    def test_what_was_quiet_for_a_day_still_says_how_it_was(self, organization: Organization, api: Api) -> None:
        attempt(organization, at=timezone.now() - timedelta(days=5))
        (row,) = api.read("notifications/health/")["results"]
        assert row["last_success"]
        assert row["day"] == {"sent": 0, "failed": 0, "refused": 0}
        assert Api(OrganizationFactory()).read("notifications/health/")["results"] == []

    def test_it_costs_the_same_however_much_was_sent(
        self, organization: Organization, django_assert_num_queries: Any
    ) -> None:
        for _ in range(30):
            attempt(organization)
        with as_system(), django_assert_num_queries(3):
            channel_health.of_organization(organization_id=organization.pk, at=timezone.now())

    def test_who_is_restricted_sees_how_it_is_at_the_own_sites(self, organization: Organization) -> None:
        here, there = (SiteFactory(organization=organization) for _ in range(2))
        attempt(organization, site_id=here.pk)
        attempt(organization, site_id=there.pk, outcome="refused")
        (row,) = Api(organization, role="manager", site_ids=[here.pk]).read("notifications/health/")["results"]
        assert row["day"] == {"sent": 1, "failed": 0, "refused": 0}
