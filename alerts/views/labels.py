"""What a chart of a unit shows beside its readings, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.past import labels
from freshtrack.pagination import refuse
from freshtrack.times import rfc3339
from organizations.models import Organization
from organizations.scoped_views import OrganizationScoped
from sensors import keeping
from sensors.models import Sensor, Unit

# There are no readings from before 2000 (contract) and none from far ahead; calendars end later.
_EARLIEST: Final = datetime(1999, 12, 30, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)

_RANGE: Final = [
    OpenApiParameter("from", datetime, description="Inclusive; default 24 h before `to`."),
    OpenApiParameter(
        "to", datetime, description=f"Exclusive; default now; at most {labels.LONGEST.days} days after `from`."
    ),
]


class RangeSerializer(serializers.Serializer[Any]):
    """A stretch of time."""

    to = serializers.DateTimeField(required=False)

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python, so it can't be declared above."""
        return {"from": serializers.DateTimeField(required=False), **super().get_fields()}


class ProductQuerySerializer(RangeSerializer):
    """The parameters of a product temperature."""

    max_points = serializers.IntegerField(min_value=1, max_value=2000, default=1000)


class LabelSerializer(serializers.Serializer[Any]):
    """What was going on in a unit."""

    kind = serializers.ChoiceField(choices=[labels.DEFROST, labels.DOOR_OPEN])
    to = serializers.DateTimeField()
    sensor = serializers.UUIDField(help_text="Which sensor tells it.")
    peak = serializers.FloatField(allow_null=True, help_text="The warmest that it measured meanwhile, °C.")

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python, so it can't be declared above."""
        return {"from": serializers.DateTimeField(), **super().get_fields()}


class LabelsSerializer(serializers.Serializer[Any]):
    """In order of time."""

    results = LabelSerializer(many=True)
    left_out = serializers.IntegerField(help_text="How many were too many to list: the shortest ones.")


class EstimateSerializer(serializers.Serializer[Any]):
    """How warm the food was by estimate, when its sensor reported."""

    at = serializers.DateTimeField()
    sensor = serializers.UUIDField()
    product_temperature = serializers.FloatField(help_text="°C")


class ProductSerializer(serializers.Serializer[Any]):
    """In order of time, thinned so that each stretch keeps its extremes."""

    tau_s = serializers.IntegerField(help_text="The time constant with which the product follows the air, in seconds.")
    results = EstimateSerializer(many=True)


class _OfUnit(OrganizationScoped, generics.GenericAPIView[Unit]):
    """Under a unit; deleted ones can still be looked at, as their readings can."""

    may = {"GET": "readings.view"}
    queryset = Unit.objects.prefetch_related("sensors").order_by("pk")


class UnitLabels(_OfUnit):
    """Defrosts and open doors."""

    @extend_schema(parameters=_RANGE, filters=False, responses=LabelsSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Recognised defrosts and open doors. They explain; no alert is decided by them."""
        wanted = _wanted(RangeSerializer, request)
        unit = self.get_object()
        sensors = list(unit.sensors.all())
        start, end = _range(wanted, self.organization)
        found = labels.labels_of(unit=unit, sensors=sensors, start=start, end=end)
        ids = _ids(sensors)
        results = [
            {
                "kind": label.kind,
                "from": rfc3339(label.start),
                "to": rfc3339(label.end),
                "sensor": ids[label.sensor],
                "peak": label.peak,
            }
            for label in found.rows
        ]
        return Response({"results": results, "left_out": found.left_out})


class UnitProductTemperature(_OfUnit):
    """The estimate that critical rules look at."""

    @extend_schema(
        parameters=[
            *_RANGE,
            OpenApiParameter("max_points", int, description="At most so many points, up to 2000; default 1000."),
        ],
        filters=False,
        responses=ProductSerializer,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """How warm the food was by estimate, made from the readings of each sensor as they are stored now."""
        wanted = _wanted(ProductQuerySerializer, request)
        unit = self.get_object()
        sensors = list(unit.sensors.all())
        start, end = _range(wanted, self.organization)
        found = labels.product_series(unit=unit, sensors=sensors, start=start, end=end, max_points=wanted["max_points"])
        ids = _ids(sensors)
        results = [
            {"at": rfc3339(one.at), "sensor": ids[one.sensor], "product_temperature": one.temperature} for one in found
        ]
        return Response({"tau_s": labels.tau_of(unit), "results": results})


def _wanted(serializer_class: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    query = serializer_class(data=request.query_params)
    query.is_valid(raise_exception=True)
    return dict(query.validated_data)


def _range(wanted: dict[str, Any], organization: Organization) -> tuple[datetime, datetime]:
    """What is asked for, from where the organization's plan lets it begin."""
    now = timezone.now()
    end = min(max(wanted.get("to") or now, _EARLIEST), _LATEST)
    start = min(max(wanted.get("from") or end - timedelta(hours=24), _EARLIEST), _LATEST)
    if wanted.get("from") and wanted["from"] >= (wanted.get("to") or now):
        raise refuse("from", "Must be before `to`.")
    if end - start > labels.LONGEST:
        raise refuse("from", f"Ask for at most {labels.LONGEST.days} days.")
    shown_from = keeping.shown_from(organization, at=now)
    return (start if shown_from is None else min(max(start, shown_from), end)), end


def _ids(sensors: list[Sensor]) -> dict[int, str]:
    return {sensor.pk: str(sensor.public_id) for sensor in sensors}
