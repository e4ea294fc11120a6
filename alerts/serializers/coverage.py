"""Shapes of what might reach nobody."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from alerts.coverage.holes import Kind
from alerts.models import Severity


class HoleAboutSerializer(serializers.Serializer[Any]):
    policy = serializers.UUIDField(allow_null=True)
    schedule = serializers.UUIDField(allow_null=True)
    person = serializers.UUIDField(allow_null=True, help_text="Id of the user.")
    site = serializers.UUIDField(allow_null=True)
    step = serializers.IntegerField(allow_null=True, help_text="Of the policy, from 1.")


class HoleSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=[(kind.value, kind.value.replace("_", " ").capitalize()) for kind in Kind])
    severity = serializers.ChoiceField(
        choices=[(Severity.CRITICAL.value, "Critical"), (Severity.WARNING.value, "Warning")],
        help_text="Critical: something critical might reach nobody.",
    )
    text = serializers.CharField(help_text="A sentence.")
    about = HoleAboutSerializer()
    path = serializers.CharField(help_text="Where in the app it is mended.")
    starts_at = serializers.DateTimeField(allow_null=True, help_text="Null: at any time.")
    ends_at = serializers.DateTimeField(allow_null=True, help_text="Null: beyond what is looked at, or nobody knows.")


class CoverageCountsSerializer(serializers.Serializer[Any]):
    critical = serializers.IntegerField()
    warning = serializers.IntegerField()


class CoverageSerializer(serializers.Serializer[Any]):
    ok = serializers.BooleanField(help_text="Nothing to mend.")
    checked_at = serializers.DateTimeField()
    counts = CoverageCountsSerializer(source="*", help_text="Of all, shown or not.")
    results = HoleSerializer(many=True, help_text="Worst first.")
    more = serializers.IntegerField(help_text="So many aren't shown.")
