"""A channel whose provider thinks for 50 ms."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from notifications.channels import Parcel, Send, Sent

PROVIDER = "slow courier"
AT_ONCE = 4
THINKS_S = 0.05


@contextmanager
def carrier() -> Iterator[Send]:
    """Nothing to keep."""
    yield _send


def _send(parcel: Parcel) -> Sent:
    time.sleep(THINKS_S)
    return Sent("yes")
