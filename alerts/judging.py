"""From a stored batch to moved alerts: which units need a look, one evaluation a rule, the moves that follow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
import numpy as np
from uuid_utils.compat import uuid7

from alerts import evaluation, lifecycle
from alerts.evaluation import Opened, Point, State, Terms, Transition
from alerts.models import Alert, AlertRule
from alerts.states import decode, encode
from alerts.watching import METRICS, SCALES, UNWATCHED, Place, Rulebook, Watch
from freshtrack.arrays import MISSING, NEVER
from freshtrack.rounds import Row, Step, array_of, ask
from sensors.models import Unit
from sensors.recording import Before, Column, Mask, Rows
from sensors.register import Probe, Register

Newest = dict[int, tuple[float, float]]  # sensor -> (time, value)


class Batch:
    """The new readings of one unit, in order of their times."""

    def __init__(self, rows: Rows, probes: Register) -> None:
        self._rows = rows.take(np.lexsort((rows.sensor, rows.ms)))
        self._probes = probes
        self._points: dict[str, list[Point]] = {}

    def points(self, metric: str) -> list[Point]:
        """What was measured. Judge what is stored: 5.004 is kept as 5.00, and a chart must agree with its alerts."""
        points = self._points.get(metric)
        if points is None:
            rows, scale = self._rows, SCALES[METRICS.index(metric)]
            points = self._points[metric] = [
                Point(ms / 1000, sensor, value / scale, self._probes.probe(sensor).gap_s)
                for ms, sensor, value in zip(
                    rows.ms.tolist(), rows.sensor.tolist(), rows.metric(metric).tolist(), strict=True
                )
                if value != MISSING
            ]
        return points


class Task(NamedTuple):
    """One rule with one unit, and what to judge."""

    key: str
    watch: Watch
    place: Place
    points: Sequence[Point]
    others: Newest


class Verdict(NamedTuple):
    """What became of a task."""

    task: Task
    before: State
    after: State
    transitions: list[Transition]


_ACTIVE: Final = """
SELECT string_agg(DISTINCT unit_id::text, ',') FROM alerts_rulestate
WHERE organization_id = ANY ($1::uuid[]) AND active
"""


def active_units(organizations: Collection[UUID]) -> Step:
    """Which units of the organizations have something to remember; `active` reads the answer."""
    return Step(_ACTIVE, [array_of(organizations)])


def active(row: Row) -> set[UUID]:
    """The answer to `active_units`. What another writer is just about to remember isn't in it: see `judge`."""
    (units,) = row
    return {UUID(unit_id) for unit_id in units.split(",")} if units else set()


def judge(news: Rows, *, probes: Register, rulebook: Rulebook, known: Before, active: set[UUID], at: datetime) -> None:
    """Evaluate the rules of the units that need it (Note [Envelopes] in watching.py), and move their alerts.

    `news` are new readings, later than their probes' newest before this batch (Note [Late readings] in evaluation.py),
    sorted by sensor; `known` is what was known before. Unclaimed and retired probes are judged by nobody.
    Call inside the transaction that stores them, with the probes locked. A unit that another writer is just beginning
    to remember is locked by it: whoever has a breach to add waits, and reads the state after that.
    """
    if not len(news):
        return
    starts = np.flatnonzero(np.concatenate([[True], news.sensor[1:] != news.sensor[:-1]]))
    sensors = [probes.probe(sensor) for sensor in news.sensor[starts].tolist()]
    rulebook.learn({probe.unit_id: probe.organization_id for probe in sensors if probe.is_watched and probe.unit_id})
    lengths = np.diff(np.append(starts, len(news)))
    outside = _outside(news, sensors, lengths, rulebook)
    marked = np.logical_or.reduceat(outside, starts).tolist()
    needed = {probe.unit_id for probe, is_marked in zip(sensors, marked, strict=True) if is_marked} | active
    rows_of: dict[UUID, list[tuple[int, int]]] = defaultdict(list)
    for probe, start, length in zip(sensors, starts.tolist(), lengths.tolist(), strict=True):
        unit_id = probe.unit_id
        if probe.is_watched and unit_id and unit_id in needed and rulebook.place(unit_id) is not None:
            rows_of[unit_id].append((start, length))
    if rows_of:
        _judge_units(
            {unit: Batch(_slices(news, slices), probes) for unit, slices in rows_of.items()}, rulebook, known, at
        )


def _outside(news: Rows, sensors: Sequence[Probe], lengths: Column, rulebook: Rulebook) -> Mask:
    """Which readings lie outside the envelope of their unit."""
    watched = [
        rulebook.envelope(probe.unit_id) if probe.is_watched and probe.unit_id else UNWATCHED for probe in sensors
    ]
    limits = np.array(watched)
    outside = np.zeros(len(news), dtype=np.bool_)
    for number, metric in enumerate(METRICS):
        low, high = limits[:, 2 * number], limits[:, 2 * number + 1]
        if np.isinf(low).all() and np.isinf(high).all():
            continue
        values = news.metric(metric)
        beyond = (values < np.repeat(low, lengths)) | (values > np.repeat(high, lengths))
        outside |= beyond & (values != MISSING)
    return outside


def _slices(rows: Rows, slices: Sequence[tuple[int, int]]) -> Rows:
    return rows.take(np.concatenate([np.arange(start, start + length) for start, length in slices]))


def _judge_units(by_unit: dict[UUID, Batch], rulebook: Rulebook, known: Before, at: datetime) -> None:
    watched = {unit_id: rulebook.watches(unit_id) for unit_id in sorted(by_unit)}
    keys = {
        (unit_id, watch.rule_id): lifecycle.cause_key(rule_id=watch.rule_id, unit_id=unit_id)
        for unit_id, watches in watched.items()
        for watch in watches
    }
    newest, states = _lock(list(watched), sorted(keys.values()), known)
    tasks = [
        Task(keys[unit_id, watch.rule_id], watch, place, points, newest[unit_id, watch.metric])
        for unit_id, watches in watched.items()
        if (place := rulebook.place(unit_id)) is not None
        for watch in watches
        if (points := by_unit[unit_id].points(watch.metric))
    ]
    # Critical ones first: an open critical silences the messages of the warning, in the same batch too.
    tasks.sort(key=lambda task: not task.watch.is_critical)
    verdicts = [_evaluate(task, states.get(task.key)) for task in tasks if _matters(task, states)]
    for verdict in verdicts:
        if verdict.transitions:
            _move(verdict, at=at)
        if verdict.after.open and verdict.after.peak != verdict.before.peak:
            Alert.objects.unresolved().filter(cause_key=verdict.task.key).update(peak=verdict.after.peak)
    _keep([verdict for verdict in verdicts if verdict.after != verdict.before])


_LOCK_UNITS: Final = """
SELECT count(*) FROM (SELECT FROM sensors_unit WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE) AS locked
"""
_NEWEST: Final = """
SELECT string_agg(unit_id::text, ','), array_agg(id), array_agg(last_reading_at),
       array_agg(coalesce(temperature, (-32768)::smallint)), array_agg(coalesce(humidity, (-32768)::smallint)),
       array_agg(coalesce(battery, (-32768)::smallint)), array_agg(coalesce(signal, (-32768)::smallint))
FROM sensors_sensor
WHERE unit_id = ANY ($1::uuid[]) AND retired_at IS NULL AND last_reading_at IS NOT NULL
"""
_LOCK_STATES: Final = """
SELECT jsonb_object_agg(cause_key, state)::text FROM (
  SELECT cause_key, state FROM alerts_rulestate WHERE cause_key = ANY ($1::text[]) ORDER BY cause_key FOR UPDATE
) AS locked
"""


def _lock(
    units: Sequence[UUID], keys: Sequence[str], known: Before
) -> tuple[dict[tuple[UUID, str], Newest], dict[str, State]]:
    """The newest of each (unit, metric) before this batch, and the remembered states; in one way to the database.

    Units first: two writers with different sensors of one unit take turns.
    """
    ids = array_of(units)
    _, sensors, (states,) = ask([Step(_LOCK_UNITS, [ids]), Step(_NEWEST, [ids]), Step(_LOCK_STATES, [array_of(keys)])])
    remembered = {key: decode(state) for key, state in msgspec.json.decode(states or "{}").items()}
    return _newest(sensors, known), remembered


def _newest(row: Row, known: Before) -> dict[tuple[UUID, str], Newest]:
    """Siblings count while they are fresh. Sensors of this batch have its values already: take those before it."""
    newest: dict[tuple[UUID, str], Newest] = defaultdict(dict)
    units, *columns = row
    if units is None:
        return newest
    earlier = {sensor: position for position, sensor in enumerate(known.sensor.tolist())}
    before = (known.temperature, known.humidity, known.battery, known.signal)
    rows = zip(units.split(","), *(column.tolist() for column in columns), strict=True)
    for unit_id, sensor, stored_ms, *stored in rows:
        ms, values = stored_ms, stored
        if sensor in earlier:
            position = earlier[sensor]
            ms, values = int(known.ms[position]), [int(column[position]) for column in before]
        for metric, scale, value in zip(METRICS, SCALES, values, strict=True):
            if ms != NEVER and value != MISSING:
                newest[UUID(unit_id), metric][sensor] = (ms / 1000, value / scale)
    return newest


def _matters(task: Task, states: dict[str, State]) -> bool:
    """Whether evaluating can change anything: not if nothing is remembered and no sensor is beyond the limit."""
    state = states.get(task.key)
    if state is not None and not state.idle:
        return True
    breached = task.watch.terms.breached
    return any(breached(point.value) for point in task.points) or any(
        breached(value) for _, value in task.others.values()
    )


def _evaluate(task: Task, state: State | None) -> Verdict:
    before = state or State()
    after, transitions = evaluation.evaluate(task.watch.terms, before, task.points, others=task.others)
    return Verdict(task, before, after, transitions)


def _move(verdict: Verdict, *, at: datetime) -> None:
    task = verdict.task
    for transition in verdict.transitions:
        if isinstance(transition, Opened):
            rule = AlertRule.objects.get(pk=task.watch.rule_id)
            unit = Unit.objects.select_related("site").get(pk=task.place.unit_id)
            lifecycle.open_alert(rule=rule, unit=unit, opened=transition, at=at)
        else:
            lifecycle.resolve_cleared(cause=task.key, resolved=transition)


def terms_of(rule: AlertRule) -> Terms:
    """The part of a rule that evaluation needs."""
    assert rule.threshold is not None  # noqa: S101 (alert_rule_threshold_where_needed)
    return Terms(rule.condition, rule.threshold, rule.delay_s, rule.hysteresis, rule.clear_delay_s)  # type: ignore[arg-type]


_KEEP: Final = """
INSERT INTO alerts_rulestate (id, organization_id, cause_key, rule_id, unit_id, state, active)
SELECT id, organization_id, cause_key, rule_id, unit_id, state, active
FROM jsonb_to_recordset($1::jsonb)
  AS kept (id uuid, organization_id uuid, cause_key text, rule_id uuid, unit_id uuid, state jsonb, active boolean)
ORDER BY cause_key
ON CONFLICT (cause_key) DO UPDATE SET state = excluded.state, active = excluded.active
"""


def _keep(changed: Sequence[Verdict]) -> None:
    """Remember what the next batch needs. A unit that was always fine needs no row: most are, most of the time."""
    if not changed:
        return
    rows = [
        {
            "id": uuid7(),
            "organization_id": verdict.task.place.organization_id,
            "cause_key": verdict.task.key,
            "rule_id": verdict.task.watch.rule_id,
            "unit_id": verdict.task.place.unit_id,
            "state": encode(verdict.after),
            "active": not verdict.after.idle,
        }
        for verdict in changed
    ]
    ask([Step(_KEEP, [msgspec.json.encode(rows).decode()])])
