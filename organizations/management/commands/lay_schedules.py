"""`manage.py lay_schedules`: the rows that beat rings by, from settings.TIMETABLE."""

from typing import Any

from django.core.management.base import BaseCommand

from organizations import timetable


class Command(BaseCommand):
    help = "Add what beat is to ring for, and take away what it isn't any more. What staff changed stays."

    def handle(self, *args: Any, **options: Any) -> None:
        laid = timetable.lay()
        for words, names in (
            ("added", laid.added),
            ("changed", laid.changed),
            ("removed", laid.removed),
            ("left as staff made them", laid.left),
        ):
            if names:
                self.stdout.write(f"{words}: {', '.join(sorted(names))}")
        if not any((laid.added, laid.changed, laid.removed)):
            self.stdout.write("The timetable is as it should be.")
