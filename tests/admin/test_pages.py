"""Every page of the admin: who sees it, what it never shows, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from djstripe.models import APIKey, WebhookEndpoint

from alerts.models import Alert, AlertRule
from notifications.models import (
    Attempt,
    ContactMethod,
    Digest,
    InboxItem,
    Notification,
    NotificationPreference,
    OutboxEntry,
    ProviderEvent,
    Rest,
)
from organizations import secrets
from organizations.models import (
    AccessToken,
    ApiKey,
    Change,
    ExternalIdentity,
    FailedJob,
    Invitation,
    LegalHold,
    Membership,
    Organization,
    SecurityEvent,
    User,
)
from sensors.models import Area, Gateway, Sensor, Site, Unit
from tests.admin.conftest import Customer, page, text_of
from tests.factories import PASSWORD, UserFactory, as_system, fresh

pytestmark = pytest.mark.django_db

MODELS = [pytest.param(model, id=model._meta.label) for model in admin.site._registry]
# Rows that a state machine, a program or their owner writes.
READ_ONLY = {"Alert", "Mute", "Notification", "ApiKey", "AccessToken", "Change", "ContactMethod", "LogEntry"} | {
    *(
        "RuleOverride",
        *("EscalationPolicy", "OnCallSchedule", "OnCallOverride", "ShiftSwap", "OnCallFeed", "AuditRound"),
        "QuarantinedReading",
        "UserSession",
        "Authenticator",
        "SocialAccount",
        "Invitation",
        "SecurityEvent",
        "ExternalIdentity",
        "FailedJob",
        *("Attempt", "OutboxEntry", "ProviderEvent", "InboxItem", "Digest", "NotificationPreference", "Rest"),
    )
}
OURS = [
    *(Organization, User, Membership, ApiKey, AccessToken, Change, Site, Area, Unit, Gateway, Sensor),
    *(Alert, AlertRule, Notification, ContactMethod, Invitation, SecurityEvent, ExternalIdentity, LegalHold),
    *(Attempt, OutboxEntry, ProviderEvent, InboxItem, Digest, NotificationPreference, Rest, FailedJob),
]


def newest(model: type[Any]) -> Any:
    with as_system():
        row = model._default_manager.order_by("-pk").first()
    assert row is not None, f"the tests have no {model.__name__}"
    return row


def pages_of(model: type[Any]) -> list[str]:
    kinds = [page(model), page(model, "add"), page(model, "history", newest(model).pk)]
    return kinds if model is Change else [*kinds, page(model, "change", newest(model).pk)]


def secrets_of(customer: Customer) -> list[str]:
    """What no page may say: secrets, what is stored of them, and even a beginning of that."""
    stored = fresh(customer.person).password
    return [
        *(customer.key_secret, secrets.digest(customer.key_secret)),
        *(customer.token_secret, secrets.digest(customer.token_secret)),
        *(PASSWORD, stored, stored.split("$")[-1], stored.split("$")[-1][:6]),
        *(customer.link, secrets.digest(customer.link), secrets.digest(customer.link)[:6]),
        *("the key of a session", "the secret of a phone"),
    ]


@pytest.mark.parametrize("model", MODELS)
def test_staff_open_every_page_and_read_no_secret(
    model: type[Any], office: Client, customer: Customer, machinery: None
) -> None:
    closed = model.__name__ in READ_ONLY | {"Organization"}
    for address in [*pages_of(model), f"{page(model)}?q=x"]:
        response = office.get(address, follow=True)
        assert response.status_code == (403 if closed and address.endswith("/add/") else 200), address
        said = text_of(response)
        assert [secret for secret in secrets_of(customer) if secret in said] == [], address


@pytest.mark.parametrize("model", MODELS)
def test_a_filtered_list_answers(model: type[Any], office: Client, customer: Customer, machinery: None) -> None:
    """Each filter with one of its own choices."""
    fields = {field.name: field for field in model._meta.concrete_fields}
    for wanted in admin.site._registry[model].list_filter:
        name = wanted[0] if isinstance(wanted, tuple) else ""
        if not name:
            queries = [f"{wanted.parameter_name}={value}" for value in ("only", "too", "admin", "site")]
        elif fields[name].is_relation:
            queries = [f"{name}__id__exact={getattr(newest(model), f'{name}_id')}"]
        elif fields[name].choices:
            queries = [f"{name}__exact={fields[name].choices[0][0]}"]
        elif name == "at" or name.endswith("_at"):
            queries = [
                f"{name}_from_0=2026-01-01&{name}_from_1=00:00:00",
                f"{name}_to_0=2026-01-01",
                f"{name}_from_0=x",
            ]
        else:
            queries = [f"{name}__exact=1"]
        for query in queries:
            assert office.get(f"{page(model)}?{query}").status_code == 200, query


@pytest.mark.parametrize("model", MODELS)
def test_customers_and_strangers_are_sent_to_the_door(
    model: type[Any], client: Client, customer: Customer, machinery: None
) -> None:
    for signed_in in (False, True):
        if signed_in:
            client.force_login(customer.person)
        for address in pages_of(model):
            for response in (client.get(address), client.post(address, {"name": "mine"})):
                assert response.status_code == 302, address
                assert response["Location"].startswith("/admin/login/"), address


@pytest.mark.parametrize("address", ["/admin/", "/admin/search/?s=a&extended=1", "/admin/password_change/"])
def test_the_other_pages_are_for_staff_too(address: str, client: Client, office: Client, customer: Customer) -> None:
    assert office.get(address).status_code == 200
    client.force_login(customer.person)
    assert client.get(address)["Location"].startswith("/admin/login/")


def test_choices_are_for_staff_who_may_see_them(client: Client, customer: Customer) -> None:
    choices = "/admin/autocomplete/?app_label=sensors&model_name=unit&field_name=area&term="
    client.force_login(customer.person)
    assert client.get(choices)["Location"].startswith("/admin/login/")
    client.force_login(UserFactory(is_staff=True))
    assert client.get(choices).status_code == 403


def test_stripes_secrets_have_no_page() -> None:
    assert APIKey not in admin.site._registry
    assert WebhookEndpoint not in admin.site._registry
    assert [model for model in admin.site._registry if model._meta.app_label == "djstripe"] == []


@pytest.mark.parametrize("model", OURS)
def test_a_longer_list_costs_no_more_queries(model: type[Any], office: Client) -> None:
    counts = []
    for more in (1, 2):
        for _ in range(more):
            Customer()
        office.get(page(model))  # content types and the like are remembered from here on
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert office.get(page(model)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[1] <= 12


@pytest.mark.parametrize("model", [Organization, User, Alert, Sensor])
def test_a_page_with_more_rows_under_it_costs_no_more_queries(
    model: type[Any], office: Client, customer: Customer
) -> None:
    row = {Organization: customer.organization, User: customer.person, Alert: customer.alert, Sensor: customer.sensor}
    address = page(model, "change", row[model].pk)
    office.get(address)
    with CaptureQueriesContext(connection) as before:
        office.get(address)
    more = [Customer() for _ in range(3)]
    with as_system():
        for other in more:
            Membership.objects.filter(pk=other.membership.pk).update(organization=customer.organization)
            Membership.objects.create(organization=other.organization, user=customer.person)
            Notification.objects.filter(pk=other.notification.pk).update(
                organization=customer.organization, about=f"alert:{customer.alert.pk}"
            )
            customer.alert.events.create(
                organization=customer.organization, event="commented", by=other.person, at=other.alert.opened_at
            )
    with CaptureQueriesContext(connection) as after:
        said = text_of(office.get(address))
    assert len(after) == len(before)
    assert len(after) <= 20
    assert (more[0].person.name in said) == (model in (Organization, Alert))
