"""Readings over HTTP, under the unit or sensor that they belong to: series for charts and lists."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from freshtrack.pagination import CursorPages
from sensors import series
from sensors.models import Reading
from sensors.serializers import BucketSerializer, ReadingSerializer, SeriesQuerySerializer


class ReadingPages(CursorPages):
    """Ascending, as charts want them."""

    page_size = 500
    max_page_size = 2000

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        """Always by time."""
        return ("recorded_at", "sensor_id")


class SeriesMixin:
    """`readings/` under a unit or a sensor."""

    @extend_schema(
        parameters=[
            OpenApiParameter("from", datetime, description="Inclusive; default 24 h before `to`."),
            OpenApiParameter("to", datetime, description="Exclusive; default now."),
            OpenApiParameter("resolution", str, enum=["raw", "hour", "day", "auto"]),
            OpenApiParameter("max_points", int, description="Thins raw readings; each extreme is kept. Up to 2000."),
        ],
        filters=False,
        responses=inline_serializer(
            "Series",
            {
                "resolution": serializers.ChoiceField(choices=["raw", "hour", "day"]),
                "results": PolymorphicProxySerializer(
                    component_name="SeriesPoint",
                    serializers=[ReadingSerializer, BucketSerializer],
                    resource_type_field_name=None,
                    many=True,
                ),
                "next": serializers.URLField(allow_null=True),
                "previous": serializers.URLField(allow_null=True),
            },
        ),
    )
    @action(detail=True, methods=["get"])
    def readings(self, request: Request, **kwargs: Any) -> Response:
        """What was measured, ascending."""
        query = SeriesQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted = query.validated_data
        end = wanted.get("to") or timezone.now()
        start = wanted.get("from") or end - timedelta(hours=24)
        if start >= end:
            raise serializers.ValidationError({"from": "Must be before `to`."})
        sensors, zone = self.series_of(self.get_object())  # type: ignore[attr-defined]
        resolution = wanted["resolution"]
        if resolution == "auto":
            resolution = series.choose_resolution(start=start, end=end)
        if resolution != "raw":
            rows = series.buckets(sensors=sensors, start=start, end=end, resolution=resolution, zone=zone)
            return Response(_page(resolution, BucketSerializer(rows, many=True).data))
        context = {"public_ids": {sensor.pk: sensor.public_id for sensor in sensors}}
        if "max_points" in wanted:
            thin = series.thinned(sensors=sensors, start=start, end=end, max_points=wanted["max_points"])
            return Response(_page("raw", ReadingSerializer(thin, many=True, context=context).data))
        pages = ReadingPages()
        page = pages.paginate_queryset(
            Reading.objects.filter(
                sensor_id__in=list(context["public_ids"]), recorded_at__gte=start, recorded_at__lt=end
            ),
            request,
            view=self,
        )
        answer = pages.get_paginated_response(ReadingSerializer(page, many=True, context=context).data)
        answer.data = {"resolution": "raw", **answer.data}
        return answer


def _page(resolution: str, results: Any) -> dict[str, Any]:
    return {"resolution": resolution, "results": results, "next": None, "previous": None}
