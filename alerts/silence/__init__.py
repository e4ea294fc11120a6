"""Silence: nothing comes from a sensor, or from a whole gateway. What the house asks of it; the rest is the sweep's.

`hearing.py` decides (pure), `sweeping.py` looks by the clock every 15 seconds, `gateways.py` groups what one box is
to blame for, `outages.py` knows when it was us, `ending.py` ends what no reading will ever end, `remembering.py` keeps
what is known of a cause meanwhile.
"""

from alerts.silence.hearing import FOUND_LATE_AFTER_S, IMPORTED_AFTER_S, due_at, heard, patience_s, silent, still

__all__ = ["FOUND_LATE_AFTER_S", "IMPORTED_AFTER_S", "due_at", "heard", "patience_s", "silent", "still"]
