"""The few numbers that a list of measurements is told by."""

from bisect import bisect_right
from collections.abc import Sequence
from math import ceil
from statistics import median
from typing import Any


def percentile(samples: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: a value that was really measured."""
    return sorted(samples)[max(0, ceil(share * len(samples)) - 1)]


def latency(seconds: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile in milliseconds, and of how many."""
    return {
        "p50_ms": round(percentile(seconds, 0.5) * 1000, 2),
        "p99_ms": round(percentile(seconds, 0.99) * 1000, 2),
        "count": len(seconds),
    }


# Upper edges of the classes of a distribution; the last class has none.
EDGES_MS = (5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000)


def distribution(seconds: Sequence[float]) -> dict[str, Any]:
    """What `latency` tells, the 90th percentile, the worst, and how many there are in each class."""
    classes = [0] * (len(EDGES_MS) + 1)
    for sample in seconds:
        classes[bisect_right(EDGES_MS, sample * 1000)] += 1
    return {
        **latency(seconds),
        "p90_ms": round(percentile(seconds, 0.9) * 1000, 2),
        "max_ms": round(max(seconds) * 1000, 2),
        "classes": classes,
    }


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Minimum, median and maximum over the repeats."""
    return min(values), median(values), max(values)
