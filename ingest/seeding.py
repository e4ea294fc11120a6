"""The demonstration: people, places, sensors, rules, keys. `$FRESHTRACK_HOME/demo.json` says how to sign in.

Idempotent: a second run keeps rows and secrets; a lost demo.json is written anew with new secrets.
"""

from __future__ import annotations

import json
import os
import secrets as random_secrets
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from alerts.models import AlertRule
from alerts.profiles import lay_default_rules
from ingest.simulator.roster import DEMO, DEMO_2, DemoOrganization, DemoSite, DemoUnit
from notifications import people
from organizations import founding, membership, secrets
from organizations.models import AccessToken, ApiKey, FormerSlug, Organization, Role, User
from organizations.tenancy import acting_as_system
from sensors import provisioning
from sensors.models import Area, Gateway, Sensor, Site, Unit

ROLES: Final = (Role.OWNER, Role.ADMIN, Role.MANAGER, Role.STAFF, Role.VIEWER)
NAMES: Final = {
    Role.OWNER: "Olivia Owner",
    Role.ADMIN: "Adam Admin",
    Role.MANAGER: "Mara Manager",
    Role.STAFF: "Stefan Staff",
    Role.VIEWER: "Vera Viewer",
}

Secrets = dict[str, Any]


def seed() -> Path:
    """Make or complete the demonstration; returns where demo.json is. Opens its own transaction."""
    path = settings.HOME / "demo.json"
    known = _read(path)
    with acting_as_system("seeding"):
        written = _seed(known, at=timezone.now())
    _write(path, written)
    return path


def _seed(known: Secrets, *, at: datetime) -> Secrets:
    written: Secrets = {"url": settings.PUBLIC_URL, "org": DEMO.slug, "users": {}}
    people_of_demo = {}
    for role in ROLES:
        account = _account(
            f"{role.value}@demo.freshtrack.example", NAMES[role], known.get("users", {}).get(role.value, {})
        )
        people_of_demo[role] = account["user"]
        written["users"][role.value] = {name: account[name] for name in ("email", "password", "token")}
    written["token"] = written["users"]["owner"]["token"]
    demo = _organization(DEMO, owner=people_of_demo[Role.OWNER], at=at)
    for role, user in people_of_demo.items():
        membership.join(organization=demo, user=user, role=role)
    written["org"] = demo.slug
    written["ingest_key"] = _key(demo, known.get("ingest_key"), by=people_of_demo[Role.OWNER])

    second = known.get("second_org", {})
    neighbour = _account(
        "owner@demo-2.freshtrack.example",
        "Nora Neighbour",
        {"email": "owner@demo-2.freshtrack.example", "password": second.get("password"), "token": second.get("token")},
    )
    demo_2 = _organization(DEMO_2, owner=neighbour["user"], at=at)
    written["second_org"] = {
        "org": demo_2.slug,
        "ingest_key": _key(demo_2, second.get("ingest_key"), by=neighbour["user"]),
        "token": neighbour["token"],
        "email": neighbour["email"],
        "password": neighbour["password"],
    }
    staff = _account("staff@freshtrack.example", "Sam Staff", known.get("staff_user", {}), staff=True)
    written["staff_user"] = {"email": staff["email"], "password": staff["password"]}
    written["webhooks"] = {
        "stripe": f"{settings.PUBLIC_URL}/webhooks/stripe/",
        "telnyx": f"{settings.PUBLIC_URL}/webhooks/telnyx/",
    }
    return written


def _account(email: str, name: str, known: Secrets, *, staff: bool = False) -> Secrets:
    """A person with a verified address, a password that demo.json knows, and a token."""
    password = known.get("password")
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User(email=email, name=name, is_staff=staff, is_superuser=staff)
        password = None
    if not password:
        # Hashing is slow by design, so a known password is believed: each start would take seconds longer.
        password = random_secrets.token_urlsafe(12)
        user.set_password(password)
        user.save()
    EmailAddress.objects.update_or_create(user=user, email=email, defaults={"verified": True, "primary": True})
    people.keep_sign_in_address(user=user)
    token = known.get("token")
    if not token or not AccessToken.objects.filter(user=user, hash=secrets.digest(token), revoked_at=None).exists():
        _, token = secrets.issue_token(user=user, name="Demo", at=timezone.now())
    return {"user": user, "email": email, "password": password, "token": token}


def _key(organization: Organization, known: str | None, *, by: User) -> str:
    keys = ApiKey.objects.for_organization(organization)
    if known and keys.filter(hash=secrets.digest(known), revoked_at=None).exists():
        return known
    _, key = secrets.issue_key(
        organization=organization, name="Demo gateways", scopes=["ingest"], by=by, at=timezone.now()
    )
    return key


def _organization(roster: DemoOrganization, *, owner: User, at: datetime) -> Organization:
    # Somebody may have renamed it.
    former = FormerSlug.objects.filter(slug=roster.slug).values("organization")
    organization = Organization.objects.filter(Q(slug=roster.slug) | Q(pk__in=former)).first()
    if organization is None:
        organization = founding.found(name=roster.name, slug=roster.slug, time_zone=roster.timezone, owner=owner)
    lay_default_rules(organization=organization)
    for site in roster.sites:
        _site(organization, site, at=at)
    return organization


def _site(organization: Organization, roster: DemoSite, *, at: datetime) -> None:
    site, _ = Site.objects.get_or_create(
        organization=organization,
        name=roster.name,
        defaults={"kind": roster.kind, "timezone": roster.timezone, "address": roster.address},
    )
    Gateway.objects.get_or_create(
        organization=organization, serial=roster.gateway, defaults={"site": site, "name": f"Gateway {roster.name}"}
    )
    for place in roster.areas:
        area, _ = Area.objects.get_or_create(organization=organization, site=site, name=place.name)
        for unit in place.units:
            _unit(organization, area, unit, at=at)


def _unit(organization: Organization, area: Area, roster: DemoUnit, *, at: datetime) -> None:
    unit, _ = Unit.objects.get_or_create(
        organization=organization,
        area=area,
        name=roster.name,
        defaults={"site_id": area.site_id, "kind": roster.kind, "note": roster.note},
    )
    for probe in roster.sensors:
        sensor = Sensor.objects.filter(organization=organization, serial=probe.serial, channel=probe.channel).first()
        if sensor is None or sensor.claimed_at is None:
            provisioning.register(
                organization=organization,
                serial=probe.serial,
                channel=probe.channel,
                unit=unit,
                name=probe.name,
                model=probe.model,
                expected_interval_s=probe.expected_interval_s,
                at=at,
            )
    for rule in roster.rules:
        AlertRule.objects.get_or_create(
            organization=organization,
            unit=unit,
            name=rule.name,
            defaults={
                "metric": rule.metric,
                "condition": rule.condition,
                "threshold": rule.threshold,
                "severity": rule.severity,
                "delay_s": rule.delay_s,
                "hysteresis": rule.hysteresis,
                "clear_delay_s": rule.clear_delay_s,
            },
        )


def _read(path: Path) -> Secrets:
    try:
        known = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(path: Path, written: Secrets) -> None:
    """Whole or not at all, and for the owner's eyes only: it holds passwords."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(written, file, indent=2)
        file.write("\n")
    os.replace(unfinished, path)
