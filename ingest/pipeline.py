"""The journey of a reading, on one page: claim, lock, compare, judge, store, commit. Then the writer answers.

Several requests, of several organizations, share one transaction (group commit). Either all of it is committed or
nothing: the writer takes a failed batch apart until the poison is alone. Nothing here looks at readings one by one;
`Batch` holds them as columns.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import connection

from alerts import judging, watching
from alerts.watching import Rulebook
from freshtrack import arrays
from ingest import quarantine
from ingest.authentication import Sender
from ingest.batches import Batch
from ingest.columns import CONFLICT
from ingest.quarantine import Refused
from ingest.samples import Decoded, Rejection
from ingest.telling import publish_readings
from organizations.staleness import Feed
from organizations.tenancy import Origin, acting_as_system
from sensors import recording
from sensors.recording import Before, Sorted, Verdicts
from sensors.register import Register
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


class Memory:
    """What one writer remembers between batches. Note [Caches] in organizations/staleness.py."""

    def __init__(self) -> None:
        self.register = Register()
        self.rulebook = Rulebook()
        self.feed = Feed(["sensor", *watching.ENTITIES])

    def forget(self, organizations: set[UUID]) -> None:
        """Something of theirs changed."""
        self.register.forget(organizations)
        self.rulebook.forget(organizations)


class _Memories(threading.local):
    """One for each thread: what one of them learns in its transaction mustn't hide a change from another."""

    def __init__(self) -> None:
        self.memory = Memory()


_memories: Final = _Memories()


def store(deliveries: Sequence[Delivery], *, at: datetime) -> list[Outcome]:
    """Store the readings of several requests and judge them, in one transaction of its own.

    What is refused is kept for inspection. May be repeated: what is stored already is counted as duplicate. `at` is the
    server's time of receipt.
    """
    try:
        return _store_and_keep(deliveries, at=at)
    except recording.ProbesVanished:
        # Remembered, and purged meanwhile with its organization. Nothing is remembered now.
        return _store_and_keep(deliveries, at=at)


def _store_and_keep(deliveries: Sequence[Delivery], *, at: datetime) -> list[Outcome]:
    try:
        with acting_as_system("ingest writer", origin=Origin(via="ingest")):
            outcomes = _store_batch(deliveries, memory=_memories.memory, at=at)
            quarantine.keep(_refused(deliveries, outcomes), at=at)
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
    return _store_batch(deliveries, memory=Memory(), at=at)


def _store_batch(deliveries: Sequence[Delivery], *, memory: Memory, at: datetime) -> list[Outcome]:
    with connection.wrap_database_errors:  # cursors of psycopg's own raise errors of psycopg's own
        return _store(deliveries, memory=memory, at=at)


def _store(deliveries: Sequence[Delivery], *, memory: Memory, at: datetime) -> list[Outcome]:
    cursor = arrays.cursor(connection.connection)
    memory.register.make_room()
    batch = Batch([(delivery.sender, delivery.decoded) for delivery in deliveries], register=memory.register, at=at)
    batch.doubt_power_on_values(cursor)

    ordered = recording.sort(batch.rows())
    known, active = _lock(batch, ordered, cursor=cursor, memory=memory, at=at)
    verdicts = recording.compare(cursor, ordered, known)
    judging.judge(
        ordered.rows.take(verdicts.is_news),
        probes=memory.register,
        rulebook=memory.rulebook,
        known=known,
        active=active,
        at=at,
    )
    new = ordered.rows.take(verdicts.is_new)
    recording.store(cursor, new, numbers=batch.numbers_of(new.sensor), at=at)
    _tell_screens(batch, ordered, known, verdicts, cursor=cursor)
    return _outcomes(deliveries, batch, ordered, verdicts)


def _lock(batch: Batch, ordered: Sorted, *, cursor: Any, memory: Memory, at: datetime) -> tuple[Before, set[UUID]]:
    """Lock the probes, then see what changed meanwhile: three questions in one way to the database and back."""
    asking, judged = arrays.cursor(connection.connection), arrays.cursor(connection.connection)
    with connection.connection.pipeline():
        recording.keep_newest(cursor, ordered, at=at, also=batch.faulty.sensor)
        memory.feed.ask(asking)
        judging.ask_active(judged, batch.organizations)
        known, stale, active = recording.before(cursor), memory.feed.answer(asking), judging.active(judged)
    wanted = np.union1d(ordered.rows.sensor[ordered.starts], batch.faulty.sensor)
    if len(known.sensor) != len(wanted):
        raise recording.ProbesVanished
    if stale:
        memory.forget(stale)
        memory.register.learn_anew(sensor for sensor in wanted.tolist() if not memory.register.knows(sensor))
    return known, active


def _tell_screens(batch: Batch, ordered: Sorted, known: Before, verdicts: Verdicts, *, cursor: Any) -> None:
    """Newest values, and devices that came back or can't measure. What is late changes no tile: charts fetch it."""
    publish_readings(ordered.rows.take(verdicts.is_news), probes=batch.register)
    changed = dict(zip(known.changed.tolist(), known.statuses, strict=True))
    if len(batch.faulty.sensor):
        faulty = recording.mark_faults(cursor, batch.faulty.sensor, batch.faulty.ms)
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
