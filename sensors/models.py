"""Where things are kept, what measures them, and what was measured."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Self, TypeVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.timezone import now
from uuid_utils.compat import uuid7

from organizations.models import Organization
from organizations.owned import OwnedModel, OwnedQuerySet
from sensors.fields import CentiField

_M = TypeVar("_M", bound=models.Model)


class SiteKind(models.TextChoices):
    RESTAURANT = "restaurant", "Restaurant"
    GROCERY = "grocery", "Grocery"
    WAREHOUSE = "warehouse", "Warehouse"
    TRANSPORT = "transport", "Transport"
    PHARMACY = "pharmacy", "Pharmacy"
    CLINIC = "clinic", "Clinic"
    LABORATORY = "laboratory", "Laboratory"
    SCHOOL = "school", "School"
    HOME = "home", "Home"
    OTHER = "other", "Other"


class UnitKind(models.TextChoices):
    WALK_IN_COOLER = "walk_in_cooler", "Walk-in cooler"
    REACH_IN_FRIDGE = "reach_in_fridge", "Reach-in fridge"
    PREP_TABLE = "prep_table", "Prep table"
    DISPLAY_CASE = "display_case", "Display case"
    EGG_COOLER = "egg_cooler", "Egg cooler"
    FISH_COOLER = "fish_cooler", "Fish cooler"
    WALK_IN_FREEZER = "walk_in_freezer", "Walk-in freezer"
    CHEST_FREEZER = "chest_freezer", "Chest freezer"
    ICE_CREAM_CASE = "ice_cream_case", "Ice-cream case"
    HOT_HOLDING = "hot_holding", "Hot holding"
    BLAST_CHILLER = "blast_chiller", "Blast chiller"
    VACCINE_FRIDGE = "vaccine_fridge", "Vaccine fridge"
    VACCINE_FREEZER = "vaccine_freezer", "Vaccine freezer"
    ULTRA_COLD_FREEZER = "ultra_cold_freezer", "Ultra-cold freezer"
    PHARMACY_ROOM = "pharmacy_room", "Pharmacy room"
    DRY_STORE = "dry_store", "Dry store"
    ROOM = "room", "Room"
    OTHER = "other", "Other"


class SensorStatus(models.TextChoices):
    UNCLAIMED = "unclaimed", "Unclaimed"
    ONLINE = "online", "Online"
    OFFLINE = "offline", "Offline"
    FAULT = "fault", "Fault"
    RETIRED = "retired", "Retired"


class SoftDeletable(models.Model):
    """Deleting hides; `restore` brings back. Records keep their names."""

    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class PlaceQuerySet(OwnedQuerySet[_M]):
    def alive(self) -> Self:
        """Those that weren't deleted."""
        return self.filter(deleted_at=None)


class Site(OwnedModel, SoftDeletable):
    """A building or vehicle with one time zone: its days are the days of its records."""

    site_path = "pk"

    name = models.CharField(max_length=120)
    timezone = models.CharField(max_length=64, default="UTC", help_text="IANA name, for example Europe/Berlin.")
    kind = models.CharField(max_length=16, choices=SiteKind.choices, default=SiteKind.OTHER)
    address = models.CharField(max_length=300, blank=True)
    opening_hours = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text='By weekday, local time: {"mon": [["08:00", "22:00"]]}. A missing day is closed; empty: always open.',
    )
    jurisdiction = models.CharField(
        max_length=32, blank=True, default="", db_default="", help_text="Whose legal limits apply; empty: the FDA's."
    )
    created_at = models.DateTimeField(default=now)

    objects = PlaceQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(kind__in=SiteKind.values), name="site_kind_known")]
        indexes = [models.Index(fields=["organization", "name", "id"], name="site_list")]

    def __str__(self) -> str:
        return f"{self.name} ({self.pk})"


class Area(OwnedModel, SoftDeletable):
    """A part of a site: a kitchen, a store room."""

    site_path = "site_id"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="areas")
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(default=now)

    objects = PlaceQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["organization", "name", "id"], name="area_list")]

    def __str__(self) -> str:
        return f"{self.name} ({self.pk})"


class Unit(OwnedModel, SoftDeletable):
    """One cooler, freezer, case or room: what has a temperature range and can be in trouble."""

    site_path = "site_id"

    area = models.ForeignKey(Area, on_delete=models.CASCADE, related_name="units")
    # Copied from the area, so that lists, sockets and permissions filter without a join.
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="units")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=24, choices=UnitKind.choices, default=UnitKind.OTHER)
    note = models.TextField(blank=True, max_length=2000)
    default_rules = models.BooleanField(default=True, help_text="The rules of its kind apply.")
    product_tau_s = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="How slowly the product follows the air (time constant, seconds); empty: that of its kind.",
    )
    # The worst severity among its open alerts, written by alerts/lifecycle.py: tiles need no query into alerts.
    severity = models.CharField(max_length=8, blank=True, default="")
    created_at = models.DateTimeField(default=now)

    objects = PlaceQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(kind__in=UnitKind.values), name="unit_kind_known")]
        indexes = [models.Index(fields=["organization", "name", "id"], name="unit_list")]

    def __str__(self) -> str:
        return f"{self.name} ({self.pk})"


class Gateway(OwnedModel, SoftDeletable):
    """What carries readings from sensors to us."""

    site_path = "site_id"

    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.SET_NULL, related_name="gateways")
    serial = models.CharField(max_length=64)
    name = models.CharField(max_length=120, blank=True)
    model = models.CharField(max_length=120, blank=True)
    firmware = models.CharField(max_length=64, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now)

    objects = PlaceQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "serial"], name="gateway_serial_once")]

    def __str__(self) -> str:
        return f"{self.serial} ({self.pk})"


class SensorQuerySet(OwnedQuerySet["Sensor"]):
    def alive(self) -> Self:
        """Those that weren't retired."""
        return self.filter(retired_at=None)

    def silent(self, *, at: datetime) -> Self:
        """Online ones whose newest reading is older than three of their intervals."""
        three_intervals = models.ExpressionWrapper(
            models.F("expected_interval_s") * models.Value(timedelta(seconds=3)), output_field=models.DurationField()
        )
        return self.filter(
            status=SensorStatus.ONLINE,
            last_reading_at__lt=models.ExpressionWrapper(
                models.Value(at) - three_intervals, output_field=models.DateTimeField()
            ),
        )


class Sensor(OwnedModel):
    """One probe: a device's serial and the channel it is plugged into.

    `id` is a short integer for the readings table (92 bytes a reading instead of 140 with a UUID); people and others
    outside see `public_id`. The newest values are kept here: lists and live screens need no query into readings.
    """

    site_path = "site_id"

    id = models.AutoField(primary_key=True)  # type: ignore[assignment]
    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    serial = models.CharField(max_length=64)
    channel = models.CharField(max_length=64, default="0")
    name = models.CharField(max_length=120, blank=True)
    model = models.CharField(max_length=120, blank=True)
    unit = models.ForeignKey(Unit, null=True, blank=True, on_delete=models.SET_NULL, related_name="sensors")
    # Copied from the unit.
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    gateway = models.ForeignKey(
        Gateway,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="sensors",
        help_text="Which gateway brings its readings: where that falls silent, so does this.",
    )
    expected_interval_s = models.PositiveIntegerField(default=300)
    status = models.CharField(max_length=12, choices=SensorStatus.choices, default=SensorStatus.UNCLAIMED)
    claimed_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now)

    last_reading_at = models.DateTimeField(null=True, blank=True)
    last_received_at = models.DateTimeField(null=True, blank=True)
    temperature = CentiField(null=True, blank=True)
    humidity = CentiField(null=True, blank=True)
    battery = models.SmallIntegerField(null=True, blank=True)
    signal = models.SmallIntegerField(null=True, blank=True)
    door_open = models.BooleanField(null=True, blank=True)

    objects = SensorQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "serial", "channel"], name="sensor_probe_once"),
            models.CheckConstraint(
                condition=Q(status=SensorStatus.UNCLAIMED, unit=None)
                | Q(status=SensorStatus.RETIRED)
                | (~Q(status__in=[SensorStatus.UNCLAIMED, SensorStatus.RETIRED]) & Q(claimed_at__isnull=False)),
                name="sensor_claimed_or_not",
            ),
            models.CheckConstraint(
                condition=Q(expected_interval_s__gte=1, expected_interval_s__lte=86_400 * 7),
                name="sensor_interval_sane",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.serial}/{self.channel} ({self.pk})"


class Reading(models.Model):
    """What one sensor measured at one moment. About 92 bytes a row with its key; partitioned by month of `recorded_at`.

    The key makes storing idempotent: a gateway that retries sends the same reading twice. There is no foreign key in
    the database (sensors are retired, not deleted), since checking it would cost a look-up for every row stored.
    """

    site_path: ClassVar[str] = "sensor__site_id"

    pk = models.CompositePrimaryKey("sensor_id", "recorded_at")
    # The order packs the row without holes: 8, 4, 4, 4, then two-byte columns.
    recorded_at = models.DateTimeField(help_text="The device's clock, cut to milliseconds.")
    sensor = models.ForeignKey(Sensor, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    organization = models.ForeignKey(
        Organization,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        to_field="number",
        db_column="organization_number",
        db_index=False,
        related_name="+",
    )
    delay_s = models.IntegerField(help_text="Seconds between the device's clock and our receipt.")
    temperature = CentiField(null=True)
    humidity = CentiField(null=True)
    battery = models.SmallIntegerField(null=True)
    signal = models.SmallIntegerField(null=True)
    door = models.SmallIntegerField(null=True, help_text="1 open, 0 closed.")

    objects = OwnedQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.sensor_id} at {self.recorded_at:%Y-%m-%d %H:%M:%S}"


class Summary(models.Model):
    """What one sensor measured in one stretch of time. Values in hundredths, except the counts."""

    site_path: ClassVar[str] = "sensor__site_id"

    sensor = models.ForeignKey(Sensor, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    organization = models.ForeignKey(
        Organization,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        to_field="number",
        db_column="organization_number",
        db_index=False,
        related_name="+",
    )
    # Of temperature. `total / count` is the mean; a sum of means wouldn't be.
    count = models.IntegerField()
    total = models.BigIntegerField(help_text="The sum, in hundredths of °C.")
    lowest = CentiField(null=True)
    highest = CentiField(null=True)
    first = CentiField(null=True)
    last = CentiField(null=True)
    humidity_count = models.IntegerField()
    humidity_total = models.BigIntegerField(help_text="The sum, in hundredths of % RH.")
    humidity_lowest = CentiField(null=True)
    humidity_highest = CentiField(null=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        abstract = True


class ReadingHour(Summary):
    """An hour of one sensor's readings, cut by its site's clock; partitioned by month (sensors/summaries.py)."""

    pk = models.CompositePrimaryKey("sensor_id", "hour")
    hour = models.DateTimeField(help_text="Where it starts.")

    def __str__(self) -> str:
        return f"{self.sensor_id} at {self.hour:%Y-%m-%d %H:%M}"


class ReadingDay(Summary):
    """A day of one sensor's readings, from midnight to midnight by its site's clock."""

    pk = models.CompositePrimaryKey("sensor_id", "day")
    day = models.DateTimeField(help_text="Where it starts: the site's midnight.")

    def __str__(self) -> str:
        return f"{self.sensor_id} on {self.day:%Y-%m-%d %H:%M}"


class Arrival(models.Model):
    """Which hours of which sensors one transaction stored readings of, and nobody has summed up yet.

    Written in that transaction, so whoever sees the row sees its readings. The two arrays are pairs.
    """

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        Organization,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        to_field="number",
        db_column="organization_number",
        related_name="+",
    )
    sensors = ArrayField(models.IntegerField())
    hours = ArrayField(models.IntegerField(), help_text="Whole hours since 1970, UTC.")

    objects = OwnedQuerySet.as_manager()

    def __str__(self) -> str:
        return f"arrival {self.pk}"
