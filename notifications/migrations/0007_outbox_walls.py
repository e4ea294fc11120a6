"""The outbox: a narrow table that a trigger fills; row-level security of the new tables; who is told isn't a change.

The trigger makes a promise that waits whoever inserted it, the former release included. Notifications leave the change
log: each has a row of its own and one for every attempt, and a second account of that would cost more than sending.
"""

from django.db import migrations

TABLES = """
SELECT freshtrack_own_table('notifications_notification', NULL);
SELECT freshtrack_own_table('notifications_outboxentry', NULL);
SELECT freshtrack_own_table('notifications_attempt', NULL);
SELECT freshtrack_site_table('notifications_attempt',
  'site_id = ANY (freshtrack_sites()) OR notification_id IN (SELECT id FROM notifications_notification)');
SELECT freshtrack_own_table('notifications_inboxitem', NULL);
SELECT freshtrack_site_table('notifications_inboxitem',
  'site_id = ANY (freshtrack_sites())'
  ' OR user_id = (SELECT nullif(current_setting(''freshtrack.actor'', true), '''')::uuid)');
SELECT freshtrack_own_table('notifications_notificationpreference', 'notification_preference');
SELECT freshtrack_own_table('notifications_digest', 'digest', ARRAY['next_at']);
SELECT freshtrack_people_table('notifications_rest', 'user_id', true);

CREATE FUNCTION notifications_enter_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO notifications_outboxentry (notification_id, organization_id, urgency, due_at)
  SELECT id, organization_id, urgency, next_attempt_at FROM promised
  WHERE status = 'promised' AND summary_id IS NULL;
  RETURN NULL;
END $$;
CREATE TRIGGER enter_outbox AFTER INSERT ON notifications_notification
  REFERENCING NEW TABLE AS promised FOR EACH STATEMENT EXECUTE FUNCTION notifications_enter_outbox();

-- Claimed rows move within their page, and long words stay where they are when the state of a message changes.
ALTER TABLE notifications_notification SET (fillfactor = 80, toast_tuple_target = 256);
ALTER TABLE notifications_outboxentry SET
  (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
"""

# Under row-level security the owner of the tables sees no row. After everything that alters them.
WAITING = """
SET LOCAL ROLE freshtrack_system;
-- What was being sent when its sender was stopped may have arrived.
UPDATE notifications_notification SET status = 'failed', maybe_twice = true WHERE status = 'sending';
INSERT INTO notifications_outboxentry (notification_id, organization_id, urgency, due_at, attempts)
SELECT id, organization_id, urgency, next_attempt_at, attempts FROM notifications_notification
WHERE status IN ('promised', 'failed') ON CONFLICT DO NOTHING;
RESET ROLE;
"""

BACK = """
DROP TRIGGER enter_outbox ON notifications_notification;
DROP FUNCTION notifications_enter_outbox();
"""


class Migration(migrations.Migration):
    dependencies = [("notifications", "0006_outbox"), ("organizations", "0007_temperature_unit")]

    operations = [migrations.RunSQL(TABLES, BACK), migrations.RunSQL(WAITING, migrations.RunSQL.noop)]
