"""Signing in with a password: the same work whether or not there is such an account, and soft locks."""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from allauth.core.exceptions import ImmediateHttpResponse
from django.http import HttpRequest

from organizations.accounts import limits
from organizations.accounts.door import too_fast
from organizations.models import User


class PasswordBackend(AuthenticationBackend):
    """allauth's backend with Note [Soft locks], for the app's sign-in, the admin's and a repeated password alike."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        """Whose address and password these are, or None.

        Raises ImmediateHttpResponse (429) while the account is locked for the client's address.
        """
        account = str(credentials.get("email") or credentials.get("username") or "")
        address = request.META.get("REMOTE_ADDR") if request is not None else None
        if not address or not account:
            return self._person(request, **credentials)
        wait = limits.lock_of(account, address)
        if wait:
            raise ImmediateHttpResponse(too_fast(wait))
        user = self._person(request, **credentials)
        if user is None:
            limits.mistaken(account, address)
        else:
            limits.succeeded(account, address)
        return user

    def _person(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        user: User | None = super().authenticate(request, **credentials)
        return user
