"""A message that failed or died goes out when somebody asks for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from notifications import outbox
from notifications.models import NotificationStatus
from tests.factories import NotificationFactory, as_system, fresh
from tests.mail import mail_server
from tests.outbox import send_all

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("status", [NotificationStatus.DEAD, NotificationStatus.FAILED])
def test_a_message_sent_again_arrives(status: str, settings: Any) -> None:
    now = timezone.now()
    row = NotificationFactory(status=status, attempts=10, last_error="550", next_attempt_at=now + timedelta(hours=1))
    send_all()
    assert fresh(row).status == status
    with as_system():
        outbox.resend(notification=row, at=now)
    with mail_server() as sink:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
        send_all()
        assert [message["To"] for message in sink.messages] == [row.to]
    assert (fresh(row).status, fresh(row).attempts, fresh(row).last_error) == (NotificationStatus.SENT, 1, "")


@pytest.mark.parametrize(
    "fields",
    [
        {"status": NotificationStatus.PROMISED},
        {"status": NotificationStatus.SENDING},
        {"status": NotificationStatus.SENT, "sent_at": timezone.now()},
        {"status": NotificationStatus.DELIVERED, "sent_at": timezone.now()},
    ],
)
def test_nobody_is_told_twice(fields: dict[str, Any]) -> None:
    row = NotificationFactory(**fields)
    with as_system(), pytest.raises(outbox.NotFailed):
        outbox.resend(notification=row, at=timezone.now())
    assert fresh(row).status == fields["status"]
