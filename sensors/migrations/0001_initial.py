"""Sites, areas, units, gateways, sensors, and the readings (a table partitioned by month)."""

import django.db.models.deletion
import django.utils.timezone
import uuid_utils.compat
from django.db import migrations, models

import sensors.fields


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("organizations", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Sensor",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("public_id", models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, unique=True)),
                ("serial", models.CharField(max_length=64)),
                ("channel", models.CharField(default="0", max_length=64)),
                ("name", models.CharField(blank=True, max_length=120)),
                ("model", models.CharField(blank=True, max_length=120)),
                ("expected_interval_s", models.PositiveIntegerField(default=300)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("unclaimed", "Unclaimed"),
                            ("online", "Online"),
                            ("offline", "Offline"),
                            ("fault", "Fault"),
                            ("retired", "Retired"),
                        ],
                        default="unclaimed",
                        max_length=12,
                    ),
                ),
                ("claimed_at", models.DateTimeField(blank=True, null=True)),
                ("retired_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_reading_at", models.DateTimeField(blank=True, null=True)),
                ("last_received_at", models.DateTimeField(blank=True, null=True)),
                ("temperature", sensors.fields.CentiField(blank=True, null=True)),
                ("humidity", sensors.fields.CentiField(blank=True, null=True)),
                ("battery", models.SmallIntegerField(blank=True, null=True)),
                ("signal", models.SmallIntegerField(blank=True, null=True)),
                ("door_open", models.BooleanField(blank=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="organizations.organization"
                    ),
                ),
            ],
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Reading",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "sensor_id",
                                "recorded_at",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("recorded_at", models.DateTimeField(help_text="The device's clock, cut to milliseconds.")),
                        (
                            "delay_s",
                            models.IntegerField(help_text="Seconds between the device's clock and our receipt."),
                        ),
                        ("temperature", sensors.fields.CentiField(null=True)),
                        ("humidity", sensors.fields.CentiField(null=True)),
                        ("battery", models.SmallIntegerField(null=True)),
                        ("signal", models.SmallIntegerField(null=True)),
                        ("door", models.SmallIntegerField(help_text="1 open, 0 closed.", null=True)),
                        (
                            "organization",
                            models.ForeignKey(
                                db_column="organization_number",
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="organizations.organization",
                                to_field="number",
                            ),
                        ),
                        (
                            "sensor",
                            models.ForeignKey(
                                db_constraint=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="sensors.sensor",
                            ),
                        ),
                    ],
                ),
            ],
            database_operations=[
                migrations.RunSQL(
                    """
                    CREATE TABLE sensors_reading (
                        recorded_at timestamptz NOT NULL,
                        sensor_id integer NOT NULL,
                        organization_number integer NOT NULL,
                        delay_s integer NOT NULL,
                        temperature smallint,
                        humidity smallint CHECK (humidity BETWEEN 0 AND 10000),
                        battery smallint CHECK (battery BETWEEN 0 AND 100),
                        signal smallint CHECK (signal BETWEEN -200 AND 0),
                        door smallint CHECK (door IN (0, 1)),
                        PRIMARY KEY (sensor_id, recorded_at)
                    ) PARTITION BY RANGE (recorded_at)
                    """,
                    "DROP TABLE sensors_reading",
                ),
            ],
        ),
        migrations.CreateModel(
            name="Site",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("name", models.CharField(max_length=120)),
                (
                    "timezone",
                    models.CharField(default="UTC", help_text="IANA name, for example Europe/Berlin.", max_length=64),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("restaurant", "Restaurant"),
                            ("grocery", "Grocery"),
                            ("warehouse", "Warehouse"),
                            ("transport", "Transport"),
                            ("pharmacy", "Pharmacy"),
                            ("clinic", "Clinic"),
                            ("laboratory", "Laboratory"),
                            ("school", "School"),
                            ("home", "Home"),
                            ("other", "Other"),
                        ],
                        default="other",
                        max_length=16,
                    ),
                ),
                ("address", models.CharField(blank=True, max_length=300)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="organizations.organization"
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="sensor",
            name="site",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="sensors.site"
            ),
        ),
        migrations.CreateModel(
            name="Gateway",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("serial", models.CharField(max_length=64)),
                ("name", models.CharField(blank=True, max_length=120)),
                ("model", models.CharField(blank=True, max_length=120)),
                ("firmware", models.CharField(blank=True, max_length=64)),
                ("last_seen_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="organizations.organization"
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="gateways",
                        to="sensors.site",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Area",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("name", models.CharField(max_length=120)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="organizations.organization"
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="areas", to="sensors.site"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Unit",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("name", models.CharField(max_length=120)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("walk_in_cooler", "Walk-in cooler"),
                            ("reach_in_fridge", "Reach-in fridge"),
                            ("prep_table", "Prep table"),
                            ("display_case", "Display case"),
                            ("egg_cooler", "Egg cooler"),
                            ("fish_cooler", "Fish cooler"),
                            ("walk_in_freezer", "Walk-in freezer"),
                            ("chest_freezer", "Chest freezer"),
                            ("ice_cream_case", "Ice-cream case"),
                            ("hot_holding", "Hot holding"),
                            ("blast_chiller", "Blast chiller"),
                            ("vaccine_fridge", "Vaccine fridge"),
                            ("vaccine_freezer", "Vaccine freezer"),
                            ("ultra_cold_freezer", "Ultra-cold freezer"),
                            ("pharmacy_room", "Pharmacy room"),
                            ("dry_store", "Dry store"),
                            ("room", "Room"),
                            ("other", "Other"),
                        ],
                        default="other",
                        max_length=24,
                    ),
                ),
                ("note", models.TextField(blank=True, max_length=2000)),
                ("default_rules", models.BooleanField(default=True, help_text="The rules of its kind apply.")),
                ("severity", models.CharField(blank=True, default="", max_length=8)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "area",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="units", to="sensors.area"
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="organizations.organization"
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="units", to="sensors.site"
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="sensor",
            name="unit",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="sensors",
                to="sensors.unit",
            ),
        ),
        migrations.AddIndex(
            model_name="site",
            index=models.Index(fields=["organization", "name", "id"], name="site_list"),
        ),
        migrations.AddConstraint(
            model_name="site",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "restaurant",
                            "grocery",
                            "warehouse",
                            "transport",
                            "pharmacy",
                            "clinic",
                            "laboratory",
                            "school",
                            "home",
                            "other",
                        ],
                    )
                ),
                name="site_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="gateway",
            constraint=models.UniqueConstraint(fields=("organization", "serial"), name="gateway_serial_once"),
        ),
        migrations.AddIndex(
            model_name="area",
            index=models.Index(fields=["organization", "name", "id"], name="area_list"),
        ),
        migrations.AddIndex(
            model_name="unit",
            index=models.Index(fields=["organization", "name", "id"], name="unit_list"),
        ),
        migrations.AddConstraint(
            model_name="unit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "walk_in_cooler",
                            "reach_in_fridge",
                            "prep_table",
                            "display_case",
                            "egg_cooler",
                            "fish_cooler",
                            "walk_in_freezer",
                            "chest_freezer",
                            "ice_cream_case",
                            "hot_holding",
                            "blast_chiller",
                            "vaccine_fridge",
                            "vaccine_freezer",
                            "ultra_cold_freezer",
                            "pharmacy_room",
                            "dry_store",
                            "room",
                            "other",
                        ],
                    )
                ),
                name="unit_kind_known",
            ),
        ),
        migrations.AddIndex(
            model_name="sensor",
            index=models.Index(
                condition=models.Q(("status", "online")), fields=["last_reading_at"], name="sensor_online_newest"
            ),
        ),
        migrations.AddConstraint(
            model_name="sensor",
            constraint=models.UniqueConstraint(fields=("organization", "serial", "channel"), name="sensor_probe_once"),
        ),
        migrations.AddConstraint(
            model_name="sensor",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "unclaimed"), ("unit", None)),
                    ("status", "retired"),
                    models.Q(
                        models.Q(("status__in", ["unclaimed", "retired"]), _negated=True), ("claimed_at__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="sensor_claimed_or_not",
            ),
        ),
        migrations.AddConstraint(
            model_name="sensor",
            constraint=models.CheckConstraint(
                condition=models.Q(("expected_interval_s__gte", 1), ("expected_interval_s__lte", 604800)),
                name="sensor_interval_sane",
            ),
        ),
    ]
