"""Shapes of organizations."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rest_framework import serializers

from organizations import founding, slugs
from organizations.models import Membership, Organization
from organizations.names import NameField, ZoneField
from organizations.permissions import actions_of, member_may


class OrganizationNameSerializer(serializers.ModelSerializer[Organization]):
    class Meta:
        model = Organization
        fields = ["slug", "name"]


class OrganizationSerializer(serializers.ModelSerializer[Organization]):
    """The organization and what the person who asks is in it. The view sets `seat`, the person's membership."""

    timezone = serializers.CharField(source="time_zone", read_only=True)
    email = serializers.SerializerMethodField(help_text="Where invoices go; null for who may not change it.")
    role = serializers.CharField(source="seat.role", read_only=True)
    sites = serializers.ListField(
        source="seat.site_ids", child=serializers.UUIDField(), allow_null=True, read_only=True, help_text="Null: all."
    )
    permissions = serializers.SerializerMethodField(help_text="The actions that menus and buttons may offer.")
    purge_at = serializers.SerializerMethodField(help_text="When a deleted organization is gone for good.")

    class Meta:
        model = Organization
        fields = [
            "id",
            "slug",
            "name",
            "timezone",
            "email",
            "acknowledgement_minutes",
            "role",
            "sites",
            "permissions",
            "created_at",
            "deleted_at",
            "purge_at",
        ]
        read_only_fields = fields

    def get_email(self, organization: Any) -> str | None:
        """For those who look after the organization."""
        seat: Membership = organization.seat
        return organization.email if member_may(seat, "organization.change") else None

    def get_permissions(self, organization: Any) -> list[str]:
        """Names of the permission table (docs/permissions.md)."""
        return actions_of(organization.seat)

    def get_purge_at(self, organization: Organization) -> datetime | None:
        """None while it is in use."""
        return founding.restorable_until(organization)


class SlugField(serializers.CharField):
    """A name in addresses that isn't one of ours."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=slugs.LONGEST, **kwargs)
        self.validators.append(slugs.acceptable)


class FoundingSerializer(serializers.Serializer[Any]):
    name = NameField()
    slug = SlugField(required=False, help_text="In addresses. Made of the name if left out.")
    timezone = ZoneField(source="time_zone", required=False, default="UTC")


class OrganizationChangeSerializer(serializers.Serializer[Any]):
    name = NameField(required=False)
    slug = SlugField(required=False, help_text="Links with the old one lead to the new one.")
    timezone = ZoneField(source="time_zone", required=False)
    email = serializers.EmailField(required=False, allow_blank=True, max_length=254)
    acknowledgement_minutes = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=7 * 24 * 60,
        help_text="An acknowledged alert that lasts longer than this is open again; 0: never.",
    )
