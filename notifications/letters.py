"""E-mail with a secret link or code: settings.OUTBOX, for the room below, and messages about accounts."""

from __future__ import annotations

from datetime import datetime

from notifications import outbox
from notifications.models import ContactKind, ContactMethod, Notification, Urgency
from organizations.models import Organization, User


def promise_letter(
    *,
    organization: Organization | None,
    user: User | None = None,
    to: str,
    event: str,
    about: str,
    subject: str,
    text: str,
    html: str,
    dedupe_key: str,
    at: datetime,
    contact: ContactMethod | None = None,
) -> None:
    """Promise words with a secret link: nobody reads them here, and they are wiped once sent. Inside a transaction.

    Without organization it is a message about the person's own account, which only staff see the trace of. With
    `contact` its owner sees there if nothing arrives.
    """
    row = Notification.objects.create(
        organization=organization,
        user=user,
        contact=contact,
        channel=contact.kind if contact else ContactKind.EMAIL,
        to=to,
        event=event,
        about=about,
        subject=" ".join(subject.split())[:300],
        text=text,
        html=outbox.inline_styles(html),
        confidential=True,
        urgency=Urgency.URGENT,  # somebody sits before a screen and waits for a code
        dedupe_key=dedupe_key,
        created_at=at,
        next_attempt_at=at,
    )
    outbox.ring_afterwards(Urgency(row.urgency))
