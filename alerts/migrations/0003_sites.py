"""Members who are restricted to some sites: alerts of theirs, rules that watch them, changes of both."""

from django.db import migrations

TABLES = """
SELECT freshtrack_site_table('alerts_alert', 'site_id = ANY (freshtrack_sites())');
SELECT freshtrack_site_table('alerts_alertevent', 'site_id = ANY (freshtrack_sites())');
SELECT freshtrack_site_table('alerts_rulestate', 'unit_id IN (SELECT id FROM sensors_unit)');
-- A rule without a place watches every site: they see it, and leave it as it is.
SELECT freshtrack_site_table('alerts_alertrule',
  'site_id = ANY (freshtrack_sites()) OR area_id IN (SELECT id FROM sensors_area)'
  ' OR unit_id IN (SELECT id FROM sensors_unit) OR (site_id IS NULL AND area_id IS NULL AND unit_id IS NULL)',
  'site_id = ANY (freshtrack_sites()) OR area_id IN (SELECT id FROM sensors_area)'
  ' OR unit_id IN (SELECT id FROM sensors_unit)');
-- What left a site is told to those who watched it there. Of rows without a site, only what concerns everybody.
SELECT freshtrack_site_table('organizations_change',
  'site_id = ANY (freshtrack_sites()) OR (changes->''site_id''->>''before'')::uuid = ANY (freshtrack_sites())'
  ' OR (site_id IS NULL AND (entity IN (''organization'', ''membership'')'
  ' OR (entity = ''alert_rule'' AND entity_id IN (SELECT id::text FROM alerts_alertrule))))');
"""


class Migration(migrations.Migration):
    # Here and not below: the change log's condition asks for rules.
    dependencies = [("alerts", "0002_walls"), ("sensors", "0003_sites"), ("organizations", "0004_sites_and_secrets")]

    operations = [migrations.RunSQL(TABLES, migrations.RunSQL.noop)]
