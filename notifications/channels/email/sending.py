"""Promised e-mails through SMTP (or the local mailbox), several over one connection."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parseaddr
from traceback import walk_tb
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from notifications import links
from notifications.channels import NotNow, Parcel, Refused, Send, Sent
from notifications.channels.email import services, unsubscribing

PROVIDER: Final = "smtp"
# Mail servers commonly accept ten connections of one client; two processes share them.
AT_ONCE: Final = 4

# RFC 5321, 4.2.1: 5yz replies are permanent; 552 (mailbox full) is commonly temporary in practice.
_TEMPORARY_AFTER_ALL: Final = {552}
# RFC 3463 (5.1.x: the address; 5.2.1: the mailbox is disabled) and RFC 5321, 4.2.3 (550, 551, 553 without such a code).
_BAD_ADDRESS: Final = ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")


class _Message(EmailMultiAlternatives):
    """With long headers in one line: folded before a link, some mail programs find none (RFC 5322 allows 998)."""

    def message(self, **terms: Any) -> Any:
        """What is handed over."""
        built = super().message(**terms)
        built.policy = built.policy.clone(max_line_length=998)
        return built


@contextmanager
def carrier() -> Iterator[Send]:
    """One connection, opened by the first message and opened anew when it breaks. Not for several threads."""
    connection = get_connection()

    def send(parcel: Parcel) -> Sent:
        try:
            return _send(parcel, connection)
        except Refused:
            raise
        except Exception:
            # Whatever state the conversation is in, the next message starts a new one.
            _hang_up(connection)
            raise

    try:
        yield send
    finally:
        _hang_up(connection)


def message_id(parcel: Parcel) -> str:
    """The same for every attempt, so that a message that was sent twice after a crash is recognised as one."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "freshtrack.invalid"
    return f"<{parcel.id}@{domain}>"


def _send(parcel: Parcel, connection: Any) -> Sent:
    """Raises Refused if the server will never take it, NotNow, OSError or SMTPException for what may pass."""
    known, at = message_id(parcel), datetime.now(UTC)
    message = _Message(
        subject=" ".join(parcel.subject.split()),  # a line end in a name must not become a header
        body=links.with_answer(parcel.text, about=parcel.about, user_id=parcel.user_id, at=at),
        to=[parcel.to],
        headers={
            "Message-ID": known,
            "Auto-Submitted": "auto-generated",
            "X-Entity-Ref-ID": str(parcel.id),
            **unsubscribing.headers(parcel, at=at),
            **services.headers(parcel.id),
            **{str(name): " ".join(str(value).split()) for name, value in parcel.extra.get("headers", {}).items()},
        },
        connection=connection,
    )
    if parcel.html:
        html = links.with_answer(parcel.html, about=parcel.about, user_id=parcel.user_id, at=at)
        message.attach_alternative(html, "text/html")
    try:
        # One that is open already stays so: Django closes what send_messages opened itself.
        if getattr(connection, "connection", None) is None:
            connection.open()
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        code, reason = next(iter(error.recipients.values()))
        raise _judged(code, reason) from error
    except smtplib.SMTPDataError as error:
        raise _judged(error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPResponseException as error:
        # What it has against us (no credentials, an unknown sender, a blocked network) is no fault of this message:
        # somebody mends it, and whoever is owed an alarm gets it late rather than never.
        raise NotNow(_words(error.smtp_code, error.smtp_error), code=str(error.smtp_code)) from error
    except OSError as error:
        if not _may_have_arrived(error):
            raise
        raise NotNow(f"{type(error).__name__}: {error}", unheard=True) from error
    return Sent(known, "250" if PROVIDER == "smtp" else "")


def _may_have_arrived(error: Exception) -> bool:
    """Whether the line broke while the message went over it: whoever took all of it may not have been heard."""
    handing_over = smtplib.SMTP.data.__code__
    return any(frame.f_code is handing_over for frame, _ in walk_tb(error.__traceback__))


def _judged(code: int, reason: bytes | str) -> Exception:
    words = _words(code, reason)
    if 500 <= code < 600 and code not in _TEMPORARY_AFTER_ALL:
        return Refused(words, code=str(code), bad_address=words.removeprefix(f"{code} ").startswith(_BAD_ADDRESS))
    return NotNow(words, code=str(code))


def _words(code: int, reason: bytes | str) -> str:
    return f"{code} {reason.decode(errors='replace') if isinstance(reason, bytes) else reason}"


def _hang_up(connection: Any) -> None:
    try:
        connection.close()
    except (OSError, smtplib.SMTPException):
        connection.connection = None
