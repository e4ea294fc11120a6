"""People of one organization, and something to tell them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from notifications.models import InboxItem, Notification
from notifications.telling import Notice, Words, tell
from organizations.models import Membership, Organization, Role, User
from tests.factories import NOON, ContactMethodFactory, MembershipFactory, SiteFactory, as_system


def manager(organization: Organization, **fields: Any) -> Membership:
    """Somebody with a verified e-mail address; `user__…` are fields of the person."""
    member: Membership = MembershipFactory(organization=organization, role=Role.MANAGER, **fields)
    ContactMethodFactory(user=member.user)
    return member


def said(subject: str) -> Any:
    """Words that show in which scale they were asked for."""

    def words(user: User) -> Words:
        scale = f"°{user.temperature_unit.upper()}"
        return Words(f"{subject} {scale}", f"{subject}, in full.", f"<p>{subject}, in full.</p>", f"{subject}.")

    return words


def notice(organization: Organization, number: int = 0, **fields: Any) -> Notice:
    """Cooler <number> is too warm, at a site; the same number is the same event."""
    site_id = fields.pop("site_id", None)
    base = Notice(
        organization_id=organization.pk,
        site_id=site_id or SiteFactory(organization=organization).pk,
        event="alert.opened",
        about=f"alert:{number}",
        severity="critical",
        path=f"/o/{organization.slug}/alerts/{number}",
        key=f"alert:{number}:opened",
        words=said(f"Cooler {number:02}"),
    )
    return replace(base, **fields)


def tell_them(what: Notice, members: Iterable[Membership], *, at: datetime = NOON) -> list[Notification]:
    """Those that are new."""
    with as_system():
        return tell(what, people=[member.user_id for member in members], at=at)


def messages(**which: Any) -> list[Notification]:
    """What was promised, oldest first."""
    with as_system():
        return list(Notification.objects.filter(**which).order_by("created_at", "pk"))


def items(**which: Any) -> list[InboxItem]:
    """What stands in inboxes, oldest first."""
    with as_system():
        return list(InboxItem.objects.filter(**which).order_by("created_at", "pk"))
