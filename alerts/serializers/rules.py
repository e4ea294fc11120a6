"""The shape of rules."""

from __future__ import annotations

import math
from typing import Any, Final

from rest_framework import serializers

from alerts.models import WITHOUT_THRESHOLD, AlertRule, Condition, Metric
from organizations.names import NameField
from organizations.related import OwnedField, must_be_placed
from sensors.models import Area, Site, Unit, UnitKind

# Far beyond anything a sensor reports (°C, %, dBm, °C per hour).
LARGEST: Final = 10_000.0
_RISING: Final = {Metric.TEMPERATURE, Metric.HUMIDITY}


class MeasureField(serializers.FloatField):
    """A number that can be measured. Text such as "nan" is a number to Python."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"min_value": -LARGEST, "max_value": LARGEST, **kwargs})

    def to_internal_value(self, data: Any) -> float:
        """Raises ValidationError for what isn't finite."""
        value = super().to_internal_value(data)
        if not math.isfinite(value):
            self.fail("invalid")
        return value


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
    threshold = MeasureField(required=False, allow_null=True, help_text="°C, % or dBm; of `rate_above` per hour.")
    hysteresis = MeasureField(required=False, min_value=0.0)

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
            "schedule",
            "scope",
            "is_ceiling",
            "is_default",
            "source",
            "created_at",
            "changed_at",
        ]
        read_only_fields = ["is_ceiling", "is_default", "source", "created_at", "changed_at"]
        extra_kwargs = {
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
        """What condition, metric, threshold and scope say together; what isn't given stays as it is."""
        condition, metric = self._merged(attrs, "condition"), self._merged(attrs, "metric")
        if condition in WITHOUT_THRESHOLD:
            attrs["threshold"] = None  # one that was sent would be shown, and mean nothing
        elif self._merged(attrs, "threshold") is None:
            raise serializers.ValidationError({"threshold": "This condition needs a threshold."})
        if condition == Condition.RATE_ABOVE and metric not in _RISING:
            raise serializers.ValidationError({"metric": "Only temperature and humidity have a rate."})
        if metric == Metric.GATEWAY:
            self._check_gateway(attrs, condition)
        if self.instance is None or "site" in attrs:  # a given scope sets all of its columns
            place = attrs.get("site") or attrs.get("area") or attrs.get("unit")
            must_be_placed(place, membership=self.context["membership"], field="scope")
        return attrs

    def _merged(self, attrs: dict[str, Any], name: str) -> Any:
        return attrs[name] if name in attrs else getattr(self.instance, name, None)

    def _check_gateway(self, attrs: dict[str, Any], condition: str | None) -> None:
        if condition != Condition.NO_DATA:
            raise serializers.ValidationError({"condition": "Of a gateway only its silence is known: no_data."})
        if any(self._merged(attrs, name) for name in ("area", "unit", "unit_kind")):
            raise serializers.ValidationError({"scope": "A gateway belongs to a site, or to none."})
