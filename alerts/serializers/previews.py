"""Shapes of trying a rule on the past, and of asking why."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from alerts.models import Severity
from alerts.serializers.rules import AlertRuleSerializer


class PreviewingSerializer(serializers.Serializer[Any]):
    """A rule as it would be stored, and the range to run it over."""

    rule = AlertRuleSerializer()
    to = serializers.DateTimeField(required=False, help_text="Exclusive; default now.")

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python, so it can't be declared above."""
        start = serializers.DateTimeField(required=False, help_text="Inclusive; default 90 days before `to`.")
        return {"from": start, **super().get_fields()}


class WouldSerializer(serializers.Serializer[Any]):
    """An alert that the rule would have opened."""

    unit = serializers.UUIDField()
    unit_name = serializers.CharField()
    started_at = serializers.DateTimeField(help_text="First reading in breach; of a silence the last before it.")
    opened_at = serializers.DateTimeField(help_text="When the delay was complete; may lie before `from`.")
    resolved_at = serializers.DateTimeField(allow_null=True, help_text="Null: it lasts to the end of the range.")
    value = serializers.FloatField(allow_null=True, help_text="When it opened; null for a silence.")
    peak = serializers.FloatField(allow_null=True, help_text="Farthest from the limit; null for a silence.")
    sensor = serializers.UUIDField(help_text="The probe that completed the delay.")


class HappenedSerializer(serializers.Serializer[Any]):
    """An alert of the same kind that there was."""

    id = serializers.UUIDField()
    unit = serializers.UUIDField()
    opened_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)
    peak = serializers.FloatField(allow_null=True)
    severity = serializers.ChoiceField(choices=Severity.choices)
    rule_name = serializers.CharField()


class PreviewSerializer(serializers.Serializer[Any]):
    """What the rule would have opened beside what was opened, both in order of `opened_at`."""

    incidents = WouldSerializer(many=True)
    happened = HappenedSerializer(many=True)
    units = serializers.IntegerField(help_text="How many units the rule's scope holds, of those that the member sees.")
    readings = serializers.IntegerField(help_text="How many readings were looked at.")
    to = serializers.DateTimeField()
    note = serializers.CharField(help_text="What the preview couldn't tell, in a sentence; mostly empty.")

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python, so it can't be declared above."""
        start = serializers.DateTimeField(help_text="From where on the plan shows readings, if that is later.")
        return {**super().get_fields(), "from": start}
