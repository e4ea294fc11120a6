"""Ingest asks with every batch which rules have something to remember: a partial index answers."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0003_sites"),
        ("organizations", "0005_keeping"),
        ("sensors", "0006_summaries"),
    ]

    operations = [
        migrations.AddField(
            model_name="rulestate",
            name="active",
            field=models.BooleanField(
                db_default=True, help_text="There is something to remember: a breach, an open alert."
            ),
        ),
        migrations.AddIndex(
            model_name="rulestate",
            index=models.Index(condition=models.Q(("active", True)), fields=["organization"], name="rule_state_active"),
        ),
    ]
