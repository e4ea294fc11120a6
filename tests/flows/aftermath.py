"""What became of a month: its alerts with their events and who was told of them, as lines that can be compared.

Left out is only what our own clock says, since two runs don't happen at the same time:

- when an alert was found or contradicted, and so when a contradicted one that was open ended (`found_at`,
  `contradicted_at`); that it was is compared;
- when late readings amended, contradicted or reopened it, and when a mute kept it quiet or let it be told: the events
  are compared, with their order and words, but not their times. Times of what opened and resolved are compared;
- when people are told again (`tell_at`) and when a message was promised; that they are to be, and of what, is compared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from tests.doors import Installation

# Events that carry the device's time: readings opened and resolved it, or a silence counted from the last of them.
_DEVICES: Final = ("opened", "resolved")

_ALERTS: Final = """
SELECT a.id, o.slug, coalesce(u.name, 'gateway ' || g.serial), a.rule_name, a.severity, a.condition,
       s.serial || '/' || s.channel, a.status, a.started_at, a.opened_at,
       CASE WHEN a.resolved_at = a.contradicted_at THEN NULL ELSE a.resolved_at END,
       jsonb_build_object(
         'kind', a.kind, 'threshold', a.threshold, 'value', a.value, 'peak', a.peak, 'facts', a.facts,
         'found late', a.found_at IS NOT NULL, 'contradicted', a.contradicted_at IS NOT NULL,
         'to be told', a.tell_at IS NOT NULL, 'muted', a.muted_by_id IS NOT NULL,
         'part of', (SELECT p.rule_name || ' since ' || p.started_at FROM alerts_alert p WHERE p.id = a.parent_id))
FROM alerts_alert a
JOIN organizations_organization o ON o.id = a.organization_id
LEFT JOIN sensors_unit u ON u.id = a.unit_id
LEFT JOIN sensors_gateway g ON g.id = a.gateway_id
LEFT JOIN sensors_sensor s ON s.id = a.sensor_id
"""
_EVENTS: Final = "SELECT alert_id, event, channel, at, note FROM alerts_alertevent ORDER BY created_at, id"
_PROMISES: Final = """
SELECT substr(about, 7)::uuid, event, dedupe_key, subject, "to" FROM notifications_notification
WHERE about LIKE 'alert:%'
"""


def alerts(house: Installation) -> list[str]:
    """One paragraph for each alert, in an order that doesn't hang on ids."""
    events: dict[UUID, list[str]] = defaultdict(list)
    for alert_id, event, channel, at, note in house.sql(_EVENTS):
        when = f" at {_moment(at)}" if event in _DEVICES else ""
        events[alert_id].append(f"    {event}{when} by {channel}: {note}".rstrip(": "))
    told: dict[UUID, Counter[str]] = defaultdict(Counter)
    for alert_id, event, key, subject, to in house.sql(_PROMISES):
        told[alert_id][f"    told {to}: {event} ({key.split(':')[2]}) {subject}"] += 1
    found = []
    for alert_id, *row in house.sql(_ALERTS):
        lines = [_headline(*row), *events[alert_id]]
        lines += [line + (f" ({count} times)" if count > 1 else "") for line, count in sorted(told[alert_id].items())]
        found.append("\n".join(lines))
    return sorted(found)


def _headline(
    organization: str,
    place: str,
    rule: str,
    severity: str,
    condition: str,
    sensor: str | None,
    status: str,
    started_at: datetime,
    opened_at: datetime,
    resolved_at: datetime | None,
    more: dict[str, Any],
) -> str:
    times = f"{_moment(started_at)} / {_moment(opened_at)} / {_moment(resolved_at)}"
    rest = ", ".join(f"{name}: {more[name]}" for name in sorted(more))
    return f"{organization}, {place}: {rule} ({severity}, {condition}, {sensor}) {times} {status}; {rest}"


def _moment(at: datetime | None) -> str:
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M:%S.%f}"
