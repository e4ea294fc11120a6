"""For caches: whose rows changed since I last looked? The change log knows, whoever changed them, in any process.

Note [Caches]. A cache that asks inside its transaction, after it has locked what it writes, is never stale: a change
that committed before is in the answer, and one that commits later happened after. Rows that the change log doesn't
follow (newest values, states) mustn't be cached.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

# As in changes.py: a row is written before its transaction commits.
_LONGEST_TRANSACTION: Final = timedelta(days=1)

_SINCE: Final = """
SELECT pg_current_snapshot()::text, clock_timestamp(), ARRAY(
  SELECT DISTINCT organization_id::text FROM organizations_change
  WHERE transaction >= pg_snapshot_xmin(%(seen)s::pg_snapshot)::text::bigint AND at >= %(from)s::timestamptz
    AND NOT pg_visible_in_snapshot(transaction::text::xid8, %(seen)s::pg_snapshot)
    AND entity = ANY (%(entities)s::text[]))
"""


class Feed:
    """What one cache has seen of the change log so far. Not shared between threads.

    `entities` are the kinds of rows that the cache holds, as the change log names them.
    """

    def __init__(self, entities: Sequence[str]) -> None:
        self._entities = list(entities)
        # Nothing is seen yet; the first answer is empty, as the cache is.
        self._seen: str | None = None
        self._at: datetime | None = None

    def ask(self, cursor: Any) -> None:
        """Send the question; `answer` takes it. Between the two other questions may be sent (pipeline mode)."""
        if self._seen is None or self._at is None:
            cursor.execute("SELECT pg_current_snapshot()::text, clock_timestamp(), '{}'::text[]")
        else:
            since = self._at - _LONGEST_TRANSACTION
            cursor.execute(_SINCE, {"seen": self._seen, "from": since, "entities": self._entities})

    def answer(self, cursor: Any) -> set[UUID]:
        """The organizations whose rows changed since the last answer; forget what you hold of them."""
        self._seen, self._at, organizations = cursor.fetchone()
        return {UUID(organization) for organization in organizations}
