"""Django's and REST framework's messages about fields, in words for people who don't program.

The one place where they are said; serializers only say what is special about their fields. Codes stay as they are.
"""

from __future__ import annotations

import re
from typing import Final

# What a person typed is shown so far.
SHOWN: Final = 40

_WORDS: Final = [
    (re.compile(pattern, re.DOTALL), words)
    for pattern, words in (
        (r"This field is required\.", "Please fill this in."),
        (r"This field may not be (?:blank|null)\.", "Please fill this in."),
        (r"This (?:list|dictionary) may not be empty\.", "Give at least one."),
        (r"Ensure this (?:field|value) has (?:no more than|at most) (\d+) .*", r"At most \1 characters fit here."),
        (r"Ensure this (?:field|value) has at least (\d+) .*", r"At least \1 characters are needed here."),
        (r"Ensure this field has no more than (\d+) elements\.", r"At most \1 fit here."),
        (r"Ensure this value is less than or equal to (\S+)\.", r"\1 is the most that is possible."),
        (r"Ensure this value is greater than or equal to (\S+)\.", r"\1 is the least that is possible."),
        (r'"(.*)" is not a valid choice\.', r"“\1” isn't one of the choices."),
        (r"Select a valid choice\. (.*) is not one of the available choices\.", r"“\1” isn't one of the choices."),
        (r'Invalid pk "(.*)" - object does not exist\.', "There is nothing with this id here, or it was deleted."),
        (r"Incorrect type\. Expected pk value, received .*", "An id is expected here: a UUID as text."),
        (r"Must be a valid UUID\.|“?(.*?)”? is not a valid UUID\.", "An id is expected here: a UUID as text."),
        (r"A valid integer is required\.", "A whole number is expected here."),
        (r"A valid number is required\.|Enter a number\.", "A number is expected here."),
        (r"(?:Integer|String) value too large\.?", "This number is too large."),
        (r"Not a valid string\.", "Text is expected here."),
        (r"Must be a valid boolean\.", "true or false is expected here."),
        (
            r"(?:Datetime|Date) has wrong format\. .*|Enter a valid date/time\.",
            "A date with time and zone is expected here, such as 2026-11-20T12:00:00Z.",
        ),
        (r"Expected a list of items but got type .*", "A list is expected here."),
        (r"Expected a dictionary of items but got type .*", "An object with names and values is expected here."),
        (r"Invalid data\. Expected a dictionary, but got .*", "An object with names and values is expected here."),
        (r"Null characters are not allowed\.", "Control characters aren't allowed."),
        (r"Surrogate characters are not allowed: .*", "This text has characters that don't exist."),
        (r"Enter a valid email address\.", "This doesn't look like an e-mail address."),
    )
]


def plain(message: str) -> str:
    """The message for a person; one that has no other words stays, without what can't be printed."""
    for pattern, words in _WORDS:
        if found := pattern.fullmatch(message):
            return words.replace(r"\1", _printable(_short(found[1] or ""))) if r"\1" in words else words
    return _printable(message)


def _short(given: str) -> str:
    return given if len(given) <= SHOWN else f"{given[:SHOWN]}…"


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "·" for letter in text)
