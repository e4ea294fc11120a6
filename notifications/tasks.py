"""The timetable of this room; the tasks stand beside what they do."""

from notifications.digests.sending import sweep_digests
from notifications.outbox.draining import drain, sweep

__all__ = ["drain", "sweep", "sweep_digests"]
