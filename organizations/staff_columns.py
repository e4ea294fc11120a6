"""Columns of staff pages: names with links, labels with colours, moments. Each works in a list and on a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db import models
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

Column = Callable[[Any], Any]
NBSP: Final = "\N{NO-BREAK SPACE}"  # a number stays with its unit

# Words of a state machine -> the theme's variants. A word is always written out: colour is never the only sign.
TONES: Final[Mapping[str, str]] = {
    "critical": "danger",
    "warning": "warning",
    "info": "info",
    "open": "danger",
    "acknowledged": "warning",
    "resolved": "success",
    "online": "success",
    "offline": "danger",
    "fault": "danger",
    "unclaimed": "info",
    "promised": "info",
    "sending": "info",
    "sent": "success",
    "delivered": "success",
    "failed": "warning",
    "dead": "danger",
    "refused": "danger",
    "lost": "warning",
    "usable": "success",
    "pending": "info",
    "accepted": "success",
    "expired": "warning",
    "revoked": "danger",
    "in use": "success",
    "removed": "danger",
    "ended": "danger",
    "owner": "primary",
    "create": "success",
    "update": "info",
    "delete": "danger",
}


def names_of(row: models.Model) -> str:
    """What the row's own admin page calls it."""
    page = admin.site._registry.get(type(row))
    return str(getattr(page, "name_of", str)(row))


def short_name_of(row: models.Model) -> str:
    """The same without the customer's name."""
    page = admin.site._registry.get(type(row))
    return str(getattr(page, "short_name_of", str)(row))


def link_to(row: models.Model | None, text: str = "") -> SafeString | str:
    """The row's name, linked to its page if it has one."""
    if row is None:
        return "–"
    name = text or names_of(row)
    try:
        address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=(quote(row.pk),))
    except NoReverseMatch:
        return name
    return format_html('<a href="{}" class="text-link">{}</a>', address, name)


def label(word: str, text: str = "") -> SafeString:
    """A state in its colour."""
    return render_to_string("unfold/helpers/label.html", {"text": text or word, "type": TONES.get(word, "default")})


def at(moment: datetime | None) -> SafeString | str:
    """A moment in UTC, to the second; how long ago is in its tooltip."""
    if moment is None:
        return "–"
    text = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return format_html('<time class="whitespace-nowrap" title="{}, UTC">{}</time>', _ago(moment), text)


def ago(moment: datetime | None) -> SafeString | str:
    """How long ago a moment is; the moment itself is in its tooltip."""
    if moment is None:
        return "never"
    text = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return format_html('<time class="whitespace-nowrap" title="{}">{}</time>', text, _ago(moment))


def _ago(moment: datetime) -> str:
    gap = timezone.now() - moment
    words = duration(abs(gap))
    return f"{words} ago" if gap >= timedelta(0) else f"in {words}"


def duration(length: timedelta) -> str:
    """In the largest unit that fits, rounded down: 45 s, 12 min, 3 h, 9 d."""
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{NBSP}{unit}"
    return f"{seconds}{NBSP}s"


def number(value: float | None, unit: str = "") -> str:
    """A measured value, or a dash."""
    return "–" if value is None else f"{value:g}{NBSP}{unit}".strip()


def _follow(row: Any, path: str) -> Any:
    for name in path.split("__"):
        row = None if row is None else getattr(row, name)
    return row


def _column(show: Column, *, name: str, title: str, ordering: str | None = None) -> Column:
    show.__name__ = name  # the admin tells columns apart by it
    return admin.display(description=title, ordering=ordering)(show)


@cache
def linked(path: str, title: str = "") -> Column:
    """A column with the short name of a related row, linked. Name the path in list_select_related."""

    def show(row: Any) -> SafeString | str:
        related = _follow(row, path)
        return "–" if related is None else link_to(related, short_name_of(related))

    return _column(show, name=f"{path}_link", title=title or _title(path))


@cache
def labelled(field: str, title: str = "") -> Column:
    """A column with the label of a field that has choices."""

    def show(row: Any) -> SafeString | str:
        word = getattr(row, field)
        return label(word, getattr(row, f"get_{field}_display")()) if word else "–"

    return _column(show, name=f"{field}_label", title=title or _title(field), ordering=field)


@cache
def moment(field: str, title: str = "") -> Column:
    """A column with a moment in UTC."""
    return _column(
        lambda row: at(_follow(row, field)), name=f"{field}_moment", title=title or _title(field), ordering=field
    )


@cache
def age(field: str, title: str = "") -> Column:
    """A column with how long ago a moment is."""
    return _column(
        lambda row: ago(_follow(row, field)), name=f"{field}_age", title=title or _title(field), ordering=field
    )


def _title(path: str) -> str:
    return path.split("__")[-1].removesuffix("_at").replace("_", " ").capitalize()
