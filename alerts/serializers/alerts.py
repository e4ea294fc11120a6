"""Shapes of alerts and their events, and what people may say about them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from alerts.models import Alert, AlertEvent
from alerts.shapes import alert_shape
from organizations.names import NameField, TextField


class AlertEscalationSerializer(serializers.Serializer[Any]):
    policy = serializers.UUIDField(help_text="As it was when the alert opened.")
    name = serializers.CharField()
    steps = serializers.IntegerField()
    taken = serializers.IntegerField(help_text="How many were taken, over all rounds.")
    next_at = serializers.DateTimeField(
        allow_null=True, help_text="When people are told next; once somebody answered, when that answer lapses."
    )


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """Read-only; `alerts.shapes` says the same to the socket."""

    sensor = serializers.UUIDField(source="sensor.public_id", allow_null=True, read_only=True)
    unit = serializers.UUIDField(source="unit_id", allow_null=True, read_only=True)
    site = serializers.UUIDField(source="site_id", allow_null=True, read_only=True)
    rule = serializers.UUIDField(source="rule_id", allow_null=True, read_only=True)
    unit_name = serializers.CharField(read_only=True)
    site_name = serializers.CharField(read_only=True)
    assigned_to_name = serializers.CharField(read_only=True)
    escalation = AlertEscalationSerializer(allow_null=True, read_only=True)

    class Meta:
        model = Alert
        fields = [
            "id",
            "unit",
            "unit_name",
            "site",
            "site_name",
            "sensor",
            "gateway",
            "rule",
            "rule_name",
            "parent",
            "kind",
            "condition",
            "severity",
            "status",
            "started_at",
            "opened_at",
            "found_at",
            "contradicted_at",
            "acknowledged_at",
            "acknowledged_by",
            "resolved_at",
            "resolved_by",
            "snoozed_until",
            "muted_by",
            "assigned_to",
            "assigned_to_name",
            "value",
            "threshold",
            "peak",
            "corrective_action",
            "cause",
            "disposition",
            "amount",
            "facts",
            "escalation",
        ]
        read_only_fields = fields

    def to_representation(self, instance: Alert) -> dict[str, Any]:
        """The one shape."""
        return alert_shape(instance)


class NoteSerializer(serializers.Serializer[Any]):
    note = TextField(required=False, allow_blank=True, max_length=2000, default="")


class CommentSerializer(serializers.Serializer[Any]):
    note = TextField(max_length=2000)


class SnoozeSerializer(NoteSerializer):
    until = serializers.DateTimeField()


class AssignSerializer(NoteSerializer):
    """`null` takes it from whoever has it."""

    user = serializers.UUIDField(allow_null=True)


class ReopenSerializer(CommentSerializer):
    """Why it isn't over."""


class ResolveSerializer(serializers.Serializer[Any]):
    corrective_action = TextField(required=False, allow_blank=True, max_length=2000, default="")
    cause = TextField(required=False, allow_blank=True, max_length=2000, default="")
    disposition = NameField(required=False, allow_blank=True, default="")
    amount = NameField(required=False, allow_blank=True, default="")


class AlertEventSerializer(serializers.ModelSerializer[AlertEvent]):
    by = serializers.UUIDField(source="by_id", allow_null=True, read_only=True)
    by_name = serializers.SerializerMethodField()

    class Meta:
        model = AlertEvent
        fields = ["id", "event", "at", "by", "by_name", "channel", "note"]
        read_only_fields = fields

    def get_by_name(self, event: AlertEvent) -> str:
        """Who, in words; empty for what readings did."""
        return event.by.get_full_name() if event.by else ""
