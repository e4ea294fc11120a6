"""Escalation policies and on-call schedules, the steps of an alert, and the auditor's rounds."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

TABLES = """
SELECT freshtrack_own_table('alerts_alert', 'alert', ARRAY['peak', 'tell_at', 'facts', 'plan', 'step']);
SELECT freshtrack_own_table('alerts_escalationpolicy', 'escalation_policy');
SELECT freshtrack_own_table('alerts_oncallschedule', 'on_call_schedule');
SELECT freshtrack_own_table('alerts_oncalloverride', 'on_call_override');
SELECT freshtrack_own_table('alerts_shiftswap', 'shift_swap');
SELECT freshtrack_own_table('alerts_oncallfeed', 'on_call_feed', ARRAY['hash', 'prefix', 'last_used_at']);
-- What is for every site concerns theirs: they see it, and leave it as it is.
SELECT freshtrack_site_table('alerts_escalationpolicy',
  'site_id = ANY (freshtrack_sites()) OR unit_id IN (SELECT id FROM sensors_unit)'
  ' OR (site_id IS NULL AND unit_id IS NULL)',
  'site_id = ANY (freshtrack_sites()) OR unit_id IN (SELECT id FROM sensors_unit)');
SELECT freshtrack_site_table('alerts_oncallschedule',
  'site_id = ANY (freshtrack_sites()) OR site_id IS NULL', 'site_id = ANY (freshtrack_sites())');
SELECT freshtrack_site_table('alerts_oncalloverride',
  'schedule_id IN (SELECT id FROM alerts_oncallschedule)');
-- Of a schedule of every site they are on duty, too: they swap, and read its calendar.
SELECT freshtrack_site_table('alerts_shiftswap', 'schedule_id IN (SELECT id FROM alerts_oncallschedule)');
SELECT freshtrack_site_table('alerts_oncallfeed', 'schedule_id IN (SELECT id FROM alerts_oncallschedule)');
GRANT SELECT, INSERT, DELETE ON alerts_auditround TO freshtrack_system;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0006_outages"),
        ("organizations", "0008_failed_jobs"),
        ("sensors", "0009_opening_hours_and_gateways"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditRound",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(unique=True)),
                ("checked", models.PositiveIntegerField()),
                ("stuck", models.PositiveIntegerField(db_default=0, default=0)),
                (
                    "alerts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=200),
                        blank=True,
                        default=list,
                        help_text="Which, and why; few.",
                        size=None,
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="alert",
            name="plan",
            field=models.JSONField(
                blank=True,
                help_text="The steps of its escalation policy, as they were when it opened; empty: none.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="step",
            field=models.PositiveIntegerField(
                db_default=0,
                default=0,
                help_text="How many of them were taken since people were first told, or told anew.",
            ),
        ),
        migrations.CreateModel(
            name="OnCallSchedule",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                ("time_zone", models.CharField(max_length=64)),
                ("layers", models.JSONField(blank=True, db_default=[], default=list)),
                ("holidays", models.JSONField(blank=True, db_default=[], default=list)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
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
            ],
        ),
        migrations.CreateModel(
            name="OnCallOverride",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("reason", models.CharField(blank=True, db_default="", default="", max_length=300)),
                (
                    "source",
                    models.CharField(
                        choices=[("hand", "By hand"), ("swap", "A swap"), ("calendar", "An imported calendar")],
                        db_default="hand",
                        default="hand",
                        max_length=8,
                    ),
                ),
                (
                    "uid",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="The event of the calendar that it came with.",
                        max_length=400,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "created_by",
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
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="overrides",
                        to="alerts.oncallschedule",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="OnCallFeed",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "only_mine",
                    models.BooleanField(db_default=False, default=False, help_text="Only the shifts of this person."),
                ),
                ("hash", models.CharField(max_length=64, unique=True)),
                ("prefix", models.CharField(max_length=12)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="organizations.organization"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        help_text="Whose right it uses.",
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="feeds", to="alerts.oncallschedule"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ShiftSwap",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("return_starts_at", models.DateTimeField(blank=True, null=True)),
                ("return_ends_at", models.DateTimeField(blank=True, null=True)),
                ("note", models.CharField(blank=True, db_default="", default="", max_length=300)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("offered", "Offered"),
                            ("accepted", "Accepted"),
                            ("declined", "Declined"),
                            ("withdrawn", "Withdrawn"),
                            ("expired", "Expired"),
                        ],
                        default="offered",
                        max_length=9,
                    ),
                ),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "offered_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="organizations.organization"
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="swaps", to="alerts.oncallschedule"
                    ),
                ),
                (
                    "taken_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="EscalationPolicy",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=120)),
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
                        db_default="",
                        default="",
                        max_length=24,
                    ),
                ),
                (
                    "severity",
                    models.CharField(
                        blank=True,
                        choices=[("info", "Info"), ("warning", "Warning"), ("critical", "Critical")],
                        db_default="",
                        default="",
                        help_text="Empty: any.",
                        max_length=8,
                    ),
                ),
                (
                    "hours",
                    models.CharField(
                        choices=[
                            ("always", "Always"),
                            ("open", "In opening hours"),
                            ("closed", "Outside opening hours"),
                        ],
                        db_default="always",
                        default="always",
                        max_length=8,
                    ),
                ),
                ("steps", models.JSONField(help_text="Whom to tell, how long after the step before.")),
                (
                    "repeat_s",
                    models.PositiveIntegerField(
                        db_default=1800,
                        default=1800,
                        help_text="Seconds from the last step to the first, as long as nobody answers.",
                    ),
                ),
                ("enabled", models.BooleanField(db_default=True, default=True)),
                (
                    "is_default",
                    models.BooleanField(db_default=False, default=False, help_text="An organization starts with it."),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
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
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("deleted_at", None), ("enabled", True)),
                        fields=["organization"],
                        name="policy_in_force",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("severity__in", ["", "info", "warning", "critical"])),
                        name="policy_severity_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("hours__in", ["always", "open", "closed"])), name="policy_hours_known"
                    ),
                    models.CheckConstraint(condition=models.Q(("repeat_s__gte", 60)), name="policy_repeats"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("site", None), ("unit", None)),
                            models.Q(("site", None), ("unit_kind", "")),
                            models.Q(("unit", None), ("unit_kind", "")),
                            _connector="OR",
                        ),
                        name="policy_one_scope",
                    ),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="oncallschedule",
            index=models.Index(
                condition=models.Q(("deleted_at", None)), fields=["organization", "name"], name="on_call_schedule_list"
            ),
        ),
        migrations.AddIndex(
            model_name="oncalloverride",
            index=models.Index(fields=["schedule", "ends_at"], name="on_call_override_by_end"),
        ),
        migrations.AddConstraint(
            model_name="oncalloverride",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("starts_at"))), name="on_call_override_lasts"
            ),
        ),
        migrations.AddConstraint(
            model_name="oncalloverride",
            constraint=models.CheckConstraint(
                condition=models.Q(("source__in", ["hand", "swap", "calendar"])), name="on_call_override_source_known"
            ),
        ),
        migrations.AddIndex(
            model_name="oncallfeed",
            index=models.Index(fields=["organization", "user"], name="on_call_feed_of_user"),
        ),
        migrations.AddIndex(
            model_name="shiftswap",
            index=models.Index(fields=["schedule", "-starts_at", "id"], name="shift_swap_list"),
        ),
        migrations.AddIndex(
            model_name="shiftswap",
            index=models.Index(
                condition=models.Q(("status", "offered")), fields=["starts_at"], name="shift_swap_undecided"
            ),
        ),
        migrations.AddConstraint(
            model_name="shiftswap",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("starts_at"))), name="shift_swap_lasts"
            ),
        ),
        migrations.AddConstraint(
            model_name="shiftswap",
            constraint=models.CheckConstraint(
                condition=models.Q(("offered_by", models.F("taken_by")), _negated=True), name="shift_swap_of_two"
            ),
        ),
        migrations.AddConstraint(
            model_name="shiftswap",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("return_ends_at", None), ("return_starts_at", None)),
                    ("return_ends_at__gt", models.F("return_starts_at")),
                    _connector="OR",
                ),
                name="shift_swap_return_lasts",
            ),
        ),
        migrations.AddConstraint(
            model_name="shiftswap",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["offered", "accepted", "declined", "withdrawn", "expired"])),
                name="shift_swap_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="shiftswap",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at", None), ("status", "offered")),
                    models.Q(models.Q(("status", "offered"), _negated=True), ("decided_at__isnull", False)),
                    _connector="OR",
                ),
                name="shift_swap_decided_has_time",
            ),
        ),
        migrations.RunSQL(TABLES, migrations.RunSQL.noop),
    ]
