"""Promised, sent once, or visibly dead: through a real SMTP server."""

from __future__ import annotations

import email
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from email.policy import default
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from notifications import outbox, people
from notifications.channels.email.mailbox import MailboxBackend
from notifications.channels.email.sending import AT_ONCE
from notifications.models import Attempt, Notification, NotificationStatus, OutboxEntry, Outcome, Urgency
from notifications.outbox import claiming
from notifications.outbox.carrying import FEWEST_ATTEMPTS, GIVE_UP_AFTER_S, carry, pause
from notifications.outbox.draining import channels, drain, sweep
from tests.factories import (
    NOON,
    ContactMethodFactory,
    NotificationFactory,
    OrganizationFactory,
    UserFactory,
    as_system,
    fresh,
)
from tests.mail import Sink, mail_server
from tests.outbox import make_due, send_all

pytestmark = pytest.mark.django_db


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    with mail_server() as sink:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
        yield sink


def test_a_promise_arrives_as_text_and_html(sink: Sink) -> None:
    row = NotificationFactory(subject="Cooler 1 is too warm", text="It is 8.0 °C.", html="<p>It is 8.0 °C.</p>")
    send_all()
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
    NotificationFactory()
    send_all()
    send_all()
    assert len(sink.messages) == 1


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_send_it_once(sink: Sink) -> None:
    row = NotificationFactory()
    start = threading.Barrier(8)

    def work() -> None:
        start.wait(10)
        send_all()
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
    send_all()
    row = fresh(row)
    assert row.status == NotificationStatus.DEAD
    assert "5.1.1 No such person here" in row.last_error
    with as_system():
        assert not OutboxEntry.objects.exists()


def test_a_busy_server_is_tried_again_later_and_the_message_keeps_its_id(sink: Sink) -> None:
    row = NotificationFactory()
    sink.answers = ["451 Try again later"]
    send_all()
    row = fresh(row)
    assert (row.status, row.attempts) == (NotificationStatus.FAILED, 1)
    assert row.next_attempt_at > timezone.now()
    send_all()
    assert sink.messages == [], "before its time nobody claims it"
    make_due()
    send_all()
    assert fresh(row).status == NotificationStatus.SENT
    assert sink.messages[0]["Message-ID"] == f"<{row.pk}@freshtrack.example>"


def test_a_server_that_is_away_is_tried_for_a_day_and_ten_times_at_least(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    now = timezone.now()
    old, young = (
        NotificationFactory(created_at=now - timedelta(seconds=GIVE_UP_AFTER_S)),
        NotificationFactory(created_at=now),
    )
    for _ in range(FEWEST_ATTEMPTS):
        make_due()
        send_all()
    assert (fresh(old).status, fresh(old).attempts) == (NotificationStatus.DEAD, 10)
    assert "ConnectionRefusedError" in fresh(old).last_error
    assert (fresh(young).status, fresh(young).attempts) == (NotificationStatus.FAILED, 10)
    with as_system():
        assert list(OutboxEntry.objects.values_list("pk", flat=True)) == [young.pk]
        outcomes = Attempt.objects.filter(notification=old).order_by("at").values_list("number", "outcome", "provider")
        assert list(outcomes) == [(number, Outcome.FAILED, "smtp") for number in range(1, 11)]


def test_pauses_double_from_five_seconds_to_a_quarter_of_an_hour() -> None:
    NotificationFactory(created_at=timezone.now())
    with as_system():
        (message,) = claiming.claim(urgency=Urgency.DEFAULT, most=10).messages
    for attempt, seconds in ((1, 5), (2, 10), (3, 20), (8, 640), (9, 900), (40, 900)):
        tried = message._replace(parcel=message.parcel._replace(attempt=attempt))
        wait_s = pause(tried)
        assert wait_s is not None
        assert 0.8 * seconds <= wait_s <= 1.2 * seconds
    assert pause(message, asked_s=3600) == 3600, "the provider knows better"


def test_a_sender_that_vanished_is_replaced_when_its_lease_ends_and_it_is_marked(sink: Sink) -> None:
    row = NotificationFactory()
    with as_system():
        lost = claiming.claim(urgency=row.urgency, most=10)
    assert [one.parcel.id for one in lost.messages] == [row.pk]
    send_all()
    assert sink.messages == [], "it is somebody's still"
    make_due()
    send_all()
    assert (len(sink.messages), fresh(row).attempts, fresh(row).maybe_twice) == (1, 2, True)
    with as_system():
        tries = Attempt.objects.filter(notification=row).order_by("number").values_list("number", "outcome")
        assert list(tries) == [(1, Outcome.LOST), (2, Outcome.SENT)]


def test_whoever_lost_its_lease_settles_nothing(sink: Sink) -> None:
    row = NotificationFactory()
    with as_system():
        late = claiming.claim(urgency=row.urgency, most=10)
        make_due()
        theirs = claiming.claim(urgency=row.urgency, most=10)
    assert [one.parcel.id for one in theirs.messages] == [row.pk]
    carry(late, channels=channels())
    assert fresh(row).status == NotificationStatus.PROMISED
    carry(theirs, channels=channels())
    assert fresh(row).status == NotificationStatus.SENT
    assert {message["Message-ID"] for message in sink.messages} == {f"<{row.pk}@freshtrack.example>"}


def test_a_part_of_a_summary_is_not_sent_and_shares_its_fate(sink: Sink) -> None:
    whole = NotificationFactory(event="summary", subject="3 messages")
    parts = [NotificationFactory(organization=whole.organization, summary=whole) for _ in range(3)]
    assert send_all() == 1
    (message,) = sink.messages
    assert message["Subject"].startswith("3 messages")
    assert {fresh(part).status for part in parts} == {NotificationStatus.SENT}
    assert {fresh(part).sent_at for part in parts} == {fresh(whole).sent_at}


def test_an_address_that_does_not_exist_is_switched_off_where_its_owner_sees_why(sink: Sink) -> None:
    contact = ContactMethodFactory(address="nobody@example.com")
    NotificationFactory(contact=contact, to=contact.address)
    send_all()
    contact = fresh(contact)
    assert contact.disabled_at is not None
    assert "5.1.1 No such person here" in contact.disabled_because


def test_the_urgent_are_sent_first_and_by_their_own_queue(sink: Sink) -> None:
    for number, urgency in enumerate([Urgency.BULK, Urgency.DEFAULT, Urgency.URGENT]):
        NotificationFactory(urgency=urgency, subject=f"{urgency.label} {number}")
    drain(Urgency.URGENT)
    assert [message["Subject"] for message in sink.messages] == ["Urgent 2"]
    send_all()
    assert [message["Subject"] for message in sink.messages] == ["Urgent 2", "Default 1", "Bulk 0"]


def test_several_messages_go_over_one_connection(sink: Sink) -> None:
    for _ in range(AT_ONCE * 5):
        NotificationFactory()
    assert send_all() == AT_ONCE * 5
    assert sink.connections <= AT_ONCE


def test_settling_many_takes_as_many_statements_as_settling_one(sink: Sink, django_assert_max_num_queries: Any) -> None:
    for _ in range(40):
        NotificationFactory()
    with as_system():
        claim = claiming.claim(urgency=Urgency.DEFAULT, most=100)
        tried = [claiming.Tried(one, Outcome.SENT, time.monotonic(), 5, "smtp", "id") for one in claim.messages]
        with django_assert_max_num_queries(1):
            claiming.settle(lease=claim.lease, tried=tried)
        assert Notification.objects.filter(status=NotificationStatus.SENT).count() == 40
        assert not OutboxEntry.objects.exists()


def test_the_sweep_finds_what_is_due_and_nothing_else() -> None:
    NotificationFactory(status="sent", sent_at=NOON)
    NotificationFactory(status="dead")
    NotificationFactory(next_attempt_at=timezone.now() + timedelta(hours=1))
    assert sweep() == []
    NotificationFactory(urgency=Urgency.BULK)
    NotificationFactory(urgency=Urgency.URGENT)
    assert sweep() == [Urgency.URGENT, Urgency.BULK]


def test_the_same_promise_twice_is_one() -> None:
    contact = ContactMethodFactory()
    organization = OrganizationFactory()
    words = outbox.Message(organization.pk, contact, "alert.opened", "alert:1", "Subject", "Text")
    with as_system():
        first = outbox.promise(words, dedupe_key="same", at=NOON)
        second = outbox.promise(words, dedupe_key="same", at=NOON)
        assert (first is not None, second, Notification.objects.count()) == (True, None, 1)


def test_a_line_end_in_a_name_does_not_become_a_header(sink: Sink) -> None:
    NotificationFactory(subject="Cooler\r\nBcc: everybody@example.com")
    send_all()
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
    def test_the_sign_in_address_is_kept_once(self) -> None:
        user = UserFactory()
        with as_system():
            assert people.keep_sign_in_address(user=user) == people.keep_sign_in_address(user=user)
