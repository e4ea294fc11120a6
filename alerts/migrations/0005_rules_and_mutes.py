"""Schedules, ceilings and overrides of rules; mutes; alerts that wait, belong together, or were contradicted."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

TABLES = """
-- `changed_at` follows from the other changes.
SELECT freshtrack_own_table('alerts_alertrule', 'alert_rule', ARRAY['changed_at']);
SELECT freshtrack_own_table('alerts_ruleoverride', 'rule_override');
SELECT freshtrack_own_table('alerts_mute', 'mute');
SELECT freshtrack_own_table('alerts_alert', 'alert', ARRAY['peak', 'tell_at', 'facts']);
SELECT freshtrack_own_table('alerts_alertevent', 'alert_event');
SELECT freshtrack_site_table('alerts_ruleoverride', 'unit_id IN (SELECT id FROM sensors_unit)');
-- A mute of everything, or of a rule, concerns every site: they see it, and leave it as it is.
SELECT freshtrack_site_table('alerts_mute',
  'site_id = ANY (freshtrack_sites()) OR unit_id IN (SELECT id FROM sensors_unit)'
  ' OR (site_id IS NULL AND unit_id IS NULL)',
  'site_id = ANY (freshtrack_sites()) OR unit_id IN (SELECT id FROM sensors_unit)');
SELECT freshtrack_site_table('alerts_rulestate',
  'unit_id IN (SELECT id FROM sensors_unit) OR gateway_id IN (SELECT id FROM sensors_gateway)');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0004_active_states"),
        ("organizations", "0006_acknowledgements"),
        ("sensors", "0009_opening_hours_and_gateways"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Mute",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("mute", "Mute"), ("maintenance", "Maintenance window")], default="mute", max_length=12
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("starts_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ends_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="RuleOverride",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("threshold", models.FloatField(blank=True, help_text="Empty: the rule's own.", null=True)),
                ("delay_s", models.PositiveIntegerField(blank=True, help_text="Empty: the rule's own.", null=True)),
                ("reason", models.TextField(max_length=2000)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.AddField(
            model_name="alert",
            name="assigned_to",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="contradicted_at",
            field=models.DateTimeField(
                help_text="Server time, when readings that came later showed that it never was. It stays.", null=True
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="facts",
            field=models.JSONField(
                blank=True, db_default={}, default=dict, help_text="Why it opened: the terms and the time counted."
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="gateway",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="sensors.gateway"
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="parent",
            field=models.ForeignKey(
                help_text="What it is a part of: the silence of its gateway, or the first of a flapping cause.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="children",
                to="alerts.alert",
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="snoozed_until",
            field=models.DateTimeField(blank=True, help_text="Quiet until then, and then told again.", null=True),
        ),
        migrations.AddField(
            model_name="alert",
            name="tell_at",
            field=models.DateTimeField(
                blank=True, help_text="When people are to be told (again); empty: never.", null=True
            ),
        ),
        migrations.AddField(
            model_name="alertevent",
            name="channel",
            field=models.CharField(
                blank=True,
                choices=[
                    ("readings", "Readings"),
                    ("clock", "The clock"),
                    ("web", "Web app"),
                    ("api", "API"),
                    ("live", "Live screen"),
                    ("email", "E-mail"),
                    ("sms", "Text message"),
                    ("voice", "Phone"),
                    ("push", "Push message"),
                ],
                db_default="",
                default="",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="changed_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                default=django.utils.timezone.now,
                help_text="When what it says last changed.",
            ),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="is_ceiling",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="A hard limit: no more specific rule replaces it, nothing masks it.",
            ),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="schedule",
            field=models.CharField(
                choices=[("always", "Always"), ("opening_hours", "In opening hours")],
                db_default="always",
                default="always",
                help_text="When it watches; opening hours are the site's.",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="rulestate",
            name="gateway",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="sensors.gateway"
            ),
        ),
        migrations.AddField(
            model_name="rulestate",
            name="sensor",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="sensors.sensor"
            ),
        ),
        migrations.AlterField(
            model_name="alert",
            name="cause_key",
            field=models.CharField(
                help_text="What it is about while open: unit:…, sensor:… or gateway:…, and :rule:….", max_length=120
            ),
        ),
        migrations.AlterField(
            model_name="alertevent",
            name="event",
            field=models.CharField(
                choices=[
                    ("opened", "Opened"),
                    ("escalated", "Escalated"),
                    ("acknowledged", "Acknowledged"),
                    ("snoozed", "Snoozed"),
                    ("resolved", "Resolved"),
                    ("reopened", "Reopened"),
                    ("commented", "Commented"),
                    ("assigned", "Assigned"),
                    ("muted", "Muted"),
                    ("unmuted", "Told after a mute"),
                    ("lapsed", "Acknowledgement lapsed"),
                    ("awake", "Snooze is over"),
                    ("amended", "Amended by late readings"),
                    ("contradicted", "Contradicted by late readings"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="rulestate",
            name="unit",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="sensors.unit"
            ),
        ),
        migrations.AddConstraint(
            model_name="alertrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("schedule__in", ["always", "opening_hours"])), name="alert_rule_schedule_known"
            ),
        ),
        migrations.AddField(
            model_name="mute",
            name="created_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="mute",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="organizations.organization"
            ),
        ),
        migrations.AddField(
            model_name="mute",
            name="rule",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="alerts.alertrule",
            ),
        ),
        migrations.AddField(
            model_name="mute",
            name="site",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="sensors.site"
            ),
        ),
        migrations.AddField(
            model_name="mute",
            name="unit",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="sensors.unit"
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="muted_by",
            field=models.ForeignKey(
                blank=True,
                help_text="What kept it quiet.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="alerts.mute",
            ),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(fields=["cause_key", "-opened_at"], name="alert_of_cause"),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(
                condition=models.Q(("tell_at__isnull", False)), fields=["tell_at"], name="alert_to_be_told"
            ),
        ),
        migrations.AddField(
            model_name="ruleoverride",
            name="ended_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="ruleoverride",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="organizations.organization"
            ),
        ),
        migrations.AddField(
            model_name="ruleoverride",
            name="owner",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="ruleoverride",
            name="rule",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="overrides", to="alerts.alertrule"
            ),
        ),
        migrations.AddField(
            model_name="ruleoverride",
            name="unit",
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="sensors.unit"),
        ),
        migrations.AddIndex(
            model_name="mute",
            index=models.Index(fields=["organization", "ends_at"], name="mute_by_end"),
        ),
        migrations.AddConstraint(
            model_name="mute",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["mute", "maintenance"])), name="mute_kind_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="mute",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gte", models.F("starts_at"))), name="mute_ends"
            ),
        ),
        migrations.AddConstraint(
            model_name="mute",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("site", None), ("unit", None)),
                    models.Q(("rule", None), ("site", None)),
                    models.Q(("rule", None), ("unit", None)),
                    _connector="OR",
                ),
                name="mute_one_scope",
            ),
        ),
        migrations.AddIndex(
            model_name="ruleoverride",
            index=models.Index(
                condition=models.Q(("ended_at", None)), fields=["organization"], name="rule_override_in_force"
            ),
        ),
        migrations.AddIndex(
            model_name="ruleoverride",
            index=models.Index(condition=models.Q(("ended_at", None)), fields=["expires_at"], name="rule_override_due"),
        ),
        migrations.AddConstraint(
            model_name="ruleoverride",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)), fields=("rule", "unit"), name="rule_override_one_at_a_time"
            ),
        ),
        migrations.AddConstraint(
            model_name="ruleoverride",
            constraint=models.CheckConstraint(
                condition=models.Q(("threshold__isnull", False), ("delay_s__isnull", False), _connector="OR"),
                name="rule_override_overrides",
            ),
        ),
        migrations.AddConstraint(
            model_name="ruleoverride",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="rule_override_has_reason"
            ),
        ),
        migrations.AddConstraint(
            model_name="ruleoverride",
            constraint=models.CheckConstraint(
                condition=models.Q(("expires_at__gt", models.F("created_at"))), name="rule_override_ends_after_it_began"
            ),
        ),
        migrations.RunSQL(TABLES, migrations.RunSQL.noop),
    ]
