"""What PostgreSQL is asked: whose turn it is, and what became of it (Note [Rows are the queue])."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from uuid_utils.compat import uuid4

from notifications.channels import Parcel
from notifications.models import Outcome, Urgency

# Renewed every third of it by whoever carries; if it vanishes the next one waits no longer than this.
LEASE: Final = timedelta(seconds=30)
# Whoever's sender vanished so often kills its senders.
MOST_LOST: Final = 20

_LENGTH: Final = f"{LEASE.total_seconds()} s"

_CLAIM: Final = """
WITH due AS (
  SELECT notification_id, lease IS NOT NULL AS lost FROM notifications_outboxentry
  WHERE urgency = %(urgency)s AND due_at <= clock_timestamp()
  ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
UPDATE notifications_outboxentry entry
SET lease = %(lease)s, due_at = clock_timestamp() + %(length)s::interval, attempts = entry.attempts + 1
FROM due JOIN notifications_notification n ON n.id = due.notification_id
WHERE entry.notification_id = due.notification_id
RETURNING n.id, n.organization_id, n.channel, n."to", n.event, n.about, n.subject, n.text, n.html, entry.attempts,
  n.user_id, n.severity, n.confidential, n.extra, due.lost, n.site_id, n.created_at, n.contact_id
"""

_RENEW: Final = """
UPDATE notifications_outboxentry SET due_at = clock_timestamp() + %(length)s::interval
WHERE lease = %(lease)s AND notification_id = ANY(%(ids)s)
"""

# Only what is still ours: if the lease ended meanwhile another sender answers for the message now.
_DONE: Final = """
WITH ours AS (
  DELETE FROM notifications_outboxentry WHERE lease = %(lease)s AND notification_id = ANY(%(ids)s)
  RETURNING notification_id, attempts
)
UPDATE notifications_notification n
-- The provider's webhook may be quicker than its yes was: what it said later counts.
SET status = CASE WHEN told.status = 'sent' AND n.status IN ('delivered', 'dead') THEN n.status ELSE told.status END,
  last_error = CASE WHEN told.status = 'sent' AND n.status = 'dead' THEN n.last_error ELSE told.error END,
  attempts = ours.attempts, provider_id = told.provider_id,
  sent_at = CASE WHEN told.status = 'sent' THEN clock_timestamp() ELSE n.sent_at END
FROM ours JOIN unnest(%(ids)s::uuid[], %(statuses)s::text[], %(errors)s::text[], %(provider_ids)s::text[])
  AS told (id, status, error, provider_id) ON told.id = ours.notification_id
WHERE n.id = ours.notification_id
RETURNING n.id, n.event, n.confidential, n.status
"""

_LATER: Final = """
WITH ours AS (
  UPDATE notifications_outboxentry entry SET lease = NULL, due_at = clock_timestamp() + told.wait
  FROM unnest(%(ids)s::uuid[], %(waits)s::interval[]) AS told (id, wait)
  WHERE entry.notification_id = told.id AND entry.lease = %(lease)s
  RETURNING entry.notification_id, entry.attempts, entry.due_at
)
UPDATE notifications_notification n
SET status = 'failed', attempts = ours.attempts, next_attempt_at = ours.due_at, last_error = told.error
FROM ours JOIN unnest(%(ids)s::uuid[], %(errors)s::text[]) AS told (id, error) ON told.id = ours.notification_id
WHERE n.id = ours.notification_id
"""

_ATTEMPTS: Final = """
INSERT INTO notifications_attempt
  (notification_id, organization_id, site_id, number, at, duration_ms, channel, provider, outcome, code, detail,
   provider_id)
SELECT * FROM unnest(%(ids)s::uuid[], %(organizations)s::uuid[], %(sites)s::uuid[], %(numbers)s::int[],
  %(at)s::timestamptz[], %(durations)s::int[], %(channels)s::text[], %(providers)s::text[], %(outcomes)s::text[],
  %(codes)s::text[], %(details)s::text[], %(provider_ids)s::text[])
"""

# A secret has arrived, or will never: whoever reads the database afterwards finds none.
_WIPE: Final = "UPDATE notifications_notification SET subject = '', text = '', html = '' WHERE id = ANY(%(ids)s)"

# Parts of a summary weren't sent by themselves: they share what became of it.
_PARTS: Final = """
UPDATE notifications_notification part
SET status = whole.status, sent_at = whole.sent_at, last_error = whole.last_error, attempts = whole.attempts
FROM notifications_notification whole WHERE part.summary_id = whole.id AND whole.id = ANY(%(ids)s)
"""

_LOST: Final = "UPDATE notifications_notification SET maybe_twice = true WHERE id = ANY(%(ids)s)"

_DUE: Final = """
SELECT urgency FROM unnest(%(urgencies)s::int[]) AS urgency WHERE EXISTS (
  SELECT FROM notifications_outboxentry entry WHERE entry.urgency = urgency.urgency AND due_at <= clock_timestamp())
ORDER BY urgency
"""

SUMMARY: Final = "summary"


class Claimed(NamedTuple):
    """A message that is ours to hand over."""

    parcel: Parcel
    lost: bool
    site_id: UUID | None
    created_at: datetime
    contact_id: UUID | None


@dataclass(frozen=True)
class Claim:
    """Messages under one lease."""

    lease: UUID
    messages: list[Claimed]


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one attempt. `wait`: until the next one; None: there will be none."""

    claimed: Claimed
    outcome: Outcome
    at: datetime
    duration_ms: int
    provider: str
    provider_id: str = ""
    code: str = ""
    error: str = ""
    wait: timedelta | None = None
    bad_address: bool = False


def claim(*, urgency: int, most: int) -> Claim:
    """Up to `most` messages that are due, the longest due first. Opens its own transaction in the system's scope."""
    lease = uuid4()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            _CLAIM, {"urgency": urgency, "most": most, "lease": lease, "length": f"{LEASE.total_seconds()} s"}
        )
        messages = [_claimed(row) for row in cursor.fetchall()]
        lost = [message for message in messages if message.lost]
        if lost:
            cursor.execute(_LOST, {"ids": [message.parcel.id for message in lost]})
            _insert_attempts(cursor, [_vanished(message) for message in lost])
    return Claim(lease, messages)


def renew(*, lease: UUID, ids: Collection[UUID]) -> None:
    """Still carrying these. Call within LEASE of the last time."""
    with connection.cursor() as cursor:
        cursor.execute(_RENEW, {"lease": lease, "ids": list(ids), "length": _LENGTH})


def settle(*, lease: UUID, tried: Sequence[Tried]) -> None:
    """Write down what became of attempts: five statements at most, however many. Opens its own transaction."""
    done = [one for one in tried if one.wait is None]
    later = [one for one in tried if one.wait is not None]
    with transaction.atomic(), connection.cursor() as cursor:
        if done:
            _settle_done(cursor, lease, done)
        if later:
            cursor.execute(
                _LATER,
                {
                    "lease": lease,
                    "ids": [one.claimed.parcel.id for one in later],
                    "waits": [one.wait for one in later],
                    "errors": [one.error for one in later],
                },
            )
        _insert_attempts(cursor, tried)


def due() -> list[int]:
    """Urgencies of which something is due, the most urgent first."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"urgencies": list(Urgency.values)})
        return [urgency for (urgency,) in cursor.fetchall()]


def _settle_done(cursor: Any, lease: UUID, done: Sequence[Tried]) -> None:
    cursor.execute(
        _DONE,
        {
            "lease": lease,
            "ids": [one.claimed.parcel.id for one in done],
            "statuses": ["sent" if one.outcome == Outcome.SENT else "dead" for one in done],
            "errors": [one.error for one in done],
            "provider_ids": [one.provider_id for one in done],
        },
    )
    settled = cursor.fetchall()
    secret = [key for key, _, confidential, _ in settled if confidential]
    if secret:
        cursor.execute(_WIPE, {"ids": secret})
    summaries = [key for key, event, _, _ in settled if event == SUMMARY]
    if summaries:
        cursor.execute(_PARTS, {"ids": summaries})


def _insert_attempts(cursor: Any, tried: Sequence[Tried]) -> None:
    parcels = [one.claimed.parcel for one in tried]
    cursor.execute(
        _ATTEMPTS,
        {
            "ids": [parcel.id for parcel in parcels],
            "organizations": [parcel.organization_id for parcel in parcels],
            "sites": [one.claimed.site_id for one in tried],
            "numbers": [parcel.attempt for parcel in parcels],
            "at": [one.at for one in tried],
            "durations": [one.duration_ms for one in tried],
            "channels": [parcel.channel for parcel in parcels],
            "providers": [one.provider for one in tried],
            "outcomes": [one.outcome.value for one in tried],
            "codes": [one.code[:32] for one in tried],
            "details": [one.error[:2000] for one in tried],
            "provider_ids": [one.provider_id[:200] for one in tried],
        },
    )


def _claimed(row: Sequence[Any]) -> Claimed:
    key, organization, channel, to, event, about, subject, text, html, attempt, *rest = row
    user, severity, confidential, extra, lost, site_id, created_at, contact_id = rest
    words = (subject, text, html)
    # Django leaves JSON as text where no field asks for it.
    rest_of = (user, severity, confidential, json.loads(extra))
    parcel = Parcel(key, organization, channel, to, event, about, *words, attempt, *rest_of)
    return Claimed(parcel, lost, site_id, created_at, contact_id)


def _vanished(message: Claimed) -> Tried:
    parcel = message.parcel
    # The attempt before this one: whoever made it never told how it ended.
    former = message._replace(parcel=replace(parcel, attempt=parcel.attempt - 1))
    return Tried(former, Outcome.LOST, message.created_at, 0, "", error="The sender vanished; it may have arrived.")
