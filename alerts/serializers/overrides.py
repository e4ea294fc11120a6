"""Shapes of overrides, and of what stands for one unit."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from alerts.drift import Standing
from alerts.models import AlertRule, RuleOverride
from alerts.profiles.laws import Limit
from alerts.serializers.rules import AlertRuleSerializer, MeasureField
from organizations.names import TextField
from organizations.related import OwnedField
from sensors.models import Unit


class OverrideSerializer(serializers.ModelSerializer[RuleOverride]):
    owner_name = serializers.SerializerMethodField()

    class Meta:
        model = RuleOverride
        fields = [
            "id",
            "rule",
            "unit",
            "threshold",
            "delay_s",
            "reason",
            "owner",
            "owner_name",
            "created_at",
            "expires_at",
            "ended_at",
            "ended_by",
        ]
        read_only_fields = fields

    def get_owner_name(self, override: RuleOverride) -> str:
        """Who, in words; empty if nobody knows any more."""
        return override.owner.get_full_name() if override.owner else ""


class OverridingSerializer(serializers.Serializer[Any]):
    """What is to hold for the unit instead; what isn't given stays the rule's."""

    rule = OwnedField(queryset=AlertRule.objects.all())
    unit = OwnedField(queryset=Unit.objects.all())
    threshold = MeasureField(required=False, allow_null=True, default=None, help_text="°C, % or dBm.")
    delay_s = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=0, max_value=7 * 86_400)
    reason = TextField(max_length=2000)
    expires_at = serializers.DateTimeField(help_text="In the future, at most 90 days ahead.")


class LimitSerializer(serializers.Serializer[Limit]):
    """One legal limit, read-only."""

    metric = serializers.ChoiceField(choices=["temperature", "product_temperature"])
    condition = serializers.ChoiceField(choices=["above", "below"])
    threshold = serializers.FloatField(allow_null=True, help_text="°C; null where the law sets no number.")
    within_s = serializers.IntegerField(allow_null=True, help_text="The time that the law grants.")
    citation = serializers.CharField()
    url = serializers.CharField(help_text="Empty where we know of none that lasts.")
    jurisdiction = serializers.CharField()
    valid_from = serializers.DateField(allow_null=True)
    valid_to = serializers.DateField(allow_null=True)
    status = serializers.ChoiceField(choices=["verified", "unverified"])


class StandingRuleSerializer(AlertRuleSerializer):
    """A rule, and what of it holds for the unit."""

    in_force = serializers.BooleanField(read_only=True)
    reason = serializers.CharField(read_only=True, help_text="Why it is in force, or isn't.")
    override = OverrideSerializer(read_only=True, allow_null=True)

    class Meta(AlertRuleSerializer.Meta):
        fields = [*AlertRuleSerializer.Meta.fields, "in_force", "reason", "override"]
        read_only_fields = fields

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """The rule's own shape with more."""
        standing: Standing = instance
        rule, override = standing.rule, standing.override
        rule.in_force, rule.reason, rule.override = standing.in_force, standing.reason, override  # type: ignore[attr-defined]
        return super().to_representation(rule)


class UnitRulesSerializer(serializers.Serializer[Any]):
    """Everything that stands for a unit."""

    legal = LimitSerializer(many=True)
    operating_band = serializers.SerializerMethodField(help_text="°C, where the unit should stand; null: unknown.")
    kind_tau_s = serializers.IntegerField(
        help_text="How slowly the product follows the air in this kind of unit: its time constant in seconds."
    )
    rules = StandingRuleSerializer(many=True)
    drift = serializers.ListField(child=serializers.CharField(), help_text="Where it is away from its profile.")

    @extend_schema_field(
        {"type": ["array", "null"], "items": {"type": "number"}, "minItems": 2, "maxItems": 2}  # low, high
    )
    def get_operating_band(self, found: Any) -> list[float] | None:
        """Low and high."""
        return None if found.operating_band is None else list(found.operating_band)
