"""The doorbell: tasks carry the id of a committed row, see Note [Rows are the queue] in docs/house.md."""

import os
from typing import Any

from celery import Celery
from celery.signals import task_postrun, task_prerun

from freshtrack import requests

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "freshtrack.settings")

app = Celery("freshtrack")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

_before: dict[str, str] = {}


@task_prerun.connect
def _begin(task_id: str, **_: Any) -> None:
    """What a task logs and changes carries its id, as what a request does carries the request's."""
    _before[task_id] = requests.current_id()
    requests.begin(task_id)


@task_postrun.connect
def _end(task_id: str, **_: Any) -> None:
    requests.go_back(_before.pop(task_id))
