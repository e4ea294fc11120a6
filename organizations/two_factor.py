"""Second-factor secrets are stored encrypted: who reads the database, or a backup, can't compute anybody's codes."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final
from urllib.parse import urlsplit

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

_PURPOSE: Final = b"freshtrack two-factor secrets"
# What is stored encrypted in `Authenticator.data`, by allauth's TOTP and recovery codes.
SECRET_FIELDS: Final = ("secret", "seed")


class EncryptingAdapter(DefaultMFAAdapter):
    """allauth's adapter (MFA_ADAPTER), with the secrets under keys made of SECRET_KEY and SECRET_KEY_FALLBACKS."""

    def get_totp_issuer(self) -> str:
        """What an authenticator app shows above the code."""
        return "FreshTrack"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Whom a passkey belongs to: the host of PUBLIC_URL. Browsers take localhost for it, but no number."""
        host = "localhost" if settings.LOOPBACK else urlsplit(settings.PUBLIC_URL).hostname or ""
        return {"id": host, "name": "FreshTrack"}

    def encrypt(self, text: str) -> str:
        """Under the present SECRET_KEY."""
        return _keys().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """With the present key or a former one.

        Raises cryptography.fernet.InvalidToken when the key it was stored under is neither.
        """
        return _keys().decrypt(encrypted_text.encode()).decode()


def store_under_present_key() -> tuple[int, list[str]]:
    """Encrypt every stored secret anew, so that former keys can go. Safe to run twice. Call inside a transaction.

    Returns how many authenticators were stored anew, and the ids of those that no key opens: their owners must set up
    their second factor again.
    """
    keys, stored, lost = _keys(), 0, []
    rows = Authenticator.objects.select_for_update().order_by("pk")
    for authenticator in rows.iterator(chunk_size=500):
        sealed = {name: authenticator.data[name] for name in SECRET_FIELDS if name in authenticator.data}
        if not sealed:
            continue  # a passkey: only its public key is here
        try:
            anew = {name: keys.rotate(text.encode()).decode() for name, text in sealed.items()}
        except InvalidToken:
            lost.append(str(authenticator.pk))
            continue
        authenticator.data = {**authenticator.data, **anew}
        authenticator.save(update_fields=["data"])
        stored += 1
    return stored, lost


def _keys() -> MultiFernet:
    return MultiFernet([_key(secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(secret: str) -> Fernet:
    # One key for each purpose: what leaks here must not sign sessions, and the other way round.
    return Fernet(base64.urlsafe_b64encode(hmac.digest(secret.encode(), _PURPOSE, hashlib.sha256)))
