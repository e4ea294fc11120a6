"""Shifts as calendars: what others can subscribe to, and what strangers' bytes can and can't do to us."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from time import thread_time
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.oncall import calendars
from alerts.oncall.calendars import CalendarUnreadable, Occurrence, feed, read
from alerts.oncall.rota import Span

BERLIN = "Europe/Berlin"
BEGIN, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
MADE_AT = datetime(2026, 2, 1, 12, tzinfo=UTC)


def calendar(*events: str, before: str = "") -> bytes:
    """A calendar of events, each the lines of one."""
    bodies = "".join(f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{before}{bodies}END:VCALENDAR\n".replace("\n", "\r\n").encode()


def occurrences(*events: str, before: str = "", begin: datetime = BEGIN, end: datetime = END) -> list[Occurrence]:
    return read(calendar(*events, before=before), zone=BERLIN, begin=begin, end=end)


def told(found: list[Occurrence]) -> list[str]:
    """ "28.03. 20:00 – 29.03. 08:00" in Berlin for each."""
    zone = ZoneInfo(BERLIN)
    return [f"{one.start.astimezone(zone):%d.%m. %H:%M} – {one.end.astimezone(zone):%d.%m. %H:%M}" for one in found]


def why_not(data: bytes) -> str:
    with pytest.raises(CalendarUnreadable) as raised:
        read(data, zone=BERLIN, begin=BEGIN, end=END)
    return str(raised.value)


# --- ours -------------------------------------------------------------------------------------------------------------


def shift(person: str | None, hour: int, hours: int = 8) -> Span:
    start = datetime(2026, 3, 28, hour, tzinfo=UTC)
    return Span(start, start + timedelta(hours=hours), person, "layer" if person else "gap", "Nights", "")


def our_feed(*spans: Span, name: str = "Kitchen, on call") -> bytes:
    return feed(
        name=name,
        spans=spans,
        label=lambda s: f"On call: {s.person}",
        uid="plan-7@freshtrack",
        made_at=MADE_AT,
        zone=BERLIN,
    )


def test_a_feed_has_an_event_for_each_shift_that_has_a_person() -> None:
    parsed = icalendar.Calendar.from_ical(our_feed(shift("ada", 0), shift(None, 8), shift("ben", 16)))
    events = [(str(e["UID"]), e["DTSTART"].dt, e["DTEND"].dt, str(e["SUMMARY"])) for e in parsed.walk("VEVENT")]
    day = datetime(2026, 3, 28, tzinfo=UTC)
    hour = timedelta(hours=1)
    assert events == [
        ("plan-7@freshtrack-ada-20260328T000000Z", day, day + 8 * hour, "On call: ada"),
        ("plan-7@freshtrack-ben-20260328T160000Z", day + 16 * hour, day + 24 * hour, "On call: ben"),
    ]


def test_a_feed_says_how_it_is_called_where_it_is_and_how_often_to_look() -> None:
    lines = our_feed(shift("ada", 0)).decode().split("\r\n")
    assert {
        "VERSION:2.0",
        "X-WR-CALNAME:Kitchen\\, on call",
        "X-WR-TIMEZONE:Europe/Berlin",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "DTSTART:20260328T000000Z",
        "DTSTAMP:20260201T120000Z",
    } <= set(lines)


def test_a_feed_of_the_same_shifts_is_the_same_feed() -> None:
    assert our_feed(shift("ada", 0)) == our_feed(shift("ada", 0))


def test_a_name_cant_write_lines_of_its_own() -> None:
    feed_ = our_feed(shift("ada\r\nATTENDEE:mailto:eve@example.com", 0), name="Kitchen\r\nMETHOD:CANCEL")
    parsed = icalendar.Calendar.from_ical(feed_)
    [event] = parsed.walk("VEVENT")
    assert "METHOD" not in parsed
    assert "ATTENDEE" not in event


def test_what_we_write_we_can_read() -> None:
    found = read(our_feed(shift("ada", 0), shift("ben", 20, 12)), zone="UTC", begin=BEGIN, end=END)
    assert [(one.start, one.end, one.summary) for one in found] == [
        (s.start, s.end, f"On call: {s.person}") for s in (shift("ada", 0), shift("ben", 20, 12))
    ]


# --- theirs -----------------------------------------------------------------------------------------------------------

SHIFT = """
UID:one
DTSTART;TZID=Europe/Berlin:20260328T200000
DTEND;TZID=Europe/Berlin:20260329T080000
SUMMARY:Nights
"""


def test_an_event_says_when_what_and_who() -> None:
    people = "ORGANIZER;CN=Chef:MAILTO:Chef@Example.com\nATTENDEE;PARTSTAT=ACCEPTED:mailto:ada@example.com"
    [found] = occurrences(f"{SHIFT.strip()}\n{people}\nATTENDEE:mailto:ADA@example.com\nATTENDEE:tel:+49")
    assert found == Occurrence(
        uid="one",
        start=datetime(2026, 3, 28, 19, tzinfo=UTC),
        end=datetime(2026, 3, 29, 6, tzinfo=UTC),
        summary="Nights",
        emails=("ada@example.com", "chef@example.com"),
    )


def test_a_repeated_event_follows_its_own_clock_over_the_change_to_summer() -> None:
    assert told(occurrences(SHIFT + "RRULE:FREQ=DAILY;COUNT=3")) == [
        "28.03. 20:00 – 29.03. 08:00",
        "29.03. 20:00 – 30.03. 08:00",
        "30.03. 20:00 – 31.03. 08:00",
    ]


def test_exceptions_and_moved_repetitions_count() -> None:
    series = SHIFT + "RRULE:FREQ=WEEKLY;COUNT=4\nEXDATE;TZID=Europe/Berlin:20260404T200000"
    moved = """
UID:one
RECURRENCE-ID;TZID=Europe/Berlin:20260411T200000
DTSTART;TZID=Europe/Berlin:20260412T180000
DTEND;TZID=Europe/Berlin:20260412T190000
SUMMARY:Moved
"""
    found = occurrences(series, moved)
    assert told(found) == ["28.03. 20:00 – 29.03. 08:00", "12.04. 18:00 – 12.04. 19:00", "18.04. 20:00 – 19.04. 08:00"]
    assert [one.summary for one in found] == ["Nights", "Moved", "Nights"]


def test_cancelled_events_and_cancelled_repetitions_are_left_out() -> None:
    series = SHIFT + "RRULE:FREQ=WEEKLY;COUNT=2"
    called_off = SHIFT + "RECURRENCE-ID;TZID=Europe/Berlin:20260328T200000\nSTATUS:CANCELLED"
    other = SHIFT.replace("UID:one", "UID:two") + "STATUS:cancelled"
    assert told(occurrences(series, called_off, other)) == ["04.04. 20:00 – 05.04. 08:00"]


def test_a_whole_day_is_the_local_day() -> None:
    spring = "UID:a\nDTSTART;VALUE=DATE:20260329"
    autumn = "UID:b\nDTSTART;VALUE=DATE:20261025\nDTEND;VALUE=DATE:20261027"
    found = occurrences(spring, autumn, end=datetime(2026, 12, 1, tzinfo=UTC))
    assert told(found) == ["29.03. 00:00 – 30.03. 00:00", "25.10. 00:00 – 27.10. 00:00"]
    assert [one.end - one.start for one in found] == [timedelta(hours=23), timedelta(hours=49)]


def test_a_whole_day_that_repeats_is_the_local_day_each_time() -> None:
    assert told(occurrences("UID:a\nDTSTART;VALUE=DATE:20260328\nRRULE:FREQ=DAILY;UNTIL=20260329")) == [
        "28.03. 00:00 – 29.03. 00:00",
        "29.03. 00:00 – 30.03. 00:00",
    ]


def test_a_time_without_a_zone_is_local() -> None:
    event = "UID:a\nDTSTART:20260328T080000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2"
    assert [one.start.hour for one in occurrences(event)] == [7, 6]


@pytest.mark.parametrize(
    "zone",
    [
        "W. Europe Standard Time",
        '"W. Europe Standard Time"',
        "/freeassociation.sourceforge.net/Europe/Berlin",
        '"Europe/Berlin"',
    ],
)
def test_zones_of_other_makers_are_known(zone: str) -> None:
    assert [one.start.hour for one in occurrences(SHIFT.replace("Europe/Berlin", zone))] == [19]


def test_an_unknown_zone_is_named_instead_of_guessed() -> None:
    assert "“Canteen Time”" in why_not(calendar(SHIFT.replace("Europe/Berlin", "Canteen Time")))
    assert "don't know" in why_not(calendar(SHIFT.replace("Europe/Berlin", "tzone://Microsoft/Custom")))


def test_a_zone_that_one_calendar_defines_doesnt_bend_the_times_of_the_next() -> None:
    lie = """BEGIN:VTIMEZONE
TZID:W. Europe Standard Time
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:+1100
TZOFFSETTO:+1100
END:STANDARD
END:VTIMEZONE
"""
    windows = SHIFT.replace("Europe/Berlin", "W. Europe Standard Time")
    assert occurrences(windows, before=lie) == occurrences(windows) == occurrences(SHIFT)


def test_only_what_overlaps_the_window_is_told() -> None:
    begin, end = datetime(2026, 3, 29, 6, tzinfo=UTC), datetime(2026, 3, 29, 18, tzinfo=UTC)
    assert occurrences(SHIFT + "RRULE:FREQ=DAILY;COUNT=3", begin=begin, end=end) == []
    assert len(occurrences(SHIFT + "RRULE:FREQ=DAILY;COUNT=3", begin=begin, end=end + timedelta(minutes=1))) == 1


def test_a_long_event_that_began_before_the_window_is_told() -> None:
    event = "UID:a\nDTSTART:20250101T000000Z\nDTEND:20270101T000000Z"
    assert told(occurrences(event)) == ["01.01. 01:00 – 01.01. 01:00"]


def test_alarms_descriptions_and_tasks_dont_matter() -> None:
    noise = (
        'DESCRIPTION:BEGIN:VEVENT\\n\n folded\nX-ANY;Q="a:b":c\nBEGIN:VALARM\nTRIGGER:-PT15M\nSUMMARY:No\nEND:VALARM'
    )
    task = "BEGIN:VTODO\nDTSTART:nonsense\nRRULE:FREQ=SECONDLY\nEND:VTODO\n"
    [found] = occurrences(SHIFT + noise, before=task)
    assert found.summary == "Nights"


def test_an_empty_calendar_has_nothing() -> None:
    assert occurrences() == []


# --- what we refuse ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"<html>Sign in</html>", b"BEGIN:VEVENT\r\nEND:VEVENT\r\n"])
def test_what_isnt_a_calendar_is_refused(data: bytes) -> None:
    assert why_not(data).startswith("This isn't a calendar.")


def test_a_calendar_that_was_cut_off_is_refused_since_half_a_rota_looks_whole() -> None:
    whole = calendar(SHIFT, SHIFT.replace("one", "two"))
    assert "cut off" in why_not(whole[: whole.rindex(b"BEGIN:VEVENT")])
    assert "cut off" in why_not(whole[: whole.rindex(b"END:VEVENT")])


@pytest.mark.parametrize(
    "event",
    [
        "UID:a",
        "UID:a\nDTSTART:tomorrow",
        "UID:a\nDTSTART:20260230T080000Z",
        "UID:a\nDTSTART:20260301T080000Z\nDTSTART:20260302T080000Z",
        "UID:a\nDTSTART:20260301T080000Z\nDTEND:later",
        "UID:a\nDTSTART;VALUE=DATE:99991231",
        SHIFT + "RRULE:DAILY",
        SHIFT + "RRULE:FREQ=DAILY;BYDAY=XX",
        SHIFT + "RRULE:FREQ=DAILY;INTERVAL=0",
        SHIFT + "RRULE:FREQ=DAILY;INTERVAL=-1",
        SHIFT + "RRULE:FREQ=DAILY;COUNT=2;UNTIL=20260401T000000Z",
        SHIFT + "EXDATE:never",
    ],
)
def test_a_broken_event_is_refused(event: str) -> None:
    assert why_not(calendar(event)).startswith("We can't read this calendar")


def test_other_calendar_systems_are_refused() -> None:
    assert "Gregorian" in why_not(calendar(SHIFT, before="CALSCALE:HEBREW\n"))


def test_too_much_data_is_refused() -> None:
    assert "1 MiB" in why_not(calendar(SHIFT + "DESCRIPTION:" + "x" * calendars.MOST_BYTES))
    assert "4,000 events" in why_not(calendar(*["DTSTART:20260101"] * (calendars.MOST_EVENTS + 1)))


def test_too_many_occurrences_are_refused() -> None:
    year = BEGIN + timedelta(days=366)
    daily = [SHIFT.replace("one", str(n)) + "RRULE:FREQ=DAILY;COUNT=250" for n in range(9)]
    assert len(occurrences(*daily[:8], end=year)) == 2_000
    with pytest.raises(CalendarUnreadable, match="2,000"):
        occurrences(*daily, end=year)


def test_a_window_of_more_than_a_year_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="366 days"):
        occurrences(end=BEGIN + timedelta(days=367))


UTC_SHIFT = "UID:a\nDTSTART:20200101T080000Z\nDURATION:PT8H\n"
MANY = ",".join(map(str, range(1, 90)))
BOMBS = {
    "secondly": [UTC_SHIFT + "RRULE:FREQ=SECONDLY"],
    "minutely": [UTC_SHIFT + "RRULE:FREQ=MINUTELY;COUNT=5"],
    "every second of a day": [
        UTC_SHIFT + f"RRULE:FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE={','.join(map(str, range(60)))};BYSECOND=1,2"
    ],
    "never, by years": [UTC_SHIFT + "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"],
    "never, by months": [UTC_SHIFT + "RRULE:FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30"],
    "never, by weeks": [UTC_SHIFT + "RRULE:FREQ=WEEKLY;BYMONTH=2;BYMONTHDAY=30"],
    "never, by days": [UTC_SHIFT + "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"],
    "never, by hours": [UTC_SHIFT + "RRULE:FREQ=HOURLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=30"],
    "since the year 1": ["UID:a\nDTSTART:00010101T000000Z\nRRULE:FREQ=DAILY"],
    "since the year 1 and long": ["UID:a\nDTSTART:00010101T000000Z\nDTEND:90000101T000000Z\nRRULE:FREQ=DAILY"],
    "positions": [UTC_SHIFT.replace("2020", "0001") + f"RRULE:FREQ=YEARLY;BYSETPOS={MANY}"],
    "a thousand rules": [UTC_SHIFT.replace("UID:a", f"UID:{n}") + "RRULE:FREQ=DAILY" for n in range(1000)],
    "a thousand rules in one": [UTC_SHIFT + "\n".join(f"RRULE:FREQ=DAILY;INTERVAL={n}" for n in range(1, 3000))],
    "endless list": [UTC_SHIFT + "RRULE:FREQ=DAILY;BYDAY=" + "MO," * 100_000 + "MO"],
    "endless dates": [UTC_SHIFT + "RDATE:" + ",".join(["20200101"] * 100_000)],
    "endless name": [f"UID:{'x' * 1_000_000}\nDTSTART:20260301T080000Z\nRRULE:FREQ=DAILY"],
    "everything from here on": [
        "UID:a\nDTSTART:20000101T000000Z\nRRULE:FREQ=DAILY",
        *(
            f"UID:a\nRECURRENCE-ID;RANGE=THISANDFUTURE:{date(2000, 1, 1) + timedelta(days=n):%Y%m%d}T000000Z\n"
            "DTSTART:20260301T000000Z\nDURATION:PT8H"
            for n in range(2000)
        ),
    ],
    "a rule behind a strange end of line": [UTC_SHIFT + "SUMMARY:a\x0bRRULE:FREQ=SECONDLY"],
}


@pytest.mark.parametrize("events", BOMBS.values(), ids=BOMBS.keys())
def test_endless_repetitions_are_refused_soon(events: list[str]) -> None:
    began = thread_time()
    message = why_not(calendar(*events))
    assert message.startswith(("We can't read this calendar", "This calendar"))
    # Of this thread's own work; about a second at the worst, here with room for a slow machine.
    assert thread_time() - began < 4


def test_a_definition_of_a_zone_cant_repeat_endlessly_since_nobody_reads_it() -> None:
    rule = "BEGIN:STANDARD\nDTSTART:19700101T000000\nRRULE:FREQ=SECONDLY\nEND:STANDARD\n"
    bomb = f"BEGIN:VTIMEZONE\nTZID:X\n{rule}END:VTIMEZONE\n"
    assert len(occurrences(SHIFT, before=bomb)) == 1


def test_a_thousand_guests_and_a_book_for_a_title_are_cut() -> None:
    guests = "\n".join(f"ATTENDEE:mailto:{n}@example.com" for n in range(1000))
    [found] = occurrences(f"{SHIFT.strip()}x{'y' * 100_000}\n{guests}")
    assert (len(found.emails), len(found.summary)) == (calendars.MOST_ATTENDEES, 200)


# --- any bytes --------------------------------------------------------------------------------------------------------

RICH = calendar(
    SHIFT + "RRULE:FREQ=WEEKLY;BYDAY=MO,SA;COUNT=9\nEXDATE;TZID=Europe/Berlin:20260404T200000\nATTENDEE:mailto:a@b.c",
    SHIFT.replace("0328", "0412").replace("0329", "0413")
    + "RECURRENCE-ID;TZID=Europe/Berlin:20260411T200000\nSEQUENCE:2",
    "UID:two\nDTSTART;VALUE=DATE:20260301\nRRULE:FREQ=MONTHLY;BYMONTHDAY=1;UNTIL=20260901\nRDATE;VALUE=DATE:20260310",
    'UID:three\nDTSTART:20260315T080000\nDURATION:PT4H\nSTATUS:CONFIRMED\nORGANIZER;CN="A: B":mailto:c@d.e',
)
LINES = RICH.split(b"\r\n")
NOISE = (
    "",
    *"=;:, 0ZT",
    *("-1", "99999999999", "\x00", "\r\n"),
    *("FREQ=HOURLY", "INTERVAL=0", "UNTIL=1", "BYDAY=1MO", "BYSETPOS=-1"),
    *("VALUE=PERIOD", "TZID=UTC", "RANGE=THISANDFUTURE"),
)
PARTS = st.sampled_from([*LINES, *(noise.encode() for noise in NOISE)]) | st.binary(max_size=8)


def read_or_refused(data: bytes) -> None:
    try:
        found = read(data, zone=BERLIN, begin=BEGIN, end=END)
    except CalendarUnreadable:
        return
    assert all(one.start < END and one.end > BEGIN and one.start.tzinfo is UTC for one in found)


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read_or_refused(data)


@given(st.lists(PARTS, max_size=30))
@settings(max_examples=150, deadline=None)
def test_any_lines_in_an_event_are_read_or_refused(lines: list[bytes]) -> None:
    read_or_refused(b"\r\n".join([b"BEGIN:VCALENDAR", b"BEGIN:VEVENT", *lines, b"END:VEVENT", b"END:VCALENDAR"]))


@given(st.lists(st.tuples(st.integers(0, len(RICH)), st.integers(0, 12), PARTS), max_size=5))
@settings(max_examples=200, deadline=None)
def test_a_damaged_calendar_is_read_or_refused(damages: list[tuple[int, int, bytes]]) -> None:
    data = RICH
    for place, length, part in damages:
        data = data[:place] + part + data[place + length :]
    read_or_refused(data)
