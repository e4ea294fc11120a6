"""Secrets that programs sign in with: made once, shown once, stored as a hash."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import Final, NamedTuple

from organizations.models import AccessToken, ApiKey, Organization, User

# The beginnings let people (and scanners of public repositories) tell a leaked secret for what it is.
KEY_PREFIX: Final = "ftk_"
TOKEN_PREFIX: Final = "ftp_"  # noqa: S105 (no secret: only how one begins)


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
    scopes: list[str],
    by: User | None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new API key of the organization and, this once, its secret. Call inside a transaction."""
    fresh = make(KEY_PREFIX)
    key = ApiKey.objects.create(
        organization=organization,
        name=name,
        scopes=scopes,
        created_by=by,
        expires_at=expires_at,
        prefix=fresh.prefix,
        hash=fresh.hash,
    )
    return key, fresh.secret


def issue_token(*, user: User, name: str, expires_at: datetime | None = None) -> tuple[AccessToken, str]:
    """A new personal access token and, this once, its secret. Call inside a transaction."""
    fresh = make(TOKEN_PREFIX)
    token = AccessToken.objects.create(
        user=user, name=name, expires_at=expires_at, prefix=fresh.prefix, hash=fresh.hash
    )
    return token, fresh.secret


def revoke(*, secret: ApiKey | AccessToken, at: datetime) -> None:
    """Refuse whoever still uses it, within seconds. Twice is the same as once. Call inside a transaction."""
    if secret.revoked_at is None:
        secret.revoked_at = at
        secret.save(update_fields=["revoked_at"])
