"""Promised, sent, or everybody can see why not.

Note [Rows are the queue]. A message is a row, committed together with what it tells about; only then a task with its id
is sent, as a doorbell. A sweep finds rows whose bell was lost, so a lost, late or doubled task does no harm: whoever
wins the conditional UPDATE sends. After a crash between the provider's yes and our commit the message is sent once
more, with the same Message-ID.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

import css_inline
from celery import shared_task
from celery.exceptions import OperationalError as BrokerError
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError as KombuError

from freshtrack.errors import DomainError
from notifications.channels import Refused
from notifications.channels.email import sending as email_sending
from notifications.models import ContactKind, ContactMethod, Notification, NotificationStatus
from organizations import events
from organizations.tenancy import acting_as_system

logger = logging.getLogger(__name__)

# Longer than the slowest sender's time-outs together: a lease that ends early would send twice.
LEASE: Final = timedelta(seconds=60)
MAX_ATTEMPTS: Final = 10
FIRST_RETRY_S: Final = 5.0
LONGEST_RETRY_S: Final = 900.0
SWEEP_AT_ONCE: Final = 200
# A message with its page is some 10 kB: what one statement carries stays small.
_AT_ONCE: Final = 200

_SENDERS: Final = {ContactKind.EMAIL: email_sending.send}


class NotFailed(DomainError):
    """The message needs no second promise."""

    code = "not_failed"


class WordsAreGone(DomainError):
    """The message held a secret: its words were wiped, and there is nothing left to send."""

    code = "words_are_gone"


@dataclass(frozen=True)
class Message:
    """Words for one address."""

    organization_id: UUID
    contact: ContactMethod
    event: str
    about: str
    subject: str
    text: str
    html: str = ""
    site_id: UUID | None = None


def inline_styles(html: str) -> str:
    """The page with its style sheet moved into style attributes, which is all that e-mail programs read."""
    return css_inline.inline(html)


def promise(message: Message, *, dedupe_key: str, at: datetime) -> Notification | None:
    """Write the row; the bell rings on commit. The same key again promises nothing: None. Call inside a transaction."""
    return next(iter(promise_all([(message, dedupe_key)], at=at)), None)


def promise_all(messages: Sequence[tuple[Message, str]], *, at: datetime) -> list[Notification]:
    """The same for many, each with its key, in two statements. Returns those that weren't promised before."""
    rows = [_row(message, dedupe_key=dedupe_key, at=at) for message, dedupe_key in messages]
    Notification.objects.bulk_create(rows, ignore_conflicts=True, batch_size=_AT_ONCE)
    written = set(Notification.objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    promised = [row for row in rows if row.pk in written]
    for row in promised:
        events.afterwards(partial(ring, str(row.pk)))
    return promised


def _row(message: Message, *, dedupe_key: str, at: datetime) -> Notification:
    return Notification(
        organization_id=message.organization_id,
        user_id=message.contact.user_id,
        channel=message.contact.kind,
        to=message.contact.address,
        event=message.event,
        about=message.about,
        site_id=message.site_id,
        subject=message.subject[:300],
        text=message.text,
        html=message.html,
        dedupe_key=dedupe_key,
        created_at=at,
        next_attempt_at=at,
    )


def resend(*, notification: Notification, at: datetime) -> None:
    """Promise a failed or dead message once more, with all its attempts; the bell rings on commit. In a transaction.

    Raises NotFailed if it is on its way or was sent: the person would be told twice. Raises WordsAreGone if they are.
    """
    failed = Notification.objects.filter(
        pk=notification.pk, status__in=[NotificationStatus.FAILED, NotificationStatus.DEAD]
    )
    promised = failed.exclude(confidential=True, text="").update(
        status=NotificationStatus.PROMISED, attempts=0, next_attempt_at=at, claimed_until=None
    )
    if not promised and failed.exists():
        raise WordsAreGone("It held a secret link or code and was wiped. The person has to ask for a new one.")
    if not promised:
        raise NotFailed("Only a message that failed can be sent again.")
    events.afterwards(lambda: ring(str(notification.pk)))


def ring(notification_id: str) -> None:
    """Wake a worker. If the broker is away the sweep finds the row."""
    try:
        deliver.delay(notification_id)
    except (BrokerError, KombuError, OSError) as error:
        logger.warning("the bell of notification %s was not heard: %s", notification_id, error)


@shared_task(name="notifications.deliver", acks_late=True)
def deliver(notification_id: str) -> None:
    """Send one promised message. Safe to run twice, late, or after a crash."""
    now = timezone.now()
    with acting_as_system("delivery"):
        # One UPDATE is the claim, so no transaction stays open while we talk to the provider.
        claimed = (
            Notification.objects.filter(pk=notification_id)
            .waiting(at=now)
            .update(status=NotificationStatus.SENDING, claimed_until=now + LEASE, attempts=F("attempts") + 1)
        )
        if not claimed:
            return
        row = Notification.objects.get(pk=notification_id)
    try:
        provider_id = _SENDERS[ContactKind(row.channel)](row)
    except Refused as refusal:
        _settle(row, status=NotificationStatus.DEAD, last_error=str(refusal))
        logger.warning("notification %s was refused", row.pk)
    except Exception as error:
        _fail(row, error)
    else:
        _settle(row, status=NotificationStatus.SENT, sent_at=timezone.now(), provider_id=provider_id, last_error="")


def _fail(row: Notification, error: Exception) -> None:
    """Try again later, or give up visibly."""
    words = f"{type(error).__name__}: {error}"[:2000]
    if row.attempts >= MAX_ATTEMPTS:
        _settle(row, status=NotificationStatus.DEAD, last_error=words)
        logger.error("notification %s is dead after %s attempts", row.pk, row.attempts)
        return
    wait = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** (row.attempts - 1))
    # Jitter: after an outage not everybody comes at the same moment.
    later = timezone.now() + timedelta(seconds=wait * random.uniform(0.8, 1.2))  # noqa: S311 (no secret)
    _settle(row, status=NotificationStatus.FAILED, last_error=words, next_attempt_at=later)
    logger.warning("notification %s failed, attempt %s", row.pk, row.attempts)


def _settle(row: Notification, **changes: object) -> None:
    if row.confidential and changes["status"] in (NotificationStatus.SENT, NotificationStatus.DEAD):
        # The secret has arrived, or will never: whoever reads the database afterwards finds none.
        changes |= {"subject": "", "text": "", "html": ""}
    with acting_as_system("delivery"):
        # Only our own claim: if the lease ended meanwhile, another sender answers for the row now.
        Notification.objects.filter(
            pk=row.pk, status=NotificationStatus.SENDING, claimed_until=row.claimed_until
        ).update(claimed_until=None, **changes)


@shared_task(name="notifications.sweep")
def sweep() -> int:
    """Ring again for what is due: bells that were lost, retries, senders that vanished. Returns how many."""
    with acting_as_system("sweep"):
        due = list(
            Notification.objects.waiting(at=timezone.now())
            .order_by("next_attempt_at", "pk")
            .values_list("pk", flat=True)[:SWEEP_AT_ONCE]
        )
    for notification_id in due:
        ring(str(notification_id))
    return len(due)
