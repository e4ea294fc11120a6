"""Is this token genuine, for us, and of now?"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any, Final

import jwt
from django.conf import settings

from organizations.oidc import keys
from organizations.oidc.fetching import ALGORITHMS

# Real ones have one or two thousand characters; headers of ours may have 8 KiB.
LONGEST: Final = 8 * 1024
# Clocks of two well-kept servers differ by less.
LEEWAY_S: Final = 30
LONGEST_SUBJECT: Final = 255
LATEST: Final = 253_402_300_799  # the end of the year 9999
# RFC 9068 and RFC 7519; others, such as logout tokens, come from the same issuer and mean something else.
_TYPES: Final = (None, "jwt", "at+jwt", "application/at+jwt")


class BadToken(Exception):
    """Nobody is let in with this. `code` names why, the message is a sentence for the person."""

    def __init__(self, message: str, *, code: str = "invalid_token") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Claims:
    """What a genuine token says of its person."""

    issuer: str
    subject: str
    # Seconds since 1970, as in the token.
    expires_at: float
    # The address, if the issuer says that it verified it.
    email: str | None
    name: str
    language: str
    time_zone: str


def looks_like_one(bearer: str) -> bool:
    """Three parts with dots between."""
    return bearer.count(".") == 2


def verify(token: str) -> Claims:
    """What the token says, once it is proved that a listed issuer said it, for us, and that it holds now.

    May ask the issuer for keys, which takes seconds when it doesn't answer: call it outside transactions. Raises
    BadToken, and fetching.Unreachable when the issuer was never reached.
    """
    if len(token) > LONGEST:
        raise BadToken(f"This token is longer than {LONGEST // 1024} KiB.")
    try:
        header = jwt.get_unverified_header(token)
        # Only to know whose keys to look for; nothing of it is believed yet.
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise BadToken("This is no token.") from error
    if not isinstance(issuer, str) or issuer not in settings.OIDC_ISSUERS:
        raise BadToken("This token's issuer isn't trusted here.", code="unknown_issuer")
    key = _key(header, issuer)
    try:
        said = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            issuer=issuer,
            audience=settings.OIDC_ISSUERS[issuer],
            leeway=LEEWAY_S,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise BadToken("This token has expired.", code="token_expired") from error
    except jwt.ImmatureSignatureError as error:
        raise BadToken("This token isn't valid yet.", code="token_not_yet_valid") from error
    except jwt.InvalidAudienceError as error:
        raise BadToken("This token is for another audience.", code="wrong_audience") from error
    except jwt.MissingRequiredClaimError as error:
        raise BadToken(f"This token lacks {error.claim}.") from error
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadToken("This token was tampered with, or isn't one of its issuer.") from error
    return _claims(issuer, said)


def _key(header: dict[str, Any], issuer: str) -> jwt.PyJWK:
    """The one key that the token may have been signed with."""
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise BadToken(f"Tokens are signed with {', '.join(ALGORITHMS)}; this one isn't.", code="wrong_algorithm")
    if "crit" in header or "b64" in header:
        raise BadToken("This token demands an extension that isn't understood here.")
    if not (kind is None or isinstance(kind, str)) or (kind and kind.lower()) not in _TYPES:
        raise BadToken("This token is of another kind.")
    found = keys.of(issuer).find(kid=kid if isinstance(kid, str) else None, algorithm=algorithm)
    if found is None:
        raise BadToken("This token is signed with a key that its issuer doesn't have.", code="unknown_key")
    return found.key


def _claims(issuer: str, said: dict[str, Any]) -> Claims:
    subject = said["sub"]
    if not subject.strip() or len(subject) > LONGEST_SUBJECT or "\0" in subject:
        raise BadToken("This token's subject can't be one.")
    if not isinstance(said["exp"], int | float) or said["exp"] > LATEST:
        raise BadToken("This token's end can't be one.")
    # Some issuers write the word: any text would count as true.
    verified = said.get("email_verified") is True or said.get("email_verified") == "true"
    return Claims(
        issuer=issuer,
        subject=subject,
        expires_at=float(said["exp"]),
        email=_text(said.get("email")).lower() or None if verified else None,
        name=_text(said.get("name")),
        language=_text(said.get("locale")),
        time_zone=_text(said.get("zoneinfo")),
    )


def _text(value: Any) -> str:
    """Without what can't be seen or stored; empty for what is no text."""
    if not isinstance(value, str):
        return ""
    return "".join(letter for letter in value if unicodedata.category(letter)[0] != "C").strip()
