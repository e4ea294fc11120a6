"""Hand claimed messages to their channels, side by side, and settle them as they come back."""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from notifications import addresses
from notifications.channels import Channel, NotNow, Refused, Send
from notifications.models import Outcome
from notifications.outbox import claiming
from notifications.outbox.claiming import LEASE, MOST_LOST, Claim, Claimed, Tried
from organizations.tenancy import acting_as_system

logger = logging.getLogger(__name__)

FIRST_RETRY_S: Final = 5.0
LONGEST_RETRY_S: Final = 900.0
# A provider may be away for a night: whoever is owed an alarm gets it late rather than never.
GIVE_UP_AFTER: Final = timedelta(hours=24)
FEWEST_ATTEMPTS: Final = 10
SETTLE_AT_ONCE: Final = 500
# Settled together, so that a thousand quick ones cost few transactions; a slow one waits no longer than this.
GATHER_S: Final = 0.02


def carry(claim: Claim, *, channels: Mapping[str, Channel]) -> int:
    """Hand over all of a claim; returns how many were sent. Every message is settled or left to its lease.

    Several threads a channel, none of which touches the database; this one settles and renews the lease.
    """
    waiting: dict[str, queue.SimpleQueue[Claimed]] = defaultdict(queue.SimpleQueue)
    outcomes: queue.SimpleQueue[Tried] = queue.SimpleQueue()
    for message in claim.messages:
        if message.lost and message.parcel.attempt > MOST_LOST:
            outcomes.put(_given_up(message))
        elif message.parcel.channel not in channels:
            outcomes.put(_refused_here(message))
        else:
            waiting[message.parcel.channel].put(message)
    threads = [
        threading.Thread(target=_carrier, args=(channels[name], parcels, outcomes), name=f"carrier-{name}", daemon=True)
        for name, parcels in waiting.items()
        for _ in range(min(channels[name].AT_ONCE, parcels.qsize()))
    ]
    for thread in threads:
        thread.start()
    return _settle_as_they_come(claim, outcomes)


def _settle_as_they_come(claim: Claim, outcomes: queue.SimpleQueue[Tried]) -> int:
    left = {message.parcel.id for message in claim.messages}
    sent, renewed = 0, time.monotonic()
    while left:
        some = _gather(outcomes, most=SETTLE_AT_ONCE, patience_s=LEASE.total_seconds() / 3)
        with acting_as_system("delivery"):
            if some:
                claiming.settle(lease=claim.lease, tried=some)
                _switch_off(some)
            left -= {one.claimed.parcel.id for one in some}
            if left and time.monotonic() - renewed > LEASE.total_seconds() / 3:
                claiming.renew(lease=claim.lease, ids=left)
                renewed = time.monotonic()
        sent += sum(one.outcome == Outcome.SENT for one in some)
    return sent


def _gather(outcomes: queue.SimpleQueue[Tried], *, most: int, patience_s: float) -> list[Tried]:
    """What has come back: the first is waited for, those after it for a moment."""
    some: list[Tried] = []
    wait_s = patience_s
    try:
        while len(some) < most:
            some.append(outcomes.get(timeout=wait_s))
            wait_s = GATHER_S if outcomes.empty() else 0.0
    except queue.Empty:
        pass
    return some


def _carrier(channel: Channel, parcels: queue.SimpleQueue[Claimed], outcomes: queue.SimpleQueue[Tried]) -> None:
    """One thread: a carrier of its own, message after message."""
    with channel.carrier() as send:
        while True:
            try:
                message = parcels.get_nowait()
            except queue.Empty:
                return
            outcomes.put(_tried(message, send, channel.PROVIDER))


def _tried(message: Claimed, send: Send, provider: str) -> Tried:
    at, began = datetime.now(UTC), time.monotonic()

    def told(outcome: Outcome, **more: Any) -> Tried:
        return Tried(message, outcome, at, int((time.monotonic() - began) * 1000), provider, **more)

    try:
        answer = send(message.parcel)
    except Refused as refusal:
        logger.warning("notification %s was refused", message.parcel.id)
        return told(Outcome.REFUSED, code=refusal.code, error=str(refusal)[:2000], bad_address=refusal.bad_address)
    except Exception as error:
        code, asked = (error.code, error.retry_after_s) if isinstance(error, NotNow) else ("", None)
        words = str(error) if isinstance(error, NotNow) else f"{type(error).__name__}: {error}"
        wait = pause(message, asked_s=asked)
        level = logging.ERROR if wait is None else logging.WARNING
        key, attempt = message.parcel.id, message.parcel.attempt
        logger.log(level, "notification %s failed, attempt %s: %s", key, attempt, code or type(error).__name__)
        return told(Outcome.FAILED, code=code, error=words[:2000], wait=wait)
    return told(Outcome.SENT, provider_id=answer.provider_id, code=answer.code)


def pause(message: Claimed, *, asked_s: float | None = None) -> timedelta | None:
    """How long until it is tried again: doubled each time, with jitter; None: it is given up.

    Given up a day after it was due at the earliest, and after ten attempts at least.
    """
    attempt = message.parcel.attempt
    if attempt >= FEWEST_ATTEMPTS and datetime.now(UTC) - message.created_at > GIVE_UP_AFTER:
        return None
    wait_s = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(attempt - 1, 16))
    # Jitter: after an outage not everybody comes at the same moment.
    wait_s *= random.uniform(0.8, 1.2)  # noqa: S311 (no secret)
    return timedelta(seconds=max(wait_s, asked_s or 0.0))


def _given_up(message: Claimed) -> Tried:
    words = f"Its sender vanished {message.parcel.attempt - 1} times: given up."
    return Tried(message, Outcome.FAILED, datetime.now(UTC), 0, "", error=words)


def _refused_here(message: Claimed) -> Tried:
    words = f"Nothing can be sent by {message.parcel.channel} here yet."
    return Tried(message, Outcome.REFUSED, datetime.now(UTC), 0, "", error=words)


def _switch_off(tried: Sequence[Tried]) -> None:
    """Addresses that the provider will never accept: their owners see why. Inside a system transaction."""
    for one in tried:
        if one.bad_address and one.claimed.contact_id is not None:
            addresses.switch_off(contact_id=one.claimed.contact_id, because=one.error, at=one.at)
