"""An address that works, and one that doesn't any more."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from notifications import inbox
from notifications.models import ContactMethod, InboxItem, Severity

# Where the person sees the address and can prove it again.
SETTINGS_PATH: Final = "/account/notifications"


def switch_off(*, contact_id: UUID, because: str, at: datetime) -> bool:
    """Nothing is sent there any more until its owner proves it again; False if it was off before.

    Its owner sees why beside the address, and finds it in the app's inbox. Inside a system transaction.
    """
    because = because[:300]
    off = ContactMethod.objects.filter(pk=contact_id, disabled_at=None).update(disabled_at=at, disabled_because=because)
    if not off:
        return False
    contact = ContactMethod.objects.get(pk=contact_id)
    item = InboxItem(
        user_id=contact.user_id,
        event="contact.disabled",
        about=f"contact:{contact.pk}",
        severity=Severity.WARNING,
        subject=f"Nothing is sent to {contact.address} any more"[:300],
        text=f"It doesn't take our messages: {because} Check the address and ask for a new code, or take another one.",
        path=SETTINGS_PATH,
        dedupe_key=f"contact:{contact.pk}:off:{int(at.timestamp() * 1000)}",
        created_at=at,
    )
    inbox.put([item], at=at)
    return True
