"""`manage.py permission_table`: write docs/permissions.md anew."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand

from organizations.permissions import as_markdown

PATH: Final = "docs/permissions.md"


class Command(BaseCommand):
    help = f"Writes {PATH} from the permission table. Needs no database. Repeatable."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """The whole file."""
        (settings.BASE_DIR / PATH).write_text(as_markdown())
        self.stdout.write(f"wrote {PATH}")
