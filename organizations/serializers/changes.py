"""Shapes of the change log and of the audit trail. They describe what organizations/changes.py and audit.py make."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

_ANYTHING: dict[str, Any] = {"description": "As the object's own field."}


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "required": ["before", "after"],
            "properties": {"before": _ANYTHING, "after": _ANYTHING},
        },
    }
)
class FieldsField(serializers.DictField):
    """{field: {"before", "after"}}."""


class ChangeAction(serializers.ChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=["create", "update", "delete"], **kwargs)


class ChangeSerializer(serializers.Serializer[Any]):
    cursor = serializers.CharField()
    entity = serializers.CharField(help_text="In the singular: site, alert_rule.")
    id = serializers.CharField()
    action = ChangeAction()
    changes = FieldsField()
    at = serializers.DateTimeField()


class CatchUpSerializer(serializers.Serializer[Any]):
    results = ChangeSerializer(many=True)
    cursor = serializers.CharField(help_text="Where to go on.")


class ActorSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.CharField(help_text="Empty for our staff, and for removed accounts.")
    name = serializers.CharField()


class AuditEventSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    at = serializers.DateTimeField()
    actor = ActorSerializer(allow_null=True, help_text="Null: no person. `via` says what did it.")
    via = serializers.CharField(help_text="api, socket, admin, ingest, shell, or the task that did it.")
    address = serializers.CharField(help_text="IP address; empty where there is none.")
    request_id = serializers.CharField(help_text="As in X-Request-Id; empty where there was no request.")
    entity = serializers.CharField(help_text="In the singular: site, alert_rule.")
    object_id = serializers.CharField()
    site = serializers.UUIDField(allow_null=True)
    action = ChangeAction()
    changes = FieldsField()
