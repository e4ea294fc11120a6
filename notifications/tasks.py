"""The timetable of this room; the tasks stand beside what they do."""

from notifications.outbox.draining import drain, sweep

__all__ = ["drain", "sweep"]
