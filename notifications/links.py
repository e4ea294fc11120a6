"""Links in messages that act for a person who isn't signed in: what they say is signed, and good for a while.

Note [Links in messages]. Such a link is a secret, so it stands in no row: words are written with ANSWER_LINK in its
place, and the channel puts the person's own link there as it sends them. Whoever reads the message in the app, in the
admin or in the database finds nothing to act with. Opening one changes nothing, since mail servers open links to look
for malware: a page shows what it is about, and only its button (a POST) acts. The signature is all that is believed;
no cookie counts, so there is nothing that another site could make a browser send along. Logs leave out what follows
/answer/ and /unsubscribe/ (freshtrack/requests.py, deploy/Caddyfile).
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer

# A weekend away, and an alert that is a week old needs more than an acknowledgement from the sofa.
ANSWERS_FOR: Final = timedelta(days=7)
# Stands in words where the person's own link belongs. No address of ours: a reserved name (RFC 2606) leads nowhere.
ANSWER_LINK: Final = "https://answer.invalid/"
LONGEST: Final = 200

_ANSWER: Final = "answer"
_SHAPE: Final = ">16s16sI"


class Worthless(Exception):
    """Nobody made this link, or somebody changed it."""


class TooOld(Exception):
    """It was good, and isn't any more."""


class Sealed(NamedTuple):
    """What a link says: a word and two ids, of what the purpose decides."""

    word: str
    first: UUID
    second: UUID


def seal(content: Sealed, *, purpose: str, until: datetime) -> str:
    """About a hundred characters for an address, worth nothing for another purpose and after `until`."""
    packed = struct.pack(_SHAPE, content.first.bytes, content.second.bytes, int(until.timestamp()))
    return _signer(purpose).sign(f"{content.word}-{base64.urlsafe_b64encode(packed).decode().rstrip('=')}")


def unseal(token: str, *, purpose: str, at: datetime) -> Sealed:
    """What was sealed. Raises Worthless, and TooOld for what was good once."""
    if len(token) > LONGEST:
        raise Worthless
    try:
        word, _, packed = _signer(purpose).unsign(token).partition("-")
        first, second, until = struct.unpack(_SHAPE, base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    except (BadSignature, binascii.Error, struct.error) as error:
        raise Worthless from error
    if until < at.timestamp():
        raise TooOld
    return Sealed(word, UUID(bytes=first), UUID(bytes=second))


def with_answer(words: str, *, about: str, user_id: UUID | None, at: datetime) -> str:
    """The words with the person's own link in place of ANSWER_LINK, good for a week from `at`.

    `about` is what the answer is to, for example alert:<id>.
    """
    if ANSWER_LINK not in words:
        return words
    match = re.fullmatch(r"([a-z]+):([0-9a-f-]{36})", about)
    if user_id is None or match is None:
        return words.replace(ANSWER_LINK, settings.PUBLIC_URL)
    content = Sealed(match[1], UUID(match[2]), user_id)
    token = seal(content, purpose=_ANSWER, until=at + ANSWERS_FOR)
    return words.replace(ANSWER_LINK, f"{settings.PUBLIC_URL}/answer/{token}/")


def asked_of(token: str, *, at: datetime) -> tuple[str, UUID]:
    """What an answer's link is about ("alert:<id>") and whose answer it is. Raises Worthless, TooOld."""
    content = unseal(token, purpose=_ANSWER, at=at)
    return f"{content.word}:{content.first}", content.second


def _signer(purpose: str) -> Signer:
    return Signer(salt=f"freshtrack.links.{purpose}", sep=".", algorithm="sha256")
