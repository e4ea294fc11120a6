"""Months of readings, of their hours and of the change log: made ahead, and made for what came without one.

A row whose month has no partition is stored in the default partition, so nothing is refused because beat stood still or
because somebody imports ten years. A task makes the missing months. A few strays move at once; many are copied beside
the table in short transactions and then take the default partition's place (sensors/migrations/0007_partitions.py,
docs/adr/0016-months.md). Whoever reads or writes meanwhile sees every row once and waits for no more than a moment.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeVar

import psycopg.errors
from celery import shared_task
from django.db import OperationalError, connection
from django.utils import timezone

from organizations.tenancy import acting_as_system

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

TABLES: Final = ("sensors_reading", "sensors_readinghour", "organizations_change")
# This month and the three after it: beat may stand still for a quarter before anything becomes a stray.
AHEAD: Final = 4
# What is told as missing: whoever watches has this long until strays come.
WARNING: Final = timedelta(days=7)
# So many strays move in one transaction: a tenth of a second.
FEW: Final = 10_000
# Pages of the default partition in one transaction of copying: about 20,000 readings, an eighth of a second.
BLOCKS: Final = 160
# Well below CELERY_TASK_SOFT_TIME_LIMIT; what is left is the next run's.
RUN_S: Final = 45.0
# After a lock wasn't to be had in 300 ms. Those who were held up meanwhile get through in between.
PAUSE_S: Final = 0.5


class Busy(Exception):
    """Somebody holds a lock for long: an export, a dump. The next run tries again."""


class Unfinished(Exception):
    """The time of a run is over; the next one goes on."""


@shared_task(name="sensors.make_partitions")
def make_partitions() -> int:
    """Make the months that come and those of strays. Returns how many. Safe to run twice, late, or after a crash."""
    until = time.monotonic() + RUN_S
    made = 0
    for table in TABLES:
        try:
            made += drain(table, until=until)
            # Not while many strays wait: each new month would have everybody wait while they are looked through.
            made += make_ahead(table, at=timezone.now(), until=until)
        except Busy as reason:
            logger.warning("%s", reason)
        except Unfinished as reason:
            logger.info("%s", reason)
    if made:
        logger.info("made %s partitions", made)
    return made


def make_ahead(table: str, *, at: datetime, until: float) -> int:
    """Partitions for this month and the next ones; returns how many were missing. Opens its own transactions.

    Raises Busy.
    """
    months = (_month(at, offset) for offset in range(AHEAD))
    return sum(_make(table, month, until) for month in months)


def drain(table: str, *, until: float) -> int:
    """Give the rows of the default partition their months; returns how many were made. Opens its own transactions.

    `until`: when to stop, by time.monotonic(). Repeatable: it goes on where it stopped. Raises Busy, Unfinished.
    """
    if not _call("SELECT freshtrack_drain_begin(%s::regclass, %s)", [table, FEW], until):
        _call("SELECT freshtrack_drain_end(%s::regclass)", [table], until)
        return sum(_make(table, month, until) for month in _stray_months(table))
    while not _call("SELECT freshtrack_drain_copy(%s::regclass, %s)", [table, BLOCKS], until):
        if time.monotonic() >= until:
            raise Unfinished(f"{table} is still being drained")
    made: int = _call("SELECT freshtrack_drain_switch(%s::regclass)", [table], until)
    _call("SELECT freshtrack_drain_end(%s::regclass)", [table], until)
    logger.info("drained the default partition of %s into %s months", table, made)
    return made


def _stray_months(table: str) -> list[date]:
    with acting_as_system("sweep"), connection.cursor() as cursor:
        cursor.execute("SELECT freshtrack_stray_months(%s::regclass, %s)", [table, FEW])
        return [month for (month,) in cursor.fetchall()]


def _make(table: str, month: date, until: float) -> int:
    made: int = _call("SELECT freshtrack_make_partitions(%s::regclass, %s, 1)", [table, month], until)
    return made


def _call(query: str, parameters: list[Any], until: float) -> Any:
    """A step in a transaction of its own."""

    def step() -> Any:
        with acting_as_system("sweep"), connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return cursor.fetchone()[0]

    return patiently(step, until=until)


def patiently(step: Callable[[], _T], *, until: float) -> _T:
    """Try until the locks are to be had that a step needs. The step opens its own transaction.

    Raises Busy when `until`, by time.monotonic(), is over.
    """
    while True:
        try:
            return step()
        except OperationalError as error:
            if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                raise
            if time.monotonic() + PAUSE_S >= until:
                raise Busy(f"a lock wasn't to be had: {str(error).splitlines()[0]}") from error
        time.sleep(PAUSE_S)


class Month(NamedTuple):
    """A partition of readings."""

    month: date
    name: str
    rows: int  # as PostgreSQL estimates it
    size: int  # bytes, indexes included


_MONTHS: Final = """
    SELECT to_date(right(c.relname, 7), 'YYYY_MM'), c.relname, greatest(c.reltuples, 0)::bigint,
           pg_total_relation_size(c.oid)
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = %s::regclass AND c.relname ~ '_[0-9]{4}_[0-9]{2}$'
    ORDER BY c.relname
"""


def months(table: str = "sensors_reading") -> list[Month]:
    """The partitions that are there, oldest first; not the default one. Needs no scope: it is about no customer."""
    with connection.cursor() as cursor:
        cursor.execute(_MONTHS, [table])
        return [Month(*row) for row in cursor.fetchall()]


def missing(*, at: datetime) -> list[str]:
    """Partitions that should be there by now and aren't, for now and for the next days. Needs no scope.

    What comes without one is stored all the same, in the default partition.
    """
    wanted = [
        f"{table}_{month:%Y_%m}" for table in TABLES for month in dict.fromkeys([_month(at), _month(at + WARNING)])
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relname = ANY (%s)",
            [wanted],
        )
        there = {name for (name,) in cursor.fetchall()}
    return [name for name in wanted if name not in there]


def strays() -> dict[str, int]:
    """How many rows wait for their month, by table, where there are any; counts up to FEW + 1.

    Call inside a system transaction.
    """
    found = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute("SELECT freshtrack_strays(%s::regclass, %s)", [table, FEW + 1])
            found[table] = cursor.fetchone()[0]
    return {table: count for table, count in found.items() if count}


def _month(at: datetime, offset: int = 0) -> date:
    """The first day of the month in UTC, some months on."""
    moment = at.astimezone(UTC)
    years, month = divmod(moment.month - 1 + offset, 12)
    return date(moment.year + years, month + 1, 1)
