"""What staff do to rows: through the domain, told in words, under their name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts.models import Alert
from ingest.authentication import KeyCache
from notifications.models import Notification, NotificationStatus
from organizations import secrets
from organizations.authentication import BadBearer, person_of
from organizations.models import AccessToken, ApiKey, User
from sensors.models import SensorStatus
from tests.admin.conftest import Customer, page, text_of
from tests.factories import MembershipFactory, NotificationFactory, SiteFactory, as_system, fresh

pytestmark = pytest.mark.django_db
Do = Callable[..., Any]


def key_and_token(customer: Customer) -> tuple[ApiKey, AccessToken]:
    with as_system():
        return ApiKey.objects.get(organization=customer.organization), AccessToken.objects.get(user=customer.person)


def test_a_dead_message_is_promised_once_more(do: Do, staff: User, customer: Customer) -> None:
    said = text_of(do("send_again", customer.notification))
    assert "Promised once more: 1 notification." in said
    row = fresh(customer.notification)
    assert (row.status, row.attempts) == (NotificationStatus.PROMISED, 0)
    assert timezone.now() - row.next_attempt_at < timedelta(minutes=1)
    did = LogEntry.objects.get(object_id=str(customer.notification.pk))
    assert (did.user, did.get_change_message()) == (staff, "Promised once more.")


def test_many_are_promised_once_more_in_a_handful_of_statements(do: Do, customer: Customer) -> None:
    counts = []
    for number in (2, 6):
        dead = [NotificationFactory(organization=customer.organization, status="dead") for _ in range(number)]
        sent = [
            NotificationFactory(organization=customer.organization, status="sent", sent_at=timezone.now())
            for _ in range(number)
        ]
        with CaptureQueriesContext(connection) as queries:
            said = text_of(do("send_again", *dead, *sent))
        counts.append(sum("notifications_outboxentry" in query["sql"] for query in queries))
        assert f"Promised once more: {number} notifications." in said
        assert {fresh(row).status for row in dead} == {NotificationStatus.PROMISED}
        assert {fresh(row).status for row in sent} == {NotificationStatus.SENT}
    assert "Nor could 1 others be sent again." in said
    assert counts[1] - counts[0] <= 3 * 4, "only those that are refused with a reason are asked for one by one"


def test_a_message_that_was_sent_is_not_sent_again(do: Do, customer: Customer) -> None:
    sent = NotificationFactory(organization=customer.organization, status="sent", sent_at=timezone.now())
    said = text_of(do("send_again", sent, customer.notification))
    assert "Only a message that failed can be sent again." in said
    assert "Promised once more: 1 notification." in said
    assert fresh(sent).status == NotificationStatus.SENT


def test_a_page_asks_before_it_sends_again(office: Client, customer: Customer) -> None:
    address = f"{page(Notification, 'change', customer.notification.pk).removesuffix('change/')}send_this_again/"
    assert "Send it again?" in text_of(office.get(address))
    assert fresh(customer.notification).status == NotificationStatus.DEAD
    done = office.post(address, {"_form_submitted": "True"})
    assert done["HX-Redirect"] == page(Notification, "change", customer.notification.pk)
    assert fresh(customer.notification).status == NotificationStatus.PROMISED


def test_a_form_of_another_site_changes_nothing(staff: User, customer: Customer) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)
    address = f"{page(Notification, 'change', customer.notification.pk).removesuffix('change/')}send_this_again/"
    assert client.post(address, {"_form_submitted": "True"}).status_code == 403
    assert fresh(customer.notification).status == NotificationStatus.DEAD


def test_a_revoked_key_opens_nothing(do: Do, customer: Customer) -> None:
    key, _ = key_and_token(customer)
    assert KeyCache().look_up(secrets.digest(customer.key_secret)) is not None
    do("revoke", key)
    first = fresh(key).revoked_at
    assert first is not None
    assert KeyCache().look_up(secrets.digest(customer.key_secret)) is None
    do("revoke", key)
    assert fresh(key).revoked_at == first


def test_a_revoked_token_opens_nothing(office: Client, staff: User, customer: Customer) -> None:
    _, token = key_and_token(customer)
    assert person_of(customer.token_secret, None, at=timezone.now())[0] == customer.person
    address = page(AccessToken, "change", token.pk).removesuffix("change/") + "revoke_this/"
    office.get(address)
    assert fresh(token).revoked_at is None
    office.post(address, {"_form_submitted": "True"})
    with pytest.raises(BadBearer):
        person_of(customer.token_secret, None, at=timezone.now())
    with as_system():
        entry = LogEntry.objects.get(object_id=str(token.pk))
    assert (entry.user_id, entry.get_change_message()) == (staff.pk, "Revoked.")


def test_a_membership_ends_and_stays_on_record(do: Do, office: Client, customer: Customer) -> None:
    MembershipFactory(organization=customer.organization)
    do("end", customer.membership)
    ended = fresh(customer.membership)
    assert ended.ended_at is not None
    address = page(type(ended), "change", ended.pk)
    office.post(address, {"role": "viewer"})
    assert fresh(ended).role == "owner"


def test_a_place_with_something_in_it_is_not_removed(do: Do, customer: Customer) -> None:
    empty = SiteFactory(organization=customer.organization)
    said = text_of(do("remove", customer.site, empty))
    assert "isn&#x27;t empty. Move or remove what is in it first." in said
    assert "Removed: 1 site." in said
    assert fresh(customer.site).deleted_at is None
    assert fresh(empty).deleted_at is not None
    do("restore", empty)
    assert fresh(empty).deleted_at is None


def test_gateways_and_rules_are_hidden_and_come_back(do: Do, customer: Customer) -> None:
    for row in (customer.gateway, customer.rule):
        do("remove", row)
        assert fresh(row).deleted_at is not None
        do("restore", row)
        assert fresh(row).deleted_at is None


def test_a_sensor_is_retired_and_brought_back(do: Do, customer: Customer) -> None:
    do("retire", customer.sensor)
    assert fresh(customer.sensor).status == SensorStatus.RETIRED
    do("bring_back", customer.sensor)
    assert fresh(customer.sensor).status == SensorStatus.OFFLINE


@pytest.mark.parametrize("name", ["alert", "notification"])
def test_what_a_state_machine_rules_can_not_be_edited(name: str, office: Client, customer: Customer) -> None:
    row = getattr(customer, name)
    data = {"status": "resolved", "severity": "info", "to": "me@example.com", "_save": "Save"}
    assert office.post(page(type(row), "change", row.pk), data).status_code == 403
    assert office.post(page(type(row), "add"), data).status_code == 403
    assert office.post(page(type(row), "delete", row.pk), {"post": "yes"}).status_code == 403
    assert (fresh(row).status, str(fresh(row))) == (row.status, str(row))


def test_nothing_of_a_customer_can_be_deleted(office: Client, customer: Customer) -> None:
    key, token = key_and_token(customer)
    rows = [customer.organization, customer.person, customer.membership, customer.site, customer.area, customer.unit]
    for row in [*rows, customer.sensor, customer.gateway, customer.rule, customer.contact, key, token]:
        assert office.post(page(type(row), "delete", row.pk), {"post": "yes"}).status_code == 403, row
        assert "delete_selected" not in text_of(office.get(page(type(row))))


def test_an_alert_shows_its_story_and_who_was_told(office: Client, customer: Customer) -> None:
    said = text_of(office.get(page(Alert, "change", customer.alert.pk)))
    for words in ("Opened", "Acknowledged", "Commented", customer.person.name, customer.notification.to, "Dead"):
        assert words in said
    assert page(type(customer.unit), "change", customer.unit.pk) in said
