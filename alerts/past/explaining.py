"""Why did an alert open at some moment, or why didn't it? Told from what is stored, by judging the last hours again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import Q
from msgspec.structs import astuple

from alerts import looking_back, scopes, silence
from alerts.evaluation import IDLE, Point, State, Terms, replay
from alerts.lifecycle import cause_key, kind_of
from alerts.models import Alert, AlertQuerySet, AlertRule, Mute, RuleOverride, Schedule, Severity
from alerts.past import sentences
from alerts.past.columns import Track, last_before
from alerts.past.scanning import Scan
from alerts.profiles import product_tau_s
from alerts.schedules import Hours, hours_of
from alerts.silence import gateways
from alerts.watching import FAULT, GATEWAY, OF_ONE_SENSOR, PRODUCT, RATE, SILENCE, Place, Watch, signal_of, terms_of
from organizations.models import Membership
from sensors.models import Gateway, Sensor, SensorStatus, Unit
from sensors.register import GAP_INTERVALS, gap_s

# How far back a moment is looked for at which nothing was in breach: a quarter of a day, days, weeks.
_REACHES: Final = (timedelta(hours=6), timedelta(days=4), timedelta(days=35))
# What a sensor says of itself is only known as it is now.
_NOW: Final = timedelta(minutes=1)
_MOMENT: Final = timedelta(milliseconds=1)


class Explanation(NamedTuple):
    """One rule with one unit at one moment. Seconds; °C, % or dBm; None: there is nothing to say."""

    rule: AlertRule
    in_force: bool
    reason: str
    signal: str
    value: float | None
    limit: float | None
    in_breach_since: datetime | None
    counted_s: float | None
    delay_s: float
    frozen_s: float | None
    open_alert: UUID | None
    muted_by: UUID | None
    words: list[str]


class _Asked(NamedTuple):
    """The unit, the moment, and what is stored about them, read once for all rules."""

    unit: Unit
    place: Place
    at: datetime
    is_now: bool
    sensors: Sequence[Sensor]
    carriers: Mapping[str, gateways.Carrier]  # by how people call the gateway
    heard: Mapping[int, float]  # when each sensor measured last until then
    alerts: Mapping[str, Sequence[Alert]]  # by cause, in order of opening
    critical: Collection[str]  # of which kinds a critical alert was open
    mutes: Sequence[Mute]
    overrides: Mapping[UUID, RuleOverride]


class _Judged(NamedTuple):
    """Where the rule stood by what was measured."""

    state: State = IDLE
    seen: sentences.Seen | None = None
    pauses: Sequence[sentences.Pause] = ()
    since: float | None = None
    counted_s: float | None = None
    frozen_s: float | None = None


def why(
    *, unit: Unit, membership: Membership, at: datetime, now: datetime, rule_id: UUID | None = None
) -> list[Explanation]:
    """Why each rule that could concern the unit had, or hadn't, an alert open at a moment; or the one rule.

    A rule that is asked for may be a deleted one, or one that doesn't hold the unit: then that is why. Empty if the
    member sees no such rule. Call inside a transaction.
    """
    choices = _choices(unit, membership, at, rule_id)
    asked = _read(unit, [choice.rule for choice in choices], at, now)
    watches = [_watch(choice, asked) for choice in choices]
    judged = _judge([watch for watch in watches if watch.signal not in (SILENCE, FAULT, GATEWAY)], asked)
    return [
        _explain(choice, watch, judged.get(watch.rule_id, _Judged()), asked)
        for choice, watch in zip(choices, watches, strict=True)
    ]


# --- which rules, and whether they watch ------------------------------------------------------------------------------


class _Candidate(NamedTuple):
    """A rule as scopes.choose looks at it."""

    rule: AlertRule
    metric: str
    condition: str
    severity: str
    is_ceiling: bool
    is_default: bool
    rank: scopes.Rank


class _Choice(NamedTuple):
    rule: AlertRule
    rank: scopes.Rank
    in_force: bool
    reason: str


def _choices(unit: Unit, membership: Membership, at: datetime, rule_id: UUID | None) -> list[_Choice]:
    rules = AlertRule.objects.for_member(membership)
    holds = (
        Q(unit=unit)
        | Q(area=unit.area_id)
        | Q(site=unit.site_id)
        | Q(unit_kind=unit.kind)
        | Q(site=None, area=None, unit=None, unit_kind="")
    )
    if rule_id is not None:
        asked_for = rules.filter(pk=rule_id)
        competing = rules.alive().filter(holds)
        found = list((competing | asked_for).order_by("name", "pk"))
    else:
        found = list(rules.alive().filter(holds).order_by("name", "pk"))
    obstacles = {rule.pk: _obstacle(rule, unit, at) for rule in found}
    chosen = scopes.choose([_candidate(rule) for rule in found if not obstacles[rule.pk]])
    verdicts = {choice.rule.rule.pk: (choice.in_force, choice.reason) for choice in chosen}
    return [
        _Choice(rule, _candidate(rule).rank, *verdicts.get(rule.pk, (False, obstacles[rule.pk])))
        for rule in found
        if rule_id in (None, rule.pk)
    ]


def _candidate(rule: AlertRule) -> _Candidate:
    rank = scopes.rank(site=rule.site_id, area=rule.area_id, unit=rule.unit_id, unit_kind=rule.unit_kind)
    return _Candidate(rule, rule.metric, rule.condition, rule.severity, rule.is_ceiling, rule.is_default, rank)


def _obstacle(rule: AlertRule, unit: Unit, at: datetime) -> str:
    """Why the rule doesn't even compete; empty: it does."""
    if rule.deleted_at is not None and rule.deleted_at <= at:
        return "Not in force: the rule was deleted."
    held = (
        (rule.unit_id in (None, unit.pk))
        and (rule.area_id in (None, unit.area_id))
        and (rule.site_id in (None, unit.site_id))
        and (rule.unit_kind in ("", unit.kind))
    )
    if not held:
        return "Not in force: the rule is made for other units."
    if not rule.enabled:
        return "Not in force: the rule is switched off."
    if rule.is_default and not unit.default_rules:
        return "Not in force: this unit does without the default rules of its kind."
    return ""


def _watch(choice: _Choice, asked: _Asked) -> Watch:
    rule, override = choice.rule, asked.overrides.get(choice.rule.pk)
    terms = terms_of(rule.condition, rule.threshold, rule.delay_s, rule.hysteresis, rule.clear_delay_s)
    if override is not None and override.threshold is not None:
        terms = terms._replace(threshold=override.threshold)
    if override is not None and override.delay_s is not None:
        terms = terms._replace(delay_s=override.delay_s)
    return Watch(
        rule_id=rule.pk,
        metric=rule.metric,
        condition=rule.condition,
        severity=rule.severity,
        signal=signal_of(rule.metric, rule.condition),
        terms=terms,
        is_default=rule.is_default,
        is_ceiling=rule.is_ceiling,
        schedule=rule.schedule,
        changed_at=rule.changed_at.timestamp(),
        rank=choice.rank,
        reason=choice.reason,
        override_id=None if override is None else override.pk,
    )


# --- what is stored ---------------------------------------------------------------------------------------------------


def _read(unit: Unit, rules: Sequence[AlertRule], at: datetime, now: datetime) -> _Asked:
    sensors = list(
        Sensor.objects.for_organization(unit.organization)
        .filter(Q(retired_at=None) | Q(retired_at__gt=at), unit=unit)
        .order_by("serial", "channel", "pk")
    )
    signals = {signal_of(rule.metric, rule.condition) for rule in rules}
    carriers = _carriers(unit, sensors) if GATEWAY in signals else {}
    last = last_before(sensors=[sensor.pk for sensor in sensors], moment=at + _MOMENT)
    hours = hours_of(unit.site.opening_hours, unit.site.timezone)
    tau_s = unit.product_tau_s or product_tau_s(unit.kind)
    causes = [cause for rule in rules for cause in _causes(rule, unit, sensors, carriers)]
    return _Asked(
        unit=unit,
        place=Place(
            unit.pk, unit.organization_id, unit.site_id, unit.area_id, unit.kind, unit.default_rules, tau_s, hours
        ),
        at=at,
        is_now=now - at <= _NOW,
        sensors=sensors,
        carriers=carriers,
        heard=dict(zip(last.sensor.tolist(), last.at.tolist(), strict=True)),
        alerts=_alerts(unit, causes, at),
        critical=set(
            _open_at(Alert.objects.for_organization(unit.organization), at)
            .filter(unit=unit, severity=Severity.CRITICAL)
            .values_list("kind", flat=True)
        ),
        mutes=_mutes(unit, at),
        overrides={
            override.rule_id: override
            for override in RuleOverride.objects.for_organization(unit.organization)
            .filter(Q(ended_at=None) | Q(ended_at__gt=at), unit=unit, created_at__lte=at, expires_at__gt=at)
            .select_related("owner")
            .order_by("created_at", "pk")
        },
    )


def _causes(
    rule: AlertRule, unit: Unit, sensors: Iterable[Sensor], carriers: Mapping[str, gateways.Carrier]
) -> list[str]:
    signal = signal_of(rule.metric, rule.condition)
    if signal == GATEWAY:
        return [cause_key(rule_id=rule.pk, gateway_id=carrier.gateway_id) for carrier in carriers.values()]
    if signal in OF_ONE_SENSOR:
        return [cause_key(rule_id=rule.pk, sensor_public_id=sensor.public_id) for sensor in sensors]
    return [cause_key(rule_id=rule.pk, unit_id=unit.pk)]


def _carriers(unit: Unit, sensors: Sequence[Sensor]) -> dict[str, gateways.Carrier]:
    """The gateways that bring the unit's readings."""
    known = {
        gateway.pk: gateway
        for gateway in Gateway.objects.alive()
        .for_organization(unit.organization)
        .filter(Q(site=unit.site_id) | Q(sensors__in=[sensor.pk for sensor in sensors]))
        .distinct()
    }
    own = {sensor.gateway_id for sensor in sensors if sensor.gateway_id in known}
    at_site = [gateway.pk for gateway in known.values() if gateway.site_id == unit.site_id]
    if len(at_site) == 1 and any(sensor.gateway_id not in known for sensor in sensors):
        own.add(at_site[0])
    found = gateways.look_up([gateway_id for gateway_id in own if gateway_id is not None])
    return {
        f"Gateway {known[gateway_id].name or known[gateway_id].serial}": carrier
        for gateway_id, carrier in found.items()
    }


def _alerts(unit: Unit, causes: Sequence[str], at: datetime) -> dict[str, list[Alert]]:
    """Alerts that had opened by then and matter since the last of _REACHES."""
    found: dict[str, list[Alert]] = {}
    rows = (
        Alert.objects.for_organization(unit.organization)
        .filter(Q(resolved_at=None) | Q(resolved_at__gte=at - _REACHES[-1]), cause_key__in=causes, opened_at__lte=at)
        .select_related("resolved_by")
        .order_by("opened_at", "pk")
    )
    for alert in rows:
        found.setdefault(alert.cause_key, []).append(alert)
    return found


def _open_at(alerts: AlertQuerySet, at: datetime) -> AlertQuerySet:
    return alerts.filter(Q(resolved_at=None) | Q(resolved_at__gt=at), opened_at__lte=at)


def _mutes(unit: Unit, at: datetime) -> list[Mute]:
    """Those that were in force, the one that ended last first."""
    concerned = Q(site=unit.site_id) | Q(unit=unit) | Q(rule__isnull=False) | Q(site=None, unit=None, rule=None)
    mutes = Mute.objects.for_organization(unit.organization).in_force(at=at).filter(concerned)
    return list(mutes.order_by("-ends_at", "pk"))


# --- what was measured ------------------------------------------------------------------------------------------------


def _judge(watches: Sequence[Watch], asked: _Asked) -> dict[UUID, _Judged]:
    """Where each rule stood: from the last moment at which nothing could be in breach, or from the farthest back."""
    found: dict[UUID, _Judged] = {}
    until = asked.at.timestamp() + 0.001
    for reach in _REACHES:
        waiting = [watch for watch in watches if watch.rule_id not in found]
        if not waiting:
            break
        memory_s = max(_memory_s(watch, asked.place) for watch in waiting)
        since = until - reach.total_seconds() - memory_s
        past = looking_back.read(asked.unit.pk, since=since, until=until)
        for watch in waiting:
            points = past.seen(watch, asked.place)
            begin = _begin(watch.terms, points, after=since + memory_s, before=until)
            if begin is not None or reach == _REACHES[-1]:
                found[watch.rule_id] = _stood(watch, points, begin or 0, asked)
    return found


def _memory_s(watch: Watch, place: Place) -> float:
    """How long one must have looked to see what somebody saw who always did."""
    longest_pause = max(timedelta(hours=1).total_seconds(), watch.terms.clear_delay_s)
    return longest_pause + {PRODUCT: looking_back.WARM_UP * place.tau_s, RATE: 1800.0}.get(watch.signal, 0.0)


def _begin(terms: Terms, points: Sequence[Point], *, after: float, before: float) -> int | None:
    """Behind the last point at which surely nothing was in breach, open or held."""
    if not points:
        return None
    at, sensor, value, gap, watched = (np.array(column) for column in zip(*map(astuple, points), strict=True))
    scan = Scan(terms, Track(at, sensor, value.astype(np.float64), gap.astype(np.float64), watched))
    quiet = scan.quiet_row(after=after, before=before)
    return None if quiet is None else quiet + 1


def _stood(watch: Watch, points: Sequence[Point], begin: int, asked: _Asked) -> _Judged:
    if not points:
        return _Judged()
    terms, rest = watch.terms, points[begin:]
    cause = cause_key(rule_id=watch.rule_id, unit_id=asked.unit.pk)
    hand = [
        max(alert.resolved_at, alert.opened_at).timestamp()
        for alert in asked.alerts.get(cause, ())
        if alert.resolved_at is not None and alert.resolved_by_id is not None and alert.resolved_at <= asked.at
    ]
    since = rest[0].at if rest else asked.at.timestamp()
    state, _ = replay(
        terms, rest, hand=[at for at in hand if at >= since], others=looking_back.newest_of(points[:begin])
    )
    judged = _Judged(state=state, seen=_seen(terms, points, asked))
    if not (state.breached or state.open or state.held) or state.since is None:
        return judged
    lasted_s = points[-1].at - state.since
    pending = not (state.open or state.held)
    return judged._replace(
        since=state.since,
        counted_s=state.breach_s,
        frozen_s=max(0.0, lasted_s - state.breach_s) if pending else None,
        pauses=_pauses([point for point in rest if point.at >= state.since]) if pending else (),
    )


def _seen(terms: Terms, points: Sequence[Point], asked: _Asked) -> sentences.Seen:
    """The worst of what the unit's sensors said last, of those that weren't silent for too long."""
    last = points[-1]
    newest = {point.sensor: point for point in points}
    fresh = [point for point in newest.values() if last.at - point.at <= point.gap_s]
    pick = max if terms.condition == "above" else min
    worst = pick(fresh, key=lambda point: point.value)
    names = {sensor.pk: _probe_name(sensor) for sensor in asked.sensors}
    probe = names.get(worst.sensor, "") if len(newest) > 1 else ""
    return sentences.Seen(last.at, worst.value, probe, last.gap_s)


def _pauses(points: Sequence[Point]) -> list[sentences.Pause]:
    """What lies between two points and wasn't counted; neighbours while the site was closed are one."""
    pauses: list[sentences.Pause] = []
    for one, following in pairwise(points):
        is_closed = not (one.watched and following.watched)
        if is_closed and pauses and pauses[-1].is_closed and pauses[-1].end == one.at:
            pauses[-1] = pauses[-1]._replace(end=following.at)
        elif is_closed or following.at - one.at > following.gap_s:
            pauses.append(sentences.Pause(one.at, following.at, is_closed))
    return pauses


# --- what follows -----------------------------------------------------------------------------------------------------


def _explain(choice: _Choice, watch: Watch, judged: _Judged, asked: _Asked) -> Explanation:
    alerts = [
        alert
        for cause in _causes(choice.rule, asked.unit, asked.sensors, asked.carriers)
        for alert in asked.alerts.get(cause, ())
    ]
    standing = max(
        (alert for alert in alerts if alert.resolved_at is None or alert.resolved_at > asked.at),
        key=lambda alert: alert.opened_at,
        default=None,
    )
    probes = _probes(watch, asked)
    silent_since = min((p.heard_at for p in probes if _is_too_long(p, asked.at) and p.heard_at), default=None)
    since = silent_since if watch.signal in (SILENCE, GATEWAY) else judged.since
    if since is None and standing is not None:
        since = standing.started_at.timestamp()
    facts = {} if standing is None else standing.facts
    mute = next((mute for mute in asked.mutes if mute.rule_id in (None, choice.rule.pk)), None)
    case = _case(choice, watch, judged, asked, alerts)._replace(
        probes=probes,
        standing=None if standing is None else _standing(choice.rule, standing, asked),
        mute=None if mute is None else sentences.Muted(mute.ends_at, mute.reason),
    )
    return Explanation(
        rule=choice.rule,
        in_force=choice.in_force,
        reason=choice.reason,
        signal=watch.signal,
        value=None if judged.seen is None else judged.seen.value,
        limit=watch.terms.threshold if choice.rule.threshold is not None else None,
        in_breach_since=None if since is None else datetime.fromtimestamp(round(since, 3), tz=UTC),
        counted_s=judged.counted_s if judged.counted_s is not None else facts.get("counted_s"),
        delay_s=watch.terms.delay_s,
        frozen_s=judged.frozen_s if judged.frozen_s is not None else facts.get("frozen_s"),
        open_alert=None if standing is None else standing.pk,
        muted_by=None if mute is None else mute.pk,
        words=sentences.explain(case),
    )


def _case(choice: _Choice, watch: Watch, judged: _Judged, asked: _Asked, alerts: Sequence[Alert]) -> sentences.Case:
    is_closed = not watch.watches_at(asked.at.timestamp(), asked.place)
    return sentences.Case(
        at=asked.at,
        zone=ZoneInfo(asked.unit.site.timezone),
        signal=watch.signal,
        terms=watch.terms,
        in_force=choice.in_force,
        reason=choice.reason,
        looked_s=_REACHES[-1].total_seconds(),
        state=judged.state,
        seen=judged.seen,
        pauses=judged.pauses,
        is_closed=is_closed,
        opens_at=asked.place.hours.next_opening(asked.at.timestamp()) if is_closed else None,
        changed_at=choice.rule.changed_at if choice.rule.changed_at > asked.at else None,
        override=_override(asked.overrides.get(choice.rule.pk)),
        by_hand=_by_hand(alerts, asked.at),
    )


def _standing(rule: AlertRule, alert: Alert, asked: _Asked) -> sentences.Standing:
    snoozed = alert.snoozed_until if asked.is_now and alert.snoozed_until and alert.snoozed_until > asked.at else None
    return sentences.Standing(
        opened_at=alert.opened_at,
        started_at=alert.started_at,
        found_at=alert.found_at,
        contradicted_at=alert.contradicted_at,
        snoozed_until=snoozed,
        is_covered=alert.severity == Severity.WARNING and kind_of(rule) in asked.critical,
        is_part=alert.parent_id is not None,
        outage=_outage(alert),
        waits_until=_defrost_until(alert),
    )


def _outage(alert: Alert) -> tuple[datetime, datetime] | None:
    known = alert.facts.get("outage")
    return None if not known else (datetime.fromisoformat(known["from"]), datetime.fromisoformat(known["to"]))


def _defrost_until(alert: Alert) -> datetime | None:
    known = alert.facts.get("defrost_until")
    return None if not known else datetime.fromisoformat(known)


def _override(override: RuleOverride | None) -> sentences.Changed | None:
    if override is None:
        return None
    owner = "" if override.owner is None else override.owner.get_full_name()
    return sentences.Changed(override.threshold, override.delay_s, override.expires_at, override.reason, owner)


def _by_hand(alerts: Sequence[Alert], at: datetime) -> sentences.ByHand | None:
    found = [
        (alert.resolved_at, alert.resolved_by.get_full_name() if alert.resolved_by else "")
        for alert in alerts
        if alert.resolved_by_id is not None and alert.resolved_at is not None and alert.resolved_at <= at
    ]
    return sentences.ByHand(*max(found)) if found else None


def _probes(watch: Watch, asked: _Asked) -> list[sentences.Probe]:
    hours = asked.place.hours if watch.schedule == Schedule.OPENING_HOURS else None
    if watch.signal == GATEWAY:
        return [
            sentences.Probe(
                name, carrier.newest, _due(watch, carrier.newest, carrier.gap_s, carrier.hours if hours else None)
            )
            for name, carrier in asked.carriers.items()
        ]
    probes = []
    for sensor in asked.sensors:
        heard = asked.heard.get(sensor.pk)
        if watch.signal == SILENCE:
            due = _due(watch, heard, gap_s(sensor.expected_interval_s), hours)
        else:
            due = None if heard is None else heard + GAP_INTERVALS * sensor.expected_interval_s
        is_faulty = asked.is_now and sensor.status == SensorStatus.FAULT
        probes.append(sentences.Probe(f"Probe {_probe_name(sensor)}", heard, due, is_faulty))
    return probes


def _due(watch: Watch, newest: float | None, gap: float, hours: Hours | None) -> float | None:
    if newest is None:
        return None
    return silence.due_at(newest=newest, patience_s=silence.patience_s(watch.terms, gap_s=gap), hours=hours)


def _is_too_long(probe: sentences.Probe, at: datetime) -> bool:
    return probe.due is not None and probe.due <= at.timestamp()


def _probe_name(sensor: Sensor) -> str:
    name = sensor.name or sensor.serial
    return name if sensor.name or sensor.channel == "0" else f"{name}/{sensor.channel}"
