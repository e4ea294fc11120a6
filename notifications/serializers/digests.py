"""Shapes of digests: what a person chose, and what one would say."""

from __future__ import annotations

from datetime import time
from typing import Any

from rest_framework import serializers

from notifications.models import Period

# Of as many organizations as preferences may name, both periods.
_MOST = 2000


class DigestSerializer(serializers.Serializer[Any]):
    org = serializers.CharField(max_length=60, help_text="The organization's slug.")
    period = serializers.ChoiceField(choices=Period.choices)
    at = serializers.TimeField(
        format="%H:%M",
        input_formats=["%H:%M", "%H:%M:%S"],
        help_text="Time of day, by the clock of the person's time zone.",
    )
    weekday = serializers.IntegerField(
        min_value=0, max_value=6, default=0, help_text="Of a weekly one: 0 is Monday. Of a daily one always 0."
    )
    enabled = serializers.BooleanField(default=True)
    next_at = serializers.DateTimeField(read_only=True, help_text="When the next one is due, if it is enabled.")

    def validate_at(self, value: time) -> time:
        """To the minute."""
        return value.replace(second=0, microsecond=0)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A daily one has no day of its own."""
        return attrs if attrs["period"] == Period.WEEKLY else {**attrs, "weekday": 0}


class DigestsSerializer(serializers.Serializer[Any]):
    """All digests of a person."""

    digests: Any = serializers.ListSerializer(child=DigestSerializer(), max_length=_MOST)
    time_zone = serializers.CharField(read_only=True, help_text="Whose clock `at` goes by: PATCH /api/v1/me/.")

    def validate_digests(self, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Each organization and period once."""
        known = set()
        for number, digest in enumerate(value):
            key = (digest["org"], digest["period"])
            if key in known:
                raise serializers.ValidationError({str(number): ["This organization and period were named before."]})
            known.add(key)
        return value


class PreviewQuerySerializer(serializers.Serializer[Any]):
    period = serializers.ChoiceField(choices=Period.choices, default=Period.DAILY)


class DigestPreviewSerializer(serializers.Serializer[Any]):
    """The words of a digest. Show `html` where no script of it can run: a sandboxed frame."""

    subject = serializers.CharField()
    text = serializers.CharField()
    html = serializers.CharField()


class PreviewSentSerializer(serializers.Serializer[Any]):
    to = serializers.CharField(help_text="The address that it is sent to.")
