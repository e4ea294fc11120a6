"""A cooler, its rule, the people around it, and a clock that only goes where it is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from alerts import lifecycle
from alerts.evaluation import Incident, Opened, Resolved, State
from alerts.models import Alert, AlertEvent, AlertRule, Channel, RuleState
from alerts.states import encode
from notifications.models import Notification
from organizations.models import Membership, Role
from sensors.models import Sensor, Site, Unit
from tests.factories import (
    NOON,
    ContactMethodFactory,
    MembershipFactory,
    RuleFactory,
    SensorFactory,
    UnitFactory,
    as_system,
)

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
FACTS: dict[str, Any] = {"terms": {"condition": "above"}, "signal": "temperature"}


def seconds(moment: datetime) -> float:
    return moment.timestamp()


@dataclass
class Cooler:
    """One unit with a probe, an owner and a cook (staff), both with an address."""

    unit: Unit
    sensor: Sensor
    rule: AlertRule
    owner: Membership
    cook: Membership

    @property
    def site(self) -> Site:
        return self.unit.site

    @property
    def cause(self) -> str:
        return lifecycle.cause_key(rule_id=self.rule.pk, unit_id=self.unit.pk)

    def who(self, at: datetime, *, by: Membership | None = None) -> dict[str, Any]:
        """Who moves an alert, when, through the web app."""
        return {"by": (by or self.cook).user, "at": at, "channel": Channel.WEB}

    def opens(self, at: datetime = NOON, **how: Any) -> Alert:
        """The delay of the rule is complete at this moment, and we hear of it at once."""
        alert = self.breaches(at, **how)
        assert alert is not None
        return alert

    def breaches(self, at: datetime, *, rule: AlertRule | None = None, value: float = 8.0, **how: Any) -> Alert | None:
        """The same where an alert may be open already: None."""
        rule = rule or self.rule
        opened = Opened(seconds(at - 30 * MINUTE), seconds(at), self.sensor.pk, value, value + 1)
        cause = lifecycle.cause_key(rule_id=rule.pk, unit_id=self.unit.pk)
        place = {"unit": self.unit, "sensor": None, "gateway": None, "cause": cause, "facts": FACTS, **how}
        with as_system():
            return lifecycle.open_alert(rule=rule, opened=opened, at=at, **place)

    def clears(self, at: datetime, *, rule: AlertRule | None = None, peak: float = 9.5) -> Alert | None:
        """Readings have been in order for the clear delay."""
        cause = lifecycle.cause_key(rule_id=(rule or self.rule).pk, unit_id=self.unit.pk)
        with as_system():
            return lifecycle.resolve_cleared(cause=cause, resolved=Resolved(seconds(at), peak), at=at)

    def found(self, incident: Incident, at: datetime) -> Alert | None:
        """Readings that came late show this."""
        with as_system():
            return lifecycle.open_found(
                rule=self.rule,
                unit=self.unit,
                sensor=None,
                gateway=None,
                cause=self.cause,
                incident=incident,
                at=at,
                facts=FACTS,
            )

    def incident(self, start: datetime, end: datetime | None, *, peak: float = 9.0) -> Incident:
        """Began at `start`, opened half an hour later, ended at `end`."""
        opened = seconds(start + 30 * MINUTE)
        return Incident(seconds(start), opened, self.sensor.pk, 8.0, peak, None if end is None else seconds(end))

    def remembers(self, state: State, *, rule: AlertRule | None = None) -> RuleState:
        """Where evaluation stands with the rule."""
        rule = rule or self.rule
        with as_system():
            return RuleState.objects.create(
                organization=self.unit.organization,
                cause_key=lifecycle.cause_key(rule_id=rule.pk, unit_id=self.unit.pk),
                rule=rule,
                unit=self.unit,
                state=encode(state),
                active=True,
            )


def cooler(*, severity: str = "critical", **unit: Any) -> Cooler:
    """Critical above 5 °C, unless said otherwise."""
    home = UnitFactory(name="Walk-in cooler", **unit)
    sensor = SensorFactory(unit=home, serial="P-1")
    rule = RuleFactory(organization=home.organization, severity=severity, name="Too warm")
    owner = MembershipFactory(organization=home.organization, user__name="Olga Owner")
    cook = MembershipFactory(organization=home.organization, role=Role.STAFF, user__name="Carl Cook")
    for member in (owner, cook):
        ContactMethodFactory(user=member.user)
    return Cooler(home, sensor, rule, owner, cook)


def sweep(at: datetime, *, most: int = 50) -> int:
    """What the clock does at this moment."""
    with as_system():
        return lifecycle.tell_due(at=at, most=most)


def timeline(alert: Alert) -> list[tuple[str, str]]:
    """(event, channel), oldest first."""
    with as_system():
        rows = AlertEvent.objects.filter(alert=alert).order_by("created_at", "pk")
        return list(rows.values_list("event", "channel"))


def messages(**which: Any) -> list[Notification]:
    """What was promised to people, oldest first."""
    with as_system():
        return list(Notification.objects.filter(**which).order_by("created_at", "pk"))


def told(**which: Any) -> list[tuple[str, datetime]]:
    """(event, when) of what the owner was told."""
    return [(row.event, row.created_at) for row in messages(user__name="Olga Owner", **which)]
