"""Shapes of deliveries: what was promised to whom, what became of it, and how the channels are."""

from __future__ import annotations

from typing import Any, Final

from rest_framework import serializers

from notifications.models import Attempt, ContactKind, Notification, NotificationStatus, Outcome, Urgency

MOST_AT_ONCE: Final = 200
URGENCIES: Final = [urgency.name.lower() for urgency in Urgency]


class NotificationSerializer(serializers.ModelSerializer[Notification]):
    status = serializers.ChoiceField(
        source="state",
        choices=NotificationStatus.choices,
        help_text="Sending: a worker has it in hand just now.",
    )
    urgency = serializers.SerializerMethodField(help_text="Which queue it waits in.")
    summary = serializers.UUIDField(
        source="summary_id", allow_null=True, help_text="The message that this was put into, with others."
    )

    class Meta:
        model = Notification
        fields = [
            "id",
            "channel",
            "to",
            "severity",
            "urgency",
            "event",
            "about",
            "subject",
            "status",
            "attempts",
            "maybe_twice",
            "summary",
            "last_error",
            "created_at",
            "next_attempt_at",
            "sent_at",
            "delivered_at",
        ]
        read_only_fields = fields

    def get_urgency(self, notification: Notification) -> str:
        """In a word."""
        return Urgency(notification.urgency).name.lower()


class AttemptSerializer(serializers.ModelSerializer[Attempt]):
    outcome = serializers.ChoiceField(choices=Outcome.choices)

    class Meta:
        model = Attempt
        fields = ["number", "at", "duration_ms", "provider", "outcome", "code", "detail", "provider_id"]
        read_only_fields = fields


class ResendSerializer(serializers.Serializer[Any]):
    """Some by id, or what is dead, the newest first."""

    ids = serializers.ListField(child=serializers.UUIDField(), required=False, min_length=1, max_length=MOST_AT_ONCE)
    status = serializers.ChoiceField(choices=[NotificationStatus.DEAD.value], required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One of the two."""
        if len(attrs) != 1:
            raise serializers.ValidationError({"ids": ["Give either ids, or the status dead."]})
        return attrs


class ResentSerializer(serializers.Serializer[Any]):
    resent = serializers.ListField(
        child=serializers.UUIDField(), help_text="Promised once more; of a part of a summary the summary."
    )
    left = serializers.IntegerField(help_text="How many of those that were asked for can't be sent again.")
    more = serializers.BooleanField(help_text="There are more dead ones: ask again.")


class LastErrorSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    code = serializers.CharField(help_text="The provider's; empty where the line failed.")
    detail = serializers.CharField()


class CountsSerializer(serializers.Serializer[Any]):
    sent = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="Tried again, or lost with its sender.")
    refused = serializers.IntegerField(help_text="Not tried again.")


class ChannelHealthSerializer(serializers.Serializer[Any]):
    channel = serializers.ChoiceField(choices=ContactKind.choices)
    provider = serializers.CharField(help_text="Who carries it; empty where nobody was asked.")
    last_success = serializers.DateTimeField(allow_null=True, help_text="Within thirty days.")
    last_error = LastErrorSerializer(allow_null=True)
    hour = CountsSerializer(help_text="Attempts of the last hour.")
    day = CountsSerializer(help_text="Attempts of the last 24 hours.")


class HealthSerializer(serializers.Serializer[Any]):
    results = ChannelHealthSerializer(many=True)
