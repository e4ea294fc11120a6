"""The doorbell: tasks carry the id of a committed row, see Note [Rows are the queue] in docs/house.md."""

import gc
import os
import signal
import threading
import time
from typing import Any

from celery import Celery
from celery.signals import before_task_publish, task_postrun, task_prerun, worker_process_init, worker_shutting_down
from django.conf import settings

from freshtrack import requests

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "freshtrack.settings")

app = Celery("freshtrack", task_cls="organizations.jobs:Job")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

_before: dict[str, tuple[str, str]] = {}


@before_task_publish.connect
def _stamp(headers: dict[str, Any], **_: Any) -> None:
    """When it was sent, for whoever asks how long the oldest waits."""
    headers["sent_at"] = time.time()


@task_prerun.connect
def _begin(task_id: str, **_: Any) -> None:
    """What a task logs and changes carries its id, as what a request does carries the request's."""
    _before[task_id] = requests.current_id(), requests.current_organization()
    requests.begin(task_id)


@task_postrun.connect
def _end(task_id: str, **_: Any) -> None:
    request_id, organization = _before.pop(task_id)
    requests.go_back(request_id)
    requests.belong_to(organization)


@worker_process_init.connect
def _keep_what_is_loaded(**_: Any) -> None:
    """Code and settings stay for as long as the worker does: no collection has to walk over them again.

    A thousand claimed messages are many new objects, which set off a collection of everything: a third of the work of
    claiming them.
    """
    gc.collect()
    gc.freeze()


@worker_shutting_down.connect
def _lose_patience(how: str, **_: Any) -> None:
    """A worker that is told to stop finishes its jobs; what takes too long goes back to the queue before we are killed.

    Celery's own `worker_soft_shutdown_timeout` sleeps through all of its time, even when the last job ends at once,
    and acknowledges nothing meanwhile.
    """
    if how == "Warm":
        # SIGQUIT is the cold shutdown: it cancels what runs and gives it back.
        patience = threading.Timer(settings.WORKER_GRACE_S, os.kill, (os.getpid(), signal.SIGQUIT))
        patience.daemon = True
        patience.start()
