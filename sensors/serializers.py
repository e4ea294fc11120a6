"""Shapes of places, sensors and readings."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from organizations.names import NameField, TextField, ZoneField
from organizations.related import OwnedField, must_be_placed
from sensors.conditions import Now, now_of
from sensors.jurisdictions import Jurisdiction
from sensors.models import Area, Gateway, Reading, Sensor, Site, Unit
from sensors.opening_hours import OpeningHoursField


class NamedSerializer(serializers.ModelSerializer[Any]):
    """Checks what people call things; the organization comes from the URL."""

    serializer_field_mapping: ClassVar[dict[Any, Any]] = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.CharField: NameField,
        models.TextField: TextField,
    }


class SiteSerializer(NamedSerializer):
    timezone = ZoneField(default="UTC")
    opening_hours = OpeningHoursField(required=False)
    jurisdiction = serializers.ChoiceField(
        choices=Jurisdiction.choices,
        required=False,
        allow_blank=True,
        help_text="Whose legal limits apply; empty: FDA.",
    )

    class Meta:
        model = Site
        fields = [
            "id",
            "name",
            "timezone",
            "kind",
            "address",
            "opening_hours",
            "jurisdiction",
            "created_at",
            "deleted_at",
        ]
        read_only_fields = ["created_at", "deleted_at"]


class AreaSerializer(NamedSerializer):
    site = OwnedField(queryset=Site.objects.all())

    class Meta:
        model = Area
        fields = ["id", "site", "name", "created_at", "deleted_at"]
        read_only_fields = ["created_at", "deleted_at"]


class UnitSerializer(NamedSerializer):
    area = OwnedField(queryset=Area.objects.all())
    site = serializers.UUIDField(source="site_id", read_only=True)
    default_rules = serializers.BooleanField(default=True)
    product_tau_s = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=86_400,
        help_text="How slowly the product follows the air: its time constant in seconds. Null: that of its kind.",
    )
    status = serializers.ChoiceField(choices=["ok", "warning", "critical", "no_data", "fault"], read_only=True)
    temperature = serializers.FloatField(read_only=True, allow_null=True)
    humidity = serializers.FloatField(read_only=True, allow_null=True)
    recorded_at = serializers.DateTimeField(read_only=True, allow_null=True)

    class Meta:
        model = Unit
        fields = [
            "id",
            "area",
            "site",
            "name",
            "kind",
            "note",
            "default_rules",
            "product_tau_s",
            "status",
            "temperature",
            "humidity",
            "recorded_at",
            "created_at",
            "deleted_at",
        ]
        read_only_fields = ["created_at", "deleted_at"]

    def to_representation(self, instance: Unit) -> dict[str, Any]:
        """The row with its state now; lists prefetch the sensors."""
        now: Now = now_of(instance, instance.sensors.all())
        for name, value in now._asdict().items():
            setattr(instance, name, value)
        return super().to_representation(instance)


class GatewaySerializer(NamedSerializer):
    site = OwnedField(queryset=Site.objects.all(), allow_null=True, required=False)

    class Meta:
        model = Gateway
        fields = ["id", "site", "serial", "name", "model", "firmware", "last_seen_at", "created_at", "deleted_at"]
        read_only_fields = ["last_seen_at", "created_at", "deleted_at"]

    def validate_serial(self, value: str) -> str:
        """Unique in the organization."""
        others = Gateway.objects.filter(organization=self.context["organization"], serial=value)
        if self.instance is not None:
            others = others.exclude(pk=self.instance.pk)
        if others.exists():
            raise serializers.ValidationError("A gateway with this serial exists already.", code="unique")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Without a site it is the whole organization's."""
        if self.instance is None or "site" in attrs:
            must_be_placed(attrs.get("site"), membership=self.context["membership"], field="site")
        return attrs


class SensorSerializer(NamedSerializer):
    id = serializers.UUIDField(source="public_id", read_only=True)
    unit = OwnedField(queryset=Unit.objects.all(), allow_null=True, required=False)
    site = serializers.UUIDField(source="site_id", read_only=True, allow_null=True)
    gateway = OwnedField(
        queryset=Gateway.objects.all(),
        allow_null=True,
        required=False,
        help_text="Which gateway brings its readings; empty: the only one of its site.",
    )
    channel = NameField(max_length=64, default="0")
    expected_interval_s = serializers.IntegerField(min_value=1, max_value=7 * 86_400, default=300)
    temperature = serializers.FloatField(read_only=True, allow_null=True)
    humidity = serializers.FloatField(read_only=True, allow_null=True)

    class Meta:
        model = Sensor
        fields = [
            "id",
            "serial",
            "channel",
            "name",
            "unit",
            "site",
            "gateway",
            "model",
            "expected_interval_s",
            "status",
            "last_reading_at",
            "temperature",
            "humidity",
            "battery",
            "signal",
            "door_open",
            "created_at",
            "retired_at",
        ]
        read_only_fields = ["status", "last_reading_at", "battery", "signal", "door_open", "created_at", "retired_at"]
        validators: list[Any] = []  # the database says which probe exists; provisioning.register says it in words

    def validate_serial(self, value: str) -> str:
        """A probe keeps its serial: readings hang on it."""
        if self.instance is not None and value != self.instance.serial:
            raise serializers.ValidationError("The serial can't be changed. Retire the sensor and add another.")
        return value

    def validate_channel(self, value: str) -> str:
        """A probe keeps its channel."""
        if self.instance is not None and value != self.instance.channel:
            raise serializers.ValidationError("The channel can't be changed.")
        return value

    def validate_gateway(self, value: Gateway | None) -> Gateway | None:
        """Its silence is told to the people of its site, so it has one."""
        if value is not None and value.site_id is None:
            raise serializers.ValidationError("This gateway is at no site yet. Place it first.", code="not_placed")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A new one without a unit is the whole organization's."""
        if self.instance is None:
            must_be_placed(attrs.get("unit"), membership=self.context["membership"], field="unit")
        return attrs


class ClaimSerializer(serializers.Serializer[Any]):
    unit = OwnedField(queryset=Unit.objects.all())


class ReadingSerializer(serializers.ModelSerializer[Reading]):
    sensor = serializers.SerializerMethodField()
    temperature = serializers.FloatField(allow_null=True)
    humidity = serializers.FloatField(allow_null=True)
    door_open = serializers.SerializerMethodField()

    class Meta:
        model = Reading
        fields = ["recorded_at", "sensor", "temperature", "humidity", "battery", "signal", "door_open"]

    @extend_schema_field(serializers.UUIDField())
    def get_sensor(self, reading: Reading) -> str:
        """The public id; the view knows its sensors, so no look-up a reading."""
        return str(self.context["public_ids"][reading.sensor_id])

    def get_door_open(self, reading: Reading) -> bool | None:
        """True, false, or null where the sensor has no contact."""
        return None if reading.door is None else reading.door == 1


class BucketSerializer(serializers.Serializer[Any]):
    """What was measured in an hour or day; null where nothing was."""

    at = serializers.DateTimeField(help_text="Where it starts; days at the site's midnight.")
    min = serializers.FloatField(allow_null=True)
    avg = serializers.FloatField(allow_null=True)
    max = serializers.FloatField(allow_null=True)
    count = serializers.IntegerField(help_text="Of temperatures.")
    first = serializers.FloatField(allow_null=True, help_text="Null where several sensors share the bucket.")
    last = serializers.FloatField(allow_null=True, help_text="Null where several sensors share the bucket.")
    humidity_min = serializers.FloatField(allow_null=True)
    humidity_avg = serializers.FloatField(allow_null=True)
    humidity_max = serializers.FloatField(allow_null=True)


class SeriesQuerySerializer(serializers.Serializer[Any]):
    """The parameters of a series; see the contract for what each resolution answers."""

    to = serializers.DateTimeField(required=False)
    resolution = serializers.ChoiceField(choices=["raw", "hour", "day", "auto"], default="raw")
    max_points = serializers.IntegerField(min_value=1, max_value=2000, required=False)

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python, so it can't be declared above."""
        return {"from": serializers.DateTimeField(required=False), **super().get_fields()}


class SeriesSerializer(serializers.Serializer[Any]):
    """One page of a series. Raw results are readings, aggregated ones buckets."""

    resolution = serializers.ChoiceField(choices=["raw", "hour", "day"])
    merged = serializers.IntegerField(help_text="How many hours or days a bucket covers: 1, more under max_points.")
    shown_from = serializers.DateTimeField(allow_null=True, help_text="Before it, the plan hides readings.")
    results = PolymorphicProxySerializer(
        component_name="SeriesPoint",
        serializers=[ReadingSerializer, BucketSerializer],
        resource_type_field_name=None,
        many=True,
    )
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class StatisticsQuerySerializer(serializers.Serializer[Any]):
    """The parameters of statistics: limits in °C."""

    to = serializers.DateTimeField(required=False)
    low = serializers.FloatField(required=False, allow_null=True, min_value=-300, max_value=300, default=None)
    high = serializers.FloatField(required=False, allow_null=True, min_value=-300, max_value=300, default=None)

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python, so it can't be declared above."""
        return {"from": serializers.DateTimeField(required=False), **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Limits are in order."""
        if attrs["low"] is not None and attrs["high"] is not None and attrs["low"] > attrs["high"]:
            raise serializers.ValidationError({"low": "Must not be above `high`."})
        return attrs


class StatisticsSerializer(serializers.Serializer[Any]):
    """How long a range was kept. Times of several sensors add up."""

    to = serializers.DateTimeField()
    measured_s = serializers.FloatField(help_text="Time between readings that aren't too far apart.")
    in_range_s = serializers.FloatField()
    above_s = serializers.FloatField()
    below_s = serializers.FloatField()
    min = serializers.FloatField(allow_null=True)
    avg = serializers.FloatField(allow_null=True)
    max = serializers.FloatField(allow_null=True)
    count = serializers.IntegerField()
    shown_from = serializers.DateTimeField(allow_null=True, help_text="Before it, the plan hides readings.")

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python, so it can't be declared above."""
        return {"from": serializers.DateTimeField(), **super().get_fields()}
