"""From a stored batch to moved alerts: which rules watch which units, one evaluation each, the moves that follow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from django.db import connection
from uuid_utils.compat import uuid7

from alerts import evaluation, lifecycle
from alerts.evaluation import Opened, Point, State, Terms, Transition
from alerts.models import Alert, AlertRule, Metric
from alerts.states import decode, encode
from alerts.watching import METRICS, Place, Rulebook, Watch
from sensors.models import SensorStatus, Unit
from sensors.recording import Measured, array

Newest = dict[int, tuple[float, float]]  # sensor -> (time, value)


class Batch:
    """The new readings of one unit, in order of their times."""

    def __init__(self, items: list[Measured]) -> None:
        self._items = sorted(items, key=lambda item: (item.moment, item.probe.id))
        self._points: dict[str, list[Point]] = {}

    def points(self, metric: str) -> list[Point]:
        """What was measured. Judge what is stored: 5.004 is kept as 5.00, and a chart must agree with its alerts."""
        points = self._points.get(metric)
        if points is None:
            points = self._points[metric] = [
                Point(item.moment, item.probe.id, value, item.probe.gap_s)
                for item in self._items
                if (value := _value(item, metric)) is not None
            ]
        return points


def _value(item: Measured, metric: str) -> float | None:
    if metric == Metric.TEMPERATURE:
        packed = item.packed.temperature
        return None if packed is None else packed / 100
    if metric == Metric.HUMIDITY:
        packed = item.packed.humidity
        return None if packed is None else packed / 100
    value = item.sample.battery if metric == Metric.BATTERY else item.sample.signal
    return None if value is None else float(value)


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


def judge(new: Sequence[Measured], *, at: datetime) -> None:
    """Evaluate the rules of the units that new readings belong to, and move their alerts.

    Call inside the transaction that stored them, before the sensors' newest values are updated, with the probes locked.
    Unclaimed and retired probes, and readings older than their probe's newest, are history: they are judged by nobody.
    """
    by_unit = _group_by_unit(new)
    if not by_unit:
        return
    places = _lock_units(by_unit)
    tasks = _tasks(places, by_unit)
    states = _lock_states([task.key for task in tasks])
    verdicts = [_evaluate(task, states.get(task.key)) for task in tasks if _matters(task, states)]
    for verdict in verdicts:
        if verdict.transitions:
            _move(verdict, at=at)
        if verdict.after.open and verdict.after.peak != verdict.before.peak:
            Alert.objects.unresolved().filter(cause_key=verdict.task.key).update(peak=verdict.after.peak)
    _keep([verdict for verdict in verdicts if verdict.after != verdict.before])


def _group_by_unit(new: Sequence[Measured]) -> dict[UUID, Batch]:
    by_unit: dict[UUID, list[Measured]] = defaultdict(list)
    for item in new:
        probe = item.probe
        if probe.unit_id is None or probe.status == SensorStatus.RETIRED:
            continue
        if probe.is_news(item.sample.recorded_at):  # Note [Late readings] in evaluation.py
            by_unit[probe.unit_id].append(item)
    return {unit_id: Batch(items) for unit_id, items in by_unit.items()}


_LOCK_UNITS = """
SELECT id, organization_id, site_id, area_id, kind, default_rules FROM sensors_unit
WHERE id = ANY (%s::uuid[]) AND deleted_at IS NULL
ORDER BY id FOR NO KEY UPDATE
"""


def _lock_units(units: Collection[UUID]) -> list[Place]:
    """Two writers with different sensors of one unit take turns."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_UNITS, [array(units)])
        return [Place(*row) for row in cursor.fetchall()]


def _tasks(places: Sequence[Place], by_unit: dict[UUID, Batch]) -> list[Task]:
    """Each rule in force with each unit in its scope; critical ones first.

    An open critical silences the messages of the warning, in the same batch too.
    """
    rulebook = Rulebook(places)
    others = _newest_of_units([place.unit_id for place in places])
    tasks = []
    for place in places:
        for watch in rulebook.watching(place):
            points = by_unit[place.unit_id].points(watch.metric)
            if points:
                key = lifecycle.cause_key(rule_id=watch.rule_id, unit_id=place.unit_id)
                tasks.append(Task(key, watch, place, points, others[place.unit_id, watch.metric]))
    tasks.sort(key=lambda task: not task.watch.is_critical)
    return tasks


_NEWEST_OF_UNITS = """
SELECT unit_id, id, extract(epoch FROM last_reading_at)::float8,
       temperature / 100.0::float8, humidity / 100.0::float8, battery::float8, signal::float8
FROM sensors_sensor
WHERE unit_id = ANY (%s::uuid[]) AND retired_at IS NULL AND last_reading_at IS NOT NULL
"""


def _newest_of_units(units: Sequence[UUID]) -> dict[tuple[UUID, str], Newest]:
    """(unit, metric) -> the newest of its sensors before this batch: siblings count while they are fresh."""
    newest: dict[tuple[UUID, str], Newest] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST_OF_UNITS, [array(units)])
        for unit_id, sensor_id, seen, *values in cursor.fetchall():
            for metric, value in zip(METRICS, values, strict=True):
                if value is not None:
                    newest[unit_id, metric][sensor_id] = (seen, value)
    return newest


_LOCK_STATES = """
SELECT cause_key, state::text FROM alerts_rulestate WHERE cause_key = ANY (%s::text[]) ORDER BY cause_key FOR UPDATE
"""


def _lock_states(keys: Sequence[str]) -> dict[str, State]:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_STATES, [array(keys)])
        return {key: decode(msgspec.json.decode(state)) for key, state in cursor.fetchall()}


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


_KEEP = """
INSERT INTO alerts_rulestate (id, organization_id, cause_key, rule_id, unit_id, state)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::uuid[], %s::uuid[], %s::jsonb[])
ON CONFLICT (cause_key) DO UPDATE SET state = excluded.state
"""


def _keep(changed: Sequence[Verdict]) -> None:
    """Remember what the next batch needs. A unit that was always fine needs no row: most are, most of the time."""
    if not changed:
        return
    tasks = [verdict.task for verdict in changed]
    with connection.cursor() as cursor:
        cursor.execute(
            _KEEP,
            [
                [uuid7() for _ in tasks],
                [task.place.organization_id for task in tasks],
                [task.key for task in tasks],
                [task.watch.rule_id for task in tasks],
                [task.place.unit_id for task in tasks],
                [msgspec.json.encode(encode(verdict.after)).decode() for verdict in changed],
            ],
        )
