"""After how long an acknowledgement lapses."""

from django.db import migrations, models

TABLES = """
-- The change log records named columns: a new one must be named.
SELECT freshtrack_own_table('organizations_organization', 'organization');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0005_keeping"),
    ]

    operations = [
        migrations.AddField(
            model_name="organization",
            name="acknowledgement_minutes",
            field=models.PositiveIntegerField(
                db_default=240,
                default=240,
                help_text="An acknowledged alert that lasts longer than this is open again; 0: never.",
            ),
        ),
        migrations.RunSQL(TABLES, migrations.RunSQL.noop),
    ]
