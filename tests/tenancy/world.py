"""Two customers with a row for every address, and a valid body for every way to write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from organizations.models import ApiKey, Membership, Organization, Role
from sensors.models import Reading, Unit
from tests.factories import (
    AlertFactory,
    AreaFactory,
    GatewayFactory,
    InvitationFactory,
    LegalHoldFactory,
    MembershipFactory,
    MuteFactory,
    NotificationFactory,
    OnCallFeedFactory,
    OnCallOverrideFactory,
    OnCallScheduleFactory,
    OrganizationFactory,
    OverrideFactory,
    PolicyFactory,
    QuarantinedReadingFactory,
    RuleFactory,
    SensorFactory,
    ShiftSwapFactory,
    SiteFactory,
    UnitFactory,
    as_system,
    key_of,
)

Ids = dict[str, str]

CALENDAR: Final = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//tests//EN\r\nEND:VCALENDAR\r\n"

# Stands in every name of a place, so that an answer which contains it has leaked it.
HERE: Final = "Hhere"
THERE: Final = "Tthere"


@dataclass
class Customer:
    """An organization with two sites. `here` and `there` map what an address needs to ids of the one and the other."""

    organization: Organization
    here: Ids
    there: Ids
    owner: Membership
    members: dict[str, Membership] = field(default_factory=dict)

    @property
    def site(self) -> str:
        return self.here["sites"]

    def member(self, role: str, *, restricted: bool = False) -> Membership:
        """Somebody with this role, perhaps restricted to `here`."""
        return MembershipFactory(
            organization=self.organization, role=role, site_ids=[self.site] if restricted else None
        )


def customer(mark: str = "") -> Customer:
    """A customer; `mark` begins the names of all rows."""
    organization = OrganizationFactory(name=f"{mark} Ltd")
    owner = MembershipFactory(organization=organization, user__name=f"{mark} owner")
    whole = _of_the_organization(organization, mark=mark)
    here = {**whole, **_of_a_site(organization, mark=f"{mark} {HERE}")}
    there = {**whole, **_of_a_site(organization, mark=f"{mark} {THERE}")}
    return Customer(organization, here, there, owner)


def _of_the_organization(organization: Organization, *, mark: str) -> Ids:
    """Rows that belong to no site."""
    key_of(organization)
    with as_system():
        key = ApiKey.objects.get(organization=organization)
    invitation = InvitationFactory(organization=organization)
    hold = LegalHoldFactory(organization=organization)
    return {"invitations": str(invitation.pk), "api-keys": str(key.pk), "legal-holds": str(hold.pk)}


def _of_a_site(organization: Organization, *, mark: str) -> Ids:
    site = SiteFactory(organization=organization, name=f"{mark} site")
    area = AreaFactory(site=site, name=f"{mark} area")
    unit: Unit = UnitFactory(area=area, name=f"{mark} unit")
    empty = {
        "site": SiteFactory(organization=organization, name=f"{mark} empty site"),
        "area": AreaFactory(site=site, name=f"{mark} empty area"),
        "unit": UnitFactory(area=area, name=f"{mark} empty unit"),
    }
    sensor = SensorFactory(unit=unit, serial=f"{mark}-{unit.pk}", name=f"{mark} sensor")
    gateway = GatewayFactory(site=site, serial=f"{mark}-gateway-{unit.pk}")
    rule = RuleFactory(organization=organization, site=site, name=f"{mark} rule")
    for place in ({"area": area}, {"unit": unit}):
        RuleFactory(organization=organization, name=f"{mark} rule", **place)
    alert = AlertFactory(unit=unit, sensor=sensor, rule=rule, rule_name=f"{mark} rule")
    over = AlertFactory(
        unit=unit, sensor=sensor, rule=rule, rule_name=f"{mark} rule", cause_key=f"{mark} over", resolved=True
    )
    MuteFactory(organization=organization, unit=unit, reason=f"{mark} is cleaned")
    mute = MuteFactory(
        organization=organization,
        site=site,
        reason=f"{mark} is cleaned",
        ends_at=datetime.now(UTC) + timedelta(hours=1),
    )
    override = OverrideFactory(
        unit=unit,
        rule=rule,
        reason=f"{mark} reason",
        owner=None,
        expires_at=datetime.now(UTC) + timedelta(days=7),
    )
    colleague = MembershipFactory(
        organization=organization, role=Role.STAFF, site_ids=[site.pk], user__name=f"{mark} colleague"
    )
    policy = PolicyFactory(organization=organization, site=site, name=f"{mark} policy")
    PolicyFactory(organization=organization, unit=unit, name=f"{mark} policy")
    schedule = OnCallScheduleFactory(organization=organization, site=site, name=f"{mark} schedule")
    on_duty = OnCallOverrideFactory(
        schedule=schedule, user=colleague.user, reason=f"{mark} shift", ends_at=datetime.now(UTC) + timedelta(days=7)
    )
    swap = ShiftSwapFactory(
        schedule=schedule,
        offered_by=colleague.user,
        taken_by=MembershipFactory(organization=organization, site_ids=[site.pk], role=Role.STAFF).user,
        note=f"{mark} swap",
    )
    feed = OnCallFeedFactory(schedule=schedule, user=colleague.user)
    notification = NotificationFactory(
        organization=organization, site_id=site.pk, subject=f"{mark} is too warm", about=f"alert:{alert.pk}"
    )
    dead = NotificationFactory(organization=organization, site_id=site.pk, subject=f"{mark} is too warm", status="dead")
    refused = QuarantinedReadingFactory(
        organization=organization, serial=sensor.serial, sensor_id=sensor.public_id, site_id=site.pk
    )
    with as_system():
        Reading.objects.create(
            sensor=sensor,
            recorded_at=datetime.now(UTC) - timedelta(minutes=5),
            organization=organization,
            delay_s=0,
            temperature=3.0,
        )
    return {
        "sites": str(site.pk),
        "members": str(colleague.pk),
        "areas": str(area.pk),
        "units": str(unit.pk),
        "gateways": str(gateway.pk),
        "sensors": str(sensor.public_id),
        "serial": sensor.serial,
        "alert-rules": str(rule.pk),
        "rule-overrides": str(override.pk),
        "rule without override": str(RuleFactory(organization=organization, unit=unit, name=f"{mark} rule").pk),
        "alerts": str(alert.pk),
        "resolved alert": str(over.pk),
        "mutes": str(mute.pk),
        "escalation-policies": str(policy.pk),
        "on-call-schedules": str(schedule.pk),
        "on-call-overrides": str(on_duty.pk),
        "shift-swaps": str(swap.pk),
        "on-call-feeds": str(feed.pk),
        "colleague": str(colleague.user_id),
        "notifications": str(notification.pk),
        "dead notification": str(dead.pk),
        "quarantined-readings": str(refused.pk),
        # What may be deleted must be empty.
        **{f"empty {kind}": str(row.pk) for kind, row in empty.items()},
    }


# A row that the call can be made on where the room's usual one stands in the way.
ROWS: Final[dict[str, str]] = {
    "delete sites/{pk}/": "empty site",
    "delete areas/{pk}/": "empty area",
    "delete units/{pk}/": "empty unit",
    "post alerts/{pk}/reopen/": "resolved alert",
    "post notifications/{pk}/resend/": "dead notification",
}


def _nothing(ids: Ids) -> dict[str, Any]:
    return {}


def _area(ids: Ids) -> dict[str, Any]:
    return {"site": ids["sites"], "name": "New area"}


def _unit(ids: Ids) -> dict[str, Any]:
    return {"area": ids["areas"], "name": "New unit", "kind": "room"}


def _rule(ids: Ids) -> dict[str, Any]:
    terms = {"metric": "temperature", "condition": "above", "threshold": 5, "severity": "warning"}
    return {**terms, "scope": {"unit": ids["units"]}}


# The same each time: what differs between two bodies is what they are about.
_SOON: Final = (datetime.now(UTC) + timedelta(hours=5)).isoformat()
_LATER: Final = (datetime.now(UTC) + timedelta(hours=9)).isoformat()


def _override(ids: Ids) -> dict[str, Any]:
    terms = {"threshold": 4.5, "reason": "Stock-taking", "expires_at": _SOON}
    return {**terms, "rule": ids["rule without override"], "unit": ids["units"]}


def _policy(ids: Ids) -> dict[str, Any]:
    steps = [{"targets": [{"role": "manager"}, {"schedule": ids["on-call-schedules"]}]}]
    return {"name": "New policy", "scope": {"unit": ids["units"]}, "steps": steps}


def _schedule(ids: Ids) -> dict[str, Any]:
    layer = {"name": "Weeks", "rotation": "weekly", "starts_on": "2026-01-05", "people": [ids["colleague"]]}
    return {"name": "New schedule", "time_zone": "UTC", "site": ids["sites"], "layers": [layer]}


def _duty(ids: Ids) -> dict[str, Any]:
    times = {"starts_at": _SOON, "ends_at": _LATER}
    return {"schedule": ids["on-call-schedules"], "user": ids["colleague"], **times}


def _offer(ids: Ids) -> dict[str, Any]:
    times = {"starts_at": _SOON, "ends_at": _LATER}
    return {"schedule": ids["on-call-schedules"], "to": ids["colleague"], **times}


# For each way to write a body that is valid: only then does a call say whether its role may. `ids` are those of the
# place that it is about.
BODIES: Final[dict[str, Callable[[Ids], dict[str, Any]]]] = {
    "patch (organization)": lambda ids: {"name": "Renamed"},
    "post restore/": _nothing,
    "patch members/{pk}/": lambda ids: {"role": "viewer", "sites": [ids["sites"]]},
    "post members/leave/": _nothing,
    "post members/{pk}/make-owner/": _nothing,
    "post invitations/": lambda ids: {"email": "new@example.com", "role": "staff", "sites": [ids["sites"]]},
    "post invitations/{pk}/resend/": _nothing,
    "post api-keys/": lambda ids: {"name": "Gateway 2"},
    "post legal-holds/": lambda ids: {"reason": "A recall"},
    "post legal-holds/{pk}/lift/": _nothing,
    "post sites/": lambda ids: {"name": "New site"},
    "put sites/{pk}/": lambda ids: {"name": "Renamed"},
    "patch sites/{pk}/": lambda ids: {"name": "Renamed"},
    "post sites/{pk}/restore/": _nothing,
    "post areas/": _area,
    "put areas/{pk}/": _area,
    "patch areas/{pk}/": lambda ids: {"site": ids["sites"]},
    "post areas/{pk}/restore/": _nothing,
    "post units/": _unit,
    "put units/{pk}/": _unit,
    "patch units/{pk}/": lambda ids: {"area": ids["areas"]},
    "post units/{pk}/restore/": _nothing,
    "post gateways/": lambda ids: {"serial": "G-new", "site": ids["sites"]},
    "put gateways/{pk}/": lambda ids: {"serial": "G-new", "site": ids["sites"]},
    "patch gateways/{pk}/": lambda ids: {"site": ids["sites"]},
    "post gateways/{pk}/restore/": _nothing,
    "post sensors/": lambda ids: {"serial": "S-new", "unit": ids["units"]},
    "put sensors/{pk}/": lambda ids: {"serial": ids["serial"], "unit": ids["units"], "gateway": ids["gateways"]},
    "patch sensors/{pk}/": lambda ids: {"unit": ids["units"], "gateway": ids["gateways"]},
    "post sensors/{pk}/claim/": lambda ids: {"unit": ids["units"]},
    "post sensors/{pk}/restore/": _nothing,
    "post alert-rules/": _rule,
    "put alert-rules/{pk}/": _rule,
    "patch alert-rules/{pk}/": lambda ids: {"scope": {"area": ids["areas"]}},
    "post rule-overrides/": _override,
    "post alert-rules/preview/": lambda ids: {"rule": _rule(ids)},
    "post alerts/{pk}/acknowledge/": lambda ids: {"note": "On my way"},
    "post alerts/{pk}/resolve/": lambda ids: {"corrective_action": "Closed the door"},
    "post alerts/{pk}/snooze/": lambda ids: {"until": _SOON},
    "post alerts/{pk}/assign/": lambda ids: {"user": None},
    "post alerts/{pk}/reopen/": lambda ids: {"note": "It is warm again"},
    "post mutes/": lambda ids: {"unit": ids["units"], "ends_at": _SOON, "reason": "Cleaning"},
    "patch mutes/{pk}/": lambda ids: {"ends_at": _SOON},
    "post alerts/{pk}/comment/": lambda ids: {"note": "The door was open"},
    "post escalation-policies/": _policy,
    "put escalation-policies/{pk}/": _policy,
    "patch escalation-policies/{pk}/": lambda ids: {"scope": {"site": ids["sites"]}},
    "post escalation-policies/dry-run/": lambda ids: {"unit": ids["units"]},
    "post on-call-schedules/": _schedule,
    "put on-call-schedules/{pk}/": _schedule,
    "patch on-call-schedules/{pk}/": lambda ids: {"site": ids["sites"]},
    "post on-call-schedules/preview/": lambda ids: {"time_zone": "UTC", "layers": _schedule(ids)["layers"]},
    "post on-call-schedules/{pk}/import/": lambda ids: {"calendar": CALENDAR, "people": {"x": ids["colleague"]}},
    "post on-call-overrides/": _duty,
    "patch on-call-overrides/{pk}/": lambda ids: {"schedule": ids["on-call-schedules"]},
    "post shift-swaps/": _offer,
    "post shift-swaps/{pk}/accept/": _nothing,
    "post shift-swaps/{pk}/decline/": _nothing,
    "post shift-swaps/{pk}/withdraw/": _nothing,
    "post on-call-feeds/": lambda ids: {"schedule": ids["on-call-schedules"]},
    "post digests/preview/": _nothing,
    "post notifications/{pk}/resend/": _nothing,
    "post notifications/resend/": lambda ids: {"ids": [ids["notifications"]]},
    "post quarantined-readings/{pk}/resubmit/": _nothing,
    "post quarantined-readings/{pk}/discard/": lambda ids: {"note": "A test"},
    "post quarantined-readings/resubmit/": lambda ids: {"ids": [ids["quarantined-readings"]]},
    "post quarantined-readings/discard/": lambda ids: {"ids": [ids["quarantined-readings"]]},
}

# Calls that the state of things refuses to somebody who may, with the status.
REFUSED_BY_STATE: Final[dict[str, set[int]]] = {
    "post digests/preview/": {409},  # nobody here has a verified address
    "post shift-swaps/": {409},  # whoever asks isn't on duty
    # Only for the two whom it concerns.
    **{f"post shift-swaps/{{pk}}/{act}/": {403} for act in ("accept", "decline", "withdraw")},
    "delete on-call-feeds/{pk}/": {404},  # somebody else's
}
