"""How fast a person may ask. Ingest has limits of its own."""

from __future__ import annotations

from rest_framework.settings import api_settings
from rest_framework.throttling import UserRateThrottle


class PerUser(UserRateThrottle):
    """RATE_PER_USER requests in a minute, counted in Redis over all processes; off while Redis is away (cache.py)."""

    def get_rate(self) -> str:
        """Read when it is needed, not when this module is imported."""
        return str(api_settings.DEFAULT_THROTTLE_RATES["user"])
