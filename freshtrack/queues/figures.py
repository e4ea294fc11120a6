"""Put together what the page and the API show."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, TypedDict, cast
from uuid import UUID

from django.db import connection
from django.db.models import Count, Min, Q
from django.db.models.functions import Now

from freshtrack.health import HEARTBEAT_GRACE, signs_of_life
from freshtrack.queues.asking import Answer
from notifications.models import OutboxEntry, Outcome, Urgency
from organizations.models import Beat, FailedJob

NEWEST_FAILURES: Final = 20
RECENT: Final = timedelta(hours=24)
# Attempts are only ever added: the newest have the highest ids. No index leads to those of the last hour of everybody.
ATTEMPTS_LOOKED_AT: Final = 50_000


class QueueFigures(TypedDict):
    """`bells*`: jobs in Redis, None while it is away. `messages_*`: rows of the outbox. Ages in seconds."""

    queue: str
    bells: int | None
    oldest_bell_s: float | None
    messages_due: int
    oldest_message_s: float | None
    messages_in_hand: int
    messages_later: int
    workers: str
    last_sign_at: datetime | None


class RunningFigures(TypedDict):
    id: str
    task: str
    queue: str
    worker: str
    organization: UUID | None
    running_s: float | None


class WorkerFigures(TypedDict):
    name: str
    queues: list[str]
    slots: int
    running: int
    memory_bytes: int


class TaskFigures(TypedDict):
    task: str
    queue: str
    last_minute: int
    last_hour: int
    failed_last_hour: int
    average_ms: float


class MessageFigures(TypedDict):
    outcome: str
    last_minute: int
    last_hour: int


class FailureFigures(TypedDict):
    id: UUID
    task: str
    queue: str
    organization: UUID | None
    error: str
    failed_at: datetime
    retried_at: datetime | None


class Overview(TypedDict):
    """Everything at one moment."""

    at: datetime
    redis: str
    beat: str
    beat_last_sign_at: datetime | None
    queues: list[QueueFigures]
    jobs_in_hand: int | None
    workers: list[WorkerFigures]
    workers_silent: int
    running: list[RunningFigures]
    tasks: list[TaskFigures]
    messages: list[MessageFigures]
    failed_last_day: int
    failures: list[FailureFigures]


def overview(answer: Answer, *, at: datetime) -> Overview:
    """From what was asked before and what stands in the database. Call inside a transaction of the system's."""
    signs = dict(Beat.objects.values_list("name", "at"))
    beat = signs.get(signs_of_life()["beat"])
    waiting = {row["urgency"]: row for row in _outbox()}
    lives = _fresh(beat, at)
    return {
        "at": at,
        "redis": "ok" if answer.redis else "down",
        "beat": "ok" if lives else "down",
        "beat_last_sign_at": beat,
        "queues": [
            _queue(urgency, answer, waiting.get(urgency.value, {}), signs, beat_lives=lives, at=at)
            for urgency in Urgency
        ],
        "jobs_in_hand": answer.in_hand if answer.redis else None,
        "workers": [
            {
                "name": worker.name,
                "queues": worker.queues,
                "slots": worker.slots,
                "running": len(worker.running),
                "memory_bytes": worker.memory_bytes,
            }
            for worker in answer.workers
        ],
        "workers_silent": max(0, answer.workers_known - len(answer.workers)),
        "running": _running(answer, at),
        "tasks": [
            {
                "task": count.task,
                "queue": count.queue,
                "last_minute": count.minute,
                "last_hour": count.hour,
                "failed_last_hour": count.failed,
                "average_ms": round(1000 * count.seconds / max(count.hour, 1), 1),
            }
            for count in answer.counts
        ],
        "messages": _messages(at),
        "failed_last_day": FailedJob.objects.filter(failed_at__gt=at - RECENT).count(),
        "failures": [
            {
                "id": job.pk,
                "task": job.task,
                "queue": job.queue,
                "organization": job.organization_id,
                "error": job.error,
                "failed_at": job.failed_at,
                "retried_at": job.retried_at,
            }
            for job in newest_failures()
        ],
    }


def newest_failures() -> list[FailedJob]:
    """Without their traces, which have a page of their own."""
    return list(FailedJob.objects.defer("traceback", "args", "kwargs").order_by("-failed_at", "-pk")[:NEWEST_FAILURES])


def _fresh(sign: datetime | None, at: datetime) -> bool:
    return sign is not None and at - sign < HEARTBEAT_GRACE


def _outbox() -> list[dict[str, Any]]:
    """One row an urgency. Leases run by the database's clock, so its clock says what is due."""
    free = Q(lease=None)
    due = free & Q(due_at__lte=Now())
    rows = (
        OutboxEntry.objects.order_by("urgency")
        .values("urgency")
        .annotate(
            due=Count("pk", filter=due),
            oldest=Min("due_at", filter=due),
            later=Count("pk", filter=free & Q(due_at__gt=Now())),
            in_hand=Count("pk", filter=~free),
        )
    )
    return cast("list[dict[str, Any]]", list(rows))


def _queue(
    urgency: Urgency,
    answer: Answer,
    rows: dict[str, Any],
    signs: dict[str, datetime],
    *,
    beat_lives: bool,
    at: datetime,
) -> QueueFigures:
    name = urgency.name.lower()
    bells, sign, oldest = answer.bells.get(name), signs.get(f"worker:{name}"), rows.get("oldest")
    sent_at = bells.oldest_sent_at if bells else None
    return {
        "queue": name,
        "bells": bells.waiting if bells else None,
        "oldest_bell_s": None if sent_at is None else round(max(0.0, at.timestamp() - sent_at), 1),
        "messages_due": rows.get("due", 0),
        "oldest_message_s": None if oldest is None else round(max(0.0, (at - oldest).total_seconds()), 1),
        "messages_in_hand": rows.get("in_hand", 0),
        "messages_later": rows.get("later", 0),
        # Without beat nobody asks workers for a sign.
        "workers": "ok" if _fresh(sign, at) else "down" if beat_lives else "unknown",
        "last_sign_at": sign,
    }


def _running(answer: Answer, at: datetime) -> list[RunningFigures]:
    jobs = [job for worker in answer.workers for job in worker.running]
    return [
        {
            "id": job.id,
            "task": job.task,
            "queue": job.queue,
            "worker": job.worker,
            "organization": UUID(job.organization_id) if job.organization_id else None,
            "running_s": None if job.began_at is None else round(max(0.0, at.timestamp() - job.began_at), 1),
        }
        for job in sorted(jobs, key=lambda job: job.began_at or at.timestamp())
    ]


_ENDED: Final = """
SELECT outcome, count(*) FILTER (WHERE at > %(minute)s), count(*)
FROM (SELECT outcome, at FROM notifications_attempt ORDER BY id DESC LIMIT %(most)s) newest
WHERE at > %(hour)s GROUP BY outcome
"""


def _messages(at: datetime) -> list[MessageFigures]:
    """How attempts ended, of the newest ones: beyond fifty thousand an hour it says less than there was."""
    since: dict[str, Any] = {
        "minute": at - timedelta(minutes=1),
        "hour": at - timedelta(hours=1),
        "most": ATTEMPTS_LOOKED_AT,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ENDED, since)
        found = {outcome: (minute, hour) for outcome, minute, hour in cursor.fetchall()}
    return [
        {"outcome": outcome.value, "last_minute": ended[0], "last_hour": ended[1]}
        for outcome in Outcome
        for ended in [found.get(outcome.value, (0, 0))]
    ]
