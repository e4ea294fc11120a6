"""The tasks: a bell drains what is due, a sweep rings for bells that were lost."""

from __future__ import annotations

import time
from functools import cache
from importlib import import_module
from typing import Final, cast

from celery import shared_task
from django.conf import settings

from notifications import summaries
from notifications.channels import Channel
from notifications.outbox import claiming, promising
from notifications.outbox.carrying import carry
from organizations.tenancy import acting_as_system

# A claim is about two seconds of work, so that a worker that is killed leaves few in doubt.
FIRST_CLAIM: Final = 100
LARGEST_CLAIM: Final = 1000
SMALLEST_CLAIM: Final = 16
WORK_S: Final = 2.0
# A worker that is asked to stop must get there: after this long another bell goes on.
ROUND_S: Final = 10.0


@cache
def channels() -> dict[str, Channel]:
    """Each kind of address with what sends to it (settings.CHANNELS)."""
    return {kind: cast(Channel, import_module(path)) for kind, path in settings.CHANNELS.items()}


@shared_task(name=promising.DRAIN, acks_late=True)
def drain(urgency: int) -> int:
    """Send what is due with this urgency; returns how many were sent. Safe to run twice, late, or after a crash."""
    promising.answered(urgency)
    sent, began, most = 0, time.monotonic(), FIRST_CLAIM
    stuck: set[str] = set()
    while True:
        with acting_as_system("delivery"):
            claim = claiming.claim(urgency=urgency, most=most, without=stuck)
            is_all = len(claim.messages) < most
            claim = summaries.written(claim)
        started = time.monotonic()
        carried = carry(claim, channels=channels())
        sent += carried.sent
        if carried.stuck:
            # A provider hangs: those of the others must not wait for it. The sweep comes back to its own.
            stuck |= carried.stuck
            most = FIRST_CLAIM
            continue
        if is_all:
            return sent
        most = _next_size(len(claim.messages), time.monotonic() - started)
        if time.monotonic() - began > ROUND_S:
            promising.ring(urgency, again=True)
            return sent


def _next_size(carried: int, took_s: float) -> int:
    """At the pace of the last claim: quick channels take many, slow ones leave some to others."""
    return max(SMALLEST_CLAIM, min(LARGEST_CLAIM, int(carried / max(took_s, 0.001) * WORK_S)))


@shared_task(name="notifications.sweep")
def sweep() -> list[int]:
    """Ring for what is due: bells that were lost, retries, senders that vanished. Returns the urgencies."""
    with acting_as_system("sweep"):
        due = claiming.due()
    for urgency in due:
        promising.ring(urgency)
    return due
