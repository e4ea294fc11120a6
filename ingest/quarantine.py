"""Refused readings are kept, so that somebody can see what a gateway sends and why we don't believe it.

A broken gateway refuses to be quiet, so everything here has a bound: the same reading sent again only counts, a minute
has a budget for each organization, a payload is cut, and a sweep removes what is too old or too much.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from celery import shared_task
from django.conf import settings
from django.db import connection
from django.utils import timezone
from uuid_utils.compat import uuid7

from ingest.samples import cut
from organizations.models import LegalHold
from organizations.tenancy import acting_as_system

logger = logging.getLogger(__name__)

# Of a payload. A reading has a hundred bytes; what is longer is shown as the beginning of its text.
LONGEST_PAYLOAD: Final = 4096
# Lists and objects in it: a reading is one, and who shows it walks through them all.
MOST_NESTED: Final = 64
_LONGEST_NAME: Final = 64
SWEEP_AT_ONCE: Final = 5_000
# Batches of one sweep: it ends well within the task's time limit, and the next one goes on.
SWEEP_BATCHES: Final = 40


class Refused(NamedTuple):
    """One refused reading: whose, by which key and address, why, and the JSON of the reading as it was sent."""

    organization_id: UUID
    key_id: UUID | None
    format: str
    code: str
    detail: str
    payload: bytes


class _Claimed(NamedTuple):
    """What a payload says of itself, and the payload as PostgreSQL can store it."""

    serial: str
    channel: str
    recorded_at: datetime | None
    payload: str


_KEEP: Final = """
INSERT INTO ingest_quarantinedreading AS kept
  (id, organization_id, site_id, sensor_id, serial, channel, recorded_at, code, detail, format, payload, fingerprint,
   times, first_received_at, last_received_at, key_id, state)
SELECT new.id, new.organization_id, s.site_id, s.public_id, new.serial, new.channel, new.recorded_at, new.code,
       new.detail, new.format, new.payload, new.fingerprint, new.times, %s, %s, new.key_id, 'kept'
FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[],
            %s::text[], %s::jsonb[], %s::text[], %s::integer[])
  AS new (id, organization_id, key_id, serial, channel, recorded_at, code, detail, format, payload, fingerprint, times)
LEFT JOIN sensors_sensor s
  ON s.organization_id = new.organization_id AND s.serial = new.serial AND s.channel = new.channel
-- Two writers that refuse the same take turns.
ORDER BY new.organization_id, new.fingerprint
ON CONFLICT (organization_id, fingerprint) WHERE state = 'kept' DO UPDATE SET
  times = least(kept.times::bigint + excluded.times, 2147483647),
  last_received_at = greatest(kept.last_received_at, excluded.last_received_at),
  -- The sensor may have been claimed or moved since.
  site_id = excluded.site_id, sensor_id = excluded.sensor_id, key_id = excluded.key_id, detail = excluded.detail
"""


def keep(refused: Sequence[Refused], *, at: datetime) -> int:
    """Keep what was refused, of several organizations, in one statement; how many rows that makes or changes.

    What is kept already, same code and payload, counts one more time. `at` is when we received it. Beyond an
    organization's budget of the minute nothing is kept, only counted and logged. Call inside the transaction that
    stores the rest of the requests, last: it locks rows that others lock after their probes, too.
    """
    folded: dict[tuple[UUID, str], tuple[Refused, int]] = {}
    for one in _budget.admit(refused, at=at):
        key = (one.organization_id, _fingerprint(one))
        first, times = folded.get(key, (one, 0))
        folded[key] = (first, times + 1)
    if not folded:
        return 0
    ones = [one for one, _ in folded.values()]
    claims = [_claimed(one.payload) for one in ones]
    with connection.cursor() as cursor:
        cursor.execute(
            _KEEP,
            [
                *(at, at),
                [uuid7() for _ in ones],
                [one.organization_id for one in ones],
                [one.key_id for one in ones],
                [claim.serial for claim in claims],
                [claim.channel for claim in claims],
                [claim.recorded_at for claim in claims],
                [one.code for one in ones],
                [one.detail.replace("\0", "")[:500] for one in ones],
                [one.format for one in ones],
                [claim.payload for claim in claims],
                [fingerprint for _, fingerprint in folded],
                [times for _, times in folded.values()],
            ],
        )
        return int(cursor.rowcount)


def _fingerprint(one: Refused) -> str:
    digest = hashlib.sha256(f"{one.code}\n{one.format}\n".encode())
    digest.update(one.payload)
    return digest.hexdigest()


def _claimed(payload: bytes) -> _Claimed:
    reading, stored = _storable(payload)
    if not isinstance(reading, dict):
        return _Claimed("", "", None, stored)
    return _Claimed(*named(reading), _moment(reading.get("recorded_at")), stored)


def named(reading: Any) -> tuple[str, str]:
    """The serial and channel that a reading claims; empty where they can't be read."""
    if not isinstance(reading, dict):
        return "", ""
    channel = reading.get("channel")
    return _name(reading.get("sensor")), "0" if channel is None else _name(channel)


def _storable(payload: bytes) -> tuple[Any, str]:
    """What it says, and JSON that PostgreSQL takes: it knows no NUL in texts, and no number of any size."""
    value: Any = None
    try:
        value = msgspec.json.decode(payload)
        encoded = msgspec.json.encode(value)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        encoded = b""
    nested = encoded.count(b"[") + encoded.count(b"{") > MOST_NESTED
    if encoded and len(encoded) <= LONGEST_PAYLOAD and not nested and b"\\u0000" not in encoded:
        return value, encoded.decode()
    text = payload[:LONGEST_PAYLOAD].decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return value, msgspec.json.encode(text).decode()


def _name(value: object) -> str:
    readable = isinstance(value, str) and len(value) <= _LONGEST_NAME and "\0" not in value
    return str(value) if readable else ""


def _moment(value: object) -> datetime | None:
    try:
        moment = msgspec.convert(value, datetime)
        return None if moment.tzinfo is None else cut(moment)
    except (msgspec.ValidationError, OverflowError):
        return None


class _Budget:
    """How much each organization may fill in a minute, counted in this process alone: it costs no round trip."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minute = 0
        self._counts: dict[UUID, int] = {}

    def admit(self, refused: Iterable[Refused], *, at: datetime) -> list[Refused]:
        """Those within the budget. Going beyond it is logged at once, and how far when the minute is over."""
        admitted, most = [], settings.QUARANTINE_A_MINUTE
        with self._lock:
            minute = int(at.timestamp() // 60)
            if minute != self._minute:
                self._tell(most)
                self._minute, self._counts = minute, {}
            for one in refused:
                count = self._counts[one.organization_id] = self._counts.get(one.organization_id, 0) + 1
                if count <= most:
                    admitted.append(one)
                elif count == most + 1:
                    logger.warning(
                        "organization %s: over %s refused readings in a minute; more are not kept",
                        one.organization_id,
                        most,
                    )
        return admitted

    def _tell(self, most: int) -> None:
        for organization_id, count in self._counts.items():
            if count > most:
                logger.warning(
                    "organization %s: %s refused readings of a minute were not kept", organization_id, count - most
                )


_budget = _Budget()


# --- what is too old or too much ---------------------------------------------------------------------------------

_TOO_MUCH: Final = """
SELECT organization_id, greatest(count(*) - %s, 0) AS excess, min(last_received_at) < %s AS old
FROM ingest_quarantinedreading GROUP BY organization_id
HAVING count(*) > %s OR min(last_received_at) < %s ORDER BY organization_id
"""

# Rows that a writer is just counting up aren't old: they are left out instead of waited for.
_REMOVE: Final = """
DELETE FROM ingest_quarantinedreading WHERE id IN (
  SELECT id FROM ingest_quarantinedreading WHERE organization_id = %s {which} LIMIT %s FOR UPDATE SKIP LOCKED)
"""
_REMOVE_OLD: Final = _REMOVE.format(which="AND last_received_at < %s")
# What somebody decided has done its duty; then the oldest.
_REMOVE_EXCESS: Final = _REMOVE.format(which="ORDER BY state = 'kept', last_received_at, id")


def sweep(*, at: datetime, at_once: int = SWEEP_AT_ONCE, batches: int = SWEEP_BATCHES) -> int:
    """Remove what is older than QUARANTINE_DAYS and what is beyond QUARANTINE_KEPT of an organization; how many.

    A legal hold stops the former. The latter it can't stop: a broken gateway would fill the disk. Each of at most
    `batches` is a transaction of its own that removes `at_once`, so it may be interrupted and repeated.
    """
    removed, oldest = 0, at - timedelta(days=settings.QUARANTINE_DAYS)
    with acting_as_system("sweep"):
        held = set(LegalHold.objects.filter(lifted_at=None).values_list("organization_id", flat=True))
        with connection.cursor() as cursor:
            cursor.execute(_TOO_MUCH, [settings.QUARANTINE_KEPT, oldest, settings.QUARANTINE_KEPT, oldest])
            found = cursor.fetchall()
    for organization_id, excess, old in found:
        if old and organization_id not in held:
            went, batches = _remove(_REMOVE_OLD, [organization_id, oldest], None, at_once=at_once, batches=batches)
            removed, excess = removed + went, excess - went
        if excess > 0:
            went, batches = _remove(_REMOVE_EXCESS, [organization_id], excess, at_once=at_once, batches=batches)
            removed += went
    return removed


def _remove(statement: str, parameters: list[Any], most: int | None, *, at_once: int, batches: int) -> tuple[int, int]:
    """Batch by batch; how many rows went, and how many batches are left."""
    removed = 0
    while batches:
        size = at_once if most is None else min(at_once, most - removed)
        if not size:
            break
        with acting_as_system("sweep"), connection.cursor() as cursor:
            cursor.execute(statement, [*parameters, size])
            went = cursor.rowcount
        removed, batches = removed + went, batches - 1
        if went < size:
            break
    return removed, batches


@shared_task(name="ingest.sweep_quarantine")
def sweep_quarantine() -> int:
    """Refused readings that are too old or too many. Safe to run twice."""
    removed = sweep(at=timezone.now())
    if removed:
        logger.info("removed %s refused readings that were too old or too many", removed)
    return removed
