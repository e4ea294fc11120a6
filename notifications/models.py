"""How a person is told: addresses and wishes, and one row for each message promised (Note [Rows are the queue])."""

from __future__ import annotations

from typing import Self, TypeVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.timezone import now
from uuid_utils.compat import uuid7

from organizations.models import Membership, User
from organizations.owned import OwnedModel, OwnedQuerySet

_M = TypeVar("_M", bound=models.Model)


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
    # The code that proves it is only kept as a hash, and is worth nothing after some wrong tries or some time.
    code_hash = models.CharField(max_length=128, blank=True, db_default="")
    code_sent_at = models.DateTimeField(null=True, blank=True)
    code_tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    disabled_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when nothing is sent there: it bounced, or its owner complained."
    )
    disabled_because = models.CharField(max_length=300, blank=True, db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "kind", "address"], name="contact_method_once"),
            models.CheckConstraint(condition=Q(kind__in=ContactKind.values), name="contact_method_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.address} of {self.user_id}"


class Severity(models.TextChoices):
    """How much it matters that somebody hears of it: preferences and quiet hours go by this."""

    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    CRITICAL = "critical", "Critical"


class Urgency(models.IntegerChoices):
    """Which of the queues a message waits in: a digest never stands before an alarm."""

    URGENT = 0, "Urgent"
    DEFAULT = 1, "Default"
    BULK = 2, "Bulk"


class NotificationStatus(models.TextChoices):
    PROMISED = "promised", "Promised"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Failed"
    DEAD = "dead", "Dead"


class NotificationQuerySet(OwnedQuerySet[_M]):
    def for_member(self, membership: Membership) -> Self:
        """Of the member's sites, and what was sent to the member whatever it is about."""
        queryset = self.for_organization(membership.organization)
        if membership.site_ids is None:
            return queryset
        return queryset.filter(Q(site_id__in=membership.site_ids) | Q(user_id=membership.user_id))


class InboxItem(OwnedModel):
    """What happened, for one person to read in the app, whatever else it was sent by."""

    site_path = "site_id"
    # None: about the person's own account.
    organization = models.ForeignKey(  # type: ignore[assignment]
        "organizations.Organization", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    site_id = models.UUIDField(null=True, blank=True)
    event = models.CharField(max_length=48, help_text="What happened, for example alert.opened.")
    about = models.CharField(max_length=64, blank=True, help_text="What it is about, for example alert:<id>.")
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.INFO)
    subject = models.CharField(max_length=300)
    text = models.CharField(max_length=1000, blank=True, help_text="One or two sentences.")
    path = models.CharField(max_length=300, blank=True, help_text="Where in the app it is, beginning with a slash.")
    # Told twice of the same event, a person finds it once.
    dedupe_key = models.CharField(max_length=200, unique=True)
    created_at = models.DateTimeField(default=now)
    read_at = models.DateTimeField(null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="inbox_severity_known"),
        ]
        indexes = [
            models.Index(fields=["user", "-created_at", "id"], name="inbox_list"),
            # The badge: how many are unread.
            models.Index(fields=["user"], condition=Q(read_at=None), name="inbox_unread"),
            # Who found it in the app, and nowhere else? Asked when it is over.
            models.Index(fields=["about"], name="inbox_about"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} for {self.user_id}"


class Notification(OwnedModel):
    """One message to one address: a row first, then a task (Note [Rows are the queue])."""

    site_path = "site_id"
    # None: a message about the person's own account, such as a link to reset the password. No organization sees it.
    organization = models.ForeignKey(  # type: ignore[assignment]
        "organizations.Organization", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )

    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    contact = models.ForeignKey(ContactMethod, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    item = models.ForeignKey(
        InboxItem, null=True, blank=True, on_delete=models.SET_NULL, related_name="deliveries", help_text="In the app."
    )
    channel = models.CharField(max_length=8, choices=ContactKind.choices)
    to = models.CharField(max_length=320)
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.INFO, db_default=Severity.INFO)
    urgency = models.PositiveSmallIntegerField(
        choices=Urgency.choices, default=Urgency.DEFAULT, db_default=Urgency.DEFAULT
    )
    event = models.CharField(max_length=48, help_text="What happened, for example alert.opened.")
    about = models.CharField(max_length=64, blank=True, help_text="What it is about, for example alert:<id>.")
    # Copied from what it is about, for members who may see some sites only.
    site_id = models.UUIDField(null=True, blank=True)
    subject = models.CharField(max_length=300)
    text = models.TextField()
    html = models.TextField(blank=True)
    extra = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        blank=True,
        help_text="What a channel needs beside the words, for example an e-mail's headers.",
    )
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
    # One of many that were put together: this one isn't sent by itself and shares the summary's fate.
    summary = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="parts")
    maybe_twice = models.BooleanField(
        default=False,
        db_default=False,
        help_text="A sender vanished between the provider's yes and ours: sent again under the same id.",
    )
    provider_id = models.CharField(max_length=200, blank=True)
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=now)
    sent_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True, help_text="When the provider said that it arrived.")

    objects = NotificationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(status__in=NotificationStatus.values), name="notification_status_known"),
            models.CheckConstraint(
                condition=~Q(status__in=[NotificationStatus.SENT, NotificationStatus.DELIVERED])
                | Q(sent_at__isnull=False),
                name="notification_sent_has_time",
            ),
            models.CheckConstraint(condition=Q(urgency__in=Urgency.values), name="notification_urgency_known"),
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="notification_severity_known"),
        ]
        # None holds `status`: a message is settled without touching an index. What waits stands in OutboxEntry.
        indexes = [
            models.Index(fields=["organization", "-created_at", "id"], name="notification_list"),
            # "Who was told of this?", asked when an alert resolves.
            models.Index(fields=["about"], name="notification_about"),
            # How much has this person been told in the last minute?
            models.Index(fields=["user", "-created_at"], name="notification_of_user"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} to {self.to}: {self.subject} ({self.pk})"


class OutboxEntry(models.Model):
    """A message that waits, in a narrow table of its own: claimed by moving `due_at`, gone when it is settled.

    A trigger of the notification's INSERT writes it, so whoever promises can't forget it.
    """

    notification = models.OneToOneField(
        Notification, primary_key=True, on_delete=models.CASCADE, related_name="entry", db_constraint=True
    )
    # The notification's, copied: that one's constraint holds for both, and each check would cost a lock.
    organization = models.ForeignKey(
        "organizations.Organization",
        null=True,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    urgency = models.PositiveSmallIntegerField(choices=Urgency.choices)
    due_at = models.DateTimeField(help_text="When it is to be sent; while leased, when the lease ends.")
    lease = models.UUIDField(null=True, help_text="Whose it is: only this claim may settle it.")
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta:
        indexes = [models.Index(fields=["urgency", "due_at"], name="outbox_due")]

    def __str__(self) -> str:
        return f"{self.notification_id} due {self.due_at:%Y-%m-%d %H:%M:%S}"


class Outcome(models.TextChoices):
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    REFUSED = "refused", "Refused"
    LOST = "lost", "Sender vanished"


class Attempt(models.Model):
    """One try to hand a message over, and what the provider said. Only ever added."""

    # Whoever settles needs the entry: once those are gone nobody writes another attempt.
    purged_after = ("notifications.OutboxEntry",)

    # The notification's, copied.
    organization = models.ForeignKey(
        "organizations.Organization",
        null=True,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    site_id = models.UUIDField(null=True)
    # Only ever written together with its notification, by whoever holds that one's entry (outbox/claiming.py): nothing
    # is left for a constraint to find, and its check is a tenth of what a settlement costs.
    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="tries", db_constraint=False)
    number = models.PositiveSmallIntegerField()
    at = models.DateTimeField(help_text="When it began.")
    duration_ms = models.PositiveIntegerField()
    channel = models.CharField(max_length=8, choices=ContactKind.choices)
    provider = models.CharField(max_length=32, help_text="Who was asked to carry it, for example smtp.")
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    code = models.CharField(max_length=32, blank=True, help_text="The provider's, for example 550 or 40001.")
    detail = models.CharField(max_length=2000, blank=True)
    provider_id = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(outcome__in=Outcome.values), name="attempt_outcome_known")]
        # Health of a channel: the last hours of one organization, or of all of them.
        indexes = [models.Index(fields=["organization", "channel", "-at"], name="attempt_of_channel")]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.notification_id}: {self.outcome}"


class ProviderEvent(models.Model):
    """What a provider told us by webhook, once each; staff see it."""

    provider = models.CharField(max_length=32)
    event_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=32, help_text="For example bounced, complained, delivered.")
    recipient = models.CharField(max_length=320, blank=True)
    notification = models.ForeignKey(Notification, null=True, on_delete=models.CASCADE, related_name="+")
    detail = models.CharField(max_length=2000, blank=True)
    at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "event_id"], name="provider_event_once")]

    def __str__(self) -> str:
        return f"{self.provider} {self.kind} {self.recipient}"


# --- what people wish ------------------------------------------------------------------------------------------------


class NotificationPreference(OwnedModel):
    """By which channels a person hears of something of this severity in this organization. No row: by e-mail."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    severity = models.CharField(max_length=8, choices=Severity.choices)
    channels = ArrayField(models.CharField(max_length=8, choices=ContactKind.choices), default=list, blank=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "organization", "severity"], name="preference_once"),
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="preference_severity_known"),
        ]

    def __str__(self) -> str:
        return f"{self.severity} to {self.user_id} by {', '.join(self.channels)}"


class Rest(models.Model):
    """When a person wants to be left alone, in every organization. Times of day are of `User.time_zone`."""

    user = models.OneToOneField(User, primary_key=True, on_delete=models.CASCADE, related_name="rest")
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_to = models.TimeField(null=True, blank=True)
    away_from = models.DateTimeField(null=True, blank=True)
    away_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_to=None) | Q(quiet_from__isnull=False, quiet_to__isnull=False),
                name="rest_quiet_hours_have_both_ends",
            ),
            models.CheckConstraint(
                condition=Q(away_from=None, away_until=None) | Q(away_from__isnull=False, away_until__isnull=False),
                name="rest_absence_has_both_ends",
            ),
        ]

    def __str__(self) -> str:
        return f"rest of {self.user_id}"


class Period(models.TextChoices):
    DAILY = "daily", "Daily"
    WEEKLY = "weekly", "Weekly"


class Digest(OwnedModel):
    """A person's summary of an organization, each day or week at a time of day of `User.time_zone`."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    period = models.CharField(max_length=8, choices=Period.choices)
    at = models.TimeField()
    weekday = models.PositiveSmallIntegerField(default=0, help_text="Of a weekly one: 0 is Monday.")
    enabled = models.BooleanField(default=True)
    next_at = models.DateTimeField(help_text="When the next one is due; whoever sends it moves it on.")

    objects = OwnedQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "organization", "period"], name="digest_once"),
            models.CheckConstraint(condition=Q(period__in=Period.values), name="digest_period_known"),
            models.CheckConstraint(condition=Q(weekday__lte=6), name="digest_weekday_known"),
        ]
        indexes = [models.Index(fields=["next_at"], condition=Q(enabled=True), name="digest_due")]

    def __str__(self) -> str:
        return f"{self.period} digest for {self.user_id}"
