"""The journey of a reading, on one page: store, judge, keep the newest, commit. Then the writer answers.

Several requests, of several organizations, share one transaction (group commit). Either all of it is committed or
nothing: the writer takes a failed batch apart until the poison is alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from alerts import judging
from freshtrack.times import rfc3339
from ingest import quarantine
from ingest.authentication import Sender
from ingest.quarantine import Refused
from ingest.samples import POWER_ON_VALUE, Decoded, Rejection, spelled
from organizations import events
from organizations.tenancy import Origin, acting_as_system
from sensors import recording
from sensors.recording import Measured, Probe, ProbeName, measure
from sensors.tasks import publish_device

_POWER_ON_LOOKS_BACK: Final = timedelta(hours=1)
_POWER_ON_BELOW: Final = 60.0


@dataclass
class Delivery:
    """One request on its way: who sent it and what was in it."""

    sender: Sender
    decoded: Decoded
    format: str = "readings"


@dataclass
class Outcome:
    """The answer to one request; accepted + duplicates + rejected is what was sent."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[Rejection] = field(default_factory=list)


def store(deliveries: Sequence[Delivery], *, at: datetime) -> list[Outcome]:
    """Store the readings of several requests and judge them, in one transaction of its own.

    What is refused is kept for inspection. May be repeated: what is stored already is counted as duplicate. `at` is the
    server's time of receipt.
    """
    with acting_as_system("ingest writer", origin=Origin(via="ingest")):
        outcomes = store_within(deliveries, at=at)
        quarantine.keep(_refused(deliveries, outcomes), at=at)
    return outcomes


def store_within(deliveries: Sequence[Delivery], *, at: datetime) -> list[Outcome]:
    """The same, and what is refused is only told. Call inside a transaction, of the system or of an organization.

    Inside one of a member who is restricted to some sites, all probes must be at these.
    """
    outcomes = [Outcome(rejected=list(delivery.decoded.rejected)) for delivery in deliveries]
    probes = recording.lock_probes(_names(deliveries), at=at)
    measured, owners = _measured(deliveries, probes, outcomes)
    numbers = {delivery.sender.organization_id: delivery.sender.number for delivery in deliveries}

    recorded = recording.record(measured, numbers=numbers, at=at)
    judging.judge(recorded.new, at=at)
    _publish_readings(recorded.new)
    changes = recording.keep_newest(recorded.new, faults=_faults(deliveries, probes), at=at)

    _count(outcomes, owners, measured, recorded)
    for probe, status in changes:
        publish_device(probe.organization_id, probe.public_id, probe.unit_id, probe.site_id, status)
    return outcomes


def _refused(deliveries: Sequence[Delivery], outcomes: Sequence[Outcome]) -> list[Refused]:
    return [
        Refused(
            delivery.sender.organization_id,
            delivery.sender.key_id,
            delivery.format,
            rejection.code,
            rejection.detail,
            _sent(delivery.decoded, rejection.index),
        )
        for delivery, outcome in zip(deliveries, outcomes, strict=True)
        for rejection in outcome.rejected
    ]


def _sent(decoded: Decoded, index: int) -> bytes:
    """What was refused after it was decoded is spelled anew."""
    if index in decoded.sent:
        return decoded.sent[index]
    s = decoded.samples[bisect_left(decoded.indexes, index)]
    values = {"temperature": s.temperature, "humidity": s.humidity, "battery": s.battery, "signal": s.signal}
    return spelled(s.serial, s.channel, s.recorded_at, **values, door_open=s.door_open)


def _names(deliveries: Sequence[Delivery]) -> set[ProbeName]:
    names = set()
    for delivery in deliveries:
        organization_id = delivery.sender.organization_id
        names |= {ProbeName(organization_id, s.serial, s.channel) for s in delivery.decoded.samples}
        names |= {ProbeName(organization_id, f.serial, f.channel) for f in delivery.decoded.faults}
    return names


def _measured(
    deliveries: Sequence[Delivery], probes: dict[ProbeName, Probe], outcomes: Sequence[Outcome]
) -> tuple[list[Measured], list[tuple[int, int]]]:
    """All samples with their probes, and for each the request and the position it came from."""
    measured: list[Measured] = []
    owners: list[tuple[int, int]] = []
    for number, delivery in enumerate(deliveries):
        organization_id, decoded = delivery.sender.organization_id, delivery.decoded
        suspects = any(sample.temperature == POWER_ON_VALUE for sample in decoded.samples)
        doubted = _power_on_values(delivery, probes) if suspects else set()
        for index, sample in zip(decoded.indexes, decoded.samples, strict=True):
            if index in doubted:
                outcomes[number].rejected.append(
                    Rejection(index, "sensor_fault", "85 after a reading below 60 is a probe that just powered on.")
                )
                continue
            measured.append(measure(probes[ProbeName(organization_id, sample.serial, sample.channel)], sample))
            owners.append((number, index))
    return measured, owners


def _power_on_values(delivery: Delivery, probes: dict[ProbeName, Probe]) -> set[int]:
    """Positions of 85 °C that follow, within an hour, a reading of the same probe below 60 °C."""
    doubted: set[int] = set()
    previous: dict[ProbeName, tuple[datetime, float]] = {}
    decoded = delivery.decoded
    for index, sample in sorted(
        zip(decoded.indexes, decoded.samples, strict=True), key=lambda pair: pair[1].recorded_at
    ):
        if sample.temperature is None:
            continue
        name = ProbeName(delivery.sender.organization_id, sample.serial, sample.channel)
        before = previous.get(name) or _newest(probes[name], before=sample.recorded_at)
        if (
            sample.temperature == POWER_ON_VALUE
            and before is not None
            and before[1] < _POWER_ON_BELOW
            and sample.recorded_at - before[0] <= _POWER_ON_LOOKS_BACK
        ):
            doubted.add(index)
        else:
            previous[name] = (sample.recorded_at, sample.temperature)
    return doubted


def _newest(probe: Probe, *, before: datetime) -> tuple[datetime, float] | None:
    if probe.last_reading_at is None or probe.temperature is None or probe.last_reading_at >= before:
        return None
    return probe.last_reading_at, probe.temperature


def _faults(deliveries: Sequence[Delivery], probes: dict[ProbeName, Probe]) -> dict[int, tuple[Probe, datetime]]:
    """Probes that can't measure, each with the time of its newest fault value."""
    faults: dict[int, tuple[Probe, datetime]] = {}
    for delivery in deliveries:
        for fault in delivery.decoded.faults:
            probe = probes[ProbeName(delivery.sender.organization_id, fault.serial, fault.channel)]
            earlier = faults.get(probe.id)
            if earlier is None or earlier[1] < fault.recorded_at:
                faults[probe.id] = (probe, fault.recorded_at)
    return faults


def _count(
    outcomes: Sequence[Outcome],
    owners: Sequence[tuple[int, int]],
    measured: Sequence[Measured],
    recorded: recording.Recorded,
) -> None:
    for number, _ in owners:
        outcomes[number].accepted += 1
    for position in recorded.duplicates:
        outcome = outcomes[owners[position][0]]
        outcome.accepted -= 1
        outcome.duplicates += 1
    for position in recorded.conflicts:
        number, index = owners[position]
        outcomes[number].accepted -= 1
        moment = rfc3339(measured[position].sample.recorded_at)
        outcomes[number].rejected.append(
            Rejection(index, "conflict", f"Another value of this sensor is stored for {moment}.")
        )
    for outcome in outcomes:
        outcome.rejected.sort(key=lambda rejection: rejection.index)


def _publish_readings(new: Sequence[Measured]) -> None:
    """One event per organization with the newest values of each probe; screens show these, charts add them."""
    batches: dict[UUID, list[events.Event]] = {}
    places: dict[int, dict[str, str]] = {}
    for item in new:
        probe, sample = item.probe, item.sample
        if probe.unit_id is None or (sample.temperature is None and sample.humidity is None):
            continue
        if not probe.is_news(sample.recorded_at):
            continue  # late: a chart that shows that time fetches it, a tile doesn't go back
        place = places.get(probe.id)
        if place is None:
            place = places[probe.id] = {
                "unit": str(probe.unit_id),
                "sensor": str(probe.public_id),
                "site": str(probe.site_id),
            }
        batches.setdefault(probe.organization_id, []).append(
            {
                **place,
                "recorded_at": rfc3339(sample.recorded_at),
                "temperature": sample.temperature,
                "humidity": sample.humidity,
            }
        )
    for organization_id, batch in batches.items():
        events.publish(organization_id, {"type": "readings", "batch": batch})
