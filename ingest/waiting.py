"""What waits for the next transaction: bounded, and shared fairly among organizations."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import Final, NamedTuple

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
        # By the organization's number: a UUID takes as long to hash as all the rest here.
        self._lines: OrderedDict[int, deque[Waiter]] = OrderedDict()
        self._of: dict[int, int] = {}
        self.readings = 0
        self._most = settings.INGEST_QUEUE_READINGS

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, waiter: Waiter) -> None:
        """Put a request into its organization's line.

        Raises Busy if the queue is full, or the organization's share of it.
        """
        number, size = waiter.delivery.sender.number, waiter.delivery.decoded.count
        own = self._of.get(number, 0)
        if self.readings + size > self._most or (own and own + size > self._most * SHARE):
            raise Busy
        line = self._lines.get(number)
        if line is None:
            line = self._lines[number] = deque()
        line.append(waiter)
        self._of[number] = own + size
        self.readings += size

    def take(self, most: int) -> list[Waiter]:
        """The next requests, with about so many readings: one of each organization in turn."""
        taken: list[Waiter] = []
        size = 0
        while self._lines and size < most:
            number, line = next(iter(self._lines.items()))
            waiter = line.popleft()
            count = waiter.delivery.decoded.count
            self._of[number] -= count
            self.readings -= count
            size += count
            taken.append(waiter)
            if line:
                self._lines.move_to_end(number)
            else:
                del self._lines[number], self._of[number]
        return taken
