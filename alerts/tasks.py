"""The timetable of this room. Each page is a transaction of its own; what is left waits for the next round."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from celery import shared_task
from django.utils import timezone

from alerts import lifecycle, overrides
from alerts.silence.sweeping import sweep_silence
from organizations import bells
from organizations.tenancy import acting_as_system

__all__ = ["end_overrides", "sweep_due", "sweep_silence"]

# Readings that resolve an alert wait for whoever is telling of it, and all others of their batch with them: with two
# thousand silences due at once, pages of fifty held up readings for seconds.
AT_ONCE: Final = 10
MOST_PAGES: Final = 100


@shared_task(name=lifecycle.TELL)
def sweep_due() -> int:
    """Tell of what is due: what readings have moved, mutes and snoozes that are over, acknowledgements that lapse.

    Returns how many alerts. Rung for by whoever stores readings. Safe to run twice, at once, late, or after a crash.
    """
    bells.answered(lifecycle.TELL)
    return _in_pages(lambda at: lifecycle.tell_due(at=at, most=AT_ONCE))


@shared_task(name="alerts.end_overrides")
def end_overrides() -> int:
    """End overrides of rules that have expired: the rule's own limit is in force again. Returns how many.

    Safe to run twice, at once, late, or after a crash.
    """
    return _in_pages(lambda at: overrides.end_expired(at=at, most=AT_ONCE))


def _in_pages(page: Callable[[datetime], int]) -> int:
    handled = 0
    for _ in range(MOST_PAGES):
        with acting_as_system("sweep"):
            found = page(timezone.now())
        handled += found
        if found < AT_ONCE:
            break
    return handled
