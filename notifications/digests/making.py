"""A digest in words."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import dateformat

from freshtrack.sections import Part, spell
from notifications import outbox
from notifications.digests import sections
from notifications.digests.sections import Told
from notifications.models import Period
from notifications.preferences import Span
from organizations.models import Organization, User

QUIET = "All quiet"


@dataclass(frozen=True)
class Letter:
    """What is sent."""

    subject: str
    text: str
    html: str


def make(
    *,
    organization: Organization,
    user: User,
    site_ids: Collection[UUID] | None,
    period: str,
    told: Span,
    at: datetime,
) -> Letter:
    """What happened in that time at these sites (None: all), and how things are `at` this moment, for this person.

    About a dozen statements however many units there are. Call inside a transaction.
    """
    zone = ZoneInfo(user.time_zone)
    found = sections.of(
        organization=organization,
        site_ids=site_ids,
        start=told.start,
        end=told.end,
        at=at,
        zone=zone,
        unit=user.temperature_unit,
    )
    context = _context(organization, found, period=period, told=told, zone=zone, restricted=site_ids is not None)
    return Letter(
        subject=" ".join(render_to_string("notifications/email/digest.subject.txt", context).split())[:300],
        text=render_to_string("notifications/email/digest.txt", context),
        html=outbox.inline_styles(render_to_string("notifications/email/digest.html", context)),
    )


def headline(told: Told) -> str:
    """The one thing to know: All quiet, or what happened in a few words."""
    news = [words for section in told.sections for words in section.news]
    if told.missing:
        news.append("part of it could not be put together")
    if news:
        return ", ".join(news)
    caveats = [section.caveat for section in told.sections if section.caveat]
    return f"{QUIET}, but {' and '.join(caveats)}" if caveats else QUIET


def _context(
    organization: Organization, found: Told, *, period: str, told: Span, zone: ZoneInfo, restricted: bool
) -> dict[str, Any]:
    parts = [part for section in found.sections for part in section.parts]
    words = headline(found)
    return {
        "organization": organization.name,
        "period": Period(period).label.lower(),
        "headline": words[:1].upper() + words[1:],
        "quiet": words == QUIET,
        "worst": _worst(parts),
        "told": spell(told.start, told.end, zone=zone, reader=zone),
        # A week has more or less than seven days after an absence, and when the weekday was changed.
        "longer": told.end - told.start > (timedelta(days=8) if period == Period.WEEKLY else timedelta(hours=26)),
        "zone": zone.key,
        "of": dateformat.format(told.end.astimezone(zone), "D j M"),
        "weekly": period == Period.WEEKLY,
        "parts": [part for part in parts if part.lines],
        "nothing": " ".join(part.nothing for part in parts if part.nothing and not part.lines),
        "figures": [section.figures for section in found.sections if section.figures],
        "caveats": [section.caveat for section in found.sections if section.caveat],
        "missing": found.missing,
        "restricted": restricted,
        "base": settings.PUBLIC_URL,
        "link": f"{settings.PUBLIC_URL}/o/{organization.slug}",
        "small_print": [section.small_print for section in found.sections if section.small_print],
    }


def _worst(parts: Collection[Part]) -> str:
    severities = {line.severity for part in parts for line in part.lines}
    return next((severity for severity in ("critical", "warning") if severity in severities), "")
