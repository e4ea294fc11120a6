"""By the clock: who fell silent, and which silences are over without a word (Note [Silence] in hearing.py).

In pages, each a transaction of its own: first what is over, then gateways, then sensors, so that a sensor behind a
silent gateway finds its alert. Everything is looked at unlocked. What moves is locked and looked at again, in the order
of the writer that stores readings (sensors, units, states); what that writer holds just now isn't silent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

from celery import shared_task
from django.db import connection
from django.utils import timezone

from alerts import lifecycle, silence
from alerts.evaluation import Opened
from alerts.models import AlertRule, RuleState, Schedule
from alerts.silence import ending, gateways, outages, remembering
from alerts.silence.gateways import Watchmen
from alerts.silence.outages import Attention
from alerts.watching import SILENCE, Rulebook, Watch
from organizations import events
from organizations.tenancy import acting_as_system
from sensors.gateways import carriers_of
from sensors.models import Gateway, Sensor, Unit
from sensors.register import MIN_GAP, gap_s

PAGE: Final = 2000
# A page of gateways is as many sensors, more or less.
_SENSORS_A_GATEWAY: Final = 20
# What moves in one transaction: readings of these sensors wait for it. It costs a few statements, and a message each.
MOVED_AT_ONCE: Final = 100
# Less than beat waits: a worker isn't kept from other tasks for long, and the next round goes on.
SWEEP_SECONDS: Final = 12.0

_T = TypeVar("_T")


@shared_task(name="alerts.sweep_silence")
def sweep_silence() -> int:
    """Open the alerts of what is silent for too long, end what is over. Safe to run twice, late, or after a crash."""
    return sweep(at=timezone.now(), seconds=SWEEP_SECONDS)


class Round(NamedTuple):
    """One walk through everybody: the server's clock, what is known of outages, when to stop, and how much at once."""

    at: datetime
    attention: Attention
    deadline: float
    page: int
    at_once: int

    @property
    def now(self) -> float:
        """The server's clock in seconds since 1970."""
        return self.at.timestamp()

    def goes_on(self) -> bool:
        """Whether there is time left."""
        return monotonic() < self.deadline


def sweep(*, at: datetime, seconds: float = SWEEP_SECONDS, page: int = PAGE, at_once: int = MOVED_AT_ONCE) -> int:
    """Open and resolve what silence and the clock decide; how many alerts moved. `at` is the server's clock.

    May be repeated, and run twice at once. What isn't reached within `seconds` is left to the next round. `page` rows
    are looked at together, and `at_once` alerts move in one transaction.
    """
    rulebook = Rulebook()
    watchmen = Watchmen(rulebook)
    deadline = monotonic() + seconds
    with acting_as_system("sweep"):
        attention = outages.begin_round(at=at)
        watchmen.learn()
    this = Round(at, attention, deadline, page, at_once)
    moved = _end(this, rulebook, watchmen)
    moved += _open_gateways(this, watchmen)
    return moved + _open_sensors(this, rulebook, watchmen)


def _chunks(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


# --- what is over -----------------------------------------------------------------------------------------------------


def _end(this: Round, rulebook: Rulebook, watchmen: Watchmen) -> int:
    moved, after = 0, ""
    while this.goes_on():
        with acting_as_system("sweep"):
            page = ending.page(after=after, most=this.page)
            over = ending.over(page, rulebook, watchmen, now=this.now)
        for chunk in _chunks(over, this.at_once):
            if not this.goes_on():
                return moved
            with acting_as_system("sweep"):
                moved += ending.end(chunk, at=this.at)
        if len(page) < this.page:
            break
        after = page[-1].cause_key
    return moved


# --- gateways ---------------------------------------------------------------------------------------------------------


def _open_gateways(this: Round, watchmen: Watchmen) -> int:
    opened, after, most = 0, None, max(1, this.page // _SENSORS_A_GATEWAY)
    while this.goes_on():
        with acting_as_system("sweep"):
            page = gateways.overdue(watchmen, at=this.at, after=after, most=most)
            carriers = gateways.look_up(page)
            watchmen.learn_places(carriers.values())
            wanted = [gateways.due(one, watchmen.watching(one), now=this.now) for one in carriers.values()]
            known = _active([one.cause for dues in wanted for one in dues])
        for dues in wanted:
            news = [one for one in dues if one.cause not in known and not this.attention.holds(one.due)]
            if news and this.goes_on():
                with acting_as_system("sweep"):
                    opened += gateways.open_due(news, attention=this.attention, at=this.at)
        if len(page) < most:
            break
        after = page[-1]
    return opened


# --- sensors ----------------------------------------------------------------------------------------------------------


class Silent(NamedTuple):
    """A sensor that may be due: when it was heard last, in seconds since 1970."""

    sensor: int
    public_id: UUID
    organization_id: UUID
    unit_id: UUID
    newest: float
    interval_s: int


class Due(NamedTuple):
    """A sensor whose silence is to be told."""

    silent: Silent
    watch: Watch
    patience_s: float
    due: float

    @property
    def cause(self) -> str:
        """What the alert is about."""
        return lifecycle.cause_key(rule_id=self.watch.rule_id, sensor_public_id=self.silent.public_id)


# Who may be due: silent for longer than the least patient rule that could watch it. Read whole, by hash joins: an index
# on the newest reading would have to be written with each reading (sensors/migrations/0005), and reading 100,000 rows
# in each round costs less. A delay of 0 stands for a sensor's longest pause.
_SILENT: Final = """
WITH rules AS MATERIALIZED (
  SELECT organization_id, coalesce(unit_id::text, area_id::text, site_id::text, unit_kind) AS scope,
         CASE delay_s WHEN 0 THEN %(usual)s ELSE delay_s END AS wait_s
  FROM alerts_alertrule
  WHERE condition = 'no_data' AND metric <> 'gateway' AND enabled AND deleted_at IS NULL
  UNION ALL
  SELECT organization_id, unit_id::text, CASE delay_s WHEN 0 THEN %(usual)s ELSE delay_s END
  FROM alerts_ruleoverride WHERE ended_at IS NULL AND delay_s IS NOT NULL
), waits AS MATERIALIZED (
  SELECT organization_id, scope, min(wait_s) AS wait_s FROM rules GROUP BY organization_id, scope
)
SELECT s.id, s.public_id, s.organization_id, s.unit_id, extract(epoch FROM s.last_reading_at)::float8,
       s.expected_interval_s
FROM sensors_sensor s
JOIN sensors_unit u ON u.id = s.unit_id AND u.deleted_at IS NULL
LEFT JOIN waits w0 ON w0.organization_id = s.organization_id AND w0.scope = ''
LEFT JOIN waits w1 ON w1.organization_id = s.organization_id AND w1.scope = u.kind
LEFT JOIN waits w2 ON w2.organization_id = s.organization_id AND w2.scope = u.site_id::text
LEFT JOIN waits w3 ON w3.organization_id = s.organization_id AND w3.scope = u.area_id::text
LEFT JOIN waits w4 ON w4.organization_id = s.organization_id AND w4.scope = u.id::text
WHERE s.id > %(after)s AND s.retired_at IS NULL
  AND s.last_reading_at <= %(at)s::timestamptz - (SELECT min(wait_s) FROM waits) * interval '1 second'
  AND s.last_reading_at
      <= %(at)s::timestamptz - least(w0.wait_s, w1.wait_s, w2.wait_s, w3.wait_s, w4.wait_s) * interval '1 second'
  AND s.last_received_at - s.last_reading_at <= %(imported)s * interval '1 second'
ORDER BY s.id LIMIT %(most)s
"""
_OTHER_JOINS: Final = "SELECT set_config('enable_nestloop', %s, true), set_config('enable_mergejoin', %s, true)"


def _open_sensors(this: Round, rulebook: Rulebook, watchmen: Watchmen) -> int:
    opened, after = 0, 0
    while this.goes_on():
        with acting_as_system("sweep"):
            page = _silent(after=after, at=this.at, most=this.page)
            found = _due(page, rulebook, now=this.now)
            dues = [due for due in found if not this.attention.holds(due.due)]
            carried = carriers_of([due.silent.sensor for due in dues])
            early = _gateways_to_open_early(dues, carried, watchmen, this)
        for wanted in early:
            if not this.goes_on():
                return opened
            with acting_as_system("sweep"):
                opened += gateways.open_due(wanted, attention=this.attention, at=this.at)
        for chunk in _chunks(dues, this.at_once):
            if not this.goes_on():
                return opened
            with events.bundling(), acting_as_system("sweep"):
                opened += _open(chunk, carried, this)
        if len(page) < this.page:
            break
        after = page[-1].sensor
    return opened


def _silent(*, after: int, at: datetime, most: int) -> list[Silent]:
    values: dict[str, Any] = {
        "after": after,
        "at": at,
        "most": most,
        "usual": MIN_GAP.total_seconds(),
        "imported": silence.IMPORTED_AFTER_S,
    }
    with connection.cursor() as cursor:
        # PostgreSQL takes the few rules for fewer than they are, and would go through them for each sensor.
        cursor.execute(_OTHER_JOINS, ["off", "off"])
        cursor.execute(_SILENT, values)
        found = [Silent(*row) for row in cursor.fetchall()]
        cursor.execute(_OTHER_JOINS, ["on", "on"])
    return found


def _due(page: Sequence[Silent], rulebook: Rulebook, *, now: float) -> list[Due]:
    """Those that a rule has waited for long enough, and of which nothing is remembered."""
    rulebook.learn({one.unit_id: one.organization_id for one in page})
    found = []
    for one in page:
        place = rulebook.place(one.unit_id)
        for watch in rulebook.watches(one.unit_id):
            if place is None or watch.signal != SILENCE:
                continue
            patience = silence.patience_s(watch.terms, gap_s=gap_s(one.interval_s))
            hours = place.hours if watch.schedule == Schedule.OPENING_HOURS else None
            due = silence.due_at(newest=one.newest, patience_s=patience, hours=hours)
            if due is not None and due <= now and watch.watches_at(now, place):
                found.append(Due(one, watch, patience, due))
    known = _active([due.cause for due in found])
    # Critical ones first: an open critical silences the messages of the warning.
    return sorted((due for due in found if due.cause not in known), key=lambda due: not due.watch.is_critical)


def _active(causes: Sequence[str]) -> set[str]:
    if not causes:
        return set()
    return set(RuleState.objects.filter(cause_key__in=causes, active=True).values_list("cause_key", flat=True))


def _gateways_to_open_early(
    dues: Sequence[Due], carried: Mapping[int, UUID], watchmen: Watchmen, this: Round
) -> list[list[gateways.Due]]:
    """Gateways all of whose sensors are silent while one of them is due (Note [Gateways] in gateways.py).

    Not where the others have missed nothing but what we couldn't hear.
    """
    waiting: dict[UUID, list[Due]] = defaultdict(list)
    for due in dues:
        if due.silent.sensor in carried:
            waiting[carried[due.silent.sensor]].append(due)
    carriers = gateways.look_up(waiting)
    watchmen.learn_places(carriers.values())
    found: list[gateways.Due] = []
    for gateway_id, carrier in carriers.items():
        rules = watchmen.watching(carrier)
        for due in sorted(waiting[gateway_id], key=lambda due: due.due):
            early = gateways.due_early(carrier, rules, sensor_due=due.due, patience_s=due.patience_s, now=this.now)
            if early:
                found += [one for one in early if not this.attention.holds(one.due)]
                break
    known = _active([one.cause for one in found])
    news: dict[UUID, list[gateways.Due]] = defaultdict(list)
    for one in found:
        if one.cause not in known:
            news[one.carrier.gateway_id].append(one)
    return list(news.values())


def _open(dues: Sequence[Due], carried: Mapping[int, UUID], this: Round) -> int:
    """Open the alerts of some sensors, as children where their gateway's is open. Call inside a transaction.

    However many they are, it takes the same few statements, and one for each site whose people are told.
    """
    sensors = {
        sensor.pk: sensor
        for sensor in Sensor.objects.alive()
        .filter(pk__in=[due.silent.sensor for due in dues])
        .select_for_update(skip_locked=True, of=("self",), no_key=True)
        .order_by("pk")
    }
    still = [due for due in dues if _is_still_silent(due, sensors.get(due.silent.sensor))]
    units = {
        unit.pk: unit
        for unit in Unit.objects.filter(pk__in={due.silent.unit_id for due in still})
        .select_for_update(of=("self",), no_key=True)
        .select_related("site", "organization")
        .order_by("pk")
    }
    states = remembering.lock([due.cause for due in still])
    new = [due for due in still if not remembering.is_active(states.get(due.cause))]
    rules = AlertRule.objects.in_bulk({due.watch.rule_id for due in new})
    parents = gateways.alerts_of({carried[due.silent.sensor] for due in new if due.silent.sensor in carried})
    carriers = Gateway.objects.select_related("site").in_bulk(list(parents))
    openings, kept = [], []
    for due in new:
        rule = rules.get(due.watch.rule_id)
        if rule is None:
            continue
        carrier = carried.get(due.silent.sensor)
        unit, sensor = units[due.silent.unit_id], sensors[due.silent.sensor]
        openings.append(
            lifecycle.Opening(
                rule=rule,
                unit=unit,
                sensor=sensor,
                gateway=None if carrier is None else carriers.get(carrier),
                cause=due.cause,
                opened=Opened(due.silent.newest, due.due, sensor.pk, 0.0, 0.0),
                facts=_facts(due) | this.attention.facts(due.due),
                found_at=this.at if this.now - due.due > silence.FOUND_LATE_AFTER_S else None,
                parent=None if carrier is None else parents.get(carrier),
            )
        )
        state = states.get(due.cause) or RuleState(
            organization_id=due.silent.organization_id, cause_key=due.cause, rule=rule, unit=unit, sensor=sensor
        )
        kept.append((state, silence.silent(newest=due.silent.newest, due=due.due)))
    remembering.keep_all(kept)
    return lifecycle.open_together(openings, at=this.at)


def _is_still_silent(due: Due, sensor: Sensor | None) -> bool:
    """Whether nothing has come, and nobody has moved it, since it was looked at."""
    return (
        sensor is not None
        and sensor.unit_id == due.silent.unit_id
        and sensor.last_reading_at is not None
        and sensor.last_reading_at.timestamp() <= due.silent.newest + 0.001
    )


def _facts(due: Due) -> dict[str, Any]:
    watch = due.watch
    return remembering.facts(
        signal=SILENCE,
        condition=watch.condition,
        terms=watch.terms,
        schedule=watch.schedule,
        rank=watch.rank,
        reason=watch.reason,
        counted_s=due.due - due.silent.newest,
        override=watch.override_id,
    )
