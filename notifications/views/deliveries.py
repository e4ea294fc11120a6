"""Deliveries over HTTP: who was told what, whether it arrived, and once more what didn't."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db.models import Case, CharField, F, QuerySet, Value, When
from django.db.models.functions import Now
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from notifications import channel_health, outbox
from notifications.models import Attempt, Notification, NotificationStatus
from notifications.serializers.deliveries import (
    MOST_AT_ONCE,
    AttemptSerializer,
    HealthSerializer,
    NotificationSerializer,
    ResendSerializer,
    ResentSerializer,
)
from organizations.scoped_views import OrganizationScoped
from organizations.searching import ChoicesFilter, FilterSet

# What nobody missed for so long isn't sent again by the dozen; one by one it can be.
DEAD_FOR_AT_MOST: Final = timedelta(days=30)

# While a worker has it in hand. A lease that ended tells of a worker that vanished.
_STATE: Final = Case(
    When(entry__lease__isnull=False, entry__due_at__gt=Now(), then=Value(NotificationStatus.SENDING.value)),
    default=F("status"),
    output_field=CharField(),
)


class NotificationFilter(FilterSet):
    status = ChoicesFilter(field_name="state", choices=NotificationStatus.choices)

    class Meta:
        model = Notification
        fields = ["status", "channel", "severity", "about", "event", "user"]


class Notifications(OrganizationScoped, viewsets.ReadOnlyModelViewSet[Notification]):
    """What was promised to whom, newest first."""

    may = {
        "list": "notifications.view",
        "retrieve": "notifications.view",
        "attempts": "notifications.view",
        "resend": "notifications.resend",
        "resend_many": "notifications.resend",
    }
    queryset = Notification.objects.annotate(state=_STATE).order_by("-created_at", "-pk")
    serializer_class = NotificationSerializer
    filterset_class = NotificationFilter
    ordering_fields = {"created_at": "created_at", "sent_at": "sent_at"}

    @extend_schema(responses=AttemptSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"])
    def attempts(self, request: Request, **kwargs: Any) -> Response:
        """Each try to hand it over, the newest first, and what the provider said."""
        rows: QuerySet[Attempt] = Attempt.objects.filter(
            organization=self.organization, notification=self.get_object()
        ).order_by("-at", "-pk")
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(AttemptSerializer(page, many=True).data)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, **kwargs: Any) -> Response:
        """Promise it once more. 409 unless it failed, or once its secret words were wiped."""
        notification = self.get_object()
        outbox.resend(notification=notification, at=timezone.now())
        return Response(self.get_serializer(self.get_queryset().get(pk=notification.pk)).data)

    @extend_schema(request=ResendSerializer, responses=ResentSerializer, operation_id="notifications_resend_many")
    @action(detail=False, methods=["post"], url_path="resend", url_name="resend-many")
    def resend_many(self, request: Request, **kwargs: Any) -> Response:
        """Promise several once more, each that failed: by id, or of the last 30 days up to 200 that are dead."""
        wanted = ResendSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        at = timezone.now()
        asked = self.get_queryset()
        if "ids" in wanted.validated_data:
            ids = list(dict.fromkeys(wanted.validated_data["ids"]))
            found, more = set(asked.filter(pk__in=ids).values_list("pk", flat=True)), False
            if unknown := [pk for pk in ids if pk not in found]:
                raise ValidationError({"ids": [f"There is no notification {unknown[0]} here."]})
        else:
            dead = asked.filter(status=NotificationStatus.DEAD, created_at__gt=at - DEAD_FOR_AT_MOST)
            # A part is sent by its summary; wiped words can't be sent.
            dead = dead.filter(summary=None).exclude(confidential=True, text="")
            ids = list(dead.values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
            ids, more = ids[:MOST_AT_ONCE], len(ids) > MOST_AT_ONCE
        again = outbox.resend_all(ids=ids, at=at)
        return Response({"resent": again, "left": max(len(ids) - len(again), 0), "more": more})


class ChannelHealth(OrganizationScoped, generics.GenericAPIView[Notification]):
    """How the channels have been."""

    may = {"GET": "notifications.view"}
    queryset = Notification.objects.all()
    serializer_class = HealthSerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(operation_id="notifications_health")
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Of each channel and provider: last success, last error, attempts of the last hour and day."""
        found = channel_health.of_organization(organization_id=self.organization.pk, at=timezone.now())
        return Response(HealthSerializer({"results": found}).data)
