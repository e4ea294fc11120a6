"""What an e-mail address is here: one mailbox that every mail server on the way understands."""

from __future__ import annotations

from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

# RFC 5321, 4.5.3.1: 64 octets before the @, and a path of 256 with its two brackets.
LONGEST: Final = 254
LONGEST_NAME: Final = 64

_NOT_AN_ADDRESS: Final = "This isn't an e-mail address. Write it like chef@example.com."
# Without an allow-list: localhost is nobody's mail server but the machine's own.
_validate: Final = EmailValidator(allowlist=[])


def clean(address: str) -> str:
    """The address as it is kept: without spaces around it, the domain in small letters.

    What stands before the @ stays as it was written (RFC 5321, 2.4: it is the receiver's business).
    Raises ValueError with a sentence for its owner.
    """
    address = address.strip()
    name, at, domain = address.rpartition("@")
    if not at or not name:
        raise ValueError(_NOT_AN_ADDRESS)
    if not name.isascii():
        # It would need SMTPUTF8 (RFC 6531) from every server on the way.
        raise ValueError("Only letters without accents can stand before the @ here. Take another address, please.")
    if len(name) > LONGEST_NAME or len(address) > LONGEST:
        raise ValueError("This is too long for an e-mail address.")
    try:
        _validate(address)
    except ValidationError as error:
        raise ValueError(_NOT_AN_ADDRESS) from error
    if domain.startswith("["):
        raise ValueError("Write the mail server's name after the @, not its number.")
    return f"{name}@{_in_ascii(domain)}"


def _in_ascii(domain: str) -> str:
    try:
        return domain.encode("idna").decode().lower()
    except UnicodeError as error:
        raise ValueError(_NOT_AN_ADDRESS) from error
