"""Signing in with Google, Apple or an OpenID provider: whose word counts for what."""

from __future__ import annotations

from allauth.socialaccount.adapter import DefaultSocialAccountAdapter


class ProviderAdapter(DefaultSocialAccountAdapter):
    """SOCIALACCOUNT_ADAPTER."""
