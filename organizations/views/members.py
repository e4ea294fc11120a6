"""The members of an organization."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from freshtrack.etags import Versioned
from organizations import membership
from organizations.models import Membership
from organizations.scoped_views import OrganizationScoped
from organizations.serializers.members import HandOverSerializer, MemberChangeSerializer, MemberSerializer


class Members(
    OrganizationScoped,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Membership],
):
    """Who works here, in the order in which they came."""

    may = {
        "list": "members.view",
        "retrieve": "members.view",
        "partial_update": "members.change",
        "destroy": "members.change",
        "leave": "members.leave",
        "make_owner": "organization.transfer",
    }
    queryset = Membership.objects.current().select_related("user").order_by("pk")
    serializer_class = MemberSerializer
    filterset_fields = ["role"]
    whole = OrganizationScoped.whole | {"make_owner"}
    volatile = frozenset({"user", "is_you"})
    whole = Versioned.whole | {"make_owner"}
    http_method_names = ["get", "patch", "delete", "post", "head", "options"]

    def get_object(self) -> Membership:
        """The organization's row is locked before the member's, as everywhere: else two changes could block another."""
        if self.request.method not in SAFE_METHODS:
            membership.lock(self.organization.pk)
        found: Membership = super().get_object()
        return found

    @extend_schema(request=MemberChangeSerializer, responses=MemberSerializer)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Another role, or other sites. What is left out stays."""
        member = self.get_object()
        wanted = MemberChangeSerializer(data=request.data, context=self.get_serializer_context())
        wanted.is_valid(raise_exception=True)
        changed = membership.change(membership=member, by=self.membership, at=timezone.now(), **wanted.validated_data)
        changed.user = member.user
        return Response(self.get_serializer(changed).data)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Remove the member; refused within seconds everywhere. Records go on naming the person."""
        membership.remove(membership=self.get_object(), by=self.membership, at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={204: None})
    @action(detail=False, methods=["post"])
    def leave(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """End the own membership. The last owner stays."""
        membership.leave(membership=self.membership, at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=HandOverSerializer, responses=MemberSerializer)
    @action(detail=True, methods=["post"], url_path="make-owner")
    def make_owner(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make the member an owner, too or instead of oneself."""
        member = self.get_object()
        wanted = HandOverSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        owner = membership.hand_over(to=member, by=self.membership, at=timezone.now(), **wanted.validated_data)
        owner.user = member.user
        return Response(self.get_serializer(owner).data)
