"""Promised, sent, or everybody can see why not.

Note [Rows are the queue]. A message is a row, committed together with what it tells about; a trigger enters it into
the outbox, a narrow table of what waits. Only then a bell is rung: a task without content that wakes a worker. Workers
claim entries in batches by moving `due_at` to the end of a lease, hand them over, and settle: gone from the outbox, the
outcome on the row, an attempt for the record. A sweep rings again for what is due, so a lost, late or doubled bell does
no harm.

Time is the database's, so a worker whose clock jumps claims nothing twice. Whoever carries renews its lease; if it
vanishes another sends once more under the same id (`maybe_twice`), since nobody knows whether the provider said yes.

`promising.py` writes rows, `claiming.py` is what PostgreSQL is asked, `carrying.py` hands over, `draining.py` are the
tasks, `resending.py` promises anew what died.
"""

from notifications.outbox.promising import Message, inline_styles, promise, promise_all, ring, ring_afterwards
from notifications.outbox.resending import NotFailed, WordsAreGone, resend, resend_all

__all__ = [
    "Message",
    "NotFailed",
    "WordsAreGone",
    "inline_styles",
    "promise",
    "promise_all",
    "resend",
    "resend_all",
    "ring",
    "ring_afterwards",
]
