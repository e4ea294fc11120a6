"""Shapes of a person's wishes."""

from __future__ import annotations

from datetime import time
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from notifications.models import ContactKind, Severity
from notifications.preferences import LONGEST_ABSENCE, Hours, Span


class PreferenceSerializer(serializers.Serializer[Any]):
    org = serializers.CharField(max_length=60, help_text="The organization's slug.")
    severity = serializers.ChoiceField(choices=Severity.choices)
    channels = serializers.ListField(
        child=serializers.ChoiceField(choices=ContactKind.choices),
        max_length=len(ContactKind.values),
        help_text="Empty: in the app only.",
    )

    def validate_channels(self, value: list[str]) -> list[str]:
        """Each once, in a fixed order."""
        return [kind for kind in ContactKind.values if kind in value]


class _MinuteField(serializers.TimeField):
    """A time of day, to the minute."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%H:%M", input_formats=["%H:%M", "%H:%M:%S"], **kwargs)

    def to_internal_value(self, value: Any) -> time:
        """Seconds are left away: nobody sleeps by them."""
        return super().to_internal_value(value).replace(second=0, microsecond=0)


class QuietHoursSerializer(serializers.Serializer[Any]):
    """`from` is no name for a field in Python."""

    def get_fields(self) -> dict[str, Any]:
        """With `from`, first."""
        return {"from": _MinuteField(source="start"), "to": _MinuteField(source="end")}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Not the whole day, and not nothing."""
        if attrs["start"] == attrs["end"]:
            raise serializers.ValidationError({"to": ["Quiet hours end at another time than they begin."]})
        return attrs


class AwaySerializer(serializers.Serializer[Any]):
    """From when until when somebody is away."""

    def get_fields(self) -> dict[str, Any]:
        """`from` is no name for a field in Python."""
        return {
            "from": serializers.DateTimeField(source="start"),
            "until": serializers.DateTimeField(source="end"),
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ends in the future, after it begins, and within a year."""
        if attrs["end"] <= attrs["start"]:
            raise serializers.ValidationError({"until": ["This ends before it begins."]})
        if attrs["end"] <= timezone.now():
            raise serializers.ValidationError({"until": ["This is over already."]})
        if attrs["end"] - attrs["start"] > LONGEST_ABSENCE:
            raise serializers.ValidationError({"until": ["At most a year."]})
        return attrs


class PreferencesSerializer(serializers.Serializer[Any]):
    """All of a person's wishes."""

    preferences: Any = serializers.ListSerializer(child=PreferenceSerializer(), max_length=3000)
    quiet_hours = QuietHoursSerializer(
        allow_null=True, default=None, help_text="By the clock of the person's time zone; critical messages pass."
    )
    away = AwaySerializer(
        allow_null=True,
        default=None,
        help_text="Told in the app only, unless nobody else would hear of something critical.",
    )
    time_zone = serializers.CharField(read_only=True, help_text="Whose clock quiet hours go by: PATCH /api/v1/me/.")
    available = serializers.ListField(
        child=serializers.ChoiceField(choices=ContactKind.choices),
        read_only=True,
        help_text="The channels that this installation sends by.",
    )
    warnings = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="In words: what won't reach the person."
    )

    def validate_preferences(self, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Each organization and severity once."""
        known = set()
        for number, wish in enumerate(value):
            key = (wish["org"], wish["severity"])
            if key in known:
                raise serializers.ValidationError({str(number): ["This organization and severity were named before."]})
            known.add(key)
        return value

    @property
    def quiet(self) -> Hours | None:
        """What was asked for."""
        given = self.validated_data["quiet_hours"]
        return given and Hours(given["start"], given["end"])

    @property
    def absence(self) -> Span | None:
        """What was asked for."""
        given = self.validated_data["away"]
        return given and Span(given["start"], given["end"])
