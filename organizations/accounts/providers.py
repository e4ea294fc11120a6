"""Signing in with Google, Apple or an OpenID provider: whose word counts for what.

Note [Linking accounts]. Somebody who comes from a provider for the first time is somebody we know only if both sides
verified the same address: the provider says so, and here its owner typed a code. Where nobody ever verified it here,
the account is whatever a stranger typed into the form, perhaps to lie in wait: it goes, with its password, and the
owner of the address begins anew. An address that the provider hasn't verified is worth no more than one typed here.
"""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.http import HttpRequest

from organizations.models import Membership, User
from organizations.tenancy import acting_as_system


class ProviderAdapter(DefaultSocialAccountAdapter):
    """SOCIALACCOUNT_ADAPTER."""

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> User:
        """Name and addresses from what the provider says; of the rest nothing is kept, tokens least of all."""
        user: User = sociallogin.user
        name = data.get("name") or " ".join(filter(None, [data.get("first_name"), data.get("last_name")]))
        user.name = str(name)[:150]
        user.email = (data.get("email") or "").lower()
        for address in sociallogin.email_addresses:
            address.email = address.email.lower()
            # Some providers send words: any of them would count as true.
            address.verified = address.verified is True or str(address.verified).lower() == "true"
        sociallogin.account.extra_data = {"email": user.email} if user.email else {}
        return user

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """The account of whom both sides know by the same verified address. Note [Linking accounts]."""
        for email in _verified(sociallogin):
            here = EmailAddress.objects.filter(email=email, verified=True).select_related("user").first()
            if here is not None:
                return here.user, email
        return None

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Clear away what strangers signed up with an address that the provider knows the owner of."""
        if sociallogin.is_existing or request.user.is_authenticated:
            return
        with acting_as_system("sign-in"):
            for email in _verified(sociallogin):
                _remove_unproved(email)


def _verified(sociallogin: SocialLogin) -> list[str]:
    return [address.email for address in sociallogin.email_addresses if address.verified]


def _remove_unproved(email: str) -> None:
    """Delete the account with this address that nobody ever signed in to. Call inside a system transaction."""
    stranger = User.objects.select_for_update().filter(email__iexact=email).first()
    if stranger is None or stranger.last_login is not None or stranger.is_staff or stranger.is_superuser:
        return
    used = (
        EmailAddress.objects.filter(user=stranger, verified=True),
        SocialAccount.objects.filter(user=stranger),
        Membership.objects.filter(user=stranger),
    )
    if not any(rows.exists() for rows in used):
        stranger.delete()
