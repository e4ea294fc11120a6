"""Who is told, when, and in which words."""

from __future__ import annotations

from datetime import time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts import lifecycle, telling, words
from alerts.models import Alert
from notifications.models import InboxItem
from organizations.models import Membership, Role
from sensors.models import Gateway, Site
from tests.alerts.people import HOUR, MINUTE, Cooler, cooler, messages, sweep, told
from tests.factories import (
    NOON,
    AlertFactory,
    ContactMethodFactory,
    GatewayFactory,
    MembershipFactory,
    PreferenceFactory,
    RestFactory,
    RuleFactory,
    SensorFactory,
    SiteFactory,
    UnitFactory,
    as_system,
    fresh,
)
from tests.notifications.told import items

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Cooler:
    return cooler()


def rule_of(place: Cooler, **fields: Any) -> Any:
    return RuleFactory(organization=place.unit.organization, **fields)


class TestAtOnce:
    def test_managers_and_above_who_may_see_the_site_are_told(self, place: Cooler) -> None:
        organization = place.unit.organization
        another = SiteFactory(organization=organization)
        members = {
            "viewer": MembershipFactory(organization=organization, role=Role.VIEWER),
            "manager": MembershipFactory(organization=organization, role=Role.MANAGER),
            "here": MembershipFactory(organization=organization, role=Role.MANAGER, site_ids=[place.site.pk]),
            "elsewhere": MembershipFactory(organization=organization, role=Role.MANAGER, site_ids=[another.pk]),
        }
        for member in members.values():
            ContactMethodFactory(user=member.user)
        ContactMethodFactory(user=members["manager"].user, address="unverified@example.com", verified_at=None)
        place.opens()
        expected = {place.owner.user.email, members["manager"].user.email, members["here"].user.email}
        assert {row.to for row in messages()} == expected

    def test_nobody_is_told_of_what_is_only_information(self) -> None:
        place = cooler(severity="info")
        alert = place.opens()
        assert (messages(), fresh(alert).tell_at) == ([], None)

    def test_all_alerts_of_one_unit_in_one_transaction_are_one_message_each(self, place: Cooler) -> None:
        place.opens()
        place.opens(rule=rule_of(place, metric="humidity", severity="warning", threshold=80.0))
        assert len(told()) == 2


class TestCoveredByACriticalOne:
    def test_the_warning_is_silent_while_it_is_open_and_told_if_it_lasts_a_while_longer(self, place: Cooler) -> None:
        place.opens()
        warning_rule = rule_of(place, severity="warning", threshold=4.0)
        warning = place.opens(rule=warning_rule)
        assert len(told()) == 1
        assert sweep(NOON + HOUR) == 0
        place.clears(NOON + HOUR)
        due = NOON + HOUR + telling.GRACE
        assert fresh(warning).tell_at == due
        assert sweep(due) == 1
        assert told()[-1] == ("alert.opened", due)
        (_, over, _) = messages(user__name="Olga Owner")
        assert "Still open at Walk-in cooler:" in over.text, "that it is over doesn't say that all is well"

    def test_a_warning_that_ends_with_it_is_never_told(self, place: Cooler) -> None:
        place.opens()
        warning_rule = rule_of(place, severity="warning", threshold=4.0)
        place.opens(rule=warning_rule)
        place.clears(NOON + HOUR)
        place.clears(NOON + HOUR + 5 * MINUTE, rule=warning_rule)
        assert sweep(NOON + 2 * HOUR) == 0
        assert [event for event, _ in told()] == ["alert.opened", "alert.resolved"]

    def test_a_warning_that_was_told_before_is_not_told_anew(self, place: Cooler) -> None:
        warning = place.opens(rule=rule_of(place, severity="warning", threshold=4.0))
        place.opens(NOON + MINUTE)
        place.clears(NOON + HOUR)
        assert fresh(warning).tell_at == NOON + timedelta(days=1)

    def test_another_kind_or_unit_or_probe_covers_nothing(self, place: Cooler) -> None:
        place.opens(rule=rule_of(place, metric="humidity", severity="critical", threshold=80.0))
        AlertFactory(unit=UnitFactory(area=place.unit.area), critical=True)
        place.opens(rule=rule_of(place, severity="warning"))
        assert len(told()) == 2
        other = SensorFactory(unit=place.unit)
        for severity, sensor in (("critical", other), ("warning", place.sensor)):
            rule = rule_of(place, condition="no_data", threshold=None, severity=severity)
            cause = lifecycle.cause_key(rule_id=rule.pk, sensor_public_id=sensor.public_id)
            place.opens(rule=rule, sensor=sensor, cause=cause)
        assert len(told()) == 4


class TestFlapping:
    def test_the_third_opening_within_an_hour_is_held_back_for_half_an_hour(self, place: Cooler) -> None:
        first = place.opens()
        place.clears(NOON + 5 * MINUTE)
        place.opens(NOON + 10 * MINUTE)
        place.clears(NOON + 15 * MINUTE)
        third = fresh(place.opens(NOON + 20 * MINUTE))
        assert (third.parent_id, third.tell_at) == (first.pk, NOON + 50 * MINUTE)
        assert len(told(event="alert.opened")) == 2
        assert sweep(NOON + 50 * MINUTE) == 1
        assert told()[-1] == ("alert.opened", NOON + 50 * MINUTE)
        (*_, message) = messages(user__name="Olga Owner")
        assert "It comes and goes" in message.text

    def test_what_ends_meanwhile_is_told_neither_as_open_nor_as_over(self, place: Cooler) -> None:
        for minute in (0, 10, 20):
            place.opens(NOON + minute * MINUTE)
            place.clears(NOON + (minute + 5) * MINUTE)
        assert sweep(NOON + HOUR) == 0
        assert [event for event, _ in told()] == ["alert.opened", "alert.resolved"] * 2

    def test_whatever_flaps_for_a_day_is_heard_of_all_day(self, place: Cooler) -> None:
        """Held back, never silent: each opening is short, so no sweep ever finds one that lasts."""
        for minute in range(0, 24 * 60, 10):
            now = NOON + minute * MINUTE
            place.opens(now)
            sweep(now + 4 * MINUTE)
            place.clears(now + 5 * MINUTE)
        times = [at for event, at in told() if event == "alert.opened"]
        gaps = [later - earlier for earlier, later in pairwise(times[1:])]
        assert max(gaps) <= HOUR
        assert len(times) <= 2 + 24 * 2

    def test_three_openings_in_more_than_an_hour_are_three_events(self, place: Cooler) -> None:
        for minute in (0, 31, 62):
            place.opens(NOON + minute * MINUTE)
            place.clears(NOON + (minute + 5) * MINUTE)
        assert len(told(event="alert.opened")) == 3


class TestASilentGateway:
    @pytest.fixture
    def gateway(self, place: Cooler) -> Gateway:
        gateway: Gateway = GatewayFactory(site=place.site, name="Cellar")
        with as_system():
            place.sensor.gateway = gateway
            place.sensor.save(update_fields=["gateway"])
        return gateway

    def opens(self, place: Cooler, gateway: Gateway) -> Alert:
        rule = rule_of(place, metric="gateway", condition="no_data", threshold=None, severity="critical")
        cause = lifecycle.cause_key(rule_id=rule.pk, gateway_id=gateway.pk)
        return place.opens(rule=rule, unit=None, gateway=gateway, cause=cause)

    def test_its_alert_names_the_units_behind_it(self, place: Cooler, gateway: Gateway) -> None:
        alert = self.opens(place, gateway)
        (message,) = messages(user__name="Olga Owner")
        assert message.subject == f"CRITICAL: Gateway Cellar is silent, {place.site.name}"
        for text in (message.text, message.html):
            assert "Walk-in cooler" in text
        assert fresh(alert).kind == "no_data"

    def test_a_probe_behind_it_is_told_once_it_is_over_and_the_silence_lasts(
        self, place: Cooler, gateway: Gateway
    ) -> None:
        parent = self.opens(place, gateway)
        no_data = rule_of(place, condition="no_data", threshold=None, severity="critical")
        child = place.opens(rule=no_data, sensor=place.sensor, gateway=gateway, parent=parent)
        assert (fresh(child).parent_id, fresh(child).tell_at) == (parent.pk, None)
        assert len(told()) == 1
        with as_system():
            lifecycle.resolve(alert=parent, **place.who(NOON + HOUR), corrective_action="Power is back")
        due = NOON + HOUR + telling.GRACE
        assert fresh(child).tell_at == due
        assert sweep(due) == 1
        (message,) = messages(user__name="Olga Owner", about=f"alert:{child.pk}")
        assert message.subject.startswith("CRITICAL: Walk-in cooler: no data from probe P-1")


class TestFoundLate:
    def found(self, place: Cooler, number: int, *, until: Any = HOUR) -> list[Alert]:
        """So many, ended two hours after each other; the last `until` after it began."""
        alerts = []
        for index in range(number):
            start = NOON + index * 2 * HOUR
            end = HOUR if index < number - 1 else until
            incident = place.incident(start, None if end is None else start + end)
            alert = place.found(incident, NOON + 20 * HOUR)
            assert alert is not None
            alerts.append(alert)
        return alerts

    def test_a_late_batch_is_one_message_however_much_it_tells(self, place: Cooler) -> None:
        """The hole: one late batch that sends many e-mails, out of order."""
        alerts = self.found(place, 13, until=None)
        with as_system():
            lifecycle.promise_found(alerts=list(reversed(alerts)), at=NOON + 40 * HOUR)
        (message,) = messages(user__name="Olga Owner")
        assert message.subject.startswith(
            "Found late, and it lasts: Walk-in cooler is above 5.0 °C (8.0 °C) and 12 more"
        )
        assert "13 alerts" in message.text
        assert "And 3 more." in message.text
        assert message.text.index("12:00 (UTC)") < message.text.index("14:00 (UTC)"), "in their order"
        assert message.about == f"alert:{alerts[-1].pk}", "the one that lasts stands for all"
        place.clears(NOON + 41 * HOUR)
        assert [event for event, _ in told()] == ["alert.found", "alert.resolved"]

    def test_each_unit_has_its_own(self, place: Cooler) -> None:
        other = UnitFactory(area=place.unit.area, name="Freezer")
        alerts = [*self.found(place, 2), AlertFactory(unit=other, resolved=True)]
        with as_system():
            lifecycle.promise_found(alerts=alerts, at=NOON + 5 * HOUR)
        subjects = sorted(row.subject for row in messages(user__name="Olga Owner"))
        assert [subject.split(" is ")[0] for subject in subjects] == [
            "Found late: Freezer",
            "Found late: Walk-in cooler",
        ]

    @pytest.mark.parametrize(("hours", "number"), [(24, 1), (25, 0)])
    def test_what_ended_more_than_a_day_ago_is_a_record_and_no_news(
        self, place: Cooler, hours: int, number: int
    ) -> None:
        alerts = self.found(place, 1)
        with as_system():
            lifecycle.promise_found(alerts=alerts, at=NOON + HOUR + hours * HOUR)
        assert len(told()) == number

    def test_what_was_contradicted_is_none(self, place: Cooler) -> None:
        alerts = self.found(place, 1)
        with as_system():
            lifecycle.contradict(alert=alerts[0], at=NOON + 2 * HOUR)
            lifecycle.promise_found(alerts=[fresh(alerts[0])], at=NOON + 2 * HOUR)
        assert told() == []


class TestThatItIsOver:
    def test_those_who_were_told_are_told_with_times_by_the_sites_clock(self, place: Cooler) -> None:
        with as_system():
            Site.objects.update(timezone="America/New_York")
            place.unit.refresh_from_db()
        alert = place.opens()
        place.clears(NOON + 90 * MINUTE)
        (_, message) = messages()
        assert message.to == place.owner.user.email
        assert message.event == "alert.resolved"
        assert message.subject == f"Over: Walk-in cooler is above 5.0 °C (8.0 °C), {place.site.name}"
        for text in (message.text, message.html):
            for part in ("Walk-in cooler", "07:00", "08:30 (America/New_York)", "9.5 °C", "2 h"):
                assert part.replace("07:00", "06:30") in text, part
        assert f"/alerts/{alert.pk}" in message.text

    def test_who_left_or_may_no_longer_see_the_site_is_not(self, place: Cooler) -> None:
        place.opens()
        with as_system():
            Membership.objects.filter(pk=place.owner.pk).update(ended_at=NOON)
        place.clears(NOON + HOUR)
        assert len(messages()) == 1

    def test_nobody_who_was_not_told_is(self, place: Cooler) -> None:
        place.opens()
        newcomer = MembershipFactory(organization=place.unit.organization)
        ContactMethodFactory(user=newcomer.user)
        place.clears(NOON + HOUR)
        assert {row.to for row in messages(event="alert.resolved")} == {place.owner.user.email}

    def test_what_was_done_is_told_with_it(self, place: Cooler) -> None:
        alert = place.opens()
        with as_system():
            lifecycle.resolve(alert=alert, **place.who(NOON + HOUR), corrective_action="Closed the door")
        (_, message) = messages()
        assert "Closed the door" in message.text
        assert "Closed the door" in message.html

    def test_it_costs_as_much_whatever_else_was_promised(self, place: Cooler) -> None:
        def cost(at: Any) -> int:
            with CaptureQueriesContext(connection) as queries:
                place.clears(at)
            return len(queries)

        place.opens()
        one = cost(NOON + MINUTE)
        for number in range(5):
            AlertFactory(unit=place.unit, resolved=True, cause_key=f"other {number}")
        place.opens(NOON + 2 * HOUR)
        assert cost(NOON + 3 * HOUR) == one
        assert one <= 22


class TestWords:
    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({}, "Walk-in cooler is above 5.0 °C (8.0 °C)"),
            ({"condition": "below", "threshold": 2.0}, "Walk-in cooler is below 2.0 °C (8.0 °C)"),
            (
                {"metric": "product_temperature"},
                "Walk-in cooler: the product, by estimate, is above 5.0 °C (8.0 °C)",
            ),
            ({"metric": "humidity"}, "Walk-in cooler: the humidity is above 5.0 % RH (8.0 % RH)"),
            (
                {"metric": "battery", "condition": "below", "threshold": 20.0},
                "Walk-in cooler: the battery of probe P-1 is below 20.0 % (8.0 %)",
            ),
            ({"metric": "signal"}, "Walk-in cooler: the signal of probe P-1 is above 5.0 dBm (8.0 dBm)"),
            ({"condition": "rate_above"}, "Walk-in cooler rises faster than 5.0 °C per hour (8.0 °C per hour)"),
            ({"condition": "no_data", "threshold": None}, "Walk-in cooler: no data from probe P-1"),
            ({"condition": "fault", "threshold": None}, "Walk-in cooler: probe P-1 is faulty"),
            ({"condition": "door_open_for", "threshold": None}, "Walk-in cooler: the door has been open for 30 min"),
        ],
    )
    def test_every_condition_has_a_sentence_that_names_the_unit(
        self, place: Cooler, fields: dict[str, Any], sentence: str
    ) -> None:
        alert = place.opens(rule=rule_of(place, severity="critical", **fields))
        assert words.sentence(alert) == sentence
        (message,) = messages(user__name="Olga Owner")
        assert message.subject == f"CRITICAL: {sentence}, {place.site.name}"
        for text in (message.text, message.html):
            assert "Walk-in cooler" in text
            assert "Fri 20 Nov 2026, 11:30 (UTC)" in text
            assert "None" not in text

    def test_names_cannot_break_out_of_the_page_or_the_subject(self, place: Cooler) -> None:
        with as_system():
            place.unit.name = "<b>Cooler</b> & Co"
            place.unit.save(update_fields=["name"])
        place.opens()
        (message,) = messages()
        assert "<b>Cooler</b> & Co" in message.subject
        assert "<b>Cooler" not in message.html
        assert "&lt;b&gt;Cooler&lt;/b&gt; &amp; Co" in message.html

    @pytest.mark.parametrize(
        ("time", "said"),
        [
            (timedelta(seconds=40), "40 s"),
            (timedelta(minutes=25), "25 min"),
            (timedelta(hours=2, minutes=5), "2 h 5 min"),
            (timedelta(hours=3), "3 h"),
            (timedelta(days=2), "2 days"),
            (timedelta(days=3, hours=4), "3 days 4 h"),
        ],
    )
    def test_lengths_of_time_are_said_as_people_say_them(self, time: timedelta, said: str) -> None:
        assert words.lasting(time) == said

    def test_a_gateway_with_many_units_names_some(self, place: Cooler) -> None:
        gateway = GatewayFactory(site=place.site)
        for number in range(12):
            SensorFactory(unit=UnitFactory(area=place.unit.area, name=f"Case {number:02}"), gateway=gateway)
        rule = rule_of(place, metric="gateway", condition="no_data", threshold=None)
        place.opens(rule=rule, unit=None, gateway=gateway)
        (message,) = messages(user__name="Olga Owner")
        assert "Case 00, Case 01" in message.text
        assert "Case 09 and more" in message.text
        assert "Case 10" not in message.text


def test_who_is_told_again_reads_that_it_still_is(place: Cooler) -> None:
    place.opens()
    sweep(NOON + 4 * HOUR)
    (_, again) = messages()
    assert again.subject.startswith("Still open, CRITICAL: Walk-in cooler is above 5.0 °C")
    assert "nobody has acknowledged it yet" in again.text


class TestEachByTheOwnWay:
    def test_temperatures_are_in_the_readers_scale(self, place: Cooler) -> None:
        american = MembershipFactory(organization=place.unit.organization, user__temperature_unit="f")
        ContactMethodFactory(user=american.user)
        place.opens()
        place.clears(NOON + HOUR)
        opened, over = messages(user=american.user)
        assert opened.subject == f"CRITICAL: Walk-in cooler is above 41.0 °F (46.4 °F), {place.site.name}"
        for text in (opened.text, opened.html, over.text, over.html):
            assert "°C" not in text
        assert "49.1 °F" in over.text, "9.5 °C, the worst"
        assert "°F" not in messages(user__name="Olga Owner")[0].text
        (item, _) = items(user=american.user)
        assert item.text == f"CRITICAL: Walk-in cooler is above 41.0 °F (46.4 °F), {place.site.name}."

    def test_a_rate_is_a_difference_and_has_no_32(self, place: Cooler) -> None:
        alert = place.opens(rule=rule_of(place, condition="rate_above", threshold=5.0))
        assert words.sentence(alert, scale="f") == "Walk-in cooler rises faster than 9.0 °F per hour (14.4 °F per hour)"

    def test_who_reads_it_in_the_app_only_reads_there_that_it_is_over(self, place: Cooler) -> None:
        PreferenceFactory(organization=place.unit.organization, user=place.owner.user, severity="critical", channels=[])
        alert = place.opens()
        place.clears(NOON + HOUR)
        assert messages() == []
        found = items(user=place.owner.user)
        assert [(item.event, item.about) for item in found] == [
            ("alert.opened", f"alert:{alert.pk}"),
            ("alert.resolved", f"alert:{alert.pk}"),
        ]
        assert found[0].path == f"/o/{place.unit.organization.slug}/alerts/{alert.pk}"
        with as_system():
            assert telling.told_of([alert.pk]) == {alert.pk}

    def test_who_was_told_before_there_was_an_inbox_is_told_that_it_is_over(self, place: Cooler) -> None:
        place.opens()
        with as_system():
            InboxItem.objects.all().delete()
        place.clears(NOON + HOUR)
        assert [event for event, _ in told()] == ["alert.opened", "alert.resolved"]

    def test_at_night_a_warning_waits_for_the_morning_and_its_end_with_it(self) -> None:
        place = cooler(severity="warning")
        RestFactory(user=place.owner.user, quiet_from=time(11, 0), quiet_to=time(15, 0))
        place.opens()
        place.clears(NOON + HOUR)
        (whole,) = messages(event="summary")
        assert whole.next_attempt_at == NOON + 3 * HOUR
        assert [row.event for row in messages(summary=whole)] == ["alert.opened", "alert.resolved"]

    def test_what_was_critical_is_over_at_night_as_well(self, place: Cooler) -> None:
        """Whoever was woken by it may sleep again."""
        RestFactory(user=place.owner.user, quiet_from=time(11, 0), quiet_to=time(15, 0))
        place.opens()
        place.clears(NOON + HOUR)
        assert [(row.event, row.next_attempt_at) for row in messages()] == [
            ("alert.opened", NOON),
            ("alert.resolved", NOON + HOUR),
        ]

    def test_told_to_forty_it_costs_as_much_as_to_one(self, place: Cooler) -> None:
        def cost(at: Any) -> int:
            with CaptureQueriesContext(connection) as queries:
                place.opens(at)
            return len(queries)

        one = cost(NOON)
        for _ in range(39):
            ContactMethodFactory(user=MembershipFactory(organization=place.unit.organization).user)
        place.clears(NOON + HOUR)
        assert cost(NOON + 3 * HOUR) <= one + 2
        assert len(messages(event="alert.opened", created_at=NOON + 3 * HOUR)) == 40
