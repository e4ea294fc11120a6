"""The organizations of a person."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import F, QuerySet
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from organizations.models import Organization, User
from organizations.scoped_views import OrganizationScoped
from organizations.serializers.organizations import OrganizationSerializer
from organizations.tenancy import acting_as_system


class Organizations(generics.ListAPIView[Organization]):
    """The organizations that the person is a member of."""

    serializer_class = OrganizationSerializer
    queryset = Organization.objects.alive().order_by("name", "pk")

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One page."""
        with acting_as_system("own account", by=cast("User", request.user)):
            return super().list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Organization]:
        """Only the person's own."""
        if getattr(self, "swagger_fake_view", False):
            return Organization.objects.none()
        return (
            Organization.objects.of_member(self.request.user)
            .annotate(role=F("memberships__role"))
            .order_by("name", "pk")
        )


class OneOrganization(OrganizationScoped):
    """One organization of the person."""

    may = {"GET": "organization.view"}
    serializer_class = OrganizationSerializer

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Its name, time zone and the person's role in it."""
        organization = self.organization
        organization.role = self.membership.role  # type: ignore[attr-defined]
        return Response(OrganizationSerializer(organization).data)
