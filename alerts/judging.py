"""From a stored batch to moved alerts: which units need a look, one evaluation a rule, the moves that follow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
import numpy as np
from uuid_utils.compat import uuid7

from alerts import consequences, evaluation, looking_back, silence
from alerts.consequences import Again, Cause, InOrder
from alerts.evaluation import IDLE, Point, State, Transition, faults
from alerts.evaluation.signals import WINDOW_S, followed
from alerts.looking_back import Hindsight, Late, newest_of, scheduled
from alerts.looks import Batch, Earlier, Look, Newest, Together
from alerts.models import Schedule
from alerts.states import carried, decode, encode
from alerts.watching import (
    FAULT,
    METRICS,
    OF_ONE_SENSOR,
    PRODUCT,
    RATE,
    SILENCE,
    UNWATCHED,
    Envelope,
    Place,
    Rulebook,
    Watch,
)
from freshtrack.arrays import MISSING, NEVER, int4s
from freshtrack.rounds import Row, Step, array_of, ask
from sensors.recording import Before, Column, Mask, Rows
from sensors.register import Probe, Register


class Faults(NamedTuple):
    """Probes that said that they can't measure: sensor ids and milliseconds, by sensor and time."""

    sensor: Column
    ms: Column


class Remembered(NamedTuple):
    """What is kept of a rule between batches."""

    state: State
    carried: dict[int, tuple[float, float]]


class Verdict(NamedTuple):
    """What became of one rule with one unit, or with one sensor of it."""

    cause: Cause
    before: Remembered  # _NOTHING itself where nothing is stored
    after: Remembered
    transitions: Sequence[Transition]

    @property
    def changed(self) -> bool:
        """Whether there is something to keep."""
        return self.after != self.before


_NOTHING: Final = Remembered(IDLE, {})

_ACTIVE: Final = """
SELECT string_agg(DISTINCT unit_id::text, ',') FROM alerts_rulestate
WHERE organization_id = ANY ($1::uuid[]) AND active AND unit_id IS NOT NULL
"""


def active_units(organizations: Collection[UUID]) -> Step:
    """Which units of the organizations have something to remember; `active` reads the answer."""
    return Step(_ACTIVE, [array_of(organizations)])


def active(row: Row) -> set[UUID]:
    """The answer to `active_units`. What another writer is just about to remember isn't in it: see `judge`."""
    (units,) = row
    return {UUID(unit_id) for unit_id in units.split(",")} if units else set()


def judge(
    new: Rows,
    *,
    failed: Faults,
    probes: Register,
    rulebook: Rulebook,
    known: Before,
    active: set[UUID],
    at: datetime,
) -> None:
    """Evaluate the rules of the units that need it (Note [Envelopes] in watching.py), and move their alerts.

    `new` are new readings, sorted by sensor and stored already; `known` is what was known before. Unclaimed and retired
    probes are judged by nobody. Call inside the transaction that stores them, with the probes locked. A unit that
    another writer is just beginning to remember is locked by it: whoever has a breach to add waits, and reads the state
    after that.
    """
    if not len(new) and not len(failed.sensor):
        return
    news = _News(new, probes)
    failing = [probes.probe(sensor) for sensor in failed.sensor.tolist()]
    rulebook.learn(news.owners | {p.unit_id: p.organization_id for p in failing if p.is_watched and p.unit_id})
    faults_of = _faults_of_units(failed, failing, rulebook, known)
    rows_of = news.rows_of(_needed(news, rulebook, known, active | faults_of.keys()), rulebook)
    units = sorted(rows_of.keys() | faults_of.keys())
    if not units:
        return
    together = Together(new, [rows_of.get(unit_id, []) for unit_id in units])
    batches = {
        unit_id: Batch(together, begin, end, faults=faults_of.get(unit_id, []), probes=probes)
        for unit_id, begin, end in zip(units, [0, *together.ends], together.ends, strict=False)
    }
    _judge_units(batches, rulebook, known, probes, at)


class _News:
    """Who has measured something: sensors and the units that they watch, as numbers, since each is asked for often."""

    def __init__(self, new: Rows, probes: Register) -> None:
        """`new` is sorted by sensor."""
        self.rows = new
        # Where the readings of each sensor begin, and how many they are.
        self.starts = np.flatnonzero(np.concatenate([[True], new.sensor[1:] != new.sensor[:-1]]))[: len(new)]
        self.lengths = np.diff(np.append(self.starts, len(new)))
        self.owners: dict[UUID, UUID] = {}  # unit -> organization
        self.numbers: dict[UUID, int] = {}
        mine: list[int] = []
        for sensor in new.sensor[self.starts].tolist():
            probe = probes.probe(sensor)
            if probe.unit_id is None or not probe.is_watched:
                mine.append(-1)
                continue
            number = self.numbers.setdefault(probe.unit_id, len(self.numbers))
            if number == len(self.owners):
                self.owners[probe.unit_id] = probe.organization_id
            mine.append(number)
        self.units = list(self.numbers)
        # Of each sensor its unit's number; -1, the last one of what is kept by number, is nobody's.
        self.unit = np.array(mine, dtype=np.int64)

    def rows_of(self, needed: Mask, rulebook: Rulebook) -> dict[UUID, list[tuple[int, int]]]:
        """Of the needed units, where the readings of each of their sensors begin, and how many they are."""
        found: dict[UUID, list[tuple[int, int]]] = defaultdict(list)
        places = np.flatnonzero(needed[self.unit])
        which = (self.unit[places].tolist(), self.starts[places].tolist(), self.lengths[places].tolist())
        for number, start, length in zip(*which, strict=True):
            unit_id = self.units[number]
            if rulebook.place(unit_id) is not None:
                found[unit_id].append((start, length))
        return found


def _faults_of_units(
    failed: Faults, failing: Sequence[Probe], rulebook: Rulebook, known: Before
) -> dict[UUID, list[tuple[int, int]]]:
    """Faults by unit, where a rule asks for them. A probe that has measured since is believed."""
    found: dict[UUID, list[tuple[int, int]]] = defaultdict(list)
    if len(failed.sensor):
        is_late = failed.ms <= known.ms[known.at(failed.sensor)]
        for probe, ms, late in zip(failing, failed.ms.tolist(), is_late.tolist(), strict=True):
            unit_id = probe.unit_id
            if late or not probe.is_watched or not unit_id:
                continue
            if any(watch.signal == FAULT for watch in rulebook.watches(unit_id)):
                found[unit_id].append((probe.id, ms))
    return found


def _needed(news: _News, rulebook: Rulebook, known: Before, asked: Collection[UUID]) -> Mask:
    """By number: units that are asked for, with a reading outside their envelope, or late when an alert stood."""
    needed = np.zeros(len(news.units) + 1, dtype=np.bool_)
    for unit_id in asked:
        number = news.numbers.get(unit_id)
        if number is not None:
            needed[number] = True
    new, starts = news.rows, news.starts
    if not len(new):
        return needed
    needed[news.unit[np.logical_or.reduceat(_outside(news, rulebook), starts)]] = True
    is_late = new.ms <= known.ms[known.at(new.sensor)]
    if is_late.any():
        sensors = np.flatnonzero(np.logical_or.reduceat(is_late, starts) & ~needed[news.unit])
        earliest = np.minimum.reduceat(new.ms, starts)[sensors] / 1000
        numbers = news.unit[sensors]
        first = np.full(len(needed), np.inf)
        np.minimum.at(first, numbers, earliest)
        times = {news.units[n]: float(first[n]) for n in np.unique(numbers).tolist() if n >= 0}
        for unit_id in looking_back.units_with_alerts(times):
            needed[news.numbers[unit_id]] = True
    needed[-1] = False
    return needed


def _outside(news: _News, rulebook: Rulebook) -> Mask:
    """Which readings lie outside the envelope of their unit."""
    # Units of a kind share their envelope: few are different.
    numbers: dict[Envelope, int] = {}
    which = [numbers.setdefault(rulebook.envelope(unit_id), len(numbers)) for unit_id in news.units]
    which.append(numbers.setdefault(UNWATCHED, len(numbers)))
    limits = np.array(list(numbers))[which][news.unit]
    rows, lengths = news.rows, news.lengths
    outside = np.zeros(len(rows), dtype=np.bool_)
    for number, metric in enumerate(METRICS):
        low, high = limits[:, 2 * number], limits[:, 2 * number + 1]
        if np.isneginf(low).all() and np.isposinf(high).all():
            continue
        values = rows.metric(metric)
        beyond = (values < np.repeat(low, lengths)) | (values > np.repeat(high, lengths))
        outside |= beyond & (values != MISSING)
    return outside


def _judge_units(batches: dict[UUID, Batch], rulebook: Rulebook, known: Before, probes: Register, at: datetime) -> None:
    """`batches` are in order of the units."""
    earlier, of_units, of_sensors = _lock(batches, known)
    heard: dict[int, float] = {}
    if of_sensors or any(batch.faults for batch in batches.values()):
        heard = dict(zip(known.sensor.tolist(), (known.ms / 1000).tolist(), strict=True))
    verdicts: list[Verdict] = []
    again: list[tuple[Cause, Hindsight]] = []
    for unit_id, batch in batches.items():
        look = Look(_place(rulebook, unit_id), rulebook.watches(unit_id), batch, earlier[unit_id], heard)
        shared = [watch for watch in look.watches if watch.signal not in OF_ONE_SENSOR]
        if look.is_late:
            causes = [cause for watch in shared for cause in consequences.causes(watch, look.place, (), probes)]
            hindsights = _look_back(look, causes)
            again += zip(causes, hindsights, strict=True)
            verdicts += _remember(causes, hindsights, of_units)
        elif len(batch):
            verdicts += _judge_shared(look, shared, of_units, probes)
        if of_sensors or batch.faults:
            verdicts += _judge_sensors(look, of_sensors, probes, at)
    moved = [verdict for verdict in verdicts if verdict.changed or verdict.transitions]
    consequences.follow(
        [InOrder(v.cause, v.before.state, v.after.state, v.transitions) for v in moved],
        [Again(cause, hindsight.state, hindsight.moves) for cause, hindsight in again],
        at=at,
        keeping=_keep([verdict for verdict in moved if verdict.changed]),
    )


def _place(rulebook: Rulebook, unit_id: UUID) -> Place:
    place = rulebook.place(unit_id)
    assert place is not None  # noqa: S101 (deleted units aren't judged)
    return place


# --- one rule ---------------------------------------------------------------------------------------------------------


def _judge_shared(
    look: Look, watches: Sequence[Watch], remembered: Mapping[str, Remembered], probes: Register
) -> list[Verdict]:
    """The rules that all sensors of the unit share; their readings come in the order of their times.

    Nothing comes of a rule that is idle and by which nothing is in breach: most are, most of the time.
    """
    verdicts = []
    for watch in watches:
        [cause] = consequences.causes(watch, look.place, (), probes)
        before = remembered.get(cause.key, _NOTHING)
        if watch.signal == RATE:
            verdicts.append(_judge_rate(look, cause, before))
        elif watch.signal == PRODUCT:
            if not before.state.idle or before.carried or look.is_breached(watch.terms, METRICS[0]):
                verdicts.append(_judge_product(look, cause, before))
        elif not before.state.idle or look.is_breached(watch.terms, watch.signal):
            points, others = look.batch.points(watch.signal), look.earlier.newest(watch.signal)
            verdicts.append(_evaluated(look, cause, before, points, others))
    return verdicts


def _judge_rate(look: Look, cause: Cause, before: Remembered) -> Verdict:
    points, others = _rates(look, cause.watch)
    values = [point.value for point in points] + [value for _, value, _ in others.values()]
    if before.state.idle and not any(map(cause.watch.terms.breached, values)):
        return Verdict(cause, before, before, [])
    return _evaluated(look, cause, before, points, others)


def _evaluated(look: Look, cause: Cause, before: Remembered, points: list[Point], others: Newest) -> Verdict:
    terms, seen = cause.watch.terms, _scheduled(points, cause.watch, look.place)
    after, transitions = evaluation.evaluate(terms, before.state, seen, others=others)
    return Verdict(cause, before, Remembered(after, {}), transitions)


def _scheduled(points: list[Point], watch: Watch, place: Place) -> list[Point]:
    return points if watch.schedule == Schedule.ALWAYS else scheduled(points, watch, place)


def _rates(look: Look, watch: Watch) -> tuple[list[Point], Newest]:
    (first, _), _ = look.batch.edges
    points = look.batch.points(watch.metric)
    gap = max([point.gap_s for point in points], default=0.0)
    since = first - 2 * (WINDOW_S + gap)
    past = looking_back.read(look.place.unit_id, since=since, until=first, metrics=(watch.metric,))
    earlier = past.points(watch.metric)
    known = evaluation.rate(earlier)
    together = evaluation.rate([*earlier, *points])
    return together[len(known) :], newest_of(known)


def _judge_product(look: Look, cause: Cause, remembered: Remembered) -> Verdict:
    """The product follows the air, so it need be estimated only while the air or the estimate is beyond the limit."""
    watch, place, breached = cause.watch, look.place, cause.watch.terms.breached
    air, others = look.batch.points(METRICS[0]), look.earlier.newest(METRICS[0])
    start = remembered.carried
    if not start or not others.keys() <= start.keys():
        (first, _), _ = look.batch.edges
        since = first - looking_back.WARM_UP * place.tau_s
        past = looking_back.read(place.unit_id, since=since, until=first, metrics=METRICS[:1])
        start = past.warmth(place.tau_s) | start
    points, latest = followed(air, place.tau_s, start)
    siblings = {
        sensor: (start[sensor][0], start[sensor][1], gap) for sensor, (_, _, gap) in others.items() if sensor in start
    }
    after, transitions = evaluation.evaluate(
        watch.terms, remembered.state, _scheduled(points, watch, place), others=siblings
    )
    goes_on = not after.idle or any(breached(value) for _, value in latest.values())
    if not goes_on:
        airs = {sensor: value for sensor, (_, value, _) in others.items()} | {p.sensor: p.value for p in air}
        goes_on = any(breached(value) for value in airs.values())
    return Verdict(cause, remembered, Remembered(after, latest if goes_on else {}), transitions)


def _judge_sensors(look: Look, remembered: Mapping[str, Remembered], probes: Register, at: datetime) -> list[Verdict]:
    """The rules of one sensor. Its readings alone begin nothing: a silence begins by the clock, a fault with one."""
    faulty = {sensor for sensor, _ in look.batch.faults}
    verdicts = []
    for watch in look.watches:
        if watch.signal not in OF_ONE_SENSOR:
            continue
        for cause in consequences.causes(watch, look.place, look.batch.sensors, probes):
            assert cause.sensor is not None  # noqa: S101 (it is one sensor's)
            before = remembered.get(cause.key, _NOTHING)
            if not before.state.idle or (watch.signal == FAULT and cause.sensor.id in faulty):
                verdicts.append(_judge_sensor(look, cause, before, at))
    return verdicts


def _judge_sensor(look: Look, cause: Cause, remembered: Remembered, at: datetime) -> Verdict:
    """A rule of one sensor: its fault, or its silence."""
    assert cause.sensor is not None  # noqa: S101 (it is one sensor's)
    heard = look.heard.get(cause.sensor.id, -np.inf)
    times = [time for time in look.batch.times_of(cause.sensor.id) if time > heard]
    if cause.watch.signal == SILENCE:
        state, terms = remembered.state, cause.watch.terms
        if not times:
            return Verdict(cause, remembered, remembered, [])
        state, resolved = silence.heard(terms, state, times, gap_s=cause.sensor.gap_s, now=at.timestamp())
        return Verdict(cause, remembered, Remembered(state, {}), [] if resolved is None else [resolved])
    points = faults.points(
        cause.sensor.id,
        faults=[ms for sensor, ms in look.batch.faults if sensor == cause.sensor.id],
        readings=[round(time * 1000) for time in times],
        gap_s=cause.sensor.gap_s,
        newest=faults.last_word(look.heard.get(cause.sensor.id), remembered.state.at),
        hours=None if cause.watch.schedule == Schedule.ALWAYS else look.place.hours,
    )
    after, transitions = evaluation.evaluate(cause.watch.terms, remembered.state, points)
    return Verdict(cause, remembered, Remembered(after, {}), transitions)


# --- what came late ---------------------------------------------------------------------------------------------------


def _look_back(look: Look, shared: Sequence[Cause]) -> list[Hindsight]:
    assert look.last is not None  # noqa: S101 (what is late is later than something)
    (first, _), (last, _) = look.batch.edges
    late = Late(first=first, last=min(last, look.last[0]), newest=max(last, look.last[0]))
    return looking_back.judge_again(
        look.place, [cause.watch for cause in shared], [cause.key for cause in shared], late
    )


def _remember(
    shared: Sequence[Cause], hindsights: Sequence[Hindsight], remembered: Mapping[str, Remembered]
) -> list[Verdict]:
    """Where the rules stand now, if they were judged up to now."""
    verdicts = []
    for cause, hindsight in zip(shared, hindsights, strict=True):
        before = remembered.get(cause.key, _NOTHING)
        breached = cause.watch.terms.breached
        goes_on = not hindsight.state.idle or any(breached(value) for _, value in hindsight.carried.values())
        after = Remembered(hindsight.state, hindsight.carried if goes_on else {})
        if hindsight.is_final:
            verdicts.append(Verdict(cause, before, after, [] if hindsight.over is None else [hindsight.over]))
    return verdicts


# --- what is kept between batches -------------------------------------------------------------------------------------

_LOCK_UNITS: Final = """
SELECT count(*) FROM (SELECT FROM sensors_unit WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE) AS locked
"""
_NEWEST: Final = """
SELECT string_agg(unit_id::text, ','), array_agg(id), array_agg(expected_interval_s), array_agg(last_reading_at),
       array_agg(coalesce(temperature, (-32768)::smallint)), array_agg(coalesce(humidity, (-32768)::smallint)),
       array_agg(coalesce(battery, (-32768)::smallint)), array_agg(coalesce(signal, (-32768)::smallint)),
       array_agg(CASE WHEN door_open THEN 1::smallint WHEN NOT door_open THEN 0::smallint ELSE (-32768)::smallint END)
FROM sensors_sensor
WHERE unit_id = ANY ($1::uuid[]) AND retired_at IS NULL AND last_reading_at IS NOT NULL
"""
# Those of sensors by the sensor: one that moves takes its silence along.
_LOCK_STATES: Final = """
SELECT jsonb_object_agg(cause_key, state) FILTER (WHERE sensor_id IS NULL)::text,
       jsonb_object_agg(cause_key, state) FILTER (WHERE sensor_id IS NOT NULL)::text
FROM (
  SELECT cause_key, state, sensor_id FROM alerts_rulestate
  WHERE (unit_id = ANY ($1::uuid[]) AND sensor_id IS NULL) OR sensor_id = ANY ($2::integer[])
  ORDER BY cause_key FOR UPDATE
) AS locked
"""
_KEEP_NEW: Final = """
INSERT INTO alerts_rulestate (id, organization_id, cause_key, rule_id, unit_id, sensor_id, state, active)
SELECT id, organization_id, cause_key, rule_id, unit_id, sensor_id, state, active
FROM jsonb_to_recordset($1::jsonb)
  AS kept (id uuid, organization_id uuid, cause_key text, rule_id uuid, unit_id uuid, sensor_id integer, state jsonb,
           active boolean)
ORDER BY cause_key
ON CONFLICT (cause_key) DO UPDATE SET state = excluded.state, active = excluded.active
"""
# Of those that are locked it is known that they are there, so nothing needs to be tried.
_KEEP: Final = """
UPDATE alerts_rulestate AS s SET state = kept.state, active = kept.active
FROM jsonb_to_recordset($1::jsonb) AS kept (cause_key text, state jsonb, active boolean)
WHERE s.cause_key = kept.cause_key
"""


def _lock(
    batches: Mapping[UUID, Batch], known: Before
) -> tuple[dict[UUID, Earlier], dict[str, Remembered], dict[str, Remembered]]:
    """What each unit had measured before this batch; what is remembered of units and of sensors, by cause. One round.

    Units first: two writers with different sensors of one unit take turns.
    """
    ids = array_of(batches)
    speaking = np.array([sensor for batch in batches.values() for sensor in batch.sensors])
    steps = [Step(_LOCK_UNITS, [ids]), Step(_NEWEST, [ids]), Step(_LOCK_STATES, [ids, int4s(speaking)])]
    _, sensors, (of_units, of_sensors) = ask(steps)
    return _earlier(sensors, list(batches), known), _remembered(of_units), _remembered(of_sensors)


def _remembered(states: str | None) -> dict[str, Remembered]:
    columns: dict[str, dict[str, Any]] = msgspec.json.decode(states or "{}")
    return {key: Remembered(decode(column), carried(column)) for key, column in columns.items() if column}


def _earlier(row: Row, units: Sequence[UUID], known: Before) -> dict[UUID, Earlier]:
    """Sensors of this batch have its values already: take those before it."""
    earlier = {str(unit_id): Earlier() for unit_id in units}
    owners, *columns = row
    if owners is not None:
        places = {sensor: position for position, sensor in enumerate(known.sensor.tolist())}
        before = (known.temperature, known.humidity, known.battery, known.signal, known.door)
        for owner, sensor, interval_s, ms, *values in zip(
            owners.split(","), *(column.tolist() for column in columns), strict=True
        ):
            position = places.get(sensor)
            if position is None:
                earlier[owner].add(sensor, ms, values, interval_s)
            elif known.ms[position] != NEVER:
                was = [int(column[position]) for column in before]
                earlier[owner].add(sensor, int(known.ms[position]), was, interval_s)
    return dict(zip(units, earlier.values(), strict=True))


def _keep(changed: Sequence[Verdict]) -> list[Step]:
    """Remember what the next batch needs. A unit that was always fine needs no row: most are, most of the time."""
    known: list[dict[str, Any]] = []
    new: list[dict[str, Any]] = []
    for cause, before, after, _ in changed:
        row = {
            "cause_key": cause.key,
            "state": encode(after.state, after.carried),
            "active": not after.state.idle or bool(after.carried),
        }
        if before is not _NOTHING:
            known.append(row)
            continue
        whose = {"organization_id": cause.place.organization_id, "rule_id": cause.watch.rule_id}
        where = {"unit_id": cause.place.unit_id, "sensor_id": cause.sensor.id if cause.sensor else None}
        new.append({"id": uuid7(), **whose, **where, **row})
    return [
        Step(statement, [msgspec.json.encode(rows).decode()])
        for statement, rows in ((_KEEP, known), (_KEEP_NEW, new))
        if rows
    ]
