"""Shapes of members and of what may be said about them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.apps import apps
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from organizations.models import RESTRICTABLE, Membership, Role, User


class PersonSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ["id", "email", "name"]
        read_only_fields = fields


class MemberSerializer(serializers.ModelSerializer[Membership]):
    user = PersonSerializer(read_only=True)
    sites = serializers.SerializerMethodField(
        help_text="Null: all. Who is restricted to some sites is shown these of a colleague's."
    )
    is_you = serializers.SerializerMethodField()

    class Meta:
        model = Membership
        fields = ["id", "user", "role", "sites", "created_at", "is_you"]
        read_only_fields = fields

    @extend_schema_field({"type": ["array", "null"], "items": {"type": "string", "format": "uuid"}})
    def get_sites(self, member: Membership) -> list[str] | None:
        """Where the member works, as far as who asks may know."""
        if member.site_ids is None:
            return None
        own: Membership | None = self.context.get("membership")
        known = None if own is None else own.site_ids
        return [str(site) for site in member.site_ids if known is None or site in known]

    def get_is_you(self, member: Membership) -> bool:
        """Whether it is who asks."""
        own: Membership | None = self.context.get("membership")
        return own is not None and own.user_id == member.user_id


@extend_schema_field({"type": ["array", "null"], "items": {"type": "string", "format": "uuid"}})
class SitesField(serializers.ListField):
    """Ids of living sites of the organization, at least one; null for all of them."""

    # A hundred restaurants are many; more ids than that in one request are a mistake or an attack.
    MOST = 1000

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            child=serializers.UUIDField(), allow_null=True, allow_empty=False, max_length=self.MOST, **kwargs
        )

    def to_internal_value(self, data: Any) -> list[UUID]:
        """Each known, each once. Sites live in a room above: the model is asked for by name, not imported."""
        wanted = list(dict.fromkeys(super().to_internal_value(data)))
        rows = apps.get_model("sensors", "Site")._default_manager.filter(
            organization_id=self.context["membership"].organization_id, deleted_at=None, pk__in=wanted
        )
        unknown = set(wanted) - set(rows.values_list("pk", flat=True))
        if unknown:
            raise serializers.ValidationError(
                [f"There is no site {site} in this organization." for site in sorted(map(str, unknown))],
                code="does_not_exist",
            )
        return wanted


def must_fit(role: str, sites: list[UUID] | None) -> None:
    """Owners and administrators can't be restricted.

    Raises ValidationError.
    """
    if sites is not None and role not in RESTRICTABLE:
        raise serializers.ValidationError(
            {"sites": ["Owners and administrators see all sites. Leave this out, or choose another role."]},
            code="role_sees_all_sites",
        )


class MemberChangeSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    sites = SitesField(required=False, help_text="The only sites that the member may see; null for all.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Together they must make sense."""
        if "role" in attrs:
            must_fit(attrs["role"], attrs.get("sites"))
        return attrs


class HandOverSerializer(serializers.Serializer[Any]):
    step_down = serializers.BooleanField(
        required=False, default=False, help_text="Become an administrator yourself: ownership is transferred."
    )
