"""Shapes of refused readings."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ingest.models import QuarantinedReading, QuarantineState

MOST_AT_ONCE: Final = 500

_NUMBER: Final = {"type": ["number", "null"]}


@extend_schema_field({"description": "The reading as it was sent; text where it isn't valid JSON, or too long."})
class PayloadField(serializers.JSONField):
    """Any JSON."""


@extend_schema_field(
    {
        "type": "object",
        "description": "As POST /api/v1/ingest/readings takes it, by the same rules; unknown fields are ignored.",
        "properties": {
            "sensor": {"type": "string"},
            "channel": {"type": ["string", "null"]},
            "recorded_at": {"type": "string", "format": "date-time"},
            **dict.fromkeys(("temperature", "humidity", "battery", "signal"), _NUMBER),
            "door_open": {"type": ["boolean", "null"]},
        },
        "additionalProperties": True,
    }
)
class ReadingField(serializers.DictField):
    """A reading of the native format. Wrong types are left to the door's own rules, which have a word for them."""

    default_error_messages = {"nested": "The fields of a reading are numbers, texts, true, false or null."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Raises ValidationError for lists and objects inside."""
        reading: dict[str, Any] = super().to_internal_value(data)
        if any(isinstance(value, dict | list) for value in reading.values()):
            self.fail("nested")
        return reading


class SentWithSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class DecidedBySerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField()


class QuarantinedReadingSerializer(serializers.ModelSerializer[QuarantinedReading]):
    sensor = serializers.UUIDField(source="sensor_id", allow_null=True, help_text="Null: no sensor has this serial.")
    site = serializers.UUIDField(source="site_id", allow_null=True)
    payload = PayloadField()
    key = SentWithSerializer(allow_null=True, help_text="The API key it came with.")
    decided_by = DecidedBySerializer(allow_null=True)

    class Meta:
        model = QuarantinedReading
        fields = [
            "id",
            "code",
            "detail",
            "serial",
            "channel",
            "sensor",
            "site",
            "recorded_at",
            "format",
            "payload",
            "times",
            "first_received_at",
            "last_received_at",
            "key",
            "state",
            "decided_at",
            "decided_by",
        ]
        read_only_fields = fields


class ResubmitSerializer(serializers.Serializer[Any]):
    reading = ReadingField(required=False, help_text="The corrected reading. Without it: as it was sent.")


class DiscardSerializer(serializers.Serializer[Any]):
    note = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="Why. It is kept in the audit trail."
    )


class ManySerializer(serializers.Serializer[Any]):
    ids = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=MOST_AT_ONCE)


class RefusalSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="One of the contract's codes, already_decided or outside_your_sites.")
    detail = serializers.CharField()


class DecidedSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=QuarantineState.choices)
    refusal = RefusalSerializer(allow_null=True, help_text="Why nothing happened to it.")


class DecidedManySerializer(serializers.Serializer[Any]):
    results = DecidedSerializer(many=True)


class QuarantineSummarySerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField(help_text="Refused readings that nobody has decided about.")
    by_code = serializers.DictField(child=serializers.IntegerField())
    last_24_h = serializers.IntegerField(help_text="Of these, how many came within the last 24 hours.")
