"""How a message leaves the house: one folder a channel, the same file names in each.

| file | has | for |
| --- | --- | --- |
| `sending.py` | `PROVIDER`, `AT_ONCE`, `carrier()` | hands messages to the provider |
| `addresses.py` | `clean(address)` | what an address is; raises ValueError with a sentence for its owner |
| `events.py` | `urlpatterns`, below /webhooks/ | what the provider tells later: delivered, bounced, answered |

`carrier()` is a context manager around a function `send(parcel) -> Sent`. One thread uses a carrier for many messages,
one after another, so that a connection can be kept; `AT_ONCE` threads do so side by side. `Refused` is the provider's
final no. Anything else that is raised is tried again, so a channel needs no list of what may pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID


class Refused(Exception):
    """This message will never be accepted: a bad address, a blocked recipient. The text says which.

    `bad_address`: nothing else will be accepted there either, so the contact method is switched off.
    """

    def __init__(self, words: str, *, code: str = "", bad_address: bool = False) -> None:
        super().__init__(words)
        self.code = code
        self.bad_address = bad_address


class NotNow(Exception):
    """The provider can't take it now. Raised where its answer tells more than an error of the line would.

    `retry_after_s`: when it asked us to come back; None: as usual.
    `unheard`: it was handed over and the answer never came: it may have arrived, so the next attempt is marked.
    """

    def __init__(
        self, words: str, *, code: str = "", retry_after_s: float | None = None, unheard: bool = False
    ) -> None:
        super().__init__(words)
        self.code = code
        self.retry_after_s = retry_after_s
        self.unheard = unheard


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Parcel(NamedTuple):
    """A claimed message, as channels see it. `id` stays the same through every attempt: it is the idempotency key."""

    id: UUID
    organization_id: UUID | None
    channel: str
    to: str
    event: str
    about: str
    subject: str
    text: str
    html: str
    attempt: int
    user_id: UUID | None = None
    severity: str = "info"
    confidential: bool = False
    extra: Mapping[str, Any] = _NOTHING


class Sent(NamedTuple):
    """The provider's yes."""

    provider_id: str
    code: str = ""


Send = Callable[[Parcel], Sent]


class Channel(Protocol):
    """What a channel's `sending` module offers."""

    PROVIDER: str
    AT_ONCE: int

    def carrier(self) -> AbstractContextManager[Send]:
        """Keep what is worth keeping between messages, for one thread."""
