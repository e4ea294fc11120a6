"""Legal holds for staff: an authority may ask us, not the customer."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action

from organizations import holds
from organizations.models import LegalHold, User
from organizations.staff import OwnedForm, StaffAdmin, hidden_by
from organizations.staff_columns import label, linked, moment


@admin.register(LegalHold)
class LegalHoldAdmin(StaffAdmin):
    form = OwnedForm
    entity = "legal_hold"
    fixed_fields = ("organization", "reason")
    autocomplete_fields = ("organization",)
    list_display = (
        moment("placed_at", "Placed"),
        linked("organization"),
        "reason",
        linked("placed_by"),
        "state",
        moment("lifted_at", "Lifted"),
    )
    list_filter = (
        hidden_by("lifted_at", in_use="Standing", hidden="Lifted"),
        ("organization", AutocompleteSelectFilter),
    )
    list_select_related = ("organization", "placed_by", "lifted_by")
    search_fields = ("reason", "organization__name", "organization__slug")
    ordering = ("-placed_at", "-pk")
    readonly_fields = (
        "state",
        linked("placed_by"),
        moment("placed_at", "Placed"),
        linked("lifted_by"),
        moment("lifted_at", "Lifted"),
    )
    fieldsets = (
        (None, {"fields": ("organization", "reason", "state")}),
        (
            "Who and when",
            {
                "fields": (
                    (linked("placed_by"), moment("placed_at", "Placed")),
                    (linked("lifted_by"), moment("lifted_at", "Lifted")),
                )
            },
        ),
    )
    actions = ("lift",)

    def name_of(self, row: LegalHold) -> str:
        """Whose, since when."""
        return f"{row.organization.name}, {row.placed_at:%Y-%m-%d}"

    @admin.display(description="State")
    def state(self, row: LegalHold) -> SafeString:
        """Whether it forbids deleting."""
        return label("in use", "standing") if row.lifted_at is None else label("ended", "lifted")

    def save_model(self, request: HttpRequest, obj: LegalHold, form: Any, change: bool) -> None:
        """Placing is the domain's; a placed one is only lifted."""
        if change:
            return
        by = cast("User", request.user)
        placed = holds.place(organization=obj.organization, reason=obj.reason, by=by, at=timezone.now())
        obj.pk, obj.placed_by, obj.placed_at = placed.pk, placed.placed_by, placed.placed_at
        obj._state.adding = False

    @action(description="Lift (the reason is over)", permissions=["change"])
    def lift(self, request: HttpRequest, queryset: QuerySet[LegalHold]) -> None:
        """Those that stand."""
        by, now = cast("User", request.user), timezone.now()
        self.carry_out(
            request, queryset.filter(lifted_at=None), lambda row: holds.lift(hold=row, by=by, at=now), done="Lifted"
        )
