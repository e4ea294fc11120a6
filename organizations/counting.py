"""How many jobs ran in the last minute and hour, of which task, and how they ended: counted in Redis by workers."""

from __future__ import annotations

import functools
import logging
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import redis
from celery.signals import task_postrun, task_prerun
from django.conf import settings

logger = logging.getLogger(__name__)

KEPT_MINUTES: Final = 61
PATIENCE_S: Final = 1.0

_began: dict[str, float] = {}


@dataclass
class Count:
    """Of one task in one queue."""

    task: str
    queue: str
    minute: int = 0
    hour: int = 0
    failed: int = 0
    seconds: float = 0.0


@functools.cache
def client() -> redis.Redis[str]:
    """For figures only: whoever asks waits for a second at most. A forked process opens a connection of its own."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=PATIENCE_S,
        socket_connect_timeout=PATIENCE_S,
        decode_responses=True,
    )


def _key(minute: int) -> str:
    return f"{settings.REDIS_PREFIX}:jobs:{minute}"


@task_prerun.connect
def _begin(task_id: str, **_: Any) -> None:
    _began[task_id] = time.monotonic()


@task_postrun.connect
def _count(sender: Any, task_id: str, state: str | None = None, **_: Any) -> None:
    took_s = time.monotonic() - _began.pop(task_id, time.monotonic())
    queue = str((sender.request.delivery_info or {}).get("routing_key") or "")
    name, key = f"{queue}|{sender.name}", _key(int(time.time() // 60))
    try:
        with client().pipeline(transaction=False) as pipeline:
            pipeline.hincrby(key, f"{name}|n", 1)
            pipeline.hincrby(key, f"{name}|ms", int(took_s * 1000))
            if state == "FAILURE":
                pipeline.hincrby(key, f"{name}|failed", 1)
            pipeline.expire(key, KEPT_MINUTES * 60)
            pipeline.execute()
    except redis.RedisError as error:
        logger.debug("a job was not counted: %s", error)


def counts(*, at: float) -> list[Count]:
    """The last minute and the last hour, busiest first. Raises what Redis raises.

    Counted by minutes of the clock: of the minute before this one as much as belongs to the last sixty seconds.
    """
    now, gone = int(at // 60), at % 60 / 60
    with client().pipeline(transaction=False) as pipeline:
        for minute in range(now - 59, now + 1):
            pipeline.hgetall(_key(minute))
        minutes: Iterable[dict[str, str]] = pipeline.execute()
    found: dict[tuple[str, str], Count] = {}
    sums: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for place, fields in enumerate(minutes, start=now - 59):
        for field, value in fields.items():
            queue, task, kind = field.rsplit("|", 2)
            count = found.setdefault((queue, task), Count(task, queue))
            sums[queue, task][kind] += int(value)
            if kind == "n" and place >= now - 1:
                count.minute += round(int(value) * (1 if place == now else 1 - gone))
    for key, count in found.items():
        count.hour, count.failed, count.seconds = sums[key]["n"], sums[key]["failed"], sums[key]["ms"] / 1000
    return sorted(found.values(), key=lambda count: (-count.hour, count.task, count.queue))
