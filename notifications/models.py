"""How a person is told: addresses, and one row for each message promised."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.timezone import now
from uuid_utils.compat import uuid7

from organizations.models import Membership, User
from organizations.owned import OwnedModel, OwnedQuerySet


class ContactKind(models.TextChoices):
    EMAIL = "email", "E-mail"
    SMS = "sms", "SMS"
    VOICE = "voice", "Voice call"
    PUSH = "push", "Push"
    WEBHOOK = "webhook", "Webhook"
    SLACK = "slack", "Slack"


class ContactMethod(models.Model):
    """One address of a person. Belongs to the person, whatever organizations they are in."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="contact_methods")
    kind = models.CharField(max_length=8, choices=ContactKind.choices)
    address = models.CharField(max_length=320)
    verified_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "kind", "address"], name="contact_method_once"),
            models.CheckConstraint(condition=Q(kind__in=ContactKind.values), name="contact_method_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.address} of {self.user_id}"


class NotificationStatus(models.TextChoices):
    PROMISED = "promised", "Promised"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Failed"
    DEAD = "dead", "Dead"


class NotificationQuerySet(OwnedQuerySet["Notification"]):
    def waiting(self, *, at: datetime) -> Self:
        """Promised or failed ones that are due, and those whose sender vanished while sending."""
        return self.filter(
            Q(status__in=[NotificationStatus.PROMISED, NotificationStatus.FAILED], next_attempt_at__lte=at)
            | Q(status=NotificationStatus.SENDING, claimed_until__lte=at)
        )

    def for_member(self, membership: Membership) -> Self:
        """Of the member's sites, and what was sent to the member whatever it is about."""
        queryset = self.for_organization(membership.organization)
        if membership.site_ids is None:
            return queryset
        return queryset.filter(Q(site_id__in=membership.site_ids) | Q(user_id=membership.user_id))


class Notification(OwnedModel):
    """One message to one address: a row first, then a task (Note [Rows are the queue])."""

    site_path = "site_id"
    # None: a message about the person's own account, such as a link to reset the password. No organization sees it.
    organization = models.ForeignKey(  # type: ignore[assignment]
        "organizations.Organization", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )

    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    channel = models.CharField(max_length=8, choices=ContactKind.choices)
    to = models.CharField(max_length=320)
    event = models.CharField(max_length=48, help_text="What happened, for example alert.opened.")
    about = models.CharField(max_length=64, blank=True, help_text="What it is about, for example alert:<id>.")
    # Copied from what it is about, for members who may see some sites only.
    site_id = models.UUIDField(null=True, blank=True)
    subject = models.CharField(max_length=300)
    text = models.TextField()
    html = models.TextField(blank=True)
    confidential = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Holds a secret link: never shown, and its words are wiped once it was sent.",
    )
    # A transition that is evaluated twice, or a task that runs twice, promises the same message once.
    dedupe_key = models.CharField(max_length=200, unique=True)
    status = models.CharField(max_length=12, choices=NotificationStatus.choices, default=NotificationStatus.PROMISED)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=now)
    claimed_until = models.DateTimeField(null=True, blank=True)
    provider_id = models.CharField(max_length=200, blank=True)
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=now)
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(status__in=NotificationStatus.values), name="notification_status_known"),
            models.CheckConstraint(
                condition=~Q(status__in=[NotificationStatus.SENT, NotificationStatus.DELIVERED])
                | Q(sent_at__isnull=False),
                name="notification_sent_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status=NotificationStatus.SENDING) | Q(claimed_until__isnull=False),
                name="notification_sending_is_leased",
            ),
        ]
        indexes = [
            # The sweep asks every 15 s what is due; done ones, the bulk, aren't in the index.
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(status__in=["promised", "failed", "sending"]),
                name="notification_waiting",
            ),
            models.Index(fields=["organization", "-created_at", "id"], name="notification_list"),
            # "Who was told of this?", asked when an alert resolves.
            models.Index(fields=["about"], name="notification_about"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} to {self.to}: {self.subject} ({self.pk})"
