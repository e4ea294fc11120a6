"""Who was told of an alert: asked when it resolves, in the transaction that stores readings."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # CONCURRENTLY

    dependencies = [("notifications", "0004_sites")]

    operations = [
        AddIndexConcurrently(
            model_name="notification", index=models.Index(fields=["about"], name="notification_about")
        ),
    ]
