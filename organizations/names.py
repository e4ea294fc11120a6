"""Names that people give: they end up in e-mails, logs and other people's screens."""

from __future__ import annotations

import unicodedata
from typing import Any, Final
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from rest_framework import serializers

# Line ends would become headers of an e-mail, controls of the direction of writing let one name look like another.
_REFUSED: Final = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Joiners belong to the writing of Persian and of many emoji.
_JOINERS: Final = {"\u200c", "\u200d"}

ZONES: Final = available_timezones()


def printable(value: str) -> None:
    """Refuse what can't be seen.

    Raises ValidationError for control characters, line ends and controls of the direction of writing.
    """
    if any(unicodedata.category(letter) in _REFUSED and letter not in _JOINERS for letter in value):
        raise ValidationError("Line ends and invisible characters aren't allowed.", code="not_printable")


def legible(value: str) -> None:
    """The same for text of several lines: a note, what was done about an alert.

    Raises ValidationError.
    """
    printable(value.replace("\r\n", "\n").replace("\n", " ").replace("\t", " "))


def known_zone(value: str) -> None:
    """Refuse what isn't an IANA time zone that this server knows.

    Raises ValidationError.
    """
    if value not in ZONES:
        raise ValidationError("Not a known time zone. Use an IANA name such as Europe/Berlin.", code="unknown_zone")


class NameField(serializers.CharField):
    """A name without spaces around it and with nothing invisible in it."""

    def __init__(self, *, max_length: int = 120, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, **kwargs)
        self.validators.append(printable)


class ZoneField(serializers.CharField):
    """An IANA time zone."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=64, **kwargs)
        self.validators.append(known_zone)


class TextField(serializers.CharField):
    """Text of several lines with nothing invisible in it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validators.append(legible)
