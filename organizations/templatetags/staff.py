"""Words of the staff's pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Model
from django.template import Library
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from organizations.staff_columns import ago as _ago
from organizations.staff_columns import at as _at
from organizations.staff_columns import label as _label
from organizations.staff_columns import link_to, names_of

register = Library()


@register.filter
def named(thing: Any) -> str:
    """A row by the name its page gives it, anything else as it is."""
    return names_of(thing) if isinstance(thing, Model) else str(capfirst(str(thing)))


@register.filter
def linked(row: Model | None) -> SafeString | str:
    """The row's name, linked to its page."""
    return link_to(row)


@register.filter
def at(moment: datetime | None) -> SafeString | str:
    """A moment in UTC."""
    return _at(moment)


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    """How long ago it is."""
    return _ago(moment)


@register.simple_tag
def state(word: str, text: str = "") -> SafeString:
    """A word of a state machine in its colour."""
    return _label(word, text)
