"""Times in which nobody is told."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Self
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from alerts.models.rules import AlertRule
from organizations.models import User
from organizations.owned import OwnedModel, OwnedQuerySet
from sensors.models import Site, Unit


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
