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
    """For the app's sign-in, the admin's and a repeated password alike. Note [Soft locks]."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        """Whose address and password these are, or None.

        Raises ImmediateHttpResponse (429) while the account is locked for the client's address.
        """
        email = str(credentials.get("email") or credentials.get("username") or "").strip().lower()
        password = credentials.get("password")
        if not email or not password:
            return None
        address = (request.META.get("REMOTE_ADDR") if request is not None else "") or ""
        wait = limits.lock_of(email, address)
        if wait:
            raise ImmediateHttpResponse(too_fast(wait))
        user = self._person(email, password)
        if user is None:
            limits.mistaken(email, address)
        else:
            limits.succeeded(email, address)
        return user

    def _person(self, email: str, password: str) -> User | None:
        """One look-up and one hash, whatever is found: an attacker may hold a watch."""
        user = User.objects.filter(email=email).first()
        if user is None:
            User().set_password(password)
            return None
        return user if user.check_password(password) and self.user_can_authenticate(user) else None
