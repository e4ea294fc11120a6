"""The doorbell: tasks carry the id of a committed row, see Note [Rows are the queue] in docs/house.md."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "freshtrack.settings")

app = Celery("freshtrack")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
