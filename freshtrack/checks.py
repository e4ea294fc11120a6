"""What must agree before we run: system checks with an id and a hint."""

import re
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


def rates_are_rates(**kwargs: Any) -> list[CheckMessage]:
    """A limit that can't be read would be found by the first person who signs in."""
    return [
        Error(
            f"{name} is {getattr(settings, name)!r}, which is no rate.",
            hint="Write a number and sec, min, hour or day, for example 10/min.",
            id="freshtrack.E004",
        )
        for name in ("RATE_SIGN_IN", "RATE_ACCOUNT_MAIL", "RATE_LINKS")
        if not re.fullmatch(r"\s*[1-9]\d*\s*/\s*[smhd][a-z]*\s*", getattr(settings, name))
    ]


def openid_providers_are_complete(**kwargs: Any) -> list[CheckMessage]:
    """Each can say who somebody is: one that is reached without encryption could be anybody."""
    providers = settings.OPENID_PROVIDERS
    names = [provider.get("id") for provider in providers]
    problems = [
        f"{provider.get('id') or 'A provider'} needs {what}."
        for provider in providers
        for what, wrong in (
            ("an id of small letters, digits and hyphens", not re.fullmatch(r"[a-z0-9-]+", provider.get("id") or "")),
            ("another id", names.count(provider.get("id")) > 1 or provider.get("id") in ("google", "apple")),
            ("a client_id", not provider.get("client_id")),
            ("an issuer, an address that begins with https://", not _is_safe(provider.get("issuer") or "")),
        )
        if wrong
    ]
    hint = 'OPENID_PROVIDERS is a list like [{"id": "acme", "issuer": "https://login.acme.example", "client_id": "…"}].'
    return [Error(f"OPENID_PROVIDERS: {problem}", hint=hint, id="freshtrack.E005") for problem in problems]


# A test compares them with notifications/channels/email/services.py.
MAIL_SERVICES = ("brevo", "mailgun", "postmark", "sparkpost")


def mail_service_can_tell(**kwargs: Any) -> list[CheckMessage]:
    """A mistake here would be noticed by nobody: bounces just wouldn't come."""
    if not settings.EMAIL_PROVIDER:
        return []
    secret, key = settings.ANYMAIL["WEBHOOK_SECRET"], settings.ANYMAIL["MAILGUN_WEBHOOK_SIGNING_KEY"]
    problems = [
        what
        for what, wrong in (
            (f"EMAIL_PROVIDER is none of {', '.join(MAIL_SERVICES)}.", settings.EMAIL_PROVIDER not in MAIL_SERVICES),
            ("EMAIL_WEBHOOK_SECRET isn't user:password with 16 characters at least.", not _is_pair(secret)),
            ("Mailgun needs EMAIL_WEBHOOK_SIGNING_KEY.", settings.EMAIL_PROVIDER == "mailgun" and not key),
        )
        if wrong
    ]
    hint = "docs/operations.md says how a mail service is told where to post, and with which credentials."
    return [Error(problem, hint=hint, id="freshtrack.E006") for problem in problems]


def _is_pair(secret: str) -> bool:
    user, _, password = secret.partition(":")
    return bool(user) and len(password) >= 16
