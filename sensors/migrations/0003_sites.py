"""Members who are restricted to some sites see only what is there; what has no site yet is the whole organization's."""

from django.db import migrations

TABLES = """
SELECT freshtrack_site_table('sensors_site', 'id = ANY (freshtrack_sites())');
SELECT freshtrack_site_table('sensors_area', 'site_id = ANY (freshtrack_sites())');
SELECT freshtrack_site_table('sensors_unit', 'site_id = ANY (freshtrack_sites())');
SELECT freshtrack_site_table('sensors_gateway', 'site_id = ANY (freshtrack_sites())');
SELECT freshtrack_site_table('sensors_sensor', 'site_id = ANY (freshtrack_sites())');
SELECT freshtrack_site_table('sensors_reading',
  'sensor_id IN (SELECT id FROM sensors_sensor WHERE site_id = ANY (freshtrack_sites()))');
"""


class Migration(migrations.Migration):
    dependencies = [("sensors", "0002_walls"), ("organizations", "0004_sites_and_secrets")]

    operations = [migrations.RunSQL(TABLES, migrations.RunSQL.noop)]
