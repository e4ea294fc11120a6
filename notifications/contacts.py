"""A person's contact methods: named by the person, proved by a code that only its owner gets."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from importlib import import_module
from typing import Any, Final, cast

from django.conf import settings
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils.crypto import constant_time_compare, salted_hmac

from freshtrack.errors import DomainError
from notifications.letters import promise_letter
from notifications.models import ContactKind, ContactMethod
from organizations.models import User

CODE_DIGITS: Final = 6
CODE_GOOD_FOR: Final = timedelta(minutes=15)
# A million codes, five guesses: one in 200,000; and new codes are rationed (RATE_CODES, RATE_ACCOUNT_MAIL).
MOST_TRIES: Final = 5
# More than anybody reads.
MOST_CONTACTS: Final = 20


class NotAvailable(DomainError):
    """Nothing can be sent to this kind of address here."""

    code = "not_available"
    status = 400


class WrongAddress(DomainError):
    """It is none, or the person has it already."""

    code = "invalid"
    status = 400

    def __init__(self, detail: str, *, reason: str = "invalid") -> None:
        super().__init__(detail)
        self.extra = {"errors": [{"field": "address", "code": reason, "detail": detail}]}


class TooMany(DomainError):
    """Nobody reads so many."""

    code = "too_many"


class SignInAddress(DomainError):
    """The address that somebody signs in with stays where the person is told."""

    code = "sign_in_address"


class AlreadyVerified(DomainError):
    """There is nothing to prove."""

    code = "already_verified"


class Tried(StrEnum):
    """What became of a code that somebody typed."""

    RIGHT = "right"
    WRONG = "wrong"
    TOO_OLD = "too_old"
    TOO_OFTEN = "too_often"
    NONE_SENT = "none_sent"


def clean(*, kind: str, address: str) -> str:
    """The address as it is kept. Raises NotAvailable for a kind without a channel here, WrongAddress."""
    channel = settings.CHANNELS.get(kind)
    if channel is None:
        name = ContactKind(kind).label
        raise NotAvailable(f"{name} isn't available here yet. Add an e-mail address, please.")
    folder, _, _ = channel.rpartition(".")
    read = cast(Callable[[str], str], import_module(f"{folder}.addresses").clean)
    try:
        return read(address)
    except ValueError as error:
        raise WrongAddress(str(error)) from error


def of_person(user: User) -> QuerySet[ContactMethod]:
    """The person's own, the oldest first."""
    return ContactMethod.objects.filter(user=user).order_by("created_at", "pk")


def is_sign_in_address(contact: ContactMethod) -> bool:
    """Whether the person signs in with it."""
    return contact.kind == ContactKind.EMAIL and contact.address.lower() == contact.user.email.lower()


def add(*, user: User, kind: str, address: str, at: datetime) -> ContactMethod:
    """A new one, to which a code is sent; nothing else is until it is proved. Call inside a system transaction.

    Raises NotAvailable, WrongAddress for none or one that is there already, TooMany.
    """
    address = clean(kind=kind, address=address)
    User.objects.select_for_update(no_key=True).get(pk=user.pk)  # of two at once the second counts the first
    if ContactMethod.objects.filter(user=user, kind=kind, address__iexact=address).exists():
        raise WrongAddress("You have this one already.", reason="unique")
    if ContactMethod.objects.filter(user=user).count() >= MOST_CONTACTS:
        raise TooMany(f"You have {MOST_CONTACTS} contact methods. Remove one that you don't need first.")
    contact = ContactMethod(user=user, kind=kind, address=address, created_at=at)
    _send_code(contact, at=at)
    return contact


def send_code(*, contact: ContactMethod, at: datetime) -> ContactMethod:
    """A new code; the one before is worth nothing any more. Call inside a system transaction.

    Raises AlreadyVerified for an address that works, NotAvailable.
    """
    contact = _locked(contact)
    if contact.verified_at is not None and contact.disabled_at is None:
        raise AlreadyVerified("This one is verified and works.")
    clean(kind=contact.kind, address=contact.address)
    _send_code(contact, at=at)
    return contact


def try_code(*, contact: ContactMethod, code: str, at: datetime) -> tuple[ContactMethod, Tried]:
    """The right code verifies it, and switches it on again if it was switched off. Call inside a system transaction.

    Wrong ones are counted, so nothing is raised that would roll the count back: the edge looks at what is returned.
    """
    contact = _locked(contact)
    if not contact.code_hash or contact.code_sent_at is None:
        return contact, Tried.NONE_SENT
    if at - contact.code_sent_at > CODE_GOOD_FOR:
        return contact, Tried.TOO_OLD
    if contact.code_tries >= MOST_TRIES:
        return contact, Tried.TOO_OFTEN
    if not constant_time_compare(contact.code_hash, _hash(contact, code)):
        contact.code_tries += 1
        contact.save(update_fields=["code_tries"])
        return contact, Tried.WRONG if contact.code_tries < MOST_TRIES else Tried.TOO_OFTEN
    worked = {"verified_at": at, "disabled_at": None, "disabled_because": "", **_NO_CODE}
    for field, value in worked.items():
        setattr(contact, field, value)
    contact.save(update_fields=list(worked))
    return contact, Tried.RIGHT


def remove(*, contact: ContactMethod) -> None:
    """Nothing is sent there any more. Raises SignInAddress. Call inside a system transaction."""
    contact = _locked(contact)
    if is_sign_in_address(contact):
        raise SignInAddress("You sign in with this address. Change it in your account first.")
    contact.delete()


_NO_CODE: Final[dict[str, Any]] = {"code_hash": "", "code_sent_at": None, "code_tries": 0}


def _locked(contact: ContactMethod) -> ContactMethod:
    return ContactMethod.objects.select_for_update(of=("self",)).select_related("user").get(pk=contact.pk)


def _hash(contact: ContactMethod, code: str) -> str:
    """Without the SECRET_KEY a million guesses at a stolen table lead nowhere; a slow hash would only delay them."""
    return salted_hmac("freshtrack.contact code", f"{contact.pk}:{code}", algorithm="sha256").hexdigest()


def _send_code(contact: ContactMethod, *, at: datetime) -> None:
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    contact.code_hash, contact.code_sent_at, contact.code_tries = _hash(contact, code), at, 0
    contact.save()
    # No name, address, link or year: the code is the only number in it (some people's phones fill it in by themselves).
    words = {"code": code, "minutes": int(CODE_GOOD_FOR.total_seconds() // 60)}
    promise_letter(
        organization=None,
        user=contact.user,
        contact=contact,
        to=contact.address,
        event="contact.code",
        about="",
        subject=render_to_string("notifications/email/code.subject.txt", words).strip(),
        text=render_to_string("notifications/email/code.txt", words),
        html=render_to_string("notifications/email/code.html", words),
        dedupe_key=f"contact:{contact.pk}:{contact.code_hash[:32]}",
        at=at,
    )
