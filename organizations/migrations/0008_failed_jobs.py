"""Tasks that ended with an error, for staff."""

import django.db.models.deletion
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0007_temperature_unit"),
    ]

    operations = [
        migrations.CreateModel(
            name="FailedJob",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("task", models.CharField(max_length=200)),
                ("task_id", models.CharField(max_length=64, unique=True)),
                ("queue", models.CharField(blank=True, max_length=32)),
                ("organization_id", models.UUIDField(blank=True, null=True)),
                ("args", models.JSONField(default=list)),
                ("kwargs", models.JSONField(default=dict)),
                ("error", models.CharField(max_length=1000)),
                ("traceback", models.TextField(blank=True)),
                ("failed_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("retried_at", models.DateTimeField(blank=True, null=True)),
                (
                    "retried_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["-failed_at"], name="failed_job_list")],
            },
        ),
    ]
