"""Rules, alerts and their timelines."""

import django.db.models.deletion
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("organizations", "0001_initial"),
        ("sensors", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AlertRule",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=120)),
                (
                    "metric",
                    models.CharField(
                        choices=[
                            ("temperature", "Air temperature"),
                            ("product_temperature", "Product temperature"),
                            ("humidity", "Humidity"),
                            ("battery", "Battery"),
                            ("signal", "Signal"),
                            ("gateway", "Gateway"),
                        ],
                        max_length=24,
                    ),
                ),
                (
                    "condition",
                    models.CharField(
                        choices=[
                            ("above", "Above"),
                            ("below", "Below"),
                            ("no_data", "No data"),
                            ("rate_above", "Rises faster than"),
                            ("door_open_for", "Door open for"),
                            ("fault", "Sensor fault"),
                        ],
                        max_length=16,
                    ),
                ),
                ("threshold", models.FloatField(blank=True, help_text="°C, % or dBm.", null=True)),
                (
                    "severity",
                    models.CharField(
                        choices=[("info", "Info"), ("warning", "Warning"), ("critical", "Critical")], max_length=8
                    ),
                ),
                ("delay_s", models.PositiveIntegerField(default=0)),
                ("hysteresis", models.FloatField(default=0.0)),
                ("clear_delay_s", models.PositiveIntegerField(default=0)),
                ("enabled", models.BooleanField(default=True)),
                (
                    "unit_kind",
                    models.CharField(
                        blank=True,
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
                        default="",
                        max_length=24,
                    ),
                ),
                (
                    "is_default",
                    models.BooleanField(
                        default=False, help_text="Of the kind's profile; Unit.default_rules switches it off."
                    ),
                ),
                (
                    "source",
                    models.CharField(blank=True, help_text="Where a default's numbers come from.", max_length=300),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "area",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="sensors.area",
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
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="sensors.site",
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="sensors.unit",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Alert",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "cause_key",
                    models.CharField(help_text="What it is about while open: unit:…:rule:….", max_length=120),
                ),
                (
                    "rule_name",
                    models.CharField(blank=True, help_text="As it was called when the alert opened.", max_length=120),
                ),
                ("kind", models.CharField(max_length=24)),
                (
                    "condition",
                    models.CharField(
                        choices=[
                            ("above", "Above"),
                            ("below", "Below"),
                            ("no_data", "No data"),
                            ("rate_above", "Rises faster than"),
                            ("door_open_for", "Door open for"),
                            ("fault", "Sensor fault"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "severity",
                    models.CharField(
                        choices=[("info", "Info"), ("warning", "Warning"), ("critical", "Critical")], max_length=8
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("open", "Open"), ("acknowledged", "Acknowledged"), ("resolved", "Resolved")],
                        default="open",
                        max_length=12,
                    ),
                ),
                ("threshold", models.FloatField(null=True)),
                ("value", models.FloatField(help_text="When it opened.", null=True)),
                ("peak", models.FloatField(help_text="Farthest from the limit so far.", null=True)),
                ("started_at", models.DateTimeField(help_text="First reading in breach, by the device's clock.")),
                (
                    "opened_at",
                    models.DateTimeField(help_text="The reading that completed the delay, by the device's clock."),
                ),
                ("found_at", models.DateTimeField(help_text="Server time, when it was found late.", null=True)),
                ("acknowledged_at", models.DateTimeField(blank=True, null=True)),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
                ("corrective_action", models.TextField(blank=True)),
                ("cause", models.TextField(blank=True)),
                ("disposition", models.CharField(blank=True, max_length=120)),
                ("amount", models.CharField(blank=True, max_length=120)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "acknowledged_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="organizations.organization"
                    ),
                ),
                (
                    "resolved_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "sensor",
                    models.ForeignKey(
                        help_text="The probe that completed the delay.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="sensors.sensor",
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="sensors.site"
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="alerts", to="sensors.unit"
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="alerts.alertrule"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RuleState",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("cause_key", models.CharField(max_length=120, unique=True)),
                ("state", models.JSONField(help_text="evaluation.State, encoded.")),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="organizations.organization"
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="alerts.alertrule"
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="sensors.unit"),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="AlertEvent",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("site_id", models.UUIDField(null=True)),
                (
                    "event",
                    models.CharField(
                        choices=[
                            ("opened", "Opened"),
                            ("escalated", "Escalated"),
                            ("acknowledged", "Acknowledged"),
                            ("snoozed", "Snoozed"),
                            ("resolved", "Resolved"),
                            ("reopened", "Reopened"),
                            ("commented", "Commented"),
                        ],
                        max_length=16,
                    ),
                ),
                ("at", models.DateTimeField(help_text="By the device's clock for what a reading caused, else ours.")),
                ("note", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "alert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="events", to="alerts.alert"
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="organizations.organization"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["alert", "created_at", "id"], name="alert_event_timeline")],
            },
        ),
        migrations.AddIndex(
            model_name="alertrule",
            index=models.Index(
                condition=models.Q(("deleted_at", None), ("enabled", True)),
                fields=["organization"],
                name="alert_rule_in_force",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("condition__in", ["no_data", "door_open_for", "fault"]),
                    ("threshold__isnull", False),
                    _connector="OR",
                ),
                name="alert_rule_threshold_where_needed",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("hysteresis__gte", 0)), name="alert_rule_hysteresis_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="alertrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("severity__in", ["info", "warning", "critical"])), name="alert_rule_severity_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="alertrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("area", None), ("site", None), ("unit", None)),
                    models.Q(("area", None), ("site", None), ("unit_kind", "")),
                    models.Q(("site", None), ("unit", None), ("unit_kind", "")),
                    models.Q(("area", None), ("unit", None), ("unit_kind", "")),
                    _connector="OR",
                ),
                name="alert_rule_one_scope",
            ),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(fields=["organization", "-opened_at", "-id"], name="alert_list"),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(
                condition=models.Q(("status", "resolved"), _negated=True),
                fields=["unit"],
                name="alert_unresolved_of_unit",
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "resolved"), _negated=True),
                fields=("cause_key",),
                name="alert_open_once_per_cause",
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("resolved_at__isnull", False), ("status", "resolved")),
                    models.Q(models.Q(("status", "resolved"), _negated=True), ("resolved_at", None)),
                    _connector="OR",
                ),
                name="alert_resolved_has_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "acknowledged"), _negated=True),
                    ("acknowledged_at__isnull", False),
                    _connector="OR",
                ),
                name="alert_acknowledged_has_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.CheckConstraint(
                condition=models.Q(("severity__in", ["info", "warning", "critical"])), name="alert_severity_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["open", "acknowledged", "resolved"])), name="alert_status_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.CheckConstraint(
                condition=models.Q(("opened_at__gte", models.F("started_at"))), name="alert_opens_after_it_started"
            ),
        ),
    ]
