"""What was promised to whom, and what became of it, for staff."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesCheckboxFilter
from unfold.decorators import action
from unfold.forms import BaseDialogForm

from notifications import outbox
from notifications.models import ContactMethod, Notification
from organizations.staff import Between, ReadOnlyAdmin
from organizations.staff_columns import age, labelled, linked, moment


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """Written by the outbox alone; what failed can be promised once more."""

    entity = "notification"
    list_display = (
        "subject_and_error",
        labelled("status"),
        "recipient",
        linked("organization"),
        "attempts",
        age("created_at", "Promised"),
    )
    list_filter = (
        ("status", ChoicesCheckboxFilter),
        ("channel", ChoicesCheckboxFilter),
        ("organization", AutocompleteSelectFilter),
        ("created_at", Between),
    )
    list_select_related = ("organization", "user")
    search_fields = ("to", "subject", "about", "organization__name", "organization__slug")
    search_help_text = "Address, subject, what it is about, or customer"
    ordering = ("-pk",)  # ids are UUIDv7: newest first, from the key's own index
    fieldsets = (
        (
            None,
            {
                "fields": (
                    (labelled("status"), "channel", "attempts"),
                    ("to", linked("user"), linked("organization")),
                    ("event", "topic"),
                    "title",
                    "words",
                )
            },
        ),
        (
            "Delivery",
            {
                "fields": (
                    (
                        moment("created_at", "Promised (UTC)"),
                        moment("next_attempt_at"),
                        moment("sent_at", "Sent (UTC)"),
                    ),
                    "provider_id",
                    "last_error",
                )
            },
        ),
        ("About the row", {"fields": (("id", "dedupe_key"),)}),
    )
    actions = ("send_again",)
    actions_detail = ("send_this_again",)

    def name_of(self, row: Notification) -> str:
        """Its subject and address."""
        return f"{self.title(row)} → {row.to}"

    @admin.display(description="Subject")
    def title(self, row: Notification) -> str:
        """What happened instead, where the words are secret."""
        return f"({row.event})" if row.confidential else row.subject

    @admin.display(description="Subject")
    def subject_and_error(self, row: Notification) -> SafeString:
        """And under it why the last attempt failed."""
        subject, error = Truncator(self.title(row)).chars(90), Truncator(row.last_error).chars(120)
        return format_html('<span class="staff-wide">{}<span class="staff-error">{}</span></span>', subject, error)

    @admin.display(description="To", ordering="to")
    def recipient(self, row: Notification) -> SafeString:
        """The address, and under it the channel."""
        return format_html('{}<span class="block text-xs">{}</span>', row.to, row.get_channel_display())

    @admin.display(description="About")
    def topic(self, row: Notification) -> str:
        """For example alert:<id>."""
        return row.about or "–"

    @admin.display(description="Text")
    def words(self, row: Notification) -> SafeString:
        """As it was sent; the HTML says the same. Nobody here needs a link that lets its reader in."""
        if row.confidential:
            return format_html("<em>{}</em>", "Not shown: it holds a secret link or code, and is wiped once sent.")
        return format_html('<pre class="staff-text">{}</pre>', row.text)

    def _resend(self, request: HttpRequest, rows: QuerySet[Notification]) -> None:
        now = timezone.now()
        self.carry_out(request, rows, lambda row: outbox.resend(notification=row, at=now), done="Promised once more")

    @action(description="Send again (failed and dead ones)", permissions=["action"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        """Those chosen in the list."""
        self._resend(request, queryset)

    @action(
        description="Send again",
        icon="send",
        permissions=["action"],
        dialog={
            "title": "Send it again?",
            "description": "Only a message that failed or died is sent again. It begins with its first attempt.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Send again",
        },
    )
    def send_this_again(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        """The one on the page."""
        self._resend(request, self.get_queryset(request).filter(pk=object_id))
        return self.back_to(request, object_id)


@admin.register(ContactMethod)
class ContactMethodAdmin(ReadOnlyAdmin):
    """Where people are told. They change it themselves: an address must be proved by its owner."""

    list_display = ("address", labelled("kind"), linked("user"), moment("verified_at"), age("created_at", "Since"))
    list_filter = (("kind", ChoicesCheckboxFilter), ("user", AutocompleteSelectFilter))
    list_select_related = ("user",)
    search_fields = ("address", "user__email", "user__name")
    ordering = ("address", "pk")
    fieldsets = ((None, {"fields": ("address", "kind", linked("user"), moment("verified_at"), moment("created_at"))}),)

    def name_of(self, row: ContactMethod) -> str:
        """The address."""
        return row.address
