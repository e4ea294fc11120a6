"""Open, acknowledged, resolved: every move of an alert, one function each, one event for each move.

The table of moves is alerts/moves.py. Readings and silence move alerts (`judged`), people do (`by_hand`), the clock
does (`waiting`); `moving` is what every move needs. Who is told of it, and when: Note [Telling] in alerts/telling.py.
"""

from alerts.lifecycle.by_hand import (
    LONGEST_SNOOZE,
    AnotherIsOpen,
    CorrectiveActionMissing,
    WrongField,
    acknowledge,
    assign,
    comment,
    reopen,
    resolve,
    snooze,
)
from alerts.lifecycle.judged import amend, contradict, open_alert, open_found, promise_found, resolve_cleared, worsening
from alerts.lifecycle.moving import TELL, IllegalTransition, cause_key, kind_of
from alerts.lifecycle.together import Opening, open_together, resolve_together
from alerts.lifecycle.waiting import tell_due

__all__ = [
    "LONGEST_SNOOZE",
    "TELL",
    "AnotherIsOpen",
    "CorrectiveActionMissing",
    "IllegalTransition",
    "Opening",
    "WrongField",
    "acknowledge",
    "amend",
    "assign",
    "cause_key",
    "comment",
    "contradict",
    "kind_of",
    "open_alert",
    "open_found",
    "open_together",
    "promise_found",
    "reopen",
    "resolve",
    "resolve_cleared",
    "resolve_together",
    "snooze",
    "tell_due",
    "worsening",
]
