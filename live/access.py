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

from organizations import authentication, throttling
from organizations.models import AccessToken, Membership, Organization, TokenScope, User
from organizations.oidc.tokens import Claims
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
    # Another issuer's token ends by itself, in seconds since 1970.
    expires_at: float | None = None
    # A token for reading opens a screen; it takes charge of nothing.
    may_write: bool = True


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


def claims_of(bearer: str | None, *, address: str) -> Claims | None:
    """What another issuer's token says; None for other credentials. May take seconds, and uses no database.

    Raises Refused.
    """
    if bearer is None:
        return None
    try:
        return authentication.claims_of(bearer)
    except authentication.IssuerUnavailable as error:
        raise Refused(TRY_AGAIN, str(error.detail)) from error
    except authentication.BadBearer as bad:
        raise _refused(bad, address=address) from bad


def admit(
    *,
    slug: str,
    bearer: str | None,
    claims: Claims | None = None,
    session_user: Any,
    session_key: str | None,
    same_origin: bool,
    address: str = "",
) -> Grant:
    """Who is it, and which organization? `claims` are what claims_of said of the bearer.

    Blocks: call it in a thread. Opens its own transactions. Raises Refused.
    """
    access = None
    if bearer is not None:
        user, access = _person(bearer, claims, slug=slug, address=address)
    elif same_origin and session_user is not None and session_user.is_authenticated:
        user = session_user
    else:
        raise Refused(WHO_ARE_YOU, "Sign in first.")
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
        token_id=access.token.pk if access and access.token else None,
        session_key=None if access else session_key,
        expires_at=access.expires_at if access else None,
        may_write=access is None or TokenScope.WRITE in access.scopes,
    )


def _person(bearer: str, claims: Claims | None, *, slug: str, address: str) -> tuple[User, authentication.Access]:
    now = timezone.now()
    try:
        user, access = authentication.person_of(bearer, claims, at=now)
    except authentication.BadBearer as bad:
        if bad.token is not None:
            authentication.tell_of_use(bad.token, slug=slug, at=now)
        raise _refused(bad, address=address) from bad
    if TokenScope.READ not in access.scopes:
        raise Refused(NOT_YOURS, "This token may not read.")
    return user, access


def _refused(bad: authentication.BadBearer, *, address: str) -> Refused:
    wait = throttling.bad_credentials(address)
    return Refused(TOO_MANY, f"Too many attempts. Try again in {wait} s.") if wait else Refused(WHO_ARE_YOU, str(bad))


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
        if (
            (grant.token_id and grant.token_id not in tokens)
            or (grant.session_key and grant.session_key not in sessions)
            or (grant.expires_at is not None and grant.expires_at <= now.timestamp())
        ):
            over[grant] = WHO_ARE_YOU
        elif members.get(grant.membership_id) != (grant.role, grant.sites):
            over[grant] = NOT_YOURS  # also other rights than before: the client comes back with the new ones
    return over


def _sites(site_ids: Iterable[UUID] | None) -> frozenset[UUID] | None:
    return None if site_ids is None else frozenset(site_ids)
