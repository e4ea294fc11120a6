"""What evaluation and the sweep of silence remember."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from alerts.models.rules import AlertRule
from organizations.owned import OwnedModel, OwnedQuerySet
from sensors.models import Gateway, Sensor, Unit


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


class AuditRound(models.Model):
    """One round of the auditor: how many critical alerts it looked at, and which of them nobody would have heard of.

    Note [Auditor] in alerts/auditing.py.
    """

    at = models.DateTimeField(unique=True)
    checked = models.PositiveIntegerField()
    stuck = models.PositiveIntegerField(default=0, db_default=0)
    alerts = ArrayField(models.CharField(max_length=200), default=list, blank=True, help_text="Which, and why; few.")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S}: {self.stuck} of {self.checked} stuck"
