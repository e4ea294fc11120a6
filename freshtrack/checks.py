"""What must agree before we run: system checks with an id and a hint."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.db import connections

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def runtime_login_obeys_row_security(*, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """A superuser, or a login with BYPASSRLS, walks through the wall between customers."""
    problems: list[CheckMessage] = []
    for alias in databases or ():
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT rolsuper OR rolbypassrls, rolname FROM pg_roles WHERE rolname = current_user")
            row = cursor.fetchone()
        if row and row[0]:
            problems.append(
                Warning(
                    f"The database login {row[1]} ignores row-level security.",
                    hint="Let DATABASE_URL log in as freshtrack_app (deploy/postgres/roles.sql) and give the owner's "
                    "login in MIGRATION_DATABASE_URL.",
                    id="freshtrack.W001",
                )
            )
    return problems


def public_url_is_https(**kwargs: Any) -> list[CheckMessage]:
    """Cookies, links in e-mails and HSTS follow PUBLIC_URL."""
    if settings.HTTPS:
        return []
    return [
        Error(
            "PUBLIC_URL doesn't begin with https://.",
            hint="Set PUBLIC_URL to the address that people open, for example https://app.example.com.",
            id="freshtrack.E001",
        )
    ]


def identity_providers_can_be_asked(**kwargs: Any) -> list[CheckMessage]:
    """A mistake in OIDC_ISSUERS would refuse everybody, or believe somebody in between."""
    return [
        Error(
            f"OIDC_ISSUERS has an entry that can't be used: {issuer or 'no issuer'}.",
            hint="Write https://issuer.example/path=audience, the issuer exactly as in its tokens.",
            id="freshtrack.E002",
        )
        for issuer, audiences in settings.OIDC_ISSUERS.items()
        if not _is_safe(issuer) or len(issuer) > 300 or not all(audiences)
    ]


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )
