"""Somebody asks another to take their duty. Nothing changes until that person agrees."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import dateformat
from rest_framework import status

from alerts.models import OnCallOverride, OnCallSchedule, OverrideSource, ShiftSwap, SwapStatus
from alerts.oncall import duty, rota
from freshtrack.errors import DomainError
from notifications import outbox
from notifications.models import Severity
from notifications.telling import Notice, Words, tell
from organizations import permissions
from organizations.models import Membership, User

LONGEST: Final = timedelta(days=31)

OFFERED: Final = "oncall.swap_offered"
DECIDED: Final = "oncall.swap_decided"
_HEADLINES: Final = {
    SwapStatus.OFFERED: "{offerer} asks you to take a shift",
    SwapStatus.ACCEPTED: "{taker} takes your shift",
    SwapStatus.DECLINED: "{taker} doesn’t take your shift: it stays yours",
    SwapStatus.WITHDRAWN: "{offerer} doesn’t need you for the shift any more",
    SwapStatus.EXPIRED: "Nobody took your shift: it stays yours",
}


class NotTheirShift(DomainError):
    """Only a time in which somebody is on duty all along can be given away."""

    code = "not_on_duty"


class SwapIsDecided(DomainError):
    """It was accepted, declined or withdrawn before, or its time has come."""

    code = "swap_is_decided"


class NotYourSwap(DomainError):
    """Whoever is asked decides; whoever asks may withdraw."""

    code = "not_your_swap"
    status: ClassVar[int] = status.HTTP_403_FORBIDDEN


class WrongTime(DomainError):
    """A swap is about a time that is to come, of at most a month."""

    code = "invalid"
    status: ClassVar[int] = status.HTTP_400_BAD_REQUEST

    def __init__(self, field: str, words: str) -> None:
        super().__init__(f"{field}: {words}")
        self.extra = {"errors": [{"field": field, "code": "invalid", "detail": words}]}


def offer(
    *,
    schedule: OnCallSchedule,
    by: User,
    to: User,
    starts_at: datetime,
    ends_at: datetime,
    at: datetime,
    return_starts_at: datetime | None = None,
    return_ends_at: datetime | None = None,
    note: str = "",
) -> ShiftSwap:
    """Ask `to` to take the duty of `by` from start to end, perhaps for some of theirs in return. They are told.

    Call inside a transaction. Raises WrongTime, NotTheirShift where one of the two isn't on duty all along.
    """
    _check_time("starts_at", "ends_at", starts_at, ends_at, at=at)
    if by.pk == to.pk:
        raise WrongTime("to", "That is you.")
    if return_starts_at is not None and return_ends_at is not None:
        _check_time("return_starts_at", "return_ends_at", return_starts_at, return_ends_at, at=at)
    swap = ShiftSwap(
        organization_id=schedule.organization_id,
        schedule=schedule,
        offered_by=by,
        taken_by=to,
        starts_at=starts_at,
        ends_at=ends_at,
        return_starts_at=return_starts_at,
        return_ends_at=return_ends_at,
        note=note,
        created_at=at,
    )
    _check_duties(swap)
    swap.save(force_insert=True)
    _tell(swap, to=swap.taken_by_id, at=at)
    return swap


def accept(*, swap: ShiftSwap, by: User, at: datetime) -> ShiftSwap:
    """Take it: from now on the schedule says so. Twice is the same as once. Call inside a transaction.

    Raises NotYourSwap, SwapIsDecided, NotTheirShift if the schedule has changed since it was offered.
    """
    swap = _undecided(swap, by=by, at=at, who="taken_by", wanted=SwapStatus.ACCEPTED)
    if swap.status == SwapStatus.ACCEPTED:
        return swap
    _check_duties(swap)
    times = [(swap.taken_by_id, swap.starts_at, swap.ends_at)]
    if swap.return_starts_at is not None and swap.return_ends_at is not None:
        times.append((swap.offered_by_id, swap.return_starts_at, swap.return_ends_at))
    OnCallOverride.objects.bulk_create(
        OnCallOverride(
            organization_id=swap.organization_id,
            schedule_id=swap.schedule_id,
            user_id=user_id,
            starts_at=begin,
            ends_at=end,
            reason=swap.note,
            source=OverrideSource.SWAP,
            created_by=by,
            created_at=at,
        )
        for user_id, begin, end in times
    )
    return _decide(swap, SwapStatus.ACCEPTED, tell_whom=swap.offered_by_id, at=at)


def decline(*, swap: ShiftSwap, by: User, at: datetime) -> ShiftSwap:
    """Leave it to whoever offered it. Twice is the same as once. Raises NotYourSwap, SwapIsDecided."""
    swap = _undecided(swap, by=by, at=at, who="taken_by", wanted=SwapStatus.DECLINED)
    if swap.status == SwapStatus.DECLINED:
        return swap
    return _decide(swap, SwapStatus.DECLINED, tell_whom=swap.offered_by_id, at=at)


def withdraw(*, swap: ShiftSwap, by: User, at: datetime) -> ShiftSwap:
    """Take the offer back before it was accepted. Twice is the same as once. Raises NotYourSwap, SwapIsDecided."""
    swap = _undecided(swap, by=by, at=at, who="offered_by", wanted=SwapStatus.WITHDRAWN)
    if swap.status == SwapStatus.WITHDRAWN:
        return swap
    return _decide(swap, SwapStatus.WITHDRAWN, tell_whom=swap.taken_by_id, at=at)


def expire(*, at: datetime, most: int) -> int:
    """End offers whose time has come, at most so many, and tell whoever is on duty now after all. Returns how many.

    Call inside a system transaction; two at once are as one.
    """
    due = ShiftSwap.objects.filter(status=SwapStatus.OFFERED, starts_at__lte=at)
    found = list(
        due.select_for_update(skip_locked=True, of=("self",))
        .select_related("schedule__organization", "offered_by", "taken_by")
        .order_by("starts_at", "pk")[:most]
    )
    for swap in found:
        _decide(swap, SwapStatus.EXPIRED, tell_whom=swap.offered_by_id, at=at)
    return len(found)


def _check_time(begin_field: str, end_field: str, begin: datetime, end: datetime, *, at: datetime) -> None:
    if begin <= at:
        raise WrongTime(begin_field, "It must be in the future.")
    if end <= begin:
        raise WrongTime(end_field, "It must end after it begins.")
    if end - begin > LONGEST:
        raise WrongTime(end_field, f"At most {LONGEST.days} days at a time.")


def _check_duties(swap: ShiftSwap) -> None:
    _must_be_on_duty(swap, swap.offered_by, swap.starts_at, swap.ends_at)
    if swap.return_starts_at is not None and swap.return_ends_at is not None:
        _must_be_on_duty(swap, swap.taken_by, swap.return_starts_at, swap.return_ends_at)


def _must_be_on_duty(swap: ShiftSwap, user: User, begin: datetime, end: datetime) -> None:
    spans = rota.final(duty.of_schedule(swap.schedule, begin=begin, end=end), begin, end)
    if {span.person for span in spans} != {str(user.pk)}:
        raise NotTheirShift(f"{user.get_full_name()} isn’t on duty all of that time.")


def _undecided(swap: ShiftSwap, *, by: User, at: datetime, who: str, wanted: SwapStatus) -> ShiftSwap:
    rows = ShiftSwap.objects.select_related("schedule__organization", "offered_by", "taken_by")
    # Whoever accepts another swap of the schedule at the same moment waits: both are checked against its overrides.
    OnCallSchedule.objects.select_for_update(of=("self",), no_key=True).get(pk=swap.schedule_id)
    swap = rows.select_for_update(of=("self",)).get(pk=swap.pk)
    if getattr(swap, f"{who}_id") != by.pk:
        raise NotYourSwap("This is for another person to decide.")
    if swap.status == wanted:
        return swap
    if swap.status != SwapStatus.OFFERED:
        raise SwapIsDecided(f"This was {swap.status} already.")
    if wanted == SwapStatus.ACCEPTED and swap.starts_at <= at:
        raise SwapIsDecided("Its time has come: it can’t be taken any more.")
    return swap


def _decide(swap: ShiftSwap, outcome: SwapStatus, *, tell_whom: UUID, at: datetime) -> ShiftSwap:
    swap.status, swap.decided_at = outcome, at
    swap.save(update_fields=["status", "decided_at"])
    _tell(swap, to=tell_whom, at=at)
    return swap


def _tell(swap: ShiftSwap, *, to: UUID, at: datetime) -> None:
    path = f"/o/{swap.schedule.organization.slug}/on-call/{swap.schedule_id}"

    def said(user: User) -> Words:
        zone = ZoneInfo(swap.schedule.time_zone)
        headline = _HEADLINES[SwapStatus(swap.status)].format(
            offerer=swap.offered_by.get_full_name(), taker=swap.taken_by.get_full_name()
        )
        context = {
            "headline": headline,
            "organization": swap.schedule.organization,
            "schedule": swap.schedule.name,
            "time": _span(swap.starts_at, swap.ends_at, zone),
            "in_return": _span(swap.return_starts_at, swap.return_ends_at, zone),
            "note": swap.note,
            "undecided": swap.status == SwapStatus.OFFERED,
            "link": f"{settings.PUBLIC_URL}{path}",
        }
        return Words(
            subject=render_to_string("alerts/email/swap.subject.txt", context).strip(),
            text=render_to_string("alerts/email/swap.txt", context),
            html=outbox.inline_styles(render_to_string("alerts/email/swap.html", context)),
            short=f"{headline}: {context['time']}.",
        )

    notice = Notice(
        organization_id=swap.organization_id,
        site_id=swap.schedule.site_id,
        event=OFFERED if swap.status == SwapStatus.OFFERED else DECIDED,
        about=f"shift_swap:{swap.pk}",
        severity=Severity.INFO,
        path=path,
        key=f"shift_swap:{swap.pk}:{swap.status}",
        words=said,
    )
    members = Membership.objects.current().filter(
        organization=swap.organization_id,
        user=to,
        user__is_active=True,
        role__in=permissions.roles_that_may("oncall.view"),
    )
    tell(notice, people=members.values_list("user_id", flat=True), at=at)


def _span(begin: datetime | None, end: datetime | None, zone: ZoneInfo) -> str:
    if begin is None or end is None:
        return ""
    start, stop = begin.astimezone(zone), end.astimezone(zone)
    until = dateformat.format(stop, "H:i" if start.date() == stop.date() else "D j M, H:i")
    return f"{dateformat.format(start, 'D j M, H:i')} to {until} ({zone.key})"
