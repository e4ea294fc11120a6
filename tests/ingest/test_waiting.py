"""Who waits for the next transaction, how many may, and in which order they are taken."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from ingest.authentication import Sender
from ingest.pipeline import Delivery
from ingest.samples import Decoded, Rejection
from ingest.waiting import Busy, Waiter, Waiting

ONE, OTHER, THIRD = ORGANIZATIONS = uuid4(), uuid4(), uuid4()


@pytest.fixture(autouse=True)
def small_queue(settings: Any) -> None:
    settings.INGEST_QUEUE_READINGS = 100


def waiter(organization_id: UUID, readings: int) -> Waiter:
    decoded = Decoded(rejected=[Rejection(index, "invalid", "") for index in range(readings)])
    loop = asyncio.new_event_loop()
    try:
        sender = Sender(organization_id, ORGANIZATIONS.index(organization_id), True)
        return Waiter(Delivery(sender, decoded), loop.create_future())
    finally:
        loop.close()


def taken(waiting: Waiting, most: int) -> list[tuple[UUID, int]]:
    return [(w.delivery.sender.organization_id, w.delivery.decoded.count) for w in waiting.take(most)]


def test_organizations_take_turns_whoever_came_first() -> None:
    waiting = Waiting()
    for organization_id, size in ((ONE, 10), (ONE, 11), (ONE, 12), (OTHER, 1), (THIRD, 2)):
        waiting.add(waiter(organization_id, size))
    assert taken(waiting, 25) == [(ONE, 10), (OTHER, 1), (THIRD, 2), (ONE, 11), (ONE, 12)]
    assert (bool(waiting), waiting.readings) == (False, 0)


def test_a_batch_ends_when_it_is_large_enough_and_never_takes_half_a_request() -> None:
    waiting = Waiting()
    for _ in range(3):
        waiting.add(waiter(ONE, 15))
    assert taken(waiting, 20) == [(ONE, 15), (ONE, 15)]
    assert (bool(waiting), waiting.readings) == (True, 15)
    assert taken(waiting, 1) == [(ONE, 15)]


def test_nobody_gets_more_than_half_and_everybody_together_no_more_than_all() -> None:
    waiting = Waiting()
    waiting.add(waiter(ONE, 40))
    with pytest.raises(Busy):
        waiting.add(waiter(ONE, 11))
    waiting.add(waiter(ONE, 10))
    waiting.add(waiter(OTHER, 45))
    with pytest.raises(Busy):
        waiting.add(waiter(THIRD, 6))
    waiting.add(waiter(THIRD, 5))
    assert waiting.readings == 100


def test_a_request_larger_than_a_share_is_taken_from_whoever_has_nothing_waiting() -> None:
    waiting = Waiting()
    waiting.add(waiter(ONE, 80))
    with pytest.raises(Busy):
        waiting.add(waiter(ONE, 1))


def test_what_was_taken_makes_room() -> None:
    waiting = Waiting()
    waiting.add(waiter(ONE, 50))
    waiting.take(1)
    waiting.add(waiter(ONE, 50))
    assert waiting.readings == 50
