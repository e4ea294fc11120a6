"""A house in memory: one rule, what it looks at, and its alerts, as the pure core alone decides them.

As the real one: what comes in order is judged at once from the remembered state; once something is late, all that is
stored is judged again and reconciled with the alerts that stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from alerts.evaluation import (
    IDLE,
    Amended,
    Contradicted,
    Found,
    Incident,
    Opened,
    Point,
    State,
    Terms,
    Told,
    evaluate,
    product,
    rate,
    reconcile,
    replay,
    resolved_by_hand,
)
from tests.alerts.cases import Case, Expected, Reading, Rule

# What a rule sees of points of air temperature, humidity, a door …
Signal = Callable[[Iterable[Point]], list[Point]]


@dataclass(frozen=True)
class Alert:
    """As a row would have it; times in seconds since 1970."""

    started_at: float
    opened_at: float
    sensor: int
    value: float
    peak: float
    resolved_at: float | None = None
    by_hand: bool = False
    found_at: float | None = None
    contradicted_at: float | None = None

    def incident(self) -> Incident:
        """What it says that happened."""
        return Incident(
            self.started_at, self.opened_at, self.sensor, self.value, self.peak, self.resolved_at, self.by_hand
        )


@dataclass
class House:
    """One rule with one unit (or with one sensor, for faults)."""

    terms: Terms
    signal: Signal = list
    gap_s: float = 900.0  # an alert that is found later than this was found late
    stored: dict[tuple[float, int], Point] = field(default_factory=dict)
    state: State = IDLE
    alerts: list[Alert] = field(default_factory=list)
    hand: list[float] = field(default_factory=list)

    def arrive(self, points: Iterable[Point], *, at: float) -> None:
        """Readings come, at this time by the server's clock, in any order; repeats are skipped."""
        newest = max(self.stored, default=None)
        done = max(self.hand, default=None)
        news = {(point.at, point.sensor): point for point in points}
        news = {key: point for key, point in sorted(news.items()) if key not in self.stored}
        if not news:
            return
        earliest = min(news)
        before = sorted(self.stored.values(), key=_in_order)
        self.stored |= news
        if (newest is not None and earliest < newest) or (done is not None and earliest[0] <= done):
            self._judge_again(at=at)
        else:
            self._judge(before, news, at=at)

    def resolve(self, *, at: float) -> None:
        """A person says it is over, at this time by the server's clock."""
        if self.state.open:
            # Of a device whose clock runs ahead it may have opened later than now.
            self.hand.append(max([at, *(when for when, _ in self.stored)]))
            self._change_last(resolved_at=self.hand[-1], by_hand=True)
            self.state = resolved_by_hand(self.state)

    def incidents(self) -> list[Incident]:
        """What happened, as all that is stored tells it."""
        return self._replay()[1]

    def _judge(self, before: Sequence[Point], news: dict[tuple[float, int], Point], *, at: float) -> None:
        seen = self.signal([*before, *news.values()])
        others = {point.sensor: (point.at, point.value, point.gap_s) for point in seen if _in_order(point) not in news}
        points = [point for point in seen if _in_order(point) in news]
        self.state, moves = evaluate(self.terms, self.state, points, others=others)
        for move in moves:
            if isinstance(move, Opened):
                incident = Incident(move.started_at, move.at, move.sensor, move.value, move.peak, None)
                self._open(incident, at=at)
            else:
                self._change_last(resolved_at=move.at, peak=move.peak)
        if self.state.open and self.state.peak is not None:
            self._change_last(peak=self.state.peak)

    def _judge_again(self, *, at: float) -> None:
        self.state, true = self._replay()
        told = [
            Told(place, a.started_at, a.opened_at, a.resolved_at, a.peak, a.value, a.contradicted_at is not None)
            for place, a in enumerate(self.alerts)
        ]
        for move in reconcile(told, true):
            if isinstance(move, Found):
                self._open(move.incident, at=at)
            elif isinstance(move, Amended):
                self.alerts[move.key] = replace(self.alerts[move.key], **move.incident._asdict(), contradicted_at=None)
            else:
                assert isinstance(move, Contradicted)
                resolved_at = self.alerts[move.key].resolved_at
                self.alerts[move.key] = replace(
                    self.alerts[move.key], contradicted_at=at, resolved_at=at if resolved_at is None else resolved_at
                )
            assert len([alert for alert in self.alerts if alert.resolved_at is None]) <= 1

    def _replay(self) -> tuple[State, list[Incident]]:
        points = self.signal(sorted(self.stored.values(), key=_in_order))
        return replay(self.terms, points, hand=self.hand)

    def _open(self, incident: Incident, *, at: float) -> None:
        found_at = at if at - incident.opened_at > self.gap_s else None
        self.alerts.append(Alert(**incident._asdict(), found_at=found_at))

    def _change_last(self, **changes: object) -> None:
        place = max(place for place, alert in enumerate(self.alerts) if alert.resolved_at is None)
        self.alerts[place] = replace(self.alerts[place], **changes)


def _in_order(point: Point) -> tuple[float, int]:
    return point.at, point.sensor


def run(case: Case) -> list[Expected]:
    """What becomes of a case: its alerts, in the words of the table."""
    names = case.sensor_names()
    found = []
    for rule in case.rules:
        # A fault is one sensor's; everything else is the unit's.
        for sensors in [[name] for name in names] if rule.condition == "fault" else [names]:
            found += [_expected(rule, alert, names) for alert in _house(case, rule, sensors).alerts]
    return found


def _house(case: Case, rule: Rule, sensors: Sequence[str]) -> House:
    house = House(terms_of(rule), _signal(case, rule), max(case.gap_s(sensor) for sensor in sensors))
    steps = [(arrival.at, 0, arrival) for arrival in case.arrivals] + [(act.at, 1, act) for act in case.acts]
    for at, is_act, step in sorted(steps, key=lambda step: step[:2]):
        if is_act:
            assert step.does == "resolve", f"the pure core knows nothing of {step.does}"
            if step.more.get("rule", rule.name) == rule.name:
                house.resolve(at=at)
            continue
        points = [_point(case, rule, reading) for reading in step.readings if reading.sensor in sensors]
        house.arrive([point for point in points if point is not None], at=at)
    return house


def _point(case: Case, rule: Rule, reading: Reading) -> Point | None:
    """What a rule sees of a reading; None: nothing."""
    if rule.condition == "fault":
        value: float | None = 1.0 if reading.fault else 0.0
    elif reading.fault:
        return None
    elif rule.condition == "door_open_for":
        value = None if reading.door_open is None else float(reading.door_open)
    else:
        value = getattr(reading, "temperature" if rule.metric == "product_temperature" else rule.metric)
    if value is None:
        return None
    sensor = case.sensor_names().index(reading.sensor)
    watched = rule.schedule == "always" or case.is_open_at(reading.at)
    return Point(reading.at, sensor, value, case.gap_s(reading.sensor), watched)


def terms_of(rule: Rule) -> Terms:
    """A rule as the timers see it: a door is above one half when it is open, a fault when there is one."""
    if rule.condition in ("door_open_for", "fault"):
        return Terms("above", 0.5, rule.delay_s, 0.0, rule.clear_delay_s)
    assert rule.threshold is not None
    condition = "below" if rule.condition == "below" else "above"
    return Terms(condition, rule.threshold, rule.delay_s, rule.hysteresis, rule.clear_delay_s)


def _signal(case: Case, rule: Rule) -> Signal:
    if rule.condition == "rate_above":
        return rate
    if rule.metric == "product_temperature":
        tau_s = case.tau_s
        assert tau_s is not None, "a case of the product's temperature says how slowly it follows"
        return lambda points: product(points, tau_s)
    return list


def _expected(rule: Rule, alert: Alert, names: Sequence[str]) -> Expected:
    return Expected(
        rule=rule.name,
        opened=alert.opened_at,
        started=alert.started_at,
        resolved=alert.resolved_at,
        value=alert.value,
        peak=alert.peak,
        sensor=names[alert.sensor],
        found=alert.found_at,
        contradicted=alert.contradicted_at,
        by_hand=alert.by_hand,
    )
