"""The keys of each issuer, remembered by each process: one fetch for many tokens, and none that holds up others.

Note [Keys of issuers]. Keys count as fresh for five minutes. After that one request asks for them again while the
others go on with what is known, and if the issuer doesn't answer, the last good keys stay good: an outage over there
signs nobody out here. A key that isn't known may be a new one, so the issuer is asked at once, but at most once a
minute: tokens with invented key ids must not make us hammer it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from organizations.oidc.fetching import SigningKey, Unreachable, fetch_keys

logger = logging.getLogger(__name__)

FRESH_S: Final = 300.0
RETRY_S: Final = 15.0
UNKNOWN_S: Final = 60.0
# Longer than a fetch takes; whoever waits that long is told that the issuer doesn't answer.
LONGEST_WAIT_S: Final = 8.0


class IssuerKeys:
    """One issuer's keys. Safe for many threads."""

    def __init__(
        self,
        issuer: str,
        *,
        fetch: Callable[[str], tuple[SigningKey, ...]] = fetch_keys,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer, self._fetch, self._clock = issuer, fetch, clock
        self._lock = threading.Lock()
        self._known: tuple[SigningKey, ...] = ()
        self._fetched_at = self._tried_at = self._unknown_at = float("-inf")

    def find(self, *, kid: str | None, algorithm: str) -> SigningKey | None:
        """The key that a token names, None if the issuer has none such. May ask it: Note [Keys of issuers] above.

        A token that names none is believed only where there is one key that it could mean. Raises Unreachable when no
        keys were ever learned.
        """
        began = self._clock()
        self._be_fresh()
        found = self._match(kid, algorithm)
        if found is None and kid is not None and self._fetched_at < began:
            self._learn_of_new()
            found = self._match(kid, algorithm)
        return found

    def _match(self, kid: str | None, algorithm: str) -> SigningKey | None:
        fitting = [key for key in self._known if key.algorithm == algorithm and kid in (None, key.kid)]
        return fitting[0] if len(fitting) == 1 and (kid is not None or len(self._known) == 1) else None

    def _be_fresh(self) -> None:
        now = self._clock()
        if now - self._fetched_at < FRESH_S:
            return
        if now - self._tried_at >= RETRY_S:
            # Only those who have nothing to go on with wait for another's fetch.
            if self._lock.acquire(blocking=not self._known, timeout=-1 if self._known else LONGEST_WAIT_S):
                try:
                    if self._clock() - self._tried_at >= RETRY_S:
                        self._ask()
                finally:
                    self._lock.release()
        elif not self._known and self._lock.acquire(timeout=LONGEST_WAIT_S):
            self._lock.release()  # the first fetch is under way
        if not self._known:
            raise Unreachable(f"{self._issuer} doesn't answer.")

    def _learn_of_new(self) -> None:
        if not self._lock.acquire(timeout=LONGEST_WAIT_S):
            return
        try:
            now = self._clock()
            if now - self._unknown_at >= UNKNOWN_S:
                self._unknown_at = now
                self._ask()
        finally:
            self._lock.release()

    def _ask(self) -> None:
        self._tried_at = self._clock()
        try:
            self._known = self._fetch(self._issuer)
        except Unreachable as error:
            logger.warning("the keys of %s could not be fetched: %s", self._issuer, error)
        else:
            self._fetched_at = self._clock()


_of: dict[str, IssuerKeys] = {}
_making = threading.Lock()


def of(issuer: str) -> IssuerKeys:
    """What this process knows of an issuer. Only for issuers of OIDC_ISSUERS: each is remembered for good."""
    with _making:
        return _of.setdefault(issuer, IssuerKeys(issuer))
