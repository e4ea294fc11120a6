"""If this opened now, who is told when: the steps of a plan played forward, without telling anybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from alerts.escalation import recipients
from alerts.escalation.plans import Plan
from alerts.escalation.recipients import Recipient
from notifications import people, routing
from notifications.routing import Route, Way
from organizations.models import User


@dataclass(frozen=True)
class Channel:
    """One address, masked unless it is the asker's own, when it would be written to, and why so."""

    kind: str
    to: str
    at: datetime
    why: str


@dataclass(frozen=True)
class Rehearsed:
    """One person whom a step tells. `told`: a message would go. `why` they are meant, `reasons` why not otherwise."""

    user: UUID
    name: str
    why: str
    told: bool
    channels: list[Channel]
    reasons: list[str]


@dataclass(frozen=True)
class Taken:
    """A step at the time at which it would be taken; `step` and `round` count from 1. Nobody: skipped at once."""

    step: int
    of: int
    round: int
    at: datetime
    urgent: bool
    people: list[Rehearsed]

    @property
    def reaches(self) -> bool:
        """Whether anybody is sent anything."""
        return any(person.told for person in self.people)


def rehearse(
    plan: Plan, *, organization_id: UUID, site_id: UUID | None, severity: str, taken: int, first_at: datetime, by: User
) -> list[Taken]:
    """The steps after so many that were taken, the next of them at `first_at`: to the end of the round, and one more.

    As if nobody answered. A handful of statements however many. Call inside a transaction.
    """
    numbers = range(taken, taken + len(plan.steps) - taken % len(plan.steps) + 1)
    times = _times(plan, numbers, first_at)
    each = recipients.of_steps(
        [plan.nth(number) for number in numbers], organization_id=organization_id, site_id=site_id, at=times
    )
    known = routing.reachable(
        {one.user_id for to in each for one in to}, organization_id=organization_id, severity=severity
    )
    found, moment = [], first_at
    for number, to in zip(numbers, each, strict=True):
        urgent = plan.nth(number).urgent
        routes = routing.routes_at(known, at=moment, urgent=urgent, among={one.user_id for one in to})
        step = Taken(
            step=number % len(plan.steps) + 1,
            of=len(plan.steps),
            round=plan.round_of(number) + 1,
            at=moment,
            urgent=urgent,
            people=_people(to, routes, by=by),
        )
        found.append(step)
        if step.reaches:  # what nobody hears of costs no time
            moment += plan.wait_before(number + 1)
    return found


def warnings(steps: Sequence[Taken]) -> list[str]:
    """What somebody should know of them before it matters."""
    empty = [step.step for step in steps if step.round == 1 and not step.reaches]
    found = [f"Step {number} reaches nobody now: it is passed over." for number in empty]
    told = {person.user: person.name for step in steps for person in step.people if person.told}
    if not told:
        return ["No step reaches anybody now: managers would be told instead."]
    if len(told) == 1:
        found.append(f"Only {next(iter(told.values()))} is ever told. If that person sleeps, nobody hears of it.")
    return found


def channel_of(way: Way, *, own: bool) -> Channel:
    """An address as the asker may see it."""
    address = way.contact.address
    return Channel(way.contact.kind, address if own else people.masked(address), way.due_at, way.why)


def _times(plan: Plan, numbers: range, first_at: datetime) -> list[datetime]:
    """When each would be taken if all before it reached somebody: precise enough to know who is on duty."""
    times, moment = [], first_at
    for number in numbers:
        times.append(moment)
        moment += plan.wait_before(number + 1)
    return times


def _people(to: Sequence[Recipient], routes: Sequence[Route], *, by: User) -> list[Rehearsed]:
    by_user = {route.user.pk: route for route in routes}
    found = []
    for one in to:
        route = by_user.get(one.user_id)
        channels = [channel_of(way, own=one.user_id == by.pk) for way in route.contacts] if route else []
        reasons = list(route.reasons) if route else ["The account is switched off."]
        found.append(Rehearsed(one.user_id, one.name, one.why, bool(channels), channels, reasons))
    return found
