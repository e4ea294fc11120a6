"""Shifts as calendars: ours to subscribe to, and others' to read. Pure: whoever calls fetches and stores.

Note [Calendars from outside].
A calendar comes from a stranger, and a short one can ask for endless work. So only the few properties that say who is
on duty when get as far as the library, everything is counted, and what goes over a limit is refused with words for a
person. Refused, never shortened: half a rota looks like a whole one. Definitions of time zones are left out as well:
the library keeps them by name for the whole process, where one customer's would bend the times of all others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from math import prod
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import icalendar
import msgspec
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON
from recurring_ical_events import CalendarQuery
from recurring_ical_events.selection.name import ComponentsWithName
from recurring_ical_events.series import Series

from alerts.oncall.rota import Span

# A team's rota of five years is about 300 KB; whole mailboxes aren't rotas.
MOST_BYTES = 1024 * 1024
# Five shifts a day for a year are 1,825.
MOST_OCCURRENCES = 2_000
# Nobody plans further, and a day more is for leap years.
MOST_WINDOW = timedelta(days=366)
# Lines and dates that reach the library, which reads some 40,000 a second.
MOST_LINES = 20_000
# The library needs about 0.1 ms for an event even if it is outside of the window.
MOST_EVENTS = 4_000
# A shift has a few people; more are a company's party, and each would be copied to each repetition.
MOST_ATTENDEES = 50
# What repetitions may cost, in days that a rule looks at: about half a second. Ten years of a daily shift are 11,000.
MOST_STEPS = 400_000
# A rule names at most the days of a month and some months; endless lists make each of its steps slow.
MOST_RULE_VALUES = 100
MOST_TIMES_A_DAY = 24
MOST_RULES = 10
_MOST_LINE = 2_000
_MOST_SUMMARY = 200

_UNREADABLE = "We can't read this calendar: an event in it is broken."
_TOO_MUCH = "We can't read this calendar: its events repeat too often."
_NO_CALENDAR = "This isn't a calendar. It has to be an iCalendar file (.ics)."

_FOLD = re.compile(r"(?:\r\n|\n|\r)[ \t]")
_PROPERTY = re.compile(r'([A-Za-z-]+)((?:;[^:"]*(?:"[^"]*"[^:"]*)*)?):(.*)')
_TZID = re.compile(r';TZID=(?:"([^"]*)"|([^;"]*))', re.IGNORECASE)
_VALUE = re.compile(r";VALUE=(DATE|PERIOD)(?=;|$)", re.IGNORECASE)
_FROM_THEN_ON = re.compile(r";RANGE=THISANDFUTURE(?=;|$)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_DATES = {"DTSTART", "DTEND", "RDATE", "EXDATE", "RECURRENCE-ID"}
_PEOPLE = {"ATTENDEE", "ORGANIZER"}
_PLAIN = {"UID", "STATUS", "SEQUENCE", "DURATION", "RRULE"}
# Days that a rule looks at in one step, with some for the step itself.
_STEP_COST = {"YEARLY": 60, "MONTHLY": 15, "WEEKLY": 5, "DAILY": 3, "HOURLY": 3}


class CalendarUnreadable(ValueError):
    """Bytes that are no calendar we can or want to read. The message is for the person who gave it to us."""


class Occurrence(msgspec.Struct, frozen=True):
    """One time at which an event of a calendar happens, in UTC. `emails` are its people's, in small letters."""

    uid: str
    start: datetime
    end: datetime
    summary: str
    emails: tuple[str, ...]


def feed(
    *, name: str, spans: Iterable[Span], label: Callable[[Span], str], uid: str, made_at: datetime, zone: str
) -> bytes:
    """A calendar (RFC 5545) of the shifts that have a person. The same shift has the same UID each time.

    `label` says what people read in their calendar, `uid` makes the UIDs ours.
    """
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//FreshTrack//On call//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", icalendar.vText(_one_line(name)))
    calendar.add("x-wr-timezone", zone)
    calendar.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
    for span in spans:
        if span.person is None:
            continue
        event = icalendar.Event()
        event.add("uid", _one_line(f"{uid}-{span.person}-{span.start.astimezone(UTC):%Y%m%dT%H%M%SZ}"))
        event.add("dtstamp", made_at.astimezone(UTC))
        event.add("dtstart", span.start.astimezone(UTC))
        event.add("dtend", span.end.astimezone(UTC))
        event.add("summary", _one_line(label(span)))
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def _one_line(text: str) -> str:
    return _CONTROL.sub(" ", text)


def read(data: bytes, *, zone: str, begin: datetime, end: datetime) -> list[Occurrence]:
    """What happens in [begin, end), repetitions included, cancelled events not; in order of their beginnings.

    Whole days and times without a zone are meant in `zone`. Raises CalendarUnreadable whatever is wrong with the bytes;
    a window of more than MOST_WINDOW is the caller's mistake, a ValueError.
    """
    if not timedelta() < end - begin <= MOST_WINDOW:
        raise ValueError("The window of a calendar has to be between nothing and 366 days.")
    here = ZoneInfo(zone)
    if len(data) > MOST_BYTES:
        raise CalendarUnreadable("This calendar is too big: at most 1 MiB.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CalendarUnreadable(_NO_CALENDAR) from None
    sifted = _sifted(text)
    try:
        found = [_told(occurrence, here) for occurrence in _expanded(sifted, here, begin, end)]
    except CalendarUnreadable:
        raise
    except Exception as error:
        # Two libraries' worth of reasons, from a missing value to a date beyond the year 9999.
        raise CalendarUnreadable(_UNREADABLE) from error
    inside = [one for one in found if one is not None and one.start < end and one.end > begin]
    return sorted(inside, key=lambda one: (one.start, one.end, one.uid))


# --- what may reach the library ---------------------------------------------------------------------------------------


def _sifted(text: str) -> bytes:
    """The calendar with nothing in it but events, and in them only what `read` looks at."""
    kept = ["BEGIN:VCALENDAR"]
    inside: list[str] = []
    event: list[tuple[str, str, str]] = []
    found, events, dates = False, 0, 0
    # splitlines knows more ends of a line than the library does, so nothing can hide behind one of them.
    for line in _FOLD.sub("", text).splitlines():
        if (match := _PROPERTY.match(line)) is None:
            continue
        name, value = match[1].upper(), match[3]
        if name == "BEGIN":
            inside.append(value.strip().upper())
            found = found or inside == ["VCALENDAR"]
        elif name == "END":
            if not inside or inside.pop() != value.strip().upper():
                raise CalendarUnreadable("We can't read this calendar: it is cut off or mixed up.")
            if inside == ["VCALENDAR"] and event:
                kept += ["BEGIN:VEVENT", *_event(event), "END:VEVENT"]
                events, event = events + 1, []
        elif inside == ["VCALENDAR", "VEVENT"]:
            event.append((name, match[2], value))
            dates += value.count(",") if name in _DATES else 0
        elif name == "CALSCALE" and value.strip().upper() != "GREGORIAN":
            raise CalendarUnreadable("We can only read calendars with the usual (Gregorian) years.")
        if events > MOST_EVENTS:
            raise CalendarUnreadable(f"This calendar is too big: at most {MOST_EVENTS:,} events.")
        if len(kept) + dates > MOST_LINES:
            raise CalendarUnreadable(f"This calendar is too big: at most {MOST_LINES:,} lines and dates.")
    if inside or not found:
        raise CalendarUnreadable("We can't read this calendar: it is cut off." if found else _NO_CALENDAR)
    return "\r\n".join([*kept, "END:VCALENDAR", ""]).encode()


def _event(properties: list[tuple[str, str, str]]) -> Iterator[str]:
    """The lines of an event that we pass on."""
    counts = Counter(name for name, _, _ in properties)
    # The standard wants one; each that is added makes the whole series slower.
    if counts["RRULE"] > MOST_RULES:
        raise CalendarUnreadable(_TOO_MUCH)
    if counts["DTSTART"] != 1:
        raise CalendarUnreadable("We can't read this calendar: an event has no beginning.")
    people = 0
    for name, parameters, value in properties:
        # An event that replaces one repetition happens once, whatever else it was copied with.
        if counts["RECURRENCE-ID"] and name in {"RRULE", "RDATE", "EXDATE"}:
            continue
        if name in _DATES:
            yield _dates(name, parameters, value)
        elif name in _PLAIN:
            if name == "RRULE":
                _check_rule(value)
            yield f"{name}:{_short(value)}"
        elif name == "SUMMARY" and counts[name] == 1:
            yield f"{name}:{value[:_MOST_SUMMARY]}"
        elif name in _PEOPLE and value[:7].lower() == "mailto:" and people < MOST_ATTENDEES:
            people += 1
            yield f"{name}:{_short(value)}"


def _short(value: str) -> str:
    if len(value) > _MOST_LINE:
        raise CalendarUnreadable(_UNREADABLE)
    return value


def _dates(name: str, parameters: str, value: str) -> str:
    """A line of dates, its zone by the name that this machine knows it by."""
    # Some write zones as addresses, without the quotes that their colon needs: the date is behind the last one.
    extra, _, value = value.rpartition(":")
    parameters = f"{parameters}:{extra}" if extra else parameters
    line = name
    if (zone := _TZID.search(parameters)) is not None and not value.endswith(("Z", "z")):
        line += f";TZID={_known_zone(zone[1] or zone[2] or '')}"
    if (kind := _VALUE.search(parameters)) is not None:
        line += f";VALUE={kind[1].upper()}"
    if name == "RECURRENCE-ID" and _FROM_THEN_ON.search(parameters):
        line += ";RANGE=THISANDFUTURE"
    return f"{line}:{value}"


@cache
def _zones() -> set[str]:
    """All zones of this machine, once: it looks through a folder."""
    return available_timezones()


@lru_cache(maxsize=256)
def _known_zone(name: str) -> str:
    """The IANA name of a zone that may be Windows' or have a maker's address in front."""
    known = _zones()
    cleaned = name.strip().strip("/")
    if (cleaned := WINDOWS_TO_OLSON.get(cleaned, cleaned)) in known:
        return cleaned
    parts = cleaned.split("/")
    for place in range(1, len(parts)):
        if (ending := "/".join(parts[place:])) in known and "/" in ending:
            return ending
    raise CalendarUnreadable(f"This calendar uses a time zone that we don't know: “{_one_line(cleaned)[:60]}”.")


def _rule(rule: str) -> tuple[str, str, dict[str, list[str]]]:
    """A rule's frequency, its interval, and its lists (BYDAY=MO,TU) by name."""
    parts: dict[str, str] = {}
    for part in rule.upper().strip().split(";"):
        key, _, value = part.partition("=")
        if key in parts:
            raise CalendarUnreadable(_UNREADABLE)
        parts[key] = value
    # The standard forbids both, and the library would choose one.
    if "FREQ" not in parts or {"COUNT", "UNTIL"} <= parts.keys():
        raise CalendarUnreadable(_UNREADABLE)
    lists = {key: value.split(",") for key, value in parts.items() if key.startswith("BY")}
    return parts["FREQ"], parts.get("INTERVAL", "1"), lists


def _times_a_day(lists: dict[str, list[str]]) -> int:
    return prod(len(lists.get(key, "1")) for key in ("BYHOUR", "BYMINUTE", "BYSECOND"))


def _check_rule(rule: str) -> None:
    """Refuse rules that ask for endless or senseless work, before the library works out anything."""
    frequency, interval, lists = _rule(rule)
    if frequency not in _STEP_COST or _times_a_day(lists) > MOST_TIMES_A_DAY:
        raise CalendarUnreadable(_TOO_MUCH)
    if sum(map(len, lists.values())) > MOST_RULE_VALUES:
        raise CalendarUnreadable(_TOO_MUCH)
    # Every nought days is a loop without an end.
    if re.fullmatch(r"0*[1-9][0-9]{0,4}", interval) is None:
        raise CalendarUnreadable(_UNREADABLE)


# --- repetitions, counted ---------------------------------------------------------------------------------------------


class _Budget:
    """What a calendar may still cost."""

    def __init__(self) -> None:
        self._left = MOST_STEPS

    def spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise CalendarUnreadable(_TOO_MUCH)


class _Interval(int):
    """A rule's interval that is counted each time it is added, which is once a step.

    A rule that never comes true (the 30th of February) steps to the year 9999 without giving anything that could be
    counted outside of it.
    """

    budget: _Budget
    cost: int

    def __radd__(self, other: int) -> int:
        self.budget.spend(self.cost)
        return other + int(self)

    def __mul__(self, other: int) -> int:
        self.budget.spend(self.cost)
        return int(self) * other


def _counted(budget: _Budget) -> type[Series]:
    """The library's series with a budget."""

    class Rules(Series.RecurrenceRules):  # type: ignore[misc]  # a library without types
        def rrulestr(self, rule_string: str) -> Any:
            rule = super().rrulestr(rule_string)
            frequency, interval, lists = _rule(rule_string)
            counted_interval = _Interval(interval)
            # A long list makes each step slower, positions are each looked for in all days.
            values = max(1, sum(map(len, lists.values())) // 4) * len(lists.get("BYSETPOS", "1"))
            counted_interval.budget = budget
            counted_interval.cost = _STEP_COST[frequency] * _times_a_day(lists) * values
            counted = rule.replace(interval=counted_interval)
            counted.string, counted.until = rule.string, rule.until
            return counted

    class Counted(Series):  # type: ignore[misc]
        RecurrenceRules = Rules

        def get_component_for_recurrence_id(self, recurrence_id: datetime) -> Any:
            budget.spend(10 + len(self.this_and_future))
            return super().get_component_for_recurrence_id(recurrence_id)

    return Counted


def _expanded(sifted: bytes, here: ZoneInfo, begin: datetime, end: datetime) -> Iterator[Any]:
    """Each time that an event happens around [begin, end), as an event of its own."""
    # As bytes: a text of one line would be taken for the name of a file.
    calendar = icalendar.Calendar.from_ical(sifted)
    selection = ComponentsWithName("VEVENT", series=_counted(_Budget()))
    # In the schedule's zone, since the library means times without a zone in that of the window; a day around, since it
    # compares whole days and times only roughly.
    first, last = (begin - timedelta(days=1)).astimezone(here), (end + timedelta(days=1)).astimezone(here)
    number = 0
    for series in CalendarQuery(calendar, components=[selection]).series:
        for occurrence in series.between(first, last):
            number += 1
            if number > MOST_OCCURRENCES:
                raise CalendarUnreadable(
                    f"This calendar has more than {MOST_OCCURRENCES:,} shifts in the time we read."
                )
            yield occurrence.as_component(False)


def _told(event: Any, here: ZoneInfo) -> Occurrence | None:
    """What an event says; None if it is cancelled."""
    if str(event.get("STATUS", "")).strip().upper() == "CANCELLED":
        return None
    start, end = event["DTSTART"].dt, event["DTEND"].dt
    if start == end and not isinstance(start, datetime):
        # Some write a whole day as ending on itself.
        end += timedelta(days=1)
    return Occurrence(
        uid=str(event.get("UID", "")),
        start=_moment(start, here),
        end=_moment(end, here),
        summary=str(event.get("SUMMARY", "")).strip(),
        emails=_emails(event),
    )


def _moment(when: date, here: ZoneInfo) -> datetime:
    if not isinstance(when, datetime):
        when = datetime.combine(when, time())
    return (when if when.tzinfo is not None else when.replace(tzinfo=here)).astimezone(UTC)


def _emails(event: Any) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in ("ATTENDEE", "ORGANIZER"):
        values = event.get(name, [])
        for value in values if isinstance(values, list) else [values]:
            address = str(value)[len("mailto:") :].strip().lower()
            if address:
                found[address] = None
    return tuple(found)
