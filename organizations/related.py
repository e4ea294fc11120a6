"""References between rows of one organization: an id of another one is as unknown as one that doesn't exist."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from organizations.models import Membership
from organizations.owned import OwnedQuerySet


def must_be_placed(place: Any, *, membership: Membership, field: str) -> None:
    """Somebody who is restricted to some sites can't make what belongs to none or to all: they wouldn't see it.

    Raises ValidationError for `field`.
    """
    if place is None and membership.site_ids is not None:
        words = "You are restricted to some sites: say which of them this belongs to."
        raise serializers.ValidationError({field: [words]}, code="outside_your_sites")


class OwnedField(serializers.PrimaryKeyRelatedField[Any]):
    """A UUID of a living row of the organization in the serializer's context."""

    def get_queryset(self) -> QuerySet[Any]:
        """Only what the member may see of this organization's rows, deleted ones left out."""
        queryset = super().get_queryset()
        assert queryset is not None  # noqa: S101 (every use names its rows)
        assert isinstance(queryset, OwnedQuerySet)  # noqa: S101
        membership = self.context.get("membership")
        if membership is None:
            return queryset.none()  # the schema generator
        queryset = queryset.for_member(membership)
        if any(field.name == "deleted_at" for field in queryset.model._meta.fields):
            queryset = queryset.filter(deleted_at=None)
        return queryset
