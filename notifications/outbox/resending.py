"""Promise once more what failed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from freshtrack.errors import DomainError
from notifications.models import Notification, NotificationStatus, OutboxEntry
from notifications.outbox.promising import ring_afterwards


class NotFailed(DomainError):
    """The message needs no second promise."""

    code = "not_failed"


class WordsAreGone(DomainError):
    """The message held a secret: its words were wiped, and there is nothing left to send."""

    code = "words_are_gone"


def resend(*, notification: Notification, at: datetime) -> None:
    """Promise a failed or dead message once more; the bell rings on commit. Call inside a transaction.

    Raises NotFailed if it is on its way or was sent: the person would be told twice. Raises WordsAreGone if they are.
    """
    if not resend_all(ids=[notification.pk], at=at):
        failed = Notification.objects.filter(pk=notification.pk, status=NotificationStatus.DEAD, summary=None).exists()
        if failed:
            raise WordsAreGone("It held a secret link or code and was wiped. The person has to ask for a new one.")
        raise NotFailed("Only a message that failed can be sent again.")


def resend_all(*, ids: Sequence[UUID], at: datetime) -> list[UUID]:
    """Promise those of them once more that failed or died and still have words; returns which. Inside a transaction.

    A part of a summary is told by its summary: that one is sent again. It has all its attempts
    again; those that were made stay on record.
    """
    failed = [NotificationStatus.FAILED, NotificationStatus.DEAD]
    asked = Notification.objects.filter(pk__in=ids, status__in=failed).exclude(confidential=True, text="")
    keys = {row.summary_id or row.pk for row in asked.only("pk", "summary_id")}
    # Entries before messages, as whoever settles locks them, or the two could wait for each other.
    waiting = {entry.pk: entry for entry in OutboxEntry.objects.select_for_update().filter(pk__in=keys).order_by("pk")}
    # Asked once more, locked: whoever resent it a moment ago may have sent it, too.
    rows = list(
        Notification.objects.select_for_update()
        .filter(pk__in=keys, status__in=failed)
        .order_by("pk")
        .only("pk", "organization_id", "urgency", "summary_id", "status")
    )
    # Somebody is sending it this moment: it isn't failed any more.
    again = [row for row in rows if row.pk not in waiting or waiting[row.pk].lease is None]
    OutboxEntry.objects.bulk_create(
        [
            OutboxEntry(
                notification_id=row.pk,
                organization_id=row.organization_id,
                urgency=row.urgency,
                due_at=at,
            )
            for row in again
        ],
        update_conflicts=True,
        unique_fields=["notification"],
        update_fields=["due_at", "attempts"],
    )
    Notification.objects.filter(pk__in=[row.pk for row in again]).update(
        status=NotificationStatus.PROMISED, next_attempt_at=at, attempts=0
    )
    for urgency in {row.urgency for row in again}:
        ring_afterwards(urgency)
    return [row.pk for row in again]
