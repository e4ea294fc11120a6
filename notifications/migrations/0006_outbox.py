"""The outbox, what became of each attempt, the inbox, and what people wish.

`claimed_until` leaves the models only: the former release writes the column until it is stopped. A later one drops it.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0005_about"),
        ("organizations", "0008_failed_jobs"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Attempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("site_id", models.UUIDField(null=True)),
                ("number", models.PositiveSmallIntegerField()),
                ("at", models.DateTimeField(help_text="When it began.")),
                ("duration_ms", models.PositiveIntegerField()),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("email", "E-mail"),
                            ("sms", "SMS"),
                            ("voice", "Voice call"),
                            ("push", "Push"),
                            ("webhook", "Webhook"),
                            ("slack", "Slack"),
                        ],
                        max_length=8,
                    ),
                ),
                ("provider", models.CharField(help_text="Who was asked to carry it, for example smtp.", max_length=32)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("sent", "Sent"),
                            ("failed", "Failed"),
                            ("refused", "Refused"),
                            ("lost", "Sender vanished"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "code",
                    models.CharField(blank=True, help_text="The provider's, for example 550 or 40001.", max_length=32),
                ),
                ("detail", models.CharField(blank=True, max_length=2000)),
                ("provider_id", models.CharField(blank=True, max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name="Digest",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("period", models.CharField(choices=[("daily", "Daily"), ("weekly", "Weekly")], max_length=8)),
                ("at", models.TimeField()),
                ("weekday", models.PositiveSmallIntegerField(default=0, help_text="Of a weekly one: 0 is Monday.")),
                ("enabled", models.BooleanField(default=True)),
                ("next_at", models.DateTimeField(help_text="When the next one is due; whoever sends it moves it on.")),
            ],
        ),
        migrations.CreateModel(
            name="InboxItem",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("site_id", models.UUIDField(blank=True, null=True)),
                ("event", models.CharField(help_text="What happened, for example alert.opened.", max_length=48)),
                (
                    "about",
                    models.CharField(blank=True, help_text="What it is about, for example alert:<id>.", max_length=64),
                ),
                (
                    "severity",
                    models.CharField(
                        choices=[("info", "Info"), ("warning", "Warning"), ("critical", "Critical")],
                        default="info",
                        max_length=8,
                    ),
                ),
                ("subject", models.CharField(max_length=300)),
                ("text", models.CharField(blank=True, help_text="One or two sentences.", max_length=1000)),
                (
                    "path",
                    models.CharField(
                        blank=True, help_text="Where in the app it is, beginning with a slash.", max_length=300
                    ),
                ),
                ("dedupe_key", models.CharField(max_length=200, unique=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("read_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="NotificationPreference",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "severity",
                    models.CharField(
                        choices=[("info", "Info"), ("warning", "Warning"), ("critical", "Critical")], max_length=8
                    ),
                ),
                (
                    "channels",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("email", "E-mail"),
                                ("sms", "SMS"),
                                ("voice", "Voice call"),
                                ("push", "Push"),
                                ("webhook", "Webhook"),
                                ("slack", "Slack"),
                            ],
                            max_length=8,
                        ),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="OutboxEntry",
            fields=[
                (
                    "notification",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="entry",
                        serialize=False,
                        to="notifications.notification",
                    ),
                ),
                ("urgency", models.PositiveSmallIntegerField(choices=[(0, "Urgent"), (1, "Default"), (2, "Bulk")])),
                ("due_at", models.DateTimeField(help_text="When it is to be sent; while leased, when the lease ends.")),
                ("lease", models.UUIDField(help_text="Whose it is: only this claim may settle it.", null=True)),
                ("attempts", models.PositiveSmallIntegerField(db_default=0, default=0)),
            ],
        ),
        migrations.CreateModel(
            name="ProviderEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.CharField(max_length=32)),
                ("event_id", models.CharField(max_length=200)),
                ("kind", models.CharField(help_text="For example bounced, complained, delivered.", max_length=32)),
                ("recipient", models.CharField(blank=True, max_length=320)),
                ("detail", models.CharField(blank=True, max_length=2000)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="Rest",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="rest",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("quiet_from", models.TimeField(blank=True, null=True)),
                ("quiet_to", models.TimeField(blank=True, null=True)),
                ("away_from", models.DateTimeField(blank=True, null=True)),
                ("away_until", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="notification",
            name="notification_sending_is_leased",
        ),
        migrations.RemoveIndex(
            model_name="notification",
            name="notification_waiting",
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField(model_name="notification", name="claimed_until")],
        ),
        migrations.AddField(
            model_name="contactmethod",
            name="code_hash",
            field=models.CharField(blank=True, db_default="", max_length=128),
        ),
        migrations.AddField(
            model_name="contactmethod",
            name="code_sent_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="contactmethod",
            name="code_tries",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="contactmethod",
            name="disabled_at",
            field=models.DateTimeField(
                blank=True,
                help_text="Since when nothing is sent there: it bounced, or its owner complained.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="contactmethod",
            name="disabled_because",
            field=models.CharField(blank=True, db_default="", max_length=300),
        ),
        migrations.AddField(
            model_name="notification",
            name="contact",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="notifications.contactmethod",
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="delivered_at",
            field=models.DateTimeField(blank=True, help_text="When the provider said that it arrived.", null=True),
        ),
        migrations.AddField(
            model_name="notification",
            name="extra",
            field=models.JSONField(
                blank=True,
                db_default=models.Value({}, models.JSONField()),
                default=dict,
                help_text="What a channel needs beside the words, for example an e-mail's headers.",
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="maybe_twice",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="A sender vanished between the provider's yes and ours: sent again under the same id.",
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="severity",
            field=models.CharField(
                choices=[("info", "Info"), ("warning", "Warning"), ("critical", "Critical")],
                db_default="info",
                default="info",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="summary",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="parts",
                to="notifications.notification",
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="urgency",
            field=models.PositiveSmallIntegerField(
                choices=[(0, "Urgent"), (1, "Default"), (2, "Bulk")], db_default=1, default=1
            ),
        ),
        migrations.AlterField(
            model_name="notification",
            name="user",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="attempt",
            name="notification",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="tries", to="notifications.notification"
            ),
        ),
        migrations.AddField(
            model_name="attempt",
            name="organization",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="organizations.organization",
            ),
        ),
        migrations.AddField(
            model_name="digest",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="organizations.organization"
            ),
        ),
        migrations.AddField(
            model_name="digest",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="inboxitem",
            name="organization",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="organizations.organization",
            ),
        ),
        migrations.AddField(
            model_name="inboxitem",
            name="user",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="item",
            field=models.ForeignKey(
                blank=True,
                help_text="In the app.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="deliveries",
                to="notifications.inboxitem",
            ),
        ),
        migrations.AddConstraint(
            model_name="notification",
            constraint=models.CheckConstraint(
                condition=models.Q(("urgency__in", [0, 1, 2])), name="notification_urgency_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="notification",
            constraint=models.CheckConstraint(
                condition=models.Q(("severity__in", ["info", "warning", "critical"])),
                name="notification_severity_known",
            ),
        ),
        migrations.AddField(
            model_name="notificationpreference",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="organizations.organization"
            ),
        ),
        migrations.AddField(
            model_name="notificationpreference",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="outboxentry",
            name="organization",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="organizations.organization",
            ),
        ),
        migrations.AddField(
            model_name="providerevent",
            name="notification",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="notifications.notification",
            ),
        ),
        migrations.AddConstraint(
            model_name="rest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("quiet_from", None), ("quiet_to", None)),
                    models.Q(("quiet_from__isnull", False), ("quiet_to__isnull", False)),
                    _connector="OR",
                ),
                name="rest_quiet_hours_have_both_ends",
            ),
        ),
        migrations.AddConstraint(
            model_name="rest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("away_from", None), ("away_until", None)),
                    models.Q(("away_from__isnull", False), ("away_until__isnull", False)),
                    _connector="OR",
                ),
                name="rest_absence_has_both_ends",
            ),
        ),
        migrations.AddIndex(
            model_name="attempt",
            index=models.Index(fields=["organization", "channel", "-at"], name="attempt_of_channel"),
        ),
        migrations.AddConstraint(
            model_name="attempt",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome__in", ["sent", "failed", "refused", "lost"])), name="attempt_outcome_known"
            ),
        ),
        migrations.AddIndex(
            model_name="digest",
            index=models.Index(condition=models.Q(("enabled", True)), fields=["next_at"], name="digest_due"),
        ),
        migrations.AddConstraint(
            model_name="digest",
            constraint=models.UniqueConstraint(fields=("user", "organization", "period"), name="digest_once"),
        ),
        migrations.AddConstraint(
            model_name="digest",
            constraint=models.CheckConstraint(
                condition=models.Q(("period__in", ["daily", "weekly"])), name="digest_period_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="digest",
            constraint=models.CheckConstraint(condition=models.Q(("weekday__lte", 6)), name="digest_weekday_known"),
        ),
        migrations.AddIndex(
            model_name="inboxitem",
            index=models.Index(fields=["user", "-created_at", "id"], name="inbox_list"),
        ),
        migrations.AddIndex(
            model_name="inboxitem",
            index=models.Index(condition=models.Q(("read_at", None)), fields=["user"], name="inbox_unread"),
        ),
        migrations.AddConstraint(
            model_name="inboxitem",
            constraint=models.CheckConstraint(
                condition=models.Q(("severity__in", ["info", "warning", "critical"])), name="inbox_severity_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="notificationpreference",
            constraint=models.UniqueConstraint(fields=("user", "organization", "severity"), name="preference_once"),
        ),
        migrations.AddConstraint(
            model_name="notificationpreference",
            constraint=models.CheckConstraint(
                condition=models.Q(("severity__in", ["info", "warning", "critical"])), name="preference_severity_known"
            ),
        ),
        migrations.AddIndex(
            model_name="outboxentry",
            index=models.Index(fields=["urgency", "due_at"], name="outbox_due"),
        ),
        migrations.AddConstraint(
            model_name="providerevent",
            constraint=models.UniqueConstraint(fields=("provider", "event_id"), name="provider_event_once"),
        ),
    ]
