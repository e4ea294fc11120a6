"""A member of staff at the admin, and customers to look at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from alerts.models import AlertEvent, AuditRound
from notifications.models import (
    Attempt,
    Digest,
    InboxItem,
    NotificationPreference,
    OutboxEntry,
    ProviderEvent,
    Rest,
)
from organizations import secrets
from organizations.models import ExternalIdentity, FailedJob, FormerSlug, LegalHold, Organization, SecurityEvent, User
from organizations.staff import Hidden
from sensors.models import Gateway, Reading, Sensor
from tests.factories import (
    NOON,
    AlertFactory,
    ContactMethodFactory,
    InvitationFactory,
    MembershipFactory,
    MuteFactory,
    NotificationFactory,
    OnCallFeedFactory,
    OnCallOverrideFactory,
    OnCallScheduleFactory,
    OverrideFactory,
    PolicyFactory,
    QuarantinedReadingFactory,
    RuleFactory,
    SensorFactory,
    ShiftSwapFactory,
    UserFactory,
    as_system,
    key_of,
    token_of,
)


@pytest.fixture
def staff(db: None) -> User:
    user: User = UserFactory(email="sam@freshtrack.example", name="Sam", is_staff=True, is_superuser=True)
    return user


@pytest.fixture
def office(staff: User) -> Client:
    """A browser in which Sam has signed in."""
    client = Client()
    client.force_login(staff)
    return client


def page(model: type[Any], kind: str = "changelist", *args: object) -> str:
    """The address of a page of a model."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{kind}", args=args)


def text_of(response: Any) -> str:
    """What the page says."""
    text: str = response.content.decode()
    return text


class Customer:
    """One organization with a row of everything that staff may look at. Keeps its secrets, to look for them."""

    def __init__(self) -> None:
        self.sensor: Sensor = SensorFactory(temperature=4.5, last_reading_at=NOON, last_received_at=NOON)
        self.organization: Organization = self.sensor.organization
        assert self.sensor.unit is not None
        self.unit, self.site, self.area = self.sensor.unit, self.sensor.unit.site, self.sensor.unit.area
        self.membership = MembershipFactory(organization=self.organization)
        self.person: User = self.membership.user
        self.rule = RuleFactory(organization=self.organization, unit=self.unit)
        self.alert = AlertFactory(unit=self.unit, rule=self.rule, sensor=self.sensor, rule_name="Too warm")
        self.notification = NotificationFactory(
            organization=self.organization,
            user=self.person,
            about=f"alert:{self.alert.pk}",
            status="dead",
            attempts=10,
            last_error="SMTPRecipientsRefused: 550 no such user",
        )
        self.contact = ContactMethodFactory(user=self.person)
        self.refused = QuarantinedReadingFactory(organization=self.organization, serial="S-refused")
        self.mute = MuteFactory(organization=self.organization, site=self.site)
        self.override = OverrideFactory(unit=self.unit, rule=self.rule, owner=self.person)
        self.policy = PolicyFactory(organization=self.organization, site=self.site)
        self.schedule = OnCallScheduleFactory(organization=self.organization, site=self.site)
        for make in (OnCallOverrideFactory, ShiftSwapFactory, OnCallFeedFactory):
            make(schedule=self.schedule)
        self.link = f"token of {self.person.email}"
        self.invitation = InvitationFactory(
            organization=self.organization, invited_by=self.person, hash=secrets.digest(self.link)
        )
        self.key_secret = key_of(self.organization)
        self.token_secret = token_of(self.person)
        with as_system():
            self._told()
            SecurityEvent.objects.create(organization=self.organization, kind="invitation_reused", user=self.person)
            LegalHold.objects.create(organization=self.organization, reason="A recall", placed_by=self.person)
            FormerSlug.objects.create(organization=self.organization, slug=f"old-{self.organization.slug}")
            ExternalIdentity.objects.create(user=self.person, issuer="https://id.example", subject=self.person.email)
            self.gateway = Gateway.objects.create(organization=self.organization, site=self.site, serial="GW-1")
            for event, by in (("opened", None), ("acknowledged", self.person), ("commented", self.person)):
                AlertEvent.objects.create(organization=self.organization, alert=self.alert, event=event, by=by, at=NOON)
            Reading.objects.bulk_create(
                Reading(
                    sensor=self.sensor,
                    organization_id=self.organization.number,
                    recorded_at=NOON - timedelta(minutes=minute),
                    delay_s=1,
                    temperature=4.5 + minute / 100,
                )
                for minute in range(60)
            )
            EmailAddress.objects.create(user=self.person, email=self.person.email, verified=True, primary=True)

    def _told(self) -> None:
        """What became of messages, what people wish, and what failed."""
        notification, person, organization = self.notification, self.person, self.organization
        OutboxEntry.objects.get_or_create(
            notification=notification, defaults={"organization": organization, "urgency": 0, "due_at": NOON}
        )
        Attempt.objects.create(
            notification=notification,
            organization=organization,
            number=1,
            at=NOON,
            duration_ms=1200,
            channel="email",
            provider="smtp",
            outcome="refused",
            code="550",
            detail="no such user",
        )
        ProviderEvent.objects.create(
            provider="smtp",
            event_id=str(notification.pk),
            kind="bounced",
            recipient=notification.to,
            notification=notification,
        )
        InboxItem.objects.create(
            organization=organization, user=person, event="alert.opened", subject="Too warm", dedupe_key=str(person.pk)
        )
        Digest.objects.create(
            organization=organization, user=person, period="weekly", at="07:00", weekday=4, next_at=NOON
        )
        NotificationPreference.objects.create(organization=organization, user=person, severity="info", channels=[])
        Rest.objects.create(user=person, quiet_from="22:00", quiet_to="06:00")
        FailedJob.objects.create(
            task="organizations.purge",
            task_id=str(person.pk),
            queue="bulk",
            organization_id=organization.pk,
            args=[1],
            kwargs={"reason": "none"},
            error="ValueError: it can't be",
            traceback="Traceback (most recent call last)",
        )


@pytest.fixture
def customer(db: None) -> Customer:
    return Customer()


@pytest.fixture
def machinery(staff: User) -> None:
    """A row of each model that isn't ours."""
    with as_system():
        PeriodicTask.objects.create(
            name="sweep",
            task="notifications.sweep",
            interval=IntervalSchedule.objects.create(every=15, period="seconds"),
        )
        CrontabSchedule.objects.create()
        ClockedSchedule.objects.create(clocked_time=NOON)
        SolarSchedule.objects.create(event="sunrise", latitude=52, longitude=13)
        UserSession.objects.create(user=staff, ip="192.0.2.7", session_key="the key of a session", user_agent="Firefox")
        Authenticator.objects.create(user=staff, type="totp", data={"secret": "the secret of a phone"})
        SocialAccount.objects.create(user=staff, provider="acme", uid="1234", extra_data={"email": "sam@example.com"})
        Group.objects.create(name="Support")
        AuditRound.objects.create(at=NOON, checked=7, stuck=1, alerts=["an alert: no next step was due"])
        LogEntry.objects.create(
            user=staff,
            content_type=ContentType.objects.get_for_model(User),
            object_id=str(staff.pk),
            object_repr="Sam",
            action_flag=CHANGE,
            change_message="Looked.",
        )


@pytest.fixture
def do(office: Client) -> Callable[..., Any]:
    """Run an action of a list on rows, as Sam, and answer with the page that follows."""

    def act(action: str, *rows: Any) -> Any:
        data = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
        filters = admin.site._registry[type(rows[0])].list_filter
        hides = any(isinstance(wanted, type) and issubclass(wanted, Hidden) for wanted in filters)
        return office.post(page(type(rows[0])) + ("?hidden=too" if hides else ""), data, follow=True)

    return act
