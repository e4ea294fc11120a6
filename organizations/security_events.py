"""What was tried and refused, or done to an account: rows that tell their story in the audit trail."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from organizations.models import AccessToken, ApiKey, Organization, SecurityEvent, User

# A forgotten gateway posts every minute; its story is the same each time.
TOLD_EVERY: Final = timedelta(hours=1)


def note(*, organization: Organization, kind: str, detail: str = "", user: User | None = None) -> SecurityEvent:
    """Tell the organization. A refusal rolls its transaction back, so note it in another one. Inside a transaction."""
    return SecurityEvent.objects.create(organization=organization, kind=kind, detail=detail[:300], user=user)


def note_use_of(
    secret: ApiKey | AccessToken, *, organization: Organization, at: datetime, user: User | None = None
) -> SecurityEvent | None:
    """Somebody tried a key or token that was revoked or has expired: told once an hour. Inside a system transaction.

    Names it by its beginning and its name, never by more.
    """
    thing = "token" if isinstance(secret, AccessToken) else "key"
    state = "revoked" if secret.revoked_at is not None else "expired"
    with connection.cursor() as cursor:
        # Of two processes that refuse it at once, the second waits and sees what the first told.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"use of {secret.pk}"])
    kind, detail = f"revoked_{thing}_used", f"{secret.prefix}… ({secret.name}), {state}"
    told = SecurityEvent.objects.filter(
        organization=organization, kind=kind, detail=detail[:300], created_at__gt=at - TOLD_EVERY
    )
    if told.exists():
        return None
    return note(organization=organization, kind=kind, detail=detail, user=user)
