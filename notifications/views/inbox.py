"""/me/inbox/: what happened, for the signed-in person to read."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from notifications import inbox
from notifications.models import InboxItem
from notifications.serializers.inbox import InboxItemSerializer, ReadAllSerializer, UnreadSerializer
from organizations.models import Organization, User
from organizations.searching import FilterSet, TrueOrFalseFilter
from organizations.tenancy import Origin, acting_as_system


def _me(request: Request) -> User:
    return cast("User", request.user)


def _origin(request: Request) -> Origin:
    return Origin(via="api", address=request.META.get("REMOTE_ADDR") or "")


def _home(user: User, slug: str) -> Organization:
    """One of the person's organizations. Raises ValidationError for any other."""
    found = Organization.objects.of_member(user).filter(slug=slug).first() if "\0" not in slug else None
    if found is None:
        raise ValidationError({"org": ["You have no organization with this name."]})
    return found


class InboxFilter(FilterSet):
    unread = TrueOrFalseFilter(field_name="read_at", lookup_expr="isnull")
    org = filters.CharFilter(method="by_organization", max_length=60)

    class Meta:
        model = InboxItem
        fields = ["unread", "org", "severity"]

    def by_organization(self, queryset: QuerySet[InboxItem], name: str, value: str) -> QuerySet[InboxItem]:
        """Raises ValidationError for one that isn't the person's."""
        return queryset.filter(organization=_home(_me(self.request), value))


class Inbox(generics.ListAPIView[InboxItem]):
    """Newest first; of organizations and sites that are still the person's."""

    serializer_class = InboxItemSerializer
    queryset = InboxItem.objects.select_related("organization").order_by("-created_at", "-pk")
    filterset_class = InboxFilter

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One page."""
        with acting_as_system("own account", by=_me(request)):
            return super().list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[InboxItem]:
        """Nobody else's."""
        if getattr(self, "swagger_fake_view", False):
            return InboxItem.objects.none()
        mine = inbox.of_person(_me(self.request))
        return mine.select_related("organization").order_by("-created_at", "-pk")


class InboxCount(APIView):
    """The badge."""

    @extend_schema(responses=UnreadSerializer, operation_id="me_inbox_count")
    def get(self, request: Request) -> Response:
        """How many the person hasn't read."""
        me = _me(request)
        with acting_as_system("own account", by=me):
            return Response({"unread": inbox.unread([me.pk])[me.pk]})


class ReadInboxItem(APIView):
    """One item was read."""

    @extend_schema(request=None, responses=InboxItemSerializer, operation_id="me_inbox_read")
    def post(self, request: Request, item: UUID) -> Response:
        """The item. Again: the same; the person's other screens are told."""
        me = _me(request)
        with acting_as_system("own account", by=me, origin=_origin(request)):
            row = inbox.of_person(me).select_related("organization").filter(pk=item).first()
            if row is None:
                raise Http404
            return Response(InboxItemSerializer(inbox.mark_read(user=me, item=row, at=timezone.now())).data)


class ReadInbox(APIView):
    """Everything was read."""

    @extend_schema(request=ReadAllSerializer, responses=UnreadSerializer, operation_id="me_inbox_read_all")
    def post(self, request: Request) -> Response:
        """Of one organization or of all. What comes meanwhile stays unread."""
        wanted = ReadAllSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        me, at = _me(request), timezone.now()
        with acting_as_system("own account", by=me, origin=_origin(request)):
            slug = wanted.validated_data.get("org")
            home = _home(me, slug) if slug is not None else None
            return Response({"unread": inbox.mark_all_read(user=me, organization=home, at=at)})
