"""Who is shown the holes in who is told, of whom, and the mail to owners on Mondays."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.cache import cache
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts.coverage import finding, weekly
from alerts.models import EscalationPolicy
from alerts.tasks import tell_coverage
from notifications.models import InboxItem
from organizations.models import Organization, Role
from organizations.tenancy import acting_as_system, acting_in
from sensors.models import Site
from tests.alerts.homes import DAY, HOUR, MANAGERS, MONDAY, Home, address_of, change, duty, leave, make, person
from tests.alerts.people import messages
from tests.api.client import Api
from tests.factories import (
    NOON,
    ContactMethodFactory,
    MembershipFactory,
    OnCallOverrideFactory,
    OnCallScheduleFactory,
    OrganizationFactory,
    PolicyFactory,
    SiteFactory,
    UnitFactory,
    as_system,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def home() -> Home:
    return make()


@pytest.fixture(autouse=True)
def forgetful() -> None:
    cache.clear()


class TestTheAddress:
    @pytest.fixture
    def api(self, home: Home) -> Api:
        api = Api(home.organization, role=Role.MANAGER, user__name="Max Manager")
        ContactMethodFactory(user=api.member.user)
        return api

    def test_it_says_that_all_is_well(self, api: Api) -> None:
        said = api.read("coverage/")
        assert said == {
            "ok": True,
            "checked_at": said["checked_at"],
            "counts": {"critical": 0, "warning": 0},
            "results": [],
            "more": 0,
        }

    def test_it_says_what_is_wrong_where_and_when(self, api: Api, home: Home) -> None:
        schedule = home.schedule()
        row = home.policy([duty(schedule)])
        said = api.read("coverage/")
        assert (said["ok"], said["counts"]) == (False, {"critical": 2, "warning": 0})
        assert said["results"][0] == {
            "kind": "policy_reaches_nobody",
            "severity": "critical",
            "text": "“Night” reaches nobody now: managers are told instead.",
            "about": {"policy": str(row.pk), "schedule": None, "person": None, "site": str(home.site.pk), "step": None},
            "path": f"/o/{home.organization.slug}/escalation/{row.pk}",
            "starts_at": said["checked_at"],
            "ends_at": None,
        }
        assert said["results"][1]["about"]["schedule"] == str(schedule.pk)

    def test_it_shows_the_worst_five_hundred_and_counts_all(self, api: Api, home: Home) -> None:
        steps = [{"wait_s": 0, "targets": [{"person": str(uuid4())}]}, {"wait_s": 0, "targets": [MANAGERS]}]
        rows = [
            EscalationPolicy(organization=home.organization, name=f"P{n}", steps=steps, repeat_s=60) for n in range(501)
        ]
        with as_system():
            EscalationPolicy.objects.bulk_create(rows)
        home.policy([person(home.member("Carl Cook", address=False))], site=home.site)
        said = api.read("coverage/")
        assert (len(said["results"]), said["more"]) == (500, sum(said["counts"].values()) - 500)
        assert said["more"] > 0
        assert said["results"][0]["severity"] == "critical"

    def test_staff_may_not(self, home: Home) -> None:
        Api(home.organization, role=Role.STAFF).read("coverage/", status=403)

    def test_it_costs_the_same_however_many_there_are(self, api: Api, home: Home) -> None:
        costs = []
        for number in (1, 14):
            for _ in range(number):
                site = SiteFactory(organization=home.organization)
                unit = UnitFactory(area__site=site)
                one = home.member("Carl Cook", site_ids=[site.pk])
                left = home.member("Lena Left")
                leave(left)
                schedule = home.schedule(one, left)
                OnCallOverrideFactory(schedule=schedule, user=home.olga.user)
                targets = [duty(schedule), person(one), person(left)]
                home.policy(targets, [MANAGERS], site=site)
                home.policy(targets, unit=unit)
                home.policy(targets, unit_kind=unit.kind)
            with CaptureQueriesContext(connection) as asked:
                api.read("coverage/")
            with acting_in(home.organization), CaptureQueriesContext(connection) as found:
                assert len(finding.of_organization(organization=home.organization, at=NOON).holes) > number
            costs.append((len(asked), len(found)))
        assert costs[1] <= costs[0]
        assert costs[1][1] <= costs[0][1] < 15


class TestWalls:
    def test_rows_of_another_organization_never_count(self, home: Home) -> None:
        other = OrganizationFactory()
        SiteFactory(organization=other)
        stranger = MembershipFactory(organization=other, role=Role.MANAGER)
        PolicyFactory(organization=other, steps=[{"wait_s": 0, "targets": [person(stranger)]}])
        OnCallScheduleFactory(organization=other)
        assert home.kinds() == []
        with acting_in(home.organization):
            assert finding.of_organization(organization=home.organization, at=NOON).ok

    def test_who_is_named_and_belongs_to_others_has_no_name_here(self, home: Home) -> None:
        theirs = OnCallScheduleFactory(name="Theirs")
        stranger = MembershipFactory(user__name="Stranger")
        home.policy([person(stranger), duty(theirs), MANAGERS])
        said = [hole.text for hole in home.look().holes]
        assert said == [
            "“Night” names an on-call schedule that was deleted.",
            "“Night” names Somebody, who left.",
        ]

    def restricted(self, home: Home, sites: list[Site]) -> list[dict[str, Any]]:
        api = Api(home.organization, role=Role.MANAGER, site_ids=[site.pk for site in sites])
        ContactMethodFactory(user=api.member.user)
        found: list[dict[str, Any]] = api.read("coverage/")["results"]
        leave(api.member)
        return found

    def test_who_is_restricted_sees_the_holes_of_the_own_sites(self, home: Home) -> None:
        south = SiteFactory(organization=home.organization, name="Kitchen South")
        nobody = [person(home.member("Carl Cook", address=False))]
        home.policy(nobody, site=south)
        home.policy([person(home.member("Sam South", address=False, site_ids=[south.pk])), MANAGERS])
        assert self.restricted(home, [home.site]) == []
        kinds = [one["kind"] for one in self.restricted(home, [south])]
        assert kinds == ["policy_reaches_nobody", "person_without_contact", "person_without_contact"]

    def test_who_is_restricted_hears_of_policies_for_every_site_what_concerns_the_own(self, home: Home) -> None:
        south = SiteFactory(organization=home.organization, name="Kitchen South")
        home.policy([person(home.member("Nora North", site_ids=[home.site.pk]))], [MANAGERS])
        assert [one["text"] for one in self.restricted(home, [south])] == [
            "Step 1 of “Night” reaches nobody at Kitchen South: it is passed over."
        ]
        assert self.restricted(home, [home.site]) == []

    def test_a_schedule_of_another_site_is_not_taken_for_a_hole(self, home: Home) -> None:
        south = SiteFactory(organization=home.organization, name="Kitchen South")
        hidden = home.schedule(home.olga, site=south)
        home.policy([duty(hidden)], site=home.site)
        assert self.restricted(home, [home.site]) == []
        change(hidden, deleted_at=NOON)
        assert self.restricted(home, [home.site]) == []
        assert [one["kind"] for one in self.restricted(home, [home.site, south])] == [
            "policy_reaches_nobody",
            "schedule_gone",
        ]

    def test_who_left_is_named_to_those_who_shared_a_site(self, home: Home) -> None:
        south = SiteFactory(organization=home.organization)
        sam = home.member("Sam South", site_ids=[south.pk])
        home.policy([person(sam), MANAGERS])
        leave(sam)
        assert self.restricted(home, [home.site]) == []
        assert [one["kind"] for one in self.restricted(home, [south])] == ["person_left"]


def tell(home: Home, at: datetime) -> bool:
    with as_system():
        return weekly.tell_owners(organization_id=home.organization.pk, at=at)


def due(at: datetime) -> list[UUID]:
    with as_system():
        return weekly.due(at=at, after=None).due


class TestTheWeeklyMail:
    @pytest.fixture
    def holed(self, home: Home) -> Home:
        change(home.organization, time_zone="UTC")
        home.organization.time_zone = "UTC"
        home.policy([duty(home.schedule())])
        return home

    def test_owners_are_written_to_on_monday_at_eight(self, holed: Home) -> None:
        assert not tell(holed, MONDAY - timedelta(seconds=1))
        assert messages() == []
        assert tell(holed, MONDAY)
        (mail,) = messages()
        assert (mail.user_id, mail.event, mail.severity) == (holed.olga.user_id, "coverage.weekly", "warning")
        assert mail.subject == f"Something critical might reach nobody: {holed.organization.name}"
        assert "CRITICAL: “Night” reaches nobody now: managers are told instead." in mail.text
        assert f"/o/{holed.organization.slug}/coverage" in mail.text
        assert "“Night” reaches nobody now" in mail.html
        assert mail.dedupe_key.startswith(f"coverage:{holed.organization.pk}:2026-W48:")

    def test_twice_is_once_and_the_next_week_is_another(self, holed: Home) -> None:
        assert tell(holed, MONDAY)
        assert not tell(holed, MONDAY + HOUR)
        assert not tell(holed, MONDAY + 6 * DAY)
        assert len(messages()) == 1
        assert tell(holed, MONDAY + 7 * DAY)
        assert [row.dedupe_key.split(":")[2] for row in messages()] == ["2026-W48", "2026-W49"]

    def test_who_was_told_is_not_looked_at_again_this_week(self, holed: Home) -> None:
        assert due(MONDAY) == [holed.organization.pk]
        tell(holed, MONDAY)
        assert due(MONDAY + timedelta(minutes=10)) == []
        cache.clear()
        assert due(MONDAY + DAY) == [], "the inbox remembers it"
        assert due(MONDAY + 7 * DAY) == [holed.organization.pk]

    def test_where_all_is_well_nobody_is_told_and_nobody_looks_again(self, home: Home) -> None:
        assert not tell(home, MONDAY)
        assert messages() == []
        assert due(MONDAY + timedelta(minutes=10)) == []
        assert due(MONDAY + 7 * DAY) == [home.organization.pk]

    def test_what_does_not_matter_at_once_is_told_too(self, home: Home) -> None:
        home.policy([person(home.olga)])
        assert tell(home, MONDAY)
        (mail,) = messages()
        assert (mail.severity, mail.subject) == (
            "info",
            f"1 thing to mend before it matters: {home.organization.name}",
        )

    def test_whoever_can_not_be_written_to_finds_it_in_the_app(self, holed: Home) -> None:
        change(address_of(holed.olga), disabled_at=NOON)
        assert tell(holed, MONDAY)
        assert messages() == []
        with as_system():
            item = InboxItem.objects.get(user=holed.olga.user_id)
        assert (item.path, item.event) == (f"/o/{holed.organization.slug}/coverage", "coverage.weekly")
        assert not tell(holed, MONDAY + HOUR)

    @pytest.mark.parametrize(
        ("zone", "monday"),
        [
            # The Mondays after clocks went back and forward, and the other side of the date line.
            ("Europe/Berlin", datetime(2026, 10, 26, 7, 0, tzinfo=UTC)),
            ("Europe/Berlin", datetime(2027, 3, 29, 6, 0, tzinfo=UTC)),
            ("Pacific/Auckland", datetime(2026, 11, 22, 19, 0, tzinfo=UTC)),
        ],
    )
    def test_eight_is_eight_by_the_organizations_clock(self, home: Home, zone: str, monday: datetime) -> None:
        change(home.organization, time_zone=zone)
        before, after = monday - timedelta(seconds=1), monday
        assert (due(before), due(after)) == ([], [home.organization.pk])

    def test_an_organization_that_has_just_begun_is_left_alone_until_the_next_monday(self, holed: Home) -> None:
        change(holed.organization, created_at=MONDAY + 2 * DAY)
        assert due(MONDAY + 3 * DAY) == []
        assert not tell(holed, MONDAY + 3 * DAY)
        assert due(MONDAY + 7 * DAY) == [holed.organization.pk]

    def test_a_deleted_organization_is_not_told(self, holed: Home) -> None:
        change(holed.organization, deleted_at=NOON)
        assert due(MONDAY) == []
        assert not tell(holed, MONDAY)

    def test_pages_follow_one_another_until_everybody_was_looked_at(self, home: Home) -> None:
        for _ in range(4):
            OrganizationFactory(created_at=NOON - 100 * DAY)
        pages = []
        after = None
        with as_system():
            everybody = list(Organization.objects.order_by("pk").values_list("pk", flat=True))
            while not pages or after is not None:
                page = weekly.due(at=MONDAY, after=after, most=2)
                pages.append(page.due)
                after = page.last
        assert [len(page) for page in pages] == [2, 2, 1]
        assert [pk for page in pages for pk in page] == everybody

    def test_a_page_costs_the_same_however_many_organizations(self, home: Home) -> None:
        costs = []
        for _ in range(2):
            with CaptureQueriesContext(connection) as asked:
                due(MONDAY)
            costs.append(len(asked))
            for _ in range(10):
                OrganizationFactory(created_at=NOON - 100 * DAY)
        assert costs[1] <= costs[0]

    @pytest.mark.django_db(transaction=True)
    def test_many_beats_at_once_tell_once(self) -> None:
        home = make()
        home.policy([duty(home.schedule())])
        start = threading.Barrier(4)

        def work() -> None:
            try:
                start.wait(10)
                tell(home, MONDAY + HOUR)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(messages()) == 1
        assert not tell(home, MONDAY + HOUR)

    def test_after_a_crash_in_between_it_is_told_once(self, holed: Home) -> None:
        class Crash(Exception):
            pass

        def half() -> None:
            with acting_as_system("tests"):
                assert weekly.tell_owners(organization_id=holed.organization.pk, at=MONDAY)
                raise Crash

        with pytest.raises(Crash):
            half()
        assert messages() == []
        assert due(MONDAY) == [holed.organization.pk]
        assert tell(holed, MONDAY)
        assert len(messages()) == 1


class TestTheTask:
    def test_it_goes_through_every_organization_and_one_that_fails_stops_no_other(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        homes = [make() for _ in range(5)]
        # Before eight on a Monday it is due only where the day is further on.
        zone = "Pacific/Kiritimati" if timezone.now().weekday() == 0 else "UTC"
        for home in homes:
            change(home.organization, time_zone=zone)
            home.policy([duty(home.schedule())])
        change(homes[1].policy([MANAGERS], name="Broken"), steps=[{"targets": "nobody"}])
        assert tell_coverage() == 4
        assert "could not be told" in caplog.text
        told = {row.organization_id for row in messages()}
        assert told == {home.organization.pk for home in homes} - {homes[1].organization.pk}
        assert tell_coverage() == 0
        assert len(messages()) == 4
