"""How fast a person may ask. Ingest has limits of its own."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import SimpleRateThrottle, UserRateThrottle

from organizations.accounts import limits


class PerUser(UserRateThrottle):
    """RATE_PER_USER requests of a person's programs, RATE_ON_SCREEN of the same person's screens.

    A page of the web app asks a dozen questions at once, and whoever looks for a broken freezer opens ten in a minute.
    Counted in Redis over all processes; off while Redis is away (cache.py).
    """

    def get_rate(self) -> str:
        """Read when it is needed, not when this module is imported."""
        return str(api_settings.DEFAULT_THROTTLE_RATES[str(self.scope)])

    def allow_request(self, request: Request, view: Any) -> bool:
        """Whether there was room. A session's requests are counted apart from those with a bearer."""
        if isinstance(request.successful_authenticator, SessionAuthentication):
            self.scope = "screen"
            self.num_requests, self.duration = self.parse_rate(self.get_rate())
        return bool(super().allow_request(request, view))


class _Named(SimpleRateThrottle):
    """A limit of its own beside RATE_PER_USER, under its name in settings."""

    scope: str

    def get_rate(self) -> str:
        """Read when it is needed."""
        return str(api_settings.DEFAULT_THROTTLE_RATES[self.scope])

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """Per person, or per address where nobody has signed in."""
        who = request.user.pk if request.user and request.user.is_authenticated else request.META.get("REMOTE_ADDR")
        return f"throttle_{self.scope}_{who}"


class Founding(_Named):
    """RATE_FOUNDING organizations."""

    scope = "founding"


class Inviting(_Named):
    """RATE_INVITING e-mails to people who have no account yet."""

    scope = "inviting"


class LookingUp(_Named):
    """RATE_LOOK_UP attempts with the links of invitations."""

    scope = "look_up"


class Previewing(_Named):
    """RATE_PREVIEW runs of a rule over the past."""

    scope = "preview"


class SendingDigests(_Named):
    """RATE_DIGESTS previews of a digest that people send to themselves."""

    scope = "digests"


class SendingCodes(_Named):
    """RATE_CODES messages with codes for new contact methods."""

    scope = "codes"


def bad_credentials(address: str) -> int:
    """Count a wrong bearer from this address. Returns 0, or beyond RATE_BAD_CREDENTIALS the seconds to wait.

    Only wrong ones are counted and refused by it: whoever shares the address and has a good one doesn't notice.
    """
    return limits.spend("bad credentials", limits.network_of(address), bad_credentials_rate())


def bad_credentials_rate() -> limits.Rate:
    """RATE_BAD_CREDENTIALS, read when it is needed."""
    return limits.rate_of(str(api_settings.DEFAULT_THROTTLE_RATES["bad_credentials"]))
