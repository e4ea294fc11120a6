"""What people do about refused readings: send them in again, perhaps corrected, or discard them.

Storing comes first and the decision last, as the door locks probes before refused readings. So nobody is locked out
while somebody decides; who decides about the same row at the same moment finds it decided, and what they stored is
rolled back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from django.db.models import QuerySet

from freshtrack.errors import DomainError, OutsideYourSites
from freshtrack.times import rfc3339
from ingest import native, pipeline
from ingest.authentication import Sender
from ingest.models import QuarantinedReading, QuarantineState
from ingest.pipeline import Delivery
from ingest.quarantine import named
from organizations import security_events
from organizations.models import Membership, User
from sensors.models import Sensor

ALREADY_DECIDED: Final = "already_decided"
_MEASURED: Final = ("temperature", "humidity", "battery", "signal", "door_open")


class Refusal(NamedTuple):
    """Why a reading is still refused."""

    code: str
    detail: str


class Decision(NamedTuple):
    """What became of one row of many."""

    reading: QuarantinedReading
    refusal: Refusal | None


class StillRefused(DomainError):
    """The reading is refused again. Nothing was stored."""

    code = "still_refused"

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"The reading is still refused: {refusal.detail}")
        self.extra = {"refusal": refusal._asdict()}


class AlreadyDecided(DomainError):
    """Somebody sent it in again or discarded it already."""

    code = ALREADY_DECIDED

    def __init__(self, state: str) -> None:
        words = "sent in again" if state == QuarantineState.RESUBMITTED else "discarded"
        super().__init__(f"This reading was {words} already.")


def resubmit(
    *, reading: QuarantinedReading, corrected: dict[str, Any] | None, membership: Membership, by: User, at: datetime
) -> QuarantinedReading:
    """Send one refused reading in again, as it came or corrected, as the door would take it. Call inside a transaction.

    Stored, or a duplicate of what is stored: it is resubmitted. A conflict never overwrites. Raises AlreadyDecided,
    StillRefused with the new reason, and OutsideYourSites for a sensor that isn't at one of the member's sites.
    """
    if reading.state != QuarantineState.KEPT:
        raise AlreadyDecided(reading.state)
    wanted = reading.payload if corrected is None else corrected
    refusal = _store([wanted], membership=membership, at=at)[0]
    if refusal is OUTSIDE:
        raise OutsideYourSites(refusal.detail)
    if refusal is not None:
        raise StillRefused(refusal)
    decided = _decide([reading], to=QuarantineState.RESUBMITTED, by=by, at=at)[0]
    _tell(decided, "reading_resubmitted", by=by, more=_differences(reading.payload, wanted))
    return decided


def resubmit_many(
    *, readings: Sequence[QuarantinedReading], membership: Membership, by: User, at: datetime
) -> list[Decision]:
    """Send several in again as they came: each is stored or refused by itself. Call inside a transaction.

    Raises AlreadyDecided where somebody decided about one of them at the same moment: nothing was stored then.
    """
    kept = [reading for reading in readings if reading.state == QuarantineState.KEPT]
    answers = _store([reading.payload for reading in kept], membership=membership, at=at)
    refusals = {reading.pk: refusal for reading, refusal in zip(kept, answers, strict=True)}
    stored = [reading for reading in kept if refusals[reading.pk] is None]
    _decide(stored, to=QuarantineState.RESUBMITTED, by=by, at=at)
    _tell_of_many(stored, "readings_resubmitted", by=by)
    return [Decision(reading, refusals.get(reading.pk, _DECIDED)) for reading in readings]


def discard(*, reading: QuarantinedReading, by: User, at: datetime, note: str = "") -> QuarantinedReading:
    """Put one away: it isn't stored, and nobody is asked about it again. Call inside a transaction.

    The note goes into the audit trail. Raises AlreadyDecided.
    """
    if reading.state != QuarantineState.KEPT:
        raise AlreadyDecided(reading.state)
    decided = _decide([reading], to=QuarantineState.DISCARDED, by=by, at=at)[0]
    _tell(decided, "reading_discarded", by=by, more=note)
    return decided


def discard_many(*, readings: Sequence[QuarantinedReading], by: User, at: datetime) -> list[Decision]:
    """Put several away. Call inside a transaction. Raises AlreadyDecided as `resubmit_many`."""
    kept = [reading for reading in readings if reading.state == QuarantineState.KEPT]
    _decide(kept, to=QuarantineState.DISCARDED, by=by, at=at)
    _tell_of_many(kept, "readings_discarded", by=by)
    decided = {reading.pk for reading in kept}
    return [Decision(reading, None if reading.pk in decided else _DECIDED) for reading in readings]


_DECIDED: Final = Refusal(ALREADY_DECIDED, "Somebody decided about this reading already.")
OUTSIDE: Final = Refusal(
    "outside_your_sites", "You are restricted to some sites, and this sensor isn't at one of them."
)


def _store(wanted: Sequence[Any], *, membership: Membership, at: datetime) -> list[Refusal | None]:
    """Through the same decoding, checks and storing as at the door; why each is refused, None where it is stored."""
    organization = membership.organization
    beyond = _beyond(wanted, membership=membership)
    refusals = [OUTSIDE if index in beyond else None for index in range(len(wanted))]
    within = [index for index in range(len(wanted)) if index not in beyond]
    if not within:
        return refusals
    decoded = native.decode(msgspec.json.encode({"readings": [wanted[index] for index in within]}), at=at)
    delivery = Delivery(Sender(organization.pk, organization.number, True), decoded)
    for rejection in pipeline.store_within([delivery], at=at)[0].rejected:
        refusals[within[rejection.index]] = Refusal(rejection.code, rejection.detail)
    return refusals


def _beyond(wanted: Sequence[Any], *, membership: Membership) -> set[int]:
    """Positions of readings whose sensor a restricted member doesn't see: of another site, or nobody's yet."""
    if membership.site_ids is None:
        return set()
    names = {index: named(reading) for index, reading in enumerate(wanted)}
    serials = {serial for serial, _ in names.values()}
    seen = Sensor.objects.for_member(membership).filter(serial__in=serials).values_list("serial", "channel")
    known = set(seen)
    return {index for index, name in names.items() if name not in known}


def _decide(
    readings: Sequence[QuarantinedReading], *, to: QuarantineState, by: User, at: datetime
) -> Sequence[QuarantinedReading]:
    if not readings:
        return readings
    rows: QuerySet[QuarantinedReading] = QuarantinedReading.objects.filter(pk__in=[reading.pk for reading in readings])
    # In the order in which the door locks them.
    locked = rows.order_by("fingerprint", "pk").select_for_update(of=("self",), no_key=True)
    states = dict(locked.values_list("pk", "state"))
    for reading in readings:
        state = states.get(reading.pk, QuarantineState.DISCARDED)
        if state != QuarantineState.KEPT:
            raise AlreadyDecided(state)
    rows.update(state=to, decided_at=at, decided_by=by)
    for reading in readings:
        reading.state, reading.decided_at, reading.decided_by = to, at, by
    return readings


# --- the audit trail: rows here are removed after a while, what was done about the record is not --------------------


def _tell(reading: QuarantinedReading, kind: str, *, by: User, more: str) -> None:
    moment = "without a time" if reading.recorded_at is None else rfc3339(reading.recorded_at)
    words = f"{reading.serial or 'unnamed sensor'}, {moment}, {reading.code}"
    security_events.note(
        organization=reading.organization, kind=kind, detail=f"{words}: {more}" if more else words, user=by
    )


def _tell_of_many(readings: Sequence[QuarantinedReading], kind: str, *, by: User) -> None:
    if not readings:
        return
    serials = sorted({reading.serial or "unnamed sensor" for reading in readings})
    detail = f"{len(readings)} of {', '.join(serials)}"
    security_events.note(organization=readings[0].organization, kind=kind, detail=detail, user=by)


def _differences(sent: Any, corrected: Any) -> str:
    """What a person changed: a corrected value must never look like a measured one."""
    before = sent if isinstance(sent, dict) else {}
    after = corrected if isinstance(corrected, dict) else {}
    names = [name for name in ("sensor", "channel", "recorded_at", *_MEASURED) if before.get(name) != after.get(name)]
    return ", ".join(f"{name} {_word(before.get(name))} → {_word(after.get(name))}" for name in names)


def _word(value: Any) -> str:
    return "nothing" if value is None else str(value)[:64]
