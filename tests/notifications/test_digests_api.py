"""Digests over HTTP: what a person chose, and what one would say now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from notifications.models import Digest, Notification
from organizations.models import Change, Membership, Role
from tests.factories import (
    AlertFactory,
    ContactMethodFactory,
    DigestFactory,
    MembershipFactory,
    SiteFactory,
    UnitFactory,
    as_system,
    token_of,
)
from tests.outbox import send_all

pytestmark = pytest.mark.django_db

BERLIN = "Europe/Berlin"


class Person(APIClient):
    """Somebody with a token, in Berlin."""

    def __init__(self, **member: Any) -> None:
        super().__init__()
        self.member: Membership = MembershipFactory(user__time_zone=BERLIN, **member)
        self.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(self.member.user)}")

    @property
    def slug(self) -> str:
        return self.member.organization.slug

    def choose(self, *digests: dict[str, Any], status: int = 200) -> Any:
        response = self.put("/api/v1/me/digests/", {"digests": list(digests)}, format="json")
        assert response.status_code == status, response.content
        return response.json()

    def chosen(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/api/v1/me/digests/").json()["digests"]
        return found

    def preview(self, *, send: bool = False, **query: str) -> Any:
        path = f"/api/v1/orgs/{self.slug}/digests/preview/"
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        return self.post(f"{path}?{asked}") if send else self.get(path, query)


@pytest.fixture
def person() -> Person:
    return Person()


def daily(person: Person, **fields: Any) -> dict[str, Any]:
    return {"org": person.slug, "period": "daily", "at": "07:00", **fields}


class TestChoosing:
    def test_nobody_has_any_who_did_not_choose(self, person: Person) -> None:
        assert person.get("/api/v1/me/digests/").json() == {"digests": [], "time_zone": BERLIN}

    def test_what_is_put_is_what_there_is_and_when_the_next_one_is_due(self, person: Person) -> None:
        weekly = {**daily(person), "period": "weekly", "at": "18:30", "weekday": 6, "enabled": False}
        found = person.choose(daily(person), weekly)["digests"]
        assert found == person.chosen()
        due = [found[0].pop("next_at"), found[1].pop("next_at")]
        assert found == [daily(person, weekday=0, enabled=True), weekly]
        moments = [datetime.fromisoformat(one).astimezone(ZoneInfo(BERLIN)) for one in due]
        assert [(f"{moment:%H:%M}", moment > timezone.now()) for moment in moments] == [
            ("07:00", True),
            ("18:30", True),
        ]
        assert moments[0] - timezone.now() <= timedelta(hours=25)
        assert moments[1].weekday() == 6
        assert person.choose(weekly)["digests"][0]["period"] == "weekly"
        assert person.choose()["digests"] == []

    def test_the_same_again_changes_nothing_and_says_nothing_in_the_record(self, person: Person) -> None:
        person.choose(daily(person))
        with as_system():
            before = Digest.objects.get()
            number = Change.objects.filter(entity="digest").count()
        person.choose(daily(person, weekday=3))
        with as_system():
            after = Digest.objects.get()
            assert (after.pk, after.next_at, after.weekday) == (before.pk, before.next_at, 0)
            assert Change.objects.filter(entity="digest").count() == number == 1

    def test_another_time_is_another_moment_and_switched_on_again_it_is_the_next_one(self, person: Person) -> None:
        first = person.choose(daily(person))["digests"][0]["next_at"]
        later = person.choose(daily(person, at="07:05"))["digests"][0]["next_at"]
        assert later != first
        person.choose(daily(person, at="07:05", enabled=False))
        with as_system():
            Digest.objects.update(next_at=timezone.now() - timedelta(days=50))
        again = person.choose(daily(person, at="07:05"))["digests"][0]
        assert (again["enabled"], again["next_at"]) == (True, later)

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"org": "elsewhere"}, "digests.0.org"),
            ({"org": "a\0b"}, "digests.0.org"),
            ({"period": "hourly"}, "digests.0.period"),
            ({"at": "25:00"}, "digests.0.at"),
            ({"at": None}, "digests.0.at"),
            ({"weekday": 7}, "digests.0.weekday"),
            ({"enabled": "perhaps"}, "digests.0.enabled"),
        ],
    )
    def test_what_is_wrong_is_said_field_by_field(self, person: Person, fields: dict[str, Any], field: str) -> None:
        person.choose(daily(person))
        problem = person.choose(daily(person, **fields), status=400)
        assert [error["field"] for error in problem["errors"]] == [field]
        assert len(person.chosen()) == 1

    def test_each_organization_and_period_once(self, person: Person) -> None:
        problem = person.choose(daily(person), daily(person, at="08:00"), status=400)
        assert problem["errors"][0]["field"] == "digests.1"

    def test_nobody_elses_organization_and_nobody_elses_digests(self, person: Person) -> None:
        other = DigestFactory()
        person.choose(daily(person, org=other.organization.slug), status=400)
        assert person.chosen() == []
        person.choose()
        with as_system():
            assert Digest.objects.get() == other


class TestPreviewing:
    def test_it_says_what_a_digest_would_say_now_and_sends_nothing(self, person: Person) -> None:
        now = timezone.now()
        unit = UnitFactory(area__site__organization=person.member.organization, name="Walk-in cooler")
        AlertFactory(unit=unit, started_at=now - timedelta(hours=3), opened_at=now - timedelta(hours=2))
        letter = person.preview(period="weekly").json()
        assert letter["subject"].startswith("1 open alert, 1 excursion: ")
        assert "Walk-in cooler" in letter["text"]
        assert "Walk-in cooler" in letter["html"]
        assert "weekly digest" in letter["text"]
        with as_system():
            assert not Notification.objects.exists()

    def test_any_member_may_of_the_own_sites(self) -> None:
        here = SiteFactory(name="Here")
        there = SiteFactory(organization=here.organization, name="There")
        now = timezone.now()
        for site in (here, there):
            AlertFactory(unit=UnitFactory(area__site=site), started_at=now, opened_at=now)
        viewer = Person(organization=here.organization, role=Role.VIEWER, site_ids=[here.pk])
        text = viewer.preview().json()["text"]
        assert ", Here: " in text
        assert "There" not in text
        ContactMethodFactory(user=viewer.member.user)
        assert viewer.preview(send=True).status_code == 202

    def test_sent_to_oneself_it_counts_for_no_day(self, person: Person) -> None:
        ContactMethodFactory(user=person.member.user)
        digest = DigestFactory(user=person.member.user, organization=person.member.organization)
        response = person.preview(send=True, period="daily")
        assert (response.status_code, response.json()) == (202, {"to": person.member.user.email})
        with as_system():
            row = Notification.objects.get()
        assert (row.user, row.event, "day" in row.extra) == (digest.user, "digest.daily", False)
        assert send_all() == 1

    def test_without_an_address_there_is_nowhere_to_send_it(self, person: Person) -> None:
        response = person.preview(send=True)
        assert (response.status_code, response.json()["code"]) == (409, "no_address")

    def test_an_unknown_period_is_refused(self, person: Person) -> None:
        assert person.preview(period="yearly").status_code == 400
        assert person.preview(send=True, period="yearly").status_code == 400

    def test_nobody_fills_their_mailbox_with_previews(self, person: Person, settings: Any) -> None:
        ContactMethodFactory(user=person.member.user)
        rates = {**settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "digests": "2/hour"}
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
        assert [person.preview(send=True).status_code for _ in range(3)] == [202, 202, 429]
        assert person.preview().status_code == 200
