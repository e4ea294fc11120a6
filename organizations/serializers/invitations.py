"""Shapes of invitations. None of them has the token, which is in the e-mail and nowhere else."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from organizations import invitations
from organizations.models import Invitation, Organization, Role
from organizations.serializers.members import PersonSerializer, SitesField, must_fit

STATES = [(state, state.capitalize()) for state in ("pending", "accepted", "revoked", "expired")]


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    sites = serializers.ListField(
        source="site_ids", child=serializers.UUIDField(), allow_null=True, read_only=True, help_text="Null: all."
    )
    state = serializers.SerializerMethodField()
    invited_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Invitation
        fields = [
            "id",
            "email",
            "role",
            "sites",
            "state",
            "invited_by",
            "created_at",
            "expires_at",
            "accepted_at",
        ]
        read_only_fields = fields

    def get_state(self, invitation: Invitation) -> str:
        """pending, accepted, revoked or expired."""
        return invitations.state_of(invitation, at=timezone.now())


class InvitingSerializer(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=Role.choices)
    sites = SitesField(required=False, default=None, help_text="The only sites that the person may see; null for all.")

    def validate_email(self, email: str) -> str:
        """Kept in small letters, as accounts are."""
        return email.lower()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Together they must make sense."""
        must_fit(attrs["role"], attrs["sites"])
        return attrs


class TokenSerializer(serializers.Serializer[Any]):
    # A link has 47 characters; what is much longer isn't one.
    token = serializers.CharField(max_length=200)


class InvitingOrganizationSerializer(serializers.ModelSerializer[Organization]):
    class Meta:
        model = Organization
        fields = ["name"]
        read_only_fields = fields


class OfferSerializer(InvitationSerializer):
    """What the invited person sees before joining: the organization by name alone."""

    organization = InvitingOrganizationSerializer(read_only=True)

    class Meta(InvitationSerializer.Meta):
        fields = ["id", "organization", "email", "role", "state", "invited_by", "created_at", "expires_at"]
        read_only_fields = fields


class LookUpSerializer(OfferSerializer):
    has_account = serializers.BooleanField(read_only=True, help_text="Whether to sign in with this address or sign up.")

    class Meta(OfferSerializer.Meta):
        fields = ["organization", "email", "role", "invited_by", "state", "expires_at", "has_account"]
        read_only_fields = fields
