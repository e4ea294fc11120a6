"""When a site is open, whose law it follows, how slowly a unit's product warms, which gateway brings a sensor's readings."""

import django.db.models.deletion
from django.db import migrations, models

TABLES = """
-- The change log records named columns: a new one must be named.
SELECT freshtrack_own_table('sensors_site', 'site');
SELECT freshtrack_own_table('sensors_unit', 'unit', ARRAY['severity']);
SELECT freshtrack_own_table('sensors_sensor', 'sensor', ARRAY['id', 'status', 'last_reading_at', 'last_received_at',
  'temperature', 'humidity', 'battery', 'signal', 'door_open']);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("sensors", "0008_note_history"),
    ]

    operations = [
        migrations.AddField(
            model_name="sensor",
            name="gateway",
            field=models.ForeignKey(
                blank=True,
                help_text="Which gateway brings its readings: where that falls silent, so does this.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="sensors",
                to="sensors.gateway",
            ),
        ),
        migrations.AddField(
            model_name="site",
            name="jurisdiction",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Whose legal limits apply; empty: the FDA's.",
                max_length=32,
            ),
        ),
        migrations.AddField(
            model_name="site",
            name="opening_hours",
            field=models.JSONField(
                blank=True,
                db_default={},
                default=dict,
                help_text='By weekday, local time: {"mon": [["08:00", "22:00"]]}. A missing day is closed; empty: always open.',
            ),
        ),
        migrations.AddField(
            model_name="unit",
            name="product_tau_s",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="How slowly the product follows the air (time constant, seconds); empty: that of its kind.",
                null=True,
            ),
        ),
        migrations.RunSQL(TABLES, migrations.RunSQL.noop),
    ]
