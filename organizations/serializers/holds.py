"""Shapes of legal holds."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from organizations.models import LegalHold
from organizations.serializers.members import PersonSerializer


class LegalHoldSerializer(serializers.ModelSerializer[LegalHold]):
    placed_by = PersonSerializer(read_only=True, allow_null=True)
    lifted_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = LegalHold
        fields = ["id", "reason", "placed_by", "placed_at", "lifted_by", "lifted_at"]
        read_only_fields = fields


class PlacingSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=2000, help_text="What it is for: who reads it in years must understand.")
