"""An organization's own life: founded, changed, deleted, brought back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.module_loading import import_string
from rest_framework import status

from freshtrack.errors import DomainError
from organizations import membership, slugs
from organizations.models import Organization, Role, User

# How long a deleted organization can be brought back. organizations/purging.py removes it for good after that.
RESTORABLE: Final = timedelta(days=30)


class TooLate(DomainError):
    """The organization was deleted too long ago."""

    code = "too_late"


class AddressNotVerified(DomainError):
    """Nobody knows yet whether the person can be reached."""

    code = "address_not_verified"
    status: ClassVar[int] = status.HTTP_403_FORBIDDEN


def may_found(person: User) -> None:
    """Whether the person has a verified address. Call inside a system transaction.

    Raises AddressNotVerified.
    """
    if not EmailAddress.objects.filter(user=person, verified=True).exists():
        raise AddressNotVerified("Verify your e-mail address first.")


def found(*, name: str, slug: str = "", time_zone: str = "UTC", owner: User) -> Organization:
    """A new organization with its first owner and everything that it starts with. In a system transaction.

    Without slug one is made of the name, with a number if others have it. The rooms above furnish it, for example
    with the default rules of each kind of unit (settings.FURNISHINGS). Raises SlugTaken for a slug that was given.
    """
    organization = _stored(name=name, slug=slug, time_zone=time_zone, email=owner.email)
    # nextval runs in the database; the short number is needed for readings.
    organization.refresh_from_db(fields=["number"])
    membership.join(organization=organization, user=owner, role=Role.OWNER)
    for path in settings.FURNISHINGS:
        import_string(path)(organization=organization)
    return organization


def _stored(*, slug: str, **fields: Any) -> Organization:
    """The row with a slug that is kept for it."""
    wanted = [slug] if slug else slugs.candidates(fields["name"])
    for candidate in slugs.free(among=wanted):
        try:
            # Somebody else may take it at this moment: the database decides, and the next one is tried.
            with transaction.atomic():
                organization = Organization.objects.create(slug=candidate, **fields)
                slugs.claim(organization=organization, slug=candidate)
        except (IntegrityError, slugs.SlugTaken):
            continue
        return organization
    raise slugs.SlugTaken(f"The address “{slug}” is taken. Choose another.")


def change(*, organization: Organization, slug: str | None = None, **fields: Any) -> Organization:
    """Rename it, move its address, its invoices or its clock. Links with the old slug lead to the new one.

    `fields` are name, email, time_zone and acknowledgement_minutes. Call inside a transaction. Raises SlugTaken.
    """
    if slug is not None and slug != organization.slug:
        slugs.move(organization=organization, slug=slug)
    for field, value in fields.items():
        setattr(organization, field, value)
    if fields:
        organization.save(update_fields=list(fields))
    return organization


def delete(*, organization: Organization, at: datetime) -> None:
    """Everything of it is gone for everybody within seconds; an owner can bring it back for 30 days.

    Twice is the same as once. Call inside a transaction.
    """
    Organization.objects.filter(pk=organization.pk, deleted_at=None).update(deleted_at=at)


def restorable_until(organization: Organization) -> datetime | None:
    """Until when a deleted organization can be brought back; None for a living one."""
    return None if organization.deleted_at is None else organization.deleted_at + RESTORABLE


def restore(*, organization: Organization, at: datetime) -> Organization:
    """Bring a deleted organization back as it was. Twice is the same as once. Call inside a transaction.

    Raises TooLate after 30 days, whether or not its rows are still there.
    """
    organization = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    until = restorable_until(organization)
    if until is not None and until <= at:
        raise TooLate("This organization was deleted too long ago to be brought back.")
    organization.deleted_at = None
    organization.save(update_fields=["deleted_at"])
    return organization
