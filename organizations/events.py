"""What follows a commit: open screens are told, bells are rung. Best effort, since rows are the truth.

Events go through the channel group of the organization; a screen that missed one catches up by fetching. Nothing here
waits longer than `PATIENCE_S` for Redis, and the ingest writer answers its clients first (`Afterwards`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

PATIENCE_S: Final = 1.0

Event = dict[str, Any]


@dataclass
class Afterwards:
    """What a transaction left to do, for somebody who wants to answer before doing it."""

    events: dict[UUID, list[Event]] = field(default_factory=dict)
    actions: list[Callable[[], None]] = field(default_factory=list)


_collector: ContextVar[Afterwards | None] = ContextVar("afterwards", default=None)


@contextmanager
def collecting() -> Iterator[Afterwards]:
    """Within this, committed events and actions are collected instead of carried out."""
    afterwards = Afterwards()
    token = _collector.set(afterwards)
    try:
        yield afterwards
    finally:
        _collector.reset(token)


@contextmanager
def bundling() -> Iterator[None]:
    """Around one transaction that moves much: once it has committed screens are told in one message for each
    organization, and then bells are rung.
    """
    with collecting() as afterwards:
        yield
    if afterwards.events:
        async_to_sync(send)(afterwards.events)
    for action in afterwards.actions:
        action()


def group_name(organization_id: UUID | str) -> str:
    """The channel group of an organization."""
    return f"organization.{organization_id!s}"


def publish(organization_id: UUID, event: Event) -> None:
    """Tell the organization's open screens once the transaction has committed. Call inside a transaction."""
    transaction.on_commit(lambda: _tell(organization_id, event), robust=True)


def afterwards(action: Callable[[], None]) -> None:
    """Do something once the transaction has committed; a sweep must catch up if it fails. Call inside a transaction."""
    transaction.on_commit(lambda: _do(action), robust=True)


def _tell(organization_id: UUID, event: Event) -> None:
    collector = _collector.get()
    if collector is None:
        async_to_sync(send)({organization_id: [event]})
    else:
        collector.events.setdefault(organization_id, []).append(event)


def _do(action: Callable[[], None]) -> None:
    collector = _collector.get()
    if collector is None:
        action()
    else:
        collector.actions.append(action)


async def send(batches: dict[UUID, list[Event]]) -> None:
    """Send committed events, one message per organization. Failing is logged, not raised."""
    layer = get_channel_layer()
    try:
        async with asyncio.timeout(PATIENCE_S):
            for organization_id, events in batches.items():
                await layer.group_send(
                    group_name(organization_id),
                    {"type": "live.events", "organization": str(organization_id), "events": events},
                )
    except (OSError, RedisError, TimeoutError) as error:
        logger.warning("live screens were not told: %s", error or type(error).__name__)
