"""`manage.py lay_default_rules`: existing organizations get the default rules that came after they were founded."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from alerts.profiles import lay_default_rules
from organizations.models import Organization
from organizations.tenancy import acting_as_system, acting_in


class Command(BaseCommand):
    help = (
        "Gives organizations the default rules that they lack. What is there stays as it is, also what somebody"
        " changed, switched off or removed. May be repeated."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """All living organizations, or the ones named."""
        parser.add_argument("slug", nargs="*", help="Of the organizations; none: all of them.")

    def handle(self, *args: Any, **options: Any) -> None:
        """A line for each organization, one transaction each."""
        with acting_as_system("sweep"):
            organizations = Organization.objects.alive().order_by("slug")
            if options["slug"]:
                organizations = organizations.filter(slug__in=options["slug"])
            found = list(organizations)
        if unknown := set(options["slug"]) - {organization.slug for organization in found}:
            raise CommandError(f"There is no organization {', '.join(sorted(unknown))}.")
        for organization in found:
            with acting_in(organization):
                laid = lay_default_rules(organization=organization)
            self.stdout.write(f"{organization.slug}: {len(laid)} rules laid")
