"""Promised, sent once, or visibly dead: through a real SMTP server."""

from __future__ import annotations

import email
import threading
from collections.abc import Iterator
from datetime import timedelta
from email.policy import default
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from notifications import delivery, people
from notifications.channels.email.mailbox import MailboxBackend
from notifications.models import Notification, NotificationStatus
from organizations.models import Role
from tests.factories import (
    NOON,
    ContactMethodFactory,
    MembershipFactory,
    NotificationFactory,
    OrganizationFactory,
    SiteFactory,
    UserFactory,
    as_system,
    fresh,
)
from tests.mail import Sink, mail_server

pytestmark = pytest.mark.django_db


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    with mail_server() as sink:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
        yield sink


def test_a_promise_arrives_as_text_and_html(sink: Sink) -> None:
    row = NotificationFactory(subject="Cooler 1 is too warm", text="It is 8.0 °C.", html="<p>It is 8.0 °C.</p>")
    delivery.deliver(str(row.pk))
    (message,) = sink.messages
    assert (message["To"], message["Subject"]) == ("cook@example.com", "Cooler 1 is too warm")
    assert message["Message-ID"] == f"<{row.pk}@freshtrack.example>"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "8.0 °C" in text.get_content()
    assert "8.0 °C" in html.get_content()
    row = fresh(row)
    assert (row.status, row.attempts, row.provider_id) == (NotificationStatus.SENT, 1, message["Message-ID"])
    assert row.sent_at is not None


def test_a_second_bell_sends_nothing(sink: Sink) -> None:
    row = NotificationFactory()
    delivery.deliver(str(row.pk))
    delivery.deliver(str(row.pk))
    assert len(sink.messages) == 1


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_send_it_once(sink: Sink) -> None:
    row = NotificationFactory()
    start = threading.Barrier(8)

    def work() -> None:
        start.wait(10)
        delivery.deliver(str(row.pk))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(sink.messages) == 1
    assert fresh(row).attempts == 1


def test_a_refused_recipient_is_final(sink: Sink) -> None:
    row = NotificationFactory(to="nobody@example.com")
    delivery.deliver(str(row.pk))
    row = fresh(row)
    assert row.status == NotificationStatus.DEAD
    assert "5.1.1 No such person here" in row.last_error
    with as_system():
        assert not Notification.objects.waiting(at=timezone.now() + timedelta(days=1)).exists()


def test_a_busy_server_is_tried_again_later_and_the_message_keeps_its_id(sink: Sink) -> None:
    row = NotificationFactory()
    sink.answers = ["451 Try again later"]
    delivery.deliver(str(row.pk))
    row = fresh(row)
    assert (row.status, row.attempts) == (NotificationStatus.FAILED, 1)
    assert row.next_attempt_at > timezone.now()
    delivery.deliver(str(row.pk))
    assert sink.messages == [], "before its time nobody claims it"
    with as_system():
        Notification.objects.update(next_attempt_at=timezone.now())
    delivery.deliver(str(row.pk))
    assert fresh(row).status == NotificationStatus.SENT
    assert sink.messages[0]["Message-ID"] == f"<{row.pk}@freshtrack.example>"


def test_a_server_that_is_away_is_tried_ten_times(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    row = NotificationFactory()
    for _ in range(delivery.MAX_ATTEMPTS):
        delivery.deliver(str(row.pk))
        with as_system():
            Notification.objects.update(next_attempt_at=NOON)
    row = fresh(row)
    assert (row.status, row.attempts) == (NotificationStatus.DEAD, 10)
    assert "ConnectionRefusedError" in row.last_error


def test_a_sender_that_vanished_is_replaced_when_its_lease_ends(sink: Sink) -> None:
    row = NotificationFactory(status="sending", claimed_until=timezone.now() + timedelta(seconds=60), attempts=1)
    delivery.deliver(str(row.pk))
    assert sink.messages == []
    with as_system():
        Notification.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    delivery.deliver(str(row.pk))
    assert (len(sink.messages), fresh(row).attempts) == (1, 2)


def test_the_sweep_finds_what_is_due_and_nothing_else() -> None:
    NotificationFactory()
    NotificationFactory(status="failed")
    NotificationFactory(status="sending", claimed_until=NOON)
    NotificationFactory(status="sent", sent_at=NOON)
    NotificationFactory(status="dead")
    NotificationFactory(next_attempt_at=timezone.now() + timedelta(hours=1))
    assert delivery.sweep() == 3


def test_the_same_promise_twice_is_one() -> None:
    contact = ContactMethodFactory()
    organization = OrganizationFactory()
    words = delivery.Message(organization.pk, contact, "alert.opened", "alert:1", "Subject", "Text")
    with as_system():
        first = delivery.promise(words, dedupe_key="same", at=NOON)
        second = delivery.promise(words, dedupe_key="same", at=NOON)
        assert (first is not None, second, Notification.objects.count()) == (True, None, 1)


def test_a_line_end_in_a_name_does_not_become_a_header(sink: Sink) -> None:
    row = NotificationFactory(subject="Cooler\r\nBcc: everybody@example.com")
    delivery.deliver(str(row.pk))
    assert sink.messages[0]["Bcc"] is None
    assert sink.messages[0]["Subject"] == "Cooler Bcc: everybody@example.com"


def test_without_a_mail_server_each_message_is_a_file(settings: Any, tmp_path: Any) -> None:
    settings.MAILBOX = tmp_path / "mail"
    sent = MailboxBackend().send_messages(
        [mail.EmailMessage(subject=f"Cooler {n}", body="Warm: 8 °C", to=["cook@example.com"]) for n in range(2)]
    )
    files = sorted((tmp_path / "mail").glob("*.eml"))
    assert (sent, len(files)) == (2, 2)
    raw = files[0].read_bytes()
    assert b"\r\n" in raw
    message = email.message_from_bytes(raw, policy=default)
    assert (message["Subject"], message["To"]) == ("Cooler 0", "cook@example.com")
    assert "8 °C" in message.get_content()


class TestPeople:
    def test_only_verified_addresses_of_current_active_members_with_the_role_count(self) -> None:
        organization = OrganizationFactory()

        def member(**fields: Any) -> Any:
            user = fields.pop("user", None) or UserFactory()
            MembershipFactory(organization=organization, user=user, **fields)
            return user

        good = ContactMethodFactory(user=member(role=Role.MANAGER))
        ContactMethodFactory(user=member(role=Role.STAFF))
        ContactMethodFactory(user=member(role=Role.OWNER, ended_at=NOON))
        ContactMethodFactory(user=member(role=Role.OWNER, user=UserFactory(is_active=False)))
        ContactMethodFactory(user=member(role=Role.OWNER), verified_at=None)
        ContactMethodFactory(user=member(role=Role.OWNER), kind="sms", address="+15550100")
        ContactMethodFactory(user=MembershipFactory().user)
        with as_system():
            found = people.addresses(
                organization_id=organization.pk, site_id=None, roles=["manager", "owner"], kinds=["email"]
            )
            assert list(found) == [good]

    def test_who_may_see_some_sites_only_is_told_of_these_only(self) -> None:
        here, elsewhere = SiteFactory(), SiteFactory()
        boss = MembershipFactory(organization=here.organization)
        manager = MembershipFactory(organization=here.organization, role=Role.MANAGER, site_ids=[here.pk])
        # Elsewhere they may see everything: another organization's membership is no reason here.
        MembershipFactory(organization=elsewhere.organization, user=manager.user)
        addresses = {member: ContactMethodFactory(user=member.user) for member in (boss, manager)}

        def told(site_id: Any) -> set[Any]:
            with as_system():
                found = people.addresses(
                    organization_id=here.organization_id, site_id=site_id, roles=["manager", "owner"], kinds=["email"]
                )
                return set(found)

        assert told(here.pk) == set(addresses.values())
        assert told(elsewhere.pk) == told(None) == {addresses[boss]}

    def test_the_sign_in_address_is_kept_once(self) -> None:
        user = UserFactory()
        with as_system():
            assert people.keep_sign_in_address(user=user) == people.keep_sign_in_address(user=user)
