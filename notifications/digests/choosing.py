"""Which digests a person gets. Nobody gets one who hasn't asked for it: no surprise in the mail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from notifications.digests import history, periods
from notifications.digests.periods import Plan
from notifications.models import Digest, Period
from organizations.models import Organization, User


class Choice(NamedTuple):
    """A digest of an organization, at a time of day of the person's clock. `weekday` (0 is Monday): of a weekly one."""

    organization: Organization
    period: str
    at: time
    weekday: int
    enabled: bool


def plan_of(digest: Digest, *, user: User) -> Plan:
    """When it is due, by the person's clock of today."""
    return Plan(digest.period, digest.at, digest.weekday, ZoneInfo(user.time_zone))


def chosen_by(user: User) -> QuerySet[Digest]:
    """Of the organizations that the person belongs to now. Inside a system transaction."""
    return (
        Digest.objects.filter(user=user, organization__in=Organization.objects.of_member(user))
        .select_related("organization")
        .order_by("organization__slug", "period", "pk")
    )


def replace(*, user: User, choices: Sequence[Choice], at: datetime) -> None:
    """These are all of the person's digests from now on. Twice is the same as once. Inside a system transaction.

    Whoever chooses another time gets one for each day (week) all the same, and none twice (Note [Periods]).
    """
    wanted = {(choice.organization.pk, choice.period): choice for choice in choices}
    kept: set[tuple[UUID, str]] = set()
    mine = Digest.objects.select_for_update(of=("self",)).filter(user=user)
    for row in history.with_last(mine, at=at):
        choice = wanted.get((row.organization_id, row.period))
        if choice is None:
            row.delete()
            continue
        kept.add((row.organization_id, row.period))
        _change(row, choice, user=user, at=at)
    new = [_made(choice, user=user, at=at) for key, choice in wanted.items() if key not in kept]
    # Somebody who saves twice at the same moment gets one.
    Digest.objects.bulk_create(
        new,
        update_conflicts=True,
        unique_fields=["user", "organization", "period"],
        update_fields=["at", "weekday", "enabled", "next_at"],
    )


def _change(row: Digest, choice: Choice, *, user: User, at: datetime) -> None:
    before = plan_of(row, user=user), row.enabled
    row.at, row.weekday = choice.at, choice.weekday
    plan = plan_of(row, user=user)
    if (plan, choice.enabled) == before:
        return
    last = history.sent(plan, row.last)  # type: ignore[attr-defined]  # history.with_last
    done = last.number if last else None
    if not row.enabled:
        row.next_at = periods.first(plan, after=at, done=done).moment
    elif plan != before[0]:
        row.next_at = periods.changed(plan, next_at=row.next_at, done=done, at=at)
    row.enabled = choice.enabled
    row.save(update_fields=["at", "weekday", "enabled", "next_at"])


def _made(choice: Choice, *, user: User, at: datetime) -> Digest:
    row = Digest(
        user=user,
        organization=choice.organization,
        period=choice.period,
        at=choice.at,
        weekday=choice.weekday if choice.period == Period.WEEKLY else 0,
        enabled=choice.enabled,
    )
    row.next_at = periods.first(plan_of(row, user=user), after=at).moment
    return row
