"""`manage.py seed_demo`: the demonstration organizations, people and keys."""

from typing import Any

from django.core.management.base import BaseCommand

from ingest import seeding


class Command(BaseCommand):
    help = "Makes or completes the demonstration organizations and writes $FRESHTRACK_HOME/demo.json. Repeatable."

    def handle(self, *args: Any, **options: Any) -> None:
        """Say where the secrets are, never what they are."""
        path = seeding.seed()
        self.stdout.write(f"The demonstration is ready; how to sign in stands in {path}.")
