"""What was too warm for too long, and what became of it."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from alerts.models.mutes import Mute
from alerts.models.rules import AlertRule, Condition
from notifications.models import Severity
from organizations.models import User
from organizations.owned import OwnedModel, OwnedQuerySet
from sensors.models import Gateway, Sensor, Site, Unit


class AlertStatus(models.TextChoices):
    OPEN = "open", "Open"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    RESOLVED = "resolved", "Resolved"


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
        AlertStatus.RESOLVED: {AlertStatus.OPEN},  # reopened
    }

    cause_key = models.CharField(
        max_length=120, help_text="What it is about while open: unit:…, sensor:… or gateway:…, and :rule:…."
    )
    rule = models.ForeignKey(AlertRule, null=True, on_delete=models.SET_NULL, related_name="+")
    rule_name = models.CharField(max_length=120, blank=True, help_text="As it was called when the alert opened.")
    site = models.ForeignKey(Site, null=True, on_delete=models.CASCADE, related_name="+")
    unit = models.ForeignKey(Unit, null=True, on_delete=models.CASCADE, related_name="alerts")
    sensor = models.ForeignKey(
        Sensor, null=True, on_delete=models.SET_NULL, related_name="+", help_text="The probe that completed the delay."
    )
    gateway = models.ForeignKey(Gateway, null=True, on_delete=models.SET_NULL, related_name="+")
    parent = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.SET_NULL,
        related_name="children",
        help_text="What it is a part of: the silence of its gateway, or the first of a flapping cause.",
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
    contradicted_at = models.DateTimeField(
        null=True, help_text="Server time, when readings that came later showed that it never was. It stays."
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    corrective_action = models.TextField(blank=True)
    cause = models.TextField(blank=True)
    disposition = models.CharField(max_length=120, blank=True)
    amount = models.CharField(max_length=120, blank=True)
    assigned_to = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    snoozed_until = models.DateTimeField(null=True, blank=True, help_text="Quiet until then, and then told again.")
    # Rows are the queue: whoever has to be told of an alert later is told by the sweep that finds this.
    tell_at = models.DateTimeField(null=True, blank=True, help_text="When people are to be told (again); empty: never.")
    plan = models.JSONField(
        null=True, blank=True, help_text="The steps of its escalation policy, as they were when it opened; empty: none."
    )
    step = models.PositiveIntegerField(
        default=0, db_default=0, help_text="How many of them were taken since people were first told, or told anew."
    )
    muted_by = models.ForeignKey(
        Mute, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", help_text="What kept it quiet."
    )
    facts = models.JSONField(
        default=dict, db_default={}, blank=True, help_text="Why it opened: the terms and the time counted."
    )
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
            # What a late reading may contradict, and how often a cause came back.
            models.Index(fields=["cause_key", "-opened_at"], name="alert_of_cause"),
            models.Index(fields=["tell_at"], condition=Q(tell_at__isnull=False), name="alert_to_be_told"),
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
    ASSIGNED = "assigned", "Assigned"
    MUTED = "muted", "Muted"
    UNMUTED = "unmuted", "Told after a mute"
    LAPSED = "lapsed", "Acknowledgement lapsed"
    AWAKE = "awake", "Snooze is over"
    AMENDED = "amended", "Amended by late readings"
    CONTRADICTED = "contradicted", "Contradicted by late readings"


class Channel(models.TextChoices):
    """Through what somebody moved an alert."""

    READINGS = "readings", "Readings"
    CLOCK = "clock", "The clock"
    WEB = "web", "Web app"
    API = "api", "API"
    LIVE = "live", "Live screen"
    EMAIL = "email", "E-mail"
    SMS = "sms", "Text message"
    VOICE = "voice", "Phone"
    PUSH = "push", "Push message"


class AlertEvent(OwnedModel):
    """One move of an alert: the timeline that an inspector reads. Never changed."""

    site_path = "site_id"

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="events")
    site_id = models.UUIDField(null=True)  # copied from the alert
    event = models.CharField(max_length=16, choices=AlertEventKind.choices)
    at = models.DateTimeField(help_text="By the device's clock for what a reading caused, else ours.")
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    channel = models.CharField(max_length=12, choices=Channel.choices, blank=True, default="", db_default="")
    note = models.TextField(blank=True)
    created_at = models.DateTimeField(default=now)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["alert", "created_at", "id"], name="alert_event_timeline")]

    def __str__(self) -> str:
        return f"{self.event} {self.alert_id} ({self.pk})"
