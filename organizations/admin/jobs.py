"""Jobs that failed, for staff: why, and once more."""

from __future__ import annotations

import json
from typing import cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.contrib.filters.admin import AllValuesCheckboxFilter
from unfold.decorators import action
from unfold.forms import BaseDialogForm

from organizations import failures
from organizations.models import FailedJob, Organization, User
from organizations.staff import Between, ReadOnlyAdmin, hidden_by
from organizations.staff_columns import age, label, link_to, linked, moment


@admin.register(FailedJob)
class FailedJobAdmin(ReadOnlyAdmin):
    """Kept for 30 days. A job may run twice, so trying it again does no harm."""

    list_display = ("task_and_error", "queue", "state", age("failed_at", "Failed"))
    list_filter = (
        hidden_by("retried_at", in_use="Not tried again", hidden="Tried again"),
        ("task", AllValuesCheckboxFilter),
        ("failed_at", Between),
    )
    list_select_related = ("retried_by",)
    search_fields = ("task", "error", "organization_id", "task_id")
    search_help_text = "Task, error, or the id of a job or an organization"
    ordering = ("-failed_at", "-pk")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("task", "queue", "whose"),
                    "error",
                    (
                        moment("failed_at", "Failed (UTC)"),
                        moment("retried_at", "Tried again (UTC)"),
                        linked("retried_by"),
                    ),
                )
            },
        ),
        ("What it was asked", {"fields": (("given", "given_by_name"), "task_id")}),
        ("Trace", {"fields": ("trace",)}),
    )
    actions = ("try_again",)
    actions_detail = ("try_this_again",)

    def name_of(self, row: FailedJob) -> str:
        """Its task and the moment."""
        return f"{row.task} at {row.failed_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="Task", ordering="task")
    def task_and_error(self, row: FailedJob) -> SafeString:
        """And under it what went wrong."""
        error = Truncator(row.error).chars(160)
        return format_html('<span class="staff-wide">{}<span class="staff-error">{}</span></span>', row.task, error)

    @admin.display(description="State", ordering="retried_at")
    def state(self, row: FailedJob) -> SafeString:
        """Whether somebody saw to it."""
        return label("sent", "tried again") if row.retried_at else label("failed")

    @admin.display(description="Organization")
    def whose(self, row: FailedJob) -> SafeString | str:
        """Its name, as long as it is there."""
        if row.organization_id is None:
            return "–"
        organization = Organization.objects.filter(pk=row.organization_id).first()
        return link_to(organization) if organization else str(row.organization_id)

    @admin.display(description="Arguments")
    def given(self, row: FailedJob) -> SafeString:
        """As JSON."""
        return format_html('<pre class="staff-text">{}</pre>', json.dumps(row.args, indent=1, ensure_ascii=False))

    @admin.display(description="By name")
    def given_by_name(self, row: FailedJob) -> SafeString:
        """As JSON."""
        return format_html('<pre class="staff-text">{}</pre>', json.dumps(row.kwargs, indent=1, ensure_ascii=False))

    @admin.display(description="Trace")
    def trace(self, row: FailedJob) -> SafeString:
        """Its end, if it was long."""
        return format_html('<pre class="staff-text staff-trace">{}</pre>', row.traceback or "–")

    def _retry(self, request: HttpRequest, rows: QuerySet[FailedJob]) -> None:
        now, by = timezone.now(), cast("User", request.user)
        self.carry_out(request, rows, lambda row: failures.retry(job=row, by=by, at=now), done="Sent once more")

    @action(description="Try again", permissions=["action"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[FailedJob]) -> None:
        """Those chosen in the list."""
        self._retry(request, queryset)

    @action(
        description="Try again",
        icon="replay",
        permissions=["action"],
        dialog={
            "title": "Try it again?",
            "description": "The same task is sent to its queue once more, with the same arguments.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Try again",
        },
    )
    def try_this_again(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        """The one on the page."""
        self._retry(request, self.get_queryset(request).filter(pk=object_id))
        return self.back_to(request, object_id)
