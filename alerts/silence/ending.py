"""Causes of one sensor or gateway that are over although no reading says so: the rule is gone, the sensor was moved.

And what a reading should have ended and didn't: nothing that is heard stays silent for longer than one round.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from alerts import lifecycle, silence
from alerts.evaluation import IDLE, Terms
from alerts.lifecycle import moving
from alerts.models import Channel, Condition, RuleState
from alerts.silence import gateways, remembering
from alerts.silence.gateways import Carrier, Watchmen
from alerts.watching import Rulebook
from sensors.models import Gateway, Sensor, Unit
from sensors.register import gap_s

_RULE_GONE: Final = "The rule was switched off or removed."
_REPLACED: Final = "The rule doesn't watch here any more: another one does, or its scope was changed."
_RETIRED: Final = "The sensor was taken out of service."
_MOVED: Final = "The sensor was moved to another unit."
_UNIT_GONE: Final = "The unit was removed."
_GATEWAY_GONE: Final = "The gateway was removed."
_NOBODY_BEHIND: Final = "No sensor is behind the gateway any more."


class Over(NamedTuple):
    """A cause that may be over: for this reason, or since something was heard at these times (seconds since 1970)."""

    cause: str
    sensor_id: int | None
    unit_id: UUID | None
    gateway_id: UUID | None
    reason: str
    terms: Terms | None = None
    gap_s: float = 0.0
    times: tuple[float, ...] = ()


def page(*, after: str, most: int) -> list[RuleState]:
    """Sensors' and gateways' causes of which something is remembered. Call inside a transaction of the system."""
    rows = RuleState.objects.filter(active=True, cause_key__gt=after).exclude(sensor=None, gateway=None)
    return list(rows.select_related("rule", "sensor").order_by("cause_key")[:most])


def over(rows: Sequence[RuleState], rulebook: Rulebook, watchmen: Watchmen, *, now: float) -> list[Over]:
    """Which of them are, as it seems. Call inside a transaction of the system."""
    rulebook.learn({row.unit_id: row.organization_id for row in rows if row.unit_id is not None})
    carriers = gateways.look_up({row.gateway_id for row in rows if row.gateway_id is not None})
    watchmen.learn_places(carriers.values())
    found = []
    for row in rows:
        if row.gateway_id is not None:
            seems = _of_gateway(row, carriers.get(row.gateway_id), watchmen, now=now)
        else:
            seems = _of_sensor(row, rulebook, now=now)
        if seems is not None:
            found.append(seems)
    return sorted(found, key=lambda one: (one.sensor_id or 0, one.cause))


def _of_sensor(row: RuleState, rulebook: Rulebook, *, now: float) -> Over | None:
    sensor = row.sensor
    assert sensor is not None  # noqa: S101 (it is a sensor's)
    reason = _why_sensor(row, sensor, rulebook)
    if reason or row.rule.condition != Condition.NO_DATA or sensor.last_reading_at is None or row.unit_id is None:
        return Over(row.cause_key, sensor.pk, row.unit_id, None, reason) if reason else None
    terms = next(watch.terms for watch in rulebook.watches(row.unit_id) if watch.rule_id == row.rule_id)
    newest = sensor.last_reading_at.timestamp()
    return _heard(row, terms, [newest], gap_s=gap_s(sensor.expected_interval_s), now=now)


def _why_sensor(row: RuleState, sensor: Sensor, rulebook: Rulebook) -> str:
    if not row.rule.enabled or row.rule.deleted_at is not None:
        return _RULE_GONE
    if sensor.retired_at is not None:
        return _RETIRED
    if sensor.unit_id != row.unit_id or row.unit_id is None:
        return _MOVED
    if rulebook.place(row.unit_id) is None:
        return _UNIT_GONE
    watches = any(watch.rule_id == row.rule_id for watch in rulebook.watches(row.unit_id))
    return "" if watches else _REPLACED


def _of_gateway(row: RuleState, carrier: Carrier | None, watchmen: Watchmen, *, now: float) -> Over | None:
    rule = None
    if not row.rule.enabled or row.rule.deleted_at is not None:
        reason = _RULE_GONE
    elif carrier is None:
        reason = _GATEWAY_GONE
    elif carrier.newest is None:
        reason = _NOBODY_BEHIND
    else:
        rule = next((rule for rule in watchmen.watching(carrier) if rule.rule_id == row.rule_id), None)
        reason = "" if rule else _REPLACED
    if rule is None or carrier is None:
        return Over(row.cause_key, None, None, row.gateway_id, reason)
    times = sorted({voice.newest for voice in carrier.voices} | ({carrier.seen} if carrier.seen else set()))
    return _heard(row, rule.terms, times, gap_s=carrier.gap_s, now=now)


def _heard(row: RuleState, terms: Terms, times: Iterable[float], *, gap_s: float, now: float) -> Over | None:
    state = remembering.state_of(row)
    news = tuple(at for at in times if state.at is None or at > state.at)
    if not news and silence.still(terms, state, gap_s=gap_s, now=now) == state:
        return None
    return Over(row.cause_key, row.sensor_id, row.unit_id, row.gateway_id, "", terms, gap_s, news)


def end(some: Sequence[Over], *, at: datetime) -> int:
    """Resolve what is over, with its reason in the timeline, and forget it; how many alerts moved.

    Locks in the order of everybody who does: sensors, units, gateways, states. A sensor that somebody else holds is
    left to the next round. Call inside a transaction.
    """
    sensors = set(
        Sensor.objects.filter(pk__in={one.sensor_id for one in some if one.sensor_id is not None})
        .select_for_update(skip_locked=True, of=("self",), no_key=True)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    free = [one for one in some if one.sensor_id is None or one.sensor_id in sensors]
    for model, ids in (
        (Unit, {one.unit_id for one in free if one.unit_id is not None}),
        (Gateway, {one.gateway_id for one in free if one.gateway_id is not None}),
    ):
        if ids:
            list(model.objects.filter(pk__in=ids).select_for_update(of=("self",), no_key=True).order_by("pk"))
    states = remembering.lock([one.cause for one in free])
    return sum(_end_one(one, states[one.cause], at=at) for one in free if remembering.is_active(states.get(one.cause)))


def _end_one(one: Over, row: RuleState, *, at: datetime) -> bool:
    if one.terms is not None:
        return _hear(one, one.terms, row, at=at)
    remembering.keep(row, IDLE)
    alert = moving.unresolved(one.cause)
    if alert is None:
        return False
    moving.end(alert, resolved_at=at, by=None, channel=Channel.CLOCK, at=at, note=one.reason)
    if one.gateway_id is not None:
        gateways.release(alert=alert, at=at)
    return True


def _hear(one: Over, terms: Terms, row: RuleState, *, at: datetime) -> bool:
    before, now = remembering.state_of(row), at.timestamp()
    after, resolved = silence.heard(terms, before, one.times, gap_s=one.gap_s, now=now)
    after = silence.still(terms, after, gap_s=one.gap_s, now=now)
    if after != before:
        remembering.keep(row, after)
    if resolved is None:
        return False
    alert = lifecycle.resolve_cleared(cause=one.cause, resolved=resolved, at=at)
    if alert is not None and one.gateway_id is not None:
        gateways.release(alert=alert, at=at)
    return alert is not None
