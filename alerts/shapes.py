"""The shape of an alert outside: the same over REST and the socket (contract: alerts)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from alerts.models import Alert, AlertStatus
from freshtrack.times import rfc3339_or_none


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def alert_shape(alert: Alert) -> dict[str, Any]:
    """All fields of the contract, and what lists show. Select unit, site, sensor and assigned_to with the alert."""
    return {
        "id": str(alert.pk),
        "unit": _text(alert.unit_id),
        "unit_name": alert.unit.name if alert.unit else "",
        "site": _text(alert.site_id),
        "site_name": alert.site.name if alert.site else "",
        "sensor": _text(alert.sensor.public_id) if alert.sensor else None,
        "gateway": _text(alert.gateway_id),
        "rule": _text(alert.rule_id),
        "rule_name": alert.rule_name,
        "parent": _text(alert.parent_id),
        "kind": alert.kind,
        "condition": alert.condition,
        "severity": alert.severity,
        "status": alert.status,
        "started_at": rfc3339_or_none(alert.started_at),
        "opened_at": rfc3339_or_none(alert.opened_at),
        "found_at": rfc3339_or_none(alert.found_at),
        "contradicted_at": rfc3339_or_none(alert.contradicted_at),
        "acknowledged_at": rfc3339_or_none(alert.acknowledged_at),
        "acknowledged_by": _text(alert.acknowledged_by_id),
        "resolved_at": rfc3339_or_none(alert.resolved_at),
        "resolved_by": _text(alert.resolved_by_id),
        "snoozed_until": rfc3339_or_none(alert.snoozed_until),
        "muted_by": _text(alert.muted_by_id),
        "assigned_to": _text(alert.assigned_to_id),
        "assigned_to_name": alert.assigned_to.get_full_name() if alert.assigned_to else "",
        "value": alert.value,
        "threshold": alert.threshold,
        "peak": alert.peak,
        "corrective_action": alert.corrective_action,
        "cause": alert.cause,
        "disposition": alert.disposition,
        "amount": alert.amount,
        "facts": alert.facts,
        "escalation": _escalation(alert),
    }


def _escalation(alert: Alert) -> dict[str, Any] | None:
    """How far its policy was followed; None: it has none."""
    if not alert.plan:
        return None
    return {
        "policy": alert.plan["policy"],
        "name": alert.plan["name"],
        "steps": len(alert.plan["steps"]),
        "taken": alert.step,
        # When people are told next if nobody answers before; of one that was answered, when that lapses.
        "next_at": None if alert.status == AlertStatus.RESOLVED else rfc3339_or_none(alert.tell_at),
    }
