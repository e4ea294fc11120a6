"""Somebody at the door of the API, signed in with a token."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from rest_framework.test import APIClient

from organizations.models import Membership, User
from tests.factories import UserFactory, as_system, token_of


def client_of(user: User | None) -> APIClient:
    """Who asks; None for nobody."""
    client = APIClient()
    if user is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(user)}")
    return client


def verified(**fields: Any) -> User:
    """A person with a verified address."""
    user: User = UserFactory(**fields)
    with as_system():
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def base(membership: Membership) -> str:
    """Where the member's organization is."""
    return f"/api/v1/orgs/{membership.organization.slug}/"
