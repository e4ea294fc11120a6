"""`manage.py rotate_secret_key`: after SECRET_KEY was changed, so that the former one may go."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from organizations import two_factor
from organizations.tenancy import acting_as_system


class Command(BaseCommand):
    help = "Encrypts second-factor secrets under the present SECRET_KEY (see docs/security.md). Safe to run twice."

    def handle(self, *args: Any, **options: Any) -> None:
        """Says how many were stored anew; exit status 1 if some could not be opened."""
        with acting_as_system("sign-in"):
            stored, lost = two_factor.store_under_present_key()
        self.stdout.write(f"{stored} second-factor secrets are stored under the present key.")
        if lost:
            raise CommandError(
                f"{len(lost)} can't be opened with SECRET_KEY or SECRET_KEY_FALLBACKS: {', '.join(lost)}. "
                "Add the key they were stored under to SECRET_KEY_FALLBACKS, or delete them in the admin."
            )
