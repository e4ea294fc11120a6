"""Offers of membership: sent by e-mail, bound to the address, good for some days and for one use.

An invitation is the organization's, not the inviter's: it stays good while its inviter could still make it, and is
revoked with the inviter's right to (organizations/membership.py), so that nobody leaves a door open behind them.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, cast
from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import dateformat
from django.utils.module_loading import import_string
from rest_framework import status

from freshtrack.errors import DomainError
from organizations import membership, secrets
from organizations.models import Invitation, Membership, Role, User

# Lets people and scanners tell a leaked link for what it is.
BEGINNING: Final = "fti_"


class AlreadyMember(DomainError):
    """Somebody with this address is a member already."""

    code = "already_member"


class Refusal(DomainError):
    """The invitation can't be accepted. Told in the organization's audit trail under `kind`."""

    kind: ClassVar[str]

    def __init__(self, words: str, *, invitation: Invitation) -> None:
        super().__init__(words)
        self.invitation = invitation


class Expired(Refusal):
    """Too late."""

    code = "invitation_expired"
    kind = "invitation_expired"


class Used(Refusal):
    """It was accepted before: a link works once."""

    code = "invitation_used"
    kind = "invitation_reused"


class Revoked(Refusal):
    """It was withdrawn, or replaced by a newer one."""

    code = "invitation_revoked"
    kind = "invitation_revoked_used"


class ForSomebodyElse(Refusal):
    """The address it was sent to isn't one of the person's verified ones."""

    code = "invitation_for_somebody_else"
    kind = "invitation_of_another_address"
    status = status.HTTP_403_FORBIDDEN


def state_of(invitation: Invitation, *, at: datetime) -> str:
    """One of pending, accepted, revoked, expired."""
    if invitation.accepted_at is not None:
        return "accepted"
    if invitation.revoked_at is not None:
        return "revoked"
    return "expired" if invitation.expires_at <= at else "pending"


def in_state(state: str, *, at: datetime) -> Q:
    """The same as a filter."""
    return {
        "accepted": Q(accepted_at__isnull=False),
        "revoked": Q(revoked_at__isnull=False),
        "expired": Q(accepted_at=None, revoked_at=None, expires_at__lte=at),
        "pending": Q(accepted_at=None, revoked_at=None, expires_at__gt=at),
    }[state]


def invite(*, email: str, role: str, sites: Collection[UUID] | None, by: Membership, at: datetime) -> Invitation:
    """Offer membership to an address; the link is sent to it and is nowhere else to be had. Call inside a transaction.

    An earlier invitation of the same address is revoked. Raises NotAMember, NotAllowed, AlreadyMember.
    """
    organization = membership.lock(by.organization_id)
    by = membership.current(by)
    membership.may_manage(by, roles=(role,))
    members = Membership.objects.current().for_organization(organization)
    if members.filter(user__email__iexact=email).exists():
        raise AlreadyMember("This person is a member already.")
    mine = Invitation.objects.for_organization(organization)
    mine.filter(email__iexact=email, accepted_at=None, revoked_at=None).update(revoked_at=at)
    fresh = secrets.make(BEGINNING)
    invitation = Invitation.objects.create(
        organization=organization,
        email=email,
        role=role,
        site_ids=None if sites is None else list(dict.fromkeys(sites)),
        hash=fresh.hash,
        invited_by=by.user,
        created_at=at,
        expires_at=at + timedelta(days=settings.INVITATION_DAYS),
    )
    _send(invitation, token=fresh.secret, at=at)
    return invitation


def resend(*, invitation: Invitation, by: Membership, at: datetime) -> Invitation:
    """Send a new link with a new time; the old link is dead. In the name of who does it. Call inside a transaction.

    Raises NotAMember, NotAllowed, and Used or Revoked if it isn't open any more.
    """
    membership.lock(invitation.organization_id)
    invitation = Invitation.objects.select_related("organization").get(pk=invitation.pk)
    by = membership.current(by)
    membership.may_manage(by, roles=(invitation.role,))
    if invitation.accepted_at is not None:
        raise Used("This invitation was accepted already.", invitation=invitation)
    if invitation.revoked_at is not None:
        raise Revoked("This invitation was withdrawn. Send a new one.", invitation=invitation)
    fresh = secrets.make(BEGINNING)
    invitation.hash = fresh.hash
    invitation.invited_by = by.user
    invitation.expires_at = at + timedelta(days=settings.INVITATION_DAYS)
    invitation.save(update_fields=["hash", "invited_by", "expires_at"])
    _send(invitation, token=fresh.secret, at=at)
    return invitation


def revoke(*, invitation: Invitation, by: Membership, at: datetime) -> None:
    """Make the link worthless. Twice is the same as once. Call inside a transaction.

    Raises NotAMember, NotAllowed, and Used if the person joined already.
    """
    membership.lock(invitation.organization_id)
    invitation = Invitation.objects.get(pk=invitation.pk)
    membership.may_manage(membership.current(by), roles=(invitation.role,))
    if invitation.accepted_at is not None:
        raise Used("This invitation was accepted already. Remove the member instead.", invitation=invitation)
    if invitation.revoked_at is None:
        invitation.revoked_at = at
        invitation.save(update_fields=["revoked_at"])


def of_token(token: str) -> Invitation | None:
    """The invitation that the link belongs to, of a living organization. Call inside a system transaction."""
    return (
        Invitation.objects.select_related("organization", "invited_by")
        .filter(hash=secrets.digest(token), organization__deleted_at=None)
        .first()
    )


def for_person(user: User, *, at: datetime) -> Any:
    """What the person could accept now, through verified addresses. Call inside a system transaction."""
    addresses = EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True)
    anyone = Q(pk__in=[])
    for address in addresses:
        anyone |= Q(email__iexact=address)
    return (
        Invitation.objects.pending(at=at)
        .filter(anyone, organization__deleted_at=None)
        .select_related("organization", "invited_by")
    )


def accept(*, invitation: Invitation, by: User, at: datetime) -> Membership:
    """Join with the role and sites that were offered; the invitation is used up. Call inside a system transaction.

    Somebody who is a member already stays as they are: what members may do is changed where both sides see it.
    Raises Expired, Used, Revoked, ForSomebodyElse; then the caller tells it (Refusal.kind) in another transaction.
    """
    organization = membership.lock(invitation.organization_id)
    invitation = Invitation.objects.get(pk=invitation.pk)  # under the lock: of two at once the second sees the first
    if not EmailAddress.objects.filter(user=by, verified=True, email__iexact=invitation.email).exists():
        raise ForSomebodyElse(
            "This invitation was sent to another address. Sign in with that one, or add and verify it.",
            invitation=invitation,
        )
    _still_open(invitation, at=at)
    invitation.accepted_at, invitation.accepted_by = at, by
    invitation.save(update_fields=["accepted_at", "accepted_by"])
    member = Membership.objects.current().filter(organization=organization, user=by).first()
    if member is None:
        member = membership.join(organization=organization, user=by, role=invitation.role, sites=invitation.site_ids)
    member.organization = organization
    return member


def _still_open(invitation: Invitation, *, at: datetime) -> None:
    state = state_of(invitation, at=at)
    if state == "accepted":
        raise Used("This invitation was accepted already. A link works once.", invitation=invitation)
    if state == "revoked":
        raise Revoked("This invitation was withdrawn. Ask for a new one.", invitation=invitation)
    if state == "expired":
        raise Expired("This invitation has expired. Ask for a new one.", invitation=invitation)


def _send(invitation: Invitation, *, token: str, at: datetime) -> None:
    """Promise the e-mail. The outbox is a room above this one, so settings say where it is."""
    inviter = cast("User", invitation.invited_by)
    words = {
        "organization": invitation.organization,
        "inviter": inviter,
        "role": Role(invitation.role).label.lower(),
        "restricted": invitation.site_ids is not None,
        "until": dateformat.format(invitation.expires_at, "D j M Y, H:i"),
        "link": f"{settings.PUBLIC_URL}/invitation/{token}",
    }
    import_string(settings.OUTBOX)(
        organization=invitation.organization,
        to=invitation.email,
        event="invitation",
        about=f"invitation:{invitation.pk}",
        subject=render_to_string("organizations/email/invitation.subject.txt", words).strip(),
        text=render_to_string("organizations/email/invitation.txt", words),
        html=render_to_string("organizations/email/invitation.html", words),
        dedupe_key=f"invitation:{invitation.pk}:{invitation.hash[:16]}",
        at=at,
    )
