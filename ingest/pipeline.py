"""The journey of a reading, on one page: claim, lock, store, compare, judge, commit. Then the writer answers.

Several requests, of several organizations, share one transaction (group commit). Either all of it is committed or
nothing: the writer takes a failed batch apart until the poison is alone. Nothing here looks at readings one by one;
`Batch` holds them as columns.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import numpy as np
from django.db import IntegrityError

from alerts import judging, watching
from alerts.judging import Faults
from alerts.watching import Rulebook
from freshtrack.arrays import NEVER
from freshtrack.rounds import Step, ask
from ingest import quarantine
from ingest.authentication import Sender
from ingest.batches import Batch
from ingest.columns import CONFLICT
from ingest.quarantine import Refused
from ingest.samples import Decoded, Rejection
from ingest.telling import publish_readings
from organizations.staleness import Feed
from organizations.tenancy import Origin, opening_as_system
from sensors import recording
from sensors.recording import Before, Sorted, Verdicts
from sensors.register import MOST_REMEMBERED, Register
from sensors.tasks import publish_device


@dataclass
class Delivery:
    """One request on its way: who sent it, what was in it, and to which address it came."""

    sender: Sender
    decoded: Decoded
    format: str = "readings"


@dataclass
class Outcome:
    """The answer to one request; accepted + duplicates + rejected is what was sent."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[Rejection] = field(default_factory=list)


class _StoredAlready(Exception):
    """What should have been new isn't: another writer has stored some of it. Nothing was learnt yet."""


class Memory:
    """What one writer remembers between batches. Note [Caches] in organizations/staleness.py."""

    def __init__(self, *, most: int = MOST_REMEMBERED) -> None:
        self.register = Register(most=most)
        self.rulebook = Rulebook()
        self.feed = Feed(["sensor", *watching.ENTITIES])

    def make_room(self) -> None:
        """Forget everything when `most` probes are known: units are known only through their probes."""
        if self.register.make_room():
            self.rulebook = Rulebook()

    def forget(self, organizations: set[UUID]) -> None:
        """Something of theirs changed."""
        self.register.forget(organizations)
        self.rulebook.forget(organizations)

    def expects(self, ordered: Sorted) -> bool:
        """Whether all of this should be new: later than what each probe was last heard to say, and said once."""
        rows, starts = ordered.rows, ordered.starts
        if ordered.repeats.any():
            return False
        newest = self.register.newest
        firsts = zip(rows.sensor[starts].tolist(), rows.ms[starts].tolist(), strict=True)
        return all(ms > newest.get(sensor, NEVER) for sensor, ms in firsts)

    def note(self, ordered: Sorted) -> None:
        """What each probe has said now."""
        rows, starts = ordered.rows, ordered.starts
        newest = self.register.newest
        ends = np.append(starts[1:], len(rows))[: len(starts)] - 1
        for sensor, ms in zip(rows.sensor[ends].tolist(), rows.ms[ends].tolist(), strict=True):
            if ms > newest.get(sensor, NEVER):
                newest[sensor] = ms


class _Memories(threading.local):
    """One for each thread: what one of them learns in its transaction mustn't hide a change from another."""

    def __init__(self) -> None:
        self.memory = Memory()


_memories: Final = _Memories()
_ORIGIN: Final = Origin(via="ingest")


def store(deliveries: Sequence[Delivery], *, at: datetime) -> list[Outcome]:
    """Store the readings of several requests and judge them, in one transaction of its own.

    What is refused is kept for inspection. May be repeated: what is stored already is counted as duplicate. `at` is the
    server's time of receipt.
    """
    try:
        return _store_and_keep(deliveries, at=at, trusting=True)
    except (recording.ProbesVanished, _StoredAlready):
        # Purged meanwhile with its organization; or stored already. Now each reading is compared before it is stored.
        return _store_and_keep(deliveries, at=at, trusting=False)


def _store_and_keep(deliveries: Sequence[Delivery], *, at: datetime, trusting: bool) -> list[Outcome]:
    try:
        with opening_as_system("ingest writer", origin=_ORIGIN) as opening:
            outcomes = _store(deliveries, memory=_memories.memory, at=at, opening=opening, trusting=trusting)
            quarantine.keep(_refused(deliveries, outcomes), at=at)
    except _StoredAlready:
        raise
    except BaseException:
        # What was learnt in a transaction that isn't committed may never have been.
        _memories.memory = Memory()
        raise
    return outcomes


def store_within(deliveries: Sequence[Delivery], *, at: datetime) -> list[Outcome]:
    """The same, and what is refused is only told. Call inside a transaction, of the system or of an organization.

    Inside one of a member who is restricted to some sites, all probes must be at these. Nothing is remembered: a member
    sees a part of the probes, rules and changes, and may still roll back what was learnt.
    """
    return _store(deliveries, memory=Memory(), at=at, opening=[], trusting=False)


def _store(
    deliveries: Sequence[Delivery], *, memory: Memory, at: datetime, opening: Sequence[Step], trusting: bool
) -> list[Outcome]:
    """`trusting`: what should be new by all that is remembered is stored in the same round that locks its probes."""
    memory.make_room()
    batch = Batch([(delivery.sender, delivery.decoded) for delivery in deliveries], register=memory.register, at=at)
    if batch.asks:
        ask(opening)
        opening, trusting = [], False
        batch.find_out()

    ordered = recording.sort(batch.rows())
    numbers = batch.numbers_of(ordered.rows.sensor)
    hoped = recording.store(ordered.rows, numbers=numbers, at=at) if trusting and memory.expects(ordered) else []
    try:
        known, active = _lock(batch, ordered, opening=opening, also=hoped, memory=memory, at=at)
    except IntegrityError as error:
        if hoped:
            raise _StoredAlready from error
        raise
    verdicts = recording.compare(ordered, known, all_new=bool(hoped))
    if not hoped:
        ask(recording.store(ordered.rows.take(verdicts.is_new), numbers=numbers[verdicts.is_new], at=at))
    judging.judge(
        ordered.rows.take(verdicts.is_new),
        failed=Faults(batch.faults.sensor, batch.faults.ms),
        probes=memory.register,
        rulebook=memory.rulebook,
        known=known,
        active=active,
        at=at,
    )
    memory.note(ordered)
    _tell_screens(batch, ordered, known, verdicts)
    return _outcomes(deliveries, batch, ordered, verdicts)


def _lock(
    batch: Batch, ordered: Sorted, *, opening: Sequence[Step], also: Sequence[Step], memory: Memory, at: datetime
) -> tuple[Before, set[UUID]]:
    """Lock the probes, then see what changed meanwhile and what is to be judged: one way to the database and back.

    `opening` goes before these questions, `also` after them.
    """
    questions = [
        recording.ORDERLY,
        recording.keep_newest(ordered, at=at, also=batch.faulty.sensor),
        memory.feed.question(),
        judging.active_units(batch.organizations),
    ]
    answers = ask([*opening, *questions, *also])[len(opening) :]
    known, stale, active = recording.before(answers[1]), memory.feed.answer(answers[2]), judging.active(answers[3])
    wanted = np.union1d(ordered.rows.sensor[ordered.starts], batch.faulty.sensor)
    if len(known.sensor) != len(wanted):
        raise recording.ProbesVanished
    if stale:
        memory.forget(stale)
        memory.register.learn_anew(sensor for sensor in wanted.tolist() if not memory.register.knows(sensor))
    return known, active


def _tell_screens(batch: Batch, ordered: Sorted, known: Before, verdicts: Verdicts) -> None:
    """Newest values, and devices that came back or can't measure. What is late changes no tile: charts fetch it."""
    publish_readings(ordered.rows.take(verdicts.is_news), probes=batch.register)
    changed = dict(zip(known.changed.tolist(), known.statuses, strict=True))
    if len(batch.faulty.sensor):
        faulty = recording.mark_faults(batch.faulty.sensor, batch.faulty.ms)
        changed |= dict.fromkeys(faulty, "fault")
    for sensor, status in changed.items():
        probe = batch.register.probe(sensor)
        publish_device(probe.organization_id, probe.public_id, probe.unit_id, probe.site_id, status)


def _outcomes(deliveries: Sequence[Delivery], batch: Batch, ordered: Sorted, verdicts: Verdicts) -> list[Outcome]:
    places = batch.good[ordered.order]
    owners = batch.owners[places]
    accepted = np.bincount(owners[verdicts.is_new], minlength=len(deliveries)).tolist()
    duplicates = np.bincount(owners[verdicts.is_duplicate], minlength=len(deliveries)).tolist()
    outcomes = [
        Outcome(accepted[number], duplicates[number], list(delivery.decoded.rejected))
        for number, delivery in enumerate(deliveries)
    ]
    batch.codes[places[verdicts.is_conflict]] = CONFLICT
    refused = np.flatnonzero(batch.codes)
    for place, owner in zip(refused.tolist(), batch.owners[refused].tolist(), strict=True):
        outcomes[owner].rejected.append(batch.rejection(place))
    for owner in set(batch.owners[refused].tolist()):
        outcomes[owner].rejected.sort(key=lambda rejection: rejection.index)
    return outcomes


def _refused(deliveries: Sequence[Delivery], outcomes: Sequence[Outcome]) -> list[Refused]:
    refused = []
    for delivery, outcome in zip(deliveries, outcomes, strict=True):
        sender, decoded = delivery.sender, delivery.decoded
        if outcome.rejected:
            payloads = decoded.as_sent([rejection.index for rejection in outcome.rejected])
            refused += [
                Refused(sender.organization_id, sender.key_id, delivery.format, one.code, one.detail, payload)
                for one, payload in zip(outcome.rejected, payloads, strict=True)
            ]
    return refused
