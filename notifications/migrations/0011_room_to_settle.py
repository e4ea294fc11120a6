"""Room on each page for the second version of every message on it, and no check that another one makes superfluous.

Each message is updated at least once, when it is settled, and a thousand that were promised together are settled in one
transaction. With room for a few of a page only (fillfactor 80), most of the new versions went to other pages, and each
of those has to be entered into every index. The space is the same in the end: it was used elsewhere.

Short words stay in the row, where a claim reads them with it; pages of e-mails are elsewhere as before.

An entry and an attempt have their notification's organization, and a key to that notification. Whether the organization
exists was checked once more for each of them, with a lock on its row.
"""

import django.db.models.deletion
from django.db import migrations, models

ROOM = "ALTER TABLE notifications_notification SET (fillfactor = 45, toast_tuple_target = 1024)"
LESS = "ALTER TABLE notifications_notification SET (fillfactor = 80, toast_tuple_target = 256)"


def unchecked_organization() -> models.ForeignKey:
    """Copied from the notification."""
    return models.ForeignKey(
        "organizations.Organization",
        null=True,
        on_delete=django.db.models.deletion.CASCADE,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )


class Migration(migrations.Migration):
    dependencies = [("notifications", "0010_provider_event_walls")]

    operations = [
        migrations.RunSQL(ROOM, LESS),
        migrations.AlterField("attempt", "organization", unchecked_organization()),
        migrations.AlterField("outboxentry", "organization", unchecked_organization()),
    ]
