"""How much has this person been told in the last minute? Asked before each promise."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # CONCURRENTLY

    dependencies = [("notifications", "0007_outbox_walls")]

    operations = [
        AddIndexConcurrently(
            model_name="notification",
            index=models.Index(fields=["user", "-created_at"], name="notification_of_user"),
        ),
    ]
