"""Messages about a person's own account, which belong to no organization."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0002_walls"),
        ("organizations", "0003_invitations_identities_sites"),
    ]

    operations = [
        migrations.AddField(
            model_name="notification",
            name="confidential",
            field=models.BooleanField(
                default=False,
                db_default=False,
                help_text="Holds a secret link: never shown, and its words are wiped once it was sent.",
            ),
        ),
        migrations.AlterField(
            model_name="notification",
            name="organization",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="organizations.organization",
            ),
        ),
    ]
