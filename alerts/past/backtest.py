"""What would a rule have done? It is run over the past of the units that its scope holds, and nothing changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
from django.db.models import Q

from alerts import silence
from alerts.evaluation import IDLE, Incident, Terms
from alerts.evaluation.signals import WINDOW_S
from alerts.models import Alert, AlertRule, Condition, Schedule
from alerts.past.columns import Readings, joined, last_before, read, source_of, track
from alerts.past.scanning import Scan
from alerts.profiles import product_tau_s
from alerts.schedules import Hours, hours_of
from alerts.watching import FAULT, GATEWAY, PRODUCT, RATE, SILENCE, signal_of, terms_of
from freshtrack.errors import DomainError
from organizations.models import Membership
from sensors.models import Sensor, Unit
from sensors.register import gap_s

LONGEST: Final = timedelta(days=100)
MOST_UNITS: Final = 500
# A hundred sensors that measure every five minutes have 2.6 million in 90 days.
MOST_READINGS: Final = 3_000_000
MOST_INCIDENTS: Final = 2000

# What happened before the range decides what is open when it begins. A unit has mostly been fine within the last day;
# for the others it is looked for a month back, and what began earlier is told as if it began there.
_LEAD: Final = timedelta(days=1)
_FURTHER: Final = timedelta(days=30)
# After so many time constants an estimate has forgotten where it began, to 0.005 %.
_SETTLED: Final = 10

_NO_FAULTS: Final = "A preview can't tell what a fault rule would have done: readings that were refused aren't judged."
_NO_GATEWAYS: Final = "A preview can't tell when a gateway was silent: only when it was heard last is known."
_MEASURED: Final = "Counted between the times of measuring: what a gateway kept and sent later is no silence here."
_MORE: Final = f"The rule would have opened more; these are {MOST_INCIDENTS} of them."


class TooMuch(DomainError):
    """The preview would have to look at more than one request may."""

    code = "too_much"
    status = 400


class Would(NamedTuple):
    """An alert that the rule would have opened. Of a silence there is no value."""

    unit: Unit
    sensor: Sensor
    started_at: datetime
    opened_at: datetime
    resolved_at: datetime | None  # None: it lasts to the end of the range
    value: float | None
    peak: float | None


class Preview(NamedTuple):
    """What would have happened, what did, and how much was looked at."""

    incidents: list[Would]
    happened: list[Alert]
    units: int
    readings: int
    note: str


class _Asked(NamedTuple):
    rule: AlertRule
    terms: Terms
    signal: str
    start: datetime
    end: datetime


def preview(*, rule: AlertRule, membership: Membership, start: datetime, end: datetime, at: datetime) -> Preview:
    """Run a rule, which needn't be stored, over `start` to `end` of the units that its scope holds and the member sees.

    It is run alone: rules and overrides that would replace it, mutes, and what people did are left out. In are alerts
    that would have been open at any time of the range. A few statements, whatever the number of units. Call inside a
    transaction. Raises TooMuch.
    """
    units = _units(rule, membership)
    sensors: dict[UUID, list[Sensor]] = defaultdict(list)
    for sensor in Sensor.objects.for_member(membership).filter(unit__in=units).order_by("pk"):
        if sensor.unit_id is not None:
            sensors[sensor.unit_id].append(sensor)
    happened = _happened(rule, units, membership, start, end)
    terms = terms_of(rule.condition, rule.threshold, rule.delay_s, rule.hysteresis, rule.clear_delay_s)
    asked = _Asked(rule, terms, signal_of(rule.metric, rule.condition), start, min(end, at))
    if asked.signal in (FAULT, GATEWAY):
        return Preview([], happened, len(units), 0, _NO_FAULTS if asked.signal == FAULT else _NO_GATEWAYS)
    look = _silences if asked.signal == SILENCE else _excursions
    found, count = look(asked, units, sensors)
    incidents = list(islice(found, MOST_INCIDENTS + 1))
    notes = [_MEASURED] if asked.signal == SILENCE else []
    if len(incidents) > MOST_INCIDENTS:
        notes.append(_MORE)
    shown = sorted(incidents[:MOST_INCIDENTS], key=lambda would: (would.opened_at, would.unit.name, would.sensor.pk))
    return Preview(shown, happened, len(units), count, " ".join(notes))


def _units(rule: AlertRule, membership: Membership) -> list[Unit]:
    held = Unit.objects.alive().for_member(membership).select_related("site").order_by("name", "pk")
    if rule.unit_id:
        held = held.filter(pk=rule.unit_id)
    elif rule.area_id:
        held = held.filter(area=rule.area_id)
    elif rule.site_id:
        held = held.filter(site=rule.site_id)
    elif rule.unit_kind:
        held = held.filter(kind=rule.unit_kind)
    units = list(held[: MOST_UNITS + 1])
    if len(units) > MOST_UNITS:
        raise TooMuch(f"A preview covers up to {MOST_UNITS} units. Try the rule on one site, area or kind of unit.")
    return units


def _happened(
    rule: AlertRule, units: Sequence[Unit], membership: Membership, start: datetime, end: datetime
) -> list[Alert]:
    """Alerts of the same kind that were open at any time of the range, the newest of them, oldest first."""
    same = Q(condition=rule.condition)
    if rule.condition in (Condition.ABOVE, Condition.BELOW, Condition.RATE_ABOVE):
        same &= Q(kind=rule.metric)
    alerts = (
        Alert.objects.for_member(membership)
        .filter(same, Q(resolved_at=None) | Q(resolved_at__gte=start), unit__in=units, opened_at__lt=end)
        .order_by("-opened_at", "-pk")
    )
    return list(alerts[:MOST_INCIDENTS])[::-1]


# --- what was measured ------------------------------------------------------------------------------------------------

_Found = tuple[Iterator[Would], int]
_OfUnits = Mapping[UUID, Sequence[Sensor]]


def _excursions(asked: _Asked, units: Sequence[Unit], sensors: _OfUnits) -> _Found:
    """Whatever is judged by values."""
    everybody = [sensor for unit in units for sensor in sensors[unit.pk]]
    settling = timedelta(seconds=max((_settling_s(asked.signal, unit, sensors[unit.pk]) for unit in units), default=0))
    since = asked.start - settling - timedelta(seconds=asked.terms.delay_s + asked.terms.clear_delay_s) - _LEAD
    readings = _read(asked, everybody, since=since, until=asked.end)
    return _by_value(asked, units, sensors, readings, since), len(readings.at)


def _by_value(
    asked: _Asked, units: Sequence[Unit], sensors: _OfUnits, readings: Readings, since: datetime
) -> Iterator[Would]:
    restless = []
    for unit in units:
        scan = _scan(asked, unit, sensors[unit.pk], readings)
        quiet = _quiet_row(asked, scan, unit, sensors[unit.pk], since)
        if quiet is None:
            restless.append(unit)
        else:
            yield from _would(asked, unit, sensors[unit.pk], scan, quiet + 1)
    if not restless:
        return
    earlier = since - _FURTHER
    wanted = {sensor.pk for unit in restless for sensor in sensors[unit.pk]}
    most = max(MOST_READINGS - len(readings.at), 0)
    before = read(sensors=wanted, start=earlier, end=since, source=_source(asked), most=most)
    for unit in restless:
        mine = [_of(readings, sensors[unit.pk])]
        if before is not None:
            mine.append(_of(before, sensors[unit.pk]))
        scan = _scan(asked, unit, sensors[unit.pk], joined(mine))
        quiet = _quiet_row(asked, scan, unit, sensors[unit.pk], earlier)
        yield from _would(asked, unit, sensors[unit.pk], scan, 0 if quiet is None else quiet + 1)


def _read(asked: _Asked, sensors: Sequence[Sensor], *, since: datetime, until: datetime) -> Readings:
    ids = [sensor.pk for sensor in sensors]
    readings = read(sensors=ids, start=since, end=until, source=_source(asked), most=MOST_READINGS)
    if readings is None:
        raise TooMuch(
            f"There are more than {MOST_READINGS:,} readings in this range. Try fewer days, or the rule on one site,"
            " area or kind of unit."
        )
    return readings


def _source(asked: _Asked) -> str:
    return source_of(asked.signal, asked.rule.metric)


def _of(readings: Readings, sensors: Sequence[Sensor]) -> Readings:
    slices = [readings.of(sensor.pk) for sensor in sensors]
    return Readings._make(np.concatenate([column[:0], *(column[mine] for mine in slices)]) for column in readings)


def _tau_s(unit: Unit) -> float:
    return unit.product_tau_s or product_tau_s(unit.kind)


def _gaps(sensors: Sequence[Sensor]) -> dict[int, float]:
    return {sensor.pk: gap_s(sensor.expected_interval_s) for sensor in sensors}


def _settling_s(signal: str, unit: Unit, sensors: Sequence[Sensor]) -> float:
    """How long one must have looked at a unit to see it as somebody would who always did."""
    fresh_s = max(_gaps(sensors).values(), default=0.0)
    if signal == PRODUCT:
        return _SETTLED * _tau_s(unit) + fresh_s
    return fresh_s + WINDOW_S if signal == RATE else fresh_s


def _scan(asked: _Asked, unit: Unit, sensors: Sequence[Sensor], readings: Readings) -> Scan:
    seen = track(
        readings,
        gaps=_gaps(sensors),
        until={sensor.pk: sensor.retired_at.timestamp() for sensor in sensors if sensor.retired_at},
        signal=asked.signal,
        tau_s=_tau_s(unit),
        hours=_hours(asked.rule, unit),
    )
    return Scan(asked.terms, seen)


def _hours(rule: AlertRule, unit: Unit) -> Hours | None:
    if rule.schedule != Schedule.OPENING_HOURS:
        return None
    return hours_of(unit.site.opening_hours, unit.site.timezone)


def _quiet_row(asked: _Asked, scan: Scan, unit: Unit, sensors: Sequence[Sensor], since: datetime) -> int | None:
    after = since.timestamp() + _settling_s(asked.signal, unit, sensors)
    return scan.quiet_row(after=after, before=asked.start.timestamp())


def _would(asked: _Asked, unit: Unit, sensors: Sequence[Sensor], scan: Scan, begin: int) -> Iterator[Would]:
    by_id = {sensor.pk: sensor for sensor in sensors}
    start = asked.start.timestamp()
    for incident in scan.incidents(begin):
        if incident.resolved_at is None or incident.resolved_at >= start:
            yield _told(unit, by_id[incident.sensor], incident)


def _told(unit: Unit, sensor: Sensor, incident: Incident) -> Would:
    return Would(
        unit,
        sensor,
        _moment(incident.started_at),
        _moment(incident.opened_at),
        None if incident.resolved_at is None else _moment(incident.resolved_at),
        incident.value,
        incident.peak,
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(round(seconds, 3), tz=UTC)


# --- what wasn't ------------------------------------------------------------------------------------------------------


def _silences(asked: _Asked, units: Sequence[Unit], sensors: _OfUnits) -> _Found:
    """Pauses between two readings of a sensor that are longer than the delay."""
    everybody = [sensor for unit in units for sensor in sensors[unit.pk]]
    readings = _read(asked, everybody, since=asked.start, until=asked.end)
    before = last_before(sensors=[sensor.pk for sensor in everybody], moment=asked.start)
    all_readings = joined([before, readings])
    found = (
        would
        for unit in units
        for sensor in sensors[unit.pk]
        for would in _silences_of(asked, unit, sensor, all_readings.at[all_readings.of(sensor.pk)].tolist())
    )
    return found, len(readings.at)


def _silences_of(asked: _Asked, unit: Unit, sensor: Sensor, moments: Sequence[float]) -> Iterator[Would]:
    """As if each reading had come when it was measured (Note [Silence] in alerts/silence/hearing.py)."""
    end, hours, gap = asked.end.timestamp(), _hours(asked.rule, unit), gap_s(sensor.expected_interval_s)
    if sensor.retired_at:
        end = min(end, sensor.retired_at.timestamp())
    patience = silence.patience_s(asked.terms, gap_s=gap)
    state, began, opened = IDLE, 0.0, 0.0
    for last, following in pairwise([*(moment for moment in moments if moment <= end), None]):
        assert last is not None  # noqa: S101 (only the last one has nobody after it)
        if not state.open:
            until = end if following is None else following
            due = silence.due_at(newest=last, patience_s=patience, hours=hours)
            if until - last <= patience or due is None or due >= until:
                continue
            state, began, opened = silence.silent(newest=last, due=due), last, due
        if following is not None:
            state, over = silence.heard(asked.terms, state, [following], gap_s=gap, now=following)
            if over is not None:
                yield Would(unit, sensor, _moment(began), _moment(opened), _moment(over.at), None, None)
    if state.open:
        yield Would(
            unit, sensor, _moment(began), _moment(opened), _moment(end) if sensor.retired_at else None, None, None
        )
