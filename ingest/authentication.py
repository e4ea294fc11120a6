"""Which organization does this key belong to? Answered from a short cache: a revoked key is refused within 5 s."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.utils import timezone

from organizations import secrets, security_events
from organizations.models import ApiKey
from organizations.tenancy import acting_as_system

# The contract gives a revocation 5 s; half of that leaves room for a slow look-up.
REMEMBERED_S: Final = 2.5
# Guessing fills the cache with unknown keys; old ones go.
MOST_REMEMBERED: Final = 10_000
_LAST_USED_RESOLUTION: Final = timedelta(minutes=1)


class Sender(NamedTuple):
    """Who posts: the key's organization, and whether the key may."""

    organization_id: UUID
    number: int
    may_ingest: bool


class KeyCache:
    """Looked-up keys of one process, unknown ones too. Holds hashes, never secrets."""

    def __init__(self) -> None:
        self._remembered: dict[str, tuple[float, Sender | None]] = {}

    def get(self, secret: str) -> tuple[bool, Sender | None]:
        """(known to the cache, sender or None for an unusable key)."""
        entry = self._remembered.get(secrets.digest(secret))
        if entry is None or entry[0] < time.monotonic():
            return False, None
        return True, entry[1]

    def look_up(self, secret: str) -> Sender | None:
        """Ask the database and remember. Blocks: call it in a thread. Opens its own transaction."""
        digest = secrets.digest(secret)
        sender = _find(digest)
        if len(self._remembered) >= MOST_REMEMBERED:
            now = time.monotonic()
            self._remembered = {key: entry for key, entry in self._remembered.items() if entry[0] >= now}
            if len(self._remembered) >= MOST_REMEMBERED:
                self._remembered.clear()
        self._remembered[digest] = (time.monotonic() + REMEMBERED_S, sender)
        return sender


def _find(digest: str) -> Sender | None:
    now = timezone.now()
    with acting_as_system("ingest authentication"):
        key = ApiKey.objects.select_related("organization").filter(hash=digest, organization__deleted_at=None).first()
        if key is None:
            return None
        if not key.is_usable(at=now):
            # A gateway that was forgotten, or somebody who found an old key: its organization should know.
            security_events.note_use_of(key, organization=key.organization, at=now)
            return None
        if key.last_used_at is None or now - key.last_used_at > _LAST_USED_RESOLUTION:
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
        return Sender(key.organization_id, key.organization.number, "ingest" in key.scopes)
