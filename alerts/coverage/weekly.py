"""The weekly mail to owners: what might reach nobody. On Mondays at eight by the organization's clock, once a week.

That it was told stands in the owners' inbox, whose items say of which week they are (`about`); a second beat, or one
after a crash, finds them or waits for the organization's row. Where there was nothing to tell the cache says that it
was looked at: if the cache forgets it is looked at again, and what was found since then is told later in the week.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.core.cache import cache
from django.template.loader import render_to_string

from alerts.coverage import finding
from alerts.coverage.holes import Coverage
from alerts.models import Severity
from freshtrack.sections import many
from notifications import outbox
from notifications.models import InboxItem
from notifications.preferences import instant
from notifications.telling import Notice, Words, tell
from organizations.models import Membership, Organization, Role, User

EVENT: Final = "coverage.weekly"
AT_ONCE: Final = 200
_FROM: Final = time(8)
_LONGER_THAN_A_WEEK_S: Final = 8 * 86_400
# More than that nobody reads in a mail; the page has all of them.
_MOST_LINES: Final = 20


class Page(NamedTuple):
    """Some organizations: those that are due, and after which one the next page begins (None: that was the last)."""

    due: list[UUID]
    last: UUID | None


def due(*, at: datetime, after: UUID | None, most: int = AT_ONCE) -> Page:
    """Who hasn't been looked at in this week of theirs, among so many organizations.

    Two statements, and the cache once. Call inside a system transaction.
    """
    rows = Organization.objects.alive().order_by("pk")
    if after is not None:
        rows = rows.filter(pk__gt=after)
    page = list(rows[:most])
    weeks = {key: row for row in page if (key := _key(row, at=at)) is not None}
    done = set(InboxItem.objects.filter(about__in=weeks).values_list("about", flat=True)) if weeks else set()
    looked_at = cache.get_many(weeks)
    left = [row.pk for key, row in weeks.items() if key not in done and key not in looked_at]
    return Page(left, page[-1].pk if len(page) == most else None)


def tell_owners(*, organization_id: UUID, at: datetime) -> bool:
    """Tell the organization's owners of its holes, if it has any and they haven't been told this week.

    Returns whether anybody was. Twice, or two at once, is the same as once. Call inside a system transaction.
    """
    rows = Organization.objects.alive().filter(pk=organization_id)
    # Who is at it at the same moment leaves it to the other; whoever comes after finds the items.
    organization = rows.select_for_update(skip_locked=True, no_key=True).first()
    key = None if organization is None else _key(organization, at=at)
    if organization is None or key is None or InboxItem.objects.filter(about=key).exists():
        return False
    found = finding.of_organization(organization=organization, at=at)
    owners = Membership.objects.for_organization(organization).current().filter(role=Role.OWNER)
    people = [] if found.ok else list(owners.filter(user__is_active=True).values_list("user_id", flat=True))
    if not people:
        cache.set(key, True, timeout=_LONGER_THAN_A_WEEK_S)
        return False
    tell(_notice(organization, found, key=key), people=people, at=at)
    return True


def _key(organization: Organization, *, at: datetime) -> str | None:
    """Which week's mail is due; None before Monday at eight, and in the week in which the organization began."""
    try:
        zone = ZoneInfo(organization.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = ZoneInfo("UTC")
    today = at.astimezone(zone).date()
    begin = instant(today - timedelta(days=today.weekday()), _FROM, zone)
    if at < begin or organization.created_at > begin:
        return None
    week = today.isocalendar()
    return f"coverage:{organization.pk}:{week.year}-W{week.week:02}"


def _notice(organization: Organization, found: Coverage, *, key: str) -> Notice:
    path = f"/o/{organization.slug}/coverage"
    headline = _headline(found)

    def said(user: User) -> Words:
        context = {
            "organization": organization,
            "headline": headline,
            "critical": found.critical,
            "holes": found.holes[:_MOST_LINES],
            "more": max(0, len(found.holes) - _MOST_LINES),
            "base": settings.PUBLIC_URL,
            "link": f"{settings.PUBLIC_URL}{path}",
        }
        return Words(
            subject=render_to_string("alerts/email/coverage.subject.txt", context).strip(),
            text=render_to_string("alerts/email/coverage.txt", context),
            html=outbox.inline_styles(render_to_string("alerts/email/coverage.html", context)),
            short=f"{organization.name}: {headline}. {found.holes[0].text}",
        )

    return Notice(
        organization_id=organization.pk,
        site_id=None,
        event=EVENT,
        about=key,
        severity=Severity.WARNING if found.critical else Severity.INFO,
        path=path,
        key=key,
        words=said,
    )


def _headline(found: Coverage) -> str:
    if not found.critical:
        return f"{many(found.warning, 'thing')} to mend before it matters"
    return "Something critical might reach nobody"
