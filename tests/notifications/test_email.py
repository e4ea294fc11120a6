"""E-mail over a line that breaks, to a server that is slow, away or strict: none lost, none twice, and why not."""

from __future__ import annotations

import datetime as dt
import random
import re
import ssl
from collections.abc import Iterator
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings as configured
from django.utils import timezone

import notifications.channels
from notifications import links
from notifications.channels.email import sending
from notifications.channels.email.addresses import clean
from notifications.models import (
    Attempt,
    Digest,
    InboxItem,
    Notification,
    NotificationPreference,
    NotificationStatus,
    OutboxEntry,
    Severity,
)
from tests.factories import (
    ContactMethodFactory,
    MembershipFactory,
    NotificationFactory,
    OrganizationFactory,
    as_system,
    fresh,
)
from tests.mail import SILENT, STAGES, Reset, Sink, Slow, mail_server
from tests.outbox import make_due, send_all

pytestmark = pytest.mark.django_db


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    with mail_server() as sink:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
        yield sink


def outcomes(row: Notification) -> list[tuple[str, str]]:
    with as_system():
        return list(Attempt.objects.filter(notification=row).order_by("number").values_list("outcome", "code"))


# --- the contract of channels ------------------------------------------------------------------------------------


def test_every_channel_has_the_same_files_with_the_same_names() -> None:
    folders = [
        path for path in Path(notifications.channels.__file__).parent.iterdir() if (path / "__init__.py").exists()
    ]
    assert {folder.name for folder in folders} >= set(configured.CHANNELS)
    for folder in folders:
        parts = {name: import_module(f"notifications.channels.{folder.name}.{name}") for name in _NAMES}
        missing = [(part, name) for part, names in _NAMES.items() for name in names if not hasattr(parts[part], name)]
        assert missing == [], folder.name
        assert configured.CHANNELS[folder.name] == parts["sending"].__name__
        with pytest.raises(ValueError, match=r"\w+ \w+.*\."):
            parts["addresses"].clean("")


_NAMES = {"sending": ("PROVIDER", "AT_ONCE", "carrier"), "addresses": ("clean",), "events": ("urlpatterns",)}


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (" Chef@Example.COM ", "Chef@example.com"),
        ("o'hara+alerts@mail.example.com", "o'hara+alerts@mail.example.com"),
        ("küche@example.com", None),
        ("chef@küche.example", "chef@xn--kche-0ra.example"),
        ("chef", None),
        ("chef@localhost", None),
        ("chef@[127.0.0.1]", None),
        ("Chef <chef@example.com>", None),
        ("chef@example.com\nBcc: all@example.com", None),
        ("chef@example.com, bob@example.com", None),
        (f"{'x' * 65}@example.com", None),
        (f"chef@{'x.' * 130}example.com", None),
    ],
)
def test_an_address_is_one_mailbox_that_every_server_understands(written: str, kept: str | None) -> None:
    if kept is None:
        with pytest.raises(ValueError, match=r"\.$"):
            clean(written)
    else:
        assert clean(written) == kept


# --- a line that breaks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "body"])
def test_a_server_that_is_busy_at_any_stage_gets_it_later_and_once(stage: str, sink: Sink) -> None:
    sink.faults[stage] = ["421 4.3.2 Busy"]
    row, other = NotificationFactory(), NotificationFactory(to="bob@example.com")
    send_all()
    assert sorted([fresh(row).status, fresh(other).status]) == ["failed", "sent"], "only one met it"
    make_due()
    send_all()
    assert {fresh(row).status, fresh(other).status} == {NotificationStatus.SENT}
    assert sorted(message["To"] for message in sink.messages) == ["bob@example.com", "cook@example.com"]
    assert sorted([*outcomes(row), *outcomes(other)])[0] == ("failed", "421")


@pytest.mark.parametrize(
    ("stage", "final"),
    [("connect", False), ("ehlo", False), ("mail", False), ("rcpt", True), ("data", True), ("end", True)],
)
def test_a_no_is_final_if_it_is_about_the_message_and_not_about_us(stage: str, final: bool, sink: Sink) -> None:
    sink.faults[stage] = ["554 5.7.1 We don't want this"]
    row = NotificationFactory()
    send_all()
    assert fresh(row).status == (NotificationStatus.DEAD if final else NotificationStatus.FAILED)
    assert outcomes(row) == [("refused" if final else "failed", "554")]
    assert "5.7.1 We don't want this" in fresh(row).last_error
    make_due()
    send_all()
    assert len(sink.messages) == (0 if final else 1)


@pytest.mark.parametrize("stage", STAGES)
def test_a_line_that_is_reset_at_any_stage_loses_nothing(stage: str, sink: Sink) -> None:
    sink.faults[stage] = [Reset()]
    row = NotificationFactory()
    send_all()
    assert (fresh(row).status, sink.messages) == (NotificationStatus.FAILED, [])
    handed_over = stage in ("data", "body", "end")
    assert fresh(row).maybe_twice == handed_over, "marked if nobody can know whether it was taken"
    make_due()
    send_all()
    assert (fresh(row).status, len(sink.messages)) == (NotificationStatus.SENT, 1)


def test_whatever_happens_on_the_way_none_is_lost_and_none_comes_twice(sink: Sink, settings: Any) -> None:
    settings.EMAIL_TIMEOUT = 1
    rows = [NotificationFactory(to=f"cook{number}@example.com") for number in range(16)]
    chance = random.Random(6)
    faults = ["421 4.3.2 Busy", "451 4.7.1 Greylisted", Reset(), Slow(0.02), Slow(0)]
    for stage in STAGES:
        some = [Reset()] if stage == "body" else [*faults, Slow(0), Slow(0)]
        sink.faults[stage] = [chance.choice(some) for _ in range(4 if stage == "body" else 15)]
    for _ in range(100):
        send_all()
        if all(fresh(row).status == NotificationStatus.SENT for row in rows):
            break
        make_due()
    assert sorted(message["To"] for message in sink.messages) == sorted(row.to for row in rows)
    assert {outcomes(row)[-1] for row in rows} == {("sent", "250")}
    with as_system():
        assert not OutboxEntry.objects.exists()


def test_an_answer_that_is_lost_makes_two_with_the_same_id(sink: Sink) -> None:
    """Nobody can know whether it was taken: rather twice than never."""
    sink.faults["end"] = [Reset(taken=True)]
    row = NotificationFactory()
    send_all()
    assert (fresh(row).status, fresh(row).maybe_twice) == (NotificationStatus.FAILED, True)
    make_due()
    send_all()
    assert (fresh(row).status, fresh(row).maybe_twice) == (NotificationStatus.SENT, True), "and that is kept"
    assert [outcome for outcome, _ in outcomes(row)] == ["failed", "sent"]
    assert [message["Message-ID"] for message in sink.messages] == [f"<{row.pk}@freshtrack.example>"] * 2


@pytest.mark.parametrize("stage", ["connect", "ehlo", "rcpt", "end"])
def test_a_server_that_never_answers_is_given_up_in_time(stage: str, sink: Sink, settings: Any) -> None:
    settings.EMAIL_TIMEOUT = 0.2
    sink.faults[stage] = [SILENT]
    row = NotificationFactory()
    send_all()
    assert fresh(row).status == NotificationStatus.FAILED
    assert re.search("time|closed", fresh(row).last_error, re.IGNORECASE)
    assert fresh(row).maybe_twice == (stage == "end")
    settings.EMAIL_TIMEOUT = 10
    make_due()
    send_all()
    assert (fresh(row).status, len(sink.messages)) == (NotificationStatus.SENT, 1)


def test_a_slow_server_is_waited_for(sink: Sink) -> None:
    sink.faults["rcpt"] = [Slow(0.3)]
    row = NotificationFactory()
    send_all()
    assert (fresh(row).status, fresh(row).attempts) == (NotificationStatus.SENT, 1)
    with as_system():
        assert Attempt.objects.get(notification=row).duration_ms >= 300


def test_a_broken_connection_is_replaced_for_the_next_message_and_a_good_one_is_kept(sink: Sink) -> None:
    for number in range(4):
        NotificationFactory(to=f"cook{number}@example.com")
    sink.faults["mail"] = [Slow(0), Reset(), Slow(0), Slow(0)]
    with sending.carrier() as send:
        results = []
        with as_system():
            rows = list(Notification.objects.order_by("pk"))
        for row in rows:
            parcel = parcel_of(row)
            try:
                send(parcel)
                results.append("sent")
            except Exception:
                results.append("failed")
    assert results == ["sent", "failed", "sent", "sent"]
    assert sink.connections == 2
    assert [message["To"] for message in sink.messages] == [
        "cook0@example.com",
        "cook2@example.com",
        "cook3@example.com",
    ]


def test_a_refused_address_keeps_the_connection(sink: Sink) -> None:
    first, nobody, last = (NotificationFactory(to=f"{name}@example.com") for name in ("a", "nobody", "b"))
    with sending.carrier() as send:
        send(parcel_of(first))
        with pytest.raises(notifications.channels.Refused) as refusal:
            send(parcel_of(nobody))
        assert (refusal.value.code, refusal.value.bad_address) == ("550", True)
        send(parcel_of(last))
    assert (sink.connections, len(sink.messages)) == (1, 2)


def parcel_of(row: Notification) -> notifications.channels.Parcel:
    return notifications.channels.Parcel(
        id=row.pk,
        organization_id=row.organization_id,
        channel=row.channel,
        to=row.to,
        event=row.event,
        about=row.about,
        subject=row.subject,
        text=row.text,
        html=row.html,
        attempt=1,
        user_id=row.user_id,
        severity=row.severity,
    )


# --- encrypted ---------------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of 127.0.0.1, signed by itself; the key is in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "mail.pem"
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*plain) + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize("trusted", [True, False])
def test_with_starttls_nothing_is_said_to_a_stranger(
    trusted: bool, certificate: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    row = NotificationFactory()
    with mail_server(tls=context) as sink:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", sink.port, True
        send_all()
        assert (len(sink.messages), sink.encrypted) == ((1, 1) if trusted else (0, 0))
    assert fresh(row).status == (NotificationStatus.SENT if trusted else NotificationStatus.FAILED)
    assert trusted or "certificate" in fresh(row).last_error


# --- links that act for a person ---------------------------------------------------------------------------------


def test_the_own_link_is_put_in_as_it_is_sent_and_stands_in_no_row(sink: Sink) -> None:
    member = MembershipFactory()
    row = NotificationFactory(
        organization=member.organization,
        user=member.user,
        about="alert:00000000-0000-4000-8000-000000000001",
        text=f"Acknowledge:\n{links.ANSWER_LINK}\n",
        html=f'<a href="{links.ANSWER_LINK}">Acknowledge</a>',
    )
    send_all()
    (message,) = sink.messages
    for part in ("plain", "html"):
        body = message.get_body((part,))
        assert body is not None
        found = re.search(rf"{configured.PUBLIC_URL}/answer/([^/]+)/", body.get_content())
        assert found is not None
        asked = links.asked_of(found[1], at=timezone.now())
        assert asked == ("alert:00000000-0000-4000-8000-000000000001", member.user_id)
        assert links.ANSWER_LINK not in body.get_content()
    assert links.ANSWER_LINK in fresh(row).text


def unsubscribe_link(sink: Sink) -> str:
    (message,) = sink.messages
    assert b"\nList-Unsubscribe: <http" in sink.raw[0], "in one line"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    found = re.fullmatch(rf"<{configured.PUBLIC_URL}(/unsubscribe/[^/]+/)>", message["List-Unsubscribe"])
    assert found is not None
    return found[1]


def one_click(client: Any, path: str) -> Any:
    """As a mail service does: no cookies, no token of a form (RFC 8058, 3.1)."""
    return client.post(path, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded")


def preferences(member: Any) -> dict[str, list[str]]:
    with as_system():
        mine = NotificationPreference.objects.filter(user=member.user, organization=member.organization)
        return dict(mine.values_list("severity", "channels"))


@pytest.mark.parametrize("severity", [Severity.WARNING, Severity.INFO])
def test_one_click_ends_mails_of_that_severity_in_that_organization(severity: str, sink: Sink, client: Any) -> None:
    member, elsewhere = MembershipFactory(), MembershipFactory()
    NotificationFactory(organization=member.organization, user=member.user, severity=severity)
    send_all()
    path = unsubscribe_link(sink)
    page = client.get(path)
    assert (page.status_code, preferences(member)) == (200, {}), "looking changes nothing"
    assert '<form method="post">' in page.text
    assert "no-store" in page.headers["Cache-Control"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
    for _ in range(2):
        done = one_click(client, path)
        assert done.status_code == 200
        assert "Switched off" in done.text
        assert "/account/notifications" in done.text, "how to undo it"
        assert not done.cookies
    assert preferences(member) == {severity: []}
    assert preferences(elsewhere) == {}
    with as_system():
        (item,) = InboxItem.objects.filter(user=member.user)
    assert item.subject.startswith("Switched off: ")


def test_other_channels_of_that_severity_stay(sink: Sink, client: Any) -> None:
    member = MembershipFactory()
    with as_system():
        for severity in ("warning", "critical"):
            NotificationPreference.objects.create(
                user=member.user, organization=member.organization, severity=severity, channels=["sms", "email"]
            )
    NotificationFactory(organization=member.organization, user=member.user, severity="warning")
    send_all()
    one_click(client, unsubscribe_link(sink))
    assert preferences(member) == {"warning": ["sms"], "critical": ["sms", "email"]}


def test_one_click_ends_the_digest_it_came_with(sink: Sink, client: Any) -> None:
    member = MembershipFactory()
    now = timezone.now()
    with as_system():
        for period in ("daily", "weekly"):
            Digest.objects.create(
                user=member.user, organization=member.organization, period=period, at=dt.time(7), next_at=now
            )
    NotificationFactory(organization=member.organization, user=member.user, event="digest.weekly")
    send_all()
    one_click(client, unsubscribe_link(sink))
    with as_system():
        found = dict(Digest.objects.filter(user=member.user).values_list("period", "enabled"))
    assert (found, preferences(member)) == ({"daily": True, "weekly": False}, {})


def test_no_button_silences_what_is_critical_or_about_the_account(sink: Sink) -> None:
    member = MembershipFactory()
    NotificationFactory(organization=member.organization, user=member.user, severity="critical")
    NotificationFactory(organization=member.organization, user=member.user, confidential=True)
    NotificationFactory(organization=None, user=member.user)
    NotificationFactory(organization=member.organization, user=None)
    send_all()
    assert len(sink.messages) == 4
    assert [message["List-Unsubscribe"] for message in sink.messages] == [None] * 4


def test_a_link_that_was_changed_is_too_old_or_is_for_another_purpose_does_nothing(client: Any, settings: Any) -> None:
    member = MembershipFactory()
    now = timezone.now()
    content = links.Sealed("warning", member.user_id, member.organization_id)
    good = links.seal(content, purpose="unsubscribe", until=now + dt.timedelta(days=1))
    assert one_click(client, f"/unsubscribe/{good[:-2]}xx/").status_code == 404
    assert one_click(client, f"/unsubscribe/{good.replace('warning', 'info')}/").status_code == 404
    old = links.seal(content, purpose="unsubscribe", until=now - dt.timedelta(days=1))
    assert one_click(client, f"/unsubscribe/{old}/").status_code == 410
    other = links.seal(content, purpose="answer", until=now + dt.timedelta(days=1))
    assert one_click(client, f"/unsubscribe/{other}/").status_code == 404
    assert one_click(client, f"/unsubscribe/{'x' * 5000}/").status_code == 404
    assert preferences(member) == {}
    settings.RATE_LINKS = "3/min"
    gone = [one_click(client, f"/unsubscribe/bad{n}/") for n in range(8)]
    assert gone[-1].status_code == 429
    assert int(gone[-1].headers["Retry-After"]) > 0
    assert one_click(client, f"/unsubscribe/{good}").status_code == 200, "wrong links of others don't stop good ones"


def test_who_is_gone_or_whose_organization_is_gets_a_page(client: Any) -> None:
    member = MembershipFactory(organization=OrganizationFactory(deleted_at=timezone.now()))
    content = links.Sealed("warning", member.user_id, member.organization_id)
    token = links.seal(content, purpose="unsubscribe", until=timezone.now() + dt.timedelta(days=1))
    assert one_click(client, f"/unsubscribe/{token}/").status_code == 404
    assert preferences(member) == {}


def test_the_contact_that_a_letter_went_to_is_switched_off_if_it_does_not_exist(sink: Sink) -> None:
    contact = ContactMethodFactory(address="nobody@example.com", verified_at=None)
    NotificationFactory(contact=contact, to=contact.address, organization=None, user=contact.user, confidential=True)
    send_all()
    assert fresh(contact).disabled_at is not None
    with as_system():
        (item,) = InboxItem.objects.filter(user=contact.user)
    assert "nobody@example.com" in item.subject
    assert "No such person" in item.text
