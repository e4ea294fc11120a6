"""Open, acknowledged, snoozed, resolved, reopened: what people, readings and the clock do with an alert."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from alerts import lifecycle
from alerts.evaluation import State
from alerts.management.commands.alert_states import PATH, redrawn
from alerts.models import Alert, AlertEvent, Channel, RuleOverride
from alerts.moves import MOVES
from alerts.states import decode
from alerts.tasks import end_overrides
from freshtrack.celery import app
from organizations.models import Organization, Role
from organizations.tenancy import acting_as_system
from tests.alerts.people import FACTS, HOUR, MINUTE, Cooler, cooler, messages, sweep, timeline, told
from tests.factories import (
    NOON,
    AlertFactory,
    MembershipFactory,
    RuleFactory,
    SiteFactory,
    UserFactory,
    as_system,
    fresh,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Cooler:
    return cooler()


class TestTheTableOfMoves:
    def test_its_moves_are_the_transitions_of_the_model_neither_more_nor_less(self) -> None:
        drawn = {
            (source, move.to) for move in MOVES.values() for source in move.sources if move.to and source != move.to
        }
        assert drawn == {(source, to) for source, targets in Alert.TRANSITIONS.items() for to in targets}

    def test_each_event_has_a_line_and_goes_out_in_a_word_that_screens_know(self) -> None:
        known = {"opened", "escalated", "acknowledged", "snoozed", "resolved", "reopened", "commented"}
        assert {kind.value for kind in MOVES} == set(dict(AlertEvent._meta.get_field("event").choices or ()))
        assert {move.live for move in MOVES.values()} <= known

    def test_the_picture_in_the_documentation_is_that_of_the_code(self) -> None:
        page = (settings.BASE_DIR / PATH).read_text()
        assert redrawn(page) == page, "run manage.py alert_states"
        assert "open --> acknowledged: acknowledged" in page

    def test_the_database_is_the_last_judge_of_one_open_alert_a_cause(self, place: Cooler) -> None:
        alert = place.opens()
        with pytest.raises(IntegrityError, match="alert_open_once_per_cause"), transaction.atomic():
            AlertFactory(unit=place.unit, rule=place.rule, cause_key=alert.cause_key)


class TestReadings:
    def test_an_alert_says_why_it_opened_and_by_what(self, place: Cooler) -> None:
        alert = fresh(place.opens())
        assert (alert.kind, alert.severity, alert.value, alert.peak) == ("temperature", "critical", 8.0, 9.0)
        assert (alert.started_at, alert.opened_at, alert.found_at) == (NOON - 30 * MINUTE, NOON, None)
        assert (alert.sensor_id, alert.site_id, alert.facts) == (place.sensor.pk, place.site.pk, FACTS)
        assert timeline(alert) == [("opened", "readings")]
        assert fresh(place.unit).severity == "critical"

    def test_an_override_is_the_limit_that_is_shown(self, place: Cooler) -> None:
        alert = place.opens(facts={"terms": {"threshold": 6.5}})
        assert fresh(alert).threshold == 6.5

    def test_opening_an_open_cause_changes_nothing(self, place: Cooler) -> None:
        alert = place.opens()
        assert place.breaches(NOON + HOUR) is None
        assert timeline(alert) == [("opened", "readings")]
        assert len(told()) == 1

    def test_silence_is_noticed_by_the_clock_and_has_no_value(self, place: Cooler) -> None:
        rule = RuleFactory(organization=place.unit.organization, condition="no_data", threshold=None)
        alert = fresh(place.opens(rule=rule, sensor=place.sensor))
        assert (alert.kind, alert.value, alert.peak, alert.threshold) == ("no_data", None, None, None)
        assert timeline(alert) == [("opened", "clock")]
        place.clears(NOON + HOUR, rule=rule)
        assert timeline(alert) == [("opened", "clock"), ("resolved", "clock")]
        assert fresh(alert).peak is None

    def test_what_clears_resolves_at_the_readings_time(self, place: Cooler) -> None:
        alert = place.opens()
        place.clears(NOON + HOUR)
        alert = fresh(alert)
        assert (alert.status, alert.resolved_at, alert.peak, alert.tell_at) == ("resolved", NOON + HOUR, 9.5, None)
        assert timeline(alert)[1:] == [("resolved", "readings")]
        assert fresh(place.unit).severity == ""
        assert place.clears(NOON + HOUR) is None


class TestAcknowledging:
    def test_it_says_who_when_and_through_what(self, place: Cooler) -> None:
        alert = place.opens()
        with as_system():
            lifecycle.acknowledge(alert=alert, **place.who(NOON + MINUTE), note="On my way")
            event = AlertEvent.objects.get(event="acknowledged")
        assert (event.by_id, event.at, event.channel) == (place.cook.user_id, NOON + MINUTE, Channel.WEB)
        alert = fresh(alert)
        assert (alert.status, alert.tell_at) == ("acknowledged", NOON + MINUTE + 4 * HOUR)

    def test_it_lapses_when_the_state_lasts_and_is_told_again(self, place: Cooler) -> None:
        alert = place.opens()
        with as_system():
            lifecycle.acknowledge(alert=alert, **place.who(NOON))
        assert sweep(NOON + 4 * HOUR - MINUTE) == 0
        assert sweep(NOON + 4 * HOUR) == 1
        assert fresh(alert).status == "open"
        assert timeline(alert)[-1] == ("lapsed", "clock")
        assert told() == [("alert.opened", NOON), ("alert.again", NOON + 4 * HOUR)]
        (to_the_cook,) = messages(to=place.cook.user.email)
        assert "acknowledged a while ago" in to_the_cook.text, "who had taken charge hears of it, too"

    def test_it_never_goes_quiet_after_a_day_or_a_month_as_long_as_it_lasts(self, place: Cooler) -> None:
        """The hole: "alert until acknowledged" that stops after 24 hours."""
        alert = place.opens()
        now, ends = NOON, NOON + timedelta(days=31)
        while now < ends:
            now += HOUR
            sweep(now)
        times = [at for _, at in told()]
        gaps = {later - earlier for earlier, later in pairwise(times)}
        assert gaps == {4 * HOUR}
        assert times[-1] > ends - 4 * HOUR
        assert fresh(alert).tell_at > ends

    def test_somebody_who_acknowledges_again_and_again_is_reminded_as_often(self, place: Cooler) -> None:
        alert = place.opens()
        now = NOON
        for _ in range(12):
            with as_system():
                lifecycle.acknowledge(alert=alert, **place.who(now))
            now += 4 * HOUR
            assert sweep(now) == 1
        assert [event for event, _ in timeline(alert)].count("lapsed") == 12
        assert len(told(event="alert.again")) == 12

    def test_of_a_warning_people_are_reminded_once_a_day(self) -> None:
        place = cooler(severity="warning")
        place.opens()
        assert sweep(NOON + 23 * HOUR) == 0
        assert sweep(NOON + 24 * HOUR) == 1
        assert [event for event, _ in told()] == ["alert.opened", "alert.again"]

    def test_an_organization_may_do_without(self, place: Cooler) -> None:
        with as_system():
            Organization.objects.update(acknowledgement_minutes=0)
        alert = place.opens()
        with as_system():
            lifecycle.acknowledge(alert=alert, **place.who(NOON))
        assert fresh(alert).tell_at is None

    def test_one_that_recovers_meanwhile_does_not_lapse(self, place: Cooler) -> None:
        alert = place.opens()
        with as_system():
            lifecycle.acknowledge(alert=alert, **place.who(NOON))
        place.clears(NOON + HOUR)
        assert sweep(NOON + 5 * HOUR) == 0
        assert fresh(alert).status == "resolved"

    def test_nobody_is_told_of_what_concerns_nobody_any_more(self, place: Cooler) -> None:
        alert = place.opens()
        with as_system():
            type(place.unit).objects.filter(pk=place.unit.pk).update(deleted_at=NOON)
        assert sweep(NOON + 4 * HOUR) == 1
        assert fresh(alert).tell_at is None
        assert len(told()) == 1


class TestSnoozing:
    def test_it_is_quiet_until_then_and_then_open_and_told_again(self, place: Cooler) -> None:
        alert = place.opens()
        until = NOON + timedelta(days=2)
        with as_system():
            lifecycle.snooze(alert=alert, **place.who(NOON + MINUTE), until=until, note="Compressor ordered")
        assert sweep(until - MINUTE) == 0
        assert len(told()) == 1
        assert sweep(until) == 1
        alert = fresh(alert)
        assert (alert.status, alert.snoozed_until) == ("open", None)
        assert timeline(alert)[1:] == [("snoozed", "web"), ("awake", "clock")]
        assert told()[1:] == [("alert.again", until)]

    def test_who_acknowledged_and_snoozed_is_woken_too(self, place: Cooler) -> None:
        alert = place.opens()
        with as_system():
            lifecycle.snooze(alert=alert, **place.who(NOON), until=NOON + 10 * HOUR)
            lifecycle.acknowledge(alert=alert, **place.who(NOON))
        assert sweep(NOON + 9 * HOUR) == 0, "the snooze says when"
        assert sweep(NOON + 10 * HOUR) == 1
        assert fresh(alert).status == "open"
        assert timeline(alert)[-1] == ("awake", "clock")

    @pytest.mark.parametrize("minutes", [-1, 0, 7 * 24 * 60 + 1])
    def test_it_ends_in_the_future_and_within_a_week(self, place: Cooler, minutes: int) -> None:
        """The hole: a snooze that never ends."""
        alert = place.opens()
        with as_system(), pytest.raises(lifecycle.WrongField):
            lifecycle.snooze(alert=alert, **place.who(NOON), until=NOON + minutes * MINUTE)

    def test_after_it_was_resolved_there_is_nothing_to_snooze(self, place: Cooler) -> None:
        alert = place.opens()
        place.clears(NOON + HOUR)
        with as_system(), pytest.raises(lifecycle.IllegalTransition):
            lifecycle.snooze(alert=alert, **place.who(NOON), until=NOON + HOUR)

    def test_recovery_ends_it(self, place: Cooler) -> None:
        alert = place.opens()
        with as_system():
            lifecycle.snooze(alert=alert, **place.who(NOON), until=NOON + 5 * HOUR)
        place.clears(NOON + HOUR)
        assert fresh(alert).snoozed_until is None
        assert sweep(NOON + 5 * HOUR) == 0
        assert [event for event, _ in told()] == ["alert.opened", "alert.resolved"]


class TestAssigning:
    def test_it_is_somebodys_who_is_told(self, place: Cooler) -> None:
        alert = place.opens()
        with as_system():
            who = place.who(NOON, by=place.owner)
            lifecycle.assign(alert=alert, user_id=place.cook.user_id, **who, note="Please look")
            lifecycle.assign(alert=alert, user_id=place.cook.user_id, **who)
        assert fresh(alert).assigned_to_id == place.cook.user_id
        assert timeline(alert)[1:] == [("assigned", "web")]
        (message,) = messages(event="alert.assigned")
        assert message.to == place.cook.user.email
        assert message.subject.startswith("Yours now: Walk-in cooler is above 5.0 °C")
        assert "Please look" in message.text

    def test_it_is_nobodys_again(self, place: Cooler) -> None:
        alert = place.opens()
        with as_system():
            lifecycle.assign(alert=alert, user_id=place.cook.user_id, **place.who(NOON))
            lifecycle.assign(alert=alert, user_id=None, **place.who(NOON))
        assert fresh(alert).assigned_to_id is None
        assert messages(event="alert.assigned") == [], "who takes it needs no message"

    def test_only_members_who_may_see_the_site_can_have_it(self, place: Cooler) -> None:
        alert = place.opens()
        organization = place.unit.organization
        another = SiteFactory(organization=organization)
        elsewhere = MembershipFactory(organization=organization, role=Role.STAFF, site_ids=[another.pk])
        past = MembershipFactory(organization=organization, ended_at=NOON)
        gone = MembershipFactory(organization=organization, user=UserFactory(is_active=False))
        for member in (elsewhere, past, gone, MembershipFactory()):
            with as_system(), pytest.raises(lifecycle.WrongField):
                lifecycle.assign(alert=alert, user_id=member.user_id, **place.who(NOON))


class TestResolvingAndReopening:
    def test_what_was_said_stays_in_the_timeline_whatever_comes_later(self, place: Cooler) -> None:
        """The hole: comments that are wiped when the alert clears."""
        alert = place.opens()
        with as_system():
            lifecycle.comment(alert=alert, **place.who(NOON), note="The door was open")
            done = {"corrective_action": "Closed it", "cause": "Delivery", "disposition": "discarded", "amount": "2 kg"}
            lifecycle.resolve(alert=alert, **place.who(NOON + MINUTE), **done)
            lifecycle.reopen(alert=alert, **place.who(NOON + 2 * MINUTE), note="Warm again")
            lifecycle.resolve(alert=alert, **place.who(NOON + HOUR), corrective_action="Called the technician")
            notes = list(AlertEvent.objects.order_by("created_at", "pk").values_list("event", "note"))
        assert notes == [
            ("opened", ""),
            ("commented", "The door was open"),
            ("resolved", "Closed it\nCause: Delivery\nFood: discarded, 2 kg"),
            ("reopened", "Warm again"),
            ("resolved", "Called the technician"),
        ]

    def test_while_still_in_breach_reopening_lets_the_readings_resolve_it(self, place: Cooler) -> None:
        alert = place.opens()
        row = place.remembers(State(at=1.0, breached=True, since=0.0, open=True, peak=9.0))
        with as_system():
            lifecycle.resolve(alert=alert, **place.who(NOON), corrective_action="Closed the door")
        assert decode(fresh(row).state).held
        with as_system():
            lifecycle.reopen(alert=alert, **place.who(NOON + MINUTE), note="No better")
        state = decode(fresh(row).state)
        assert (state.open, state.held, state.breached) == (True, False, True)
        alert = fresh(alert)
        assert (alert.status, alert.resolved_at, alert.resolved_by_id) == ("open", None, None)
        assert fresh(place.unit).severity == "critical"
        assert told()[-1] == ("alert.again", NOON + MINUTE)
        place.clears(NOON + HOUR)
        assert fresh(alert).status == "resolved"

    def test_a_new_breach_is_told_while_it_is_open_only_because_somebody_reopened_it(self, place: Cooler) -> None:
        alert = place.opens()
        place.clears(NOON + HOUR)
        with as_system():
            lifecycle.reopen(alert=alert, **place.who(NOON + 2 * HOUR), note="The food wasn't checked")
            lifecycle.acknowledge(alert=alert, **place.who(NOON + 2 * HOUR))
        before = len(told())
        assert place.breaches(NOON + 3 * HOUR) is None
        assert fresh(alert).status == "open"
        assert timeline(alert)[-1] == ("reopened", "readings")
        assert told()[before:] == [("alert.again", NOON + 3 * HOUR)]

    def test_only_what_is_resolved_is_reopened_and_only_if_its_cause_has_no_other(self, place: Cooler) -> None:
        first = place.opens()
        with as_system(), pytest.raises(lifecycle.IllegalTransition):
            lifecycle.reopen(alert=first, **place.who(NOON), note="?")
        place.clears(NOON + HOUR)
        place.opens(NOON + 2 * HOUR)
        with as_system(), pytest.raises(lifecycle.AnotherIsOpen):
            lifecycle.reopen(alert=first, **place.who(NOON), note="?")


class TestLateReadings:
    def test_what_is_found_late_says_so_and_keeps_the_devices_times(self, place: Cooler) -> None:
        alert = place.found(place.incident(NOON, NOON + HOUR), NOON + 9 * HOUR)
        assert alert is not None
        alert = fresh(alert)
        assert (alert.status, alert.found_at) == ("resolved", NOON + 9 * HOUR)
        assert (alert.started_at, alert.opened_at, alert.resolved_at) == (NOON, NOON + 30 * MINUTE, NOON + HOUR)
        with as_system():
            assert list(AlertEvent.objects.order_by("pk").values_list("event", "at")) == [
                ("opened", NOON + 30 * MINUTE),
                ("resolved", NOON + HOUR),
            ]
        assert told() == []

    def test_what_lasts_and_nobody_told_of_is_told_by_the_sweep(self, place: Cooler) -> None:
        place.found(place.incident(NOON, None), NOON + HOUR)
        assert fresh(place.unit).severity == "critical"
        assert sweep(NOON + HOUR) == 1
        assert told() == [("alert.opened", NOON + HOUR)]

    def test_an_alert_takes_other_times_and_says_what_it_said(self, place: Cooler) -> None:
        alert = place.opens()
        with as_system():
            lifecycle.amend(alert=alert, incident=place.incident(NOON - HOUR, None, peak=11.0), at=NOON + HOUR)
        alert = fresh(alert)
        assert (alert.started_at, alert.opened_at, alert.peak) == (NOON - HOUR, NOON - 30 * MINUTE, 11.0)
        with as_system():
            event = AlertEvent.objects.get(event="amended")
        assert event.note == (
            "Late readings: began Fri 20 Nov 2026, 11:00 (UTC) instead of Fri 20 Nov 2026, 11:30 (UTC);"
            " opened Fri 20 Nov 2026, 11:30 (UTC) instead of Fri 20 Nov 2026, 12:00 (UTC);"
            " worst 11.0 °C instead of 9.0 °C."
        )

    def test_amending_twice_is_the_same_as_once(self, place: Cooler) -> None:
        alert = place.opens()
        for _ in range(2):
            with as_system():
                lifecycle.amend(alert=alert, incident=place.incident(NOON - HOUR, NOON), at=NOON + HOUR)
        assert timeline(alert) == [("opened", "readings"), ("amended", "readings"), ("resolved", "readings")]
        assert fresh(alert).resolved_at == NOON
        assert [event for event, _ in told()] == ["alert.opened", "alert.resolved"]

    def test_what_turns_out_to_last_is_open_again(self, place: Cooler) -> None:
        alert = place.opens()
        place.clears(NOON + HOUR)
        with as_system():
            amended = lifecycle.amend(
                alert=alert, incident=place.incident(NOON - 30 * MINUTE, None), at=NOON + 2 * HOUR
            )
            lifecycle.promise_found(alerts=[amended], at=NOON + 2 * HOUR)
        alert = fresh(alert)
        assert (alert.status, alert.resolved_at, alert.tell_at) == ("open", None, NOON + 6 * HOUR)
        assert timeline(alert)[-2:] == [("amended", "readings"), ("reopened", "readings")]
        assert told()[-1] == ("alert.found", NOON + 2 * HOUR)
        assert fresh(place.unit).severity == "critical"

    def test_what_a_person_resolved_keeps_their_time_and_words(self, place: Cooler) -> None:
        alert = place.opens()
        by_hand = NOON + HOUR + timedelta(microseconds=123_456)
        with as_system():
            lifecycle.resolve(alert=alert, **place.who(by_hand), corrective_action="Fixed")
            incident = place.incident(NOON - HOUR, by_hand)._replace(by_hand=True)
            lifecycle.amend(alert=alert, incident=incident, at=NOON + 2 * HOUR)
        alert = fresh(alert)
        assert (alert.resolved_at, alert.corrective_action) == (by_hand, "Fixed")
        assert alert.started_at == NOON - HOUR

    def test_what_never_was_stays_as_a_record_and_concerns_nobody(self, place: Cooler) -> None:
        alert = place.opens()
        for _ in range(2):
            with as_system():
                lifecycle.contradict(alert=alert, at=NOON + HOUR)
        alert = fresh(alert)
        assert (alert.status, alert.contradicted_at, alert.tell_at) == ("resolved", NOON + HOUR, None)
        assert timeline(alert)[1:] == [("contradicted", "readings")]
        assert fresh(place.unit).severity == ""
        (_, over) = messages(user__name="Olga Owner")
        assert over.subject.startswith("Was never so: Walk-in cooler is above")
        with as_system(), pytest.raises(lifecycle.IllegalTransition):
            lifecycle.reopen(alert=alert, **place.who(NOON), note="?")

    def test_what_was_contradicted_and_was_after_all_is_reinstated(self, place: Cooler) -> None:
        alert = place.opens()
        with as_system():
            lifecycle.contradict(alert=alert, at=NOON + HOUR)
            lifecycle.amend(alert=alert, incident=place.incident(NOON - 30 * MINUTE, None), at=NOON + 2 * HOUR)
        alert = fresh(alert)
        assert (alert.status, alert.contradicted_at) == ("open", None)
        assert fresh(place.unit).severity == "critical"


class TestTheTimetable:
    def test_beat_rings_for_what_is_due_and_for_overrides_that_expire(self) -> None:
        rung = {entry["task"] for entry in settings.TIMETABLE.values()}
        assert {"alerts.sweep_due", "alerts.end_overrides"} <= rung & set(app.tasks)

    def test_an_override_that_expired_ends(self, place: Cooler) -> None:
        with as_system():
            override = RuleOverride.objects.create(
                organization=place.unit.organization,
                rule=place.rule,
                unit=place.unit,
                threshold=4.0,
                reason="Fish today",
                created_at=NOON - HOUR,
                expires_at=NOON,
            )
        assert end_overrides() == 1
        assert end_overrides() == 0
        assert fresh(override).ended_at is not None


class TestTheSweep:
    def test_two_at_once_tell_once(self, transactional_db: None) -> None:
        place = cooler()
        place.opens()
        at, counts = NOON + 4 * HOUR, []

        def run() -> None:
            try:
                with acting_as_system("tests"):
                    counts.append(lifecycle.tell_due(at=at, most=50))
            finally:
                connection.close()

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(counts) == 1
        assert len(told(event="alert.again")) == 1

    def test_a_page_is_bounded_and_the_rest_waits(self, place: Cooler) -> None:
        for number in range(3):
            place.opens(rule=RuleFactory(organization=place.unit.organization, name=f"Rule {number}"))
        due = NOON + timedelta(days=1)
        assert sweep(due, most=2) == 2
        assert sweep(due, most=2) == 1
        assert sweep(due, most=2) == 0

    def test_what_it_asks_grows_with_what_is_due_and_not_with_what_is_open(self, place: Cooler) -> None:
        def cost(at: datetime) -> int:
            with as_system(), CaptureQueriesContext(connection) as queries:
                lifecycle.tell_due(at=at, most=50)
            return len(queries)

        def open_one(at: datetime) -> None:
            place.opens(at, rule=RuleFactory(organization=place.unit.organization))

        open_one(NOON)
        nothing, one = cost(NOON), cost(NOON + timedelta(days=1))
        for _ in range(2):
            open_one(NOON + timedelta(days=2))
        assert cost(NOON + timedelta(days=1)) == nothing == 2
        assert cost(NOON + timedelta(days=3)) - one <= 2 * (one - nothing)
        assert one <= 13
