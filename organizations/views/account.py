"""The own account, and what it was invited to."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from organizations import invitations
from organizations.models import Invitation, User
from organizations.serializers.account import MeChangeSerializer, MeSerializer, OwnMembershipSerializer
from organizations.serializers.invitations import OfferSerializer
from organizations.tenancy import Origin, acting_as_system
from organizations.views.invitations import accepting


class Me(APIView):
    """Who am I, and where may I go?"""

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """The signed-in person with memberships."""
        with acting_as_system("own account", by=cast("User", request.user)):
            return Response(MeSerializer(cast("User", request.user)).data)

    @extend_schema(request=MeChangeSerializer, responses=MeSerializer)
    def patch(self, request: Request) -> Response:
        """Another name, time zone, language or scale. The address changes at /_allauth/, where it is verified."""
        user = cast("User", request.user)
        wanted = MeChangeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        origin = Origin(via="api", address=request.META.get("REMOTE_ADDR") or "")
        with acting_as_system("own account", by=user, origin=origin):
            for field, value in wanted.validated_data.items():
                setattr(user, field, value)
            if wanted.validated_data:
                user.save(update_fields=list(wanted.validated_data))
            return Response(MeSerializer(user).data)


class OwnInvitations(generics.ListAPIView[Invitation]):
    """Where the person could join now, through any verified address."""

    serializer_class = OfferSerializer
    queryset = Invitation.objects.order_by("-pk")

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One page, newest first."""
        with acting_as_system("own account", by=cast("User", request.user)):
            return super().list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Invitation]:
        """Of living organizations."""
        if getattr(self, "swagger_fake_view", False):
            return Invitation.objects.none()
        found: QuerySet[Invitation] = invitations.for_person(cast("User", self.request.user), at=timezone.now())
        return found.order_by("-pk")


class AcceptOwnInvitation(APIView):
    """Join without looking for the e-mail: the person's verified address says as much as the link."""

    @extend_schema(request=None, responses=OwnMembershipSerializer)
    def post(self, request: Request, invitation: UUID) -> Response:
        """The new membership. Somebody else's invitation isn't there."""
        user = cast("User", request.user)
        with accepting(request):
            row = invitations.for_person(user, at=timezone.now()).filter(pk=invitation).first()
            if row is None:
                raise Http404
            member = invitations.accept(invitation=row, by=user, at=timezone.now())
            return Response(OwnMembershipSerializer(member).data)
