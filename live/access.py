"""May this socket be open, and may it stay open? Credentials come in three ways and never in the query string."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from organizations import secrets
from organizations.models import AccessToken, Membership, Organization, User
from organizations.scoped_views import membership_of
from organizations.tenancy import acting_as_system

SUBPROTOCOL: Final = "freshtrack.v1"
_BEARER: Final = "bearer."

# Close codes of the contract.
WHO_ARE_YOU: Final = 4401
NOT_YOURS: Final = 4403
NO_SUCH_ORGANIZATION: Final = 4404
TOO_MANY: Final = 4429
TRY_AGAIN: Final = 1013  # RFC 6455's registry: "Try Again Later"


class Refused(Exception):
    """The socket is accepted and closed with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class Grant:
    """Why a socket is open; all of it must stay true while it is. `sites`: those the member may see; None: all."""

    user: User
    membership_id: UUID
    organization: Organization
    role: str
    # Compared too, like the role: a grant with another restriction is another grant.
    sites: frozenset[UUID] | None
    membership: Membership = field(compare=False, repr=False)
    token_id: UUID | None = None
    session_key: str | None = None


def bearer_of(scope: Any) -> str | None:
    """The token from the Authorization header or from the offered subprotocols."""
    for name, value in scope["headers"]:
        if name.lower() == b"authorization":
            kind, _, secret = value.decode("latin-1").partition(" ")
            if kind.lower() == "bearer":
                return str(secret.strip())
    for offered in scope.get("subprotocols") or ():
        if offered.startswith(_BEARER):
            return str(offered.removeprefix(_BEARER))
    return None


def is_same_origin(scope: Any) -> bool:
    """A cookie counts only from our own pages: browsers send it along with anybody's.

    Browsers always say where a socket comes from; whoever doesn't is no browser and brought the cookie on purpose.
    """
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    origin = headers.get(b"origin")
    if origin is None:
        return True
    return bool(origin.rstrip("/") == settings.PUBLIC_URL or urlsplit(origin).netloc == headers.get(b"host"))


def admit(*, slug: str, bearer: str | None, session_user: Any, session_key: str | None, same_origin: bool) -> Grant:
    """Who is it, and which organization? Blocks: call it in a thread. Opens its own transactions.

    Raises Refused.
    """
    with acting_as_system("live"):
        user, token_id = _person(bearer, session_user if same_origin else None)
    membership = membership_of(user, slug)
    if membership is None:
        raise Refused(NO_SUCH_ORGANIZATION, "You have no organization with this name.")
    return Grant(
        user=user,
        membership_id=membership.pk,
        organization=membership.organization,
        role=membership.role,
        sites=_sites(membership.site_ids),
        membership=membership,
        token_id=token_id,
        session_key=None if token_id else session_key,
    )


def _person(bearer: str | None, session_user: Any) -> tuple[User, UUID | None]:
    if bearer is not None:
        token = AccessToken.objects.select_related("user").filter(hash=secrets.digest(bearer)).first()
        if token is None or not token.is_usable(at=timezone.now()) or not token.user.is_active:
            raise Refused(WHO_ARE_YOU, "This token is unknown, expired or revoked.")
        return token.user, token.pk
    if session_user is None or not session_user.is_authenticated:
        raise Refused(WHO_ARE_YOU, "Sign in first.")
    return session_user, None


def ended(grants: Iterable[Grant]) -> dict[Grant, int]:
    """Those whose reason is gone, with the close code. Blocks: call it in a thread. Opens its own transaction."""
    grants = list(grants)
    now = timezone.now()
    with acting_as_system("live"):
        members = {
            key: (role, _sites(site_ids))
            for key, role, site_ids in Membership.objects.current()
            .filter(pk__in={g.membership_id for g in grants}, organization__deleted_at=None, user__is_active=True)
            .values_list("pk", "role", "site_ids")
        }
        tokens = {
            token.pk
            for token in AccessToken.objects.filter(pk__in={g.token_id for g in grants if g.token_id})
            if token.is_usable(at=now)
        }
        keys = {g.session_key for g in grants if g.session_key}
        sessions = set(
            Session.objects.filter(session_key__in=keys, expire_date__gt=now).values_list("session_key", flat=True)
        )
    over: dict[Grant, int] = {}
    for grant in grants:
        if (grant.token_id and grant.token_id not in tokens) or (
            grant.session_key and grant.session_key not in sessions
        ):
            over[grant] = WHO_ARE_YOU
        elif members.get(grant.membership_id) != (grant.role, grant.sites):
            over[grant] = NOT_YOURS  # also other rights than before: the client comes back with the new ones
    return over


def _sites(site_ids: Iterable[UUID] | None) -> frozenset[UUID] | None:
    return None if site_ids is None else frozenset(site_ids)
