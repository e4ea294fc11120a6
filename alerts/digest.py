"""What alerts tell in a digest: what is out of range, what is open, what was too warm for too long."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Case, IntegerField, Max, Q, QuerySet, Value, When

from alerts import states, words
from alerts.models import Alert, AlertStatus, Condition, Metric, RuleOverride, RuleState, Severity
from freshtrack.sections import MOST_LINES, Line, Part, Section, clock, many, spell
from organizations.models import Organization
from sensors.models import Sensor

MEASURED: Final = (Metric.TEMPERATURE, Metric.PRODUCT_TEMPERATURE, Metric.HUMIDITY)
_EXCURSION: Final = Q(kind__in=MEASURED, condition__in=(Condition.ABOVE, Condition.BELOW, Condition.RATE_ABOVE))
# A rule that is no longer asked about a unit leaves its last word behind: it says nothing once the unit went on.
STALE: Final = timedelta(hours=1)
# More units than this are out of range in no mail; it bounds the memory of one.
_MOST_STATES: Final = 5000
_ORDER: Final = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


class _Reader(NamedTuple):
    """For whom it is written, and when."""

    organization: Organization
    zone: ZoneInfo
    scale: str
    at: datetime


def section(
    *,
    organization: Organization,
    site_ids: Collection[UUID] | None,
    start: datetime,
    end: datetime,
    at: datetime,
    zone: ZoneInfo,
    unit: str,
) -> Section:
    """A section of digests (notifications/digests/sections.py): about ten statements however many alerts."""
    reader = _Reader(organization, zone, unit, at)
    alerts = Alert.objects.for_organization(organization).filter(contradicted_at=None)
    if site_ids is not None:
        alerts = alerts.in_sites(site_ids)
    out = _out_of_range(reader, site_ids)
    still = _open(alerts, reader)
    happened = _in(alerts, start, end)
    excursions = _excursions(happened.filter(_EXCURSION), reader)
    others = _others(happened.exclude(_EXCURSION).filter(status=AlertStatus.RESOLVED), reader)
    counted = (
        (out, "unit out of range now", "units out of range now"),
        (still, "open alert", ""),
        (excursions, "excursion", ""),
        (others, "other alert", ""),
    )
    return Section(
        parts=[part for part, _, _ in counted],
        news=[many(part.number, one, several) for part, one, several in counted if part.number],
    )


def _in(alerts: QuerySet[Alert], start: datetime, end: datetime) -> QuerySet[Alert]:
    """What lasted at some moment of the stretch, or was found in it, late."""
    lasted = Q(started_at__lt=end) & (Q(resolved_at=None) | Q(resolved_at__gte=start))
    return alerts.filter(lasted | Q(found_at__gte=start, found_at__lt=end))


def _excursions(alerts: QuerySet[Alert], reader: _Reader) -> Part:
    found, number = _listed(alerts, "-started_at")
    return Part(
        title="Excursions",
        nothing="There were no excursions.",
        path=_path(reader, "alerts"),
        lines=[_line(alert, reader, text=_excursion(alert, reader)) for alert in found],
        number=number,
    )


def _others(alerts: QuerySet[Alert], reader: _Reader) -> Part:
    found, number = _listed(alerts, "-started_at")
    return Part(
        title="Other alerts that are over",
        nothing="",
        path=_path(reader, "alerts?status=resolved"),
        lines=[_line(alert, reader, text=_other(alert, reader)) for alert in found],
        number=number,
    )


def _open(alerts: QuerySet[Alert], reader: _Reader) -> Part:
    """Of units that are still there: one that was deleted is nobody's concern any more."""
    living = Q(unit=None) | Q(unit__deleted_at=None, unit__site__deleted_at=None)
    found, number = _listed(alerts.exclude(status=AlertStatus.RESOLVED).filter(living), "started_at")
    return Part(
        title="Open alerts",
        nothing="No alert is open.",
        path=_path(reader, "alerts"),
        lines=[_line(alert, reader, text=_state(alert, reader)) for alert in found],
        number=number,
    )


def _listed(alerts: QuerySet[Alert], by_time: str) -> tuple[list[Alert], int]:
    """The first ones to read of: what lasts before what is over, the worst first. And how many there are."""
    is_over = Case(When(resolved_at=None, then=Value(0)), default=Value(1), output_field=IntegerField())
    weight = Case(
        *(When(severity=severity, then=Value(place)) for severity, place in _ORDER.items()),
        output_field=IntegerField(),
    )
    found = list(
        alerts.select_related("unit", "site", "sensor", "gateway", "acknowledged_by", "assigned_to").order_by(
            is_over, weight, by_time, "pk"
        )[: MOST_LINES + 1]
    )
    return found[:MOST_LINES], len(found) if len(found) <= MOST_LINES else alerts.count()


def _line(alert: Alert, reader: _Reader, *, text: str) -> Line:
    zone = ZoneInfo(alert.site.timezone if alert.site else reader.organization.time_zone)
    if alert.resolved_at is None:
        when = f"Since {clock(alert.started_at, zone=zone, reader=reader.zone)}"
    else:
        when = spell(alert.started_at, alert.resolved_at, zone=zone, reader=reader.zone)
    return Line(
        what=words.place(alert),
        where=alert.site.name if alert.site else "",
        text=text,
        when=when,
        severity=alert.severity,
        path=_path(reader, f"alerts/{alert.pk}"),
    )


def _excursion(alert: Alert, reader: _Reader) -> str:
    """For example: above 5.0 °C for 2 h 5 min, at worst 9.0 °C, still open."""
    found = f"{_limit(alert, reader)} for {_lasted(alert, reader)}"
    if alert.peak is not None:
        found += f", at worst {words.measured(alert, alert.peak, scale=reader.scale)}"
    if alert.resolved_at is None:
        found += ", still open"
    return f"{found}, found late" if alert.found_at is not None else found


def _state(alert: Alert, reader: _Reader) -> str:
    """Of an open alert: what it says, how old it is, and whose it is."""
    found = f"{_what(alert, reader)}, open for {_lasted(alert, reader)}"
    if alert.status == AlertStatus.ACKNOWLEDGED:
        by = alert.acknowledged_by
        found += f", acknowledged by {by.get_full_name()}" if by else ", acknowledged"
    else:
        found += ", nobody has acknowledged it"
    if alert.assigned_to is not None:
        found += f", assigned to {alert.assigned_to.get_full_name()}"
    if alert.snoozed_until is not None and alert.snoozed_until > reader.at:
        found += ", snoozed"
    return found


def _other(alert: Alert, reader: _Reader) -> str:
    return f"{_what(alert, reader)}, for {_lasted(alert, reader)}"


def _what(alert: Alert, reader: _Reader) -> str:
    if alert.condition == Condition.NO_DATA:
        return "no data"
    if alert.condition == Condition.FAULT:
        return "probe faulty"
    if alert.condition == Condition.DOOR_OPEN_FOR:
        return "door open"
    return _limit(alert, reader)


def _limit(alert: Alert, reader: _Reader) -> str:
    """What was exceeded; the air's temperature goes without saying."""
    subject = {
        Metric.PRODUCT_TEMPERATURE: "product, by estimate, ",
        Metric.HUMIDITY: "humidity ",
        Metric.BATTERY: "battery ",
        Metric.SIGNAL: "signal ",
    }.get(alert.kind, "")  # type: ignore[call-overload]  # kinds are metrics, and more
    limit = words.measured(alert, alert.threshold, scale=reader.scale)
    if alert.condition == Condition.RATE_ABOVE:
        return f"{subject}rising faster than {limit}"
    return f"{subject}{alert.condition} {limit}"


def _lasted(alert: Alert, reader: _Reader) -> str:
    return words.lasting(max((alert.resolved_at or reader.at) - alert.started_at, timedelta(0)))


def _path(reader: _Reader, rest: str) -> str:
    return f"/o/{reader.organization.slug}/{rest}"


# --- out of range now ------------------------------------------------------------------------------------------------


class _Breach(NamedTuple):
    """A unit beyond a limit by its newest readings, be the rule's delay complete or not."""

    order: int
    since: float
    row: dict[str, Any]


def _out_of_range(reader: _Reader, site_ids: Collection[UUID] | None) -> Part:
    worst = _breaches(reader, site_ids)
    chosen = sorted(worst.values(), key=lambda breach: (breach.order, breach.since))[:MOST_LINES]
    units = [breach.row["unit"] for breach in chosen]
    values, overridden = _values(units), _overridden(units, at=reader.at)
    return Part(
        title="Out of range now",
        nothing="Nothing is out of range now.",
        path=_path(reader, ""),
        lines=[
            _breach_line(
                breach,
                values[breach.row["unit"]],
                overridden.get((breach.row["rule"], breach.row["unit"]), breach.row["rule__threshold"]),
                reader,
            )
            for breach in chosen
        ],
        number=len(worst),
    )


def _breaches(reader: _Reader, site_ids: Collection[UUID] | None) -> dict[UUID, _Breach]:
    """The worst of each unit: what evaluation remembers of it (alerts/evaluation)."""
    rows = RuleState.objects.for_organization(reader.organization).filter(
        active=True,
        state__breached=True,
        rule__metric__in=MEASURED,
        rule__condition__in=(Condition.ABOVE, Condition.BELOW),
        rule__enabled=True,
        rule__deleted_at=None,
        unit__deleted_at=None,
        unit__site__deleted_at=None,
    )
    if site_ids is not None:
        rows = rows.in_sites(site_ids)
    found: dict[UUID, _Breach] = {}
    newest = Max("unit__sensors__last_reading_at", filter=Q(unit__sensors__retired_at=None))
    columns = ("unit__name", "unit__site__name", "unit__site__timezone", "rule__severity", "rule__metric")
    for row in (
        rows.annotate(newest=newest)
        .order_by("pk")
        .values("unit", "rule", "state", "newest", "rule__condition", "rule__threshold", *columns)[:_MOST_STATES]
    ):
        state = states.decode(row["state"])
        if state.at is None or row["newest"] is None or row["newest"].timestamp() - state.at > STALE.total_seconds():
            continue
        breach = _Breach(_ORDER[Severity(row["rule__severity"])], state.since or state.at, row)
        if row["unit"] not in found or breach[:2] < found[row["unit"]][:2]:
            found[row["unit"]] = breach
    return found


def _values(units: Sequence[UUID]) -> dict[UUID, list[tuple[float | None, float | None]]]:
    """(temperature, humidity) of the living probes of units."""
    found: dict[UUID, list[tuple[float | None, float | None]]] = defaultdict(list)
    probes = Sensor.objects.alive().filter(unit__in=units)
    for unit, temperature, humidity in probes.values_list("unit", "temperature", "humidity"):
        found[unit].append((temperature, humidity))
    return found


def _overridden(units: Sequence[UUID], *, at: datetime) -> dict[tuple[UUID, UUID], float]:
    """The limits that hold instead of the rule's own, by rule and unit."""
    rows = RuleOverride.objects.filter(unit__in=units, ended_at=None, expires_at__gt=at, threshold__isnull=False)
    found = rows.values_list("rule", "unit", "threshold")
    return {(rule, unit): threshold for rule, unit, threshold in found if threshold is not None}


def _breach_line(
    breach: _Breach, values: Iterable[tuple[float | None, float | None]], threshold: float, reader: _Reader
) -> Line:
    row = breach.row
    metric, above = row["rule__metric"], row["rule__condition"] == Condition.ABOVE
    measured = [pair[metric == Metric.HUMIDITY] for pair in values]
    known = [value for value in measured if value is not None]
    # The product's temperature is an estimate that no probe shows.
    now = None if metric == Metric.PRODUCT_TEMPERATURE or not known else (max if above else min)(known)
    limit = f"{row['rule__condition']} {_said(metric, threshold, reader)}"
    subject = "the product, by estimate, is " if metric == Metric.PRODUCT_TEMPERATURE else ""
    zone = ZoneInfo(row["unit__site__timezone"])
    since = datetime.fromtimestamp(breach.since, tz=UTC)
    return Line(
        what=row["unit__name"],
        where=row["unit__site__name"],
        text=f"{subject}{limit}" if now is None else f"{_said(metric, now, reader)}, {limit}",
        when=f"Since {clock(since, zone=zone, reader=reader.zone)}",
        severity=row["rule__severity"],
        path=_path(reader, f"units/{row['unit']}"),
    )


def _said(metric: str, value: float, reader: _Reader) -> str:
    if metric == Metric.HUMIDITY:
        return f"{value:.1f} % RH"
    return words.temperature(value, scale=reader.scale)
