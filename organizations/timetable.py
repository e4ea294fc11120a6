"""When beat rings: rows that are laid from settings.TIMETABLE, and then belong to staff.

A row that we lay carries a mark in its description: what it was when we laid it. As long as the row still is that, a
new release may change or remove it. Whatever staff changed, and whatever has no mark, is theirs and stays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django_celery_beat.models import IntervalSchedule, PeriodicTask

# Rows of releases that let beat write its timetable itself, without a mark.
BEFORE_MARKS: Final = frozenset(
    {
        *("deliver what was promised", "end overrides that expired", "tell of alerts that are due"),
        *("notice silent sensors", "alert of silence", "remove old refused readings", "sum readings up"),
        *("make partitions ahead", "drop readings that nobody must keep", "purge deleted organizations"),
        *("forget old answers", "heartbeat", "celery.backend_cleanup"),
    }
)
_MARK: Final = re.compile(r"\[laid ([0-9a-f]{12})\]")
_WORDS: Final = "Laid by FreshTrack. What you change here stays; switch it off instead of deleting it. [laid {}]"
# A bell that no worker heard for so long is worth nothing: the next one is there.
LEAST_EXPIRY_S: Final = 30
_UNITS: Final = (("days", 86_400), ("hours", 3600), ("minutes", 60), ("seconds", 1))


class Ring(NamedTuple):
    """What is rung, and how often."""

    task: str
    every_s: int
    args: str
    queue: str
    expires_s: int

    @property
    def mark(self) -> str:
        """The same for the same ring."""
        return sha256(json.dumps(self).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Laid:
    """Names of rows, by what became of them."""

    added: list[str]
    changed: list[str]
    removed: list[str]
    left: list[str]


def lay(timetable: Mapping[str, Mapping[str, Any]] | None = None) -> Laid:
    """Bring the rows up to settings.TIMETABLE; edited ones stay. Safe to run twice, or at once. Its own transaction."""
    wanted = {name: _wanted(**entry) for name, entry in (timetable or settings.TIMETABLE).items()}
    laid = Laid([], [], [], [])
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Two at once would add the same name twice.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('freshtrack timetable'))")
        rows = {row.name: row for row in PeriodicTask.objects.select_related("interval")}
        for name, ring in wanted.items():
            row = rows.get(name)
            if row is None:
                _write(PeriodicTask(name=name), ring)
                laid.added.append(name)
            elif _mark_of(row) != ring.mark and _is_ours(row):
                _write(row, ring)
                laid.changed.append(name)
            elif _ring_of(row) != ring:
                laid.left.append(name)
        for name in rows.keys() - wanted.keys():
            if _is_ours(rows[name]):
                rows[name].delete()
                laid.removed.append(name)
    return laid


def _wanted(
    *, task: str, schedule: timedelta, args: list[Any] | None = None, queue: str = "", expires_s: int = 0
) -> Ring:
    every_s = int(schedule.total_seconds())
    return Ring(task, every_s, json.dumps(args or []), queue, expires_s or max(LEAST_EXPIRY_S, every_s))


def _ring_of(row: PeriodicTask) -> Ring | None:
    """What the row says now; None: something that we never lay, such as a crontab."""
    if row.interval is None or row.kwargs not in ("", "{}") or row.one_off or row.expires:
        return None
    every_s = timedelta(**{row.interval.period: row.interval.every}).total_seconds()
    return Ring(row.task, int(every_s), row.args or "[]", row.queue or "", row.expire_seconds or 0)


def _mark_of(row: PeriodicTask) -> str:
    found = _MARK.search(row.description)
    return found[1] if found else ""


def _is_ours(row: PeriodicTask) -> bool:
    """Whether nobody touched it since we laid it, apart from switching it on or off."""
    mark, ring = _mark_of(row), _ring_of(row)
    if not mark:
        return row.name in BEFORE_MARKS and not row.description
    return ring is not None and ring.mark == mark


def _write(row: PeriodicTask, ring: Ring) -> None:
    period, size = next((period, size) for period, size in _UNITS if ring.every_s % size == 0)
    every = ring.every_s // size
    interval = IntervalSchedule.objects.filter(every=every, period=period).order_by("pk").first()
    row.interval = interval or IntervalSchedule.objects.create(every=every, period=period)
    row.crontab = row.solar = row.clocked = None
    row.task, row.args, row.kwargs = ring.task, ring.args, "{}"
    row.queue, row.expire_seconds = ring.queue or None, ring.expires_s
    row.description = _WORDS.format(ring.mark)
    row.save()
