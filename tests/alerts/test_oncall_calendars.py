"""Calendars of others that are taken over, and secret addresses under which calendar programs read who is on duty."""

from __future__ import annotations

import re
from datetime import UTC
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from alerts.models import OnCallFeed, OnCallOverride, OnCallSchedule
from organizations.models import Membership, Organization, Role
from tests.alerts.test_oncall import member, schedule, shown, soon, weekly
from tests.api.client import Api
from tests.factories import OnCallOverrideFactory, OrganizationFactory, SiteFactory, as_system, fresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    organization: Organization = OrganizationFactory()
    return organization


@pytest.fixture
def api(organization: Organization) -> Api:
    return Api(organization, role=Role.MANAGER, user__name="Mia Manager")


CALENDAR = """BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//tests//EN\r
BEGIN:VEVENT\r
UID:one@example.com\r
DTSTAMP:20261101T000000Z\r
DTSTART:{start}\r
DTEND:{end}\r
RRULE:FREQ=DAILY;COUNT=3\r
SUMMARY:{summary}\r
END:VEVENT\r
END:VCALENDAR\r
"""


def calendar(summary: str, *, hours: float = 5) -> str:
    start, end = (soon(hours + more).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ") for more in (0, 2))
    return CALENDAR.format(start=start, end=end, summary=summary)


class TestImporting:
    def test_events_give_the_duty_to_whom_they_name(self, api: Api, organization: Organization) -> None:
        member(organization, "Anna")
        made = schedule(api)
        path = f"on-call-schedules/{made['id']}/import/"
        looked = api.write(path, {"calendar": calendar("anna"), "dry_run": True}, status=200)
        assert (looked["imported"], looked["replaced"], looked["unmatched"]) == (3, 0, [])
        with as_system():
            assert not OnCallOverride.objects.exists()
        assert api.write(path, {"calendar": calendar("anna")}, status=200)["imported"] == 3
        found = api.read(
            f"on-call-schedules/{made['id']}/final/", starts_at=soon(0).isoformat(), ends_at=soon(24).isoformat()
        )
        assert [name for _, _, name in shown(found)] == ["", "Anna", ""]
        assert [row["source"] for row in api.all("on-call-overrides/")] == ["calendar"] * 3

    def test_again_it_replaces_what_it_had_and_leaves_what_was_made_by_hand(
        self, api: Api, organization: Organization
    ) -> None:
        anna = member(organization, "Anna")
        made = schedule(api)
        OnCallOverrideFactory(
            schedule=OnCallSchedule(pk=made["id"], organization=organization),
            user=anna.user,
            starts_at=soon(90),
            ends_at=soon(91),
        )
        path = f"on-call-schedules/{made['id']}/import/"
        api.write(path, {"calendar": calendar("Anna")}, status=200)
        again = api.write(path, {"calendar": calendar("Anna", hours=6)}, status=200)
        assert (again["imported"], again["replaced"]) == (3, 3)
        assert len(api.all("on-call-overrides/")) == 4

    def test_what_names_nobody_is_left_out_and_said(self, api: Api, organization: Organization) -> None:
        anna = member(organization, "Anna")
        made = schedule(api)
        path = f"on-call-schedules/{made['id']}/import/"
        said = api.write(path, {"calendar": calendar("Somebody else")}, status=200)
        assert (said["imported"], said["unmatched"]) == (0, [{"summary": "Somebody else", "emails": [], "count": 3}])
        people = {"somebody ELSE": str(anna.user_id)}
        assert api.write(path, {"calendar": calendar("Somebody else"), "people": people}, status=200)["imported"] == 3

    @pytest.mark.parametrize("nonsense", ["", "Hello", "BEGIN:VCALENDAR", "BEGIN:VCALENDAR\r\nEND:VEVENT\r\n"])
    def test_what_is_no_calendar_is_refused_in_words(self, api: Api, nonsense: str) -> None:
        made = schedule(api)
        problem = api.write(f"on-call-schedules/{made['id']}/import/", {"calendar": nonsense}, status=400)
        assert [one["field"] for one in problem["errors"]] == ["calendar"]

    def test_people_of_others_are_unknown(self, api: Api) -> None:
        made = schedule(api)
        stranger = member(OrganizationFactory(), "Stranger")
        body = {"calendar": calendar("x"), "people": {"x": str(stranger.user_id)}}
        api.write(f"on-call-schedules/{made['id']}/import/", body, status=400)


class TestFeeds:
    @pytest.fixture(autouse=True)
    def _no_counts(self) -> None:
        cache.clear()

    def path_of(self, feed: dict[str, Any]) -> str:
        return str(re.sub(r"^https?://[^/]+", "", feed["address"]))

    def test_the_address_is_shown_once_and_opens_in_a_calendar_program(
        self, api: Api, organization: Organization
    ) -> None:
        made = schedule(api, weekly(member(organization, "Anna")))
        feed = api.write("on-call-feeds/", {"schedule": made["id"]})
        assert re.fullmatch(r"https?://\S+/on-call/ftc_[\w-]{43}\.ics", feed["address"])
        (listed,) = api.all("on-call-feeds/")
        assert (listed["address"], listed["prefix"]) == ("", feed["prefix"])
        answer = Client().get(self.path_of(feed))
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/calendar; charset=utf-8")
        text = answer.content.decode()
        assert text.startswith("BEGIN:VCALENDAR")
        assert "Anna on call" in text.replace("\r\n ", "")
        assert fresh(OnCallFeed(pk=feed["id"])).last_used_at is not None

    def test_only_ones_own_shifts_if_wished(self, api: Api, organization: Organization) -> None:
        made = schedule(api, weekly(member(organization, "Anna"), api.member))
        feed = api.write("on-call-feeds/", {"schedule": made["id"], "only_mine": True})
        text = Client().get(self.path_of(feed)).content.decode().replace("\r\n ", "")
        assert "Mia Manager on call" in text
        assert "Anna" not in text

    def test_revoked_or_wrong_it_is_the_same_404(self, api: Api) -> None:
        made = schedule(api)
        feed = api.write("on-call-feeds/", {"schedule": made["id"]})
        path = self.path_of(feed)
        assert Client().get(path).status_code == 200
        api.write(f"on-call-feeds/{feed['id']}/", status=204, method="delete")
        gone, wrong = Client().get(path), Client().get("/on-call/ftc_nobody.ics")
        assert (gone.status_code, gone.content) == (wrong.status_code, wrong.content) == (404, b"No such calendar.")

    @pytest.mark.parametrize("how", ["left", "switched off", "schedule gone", "organization gone"])
    def test_it_ends_with_the_right_to_look(self, api: Api, organization: Organization, how: str) -> None:
        made = schedule(api)
        path = self.path_of(api.write("on-call-feeds/", {"schedule": made["id"]}))
        now = timezone.now()
        with as_system():
            if how == "left":
                Membership.objects.filter(pk=api.member.pk).update(ended_at=now)
            elif how == "switched off":
                type(api.member.user).objects.filter(pk=api.member.user_id).update(is_active=False)
            elif how == "schedule gone":
                OnCallSchedule.objects.update(deleted_at=now)
            else:
                Organization.objects.filter(pk=organization.pk).update(deleted_at=now)
        assert Client().get(path).status_code == 404

    def test_one_of_a_site_ends_when_its_owner_is_restricted_to_others(self, organization: Organization) -> None:
        here, there = (SiteFactory(organization=organization) for _ in range(2))
        api = Api(organization, role=Role.MANAGER)
        made = schedule(api, site=str(here.pk))
        path = self.path_of(api.write("on-call-feeds/", {"schedule": made["id"]}))
        for sites, status in (([here.pk], 200), ([there.pk], 404)):
            with as_system():
                Membership.objects.filter(pk=api.member.pk).update(site_ids=sites)
            assert Client().get(path).status_code == status

    def test_nobody_sees_or_revokes_those_of_others(self, api: Api, organization: Organization) -> None:
        feed = api.write("on-call-feeds/", {"schedule": schedule(api)["id"]})
        other = Api(organization, role=Role.OWNER)
        assert other.all("on-call-feeds/") == []
        other.write(f"on-call-feeds/{feed['id']}/", status=404, method="delete")

    def test_guessing_is_slowed_down(self, settings: Any) -> None:
        settings.RATE_LINKS = "3/m"
        answers = [Client().get(f"/on-call/ftc_{number}.ics").status_code for number in range(5)]
        assert answers[:3] == [404] * 3
        assert answers[-1] == 429

    def test_it_is_only_read(self, api: Api) -> None:
        feed = api.write("on-call-feeds/", {"schedule": schedule(api)["id"]})
        assert Client().post(self.path_of(feed)).status_code == 405
