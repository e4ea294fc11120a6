"""How often somebody may try: counted in Redis over all processes, and off while Redis is away (freshtrack/cache.py).

Note [Soft locks]. Wrong passwords lock an account for the address they come from: for a minute after SIGN_IN_MISTAKES,
then twice as long after each further one, at most an hour, and a day without one forgets them. So the owner, who comes
from elsewhere, isn't locked out by whoever guesses. Against guessing from many addresses at once there is a second
lock, after ten times as many within an hour: for addresses from which nobody has signed in to this account in the last
month. Both end by themselves, and resetting the password by e-mail ends them at once. Accounts that don't exist are
locked alike.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import re
import time
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.core.cache import cache

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 24 * HOUR

LONGEST_LOCK_S: Final = HOUR
FROM_EVERYWHERE: Final = 10
KNOWN_FOR_S: Final = 30 * DAY

_UNITS: Final = {"s": 1, "m": MINUTE, "h": HOUR, "d": DAY}


@dataclass(frozen=True)
class Rate:
    """So many in so many seconds."""

    amount: int
    seconds: int


def rate_of(words: str) -> Rate:
    """Read "10/min" and the like: number/sec, /min, /hour or /day, as in RATE_PER_USER.

    Raises ValueError for anything else.
    """
    match = re.fullmatch(r"\s*(\d+)\s*/\s*([smhd])[a-z]*\s*", words)
    if match is None:
        raise ValueError(f"{words!r} is no rate like 10/min.")
    return Rate(int(match[1]), _UNITS[match[2]])


def network_of(address: str) -> str:
    """Whose address it is: an IPv6 customer has a whole /64 and could come from each of its addresses once."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((parsed, 64), strict=False).network_address)
    return address


def spend(name: str, who: str, rate: Rate) -> int:
    """Count one attempt. Returns 0, or in how many seconds to come back; such an attempt counts for nothing.

    The time begins with the first attempt, so that nobody meets a limit early or by the clock.
    """
    key = _key(name, who)
    now = time.time()
    if cache.add(key, 0, rate.seconds):
        cache.set(f"{key}:end", now + rate.seconds, rate.seconds)
    if _increase(key) <= rate.amount:
        return 0
    end: float = cache.get(f"{key}:end", now + 1)
    return max(1, math.ceil(end - now))


def lock_of(account: str, address: str) -> int:
    """For how many seconds this account can't be signed in to from this address; 0: not locked. Note [Soft locks]."""
    pair = _pair(account, address)
    here, known, everywhere = _key("locked", pair), _key("known", pair), _key("locked", _account(account))
    found = cache.get_many([here, known, everywhere])
    until: float = max(found.get(here, 0.0), 0.0 if known in found else found.get(everywhere, 0.0))
    return max(0, math.ceil(until - time.time()))


def mistaken(account: str, address: str) -> None:
    """A wrong password for this account came from this address."""
    pair, free = _pair(account, address), settings.SIGN_IN_MISTAKES
    key = _key("mistakes", pair)
    cache.add(key, 0, DAY)
    mistakes = _increase(key)
    cache.touch(key, DAY)
    if mistakes >= free:
        lock = min(LONGEST_LOCK_S, MINUTE * 2 ** min(mistakes - free, 6))
        cache.set(_key("locked", pair), time.time() + lock, lock)
    if spend("mistakes everywhere", _account(account), Rate(free * FROM_EVERYWHERE, HOUR)):
        cache.set(_key("locked", _account(account)), time.time() + HOUR, HOUR)


def succeeded(account: str, address: str) -> None:
    """The right password came from this address: its mistakes are forgotten, and it is known for a month."""
    pair = _pair(account, address)
    cache.delete_many([_key("mistakes", pair), _key("locked", pair)])
    cache.set(_key("known", pair), True, KNOWN_FOR_S)


def forgive(account: str, address: str) -> None:
    """The owner, at this address, has a new password: what others guessed is worth nothing any more."""
    # Locks of other addresses stay until they end: those are the ones that guessed.
    pair, everywhere = _pair(account, address), _account(account)
    cache.delete_many(
        [
            _key("mistakes", pair),
            _key("locked", pair),
            _key("locked", everywhere),
            _key("mistakes everywhere", everywhere),
        ]
    )


def _increase(key: str) -> int:
    try:
        return int(cache.incr(key))
    except ValueError:
        return 1  # its time ended just now


def _account(account: str) -> str:
    return account.strip().lower()


def _pair(account: str, address: str) -> str:
    return f"{_account(account)} {network_of(address)}"


def _key(name: str, who: str) -> str:
    # Hashed: people's addresses have no business in Redis, and keys must be short and without spaces.
    return f"limit:{hashlib.sha256(f'{name} {who}'.encode()).hexdigest()}"
