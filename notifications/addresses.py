"""An address that works, and one that doesn't any more."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from notifications.models import ContactMethod


def switch_off(*, contact_id: UUID, because: str, at: datetime) -> bool:
    """Nothing is sent there any more, its owner sees why; False if it was off before. Inside a system transaction."""
    return bool(
        ContactMethod.objects.filter(pk=contact_id, disabled_at=None).update(
            disabled_at=at, disabled_because=because[:300]
        )
    )
