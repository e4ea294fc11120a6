"""The timetable of this room; the task stands beside what it does."""

from ingest.quarantine import sweep_quarantine

__all__ = ["sweep_quarantine"]
