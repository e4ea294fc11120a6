"""Alerts over HTTP: what happened, and what people did about it."""

from __future__ import annotations

from datetime import datetime
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
from alerts.escalation import asking
from alerts.models import Alert, AlertEvent, Channel
from alerts.serializers.alerts import (
    AlertEventSerializer,
    AlertSerializer,
    AssignSerializer,
    CommentSerializer,
    NoteSerializer,
    ReopenSerializer,
    ResolveSerializer,
    SnoozeSerializer,
)
from alerts.serializers.escalation import RehearsalSerializer
from organizations.authentication import Access
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
        "escalation": "escalation.view",
        "acknowledge": "alerts.acknowledge",
        "snooze": "alerts.snooze",
        "assign": "alerts.assign",
        "resolve": "alerts.resolve",
        "reopen": "alerts.reopen",
        "comment": "alerts.comment",
    }
    whole = OrganizationScoped.whole | {"snooze", "assign", "reopen"}
    queryset = Alert.objects.select_related("unit", "site", "sensor", "assigned_to").order_by("-opened_at", "-pk")
    serializer_class = AlertSerializer
    filterset_class = AlertFilter
    ordering_fields = {"opened_at": "opened_at", "started_at": "started_at", "resolved_at": "resolved_at"}

    def _who(self, at: datetime) -> dict[str, Any]:
        """Who moves the alert, when, and through what: a session is the web app's, a bearer somebody's program."""
        bearer = isinstance(self.request.auth, Access)
        return {"by": self.person, "at": at, "channel": Channel.API if bearer else Channel.WEB}

    def _wanted(self, serializer_class: type[BaseSerializer[Any]]) -> dict[str, Any]:
        wanted = serializer_class(data=self.request.data)
        wanted.is_valid(raise_exception=True)
        return dict(wanted.validated_data)

    def _answer(self, alert: Alert) -> Response:
        return Response(self.get_serializer(alert).data)

    @extend_schema(request=NoteSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, **kwargs: Any) -> Response:
        """Take charge. Again: 200; after it was resolved: 409. If it lasts too long it is open and told again."""
        who = self._who(timezone.now())
        return self._answer(lifecycle.acknowledge(alert=self.get_object(), **who, **self._wanted(NoteSerializer)))

    @extend_schema(request=SnoozeSerializer)
    @action(detail=True, methods=["post"])
    def snooze(self, request: Request, **kwargs: Any) -> Response:
        """Quiet until a time, at most seven days ahead; then it is open and told again. After it was resolved: 409."""
        who = self._who(timezone.now())
        return self._answer(lifecycle.snooze(alert=self.get_object(), **who, **self._wanted(SnoozeSerializer)))

    @extend_schema(request=AssignSerializer)
    @action(detail=True, methods=["post"])
    def assign(self, request: Request, **kwargs: Any) -> Response:
        """Make it somebody's who works here and may see the site, or nobody's. After it was resolved: 409."""
        who, wanted = self._who(timezone.now()), self._wanted(AssignSerializer)
        user_id = wanted.pop("user")
        return self._answer(lifecycle.assign(alert=self.get_object(), user_id=user_id, **who, **wanted))

    @extend_schema(request=ResolveSerializer)
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, **kwargs: Any) -> Response:
        """Close it and say what was done."""
        who = self._who(timezone.now())
        return self._answer(lifecycle.resolve(alert=self.get_object(), **who, **self._wanted(ResolveSerializer)))

    @extend_schema(request=ReopenSerializer)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, **kwargs: Any) -> Response:
        """Say that it isn't over, and why. 409 unless it is resolved and its cause has no other open alert."""
        who = self._who(timezone.now())
        return self._answer(lifecycle.reopen(alert=self.get_object(), **who, **self._wanted(ReopenSerializer)))

    @extend_schema(request=CommentSerializer, responses={201: AlertEventSerializer})
    @action(detail=True, methods=["post"])
    def comment(self, request: Request, **kwargs: Any) -> Response:
        """Add a remark to the timeline, for good."""
        who = self._who(timezone.now())
        event = lifecycle.comment(alert=self.get_object(), **who, **self._wanted(CommentSerializer))
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

    @extend_schema(responses=RehearsalSerializer, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def escalation(self, request: Request, **kwargs: Any) -> Response:
        """Whom it tells next if nobody answers, and when."""
        alert = self.get_object()
        return Response(RehearsalSerializer(asking.of_alert(alert, by=self.person)).data)
