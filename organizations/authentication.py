"""Bearers of people: `Authorization: Bearer …` with a personal access token or another issuer's JWT."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions, status
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from organizations import secrets, security_events, throttling
from organizations.models import AccessToken, Membership, TokenScope, User
from organizations.oidc import people, tokens
from organizations.oidc.fetching import Unreachable
from organizations.tenancy import acting_as_system

# Writing "last used" with every request would make each read a write.
LAST_USED_RESOLUTION: Final = timedelta(minutes=1)
_ALL: Final = frozenset(TokenScope.values)
LONGEST: Final = tokens.LONGEST


class BadBearer(Exception):
    """Nobody is let in with this. `code` names why, the message is a sentence for the person."""

    def __init__(self, message: str, *, code: str = "authentication_failed", token: AccessToken | None = None) -> None:
        super().__init__(message)
        self.code = code
        # Ours, but no longer good.
        self.token = token


@dataclass(frozen=True)
class Access:
    """What a bearer opens (`request.auth`). `expires_at` is that of another issuer's token, in seconds since 1970.

    With `token` it is a personal access token, which may be revoked at any time.
    """

    scopes: frozenset[str]
    token: AccessToken | None = None
    expires_at: float | None = None


class IssuerUnavailable(exceptions.APIException):
    """Whether the token is good can't be told now; it isn't refused."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "issuer_unavailable"
    default_detail = "The identity provider doesn't answer. Try again in a moment."
    wait = 15


class InsufficientScope(exceptions.PermissionDenied):
    """The person may, this token of theirs may not."""

    default_code = "insufficient_scope"
    default_detail = "This token may not do this. Use one with another scope."


def claims_of(bearer: str) -> tokens.Claims | None:
    """What another issuer's token says; None for anything of our own. Asks the issuer for keys if need be, so it may
    take seconds, and uses no database.

    Raises BadBearer and IssuerUnavailable.
    """
    if bearer.startswith(secrets.TOKEN_PREFIX) or not tokens.looks_like_one(bearer):
        return None
    try:
        return tokens.verify(bearer)
    except tokens.BadToken as bad:
        raise BadBearer(str(bad), code=bad.code) from bad
    except Unreachable as error:
        raise IssuerUnavailable from error


def person_of(bearer: str, claims: tokens.Claims | None, *, at: datetime) -> tuple[User, Access]:
    """The active person whose bearer this is, with what claims_of said. Opens its own transactions.

    Raises BadBearer.
    """
    if claims is not None:
        try:
            return people.person_of(claims=claims, at=at), Access(_ALL, expires_at=claims.expires_at)
        except tokens.BadToken as bad:
            raise BadBearer(str(bad), code=bad.code) from bad
    if bearer.startswith(secrets.KEY_PREFIX):
        raise BadBearer("This is a key for sending readings. Here a person's token is needed.")
    token = None if len(bearer) > LONGEST else _token(bearer, at=at)
    if token is None:
        raise BadBearer("This token is unknown, expired or revoked.")
    if token.revoked_at is not None:
        raise BadBearer("This token was revoked.", code="token_revoked", token=token)
    if not token.is_usable(at=at):
        raise BadBearer("This token has expired.", code="token_expired", token=token)
    if not token.user.is_active:
        raise BadBearer("This account is switched off.", code="account_disabled")
    return token.user, Access(frozenset(token.scopes), token=token)


def _token(secret: str, *, at: datetime) -> AccessToken | None:
    with acting_as_system("sign-in"):
        token = AccessToken.objects.select_related("user").filter(hash=secrets.digest(secret)).first()
        if token is None or not token.is_usable(at=at) or not token.user.is_active:
            return token
        if token.last_used_at is None or at - token.last_used_at > LAST_USED_RESOLUTION:
            AccessToken.objects.filter(pk=token.pk).update(last_used_at=at)
        return token


def tell_of_use(token: AccessToken, *, slug: str, at: datetime) -> None:
    """Somebody tried a token that is no longer good on an organization of its person: told there, once an hour.

    Opens its own transaction.
    """
    with acting_as_system("sign-in"):
        membership = (
            Membership.objects.current()
            .select_related("organization")
            .filter(user=token.user_id, organization__slug=slug, organization__deleted_at=None)
            .first()
        )
        if membership is not None:
            security_events.note_use_of(token, organization=membership.organization, user=token.user, at=at)


class BearerAuthentication(BaseAuthentication):
    """A request without bearer goes on to the session; one with a bad bearer is refused."""

    def authenticate(self, request: Request) -> tuple[User, Access] | None:
        """(person, what the bearer opens), or None without an Authorization header of ours.

        Raises AuthenticationFailed (401), Throttled (429) after too many of those, IssuerUnavailable (503), and
        InsufficientScope (403) for a token that may not use this method anywhere.
        """
        kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return None
        bearer, now = bearer.strip(), timezone.now()
        try:
            user, access = person_of(bearer, claims_of(bearer), at=now)
        except BadBearer as bad:
            self._refused(request, bad, at=now)
            raise exceptions.AuthenticationFailed(str(bad), code=bad.code) from bad
        needed = TokenScope.READ if request.method in SAFE_METHODS else TokenScope.WRITE
        if needed not in access.scopes:
            raise InsufficientScope
        return user, access

    def _refused(self, request: Request, bad: BadBearer, *, at: datetime) -> None:
        slug = (request.parser_context or {}).get("kwargs", {}).get("organization")
        if bad.token is not None and slug:
            tell_of_use(bad.token, slug=slug, at=at)
        wait = throttling.bad_credentials(request.META.get("REMOTE_ADDR") or "")
        if wait:
            raise exceptions.Throttled(wait) from bad

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return 'Bearer realm="FreshTrack"'


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the API's schema describes bearers; found by drf-spectacular because it is a subclass."""

    target_class = BearerAuthentication
    name = ["accessToken", "identityProvider"]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        """Either of them."""
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        """RFC 6750, in the order of `name`."""
        bearer = {"type": "http", "scheme": "bearer"}
        return [
            {**bearer, "description": "A personal access token, `ftp_…`: /api/v1/me/access-tokens/."},
            {
                **bearer,
                "bearerFormat": "JWT",
                "description": "A token of an identity provider that the installation trusts (OIDC_ISSUERS).",
            },
        ]
