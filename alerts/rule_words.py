"""A rule in words: what it compares with, and how long it waits. Pure.

`scale` is the reader's: c or f (User.temperature_unit).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from alerts import words
from alerts.models import AlertRule, Condition, Metric

_TEMPERATURES: Final = (Metric.TEMPERATURE.value, Metric.PRODUCT_TEMPERATURE.value)
_MEASURES: Final = {
    Metric.HUMIDITY.value: "% RH",
    Metric.BATTERY.value: "%",
    Metric.SIGNAL.value: "dBm",
}


def name(rule: AlertRule) -> str:
    """What it is called, in quotes, or what it watches."""
    if rule.name:
        return f"“{rule.name}”"
    return f"{rule.get_metric_display()} {rule.get_condition_display().lower()}"


def measured(metric: str, condition: str, value: float, *, scale: str = "c") -> str:
    """A limit (°C, …) with its unit of measure: 5.0 °C. Of a rate by the hour."""
    is_rate = condition == Condition.RATE_ABOVE
    by_the_hour = " per hour" if is_rate else ""
    if metric in _TEMPERATURES:
        return words.temperature(value, scale=scale, difference=is_rate) + by_the_hour
    return f"{value:.1f} {_MEASURES.get(metric, '')}".rstrip() + by_the_hour


def terms(metric: str, condition: str, threshold: float | None, delay_s: float, *, scale: str = "c") -> str:
    """The limit and the delay: "above 5.0 °C for 30 min"; of silence the delay alone."""
    delay = f"for {words.lasting(timedelta(seconds=delay_s))}" if delay_s else "at once"
    if threshold is None:
        return delay
    direction = "faster than" if condition == Condition.RATE_ABOVE else condition
    return f"{direction} {measured(metric, condition, threshold, scale=scale)} {delay}"
