"""What happened, for each person to read in the app: whatever else it was sent by, and if it was sent by nothing."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection
from django.db.models import Q, QuerySet

from freshtrack.times import rfc3339, rfc3339_or_none
from notifications.models import InboxItem
from organizations import events
from organizations.models import Membership, Organization, User
from organizations.tenancy import acting_as_system

logger = logging.getLogger(__name__)

# A badge says 1000 and means "many": counting on would cost more with each message that nobody reads.
MOST_COUNTED: Final = 1000

# Only where the person belongs still, and of the sites that the person may see.
_UNREAD: Final = """
SELECT person.id, (
  SELECT count(*) FROM (
    SELECT FROM notifications_inboxitem item
    WHERE item.user_id = person.id AND item.read_at IS NULL AND (item.organization_id IS NULL OR EXISTS (
      SELECT FROM organizations_membership member
      JOIN organizations_organization home ON home.id = member.organization_id
      WHERE member.user_id = person.id AND member.organization_id = item.organization_id AND member.ended_at IS NULL
        AND home.deleted_at IS NULL
        AND (member.site_ids IS NULL OR item.site_id IS NULL OR item.site_id = ANY (member.site_ids))))
    LIMIT %s
  ) AS found)
FROM unnest(%s::uuid[]) AS person (id)
"""


def put(items: Sequence[InboxItem], *, at: datetime) -> dict[str, UUID]:
    """Put each item into its person's inbox, all of one organization; returns key -> item.

    Two statements however many. The same key again puts nothing: the item of before is returned. Open screens of each
    person are told once it is committed. Call inside a transaction.
    """
    if not items:
        return {}
    InboxItem.objects.bulk_create(items, ignore_conflicts=True)
    there = dict(
        InboxItem.objects.filter(dedupe_key__in=[item.dedupe_key for item in items]).values_list("dedupe_key", "pk")
    )
    new = [item.pk for item in items if there.get(item.dedupe_key) == item.pk]
    organization_id = items[0].organization_id
    if new and organization_id is not None:
        events.afterwards(lambda: _announce(organization_id, new))
    return there


def of_person(user: User) -> QuerySet[InboxItem]:
    """What the person finds there: of organizations and sites that are still the person's. In a system transaction."""
    visible = Q(organization=None)
    for membership in Membership.objects.current().filter(user=user, organization__deleted_at=None):
        there = Q(organization=membership.organization_id)
        if membership.site_ids is not None:
            there &= Q(site_id=None) | Q(site_id__in=membership.site_ids)
        visible |= there
    return InboxItem.objects.filter(visible, user=user)


def unread(people: Iterable[UUID]) -> dict[UUID, int]:
    """How many each of them hasn't read, counted up to MOST_COUNTED. One statement. Inside a system transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_UNREAD, [MOST_COUNTED, list(people)])
        return dict(cursor.fetchall())


def mark_read(*, user: User, item: InboxItem, at: datetime) -> InboxItem:
    """The person has read it, on every open screen. Twice is the same as once. Inside a system transaction."""
    if item.read_at is None:
        item.read_at = at
        InboxItem.objects.filter(pk=item.pk, read_at=None).update(read_at=at)
        _tell_own_screens(user, item=item)
    return item


def mark_all_read(*, user: User, organization: Organization | None, at: datetime) -> int:
    """The person has read everything, of one organization or of all; returns how many are left unread.

    Twice is the same as once. Inside a system transaction.
    """
    items = of_person(user).filter(read_at=None, created_at__lte=at)
    if organization is not None:
        items = items.filter(organization=organization)
    items.update(read_at=at)
    return _tell_own_screens(user, item=None)


def shape(item: InboxItem, *, slug: str | None) -> dict[str, Any]:
    """An item as screens see it."""
    return {
        "id": str(item.pk),
        "org": slug,
        "site": str(item.site_id) if item.site_id else None,
        "event": item.event,
        "about": item.about,
        "severity": item.severity,
        "subject": item.subject,
        "text": item.text,
        "path": item.path,
        "created_at": rfc3339(item.created_at),
        "read_at": rfc3339_or_none(item.read_at),
    }


def _announce(organization_id: UUID, ids: Collection[UUID]) -> None:
    """Show new items on their persons' open screens of the organization. Best effort: a screen that opens asks."""
    try:
        with acting_as_system("own account"):
            slug = Organization.objects.values_list("slug", flat=True).get(pk=organization_id)
            items = InboxItem.objects.filter(pk__in=ids)
            shown = {str(item.user_id): shape(item, slug=slug) for item in items}
            counts = {str(user_id): number for user_id, number in unread(UUID(name) for name in shown).items()}
            people = {name: {"item": item, "unread": counts[name]} for name, item in shown.items()}
            events.publish(organization_id, {"type": "inbox", "people": people})
    except (OperationalError, InterfaceError) as error:
        connection.close()  # it may be a thread that keeps its connection
        logger.warning("open screens weren't told of the inbox: %s", error)


def _tell_own_screens(user: User, *, item: InboxItem | None) -> int:
    """The badge on all open screens of the person, whatever organization they show."""
    left = unread([user.pk])[user.pk]
    homes = dict(Organization.objects.of_member(user).values_list("pk", "slug"))
    shown = shape(item, slug=homes.get(item.organization_id) if item.organization_id else None) if item else None
    for organization_id in homes:
        events.publish(organization_id, {"type": "inbox", "people": {str(user.pk): {"item": shown, "unread": left}}})
    return left
