"""An alert in words, for messages: what is wrong where, since when.

By the clock of the site; `scale` is the reader's: c or f (User.temperature_unit).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from django.utils import dateformat

from alerts.models import Alert, Condition, Metric
from sensors.gateways import sensors_behind
from sensors.models import Unit

_TEMPERATURES: Final = (Metric.TEMPERATURE, Metric.PRODUCT_TEMPERATURE)
_MEASURES: Final = {
    Metric.HUMIDITY: "% RH",
    Metric.BATTERY: "%",
    Metric.SIGNAL: "dBm",
}
# What rises or is out of its limits; the air's temperature goes without saying.
_SUBJECTS: Final = {
    Metric.PRODUCT_TEMPERATURE: "the product, by estimate,",
    Metric.HUMIDITY: "the humidity",
    Metric.BATTERY: "the battery of {probe}",
    Metric.SIGNAL: "the signal of {probe}",
}
# A gateway may carry hundreds of probes; a message names some of their units.
MOST_NAMES: Final = 10


class Row(NamedTuple):
    """One line of the little table in a message."""

    label: str
    value: str


def place(alert: Alert) -> str:
    """What it is about, by name: the unit, or the gateway that fell silent."""
    if alert.unit is not None:
        return alert.unit.name
    gateway = alert.gateway
    if gateway is None:
        return "A removed unit"
    name = gateway.name or gateway.serial
    return name if name.lower().startswith("gateway") else f"Gateway {name}"


def sentence(alert: Alert, *, scale: str = "c") -> str:
    """What is wrong, beginning with the place: "Cooler 1 is above 5.0 °C (8.0 °C)"."""
    name = place(alert)
    if alert.condition == Condition.NO_DATA:
        if alert.unit is None:
            return f"{name} is silent"
        return f"{name}: no data from {_probe(alert)}"
    if alert.condition == Condition.FAULT:
        return f"{name}: {_probe(alert)} is faulty"
    if alert.condition == Condition.DOOR_OPEN_FOR:
        return f"{name}: the door has been open for {lasting(alert.opened_at - alert.started_at)}"
    subject = _SUBJECTS.get(Metric(alert.kind), "").format(probe=_probe(alert))
    if alert.condition == Condition.RATE_ABOVE:
        what = f"rises faster than {measured(alert, alert.threshold, scale=scale)}"
    else:
        what = f"is {alert.condition} {measured(alert, alert.threshold, scale=scale)}"
    value = "" if alert.value is None else f" ({measured(alert, alert.value, scale=scale)})"
    return f"{name}: {subject} {what}{value}" if subject else f"{name} {what}{value}"


def headline(alert: Alert, *, scale: str = "c") -> str:
    """The one thing to see first: the value, or what there is instead of one."""
    if alert.condition == Condition.NO_DATA:
        return "No data"
    if alert.condition == Condition.FAULT:
        return "Probe faulty"
    if alert.condition == Condition.DOOR_OPEN_FOR:
        return "Door open"
    return measured(alert, alert.value, scale=scale)


def rows(alert: Alert, *, scale: str = "c") -> list[Row]:
    """The numbers behind the sentence."""
    found = []
    if alert.threshold is not None:
        rule = f" ({alert.rule_name})" if alert.rule_name else ""
        found.append(Row("Limit", f"{measured(alert, alert.threshold, scale=scale)}{rule}"))
    elif alert.rule_name:
        found.append(Row("Rule", alert.rule_name))
    if alert.value is not None:
        found.append(Row("When it opened", measured(alert, alert.value, scale=scale)))
    if alert.peak is not None:
        found.append(
            Row("Worst so far" if alert.resolved_at is None else "Worst", measured(alert, alert.peak, scale=scale))
        )
    found.append(Row("Since", local(alert, alert.started_at)))
    if alert.resolved_at is not None:
        found.append(Row("Until", local(alert, alert.resolved_at)))
        found.append(Row("Lasted", lasting(max(alert.resolved_at - alert.started_at, timedelta(0)))))
    if alert.unit is None and alert.gateway_id is not None:
        found.append(Row("Units behind it", _units_behind(alert)))
    return found


def measured(alert: Alert, value: float | None, *, scale: str = "c") -> str:
    """A value (°C, …) with its unit of measure, in the reader's scale; of a rate by the hour."""
    if value is None:
        return "–"
    is_rate = alert.condition == Condition.RATE_ABOVE
    by_the_hour = " per hour" if is_rate else ""
    if alert.kind in _TEMPERATURES:
        return temperature(value, scale=scale, difference=is_rate) + by_the_hour
    measure = _MEASURES.get(Metric(alert.kind), "") if alert.kind in Metric.values else ""
    return f"{value:.1f} {measure}".strip() + by_the_hour


def temperature(celsius: float, *, scale: str = "c", difference: bool = False) -> str:
    """A temperature, or the difference of two, in °C or °F."""
    if scale == "f":
        return f"{celsius * 9 / 5 + (0 if difference else 32):.1f} °F"
    return f"{celsius:.1f} °C"


def local(alert: Alert, moment: datetime) -> str:
    """A moment by the clock of the alert's site. In words: a template would turn it back into the server's zone."""
    return clock(moment, zone=alert.site.timezone if alert.site else alert.organization.time_zone)


def clock(moment: datetime, *, zone: str) -> str:
    """A moment by the clock of a zone, which is named."""
    return f"{dateformat.format(moment.astimezone(ZoneInfo(zone)), 'D j M Y, H:i')} ({zone})"


def lasting(time: timedelta) -> str:
    """A length of time in words: 40 s, 25 min, 2 h 5 min, 3 days 4 h."""
    seconds = int(time.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if minutes < 120:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} days {hours % 24} h" if hours % 24 else f"{days} days"


def _probe(alert: Alert) -> str:
    sensor = alert.sensor
    if sensor is None:
        return "its probe"
    name = sensor.name or sensor.serial
    return f"probe {name}" if sensor.name or sensor.channel == "0" else f"probe {name}/{sensor.channel}"


def _units_behind(alert: Alert) -> str:
    """Whose readings are missing: a message about an alert names the units."""
    if alert.gateway is None:
        return "none"
    names = list(
        Unit.objects.filter(pk__in=sensors_behind(alert.gateway).values("unit"), deleted_at=None)
        .order_by("name", "pk")
        .values_list("name", flat=True)[: MOST_NAMES + 1]
    )
    if not names:
        return "none"
    shown = ", ".join(names[:MOST_NAMES])
    return f"{shown} and more" if len(names) > MOST_NAMES else shown
