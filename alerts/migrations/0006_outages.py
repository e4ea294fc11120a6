"""What the sweep of silence remembers of its last round: one row, which only the system reads and writes."""

from django.db import migrations, models

GRANTS = "GRANT SELECT, INSERT, UPDATE ON alerts_listening TO freshtrack_system"


class Migration(migrations.Migration):
    dependencies = [("alerts", "0005_rules_and_mutes")]

    operations = [
        migrations.CreateModel(
            name="Listening",
            fields=[
                ("id", models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ("round_at", models.DateTimeField(help_text="When the last round of the sweep began.")),
                (
                    "heard_until",
                    models.DateTimeField(help_text="Until when we listened for certain before the outage.", null=True),
                ),
                ("back_at", models.DateTimeField(help_text="When rounds went on after it.", null=True)),
                (
                    "patient_until",
                    models.DateTimeField(help_text="Until when silences of the outage are held.", null=True),
                ),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="listening_one_row")],
            },
        ),
        migrations.RunSQL(GRANTS, migrations.RunSQL.noop),
    ]
