"""The steps of an alert's plan: taken one after the other until somebody answers (Note [Until somebody answers] in
alerts/escalation)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from alerts import telling
from alerts.escalation import choosing, plans, recipients
from alerts.escalation.plans import Plan
from alerts.escalation.recipients import Recipient
from alerts.lifecycle.moving import Recorded, change, record
from alerts.models import Alert, AlertEventKind, Channel
from alerts.telling import Why
from notifications import routing


class Taken(NamedTuple):
    """Which step is taken of a plan, counted from 0 over all rounds; whom it tells; which before it reach nobody.

    `to` is None where no step reaches anybody: managers are told then.
    """

    step: int
    to: list[Recipient] | None
    skipped: list[int]


class Alike(NamedTuple):
    """Alerts of one place and severity that are told now, to the same people (None: managers)."""

    alerts: list[Alert]
    people: list[UUID] | None
    urgent: bool


def give_plans(alerts: Sequence[Alert], *, at: datetime) -> None:
    """Freeze the steps of its policy into each alert that isn't stored yet. Call inside a transaction."""
    found = choosing.plans_for(alerts, at=at)
    for alert in alerts:
        if alert.pk in found:
            alert.plan = plans.encode(found[alert.pk])


def first_wait(alert: Alert) -> timedelta:
    """How long after an alert opened people are told at the earliest."""
    plan = plans.decode(alert.plan)
    return timedelta() if plan is None else plan.wait_before(0)


def next_at(alert: Alert, *, at: datetime) -> datetime:
    """When people are told next of an alert that nobody has answered, if they were told at this moment."""
    plan = plans.decode(alert.plan)
    return telling.remind_at(alert=alert, at=at) if plan is None else at + plan.wait_before(alert.step)


def take(alert: Alert, *, at: datetime, why: Why) -> None:
    """Tell whom the next step tells, and write down when the one after it is due. Call with the alert locked.

    A reminder goes on where the last one stopped; all else begins anew, at the first step.
    """
    plan = plans.decode(alert.plan)
    if plan is None:
        telling.promise_opened(alert=alert, at=at, why=why)
        change(alert, {"tell_at": telling.remind_at(alert=alert, at=at)})
        return
    begin = alert.step if why == Why.REMINDER else 0
    taken = _find(plan, begin, alert, at=at)
    after = taken.step + 1
    change(alert, {"step": after, "tell_at": at + plan.wait_before(after)})
    for one in _said(alert, plan, taken, at=at):
        record(alert, one.kind, by=None, at=at, channel=Channel.CLOCK, note=one.note)
    telling.promise_opened(
        alert=alert,
        at=at,
        why=Why.ESCALATED if taken.step and why == Why.REMINDER else why,
        people=None if taken.to is None else [one.user_id for one in taken.to],
        urgent=plan.nth(taken.step).urgent,
        which=_which(plan, taken.step),
    )


def take_first(alerts: Sequence[Alert], *, at: datetime) -> tuple[list[Alike], list[Recorded]]:
    """The first step of many alerts that aren't stored yet: whom to tell, and what their timelines are to say.

    `step` and `tell_at` are set. As many statements as there are places and plans. Call inside a transaction.
    """
    alike: dict[tuple[UUID, UUID | None, str, str], list[Alert]] = defaultdict(list)
    for alert in alerts:
        alike[alert.organization_id, alert.site_id, alert.severity, repr(alert.plan)].append(alert)
    groups, said = [], []
    for some in alike.values():
        plan = plans.decode(some[0].plan)
        if plan is None:
            groups.append(Alike(some, None, urgent=False))
            for alert in some:
                alert.tell_at = telling.remind_at(alert=alert, at=at)
            continue
        taken = _find(plan, 0, some[0], at=at)
        people = None if taken.to is None else [one.user_id for one in taken.to]
        groups.append(Alike(some, people, plan.nth(taken.step).urgent))
        for alert in some:
            said += _said(alert, plan, taken, at=at)
            alert.step, alert.tell_at = taken.step + 1, at + plan.wait_before(taken.step + 1)
    return groups, said


def told_otherwise(alert: Alert, *, at: datetime) -> None:
    """People were told of it just now, in one message with others: the next step is due as after the first."""
    plan = plans.decode(alert.plan)
    step = 0 if plan is None else _find(plan, 0, alert, at=at).step + 1
    change(alert, {"step": step})
    change(alert, {"tell_at": next_at(alert, at=at)})


def people_now(alert: Alert, *, at: datetime) -> list[UUID] | None:
    """Whom the first step of its plan that reaches anybody tells; None: managers."""
    plan = plans.decode(alert.plan)
    taken = None if plan is None else _find(plan, 0, alert, at=at)
    return None if taken is None or taken.to is None else [one.user_id for one in taken.to]


def _find(plan: Plan, begin: int, alert: Alert, *, at: datetime) -> Taken:
    """The first step from there on that somebody hears of; if there is none, the one it began with."""
    numbers = range(begin, begin + len(plan.steps))
    each = recipients.of_steps(
        [plan.nth(number) for number in numbers],
        organization_id=alert.organization_id,
        site_id=alert.site_id,
        at=[at] * len(numbers),
    )
    known = routing.reachable(
        {one.user_id for to in each for one in to}, organization_id=alert.organization_id, severity=alert.severity
    )
    for number, to in zip(numbers, each, strict=True):
        among = {one.user_id for one in to}
        routes = routing.routes_at(known, at=at, urgent=plan.nth(number).urgent, among=among)
        if any(route.contacts for route in routes):
            return Taken(number, to, list(range(begin, number)))
    return Taken(begin, None, list(numbers))


def _said(alert: Alert, plan: Plan, taken: Taken, *, at: datetime) -> list[Recorded]:
    """What the timeline says. Of the first step, taken as the alert opens, nothing: that is the opening."""
    notes = [f"{_which(plan, number)} reaches nobody." for number in taken.skipped]
    if taken.to is None:
        notes.append("No step of its policy reaches anybody: managers are told instead.")
    elif taken.step:
        notes.append(f"{_which(plan, taken.step)}: {', '.join(one.name for one in taken.to)}.")
    return [Recorded(alert, AlertEventKind.ESCALATED, at, note) for note in notes]


def _which(plan: Plan, number: int) -> str:
    again = f", round {plan.round_of(number) + 1}" if plan.round_of(number) else ""
    return f"Step {number % len(plan.steps) + 1} of {len(plan.steps)} of “{plan.name}”{again}"
