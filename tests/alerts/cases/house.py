"""The table through the whole house: real readings into the real database at fixed times, with people and the clock.

Each arrival is one request at its own time. What the clock does is called with its times, so nothing waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from alerts import lifecycle, mutes
from alerts.models import Alert, AlertRule, AlertStatus, Channel
from alerts.silence import sweeping
from ingest import native, pipeline
from ingest.authentication import Sender
from ingest.pipeline import Delivery
from notifications.models import Notification
from organizations.models import Role
from sensors import provisioning
from sensors.models import Sensor, Unit
from tests.alerts.cases import DAY, Act, Arrival, Case, Expected, Rule, as_datetime, clock, moment
from tests.factories import (
    AreaFactory,
    ContactMethodFactory,
    GatewayFactory,
    MembershipFactory,
    OrganizationFactory,
    RuleFactory,
    SensorFactory,
    SiteFactory,
    UnitFactory,
    as_system,
)

# Everything was there the day before, so that nothing of the case is older than its rules.
BEFORE = DAY - timedelta(days=1)
_TOLD = ("alert.opened", "alert.again", "alert.found")
# Longer than any case: without a lapse nobody is reminded in it either.
_NEVER_S = 7 * 86_400
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class House:
    """An organization with one unit, an owner who is told of everything, and what a case needs besides."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.organization = OrganizationFactory(acknowledgement_minutes=int((case.lapse_s or _NEVER_S) / 60))
        hours = {} if case.hours is None else {day: [list(case.hours)] for day in _WEEKDAYS}
        site = SiteFactory(organization=self.organization, opening_hours=hours)
        self.unit = UnitFactory(area=AreaFactory(site=site), default_rules=False, product_tau_s=case.tau_s)
        self.owner = MembershipFactory(organization=self.organization, role=Role.OWNER).user
        ContactMethodFactory(user=self.owner)
        for rule in case.rules:
            self._lay(rule)
        self._place_sensors()

    def run(self) -> list[Expected]:
        """Everything happens; what becomes of it, in the words of the table."""
        for at, step in self._steps():
            if isinstance(step, Arrival):
                self._receive(step)
            else:
                getattr(self, f"_{step.does}")(step, at)
        return self.alerts()

    def alerts(self) -> list[Expected]:
        """The alerts as they stand."""
        with as_system():
            rows = list(Alert.objects.for_organization(self.organization).select_related("sensor"))
        return [
            Expected(
                rule=alert.rule_name,
                opened=alert.opened_at.timestamp(),
                started=alert.started_at.timestamp(),
                resolved=_seconds(alert.resolved_at),
                value=alert.value,
                peak=alert.peak,
                sensor=None if alert.sensor is None else alert.sensor.serial,
                found=_seconds(alert.found_at),
                contradicted=_seconds(alert.contradicted_at),
                by_hand=alert.resolved_by_id is not None,
            )
            for alert in rows
        ]

    def told(self) -> list[str]:
        """When the owner was told that something is wrong."""
        return self._messages(*_TOLD)

    def recovered(self) -> list[str]:
        """When the owner was told that something is over."""
        return self._messages("alert.resolved")

    def _messages(self, *events: str) -> list[str]:
        with as_system():
            rows = Notification.objects.for_organization(self.organization).filter(event__in=events)
            return [clock(at.timestamp()) for at in rows.order_by("created_at").values_list("created_at", flat=True)]

    # --- what there is ------------------------------------------------------------------------------------------------

    def _lay(self, rule: Rule) -> None:
        scope: dict[str, Any] = {
            "": {},
            "unit": {"unit": self.unit},
            "area": {"area": self.unit.area},
            "site": {"site": self.unit.site},
            "unit_kind": {"unit_kind": self.unit.kind},
        }[rule.scope]
        RuleFactory(
            organization=self.organization,
            name=rule.name,
            metric=rule.metric,
            condition=rule.condition,
            threshold=rule.threshold,
            severity=rule.severity,
            delay_s=int(rule.delay_s),
            hysteresis=rule.hysteresis,
            clear_delay_s=int(rule.clear_delay_s),
            schedule=rule.schedule,
            is_ceiling=rule.is_ceiling,
            created_at=BEFORE,
            changed_at=BEFORE,
            **scope,
        )

    def _place_sensors(self) -> None:
        gateways: dict[str, Any] = {}
        for name in self.case.sensor_names():
            special = self.case.sensors.get(name, {})
            serial = special.get("gateway")
            if serial and serial not in gateways:
                gateways[serial] = GatewayFactory(site=self.unit.site, serial=serial)
            place: dict[str, Any] = {"unit": self.unit, "claimed_at": BEFORE}
            if special.get("unclaimed"):
                place = {"unclaimed": True, "organization": self.organization}
            SensorFactory(
                serial=name,
                expected_interval_s=self.case.interval_s(name),
                gateway=gateways.get(serial),
                **place,
            )

    # --- what happens -------------------------------------------------------------------------------------------------

    def _steps(self) -> Iterator[tuple[float, Arrival | Act]]:
        """In order of time: readings, then people, then the clock."""
        steps: list[tuple[float, int, int, Arrival | Act]] = []
        for arrival in self.case.arrivals:
            steps.append((arrival.at, 0, len(steps), arrival))
        for act in self.case.acts:
            if act.does != "look":
                steps.append((act.at, 1, len(steps), act))
                continue
            at = act.at
            while at <= moment(act.more["until"]):
                steps.append((at, 2, len(steps), act))
                at += 60
        for at, _, _, step in sorted(steps, key=lambda step: step[:3]):
            yield at, step

    def _receive(self, arrival: Arrival) -> None:
        at = as_datetime(arrival.at)
        body = native.msgspec.json.encode({"readings": [reading.body() for reading in arrival.readings]})
        sender = Sender(self.organization.pk, self.organization.number, True)
        [outcome] = pipeline.store([Delivery(sender, native.decode(body, at=at))], at=at)
        with as_system():
            lifecycle.tell_due(at=at, most=100)  # readings ring for it
        refused = [rejection.code for rejection in outcome.rejected]
        assert refused == ["sensor_fault"] * len([r for r in arrival.readings if r.fault])

    def _look(self, act: Act, at: float) -> None:
        """One round of the clock: who is silent, and what is due."""
        sweeping.sweep(at=as_datetime(at))
        with as_system():
            lifecycle.tell_due(at=as_datetime(at), most=100)

    def _resolve(self, act: Act, at: float) -> None:
        with as_system():
            for alert in self._open(act):
                lifecycle.resolve(
                    alert=alert,
                    by=self.owner,
                    at=as_datetime(at),
                    channel=Channel.API,
                    corrective_action="Moved the food.",
                )

    def _acknowledge(self, act: Act, at: float) -> None:
        with as_system():
            for alert in self._open(act):
                lifecycle.acknowledge(alert=alert, by=self.owner, at=as_datetime(at), channel=Channel.API)

    def _snooze(self, act: Act, at: float) -> None:
        until = as_datetime(moment(act.more["until"]))
        with as_system():
            for alert in self._open(act):
                lifecycle.snooze(alert=alert, by=self.owner, at=as_datetime(at), channel=Channel.API, until=until)

    def _mute(self, act: Act, at: float) -> None:
        with as_system():
            scope: dict[str, Any] = {
                "organization": {},
                "site": {"site": self.unit.site},
                "unit": {"unit": self.unit},
                "rule": {"rule": AlertRule.objects.for_organization(self.organization).first()},
            }[act.more["what"]]
            mutes.begin(
                organization=self.organization,
                by=self.owner,
                at=as_datetime(at),
                ends_at=as_datetime(moment(act.more["until"])),
                **scope,
            )

    def _claim(self, act: Act, at: float) -> None:
        with as_system():
            sensor = Sensor.objects.for_organization(self.organization).get(serial=act.more["sensor"])
            provisioning.claim(sensor=sensor, unit=Unit.objects.get(pk=self.unit.pk), at=as_datetime(at))

    def _open(self, act: Act) -> list[Alert]:
        rows = Alert.objects.for_organization(self.organization).exclude(status=AlertStatus.RESOLVED)
        name = act.more.get("rule")
        return list(rows.filter(rule_name=name) if name else rows)


def _seconds(at: Any) -> float | None:
    return None if at is None else at.timestamp()
