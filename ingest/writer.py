"""Group commit: what arrives while transactions are in flight goes into the next one, together.

No timer, so an idle server adds no latency; the busier it is, the more requests share one commit. Two transactions may
be in flight: one is made ready while PostgreSQL works on the other. Nobody is answered before the commit. A batch that
fails is split until the poison is alone, so one bad request costs nobody else anything.
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
# Transactions in flight: more would only wait for each other.
WRITERS: Final = 2
# Times that a statement is executed before it is prepared; after that PostgreSQL needn't plan it any more.
_PREPARED_AFTER: Final = 3


class Busy(Exception):
    """The queue is full: come back in a moment."""


class Unavailable(Exception):
    """The database doesn't answer. Nothing was stored."""


class Writer:
    """One a process, of the event loop that first uses it; speaks to the database in threads of its own."""

    def __init__(self) -> None:
        self._queue: deque[tuple[Delivery, asyncio.Future[Outcome]]] = deque()
        self._queued = 0
        self._working: set[asyncio.Task[None]] = set()
        self._idle = [ThreadPoolExecutor(1, thread_name_prefix=f"ingest-writer-{n}") for n in range(WRITERS)]
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="ingest-aside")
        self._following: set[asyncio.Task[None]] = set()

    async def write(self, delivery: Delivery) -> Outcome:
        """Store a request; returns after the commit.

        Raises Busy when the queue is full, Unavailable when the database doesn't answer: both store nothing.
        """
        size = delivery.decoded.count
        if self._queued + size > settings.INGEST_QUEUE_READINGS:
            raise Busy
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.append((delivery, future))
        self._queued += size
        if self._idle:
            task = asyncio.create_task(self._work(self._idle.pop()))
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        return await future

    async def close(self) -> None:
        """Store what was taken in, then give the connection back. The door must be shut already."""
        while self._working:
            await asyncio.wait(self._working)
        loop = asyncio.get_running_loop()
        for executor in (*self._idle, self._aside):
            await loop.run_in_executor(executor, _give_back_connection)
            executor.shutdown()

    async def _work(self, thread: ThreadPoolExecutor) -> None:
        try:
            while self._queue:
                batch = self._take()
                await self._store(thread, [delivery for delivery, _ in batch], [future for _, future in batch])
        finally:
            self._idle.append(thread)

    def _take(self) -> list[tuple[Delivery, asyncio.Future[Outcome]]]:
        batch: list[tuple[Delivery, asyncio.Future[Outcome]]] = []
        size = 0
        while self._queue and (not batch or size < MOST_AT_ONCE):
            delivery, future = self._queue.popleft()
            count = delivery.decoded.count
            self._queued -= count
            size += count
            batch.append((delivery, future))
        return batch

    async def _store(
        self, thread: ThreadPoolExecutor, deliveries: Sequence[Delivery], futures: Sequence[asyncio.Future[Outcome]]
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            outcomes, afterwards = await loop.run_in_executor(thread, _store, deliveries)
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
            await self._store(thread, deliveries[:half], futures[:half])
            await self._store(thread, deliveries[half:], futures[half:])
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
    connection.ensure_connection()
    connection.connection.prepare_threshold = _PREPARED_AFTER if settings.DATABASE_PREPARES else None
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
