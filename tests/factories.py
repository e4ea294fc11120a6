"""Valid rows with traits. Each is made in the system's scope, whatever scope the test is in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from typing import Any

import factory
from django.db import connection, models
from django.utils import timezone
from factory.django import DjangoModelFactory

from alerts.models import (
    Alert,
    AlertRule,
    EscalationPolicy,
    Mute,
    OnCallFeed,
    OnCallOverride,
    OnCallSchedule,
    RuleOverride,
    ShiftSwap,
)
from ingest.models import QuarantinedReading
from notifications.models import ContactMethod, Digest, InboxItem, Notification, NotificationPreference, Rest
from organizations import secrets
from organizations.models import AccessToken, ApiKey, Invitation, LegalHold, Membership, Organization, Role, User
from organizations.tenancy import SYSTEM_ROLE, acting_as_system
from sensors.models import Area, Gateway, Sensor, SensorStatus, Site, Unit

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"


@contextmanager
def as_system() -> Iterator[None]:
    """See and write every row: in a test's own transaction, in an open scope, or in a transaction of its own."""
    if not connection.in_atomic_block:
        with acting_as_system("tests"):
            yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('role')")
        before = cursor.fetchone()[0]
        cursor.execute("SELECT set_config('role', %s, true)", [SYSTEM_ROLE])
    yield
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('role', %s, true)", [before])


def fresh(row: Any) -> Any:
    """The row as it stands in the database now."""
    with as_system():
        return type(row)._default_manager.get(pk=row.pk)


class Rows(DjangoModelFactory):
    class Meta:
        abstract = True

    @classmethod
    def _create(cls, model_class: type[models.Model], *args: Any, **kwargs: Any) -> models.Model:
        with as_system():
            return super()._create(model_class, *args, **kwargs)


class UserFactory(Rows):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.com")
    name = factory.Sequence(lambda n: f"Person {n}")

    @factory.post_generation
    def password(self: Any, create: bool, extracted: str | None, **kwargs: Any) -> None:
        self.set_password(extracted or PASSWORD)
        with as_system():
            self.save(update_fields=["password"])


class OrganizationFactory(Rows):
    class Meta:
        model = Organization

    name = factory.Sequence(lambda n: f"Organization {n}")
    slug = factory.Sequence(lambda n: f"organization-{n}")
    email = "billing@example.com"

    @classmethod
    def _create(cls, model_class: type[models.Model], *args: Any, **kwargs: Any) -> Any:
        return fresh(super()._create(model_class, *args, **kwargs))  # its number comes from the database


class MembershipFactory(Rows):
    class Meta:
        model = Membership

    organization = factory.SubFactory(OrganizationFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.OWNER


class InvitationFactory(Rows):
    class Meta:
        model = Invitation

    organization = factory.SubFactory(OrganizationFactory)
    email = factory.Sequence(lambda n: f"invited{n}@example.com")
    role = Role.STAFF
    hash = factory.LazyAttribute(lambda invitation: secrets.digest(f"token of {invitation.email}"))
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=7))


class LegalHoldFactory(Rows):
    class Meta:
        model = LegalHold

    organization = factory.SubFactory(OrganizationFactory)
    reason = "The authority investigates a case of food poisoning."


class ContactMethodFactory(Rows):
    class Meta:
        model = ContactMethod

    user = factory.SubFactory(UserFactory)
    kind = "email"
    address = factory.SelfAttribute("user.email")
    verified_at = NOON


class SiteFactory(Rows):
    class Meta:
        model = Site

    organization = factory.SubFactory(OrganizationFactory)
    name = factory.Sequence(lambda n: f"Site {n}")
    timezone = "UTC"


class AreaFactory(Rows):
    class Meta:
        model = Area

    site = factory.SubFactory(SiteFactory)
    organization = factory.SelfAttribute("site.organization")
    name = "Kitchen"


class UnitFactory(Rows):
    class Meta:
        model = Unit

    area = factory.SubFactory(AreaFactory)
    site = factory.SelfAttribute("area.site")
    organization = factory.SelfAttribute("area.organization")
    name = factory.Sequence(lambda n: f"Cooler {n}")
    kind = "walk_in_cooler"


class SensorFactory(Rows):
    class Meta:
        model = Sensor

    unit = factory.SubFactory(UnitFactory)
    site = factory.SelfAttribute("unit.site")
    organization = factory.SelfAttribute("unit.organization")
    serial = factory.Sequence(lambda n: f"S-{n:04}")
    status = SensorStatus.OFFLINE
    claimed_at = NOON - timedelta(days=1)

    class Params:
        unclaimed = factory.Trait(unit=None, site=None, status=SensorStatus.UNCLAIMED, claimed_at=None)


class GatewayFactory(Rows):
    class Meta:
        model = Gateway

    site = factory.SubFactory(SiteFactory)
    organization = factory.SelfAttribute("site.organization")
    serial = factory.Sequence(lambda n: f"G-{n:04}")


class RuleFactory(Rows):
    class Meta:
        model = AlertRule

    organization = factory.SubFactory(OrganizationFactory)
    name = "Too warm"
    metric = "temperature"
    condition = "above"
    threshold = 5.0
    severity = "warning"
    delay_s = 1800
    hysteresis = 1.0


class OverrideFactory(Rows):
    class Meta:
        model = RuleOverride

    unit = factory.SubFactory(UnitFactory)
    organization = factory.SelfAttribute("unit.organization")
    rule = factory.SubFactory(RuleFactory, organization=factory.SelfAttribute("..organization"))
    threshold = 4.0
    reason = "The new compressor comes on Friday."
    created_at = NOON
    expires_at = NOON + timedelta(days=7)


class AlertFactory(Rows):
    class Meta:
        model = Alert

    unit = factory.SubFactory(UnitFactory)
    site = factory.SelfAttribute("unit.site")
    organization = factory.SelfAttribute("unit.organization")
    rule = factory.SubFactory(RuleFactory, organization=factory.SelfAttribute("..organization"))
    cause_key = factory.LazyAttribute(lambda alert: f"unit:{alert.unit.pk}:rule:{alert.rule.pk}")
    kind = "temperature"
    condition = "above"
    severity = "warning"
    threshold = 5.0
    value = 8.0
    peak = 9.0
    started_at = NOON
    opened_at = NOON + timedelta(minutes=30)

    class Params:
        critical = factory.Trait(severity="critical")
        resolved = factory.Trait(status="resolved", resolved_at=NOON + timedelta(hours=1))


class MuteFactory(Rows):
    """An hour from noon on, of the whole organization."""

    class Meta:
        model = Mute

    organization = factory.SubFactory(OrganizationFactory)
    reason = "Deep cleaning"
    starts_at = NOON
    ends_at = NOON + timedelta(hours=1)


class PolicyFactory(Rows):
    """Managers at once, the owner after ten minutes, again after half an hour; of the whole organization."""

    class Meta:
        model = EscalationPolicy

    organization = factory.SubFactory(OrganizationFactory)
    name = "Night"
    steps = factory.LazyFunction(
        lambda: [
            {"wait_s": 0, "targets": [{"role": "manager"}], "urgent": False},
            {"wait_s": 600, "targets": [{"role": "owner"}], "urgent": True},
        ]
    )
    repeat_s = 1800


class OnCallScheduleFactory(Rows):
    """Nobody, by Berlin's clock."""

    class Meta:
        model = OnCallSchedule

    organization = factory.SubFactory(OrganizationFactory)
    name = "Kitchen"
    time_zone = "Europe/Berlin"


class OnCallOverrideFactory(Rows):
    """From noon for an hour."""

    class Meta:
        model = OnCallOverride

    schedule = factory.SubFactory(OnCallScheduleFactory)
    organization = factory.SelfAttribute("schedule.organization")
    user = factory.SubFactory(UserFactory)
    starts_at = NOON
    ends_at = NOON + timedelta(hours=1)


class ShiftSwapFactory(Rows):
    """From noon for an hour, not yet decided."""

    class Meta:
        model = ShiftSwap

    schedule = factory.SubFactory(OnCallScheduleFactory)
    organization = factory.SelfAttribute("schedule.organization")
    offered_by = factory.SubFactory(UserFactory)
    taken_by = factory.SubFactory(UserFactory)
    starts_at = NOON
    ends_at = NOON + timedelta(hours=1)


class OnCallFeedFactory(Rows):
    class Meta:
        model = OnCallFeed

    schedule = factory.SubFactory(OnCallScheduleFactory)
    organization = factory.SelfAttribute("schedule.organization")
    user = factory.SubFactory(UserFactory)
    hash = factory.Sequence(lambda n: f"{n:064d}")
    prefix = "ftc_abcd"


class NotificationFactory(Rows):
    class Meta:
        model = Notification

    organization = factory.SubFactory(OrganizationFactory)
    channel = "email"
    to = "cook@example.com"
    event = "alert.opened"
    subject = "Cooler 1 is too warm"
    text = "It is."
    html = "<p>It is.</p>"
    dedupe_key = factory.Sequence(lambda n: f"test:{n}")
    next_attempt_at = NOON


class InboxItemFactory(Rows):
    class Meta:
        model = InboxItem

    organization = factory.SubFactory(OrganizationFactory)
    user = factory.SubFactory(UserFactory)
    event = "alert.opened"
    severity = "warning"
    subject = "Cooler 1 is too warm"
    text = "Cooler 1 is too warm."
    dedupe_key = factory.Sequence(lambda n: f"test:{n}")
    created_at = NOON


class PreferenceFactory(Rows):
    class Meta:
        model = NotificationPreference

    organization = factory.SubFactory(OrganizationFactory)
    user = factory.SubFactory(UserFactory)
    severity = "warning"
    channels = factory.LazyFunction(lambda: ["email"])


class RestFactory(Rows):
    class Meta:
        model = Rest

    user = factory.SubFactory(UserFactory)


class DigestFactory(Rows):
    """Daily at seven, of an owner; due at noon."""

    class Meta:
        model = Digest

    organization = factory.SubFactory(OrganizationFactory)
    user = factory.LazyAttribute(lambda digest: MembershipFactory(organization=digest.organization).user)
    period = "daily"
    at = time(7, 0)
    next_at = NOON


class QuarantinedReadingFactory(Rows):
    """By default one that would be stored if it were sent in now."""

    class Meta:
        model = QuarantinedReading

    organization = factory.SubFactory(OrganizationFactory)
    serial = factory.Sequence(lambda n: f"Q-{n:04}")
    channel = "0"
    code = "in_future"
    detail = "recorded_at is more than 10 minutes ahead of the server's clock."
    format = "readings"
    recorded_at = factory.LazyFunction(lambda: timezone.now() - timedelta(minutes=2))
    payload = factory.LazyAttribute(
        lambda row: {"sensor": row.serial, "recorded_at": row.recorded_at.isoformat(), "temperature": 3.5}
    )
    fingerprint = factory.Sequence(lambda n: f"{n:064x}")


def token_of(user: User, *, name: str = "Test", **fields: Any) -> str:
    """A usable personal access token."""
    with as_system():
        token, secret = secrets.issue_token(user=user, name=name, at=timezone.now())
        AccessToken.objects.filter(pk=token.pk).update(**fields) if fields else None
    return secret


def key_of(organization: Organization, *, scopes: tuple[str, ...] = ("ingest",), **fields: Any) -> str:
    """A usable API key."""
    with as_system():
        key, secret = secrets.issue_key(
            organization=organization, name="Gateway", scopes=scopes, by=None, at=timezone.now()
        )
        ApiKey.objects.filter(pk=key.pk).update(**fields) if fields else None
    return secret
