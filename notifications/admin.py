"""What was promised to whom, and what became of it, for staff."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final, cast

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter, ChoicesCheckboxFilter
from unfold.decorators import action
from unfold.forms import BaseDialogForm

from notifications import outbox
from notifications.models import (
    Attempt,
    ContactMethod,
    Digest,
    InboxItem,
    Notification,
    NotificationPreference,
    OutboxEntry,
    ProviderEvent,
    Rest,
)
from organizations.models import User
from organizations.staff import Between, ReadOnlyAdmin, ReadOnlyInline
from organizations.staff_columns import NBSP, age, ago, at, label, labelled, link_to, linked, moment

# So many refusals of one action are told with their reasons.
REASONS_TOLD: Final = 5


class AttemptInline(ReadOnlyInline):
    """Every try to hand it over, oldest first."""

    model = Attempt
    fields = ("number", moment("at", "Began (UTC)"), "took", labelled("outcome"), "provider", "code", "detail")
    verbose_name_plural = "attempts"
    ordering = ("at", "pk")
    tab = False

    @admin.display(description="Took")
    def took(self, row: Attempt) -> str:
        """Until the provider answered, or didn't."""
        return f"{row.duration_ms:,}{NBSP}ms"


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """Written by the outbox alone; what failed can be promised once more."""

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
        ("urgency", ChoicesCheckboxFilter),
        ("organization", AutocompleteSelectFilter),
        ("created_at", Between),
    )
    list_select_related = ("organization", "user", "summary")
    search_fields = ("to", "subject", "about", "organization__name", "organization__slug")
    search_help_text = "Address, subject, what it is about, or customer"
    ordering = ("-pk",)  # ids are UUIDv7: newest first, from the key's own index
    fieldsets = (
        (
            None,
            {
                "fields": (
                    (labelled("status"), "channel", "attempts"),
                    (labelled("severity"), "urgency", "outbox"),
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
                        moment("delivered_at", "Delivered (UTC)"),
                    ),
                    ("provider_id", "maybe_twice", "part_of"),
                    "last_error",
                )
            },
        ),
        ("About the row", {"fields": (("id", "dedupe_key"),)}),
    )
    inlines = (AttemptInline,)
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

    @admin.display(description="In the outbox")
    def outbox(self, row: Notification) -> SafeString | str:
        """Whether it waits, and for what."""
        entry = OutboxEntry.objects.filter(pk=row.pk).first()
        if entry is None:
            return "No: it is settled." if row.summary_id is None else "No: its summary is."
        if entry.lease is not None:
            return format_html("A worker has it; its lease ends {}.", ago(entry.due_at))
        return format_html("Waits, due {}.", at(entry.due_at))

    @admin.display(description="Part of")
    def part_of(self, row: Notification) -> SafeString | str:
        """The message that was sent for it and others."""
        return link_to(row.summary)

    def _resend(self, request: HttpRequest, rows: QuerySet[Notification]) -> None:
        now = timezone.now()
        self.carry_out(request, rows, lambda row: outbox.resend(notification=row, at=now), done="Promised once more")

    @action(description="Send again (failed and dead ones)", permissions=["action"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        """Those chosen in the list, however many: a handful of statements. A part of a summary has that sent again."""
        chosen = list(queryset)
        promised = set(outbox.resend_all(ids=[row.pk for row in chosen], at=timezone.now()))
        done = [row for row in chosen if (row.summary_id or row.pk) in promised]
        refused = [row for row in chosen if (row.summary_id or row.pk) not in promised]
        if done:
            noun = self.opts.verbose_name if len(promised) == 1 else self.opts.verbose_name_plural
            messages.success(request, f"Promised once more: {len(promised)} {noun}.")
            rows = Notification.objects.filter(pk__in=[row.pk for row in done])
            user = cast("User", request.user)
            LogEntry.objects.log_actions(user.pk, rows, CHANGE, "Promised once more.")
        # Their reasons: asked for one by one they are refused again.
        self._resend(request, queryset.filter(pk__in=[row.pk for row in islice(refused, REASONS_TOLD)]))
        if len(refused) > REASONS_TOLD:
            messages.error(request, f"Nor could {len(refused) - REASONS_TOLD} others be sent again.")

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

    list_display = (
        "address_and_state",
        labelled("kind"),
        linked("user"),
        moment("verified_at"),
        age("created_at", "Since"),
    )
    list_filter = (("kind", ChoicesCheckboxFilter), ("disabled_at", Between), ("user", AutocompleteSelectFilter))
    list_select_related = ("user",)
    search_fields = ("address", "user__email", "user__name")
    ordering = ("address", "pk")
    fieldsets = (
        (None, {"fields": ("address", "kind", linked("user"), moment("verified_at"), moment("created_at"))}),
        ("Switched off", {"fields": (moment("disabled_at", "Since (UTC)"), "disabled_because")}),
    )

    def name_of(self, row: ContactMethod) -> str:
        """The address."""
        return row.address

    @admin.display(description="Address", ordering="address")
    def address_and_state(self, row: ContactMethod) -> SafeString:
        """And under it why nothing is sent there any more."""
        if row.disabled_at is None:
            return format_html("{}", row.address)
        why = Truncator(row.disabled_because).chars(120) or "switched off"
        return format_html('<span class="staff-wide">{}<span class="staff-error">{}</span></span>', row.address, why)


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    """What providers answered, message by message."""

    list_display = (
        moment("at", "Began (UTC)"),
        linked("notification"),
        labelled("outcome"),
        "provider",
        "code",
        "took",
        linked("organization"),
    )
    list_display_links = None
    list_filter = (
        ("outcome", ChoicesCheckboxFilter),
        ("channel", ChoicesCheckboxFilter),
        ("organization", AutocompleteSelectFilter),
        ("at", Between),
    )
    list_select_related = ("organization", "notification")
    search_fields = ("code", "provider_id", "notification__to")
    search_help_text = "Address, or the provider's code or id"
    ordering = ("-pk",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    (linked("notification"), linked("organization")),
                    (labelled("outcome"), "channel", "provider"),
                    (moment("at", "Began (UTC)"), "took", "number"),
                    ("code", "provider_id"),
                    "detail",
                )
            },
        ),
    )

    @admin.display(description="Took", ordering="duration_ms")
    def took(self, row: Attempt) -> str:
        """Until the provider answered, or didn't."""
        return f"{row.duration_ms:,}{NBSP}ms"


@admin.register(OutboxEntry)
class OutboxEntryAdmin(ReadOnlyAdmin):
    """Messages that wait. A row is gone when its message is settled."""

    list_display = (linked("notification"), "urgency", "state", "attempts", linked("organization"))
    list_display_links = None
    list_filter = (
        ("urgency", ChoicesCheckboxFilter),
        ("organization", AutocompleteSelectFilter),
        ("due_at", Between),
    )
    list_select_related = ("organization", "notification")
    ordering = ("urgency", "due_at", "pk")
    search_fields = ("notification__to",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    (linked("notification"), linked("organization")),
                    ("urgency", "attempts", "state"),
                    moment("due_at", "Due (UTC)"),
                )
            },
        ),
    )

    @admin.display(description="State", ordering="due_at")
    def state(self, row: OutboxEntry) -> SafeString:
        """Due, later, or with a worker."""
        if row.lease is not None:
            return label("sending", "with a worker")
        return format_html("due {}", ago(row.due_at))


@admin.register(ProviderEvent)
class ProviderEventAdmin(ReadOnlyAdmin):
    """What providers told us by webhook: bounces, complaints, deliveries."""

    list_display = (moment("at", "When (UTC)"), "provider", "kind", "recipient", linked("notification"), "detail")
    list_display_links = None
    list_filter = (("at", Between),)
    list_select_related = ("notification",)
    search_fields = ("recipient", "event_id", "kind")
    search_help_text = "Address, the provider's id, or what happened"
    ordering = ("-pk",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    (moment("at", "When (UTC)"), "provider", "kind"),
                    ("recipient", linked("notification")),
                    "event_id",
                    "detail",
                )
            },
        ),
    )


@admin.register(InboxItem)
class InboxItemAdmin(ReadOnlyAdmin):
    """What people find in the app, and whether they read it."""

    list_display = (
        "subject",
        labelled("severity"),
        linked("user"),
        linked("organization"),
        age("created_at", "Told"),
        age("read_at", "Read"),
    )
    list_filter = (
        ("severity", ChoicesCheckboxFilter),
        ("organization", AutocompleteSelectFilter),
        ("user", AutocompleteSelectFilter),
        ("created_at", Between),
    )
    list_select_related = ("organization", "user")
    search_fields = ("subject", "about", "user__email")
    search_help_text = "Subject, what it is about, or the person's address"
    ordering = ("-pk",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "subject",
                    "text",
                    (labelled("severity"), "event", "about"),
                    (linked("user"), linked("organization")),
                    (moment("created_at", "Told (UTC)"), moment("read_at", "Read (UTC)"), "path"),
                )
            },
        ),
    )

    def name_of(self, row: InboxItem) -> str:
        """Its subject."""
        return row.subject


@admin.register(Digest)
class DigestAdmin(ReadOnlyAdmin):
    """Who gets a summary of what, and when the next one is due. People choose themselves."""

    list_display = (linked("user"), linked("organization"), labelled("period"), "when", "state", moment("next_at"))
    list_display_links = None
    list_filter = (
        ("period", ChoicesCheckboxFilter),
        ("enabled", BooleanRadioFilter),
        ("organization", AutocompleteSelectFilter),
        ("user", AutocompleteSelectFilter),
    )
    list_select_related = ("organization", "user")
    search_fields = ("user__email", "organization__slug", "organization__name")
    ordering = ("next_at", "pk")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    (linked("user"), linked("organization")),
                    (labelled("period"), "when", "state"),
                    moment("next_at", "Next (UTC)"),
                )
            },
        ),
    )

    @admin.display(description="At")
    def when(self, row: Digest) -> str:
        """In the person's own time zone."""
        day = f"{_DAYS[row.weekday]}, " if row.period == "weekly" else ""
        return f"{day}{row.at:%H:%M} {row.user.time_zone}"

    @admin.display(description="State", ordering="enabled")
    def state(self, row: Digest) -> SafeString:
        """On or off."""
        return label("usable", "on") if row.enabled else label("revoked", "off")


_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@admin.register(NotificationPreference)
class PreferenceAdmin(ReadOnlyAdmin):
    """By which channels a person hears of what. No row: by e-mail."""

    list_display = (linked("user"), linked("organization"), labelled("severity"), "ways")
    list_display_links = None
    list_filter = (
        ("severity", ChoicesCheckboxFilter),
        ("organization", AutocompleteSelectFilter),
        ("user", AutocompleteSelectFilter),
    )
    list_select_related = ("organization", "user")
    search_fields = ("user__email", "organization__slug", "organization__name")
    ordering = ("-pk",)
    fieldsets = ((None, {"fields": ((linked("user"), linked("organization")), labelled("severity"), "ways")}),)

    @admin.display(description="Channels")
    def ways(self, row: NotificationPreference) -> str:
        """In the app only, where there are none."""
        return ", ".join(row.channels) or "in the app only"


@admin.register(Rest)
class RestAdmin(ReadOnlyAdmin):
    """When people want to be left alone."""

    list_display = (linked("user"), "quiet", moment("away_from"), moment("away_until"))
    list_display_links = None
    list_filter = (("user", AutocompleteSelectFilter),)
    list_select_related = ("user",)
    search_fields = ("user__email", "user__name")
    ordering = ("pk",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    linked("user"),
                    "quiet",
                    (moment("away_from", "Away from (UTC)"), moment("away_until", "Away until (UTC)")),
                )
            },
        ),
    )

    @admin.display(description="Quiet hours")
    def quiet(self, row: Rest) -> str:
        """In the person's own time zone; what is critical passes."""
        if row.quiet_from is None or row.quiet_to is None:
            return "–"
        return f"{row.quiet_from:%H:%M} to {row.quiet_to:%H:%M} {row.user.time_zone}"

    def name_of(self, row: Any) -> str:
        """Whose it is."""
        return f"Quiet hours of {row.user}"
