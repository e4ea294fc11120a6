"""Is it too warm for too long, and since when? Pure: nothing here knows a database, a clock or a person.

`timers` judges readings in order; `signals` makes what a rule looks at and no sensor reports; `hindsight` tells what
happened once readings came late. Live ingest, late batches and back-tests run this same code, so that they can't
disagree.
"""

from alerts.evaluation.hindsight import (
    SAME_VALUE,
    Amended,
    Contradicted,
    Found,
    Incident,
    Move,
    Settled,
    Told,
    reconcile,
    replay,
    replay_around,
)
from alerts.evaluation.signals import product, rate
from alerts.evaluation.timers import (
    IDLE,
    Newest,
    Opened,
    Point,
    Resolved,
    State,
    Terms,
    Transition,
    evaluate,
    resolved_by_hand,
    steps,
)

__all__ = [
    "IDLE",
    "SAME_VALUE",
    "Amended",
    "Contradicted",
    "Found",
    "Incident",
    "Move",
    "Newest",
    "Opened",
    "Point",
    "Resolved",
    "Settled",
    "State",
    "Terms",
    "Told",
    "Transition",
    "evaluate",
    "product",
    "rate",
    "reconcile",
    "replay",
    "replay_around",
    "resolved_by_hand",
    "steps",
]
