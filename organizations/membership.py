"""Founding an organization, joining and leaving it."""

from __future__ import annotations

from datetime import datetime

from django.utils.text import slugify

from organizations.models import Membership, Organization, Role, User


def found(*, name: str, slug: str = "", time_zone: str = "UTC", owner: User) -> Organization:
    """A new organization with its first owner. Call inside a system transaction ("founding" or "seeding").

    Rules and other furniture are laid by the caller, who sits above this room (see alerts/profiles.py).
    """
    organization = Organization.objects.create(
        name=name, slug=slug or slugify(name), time_zone=time_zone, email=owner.email
    )
    # nextval runs in the database; the short number is needed for readings.
    organization.refresh_from_db(fields=["number"])
    join(organization=organization, user=owner, role=Role.OWNER)
    return organization


def join(*, organization: Organization, user: User, role: Role) -> Membership:
    """Make the person a member, or give a member another role. Twice is the same as once. Call inside a transaction."""
    membership, _ = Membership.objects.update_or_create(
        organization=organization, user=user, ended_at=None, defaults={"role": role}
    )
    return membership


def leave(*, membership: Membership, at: datetime) -> None:
    """End a membership; records go on naming the person. Twice is the same as once. Call inside a transaction."""
    if membership.ended_at is None:
        membership.ended_at = at
        membership.save(update_fields=["ended_at"])
