"""For caches: whose rows changed since I last looked? The change log knows, whoever changed them, in any process.

Note [Caches]. A cache that asks inside its transaction, after it has locked what it writes, is never stale: a change
that committed before is in the answer, and one that commits later happened after. What the transaction itself changed
is always in it: a snapshot of one's own can't tell before from after. Rows that the change log doesn't follow (newest
values, states) mustn't be cached.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from freshtrack.rounds import Row, Step

# As in changes.py: a row is written before its transaction commits, which takes a day at most.
_SINCE: Final = """
SELECT pg_current_snapshot()::text, clock_timestamp()::text, (
  SELECT string_agg(DISTINCT organization_id::text, ',') FROM organizations_change
  WHERE transaction >= pg_snapshot_xmin($1::pg_snapshot)::text::bigint AND at >= $2::timestamptz - interval '1 day'
    AND (NOT pg_visible_in_snapshot(transaction::text::xid8, $1::pg_snapshot)
      OR transaction = pg_current_xact_id_if_assigned()::text::bigint)
    AND entity = ANY ($3::text[]))
"""
_BEGINNING: Final = "SELECT pg_current_snapshot()::text, clock_timestamp()::text, NULL::text"


class Feed:
    """What one cache has seen of the change log so far. Not shared between threads.

    `entities` are the kinds of rows that the cache holds, as the change log names them.
    """

    def __init__(self, entities: Sequence[str]) -> None:
        self._entities = "{" + ",".join(entities) + "}"
        # Snapshot and time of the last answer. Nothing is seen yet; the first answer is empty, as the cache is.
        self._seen: tuple[str, str] | None = None

    def question(self) -> Step:
        """What to ask; `answer` takes what comes back."""
        return Step(_BEGINNING) if self._seen is None else Step(_SINCE, [*self._seen, self._entities])

    def answer(self, row: Row) -> set[UUID]:
        """The organizations whose rows changed since the last answer; forget what you hold of them."""
        snapshot, at, organizations = row
        self._seen = (snapshot, at)
        return {UUID(organization) for organization in organizations.split(",")} if organizations else set()
