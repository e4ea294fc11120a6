"""What waits for the next transaction: bounded, and shared fairly among organizations."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import Final, NamedTuple
from uuid import UUID

from django.conf import settings

from ingest.pipeline import Delivery, Outcome

# Of the queue, for one organization: whoever floods it meets its own limit before everybody's.
SHARE: Final = 0.5


class Busy(Exception):
    """The queue is full: come back in a moment."""


class Waiter(NamedTuple):
    """One request, and where its answer is awaited."""

    delivery: Delivery
    answer: asyncio.Future[Outcome]


class Waiting:
    """One line for each organization; they take turns. At most INGEST_QUEUE_READINGS readings in all."""

    def __init__(self) -> None:
        self._lines: OrderedDict[UUID, deque[Waiter]] = OrderedDict()
        self._of: dict[UUID, int] = {}
        self.readings = 0

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, waiter: Waiter) -> None:
        """Put a request into its organization's line.

        Raises Busy if the queue is full, or the organization's share of it.
        """
        organization_id, size = waiter.delivery.sender.organization_id, waiter.delivery.decoded.count
        most, own = settings.INGEST_QUEUE_READINGS, self._of.get(organization_id, 0)
        if self.readings + size > most or (own and own + size > most * SHARE):
            raise Busy
        self._lines.setdefault(organization_id, deque()).append(waiter)
        self._of[organization_id] = own + size
        self.readings += size

    def take(self, most: int) -> list[Waiter]:
        """The next requests, with about so many readings: one of each organization in turn."""
        taken: list[Waiter] = []
        size = 0
        while self._lines and size < most:
            organization_id, line = next(iter(self._lines.items()))
            waiter = line.popleft()
            count = waiter.delivery.decoded.count
            self._of[organization_id] -= count
            self.readings -= count
            size += count
            taken.append(waiter)
            if line:
                self._lines.move_to_end(organization_id)
            else:
                del self._lines[organization_id], self._of[organization_id]
        return taken
