"""Promised, sent, or everybody can see why not.

Note [Rows are the queue]. A message is a row, committed together with what it tells about; a trigger enters it into
the outbox, a narrow table of what waits. Only then a bell is rung: a task without content that wakes a worker. Workers
claim entries in batches by moving `due_at` to the end of a lease, hand them over, and settle: gone from the outbox, the
outcome on the row, an attempt for the record. A sweep rings again for what is due, so a lost, late or doubled bell does
no harm.

Time is the database's, so a worker whose clock jumps claims nothing twice. Whoever carries renews its lease, and begins
nothing that it might end too late for; if it vanishes another sends once more under the same id (`maybe_twice`), since
nobody knows whether the provider said yes. What nobody began to send goes back without a mark: when a provider hangs,
so that it holds up no other channel's messages, and when a worker is told to end. What was sent is settled whatever
else happens: as soon as the database is back; if somebody else was quicker, since the lease had ended, it is marked.
Which message kills its senders can't be known; after three that vanished it is sent alone, and takes no other with it.

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
