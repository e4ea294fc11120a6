"""Shapes of the inbox."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from notifications.models import InboxItem


class InboxItemSerializer(serializers.ModelSerializer[InboxItem]):
    org = serializers.CharField(
        source="organization.slug", default=None, allow_null=True, help_text="Null: about the person's own account."
    )
    site = serializers.UUIDField(source="site_id", allow_null=True)

    class Meta:
        model = InboxItem
        fields = [
            "id",
            "org",
            "site",
            "event",
            "about",
            "severity",
            "subject",
            "text",
            "path",
            "created_at",
            "read_at",
        ]
        read_only_fields = fields


class UnreadSerializer(serializers.Serializer[Any]):
    unread = serializers.IntegerField(help_text="Counted up to 1000.")


class ReadAllSerializer(serializers.Serializer[Any]):
    org = serializers.CharField(required=False, max_length=60, help_text="Only this organization's; else all.")
