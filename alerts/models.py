"""What is too warm for too long, and what became of it."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar, Self
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from organizations.models import User
from organizations.owned import OwnedModel, OwnedQuerySet
from sensors.models import Area, Sensor, Site, Unit, UnitKind


class Severity(models.TextChoices):
    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    CRITICAL = "critical", "Critical"


class Metric(models.TextChoices):
    TEMPERATURE = "temperature", "Air temperature"
    PRODUCT_TEMPERATURE = "product_temperature", "Product temperature"
    HUMIDITY = "humidity", "Humidity"
    BATTERY = "battery", "Battery"
    SIGNAL = "signal", "Signal"
    GATEWAY = "gateway", "Gateway"


class Condition(models.TextChoices):
    ABOVE = "above", "Above"
    BELOW = "below", "Below"
    NO_DATA = "no_data", "No data"
    RATE_ABOVE = "rate_above", "Rises faster than"
    DOOR_OPEN_FOR = "door_open_for", "Door open for"
    FAULT = "fault", "Sensor fault"


class AlertStatus(models.TextChoices):
    OPEN = "open", "Open"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    RESOLVED = "resolved", "Resolved"


class AlertRuleQuerySet(OwnedQuerySet["AlertRule"]):
    def alive(self) -> Self:
        """Those that weren't deleted."""
        return self.filter(deleted_at=None)

    def in_sites(self, sites: Collection[UUID]) -> Self:
        """Those of the sites, and those of the whole organization or of a kind: they watch these sites too."""
        return self.filter(
            Q(site=None, area=None, unit=None)
            | Q(site_id__in=sites)
            | Q(area__site_id__in=sites)
            | Q(unit__site_id__in=sites)
        )


class AlertRule(OwnedModel):
    """When to alert. Scope: one of site, area, unit, kind of unit, or none of them: the whole organization."""

    site_path = "site_id"  # and more: see in_sites

    name = models.CharField(max_length=120, blank=True)
    metric = models.CharField(max_length=24, choices=Metric.choices)
    condition = models.CharField(max_length=16, choices=Condition.choices)
    threshold = models.FloatField(null=True, blank=True, help_text="°C, % or dBm.")
    severity = models.CharField(max_length=8, choices=Severity.choices)
    delay_s = models.PositiveIntegerField(default=0)
    hysteresis = models.FloatField(default=0.0)
    clear_delay_s = models.PositiveIntegerField(default=0)
    enabled = models.BooleanField(default=True)
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    area = models.ForeignKey(Area, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    unit = models.ForeignKey(Unit, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    unit_kind = models.CharField(max_length=24, choices=UnitKind.choices, blank=True, default="")
    is_default = models.BooleanField(
        default=False, help_text="Of the kind's profile; Unit.default_rules switches it off."
    )
    source = models.CharField(max_length=300, blank=True, help_text="Where a default's numbers come from.")
    created_at = models.DateTimeField(default=now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = AlertRuleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(condition__in=["no_data", "door_open_for", "fault"]) | Q(threshold__isnull=False),
                name="alert_rule_threshold_where_needed",
            ),
            models.CheckConstraint(condition=Q(hysteresis__gte=0), name="alert_rule_hysteresis_not_negative"),
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="alert_rule_severity_known"),
            models.CheckConstraint(
                # At most one of the four; a kind is no uuid, so the sum counts them.
                condition=(
                    Q(site=None, area=None, unit=None)
                    | Q(site=None, area=None, unit_kind="")
                    | Q(site=None, unit=None, unit_kind="")
                    | Q(area=None, unit=None, unit_kind="")
                ),
                name="alert_rule_one_scope",
            ),
        ]
        indexes = [
            # Evaluation reads an organization's rules with every batch of readings.
            models.Index(
                fields=["organization"], condition=Q(enabled=True, deleted_at=None), name="alert_rule_in_force"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name or self.condition} ({self.pk})"

    @property
    def has_place(self) -> bool:
        """Whether it watches one site, area or unit, and not all of them or all of a kind."""
        return any((self.site_id, self.area_id, self.unit_id))


class RuleState(OwnedModel):
    """Where one rule stands with one unit: what evaluation needs to go on with the next reading.

    Locked, in order of `cause_key`, in the transaction that stores readings: two writers judge one after the other.
    """

    site_path = "unit__site_id"

    cause_key = models.CharField(max_length=120, unique=True)
    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="+")
    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="+")
    state = models.JSONField(help_text="evaluation.State, encoded.")
    # Most rules of most units have nothing to remember; ingest asks with every batch for those that have.
    active = models.BooleanField(db_default=True, help_text="There is something to remember: a breach, an open alert.")

    objects = OwnedQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["organization"], condition=Q(active=True), name="rule_state_active")]

    def __str__(self) -> str:
        return self.cause_key


class AlertQuerySet(OwnedQuerySet["Alert"]):
    def unresolved(self) -> Self:
        """Open or acknowledged."""
        return self.exclude(status=AlertStatus.RESOLVED)


class Alert(OwnedModel):
    """An excursion that lasted: born in the transaction of the reading that completed the delay."""

    site_path = "site_id"
    TRANSITIONS: ClassVar[dict[str, set[str]]] = {
        AlertStatus.OPEN: {AlertStatus.ACKNOWLEDGED, AlertStatus.RESOLVED},
        AlertStatus.ACKNOWLEDGED: {AlertStatus.OPEN, AlertStatus.RESOLVED},  # open: the acknowledgement lapsed
        AlertStatus.RESOLVED: set(),
    }

    cause_key = models.CharField(max_length=120, help_text="What it is about while open: unit:…:rule:….")
    rule = models.ForeignKey(AlertRule, null=True, on_delete=models.SET_NULL, related_name="+")
    rule_name = models.CharField(max_length=120, blank=True, help_text="As it was called when the alert opened.")
    site = models.ForeignKey(Site, null=True, on_delete=models.CASCADE, related_name="+")
    unit = models.ForeignKey(Unit, null=True, on_delete=models.CASCADE, related_name="alerts")
    sensor = models.ForeignKey(
        Sensor, null=True, on_delete=models.SET_NULL, related_name="+", help_text="The probe that completed the delay."
    )
    kind = models.CharField(max_length=24)
    condition = models.CharField(max_length=16, choices=Condition.choices)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    status = models.CharField(max_length=12, choices=AlertStatus.choices, default=AlertStatus.OPEN)
    threshold = models.FloatField(null=True)
    value = models.FloatField(null=True, help_text="When it opened.")
    peak = models.FloatField(null=True, help_text="Farthest from the limit so far.")
    started_at = models.DateTimeField(help_text="First reading in breach, by the device's clock.")
    opened_at = models.DateTimeField(help_text="The reading that completed the delay, by the device's clock.")
    found_at = models.DateTimeField(null=True, help_text="Server time, when it was found late.")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    corrective_action = models.TextField(blank=True)
    cause = models.TextField(blank=True)
    disposition = models.CharField(max_length=120, blank=True)
    amount = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(default=now)

    objects = AlertQuerySet.as_manager()

    class Meta:
        constraints = [
            # One cause, one open alert: whoever comes second finds it already open.
            models.UniqueConstraint(
                fields=["cause_key"], condition=~Q(status="resolved"), name="alert_open_once_per_cause"
            ),
            models.CheckConstraint(
                condition=Q(status="resolved", resolved_at__isnull=False)
                | (~Q(status="resolved") & Q(resolved_at=None)),
                name="alert_resolved_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status="acknowledged") | Q(acknowledged_at__isnull=False),
                name="alert_acknowledged_has_time",
            ),
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="alert_severity_known"),
            models.CheckConstraint(condition=Q(status__in=AlertStatus.values), name="alert_status_known"),
            models.CheckConstraint(
                condition=Q(opened_at__gte=models.F("started_at")), name="alert_opens_after_it_started"
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-opened_at", "-id"], name="alert_list"),
            # "What is wrong here now?", asked by every tile and every transition.
            models.Index(fields=["unit"], condition=~Q(status="resolved"), name="alert_unresolved_of_unit"),
        ]

    def __str__(self) -> str:
        return f"{self.severity} {self.kind} of {self.unit_id} ({self.pk})"


class AlertEventKind(models.TextChoices):
    OPENED = "opened", "Opened"
    ESCALATED = "escalated", "Escalated"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    SNOOZED = "snoozed", "Snoozed"
    RESOLVED = "resolved", "Resolved"
    REOPENED = "reopened", "Reopened"
    COMMENTED = "commented", "Commented"


class AlertEvent(OwnedModel):
    """One move of an alert: the timeline that an inspector reads. Never changed."""

    site_path = "site_id"

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="events")
    site_id = models.UUIDField(null=True)  # copied from the alert
    event = models.CharField(max_length=16, choices=AlertEventKind.choices)
    at = models.DateTimeField(help_text="By the device's clock for what a reading caused, else ours.")
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    note = models.TextField(blank=True)
    created_at = models.DateTimeField(default=now)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["alert", "created_at", "id"], name="alert_event_timeline")]

    def __str__(self) -> str:
        return f"{self.event} {self.alert_id} ({self.pk})"
