"""Alerts over HTTP: what happened, and what people did about it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from alerts import lifecycle
from alerts.models import Alert, AlertEvent
from alerts.serializers.alerts import (
    AlertEventSerializer,
    AlertSerializer,
    CommentSerializer,
    NoteSerializer,
    ResolveSerializer,
)
from organizations.scoped_views import OrganizationScoped
from organizations.searching import FilterSet, IdsFilter, MomentFilter


class AlertFilter(FilterSet):
    opened_after = MomentFilter(field_name="opened_at", lookup_expr="gt")
    area = IdsFilter(field_name="unit__area_id")
    sensor = IdsFilter(field_name="sensor__public_id")

    class Meta:
        model = Alert
        fields = ["site", "area", "unit", "sensor", "rule", "status", "severity", "kind", "opened_after"]


class Alerts(OrganizationScoped, viewsets.ReadOnlyModelViewSet[Alert]):
    """What happened, newest first, and what people did about it."""

    may = {
        "list": "alerts.view",
        "retrieve": "alerts.view",
        "events": "alerts.view",
        "acknowledge": "alerts.acknowledge",
        "resolve": "alerts.resolve",
        "comment": "alerts.comment",
    }
    queryset = Alert.objects.select_related("unit", "site", "sensor").order_by("-opened_at", "-pk")
    serializer_class = AlertSerializer
    filterset_class = AlertFilter
    ordering_fields = {"opened_at": "opened_at", "started_at": "started_at", "resolved_at": "resolved_at"}

    def _wanted(self, serializer_class: type[BaseSerializer[Any]]) -> dict[str, Any]:
        wanted = serializer_class(data=self.request.data)
        wanted.is_valid(raise_exception=True)
        return dict(wanted.validated_data)

    @extend_schema(request=NoteSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, **kwargs: Any) -> Response:
        """Take charge. Again: 200; after it was resolved: 409."""
        alert = lifecycle.acknowledge(
            alert=self.get_object(), by=self.person, at=timezone.now(), **self._wanted(NoteSerializer)
        )
        return Response(self.get_serializer(alert).data)

    @extend_schema(request=ResolveSerializer)
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, **kwargs: Any) -> Response:
        """Close it and say what was done."""
        alert = lifecycle.resolve(
            alert=self.get_object(), by=self.person, at=timezone.now(), **self._wanted(ResolveSerializer)
        )
        return Response(self.get_serializer(alert).data)

    @extend_schema(request=CommentSerializer, responses={201: AlertEventSerializer})
    @action(detail=True, methods=["post"])
    def comment(self, request: Request, **kwargs: Any) -> Response:
        """Add a remark to the timeline."""
        event = lifecycle.comment(
            alert=self.get_object(), by=self.person, at=timezone.now(), **self._wanted(CommentSerializer)
        )
        return Response(AlertEventSerializer(event).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=AlertEventSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"])
    def events(self, request: Request, **kwargs: Any) -> Response:
        """The timeline, oldest first."""
        rows: QuerySet[AlertEvent] = (
            AlertEvent.objects.for_organization(self.organization)
            .filter(alert=self.get_object())
            .select_related("by")
            .order_by("created_at", "pk")
        )
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(AlertEventSerializer(page, many=True).data)
