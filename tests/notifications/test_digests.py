"""Digests: sent once for each day or week, whoever looks, to whom it concerns and in words that help."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from freshtrack.sections import Line, Part, Section
from notifications.digests import sending
from notifications.models import Digest, Notification, Severity, Urgency
from organizations.models import Role
from organizations.tenancy import acting_as_system
from sensors.models import Sensor, SensorStatus, Unit
from tests.factories import (
    NOON,
    AlertFactory,
    AreaFactory,
    ContactMethodFactory,
    DigestFactory,
    MembershipFactory,
    RestFactory,
    SensorFactory,
    SiteFactory,
    UnitFactory,
    as_system,
    fresh,
)
from tests.mail import Sink, mail_server
from tests.outbox import send_all
from tests.sensors.readings import store

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SEVEN = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)  # a Friday


@pytest.fixture
def digest() -> Digest:
    """Daily at seven, due, of somebody with an address."""
    return a_digest()


def a_digest(**fields: Any) -> Digest:
    made: Digest = DigestFactory(**{"next_at": SEVEN, **fields})
    ContactMethodFactory(user=made.user)
    return made


def promised(**which: Any) -> list[Notification]:
    with as_system():
        return list(Notification.objects.filter(**which).order_by("created_at", "pk"))


def the_message(**which: Any) -> Notification:
    (message,) = promised(**which)
    return message


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    with mail_server() as sink:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
        yield sink


# Sections of rooms that don't exist.


def broken(**_: Any) -> Section:
    """Can't be made."""
    raise ValueError("nothing works here")


def of_one_site(*, site_ids: Any, **_: Any) -> Section:
    """Says what it was asked."""
    return Section(news=[f"sites {site_ids}"])


def much(**_: Any) -> Section:
    """More than fits, with names that are no mark-up."""
    lines = [Line(what="<b>Cooler</b> & Co", where="Site", text="is warm", severity="critical", path="/o/x")] * 2
    part = Part(title="Things", nothing="", path="/o/x/alerts", lines=lines, number=5)
    return Section(parts=[part], news=["5 things"], small_print="Counted by hand.")


HERE = "tests.notifications.test_digests"


class TestOnce:
    def test_it_is_promised_when_it_is_due_and_moves_on(self, digest: Digest) -> None:
        assert sending.sweep(at=SEVEN - MINUTE) == 0
        assert sending.sweep(at=SEVEN) == 1
        row = the_message()
        assert (row.event, row.severity, row.urgency) == ("digest.daily", Severity.INFO, Urgency.BULK)
        assert (row.user, row.to, row.site_id) == (digest.user, digest.user.email, None)
        assert (row.about, row.dedupe_key) == (f"digest:{digest.pk}", f"digest:{digest.pk}:2026-11-20")
        assert fresh(digest).next_at == SEVEN + DAY
        assert sending.sweep(at=SEVEN + MINUTE) == 0

    def test_it_arrives_with_a_click_to_end_it(self, digest: Digest, sink: Sink) -> None:
        sending.sweep(at=SEVEN)
        send_all()
        (message,) = sink.messages
        assert message["Subject"] == f"All quiet: {digest.organization.name}, Fri 20 Nov"
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert {part.get_content_type() for part in message.iter_parts()} == {"text/plain", "text/html"}

    def test_the_same_moment_again_changes_nothing(self, digest: Digest) -> None:
        """As after a restore: what was promised tells that the day has had its digest."""
        sending.sweep(at=SEVEN)
        with as_system():
            Digest.objects.update(next_at=SEVEN)
        assert sending.sweep(at=SEVEN + MINUTE) == 0
        assert fresh(digest).next_at == SEVEN + DAY

    def test_a_crash_in_between_leaves_it_due(self, digest: Digest) -> None:
        class Crash(Exception):
            pass

        def half() -> None:
            with acting_as_system("tests"):
                assert sending._page(at=SEVEN, but_not=()).promised == 1
                raise Crash

        with pytest.raises(Crash):
            half()
        assert (promised(), fresh(digest).next_at) == ([], SEVEN)
        assert sending.sweep(at=SEVEN + MINUTE) == 1
        assert the_message().dedupe_key.endswith(":2026-11-20")

    @pytest.mark.django_db(transaction=True)
    def test_a_worker_that_vanishes_in_between_keeps_it_from_the_others_and_then_leaves_it_due(self) -> None:
        digest = a_digest()
        pids: list[int] = []
        half_done, gone = threading.Event(), threading.Event()

        def work() -> None:
            with contextlib.suppress(DatabaseError), acting_as_system("tests"), connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                pids.append(cursor.fetchone()[0])
                assert sending._page(at=SEVEN, but_not=()).promised == 1
                half_done.set()
                gone.wait(20)
            connection.close()

        worker = threading.Thread(target=work)
        worker.start()
        assert half_done.wait(20)
        assert sending.sweep(at=SEVEN) == 0
        with connection.cursor() as cursor:
            # As when its process is killed: it says no more, and PostgreSQL notices.
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", pids)
            assert cursor.fetchone()[0]
        gone.set()
        worker.join(20)
        assert promised() == []
        assert sending.sweep(at=SEVEN) == 1
        assert (len(promised()), fresh(digest).next_at) == (1, SEVEN + DAY)

    def test_deleted_and_chosen_again_it_isnt_sent_twice_a_day(self, digest: Digest) -> None:
        sending.sweep(at=SEVEN)
        with as_system():
            Digest.objects.all().delete()
        again = DigestFactory(user=digest.user, organization=digest.organization, next_at=NOON, at=time(12, 0))
        assert sending.sweep(at=NOON) == 0
        assert fresh(again).next_at == NOON + DAY

    def test_what_was_missed_in_an_outage_is_one_digest_of_the_latest_day(self, digest: Digest) -> None:
        with as_system():
            Digest.objects.update(next_at=SEVEN - 12 * DAY)
        assert sending.sweep(at=SEVEN + 5 * HOUR) == 1
        row = the_message()
        assert row.dedupe_key.endswith(":2026-11-20")
        assert "Thu 19 Nov, 07:00 to Fri 20 Nov, 07:00 (UTC)" in row.text
        assert fresh(digest).next_at == SEVEN + DAY

    def test_every_one_goes_on_where_the_one_before_ended(self, digest: Digest) -> None:
        for day in range(3):
            sending.sweep(at=SEVEN + day * DAY)
        with as_system():
            Digest.objects.update(at=time(9, 0), next_at=SEVEN + 3 * DAY + 2 * HOUR)
        sending.sweep(at=SEVEN + 3 * DAY + 2 * HOUR)
        until = [row.extra["until"] for row in promised()]
        assert [datetime.fromisoformat(moment) for moment in until] == [
            *(SEVEN + day * DAY for day in range(3)),
            SEVEN + 3 * DAY + 2 * HOUR,
        ]
        assert "Sun 22 Nov, 07:00 to Mon 23 Nov, 09:00" in promised()[-1].text

    @pytest.mark.django_db(transaction=True)
    def test_many_sweeps_at_once_promise_each_once(self) -> None:
        digests = [a_digest() for _ in range(30)]
        start = threading.Barrier(4)
        counts = []

        def work() -> None:
            start.wait(10)
            counts.append(sending.sweep(at=SEVEN))
            connection.close()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sum(counts) == 30
        assert {row.about for row in promised()} == {f"digest:{digest.pk}" for digest in digests}

    def test_one_that_cannot_be_made_keeps_nobody_elses(self, digest: Digest) -> None:
        stuck = a_digest(user=MembershipFactory(user__time_zone="Mars/Olympus").user, next_at=SEVEN - HOUR)
        a_digest(user=MembershipFactory(user__time_zone="Mars/Pavonis").user, next_at=SEVEN + HOUR)
        assert sending.sweep(at=SEVEN) == 1
        assert the_message().user == digest.user
        assert fresh(stuck).next_at == SEVEN - HOUR

    def test_a_weekly_one_is_of_the_week(self) -> None:
        a_digest(period="weekly", weekday=4)
        sending.sweep(at=SEVEN)
        row = the_message()
        assert (row.event, row.subject.partition(": ")[2][-18:]) == ("digest.weekly", "week to Fri 20 Nov")
        assert "Fri 13 Nov, 07:00 to Fri 20 Nov, 07:00" in row.text


class TestClocks:
    def test_whoever_travels_east_gets_it_earlier_within_a_minute(self, digest: Digest) -> None:
        sending.sweep(at=SEVEN)
        with as_system():
            type(digest.user).objects.filter(pk=digest.user_id).update(time_zone="Asia/Kathmandu")
        sending.sweep(at=SEVEN + HOUR)
        due = datetime(2026, 11, 21, 1, 15, tzinfo=UTC)  # seven at UTC+5:45
        assert fresh(digest).next_at == due
        assert sending.sweep(at=due) == 1
        assert "12:45 to Sat 21 Nov, 07:00 (Asia/Kathmandu)" in promised()[-1].text

    def test_whoever_travels_west_gets_it_later(self, digest: Digest) -> None:
        sending.sweep(at=SEVEN)
        with as_system():
            type(digest.user).objects.filter(pk=digest.user_id).update(time_zone="America/New_York")
        assert sending.sweep(at=SEVEN + DAY) == 0
        assert fresh(digest).next_at == SEVEN + DAY + 5 * HOUR

    def test_clocks_that_jump_over_its_time_are_no_travel(self) -> None:
        due = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)  # 02:30 doesn't exist: 03:00
        digest = a_digest(user=MembershipFactory(user__time_zone="Europe/Berlin").user, at=time(2, 30), next_at=due)
        assert sending.follow_clocks(at=due - HOUR) == 0
        assert fresh(digest).next_at == due


class TestToWhom:
    def test_whoever_left_gets_none_and_it_is_switched_off(self, digest: Digest) -> None:
        with as_system():
            digest.organization.memberships.update(ended_at=NOON)
        assert (sending.sweep(at=SEVEN), promised()) == (0, [])
        assert fresh(digest).enabled is False

    @pytest.mark.parametrize("why", ["organization deleted", "person switched off", "no address", "address off"])
    def test_where_there_is_nobody_to_send_to_it_moves_on(self, digest: Digest, why: str) -> None:
        with as_system():
            if why == "organization deleted":
                type(digest.organization).objects.filter(pk=digest.organization_id).update(deleted_at=NOON)
            elif why == "person switched off":
                type(digest.user).objects.filter(pk=digest.user_id).update(is_active=False)
            elif why == "no address":
                digest.user.contact_methods.update(verified_at=None)
            else:
                digest.user.contact_methods.update(disabled_at=NOON)
        assert (sending.sweep(at=SEVEN), promised()) == (0, [])
        found = fresh(digest)
        assert (found.enabled, found.next_at) == (True, SEVEN + DAY)

    def test_one_message_to_the_sign_in_address_though_there_are_more(self, digest: Digest) -> None:
        ContactMethodFactory(user=digest.user, address="also@example.com", created_at=NOON - 90 * DAY)
        sending.sweep(at=SEVEN)
        assert the_message().to == digest.user.email
        with as_system():
            digest.user.contact_methods.filter(address=digest.user.email).update(disabled_at=NOON)
        sending.sweep(at=SEVEN + DAY)
        assert promised()[-1].to == "also@example.com"

    def test_who_is_away_gets_none_and_then_all_of_it(self, digest: Digest) -> None:
        sending.sweep(at=SEVEN)
        RestFactory(user=digest.user, away_from=SEVEN + HOUR, away_until=SEVEN + 3 * DAY + HOUR)
        for day in (1, 2, 3):
            assert sending.sweep(at=SEVEN + day * DAY) == 0
        assert sending.sweep(at=SEVEN + 4 * DAY) == 1
        row = promised()[-1]
        assert "Fri 20 Nov, 07:00 to Tue 24 Nov, 07:00" in row.text
        assert "more than usual" in row.text

    def test_members_of_some_sites_are_told_of_these(self, settings: Any) -> None:
        settings.DIGEST_SECTIONS = [f"{HERE}.of_one_site"]
        site = SiteFactory()
        member = MembershipFactory(organization=site.organization, role=Role.STAFF, site_ids=[site.pk])
        a_digest(user=member.user, organization=site.organization)
        sending.sweep(at=SEVEN)
        row = the_message()
        assert str(site.pk) in row.subject
        assert "Of the sites that you may see." in row.text


class TestWords:
    def test_all_quiet_when_all_was_quiet(self, digest: Digest) -> None:
        sensor = watched(digest)
        store(sensor, *([3.0] * 288), start=SEVEN - DAY)
        sending.sweep(at=SEVEN)
        row = the_message()
        assert row.subject.startswith("All quiet: ")
        for words in (
            "All quiet.",
            "Nothing is out of range now. No alert is open. There were no excursions. No sensor is silent.",
            "100 % (288 of 288)",
            "Completeness: readings with",
        ):
            assert words in row.text, words
            assert words.rstrip(".") in row.html, words

    def test_but_not_without_saying_that_readings_are_missing(self, digest: Digest) -> None:
        store(watched(digest), *([3.0] * 100), start=SEVEN - DAY)
        sending.sweep(at=SEVEN)
        assert the_message().subject.startswith("All quiet, but only 34.7 % of the expected readings came: ")

    def test_what_happened_stands_in_the_subject(self, digest: Digest) -> None:
        sensor = watched(digest, last_reading_at=SEVEN - 2 * HOUR)
        times = {"started_at": SEVEN - 5 * HOUR, "opened_at": SEVEN - 4 * HOUR}
        AlertFactory(unit=sensor.unit, **times)
        sending.sweep(at=SEVEN)
        row = the_message()
        assert row.subject.startswith("1 open alert, 1 excursion, 1 silent sensor: ")
        assert f"{sensor.unit.name}, {sensor.site.name}: above 5.0 °C for 5 h, at worst 9.0 °C, still open" in row.text

    def test_fahrenheit_for_whoever_reads_it(self) -> None:
        digest = a_digest(user=MembershipFactory(user__temperature_unit="f").user)
        MembershipFactory(organization=digest.organization, user=digest.user)
        sensor = watched(digest)
        AlertFactory(unit=sensor.unit, started_at=SEVEN - 5 * HOUR, opened_at=SEVEN - 4 * HOUR)
        sending.sweep(at=SEVEN)
        assert "above 41.0 °F" in the_message().text

    def test_a_room_that_fails_takes_no_other_with_it(self, digest: Digest, settings: Any) -> None:
        settings.DIGEST_SECTIONS = [f"{HERE}.broken", *settings.DIGEST_SECTIONS]
        sending.sweep(at=SEVEN)
        row = the_message()
        assert row.subject.startswith("Part of it could not be put together: ")
        assert "No alert is open." in row.text
        assert "could not be put together" in row.html

    def test_what_doesnt_fit_is_counted_and_names_are_no_mark_up(self, digest: Digest, settings: Any) -> None:
        settings.DIGEST_SECTIONS = [f"{HERE}.much"]
        sending.sweep(at=SEVEN)
        row = the_message()
        assert f"and 3 more: {settings.PUBLIC_URL}/o/x/alerts" in row.text
        assert "- CRITICAL: <b>Cooler</b> & Co, Site: is warm" in row.text
        assert "&lt;b&gt;Cooler&lt;/b&gt; &amp; Co" in row.html
        assert "<b>" not in row.html
        assert f'href="{settings.PUBLIC_URL}/o/x/alerts"' in row.html


def watched(digest: Digest, **fields: Any) -> Sensor:
    """A probe of the organization that reports."""
    given = {
        "status": SensorStatus.ONLINE,
        "claimed_at": SEVEN - 90 * DAY,
        "last_reading_at": SEVEN - MINUTE,
        "temperature": 3.0,
    }
    made: Sensor = SensorFactory(unit=UnitFactory(area__site__organization=digest.organization), **{**given, **fields})
    return made


def test_five_hundred_units_are_asked_for_in_as_many_statements_as_one(digest: Digest) -> None:
    area = AreaFactory(site=SiteFactory(organization=digest.organization))
    site = area.site

    def units(number: int) -> None:
        with as_system():
            common = {"organization": digest.organization, "site": site}
            made = Unit.objects.bulk_create(
                Unit(area=area, name=f"Unit {each}", kind="room", **common) for each in range(number)
            )
            Sensor.objects.bulk_create(
                Sensor(
                    unit=unit,
                    serial=f"{unit.pk}",
                    status=SensorStatus.OFFLINE,
                    claimed_at=SEVEN - DAY,
                    last_reading_at=SEVEN - 2 * HOUR,
                    temperature=3.0,
                    **common,
                )
                for unit in made
            )
        for unit in made[:1]:
            AlertFactory(unit=unit, started_at=SEVEN - 5 * HOUR, opened_at=SEVEN - 4 * HOUR)

    counts = []
    for day, number in enumerate((1, 499)):
        units(number)
        with CaptureQueriesContext(connection) as asked:
            assert sending.sweep(at=SEVEN + day * DAY) == 1
        counts.append(len(asked))
    # A third of them begin and end transactions.
    assert counts[0] == counts[1] <= 34
    assert all(one != two for one, two in pairwise(row.dedupe_key for row in promised()))
