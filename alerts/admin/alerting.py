"""Rules, and what became of alerts, for staff. Alerts move by readings and by the customer's people, never here."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    BooleanRadioFilter,
    ChoicesCheckboxFilter,
)
from unfold.decorators import action

from alerts import changing, mutes
from alerts.models import WITHOUT_THRESHOLD, Alert, AlertEvent, AlertRule, AlertStatus, Metric, Mute, RuleOverride
from notifications.models import Notification
from organizations.staff import (
    Between,
    Figure,
    OwnedForm,
    ReadOnlyAdmin,
    ReadOnlyInline,
    StaffAdmin,
    figures,
    hidden_by,
)
from organizations.staff_columns import at, duration, label, labelled, link_to, linked, moment, number, short_name_of

_UNITS = {
    Metric.TEMPERATURE: "°C",
    Metric.PRODUCT_TEMPERATURE: "°C",
    Metric.HUMIDITY: "%",
    Metric.BATTERY: "%",
    Metric.SIGNAL: "dBm",
}

figures.append(
    Figure("open alerts", lambda: Alert.objects.unresolved(), "status__exact=open&status__exact=acknowledged", True)
)


class AlertRuleForm(OwnedForm):
    def clean(self) -> dict[str, Any]:
        """What the database would refuse, in words."""
        values = super().clean()
        if values.get("threshold") is None and values.get("condition") not in WITHOUT_THRESHOLD:
            self.add_error("threshold", "This condition needs a threshold.")
        if sum(1 for scope in ("site", "area", "unit", "unit_kind") if values.get(scope)) > 1:
            self.add_error(None, "Choose at most one of site, area, unit and kind of unit.")
        return values


@admin.register(AlertRule)
class AlertRuleAdmin(StaffAdmin):
    form = AlertRuleForm
    entity = "alert_rule"
    fixed_fields = ("organization",)
    autocomplete_fields = ("organization", "site", "area", "unit")
    list_display = (
        "words",
        labelled("severity"),
        "limit",
        "delay",
        "scope",
        linked("organization"),
        "enabled",
        "is_default",
        "is_ceiling",
    )
    list_filter = (
        hidden_by("deleted_at"),
        ("severity", ChoicesCheckboxFilter),
        ("condition", ChoicesCheckboxFilter),
        ("is_default", BooleanRadioFilter),
        ("enabled", BooleanRadioFilter),
        ("organization", AutocompleteSelectFilter),
    )
    list_select_related = (
        "organization",
        "site__organization",
        "area__site",
        "area__organization",
        "unit__site",
        "unit__organization",
    )
    search_fields = ("name", "unit_kind", "organization__name", "organization__slug")
    ordering = ("organization__name", "unit_kind", "name", "pk")
    readonly_fields = (
        *("is_default", "is_ceiling", "source"),
        *(moment("created_at"), moment("changed_at"), moment("deleted_at", "Removed")),
    )
    fieldsets = (
        (None, {"fields": ("organization", "name", "severity", "enabled")}),
        (
            "When",
            {
                "fields": (
                    ("metric", "condition", "threshold"),
                    ("delay_s", "hysteresis", "clear_delay_s"),
                    ("schedule", "is_ceiling"),
                )
            },
        ),
        (
            "Where: at most one; none is the whole organization",
            {"fields": (("site", "area"), ("unit", "unit_kind"))},
        ),
        (
            "About the row",
            {
                "fields": (
                    ("is_default", moment("created_at"), moment("changed_at"), moment("deleted_at", "Removed")),
                    "source",
                )
            },
        ),
    )
    actions = ("remove", "restore")

    def name_of(self, row: AlertRule) -> str:
        """Its name and its customer's."""
        return f"{row.name or row.get_condition_display()} · {row.organization.name}"

    def short_name_of(self, row: AlertRule) -> str:
        """Its name alone."""
        return row.name or row.get_condition_display()

    @admin.display(description="Rule", ordering="name")
    def words(self, row: AlertRule) -> str:
        """Its name, or what it watches."""
        return row.name or f"{row.get_metric_display()} {row.get_condition_display().lower()}"

    @admin.display(description="Limit", ordering="threshold")
    def limit(self, row: AlertRule) -> str:
        """The condition with its number."""
        threshold = number(row.threshold, _UNITS.get(Metric(row.metric), ""))
        return row.get_condition_display() if row.threshold is None else f"{row.get_condition_display()} {threshold}"

    @admin.display(description="Delay", ordering="delay_s")
    def delay(self, row: AlertRule) -> str:
        """How long a breach must last."""
        return duration(timedelta(seconds=row.delay_s))

    @admin.display(description="Where")
    def scope(self, row: AlertRule) -> SafeString | str:
        """What it watches over."""
        place = row.unit or row.area or row.site
        if place is not None:
            return link_to(place, short_name_of(place))
        return row.get_unit_kind_display() if row.unit_kind else "everywhere"

    def save_model(self, request: HttpRequest, obj: AlertRule, form: Any, change: bool) -> None:
        """Another limit, delay, schedule or scope holds from now on."""
        super().save_model(request, obj, form, change)
        if change and set(form.changed_data) & set(changing.TERMS):
            obj.changed_at = timezone.now()
            obj.save(update_fields=["changed_at"])

    @action(description="Remove", permissions=["change"])
    def remove(self, request: HttpRequest, queryset: QuerySet[AlertRule]) -> None:
        """Hide it: alerts that it opened still name it."""
        now = timezone.now()
        self.carry_out(request, queryset.filter(deleted_at=None), lambda row: _hide(row, at=now), done="Removed")

    @action(description="Restore", permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[AlertRule]) -> None:
        """Bring it back: it watches from now on."""
        now = timezone.now()
        self.carry_out(request, queryset, lambda row: _restore(row, at=now), done="Restored")


def _hide(rule: AlertRule, *, at: datetime) -> None:
    rule.deleted_at = at
    rule.save(update_fields=["deleted_at"])


def _restore(rule: AlertRule, *, at: datetime) -> None:
    rule.deleted_at, rule.changed_at = None, at
    rule.save(update_fields=["deleted_at", "changed_at"])


@admin.register(RuleOverride)
class RuleOverrideAdmin(ReadOnlyAdmin):
    """Which exceptions a customer made, and when they end."""

    entity = "rule_override"
    list_display = (
        "words",
        linked("unit"),
        linked("organization"),
        "instead",
        linked("owner"),
        moment("expires_at", "Expires (UTC)"),
        moment("ended_at", "Ended (UTC)"),
    )
    list_filter = (
        ("organization", AutocompleteSelectFilter),
        ("unit", AutocompleteSelectFilter),
        ("expires_at", Between),
    )
    list_select_related = (
        *("organization", "rule__organization", "unit__site", "unit__organization"),
        *("owner", "ended_by"),
    )
    search_fields = ("rule__name", "unit__name", "organization__name", "organization__slug")
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ((linked("rule"), linked("unit"), linked("organization")), "instead", "reason")}),
        (
            "From when to when",
            {
                "fields": (
                    (moment("created_at", "Made (UTC)"), linked("owner"), moment("expires_at", "Expires (UTC)")),
                    (moment("ended_at", "Ended (UTC)"), linked("ended_by")),
                )
            },
        ),
    )

    def name_of(self, row: RuleOverride) -> str:
        """Of which rule, and where."""
        return f"{self.words(row)}, {row.unit.name} · {row.organization.name}"

    @admin.display(description="Rule", ordering="rule__name")
    def words(self, row: RuleOverride) -> str:
        """The rule that it is an exception of."""
        return row.rule.name or row.rule.get_condition_display()

    @admin.display(description="Instead")
    def instead(self, row: RuleOverride) -> str:
        """The other limit and delay; what it leaves alone isn't named."""
        measure = _UNITS.get(Metric(row.rule.metric), "")
        limit = [] if row.threshold is None else [number(row.threshold, measure)]
        delay = [] if row.delay_s is None else [duration(timedelta(seconds=row.delay_s))]
        return ", ".join([*limit, *delay])


class EventInline(ReadOnlyInline):
    """What happened, oldest first."""

    model = AlertEvent
    fields = (moment("at", "When (UTC)"), labelled("event"), linked("by"), labelled("channel"), "note")
    verbose_name_plural = "events"
    ordering = ("created_at", "pk")
    tab = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertEvent]:
        """With the people."""
        rows: QuerySet[AlertEvent] = super().get_queryset(request)
        return rows.select_related("by")


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    entity = "alert"
    inlines = (EventInline,)
    list_display = (
        "words",
        labelled("severity"),
        labelled("status"),
        linked("unit"),
        linked("organization"),
        "values",
        moment("opened_at", "Opened (UTC)"),
        "lasted",
    )
    list_filter = (
        ("status", ChoicesCheckboxFilter),
        ("severity", ChoicesCheckboxFilter),
        ("kind", ChoicesCheckboxFilter),
        ("organization", AutocompleteSelectFilter),
        ("site", AutocompleteSelectFilter),
        ("unit", AutocompleteSelectFilter),
        ("opened_at", Between),
    )
    list_select_related = (
        "organization",
        "site__organization",
        "unit__site",
        "unit__organization",
        "sensor__organization",
        "rule__organization",
        "gateway__organization",
        "parent__organization",
        "acknowledged_by",
        "resolved_by",
        "assigned_to",
        "muted_by__organization",
    )
    search_fields = ("rule_name", "unit__name", "site__name", "organization__name", "organization__slug")
    ordering = ("-pk",)  # ids are UUIDv7: newest first, from the key's own index
    fieldsets = (
        (
            None,
            {
                "fields": (
                    (labelled("status"), labelled("severity"), "words"),
                    (linked("unit"), linked("site"), linked("organization")),
                    (linked("sensor"), linked("gateway"), linked("rule")),
                    linked("parent"),
                )
            },
        ),
        (
            "What was measured",
            {
                "fields": (
                    ("condition", "limit", "opened_with", "worst"),
                    (moment("started_at", "In breach since (UTC)"), moment("opened_at", "Opened (UTC)"), "lasted"),
                )
            },
        ),
        (
            "What people did",
            {
                "fields": (
                    (moment("acknowledged_at"), linked("acknowledged_by"), linked("assigned_to")),
                    (moment("resolved_at"), linked("resolved_by")),
                    ("cause", "corrective_action"),
                    ("disposition", "amount"),
                )
            },
        ),
        (
            "When people are told",
            {
                "fields": (
                    (moment("tell_at", "Next (UTC)"), moment("snoozed_until", "Snoozed (UTC)"), linked("muted_by")),
                )
            },
        ),
        (
            "About the row",
            {
                "fields": (
                    ("id", "cause_key"),
                    (moment("created_at", "Stored"), moment("found_at", "Found late"), moment("contradicted_at")),
                    "facts",
                )
            },
        ),
    )
    change_form_outer_after_template = "admin/alerts/alert/told.html"

    def name_of(self, row: Alert) -> str:
        """What and where."""
        return f"{self.words(row)}, {row.unit.name if row.unit else 'a removed unit'} · {row.organization.name}"

    @admin.display(description="Alert", ordering="rule_name")
    def words(self, row: Alert) -> str:
        """The rule, as it was called."""
        return row.rule_name or f"{row.kind} {row.get_condition_display().lower()}".capitalize()

    @admin.display(description="Value / limit")
    def values(self, row: Alert) -> str:
        """The worst value so far against the limit."""
        return f"{self.worst(row)} / {self.limit(row)}"

    @admin.display(description="Limit")
    def limit(self, row: Alert) -> str:
        """With its unit."""
        return _measured(row, row.threshold)

    @admin.display(description="Opened with")
    def opened_with(self, row: Alert) -> str:
        """With its unit."""
        return _measured(row, row.value)

    @admin.display(description="Worst so far")
    def worst(self, row: Alert) -> str:
        """With its unit."""
        return _measured(row, row.peak)

    @admin.display(description="Lasted")
    def lasted(self, row: Alert) -> str:
        """From the first reading in breach to the end, or until now."""
        words = duration((row.resolved_at or timezone.now()) - row.started_at)
        return words if row.status == AlertStatus.RESOLVED else f"{words} so far"

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        """With the messages about it: was a person told?"""
        if kwargs.get("obj") is not None:
            context["told"] = messages_about(kwargs["obj"])
        return super().render_change_form(request, context, **kwargs)


@admin.register(Mute)
class MuteAdmin(ReadOnlyAdmin):
    entity = "mute"
    list_display = (
        "scope",
        labelled("kind"),
        linked("organization"),
        "reason",
        moment("starts_at", "From (UTC)"),
        moment("ends_at", "To (UTC)"),
        "silenced",
    )
    list_filter = (
        ("kind", ChoicesCheckboxFilter),
        ("organization", AutocompleteSelectFilter),
        ("site", AutocompleteSelectFilter),
        ("ends_at", Between),
    )
    list_select_related = (
        "organization",
        "site__organization",
        "unit__site",
        "unit__organization",
        "rule__organization",
        "created_by",
    )
    search_fields = ("reason", "unit__name", "site__name", "organization__name", "organization__slug")
    ordering = ("-pk",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    (labelled("kind"), linked("organization")),
                    (linked("site"), linked("unit"), linked("rule")),
                    (moment("starts_at", "From (UTC)"), moment("ends_at", "To (UTC)")),
                    ("reason", "silenced"),
                )
            },
        ),
        ("About the row", {"fields": (("id", moment("created_at"), linked("created_by")),)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Mute]:
        """With the number of alerts that each kept quiet."""
        return mutes.with_silenced(super().get_queryset(request))

    def name_of(self, row: Mute) -> str:
        """What is quiet, and whose it is."""
        return f"{row.get_kind_display()} of {row.organization.name}"

    @admin.display(description="Quiet")
    def scope(self, row: Mute) -> SafeString | str:
        """What it keeps quiet."""
        place = row.unit or row.site or row.rule
        return link_to(place, short_name_of(place)) if place is not None else "everything"

    @admin.display(description="Alerts kept quiet")
    def silenced(self, row: Mute) -> int:
        """How many it kept quiet."""
        count: int = row.silenced  # type: ignore[attr-defined]
        return count


def _measured(alert: Alert, value: float | None) -> str:
    return number(None if value is None else round(value, 2), _UNITS.get(alert.kind, ""))  # type: ignore[call-overload]


def messages_about(alert: Alert) -> dict[str, list[Any]]:
    """Who was told of an alert, as a table of the theme."""
    rows = (
        Notification.objects.for_organization(alert.organization)
        .filter(about=f"alert:{alert.pk}")
        .order_by("created_at", "pk")[:200]
    )
    return {
        "headers": ["To", "Status", "Event", "Promised (UTC)", "Sent (UTC)", "Attempts"],
        "rows": [
            [
                link_to(row, row.to),
                label(row.status, row.get_status_display()),
                row.event,
                at(row.created_at),
                at(row.sent_at),
                row.attempts,
            ]
            for row in rows
        ],
    }
