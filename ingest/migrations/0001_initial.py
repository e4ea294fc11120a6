"""Readings that were refused, under the same walls as what was accepted."""

import django.db.models.deletion
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

TABLES = """
-- Not in the change log: a broken gateway makes thousands of rows, and each says itself when it came.
SELECT freshtrack_own_table('ingest_quarantinedreading', NULL);
SELECT freshtrack_site_table('ingest_quarantinedreading', 'site_id = ANY (freshtrack_sites())');
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("organizations", "0005_keeping"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="QuarantinedReading",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("site_id", models.UUIDField(null=True)),
                ("sensor_id", models.UUIDField(help_text="The sensor's public id, where it is known.", null=True)),
                (
                    "serial",
                    models.CharField(blank=True, help_text="As claimed; empty where it can't be read.", max_length=64),
                ),
                ("channel", models.CharField(blank=True, max_length=64)),
                ("recorded_at", models.DateTimeField(null=True)),
                ("code", models.CharField(max_length=24)),
                ("detail", models.CharField(max_length=500)),
                ("format", models.CharField(help_text="The address it came to: readings, ttn, …", max_length=24)),
                ("payload", models.JSONField(help_text="The reading as it was sent; text where it isn't valid JSON.")),
                ("fingerprint", models.CharField(help_text="SHA-256 of code, format and payload.", max_length=64)),
                ("times", models.PositiveIntegerField(default=1)),
                ("first_received_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_received_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "state",
                    models.CharField(
                        choices=[("kept", "Kept"), ("resubmitted", "Resubmitted"), ("discarded", "Discarded")],
                        default="kept",
                        max_length=12,
                    ),
                ),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "key",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="organizations.apikey",
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
                "indexes": [models.Index(fields=["organization", "-last_received_at", "-id"], name="quarantine_list")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "kept")),
                        fields=("organization", "fingerprint"),
                        name="quarantined_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["kept", "resubmitted", "discarded"])),
                        name="quarantine_state_known",
                    ),
                ],
            },
        ),
        migrations.RunSQL(TABLES, migrations.RunSQL.noop),
    ]
