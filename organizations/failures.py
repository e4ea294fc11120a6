"""Jobs that ended with an error: kept as rows, tried again by staff, forgotten after a month."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from celery import current_app, shared_task
from celery.exceptions import OperationalError as BrokerError
from celery.signals import task_failure
from django.conf import settings
from django.db import Error, connection
from django.utils import timezone
from kombu.exceptions import OperationalError as KombuError

from freshtrack.errors import DomainError
from freshtrack.requests import without_secrets
from organizations.jobs import HEADER, organization_of
from organizations.models import FailedJob, User

logger = logging.getLogger(__name__)

KEPT: Final = timedelta(days=30)
# A sweep that fails every five seconds tells nothing new after that.
KEPT_OF_A_TASK: Final = 1000
FORGET_AT_ONCE: Final = 5000
# The end of a traceback says what went wrong.
TRACEBACK_CHARACTERS: Final = 20_000
ARGUMENTS_CHARACTERS: Final = 20_000
# In the place of what no message can hold, or is too long to keep: shown to staff, never sent.
NOT_KEPT: Final = "not kept, only how it looked"


class NotRetryable(DomainError):
    """The job can't be sent once more."""

    code = "not_retryable"


class BrokerIsAway(DomainError):
    """Nobody can be rung for at the moment."""

    code = "broker_is_away"
    status = 503


@task_failure.connect
def record(
    sender: Any, task_id: str, exception: BaseException, args: Any, kwargs: Any, einfo: Any = None, **_: Any
) -> None:
    """Keep what failed. Celery calls it, in the process that ran the job or, if that was killed, in its parent."""
    request = sender.request
    kwargs = kwargs or {}
    try:
        FailedJob.objects.update_or_create(
            task_id=task_id[:64],
            defaults={
                "task": sender.name[:200],
                "queue": _queue(sender)[:32],
                "organization_id": _organization(organization_of(request, kwargs)),
                "args": plain(list(args or ())),
                "kwargs": plain(dict(kwargs)),
                "error": _clean(f"{type(exception).__name__}: {exception}")[:1000],
                "traceback": _clean(str(getattr(einfo, "traceback", "") or ""))[-TRACEBACK_CHARACTERS:],
                "failed_at": timezone.now(),
                "retried_at": None,
                "retried_by": None,
            },
        )
    except Error as error:
        # Most likely what the job itself died of. The log has the traceback.
        logger.error("the failure of job %s (%s) couldn't be kept: %s", task_id, sender.name, error)
    finally:
        if request.id is None and not connection.in_atomic_block:
            # The parent: it forks, and a child must not inherit its connection nor the threads of a pool.
            connection.close()
            if connection.settings_dict["OPTIONS"].get("pool"):
                connection.close_pool()  # type: ignore[attr-defined]


def plain(value: Any) -> Any:
    """As JSON holds it. What it can't hold, and what is too long, is replaced by how it looked."""
    text = json.dumps(value, default=lambda odd: {NOT_KEPT: _clean(repr(odd))[:1000]}).replace("\\u0000", "")
    if len(text) > ARGUMENTS_CHARACTERS:
        looked = {NOT_KEPT: _clean(text[:1000])}
        return looked if isinstance(value, dict) else [looked]
    return json.loads(text)


def _clean(text: str) -> str:
    """PostgreSQL keeps no zero characters, and we no secrets."""
    return without_secrets(text.replace("\x00", ""))


def _queue(task: Any) -> str:
    info = task.request.delivery_info or {}
    return str(info.get("routing_key") or settings.CELERY_TASK_ROUTES.get(task.name, {}).get("queue", "default"))


def _organization(value: Any) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None


def retry(*, job: FailedJob, by: User, at: datetime) -> None:
    """Send the same task with the same arguments to its queue, under a new id. Call inside a transaction.

    Raises NotRetryable if that was done before, or if its arguments weren't kept, and BrokerIsAway.
    """
    job = FailedJob.objects.select_for_update().get(pk=job.pk)
    if job.retried_at is not None:
        raise NotRetryable("It was tried again already. If that failed as well, it is a failure of its own.")
    if NOT_KEPT in json.dumps([job.args, job.kwargs]):
        raise NotRetryable("Its arguments couldn't be kept.")
    headers = {HEADER: str(job.organization_id)} if job.organization_id else None
    job.retried_at, job.retried_by = at, by
    job.save(update_fields=["retried_at", "retried_by"])
    try:
        # Before the commit: a job that begins too early, or twice, does no harm; one that is marked and not sent would.
        current_app.send_task(job.task, args=job.args, kwargs=job.kwargs, queue=job.queue or None, headers=headers)
    except (BrokerError, KombuError, OSError) as error:
        raise BrokerIsAway("Redis doesn't answer. Try again when it is back.") from error


@shared_task(name="organizations.forget_failures")
def forget_failures() -> int:
    """Remove failures of a month ago, and beyond the newest thousand of each task. Safe to run twice."""
    old = list(
        FailedJob.objects.filter(failed_at__lt=timezone.now() - KEPT)
        .order_by("failed_at")
        .values_list("pk", flat=True)[:FORGET_AT_ONCE]
    )
    removed = FailedJob.objects.filter(pk__in=old).delete()[0]
    for task in FailedJob.objects.order_by("task").values_list("task", flat=True).distinct():
        removed += FailedJob.objects.filter(pk__in=_beyond(task)).delete()[0]
    return removed


def _beyond(task: str) -> Sequence[UUID]:
    rows = FailedJob.objects.filter(task=task).order_by("-failed_at", "-pk")
    return list(rows.values_list("pk", flat=True)[KEPT_OF_A_TASK : KEPT_OF_A_TASK + FORGET_AT_ONCE])
