"""Readings that were refused: kept, so that somebody can see what a gateway sends, and what was wrong with it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from organizations.models import ApiKey, User
from organizations.owned import OwnedModel, OwnedQuerySet


class QuarantineState(models.TextChoices):
    KEPT = "kept", "Kept"
    RESUBMITTED = "resubmitted", "Resubmitted"
    DISCARDED = "discarded", "Discarded"


class QuarantinedReading(OwnedModel):
    """One reading that was refused with a code of the contract, as it was sent.

    A gateway that sends the same again and again makes one row with a growing `times`.
    """

    site_path = "site_id"

    # Of the sensor, where it is known; what is nobody's yet concerns the whole organization.
    site_id = models.UUIDField(null=True)
    sensor_id = models.UUIDField(null=True, help_text="The sensor's public id, where it is known.")
    serial = models.CharField(max_length=64, blank=True, help_text="As claimed; empty where it can't be read.")
    channel = models.CharField(max_length=64, blank=True)
    recorded_at = models.DateTimeField(null=True)
    code = models.CharField(max_length=24)
    detail = models.CharField(max_length=500)
    format = models.CharField(max_length=24, help_text="The address it came to: readings, ttn, …")
    payload = models.JSONField(help_text="The reading as it was sent; text where it isn't valid JSON.")
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of code, format and payload.")
    times = models.PositiveIntegerField(default=1)
    first_received_at = models.DateTimeField(default=now)
    last_received_at = models.DateTimeField(default=now)
    key = models.ForeignKey(ApiKey, null=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(max_length=12, choices=QuarantineState.choices, default=QuarantineState.KEPT)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    objects = OwnedQuerySet.as_manager()

    class Meta:
        constraints = [
            # What was decided stays as it is; the same reading refused once more is a new row.
            models.UniqueConstraint(
                fields=["organization", "fingerprint"], condition=Q(state="kept"), name="quarantined_once"
            ),
            models.CheckConstraint(condition=Q(state__in=QuarantineState.values), name="quarantine_state_known"),
        ]
        indexes = [models.Index(fields=["organization", "-last_received_at", "-id"], name="quarantine_list")]

    def __str__(self) -> str:
        return f"{self.code} {self.serial} ({self.pk})"
