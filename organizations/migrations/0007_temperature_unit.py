"""In which scale a person reads temperatures."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0006_acknowledgements"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="temperature_unit",
            field=models.CharField(
                choices=[("c", "°C"), ("f", "°F")],
                db_default="c",
                default="c",
                help_text="How temperatures are written to this person; stored they are in °C.",
                max_length=1,
            ),
        ),
    ]
