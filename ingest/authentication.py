"""Which organization does this key belong to? Answered from a short cache: a revoked key is refused within 5 s."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.utils import timezone

from organizations import security_events, throttling
from organizations.accounts.limits import network_of
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
    key_id: UUID | None = None  # None: a member sends a refused reading in again


class KeyCache:
    """Looked-up keys of one process, unknown ones too. Holds hashes, never secrets."""

    def __init__(self) -> None:
        self._remembered: dict[str, tuple[float, Sender | None]] = {}

    def get(self, digest: str) -> tuple[bool, bool, Sender | None]:
        """By the digest of the secret: is it known, should it be looked up again (it may still be used), who is it.

        None is an unusable key.
        """
        entry = self._remembered.get(digest)
        left = entry[0] - time.monotonic() if entry else -1.0
        if entry is None or left < 0:
            return False, False, None
        return True, left < REMEMBERED_S / 2, entry[1]

    def look_up(self, digest: str) -> Sender | None:
        """Ask the database and remember. Blocks: call it in a thread. Opens its own transaction."""
        sender = _find(digest)
        if len(self._remembered) >= MOST_REMEMBERED:
            now = time.monotonic()
            self._remembered = {key: entry for key, entry in self._remembered.items() if entry[0] >= now}
            if len(self._remembered) >= MOST_REMEMBERED:
                self._remembered.clear()
        self._remembered[digest] = (time.monotonic() + REMEMBERED_S, sender)
        return sender


class Guesses:
    """Wrong keys from each address, RATE_BAD_CREDENTIALS at most. Counted in this process: readings don't need Redis.

    A wrong key that is still remembered isn't looked up and isn't counted: a forgotten gateway is no guesser.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counted: dict[str, tuple[float, int]] = {}

    def count(self, address: str) -> int:
        """Count one. Returns 0, or beyond the limit the seconds to wait."""
        rate = throttling.bad_credentials_rate()
        network, now = network_of(address), self._clock()
        if len(self._counted) >= MOST_REMEMBERED:
            self._counted = {who: entry for who, entry in self._counted.items() if entry[0] > now}
            if len(self._counted) >= MOST_REMEMBERED:
                self._counted.clear()
        end, amount = self._counted.get(network, (0.0, 0))
        if end <= now:
            end, amount = now + rate.seconds, 0
        self._counted[network] = (end, amount + 1)
        return math.ceil(end - now) if amount >= rate.amount else 0


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
        return Sender(key.organization_id, key.organization.number, "ingest" in key.scopes, key.pk)
