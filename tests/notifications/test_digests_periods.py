"""When a digest is due: compared with somebody who looks at the clock every minute for two years."""

from __future__ import annotations

import functools
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifications.digests import periods
from notifications.digests.periods import Due, Plan, Sent
from notifications.preferences import Span

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

# Both hemispheres, clocks that change at midnight or by half an hour, zones with halves and quarters, and one where the
# time that is jumped over belongs to the day before (Nuuk: 23:00 on Saturday is 00:00 on Sunday).
ZONES: Final = (
    *("UTC", "Europe/Berlin", "America/New_York", "America/Nuuk", "Australia/Lord_Howe"),
    *("Asia/Kathmandu", "America/Santiago", "Africa/Cairo", "Pacific/Chatham", "Asia/Kolkata"),
)
START: Final = datetime(2025, 1, 1, tzinfo=UTC)
DAYS: Final = 730
_EPOCH: Final = START.replace(tzinfo=None)


@functools.cache
def clock(zone: str) -> np.ndarray:
    """For each minute from START on the farthest that the clock has shown so far, in minutes: no zone changes its
    clocks but at a quarter of an hour."""
    name = ZoneInfo(zone)
    quarters = [
        (START + quarter * 15 * MINUTE).astimezone(name).replace(tzinfo=None) - _EPOCH
        for quarter in range((DAYS + 3) * 96)
    ]
    shown = np.repeat(np.array([q // MINUTE for q in quarters]), 15) + np.tile(np.arange(15), len(quarters))
    return np.maximum.accumulate(shown)


def seen(zone: str, day: date, at: time) -> datetime:
    """The first minute at which the clock has reached this time of this day."""
    wanted = (datetime.combine(day, at) - _EPOCH) // MINUTE
    return START + int(np.searchsorted(clock(zone), wanted)) * MINUTE


def calendar(plan: Plan) -> list[Due]:
    """Every digest of the two years, by looking at the clock."""
    days = [START.date() + number * DAY for number in range(2, DAYS)]
    chosen = [day for day in days if plan.period == "daily" or day.weekday() == plan.weekday]
    return [Due(day, seen(plan.zone.key, day, plan.at)) for day in chosen]


times = st.integers(0, 1439).map(lambda minutes: time(minutes // 60, minutes % 60))
# Times that clocks jump over, or show twice, somewhere.
tricky = st.sampled_from([time(0, 0), time(0, 30), time(1, 30), time(2, 0), time(2, 15), time(2, 45), time(23, 30)])
plans = st.builds(
    Plan,
    period=st.sampled_from(["daily", "weekly"]),
    at=st.one_of(times, tricky),
    weekday=st.integers(0, 6),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
)


@settings(max_examples=60)
@given(plan=plans)
def test_every_day_or_week_has_its_moment_and_they_come_one_after_another(plan: Plan) -> None:
    expected = calendar(plan)
    assert [periods.due_in(plan, plan.number(due.day)) for due in expected] == expected
    found, moment = [], expected[0].moment - MINUTE
    for _ in expected:
        due = periods.first(plan, after=moment)
        found.append(due)
        moment = due.moment
    assert found == expected


@settings(max_examples=100)
@given(plan=plans, minutes=st.integers(10 * 1440, (DAYS - 10) * 1440))
def test_at_any_moment_the_last_and_the_next_one_are_known(plan: Plan, minutes: int) -> None:
    at = START + minutes * MINUTE
    expected = calendar(plan)
    before = [due for due in expected if due.moment <= at]
    assert periods.latest(plan, at=at) == before[-1]
    assert periods.first(plan, after=at) == expected[len(before)]
    assert periods.first(plan, after=at, done=plan.number(before[-1].day)) == expected[len(before)]


@settings(max_examples=60)
@given(
    plan=plans,
    choices=st.lists(st.tuples(st.integers(1, 3 * 1440), times, st.integers(0, 6)), min_size=1, max_size=8),
)
def test_whoever_chooses_another_time_gets_one_for_each_day_or_week(
    plan: Plan, choices: list[tuple[int, time, int]]
) -> None:
    """A sweep every minute; it is let run only at the moments at which something can happen."""
    at = START + 30 * DAY
    first = periods.latest(plan, at=at)
    done = plan.number(first.day)
    begun, until, next_at = done, first.moment, periods.first(plan, after=at, done=done).moment
    sent: Counter[int] = Counter()

    def sweep_until(end: datetime) -> None:
        nonlocal next_at, done, until
        while next_at <= end:
            now = max(next_at, at)
            decision = periods.decide(plan, done=done, at=now)
            if decision.send is not None:
                told = periods.stretch(plan, due=decision.send, sent=Sent(done, until), away=None)
                # Not a minute is left out, none is told of twice.
                assert told.start == until
                number, until = plan.number(decision.send.day), told.end
                sent[number] += 1
                done = number
            assert decision.next_at > now
            next_at = decision.next_at

    for pause, clock_time, weekday in choices:
        sweep_until(at + pause * MINUTE)
        at += pause * MINUTE
        plan = plan._replace(at=clock_time, weekday=weekday)
        next_at = periods.changed(plan, next_at=next_at, done=done, at=at)
    sweep_until(at + 3 * plan.length)
    last = plan.number(periods.latest(plan, at=at + 3 * plan.length).day)
    assert sent == Counter(range(begun + 1, last + 1))


@settings(max_examples=80)
@given(plan=plans, zones=st.lists(st.tuples(st.integers(1, 2880), st.sampled_from(ZONES)), min_size=1, max_size=6))
def test_whoever_travels_gets_none_twice_for_a_day_and_never_waits_long(
    plan: Plan, zones: list[tuple[int, str]]
) -> None:
    at = START + 30 * DAY
    first = periods.latest(plan, at=at)
    done, next_at = plan.number(first.day), periods.first(plan, after=at).moment
    sent = [(done, first.moment)]
    for pause, zone in [*zones, (4 * 10080, zones[-1][1])]:
        end = at + pause * MINUTE
        while next_at <= end:
            at = max(next_at, at)
            decision = periods.decide(plan, done=done, at=at)
            if decision.send is not None:
                done = plan.number(decision.send.day)
                sent.append((done, at))
            next_at = decision.next_at
        at = end
        plan = plan._replace(zone=ZoneInfo(zone))
        next_at = periods.changed(plan, next_at=next_at, done=done, at=at)
    for (number, moment), (later, next_moment) in pairwise(sent):
        # Whoever goes east across the line between two days loses one of the calendar, never a night of news.
        assert later in (number + 1, number + 2)
        assert next_moment - moment <= plan.length + 26 * HOUR


class TestClocksThatChange:
    BERLIN = Plan("daily", time(2, 30), 0, ZoneInfo("Europe/Berlin"))

    def test_a_time_that_does_not_exist_is_the_first_moment_after_the_gap(self) -> None:
        due = periods.due_in(self.BERLIN, self.BERLIN.number(date(2026, 3, 29)))
        assert due.moment == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
        assert due.moment.astimezone(self.BERLIN.zone).time() == time(3, 0)

    def test_a_time_that_exists_twice_is_the_first_of_the_two(self) -> None:
        due = periods.latest(self.BERLIN, at=datetime(2026, 10, 25, 1, 30, tzinfo=UTC))
        assert due == Due(date(2026, 10, 25), datetime(2026, 10, 25, 0, 30, tzinfo=UTC))

    def test_half_an_hour_is_jumped_over_on_lord_howe(self) -> None:
        plan = Plan("daily", time(2, 15), 0, ZoneInfo("Australia/Lord_Howe"))
        due = periods.due_in(plan, plan.number(date(2026, 10, 4)))
        assert due.moment.astimezone(plan.zone).time() == time(2, 30)

    def test_a_jump_over_midnight_belongs_to_the_day_that_it_ends(self) -> None:
        plan = Plan("daily", time(23, 30), 0, ZoneInfo("America/Nuuk"))
        saturday = periods.latest(plan, at=datetime(2026, 3, 29, 2, 0, tzinfo=UTC))
        assert saturday == Due(date(2026, 3, 28), datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
        assert periods.first(plan, after=saturday.moment).day == date(2026, 3, 29)

    def test_the_days_that_are_shorter_or_longer_are_told_of_whole(self) -> None:
        plan = self.BERLIN._replace(at=time(7, 0))
        for day, hours in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)):
            told = periods.stretch(plan, due=periods.due_in(plan, plan.number(day)), sent=None, away=None)
            assert told.end - told.start == hours * HOUR, day


class TestWeeks:
    def test_they_go_over_the_ends_of_months_and_years(self) -> None:
        plan = Plan("weekly", time(7, 0), 0, ZoneInfo("Europe/Berlin"))
        days = []
        moment = datetime(2025, 12, 20, tzinfo=UTC)
        for _ in range(4):
            due = periods.first(plan, after=moment)
            days.append(due.day)
            moment = due.moment
        assert days == [date(2025, 12, 22), date(2025, 12, 29), date(2026, 1, 5), date(2026, 1, 12)]

    def test_another_weekday_in_a_week_that_had_its_digest_begins_next_week(self) -> None:
        monday = Plan("weekly", time(7, 0), 0, ZoneInfo("UTC"))
        had = monday.number(date(2026, 11, 16))
        friday = monday._replace(weekday=4)
        wednesday = datetime(2026, 11, 18, 12, tzinfo=UTC)
        next_at = periods.changed(friday, next_at=datetime(2026, 11, 23, 7, tzinfo=UTC), done=had, at=wednesday)
        assert next_at == datetime(2026, 11, 27, 7, tzinfo=UTC)


class TestStretches:
    PLAN = Plan("daily", time(7, 0), 0, ZoneInfo("UTC"))
    NOW = datetime(2026, 11, 20, 7, tzinfo=UTC)

    def due(self) -> Due:
        return periods.latest(self.PLAN, at=self.NOW)

    def test_after_an_outage_there_is_one_of_the_latest_day(self) -> None:
        gone = self.PLAN.number(date(2026, 11, 10))
        decision = periods.decide(self.PLAN, done=gone, at=self.NOW + 5 * HOUR)
        assert decision == (Due(date(2026, 11, 20), self.NOW), self.NOW + DAY)
        sent = Sent(gone, self.NOW - 10 * DAY)
        assert periods.stretch(self.PLAN, due=self.due(), sent=sent, away=None) == Span(self.NOW - DAY, self.NOW)

    def test_after_an_absence_it_tells_of_all_of_it(self) -> None:
        away = Span(self.NOW - 9 * DAY - 2 * HOUR, self.NOW - HOUR)
        sent = Sent(self.PLAN.number(date(2026, 11, 10)), self.NOW - 10 * DAY)
        told = periods.stretch(self.PLAN, due=self.due(), sent=sent, away=away)
        assert told == Span(self.NOW - 10 * DAY, self.NOW)

    def test_but_of_31_days_at_most(self) -> None:
        away = Span(self.NOW - 90 * DAY, self.NOW - HOUR)
        told = periods.stretch(self.PLAN, due=self.due(), sent=None, away=away)
        assert told == Span(self.NOW - 31 * DAY, self.NOW)

    def test_an_absence_that_was_over_by_the_one_before_changes_nothing(self) -> None:
        away = Span(self.NOW - 9 * DAY, self.NOW - DAY - HOUR)
        told = periods.stretch(self.PLAN, due=self.due(), sent=None, away=away)
        assert told == Span(self.NOW - DAY, self.NOW)

    @pytest.mark.parametrize(("period", "length"), [("daily", DAY), ("weekly", 7 * DAY)])
    def test_a_preview_ends_now(self, period: str, length: timedelta) -> None:
        at = datetime(2026, 11, 20, 12, 34, 56, 789, tzinfo=UTC)
        assert periods.until_now(self.PLAN._replace(period=period), at=at) == Span(at - length, at)


def test_who_never_got_one_is_not_sent_one_at_once_for_choosing_another_time() -> None:
    plan = Plan("daily", time(7, 0), 0, ZoneInfo("UTC"))
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    next_at = periods.changed(plan, next_at=noon + 6 * HOUR, done=None, at=noon)
    assert next_at == datetime(2026, 11, 21, 7, tzinfo=UTC)
