"""Shapes of API keys and access tokens. The secret itself is in no row: only in the answer that makes it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone
from rest_framework import serializers

from organizations.models import AccessToken, ApiKey, TokenScope
from organizations.names import NameField
from organizations.serializers.members import PersonSerializer

# What lives longer is never changed, and belongs to nobody in the end.
LONGEST_LIFE: Final = timedelta(days=3653)
KEY_SCOPES: Final = [("ingest", "Send readings")]


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=KEY_SCOPES), read_only=True)
    created_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = ApiKey
        fields = [
            "id",
            "name",
            "prefix",
            "scopes",
            "created_by",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        ]
        read_only_fields = fields


class NewApiKeySerializer(ApiKeySerializer):
    key = serializers.CharField(read_only=True, help_text="The secret. It is shown this once.")

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "key"]
        read_only_fields = fields


class AccessTokenSerializer(serializers.ModelSerializer[AccessToken]):
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=TokenScope.choices), read_only=True)

    class Meta:
        model = AccessToken
        fields = ["id", "name", "prefix", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at"]
        read_only_fields = fields


class NewAccessTokenSerializer(AccessTokenSerializer):
    token = serializers.CharField(read_only=True, help_text="The secret. It is shown this once.")

    class Meta(AccessTokenSerializer.Meta):
        fields = [*AccessTokenSerializer.Meta.fields, "token"]
        read_only_fields = fields


class _MakingSerializer(serializers.Serializer[Any]):
    name = NameField()
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="In the future, at most ten years; null: never."
    )

    def validate_expires_at(self, moment: datetime | None) -> datetime | None:
        """In the future, and near enough."""
        now = timezone.now()
        if moment is not None and moment <= now:
            raise serializers.ValidationError("This is in the past.", code="in_the_past")
        if moment is not None and moment > now + LONGEST_LIFE:
            raise serializers.ValidationError("This is more than ten years ahead.", code="too_far")
        return moment


class MakingApiKeySerializer(_MakingSerializer):
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=KEY_SCOPES), allow_empty=False, max_length=8, required=False
    )

    def validate_scopes(self, scopes: list[str]) -> list[str]:
        """Each once."""
        return sorted(set(scopes))


class MakingAccessTokenSerializer(_MakingSerializer):
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=TokenScope.choices),
        allow_empty=False,
        max_length=8,
        required=False,
        help_text="Without it: all of them. Reading needs `read`, changing `write`.",
    )

    def validate_scopes(self, scopes: list[str]) -> list[str]:
        """Each once."""
        return sorted(set(scopes))
