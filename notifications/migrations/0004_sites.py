"""Members who are restricted to some sites: messages about them, and those to themselves."""

from django.db import migrations

TABLES = """
SELECT freshtrack_own_table('notifications_notification', 'notification', ARRAY['claimed_until', 'next_attempt_at',
  'html', 'text', 'provider_id']);
SELECT freshtrack_site_table('notifications_notification',
  'site_id = ANY (freshtrack_sites())'
  ' OR user_id = (SELECT nullif(current_setting(''freshtrack.actor'', true), '''')::uuid)');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0003_account_messages"),
        ("organizations", "0004_sites_and_secrets"),
    ]

    operations = [migrations.RunSQL(TABLES, migrations.RunSQL.noop)]
