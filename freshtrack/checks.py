"""What must agree before we run: system checks with an id and a hint."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.db import connections


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
