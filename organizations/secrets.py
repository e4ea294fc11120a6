"""Secrets that programs sign in with: made once, shown once, stored as a hash."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime
from typing import Final, NamedTuple

from django.db.models import Q
from rest_framework import status

from freshtrack.errors import DomainError
from organizations import membership
from organizations.models import AccessToken, ApiKey, Organization, TokenScope, User

# The beginnings let people (and scanners of public repositories) tell a leaked secret for what it is.
KEY_PREFIX: Final = "ftk_"
TOKEN_PREFIX: Final = "ftp_"  # noqa: S105 (no secret: only how one begins)


# Usable ones at a time. Far more than anybody looks after; a program that makes one each minute is stopped.
MOST_KEYS: Final = 2000
MOST_TOKENS: Final = 1000


class TooMany(DomainError):
    """Nobody can look after so many."""

    code = "too_many"


class BeyondItself(DomainError):
    """A token made with a token would be worth more than that one: whoever found it could widen it and keep it."""

    code = "insufficient_scope"
    status = status.HTTP_403_FORBIDDEN


class Fresh(NamedTuple):
    """A new secret in clear, and what is stored of it."""

    secret: str
    prefix: str
    hash: str


def digest(secret: str) -> str:
    """SHA-256 in hex. Enough for 256 random bits: there is nothing to guess."""
    return hashlib.sha256(secret.encode()).hexdigest()


def make(beginning: str) -> Fresh:
    """A secret of 43 random characters after `beginning`."""
    secret = beginning + secrets.token_urlsafe(32)
    return Fresh(secret, secret[:12], digest(secret))


def issue_key(
    *,
    organization: Organization,
    name: str,
    scopes: Collection[str],
    by: User | None,
    at: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new API key of the organization and, this once, its secret. Call inside a transaction.

    Raises TooMany.
    """
    membership.lock(organization.pk)  # of two at once the second counts the first
    if ApiKey.objects.usable(at=at).filter(organization=organization).count() >= MOST_KEYS:
        raise TooMany(f"There are {MOST_KEYS} usable keys. Revoke some that nobody needs first.")
    fresh = make(KEY_PREFIX)
    key = ApiKey.objects.create(
        organization=organization,
        name=name,
        scopes=sorted(scopes),
        created_by=by,
        created_at=at,
        expires_at=expires_at,
        prefix=fresh.prefix,
        hash=fresh.hash,
    )
    return key, fresh.secret


def issue_token(
    *,
    user: User,
    name: str,
    at: datetime,
    scopes: Collection[str] = tuple(TokenScope.values),
    expires_at: datetime | None = None,
    made_with: AccessToken | None = None,
) -> tuple[AccessToken, str]:
    """A new personal access token and, this once, its secret. Call inside a system transaction.

    With `made_with` it may do no more than that token and lives no longer. Raises BeyondItself, TooMany.
    """
    if made_with is not None:
        _within(made_with, scopes=scopes, expires_at=expires_at)
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    usable = Q(expires_at=None) | Q(expires_at__gt=at)
    if AccessToken.objects.filter(usable, user=user, revoked_at=None).count() >= MOST_TOKENS:
        raise TooMany(f"You have {MOST_TOKENS} usable tokens. Revoke some that you don't need first.")
    fresh = make(TOKEN_PREFIX)
    token = AccessToken.objects.create(
        user=user,
        name=name,
        scopes=sorted(scopes),
        created_at=at,
        expires_at=expires_at,
        prefix=fresh.prefix,
        hash=fresh.hash,
    )
    return token, fresh.secret


def _within(token: AccessToken, *, scopes: Collection[str], expires_at: datetime | None) -> None:
    beyond = sorted(set(scopes) - set(token.scopes))
    if beyond:
        raise BeyondItself(f"The token that you use lacks the scope {beyond[0]}, so one made with it can't have it.")
    if token.expires_at is not None and (expires_at is None or expires_at > token.expires_at):
        raise BeyondItself("A token made with a token can't live longer than that one. Choose an earlier end.")


def revoke(*, secret: ApiKey | AccessToken, at: datetime) -> None:
    """Refuse whoever still uses it, within seconds. Twice is the same as once. Call inside a transaction."""
    if secret.revoked_at is None:
        secret.revoked_at = at
        secret.save(update_fields=["revoked_at"])
