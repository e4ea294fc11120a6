"""No check that an attempt's notification exists: both are written by one statement.

Whoever writes an attempt holds the notification's entry of the outbox. A purge takes entries first, then attempts, then
notifications, so none is left behind.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notifications", "0011_room_to_settle")]

    operations = [
        migrations.AlterField(
            "attempt",
            "notification",
            models.ForeignKey(
                "notifications.Notification",
                on_delete=django.db.models.deletion.CASCADE,
                related_name="tries",
                db_constraint=False,
            ),
        )
    ]
