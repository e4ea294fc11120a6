"""Whom to call, in which order, until somebody answers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Self
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from notifications.models import Severity
from organizations.owned import OwnedModel, OwnedQuerySet
from sensors.models import Site, Unit, UnitKind


class Hours(models.TextChoices):
    """When an alert has to open for a policy to hold, by the site's opening hours."""

    ALWAYS = "always", "Always"
    OPEN = "open", "In opening hours"
    CLOSED = "closed", "Outside opening hours"


class EscalationPolicyQuerySet(OwnedQuerySet["EscalationPolicy"]):
    def alive(self) -> Self:
        """Those that weren't deleted."""
        return self.filter(deleted_at=None)

    def in_force(self) -> Self:
        """Those that alerts are given to."""
        return self.alive().filter(enabled=True)

    def in_sites(self, sites: Collection[UUID]) -> Self:
        """Those of the sites and their units, and those of the whole organization or of a kind: they concern them."""
        return self.filter(Q(site=None, unit=None) | Q(site_id__in=sites) | Q(unit__site_id__in=sites))


class EscalationPolicy(OwnedModel):
    """Steps that are taken one after the other, again and again, until somebody answers.

    Scope: one of site, unit, kind of unit, or none of them: the whole organization.

    `steps` are those of escalation.plans.Plan, in its JSON. An alert keeps those that it opened with.
    """

    site_path = "site_id"  # and more: see in_sites

    name = models.CharField(max_length=120)
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    unit = models.ForeignKey(Unit, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    unit_kind = models.CharField(max_length=24, choices=UnitKind.choices, blank=True, default="", db_default="")
    severity = models.CharField(
        max_length=8, choices=Severity.choices, blank=True, default="", db_default="", help_text="Empty: any."
    )
    hours = models.CharField(max_length=8, choices=Hours.choices, default=Hours.ALWAYS, db_default=Hours.ALWAYS)
    steps = models.JSONField(help_text="Whom to tell, how long after the step before.")
    repeat_s = models.PositiveIntegerField(
        default=1800, db_default=1800, help_text="Seconds from the last step to the first, as long as nobody answers."
    )
    enabled = models.BooleanField(default=True, db_default=True)
    is_default = models.BooleanField(default=False, db_default=False, help_text="An organization starts with it.")
    created_at = models.DateTimeField(default=now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = EscalationPolicyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(severity__in=["", *Severity.values]), name="policy_severity_known"),
            models.CheckConstraint(condition=Q(hours__in=Hours.values), name="policy_hours_known"),
            models.CheckConstraint(condition=Q(repeat_s__gte=60), name="policy_repeats"),
            models.CheckConstraint(
                condition=Q(site=None, unit=None) | Q(site=None, unit_kind="") | Q(unit=None, unit_kind=""),
                name="policy_one_scope",
            ),
        ]
        indexes = [
            # Asked when an alert opens.
            models.Index(fields=["organization"], condition=Q(enabled=True, deleted_at=None), name="policy_in_force"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.pk})"

    @property
    def has_place(self) -> bool:
        """Whether it is for one site or unit, and not for all of them or all of a kind."""
        return any((self.site_id, self.unit_id))
