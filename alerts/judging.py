"""From a stored batch to moved alerts: which rules watch which units, one evaluation each, the moves that follow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from alerts import evaluation, lifecycle
from alerts.evaluation import Opened, Point, State, Terms
from alerts.models import Alert, AlertRule, Condition, Metric, RuleState
from alerts.states import decode, encode
from sensors.models import Sensor, SensorStatus, Unit
from sensors.recording import Measured

# What evaluation judges so far, and the column of the sensor that holds the newest value.
_METRICS: Final = (Metric.TEMPERATURE, Metric.HUMIDITY, Metric.BATTERY, Metric.SIGNAL)
_CONDITIONS: Final = (Condition.ABOVE, Condition.BELOW)


def judge(new: Sequence[Measured], *, at: datetime) -> None:
    """Evaluate the rules of the units that new readings belong to, and move their alerts.

    Call inside the transaction that stored them, before the sensors' newest values are updated, with the probes locked.
    Unclaimed and retired probes, and readings older than their probe's newest, are history: they are judged by nobody.
    """
    by_unit = _group_by_unit(new)
    if not by_unit:
        return
    # Two writers with different sensors of one unit take turns.
    units = {
        unit.pk: unit
        for unit in Unit.objects.select_for_update(of=("self",), no_key=True)
        .select_related("site")
        .filter(pk__in=by_unit, deleted_at=None)
        .order_by("pk")
    }
    rules = list(_watching(list(units.values())))
    if not rules:
        return
    others = _newest_of_units(units)
    watched = [(lifecycle.cause_key(rule_id=rule.pk, unit_id=unit.pk), rule, unit) for rule, unit in rules]
    states = {
        row.cause_key: row
        for row in RuleState.objects.select_for_update(of=("self",))
        .filter(cause_key__in=[key for key, _, _ in watched])
        .order_by("cause_key")
    }
    for key, rule, unit in sorted(watched, key=lambda item: _urgency(item[1])):
        points = list(_points(by_unit[unit.pk], rule.metric))
        if points:
            _judge_one(key, rule, unit, points, others[unit.pk, rule.metric], states.get(key), at=at)


def _urgency(rule: AlertRule) -> tuple[bool, str]:
    """Critical rules first: an open critical silences the messages of the warning, in the same batch too."""
    return (rule.severity != "critical", str(rule.pk))


def _group_by_unit(new: Sequence[Measured]) -> dict[UUID, list[Measured]]:
    by_unit: dict[UUID, list[Measured]] = defaultdict(list)
    for item in new:
        probe = item.probe
        if probe.unit_id is None or probe.status == SensorStatus.RETIRED:
            continue
        if probe.last_reading_at is not None and item.sample.recorded_at <= probe.last_reading_at:
            continue  # Note [Late readings] in evaluation.py
        by_unit[probe.unit_id].append(item)
    for items in by_unit.values():
        items.sort(key=lambda item: (item.sample.recorded_at, item.probe.id))
    return by_unit


def _watching(units: Sequence[Unit]) -> Iterator[tuple[AlertRule, Unit]]:
    """Each rule in force with each unit in its scope."""
    rules = AlertRule.objects.alive().filter(
        organization_id__in={unit.organization_id for unit in units},
        enabled=True,
        metric__in=_METRICS,
        condition__in=_CONDITIONS,
    )
    by_organization: dict[UUID, list[AlertRule]] = defaultdict(list)
    for rule in rules.order_by("pk"):
        by_organization[rule.organization_id].append(rule)
    for unit in units:
        for rule in by_organization[unit.organization_id]:
            if applies(rule, unit):
                yield rule, unit


def applies(rule: AlertRule, unit: Unit) -> bool:
    """Whether the unit is in the rule's scope; a unit may do without the defaults of its kind."""
    if rule.is_default and not unit.default_rules:
        return False
    return (
        rule.site_id in (None, unit.site_id)
        and rule.area_id in (None, unit.area_id)
        and rule.unit_id in (None, unit.pk)
        and rule.unit_kind in ("", unit.kind)
    )


def _newest_of_units(units: dict[UUID, Unit]) -> dict[tuple[UUID, str], dict[int, tuple[float, float]]]:
    """(unit, metric) -> sensor -> (time, value) before this batch: siblings count while they are fresh."""
    newest: dict[tuple[UUID, str], dict[int, tuple[float, float]]] = defaultdict(dict)
    sensors = Sensor.objects.alive().filter(unit_id__in=units, last_reading_at__isnull=False)
    for row in sensors.values_list("unit_id", "pk", "last_reading_at", *_METRICS):
        unit_id, sensor_id, seen = row[:3]
        for metric, value in zip(_METRICS, row[3:], strict=True):
            if value is not None:
                newest[unit_id, metric][sensor_id] = (seen.timestamp(), value)
    return newest


def _points(items: Sequence[Measured], metric: str) -> Iterator[Point]:
    for item in items:
        value = getattr(item.sample, metric)
        if value is not None:
            # Judge what is stored: 5.004 is kept as 5.00, and a chart must agree with its alerts.
            yield Point(
                item.sample.recorded_at.timestamp(),
                item.probe.id,
                round(float(value), 2),
                item.probe.gap.total_seconds(),
            )


def _judge_one(
    key: str,
    rule: AlertRule,
    unit: Unit,
    points: Sequence[Point],
    others: dict[int, tuple[float, float]],
    row: RuleState | None,
    *,
    at: datetime,
) -> None:
    before = decode(row.state) if row else State()
    after, transitions = evaluation.evaluate(terms_of(rule), before, points, others=others)
    for transition in transitions:
        if isinstance(transition, Opened):
            lifecycle.open_alert(rule=rule, unit=unit, opened=transition, at=at)
        else:
            lifecycle.resolve_cleared(cause=key, resolved=transition)
    if after.open and after.peak != before.peak:
        Alert.objects.unresolved().filter(cause_key=key).update(peak=after.peak)
    _keep(key, rule, unit, after, row)


def terms_of(rule: AlertRule) -> Terms:
    """The part of a rule that evaluation needs."""
    assert rule.threshold is not None  # noqa: S101 (alert_rule_threshold_where_needed)
    return Terms(
        condition="above" if rule.condition == Condition.ABOVE else "below",
        threshold=rule.threshold,
        delay_s=rule.delay_s,
        hysteresis=rule.hysteresis,
        clear_delay_s=rule.clear_delay_s,
    )


def _keep(key: str, rule: AlertRule, unit: Unit, state: State, row: RuleState | None) -> None:
    """Remember what the next batch needs. An idle state needs no row: most units are fine most of the time."""
    if row is not None and (not state.idle or not decode(row.state).idle):
        row.state = encode(state)
        row.save(update_fields=["state"])
    elif row is None and not state.idle:
        RuleState.objects.create(
            organization_id=rule.organization_id, cause_key=key, rule=rule, unit=unit, state=encode(state)
        )
