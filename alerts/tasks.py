"""The timetable of this room. Each page is a transaction of its own; what is left waits for the next round."""

from __future__ import annotations

from typing import Final

from celery import shared_task
from django.utils import timezone

from alerts import lifecycle
from alerts.sweeping import sweep_silence
from organizations.tenancy import acting_as_system

__all__ = ["sweep_due", "sweep_silence"]

AT_ONCE: Final = 50
MOST_PAGES: Final = 20


@shared_task(name="alerts.sweep_due")
def sweep_due() -> int:
    """Tell of what is due: mutes and snoozes that are over, acknowledgements that lapse. Returns how many alerts.

    Safe to run twice, at once, late, or after a crash.
    """
    handled = 0
    for _ in range(MOST_PAGES):
        with acting_as_system("sweep"):
            found = lifecycle.tell_due(at=timezone.now(), most=AT_ONCE)
        handled += found
        if found < AT_ONCE:
            break
    return handled
