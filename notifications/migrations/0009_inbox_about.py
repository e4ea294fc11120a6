"""Who found it in the app? Asked when what people were told of is over."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # CONCURRENTLY

    dependencies = [("notifications", "0008_notification_of_user")]

    operations = [
        AddIndexConcurrently(model_name="inboxitem", index=models.Index(fields=["about"], name="inbox_about")),
    ]
