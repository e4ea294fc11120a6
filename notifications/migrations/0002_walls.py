"""Row-level security and change log of this room's tables."""

from django.db import migrations

TABLES = """
SELECT freshtrack_own_table('notifications_notification', 'notification', ARRAY['claimed_until', 'next_attempt_at',
  'html', 'text', 'provider_id']);
-- Whoever promises a message inside an organization reads the addresses of its people.
SELECT freshtrack_people_table('notifications_contactmethod', 'user_id', true);
"""


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_initial"), ("organizations", "0002_walls")]

    operations = [migrations.RunSQL(TABLES, migrations.RunSQL.noop)]
