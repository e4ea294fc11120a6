"""The names of organizations in addresses: what they may be, who has which, and where old ones lead."""

from __future__ import annotations

import re
import secrets
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import IntegrityError, transaction
from django.utils.text import slugify

from freshtrack.errors import DomainError
from organizations.models import FormerSlug, Organization

LONGEST: Final = 60
SHORTEST: Final = 3

# What an address of ours begins with, or may begin with one day, and what a customer could pose as. A test compares
# it with the addresses that there are.
RESERVED: Final = frozenset(
    (
        *("account", "accounts", "admin", "administrator", "answer", "api", "app", "assets", "auth", "billing"),
        *("blog", "docs", "download", "favicon", "forgot-password", "freshtrack", "health", "help", "invitation"),
        *("invitations", "legal", "live", "login", "logout", "mail", "manifest", "me", "metrics", "new"),
        *(
            "new-organization",
            "oauth",
            "offline",
            "on-call",
            "org",
            "organization",
            "organizations",
            "orgs",
            "password",
        ),
        *("pricing", "privacy", "public", "reset-password", "robots", "root", "schema", "security", "settings"),
        *("sign-in", "sign-out", "sign-up", "staff", "static", "status", "support", "sw", "system", "terms"),
        *("unsubscribe", "user", "users", "verify-email", "webhook", "webhooks", "ws", "www"),
    )
)

_shape = RegexValidator(
    r"^[a-z0-9]+(-[a-z0-9]+)*\Z",
    "Use small letters a to z, digits, and single hyphens between them.",
    code="not_a_slug",
)


class SlugTaken(DomainError):
    """Another organization has or had this name in its address."""

    code = "slug_taken"


def acceptable(value: str) -> None:
    """Refuse what can't stand in an address or would look like one of ours.

    Raises ValidationError.
    """
    _shape(value)
    if not SHORTEST <= len(value) <= LONGEST:
        raise ValidationError(f"Use {SHORTEST} to {LONGEST} characters.", code="length")
    if value.replace("-", "").isdigit():
        raise ValidationError("Use at least one letter.", code="only_digits")
    if value in RESERVED:
        raise ValidationError("This word is reserved. Choose another.", code="reserved")


def candidates(name: str) -> list[str]:
    """Slugs for an organization of this name, the nicest first; the last is nobody's yet by chance alone."""
    base = re.sub(r"[-_]+", "-", slugify(name))[: LONGEST - 9].strip("-") or "organization"
    if len(base) < SHORTEST or base in RESERVED or base.replace("-", "").isdigit():
        base = f"{base}-org"
    return [base, *(f"{base}-{number}" for number in range(2, 21)), f"{base}-{secrets.token_hex(4)}"]


def free(*, among: list[str]) -> list[str]:
    """Those that no organization has or had. Call inside a system transaction."""
    taken = {
        *Organization.objects.filter(slug__in=among).values_list("slug", flat=True),
        *FormerSlug.objects.filter(slug__in=among).values_list("slug", flat=True),
    }
    return [slug for slug in among if slug not in taken]


def claim(*, organization: Organization, slug: str) -> None:
    """Keep the name for this organization, for as long as the organization is there. Call inside a transaction.

    The row is what makes names unique across past and present: inside one organization nobody sees the others' rows,
    but the database compares with all of them. Twice is the same as once. Raises SlugTaken.
    """
    if FormerSlug.objects.for_organization(organization).filter(slug=slug).exists():
        return
    try:
        with transaction.atomic():
            FormerSlug.objects.create(organization=organization, slug=slug)
    except IntegrityError as error:
        raise SlugTaken(f"The address “{slug}” is taken. Choose another.") from error


def move(*, organization: Organization, slug: str) -> None:
    """Give the organization another name in addresses; the old one leads there. Call inside a transaction.

    Raises SlugTaken.
    """
    claim(organization=organization, slug=organization.slug)
    claim(organization=organization, slug=slug)
    organization.slug = slug
    try:
        with transaction.atomic():
            organization.save(update_fields=["slug"])
    except IntegrityError as error:
        raise SlugTaken(f"The address “{slug}” is taken. Choose another.") from error
