"""Shapes of who would be told."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from alerts.models import Severity
from alerts.serializers.escalation import RehearsedChannelSerializer


class ReachQuerySerializer(serializers.Serializer[Any]):
    severity = serializers.ChoiceField(choices=Severity.choices, default=Severity.CRITICAL.value)
    site = serializers.UUIDField(required=False)
    unit = serializers.UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A unit says its site."""
        if "site" in attrs and "unit" in attrs:
            raise serializers.ValidationError({"site": ["Give a unit or a site, not both."]})
        return attrs


class ReachedSerializer(serializers.Serializer[Any]):
    user = serializers.UUIDField()
    name = serializers.CharField()
    told = serializers.BooleanField(help_text="Something would be sent, be it later.")
    channels = RehearsedChannelSerializer(many=True)
    reasons = serializers.ListField(child=serializers.CharField(), help_text="Why not, or not by other channels.")


class ReachSerializer(serializers.Serializer[Any]):
    results = ReachedSerializer(many=True)
    warnings = serializers.ListField(child=serializers.CharField())
    policy = serializers.UUIDField(allow_null=True, help_text="Which escalation policy holds; null: none.")
    policy_name = serializers.CharField()
