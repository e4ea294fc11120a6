"""Who is called until somebody answers, and who is on duty, for staff to look at. Customers change these themselves."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter, ChoicesCheckboxFilter

from alerts.models import AuditRound, EscalationPolicy, OnCallFeed, OnCallOverride, OnCallSchedule, ShiftSwap
from organizations.staff import Between, ReadOnlyAdmin, hidden_by
from organizations.staff_columns import labelled, link_to, linked, moment, short_name_of


@admin.register(EscalationPolicy)
class EscalationPolicyAdmin(ReadOnlyAdmin):
    entity = "escalation_policy"
    list_display = ("name", "scope", "severity", "hours", linked("organization"), "number_of_steps", "enabled")
    list_filter = (
        hidden_by("deleted_at"),
        ("severity", ChoicesCheckboxFilter),
        ("enabled", BooleanRadioFilter),
        ("is_default", BooleanRadioFilter),
        ("organization", AutocompleteSelectFilter),
    )
    list_select_related = ("organization", "site__organization", "unit__site", "unit__organization")
    search_fields = ("name", "organization__name", "organization__slug")
    ordering = ("organization__name", "name", "pk")
    fieldsets = (
        (None, {"fields": ("name", (linked("organization"), "enabled", "is_default"))}),
        ("For which alerts", {"fields": (("scope", "severity", "hours"),)}),
        ("What it does", {"fields": ("all_steps", "repeat_s")}),
        ("About the row", {"fields": (("id", moment("created_at"), moment("deleted_at", "Removed")),)}),
    )

    def name_of(self, row: EscalationPolicy) -> str:
        """Its name and its customer's."""
        return f"{row.name} · {row.organization.name}"

    @admin.display(description="Where")
    def scope(self, row: EscalationPolicy) -> SafeString | str:
        """For which place it is."""
        place = row.unit or row.site
        if place is not None:
            return link_to(place, short_name_of(place))
        return row.get_unit_kind_display() if row.unit_kind else "everywhere"

    @admin.display(description="Steps")
    def number_of_steps(self, row: EscalationPolicy) -> int:
        """How many there are in a round."""
        return len(row.steps)

    @admin.display(description="Steps")
    def all_steps(self, row: EscalationPolicy) -> SafeString:
        """As they are kept."""
        return _as_text(row.steps)


@admin.register(OnCallSchedule)
class OnCallScheduleAdmin(ReadOnlyAdmin):
    entity = "on_call_schedule"
    list_display = ("name", linked("organization"), linked("site"), "time_zone", "number_of_layers")
    list_filter = (
        hidden_by("deleted_at"),
        ("organization", AutocompleteSelectFilter),
        ("site", AutocompleteSelectFilter),
    )
    list_select_related = ("organization", "site__organization")
    search_fields = ("name", "organization__name", "organization__slug")
    ordering = ("organization__name", "name", "pk")
    fieldsets = (
        (None, {"fields": ("name", (linked("organization"), linked("site"), "time_zone"))}),
        ("Who is on duty", {"fields": ("all_layers", "all_holidays")}),
        ("About the row", {"fields": (("id", moment("created_at"), moment("deleted_at", "Removed")),)}),
    )

    def name_of(self, row: OnCallSchedule) -> str:
        """Its name and its customer's."""
        return f"{row.name} · {row.organization.name}"

    @admin.display(description="Layers")
    def number_of_layers(self, row: OnCallSchedule) -> int:
        """How many there are."""
        return len(row.layers)

    @admin.display(description="Layers")
    def all_layers(self, row: OnCallSchedule) -> SafeString:
        """As they are kept."""
        return _as_text(row.layers)

    @admin.display(description="Holidays")
    def all_holidays(self, row: OnCallSchedule) -> SafeString:
        """As they are kept."""
        return _as_text(row.holidays)


@admin.register(OnCallOverride)
class OnCallOverrideAdmin(ReadOnlyAdmin):
    entity = "on_call_override"
    list_display = (
        linked("user"),
        linked("schedule"),
        linked("organization"),
        moment("starts_at", "From (UTC)"),
        moment("ends_at", "To (UTC)"),
        labelled("source"),
    )
    list_filter = (
        ("source", ChoicesCheckboxFilter),
        ("organization", AutocompleteSelectFilter),
        ("ends_at", Between),
    )
    list_select_related = ("organization", "schedule__organization", "user", "created_by")
    search_fields = ("schedule__name", "user__email", "reason", "organization__name", "organization__slug")
    ordering = ("-pk",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    (linked("user"), linked("schedule"), linked("organization")),
                    (moment("starts_at", "From (UTC)"), moment("ends_at", "To (UTC)"), labelled("source")),
                    "reason",
                )
            },
        ),
        ("About the row", {"fields": (("id", moment("created_at"), linked("created_by")),)}),
    )

    def name_of(self, row: OnCallOverride) -> str:
        """Who, and of which schedule."""
        return f"{row.user.get_full_name()}, {row.schedule.name} · {row.organization.name}"


@admin.register(ShiftSwap)
class ShiftSwapAdmin(ReadOnlyAdmin):
    entity = "shift_swap"
    list_display = (
        linked("offered_by"),
        linked("taken_by"),
        linked("schedule"),
        linked("organization"),
        moment("starts_at", "From (UTC)"),
        moment("ends_at", "To (UTC)"),
        labelled("status"),
    )
    list_filter = (
        ("status", ChoicesCheckboxFilter),
        ("organization", AutocompleteSelectFilter),
        ("starts_at", Between),
    )
    list_select_related = ("organization", "schedule__organization", "offered_by", "taken_by")
    search_fields = ("schedule__name", "offered_by__email", "taken_by__email", "organization__name")
    ordering = ("-pk",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    (linked("offered_by"), linked("taken_by"), linked("schedule"), linked("organization")),
                    (moment("starts_at", "From (UTC)"), moment("ends_at", "To (UTC)")),
                    (moment("return_starts_at", "In return from (UTC)"), moment("return_ends_at", "To (UTC)")),
                    (labelled("status"), moment("decided_at", "Decided (UTC)")),
                    "note",
                )
            },
        ),
        ("About the row", {"fields": (("id", moment("created_at")),)}),
    )

    def name_of(self, row: ShiftSwap) -> str:
        """Of whom, and of which schedule."""
        return f"{row.offered_by.get_full_name()}, {row.schedule.name} · {row.organization.name}"


@admin.register(OnCallFeed)
class OnCallFeedAdmin(ReadOnlyAdmin):
    """Which calendars read a schedule. The secret is nowhere."""

    list_display = (
        "prefix",
        linked("user"),
        linked("schedule"),
        linked("organization"),
        moment("last_used_at", "Read (UTC)"),
        moment("revoked_at", "Revoked (UTC)"),
    )
    list_filter = (("organization", AutocompleteSelectFilter), ("only_mine", BooleanRadioFilter))
    list_select_related = ("organization", "schedule__organization", "user")
    search_fields = ("prefix", "schedule__name", "user__email", "organization__name", "organization__slug")
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ((linked("user"), linked("schedule"), linked("organization")), ("prefix", "only_mine"))}),
        (
            "About the row",
            {
                "fields": (
                    ("id", moment("created_at")),
                    (moment("last_used_at", "Read (UTC)"), moment("revoked_at", "Revoked (UTC)")),
                )
            },
        ),
    )

    def name_of(self, row: OnCallFeed) -> str:
        """Whose, and of which schedule."""
        return f"{row.prefix}… of {row.user.get_full_name()}, {row.schedule.name} · {row.organization.name}"


@admin.register(AuditRound)
class AuditRoundAdmin(ReadOnlyAdmin):
    """Whether anybody was forgotten, minute by minute (Note [Auditor])."""

    list_display = (moment("at", "At (UTC)"), "checked", "stuck")
    list_filter = (("at", Between),)
    ordering = ("-at",)
    fieldsets = ((None, {"fields": ((moment("at", "At (UTC)"), "checked", "stuck"), "which")}),)

    def name_of(self, row: AuditRound) -> str:
        """When it was."""
        return f"{row.at:%Y-%m-%d %H:%M}, {row.stuck} of {row.checked} stuck"

    @admin.display(description="Which, and why")
    def which(self, row: AuditRound) -> str:
        """One a line."""
        return "\n".join(row.alerts) or "none"


def _as_text(value: Any) -> SafeString:
    return format_html('<pre class="text-xs overflow-x-auto">{}</pre>', json.dumps(value, indent=2))
