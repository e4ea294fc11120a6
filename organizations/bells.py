"""Bells: a task without content that wakes a worker for rows that are due. A sweep finds rows whose bell was lost."""

from __future__ import annotations

import logging
from typing import Any, Final

from celery import current_app
from celery.exceptions import OperationalError as BrokerError
from django.core.cache import cache
from kombu.exceptions import OperationalError as KombuError

from organizations import events

logger = logging.getLogger(__name__)

# A bell within this time of the last one wakes nobody new: the worker that was woken finds all that is due.
RUNG_FOR_S: Final = 1


def ring_afterwards(task: str, *args: Any, queue: str | None = None) -> None:
    """Wake a worker for this task once the transaction has committed. Call inside one; often is as once."""
    events.afterwards(lambda: ring(task, *args, queue=queue))


def ring(task: str, *args: Any, queue: str | None = None, again: bool = False) -> None:
    """Wake a worker now, unless one was woken this second and hasn't begun. If the broker is away a sweep must do.

    `args` tell bells of one task apart. `again`: there is more than one worker can carry, so one more is woken.
    """
    key = _key(task, args)
    if not again and not cache.add(key, 1, timeout=RUNG_FOR_S):
        return
    try:
        current_app.send_task(task, args=args, queue=queue)
    except (BrokerError, KombuError, OSError) as error:
        cache.delete(key)
        logger.warning("the bell for %s was not heard: %s", key, error)


def answered(task: str, *args: Any) -> None:
    """A worker begins: whoever rings from now on may have something that it doesn't see."""
    cache.delete(_key(task, args))


def _key(task: str, args: tuple[Any, ...]) -> str:
    return ":".join(["bell", task, *map(str, args)])
