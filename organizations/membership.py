"""Joining an organization, changing what a member may do, and leaving it.

Who may change whom is judged here, under a lock of the organization's row: two owners who leave at the same moment
would otherwise each still see the other one.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from rest_framework import status

from freshtrack.errors import DomainError
from organizations.models import RESTRICTABLE, Invitation, Membership, Organization, Role, User
from organizations.permissions import member_may


class LastOwner(DomainError):
    """An organization without an owner could be neither handed on nor deleted by anybody."""

    code = "last_owner"


class NotAllowed(DomainError):
    """The member's rights changed meanwhile, or reach less far."""

    code = "permission_denied"
    status: ClassVar[int] = status.HTTP_403_FORBIDDEN


class OwnRole(DomainError):
    """Nobody gives rights to themselves, or takes them away by accident."""

    code = "own_role"
    status: ClassVar[int] = status.HTTP_403_FORBIDDEN


class NotAMember(DomainError):
    """The membership has ended."""

    code = "not_a_member"


class Unrestricted(DomainError):
    """Owners and administrators look after the whole organization."""

    code = "role_sees_all_sites"


class Unchanged:
    """Stands for what a change leaves as it is, since None means all sites."""


UNCHANGED: Final = Unchanged()


def join(*, organization: Organization, user: User, role: str, sites: Collection[UUID] | None = None) -> Membership:
    """Make the person a member, or give a member another role. Twice is the same as once. Call inside a transaction.

    `sites`: the only ones that the member may see, None for all of them.
    """
    membership, _ = Membership.objects.update_or_create(
        organization=organization,
        user=user,
        ended_at=None,
        defaults={"role": role, "site_ids": None if sites is None else list(sites)},
    )
    return membership


def change(
    *,
    membership: Membership,
    by: Membership,
    role: str | None = None,
    sites: Collection[UUID] | Unchanged | None = UNCHANGED,
    at: datetime,
) -> Membership:
    """Give a member another role, or other sites. Holds from the next request on. Call inside a transaction.

    A member who becomes an administrator or owner sees all sites again. Invitations that the member can no longer
    make are revoked. Raises NotAllowed, OwnRole, NotAMember, LastOwner, Unrestricted.
    """
    lock(membership.organization_id)
    by, membership = current(by), current(membership)
    new_role = role or membership.role
    may_manage(by, roles=(membership.role, new_role))
    if membership.pk == by.pk and (new_role != membership.role or not isinstance(sites, Unchanged)):
        raise OwnRole("You can't change your own role or sites. Ask another administrator, or leave.")
    if new_role != Role.OWNER:
        owner_stays_without(membership)
    return _given(membership, role=new_role, sites=sites, at=at)


def _given(
    membership: Membership, *, role: str, sites: Collection[UUID] | Unchanged | None = UNCHANGED, at: datetime
) -> Membership:
    if isinstance(sites, Unchanged):
        sites = membership.site_ids if role in RESTRICTABLE else None
    if sites is not None and role not in RESTRICTABLE:
        raise Unrestricted("Owners and administrators see all sites.")
    membership.role = role
    membership.site_ids = None if sites is None else list(dict.fromkeys(sites))
    membership.save(update_fields=["role", "site_ids"])
    withdraw_invitations(inviter=membership, at=at)
    return membership


def hand_over(*, to: Membership, by: Membership, step_down: bool, at: datetime) -> Membership:
    """Make a member an owner; with `step_down` the one who does it becomes an administrator. In a transaction.

    Twice is the same as once. Raises NotAllowed, NotAMember.
    """
    lock(to.organization_id)
    by, to = current(by), current(to)
    if not member_may(by, "organization.transfer"):
        raise NotAllowed("Only an owner can hand ownership on.")
    to = _given(to, role=Role.OWNER, at=at)
    if step_down and to.pk != by.pk:
        _given(by, role=Role.ADMIN, at=at)
    return to


def remove(*, membership: Membership, by: Membership, at: datetime) -> None:
    """End somebody else's membership: refused within seconds everywhere. Call inside a transaction.

    Invitations that the member made and nobody accepted yet are revoked. Twice is the same as once.
    Raises NotAllowed, OwnRole, LastOwner.
    """
    lock(membership.organization_id)
    by = current(by)
    membership = Membership.objects.get(pk=membership.pk)
    may_manage(by, roles=(membership.role,))
    if membership.pk == by.pk:
        raise OwnRole("You can't remove yourself. Leave instead.")
    _end(membership, at=at)


def leave(*, membership: Membership, at: datetime) -> None:
    """End a membership; records go on naming the person. Twice is the same as once. Call inside a transaction.

    Raises LastOwner.
    """
    lock(membership.organization_id)
    _end(Membership.objects.get(pk=membership.pk), at=at)


def _end(membership: Membership, *, at: datetime) -> None:
    if membership.ended_at is not None:
        return
    owner_stays_without(membership)
    membership.ended_at = at
    membership.save(update_fields=["ended_at"])
    withdraw_invitations(inviter=membership, at=at)


def lock(organization_id: UUID) -> Organization:
    """Let one change of members happen at a time. Readings go on: they only need the row to exist."""
    return Organization.objects.select_for_update(no_key=True).get(pk=organization_id)


def current(membership: Membership) -> Membership:
    """The membership as it is now. Call with the organization's row locked: somebody may have changed it meanwhile.

    Raises NotAMember if it has ended.
    """
    row = Membership.objects.select_related("organization").get(pk=membership.pk)
    if row.ended_at is not None:
        raise NotAMember("This membership has ended.")
    return row


def may_manage(by: Membership, *, roles: Collection[str]) -> None:
    """Whether the member may give and take these roles.

    Raises NotAllowed.
    """
    if not member_may(by, "members.change"):
        raise NotAllowed("Your role in this organization doesn't allow this.")
    if Role.OWNER in roles and not member_may(by, "owners.change"):
        raise NotAllowed("Only an owner can invite, change or remove owners.")


def owner_stays_without(membership: Membership) -> None:
    """Whether somebody else is an owner, if this one is. Call with the organization's row locked.

    Raises LastOwner.
    """
    if membership.role != Role.OWNER:
        return
    owners = Membership.objects.current().filter(
        organization_id=membership.organization_id, role=Role.OWNER, user__is_active=True
    )
    if not owners.exclude(pk=membership.pk).exists():
        raise LastOwner("An organization needs an owner. Make somebody else an owner first.")


def withdraw_invitations(*, inviter: Membership, at: datetime) -> None:
    """Revoke the member's invitations which the member could no longer make.

    Otherwise somebody about to be removed could leave a door open that nobody thinks of. Call inside a transaction.
    """
    pending = Invitation.objects.pending(at=at)
    theirs = pending.filter(organization_id=inviter.organization_id, invited_by_id=inviter.user_id)
    if inviter.ended_at is None and member_may(inviter, "owners.change"):
        return
    if inviter.ended_at is None and member_may(inviter, "members.change"):
        theirs = theirs.filter(role=Role.OWNER)
    theirs.update(revoked_at=at)
