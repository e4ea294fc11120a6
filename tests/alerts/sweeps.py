"""Sensors and gateways that were heard at a time, rounds of the sweep, and what came of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from alerts.models import Alert, AlertEvent, AlertRule, Listening
from alerts.silence import sweeping
from notifications.models import Notification
from organizations.models import Organization
from sensors.models import Gateway, Sensor, SensorStatus
from tests.factories import (
    NOON,
    ContactMethodFactory,
    GatewayFactory,
    MembershipFactory,
    RuleFactory,
    SensorFactory,
    as_system,
)


def at(minute: float) -> datetime:
    """A moment in minutes after noon."""
    return NOON + timedelta(minutes=minute)


def sensor_heard(minute: float, *, received: float | None = None, **fields: Any) -> Sensor:
    """A sensor in service whose newest reading is of that minute."""
    came = at(minute if received is None else received)
    return SensorFactory(last_reading_at=at(minute), last_received_at=came, status=SensorStatus.ONLINE, **fields)


def hear(sensor: Sensor, minute: float) -> None:
    """The sensor's newest reading is of that minute now, and nobody judged it."""
    with as_system():
        Sensor.objects.filter(pk=sensor.pk).update(last_reading_at=at(minute), last_received_at=at(minute))


def rule_of_silence(organization: Organization, *, delay: float = 10, **fields: Any) -> AlertRule:
    """Critical after so many minutes, unless said otherwise."""
    chosen = {"name": "Silent", "severity": "critical", "hysteresis": 0, **fields}
    return RuleFactory(
        organization=organization, condition="no_data", threshold=None, delay_s=round(delay * 60), **chosen
    )


def rule_of_gateways(organization: Organization, *, delay: float = 10, **fields: Any) -> AlertRule:
    """The same for gateways."""
    return rule_of_silence(organization, delay=delay, **{"metric": "gateway", "name": "Gateway silent", **fields})


def gateway_of(sensor: Sensor, **fields: Any) -> Gateway:
    """A gateway at the sensor's site."""
    return GatewayFactory(site=sensor.site, organization=sensor.organization, **fields)


def manager_of(organization: Organization) -> None:
    """Somebody who is e-mailed."""
    ContactMethodFactory(user=MembershipFactory(organization=organization).user)


def rounds_until(minute: float) -> None:
    """The sweep came by all the time until now: its last round was 15 seconds ago, and there was no outage."""
    with as_system():
        known = {"round_at": at(minute - 0.25), "heard_until": None, "back_at": None, "patient_until": None}
        Listening.objects.update_or_create(pk=Listening.ONLY, defaults=known)


def sweep(minute: float) -> int:
    """One of the rounds that come by all the time."""
    rounds_until(minute)
    return sweep_now(minute)


def sweep_now(minute: float) -> int:
    """A round, and nothing since the one before it."""
    return sweeping.sweep(at=at(minute))


def alerts(**filters: Any) -> list[Alert]:
    with as_system():
        rows = Alert.objects.filter(**filters).select_related("sensor", "unit", "gateway", "parent")
        return list(rows.order_by("opened_at", "created_at", "pk"))


def only(**filters: Any) -> Alert:
    (alert,) = alerts(**filters)
    return alert


def subjects() -> list[str]:
    with as_system():
        return list(Notification.objects.order_by("created_at", "pk").values_list("subject", flat=True))


def timeline(alert: Alert) -> list[tuple[str, str, str]]:
    with as_system():
        events = AlertEvent.objects.filter(alert=alert).order_by("created_at", "pk")
        return list(events.values_list("event", "channel", "note"))
