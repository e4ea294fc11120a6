"""Storing what was measured: skip repeats, refuse contradictions, keep the newest values on the sensor.

Everything here is set-based: a batch of ten thousand readings costs a handful of statements. Probes are locked in the
order of their id before anything is read or written, so two writers take turns and repeats can be told from conflicts
without a race.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
from django.db import connection
from uuid_utils.compat import uuid7

from sensors import summaries
from sensors.fields import centi
from sensors.models import Sensor, SensorStatus

# A device may pause for this long before its readings count as interrupted (contract: "Meaning").
MIN_GAP: Final = timedelta(minutes=15)
GAP_INTERVALS: Final = 3


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One validated measurement on its way in: °C, % RH, %, dBm; `recorded_at` in UTC, cut to milliseconds."""

    serial: str
    channel: str
    recorded_at: datetime
    temperature: float | None = None
    humidity: float | None = None
    battery: int | None = None
    signal: int | None = None
    door_open: bool | None = None


_VALUES: Final = ("temperature", "humidity", "battery", "signal", "door_open")


class ProbeName(NamedTuple):
    """How the outside names a probe."""

    organization_id: UUID
    serial: str
    channel: str


@dataclass(slots=True, eq=False)
class Probe:
    """A sensor as recording and evaluation need it, with its newest values before this batch."""

    id: int
    public_id: UUID
    organization_id: UUID
    serial: str
    channel: str
    unit_id: UUID | None
    site_id: UUID | None
    status: str
    expected_interval_s: int
    last_reading_at: datetime | None
    temperature: float | None
    humidity: float | None
    battery: int | None
    signal: int | None
    # The longest pause between two readings that still counts as watched time.
    gap_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.gap_s = max(MIN_GAP.total_seconds(), float(GAP_INTERVALS * self.expected_interval_s))

    def is_news(self, moment: datetime) -> bool:
        """Whether it is later than everything that this probe has measured before this batch."""
        return self.last_reading_at is None or moment > self.last_reading_at


class Packed(NamedTuple):
    """Values as stored, and as a duplicate must repeat them: hundredths of °C and % RH; door 1 open, 0 closed."""

    temperature: int | None
    humidity: int | None
    door: int | None


class Measured(msgspec.Struct, gc=False):
    """One sample of a known probe, on its way into the table."""

    probe: Probe
    sample: Sample
    moment: float  # recorded_at in seconds since 1970
    packed: Packed


def measure(probe: Probe, sample: Sample) -> Measured:
    """The sample with the values that will be stored, so that everything after judges those."""
    packed = Packed(_packed(sample.temperature), _packed(sample.humidity), _flag(sample.door_open))
    return Measured(probe, sample, sample.recorded_at.timestamp(), packed)


@dataclass
class Recorded:
    """What became of a batch. Positions are those of the list given to `record`."""

    new: list[Measured] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)
    conflicts: list[int] = field(default_factory=list)


_PROBES = """
SELECT s.id, s.public_id, s.organization_id, s.serial, s.channel, s.unit_id, s.site_id, s.status,
       s.expected_interval_s, s.last_reading_at, s.temperature / 100.0::float8, s.humidity / 100.0::float8,
       s.battery, s.signal
FROM sensors_sensor s
JOIN unnest(%s::uuid[], %s::text[], %s::text[]) AS wanted (organization_id, serial, channel)
  ON s.organization_id = wanted.organization_id AND s.serial = wanted.serial AND s.channel = wanted.channel
ORDER BY s.id FOR NO KEY UPDATE OF s
"""

_UNCLAIMED = """
INSERT INTO sensors_sensor
  (public_id, organization_id, serial, channel, name, model, expected_interval_s, status, created_at)
SELECT public_id, organization_id, serial, channel, '', '', 300, 'unclaimed', %s
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[]) AS wanted (public_id, organization_id, serial, channel)
ORDER BY organization_id, serial, channel
ON CONFLICT DO NOTHING
"""

_STORED = """
SELECT r.sensor_id, r.recorded_at, r.temperature, r.humidity, r.door
FROM sensors_reading r
JOIN unnest(%s::integer[], %s::timestamptz[]) AS wanted (sensor_id, recorded_at) USING (sensor_id, recorded_at)
"""

_STORE = """
INSERT INTO sensors_reading
  (sensor_id, recorded_at, organization_number, delay_s, temperature, humidity, battery, signal, door)
SELECT sensor_id, 'epoch'::timestamptz + ms * interval '1 millisecond', number, delay_s, temperature, humidity, battery,
       signal, door
FROM unnest(%s::integer[], %s::bigint[], %s::integer[], %s::integer[], %s::smallint[], %s::smallint[], %s::smallint[],
            %s::smallint[], %s::smallint[])
  AS new (sensor_id, ms, number, delay_s, temperature, humidity, battery, signal, door)
"""

_NEWEST = """
UPDATE sensors_sensor s SET
  last_reading_at = n.at, last_received_at = %s, status = n.status,
  temperature = coalesce(n.temperature, s.temperature), humidity = coalesce(n.humidity, s.humidity),
  battery = coalesce(n.battery, s.battery), signal = coalesce(n.signal, s.signal),
  door_open = coalesce(n.door = 1, s.door_open)
FROM unnest(%s::integer[], %s::timestamptz[], %s::text[], %s::smallint[], %s::smallint[], %s::smallint[],
            %s::smallint[], %s::smallint[]) AS n (id, at, status, temperature, humidity, battery, signal, door)
WHERE s.id = n.id
"""


def lock_probes(names: Iterable[ProbeName], *, at: datetime) -> dict[ProbeName, Probe]:
    """The probes with these names, locked; unknown ones are made as unclaimed. Call inside a transaction."""
    wanted = sorted(set(names))
    found = _select(wanted)
    missing = [name for name in wanted if name not in found]
    if missing:
        with connection.cursor() as cursor:
            cursor.execute(_UNCLAIMED, [at, [uuid7() for _ in missing], *_columns(missing)])
        found |= _select(missing)
    return found


def _select(names: Sequence[ProbeName]) -> dict[ProbeName, Probe]:
    with connection.cursor() as cursor:
        cursor.execute(_PROBES, _columns(names))
        probes = [Probe(*row) for row in cursor.fetchall()]
    return {ProbeName(p.organization_id, p.serial, p.channel): p for p in probes}


def _columns(names: Sequence[ProbeName]) -> list[list[object]]:
    return [[n.organization_id for n in names], [n.serial for n in names], [n.channel for n in names]]


def record(measured: Sequence[Measured], *, numbers: dict[UUID, int], at: datetime) -> Recorded:
    """Store a batch of samples whose probes are locked. Repeating a batch changes nothing.

    `numbers` maps organizations to their short numbers; `at` is when we received it. A sample with the key of a stored
    one is a duplicate if temperature, humidity and door agree (to 0.01; missing equals missing only), else a conflict,
    which never overwrites. Inside the batch the first one wins. Call inside a transaction.
    """
    recorded = Recorded()
    # With the probe locked, nothing later than its newest reading can be stored already: usually nobody need be asked.
    old = {
        (item.probe.id, item.sample.recorded_at) for item in measured if not item.probe.is_news(item.sample.recorded_at)
    }
    known = _stored(sorted(old))
    for position, item in enumerate(measured):
        packed = item.packed
        earlier = known.setdefault((item.probe.id, item.sample.recorded_at), packed)
        if earlier is packed:
            recorded.new.append(item)
        else:
            (recorded.duplicates if earlier == packed else recorded.conflicts).append(position)
    # Sorted by key: neighbours in the batch are neighbours in the index.
    recorded.new.sort(key=lambda item: (item.probe.id, item.moment))
    _store(recorded.new, numbers=numbers, at=at)
    _note(recorded.new, numbers=numbers)
    return recorded


def _note(new: Sequence[Measured], *, numbers: dict[UUID, int]) -> None:
    if not new:
        return
    with connection.cursor() as cursor:
        summaries.note_arrivals(
            cursor,
            numbers=[numbers[item.probe.organization_id] for item in new],
            sensors=[item.probe.id for item in new],
            hours=[int(item.moment // summaries.HOUR_S) for item in new],
        )


def _packed(value: float | None) -> int | None:
    return None if value is None else centi(value)


def _flag(value: bool | None) -> int | None:
    return None if value is None else int(value)


def array(values: Iterable[object]) -> str:
    """An array of numbers or moments as PostgreSQL writes it: psycopg would convert a list element by element."""
    return "{" + ",".join(map(str, values)).replace("None", "NULL") + "}"


def _stored(keys: Sequence[tuple[int, datetime]]) -> dict[tuple[int, datetime], Packed]:
    if not keys:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_STORED, [array(key[0] for key in keys), array(key[1].isoformat() for key in keys)])
        return {(row[0], row[1]): Packed(row[2], row[3], row[4]) for row in cursor.fetchall()}


def _store(new: Sequence[Measured], *, numbers: dict[UUID, int], at: datetime) -> None:
    if not new:
        return
    samples = [item.sample for item in new]
    received = at.timestamp()
    with connection.cursor() as cursor:
        cursor.execute(
            _STORE,
            [
                array([item.probe.id for item in new]),
                array([round(item.moment * 1000) for item in new]),
                array([numbers[item.probe.organization_id] for item in new]),
                array([round(received - item.moment) for item in new]),
                array([item.packed.temperature for item in new]),
                array([item.packed.humidity for item in new]),
                array([s.battery for s in samples]),
                array([s.signal for s in samples]),
                array([item.packed.door for item in new]),
            ],
        )


def keep_newest(
    new: Sequence[Measured], *, faults: dict[int, tuple[Probe, datetime]], at: datetime
) -> list[tuple[Probe, str]]:
    """Put the newest values on the sensors; returns the probes whose status changed, with the new one.

    `faults` are probes with the time of their newest fault value. A value that the newest reading lacks stays: a door
    contact that reports between two temperatures doesn't erase them. Call inside a transaction, probes locked.
    """
    rows, changes = [], []
    for probe, sample in _merge_by_probe(new).values():
        if not probe.is_news(sample.recorded_at):
            continue  # late: history, not news
        status = _status(probe, sample.recorded_at, at)
        rows.append((probe.id, sample, status))
        if status != probe.status:
            changes.append((probe, status))
            probe.status = status
        probe.last_reading_at = sample.recorded_at
    _update_newest(rows, at=at)
    return changes + _mark_faults(faults.values())


def _update_newest(rows: Sequence[tuple[int, Sample, str]], *, at: datetime) -> None:
    if not rows:
        return
    samples = [sample for _, sample, _ in rows]
    with connection.cursor() as cursor:
        cursor.execute(
            _NEWEST,
            [
                at,
                array([probe_id for probe_id, _, _ in rows]),
                array([s.recorded_at.isoformat() for s in samples]),
                array([status for _, _, status in rows]),
                array([_packed(s.temperature) for s in samples]),
                array([_packed(s.humidity) for s in samples]),
                array([s.battery for s in samples]),
                array([s.signal for s in samples]),
                array([_flag(s.door_open) for s in samples]),
            ],
        )


def _mark_faults(faults: Iterable[tuple[Probe, datetime]]) -> list[tuple[Probe, str]]:
    """Probes whose last word is a fault value."""
    marked = []
    for probe, fault_at in faults:
        if probe.status in (SensorStatus.UNCLAIMED, SensorStatus.RETIRED, SensorStatus.FAULT):
            continue
        if probe.last_reading_at is None or probe.last_reading_at < fault_at:
            probe.status = SensorStatus.FAULT
            marked.append(probe)
    if marked:
        Sensor.objects.filter(pk__in=[probe.id for probe in marked]).update(status=SensorStatus.FAULT)
    return [(probe, SensorStatus.FAULT.value) for probe in marked]


def _merge_by_probe(new: Sequence[Measured]) -> dict[int, tuple[Probe, Sample]]:
    """For each probe its newest sample, with gaps filled from the older ones of the batch."""
    by_probe: dict[int, list[Measured]] = defaultdict(list)
    for item in new:
        by_probe[item.probe.id].append(item)
    merged = {}
    for probe_id, items in by_probe.items():
        items.sort(key=lambda item: item.moment, reverse=True)
        merged[probe_id] = (items[0].probe, _filled([item.sample for item in items]))
    return merged


def _filled(newest_first: Sequence[Sample]) -> Sample:
    """The newest sample, what it lacks taken from those before."""
    newest = newest_first[0]
    lacking = [name for name in _VALUES if getattr(newest, name) is None]
    found = {}
    for name in lacking:
        earlier = (getattr(sample, name) for sample in newest_first[1:])
        found[name] = next((value for value in earlier if value is not None), None)
    return msgspec.structs.replace(newest, **found) if found else newest


def _status(probe: Probe, recorded_at: datetime, at: datetime) -> str:
    if probe.status in (SensorStatus.UNCLAIMED, SensorStatus.RETIRED):
        return probe.status
    silent_after = GAP_INTERVALS * timedelta(seconds=probe.expected_interval_s)
    return SensorStatus.ONLINE if at - recorded_at <= silent_after else SensorStatus.OFFLINE
