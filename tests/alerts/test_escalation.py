"""Until somebody answers: which policy holds, whom each step tells and when, and no step is lost or taken twice."""

from __future__ import annotations

import threading
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from alerts import lifecycle, telling
from alerts.escalation import choosing, plans
from alerts.escalation.defaults import lay_default_policies
from alerts.escalation.plans import Plan, Step, Target
from alerts.evaluation import Opened
from alerts.models import Alert, AlertEvent, AlertStatus, EscalationPolicy, Severity
from notifications.models import InboxItem
from organizations.models import Membership, Organization, Role
from tests.alerts.people import HOUR, MINUTE, Cooler, cooler, messages, sweep, told
from tests.factories import (
    NOON,
    ContactMethodFactory,
    MembershipFactory,
    MuteFactory,
    OnCallOverrideFactory,
    OnCallScheduleFactory,
    PolicyFactory,
    RestFactory,
    RuleFactory,
    SensorFactory,
    SiteFactory,
    UnitFactory,
    as_system,
    fresh,
)

TEN, HALF = 10 * MINUTE, 30 * MINUTE


@pytest.fixture
def place() -> Cooler:
    return cooler()


def step(*targets: dict[str, Any], wait_s: int = 0, urgent: bool = False) -> dict[str, Any]:
    return {"wait_s": wait_s, "targets": list(targets), "urgent": urgent}


def person(member: Membership) -> dict[str, str]:
    return {"person": str(member.user_id)}


def policy(place: Cooler, *steps: dict[str, Any], **fields: Any) -> EscalationPolicy:
    """Of the whole organization, unless said otherwise."""
    made = {"steps": list(steps)} if steps else {}
    row: EscalationPolicy = PolicyFactory(organization=place.unit.organization, **made, **fields)
    return row


def cook_then_owner(place: Cooler, **fields: Any) -> EscalationPolicy:
    """The cook at once, the owner after ten minutes, again after half an hour."""
    return policy(place, step(person(place.cook)), step(person(place.owner), wait_s=600, urgent=True), **fields)


def heard(member: Membership) -> list[tuple[str, timedelta]]:
    """(event, how long after noon) of what somebody was sent."""
    return [(row.event, row.created_at - NOON) for row in messages(user=member.user)]


def notes(alert: Alert) -> list[str]:
    """What the timeline says of steps."""
    with as_system():
        rows = AlertEvent.objects.filter(alert=alert, event="escalated").order_by("created_at", "pk")
        return list(rows.values_list("note", flat=True))


def run(until: datetime, *, since: datetime = NOON) -> None:
    """The sweep, every minute from noon on."""
    moment = since
    while moment <= until:
        sweep(moment)
        moment += MINUTE


class TestThePlan:
    PLAN = Plan("", "", (Step((Target(role="owner"),), 60), Step((Target(role="staff"),), 120)), 900)

    def test_the_steps_come_round_and_round(self) -> None:
        assert [self.PLAN.nth(taken).wait_s for taken in range(5)] == [60, 120, 60, 120, 60]
        assert [self.PLAN.round_of(taken) for taken in range(5)] == [0, 0, 1, 1, 2]

    def test_each_waits_for_its_own_time_and_a_new_round_for_the_pause(self) -> None:
        waits = [self.PLAN.wait_before(taken).total_seconds() for taken in range(5)]
        assert waits == [60, 120, 900, 120, 900]

    def test_it_is_kept_as_json(self) -> None:
        assert plans.decode(plans.encode(self.PLAN)) == self.PLAN
        assert plans.decode(None) is None


@pytest.mark.django_db
class TestWhichPolicyHolds:
    def test_the_most_specific_one(self, place: Cooler) -> None:
        rows = {
            "everywhere": policy(place, name="everywhere"),
            "site": policy(place, name="site", site=place.site),
            "kind": policy(place, name="kind", unit_kind=place.unit.kind),
            "unit": policy(place, name="unit", unit=place.unit),
        }
        for expected in ("unit", "kind", "site", "everywhere"):
            assert chosen(place, rows.values()) == expected
            del rows[expected]
        assert chosen(place, rows.values()) is None

    def test_what_names_the_severity_or_hours_goes_before_what_does_not(self, place: Cooler) -> None:
        place.site.opening_hours = {"fri": [["08:00", "22:00"]]}
        rows = [
            policy(place, name="any"),
            policy(place, name="open", hours="open"),
            policy(place, name="critical", severity="critical"),
            policy(place, name="critical and open", severity="critical", hours="open"),
        ]
        assert chosen(place, rows) == "critical and open"
        assert chosen(place, rows, severity="warning") == "open"
        assert chosen(place, rows, at=NOON + 12 * HOUR) == "critical"
        assert chosen(place, rows, severity="warning", at=NOON + 12 * HOUR) == "any"

    def test_outside_opening_hours_is_by_the_sites_clock(self, place: Cooler) -> None:
        place.site.timezone, place.site.opening_hours = "America/New_York", {"fri": [["08:00", "22:00"]]}
        closed = policy(place, name="closed", hours="closed")
        assert chosen(place, [closed], at=NOON + 59 * MINUTE) == "closed", "07:59 there"
        assert chosen(place, [closed], at=NOON + HOUR) is None

    def test_a_default_never_goes_before_what_somebody_made(self, place: Cooler) -> None:
        rows = [policy(place, name="default", severity="critical", is_default=True), policy(place, name="made")]
        assert chosen(place, rows) == "made"

    def test_other_places_and_those_switched_off_or_deleted_hold_nothing(self, place: Cooler) -> None:
        organization = place.unit.organization
        policy(place, site=SiteFactory(organization=organization))
        policy(place, unit=UnitFactory(area=place.unit.area))
        policy(place, unit_kind="hot_holding")
        policy(place, severity="warning")
        policy(place, enabled=False)
        policy(place, deleted_at=NOON)
        PolicyFactory()
        assert place.opens().plan is None

    @given(st.permutations(range(6)))
    def test_the_order_of_rows_says_nothing(self, order: list[int]) -> None:
        rows = [
            EscalationPolicy(name="default", is_default=True),
            EscalationPolicy(name="made"),
            EscalationPolicy(name="critical", severity="critical"),
            EscalationPolicy(name="kind", unit_kind="room"),
            EscalationPolicy(name="kind, critical", unit_kind="room", severity="critical"),
            EscalationPolicy(name="kind, default", unit_kind="room", severity="critical", is_default=True),
        ]
        unit = UnitFactory.build(kind="room", area=None, site=None, organization=None)
        found = choosing.choose([rows[index] for index in order], choosing.Place(None, unit, "critical"), at=NOON)
        assert found is not None
        assert found.name == "kind, critical"


def chosen(place: Cooler, rows: Any, *, severity: str = "critical", at: datetime = NOON) -> str | None:
    found = choosing.choose(rows, choosing.Place(place.site, place.unit, severity), at=at)
    return None if found is None else found.name


@pytest.mark.django_db
class TestTheSteps:
    def test_the_next_person_is_told_when_nobody_answers_and_then_the_first_again(self, place: Cooler) -> None:
        cook_then_owner(place)
        alert = place.opens()
        assert fresh(alert).tell_at == NOON + TEN
        run(NOON + 90 * MINUTE)
        again = timedelta(minutes=40)
        assert heard(place.cook) == [
            ("alert.opened", timedelta()),
            ("alert.escalated", again),
            ("alert.escalated", 2 * again),
        ]
        assert heard(place.owner) == [
            ("alert.escalated", TEN),
            ("alert.escalated", again + TEN),
            ("alert.escalated", 2 * again + TEN),
        ]
        assert notes(alert)[:2] == [
            "Step 2 of 2 of “Night”: Olga Owner.",
            "Step 1 of 2 of “Night”, round 2: Carl Cook.",
        ]

    def test_the_message_says_why_it_comes(self, place: Cooler) -> None:
        cook_then_owner(place)
        place.opens()
        sweep(NOON + TEN)
        (message,) = messages(user=place.owner.user)
        assert "Nobody has answered yet. Step 2 of 2 of “Night”." in message.text
        assert message.subject.startswith("Still open, CRITICAL")

    def test_it_never_ends_silently(self, place: Cooler) -> None:
        """The hole: "alert until acknowledged" stops after 24 hours."""
        policy(place, step({"role": "owner"}), repeat_s=86_400)
        alert = place.opens()
        for day in range(1, 45):
            assert sweep(NOON + timedelta(days=day)) == 1
        assert len(heard(place.owner)) == 45
        assert fresh(alert).tell_at == NOON + timedelta(days=45)

    def test_a_first_step_that_waits_tells_nobody_before(self, place: Cooler) -> None:
        policy(place, step({"role": "owner"}, wait_s=600))
        alert = place.opens()
        assert (told(), fresh(alert).tell_at) == ([], NOON + TEN)
        sweep(NOON + TEN)
        assert told() == [("alert.opened", NOON + TEN)]
        (message,) = messages(user=place.owner.user)
        assert "What covered it" not in message.text

    def test_what_is_over_before_the_first_step_wakes_nobody(self, place: Cooler) -> None:
        policy(place, step({"role": "owner"}, wait_s=600))
        place.opens()
        place.clears(NOON + 5 * MINUTE)
        run(NOON + HOUR)
        assert messages() == []

    def test_who_was_told_by_any_step_hears_that_it_is_over(self, place: Cooler) -> None:
        cook_then_owner(place)
        place.opens()
        sweep(NOON + TEN)
        place.clears(NOON + HALF)
        assert heard(place.cook)[-1] == heard(place.owner)[-1] == ("alert.resolved", HALF)

    def test_a_role_means_it_and_those_above_who_may_see_the_site(self, place: Cooler) -> None:
        organization = place.unit.organization
        elsewhere = SiteFactory(organization=organization)
        members = {
            "viewer": MembershipFactory(organization=organization, role=Role.VIEWER),
            "here": MembershipFactory(organization=organization, role=Role.STAFF, site_ids=[place.site.pk]),
            "elsewhere": MembershipFactory(organization=organization, role=Role.STAFF, site_ids=[elsewhere.pk]),
        }
        for member in members.values():
            ContactMethodFactory(user=member.user)
        policy(place, step({"role": "staff"}))
        place.opens()
        assert {row.user_id for row in messages()} == {
            place.owner.user_id,
            place.cook.user_id,
            members["here"].user_id,
        }

    def test_whoever_is_on_duty_at_that_moment_is_told(self, place: Cooler) -> None:
        schedule = OnCallScheduleFactory(organization=place.unit.organization)
        OnCallOverrideFactory(schedule=schedule, user=place.cook.user, starts_at=NOON - HOUR, ends_at=NOON + 5 * MINUTE)
        OnCallOverrideFactory(schedule=schedule, user=place.owner.user, starts_at=NOON + 5 * MINUTE)
        target = {"schedule": str(schedule.pk)}
        policy(place, step(target), step(target, wait_s=600))
        place.opens()
        sweep(NOON + TEN)
        assert heard(place.cook) == [("alert.opened", timedelta())]
        assert heard(place.owner) == [("alert.escalated", TEN)]

    def test_somebody_named_twice_is_told_once(self, place: Cooler) -> None:
        policy(place, step({"role": "owner"}, person(place.owner), {"role": "admin"}))
        place.opens()
        assert len(heard(place.owner)) == 1

    def test_what_is_urgent_passes_quiet_hours(self) -> None:
        place = cooler(severity="warning")
        RestFactory(user=place.owner.user, quiet_from=time(11), quiet_to=time(14))
        policy(place, step({"role": "owner"}), step({"role": "owner"}, wait_s=600, urgent=True))
        place.opens()
        sweep(NOON + TEN)
        due = {row.event: row.next_attempt_at for row in messages(user=place.owner.user)}
        assert due["alert.opened"] == NOON + 2 * HOUR, "quiet until 14:00"
        assert due["alert.escalated"] == NOON + TEN

    def test_nobody_is_told_of_what_is_only_information(self) -> None:
        place = cooler(severity="info")
        policy(place)
        assert place.opens().plan is None
        assert messages() == []


@pytest.mark.django_db
class TestNobodyIsReached:
    def test_a_step_that_reaches_nobody_costs_no_time(self, place: Cooler) -> None:
        empty = OnCallScheduleFactory(organization=place.unit.organization)
        policy(place, step({"schedule": str(empty.pk)}), step({"role": "owner"}, wait_s=3600))
        alert = place.opens()
        assert told() == [("alert.opened", NOON)]
        assert notes(alert) == [
            "Step 1 of 2 of “Night” reaches nobody.",
            "Step 2 of 2 of “Night”: Olga Owner.",
        ]
        assert fresh(alert).tell_at == NOON + HALF, "the next is the first again, after the pause"

    def test_nor_does_one_of_somebody_who_left(self, place: Cooler) -> None:
        cook_then_owner(place)
        with as_system():
            Membership.objects.filter(pk=place.cook.pk).update(ended_at=NOON)
        place.opens()
        assert told() == [("alert.opened", NOON)]

    def test_nor_one_whose_addresses_are_all_switched_off(self, place: Cooler) -> None:
        cook_then_owner(place)
        with as_system():
            place.cook.user.contact_methods.update(disabled_at=NOON)
        place.opens()
        assert told() == [("alert.opened", NOON)]

    def test_where_no_step_reaches_anybody_managers_are_told(self, place: Cooler) -> None:
        """The hole: a notification that nobody set up, and nobody knows."""
        empty = OnCallScheduleFactory(organization=place.unit.organization)
        policy(place, step({"schedule": str(empty.pk)}), step({"schedule": str(empty.pk)}, wait_s=60))
        alert = place.opens()
        assert told() == [("alert.opened", NOON)]
        assert notes(alert)[-1] == "No step of its policy reaches anybody: managers are told instead."
        sweep(NOON + HOUR)
        assert len(told()) == 2

    def test_a_deleted_schedule_is_nobody(self, place: Cooler) -> None:
        schedule = OnCallScheduleFactory(organization=place.unit.organization, deleted_at=NOON)
        OnCallOverrideFactory(schedule=schedule, user=place.cook.user)
        policy(place, step({"schedule": str(schedule.pk)}), step({"role": "owner"}, wait_s=60))
        place.opens()
        assert (heard(place.cook), len(heard(place.owner))) == ([], 1)


@pytest.mark.django_db
class TestAnAnswer:
    def test_acknowledging_stops_it(self, place: Cooler) -> None:
        cook_then_owner(place)
        alert = place.opens()
        with as_system():
            lifecycle.acknowledge(alert=alert, **place.who(NOON + 5 * MINUTE))
        run(NOON + 2 * HOUR)
        assert heard(place.owner) == []

    def test_an_acknowledgement_that_lapses_starts_it_again(self, place: Cooler) -> None:
        cook_then_owner(place)
        alert = place.opens()
        sweep(NOON + TEN)
        with as_system():
            lifecycle.acknowledge(alert=alert, **place.who(NOON + HALF, by=place.owner))
        lapse = NOON + HALF + timedelta(minutes=240)
        run(lapse + TEN, since=NOON + HALF)
        assert heard(place.cook)[-1] == ("alert.again", lapse - NOON)
        assert [event for event, _ in heard(place.owner)[-2:]] == ["alert.again", "alert.escalated"]
        assert fresh(alert).step == 2

    def test_a_snooze_pauses_it_and_then_it_starts_again(self, place: Cooler) -> None:
        cook_then_owner(place)
        alert = place.opens()
        sweep(NOON + TEN)
        with as_system():
            lifecycle.snooze(alert=alert, until=NOON + 3 * HOUR, **place.who(NOON + HALF))
        run(NOON + 3 * HOUR - MINUTE)
        assert (len(heard(place.cook)), len(heard(place.owner))) == (1, 1)
        run(NOON + 3 * HOUR + TEN, since=NOON + 3 * HOUR)
        assert heard(place.cook)[-1] == ("alert.again", 3 * HOUR)
        assert heard(place.owner)[-1] == ("alert.escalated", 3 * HOUR + TEN)

    def test_resolving_stops_it(self, place: Cooler) -> None:
        cook_then_owner(place)
        alert = place.opens()
        with as_system():
            lifecycle.resolve(alert=alert, corrective_action="Shut the door", **place.who(NOON + 5 * MINUTE))
        run(NOON + 2 * HOUR)
        assert heard(place.owner) == []
        assert fresh(alert).tell_at is None

    def test_reopened_it_starts_again_with_its_own_plan(self, place: Cooler) -> None:
        row = cook_then_owner(place)
        alert = place.opens()
        with as_system():
            lifecycle.resolve(alert=alert, corrective_action="Shut the door", **place.who(NOON + 5 * MINUTE))
            row.delete()
            lifecycle.reopen(alert=alert, note="Not over", **place.who(NOON + HOUR))
        assert heard(place.cook)[-1] == ("alert.again", HOUR)
        sweep(NOON + HOUR + TEN)
        assert heard(place.owner) == [("alert.escalated", HOUR + TEN)]

    def test_a_mute_pauses_it_and_then_it_starts_again(self, place: Cooler) -> None:
        cook_then_owner(place)
        alert = place.opens()
        MuteFactory(organization=place.unit.organization, starts_at=NOON + MINUTE)
        run(NOON + 59 * MINUTE)
        assert (len(heard(place.cook)), heard(place.owner)) == (1, [])
        sweep(NOON + HOUR)
        assert heard(place.cook)[-1] == ("alert.opened", HOUR)
        sweep(NOON + HOUR + TEN)
        assert heard(place.owner) == [("alert.escalated", HOUR + TEN)]
        assert fresh(alert).step == 2


@pytest.mark.django_db
class TestFrozen:
    def test_a_policy_that_changes_or_goes_leaves_alerts_that_are_under_way(self, place: Cooler) -> None:
        row = cook_then_owner(place)
        place.opens()
        with as_system():
            EscalationPolicy.objects.filter(pk=row.pk).update(steps=[step({"role": "viewer"})], deleted_at=NOON)
        sweep(NOON + TEN)
        assert heard(place.owner) == [("alert.escalated", TEN)]

    def test_the_alert_names_it_as_it_was_called(self, place: Cooler) -> None:
        row = cook_then_owner(place)
        alert = place.opens()
        with as_system():
            EscalationPolicy.objects.filter(pk=row.pk).update(name="Day")
        assert fresh(alert).plan["name"] == "Night"

    def test_people_are_those_of_the_moment(self, place: Cooler) -> None:
        policy(place, step({"role": "owner"}), step({"role": "staff"}, wait_s=600))
        place.opens()
        newcomer = MembershipFactory(organization=place.unit.organization, role=Role.STAFF)
        ContactMethodFactory(user=newcomer.user)
        sweep(NOON + TEN)
        assert heard(newcomer) == [("alert.escalated", TEN)]


@pytest.mark.django_db
class TestWithTheOtherRules:
    def test_a_warning_under_a_critical_one_waits_and_then_follows_its_own_plan(self, place: Cooler) -> None:
        cook_then_owner(place)
        place.opens()
        rule = RuleFactory(organization=place.unit.organization, severity="warning", threshold=4.0)
        place.opens(rule=rule)
        place.clears(NOON + HOUR)
        due = NOON + HOUR + telling.GRACE
        before = len(heard(place.cook))
        sweep(due)
        assert heard(place.cook)[before:] == [("alert.opened", due - NOON)]

    def test_many_that_open_at_once_are_told_with_the_statements_of_one(self, place: Cooler) -> None:
        cook_then_owner(place)
        costs = []
        for number in (2, 6):
            openings = [opening(place, f"{number}-{index}") for index in range(number)]
            with as_system(), CaptureQueriesContext(connection) as asked:
                assert lifecycle.open_together(openings, at=NOON) == number
            costs.append(len(asked))
        assert costs[1] <= costs[0] + 1, asked.captured_queries
        with as_system():
            alerts = list(Alert.objects.all())
            assert InboxItem.objects.filter(user=place.cook.user).count() == 8
        assert {(alert.step, alert.tell_at) for alert in alerts} == {(1, NOON + TEN)}

    def test_a_step_costs_the_same_however_many_people_it_tells(self, place: Cooler) -> None:
        policy(place, step({"role": "owner"}), step({"role": "staff"}, wait_s=600))
        costs = []
        for crowd in (1, 20):
            for _ in range(crowd):
                ContactMethodFactory(user=MembershipFactory(organization=place.unit.organization, role=Role.STAFF).user)
            alert = place.opens(rule=RuleFactory(organization=place.unit.organization, severity="critical"))
            with CaptureQueriesContext(connection) as asked:
                sweep(NOON + TEN)
            costs.append(len(asked))
            with as_system():
                Alert.objects.filter(pk=alert.pk).update(tell_at=None)
        assert costs[1] <= costs[0] + 1, costs


def opening(place: Cooler, name: str) -> lifecycle.Opening:
    rule = RuleFactory(
        organization=place.unit.organization, severity="critical", condition="no_data", threshold=None, name=name
    )
    sensor = SensorFactory(unit=place.unit, serial=name)
    return lifecycle.Opening(
        rule=rule,
        unit=place.unit,
        sensor=sensor,
        gateway=None,
        cause=lifecycle.cause_key(rule_id=rule.pk, sensor_public_id=sensor.public_id),
        opened=Opened(NOON.timestamp() - 60, NOON.timestamp(), sensor.pk, 0.0, 0.0),
        facts={},
        found_at=None,
        parent=None,
    )


@pytest.mark.django_db
class TestDefaults:
    def test_a_new_organization_tells_managers_at_once_and_everybody_after_a_while(self, place: Cooler) -> None:
        with as_system():
            laid = lay_default_policies(organization=place.unit.organization)
            assert lay_default_policies(organization=place.unit.organization) == []
        assert sorted(row.severity for row in laid) == [Severity.CRITICAL, Severity.WARNING]
        place.opens()
        assert (len(heard(place.owner)), heard(place.cook)) == (1, [])
        sweep(NOON + 15 * MINUTE)
        assert heard(place.cook) == [("alert.escalated", 15 * MINUTE)]

    def test_a_warning_is_told_once_a_day_as_before(self) -> None:
        place = cooler(severity="warning")
        with as_system():
            lay_default_policies(organization=place.unit.organization)
        alert = place.opens()
        assert fresh(alert).tell_at == NOON + timedelta(days=1)

    def test_one_that_removed_them_is_left_alone(self) -> None:
        with as_system():
            organization: Organization = cooler().unit.organization
            lay_default_policies(organization=organization)
            EscalationPolicy.objects.update(deleted_at=NOON)
            assert lay_default_policies(organization=organization) == []

    def test_without_a_policy_a_critical_alert_is_repeated_even_where_acknowledgements_never_lapse(self) -> None:
        place = cooler()
        with as_system():
            Organization.objects.update(acknowledgement_minutes=0)
        place.opens()
        assert sweep(NOON + HOUR) == 1
        assert told() == [("alert.opened", NOON), ("alert.again", NOON + HOUR)]


@pytest.mark.django_db(transaction=True)
class TestTwoWorkers:
    def test_a_step_is_taken_once_by_any_number_of_sweeps(self) -> None:
        place = cooler()
        cook_then_owner(place)
        alert = place.opens()
        together = threading.Barrier(6)

        def worker() -> None:
            try:
                together.wait(timeout=10)
                sweep(NOON + TEN)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=worker) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        sweep(NOON + TEN)
        assert heard(place.owner) == [("alert.escalated", TEN)]
        assert notes(alert) == ["Step 2 of 2 of “Night”: Olga Owner."]
        assert (fresh(alert).step, fresh(alert).status) == (2, AlertStatus.OPEN)
