"""When to alert, what is too warm for too long, and what became of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import ClassVar, Final, Self
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.timezone import now

from notifications.models import Severity as Severity  # how much something matters is the same for rules and messages
from organizations.models import User
from organizations.owned import OwnedModel, OwnedQuerySet
from sensors.models import Area, Gateway, Sensor, Site, Unit, UnitKind


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


# What they compare with is there or isn't; a delay is all they need.
WITHOUT_THRESHOLD: Final = frozenset({Condition.NO_DATA, Condition.DOOR_OPEN_FOR, Condition.FAULT})


class Schedule(models.TextChoices):
    ALWAYS = "always", "Always"
    OPENING_HOURS = "opening_hours", "In opening hours"


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
    schedule = models.CharField(
        max_length=16,
        choices=Schedule.choices,
        default=Schedule.ALWAYS,
        db_default=Schedule.ALWAYS,
        help_text="When it watches; opening hours are the site's.",
    )
    is_ceiling = models.BooleanField(
        default=False, db_default=False, help_text="A hard limit: no more specific rule replaces it, nothing masks it."
    )
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    area = models.ForeignKey(Area, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    unit = models.ForeignKey(Unit, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    unit_kind = models.CharField(max_length=24, choices=UnitKind.choices, blank=True, default="")
    is_default = models.BooleanField(
        default=False, help_text="Of the kind's profile; Unit.default_rules switches it off."
    )
    source = models.CharField(max_length=300, blank=True, help_text="Where a default's numbers come from.")
    created_at = models.DateTimeField(default=now)
    # What was opened before is never judged again by what the rule says today.
    changed_at = models.DateTimeField(default=now, db_default=Now(), help_text="When what it says last changed.")
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
            models.CheckConstraint(condition=Q(schedule__in=Schedule.values), name="alert_rule_schedule_known"),
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


class RuleOverride(OwnedModel):
    """Another limit or delay of one rule for one unit, with a reason, an owner and an end. It reverts by itself.

    It never goes beyond the legal limit (alerts/profiles). `ended_at` is set by the sweep when `expires_at` is reached,
    so that the change log tells every writer; or by somebody who ends it earlier.
    """

    site_path = "unit__site_id"

    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="overrides")
    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="+")
    threshold = models.FloatField(null=True, blank=True, help_text="Empty: the rule's own.")
    delay_s = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: the rule's own.")
    reason = models.TextField(max_length=2000)
    owner = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    objects = OwnedQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "unit"], condition=Q(ended_at=None), name="rule_override_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(threshold__isnull=False) | Q(delay_s__isnull=False), name="rule_override_overrides"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="rule_override_has_reason"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=models.F("created_at")), name="rule_override_ends_after_it_began"
            ),
        ]
        indexes = [
            models.Index(fields=["organization"], condition=Q(ended_at=None), name="rule_override_in_force"),
            models.Index(fields=["expires_at"], condition=Q(ended_at=None), name="rule_override_due"),
        ]

    def __str__(self) -> str:
        return f"override of {self.rule_id} for {self.unit_id} ({self.pk})"


class MuteKind(models.TextChoices):
    MUTE = "mute", "Mute"
    MAINTENANCE = "maintenance", "Maintenance window"


class MuteQuerySet(OwnedQuerySet["Mute"]):
    def in_force(self, *, at: datetime) -> Self:
        """Those that silence messages at this moment."""
        return self.filter(starts_at__lte=at, ends_at__gt=at)

    def in_sites(self, sites: Collection[UUID]) -> Self:
        """Those of the sites and their units, and those of the whole organization or of a rule: they concern them."""
        return self.filter(Q(site=None, unit=None) | Q(site_id__in=sites) | Q(unit__site_id__in=sites))


class Mute(OwnedModel):
    """A time in which nobody is told. Alerts open and resolve as ever; what lasts longer is told at the end.

    Scope: one of site, unit, rule, or none of them: the whole organization. It always ends; who ends it early moves
    `ends_at`.
    """

    site_path = "site_id"  # and more: see in_sites

    kind = models.CharField(max_length=12, choices=MuteKind.choices, default=MuteKind.MUTE)
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    unit = models.ForeignKey(Unit, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    rule = models.ForeignKey(AlertRule, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=500, blank=True)
    starts_at = models.DateTimeField(default=now)
    ends_at = models.DateTimeField()
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now)

    objects = MuteQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=MuteKind.values), name="mute_kind_known"),
            models.CheckConstraint(condition=Q(ends_at__gte=models.F("starts_at")), name="mute_ends"),
            models.CheckConstraint(
                condition=Q(site=None, unit=None) | Q(site=None, rule=None) | Q(unit=None, rule=None),
                name="mute_one_scope",
            ),
        ]
        indexes = [
            # Asked when an alert is about to be told.
            models.Index(fields=["organization", "ends_at"], name="mute_by_end"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} until {self.ends_at:%Y-%m-%d %H:%M} ({self.pk})"


class RuleState(OwnedModel):
    """Where one rule stands with one unit (or sensor, or gateway): what evaluation needs to go on.

    Locked, in order of `cause_key`, in the transaction that stores readings: two writers judge one after the other.
    """

    site_path = "unit__site_id"

    cause_key = models.CharField(max_length=120, unique=True)
    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="+")
    # Of a gateway it has neither unit nor sensor; of one sensor's silence or fault both.
    unit = models.ForeignKey(Unit, null=True, on_delete=models.CASCADE, related_name="+")
    sensor = models.ForeignKey(Sensor, null=True, on_delete=models.CASCADE, related_name="+")
    gateway = models.ForeignKey(Gateway, null=True, on_delete=models.CASCADE, related_name="+")
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


class Listening(models.Model):
    """How well silences are listened for: the sweep's last round, and the last outage of ours. One row for all.

    Note [Outages] in alerts/silence/outages.py.
    """

    ONLY: ClassVar[int] = 1

    id = models.PositiveSmallIntegerField(primary_key=True)
    round_at = models.DateTimeField(help_text="When the last round of the sweep began.")
    heard_until = models.DateTimeField(null=True, help_text="Until when we listened for certain before the outage.")
    back_at = models.DateTimeField(null=True, help_text="When rounds went on after it.")
    patient_until = models.DateTimeField(null=True, help_text="Until when silences of the outage are held.")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="listening_one_row")]

    def __str__(self) -> str:
        return f"listening as of {self.round_at:%Y-%m-%d %H:%M:%S}"
