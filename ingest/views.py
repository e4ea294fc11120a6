"""Refused readings over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.core.validators import MaxLengthValidator, ProhibitNullCharactersValidator
from django.db.models import Count, Q, QuerySet
from django.http.response import HttpResponseBase
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from freshtrack.times import rfc3339_or_none
from ingest import deciding
from ingest.deciding import Decision
from ingest.models import QuarantinedReading, QuarantineState
from ingest.serializers import (
    DecidedManySerializer,
    DiscardSerializer,
    ManySerializer,
    QuarantinedReadingSerializer,
    QuarantineSummarySerializer,
    ResubmitSerializer,
)
from organizations import security_events
from organizations.exports import ROWS_A_PAGE, CsvRenderer, Row, download
from organizations.scoped_views import OrganizationScoped
from organizations.searching import ChoicesFilter, FilterSet, IdsFilter, MomentFilter

# The contract's, in its order.
CODES: Final = (
    *("invalid", "missing_value", "out_of_range", "sensor_fault"),
    *("in_future", "too_old", "conflict"),
)


class QuarantineFilter(FilterSet):
    code = ChoicesFilter(choices=[(code, code) for code in CODES])
    serial = filters.CharFilter(validators=[MaxLengthValidator(64), ProhibitNullCharactersValidator()])
    sensor = IdsFilter(field_name="sensor_id")
    site = IdsFilter(field_name="site_id")
    after = MomentFilter(field_name="last_received_at", lookup_expr="gte")
    before = MomentFilter(field_name="last_received_at", lookup_expr="lt")

    class Meta:
        model = QuarantinedReading
        fields = ["code", "serial", "sensor", "site", "state", "after", "before"]


Place = tuple[datetime, UUID]
COLUMNS: Final = (
    *("last_received_at", "first_received_at", "times", "code", "detail", "serial", "channel", "recorded_at"),
    *("format", "key", "payload", "state", "decided_at", "decided_by"),
)


class QuarantinedReadings(OrganizationScoped, viewsets.ReadOnlyModelViewSet[QuarantinedReading]):
    """Readings that were refused, those that came last first; to be sent in again or discarded."""

    may = {
        "list": "quarantine.view",
        "retrieve": "quarantine.view",
        "resubmit": "quarantine.change",
        "resubmit_many": "quarantine.change",
        "discard": "quarantine.change",
        "discard_many": "quarantine.change",
    }
    queryset = QuarantinedReading.objects.select_related("key", "decided_by").order_by("-last_received_at", "-id")
    serializer_class = QuarantinedReadingSerializer
    filterset_class = QuarantineFilter
    renderer_classes = (JSONRenderer, CsvRenderer)
    # Another time a repeat comes is no change of what somebody looks at.
    volatile = frozenset({"times", "last_received_at"})

    @extend_schema(
        responses={
            (200, "application/json"): QuarantinedReadingSerializer(many=True),
            (200, "text/csv"): OpenApiTypes.STR,
        }
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        """One page; as CSV, everything that the filters leave."""
        if request.accepted_renderer.format == "csv":
            return self._download(self.filter_queryset(self.get_queryset()))
        return super().list(request, *args, **kwargs)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        """One, with everything that was sent."""
        if request.accepted_renderer.format == "csv":
            return self._download(self.get_queryset().filter(pk=self.get_object().pk))
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(request=ResubmitSerializer)
    @action(detail=True, methods=["post"])
    def resubmit(self, request: Request, **kwargs: Any) -> Response:
        """Send it in again, as it came or corrected. Still refused: 409 `still_refused`, with the `refusal`."""
        wanted = self._wanted(ResubmitSerializer)
        reading = deciding.resubmit(
            reading=self.get_object(),
            corrected=wanted.get("reading"),
            membership=self.membership,
            by=self.person,
            at=timezone.now(),
        )
        return Response(self.get_serializer(reading).data)

    @extend_schema(request=DiscardSerializer)
    @action(detail=True, methods=["post"])
    def discard(self, request: Request, **kwargs: Any) -> Response:
        """Put it away unstored."""
        wanted = self._wanted(DiscardSerializer)
        reading = deciding.discard(
            reading=self.get_object(), by=self.person, at=timezone.now(), note=wanted.get("note", "")
        )
        return Response(self.get_serializer(reading).data)

    @extend_schema(request=ManySerializer, responses=DecidedManySerializer, operation_id="quarantined_resubmit_many")
    @action(detail=False, methods=["post"], url_path="resubmit", url_name="resubmit-many")
    def resubmit_many(self, request: Request, **kwargs: Any) -> Response:
        """Send several in again as they came; each is stored or refused by itself."""
        return self._each(
            lambda readings: deciding.resubmit_many(
                readings=readings, membership=self.membership, by=self.person, at=timezone.now()
            )
        )

    @extend_schema(request=ManySerializer, responses=DecidedManySerializer, operation_id="quarantined_discard_many")
    @action(detail=False, methods=["post"], url_path="discard", url_name="discard-many")
    def discard_many(self, request: Request, **kwargs: Any) -> Response:
        """Put several away unstored."""
        return self._each(lambda readings: deciding.discard_many(readings=readings, by=self.person, at=timezone.now()))

    def _wanted(self, serializer_class: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        wanted = serializer_class(data=self.request.data)
        wanted.is_valid(raise_exception=True)
        return dict(wanted.validated_data)

    def _each(self, decide: Callable[[Sequence[QuarantinedReading]], Sequence[Decision]]) -> Response:
        ids = list(dict.fromkeys(self._wanted(ManySerializer)["ids"]))
        found = self.get_queryset().in_bulk(ids)
        unknown = [pk for pk in ids if pk not in found]
        if unknown:
            raise serializers.ValidationError({"ids": [f"There is no refused reading {unknown[0]} here."]})
        results = [
            {"id": str(r.pk), "state": r.state, "refusal": refusal and refusal._asdict()}
            for r, refusal in decide([found[pk] for pk in ids])
        ]
        return Response({"results": results})

    def _download(self, rows: QuerySet[QuarantinedReading]) -> HttpResponseBase:
        asked = self.request.query_params.urlencode()
        security_events.note(
            organization=self.organization, kind="refused_readings_exported", detail=asked, user=self.person
        )
        # Later rows don't belong to it: an export while a gateway floods would never end.
        rows = rows.filter(last_received_at__lte=timezone.now())

        def page(place: Place | None) -> tuple[Sequence[Row], Place | None]:
            found = list((rows if place is None else rows.filter(_behind(place)))[:ROWS_A_PAGE])
            last = (found[-1].last_received_at, found[-1].pk) if found else None
            return [_cells(row) for row in found], last

        membership = self.membership
        membership.user = self.person
        name = f"freshtrack-refused-{self.organization.slug}-{timezone.now():%Y-%m-%d}.csv"
        return download(
            self.request, name=name, header=COLUMNS, page=page, membership=membership, action="quarantine.view"
        )


def _behind(place: Place) -> Q:
    at, pk = place
    return Q(last_received_at__lte=at) & (Q(last_received_at__lt=at) | Q(pk__lt=pk))


def _cells(row: QuarantinedReading) -> Row:
    cells = {
        **{name: getattr(row, name) for name in COLUMNS},
        **{
            name: rfc3339_or_none(getattr(row, name))
            for name in ("last_received_at", "first_received_at", "recorded_at", "decided_at")
        },
        "key": row.key.name if row.key else None,
        "decided_by": row.decided_by.email if row.decided_by else None,
    }
    return [cells[name] for name in COLUMNS]


class QuarantineSummary(OrganizationScoped, generics.GenericAPIView[QuarantinedReading]):
    """How many refused readings wait for somebody to decide."""

    may = {"GET": "quarantine.view"}
    queryset = QuarantinedReading.objects.filter(state=QuarantineState.KEPT)
    serializer_class = QuarantineSummarySerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(operation_id="quarantined_readings_summary")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Those kept, by code."""
        recent = Q(last_received_at__gt=timezone.now() - timedelta(hours=24))
        counts = {"waiting": Count("pk"), "recent": Count("pk", filter=recent)}
        rows = list(self.get_queryset().order_by("code").values_list("code").annotate(**counts))
        return Response(
            {
                "total": sum(count for _, count, _ in rows),
                "by_code": {code: count for code, count, _ in rows},
                "last_24_h": sum(count for _, _, count in rows),
            }
        )
