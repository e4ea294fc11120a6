"""Who is on duty: the rows of schedules, made into what rota can read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from alerts.models import OnCallOverride, OnCallSchedule
from alerts.oncall import rota


def layers_of(column: Any) -> tuple[rota.Layer, ...]:
    """The layers of a schedule's column. Raises msgspec.ValidationError for anything else."""
    return msgspec.convert(column, tuple[rota.Layer, ...])


def holidays_of(column: Any) -> tuple[rota.Holiday, ...]:
    """The holidays of a schedule's column. Raises msgspec.ValidationError for anything else."""
    return msgspec.convert(column, tuple[rota.Holiday, ...])


def made_of(row: OnCallSchedule, overrides: Sequence[OnCallOverride] = ()) -> rota.Schedule:
    """The schedule with these overrides, in the order in which they were made."""
    return rota.Schedule(
        zone=row.time_zone,
        layers=layers_of(row.layers),
        holidays=holidays_of(row.holidays),
        overrides=tuple(
            rota.Override(start=one.starts_at, end=one.ends_at, person=str(one.user_id), id=str(one.pk))
            for one in overrides
        ),
    )


def people_of(schedule: rota.Schedule) -> list[str]:
    """Everybody who is named in it, each once: rotations, shifts, holidays, overrides."""
    named = [person for layer in schedule.layers for person in layer.people]
    named += [shift.person for layer in schedule.layers for shift in layer.shifts]
    named += [holiday.person for holiday in schedule.holidays if holiday.person]
    named += [override.person for override in schedule.overrides]
    return list(dict.fromkeys(named))


class Schedules:
    """Some schedules with the overrides of a time: who is on duty at any moment of it."""

    def __init__(self, made: dict[str, tuple[OnCallSchedule, rota.Schedule]]) -> None:
        self._made = made

    def on_duty(self, schedule: str, *, at: datetime) -> str | None:
        """The person's id; None: nobody, or there is no such schedule any more."""
        found = self._made.get(schedule)
        return None if found is None else rota.on_duty(found[1], at).person

    def made(self, schedule: str) -> rota.Schedule:
        """What rota reads. Raises KeyError for a schedule that there isn't."""
        return self._made[schedule][1]

    def name(self, schedule: str) -> str:
        """How it is called."""
        found = self._made.get(schedule)
        return "a schedule that is gone" if found is None else found[0].name


def load(ids: Collection[str], *, organization_id: UUID, begin: datetime, end: datetime) -> Schedules:
    """These schedules, with the overrides that hold at some moment from begin to end (both included).

    Two statements, none without ids. Unknown ids and deleted schedules are left out. Call inside a transaction.
    """
    if not ids:
        return Schedules({})
    rows = list(OnCallSchedule.objects.alive().filter(organization=organization_id, pk__in=list(ids)))
    found = OnCallOverride.objects.filter(schedule__in=rows, starts_at__lte=end, ends_at__gt=begin)
    overrides: dict[UUID, list[OnCallOverride]] = defaultdict(list)
    for override in found.order_by("created_at", "pk"):
        overrides[override.schedule_id].append(override)
    return Schedules({str(row.pk): (row, made_of(row, overrides[row.pk])) for row in rows})


def of_schedule(row: OnCallSchedule, *, begin: datetime, end: datetime) -> rota.Schedule:
    """One of them, with the overrides of a time. Call inside a transaction."""
    return made_of(row, list(row.overrides.within(begin, end).order_by("created_at", "pk")))
