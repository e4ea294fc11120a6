"""Shapes of organizations."""

from __future__ import annotations

from rest_framework import serializers

from organizations.models import Organization


class OrganizationNameSerializer(serializers.ModelSerializer[Organization]):
    class Meta:
        model = Organization
        fields = ["slug", "name"]


class OrganizationSerializer(serializers.ModelSerializer[Organization]):
    timezone = serializers.CharField(source="time_zone", read_only=True)
    role = serializers.CharField(read_only=True)

    class Meta:
        model = Organization
        fields = ["id", "slug", "name", "timezone", "role", "created_at"]
        read_only_fields = fields
