"""Who is told about an alert, and in which words. Sending is the next room's business."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import dateformat

from alerts.models import Alert, Condition, Severity
from notifications import delivery, people
from organizations import permissions

_UNITS = {"temperature": "°C", "product_temperature": "°C", "humidity": "% RH", "battery": "%", "signal": "dBm"}


def promise_opened(*, alert: Alert, at: datetime) -> None:
    """Promise a message to everybody concerned: managers and above who may see the site, by verified addresses.

    A warning stays silent while a critical alert of the same unit and kind is open. Call inside a transaction.
    """
    if alert.severity == Severity.INFO or _is_covered(alert):
        return
    words = _words(alert)
    subject = render_to_string("alerts/email/opened.subject.txt", words).strip()
    text = render_to_string("alerts/email/opened.txt", words)
    html = delivery.inline_styles(render_to_string("alerts/email/opened.html", words))
    roles = permissions.roles_that_may("rules.change")  # manager and above
    for contact in people.addresses(
        organization_id=alert.organization_id, site_id=alert.site_id, roles=roles, kinds=["email"]
    ):
        delivery.promise(
            delivery.Message(
                organization_id=alert.organization_id,
                site_id=alert.site_id,
                contact=contact,
                event="alert.opened",
                about=f"alert:{alert.pk}",
                subject=subject,
                text=text,
                html=html,
            ),
            dedupe_key=f"alert:{alert.pk}:opened:{contact.pk}",
            at=at,
        )


def _is_covered(alert: Alert) -> bool:
    return (
        alert.severity == Severity.WARNING
        and Alert.objects.unresolved().filter(unit=alert.unit, kind=alert.kind, severity=Severity.CRITICAL).exists()
    )


def _words(alert: Alert) -> dict[str, object]:
    unit_of_measure = _UNITS.get(alert.kind, "")
    site = alert.site
    zone = ZoneInfo(site.timezone) if site else ZoneInfo("UTC")
    return {
        "alert": alert,
        "unit": alert.unit,
        "site": site,
        "critical": alert.severity == Severity.CRITICAL,
        "direction": "above" if alert.condition == Condition.ABOVE else "below",
        "value": _number(alert.value, unit_of_measure),
        "threshold": _number(alert.threshold, unit_of_measure),
        "peak": _number(alert.peak, unit_of_measure),
        # In words: a template would turn a moment back into the server's zone.
        "started": dateformat.format(alert.started_at.astimezone(zone), "D j M Y, H:i"),
        "zone": zone.key,
        "link": f"{settings.PUBLIC_URL}/o/{alert.organization.slug}/alerts/{alert.pk}",
    }


def _number(value: float | None, unit_of_measure: str) -> str:
    return "–" if value is None else f"{value:.1f} {unit_of_measure}".strip()
