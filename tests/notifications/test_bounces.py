"""What a mail service tells later: arrived, bounced, called spam. Posted as the services document it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from freshtrack import checks
from notifications import contacts
from notifications.channels.email import services
from notifications.models import InboxItem, Notification, NotificationStatus, ProviderEvent
from notifications.outbox import claiming
from notifications.outbox.carrying import carry
from notifications.outbox.draining import channels
from tests.factories import (
    ContactMethodFactory,
    MembershipFactory,
    NotificationFactory,
    as_system,
    fresh,
)
from tests.mail import mail_server
from tests.outbox import send_all

pytestmark = pytest.mark.django_db

SECRET = "postmark:a-long-secret-of-ours"
SIGNING_KEY = "key-0123456789abcdef"
POSTMARK, MAILGUN = "/webhooks/email/postmark/tracking/", "/webhooks/email/mailgun/tracking/"


@pytest.fixture(autouse=True)
def postmark(settings: Any) -> None:
    settings.EMAIL_PROVIDER = "postmark"
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET, "MAILGUN_WEBHOOK_SIGNING_KEY": SIGNING_KEY}


@pytest.fixture
def sent() -> Notification:
    """A message that was handed over to the service."""
    member = MembershipFactory()
    contact = ContactMethodFactory(user=member.user, verified_at=timezone.now() - timedelta(days=30))
    row: Notification = NotificationFactory(
        organization=member.organization,
        user=member.user,
        contact=contact,
        to=contact.address,
        status="sent",
        sent_at=timezone.now() - timedelta(minutes=1),
    )
    return row


def post(client: Any, path: str, body: Any, *, secret: str = SECRET) -> Any:
    words = body if isinstance(body, bytes) else json.dumps(body).encode()
    key = "Basic " + base64.b64encode(secret.encode()).decode()
    return client.post(path, words, content_type="application/json", headers={"Authorization": key})


def stamp(at: datetime | None = None) -> str:
    return (at or timezone.now()).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# https://postmarkapp.com/developer/webhooks/delivery-webhook, …/bounce-webhook, …/spam-complaint-webhook


def delivery(row: Notification, **more: Any) -> dict[str, Any]:
    return {
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Recipient": row.to,
        "DeliveredAt": stamp(),
        "Details": "Test delivery webhook details",
        "Tag": "",
        "ServerID": 23,
        "Metadata": {"notification": str(row.pk)},
        "RecordType": "Delivery",
        "MessageStream": "outbound",
        **more,
    }


def bounce(row: Notification, kind: str = "HardBounce", *, at: datetime | None = None, **more: Any) -> dict[str, Any]:
    return {
        "RecordType": "Bounce",
        "MessageStream": "outbound",
        "ID": 4323372036854775807,
        "Type": kind,
        "TypeCode": 1,
        "Name": "Hard bounce",
        "Tag": "",
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Metadata": {"notification": str(row.pk)},
        "ServerID": 23,
        "Description": "The server was unable to deliver your message (ex: unknown user, mailbox not found).",
        "Details": "smtp;550 5.1.1 The email account that you tried to reach does not exist.",
        "Email": row.to,
        "From": "alerts@freshtrack.example",
        "BouncedAt": stamp(at),
        "DumpAvailable": False,
        "Inactive": kind == "HardBounce",
        "CanActivate": True,
        "Subject": "Cooler 1",
        **more,
    }


def complaint(row: Notification) -> dict[str, Any]:
    return bounce(row, "SpamComplaint", RecordType="SpamComplaint", ID=42, Details="", Inactive=True)


# https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks


def mailgun(row: Notification, event: str, *, token: str = "t1", signed_at: float | None = None, **more: Any) -> Any:
    moment = str(int(signed_at or time.time()))
    signature = hmac.new(SIGNING_KEY.encode(), f"{moment}{token}".encode(), hashlib.sha256).hexdigest()
    return {
        "signature": {"timestamp": moment, "token": token, "signature": signature},
        "event-data": {
            "event": event,
            "id": "CPgfbmQMTCKtHW6uIWtuVe",
            "timestamp": time.time(),
            "log-level": "info",
            "recipient": row.to,
            "recipient-domain": "example.com",
            "message": {"headers": {"message-id": f"{row.pk}@freshtrack.example", "to": row.to, "subject": "Cooler"}},
            "user-variables": {},
            "delivery-status": {"code": 550, "message": "5.1.1 No such user", "description": "", "attempt-no": 1},
            "tags": [],
            **more,
        },
    }


def events() -> list[tuple[str, str, Any]]:
    with as_system():
        return list(ProviderEvent.objects.order_by("pk").values_list("provider", "kind", "notification_id"))


# --- who may tell ------------------------------------------------------------------------------------------------


def test_without_a_secret_there_is_no_such_address(client: Any, sent: Notification, settings: Any) -> None:
    settings.ANYMAIL = {"WEBHOOK_SECRET": ""}
    assert post(client, POSTMARK, delivery(sent)).status_code == 404
    assert client.head(POSTMARK).status_code == 404
    assert fresh(sent).status == NotificationStatus.SENT


@pytest.mark.parametrize("service", ["mailgun", "sendgrid", "nobody"])
def test_only_the_service_that_carries_our_mail_is_heard(service: str, client: Any, sent: Notification) -> None:
    assert post(client, f"/webhooks/email/{service}/tracking/", delivery(sent)).status_code == 404


@pytest.mark.parametrize("secret", ["postmark:wrong", ":", "x" * 10_000])
def test_who_does_not_know_the_secret_is_refused(secret: str, client: Any, sent: Notification) -> None:
    assert post(client, POSTMARK, bounce(sent), secret=secret).status_code == 400
    assert client.post(POSTMARK, bounce(sent), content_type="application/json").status_code == 400
    assert (events(), fresh(sent).status) == ([], NotificationStatus.SENT)


def test_mailguns_signature_must_be_its_own_and_fresh(client: Any, sent: Notification, settings: Any) -> None:
    settings.EMAIL_PROVIDER = "mailgun"
    forged = mailgun(sent, "delivered")
    forged["signature"]["signature"] = "0" * 64
    old = mailgun(sent, "delivered", signed_at=time.time() - 400)
    for body in (forged, old, {"event-data": {}}, {}, []):
        assert post(client, MAILGUN, body).status_code == 400
    assert fresh(sent).status == NotificationStatus.SENT
    assert post(client, MAILGUN, mailgun(sent, "delivered")).status_code == 200
    assert fresh(sent).status == NotificationStatus.DELIVERED


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"RecordType": 1}', b'{"RecordType": "Bounce", "Metadata": []}'],
    ids=str,
)
def test_what_can_not_be_understood_changes_nothing(body: bytes, client: Any, sent: Notification) -> None:
    assert post(client, POSTMARK, body).status_code in (200, 400)
    assert fresh(sent).status == NotificationStatus.SENT


def test_more_than_a_service_would_send_is_refused(client: Any, sent: Notification) -> None:
    for size in (2 * 1024 * 1024, 4 * 1024 * 1024):
        assert post(client, POSTMARK, delivery(sent, Details="x" * size)).status_code == 413
    assert events() == []


def test_a_mistake_in_the_settings_is_told_before_anything_runs(settings: Any) -> None:
    assert set(checks.MAIL_SERVICES) == set(services.SERVICES)
    assert checks.mail_service_can_tell() == []
    settings.EMAIL_PROVIDER, settings.ANYMAIL = "mailgun", {"WEBHOOK_SECRET": "x", "MAILGUN_WEBHOOK_SIGNING_KEY": ""}
    assert len(checks.mail_service_can_tell()) == 2
    settings.EMAIL_PROVIDER = "pigeon"
    assert "pigeon" not in str(checks.mail_service_can_tell()[0].hint)
    assert checks.mail_service_can_tell()[0].id == "freshtrack.E006"
    settings.EMAIL_PROVIDER = ""
    assert checks.mail_service_can_tell() == []


# --- what follows ------------------------------------------------------------------------------------------------


def test_what_arrived_is_delivered(client: Any, sent: Notification) -> None:
    part = NotificationFactory(organization=sent.organization, summary=sent, status="sent", sent_at=sent.sent_at)
    assert post(client, POSTMARK, delivery(sent)).status_code == 200
    for row in (sent, part):
        assert fresh(row).status == NotificationStatus.DELIVERED
        assert fresh(row).delivered_at is not None
    assert events() == [("postmark", "delivered", sent.pk)]


def test_the_service_learns_our_id_and_the_one_it_gives_back_is_found(settings: Any) -> None:
    for name in services.SERVICES:
        settings.EMAIL_PROVIDER = name
        row = NotificationFactory()
        assert str(row.pk) in " ".join(services.headers(row.pk).values())
    settings.EMAIL_PROVIDER = ""
    assert services.headers(row.pk) == {}


def test_a_hard_bounce_switches_the_address_off_where_everybody_sees_why(client: Any, sent: Notification) -> None:
    assert post(client, POSTMARK, bounce(sent)).status_code == 200
    row, contact = fresh(sent), fresh(sent.contact)
    assert (row.status, "does not exist" in row.last_error) == (NotificationStatus.DEAD, True)
    assert contact.disabled_at is not None
    assert "5.1.1" in contact.disabled_because
    with as_system():
        (item,) = InboxItem.objects.filter(user=sent.user)
    assert item.subject == f"Nothing is sent to {sent.to} any more"


def test_a_complaint_does_as_well_and_the_message_has_arrived(client: Any, sent: Notification) -> None:
    assert post(client, POSTMARK, complaint(sent)).status_code == 200
    assert fresh(sent).status == NotificationStatus.DELIVERED
    assert fresh(sent.contact).disabled_because == "A message was called spam there."


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("SoftBounce", NotificationStatus.SENT),
        ("Transient", NotificationStatus.SENT),
        ("AutoResponder", NotificationStatus.SENT),
        ("DMARCPolicy", NotificationStatus.DEAD),  # our fault: the message is lost, the address is good
    ],
)
def test_what_says_nothing_about_the_address_leaves_it_on(
    kind: str, status: str, client: Any, sent: Notification
) -> None:
    assert post(client, POSTMARK, bounce(sent, kind)).status_code == 200
    assert (fresh(sent).status, fresh(sent.contact).disabled_at) == (status, None)
    assert [notification for _, _, notification in events()] == [sent.pk]


@pytest.mark.parametrize(
    ("event", "more", "status", "off"),
    [
        ("failed", {"severity": "permanent", "reason": "bounce"}, NotificationStatus.DEAD, True),
        ("failed", {"severity": "permanent", "reason": "suppress-bounce"}, NotificationStatus.DEAD, True),
        ("failed", {"severity": "temporary", "reason": "generic"}, NotificationStatus.SENT, False),
        ("rejected", {"reject": {"reason": "virus", "description": ""}}, NotificationStatus.DEAD, False),
        ("complained", {}, NotificationStatus.DELIVERED, True),
        ("delivered", {}, NotificationStatus.DELIVERED, False),
        ("opened", {}, NotificationStatus.SENT, False),
    ],
)
def test_mailgun_is_understood_by_our_message_id(
    event: str, more: dict[str, Any], status: str, off: bool, client: Any, sent: Notification, settings: Any
) -> None:
    settings.EMAIL_PROVIDER = "mailgun"
    assert post(client, MAILGUN, mailgun(sent, event, **more)).status_code == 200
    assert (fresh(sent).status, fresh(sent.contact).disabled_at is not None) == (status, off)


@pytest.mark.parametrize(
    ("event", "status", "off"),
    [
        ("delivered", NotificationStatus.DELIVERED, False),
        ("hard_bounce", NotificationStatus.DEAD, True),
        ("invalid_email", NotificationStatus.DEAD, True),
        ("blocked", NotificationStatus.DEAD, True),
        ("soft_bounce", NotificationStatus.SENT, False),
        ("deferred", NotificationStatus.SENT, False),
        ("spam", NotificationStatus.DELIVERED, True),
    ],
)
def test_brevo_is_understood_by_what_it_gives_back(
    event: str, status: str, off: bool, client: Any, sent: Notification, settings: Any
) -> None:
    settings.EMAIL_PROVIDER = "brevo"
    # https://developers.brevo.com/docs/transactional-webhooks
    body = {
        "event": event,
        "email": sent.to,
        "id": 26224,
        "date": "2026-11-20 12:00:00",
        "ts_epoch": int(time.time() * 1000),
        "message-id": "<202611201200.somebody@smtp-relay.mailin.fr>",
        "X-Mailin-custom": services.headers(sent.pk)["X-Mailin-custom"],
        "reason": "550 5.1.1 No such user",
        "tags": [],
    }
    assert post(client, "/webhooks/email/brevo/tracking/", body).status_code == 200
    assert (fresh(sent).status, fresh(sent.contact).disabled_at is not None) == (status, off)


def test_who_opens_what_is_not_kept(client: Any, sent: Notification) -> None:
    body = {"RecordType": "Open", "Recipient": sent.to, "MessageID": str(sent.pk), "ReceivedAt": stamp()}
    assert post(client, POSTMARK, body).status_code == 200
    assert events() == []


def test_a_batch_takes_as_many_statements_as_one(
    client: Any, sent: Notification, settings: Any, django_assert_max_num_queries: Any
) -> None:
    settings.EMAIL_PROVIDER = "sparkpost"
    rows = [sent, *(NotificationFactory(status="sent", sent_at=timezone.now()) for _ in range(20))]
    # https://developers.sparkpost.com/api/events/
    batch = [
        {
            "msys": {
                "message_event": {
                    "type": "bounce" if row == sent else "delivery",
                    "event_id": str(number),
                    "bounce_class": "10",
                    "raw_reason": "550 no such user",
                    "raw_rcpt_to": row.to,
                    "timestamp": str(int(time.time())),
                    "transmission_id": "1",
                    "rcpt_meta": {"notification": str(row.pk)},
                }
            }
        }
        for number, row in enumerate(rows)
    ]
    with django_assert_max_num_queries(20):
        assert post(client, "/webhooks/email/sparkpost/tracking/", batch).status_code == 200
    assert [fresh(row).status for row in rows] == ["dead"] + ["delivered"] * 20
    assert fresh(sent.contact).disabled_at is not None


# --- repeats, disorder, strangers --------------------------------------------------------------------------------


def test_the_same_event_again_counts_once_even_after_the_address_was_proved_anew(
    client: Any, sent: Notification, django_assert_max_num_queries: Any
) -> None:
    body = bounce(sent)
    assert post(client, POSTMARK, body).status_code == 200
    now = timezone.now()
    with as_system():
        contact = contacts.send_code(contact=fresh(sent.contact), at=now)
        code = Notification.objects.get(event="contact.code").text.split()[3]
        contacts.try_code(contact=contact, code=code, at=now)
    assert fresh(sent.contact).disabled_at is None
    with django_assert_max_num_queries(10):
        assert post(client, POSTMARK, body).status_code == 200
    assert fresh(sent.contact).disabled_at is None
    assert len(events()) == 1
    # Another event of the time before it was proved.
    late = bounce(sent, at=now - timedelta(hours=1), ID=7)
    assert post(client, POSTMARK, late).status_code == 200
    assert fresh(sent.contact).disabled_at is None
    # And one of the time after.
    later = bounce(sent, ID=8, at=timezone.now() + timedelta(seconds=2))
    with as_system():
        type(sent.contact).objects.filter(pk=sent.contact_id).update(verified_at=now - timedelta(seconds=5))
    assert post(client, POSTMARK, later).status_code == 200
    assert fresh(sent.contact).disabled_at is not None


def test_events_without_an_id_are_known_by_what_they_say(client: Any, sent: Notification) -> None:
    body = delivery(sent)
    for _ in range(3):
        assert post(client, POSTMARK, body).status_code == 200
    assert len(events()) == 1


def test_a_delivery_that_comes_after_the_bounce_does_not_hide_it(client: Any, sent: Notification) -> None:
    for body in (bounce(sent), delivery(sent)):
        assert post(client, POSTMARK, body).status_code == 200
    assert fresh(sent).status == NotificationStatus.DEAD


def test_a_bounce_after_the_delivery_counts(client: Any, sent: Notification) -> None:
    for body in (delivery(sent), bounce(sent)):
        assert post(client, POSTMARK, body).status_code == 200
    assert fresh(sent).status == NotificationStatus.DEAD


@pytest.mark.parametrize("arrived", [True, False])
def test_a_service_that_is_quicker_than_its_own_yes_is_right(arrived: bool, client: Any, settings: Any) -> None:
    contact = ContactMethodFactory()
    row = NotificationFactory(contact=contact, user=contact.user, to=contact.address)
    with mail_server() as sink:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
        with as_system():
            claim = claiming.claim(urgency=row.urgency, most=1)
        assert post(client, POSTMARK, delivery(row) if arrived else bounce(row)).status_code == 200
        carry(claim, channels=channels())
        assert sink.messages[0]["X-PM-Metadata-notification"] == str(row.pk)
    assert fresh(row).status == (NotificationStatus.DELIVERED if arrived else NotificationStatus.DEAD)
    assert fresh(row).attempts == 1
    assert arrived or "does not exist" in fresh(row).last_error
    assert send_all() == 0


def test_strangers_do_no_harm(client: Any, sent: Notification) -> None:
    stranger = NotificationFactory(status="sent", sent_at=timezone.now())
    unknown = bounce(sent, Metadata={}, ID=1)
    elsewhere = bounce(sent, Email="forwarded@example.org", ID=2)
    nobody = bounce(sent, Metadata={"notification": "00000000-0000-4000-8000-000000000000"}, ID=3)
    for body in (unknown, nobody, elsewhere):
        assert post(client, POSTMARK, body).status_code == 200
    assert fresh(sent.contact).disabled_at is None, "it was passed on to somebody else"
    assert fresh(stranger).status == NotificationStatus.SENT
    assert [notification for _, _, notification in events()] == [None, None, sent.pk]


def test_a_letter_that_bounces_is_seen_at_the_address_it_went_to(client: Any) -> None:
    contact = ContactMethodFactory(verified_at=None)
    letter = NotificationFactory(
        organization=None,
        user=contact.user,
        to=contact.address,
        confidential=True,
        status="sent",
        sent_at=timezone.now(),
    )
    assert post(client, POSTMARK, bounce(letter)).status_code == 200
    assert fresh(contact).disabled_at is not None
