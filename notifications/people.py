"""Whom can we reach, and where?"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from notifications.models import ContactKind, ContactMethod
from organizations.models import Membership, User


def members(*, organization_id: UUID, site_id: UUID | None, roles: Iterable[str]) -> QuerySet[Membership]:
    """The organization's current, active members with these roles who may see the site. Inside a transaction.

    Without a site only those who may see all of them.
    """
    may_see_it = Q(site_ids=None)
    if site_id is not None:
        may_see_it |= Q(site_ids__contains=[site_id])
    return Membership.objects.current().filter(
        may_see_it, organization_id=organization_id, role__in=list(roles), user__is_active=True
    )


def masked(address: str) -> str:
    """An address as its owner recognises it and nobody else learns it: c•••@example.com, •••0100."""
    name, at, domain = address.rpartition("@")
    return f"{name[:1]}•••@{domain}" if at else f"•••{address[-4:]}" if len(address) > 6 else "•••"


def keep_sign_in_address(*, user: User) -> ContactMethod:
    """The verified sign-in address is a contact method. Twice is the same as once. Call inside a system transaction."""
    now = timezone.now()
    mine = ContactMethod.objects.filter(user=user, kind=ContactKind.EMAIL, address__iexact=user.email)
    contact = mine.order_by("pk").first()
    if contact is None:
        return ContactMethod.objects.get_or_create(
            user=user, kind=ContactKind.EMAIL, address=user.email, defaults={"verified_at": now}
        )[0]
    if contact.verified_at is None:
        # The person had added it before, and never typed the code.
        contact.verified_at = now
        contact.save(update_fields=["verified_at"])
    return contact


def replace_sign_in_address(*, user: User, former: str) -> ContactMethod:
    """The sign-in address was verified: told there from now on, and no longer at the former one. Twice is as once.

    Call inside a system transaction.
    """
    if former != user.email:
        ContactMethod.objects.filter(user=user, kind=ContactKind.EMAIL, address=former).delete()
    contact = keep_sign_in_address(user=user)
    if contact.disabled_at is not None:
        # A code came back from there just now: it works again.
        contact.verified_at, contact.disabled_at, contact.disabled_because = timezone.now(), None, ""
        contact.save(update_fields=["verified_at", "disabled_at", "disabled_because"])
    return contact
