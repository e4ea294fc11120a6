"""How far back readings are shown, how long they are kept, and what forbids deleting; an index for caches."""

import django.db.models.deletion
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

TABLES = """
SELECT freshtrack_own_table('organizations_organization', 'organization');
SELECT freshtrack_own_table('organizations_legalhold', 'legal_hold');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0004_sites_and_secrets"),
    ]

    operations = [
        migrations.CreateModel(
            name="LegalHold",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("reason", models.TextField(max_length=2000)),
                ("placed_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("lifted_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.AddField(
            model_name="organization",
            name="history_days",
            field=models.PositiveIntegerField(
                blank=True, help_text="How far back readings are shown; empty: everything. By plan.", null=True
            ),
        ),
        migrations.AddField(
            model_name="organization",
            name="keep_years",
            field=models.PositiveSmallIntegerField(
                db_default=3, help_text="How long readings are kept. By the law that applies; at least 3 years."
            ),
        ),
        migrations.AddIndex(
            model_name="change",
            index=models.Index(models.F("transaction"), name="change_by_transaction"),
        ),
        migrations.AddConstraint(
            model_name="organization",
            constraint=models.CheckConstraint(
                condition=models.Q(("keep_years__gte", 3)), name="organization_keeps_three_years"
            ),
        ),
        migrations.AddField(
            model_name="legalhold",
            name="lifted_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="legalhold",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="organizations.organization"
            ),
        ),
        migrations.AddField(
            model_name="legalhold",
            name="placed_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddIndex(
            model_name="legalhold",
            index=models.Index(fields=["organization", "-placed_at", "-id"], name="legal_hold_list"),
        ),
        migrations.RunSQL(TABLES, migrations.RunSQL.noop),
    ]
