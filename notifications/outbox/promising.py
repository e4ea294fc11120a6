"""Write down that a message will be sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import css_inline

from notifications.models import ContactMethod, Notification, Severity, Urgency
from organizations import bells

DRAIN: Final = "notifications.drain"


@dataclass(frozen=True)
class Message:
    """Words for one address."""

    organization_id: UUID | None
    contact: ContactMethod
    event: str
    about: str
    subject: str
    text: str
    html: str = ""
    site_id: UUID | None = None
    severity: str = Severity.INFO
    urgency: int = Urgency.DEFAULT
    # Beside the words, what the channel needs: {"headers": {…}} for e-mail.
    extra: dict[str, Any] = field(default_factory=dict)
    item_id: UUID | None = None
    # None: at once.
    due_at: datetime | None = None
    # Put together with others: not sent by itself.
    summary_id: UUID | None = None


def inline_styles(html: str) -> str:
    """The page with its style sheet moved into style attributes, which is all that some e-mail programs read.

    What depends on the reader (dark, narrow) can't move and stays for those that understand it.
    """
    return css_inline.inline(html, keep_at_rules=True)


def promise(message: Message, *, dedupe_key: str, at: datetime) -> Notification | None:
    """Write the row; the bell rings on commit. The same key again promises nothing: None. Call inside a transaction."""
    return next(iter(promise_all([(dedupe_key, message)], at=at)), None)


def promise_all(messages: Iterable[tuple[str, Message]], *, at: datetime) -> list[Notification]:
    """Write a row for each (dedupe key, message), two statements for all; returns those that are new.

    A key that was promised before, by whomever, promises nothing. Bells ring on commit. Call inside a transaction.
    """
    rows = [_row(message, key=key, at=at) for key, message in messages]
    if not rows:
        return []
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    written = set(Notification.objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    new = [row for row in rows if row.pk in written]
    for urgency in sorted({row.urgency for row in new if row.summary_id is None and row.next_attempt_at <= at}):
        ring_afterwards(urgency)
    return new


def _row(message: Message, *, key: str, at: datetime) -> Notification:
    return Notification(
        organization_id=message.organization_id,
        user_id=message.contact.user_id,
        contact_id=message.contact.pk,
        item_id=message.item_id,
        channel=message.contact.kind,
        to=message.contact.address,
        severity=message.severity,
        urgency=message.urgency,
        event=message.event,
        about=message.about,
        site_id=message.site_id,
        subject=message.subject[:300],
        text=message.text,
        html=message.html,
        extra=message.extra,
        summary_id=message.summary_id,
        dedupe_key=key,
        created_at=at,
        next_attempt_at=message.due_at or at,
    )


def ring_afterwards(urgency: int) -> None:
    """Wake a worker once the transaction has committed. Call inside one."""
    bells.ring_afterwards(DRAIN, urgency, queue=queue_of(urgency))


def ring(urgency: int, *, again: bool = False) -> None:
    """Wake a worker for what waits with this urgency; `again`: although one was woken (organizations/bells.py)."""
    bells.ring(DRAIN, urgency, queue=queue_of(urgency), again=again)


def answered(urgency: int) -> None:
    """A worker woke up."""
    bells.answered(DRAIN, urgency)


def queue_of(urgency: int) -> str:
    """The Celery queue of messages of this urgency: their names are the same."""
    return Urgency(urgency).name.lower()


def urgencies() -> Sequence[int]:
    """All of them, the most urgent first."""
    return [urgency.value for urgency in Urgency]
