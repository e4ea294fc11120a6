"""Asks an issuer for the keys it signs with. Distrusts what comes back: it decides who gets in."""

from __future__ import annotations

import json
import time
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWTError

PATIENCE_S: Final = 3.0
# For both documents together: a server that sends a byte now and then must not hold a request for ever.
PATIENCE_IN_ALL_S: Final = 6.0
LARGEST_DOCUMENT: Final = 256 * 1024
MOST_KEYS: Final = 100
SMALLEST_RSA_BITS: Final = 2048  # RFC 7518, 3.3
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")

# The only algorithms that are believed, and the kind of key (kty, crv) that each needs: a token can't choose to have a
# public key taken for the secret of an HMAC, or one kind of key for another.
ALGORITHMS: Final = {"RS256": ("RSA", None), "ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519")}


class Unreachable(Exception):
    """The issuer doesn't answer, or not with keys."""


class _Missing(Exception):
    """The issuer answered, without such a document."""


class SigningKey(NamedTuple):
    """A public key, and the one algorithm that it is for."""

    kid: str | None
    algorithm: str
    key: PyJWK


def is_safe(address: str) -> bool:
    """https, or http on this machine: somebody in between could otherwise put in keys of their own."""
    parts = urlsplit(address)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )


def fetch_keys(issuer: str) -> tuple[SigningKey, ...]:
    """The issuer's present keys, at least one; kinds that we don't use are left out. Takes up to 6 s.

    Found through OpenID Connect Discovery, or at `/.well-known/jwks.json` where there is none (Stack Auth). Raises
    Unreachable.
    """
    deadline = time.monotonic() + PATIENCE_IN_ALL_S
    # Proxies of the environment are for the world outside.
    outside = urlsplit(issuer).hostname not in _LOOPBACK
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    # Redirects are refused: the address of the keys is the issuer's to say, not that of whoever answers for it.
    with httpx.Client(timeout=PATIENCE_S, follow_redirects=False, trust_env=outside, headers=headers) as client:
        try:
            document = _read(client, _keys_address(client, issuer, deadline), deadline)
        except _Missing as missing:
            raise Unreachable(str(missing)) from missing
    entries = document.get("keys")
    found = [_signing_key(entry) for entry in entries[:MOST_KEYS]] if isinstance(entries, list) else []
    keys = tuple(key for key in found if key is not None)
    if not keys:
        raise Unreachable("it offers no key for RS256, ES256 or EdDSA")
    return keys


def _keys_address(client: httpx.Client, issuer: str, deadline: float) -> str:
    base = issuer.rstrip("/")
    try:
        discovered = _read(client, f"{base}/.well-known/openid-configuration", deadline)
    except _Missing:
        return f"{base}/.well-known/jwks.json"
    if discovered.get("issuer") != issuer:  # OpenID Connect Discovery, 4.3
        raise Unreachable("its discovery document names another issuer")
    address = discovered.get("jwks_uri")
    if not isinstance(address, str):
        return f"{base}/.well-known/jwks.json"
    return address


def _read(client: httpx.Client, address: str, deadline: float) -> dict[str, Any]:
    try:
        if not is_safe(address):
            raise Unreachable("its keys aren't behind https")
        with client.stream("GET", address) as response:
            if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                raise Unreachable(f"it answers {response.status_code}")
            if response.status_code != httpx.codes.OK:
                raise _Missing(f"it answers {response.status_code}")
            body = b""
            for part in response.iter_raw():
                body += part
                if len(body) > LARGEST_DOCUMENT:
                    raise Unreachable("its answer is too large")
                if time.monotonic() > deadline:
                    raise Unreachable("its answer takes too long")
        document = json.loads(body)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(f"it doesn't answer ({type(error).__name__})") from error
    except (ValueError, RecursionError) as error:
        raise _Missing("it answers something else than JSON") from error
    if not isinstance(document, dict):
        raise _Missing("it answers something else than a JSON object")
    return document


def _signing_key(entry: Any) -> SigningKey | None:
    """The key, if it is a public one for signatures of an algorithm that we believe."""
    if not isinstance(entry, dict) or "d" in entry or entry.get("use", "sig") != "sig":
        return None
    operations = entry.get("key_ops")
    if isinstance(operations, list) and "verify" not in operations:
        return None
    algorithm = next((name for name, kind in ALGORITHMS.items() if (entry.get("kty"), _curve(entry)) == kind), None)
    if algorithm is None or entry.get("alg", algorithm) != algorithm:
        return None
    kid = entry.get("kid")
    try:
        key = PyJWK.from_dict(entry, algorithm=algorithm)
    except (PyJWTError, ValueError, TypeError, OverflowError):
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < SMALLEST_RSA_BITS:
        return None
    return SigningKey(kid if isinstance(kid, str) else None, algorithm, key)


def _curve(entry: dict[str, Any]) -> Any:
    return None if entry.get("kty") == "RSA" else entry.get("crv")
