"""Somebody else's calendar, taken over into a schedule: each event gives the duty to the person it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from rest_framework import status

from alerts.models import OnCallOverride, OnCallSchedule, OverrideSource
from alerts.oncall import calendars
from alerts.oncall.calendars import Occurrence
from freshtrack.errors import DomainError
from organizations.models import Membership, User

# Recurring events have no end; so far ahead they are taken over.
AHEAD: Final = timedelta(days=183)


class CalendarRefused(DomainError):
    """It can't be read; the words say why."""

    code = "invalid"
    status: ClassVar[int] = status.HTTP_400_BAD_REQUEST

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.extra = {"errors": [{"field": "calendar", "code": "invalid", "detail": words}]}


@dataclass(frozen=True)
class Unmatched:
    """An event that names nobody who works here, and how often it occurs."""

    summary: str
    emails: list[str]
    count: int


@dataclass(frozen=True)
class Imported:
    """How many events were taken over, how many of an earlier import they replace, and which name nobody."""

    imported: int
    replaced: int
    unmatched: list[Unmatched]


def take_over(
    *,
    schedule: OnCallSchedule,
    calendar: bytes,
    people: Mapping[str, UUID],
    by: User,
    at: datetime,
    only_look: bool = False,
) -> Imported:
    """Events that are to come become overrides, in place of those of the import before. Twice is the same as once.

    `people` says whose an event is, by its summary or an address in it; else it is the member's who has the address
    or the name. Events of nobody are left out and named. Overrides by hand, and what is past, stay.
    Call inside a transaction. Raises CalendarRefused.
    """
    try:
        found = calendars.read(calendar, zone=schedule.time_zone, begin=at, end=at + AHEAD)
    except calendars.CalendarUnreadable as error:
        raise CalendarRefused(str(error)) from error
    whose = _Whose(schedule, people)
    matched = [(event, user) for event in found if (user := whose.of(event)) is not None]
    earlier = OnCallOverride.objects.filter(schedule=schedule, source=OverrideSource.CALENDAR, ends_at__gt=at)
    if only_look:
        return Imported(len(matched), earlier.count(), _unmatched(found, whose))
    # Two imports of one schedule at once would both stay.
    OnCallSchedule.objects.select_for_update(of=("self",), no_key=True).get(pk=schedule.pk)
    # What is running keeps what it has been until now.
    replaced = earlier.filter(starts_at__lt=at).update(ends_at=at) + earlier.filter(starts_at__gte=at).delete()[0]
    OnCallOverride.objects.bulk_create(
        OnCallOverride(
            organization_id=schedule.organization_id,
            schedule=schedule,
            user_id=user,
            starts_at=max(event.start, at),
            ends_at=event.end,
            reason=event.summary[:300],
            source=OverrideSource.CALENDAR,
            uid=event.uid[:400],
            created_by=by,
            created_at=at,
        )
        for event, user in matched
    )
    return Imported(len(matched), replaced, _unmatched(found, whose))


class _Whose:
    """Whom an event names."""

    def __init__(self, schedule: OnCallSchedule, people: Mapping[str, UUID]) -> None:
        members = list(
            Membership.objects.current()
            .filter(organization=schedule.organization_id, user__is_active=True)
            .select_related("user")
            .order_by("created_at", "pk")
        )
        here = {member.user_id for member in members}
        self._known: dict[str, UUID] = {}
        for member in members:
            for name in (member.user.email, member.user.name):
                if name:
                    self._known.setdefault(name.casefold(), member.user_id)
        self._known |= {name.strip().casefold(): user for name, user in people.items() if user in here}

    def of(self, event: Occurrence) -> UUID | None:
        """The member's user id; None: nobody's."""
        for name in (event.summary.strip(), *event.emails):
            user = self._known.get(name.casefold())
            if user is not None:
                return user
        return None


def _unmatched(found: list[Occurrence], whose: _Whose) -> list[Unmatched]:
    counts: dict[tuple[str, tuple[str, ...]], int] = {}
    for event in found:
        if whose.of(event) is None:
            counts[event.summary, event.emails] = counts.get((event.summary, event.emails), 0) + 1
    return [Unmatched(summary, list(emails), count) for (summary, emails), count in counts.items()]
