"""Who is on duty when: rotations, what differs from them, and the secret addresses of calendars."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Self, TypeVar
from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now

from organizations.models import User
from organizations.owned import OwnedModel, OwnedQuerySet
from sensors.models import Site

_M = TypeVar("_M", bound=models.Model)


class OnCallScheduleQuerySet(OwnedQuerySet["OnCallSchedule"]):
    def alive(self) -> Self:
        """Those that weren't deleted."""
        return self.filter(deleted_at=None)

    def in_sites(self, sites: Collection[UUID]) -> Self:
        """Those of the sites, and those of the whole organization: they concern these sites too."""
        return self.filter(Q(site=None) | Q(site_id__in=sites))


class OnCallSchedule(OwnedModel):
    """Who is on duty when, by the clock of a place. `layers` and `holidays` are those of oncall.rota, in JSON."""

    site_path = "site_id"  # and more: see in_sites

    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64)
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    layers = models.JSONField(default=list, blank=True, db_default=[])
    holidays = models.JSONField(default=list, blank=True, db_default=[])
    created_at = models.DateTimeField(default=now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = OnCallScheduleQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["organization", "name"], condition=Q(deleted_at=None), name="on_call_schedule_list")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.pk})"


class OfScheduleQuerySet(OwnedQuerySet[_M]):
    """Rows of schedules: whoever may see the schedule may see them."""

    def in_sites(self, sites: Collection[UUID]) -> Self:
        """Of schedules of these sites, and of the whole organization."""
        return self.filter(Q(schedule__site=None) | Q(schedule__site_id__in=sites))


class OverrideSource(models.TextChoices):
    HAND = "hand", "By hand"
    SWAP = "swap", "A swap"
    CALENDAR = "calendar", "An imported calendar"


class OnCallOverrideQuerySet(OfScheduleQuerySet["OnCallOverride"]):
    def within(self, begin: datetime, end: datetime) -> Self:
        """Those that hold at some moment of it."""
        return self.filter(starts_at__lt=end, ends_at__gt=begin)


class OnCallOverride(OwnedModel):
    """Somebody has the duty for a time, whatever the rotation says. Of several the one made last."""

    site_path = "schedule__site_id"  # and more: see in_sites

    schedule = models.ForeignKey(OnCallSchedule, on_delete=models.CASCADE, related_name="overrides")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=300, blank=True, default="", db_default="")
    source = models.CharField(
        max_length=8, choices=OverrideSource.choices, default=OverrideSource.HAND, db_default=OverrideSource.HAND
    )
    uid = models.CharField(
        max_length=400, blank=True, default="", db_default="", help_text="The event of the calendar that it came with."
    )
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now)

    objects = OnCallOverrideQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="on_call_override_lasts"),
            models.CheckConstraint(condition=Q(source__in=OverrideSource.values), name="on_call_override_source_known"),
        ]
        indexes = [models.Index(fields=["schedule", "ends_at"], name="on_call_override_by_end")]

    def __str__(self) -> str:
        return f"{self.user_id} from {self.starts_at:%Y-%m-%d %H:%M} ({self.pk})"


class SwapStatus(models.TextChoices):
    OFFERED = "offered", "Offered"
    ACCEPTED = "accepted", "Accepted"
    DECLINED = "declined", "Declined"
    WITHDRAWN = "withdrawn", "Withdrawn"
    EXPIRED = "expired", "Expired"


class ShiftSwap(OwnedModel):
    """Somebody asks another to take a time of duty, perhaps for one in return. It holds once the other accepts."""

    site_path = "schedule__site_id"  # and more: see in_sites

    schedule = models.ForeignKey(OnCallSchedule, on_delete=models.CASCADE, related_name="swaps")
    offered_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    taken_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    return_starts_at = models.DateTimeField(null=True, blank=True)
    return_ends_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True, default="", db_default="")
    status = models.CharField(max_length=9, choices=SwapStatus.choices, default=SwapStatus.OFFERED)
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now)

    objects = OfScheduleQuerySet["ShiftSwap"].as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="shift_swap_lasts"),
            models.CheckConstraint(condition=~Q(offered_by=F("taken_by")), name="shift_swap_of_two"),
            models.CheckConstraint(
                condition=Q(return_starts_at=None, return_ends_at=None) | Q(return_ends_at__gt=F("return_starts_at")),
                name="shift_swap_return_lasts",
            ),
            models.CheckConstraint(condition=Q(status__in=SwapStatus.values), name="shift_swap_status_known"),
            models.CheckConstraint(
                condition=Q(status="offered", decided_at=None) | (~Q(status="offered") & Q(decided_at__isnull=False)),
                name="shift_swap_decided_has_time",
            ),
        ]
        indexes = [
            models.Index(fields=["schedule", "-starts_at", "id"], name="shift_swap_list"),
            models.Index(fields=["starts_at"], condition=Q(status="offered"), name="shift_swap_undecided"),
        ]

    def __str__(self) -> str:
        return f"{self.offered_by_id} to {self.taken_by_id}, {self.status} ({self.pk})"


class OnCallFeed(OwnedModel):
    """A secret address under which calendar programs read who is on duty. Only its hash is kept."""

    site_path = "schedule__site_id"  # and more: see in_sites

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", help_text="Whose right it uses.")
    schedule = models.ForeignKey(OnCallSchedule, on_delete=models.CASCADE, related_name="feeds")
    only_mine = models.BooleanField(default=False, db_default=False, help_text="Only the shifts of this person.")
    hash = models.CharField(max_length=64, unique=True)
    prefix = models.CharField(max_length=12)
    created_at = models.DateTimeField(default=now)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = OfScheduleQuerySet["OnCallFeed"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["organization", "user"], name="on_call_feed_of_user")]

    def __str__(self) -> str:
        return f"{self.prefix}… of {self.user_id} ({self.pk})"
