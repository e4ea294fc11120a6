"""Row-level security and change log of this room's tables; the first partitions of the readings."""

from django.db import migrations

TABLES = """
SELECT freshtrack_own_table('sensors_site', 'site');
SELECT freshtrack_own_table('sensors_area', 'area');
SELECT freshtrack_own_table('sensors_unit', 'unit', ARRAY['severity']);
SELECT freshtrack_own_table('sensors_gateway', 'gateway', ARRAY['last_seen_at']);
-- `id` is internal: the change log names sensors by their public id.
SELECT freshtrack_own_table('sensors_sensor', 'sensor', ARRAY['id', 'status', 'last_reading_at', 'last_received_at',
  'temperature', 'humidity', 'battery', 'signal', 'door_open']);
SELECT freshtrack_own_table('sensors_reading', NULL);
-- A year back for imports and replays, a quarter ahead; sensors.make_partitions goes on from here.
SELECT freshtrack_make_partitions('sensors_reading', (now() AT TIME ZONE 'UTC' - interval '12 months')::date, 16);
"""


class Migration(migrations.Migration):
    dependencies = [("sensors", "0001_initial"), ("organizations", "0002_walls")]

    operations = [migrations.RunSQL(TABLES, migrations.RunSQL.noop)]
