"""Refused readings, for staff who help with a gateway. The customer decides about them, never we."""

from __future__ import annotations

import json

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesCheckboxFilter

from ingest.models import QuarantinedReading
from organizations.staff import Between, ReadOnlyAdmin
from organizations.staff_columns import age, labelled, linked, moment


@admin.register(QuarantinedReading)
class QuarantinedReadingAdmin(ReadOnlyAdmin):
    list_display = (
        "code",
        "sensor",
        linked("organization"),
        labelled("state"),
        "times",
        moment("recorded_at", "Recorded (UTC)"),
        age("last_received_at", "Came last"),
    )
    list_filter = (
        ("state", ChoicesCheckboxFilter),
        ("organization", AutocompleteSelectFilter),
        ("last_received_at", Between),
    )
    list_select_related = ("organization", "key__organization", "decided_by")
    search_fields = ("serial", "code", "organization__name", "organization__slug")
    search_help_text = "Serial, code, or customer"
    ordering = ("-last_received_at", "-id")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("code", labelled("state"), "times"),
                    "detail",
                    ("sensor", moment("recorded_at", "Recorded (UTC)"), linked("organization")),
                    "sent",
                )
            },
        ),
        (
            "How it came",
            {
                "fields": (
                    ("format", linked("key")),
                    (moment("first_received_at", "First (UTC)"), moment("last_received_at", "Last (UTC)")),
                )
            },
        ),
        ("What became of it", {"fields": ((moment("decided_at", "Decided (UTC)"), linked("decided_by")),)}),
        ("About the row", {"fields": (("id", "fingerprint"), ("sensor_id", "site_id"))}),
    )

    def name_of(self, row: QuarantinedReading) -> str:
        """Why and whose."""
        return f"{row.code}: {self.sensor(row)} · {row.organization.name}"

    @admin.display(description="Sensor", ordering="serial")
    def sensor(self, row: QuarantinedReading) -> str:
        """As claimed."""
        named = row.serial or "(unreadable)"
        return named if row.channel in ("", "0") else f"{named} / {row.channel}"

    @admin.display(description="Payload")
    def sent(self, row: QuarantinedReading) -> SafeString:
        """As it was sent."""
        text = row.payload if isinstance(row.payload, str) else json.dumps(row.payload, indent=2, ensure_ascii=False)
        return format_html('<pre class="staff-text">{}</pre>', text)
