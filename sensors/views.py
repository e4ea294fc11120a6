"""Sites, areas, units, gateways, sensors and their readings over HTTP."""

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

from organizations.scoped_views import OrganizationScoped
from organizations.searching import FilterSet, IdsFilter, TrueOrFalseFilter
from sensors import provisioning
from sensors.models import Area, Gateway, Sensor, SensorStatus, Site, Unit
from sensors.readings_views import SeriesMixin
from sensors.serializers import (
    AreaSerializer,
    ClaimSerializer,
    GatewaySerializer,
    SensorSerializer,
    SiteSerializer,
    UnitSerializer,
)


def crud(room: str) -> dict[str, str]:
    """Reading needs `<room>.view`, everything else `<room>.change`."""
    view, change = f"{room}.view", f"{room}.change"
    return {
        "list": view,
        "retrieve": view,
        "readings": "readings.view",
        "statistics": "readings.view",
        "create": change,
        "update": change,
        "partial_update": change,
        "destroy": change,
        "restore": change,
        "claim": change,
    }


class Places(OrganizationScoped, viewsets.ModelViewSet[Any]):
    """What sites, areas and units have in common: lists show living ones, `restore` brings a deleted one back."""

    may = crud("places")

    def get_queryset(self) -> QuerySet[Any]:
        """Deleted ones can still be fetched and restored by their id."""
        queryset = super().get_queryset()
        return queryset.filter(deleted_at=None) if self.action == "list" else queryset

    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        """The organization is that of the URL."""
        serializer.save(organization=self.organization)

    def perform_destroy(self, instance: Any) -> None:
        """Hides it, if nothing is in it."""
        provisioning.remove_place(place=instance, at=timezone.now())

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, **kwargs: Any) -> Response:
        """Bring a deleted one back."""
        place = self.get_object()
        provisioning.restore_place(place=place)
        return Response(self.get_serializer(place).data)


class Sites(Places):
    """Buildings and vehicles."""

    may = {**crud("places"), "create": "sites.change", "destroy": "sites.change", "restore": "sites.change"}
    queryset = Site.objects.order_by("name", "pk")
    serializer_class = SiteSerializer
    filterset_fields = ["kind"]
    ordering_fields = {"name": "name", "created_at": "created_at"}
    search_function, search_fields = "sensors_site_search", ("name", "address")

    def perform_update(self, serializer: BaseSerializer[Any]) -> None:
        """Another zone cuts other hours and days."""
        before = serializer.instance.timezone  # type: ignore[union-attr]
        provisioning.set_clock(site=serializer.save(), before=before)


class Areas(Places):
    """Parts of a site."""

    queryset = Area.objects.order_by("name", "pk")
    serializer_class = AreaSerializer
    filterset_fields = ["site"]
    ordering_fields = {"name": "name", "created_at": "created_at"}


class Units(SeriesMixin, Places):
    """Coolers, freezers, cases, rooms, with their state now."""

    queryset = Unit.objects.select_related("site").prefetch_related("sensors").order_by("name", "pk")
    serializer_class = UnitSerializer
    filterset_fields = ["site", "area", "kind"]
    ordering_fields = {"name": "name", "kind": "kind", "created_at": "created_at"}
    search_function, search_fields = "sensors_unit_search", ("name", "note")
    volatile = frozenset({"status", "temperature", "humidity", "recorded_at"})

    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        """The site is copied from the area."""
        area: Area = serializer.validated_data["area"]
        serializer.save(organization=self.organization, site_id=area.site_id)

    def perform_update(self, serializer: BaseSerializer[Any]) -> None:
        """A unit that moves to another area takes its sensors along."""
        area: Area = serializer.validated_data.get("area", serializer.instance.area)  # type: ignore[union-attr]
        before = serializer.instance.site.timezone  # type: ignore[union-attr]
        provisioning.move_unit(unit=serializer.save(site_id=area.site_id), before=before)

    def series_of(self, unit: Unit) -> tuple[list[Sensor], str]:
        """The unit's sensors, and the time zone of its days."""
        return list(unit.sensors.all()), unit.site.timezone


_GATEWAY_KNOWN = "A gateway with this serial is already known. Perhaps it is at a site you don't see."


class Gateways(Places):
    """What carries readings."""

    may = crud("sensors")
    queryset = Gateway.objects.order_by("serial", "pk")
    serializer_class = GatewaySerializer
    filterset_fields = ["site"]
    ordering_fields = {"serial": "serial", "name": "name", "last_seen_at": "last_seen_at", "created_at": "created_at"}
    volatile = frozenset({"last_seen_at"})

    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        """The organization is that of the URL."""
        with provisioning.known_once(_GATEWAY_KNOWN):
            super().perform_create(serializer)

    def perform_update(self, serializer: BaseSerializer[Any]) -> None:
        """Another serial may be one of a site that the member doesn't see."""
        with provisioning.known_once(_GATEWAY_KNOWN):
            super().perform_update(serializer)

    def perform_destroy(self, instance: Gateway) -> None:
        """Hides it."""
        instance.deleted_at = timezone.now()
        instance.save(update_fields=["deleted_at"])


class SensorFilter(FilterSet):
    unclaimed = TrueOrFalseFilter(method="filter_unclaimed")
    area = IdsFilter(field_name="unit__area_id")

    class Meta:
        model = Sensor
        fields = ["site", "area", "unit", "status", "serial", "unclaimed"]

    def filter_unclaimed(self, queryset: QuerySet[Sensor], name: str, value: bool) -> QuerySet[Sensor]:
        """Those that reported without being known, or all others."""
        if value:
            return queryset.filter(status=SensorStatus.UNCLAIMED)
        return queryset.exclude(status=SensorStatus.UNCLAIMED)


class Sensors(SeriesMixin, OrganizationScoped, viewsets.ModelViewSet[Sensor]):
    """Probes, unclaimed ones too."""

    may = crud("sensors")
    queryset = Sensor.objects.order_by("serial", "channel", "pk")
    serializer_class = SensorSerializer
    filterset_class = SensorFilter
    ordering_fields = {
        "serial": "serial",
        "name": "name",
        "last_reading_at": "last_reading_at",
        "created_at": "created_at",
    }
    search_function, search_fields = "sensors_sensor_search", ("serial", "name", "model")
    volatile = frozenset({"status", "last_reading_at", "temperature", "humidity", "battery", "signal", "door_open"})
    lookup_field = "public_id"
    lookup_url_kwarg = "pk"

    def get_queryset(self) -> QuerySet[Sensor]:
        """Lists leave retired ones out, unless they are asked for."""
        queryset = super().get_queryset()
        if self.action == "list" and SensorStatus.RETIRED not in self.request.query_params.getlist("status"):
            return queryset.filter(retired_at=None)
        return queryset

    def perform_create(self, serializer: BaseSerializer[Sensor]) -> None:
        """With `unit` it is claimed at once."""
        wanted = serializer.validated_data
        serializer.instance = provisioning.register(
            organization=self.organization,
            serial=wanted["serial"],
            channel=wanted["channel"],
            unit=wanted.get("unit"),
            name=wanted.get("name", ""),
            model=wanted.get("model", ""),
            expected_interval_s=wanted["expected_interval_s"],
            gateway=wanted.get("gateway"),
            at=timezone.now(),
        )

    def perform_update(self, serializer: BaseSerializer[Sensor]) -> None:
        """Another unit is a move."""
        unit = serializer.validated_data.pop("unit", None)
        sensor = serializer.save()
        if unit is not None:
            serializer.instance = provisioning.claim(sensor=sensor, unit=unit, at=timezone.now())

    def perform_destroy(self, instance: Sensor) -> None:
        """Retires it; its readings stay."""
        provisioning.retire(sensor=instance, at=timezone.now())

    @extend_schema(request=ClaimSerializer)
    @action(detail=True, methods=["post"])
    def claim(self, request: Request, **kwargs: Any) -> Response:
        """Put the sensor into a unit."""
        sensor = self.get_object()
        wanted = ClaimSerializer(data=request.data, context=self.get_serializer_context())
        wanted.is_valid(raise_exception=True)
        sensor = provisioning.claim(sensor=sensor, unit=wanted.validated_data["unit"], at=timezone.now())
        return Response(self.get_serializer(sensor).data, status=status.HTTP_200_OK)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, **kwargs: Any) -> Response:
        """Bring a retired one back."""
        sensor = provisioning.bring_back(sensor=self.get_object(), at=timezone.now())
        return Response(self.get_serializer(sensor).data)

    def series_of(self, sensor: Sensor) -> tuple[list[Sensor], str]:
        """Itself, and the time zone of its site's days."""
        return [sensor], provisioning.clock_of(sensor)
