"""E-mail to an address that needs no account: settings.OUTBOX, for the room below."""

from __future__ import annotations

from datetime import datetime

from notifications import delivery
from notifications.models import ContactKind, Notification
from organizations import events
from organizations.models import Organization


def promise_letter(
    *,
    organization: Organization,
    to: str,
    event: str,
    about: str,
    subject: str,
    text: str,
    html: str,
    dedupe_key: str,
    at: datetime,
) -> None:
    """Promise words with a secret link: nobody reads them here, and they are wiped once sent. Inside a transaction."""
    row = Notification.objects.create(
        organization=organization,
        channel=ContactKind.EMAIL,
        to=to,
        event=event,
        about=about,
        subject=" ".join(subject.split())[:300],
        text=text,
        html=delivery.inline_styles(html),
        confidential=True,
        dedupe_key=dedupe_key,
        created_at=at,
        next_attempt_at=at,
    )
    events.afterwards(lambda: delivery.ring(str(row.pk)))
