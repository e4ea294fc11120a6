"""Invitations: for those who invite, and for those who are invited."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from organizations import invitations, membership, security_events
from organizations.models import Invitation, User
from organizations.scoped_views import OrganizationScoped
from organizations.serializers.account import OwnMembershipSerializer
from organizations.serializers.invitations import (
    STATES,
    InvitationSerializer,
    InvitingSerializer,
    LookUpSerializer,
    TokenSerializer,
)
from organizations.tenancy import Origin, acting_as_system
from organizations.throttling import Inviting, LookingUp


class InvitationFilter(filters.FilterSet):
    """`?state=`."""

    state = filters.ChoiceFilter(choices=STATES, method="in_state")

    class Meta:
        model = Invitation
        fields = ["state"]

    def in_state(self, queryset: QuerySet[Invitation], name: str, value: str) -> QuerySet[Invitation]:
        """Now."""
        return queryset.filter(invitations.in_state(value, at=timezone.now()))


class Invitations(
    OrganizationScoped,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Invitation],
):
    """Who was invited, newest first."""

    may = {
        "list": "members.change",
        "retrieve": "members.change",
        "create": "members.change",
        "destroy": "members.change",
        "resend": "members.change",
    }
    queryset = Invitation.objects.select_related("invited_by").order_by("-pk")
    serializer_class = InvitationSerializer
    filterset_class = InvitationFilter
    volatile = frozenset({"state"})  # it expires by itself
    whole = OrganizationScoped.whole | {"resend"}
    http_method_names = ["get", "post", "delete", "head", "options"]

    def get_throttles(self) -> list[BaseThrottle]:
        """Each POST sends e-mail to an address that never asked for any."""
        return [*super().get_throttles(), *([Inviting()] if self.request.method == "POST" else [])]

    def get_object(self) -> Invitation:
        """The organization's row is locked before the invitation's, as everywhere (views/members.py)."""
        if self.request.method not in SAFE_METHODS:
            membership.lock(self.organization.pk)
        found: Invitation = super().get_object()
        return found

    @extend_schema(request=InvitingSerializer, responses={201: InvitationSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Send an invitation. An earlier one of the same address is revoked."""
        wanted = InvitingSerializer(data=request.data, context=self.get_serializer_context())
        wanted.is_valid(raise_exception=True)
        made = invitations.invite(by=self.membership, at=timezone.now(), **wanted.validated_data)
        return Response(self.get_serializer(made).data, status=status.HTTP_201_CREATED)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Revoke it: the link is worthless from now on. It stays in the list."""
        invitations.revoke(invitation=self.get_object(), by=self.membership, at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=InvitationSerializer)
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Send a new link, good for the whole time again. The old link is dead."""
        sent = invitations.resend(invitation=self.get_object(), by=self.membership, at=timezone.now())
        return Response(self.get_serializer(sent).data)


@contextmanager
def accepting(request: Request) -> Iterator[None]:
    """The transaction of somebody who accepts. A refusal is told to the organization in one that isn't rolled back."""
    user = cast("User", request.user)
    origin = Origin(via="api", address=request.META.get("REMOTE_ADDR") or "")
    try:
        with acting_as_system("invitation", by=user, origin=origin):
            yield
    except invitations.Refusal as refusal:
        with acting_as_system("invitation", by=user, origin=origin):
            security_events.note(
                organization=refusal.invitation.organization,
                kind=refusal.kind,
                detail=f"Invitation of {refusal.invitation.email}, tried by {user.email}",
                user=user,
            )
        raise


class AcceptInvitation(APIView):
    """Join an organization with the link from the e-mail."""

    problems = (404,)

    def get_throttles(self) -> list[BaseThrottle]:
        """As for looking one up."""
        return [*super().get_throttles(), LookingUp()]

    @extend_schema(request=TokenSerializer, responses=OwnMembershipSerializer)
    def post(self, request: Request) -> Response:
        """The new membership, as in /me/."""
        wanted = TokenSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        with accepting(request):
            invitation = invitations.of_token(wanted.validated_data["token"])
            if invitation is None:
                raise Http404
            member = invitations.accept(invitation=invitation, by=cast("User", request.user), at=timezone.now())
            return Response(OwnMembershipSerializer(member).data)


class LookUpInvitation(APIView):
    """What the link is about, before anybody has signed in or up."""

    authentication_classes = ()
    permission_classes = ()
    problems = (404,)

    def get_throttles(self) -> list[BaseThrottle]:
        """By address: nobody is known yet."""
        return [LookingUp()]

    @extend_schema(request=TokenSerializer, responses=LookUpSerializer, auth=[])
    def post(self, request: Request) -> Response:
        """Who invites to what. Who has the link has read the mail: signing up with its address needs no other proof."""
        wanted = TokenSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        with acting_as_system("invitation"):
            invitation = invitations.of_token(wanted.validated_data["token"])
            if invitation is None:
                raise Http404
            email = invitation.email
            invitation.has_account = (  # type: ignore[attr-defined]
                User.objects.filter(email__iexact=email).exists()
                or EmailAddress.objects.filter(Q(email__iexact=email), verified=True).exists()
            )
            shown = LookUpSerializer(invitation).data
        if shown["state"] == "pending":
            get_adapter().stash_verified_email(request._request, email)
        return Response(shown)
