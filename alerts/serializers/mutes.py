"""Shapes of mutes."""

from __future__ import annotations

from typing import Any, Final

from django.utils import timezone
from rest_framework import serializers

from alerts.models import AlertRule, Mute
from organizations.names import TextField
from organizations.related import OwnedField, must_be_placed
from sensors.models import Site, Unit

_SCOPES: Final = ("site", "unit", "rule")


class MuteSerializer(serializers.ModelSerializer[Mute]):
    """At most one of site, unit and rule, at the top or inside `scope`; none is the whole organization."""

    site = OwnedField(queryset=Site.objects.all(), required=False, allow_null=True)
    unit = OwnedField(queryset=Unit.objects.all(), required=False, allow_null=True)
    rule = OwnedField(queryset=AlertRule.objects.all(), required=False, allow_null=True)
    reason = TextField(required=False, allow_blank=True, max_length=500, default="")
    starts_at = serializers.DateTimeField(required=False)
    active = serializers.SerializerMethodField(help_text="Whether it keeps quiet at this moment.")
    silenced = serializers.IntegerField(read_only=True, help_text="How many alerts it kept quiet.")

    class Meta:
        model = Mute
        fields = [
            "id",
            "kind",
            "site",
            "unit",
            "rule",
            "reason",
            "starts_at",
            "ends_at",
            "created_by",
            "created_at",
            "active",
            "silenced",
        ]
        read_only_fields = ["created_by", "created_at"]

    def get_active(self, mute: Mute) -> bool:
        """By the server's clock."""
        return mute.starts_at <= timezone.now() < mute.ends_at

    def to_internal_value(self, data: Any) -> Any:
        """`scope` and `until` are other ways to say the same; a misspelt scope must not become everything."""
        if isinstance(data, dict):
            data = dict(data)
            scope = data.pop("scope", None)
            if scope is not None:
                if not isinstance(scope, dict) or not set(scope) <= set(_SCOPES):
                    raise serializers.ValidationError({"scope": ["Give at most one of site, unit, rule."]})
                data |= scope
            if "until" in data:
                data.setdefault("ends_at", data["until"])
        return super().to_internal_value(data)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One scope; who is restricted to some sites mutes a site or a unit of these."""
        given = [name for name in _SCOPES if attrs.get(name) is not None]
        if len(given) > 1:
            raise serializers.ValidationError({"scope": ["Give at most one of site, unit, rule."]})
        place = attrs.get("site") or attrs.get("unit")
        must_be_placed(place, membership=self.context["membership"], field="scope")
        return attrs


class MuteChangeSerializer(serializers.Serializer[Any]):
    """What may be changed while it lasts. `until` is another name for `ends_at`."""

    reason = TextField(required=False, allow_blank=True, max_length=500)
    ends_at = serializers.DateTimeField(required=False)

    def to_internal_value(self, data: Any) -> Any:
        """What it is about stays: that would be another mute."""
        if isinstance(data, dict):
            fixed = sorted(set(data) & {*_SCOPES, "scope", "kind", "starts_at"})
            if fixed:
                words = "This can't be changed. End this one and make another."
                raise serializers.ValidationError({name: [words] for name in fixed})
            if "until" in data:
                data = {"ends_at": data["until"], **data}
        return super().to_internal_value(data)
