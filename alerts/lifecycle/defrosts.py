"""A warning on air that a defrost may explain: people are told when that should be over, if it lasts.

Warnings only, and no hard limit: what is critical waits for nothing (docs/defrost.md). Asked when a warning opens, so
readings that are in order pay nothing for it.
"""

from __future__ import annotations

import threading
from collections import deque
from datetime import datetime
from time import monotonic
from typing import Final

from alerts.models import Alert, Condition, Metric, Severity
from alerts.past import labels
from sensors.models import Sensor

# A week of one probe is read and looked through in some 15 ms, while readings wait to be stored. Where many warnings
# open at once it isn't one unit's defrost anyway; the others are told at once, which is the safe side.
MOST_ASKED: Final = 20
WITHIN_S: Final = 10.0


class _Budget:
    """At most so many questions within some seconds, for each process."""

    def __init__(self) -> None:
        self._asked: deque[float] = deque(maxlen=MOST_ASKED)
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Whether one more may be asked now."""
        now = monotonic()
        with self._lock:
            if len(self._asked) == MOST_ASKED and self._asked[0] > now - WITHIN_S:
                return False
            self._asked.append(now)
            return True

    def forget(self) -> None:
        """What was asked before doesn't count any more."""
        with self._lock:
            self._asked.clear()


budget: Final = _Budget()


def waits_until(alert: Alert, *, at: datetime) -> datetime | None:
    """When the defrost that seems to be going on in its unit is over at the latest; None: nothing to wait for.

    For an alert that just opened. `at` is the server's clock: what came so late that the defrost is over by now doesn't
    wait. Call inside the transaction that judges.
    """
    unit, sensor, rule = alert.unit, alert.sensor, alert.rule
    if unit is None or sensor is None or rule is None or rule.is_ceiling:
        return None
    if alert.severity != Severity.WARNING or alert.kind != Metric.TEMPERATURE:
        return None
    if alert.condition not in (Condition.ABOVE, Condition.RATE_ABOVE) or not budget.take():
        return None
    sensors = list(Sensor.objects.alive().filter(unit=unit).order_by("pk"))
    until = labels.defrost_until(unit=unit, sensors=sensors, sensor=sensor, at=alert.opened_at)
    return until if until is not None and until > at else None
