"""Bearer tokens of people: `Authorization: Bearer ftp_…`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from organizations import secrets
from organizations.models import AccessToken, User
from organizations.tenancy import acting_as_system

# Writing "last used" with every request would make each read a write.
LAST_USED_RESOLUTION: Final = timedelta(minutes=1)


def user_of_token(secret: str) -> User | None:
    """The active person whose usable token this is. Opens its own transaction."""
    now = timezone.now()
    with acting_as_system("sign-in"):
        token = AccessToken.objects.select_related("user").filter(hash=secrets.digest(secret)).first()
        if token is None or not token.is_usable(at=now) or not token.user.is_active:
            return None
        if token.last_used_at is None or now - token.last_used_at > LAST_USED_RESOLUTION:
            AccessToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return token.user


class AccessTokenAuthentication(BaseAuthentication):
    """A request without bearer goes on to the session; one with a bad bearer is refused."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        """(person, "token"), or None without an Authorization header of ours."""
        kind, _, secret = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return None
        user = user_of_token(secret.strip())
        if user is None:
            raise exceptions.AuthenticationFailed("This token is unknown, expired or revoked.")
        return user, "token"

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return 'Bearer realm="FreshTrack"'


class AccessTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the API's schema describes bearer tokens; found by drf-spectacular because it is a subclass."""

    target_class = AccessTokenAuthentication
    name = "accessToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """RFC 6750."""
        return {"type": "http", "scheme": "bearer"}
