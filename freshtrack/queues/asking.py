"""Ask Redis and the workers. Neither holds anybody up for longer than two seconds."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import redis
from celery import current_app
from celery.exceptions import OperationalError as BrokerError
from django.conf import settings
from django.core.cache import cache
from kombu.exceptions import OperationalError as KombuError

from organizations.counting import Count, client, counts

logger = logging.getLogger(__name__)

# Celery's name for the question, as organizations/inspecting.py registers it in each worker.
REPORT: Final = "freshtrack_report"
PATIENCE_S: Final = 1.5
# Ten open pages ask the workers no more often than one.
REMEMBERED_S: Final = 2
_KEY: Final = "queues:reports"


@dataclass(frozen=True)
class Bells:
    """Jobs of one queue in Redis: rung, and not yet heard."""

    waiting: int
    oldest_sent_at: float | None


@dataclass(frozen=True)
class Running:
    """A job that a worker is at."""

    id: str
    task: str
    queue: str
    worker: str
    organization_id: str | None
    began_at: float | None


@dataclass(frozen=True)
class Worker:
    name: str
    queues: list[str]
    slots: int
    memory_bytes: int
    running: list[Running]


@dataclass(frozen=True)
class Answer:
    """`redis`: whether it answered; without it nothing else is known."""

    redis: bool
    bells: dict[str, Bells] = field(default_factory=dict)
    # Given to a worker and not yet acknowledged, of all queues.
    in_hand: int = 0
    counts: list[Count] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    # Whom Redis still knows: more than answered means that some are stuck, or were killed.
    workers_known: int = 0


def key_of(queue: str) -> str:
    """Where the broker keeps a queue."""
    return f"{_prefix()}{queue}"


def _prefix() -> str:
    return str(settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"])


def ask(*, at: float) -> Answer:
    """What Redis and the workers say now (workers: within the last two seconds)."""
    try:
        with client().pipeline(transaction=False) as pipeline:
            for queue in settings.QUEUES:
                pipeline.llen(key_of(queue))
                # New ones are put in at the left.
                pipeline.lindex(key_of(queue), -1)
            pipeline.hlen(f"{_prefix()}unacked")
            pipeline.scard(f"{_prefix()}_kombu.binding.celery.pidbox")
            *found, in_hand, known = pipeline.execute()
        ran = counts(at=at)
    except redis.RedisError as error:
        logger.warning("the queues can't be read: %s", error)
        return Answer(redis=False)
    bells = {
        queue: Bells(found[2 * place], _sent_at(found[2 * place + 1])) for place, queue in enumerate(settings.QUEUES)
    }
    return Answer(True, bells, in_hand, ran, _workers(known), known)


def _sent_at(message: str | None) -> float | None:
    try:
        return float(json.loads(message or "")["headers"]["sent_at"])
    except (ValueError, KeyError, TypeError):
        return None


def _workers(known: int) -> list[Worker]:
    if not known:
        return []
    replies = cache.get(_KEY)
    if replies is None:
        try:
            # The limit ends the waiting as soon as all have answered.
            replies = current_app.control.broadcast(REPORT, reply=True, timeout=PATIENCE_S, limit=known) or []
        except (BrokerError, KombuError, OSError, redis.RedisError) as error:
            logger.warning("the workers can't be asked: %s", error)
            return []
        cache.set(_KEY, replies, REMEMBERED_S)
    found = [_worker(name, reply) for answer in replies for name, reply in answer.items() if "queues" in reply]
    return sorted(found, key=lambda worker: worker.name)


def _worker(name: str, reply: Mapping[str, Any]) -> Worker:
    running = [Running(worker=name, **job) for job in reply["running"]]
    return Worker(name, list(reply["queues"]), int(reply["slots"]), int(reply["memory_bytes"]), running)


def purge(queue: str) -> int:
    """Forget the bells of a queue; returns how many. What they rang for is rows, which the next sweep finds."""
    with client().pipeline(transaction=True) as pipeline:
        pipeline.llen(key_of(queue))
        pipeline.delete(key_of(queue))
        count: int = pipeline.execute()[0]
    return count
