"""Group commit: what arrives while a transaction is in flight goes into the next one, together.

No timer, so an idle server adds no latency; the busier it is, the more requests share one commit. Nobody is answered
before the commit. A batch that fails is split until the poison is alone, so one bad request costs nobody else anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from ingest import pipeline
from ingest.pipeline import Delivery, Outcome
from organizations import events

logger = logging.getLogger(__name__)

# Readings in one transaction: beyond this a bigger batch gains nothing and everybody waits longer.
MOST_AT_ONCE: Final = 5_000


class Busy(Exception):
    """The queue is full: come back in a moment."""


class Unavailable(Exception):
    """The database doesn't answer. Nothing was stored."""


class Writer:
    """One a process, of the event loop that first uses it; speaks to the database in one thread of its own."""

    def __init__(self) -> None:
        self._queue: deque[tuple[Delivery, asyncio.Future[Outcome]]] = deque()
        self._queued = 0
        self._task: asyncio.Task[None] | None = None
        self._storing = ThreadPoolExecutor(1, thread_name_prefix="ingest-writer")
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="ingest-aside")
        self._following: set[asyncio.Task[None]] = set()

    async def write(self, delivery: Delivery) -> Outcome:
        """Store a request; returns after the commit.

        Raises Busy when the queue is full, Unavailable when the database doesn't answer: both store nothing.
        """
        size = len(delivery.decoded.samples) + len(delivery.decoded.faults)
        if self._queued + size > settings.INGEST_QUEUE_READINGS:
            raise Busy
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.append((delivery, future))
        self._queued += size
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await future

    async def close(self) -> None:
        """Store what was taken in, then give the connection back. The door must be shut already."""
        if self._task is not None:
            await self._task
        loop = asyncio.get_running_loop()
        for executor in (self._storing, self._aside):
            await loop.run_in_executor(executor, _give_back_connection)
            executor.shutdown()

    async def _work(self) -> None:
        while self._queue:
            batch = self._take()
            await self._store([delivery for delivery, _ in batch], [future for _, future in batch])

    def _take(self) -> list[tuple[Delivery, asyncio.Future[Outcome]]]:
        batch: list[tuple[Delivery, asyncio.Future[Outcome]]] = []
        size = 0
        while self._queue and (not batch or size < MOST_AT_ONCE):
            delivery, future = self._queue.popleft()
            count = len(delivery.decoded.samples) + len(delivery.decoded.faults)
            self._queued -= count
            size += count
            batch.append((delivery, future))
        return batch

    async def _store(self, deliveries: Sequence[Delivery], futures: Sequence[asyncio.Future[Outcome]]) -> None:
        loop = asyncio.get_running_loop()
        try:
            outcomes, afterwards = await loop.run_in_executor(self._storing, _store, deliveries)
        except (OperationalError, InterfaceError) as error:
            logger.warning("readings were not stored: %s", error)
            for future in futures:
                _fail(future, Unavailable())
        except Exception as error:
            if len(deliveries) == 1:
                logger.exception("a request could not be stored")
                _fail(futures[0], error)
                return
            half = len(deliveries) // 2
            await self._store(deliveries[:half], futures[:half])
            await self._store(deliveries[half:], futures[half:])
        else:
            for future, outcome in zip(futures, outcomes, strict=True):
                if not future.done():
                    future.set_result(outcome)
            self._follow_up(afterwards)

    def _follow_up(self, afterwards: events.Afterwards) -> None:
        """Screens and bells, after the answers: neither may hold up the next batch."""
        if afterwards.events:
            task = asyncio.create_task(events.send(afterwards.events))
            self._following.add(task)
            task.add_done_callback(self._following.discard)
        for action in afterwards.actions:
            self._aside.submit(_carry_out, action)


def _store(deliveries: Sequence[Delivery]) -> tuple[list[Outcome], events.Afterwards]:
    """In the writer's thread."""
    if connection.connection is not None and connection.connection.closed:
        connection.close()
    with events.collecting() as afterwards:
        try:
            outcomes = pipeline.store(deliveries, at=timezone.now())
        except (OperationalError, InterfaceError):
            connection.close()  # the next batch opens a fresh one
            raise
    return outcomes, afterwards


def _give_back_connection() -> None:
    # A function, since `connection` means another one in each thread.
    connection.close()


def _carry_out(action: Callable[[], None]) -> None:
    try:
        action()
    except Exception:
        logger.exception("something to be done after a commit failed; a sweep will find it")


def _fail(future: asyncio.Future[Outcome], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
