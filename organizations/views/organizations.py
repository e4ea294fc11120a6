"""The organizations of a person."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import F, QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from organizations import founding, membership
from organizations.models import Membership, Organization, Role, User
from organizations.scoped_views import OrganizationScoped, deleted_membership_of
from organizations.serializers.organizations import (
    FoundingSerializer,
    OrganizationChangeSerializer,
    OrganizationSerializer,
)
from organizations.tenancy import Origin, acting_as_system
from organizations.throttling import Founding


def seated(organization: Organization, seat: Membership) -> Organization:
    """The organization as this member sees it (OrganizationSerializer)."""
    organization.seat = seat  # type: ignore[attr-defined]
    return organization


class Organizations(generics.ListAPIView[Organization]):
    """The organizations that the person is a member of."""

    serializer_class = OrganizationSerializer
    queryset = Organization.objects.alive().order_by("name", "pk")

    def get_throttles(self) -> list[BaseThrottle]:
        """Founding has a limit of its own: each costs rows, and a name that nobody else can have."""
        return [*super().get_throttles(), *([Founding()] if self.request.method == "POST" else [])]

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "deleted", OpenApiTypes.BOOL, description="Those that the person owns and can still bring back."
            )
        ]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """By name."""
        return super().get(request, *args, **kwargs)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One page."""
        with acting_as_system("own account", by=cast("User", request.user)):
            return super().list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Organization]:
        """Only the person's own."""
        if getattr(self, "swagger_fake_view", False):
            return Organization.objects.none()
        if self.request.query_params.get("deleted") == "true":
            since = timezone.now() - founding.RESTORABLE
            mine = Organization.objects.filter(
                deleted_at__gt=since,
                memberships__user=self.request.user.pk,
                memberships__ended_at=None,
                memberships__role=Role.OWNER,
            )
        else:
            mine = Organization.objects.of_member(self.request.user)
        return mine.annotate(seat_role=F("memberships__role"), seat_sites=F("memberships__site_ids")).order_by(
            "name", "pk"
        )

    def paginate_queryset(self, queryset: Any) -> Any:
        """Each with the person's seat in it."""
        page = super().paginate_queryset(queryset)
        return [seated(row, Membership(role=row.seat_role, site_ids=row.seat_sites)) for row in page or ()]

    @extend_schema(request=FoundingSerializer, responses={201: OrganizationSerializer})
    def post(self, request: Request) -> Response:
        """Found an organization and own it. Needs a verified address: its name goes out in invitations."""
        user = cast("User", request.user)
        wanted = FoundingSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        origin = Origin(via="api", address=request.META.get("REMOTE_ADDR") or "")
        with acting_as_system("founding", by=user, origin=origin):
            founding.may_found(user)
            organization = founding.found(owner=user, **wanted.validated_data)
            owner = Membership.objects.current().get(organization=organization, user=user)
            answer = OrganizationSerializer(seated(organization, owner)).data
        return Response(answer, status=status.HTTP_201_CREATED)


class OneOrganization(OrganizationScoped):
    """One organization of the person."""

    may = {"GET": "organization.view", "PATCH": "organization.change", "DELETE": "organization.delete"}
    serializer_class = OrganizationSerializer
    volatile = frozenset({"role", "sites", "permissions"})  # the member's, not the organization's

    def locked_organization(self) -> Organization:
        """The organization as it is now, compared with `If-Match`."""
        organization = seated(membership.lock(self.organization.pk), self.membership)
        self.compare_version(organization)
        return organization

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Its name, time zone and the person's role in it."""
        return Response(self.shape_of(seated(self.organization, self.membership)))

    @extend_schema(request=OrganizationChangeSerializer, responses=OrganizationSerializer)
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Rename it or change where invoices go. An old slug goes on leading here."""
        wanted = OrganizationChangeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        return Response(
            self.shape_of(founding.change(organization=self.locked_organization(), **wanted.validated_data))
        )

    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Everything of it is gone at once; an owner can restore it for 30 days."""
        founding.delete(organization=self.locked_organization(), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class RestoreOrganization(OrganizationScoped):
    """Bring a deleted organization back."""

    may = {"POST": "organization.delete"}
    serializer_class = OrganizationSerializer

    def find_membership(self, request: Request) -> Membership | None:
        """A deleted organization is there for its owners only."""
        return super().find_membership(request) or deleted_membership_of(request.user, self.kwargs["organization"])

    @extend_schema(request=None, responses=OrganizationSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """As it was. Repeatable."""
        organization = founding.restore(organization=self.organization, at=timezone.now())
        return Response(self.shape_of(seated(organization, self.membership)))
