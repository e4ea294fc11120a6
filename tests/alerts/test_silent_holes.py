"""Where other systems are known to lose an alarm: what becomes of it here, through the whole house.

The list stands in tests/alerts/cases/holes.py and, for people, at the end of docs/alert-cases.md. Most of it is held
by cases of the table and by the tests of mutes, silence and telling; what they don't ask is asked here.
"""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from alerts import lifecycle
from alerts.models import AlertStatus, Channel
from notifications.models import Notification, NotificationStatus
from organizations.models import Organization
from sensors.models import Sensor
from tests.alerts.cases import cases
from tests.alerts.cases.holes import HOLES
from tests.alerts.sweeps import (
    alerts,
    at,
    manager_of,
    only,
    rule_of_silence,
    sensor_heard,
    subjects,
    sweep,
)
from tests.factories import (
    NOON,
    ContactMethodFactory,
    MembershipFactory,
    MuteFactory,
    NotificationFactory,
    OrganizationFactory,
    RuleFactory,
    SensorFactory,
    as_system,
    fresh,
)
from tests.ingest.test_pipeline import post, reading
from tests.sensors.readings import roll
from tests.sensors.test_api import Api

TESTS = Path(__file__).resolve().parent.parent


# --- the list ---------------------------------------------------------------------------------------------------------


def names_in(path: Path) -> set[str]:
    """The tests of a file, as pytest would name them: `test_it` and `TestThat::test_it`."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {prefix + one.name for one in inside if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
    return found


def test_each_hole_is_held_by_tests_and_cases_that_exist() -> None:
    titles = {case.title for case in cases()}
    missing: list[str] = []
    for hole in HOLES:
        assert hole.tests or hole.cases, hole.hole
        missing += [title for title in hole.cases if title not in titles]
        for test in hole.tests:
            path, _, name = test.partition("::")
            if not (TESTS / path).is_file() or name not in names_in(TESTS / path):
                missing.append(test)
    assert missing == []


def test_no_test_of_this_file_and_no_case_of_its_theme_is_left_off_the_list() -> None:
    listed = {test.partition("::")[2] for hole in HOLES for test in hole.tests}
    assert {name for name in names_in(Path(__file__)) if "::test_" in name} <= listed
    of_the_theme = {case.title for case in cases() if case.theme == "Where other systems stay silent"}
    assert of_the_theme
    assert of_the_theme <= {title for hole in HOLES for title in hole.cases}


# --- what the table can't say -----------------------------------------------------------------------------------------


@pytest.fixture
def probe() -> Sensor:
    """A probe with a critical rule for more than 5 °C for half an hour; a manager is e-mailed."""
    organization = OrganizationFactory()
    before = NOON - timedelta(days=7)
    RuleFactory(organization=organization, severity="critical", created_at=before, changed_at=before)
    manager_of(organization)
    probe: Sensor = SensorFactory(serial="S", unit__area__site__organization=organization, unit__name="Cooler")
    return probe


def warm(probe: Sensor, minutes: Iterable[int], value: float = 8.0) -> None:
    """Each of the readings comes when it was measured."""
    for minute in minutes:
        post(probe.organization, reading(minute, value), at=at(minute))


def tell_due(minute: float) -> int:
    """What the clock tells at this minute."""
    with as_system():
        return lifecycle.tell_due(at=at(minute), most=100)


def messages() -> list[Notification]:
    """All that was promised, oldest first."""
    with as_system():
        return list(Notification.objects.order_by("created_at", "pk"))


@pytest.mark.django_db
class TestIsolation:
    def test_what_was_told_before_and_resolved_in_it_starts_anew_after_it(self, probe: Sensor) -> None:
        warm(probe, range(0, 35, 5))
        MuteFactory(organization=probe.organization, unit=probe.unit, starts_at=at(31), ends_at=at(90))
        with as_system():
            lifecycle.resolve(
                alert=only(),
                by=MembershipFactory(organization=probe.organization).user,
                at=at(40),
                channel=Channel.WEB,
                corrective_action="Isolated for cleaning",
            )
        warm(probe, [45], 3.0)
        warm(probe, range(50, 90, 5))
        assert [alert.status for alert in alerts()] == ["resolved", "open"]
        assert len(subjects()) == 2, "it opened, and somebody resolved it"
        assert tell_due(90) == 1, "the isolation is over, and the unit is out of range"
        assert [row.event for row in messages()] == ["alert.opened", "alert.resolved", "alert.opened"]


@pytest.mark.django_db
class TestTheLastReading:
    def test_a_reminder_says_of_when_its_value_is(self, probe: Sensor) -> None:
        rule_of_silence(probe.organization, delay=20)
        warm(probe, range(0, 35, 5))
        sweep(50)
        day = 24 * 60
        for minute in range(51, day, 60):
            tell_due(minute)
        with as_system():
            told = list(Notification.objects.filter(event="alert.again", about=f"alert:{only(kind='temperature').pk}"))
            silence = list(Notification.objects.filter(about=f"alert:{only(kind='no_data').pk}"))
        assert len(told) == len(silence) - 1 == 5, "every four hours, of both"
        for row in told:
            assert "When it opened: 8.0 °C" in row.text, "not: now"
            assert "Since: Fri 20 Nov 2026, 12:00 (UTC)" in row.text
        assert all("°C" not in row.text + row.subject for row in silence), "nobody knows how warm it is"

    def test_a_silent_unit_is_shown_as_silent_with_the_time_of_its_last_value(self, probe: Sensor) -> None:
        api = Api(probe.organization)
        post(probe.organization, reading(0, 3.5), at=NOON)
        assert api.read(f"units/{probe.unit_id}/")["status"] == "ok"
        with as_system():
            Sensor.objects.filter(pk=probe.pk).update(status="offline")
        shown = api.read(f"units/{probe.unit_id}/")
        assert (shown["status"], shown["recorded_at"]) == ("no_data", "2026-11-20T12:00:00Z")


@pytest.mark.django_db
class TestPeaks:
    def test_the_hour_of_a_peak_says_how_warm_it_was(self, probe: Sensor) -> None:
        api = Api(probe.organization)
        warm(probe, range(0, 60, 5), 2.0)
        post(probe.organization, reading(31, 21.5), at=at(60))
        for _ in ("noted", "summed up"):
            found = api.read(
                f"units/{probe.unit_id}/readings/",
                **{"from": NOON.isoformat(), "to": at(60).isoformat(), "resolution": "hour"},
            )
            [hour] = found["results"]
            assert (hour["min"], hour["avg"], hour["max"], hour["count"]) == (2.0, 3.5, 21.5, 13)
            roll()


@pytest.mark.django_db
class TestMoney:
    def test_however_many_messages_a_month_has_had_the_next_alarm_is_told(self, probe: Sensor) -> None:
        with as_system():
            Notification.objects.bulk_create(
                NotificationFactory.build(
                    organization=probe.organization,
                    status=NotificationStatus.SENT,
                    sent_at=NOON,
                    created_at=NOON,
                )
                for _ in range(5000)
            )
        warm(probe, range(0, 35, 5))
        with as_system():
            told = Notification.objects.filter(about=f"alert:{only().pk}")
            assert [row.status for row in told] == [NotificationStatus.PROMISED]

    def test_a_plan_that_shows_little_of_the_past_silences_nothing(self, probe: Sensor) -> None:
        with as_system():
            Organization.objects.filter(pk=probe.organization_id).update(history_days=1)
        three_days = 3 * 24 * 60
        post(probe.organization, reading(three_days, 3.0), at=at(three_days))
        late = [reading(minute, 8.0) for minute in range(0, 35, 5)]
        post(probe.organization, *late, reading(40, 3.0), at=at(three_days))
        warm(probe, range(three_days + 5, three_days + 40, 5))
        assert [(alert.opened_at, alert.found_at) for alert in alerts()] == [
            (at(30), at(three_days)),
            (at(three_days + 35), None),
        ]
        assert [row.created_at for row in messages()] == [at(three_days + 35)], "what ended days ago is no news"


@pytest.mark.django_db
class TestALateBatch:
    def test_it_is_one_message_in_the_order_of_what_happened_however_it_lies_in_the_batch(self, probe: Sensor) -> None:
        post(probe.organization, reading(-5, 3.0), at=at(-5))
        excursions = [
            reading(start + minute, 8.0 if minute < 35 else 3.0) for start in (0, 60, 120) for minute in range(0, 40, 5)
        ]
        lasting = [reading(180 + minute, 8.0) for minute in range(0, 35, 5)]
        batch = excursions + lasting
        mixed = batch[1::2] + batch[0::2][::-1]
        post(probe.organization, *mixed, at=at(230))
        assert len(alerts()) == 4
        told = messages()
        # What lasts is an alert of now, with a message of its own; what is over is one message.
        assert sorted(row.event for row in told) == ["alert.found", "alert.opened"]
        [found] = [row for row in told if row.event == "alert.found"]
        hours = [found.text.index(f"{hour}:00 (UTC)") for hour in (12, 13, 14)]
        assert hours == sorted(hours)

    def test_nobody_hears_that_something_is_over_before_they_hear_of_it(self, probe: Sensor) -> None:
        warm(probe, range(0, 35, 5))
        warm(probe, [60], 8.0)
        # Cool, warm again for long enough, and cool: all of it between two readings that came in time.
        between = [reading(35, 3.0), *(reading(minute, 8.0) for minute in range(40, 75, 5)), reading(75, 3.0)]
        post(probe.organization, *between[::-1], at=at(80))
        assert all(alert.status == AlertStatus.RESOLVED for alert in alerts())
        for alert in alerts():
            events = [row.event for row in messages() if row.about == f"alert:{alert.pk}"]
            assert events in (["alert.opened", "alert.resolved"], ["alert.found"]), events


@pytest.mark.django_db
class TestSilenceInTime:
    @pytest.mark.parametrize("delay", [5, 60, 24 * 60])
    @pytest.mark.parametrize("phase", [0, 7, 14.9])
    def test_it_is_told_within_a_minute_of_being_due(self, delay: int, phase: float) -> None:
        """A system had ten minutes of silence noticed after five hours: it looked once in thirty delays."""
        sensor = sensor_heard(0, expected_interval_s=60)
        rule_of_silence(sensor.organization, delay=delay)
        manager_of(sensor.organization)
        every = settings.TIMETABLE["alert of silence"]["schedule"].total_seconds() / 60
        rounds = (delay - 2 + phase / 60 + number * every for number in range(round(4 / every)))
        told_at = next(minute for minute in rounds if sweep(minute))
        assert delay <= told_at <= delay + 1
        assert (only().opened_at, only().found_at) == (at(delay), None)
        assert [row.created_at for row in messages()] == [at(told_at)]

    def test_the_timetable_leaves_room_for_a_round_that_fails(self) -> None:
        timetable = settings.TIMETABLE
        of = {entry["task"]: entry["schedule"] for entry in timetable.values()}
        for task in ("alerts.sweep_silence", "alerts.sweep_due", "notifications.sweep"):
            assert of[task] <= timedelta(seconds=20), "three rounds a minute: two may fail"


@pytest.mark.django_db(transaction=True)
class TestTheRace:
    def test_however_sweeps_and_readings_meet_nothing_stays_open_that_was_heard(self) -> None:
        """Ten times a sensor speaks at the very moment when its silence is due."""
        sensor = sensor_heard(0, serial="S")
        rule_of_silence(sensor.organization)
        for turn in range(10):
            due = 10 + 20 * turn
            at_once(partial(post, sensor.organization, reading(due, 3.0), at=at(due)), partial(sweep, due))
            sweep(due + 0.25)
            assert [alert for alert in alerts() if alert.status != AlertStatus.RESOLVED] == []
            post(sensor.organization, reading(due + 10, 3.0), at=at(due + 10))
        assert all(alert.resolved_at is not None and alert.resolved_at >= alert.opened_at for alert in alerts())


def at_once(*works: Callable[[], Any]) -> None:
    """Each in a thread of its own, all beginning together; what one of them raises is raised here."""
    start = threading.Barrier(len(works))
    wrong: list[BaseException] = []

    def run(work: Callable[[], Any]) -> None:
        try:
            start.wait(30)
            work()
        except BaseException as error:
            wrong.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    if wrong:
        raise wrong[0]


@pytest.mark.django_db
class TestAnswers:
    @pytest.mark.parametrize("status", [NotificationStatus.SENT, NotificationStatus.DELIVERED, NotificationStatus.DEAD])
    def test_a_message_that_was_delivered_is_no_answer(self, probe: Sensor, status: str) -> None:
        chef = MembershipFactory(organization=probe.organization).user
        ContactMethodFactory(user=chef)
        warm(probe, range(0, 35, 5))

        def told_at() -> list[datetime]:
            with as_system():
                rows = Notification.objects.filter(user=chef).order_by("created_at")
                rows.update(status=status, sent_at=None if status == NotificationStatus.DEAD else at(31))
                return [row.created_at for row in rows]

        assert told_at() == [at(30)]
        for minute in range(31, 31 + 9 * 60, 10):
            tell_due(minute)
        assert len(told_at()) == 3, "after four hours and after eight: nobody has answered"
        with as_system():
            lifecycle.acknowledge(alert=only(), by=chef, at=at(570), channel=Channel.WEB)
        assert tell_due(570 + 239) == 0
        assert len(told_at()) == 3
        assert fresh(only()).status == AlertStatus.ACKNOWLEDGED
