"""When a digest is due, and which stretch of time it tells of. Pure.

Note [Periods]. A person gets one digest in each day (in each week from Monday to Sunday) of the own calendar, at the
chosen time of day. Which days have had theirs is what counts, not the moment that is written on the row: a time of day
or a zone that changes meanwhile neither skips a day nor sends two for one. A time of day that a clock jumps over is the
first moment after the jump, one that comes twice the first of the two. What was missed while nobody could send becomes
one digest, that of the latest day or week.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from notifications.models import Period
from notifications.preferences import Span, instant

# Somebody who was away reads of so much at most.
LONGEST: Final = timedelta(days=31)
# Zones are up to 26 hours apart (UTC-12 to UTC+14): who goes there and back meets the same day again.
_APART: Final = timedelta(hours=3)
_EARLY: Final = timedelta(microseconds=1)


class Plan(NamedTuple):
    """What a person chose. `weekday` (0 is Monday) counts for a weekly one only."""

    period: str
    at: time
    weekday: int
    zone: ZoneInfo

    @property
    def length(self) -> timedelta:
        """Of a period; on days when clocks change an hour more or less."""
        return timedelta(days=7 if self.period == Period.WEEKLY else 1)

    def number(self, day: date) -> int:
        """Days, or weeks from Monday on, since the first of the calendar."""
        return (day.toordinal() - 1) // 7 if self.period == Period.WEEKLY else day.toordinal()


class Due(NamedTuple):
    """One digest: the day of the person's calendar that it is of, and when it is due (UTC)."""

    day: date
    moment: datetime


class Sent(NamedTuple):
    """The last one that was sent: of which period, and until when it told."""

    number: int
    until: datetime


class Decision(NamedTuple):
    """What to do now, and when to look again."""

    send: Due | None
    next_at: datetime


def due_in(plan: Plan, number: int) -> Due:
    """The digest of a day or week."""
    day = date.fromordinal(number * 7 + 1 + plan.weekday if plan.period == Period.WEEKLY else number)
    return Due(day, instant(day, plan.at, plan.zone))


def latest(plan: Plan, *, at: datetime) -> Due:
    """The last one that is due by this moment."""
    number = plan.number(at.astimezone(plan.zone).date()) + 1
    while (due := due_in(plan, number)).moment > at:
        number -= 1
    return due


def first(plan: Plan, *, after: datetime, done: int | None = None) -> Due:
    """The first one that is due after this moment, of a period later than `done`."""
    number = plan.number(after.astimezone(plan.zone).date()) - 1
    if done is not None:
        number = max(number, done + 1)
    while (due := due_in(plan, number)).moment <= after:
        number += 1
    return due


def decide(plan: Plan, *, done: int | None, at: datetime) -> Decision:
    """A digest is due, or may be: which one is sent now, and when the next one is due.

    `done` is the last period that had its digest. Of several that were missed the latest is sent.
    """
    due = latest(plan, at=at)
    number = plan.number(due.day)
    if done is not None and number <= done:
        return Decision(None, first(plan, after=at, done=done).moment)
    return Decision(due, first(plan, after=at, done=number).moment)


def changed(plan: Plan, *, next_at: datetime, done: int | None, at: datetime) -> datetime:
    """When the next one is due now that the person has another zone or chose another time; it was due at `next_at`.

    It may be over: the day has had none yet, and its new time has passed, so it is sent at once. Who has never been
    sent any waits for the next time of day.
    """
    if done is None:
        return next_at if next_at <= at else first(plan, after=at).moment
    # Nothing of long ago: it was switched off then.
    return first(plan, after=next_at - plan.length - _APART, done=done).moment


def stretch(plan: Plan, *, due: Due, sent: Sent | None, away: Span | None) -> Span:
    """What this one tells of: from where the one before ended, or a day or week if that wasn't sent.

    After an absence, in which none is sent, from the last one before it on (31 days at most).
    """
    number = plan.number(due.day)
    before = due_in(plan, number - 1).moment
    start = before
    if sent is not None and sent.number == number - 1 and sent.until < due.moment:
        start = sent.until
    elif away is not None and away.start <= before < away.end:
        start = min(before, latest(plan, at=away.start - _EARLY).moment)
    return Span(max(start, due.moment - LONGEST), due.moment)


def until_now(plan: Plan, *, at: datetime) -> Span:
    """A day or a week up to this moment, by the person's clock."""
    local = at.astimezone(plan.zone)
    start = instant(local.date() - plan.length, local.time().replace(tzinfo=None, fold=0), plan.zone)
    return Span(start, at.astimezone(UTC))
