"""What PostgreSQL is asked: whose turn it is, and what became of it (Note [Rows are the queue])."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from django.db import connection
from uuid_utils.compat import uuid4

from freshtrack.rounds import Step, array_of, ask
from notifications.channels import Parcel
from notifications.models import Outcome, Urgency

# Renewed every third of it by whoever carries; if it vanishes the next one waits no longer than this.
LEASE: Final = timedelta(seconds=30)
# Whoever's sender vanished so often kills its senders.
MOST_LOST: Final = 20

_LENGTH: Final = f"{LEASE.total_seconds()} s"

# By their places, since they are locked: PostgreSQL would read all that waits to find a thousand again by their keys.
# `lost`: somebody else held a lease and didn't keep it; when it was last renewed, in seconds since 1970.
_CLAIM: Final = """
WITH due AS (
  SELECT ctid AS place, notification_id,
    CASE WHEN lease IS NOT NULL THEN extract(epoch FROM due_at - %(length)s::interval) END AS lost
  FROM notifications_outboxentry
  WHERE urgency = %(urgency)s AND due_at <= clock_timestamp() {but}
  ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
UPDATE notifications_outboxentry entry
SET lease = %(lease)s, due_at = clock_timestamp() + %(length)s::interval, attempts = entry.attempts + 1
FROM due JOIN notifications_notification n ON n.id = due.notification_id
WHERE entry.ctid = ANY (ARRAY(SELECT place FROM due)) AND entry.notification_id = due.notification_id
RETURNING n.id, n.organization_id, n.channel, n."to", n.event, n.about, n.subject, n.text, n.html, entry.attempts,
  n.user_id, n.severity, n.confidential, n.extra::text, due.lost::float8,
  extract(epoch FROM clock_timestamp() - n.created_at)::float8, n.contact_id
"""
# Looks at the rows of what waits, which are many: only while a channel is stuck.
_BUT: Final = """AND EXISTS (SELECT FROM notifications_notification n
    WHERE n.id = notification_id AND n.channel <> ALL(%(without)s))"""

_LOST: Final = """
WITH marked AS (
  UPDATE notifications_notification n SET maybe_twice = true
  FROM unnest(%(ids)s::uuid[], %(numbers)s::int[], %(at)s::float8[]) AS lost (id, number, at) WHERE n.id = lost.id
  RETURNING n.id, n.organization_id, n.site_id, n.channel, lost.number, lost.at
)
INSERT INTO notifications_attempt (notification_id, organization_id, site_id, number, at, duration_ms, channel,
  provider, outcome, code, detail, provider_id)
SELECT id, organization_id, site_id, number, to_timestamp(at), 0, channel,
  '', 'lost', '', 'The sender vanished; it may have arrived.', '' FROM marked
"""

_RENEW: Final = """
UPDATE notifications_outboxentry SET due_at = clock_timestamp() + %(length)s::interval
WHERE lease = %(lease)s AND notification_id = ANY(%(ids)s)
"""

_PUT_BACK: Final = """
UPDATE notifications_outboxentry SET lease = NULL, due_at = clock_timestamp(), attempts = attempts - 1
WHERE lease = %(lease)s AND notification_id = ANY(%(ids)s)
"""

# All of it in one statement: each step takes over what the one before it found, so nothing is looked up twice and a
# thousand cost one way to the database. Only what is still ours: if the lease ended, another answers for the message.
# `wait` in seconds, NULL: there will be no other attempt. `age`: how long ago it began, so that clocks don't matter.
_SETTLE: Final = """
WITH told AS (
  SELECT * FROM unnest($2::uuid[], $3::text[], $4::float8[], $5::float8[], $6::int[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::bool[])
    AS told (id, outcome, wait, age, duration, provider, code, error, provider_id, unheard)
), gone AS (
  DELETE FROM notifications_outboxentry entry USING told
  WHERE entry.notification_id = told.id AND entry.lease = $1::uuid AND told.wait IS NULL
  RETURNING told.*, entry.attempts, NULL::timestamptz AS due_at
), put_off AS (
  UPDATE notifications_outboxentry entry SET lease = NULL, due_at = clock_timestamp() + told.wait * interval '1 s'
  FROM told WHERE entry.notification_id = told.id AND entry.lease = $1::uuid AND told.wait IS NOT NULL
  RETURNING told.*, entry.attempts, entry.due_at
), ours AS (SELECT * FROM gone UNION ALL SELECT * FROM put_off),
settled AS (
  UPDATE notifications_notification n
  SET status = CASE
      WHEN ours.wait IS NOT NULL THEN 'failed'
      WHEN ours.outcome <> 'sent' THEN 'dead'
      -- The provider's webhook may be quicker than its yes was: what it said later counts.
      WHEN n.status IN ('delivered', 'dead') THEN n.status ELSE 'sent' END,
    last_error = CASE WHEN ours.outcome = 'sent' AND n.status = 'dead' THEN n.last_error ELSE ours.error END,
    attempts = ours.attempts, next_attempt_at = coalesce(ours.due_at, n.next_attempt_at),
    provider_id = CASE WHEN ours.wait IS NULL THEN ours.provider_id ELSE n.provider_id END,
    sent_at = CASE WHEN ours.outcome = 'sent' THEN clock_timestamp() ELSE n.sent_at END,
    maybe_twice = n.maybe_twice OR ours.unheard,
    -- A secret has arrived, or will never: whoever reads the database afterwards finds none.
    subject = CASE WHEN n.confidential AND ours.wait IS NULL THEN '' ELSE n.subject END,
    text = CASE WHEN n.confidential AND ours.wait IS NULL THEN '' ELSE n.text END,
    html = CASE WHEN n.confidential AND ours.wait IS NULL THEN '' ELSE n.html END
  FROM ours WHERE n.id = ours.id
  RETURNING ours.*, n.organization_id, n.site_id, n.channel, n.event, n.status, n.sent_at
), parts AS (
  -- Parts of a summary weren't sent by themselves: they share what became of it.
  UPDATE notifications_notification part
  SET status = whole.status, sent_at = whole.sent_at, last_error = whole.error, attempts = whole.attempts
  FROM settled whole WHERE whole.event = 'summary' AND whole.wait IS NULL AND part.summary_id = whole.id
)
INSERT INTO notifications_attempt (notification_id, organization_id, site_id, number, at, duration_ms, channel,
  provider, outcome, code, detail, provider_id)
SELECT id, organization_id, site_id, attempts, clock_timestamp() - age * interval '1 s', duration, channel,
  provider, outcome, code, error, provider_id FROM settled
"""

# In loops over the keys, planned without looking at them. The planner knows neither that one lease holds a thousand of
# the rows that wait nor that few of them are put off: it would read all that waits for each settlement, at forty
# thousand that wait four times the work of all the rest.
_BY_KEYS: Final = Step(
    "SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true)"
)

_DUE: Final = """
SELECT urgency FROM unnest(%(urgencies)s::int[]) AS urgency WHERE EXISTS (
  SELECT FROM notifications_outboxentry entry WHERE entry.urgency = urgency.urgency AND due_at <= clock_timestamp())
ORDER BY urgency
"""

SUMMARY: Final = "summary"


class Claimed(NamedTuple):
    """A message that is ours to hand over. `lost`: its last sender vanished. `age_s`: since it was promised."""

    parcel: Parcel
    lost: bool
    age_s: float
    contact_id: UUID | None


@dataclass(frozen=True)
class Claim:
    """Messages under one lease, asked for at this time of the monotonic clock."""

    lease: UUID
    messages: list[Claimed]
    at: float = field(default_factory=time.monotonic)


class Tried(NamedTuple):
    """What became of one attempt, which began at a time of the monotonic clock.

    `wait_s`: until the next one; None: there will be none.
    """

    claimed: Claimed
    outcome: Outcome
    began: float
    duration_ms: int
    provider: str
    provider_id: str = ""
    code: str = ""
    error: str = ""
    wait_s: float | None = None
    bad_address: bool = False
    # Handed over, and the answer never came: it may have arrived.
    unheard: bool = False


def claim(*, urgency: int, most: int, without: Collection[str] = ()) -> Claim:
    """Up to `most` messages that are due, the longest due first, of all channels but some. In a system transaction.

    Its commit has to reach the disk before anything is sent: a message that is sent under a claim which a crash undoes
    would be sent again unmarked. So `synchronous_commit` stays on, here and in `settle`, where off would save a
    millisecond for hundreds of messages and have a crash send all of the last half second again.
    """
    found = Claim(uuid4(), [])
    query = _CLAIM.format(but=_BUT if without else "")
    values = {"urgency": urgency, "most": most, "lease": found.lease, "length": _LENGTH, "without": list(without)}
    connection.ensure_connection()
    # Binary and bound by the server: half the work of what Django's cursor does with so many columns.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        rows = cursor.execute(query.encode(), values, binary=True).fetchall()
    lost = [(row[0], row[9] - 1, row[14]) for row in rows if row[14] is not None]
    if lost:
        ids, numbers, at = (list(column) for column in zip(*lost, strict=True))
        with connection.cursor() as cursor:
            cursor.execute(_LOST, {"ids": ids, "numbers": numbers, "at": at})
    found.messages.extend(map(_claimed, rows))
    return found


def renew(*, lease: UUID, ids: Collection[UUID]) -> int:
    """Still carrying these; returns how many of them are still ours. Call within LEASE of the last time."""
    with connection.cursor() as cursor:
        cursor.execute(_RENEW, {"lease": lease, "ids": list(ids), "length": _LENGTH})
        return int(cursor.rowcount)


def put_back(*, lease: UUID, ids: Collection[UUID]) -> None:
    """Nobody began to send these: they are due again at once, and it was no attempt."""
    with connection.cursor() as cursor:
        cursor.execute(_PUT_BACK, {"lease": lease, "ids": list(ids)})


def settling(*, lease: UUID, tried: Sequence[Tried]) -> list[Step]:
    """What writes down what became of attempts, however many. May be repeated: the second time nothing is ours."""
    now = time.monotonic()
    told = Step(
        _SETTLE,
        [
            str(lease),
            f"{{{','.join([str(one.claimed.parcel.id) for one in tried])}}}",
            f"{{{','.join([one.outcome for one in tried])}}}",
            f"{{{','.join(['NULL' if one.wait_s is None else repr(one.wait_s) for one in tried])}}}",
            f"{{{','.join([f'{now - one.began:.6f}' for one in tried])}}}",
            f"{{{','.join([str(one.duration_ms) for one in tried])}}}",
            array_of([one.provider for one in tried]),
            array_of([_plain(one.code, 32) for one in tried]),
            array_of([_plain(one.error, 2000) for one in tried]),
            array_of([_plain(one.provider_id, 200) for one in tried]),
            f"{{{','.join(['t' if one.unheard else 'f' for one in tried])}}}",
        ],
    )
    return [_BY_KEYS, told]


def settle(*, lease: UUID, tried: Sequence[Tried]) -> None:
    """Write down what became of attempts. In a system transaction."""
    ask(settling(lease=lease, tried=tried))


def due() -> list[int]:
    """Urgencies of which something is due, the most urgent first."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"urgencies": list(Urgency.values)})
        return [urgency for (urgency,) in cursor.fetchall()]


def _plain(words: str, most: int) -> str:
    """What a provider said, as PostgreSQL takes it: its answer must not keep us from writing down that it answered."""
    if not words:
        return ""
    return words.replace("\x00", "")[:most].encode(errors="replace").decode()


def _claimed(row: Sequence[Any]) -> Claimed:
    # The columns of _CLAIM begin with the fields of a Parcel, in their order.
    *parcel, extra, lost, age_s, contact_id = row
    parcel.append(json.loads(extra) if extra != "{}" else {})
    return Claimed(Parcel._make(parcel), lost is not None, age_s, contact_id)
