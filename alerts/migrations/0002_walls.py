"""Row-level security and change log of this room's tables."""

from django.db import migrations

TABLES = """
SELECT freshtrack_own_table('alerts_alertrule', 'alert_rule');
SELECT freshtrack_own_table('alerts_rulestate', NULL);
SELECT freshtrack_own_table('alerts_alert', 'alert', ARRAY['peak']);
SELECT freshtrack_own_table('alerts_alertevent', 'alert_event');
"""


class Migration(migrations.Migration):
    dependencies = [("alerts", "0001_initial"), ("organizations", "0002_walls")]

    operations = [migrations.RunSQL(TABLES, migrations.RunSQL.noop)]
