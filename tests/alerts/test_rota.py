"""Who is on call: examples in plain words, and every minute of a year against an oracle that knows no intervals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.oncall.rota import (
    Holiday,
    Hours,
    Layer,
    Override,
    Schedule,
    Shift,
    Span,
    final,
    gaps,
    of_layer,
    on_duty,
    shifts_of,
)

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
MINUTE = timedelta(minutes=1)
MONDAY = date(2026, 6, 1)
NIGHTS = tuple(Hours(day, "18:00", "08:00") for day in range(7))


def at(written: str, zone: str = BERLIN) -> datetime:
    """ "2026-06-01 08:00" as the clock on the wall says it."""
    return datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(zone))


def told(spans: list[Span], zone: str = BERLIN) -> list[str]:
    """ "Mo 08:00 Ada" for each span: who begins when, "-" for nobody."""
    days = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
    lines = []
    for span in spans:
        local = span.start.astimezone(ZoneInfo(zone))
        lines.append(f"{days[local.weekday()]} {local:%H:%M} {span.person or '-'}")
    return lines


def plan(*layers: Layer, zone: str = BERLIN, holidays: tuple[Holiday, ...] = (), **more: object) -> Schedule:
    return msgspec.structs.replace(Schedule(zone, layers, holidays), **more)


def week(schedule: Schedule, first: date = MONDAY, days: int = 7) -> list[str]:
    zone = ZoneInfo(schedule.zone)
    begin = datetime.combine(first, time(), tzinfo=zone)
    return told(final(schedule, begin, begin + timedelta(days=days)), schedule.zone)


# --- examples ---------------------------------------------------------------------------------------------------------


def test_daily_turns_change_at_the_handover() -> None:
    daily = Layer("kitchen", "daily", MONDAY, ("Ada", "Ben"))
    assert week(plan(daily), days=3) == ["Mo 00:00 -", "Mo 08:00 Ada", "Tu 08:00 Ben", "We 08:00 Ada"]


def test_weekly_turns_last_as_many_weeks_as_the_layer_says() -> None:
    weekly = Layer("kitchen", "weekly", MONDAY, ("Ada", "Ben"), every=2, handover="00:00")
    spans = final(plan(weekly), at("2026-06-01 00:00"), at("2026-07-27 00:00"))
    assert [(span.person, (span.end - span.start).days) for span in spans] == [
        ("Ada", 14),
        ("Ben", 14),
        ("Ada", 14),
        ("Ben", 14),
    ]


def test_a_layer_is_empty_before_its_first_turn_and_after_its_last_day() -> None:
    daily = Layer("summer", "daily", MONDAY, ("Ada",), ends_on=date(2026, 6, 2))
    assert week(plan(daily)) == ["Mo 00:00 -", "Mo 08:00 Ada", "We 00:00 -"]


def test_a_window_that_ends_within_the_last_day_ends_there() -> None:
    daily = Layer("summer", "daily", date(2026, 5, 1), ("Ada",), ends_on=MONDAY)
    [span] = final(plan(daily), at("2026-06-01 00:00"), at("2026-06-01 12:00"))
    assert (span.person, span.end) == ("Ada", at("2026-06-01 12:00"))


def test_a_layer_without_people_has_nobody() -> None:
    assert week(plan(Layer("empty", "weekly", MONDAY))) == ["Mo 00:00 -"]


def test_a_custom_cycle_begins_on_the_monday_of_its_first_week() -> None:
    shifts = (Shift(0, 2, "09:00", "17:00", "Ada"), Shift(1, 2, "09:00", "17:00", "Ben"))
    custom = Layer("desk", "custom", date(2026, 6, 4), weeks=2, shifts=shifts)
    assert week(plan(custom), days=28) == [
        "Mo 00:00 -",
        "We 09:00 Ben",
        "We 17:00 -",
        "We 09:00 Ada",
        "We 17:00 -",
        "We 09:00 Ben",
        "We 17:00 -",
    ]


def test_a_custom_layer_begins_with_its_day_and_not_at_a_handover() -> None:
    custom = Layer("desk", "custom", MONDAY, shifts=(Shift(0, 0, "00:00", "24:00", "Ada"),))
    assert week(plan(custom), days=3) == ["Mo 00:00 Ada", "Tu 00:00 -"]


def test_where_shifts_overlap_the_later_in_the_list_has_it() -> None:
    shifts = (Shift(0, 0, "08:00", "16:00", "Ada"), Shift(0, 0, "12:00", "13:00", "Ben"))
    assert week(plan(Layer("desk", "custom", MONDAY, shifts=shifts)), days=1) == [
        "Mo 00:00 -",
        "Mo 08:00 Ada",
        "Mo 12:00 Ben",
        "Mo 13:00 Ada",
        "Mo 16:00 -",
    ]


def test_a_shift_past_midnight_belongs_to_the_week_it_began_in() -> None:
    shifts = (Shift(0, 6, "22:00", "06:00", "Ada"), Shift(1, 6, "22:00", "06:00", "Ben"))
    custom = Layer("nights", "custom", MONDAY, weeks=2, shifts=shifts)
    assert week(plan(custom), first=date(2026, 6, 7), days=9) == [
        "Su 00:00 -",
        "Su 22:00 Ada",
        "Mo 06:00 -",
        "Su 22:00 Ben",
        "Mo 06:00 -",
    ]
    # The cycle begins on the Monday: the night before isn't the last of a cycle that never was.
    assert week(plan(custom), days=1) == ["Mo 00:00 -"]


def test_hours_past_midnight_run_into_the_next_day() -> None:
    nights = Layer("nights", "daily", date(2026, 5, 1), ("Ada",), hours=(Hours(4, "18:00", "08:00"),))
    assert week(plan(nights)) == ["Mo 00:00 -", "Fr 18:00 Ada", "Sa 08:00 -"]
    # Also where nobody asked about the day on which they began.
    sundays = msgspec.structs.replace(nights, hours=(Hours(6, "18:00", "08:00"),))
    assert week(plan(sundays), days=1) == ["Mo 00:00 Ada", "Mo 08:00 -"]


def test_a_handover_within_the_hours_changes_the_person() -> None:
    late = Layer("late", "daily", MONDAY, ("Ada", "Ben"), handover="20:00", hours=(Hours(1, "18:00", "24:00"),))
    assert week(plan(late), days=3) == ["Mo 00:00 -", "Tu 18:00 Ada", "Tu 20:00 Ben", "We 00:00 -"]


def test_hours_that_overlap_are_one() -> None:
    hours = (Hours(0, "08:00", "12:00"), Hours(0, "10:00", "14:00"), Hours(0, "14:00", "15:00"))
    layer = Layer("day", "daily", MONDAY, ("Ada",), hours=hours)
    assert week(plan(layer), days=1) == ["Mo 00:00 -", "Mo 08:00 Ada", "Mo 15:00 -"]


def test_a_later_layer_wins_only_where_it_has_somebody() -> None:
    below = Layer("all", "weekly", date(2026, 5, 25), ("Ada",))
    above = Layer("nights", "weekly", date(2026, 5, 25), ("Ben",), hours=(Hours(0, "18:00", "22:00"),))
    assert week(plan(below, above), days=1) == ["Mo 00:00 Ada", "Mo 18:00 Ben", "Mo 22:00 Ada"]
    assert week(plan(above, below), days=1) == ["Mo 00:00 Ada"]


def test_a_layer_alone_shows_its_gaps_and_no_overrides() -> None:
    below = Layer("all", "weekly", date(2026, 5, 25), ("Ada",))
    above = Layer("nights", "weekly", date(2026, 5, 25), ("Ben",), hours=(Hours(0, "18:00", "22:00"),))
    override = Override(at("2026-06-01 00:00"), at("2026-06-02 00:00"), "Cem")
    schedule = plan(below, above, overrides=(override,))
    spans = of_layer(schedule, 1, at("2026-06-01 00:00"), at("2026-06-02 00:00"))
    assert told(spans) == ["Mo 00:00 -", "Mo 18:00 Ben", "Mo 22:00 -"]
    assert [(span.source, span.name) for span in spans] == [("gap", ""), ("layer", "nights"), ("gap", "")]


def test_on_a_holiday_only_the_layers_that_say_so_rest() -> None:
    always = Layer("all", "weekly", date(2026, 5, 25), ("Ada",))
    office = Layer("office", "weekly", date(2026, 5, 25), ("Ben",), off_on_holidays=True)
    holiday = Holiday(date(2026, 6, 2), "Republic Day")
    assert week(plan(always, office, holidays=(holiday,)), days=3) == ["Mo 00:00 Ben", "Tu 00:00 Ada", "We 00:00 Ben"]


def test_a_holiday_with_a_person_is_theirs_from_midnight_to_midnight() -> None:
    schedule = plan(
        Layer("all", "weekly", date(2026, 5, 25), ("Ada",)),
        holidays=(Holiday(date(2026, 6, 2), "Republic Day", "Cem"),),
    )
    assert week(schedule, days=3) == ["Mo 00:00 Ada", "Tu 00:00 Cem", "We 00:00 Ada"]
    span = on_duty(schedule, at("2026-06-02 12:00"))
    assert (span.person, span.source, span.name) == ("Cem", "holiday", "Republic Day")


def test_an_override_beats_layers_and_holidays_and_the_later_beats_the_earlier() -> None:
    schedule = plan(
        Layer("all", "weekly", date(2026, 5, 25), ("Ada",)),
        holidays=(Holiday(date(2026, 6, 2), "Republic Day", "Cem"),),
        overrides=(
            Override(at("2026-06-01 20:00"), at("2026-06-02 20:00"), "Dua", "o1"),
            Override(at("2026-06-02 06:00"), at("2026-06-02 07:00"), "Eva", "o2"),
        ),
    )
    assert week(schedule, days=3) == [
        "Mo 00:00 Ada",
        "Mo 20:00 Dua",
        "Tu 06:00 Eva",
        "Tu 07:00 Dua",
        "Tu 20:00 Cem",
        "We 00:00 Ada",
    ]
    span = on_duty(schedule, at("2026-06-02 06:30"))
    assert (span.source, span.id, span.name) == ("override", "o2", "")


def test_gaps_and_a_persons_shifts_are_found_in_the_spans() -> None:
    layer = Layer("nights", "daily", MONDAY, ("Ada", "Ben"), handover="12:00", hours=NIGHTS)
    spans = final(plan(layer), at("2026-06-01 18:00"), at("2026-06-04 08:00"))
    assert told(gaps(spans)) == ["Tu 08:00 -", "We 08:00 -"]
    assert told(shifts_of(spans, "Ada")) == ["Mo 18:00 Ada", "We 18:00 Ada"]


def test_two_turns_of_one_person_are_one_span() -> None:
    assert week(plan(Layer("all", "daily", date(2026, 5, 1), ("Ada",)))) == ["Mo 00:00 Ada"]


@pytest.mark.parametrize(("night", "hours"), [("2026-03-28", 11), ("2026-10-24", 13), ("2026-06-01", 12)])
def test_a_night_shift_loses_the_lost_hour_and_keeps_the_doubled_one(night: str, hours: int) -> None:
    layer = Layer(
        "nights", "daily", date(2026, 1, 1), ("Ada",), hours=tuple(Hours(d, "20:00", "08:00") for d in range(7))
    )
    noon = at(f"{night} 12:00")
    [shift] = shifts_of(final(plan(layer), noon, noon + timedelta(days=1)), "Ada")
    assert told([shift]) == [f"{told([shift])[0][:2]} 20:00 Ada"]
    assert shift.end - shift.start == timedelta(hours=hours)


def test_a_shift_within_the_lost_hour_does_not_happen_and_one_in_the_doubled_hour_happens_twice() -> None:
    layer = Layer("check", "daily", date(2026, 1, 1), ("Ada",), hours=(Hours(6, "02:00", "02:30"),))
    spring = final(plan(layer), at("2026-03-29 00:00"), at("2026-03-30 00:00"))
    autumn = final(plan(layer), at("2026-10-25 00:00"), at("2026-10-26 00:00"))
    assert shifts_of(spring, "Ada") == []
    assert [span.start.hour for span in shifts_of(autumn, "Ada")] == [0, 1]


def test_an_unknown_zone_is_an_error() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        final(plan(zone="Mars/Olympus"), at("2026-06-01 00:00"), at("2026-06-02 00:00"))


def test_an_empty_window_has_no_spans_and_an_empty_schedule_is_one_gap() -> None:
    assert final(plan(), at("2026-06-01 00:00"), at("2026-06-01 00:00")) == []
    assert week(plan()) == ["Mo 00:00 -"]


def test_a_schedule_comes_back_from_json() -> None:
    schedule = year_plan(BERLIN)
    columns = msgspec.json.decode(msgspec.json.encode(schedule))
    assert msgspec.convert(columns, Schedule) == schedule


# --- the oracle -------------------------------------------------------------------------------------------------------


def minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def today(one: Hours | Shift, weekday: int) -> Iterator[tuple[int, int, int]]:
    """What hours or a shift have of a weekday: from which minute to which, and how many days ago they began."""
    begin, end = minutes(one.begin), minutes(one.end)
    if one.day == weekday:
        yield begin, end if end > begin else 1440, 0
    if (one.day + 1) % 7 == weekday and end <= begin:
        yield 0, end, 1


class Rule(NamedTuple):
    """What a layer says about one day, for `Oracle.of` to look at in each minute."""

    layer: Layer
    since: int  # minutes from the layer's beginning to this day's
    hours: list[tuple[int, int]]
    shifts: list[tuple[int, int, str]]  # the first that fits has it


class Oracle:
    """Says who is on call in one minute, by looking at each rule in turn. Nothing here spans more than a local day."""

    def __init__(self, schedule: Schedule) -> None:
        self.zone = ZoneInfo(schedule.zone)
        self.schedule = schedule
        self.rules = cache(self.rules_of)
        self.overrides = cache(self.overrides_near)

    def __call__(self, moment: datetime) -> tuple[str | None, str]:
        for override in self.overrides(moment.toordinal()):
            if override.start <= moment < override.end:
                return override.person, "override"
        wall = moment.astimezone(self.zone)
        minute = wall.hour * 60 + wall.minute
        holiday, rules = self.rules(wall.toordinal())
        if holiday is not None:
            return holiday, "holiday"
        for rule in rules:
            person = self.of(rule, minute)
            if person is not None:
                return person, "layer"
        return None, "gap"

    def of(self, rule: Rule, minute: int) -> str | None:
        layer = rule.layer
        since = rule.since + minute
        if since < 0:
            return None
        if layer.hours:
            for begin, end in rule.hours:
                if begin <= minute < end:
                    break
            else:
                return None
        if layer.rotation == "custom":
            for begin, end, person in rule.shifts:
                if begin <= minute < end:
                    return person
            return None
        length = (7 if layer.rotation == "weekly" else 1) * layer.every * 1440
        return layer.people[since // length % len(layer.people)] if layer.people else None

    def overrides_near(self, day: int) -> list[Override]:
        """Those that touch this day of UTC, the strongest first."""
        near = [o for o in self.schedule.overrides if o.start.toordinal() - 1 <= day <= o.end.toordinal() + 1]
        return near[::-1]

    def rules_of(self, day: int) -> tuple[str | None, list[Rule]]:
        """Whose holiday a local day is, and what the layers say about it, the strongest first."""
        holidays = [holiday for holiday in self.schedule.holidays if holiday.day.toordinal() == day]
        rules = [
            self.rule_of(layer, day)
            for layer in reversed(self.schedule.layers)
            if not (layer.off_on_holidays and holidays)
            if layer.ends_on is None or day <= layer.ends_on.toordinal()
        ]
        return next((h.person for h in reversed(holidays) if h.person is not None), None), rules

    @staticmethod
    def rule_of(layer: Layer, day: int) -> Rule:
        first, weekday = layer.starts_on.toordinal(), (day - 1) % 7
        monday = first - (first - 1) % 7
        shifts = []
        for shift in reversed(layer.shifts):
            for begin, end, ago in today(shift, weekday):
                number = (day - ago - monday) // 7
                if number >= 0 and number % layer.weeks == shift.week:
                    shifts.append((begin, end, shift.person))
        handover = 0 if layer.rotation == "custom" else minutes(layer.handover)
        hours = [(begin, end) for one in layer.hours for begin, end, _ in today(one, weekday)]
        return Rule(layer, (day - first) * 1440 - handover, hours, shifts)


def check_every_minute(schedule: Schedule, begin: datetime, end: datetime) -> list[Span]:
    spans, oracle = final(schedule, begin, end), Oracle(schedule)
    assert (spans[0].start, spans[-1].end) == (begin, end)
    assert all(one.end == two.start for one, two in pairwise(spans))
    assert all(one.start < one.end for one in spans)
    assert all((one.person, one.source, one.name, one.id) != (two.person, two.source, two.name, two.id)
               for one, two in pairwise(spans))  # fmt: skip
    moment = begin
    for span in spans:
        while moment < span.end:
            said = oracle(moment)
            if said != (span.person, span.source):
                pytest.fail(f"{moment.astimezone(oracle.zone)}: {span.person} ({span.source}), but it should be {said}")
            moment += MINUTE
    return spans


def check_moments(schedule: Schedule, spans: list[Span], moments: list[datetime]) -> None:
    for span in spans:
        for moment in (span.start, span.end - timedelta.resolution):
            duty = on_duty(schedule, moment)
            assert (duty.person, duty.source, duty.name, duty.id) == (span.person, span.source, span.name, span.id)
            assert duty.start == duty.end == moment
    oracle = Oracle(schedule)
    for moment in moments:
        duty = on_duty(schedule, moment)
        assert (duty.person, duty.source) == oracle(moment)


def swap(first: str, one: str, second: str, other: str, zone: str) -> tuple[Override, Override]:
    """Two people take each other's day."""
    return tuple(
        Override(at(f"{day} 08:00", zone), at(f"{day} 08:00", zone) + timedelta(days=1), person, f"swap-{day}")
        for day, person in ((first, other), (second, one))
    )  # type: ignore[return-value]


def year_plan(zone: str) -> Schedule:
    weekend = tuple(
        Shift(number, day, begin, end, person)
        for number, people in enumerate((("Gil", "Hal"), ("Ida", "Gil")))
        for day in (5, 6)
        for (begin, end), person in zip((("07:00", "19:30"), ("19:30", "02:15")), people, strict=True)
    )
    return Schedule(
        zone,
        (
            Layer("base", "weekly", date(2026, 1, 12), ("Ada", "Ben", "Cem"), ends_on=date(2026, 12, 20)),
            Layer("nights", "daily", date(2025, 11, 3), ("Dua", "Eva"), every=3, handover="02:30", hours=NIGHTS[:5],
                  off_on_holidays=True),
            Layer("weekends", "custom", date(2026, 2, 4), weeks=2, shifts=weekend),
            Layer("small hours", "weekly", date(2026, 1, 4), ("Jo", "Kit"), handover="01:45",
                  hours=(Hours(6, "01:30", "03:10"),), ends_on=date(2026, 11, 2)),
        ),
        (
            Holiday(date(2026, 1, 1), "New Year"),
            Holiday(date(2026, 5, 1), "Labour Day"),
            Holiday(date(2026, 10, 25), "Harvest", "Lea"),
            Holiday(date(2026, 12, 25), "Christmas", "Mo"),
            Holiday(date(2026, 12, 26), "Boxing Day"),
        ),
        (
            *swap("2026-03-10", "Ada", "2026-03-17", "Ben", zone),
            *swap("2026-07-10", "Cem", "2026-08-04", "Ada", zone),
            *swap("2026-10-24", "Dua", "2026-10-31", "Eva", zone),
            Override(at("2026-03-29 01:30", zone), at("2026-03-29 06:00", zone), "Nia", "o1"),
            Override(at("2026-04-04 22:00", zone), at("2026-04-05 02:10", zone), "Ola", "o2"),
            Override(at("2026-12-25 10:00", zone), at("2026-12-25 12:00", zone), "Pia", "o3"),
            Override(at("2026-12-25 11:00", zone), at("2026-12-28 11:00", zone), "Ria", "o4"),
        ),
    )  # fmt: skip


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, LORD_HOWE])
def test_every_minute_of_a_year_has_the_person_that_the_wall_clock_says(zone: str) -> None:
    schedule = year_plan(zone)
    begin, end = at("2026-01-01 00:00", zone).astimezone(UTC), at("2027-01-01 00:00", zone).astimezone(UTC)
    offsets = {(begin + timedelta(days=day)).astimezone(ZoneInfo(zone)).utcoffset() for day in range(365)}
    assert len(offsets) == 2, "the year has to have both changes"

    spans = check_every_minute(schedule, begin, end)

    assert {span.source for span in spans} == {"layer", "holiday", "override", "gap"}
    check_moments(schedule, spans, [])


# --- any schedule -----------------------------------------------------------------------------------------------------

# A zone and a day near which its clocks change: in spring, in autumn, by half an hour, at midnight, for Ramadan, by a
# whole day that was left out, and never.
CHANGES = (
    (BERLIN, date(2026, 3, 29)),
    (BERLIN, date(2026, 10, 25)),
    (NEW_YORK, date(2026, 3, 8)),
    (NEW_YORK, date(2026, 11, 1)),
    (LORD_HOWE, date(2026, 4, 5)),
    (LORD_HOWE, date(2026, 10, 4)),
    ("America/Sao_Paulo", date(2018, 11, 4)),
    ("Africa/Casablanca", date(2026, 2, 15)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Asia/Kathmandu", date(2026, 6, 1)),
)
PEOPLE = st.sampled_from(("Ada", "Ben", "Cem", "Dua"))
CLOCKS = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from((0, 15, 30, 59))) | st.sampled_from(
    ("00:00", "01:00", "02:00", "02:30", "03:00")
)
ENDS = CLOCKS | st.just("24:00")
HOURS = st.builds(Hours, st.integers(0, 6), CLOCKS, ENDS)


@st.composite
def layers(draw: st.DrawFn, near: date) -> Layer:
    weeks = draw(st.integers(1, 3))
    return Layer(
        name=draw(st.sampled_from(("low", "high"))),
        rotation=draw(st.sampled_from(("daily", "weekly", "custom"))),
        starts_on=near + timedelta(days=draw(st.integers(-30, 2))),
        people=draw(st.sampled_from((("Ada",), ("Ben", "Cem"), ("Dua", "Ada", "Ben"), ()))),
        every=draw(st.integers(1, 3)),
        handover=draw(CLOCKS),
        ends_on=draw(st.none() | st.just(date.max) | st.builds(lambda n: near + timedelta(days=n), st.integers(-3, 3))),
        hours=tuple(draw(st.just([]) | st.lists(HOURS, min_size=1, max_size=6))),
        weeks=weeks,
        shifts=tuple(
            draw(
                st.lists(
                    st.builds(Shift, st.integers(0, weeks - 1), st.integers(0, 6), CLOCKS, ENDS, PEOPLE), max_size=6
                )
            )
        ),
        off_on_holidays=draw(st.booleans()),
    )


@st.composite
def situations(draw: st.DrawFn, change: tuple[str, date] | None = None) -> tuple[Schedule, datetime, datetime]:
    """A schedule and a window around a change of its clocks."""
    zone, near = change or draw(st.sampled_from(CHANGES))
    noon = datetime.combine(near, time(12), tzinfo=UTC)
    moments = st.builds(lambda n: noon + n * MINUTE, st.integers(-3 * 1440, 2 * 1440))
    days = st.builds(lambda n: near + timedelta(days=n), st.integers(-3, 3))
    schedule = Schedule(
        zone,
        tuple(draw(st.lists(layers(near), min_size=1, max_size=3))),
        tuple(draw(st.lists(st.builds(Holiday, days, st.just("Day"), st.none() | PEOPLE), max_size=3))),
        tuple(draw(st.lists(st.builds(Override, moments, moments, PEOPLE, st.sampled_from("abc")), max_size=4))),
    )
    # Mostly days, sometimes minutes, never only what Hypothesis finds simplest: a short window shows next to nothing.
    begin = noon + draw(st.sampled_from(range(-2 * 1440, 1440, 7))) * MINUTE
    return schedule, begin, begin + draw(st.sampled_from((*range(720, 2 * 1440, 61), 1, 30, 90))) * MINUTE


@pytest.mark.parametrize("change", CHANGES, ids=str)
@given(drawn=st.data(), places=st.lists(st.floats(0, 1, exclude_max=True), max_size=10))
@settings(max_examples=20, deadline=None)
def test_any_schedule_around_any_change_says_what_the_oracle_says(
    change: tuple[str, date], drawn: st.DataObject, places: list[float]
) -> None:
    situation = drawn.draw(situations(change))
    schedule, begin, end = situation
    spans = check_every_minute(schedule, begin, end)
    check_moments(schedule, spans, [begin + int((end - begin) / MINUTE * place) * MINUTE for place in places])


@given(situation=situations(), cut=st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_a_window_in_two_parts_says_the_same(situation: tuple[Schedule, datetime, datetime], cut: float) -> None:
    schedule, begin, end = situation
    middle = begin + (end - begin) * cut
    whole = []
    for span in final(schedule, begin, end):
        if span.start < middle < span.end:
            whole += [msgspec.structs.replace(span, end=middle), msgspec.structs.replace(span, start=middle)]
        else:
            whole.append(span)
    assert [*final(schedule, begin, middle), *final(schedule, middle, end)] == whole


@given(situation=situations())
@settings(max_examples=40, deadline=None)
def test_a_layer_alone_is_a_schedule_of_that_layer_and_nothing_else(
    situation: tuple[Schedule, datetime, datetime],
) -> None:
    schedule, begin, end = situation
    free = tuple(msgspec.structs.replace(holiday, person=None) for holiday in schedule.holidays)
    for index, layer in enumerate(schedule.layers):
        alone = Schedule(schedule.zone, (layer,), free)
        assert of_layer(schedule, index, begin, end) == final(alone, begin, end)
