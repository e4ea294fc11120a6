"""The timetable of this room. Each page is a transaction of its own; what is left waits for the next round."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from celery import shared_task
from django.utils import timezone

from alerts import auditing, lifecycle, overrides
from alerts.coverage import weekly
from alerts.oncall import swaps
from alerts.silence.sweeping import sweep_silence
from freshtrack import requests
from organizations import bells
from organizations.tenancy import acting_as_system

logger = logging.getLogger(__name__)

__all__ = ["audit", "end_overrides", "expire_swaps", "sweep_due", "sweep_silence", "tell_coverage"]

# Readings that resolve an alert wait for whoever is telling of it, and all others of their batch with them: with two
# thousand silences due at once, pages of fifty held up readings for seconds.
AT_ONCE: Final = 10
# A worker that is asked to stop finishes what it is at within 30 s; what is left rings for the next one.
SWEEP_SECONDS: Final = 12
# Below the time limit of a job.
SECONDS: Final = 60


@shared_task(name=lifecycle.TELL)
def sweep_due() -> int:
    """Tell of what is due: what readings have moved, mutes and snoozes that are over, acknowledgements that lapse.

    Returns how many alerts. Rung for by whoever stores readings. Safe to run twice, at once, late, or after a crash.
    """
    bells.answered(lifecycle.TELL)
    told = _in_pages(lambda at: lifecycle.tell_due(at=at, most=AT_ONCE))
    if told >= AT_ONCE:
        bells.ring(lifecycle.TELL)  # perhaps the time was up before all were told
    return told


@shared_task(name="alerts.expire_swaps")
def expire_swaps() -> int:
    """End offers of shifts that nobody took in time, and tell who is on duty after all. Returns how many.

    Safe to run twice, at once, late, or after a crash.
    """
    return _in_pages(lambda at: swaps.expire(at=at, most=AT_ONCE))


@shared_task(name="alerts.audit")
def audit() -> int:
    """Prove that every open critical alert has a next step or a person; repair and report what hasn't.

    Returns how many hadn't. Pings HEARTBEAT_URL if it was none. Safe to run twice, at once, late, or after a crash.
    """
    with acting_as_system("auditor"):
        found = auditing.audit(at=timezone.now())
    if found.stuck:
        bells.ring(lifecycle.TELL)
    auditing.ping(found)
    return found.stuck


@shared_task(name="alerts.end_overrides")
def end_overrides() -> int:
    """End overrides of rules that have expired: the rule's own limit is in force again. Returns how many.

    Safe to run twice, at once, late, or after a crash.
    """
    return _in_pages(lambda at: overrides.end_expired(at=at, most=AT_ONCE))


@shared_task(name="alerts.tell_coverage")
def tell_coverage() -> int:
    """Write to owners, once a week, what might reach nobody. Returns to how many organizations.

    Safe to run twice, at once, late, or after a crash.
    """
    told, after = 0, None
    until = time.monotonic() + SECONDS
    while True:
        with acting_as_system("sweep"):
            page = weekly.due(at=timezone.now(), after=after)
        for organization_id in page.due:
            try:
                with requests.of(organization_id), acting_as_system("sweep"):
                    told += weekly.tell_owners(organization_id=organization_id, at=timezone.now())
            except Exception:
                # One that fails must not keep the others from being told.
                logger.exception("the coverage of an organization could not be told")
            if time.monotonic() > until:
                return told  # ten minutes later it goes on with those that are left
        after = page.last
        if after is None:
            return told


def _in_pages(page: Callable[[datetime], int]) -> int:
    handled, until = 0, time.monotonic() + SWEEP_SECONDS
    while time.monotonic() < until:
        with acting_as_system("sweep"):
            found = page(timezone.now())
        handled += found
        if found < AT_ONCE:
            break
    return handled
