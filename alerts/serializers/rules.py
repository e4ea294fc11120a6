"""The shape of rules."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from alerts.models import AlertRule, Condition
from organizations.names import NameField
from organizations.related import OwnedField, must_be_placed
from sensors.models import Area, Site, Unit, UnitKind

_WITHOUT_THRESHOLD = {Condition.NO_DATA, Condition.DOOR_OPEN_FOR, Condition.FAULT}


class ScopeSerializer(serializers.Serializer[Any]):
    """At most one of them; none is the whole organization."""

    site = OwnedField(queryset=Site.objects.all(), required=False)
    area = OwnedField(queryset=Area.objects.all(), required=False)
    unit = OwnedField(queryset=Unit.objects.all(), required=False)
    unit_kind = serializers.ChoiceField(choices=UnitKind.choices, required=False)

    def to_internal_value(self, data: Any) -> Any:
        """A misspelt scope must not become the whole organization."""
        if isinstance(data, dict) and not set(data) <= set(self.fields):
            raise serializers.ValidationError("Give at most one of site, area, unit, unit_kind.")
        return super().to_internal_value(data)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One scope a rule."""
        if len(attrs) > 1:
            raise serializers.ValidationError("Give at most one of site, area, unit, unit_kind.")
        return attrs

    def to_representation(self, instance: AlertRule) -> dict[str, str]:
        """Only the one that is set."""
        scope: dict[str, str] = {}
        for name in ("site", "area", "unit"):
            if value := getattr(instance, f"{name}_id"):
                scope[name] = str(value)
        if instance.unit_kind:
            scope["unit_kind"] = instance.unit_kind
        return scope


class AlertRuleSerializer(serializers.ModelSerializer[AlertRule]):
    scope = ScopeSerializer(source="*", required=False)
    name = NameField(required=False, allow_blank=True)

    class Meta:
        model = AlertRule
        fields = [
            "id",
            "name",
            "metric",
            "condition",
            "threshold",
            "severity",
            "delay_s",
            "hysteresis",
            "clear_delay_s",
            "enabled",
            "scope",
            "is_default",
            "source",
            "created_at",
        ]
        read_only_fields = ["is_default", "source", "created_at"]
        extra_kwargs = {
            "hysteresis": {"min_value": 0.0},
            "delay_s": {"min_value": 0, "max_value": 7 * 86_400},
            "clear_delay_s": {"min_value": 0, "max_value": 7 * 86_400},
        }

    def to_internal_value(self, data: Any) -> Any:
        """`scope` is spread over the row's columns; giving it replaces the whole scope."""
        values = super().to_internal_value(data)
        if isinstance(data, dict) and "scope" in data:
            blank = {"site": None, "area": None, "unit": None, "unit_kind": ""}
            values = {**values, **{name: values.get(name, empty) for name, empty in blank.items()}}
        return values

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Most conditions compare with a threshold."""
        condition = attrs.get("condition", getattr(self.instance, "condition", None))
        threshold = attrs.get("threshold", getattr(self.instance, "threshold", None))
        if threshold is None and condition not in _WITHOUT_THRESHOLD:
            raise serializers.ValidationError({"threshold": "This condition needs a threshold."})
        if self.instance is None or "site" in attrs:  # a given scope sets all of its columns
            place = attrs.get("site") or attrs.get("area") or attrs.get("unit")
            must_be_placed(place, membership=self.context["membership"], field="scope")
        return attrs
