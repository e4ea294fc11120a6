"""Whom can we reach, and where?"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from notifications.models import ContactKind, ContactMethod
from organizations.models import User


def addresses(
    *, organization_id: UUID, site_id: UUID | None, roles: Iterable[str], kinds: Iterable[str]
) -> QuerySet[ContactMethod]:
    """Verified contact methods of the organization's current, active members with these roles. Inside a transaction.

    Only of those who may see the site; without one, only of those who may see all of them.
    """
    may_see_it = Q(user__memberships__site_ids=None)
    if site_id is not None:
        may_see_it |= Q(user__memberships__site_ids__contains=[site_id])
    return (
        # One filter: all of it must hold of the same membership.
        ContactMethod.objects.filter(
            may_see_it,
            kind__in=list(kinds),
            verified_at__isnull=False,
            user__is_active=True,
            user__memberships__organization_id=organization_id,
            user__memberships__ended_at=None,
            user__memberships__role__in=list(roles),
        )
        .select_related("user")
        .order_by("user__email", "pk")
        .distinct()
    )


def keep_sign_in_address(*, user: User) -> ContactMethod:
    """The verified sign-in address is a contact method. Twice is the same as once. Call inside a system transaction."""
    contact, _ = ContactMethod.objects.get_or_create(
        user=user, kind=ContactKind.EMAIL, address=user.email, defaults={"verified_at": timezone.now()}
    )
    return contact


def replace_sign_in_address(*, user: User, former: str) -> ContactMethod:
    """The sign-in address was verified: told there from now on, and no longer at the former one. Twice is as once.

    Call inside a system transaction.
    """
    if former != user.email:
        ContactMethod.objects.filter(user=user, kind=ContactKind.EMAIL, address=former).delete()
    return keep_sign_in_address(user=user)
