"""Shapes of a person's contact methods."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from notifications import contacts
from notifications.models import ContactKind, ContactMethod


class ContactMethodSerializer(serializers.ModelSerializer[ContactMethod]):
    sign_in = serializers.SerializerMethodField(help_text="The address that the person signs in with: it stays.")

    class Meta:
        model = ContactMethod
        fields = [
            "id",
            "kind",
            "address",
            "sign_in",
            "verified_at",
            "created_at",
            "code_sent_at",
            "disabled_at",
            "disabled_because",
        ]
        read_only_fields = fields

    def get_sign_in(self, contact: ContactMethod) -> bool:
        """Whether it can't be deleted."""
        return contacts.is_sign_in_address(contact)


class NewContactMethodSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=ContactKind.choices)
    address = serializers.CharField(max_length=320)


class CodeSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=32, help_text="The digits from the message.")

    def validate_code(self, code: str) -> str:
        """As people type it: 123 456."""
        return "".join(code.split())
