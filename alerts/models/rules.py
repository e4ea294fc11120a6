"""When to alert: rules, and what differs from them for a while."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Self
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.timezone import now

from notifications.models import Severity
from organizations.models import User
from organizations.owned import OwnedModel, OwnedQuerySet
from sensors.models import Area, Site, Unit, UnitKind


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
