"""Group commit: what arrives while transactions are in flight goes into the next one, together.

No timer, so an idle server adds no latency; the busier it is, the more requests share one commit. Two transactions may
be in flight: one is made ready while PostgreSQL works on the other. Nobody is answered before the commit. A batch that
fails is split until the poison is alone, so one bad request costs nobody else anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from weakref import WeakSet

import psycopg
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from psycopg.errors import DeadlockDetected

from ingest import pipeline
from ingest.pipeline import Delivery, Outcome
from ingest.waiting import Waiter, Waiting
from organizations import events

logger = logging.getLogger(__name__)

# Readings in one transaction: beyond this a bigger batch gains nothing and everybody waits longer.
MOST_AT_ONCE: Final = 5_000
# Transactions in flight: more would only wait for each other. A second one begins only when so many readings wait:
# lone readings share a transaction's fixed costs better than they share two.
WRITERS: Final = 2
WORTH_ANOTHER: Final = 1_000
# Times that a statement is executed before it is prepared; after that PostgreSQL needn't plan it any more.
_PREPARED_AFTER: Final = 3


class Unavailable(Exception):
    """The database doesn't answer. Nothing was stored."""


class Writer:
    """One a process, of the event loop that first uses it; speaks to the database in threads of its own."""

    def __init__(self) -> None:
        self._waiting = Waiting()
        self._working: set[asyncio.Task[None]] = set()
        self._idle = [ThreadPoolExecutor(1, thread_name_prefix=f"ingest-writer-{n}") for n in range(WRITERS)]
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="ingest-aside")
        self._following: set[asyncio.Task[None]] = set()

    async def write(self, delivery: Delivery) -> Outcome:
        """Store a request; returns after the commit.

        Raises Busy when the queue is full (or the organization's share of it), Unavailable when the database doesn't
        answer: both store nothing.
        """
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.add(Waiter(delivery, future))
        if self._may_begin():
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

    def _may_begin(self) -> bool:
        """Whether what waits is worth a transaction of its own, beside one that is in flight."""
        return len(self._idle) == WRITERS or (bool(self._idle) and self._waiting.readings >= WORTH_ANOTHER)

    async def _work(self, thread: ThreadPoolExecutor) -> None:
        while True:
            batch = self._waiting.take(MOST_AT_ONCE)
            try:
                await self._store(thread, [waiter.delivery for waiter in batch], [waiter.answer for waiter in batch])
            finally:
                self._idle.append(thread)
            if not self._waiting or not self._may_begin():
                return
            self._idle.remove(thread)

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
    _prepare_statements()
    with events.collecting() as afterwards:
        try:
            outcomes = _store_again_after_a_deadlock(deliveries)
        except (OperationalError, InterfaceError):
            connection.close()  # the next batch opens a fresh one
            raise
    return outcomes, afterwards


def _store_again_after_a_deadlock(deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Locks are taken in order, so there should be none; if a person's console makes one, it costs a second try."""
    try:
        return pipeline.store(deliveries, at=timezone.now())
    except OperationalError as error:
        if not isinstance(error.__cause__, DeadlockDetected):
            raise
        logger.warning("a batch met a deadlock and is stored again")
        return pipeline.store(deliveries, at=timezone.now())


# Connections of the writers, and whether their statements are prepared.
_prepared: Final[WeakSet[psycopg.Connection[Any]]] = WeakSet()


def _prepare_statements() -> None:
    """Have PostgreSQL keep the plans of our statements, unless a pooler may hand them to another session."""
    connection.ensure_connection()
    raw = connection.connection
    if not settings.DATABASE_PREPARES or raw in _prepared:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        # A pooler tells a number of its own as that of the session.
        is_direct = cursor.fetchone()[0] == raw.info.backend_pid
    if is_direct:
        raw.prepare_threshold = _PREPARED_AFTER
    _prepared.add(raw)


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
