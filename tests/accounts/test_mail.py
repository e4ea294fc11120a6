"""Account mail holds secrets: it waits in the outbox like other messages, and nobody but its addressee reads it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from notifications import outbox
from notifications.models import Notification, NotificationStatus
from organizations.models import Change
from organizations.tenancy import acting_as_system
from tests.accounts.client import Browser, Mailbox, code_in, link_in, person
from tests.factories import as_system
from tests.outbox import make_due, send_all

pytestmark = pytest.mark.django_db(transaction=True)
NEW = "violet anchor 27 tram"


def only_row() -> Notification:
    with as_system():
        return Notification.objects.get()


def words(row: Notification) -> tuple[str, str, str]:
    return row.subject, row.text, row.html


def test_the_request_sends_nothing_itself_and_the_words_are_wiped_once_sent(mailbox: Mailbox) -> None:
    Browser().sign_up("chef@example.com", NEW)
    row = only_row()
    assert (row.status, row.confidential, row.organization_id) == (NotificationStatus.PROMISED, True, None)
    assert (row.channel, row.event, row.user.email) == ("email", "account.email_confirmation_signup", row.to)  # type: ignore[union-attr]
    code = code_in(row.text)
    assert code in row.html
    assert "style=" in row.html
    assert mailbox.sink.messages == []

    send_all()
    (message,) = mailbox.sink.messages
    html = message.get_body(("html",))
    assert html is not None
    assert code in html.get_content()
    assert message["Subject"] == "Welcome to FreshTrack: your code"
    assert words(only_row()) == ("", "", "")
    assert only_row().status == NotificationStatus.SENT


def test_a_mail_server_that_is_away_delays_it_and_loses_nothing(mailbox: Mailbox) -> None:
    mailbox.sink.answers = ["451 4.3.0 Try again later"]
    Browser().sign_up("chef@example.com", NEW)
    send_all()
    row = only_row()
    assert row.status == NotificationStatus.FAILED
    code = code_in(row.text)
    make_due()
    assert code in mailbox.last("chef@example.com")


def test_a_dead_one_shows_no_words_and_cannot_be_sent_again(mailbox: Mailbox) -> None:
    Browser().sign_up("nobody@example.com", NEW)
    send_all()
    row = only_row()
    assert row.status == NotificationStatus.DEAD
    assert words(row) == ("", "", "")
    with pytest.raises(outbox.WordsAreGone), acting_as_system("tests"):
        outbox.resend(notification=row, at=timezone.now())


def test_neither_staff_nor_the_api_nor_the_change_log_nor_the_log_shows_a_secret(
    mailbox: Mailbox, caplog: Any, admin_client: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    owner = person("chef@example.com")
    Browser().call("POST", "auth/password/request", {"email": owner.email})
    row = only_row()
    key = link_in(row.text)
    for page in ("changelist", "change"):
        arguments = [row.pk] if page == "change" else []
        answer = admin_client.get(reverse(f"admin:notifications_notification_{page}", args=arguments))
        assert answer.status_code == 200
        assert key not in answer.content.decode()
        assert "Choose a new password" not in answer.content.decode()
        assert "account.password_reset_key" in answer.content.decode()
    Browser().call("POST", "auth/password/reset", {"key": key, "password": NEW})
    mailbox.messages()
    logged = "".join(record.getMessage() for record in caplog.records if record.name != "mail.log")  # the test's server
    assert key not in logged
    assert NEW not in logged
    with as_system():
        assert not Change.objects.filter(entity="notification").exists()
