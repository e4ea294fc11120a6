"""Hand claimed messages to their channels, side by side, and settle them as they come back."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import copy_context
from datetime import UTC, datetime
from itertools import islice
from typing import Final, NamedTuple

from django.db import DatabaseError, InterfaceError, OperationalError

from freshtrack import requests
from freshtrack.rounds import ask
from notifications import addresses
from notifications.channels import Channel, NotNow, Refused, Send
from notifications.models import Outcome
from notifications.outbox import claiming
from notifications.outbox.claiming import LEASE, MOST_LOST, Claim, Claimed, Tried
from organizations.tenancy import Origin, acting_as_system, opening_as_system

logger = logging.getLogger(__name__)

FIRST_RETRY_S: Final = 5.0
LONGEST_RETRY_S: Final = 900.0
# A provider may be away for a night: whoever is owed an alarm gets it late rather than never.
GIVE_UP_AFTER_S: Final = 24 * 3600.0
FEWEST_ATTEMPTS: Final = 10
SETTLE_AT_ONCE: Final = 1000
# Settled together, so that a thousand quick ones cost few transactions; a slow one waits no longer than this.
GATHER_S: Final = 0.02
LEASE_S: Final = LEASE.total_seconds()
RENEW_S: Final = LEASE_S / 3
# Begun so shortly before the lease ends it might be begun by the next one, too: the connection, a slow commit.
MARGIN_S: Final = 5.0
# What hasn't begun by then goes back, or the messages of a provider that hangs would hold up all the others.
BEGIN_WITHIN_S: Final = 5.0
# No provider thinks for so long: a channel that waits without a time-out mustn't hold its worker for ever.
WAIT_S: Final = 120.0
# The database is away, and the messages are sent: what became of them is worth waiting for. Below the task's limit.
SETTLE_WITHIN_S: Final = 600.0
SETTLE_AGAIN_S: Final = 0.25
# Told to end in the middle: what is on the line may come back, for this long.
LAST_WORDS_S: Final = 15.0
# Whoever's sender vanished so often may be what kills it: it is sent alone.
SUSPECT_AFTER: Final = 3


class Carried(NamedTuple):
    """How many were sent, and the channels of which some had to go back because none came through in time."""

    sent: int
    stuck: frozenset[str] = frozenset()


def carry(claim: Claim, *, channels: Mapping[str, Channel], begin_within_s: float = BEGIN_WITHIN_S) -> Carried:
    """Hand over all of a claim. Every message is settled, put back unsent, or left to its lease.

    Several threads a channel, none of which touches the database; this one settles and renews the lease.
    """
    trip = _Trip(claim, begin_within_s)
    sent, stuck = 0, set[str]()
    for some in _in_turn(claim.messages):
        got = trip.hand_over(some, channels)
        sent += got.sent
        stuck |= got.stuck
    return Carried(sent, frozenset(stuck))


def _in_turn(messages: Iterable[Claimed]) -> Iterator[list[Claimed]]:
    """All at once; then alone, and in any order, those that may kill whoever sends them.

    Otherwise such a message would take all that were claimed with it, again and again, until all were given up.
    """
    suspects: list[Claimed] = []
    others: list[Claimed] = []
    for message in messages:
        (suspects if message.lost and message.parcel.attempt > SUSPECT_AFTER else others).append(message)
    if others:
        yield others
    random.shuffle(suspects)
    yield from ([message] for message in suspects)


class _Basket:
    """What has come back: it stays in here until it is written down, whatever interrupts us."""

    def __init__(self) -> None:
        self.out = 0  # carriers on their way
        self._tried: deque[Tried] = deque()
        self._news, self._lock = threading.Event(), threading.Lock()

    def put(self, one: Tried) -> None:
        self._tried.append(one)
        if not self._news.is_set():
            self._news.set()

    def carriers_leave(self, count: int) -> None:
        with self._lock:
            self.out += count

    def carrier_ended(self) -> None:
        with self._lock:
            self.out -= 1
        self._news.set()

    def __bool__(self) -> bool:
        return bool(self._tried)

    def gathered(self, patience_s: float) -> list[Tried]:
        """What is in it: the first is waited for, those after it for a moment, so that they share a transaction."""
        wait_s = patience_s
        while self.out and len(self._tried) < SETTLE_AT_ONCE and self._news.wait(wait_s):
            self._news.clear()
            wait_s = GATHER_S if self._tried else patience_s
        # One step of the interpreter: nobody adds meanwhile.
        return list(islice(self._tried, SETTLE_AT_ONCE))

    def forget(self, count: int) -> None:
        """The first ones are written down."""
        for _ in range(count):
            self._tried.popleft()


class _Lane:
    """The messages of one channel, and the threads that carry them."""

    def __init__(self, channel: Channel, waiting: Sequence[Claimed], basket: _Basket) -> None:
        self.waiting = deque(waiting)
        self._channel, self._basket = channel, basket
        self._alive = min(channel.AT_ONCE, len(waiting))
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def start(self, may_begin: Callable[[], bool]) -> None:
        """They end when nothing waits, or nothing may be begun any more."""
        for _ in range(self._alive):
            # What they log carries the id of our job.
            run = copy_context().run
            thread = threading.Thread(target=run, args=(self._carry, may_begin), name="carrier", daemon=True)
            self._threads.append(thread)
        self._basket.carriers_leave(len(self._threads))
        for thread in self._threads:
            thread.start()

    def is_busy(self) -> bool:
        """Whether any of them is still at it."""
        return any(thread.is_alive() for thread in self._threads)

    def _carry(self, may_begin: Callable[[], bool]) -> None:
        """One thread: a carrier of its own, message after message. Says so when it ends, whatever happens."""
        held: Claimed | None = None
        broke: BaseException | None = None
        try:
            with self._channel.carrier() as send:
                while may_begin() and (held := self._next()) is not None:
                    requests.belong_to(held.parcel.organization_id)
                    self._basket.put(_tried(held, send, self._channel.PROVIDER))
                    held = None
        except BaseException as error:
            logger.exception("a carrier of %s broke down", self._channel.PROVIDER)
            broke = error
        with self._lock:
            self._alive -= 1
            is_last = not self._alive
        if broke is not None:
            failed = [held] if held is not None else []
            # Nobody is left who could carry the others.
            while is_last and may_begin() and (message := self._next()) is not None:
                failed.append(message)
            for message in failed:
                self._basket.put(_broken_down(message, broke, self._channel.PROVIDER))
        self._basket.carrier_ended()

    def _next(self) -> Claimed | None:
        try:
            return self.waiting.popleft()
        except IndexError:
            return None


class _Trip:
    """One claim on its way. Only the thread that made it touches the database."""

    def __init__(self, claim: Claim, begin_within_s: float) -> None:
        self._begin_within_s = begin_within_s
        self._lease = claim.lease
        self._left = {message.parcel.id for message in claim.messages}
        self._renewed = claim.at
        self._begin_before = 0.0
        self._is_ours = True

    def hand_over(self, messages: Sequence[Claimed], channels: Mapping[str, Channel]) -> Carried:
        """Those of the claim: returns when all are settled, put back, or left to their lease."""
        began = time.monotonic()
        self._begin_before = min(began + self._begin_within_s, self._renewed + LEASE_S - MARGIN_S)
        basket = _Basket()
        lanes = self._lanes(messages, channels, basket)
        sent, arrived = 0, set[str]()
        try:
            for lane in lanes.values():
                lane.start(self._may_begin)
            while basket.out or basket:
                some = basket.gathered(RENEW_S)
                self._settle(some)
                basket.forget(len(some))
                self._renew()
                sent += sum(one.outcome == Outcome.SENT for one in some)
                arrived.update(one.claimed.parcel.channel for one in some if one.outcome == Outcome.SENT)
                if time.monotonic() - began > WAIT_S:
                    logger.error("%s carriers don't come back: what they carry is left to its lease", basket.out)
                    break
        except BaseException:
            self._end_early(lanes, basket)
            raise
        unsent = self._put_back(lanes)
        return Carried(sent, frozenset(unsent - arrived))

    def _lanes(self, messages: Sequence[Claimed], channels: Mapping[str, Channel], basket: _Basket) -> dict[str, _Lane]:
        waiting: dict[str, list[Claimed]] = defaultdict(list)
        for message in messages:
            if message.lost and message.parcel.attempt > MOST_LOST:
                basket.put(_given_up(message))
            elif message.parcel.channel not in channels:
                basket.put(_refused_here(message))
            else:
                waiting[message.parcel.channel].append(message)
        return {name: _Lane(channels[name], some, basket) for name, some in waiting.items()}

    def _may_begin(self) -> bool:
        return self._is_ours and time.monotonic() < self._begin_before

    def _settle(self, some: Sequence[Tried]) -> None:
        """Write down what became of them. While the database is away it is tried again: they are sent, after all."""
        if not some:
            return
        since = time.monotonic()
        while True:
            try:
                with opening_as_system("delivery", origin=_ORIGIN) as steps:
                    ask([*steps, *claiming.settling(lease=self._lease, tried=some)])
                break
            except (OperationalError, InterfaceError) as error:
                if time.monotonic() - since > SETTLE_WITHIN_S:
                    raise
                logger.warning("what became of %s messages can't be written down yet: %s", len(some), error)
                time.sleep(SETTLE_AGAIN_S)
            except DatabaseError:
                if len(some) == 1:
                    logger.exception("notification %s can't be settled", some[0].claimed.parcel.id)
                    break
                # One of them is at fault: it mustn't keep the others from being settled.
                for one in some:
                    self._settle([one])
                return
        self._left.difference_update([one.claimed.parcel.id for one in some])
        _switch_off(some)

    def _renew(self) -> None:
        """Keep the lease on what is left. If it was lost, nothing more is begun."""
        now = time.monotonic()
        if not self._left or now - self._renewed < RENEW_S:
            return
        try:
            with acting_as_system("delivery"):
                kept = claiming.renew(lease=self._lease, ids=self._left)
        except (OperationalError, InterfaceError) as error:
            logger.warning("a lease can't be renewed: %s", error)
            return
        if kept < len(self._left):
            logger.error("others claimed %s messages that were being sent", len(self._left) - kept)
            self._is_ours = False
        self._renewed = now

    def _put_back(self, lanes: Mapping[str, _Lane]) -> set[str]:
        """What nobody began is due again, at once; returns the channels."""
        self._begin_before = 0.0
        unsent = {message.parcel.id: name for name, lane in lanes.items() for message in list(lane.waiting)}
        if unsent:
            try:
                with acting_as_system("delivery"):
                    claiming.put_back(lease=self._lease, ids=unsent.keys())
            except (OperationalError, InterfaceError) as error:
                logger.warning("%s messages are left to their lease: %s", len(unsent), error)
            self._left.difference_update(unsent)
        return set(unsent.values())

    def _end_early(self, lanes: Mapping[str, _Lane], basket: _Basket) -> None:
        """Told to end, or the database went for good: begin nothing more, settle what still comes back in time."""
        self._begin_before = 0.0
        until = time.monotonic() + LAST_WORDS_S
        while any(lane.is_busy() for lane in lanes.values()) and time.monotonic() < until:
            basket.gathered(GATHER_S)
        try:
            while some := basket.gathered(0.0):
                with acting_as_system("delivery"):
                    claiming.settle(lease=self._lease, tried=some)
                basket.forget(len(some))
        except DatabaseError:
            logger.exception("what was sent is left to its lease")
        self._put_back(lanes)


_ORIGIN: Final = Origin(via="delivery")


def _tried(message: Claimed, send: Send, provider: str) -> Tried:
    began = time.monotonic()
    try:
        answer = send(message.parcel)
        took_ms = int((time.monotonic() - began) * 1000)
        return Tried(message, Outcome.SENT, began, took_ms, provider, answer.provider_id, answer.code)
    except Refused as refusal:
        logger.warning("notification %s was refused", message.parcel.id)
        code, words, wait_s, is_bad = refusal.code, str(refusal), None, refusal.bad_address
        outcome, is_unheard = Outcome.REFUSED, False
    except Exception as error:
        code, asked_s = (error.code, error.retry_after_s) if isinstance(error, NotNow) else ("", None)
        words = str(error) if isinstance(error, NotNow) else f"{type(error).__name__}: {error}"
        outcome, wait_s, is_bad = Outcome.FAILED, pause(message, asked_s=asked_s), False
        is_unheard = isinstance(error, NotNow) and error.unheard
        level = logging.ERROR if wait_s is None else logging.WARNING
        key, attempt = message.parcel.id, message.parcel.attempt
        logger.log(level, "notification %s failed, attempt %s: %s", key, attempt, code or type(error).__name__)
    took_ms = int((time.monotonic() - began) * 1000)
    return Tried(message, outcome, began, took_ms, provider, "", code, words, wait_s, is_bad, is_unheard)


def pause(message: Claimed, *, asked_s: float | None = None) -> float | None:
    """Seconds until it is tried again: doubled each time, with jitter; None: it is given up.

    Given up a day after it was promised at the earliest, and after ten attempts at least.
    """
    attempt = message.parcel.attempt
    if attempt >= FEWEST_ATTEMPTS and message.age_s > GIVE_UP_AFTER_S:
        return None
    wait_s = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(attempt - 1, 16))
    # Jitter: after an outage not everybody comes at the same moment.
    wait_s *= random.uniform(0.8, 1.2)  # noqa: S311 (no secret)
    return max(wait_s, asked_s or 0.0)


def _broken_down(message: Claimed, error: BaseException, provider: str) -> Tried:
    words = f"Its carrier broke down: {type(error).__name__}"
    return Tried(message, Outcome.FAILED, time.monotonic(), 0, provider, error=words, wait_s=pause(message))


def _given_up(message: Claimed) -> Tried:
    words = f"Its sender vanished {message.parcel.attempt - 1} times: given up."
    return Tried(message, Outcome.FAILED, time.monotonic(), 0, "", error=words)


def _refused_here(message: Claimed) -> Tried:
    words = f"Nothing can be sent by {message.parcel.channel} here yet."
    return Tried(message, Outcome.REFUSED, time.monotonic(), 0, "", error=words)


def _switch_off(tried: Sequence[Tried]) -> None:
    """Addresses that the provider will never accept: their owners see why.

    After it was settled: whatever goes wrong here, nothing is sent again, and the next refusal switches it off.
    """
    bad = [one for one in tried if one.bad_address and one.claimed.contact_id is not None]
    if not bad:
        return
    try:
        with acting_as_system("delivery"):
            for one in bad:
                assert one.claimed.contact_id is not None  # noqa: S101 (chosen by it)
                addresses.switch_off(contact_id=one.claimed.contact_id, because=one.error, at=datetime.now(UTC))
    except DatabaseError:
        logger.exception("%s addresses couldn't be switched off", len(bad))
