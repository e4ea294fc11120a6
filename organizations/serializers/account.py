"""Shapes of the own account."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from organizations.models import Membership, User
from organizations.names import NameField, ZoneField
from organizations.permissions import actions_of
from organizations.serializers.organizations import OrganizationNameSerializer


class OwnMembershipSerializer(serializers.ModelSerializer[Membership]):
    org = OrganizationNameSerializer(source="organization", read_only=True)
    sites = serializers.ListField(
        source="site_ids", child=serializers.UUIDField(), allow_null=True, read_only=True, help_text="Null: all."
    )
    permissions = serializers.SerializerMethodField(help_text="The actions that menus and buttons may offer.")

    class Meta:
        model = Membership
        fields = ["org", "role", "sites", "permissions"]
        read_only_fields = fields

    def get_permissions(self, membership: Membership) -> list[str]:
        """Names of the permission table (docs/permissions.md)."""
        return actions_of(membership)


class MeSerializer(serializers.ModelSerializer[User]):
    memberships = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ["id", "email", "name", "time_zone", "language", "temperature_unit", "memberships"]

    @extend_schema_field(OwnMembershipSerializer(many=True))
    def get_memberships(self, user: User) -> list[dict[str, Any]]:
        """Current memberships in living organizations, by name."""
        rows = (
            Membership.objects.current()
            .filter(user=user, organization__deleted_at=None)
            .select_related("organization")
            .order_by("organization__name", "pk")
        )
        return list(OwnMembershipSerializer(rows, many=True).data)


class MeChangeSerializer(serializers.Serializer[Any]):
    name = NameField(required=False, allow_blank=True, max_length=150)
    time_zone = ZoneField(required=False)
    language = serializers.ChoiceField(choices=[code for code, _ in settings.LANGUAGES], required=False)
    temperature_unit = serializers.ChoiceField(choices=["c", "f"], required=False, help_text="°C or °F.")
