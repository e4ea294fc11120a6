"""Trying a rule on the past, and asking why an alert did or didn't open, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from alerts.models import Alert, AlertRule
from alerts.past import backtest, explaining
from alerts.serializers.previews import (
    AskingSerializer,
    ExplanationsSerializer,
    PreviewingSerializer,
    PreviewSerializer,
)
from freshtrack.pagination import refuse
from freshtrack.times import rfc3339, rfc3339_or_none
from organizations.models import Organization
from organizations.scoped_views import OrganizationScoped
from organizations.throttling import Previewing
from sensors import keeping
from sensors.models import Unit

# There are no readings from before 2000 (contract) and none from far ahead; calendars end later.
_EARLIEST: Final = datetime(1999, 12, 30, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_DEFAULT: Final = timedelta(days=90)


class PreviewMixin(OrganizationScoped, viewsets.GenericViewSet[AlertRule]):
    """`preview/` beside the rules."""

    def get_throttles(self) -> list[BaseThrottle]:
        """A preview costs as much as a thousand other requests."""
        return [*super().get_throttles(), *([Previewing()] if self.action == "preview" else [])]

    @extend_schema(request=PreviewingSerializer, responses=PreviewSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request, **kwargs: Any) -> Response:
        """Run a rule over up to 100 days of the units that its scope holds, without storing it.

        The answer has what it would have opened beside the alerts of the same kind that there were. It is run alone:
        what mutes, overrides, more specific rules and people would have changed is left out.
        """
        wanted = PreviewingSerializer(data=request.data, context=self.get_serializer_context())
        wanted.is_valid(raise_exception=True)
        values = wanted.validated_data
        now = timezone.now()
        start, end = _range(values, now, self.organization)
        rule = AlertRule(organization=self.organization, **values["rule"])
        found = backtest.preview(rule=rule, membership=self.membership, start=start, end=end, at=now)
        body = {
            "incidents": [_would(would) for would in found.incidents],
            "happened": [_happened(alert) for alert in found.happened],
            "units": found.units,
            "readings": found.readings,
            "from": rfc3339(start),
            "to": rfc3339(end),
            "note": found.note,
        }
        return Response(body, status=status.HTTP_200_OK)


def _range(values: dict[str, Any], now: datetime, organization: Organization) -> tuple[datetime, datetime]:
    """What is asked for, from where the organization's plan lets it begin."""
    end = min(max(values.get("to") or now, _EARLIEST), _LATEST)
    start = min(max(values.get("from") or end - _DEFAULT, _EARLIEST), _LATEST)
    if start >= end:
        raise refuse("from", "Must be before `to`.")
    if end - start > backtest.LONGEST:
        raise refuse("from", f"Ask for at most {backtest.LONGEST.days} days.")
    shown_from = keeping.shown_from(organization, at=now)
    return (start if shown_from is None else min(max(start, shown_from), end)), end


def _would(would: backtest.Would) -> dict[str, Any]:
    return {
        "unit": str(would.unit.pk),
        "unit_name": would.unit.name,
        "started_at": rfc3339(would.started_at),
        "opened_at": rfc3339(would.opened_at),
        "resolved_at": rfc3339_or_none(would.resolved_at),
        "value": would.value,
        "peak": would.peak,
        "sensor": str(would.sensor.public_id),
    }


def _happened(alert: Alert) -> dict[str, Any]:
    return {
        "id": str(alert.pk),
        "unit": str(alert.unit_id),
        "opened_at": rfc3339(alert.opened_at),
        "resolved_at": rfc3339_or_none(alert.resolved_at),
        "peak": alert.peak,
        "severity": alert.severity,
        "rule_name": alert.rule_name,
    }


class Why(OrganizationScoped, generics.GenericAPIView[Unit]):
    """Why a unit had an alert, or had none."""

    may = {"GET": "alerts.view"}
    queryset = Unit.objects.select_related("site", "organization").order_by("pk")

    @extend_schema(
        parameters=[
            OpenApiParameter("at", datetime, description="The moment that is asked about; default now."),
            OpenApiParameter("rule", UUID, description="Only this rule, which may be a deleted one or one of others."),
        ],
        filters=False,
        responses=ExplanationsSerializer,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """For each rule that could concern the unit: did it open an alert, and why, from what is stored now.

        The last hours before the moment are judged again, so late readings count as if they had come in time.
        """
        query = AskingSerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        unit = self.get_object()
        now = timezone.now()
        at = max(query.validated_data.get("at") or now, _EARLIEST)
        if at > now:
            raise refuse("at", "Must not be in the future.")
        shown_from = keeping.shown_from(self.organization, at=now)
        if shown_from is not None and at < shown_from:
            raise refuse("at", "Your plan shows readings of this moment no more.")
        wanted = query.validated_data.get("rule")
        found = explaining.why(unit=unit, membership=self.membership, at=at, now=now, rule_id=wanted)
        if wanted is not None and not found:
            raise refuse("rule", "There is no such rule.")
        return Response({"at": rfc3339(at), "results": [_explanation(one) for one in found]})


def _explanation(one: explaining.Explanation) -> dict[str, Any]:
    return {
        "rule": str(one.rule.pk),
        "rule_name": one.rule.name,
        "severity": one.rule.severity,
        "in_force": one.in_force,
        "reason": one.reason,
        "signal": one.signal,
        "value": one.value,
        "limit": one.limit,
        "in_breach_since": rfc3339_or_none(one.in_breach_since),
        "counted_s": one.counted_s,
        "delay_s": one.delay_s,
        "frozen_s": one.frozen_s,
        "open_alert": None if one.open_alert is None else str(one.open_alert),
        "muted_by": None if one.muted_by is None else str(one.muted_by),
        "words": one.words,
    }
