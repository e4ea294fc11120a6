"""Whom can we reach, and where?"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from notifications.models import ContactKind, ContactMethod
from organizations.models import User


def addresses(*, organization_id: UUID, roles: Iterable[str], kinds: Iterable[str]) -> QuerySet[ContactMethod]:
    """Verified contact methods of the organization's current, active members with these roles. Inside a transaction."""
    return (
        ContactMethod.objects.filter(
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
