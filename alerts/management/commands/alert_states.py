"""`manage.py alert_states`: draw the state diagram in docs/alerts.md anew."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand

from alerts.moves import as_markdown

PATH: Final = "docs/alerts.md"
BEGIN: Final = "<!-- drawn by `manage.py alert_states` from alerts/moves.py: change it there -->\n"
END: Final = "<!-- until here -->\n"


def redrawn(page: str) -> str:
    """The page with the picture of today's code between its two marks."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{as_markdown()}\n{END}{after}"


class Command(BaseCommand):
    help = f"Draws the state diagram in {PATH} anew. Needs no database. Repeatable."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Only what stands between the marks."""
        path = settings.BASE_DIR / PATH
        path.write_text(redrawn(path.read_text()))
        self.stdout.write(f"drew {PATH}")
