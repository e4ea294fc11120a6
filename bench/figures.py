"""The few numbers that a list of measurements is told by."""

from collections.abc import Sequence
from math import ceil
from statistics import median


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


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Minimum, median and maximum over the repeats."""
    return min(values), median(values), max(values)
