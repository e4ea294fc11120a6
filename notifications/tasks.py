"""The timetable of this room; the tasks stand beside what they do."""

from notifications.delivery import deliver, sweep

__all__ = ["deliver", "sweep"]
