"""Readings from before the summaries are noted, so that they get some; until then series are read from raw readings.

A negative hour notes a whole sensor (Note [Summaries] in sensors/summaries.py), to be summed up when that hour is over. By
the end of the next one, no process is left that stores readings without noting them.
"""

from django.db import migrations

NOTE = """
SET LOCAL ROLE freshtrack_system;
INSERT INTO sensors_arrival (organization_number, sensors, hours)
SELECT o.number, array_agg(s.id),
       array_agg(-(floor(date_part('epoch', clock_timestamp()) / 3600)::integer + 1))
FROM (SELECT id, organization_id, row_number() OVER (PARTITION BY organization_id ORDER BY id) / 10000 AS part
      FROM sensors_sensor) AS s
JOIN organizations_organization o ON o.id = s.organization_id
GROUP BY o.number, s.part;
RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("sensors", "0007_partitions")]

    operations = [migrations.RunSQL(NOTE, migrations.RunSQL.noop)]
