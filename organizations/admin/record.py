"""The change log for staff."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    DropdownFilter,
)
from unfold.sections import TemplateSection

from organizations.models import Change, SecurityEvent, User
from organizations.staff import (
    Between,
    ReadOnlyAdmin,
)
from organizations.staff_columns import label, link_to, linked, moment
from organizations.tenancy import SYSTEM_REASONS


class EntityFilter(DropdownFilter):
    title = "kind of row"
    parameter_name = "entity"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The entities of all pages; an alert's events and dropped months of readings have none of their own."""
        pages = model_admin.admin_site._registry.values()
        names = {"alert_event", "readings", *(page.entity for page in pages if getattr(page, "entity", ""))}
        return [(name, name.replace("_", " ").capitalize()) for name in sorted(names)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Change]) -> QuerySet[Change]:
        """Of one kind."""
        return queryset.filter(entity=self.value()) if self.value() else queryset


class ViaFilter(DropdownFilter):
    title = "way"
    parameter_name = "via"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Doors, and programs of our own."""
        return [(via, via.capitalize()) for via in ("api", "socket", "task", "shell", *SYSTEM_REASONS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Change]) -> QuerySet[Change]:
        """Through one."""
        return queryset.filter(via=self.value()) if self.value() else queryset


class BeforeAndAfter(TemplateSection):
    """The changed columns of one row of the log."""

    template_name = "admin/organizations/change/before_and_after.html"


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    """Who changed what, newest first. A row unfolds; it has no page, which the table has no index for."""

    list_display = (moment("at", "When (UTC)"), linked("organization"), "what", "how", "who", "way", "columns")
    list_display_links = None
    list_filter = (
        ("organization", AutocompleteSelectFilter),
        EntityFilter,
        ViaFilter,
        ("at", Between),
    )
    list_sections = (BeforeAndAfter,)
    list_select_related = ("organization",)
    search_fields = ("entity_id",)
    search_help_text = "Id of the row, id of the request, or e-mail address of who changed it"
    ordering = ("-at", "-id")  # the key of the partitions
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Change]:
        """With the address of who did it: the log keeps only an id, which outlives the account."""
        rows: QuerySet[Change] = super().get_queryset(request)
        person = User.objects.filter(pk=OuterRef("actor_id")).values("email")
        return rows.annotate(actor_email=Subquery(person))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Change], search_term: str
    ) -> tuple[QuerySet[Change], bool]:
        """Ids are looked up whole; people by a part of their address."""
        term = search_term.strip()
        if not term:
            return queryset, False
        people = list(User.objects.filter(email__icontains=term).order_by("pk").values_list("pk", flat=True)[:50])
        return queryset.filter(Q(entity_id=term) | Q(request_id=term) | Q(actor_id__in=people)), False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> None:
        """There is no page of one change."""

    @admin.display(description="Row")
    def what(self, row: Change) -> SafeString:
        """Its kind; the id is in the tooltip."""
        return format_html('<span title="{}">{}</span>', row.entity_id, row.entity.replace("_", " "))

    @admin.display(description="Change", ordering="action")
    def how(self, row: Change) -> SafeString:
        """Made, changed or removed."""
        return label(row.action)

    @admin.display(description="By")
    def who(self, row: Any) -> SafeString | str:
        """A person, or nobody: readings and tasks."""
        if row.actor_id is None:
            return "–"
        return link_to(User(pk=row.actor_id, email=row.actor_email), row.actor_email) if row.actor_email else "unknown"

    @admin.display(description="Way")
    def way(self, row: Change) -> str:
        """Through which door, and from where."""
        return f"{row.via} {row.address}".strip()

    @admin.display(description="Columns")
    def columns(self, row: Change) -> str:
        """Which were changed; all of them when it was made or removed."""
        names = list(row.changes)
        return ", ".join(names) if row.action == "update" and len(names) <= 4 else f"{len(names)}"


@admin.register(SecurityEvent)
class SecurityEventAdmin(ReadOnlyAdmin):
    """What was tried and refused, as the organization's audit trail tells it."""

    entity = "security_event"
    list_display = (moment("created_at", "When (UTC)"), linked("organization"), "kind", linked("user"), "detail")
    list_display_links = None
    list_filter = (("organization", AutocompleteSelectFilter), ("created_at", Between))
    list_select_related = ("organization", "user")
    search_fields = ("kind", "detail", "user__email")
    ordering = ("-pk",)
    fields = (moment("created_at", "When (UTC)"), linked("organization"), "kind", linked("user"), "detail")
    actions = None

    def name_of(self, row: SecurityEvent) -> str:
        """What, where."""
        return f"{row.kind} at {row.organization.name}"
