"""What a unit measured before, read again: for signals that need a past, and for what came late.

Note [Hindsight]. Readings that come in the order of their times are judged with what is remembered of the unit. Where
one is older than the unit's newest, what is remembered is worth nothing: it knows a later time. Then the stored
readings are judged once more, from a moment at which nothing was in breach and no alert stood, until either the newest
or a moment at which all is quiet again. What comes out is compared with the alerts that stand (evaluation/hindsight).
What an older version of a rule has opened stays as it is: nobody knows any more what that version said. What the rule
says now counts from its end on, and ends it if it is open.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from math import inf
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
from django.db.models import Q
from msgspec.structs import replace

from alerts import evaluation
from alerts.evaluation import (
    IDLE,
    Incident,
    Move,
    Point,
    Resolved,
    Settled,
    State,
    Told,
    reconcile,
    replay_around,
)
from alerts.evaluation.signals import WINDOW_S
from alerts.models import Alert, AlertEvent, AlertEventKind
from alerts.past.columns import product_of
from alerts.watching import METRICS, PRODUCT, RATE, SCALES, Place, Watch
from freshtrack.arrays import MISSING, moments
from freshtrack.rounds import Row, Step, array_of, ask
from sensors.recording import Column
from sensors.register import gap_s

# After so many time constants less than a hundred-thousandth of what was before is left.
WARM_UP: Final = 12
# How far back a quiet moment is searched for, at first and at last. A breach that lasts longer has long been told.
_LEAST_S: Final = 2 * 3600.0
_MOST_S: Final = 35 * 86_400.0
_STEP: Final = 6


class Past:
    """Stored readings of a unit's sensors, in order of time and sensor."""

    def __init__(self, sensor: Column, ms: Column, values: Mapping[str, Column], gaps: dict[int, float]) -> None:
        """`values` are those of the METRICS that are asked for."""
        order = np.lexsort((sensor, ms))
        self._sensor, self._ms = sensor[order], ms[order]
        self._values = {metric: column[order] for metric, column in values.items()}
        self._gaps = gaps

    def __len__(self) -> int:
        return len(self._ms)

    def knows(self, sensor: int | None) -> bool:
        """Whether the sensor is one of the unit's."""
        return sensor in self._gaps

    def points(self, metric: str) -> list[Point]:
        """What was measured of one of METRICS."""
        scale = SCALES[METRICS.index(metric)]
        rows = zip(self._ms.tolist(), self._sensor.tolist(), self._values[metric].tolist(), strict=True)
        return [
            Point(ms / 1000, sensor, value / scale, self._gaps[sensor])
            for ms, sensor, value in rows
            if value != MISSING
        ]

    def warmth(self, tau_s: float) -> dict[int, tuple[float, float]]:
        """What the product's temperature had come to, sensor -> (time, value): the end of `evaluation.product`.

        Hours of readings are gone through for these two numbers, so no Point is made of any.
        """
        air = self._values[METRICS[0]]
        measured = air != MISSING
        sensor, at, air = self._sensor[measured], self._ms[measured] / 1000, air[measured] / SCALES[0]
        come_to = {}
        for one in np.unique(sensor).tolist():
            mine = sensor == one
            times, estimates = at[mine], product_of(at[mine], air[mine], tau_s)
            come_to[one] = (float(times[-1]), float(estimates[-1]))
        return come_to

    def seen(self, watch: Watch, place: Place) -> list[Point]:
        """What a rule sees of it."""
        if watch.signal == PRODUCT:
            points = evaluation.product(self.points(METRICS[0]), place.tau_s)
        elif watch.signal == RATE:
            points = evaluation.rate(self.points(watch.metric))
        else:
            points = self.points(watch.signal)
        return scheduled(points, watch, place)


def scheduled(points: list[Point], watch: Watch, place: Place) -> list[Point]:
    """The points with those marked that lie outside the rule's schedule."""
    return [point if watch.watches_at(point.at, place) else replace(point, watched=False) for point in points]


# What came before a sensor was claimed became history, and opens no alerts (contract: "Unknown sensors"). The delay is
# kept in whole seconds.
_READ: Final = """
WITH mine AS (
  SELECT id, expected_interval_s, claimed_at - interval '1 second' AS claimed, retired_at FROM sensors_sensor
  WHERE unit_id = $1::uuid
)
SELECT array_agg(r.sensor_id), array_agg(r.recorded_at), {values},
       (SELECT array_agg(id) FROM mine), (SELECT array_agg(expected_interval_s) FROM mine)
FROM mine JOIN sensors_reading r ON r.sensor_id = mine.id
WHERE r.recorded_at >= $2::timestamptz AND r.recorded_at < $3::timestamptz
  AND r.recorded_at + r.delay_s * interval '1 second' >= mine.claimed
  AND (mine.retired_at IS NULL OR r.recorded_at <= mine.retired_at)
"""


def read(unit_id: UUID, *, since: float, until: float, metrics: tuple[str, ...] = METRICS) -> Past:
    """What the unit's sensors measured from `since` (inclusive) to `until` (exclusive), seconds since 1970.

    `metrics` are those that the caller will ask for. Call inside a transaction.
    """
    span = [datetime.fromtimestamp(moment, tz=UTC).isoformat() for moment in (since, until)]
    [row] = ask([Step(_reading(metrics), [str(unit_id), *span])])
    return _past(row, metrics)


@cache
def _reading(metrics: tuple[str, ...]) -> str:
    return _READ.format(values=", ".join(f"array_agg(coalesce(r.{metric}, (-32768)::smallint))" for metric in metrics))


_WITH_ALERTS: Final = """
SELECT string_agg(DISTINCT a.unit_id::text, ',')
FROM unnest($1::uuid[], $2::timestamptz[]) AS late (unit_id, since)
JOIN alerts_alert a ON a.unit_id = late.unit_id AND (a.resolved_at IS NULL OR a.resolved_at >= late.since)
"""


def units_with_alerts(since: Mapping[UUID, float]) -> set[UUID]:
    """Of these units those of which an alert stood at the given moment (seconds since 1970) or later."""
    if not since:
        return set()
    times = moments(np.array([round(moment * 1000) for moment in since.values()]))
    [(units,)] = ask([Step(_WITH_ALERTS, [array_of(since), times])])
    return {UUID(unit_id) for unit_id in units.split(",")} if units else set()


def _past(row: Row, metrics: Sequence[str]) -> Past:
    *columns, ids, intervals = row
    if columns[0] is None:
        nothing = np.empty(0, dtype=np.int64)
        return Past(nothing, nothing, dict.fromkeys(metrics, nothing), {})
    sensor, ms, *values = columns
    gaps = {sensor_id: gap_s(interval) for sensor_id, interval in zip(ids.tolist(), intervals.tolist(), strict=True)}
    return Past(sensor, ms, dict(zip(metrics, values, strict=True)), gaps)


class Hindsight(NamedTuple):
    """What became of one rule in one unit once all readings were judged again."""

    watch: Watch
    moves: list[Move]
    state: State
    carried: dict[int, tuple[float, float]]
    is_quiet: bool  # nothing was in breach at the end, and no alert stood
    is_final: bool  # judged up to the newest reading: `state` is where the rule stands now
    over: Resolved | None  # readings ended an alert that an older version of the rule had opened


class Late(NamedTuple):
    """What came late to a unit: the times of the earliest and the last of it, and of the unit's newest reading."""

    first: float
    last: float
    newest: float


def judge_again(place: Place, watches: Sequence[Watch], keys: Sequence[str], late: Late) -> list[Hindsight]:
    """Judge what the unit measured around late readings once more (Note [Hindsight] above).

    `keys` are the causes of `watches`. The readings must be stored already, the unit locked.
    """
    alerts = _alerts(keys, since=late.first - _MOST_S)
    bounds = [_bound(alerts.get(key, []), late) for key in keys]
    reach = max([_LEAST_S, *(_memory_of(watch, place) for watch in watches)])
    ahead = reach
    pairs = list(zip(watches, keys, strict=True))
    while True:
        since, until = max(0.0, min(bounds) - reach), min(late.newest, late.last + ahead)
        past = read(place.unit_id, since=since, until=until + 0.001)
        causes = [_Cause(watch, past.seen(watch, place), past, alerts.get(key, [])) for watch, key in pairs]
        begins = [_quiet(cause, bound) for cause, bound in zip(causes, bounds, strict=True)]
        if None in begins and reach < _MOST_S:
            reach *= _STEP  # something was in breach all the time: begin earlier
            continue
        results = [
            _compared(cause, begin or 0, late, is_final=until >= late.newest)
            for cause, begin in zip(causes, begins, strict=True)
        ]
        if until >= late.newest or all(result.is_quiet for result in results):
            return results
        ahead *= _STEP  # something isn't over yet: go on


class _Alert(NamedTuple):
    """An alert of one cause."""

    told: Told
    sensor: int | None
    created_at: float
    by_hand: list[float]  # when people resolved it: a late reading may have cut it short since


class _Cause(NamedTuple):
    """One rule with one unit: what it sees of the past, and its alerts."""

    watch: Watch
    points: list[Point]
    past: Past
    alerts: Sequence[_Alert]


def _alerts(keys: Sequence[str], *, since: float) -> dict[str, list[_Alert]]:
    """The causes' alerts of the time that can be judged again; of years ago there may be thousands."""
    found: dict[str, list[_Alert]] = {}
    lately = Q(resolved_at=None) | Q(resolved_at__gte=datetime.fromtimestamp(max(since, 0.0), tz=UTC))
    rows = list(Alert.objects.filter(lately, cause_key__in=keys).order_by("opened_at", "pk"))
    by_hand = _resolved_by_hand([alert.pk for alert in rows]) if rows else {}
    for alert in rows:
        resolved_at = None if alert.resolved_at is None else alert.resolved_at.timestamp()
        told = Told(
            alert.pk,
            alert.started_at.timestamp(),
            alert.opened_at.timestamp(),
            resolved_at,
            alert.peak,
            alert.value,
            alert.contradicted_at is not None,
        )
        row = _Alert(told, alert.sensor_id, alert.created_at.timestamp(), by_hand.get(alert.pk, []))
        found.setdefault(alert.cause_key, []).append(row)
    return found


def _resolved_by_hand(alerts: Sequence[UUID]) -> dict[UUID, list[float]]:
    """When people resolved these alerts. Not those that a person opened again: that took it back."""
    resolved: dict[UUID, list[float]] = defaultdict(list)
    kinds = [AlertEventKind.RESOLVED, AlertEventKind.REOPENED]
    events = AlertEvent.objects.filter(alert__in=alerts, event__in=kinds, by__isnull=False)
    for alert_id, event, at in events.order_by("created_at", "pk").values_list("alert_id", "event", "at"):
        if event == AlertEventKind.RESOLVED:
            resolved[alert_id].append(at.timestamp())
        elif resolved[alert_id]:
            resolved[alert_id].pop()
    return resolved


def _bound(alerts: Sequence[_Alert], late: Late) -> float:
    """Before which moment a quiet one must be found: the late readings, and what stood when they were measured."""
    return min([late.first, *(alert.told.started_at for alert in alerts if _stands_at(alert.told, late.first))])


def _stands_at(told: Told, at: float) -> bool:
    return told.started_at <= at <= (inf if told.resolved_at is None else told.resolved_at) and not told.contradicted


def _memory_of(watch: Watch, place: Place) -> float:
    """How far back what it says may depend on, in seconds, where nothing lasts longer than it takes to be told."""
    window = {PRODUCT: WARM_UP * place.tau_s, RATE: 2 * WINDOW_S}.get(watch.signal, 0.0)
    return 2 * (watch.terms.delay_s + watch.terms.clear_delay_s) + window + WINDOW_S


def _quiet(cause: _Cause, bound: float) -> int | None:
    """Where to begin: behind the last point before the bound at which nothing was in breach and no alert stood.

    None: there was no such moment in what was read.
    """
    before = bisect_left(cause.points, bound, key=lambda point: point.at)
    points = cause.points[:before]
    begin = None
    for number, (state, _) in enumerate(evaluation.steps(cause.watch.terms, IDLE, points), start=1):
        if state == IDLE and not any(_stands_at(alert.told, points[number - 1].at) for alert in cause.alerts):
            begin = number
    return begin


def _compared(cause: _Cause, begin: int, late: Late, *, is_final: bool) -> Hindsight:
    watch, rest = cause.watch, cause.points[begin:]
    since = rest[0].at if rest else late.first
    until = rest[-1].at if rest else late.last
    concerned = [alert for alert in cause.alerts if _ends(alert.told) >= since and alert.told.started_at <= until]
    # Opened by another version of the rule, or by a sensor that measures elsewhere now: nobody can judge it again.
    known = [a for a in concerned if a.created_at >= watch.changed_at and cause.past.knows(a.sensor)]
    settled = [_settled(alert, watch) for alert in concerned if alert not in known and not alert.told.contradicted]
    hand = [max(at, alert.told.opened_at) for alert in known for at in alert.by_hand]
    others = newest_of(cause.points[:begin])
    state, incidents, over = replay_around(watch.terms, rest, settled, hand=hand, others=others)
    # What was over before the first late reading can't have changed; it differs only where the rule has.
    true = [incident for incident in incidents if _end(incident) >= late.first]
    told = [alert.told for alert in known if _ends(alert.told) >= late.first]
    is_quiet = state == IDLE and not any(_stands_at(alert.told, until) for alert in cause.alerts)
    carried = {point.sensor: (point.at, point.value) for point in cause.points} if watch.signal == PRODUCT else {}
    return Hindsight(watch, reconcile(told, true), state, carried, is_quiet, is_final, over)


def _settled(alert: _Alert, watch: Watch) -> Settled:
    told = alert.told
    until = max(told.opened_at, watch.changed_at) if told.resolved_at is None else told.resolved_at
    return Settled(told.started_at, until, told.peak, told.resolved_at is None, bool(alert.by_hand))


def _ends(told: Told) -> float:
    return inf if told.resolved_at is None else told.resolved_at


def _end(incident: Incident) -> float:
    return inf if incident.resolved_at is None else incident.resolved_at


def newest_of(points: Sequence[Point]) -> dict[int, tuple[float, float, float]]:
    """The last of each sensor, as evaluation takes it."""
    return {point.sensor: (point.at, point.value, point.gap_s) for point in points}
