"""Shown and kept are two things: the plan limits what is shown, the law what is deleted (docs/retention.md).

A month of readings goes as a whole, and only when everybody who measured in it has kept it for as long as they must,
nobody holds it, it is summed up, and an archive has it. The database checks that again by itself before it drops
(freshtrack_retire_drop in sensors/migrations/0007_partitions.py); the archives are asked here.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from celery import shared_task
from django.conf import settings
from django.db import connection
from django.db.models import Max
from django.utils import timezone
from django.utils.module_loading import import_string

from organizations.models import LegalHold, Organization
from organizations.tenancy import acting_as_system
from sensors import partitions

logger = logging.getLogger(__name__)

# What no organization can fall below: a constraint of the database (organization_keeps_three_years).
LEAST_YEARS: Final = 3
# Counting a month of a hundred million readings takes minutes. Nobody waits for it.
SOFT_LIMIT_S: Final = 1800
# For the locks at both ends of it.
PATIENCE_S: Final = 20.0

# Why a month stays, in words for staff.
WORDS: Final = {
    "kept": "must be kept",
    "held": "legal hold",
    "unknown": "has readings of an unknown organization",
    "arrivals": "has hours that aren't summed up yet",
    "unsummed": "isn't summed up",
    "unarchived": "isn't archived",
    "written": "was written into meanwhile",
    "uncounted": "wasn't counted",
}


def shown_from(organization: Organization, *, at: datetime) -> datetime | None:
    """The moment before which the organization's plan hides readings; None: nothing is hidden.

    Hidden readings stay where they are, so a larger plan shows them again at once.
    """
    if organization.history_days is None:
        return None
    return at - timedelta(days=organization.history_days)


class Verdict(NamedTuple):
    """What becomes of a month of readings. None: wasn't looked at, since the month stays anyway."""

    month: partitions.Month
    kept_until: datetime  # of those who measured in it, who keeps it longest; at least three years
    organizations: int | None
    holds: int | None
    summed: bool | None
    archived: bool | None
    obstacle: str  # a key of WORDS; empty: it may go

    @property
    def words(self) -> str:
        """The verdict in words."""
        return WORDS[self.obstacle] if self.obstacle else "may go"


class Gone(NamedTuple):
    """A month that was dropped."""

    month: date
    rows: int
    sha256: str


@shared_task(name="sensors.retire_partitions", soft_time_limit=SOFT_LIMIT_S, time_limit=SOFT_LIMIT_S + 60)
def retire_partitions() -> int:
    """Drop months of readings whose time is over. Returns how many. Safe to run twice, late, or after a crash."""
    return len(retire(at=timezone.now()))


def retire(*, at: datetime) -> list[Gone]:
    """Drop every month of readings that may go; hours and days stay. Opens its own transactions. Repeatable.

    For each organization the audit trail then says how many readings went, and their SHA-256.
    """
    gone = []
    for month in partitions.months():
        if judge(month, at=at).obstacle:
            continue
        try:
            found = _drop(month)
        except partitions.Busy as reason:
            logger.warning("%s stays for now: %s", month.name, reason)
            continue
        if isinstance(found, Gone):
            logger.info("dropped the readings of %s: %s rows, SHA-256 %s", month.name, found.rows, found.sha256)
            gone.append(found)
        else:
            logger.warning("%s stays: it %s", month.name, WORDS[found])
    return gone


def verdicts(*, at: datetime) -> Iterator[Verdict]:
    """What becomes of each month of readings, oldest first. Opens its own transactions."""
    for month in partitions.months():
        yield judge(month, at=at)


def judge(month: partitions.Month, *, at: datetime) -> Verdict:
    """Whether a month may go, as far as that can be told without counting it. Opens its own transactions."""
    with acting_as_system("sweep"):
        verdict = judge_inside(month, at=at)
    if verdict.obstacle:
        return verdict
    archived = is_archived(month.month)
    return verdict._replace(archived=archived, obstacle="" if archived else "unarchived")


def judge_inside(month: partitions.Month, *, at: datetime) -> Verdict:
    """The same, without asking the archives. Call inside a system transaction.

    Looks into months only that could be over: it costs a look into the index for each sensor.
    """
    end = _end_of(month.month)
    least = _years_after(end, LEAST_YEARS)
    if least > at:
        return Verdict(month, least, None, None, None, None, "kept")
    (numbers,) = _row("SELECT freshtrack_month_organizations(%s)", month.month)
    of_month = Organization.objects.filter(number__in=numbers)
    years = of_month.aggregate(most=Max("keep_years"))["most"] or LEAST_YEARS
    kept_until = _years_after(end, years)
    holds = LegalHold.objects.filter(organization__in=of_month, lifted_at=None).count()
    verdict = Verdict(month, kept_until, len(numbers), holds, None, None, "kept" if kept_until > at else "")
    if verdict.obstacle:
        return verdict
    (obstacle,) = _row("SELECT freshtrack_month_obstacle(%s, %s::integer[])", month.month, numbers)
    if obstacle:
        return verdict._replace(obstacle=obstacle, summed=False if obstacle == "arrivals" else None)
    (summed,) = _row("SELECT freshtrack_month_summed(%s)", month.month)
    return verdict._replace(summed=summed, obstacle="" if summed else "unsummed")


def is_archived(month: date) -> bool:
    """Whether every archive that there is says that it has the month; False if there is none."""
    archives = [import_string(path) for path in settings.READING_ARCHIVES]
    return bool(archives) and all(has(month) for has in archives)


def _drop(month: partitions.Month) -> Gone | str:
    """Count the month and drop it, if it is what was archived. Returns a key of WORDS if it stays."""
    gone: Gone | None = None
    _step("SELECT freshtrack_retire_begin(%s)", month.month)
    try:
        # It is noted from here on who writes into it, so the archives are asked again: what they have is what goes.
        obstacle = _count(month.month) if is_archived(month.month) else "unarchived"
        if obstacle is None:
            counted, obstacle = _step("SELECT gone::text, obstacle FROM freshtrack_retire_drop(%s)", month.month)
            gone = None if obstacle else _gone(month.month, json.loads(counted))
    finally:
        if gone is None:
            _step("SELECT freshtrack_retire_cancel(%s)", month.month)
    return gone or obstacle or ""


def _count(month: date) -> str | None:
    obstacle: str | None = _step("SELECT freshtrack_retire_count(%s)", month)[0]
    return obstacle


def _gone(month: date, counted: Sequence[dict[str, Any]]) -> Gone:
    lines = "".join(f"{one['number']} {one['rows']} {one['sha256']}\n" for one in counted)
    return Gone(month, sum(one["rows"] for one in counted), hashlib.sha256(lines.encode()).hexdigest())


def _step(query: str, month: date) -> tuple[Any, ...]:
    """In a transaction of its own, as soon as its locks are to be had. Raises partitions.Busy."""

    def step() -> tuple[Any, ...]:
        with acting_as_system("sweep"):
            return _row(query, month)

    return partitions.patiently(step, until=time.monotonic() + PATIENCE_S)


def _row(query: str, *parameters: Any) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        row: tuple[Any, ...] = cursor.fetchone()
    return row


def _end_of(month: date) -> datetime:
    return datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)


def _years_after(end: datetime, years: int) -> datetime:
    return end.replace(year=end.year + years)
