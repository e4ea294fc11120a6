"""Gateways that fell silent: one alert for all the sensors behind them.

Note [Gateways]. A gateway's newest is the newest reading of the sensors that it brings (sensors/gateways.py), or its
own `last_seen_at`, whichever is later. No format that we read tells of a gateway without a reading, so nothing writes
`last_seen_at` yet: today a gateway lives by its sensors alone. What their readings tell isn't copied there, since it
would stay when a sensor is moved away. `no_data` rules of the metric `gateway` watch that as others watch a sensor
(Note [Silence] in hearing.py). While its alert is open, its sensors' own silences open as its children: rows like any
other, and nobody is told of each. What was open and told before joins them. Once it is heard again, a child that stays
silent for its own delay is told by itself. So a living gateway hides nobody, and a dead one wakes people once.

If sensors are waited for less long than their gateway, the first of them to be due would be told alone, and the next,
and the next. So the gateway's alert opens early, with the first sensor that is due, if all of its sensors (two at
least) have missed a reading: nothing is told later than without it, and there is one message. A sensor that reports too
seldom to be missed by then is no sign of life, nor of death.

A rule of an area, a unit or a kind of unit watches the gateways that bring the readings of these.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from django.db import connection

from alerts import lifecycle, scopes, silence, telling
from alerts.evaluation import Opened, Terms
from alerts.lifecycle import stepping
from alerts.models import Alert, AlertRule, AlertStatus, Condition, RuleState, Schedule
from alerts.schedules import Hours, hours_of
from alerts.silence import remembering
from alerts.silence.outages import Attention
from alerts.watching import GATEWAY, Rulebook, terms_of
from sensors.gateways import CARRIED
from sensors.models import Gateway, Sensor
from sensors.register import MIN_GAP, gap_s

# How many of its intervals a sensor may be late before it has missed a reading.
MISSED_AFTER: Final = 1.5
_FEWEST: Final = 2
_USUAL_GAP_S: Final = MIN_GAP.total_seconds()


class GatewayRule(NamedTuple):
    """A rule in force that watches gateways."""

    rule_id: UUID
    metric: str
    condition: str
    severity: str
    terms: Terms
    is_ceiling: bool
    is_default: bool
    schedule: str
    rank: scopes.Rank
    reason: str = ""


class Voice(NamedTuple):
    """A sensor behind a gateway: when it was heard last (seconds since 1970), and how often it should be."""

    sensor: int
    newest: float
    interval_s: int
    unit_id: UUID

    def has_missed(self, now: float) -> bool:
        """Whether its next reading should have come."""
        return now >= self.newest + MISSED_AFTER * self.interval_s


class Carrier(NamedTuple):
    """A living gateway, with those of its sensors that ever reported (imports aside)."""

    gateway_id: UUID
    organization_id: UUID
    site_id: UUID | None
    hours: Hours | None
    seen: float | None
    voices: list[Voice]

    @property
    def newest(self) -> float | None:
        """When it brought something last."""
        return max((*(voice.newest for voice in self.voices), *([self.seen] if self.seen else [])), default=None)

    @property
    def gap_s(self) -> float:
        """The longest pause it may make: that of its most talkative sensor."""
        return min((gap_s(voice.interval_s) for voice in self.voices), default=_USUAL_GAP_S)

    def silent_with(self, *, patience_s: float, now: float) -> float | None:
        """Since when all of its sensors that ought to have been heard by now have missed a reading; None: they haven't.

        `patience_s` is how long a rule waits for one of them: those that report more seldom say nothing.
        """
        expected = [voice for voice in self.voices if MISSED_AFTER * voice.interval_s <= patience_s]
        if len(expected) < _FEWEST or not all(voice.has_missed(now) for voice in expected):
            return None
        if self.seen is not None and self.seen > max(voice.newest for voice in expected):
            return None  # it was there when they weren't
        return max(voice.newest + MISSED_AFTER * voice.interval_s for voice in expected)


_RULES: Final = """
SELECT organization_id, site_id, area_id, unit_id, unit_kind, id, metric, condition, severity, threshold, delay_s,
       hysteresis, clear_delay_s, is_ceiling, is_default, schedule
FROM alerts_alertrule
WHERE metric = 'gateway' AND condition = 'no_data' AND enabled AND deleted_at IS NULL
ORDER BY id
"""

_IMPORTED: Final = "c.last_received_at - c.last_reading_at > interval '24 hours'"
_BROUGHT: Final = (
    f"c.retired_at IS NULL AND c.unit_id IS NOT NULL AND c.last_reading_at IS NOT NULL AND NOT {_IMPORTED}"
)

# One pass over the sensors, whoever is silent: 100,000 of them take less time than an entry in an index with each
# reading would cost (sensors/migrations/0005).
_OVERDUE: Final = f"""
SELECT g.id
FROM sensors_gateway g
JOIN unnest(%(organizations)s::uuid[], %(shortest)s::float8[]) AS o (id, shortest_s) ON o.id = g.organization_id
LEFT JOIN (
  SELECT carrier_id, max(last_reading_at) AS newest FROM ({CARRIED}) AS c WHERE {_BROUGHT} GROUP BY carrier_id
) AS b ON b.carrier_id = g.id
WHERE g.deleted_at IS NULL AND (%(after)s::uuid IS NULL OR g.id > %(after)s::uuid)
  AND greatest(b.newest, g.last_seen_at) <= %(at)s::timestamptz - o.shortest_s * interval '1 second'
ORDER BY g.id LIMIT %(most)s
"""  # noqa: S608  # ours alone

_CARRIERS: Final = f"""
SELECT g.id, g.organization_id, g.site_id, p.opening_hours::text, p.timezone,
       extract(epoch FROM g.last_seen_at)::float8,
       array_agg(c.id) FILTER (WHERE c.id IS NOT NULL),
       array_agg(extract(epoch FROM c.last_reading_at)::float8) FILTER (WHERE c.id IS NOT NULL),
       array_agg(c.expected_interval_s) FILTER (WHERE c.id IS NOT NULL),
       array_agg(c.unit_id) FILTER (WHERE c.id IS NOT NULL)
FROM sensors_gateway g
LEFT JOIN sensors_site p ON p.id = g.site_id
LEFT JOIN (
  SELECT * FROM ({CARRIED}) AS c
  WHERE {_BROUGHT} AND (c.gateway_id = ANY (%(gateways)s::uuid[]) OR c.site_id = ANY (ARRAY(
    SELECT site_id FROM sensors_gateway WHERE id = ANY (%(gateways)s::uuid[]) AND site_id IS NOT NULL)))
) AS c ON c.carrier_id = g.id
WHERE g.id = ANY (%(gateways)s::uuid[]) AND g.deleted_at IS NULL
GROUP BY g.id, p.id
"""  # noqa: S608  # ours alone


class Watchmen:
    """The rules that watch gateways, of all organizations, as one sweep sees them."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook  # it knows where units are
        self._rules: dict[UUID, dict[object, list[GatewayRule]]] = defaultdict(lambda: defaultdict(list))

    def learn(self) -> None:
        """Read the rules. Call inside a transaction of the system."""
        with connection.cursor() as cursor:
            cursor.execute(_RULES)
            rows = cursor.fetchall()
        for organization_id, site_id, area_id, unit_id, kind, *rule in rows:
            rank = scopes.rank(site=site_id, area=area_id, unit=unit_id, unit_kind=kind)
            self._rules[organization_id][unit_id or area_id or site_id or kind].append(_rule(*rule, rank=rank))

    def shortest(self) -> dict[UUID, float]:
        """How long each organization waits at least before one of its gateways can be due, in seconds."""
        usual = MIN_GAP.total_seconds()
        return {
            organization_id: min(rule.terms.delay_s or usual for rules in by_scope.values() for rule in rules)
            for organization_id, by_scope in self._rules.items()
        }

    def learn_places(self, carriers: Iterable[Carrier]) -> None:
        """Find out where the units behind them are, if a rule asks. Call inside a transaction."""
        asked = [one for one in carriers if self._asks_for_units(one.organization_id)]
        self._rulebook.learn({voice.unit_id: one.organization_id for one in asked for voice in one.voices})

    def _asks_for_units(self, organization_id: UUID) -> bool:
        """Most organizations have one rule for all gateways: whose units are behind them needn't be known."""
        by_scope: dict[object, list[GatewayRule]] = self._rules.get(organization_id, {})
        return any(rule.rank > scopes.Rank.SITE for rules in by_scope.values() for rule in rules)

    def watching(self, carrier: Carrier) -> list[GatewayRule]:
        """The rules that watch it, the most specific ones. Its places must have been learnt."""
        if carrier.organization_id not in self._rules:
            return []
        by_scope = self._rules[carrier.organization_id]
        held_by: set[object] = {"", carrier.site_id}
        if self._asks_for_units(carrier.organization_id):
            places = [self._rulebook.place(unit_id) for unit_id in {voice.unit_id for voice in carrier.voices}]
            held_by.update(key for place in places if place for key in (place.unit_id, place.area_id, place.kind))
        # A rule stands under one scope, so none is met twice; sorted, since sets have no order.
        candidates = [rule for scope in held_by for rule in by_scope.get(scope, ())]
        candidates.sort(key=lambda rule: rule.rule_id)
        return [choice.rule._replace(reason=choice.reason) for choice in scopes.choose(candidates) if choice.in_force]


def _rule(
    rule_id: UUID,
    metric: str,
    condition: str,
    severity: str,
    threshold: float | None,
    delay_s: int,
    hysteresis: float,
    clear_delay_s: int,
    is_ceiling: bool,
    is_default: bool,
    schedule: str,
    *,
    rank: scopes.Rank,
) -> GatewayRule:
    terms = terms_of(condition, threshold, delay_s, hysteresis, clear_delay_s)
    return GatewayRule(rule_id, metric, condition, severity, terms, is_ceiling, is_default, schedule, rank)


def overdue(watchmen: Watchmen, *, at: datetime, after: UUID | None, most: int) -> list[UUID]:
    """Gateways that may be due, in order of their ids from `after` on. Call inside a transaction of the system."""
    shortest = watchmen.shortest()
    if not shortest:
        return []
    wanted: dict[str, Any] = {
        "organizations": list(shortest),
        "shortest": list(shortest.values()),
        "after": after,
        "at": at,
        "most": most,
    }
    with connection.cursor() as cursor:
        cursor.execute(_OVERDUE, wanted)
        return [gateway_id for (gateway_id,) in cursor.fetchall()]


def look_up(gateways: Collection[UUID]) -> dict[UUID, Carrier]:
    """Living gateways and who is behind them. Call inside a transaction."""
    if not gateways:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_CARRIERS, {"gateways": list(gateways)})
        return {row[0]: _carrier(*row) for row in cursor.fetchall()}


def _carrier(
    gateway_id: UUID,
    organization_id: UUID,
    site_id: UUID | None,
    opening_hours: str | None,
    zone: str | None,
    seen: float | None,
    *voices: list[Any] | None,
) -> Carrier:
    hours = None if opening_hours is None or zone is None else hours_of(msgspec.json.decode(opening_hours), zone)
    behind = [Voice(*voice) for voice in zip(*(column or () for column in voices), strict=True)]
    return Carrier(gateway_id, organization_id, site_id, hours, seen, behind)


class Due(NamedTuple):
    """A rule of a gateway whose alert is to be opened."""

    carrier: Carrier
    rule: GatewayRule
    newest: float
    due: float
    is_early: bool = False

    @property
    def cause(self) -> str:
        """What the alert is about."""
        return lifecycle.cause_key(rule_id=self.rule.rule_id, gateway_id=self.carrier.gateway_id)


def due(carrier: Carrier, rules: Iterable[GatewayRule], *, now: float) -> list[Due]:
    """Which rules have waited for it long enough."""
    newest = carrier.newest
    if newest is None:
        return []
    found = []
    for rule in rules:
        hours = carrier.hours if rule.schedule == Schedule.OPENING_HOURS else None
        patience = silence.patience_s(rule.terms, gap_s=carrier.gap_s)
        moment = silence.due_at(newest=newest, patience_s=patience, hours=hours)
        if moment is not None and moment <= now and (hours is None or hours.open_at(now)):
            found.append(Due(carrier, rule, newest, moment))
    return found


def due_early(
    carrier: Carrier, rules: Iterable[GatewayRule], *, sensor_due: float, patience_s: float, now: float
) -> list[Due]:
    """The rules whose alerts open early, since one of its sensors is due and all of them have missed a reading."""
    newest, since = carrier.newest, carrier.silent_with(patience_s=patience_s, now=now)
    if newest is None or since is None:
        return []
    moment = max(sensor_due, since, newest)
    return [
        Due(carrier, rule, newest, moment, is_early=True)
        for rule in rules
        if rule.schedule == Schedule.ALWAYS or carrier.hours is None or carrier.hours.open_at(now)
    ]


def open_due(wanted: Sequence[Due], *, attention: Attention, at: datetime) -> int:
    """Open the alerts of one gateway; how many. Call inside a transaction.

    Its sensors are locked before anything is said of them: if one of them is just being stored, it isn't silent, and
    the next round looks again.
    """
    carrier = wanted[0].carrier
    if not _is_silent(carrier):
        return 0
    gateway = (
        Gateway.objects.alive()
        .select_for_update(of=("self",), no_key=True)
        .select_related("site", "organization")
        .filter(pk=carrier.gateway_id)
        .first()
    )
    if gateway is None:
        return 0
    states = remembering.lock([one.cause for one in wanted])
    rules = AlertRule.objects.in_bulk([one.rule.rule_id for one in wanted])
    opened = 0
    for one in wanted:
        rule = rules.get(one.rule.rule_id)
        if rule is None or remembering.is_active(states.get(one.cause)):
            continue
        alert = lifecycle.open_alert(
            rule=rule,
            unit=None,
            sensor=None,
            gateway=gateway,
            cause=one.cause,
            opened=Opened(one.newest, one.due, 0, 0.0, 0.0),
            at=at,
            facts=_facts(one) | attention.facts(one.due),
            found_at=at if at.timestamp() - one.due > silence.FOUND_LATE_AFTER_S else None,
        )
        remembering.keep(
            states.get(one.cause)
            or RuleState(organization_id=carrier.organization_id, cause_key=one.cause, rule=rule, gateway=gateway),
            silence.silent(newest=one.newest, due=one.due),
        )
        if alert is not None:
            _adopt(carrier, alert)
            opened += 1
    return opened


def _adopt(carrier: Carrier, alert: Alert) -> None:
    """Silences of its sensors that were told before are part of its own. Whoever was told stays told."""
    Alert.objects.unresolved().filter(
        sensor__in=[voice.sensor for voice in carrier.voices],
        unit__isnull=False,
        condition=Condition.NO_DATA,
        parent=None,
    ).update(parent=alert, gateway=alert.gateway)


def _is_silent(carrier: Carrier) -> bool:
    """Lock the sensors behind it, in the order of everybody who does, and see whether nothing has come since."""
    ids = sorted(voice.sensor for voice in carrier.voices)
    locked = list(
        Sensor.objects.filter(pk__in=ids)
        .select_for_update(skip_locked=True, of=("self",), no_key=True)
        .order_by("pk")
        .values_list("pk", "last_reading_at")
    )
    known = {voice.sensor: voice.newest for voice in carrier.voices}
    return len(locked) == len(ids) and all(
        newest is not None and newest.timestamp() <= known[sensor] + 0.001 for sensor, newest in locked
    )


def _facts(one: Due) -> dict[str, Any]:
    early = " Opened early: all of its sensors that should have reported have missed a reading." if one.is_early else ""
    return remembering.facts(
        signal=GATEWAY,
        condition=one.rule.condition,
        terms=one.rule.terms,
        schedule=one.rule.schedule,
        rank=one.rule.rank,
        reason=one.rule.reason + early,
        counted_s=one.due - one.newest,
    )


def release(*, alert: Alert, at: datetime) -> None:
    """What a gateway's alert covered is told after its own delay, if it lasts. Call inside a transaction.

    Who was told of it before is reminded as of any other.
    """
    children = Alert.objects.filter(parent=alert, status=AlertStatus.OPEN, snoozed_until=None, muted_by=None)
    found = list(children.select_related("organization").order_by("pk"))
    told = telling.told_of([child.pk for child in found])
    for child in found:
        if child.pk in told:
            child.tell_at = stepping.next_at(child, at=at)
        else:
            child.tell_at = at + (child.opened_at - child.started_at)
    Alert.objects.bulk_update(found, ["tell_at"])


def alerts_of(gateways: Collection[UUID]) -> dict[UUID, Alert]:
    """The worst open alert of each gateway, locked so that it can't end unseen. Call inside a transaction."""
    if not gateways:
        return {}
    order = {"critical": 2, "warning": 1}
    rows = (
        Alert.objects.unresolved()
        .filter(gateway__in=gateways, unit=None)
        .select_for_update(of=("self",), no_key=True)
        .order_by("cause_key")
    )
    found: dict[UUID, Alert] = {}
    for alert in sorted(rows, key=lambda alert: order.get(alert.severity, 0)):
        assert alert.gateway_id is not None  # noqa: S101 (filtered by it)
        found[alert.gateway_id] = alert
    return found
