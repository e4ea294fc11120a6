"""Workers of the outbox, in a test: what is due is sent, in the test's own process."""

from __future__ import annotations

from datetime import UTC, datetime

from notifications.models import OutboxEntry
from notifications.outbox.draining import drain
from notifications.outbox.promising import urgencies
from tests.factories import as_system

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def send_all() -> int:
    """Send what is due now, the urgent first; returns how many arrived."""
    return sum(drain(urgency) for urgency in urgencies())


def make_due() -> None:
    """Let pauses and leases be over."""
    with as_system():
        OutboxEntry.objects.update(due_at=LONG_AGO)
