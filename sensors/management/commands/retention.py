"""`manage.py retention`: what becomes of each month of readings."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from organizations.tenancy import acting_as_system
from sensors import keeping, partitions
from sensors.keeping import Verdict

HEADINGS = ("month", "readings", "MiB", "kept until", "organizations", "holds", "summed up", "archived", "verdict")


class Command(BaseCommand):
    help = (
        "Shows each month of readings: its size, until when it must be kept, what else keeps it, and whether it may go."
        " Changes nothing; the task sensors.retire_partitions drops, once a day. Numbers of readings are estimates."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """A line for each partition, oldest first."""
        rows = [HEADINGS, *(_row(verdict) for verdict in keeping.verdicts(at=timezone.now()))]
        widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())
        with acting_as_system("sweep"):
            strays = partitions.strays()
        for table, count in strays.items():
            number = f"over {partitions.FEW:,}" if count > partitions.FEW else f"{count:,}"
            self.stdout.write(f"{table}: {number} rows without a month, to be sorted at the next quarter of an hour")


def _row(verdict: Verdict) -> tuple[str, ...]:
    month = verdict.month
    return (
        f"{month.month:%Y-%m}",
        f"{month.rows:,}",
        f"{month.size / 1024 / 1024:.1f}",
        f"{verdict.kept_until:%Y-%m-%d}",
        _shown(verdict.organizations),
        _shown(verdict.holds),
        _shown(verdict.summed),
        _shown(verdict.archived),
        verdict.words,
    )


def _shown(value: int | bool | None) -> str:
    """A dash: wasn't looked at, the month stays anyway."""
    return "–" if value is None else {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
