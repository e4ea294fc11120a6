"""One promised e-mail through SMTP (or the local mailbox)."""

from __future__ import annotations

import smtplib
from email.utils import parseaddr
from typing import Final

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from notifications.channels import Refused
from notifications.models import Notification

# RFC 5321, 4.2.1: 5yz replies are permanent; 552 (mailbox full) is commonly temporary in practice.
_TEMPORARY_AFTER_ALL: Final = {552}


def send(notification: Notification) -> str:
    """Hand the message to the mail server; returns its Message-ID.

    The Message-ID is the row's id, so that a message sent twice after a crash is recognised as the same one.
    Raises Refused if the server will never take it, OSError or smtplib.SMTPException for anything that may pass.
    """
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "freshtrack.invalid"
    message_id = f"<{notification.pk}@{domain}>"
    message = EmailMultiAlternatives(
        subject=" ".join(notification.subject.split()),  # a line end in a name must not become a header
        body=notification.text,
        to=[notification.to],
        headers={"Message-ID": message_id, "Auto-Submitted": "auto-generated", "X-Entity-Ref-ID": str(notification.pk)},
    )
    if notification.html:
        message.attach_alternative(notification.html, "text/html")
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        code, reason = next(iter(error.recipients.values()))
        raise _judged(code, reason, error) from error
    except smtplib.SMTPResponseException as error:
        raise _judged(error.smtp_code, error.smtp_error, error) from error
    return message_id


def _judged(code: int, reason: bytes | str, error: Exception) -> Exception:
    if 500 <= code < 600 and code not in _TEMPORARY_AFTER_ALL:
        words = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
        return Refused(f"{code} {words}")
    return error
