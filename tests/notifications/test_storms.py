"""Many messages at once become one; what comes in quiet hours comes at their end."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from celery import current_app
from django.conf import settings as project
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import lifecycle
from ingest import native
from ingest.authentication import Sender
from ingest.pipeline import Delivery, store
from notifications import summaries
from notifications.models import Notification, NotificationStatus, OutboxEntry, Urgency
from notifications.outbox import claiming
from organizations.models import Membership, Organization
from organizations.tenancy import acting_as_system
from tests.alerts import sweeps
from tests.factories import (
    NOON,
    AreaFactory,
    OrganizationFactory,
    RestFactory,
    RuleFactory,
    SensorFactory,
    SiteFactory,
    UnitFactory,
    as_system,
    fresh,
)
from tests.mail import Sink, mail_server
from tests.notifications.told import items, manager, messages, notice, said, tell_them
from tests.outbox import make_due, send_all

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
MOST = project.SUMMARY_AFTER


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    with mail_server() as sink:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
        yield sink


@pytest.fixture
def organization() -> Organization:
    organization: Organization = OrganizationFactory(name="Harbour Kitchen")
    return organization


@pytest.fixture
def boss(organization: Organization) -> Membership:
    return manager(organization)


def storm(organization: Organization, numbers: range, *members: Membership, at: datetime = NOON, **fields: Any) -> None:
    for number in numbers:
        tell_them(notice(organization, number, **fields), members, at=at)


def summary_to(member: Membership) -> Notification:
    (found,) = messages(event="summary", user=member.user)
    return found


def body(message: Any, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


class TestThroughTheHouse:
    def test_thirty_units_in_alarm_at_once_are_ten_messages_and_one_that_names_all_the_others(
        self, organization: Organization, boss: Membership, sink: Sink
    ) -> None:
        RuleFactory(organization=organization, delay_s=0, severity="critical")
        area = AreaFactory(site=SiteFactory(organization=organization))
        units = [UnitFactory(area=area, name=f"Case <{number:02}>") for number in range(30)]
        for unit in units:
            SensorFactory(unit=unit, serial=f"S{unit.name}")
        now = timezone.now()
        heard = [{"sensor": f"S{unit.name}", "recorded_at": now.isoformat(), "temperature": 9.0} for unit in units]
        sender = Sender(organization.pk, organization.number, True)
        store([Delivery(sender, native.decode(json.dumps({"readings": heard}).encode(), at=now))], at=now)
        with as_system():
            assert lifecycle.tell_due(at=now, most=100) == 30, "the worker that was rung for"

        single = messages(event="alert.opened", summary=None)
        summary = summary_to(boss)
        parts = messages(summary=summary)
        assert (len(single), len(parts)) == (MOST, 30 - MOST)
        with as_system():
            assert OutboxEntry.objects.count() == MOST + 1
            entry = OutboxEntry.objects.get(notification=summary)
        # An e-mail about an alarm is written within ten seconds, the sweep's five included.
        assert (entry.urgency, entry.due_at - now <= 5 * SECOND) == (Urgency.URGENT, True)

        make_due()
        assert send_all() == MOST + 1
        (together,) = [mail for mail in sink.messages if "messages at once" in mail["Subject"]]
        assert together["Subject"] == f"CRITICAL: {30 - MOST} messages at once, Harbour Kitchen"
        named = {unit.name for unit in units if any(unit.name in row.subject for row in single)}
        assert len(named) == MOST
        for unit in units:
            assert (f"{unit.name} is above 5.0 °C (9.0 °C)" in body(together)) == (unit.name not in named)
        assert "Case &lt;" in body(together, "html")
        assert "Case <" not in body(together, "html")
        assert {row.status for row in messages(summary=summary)} == {NotificationStatus.SENT}
        assert len(items(user=boss.user)) == 30, "in the app each stands by itself"

    def test_a_gateway_that_falls_silent_with_sixty_sensors_is_one_message(self) -> None:
        area = AreaFactory()
        sensors = [
            sweeps.sensor_heard(0, serial=f"K{number}", unit=UnitFactory(area=area, name=f"Fridge {number}"))
            for number in range(60)
        ]
        sweeps.gateway_of(sensors[0], name="Kitchen")
        sweeps.rule_of_silence(area.organization)
        sweeps.rule_of_gateways(area.organization)
        sweeps.manager_of(area.organization)
        assert sweeps.sweep(10) == 61
        (message,) = messages()
        assert message.subject.startswith("CRITICAL: Gateway Kitchen is silent")
        assert len(items()) == 1


class TestGathering:
    def test_ten_within_a_minute_are_ten_and_the_next_minute_begins_anew(
        self, organization: Organization, boss: Membership
    ) -> None:
        for number in range(MOST + 5):
            storm(organization, range(number, number + 1), boss, at=NOON + number * 7 * SECOND)
        assert messages(event="summary") == []

    def test_each_person_has_an_own_measure(self, organization: Organization, boss: Membership) -> None:
        other = manager(organization)
        storm(organization, range(MOST), boss)
        storm(organization, range(MOST, MOST + 3), boss, other)
        assert len(messages(user=boss.user, summary=summary_to(boss))) == 3
        assert len(messages(user=other.user, summary=None)) == 3

    def test_another_organization_is_another_measure(self, organization: Organization, boss: Membership) -> None:
        elsewhere = OrganizationFactory()
        storm(organization, range(MOST), boss)
        storm(elsewhere, range(MOST), boss)
        assert messages(event="summary") == []

    def test_as_long_as_nobody_sends_it_others_join_and_then_a_new_one_begins(
        self, organization: Organization, boss: Membership, sink: Sink
    ) -> None:
        storm(organization, range(MOST + 1), boss)
        storm(organization, range(20, 23), boss, at=NOON + 3 * SECOND)
        first = summary_to(boss)
        assert len(messages(summary=first)) == 4
        make_due()
        with as_system():
            (claimed, *_) = claiming.claim(urgency=Urgency.URGENT, most=100).messages
        assert claimed is not None
        storm(organization, range(30, 32), boss, at=NOON + 3 * SECOND)
        assert len(messages(summary=first)) == 4, "it is in somebody's hands"
        second = messages(event="summary").pop()
        assert (second != first, len(messages(summary=second))) == (True, 2)

    def test_told_twice_begins_no_summary_of_nothing(self, organization: Organization, boss: Membership) -> None:
        what = notice(organization, 0)
        tell_them(what, [boss])
        storm(organization, range(1, MOST), boss)
        assert tell_them(what, [boss]) == []
        assert messages(event="summary") == []

    def test_one_that_has_lost_its_parts_is_not_sent(
        self, organization: Organization, boss: Membership, sink: Sink
    ) -> None:
        storm(organization, range(MOST + 1), boss)
        with as_system():
            Notification.objects.filter(summary__isnull=False).delete()
        make_due()
        assert send_all() == MOST
        assert messages(event="summary") == []

    def test_a_part_that_stayed_alone_speaks_for_itself(
        self, organization: Organization, boss: Membership, sink: Sink
    ) -> None:
        storm(organization, range(MOST + 1), boss)
        make_due()
        send_all()
        assert sorted(mail["Subject"] for mail in sink.messages) == [f"Cooler {n:02} °C" for n in range(MOST + 1)]
        assert summary_to(boss).about == f"alert:{MOST}", "so that the answer in it is to this alert"

    def test_that_it_is_over_is_told_in_the_storm_as_well(
        self, organization: Organization, boss: Membership, sink: Sink
    ) -> None:
        storm(organization, range(MOST), boss)
        over = notice(organization, 1, event="alert.resolved", key="alert:1:resolved", words=said("Over: Cooler 01"))
        tell_them(over, [boss], at=NOON + SECOND)
        tell_them(notice(organization, 50, severity="warning"), [boss], at=NOON + SECOND)
        make_due()
        send_all()
        (together,) = [mail for mail in sink.messages if "2 messages" in mail["Subject"]]
        assert body(together).index("Over: Cooler 01") < body(together).index("Cooler 50"), "the critical first"

    def test_a_storm_costs_the_same_however_big_it_is(self, organization: Organization, boss: Membership) -> None:
        def cost(number: int) -> int:
            with CaptureQueriesContext(connection) as queries:
                storm(organization, range(number, number + 1), boss, site_id=site.pk)
            return len(queries)

        site = SiteFactory(organization=organization)
        storm(organization, range(MOST + 1), boss)
        few = cost(100)
        storm(organization, range(200, 240), boss)
        assert cost(300) == few
        assert few <= 14

    def test_words_of_hundreds_of_parts_are_made_once_and_in_few_statements(
        self, organization: Organization, boss: Membership, django_assert_max_num_queries: Any
    ) -> None:
        storm(organization, range(60), boss)
        make_due()
        with as_system():
            claim = claiming.claim(urgency=Urgency.URGENT, most=100)
            with django_assert_max_num_queries(6):  # with the savepoint
                worded = summaries.written(claim)
        (whole,) = [one.parcel for one in worded.messages if one.parcel.event == "summary"]
        assert whole.text == fresh(summary_to(boss)).text
        assert whole.text.count("Cooler ") == 60 - MOST


@pytest.mark.django_db(transaction=True)
def test_a_storm_in_two_transactions_at_once_loses_nobody_and_waits_for_nobody() -> None:
    organization = OrganizationFactory()
    boss = manager(organization)
    storm(organization, range(MOST + 1), boss, at=timezone.now())
    inside, done = threading.Event(), threading.Event()

    def first() -> None:
        with acting_as_system("tests"):
            storm(organization, range(20, 22), boss, at=timezone.now())
            inside.set()
            assert done.wait(20)
        connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(20)
    # The first transaction holds the summary: this one doesn't wait for it to end.
    storm(organization, range(30, 32), boss, at=timezone.now())
    done.set()
    thread.join(20)
    parts = messages(summary__isnull=False)
    assert len(parts) == 5
    assert {len(messages(summary=whole)) for whole in messages(event="summary")} == {3, 2}


@pytest.mark.django_db(transaction=True)
def test_a_bell_rings_when_the_summary_is_due() -> None:
    """Not when the storm begins, and not only when the next sweep comes."""
    organization = OrganizationFactory()
    boss = manager(organization)
    storm(organization, range(MOST), boss, at=timezone.now())
    with current_app.connection_for_read() as broker:
        queue = broker.SimpleQueue("urgent")
        queue.clear()
        before = timezone.now()
        storm(organization, range(MOST, MOST + 1), boss, at=before)
        bell = queue.get(timeout=5)
        queue.clear()
        queue.close()
    assert (bell.headers["task"], bell.payload[0]) == ("notifications.drain", [Urgency.URGENT])
    with as_system():
        (entry,) = OutboxEntry.objects.filter(notification__event="summary")
    rings_at = datetime.fromisoformat(bell.headers["eta"])
    assert entry.due_at <= rings_at <= before + 10 * SECOND


class TestQuietHours:
    @pytest.fixture
    def sleeper(self, organization: Organization) -> Membership:
        member = manager(organization, user__time_zone="Europe/Berlin")
        RestFactory(user=member.user, quiet_from=time(22, 0), quiet_to=time(7, 0))
        return member

    @pytest.mark.parametrize(
        ("night", "morning"),
        [
            ("2026-11-20T22:30", "2026-11-21T06:00"),
            ("2026-03-28T23:30", "2026-03-29T05:00"),  # clocks go forward
            ("2026-10-24T22:30", "2026-10-25T06:00"),  # clocks go back
        ],
    )
    def test_what_is_not_critical_comes_together_in_the_morning(
        self, organization: Organization, sleeper: Membership, sink: Sink, night: str, morning: str
    ) -> None:
        began = datetime.fromisoformat(night).replace(tzinfo=UTC)
        for hour in range(4):
            what = notice(organization, hour, severity="warning" if hour else "info")
            tell_them(what, [sleeper], at=began + timedelta(hours=hour))
        (whole,) = messages(event="summary")
        assert whole.next_attempt_at == datetime.fromisoformat(morning).replace(tzinfo=UTC)
        with as_system():
            (entry,) = OutboxEntry.objects.all()
        assert (entry.due_at, len(messages(summary=whole))) == (whole.next_attempt_at, 4)
        make_due()
        send_all()
        (mail,) = sink.messages
        assert mail["Subject"] == "4 messages from your quiet hours, Harbour Kitchen"
        assert all(f"Cooler {number:02}" in body(mail) for number in range(4))
        assert fresh(whole).severity == "warning", "as bad as the worst of them"
        assert len(items()) == 4

    def test_what_is_critical_comes_at_once(self, organization: Organization, sleeper: Membership) -> None:
        night = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
        (message,) = tell_them(notice(organization, 1), [sleeper], at=night)
        assert (message.summary_id, message.next_attempt_at) == (None, night)

    def test_the_next_night_has_a_summary_of_its_own(self, organization: Organization, sleeper: Membership) -> None:
        for day in range(2):
            at = datetime(2026, 11, 20 + day, 23, 0, tzinfo=UTC)
            tell_them(notice(organization, day, severity="warning"), [sleeper], at=at)
        due = [whole.next_attempt_at for whole in messages(event="summary")]
        assert due == [datetime(2026, 11, 21 + day, 6, 0, tzinfo=UTC) for day in range(2)]

    def test_what_was_put_off_counts_for_no_storm(self, organization: Organization, sleeper: Membership) -> None:
        night = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
        storm(organization, range(MOST + 5), sleeper, at=night, severity="warning")
        (message,) = tell_them(notice(organization, 99), [sleeper], at=night)
        assert message.summary_id is None
