"""Who is on duty when, with names, for people to look at: a schedule that there is, or a draft of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from alerts.models import OnCallSchedule
from alerts.oncall import duty, rota
from alerts.oncall.rota import Span
from organizations.models import Membership, Organization, User

# A season and a bit: what a screen shows, and a year of an hourly rotation would be a page of nine thousand rows.
LONGEST: Final = timedelta(days=100)
USUAL: Final = timedelta(days=14)
# Schedules that one look at "who is on duty" covers.
MOST_AT_ONCE: Final = 100


@dataclass(frozen=True)
class Shift:
    """Somebody's duty. `user` is null in a gap; `left`: that person doesn't work here any more, nobody is reached."""

    starts_at: datetime
    ends_at: datetime
    user: UUID | None
    name: str
    left: bool
    source: str
    label: str
    override: UUID | None


@dataclass(frozen=True)
class Layer:
    """What one layer gives by itself."""

    name: str
    results: list[Shift]


@dataclass(frozen=True)
class Rota:
    """Who is on duty, the gaps among it, and the layers it is made of, lowest first."""

    starts_at: datetime
    ends_at: datetime
    results: list[Shift]
    gaps: list[Shift]
    layers: list[Layer]


def final(
    schedule: rota.Schedule, *, organization: Organization, begin: datetime, end: datetime, with_layers: bool = True
) -> Rota:
    """Who is on duty from begin to end (at most LONGEST). Two statements for the names. Call inside a transaction."""
    names = _Names(organization, duty.people_of(schedule))
    spans = rota.final(schedule, begin, end)
    layers = [
        Layer(layer.name, names.shifts(rota.of_layer(schedule, index, begin, end)))
        for index, layer in enumerate(schedule.layers)
        if with_layers
    ]
    shifts = names.shifts(spans)
    return Rota(begin, end, shifts, [shift for shift in shifts if shift.user is None or shift.left], layers)


@dataclass(frozen=True)
class OnDuty:
    """Who has the duty of a schedule now, until when, and who after that. Nobody: null."""

    schedule: UUID
    schedule_name: str
    now: Shift
    next: Shift | None


def on_duty(
    rows: Sequence[OnCallSchedule], *, organization: Organization, at: datetime, ahead: timedelta = timedelta(days=15)
) -> list[OnDuty]:
    """Of each of these schedules. Four statements however many. Call inside a transaction."""
    schedules = duty.load([str(row.pk) for row in rows], organization_id=organization.pk, begin=at, end=at + ahead)
    made = {row.pk: schedules.made(str(row.pk)) for row in rows}
    names = _Names(organization, [person for one in made.values() for person in duty.people_of(one)])
    found = []
    for row in rows:
        shifts = names.shifts(rota.final(made[row.pk], at, at + ahead))
        found.append(OnDuty(row.pk, row.name, shifts[0], shifts[1] if len(shifts) > 1 else None))
    return found


def names(schedule: rota.Schedule, *, organization: Organization) -> dict[str, str]:
    """How everybody in it is called, by id. Two statements. Call inside a transaction."""
    return dict(_Names(organization, duty.people_of(schedule)).known)


class _Names:
    """How the people of a schedule are called, and which of them still work here."""

    def __init__(self, organization: Organization, people: Sequence[str]) -> None:
        ids = [UUID(person) for person in dict.fromkeys(people)]
        users = User.objects.filter(pk__in=ids) if ids else User.objects.none()
        self.known = {str(user.pk): user.get_full_name() for user in users}
        members = Membership.objects.for_organization(organization).current().filter(user__in=ids, user__is_active=True)
        self._here = {str(user) for user in members.values_list("user_id", flat=True)} if ids else set()

    def shifts(self, spans: Sequence[Span]) -> list[Shift]:
        """The spans, for people to read."""
        return [
            Shift(
                starts_at=span.start,
                ends_at=span.end,
                user=UUID(span.person) if span.person else None,
                name=self.known.get(span.person, "Somebody who left") if span.person else "",
                left=span.person is not None and span.person not in self._here,
                source=span.source,
                label=span.name,
                override=UUID(span.id) if span.id else None,
            )
            for span in spans
        ]
