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


class AskingSerializer(serializers.Serializer[Any]):
    """The parameters of `why/`."""

    at = serializers.DateTimeField(required=False)
    rule = serializers.UUIDField(required=False)


class ExplanationSerializer(serializers.Serializer[Any]):
    """One rule with one unit at one moment; null where there is nothing to say."""

    rule = serializers.UUIDField()
    rule_name = serializers.CharField()
    severity = serializers.ChoiceField(choices=Severity.choices)
    in_force = serializers.BooleanField(help_text="Whether the rule watches the unit.")
    reason = serializers.CharField(help_text="Why it does or doesn't.")
    signal = serializers.CharField(help_text="What the rule looks at.")
    value = serializers.FloatField(allow_null=True, help_text="What it saw last.")
    limit = serializers.FloatField(allow_null=True, help_text="With an override that was in force.")
    in_breach_since = serializers.DateTimeField(allow_null=True)
    counted_s = serializers.FloatField(allow_null=True, help_text="Time in breach that was counted.")
    delay_s = serializers.FloatField(help_text="How much must be counted, with an override that was in force.")
    frozen_s = serializers.FloatField(allow_null=True, help_text="Time in breach that wasn't counted.")
    open_alert = serializers.UUIDField(allow_null=True, help_text="The alert that was open.")
    muted_by = serializers.UUIDField(allow_null=True, help_text="The mute that was in force.")
    words = serializers.ListField(child=serializers.CharField(), help_text="All of it, for people.")


class ExplanationsSerializer(serializers.Serializer[Any]):
    """Each rule that could concern the unit, by name."""

    at = serializers.DateTimeField()
    results = ExplanationSerializer(many=True)
