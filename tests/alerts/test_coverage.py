"""What might reach nobody, found before it matters: each kind of hole, and that it is gone once it is mended."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache

from notifications.models import ContactMethod
from organizations.models import Role
from tests.alerts.homes import DAY, HOUR, MANAGERS, Home, address_of, change, duty, leave, make, person
from tests.factories import (
    NOON,
    ContactMethodFactory,
    NotificationFactory,
    OnCallOverrideFactory,
    OrganizationFactory,
    PreferenceFactory,
    RestFactory,
    SiteFactory,
    UnitFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def home() -> Home:
    return make()


@pytest.fixture(autouse=True)
def forgetful() -> None:
    cache.clear()


class TestNothing:
    def test_an_organization_with_managers_who_can_be_written_to_is_covered_without_a_policy(self, home: Home) -> None:
        found = home.look()
        assert (found.ok, found.critical, found.warning, found.checked_at) == (True, 0, 0, NOON)

    def test_a_policy_that_reaches_two_is_covered(self, home: Home) -> None:
        home.policy([MANAGERS])
        home.policy([duty(home.schedule(home.olga))], [MANAGERS], site=home.site)
        assert home.kinds() == []

    def test_policies_that_are_off_or_deleted_or_of_a_place_that_is_gone_say_nothing(self, home: Home) -> None:
        gone = [{"person": str(uuid4())}]
        home.policy(gone, enabled=False)
        home.policy(gone, deleted_at=NOON)
        closed = SiteFactory(organization=home.organization, deleted_at=NOON)
        home.policy(gone, site=closed)
        home.policy(gone, unit=UnitFactory(area__site=home.site, deleted_at=NOON))
        home.policy(gone, unit=UnitFactory(area__site=closed))
        assert home.kinds() == []


class TestPeople:
    @pytest.mark.parametrize("how", ["none", "unverified", "disabled"])
    def test_somebody_named_without_an_address_that_works_is_found(self, home: Home, how: str) -> None:
        carl = home.member("Carl Cook", address=False)
        fields = {"unverified": {"verified_at": None}, "disabled": {"disabled_at": NOON}}
        if how != "none":
            ContactMethodFactory(user=carl.user, **fields[how])
        row = home.policy([person(carl)], [MANAGERS])
        (hole,) = home.holes("person_without_contact")
        assert (hole.text, hole.severity) == (
            "Carl Cook has no address that works, and “Night” names this person.",
            "warning",
        )
        assert (hole.about.person, hole.about.policy, hole.starts_at) == (carl.user_id, row.pk, None)
        assert hole.path == f"/o/{home.organization.slug}/members"
        ContactMethodFactory(user=carl.user, address="works@example.com")
        assert home.holes("person_without_contact") == []

    def test_so_is_somebody_who_is_told_by_role_and_nobody_else(self, home: Home) -> None:
        home.member("Carl Cook", address=False)
        home.policy([MANAGERS])
        assert home.kinds() == []
        home.policy([{"role": "staff"}])
        (hole,) = home.holes("person_without_contact")
        assert hole.text == "Carl Cook has no address that works, and “Night” tells this person as staff."

    def test_so_is_somebody_who_will_be_on_duty_from_that_time_on(self, home: Home) -> None:
        carl = home.member("Carl Cook", address=False)
        schedule = home.schedule(home.olga)
        home.policy([duty(schedule)], [MANAGERS])
        late = OnCallOverrideFactory(
            schedule=schedule, user=carl.user, starts_at=NOON + 15 * DAY, ends_at=NOON + 16 * DAY
        )
        assert home.kinds() == [], "more than two weeks ahead"
        change(late, starts_at=NOON + 3 * DAY)
        (hole,) = home.holes("person_without_contact")
        assert (hole.about.schedule, hole.starts_at) == (schedule.pk, NOON + 3 * DAY)
        assert hole.text == "Carl Cook has no address that works, and has shifts in “Kitchen”."
        change(late, user=home.olga.user)
        assert home.kinds() == []

    def test_it_is_critical_if_something_critical_reaches_nobody_because_of_it(self, home: Home) -> None:
        carl = home.member("Carl Cook", address=False)
        row = home.policy([person(carl)])
        assert home.kinds() == [("policy_reaches_nobody", "critical"), ("person_without_contact", "critical")]
        change(row, severity="warning")
        assert home.kinds() == [("policy_reaches_nobody", "warning"), ("person_without_contact", "warning")]

    def test_managers_are_looked_at_where_no_policy_holds(self, home: Home) -> None:
        change(address_of(home.mia), disabled_at=NOON)
        assert ("person_without_contact", "warning") in home.kinds()
        home.policy([person(home.olga), person(home.member("Carl Cook"))])
        assert home.kinds() == []

    def test_whoever_asks_mends_the_own_addresses(self, home: Home) -> None:
        change(address_of(home.mia), disabled_at=NOON)
        paths = {hole.path for hole in home.look(by=home.mia.user).holes}
        assert paths == {"/account/notifications"}

    def test_somebody_who_left_is_found_in_policies(self, home: Home) -> None:
        carl = home.member("Carl Cook")
        row = home.policy([person(carl), MANAGERS])
        assert home.kinds() == []
        leave(carl)
        (hole,) = home.look().holes
        assert (hole.kind, hole.severity, hole.text) == (
            "person_left",
            "warning",
            "“Night” names Carl Cook, who left.",
        )
        assert (hole.about.policy, hole.about.person) == (row.pk, carl.user_id)
        assert hole.path == f"/o/{home.organization.slug}/escalation/{row.pk}"
        change(row, steps=[{"wait_s": 0, "targets": [MANAGERS]}])
        assert home.kinds() == []

    def test_somebody_who_left_is_found_in_layers_and_overrides_of_schedules_in_use(self, home: Home) -> None:
        carl, dora = home.member("Carl Cook"), home.member("Dora Door")
        schedule = home.schedule(home.olga, carl)
        OnCallOverrideFactory(schedule=schedule, user=dora.user, starts_at=NOON + DAY, ends_at=NOON + 2 * DAY)
        for one in (carl, dora):
            leave(one)
        assert home.kinds() == [], "no policy uses it"
        home.policy([duty(schedule)], [MANAGERS])
        found = home.holes("person_left")
        assert {hole.text for hole in found} == {
            "The on-call schedule “Kitchen” names Carl Cook, who left.",
            "The on-call schedule “Kitchen” names Dora Door, who left.",
        }
        assert {hole.path for hole in found} == {f"/o/{home.organization.slug}/on-call/{schedule.pk}"}

    def test_an_account_that_was_switched_off_counts_as_left(self, home: Home) -> None:
        carl = home.member("Carl Cook")
        home.policy([person(carl), MANAGERS])
        change(carl.user, is_active=False)
        assert home.kinds() == [("person_left", "warning")]

    def test_a_layer_that_is_over_names_nobody_any_more(self, home: Home) -> None:
        carl = home.member("Carl Cook")
        schedule = home.schedule(carl)
        change(schedule, layers=[{**schedule.layers[0], "ends_on": "2026-11-01"}])
        leave(carl)
        home.policy([duty(schedule)], [MANAGERS])
        assert home.holes("person_left") == []


class TestAddresses:
    @pytest.fixture
    def named(self, home: Home) -> ContactMethod:
        """Of somebody whom a policy names; another one works."""
        carl = home.member("Carl Cook")
        home.policy([person(carl), MANAGERS])
        number: ContactMethod = ContactMethodFactory(user=carl.user, address="second@example.com")
        return number

    def sent(self, home: Home, contact: ContactMethod, status: str, ago: timedelta, **fields: Any) -> None:
        moment = NOON - ago
        NotificationFactory(
            organization=fields.pop("organization", home.organization),
            user=contact.user,
            contact=contact,
            status=status,
            created_at=moment,
            sent_at=moment if status in ("sent", "delivered") else None,
            **fields,
        )

    def test_one_that_was_switched_off_is_found_and_masked(self, home: Home, named: ContactMethod) -> None:
        assert home.kinds() == []
        change(named, disabled_at=NOON - HOUR)
        (hole,) = home.look().holes
        assert (hole.kind, hole.severity, hole.starts_at) == ("address_failed", "warning", NOON - HOUR)
        assert hole.text == "s•••@example.com of Carl Cook was switched off, since nothing arrives there."
        assert hole.about.person == named.user_id

    def test_two_messages_in_a_row_that_failed_are_found(self, home: Home, named: ContactMethod) -> None:
        self.sent(home, named, "sent", 3 * HOUR)
        self.sent(home, named, "failed", 2 * HOUR)
        assert home.kinds() == [], "one may be an accident"
        self.sent(home, named, "dead", HOUR)
        (hole,) = home.look().holes
        assert hole.text == "The last messages to Carl Cook at s•••@example.com failed."
        self.sent(home, named, "promised", timedelta(minutes=30))
        assert len(home.look().holes) == 1, "what waits says nothing"
        self.sent(home, named, "delivered", timedelta(minutes=20))
        assert home.kinds() == []

    def test_what_failed_long_ago_or_for_others_does_not_count(self, home: Home, named: ContactMethod) -> None:
        self.sent(home, named, "dead", 15 * DAY)
        self.sent(home, named, "dead", HOUR)
        for _ in range(2):
            self.sent(home, named, "dead", HOUR, organization=OrganizationFactory())
        assert home.kinds() == []

    def test_addresses_of_whom_nobody_names_do_not_count(self, home: Home, named: ContactMethod) -> None:
        change(address_of(home.member("Dora Door")), disabled_at=NOON)
        assert home.kinds() == []


class TestSchedules:
    def test_an_empty_one_that_is_in_use_is_found(self, home: Home) -> None:
        schedule = home.schedule()
        assert home.kinds() == []
        home.policy([duty(schedule)], [MANAGERS])
        (hole,) = home.holes("empty_shift")
        assert (hole.text, hole.severity) == ("Nobody is on duty in “Kitchen” now.", "warning")
        assert (hole.starts_at, hole.ends_at) == (NOON, None)
        assert (hole.about.schedule, hole.path) == (
            schedule.pk,
            f"/o/{home.organization.slug}/on-call/{schedule.pk}",
        )

    def test_gaps_are_joined_and_say_when(self, home: Home) -> None:
        carl = home.member("Carl Cook")
        schedule = home.schedule()
        for begin, end, who in ((-1, 2, home.olga), (2, 3, carl), (4, 20, home.olga)):
            OnCallOverrideFactory(
                schedule=schedule, user=who.user, starts_at=NOON + begin * DAY, ends_at=NOON + end * DAY
            )
        home.policy([duty(schedule)], [MANAGERS])
        leave(carl)
        (hole,) = home.holes("empty_shift")
        assert (hole.starts_at, hole.ends_at) == (NOON + 2 * DAY, NOON + 4 * DAY)
        assert hole.text == (
            "Nobody is on duty in “Kitchen” from Sun 22 Nov, 13:00 to Tue 24 Nov, 13:00 (Europe/Berlin)."
        )
        OnCallOverrideFactory(schedule=schedule, user=home.mia.user, starts_at=NOON + 2 * DAY, ends_at=NOON + 4 * DAY)
        assert home.holes("empty_shift") == []

    def test_an_empty_shift_is_critical_where_nothing_else_follows(self, home: Home) -> None:
        schedule = home.schedule()
        OnCallOverrideFactory(schedule=schedule, user=home.olga.user, starts_at=NOON - DAY, ends_at=NOON + DAY)
        row = home.policy([duty(schedule)])
        assert home.kinds() == [
            ("policy_reaches_nobody", "critical"),
            ("empty_shift", "critical"),
            ("only_one_person", "warning"),
        ]
        (silent,) = home.holes("policy_reaches_nobody")
        assert (silent.starts_at, silent.ends_at, silent.about.policy) == (NOON + DAY, None, row.pk)
        assert silent.text == (
            "“Night” reaches nobody from Sat 21 Nov, 13:00 on (Europe/Berlin): managers are told instead."
        )

    def test_a_deleted_one_is_found_in_the_policy(self, home: Home) -> None:
        schedule = home.schedule(home.olga)
        row = home.policy([duty(schedule), MANAGERS])
        assert home.kinds() == []
        change(schedule, deleted_at=NOON)
        (hole,) = home.look().holes
        assert (hole.kind, hole.text) == (
            "schedule_gone",
            "“Night” names an on-call schedule that was deleted, “Kitchen”.",
        )
        assert (hole.about.policy, hole.about.schedule) == (row.pk, schedule.pk)
        assert hole.path == f"/o/{home.organization.slug}/escalation/{row.pk}"

    def test_a_shift_of_somebody_without_an_address_silences_a_policy_too(self, home: Home) -> None:
        carl = home.member("Carl Cook", address=False)
        schedule = home.schedule(home.olga)
        OnCallOverrideFactory(schedule=schedule, user=carl.user, starts_at=NOON + DAY, ends_at=NOON + 2 * DAY)
        home.policy([duty(schedule)])
        (hole,) = home.holes("policy_reaches_nobody")
        assert (hole.starts_at, hole.ends_at) == (NOON + DAY, NOON + 2 * DAY)
        ContactMethodFactory(user=carl.user)
        assert home.holes("policy_reaches_nobody") == []


class TestPolicies:
    def test_one_that_reaches_nobody_now_is_found_until_it_is_mended(self, home: Home) -> None:
        carl = home.member("Carl Cook")
        PreferenceFactory(organization=home.organization, user=carl.user, severity="critical", channels=[])
        row = home.policy([person(carl)])
        (hole,) = home.look().holes
        assert (hole.kind, hole.severity) == ("policy_reaches_nobody", "critical")
        assert hole.text == "“Night” reaches nobody now: managers are told instead."
        change(row, steps=[{"wait_s": 0, "targets": [MANAGERS]}])
        assert home.kinds() == []

    def test_it_says_so_where_managers_can_not_be_told_instead(self, home: Home) -> None:
        home.policy([{"role": "owner"}])
        for one in (home.olga, home.mia):
            change(address_of(one), verified_at=None)
        (hole,) = home.holes("policy_reaches_nobody")
        assert hole.text.endswith("and there isn't always a manager who could be told instead.")

    def test_a_step_that_is_passed_over_is_found(self, home: Home) -> None:
        carl = home.member("Carl Cook", address=False)
        row = home.policy([MANAGERS], [person(carl)])
        (hole,) = home.holes("step_reaches_nobody")
        assert (hole.severity, hole.about.step, hole.about.policy) == ("warning", 2, row.pk)
        assert hole.text == "Step 2 of “Night” reaches nobody: it is passed over."
        ContactMethodFactory(user=carl.user)
        assert home.kinds() == []

    def test_where_it_says_at_which_sites(self, home: Home) -> None:
        here = home.member("Carl Cook", site_ids=[home.site.pk])
        south = SiteFactory(organization=home.organization, name="Kitchen South")
        home.policy([person(here)], [MANAGERS])
        (hole,) = home.look().holes
        assert (hole.kind, hole.about.site) == ("step_reaches_nobody", south.pk)
        assert hole.text == "Step 1 of “Night” reaches nobody at Kitchen South: it is passed over."
        home.policy([MANAGERS], site=south)
        assert home.kinds() == [], "the first one doesn't hold there any more"

    def test_one_whose_steps_all_reach_the_same_person_is_found(self, home: Home) -> None:
        row = home.policy([person(home.olga)], [{"role": "owner"}])
        (hole,) = home.look().holes
        assert (hole.kind, hole.severity) == ("only_one_person", "warning")
        assert hole.text == "“Night” reaches only Olga Owner. If that person sleeps, nobody hears of it."
        assert (hole.about.policy, hole.about.person) == (row.pk, home.olga.user_id)
        home.member("Otto Owner", role=Role.OWNER)
        assert home.kinds() == []

    def test_one_for_the_night_is_tried_at_night(self, home: Home) -> None:
        change(home.site, opening_hours={"fri": [["08:00", "22:00"]]}, timezone="Europe/Berlin")
        carl = home.member("Carl Cook", address=False)
        home.policy([person(carl)], hours="closed", site=home.site)
        (hole,) = home.holes("policy_reaches_nobody")
        assert (hole.starts_at, hole.text) == (
            datetime(2026, 11, 20, 21, 0, tzinfo=UTC),
            "“Night” reaches nobody outside opening hours: managers are told instead.",
        )
        change(home.site, opening_hours={})
        assert home.holes("policy_reaches_nobody") == [], "it never holds where a site is always open"

    def test_one_of_a_kind_or_a_unit_is_tried_where_there_is_one(self, home: Home) -> None:
        nobody = [person(home.member("Carl Cook", address=False))]
        home.policy(nobody, unit_kind="walk_in_freezer")
        assert home.holes("policy_reaches_nobody") == []
        unit = UnitFactory(area__site=home.site, kind="walk_in_freezer")
        assert len(home.holes("policy_reaches_nobody")) == 1
        home.policy([MANAGERS], unit=unit)
        assert len(home.holes("policy_reaches_nobody")) == 1, "there may be others of the kind"
        home.policy(nobody, unit=UnitFactory(area__site=home.site), name="Unit")
        assert len(home.holes("policy_reaches_nobody")) == 2

    def test_quiet_hours_put_off_and_silence_nobody(self, home: Home) -> None:
        for one in (home.olga, home.mia):
            RestFactory(user=one.user, quiet_from=time(0), quiet_to=time(23, 59))
        home.policy([MANAGERS])
        assert home.kinds() == []

    def test_whoever_is_away_is_told_what_is_critical_if_nobody_else_is(self, home: Home) -> None:
        for one in (home.olga, home.mia):
            RestFactory(user=one.user, away_from=NOON - DAY, away_until=NOON + DAY)
        home.policy([MANAGERS], severity="critical")
        assert home.kinds() == []
        home.policy([MANAGERS], severity="warning")
        assert home.kinds() == [("policy_reaches_nobody", "warning")]

    def test_without_any_site_policies_are_tried_all_the_same(self, home: Home) -> None:
        change(home.site, deleted_at=NOON)
        home.policy([person(home.member("Carl Cook", address=False))])
        assert home.holes("policy_reaches_nobody")[0].text.startswith("“Night” reaches nobody now:")


class TestPlaces:
    def test_a_site_of_which_nobody_would_hear_is_found(self, home: Home) -> None:
        for one in (home.olga, home.mia):
            change(address_of(one), disabled_at=NOON)
        (hole,) = home.holes("nobody_for_place")
        assert (hole.severity, hole.about.site, hole.starts_at) == ("critical", home.site.pk, None)
        assert hole.text == (
            "A critical alert at Kitchen North would reach nobody: no policy that holds there reaches anybody,"
            " and no manager has an address that works."
        )
        assert home.look().holes[0] == hole, "the worst stands first"
        change(address_of(home.mia), disabled_at=None)
        assert home.holes("nobody_for_place") == []

    def test_a_policy_that_reaches_somebody_is_enough(self, home: Home) -> None:
        for one in (home.olga, home.mia):
            change(address_of(one), disabled_at=NOON)
        carl = home.member("Carl Cook")
        row = home.policy([person(carl)])
        assert home.holes("nobody_for_place") == []
        change(row, severity="warning")
        assert len(home.holes("nobody_for_place")) == 1

    def test_a_shift_without_anybody_leaves_it_to_nobody_from_then_on(self, home: Home) -> None:
        for one in (home.olga, home.mia):
            change(address_of(one), disabled_at=NOON)
        schedule, carl = home.schedule(), home.member("Carl Cook")
        OnCallOverrideFactory(schedule=schedule, user=carl.user, starts_at=NOON - DAY, ends_at=NOON + DAY)
        row = home.policy([duty(schedule)])
        (hole,) = home.holes("nobody_for_place")
        assert (hole.starts_at, hole.about.policy) == (NOON + DAY, row.pk)
        assert hole.path == f"/o/{home.organization.slug}/escalation/{row.pk}"

    def test_a_manager_who_may_not_see_the_site_is_none(self, home: Home) -> None:
        south = SiteFactory(organization=home.organization, name="Kitchen South")
        change(home.mia, site_ids=[home.site.pk])
        change(address_of(home.olga), disabled_at=NOON)
        assert [hole.about.site for hole in home.holes("nobody_for_place")] == [south.pk]
        change(south, deleted_at=NOON)
        assert home.holes("nobody_for_place") == []
