"""Lists in pages: {"results", "next", "previous"}, by cursor, so that pages don't shift while rows come in.

A cursor holds the place of a row in the list's order: the values of all columns of the order, of which the last is
unique. So no row is shown twice or left out, whether values repeat or are missing, and a far page costs as little as
the first.
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

from django.core.exceptions import ValidationError as InvalidValue
from django.db.models import Q, QuerySet
from rest_framework import serializers
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

# Rows after the place, before it, or before and at it (back from a page that has become empty).
Direction = Literal["after", "before", "upto"]
_DIRECTIONS: Final = ("after", "before", "upto")
LONGEST_CURSOR: Final = 2000


class Cursor(NamedTuple):
    """A place in a list, and which way from there."""

    direction: Direction
    place: list[Any]


def refuse(parameter: str, words: str) -> serializers.ValidationError:
    """What is wrong with a parameter of the address, for the person who reads the answer."""
    return serializers.ValidationError({parameter: [words]})


class CursorPages(BasePagination):
    """Follows the queryset's own order, which views make explicit and end in a unique column.

    A view with `ordering_fields` (name in the address -> column) lets `?ordering=` choose another one.
    """

    page_size = 100
    max_page_size = 500
    _next: str | None = None
    _previous: str | None = None

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """One page of rows.

        Raises ValidationError for a page_size, ordering or cursor that can't be.
        """
        size = self._size(request)
        order = self.get_ordering(request, queryset, view)
        cursor = self._cursor(request, queryset, order)
        back = cursor is not None and cursor.direction != "after"
        rows = queryset.order_by(*(_turned(order) if back else order))
        if cursor is not None:
            rows = rows.filter(_beyond(queryset, _turned(order) if back else order, cursor))
        found = list(rows[: size + 1])
        more, page = len(found) > size, found[:size]
        if back:
            page.reverse()
        has_next, has_previous = (True, more) if back else (more, cursor is not None)
        url = request.build_absolute_uri()
        if has_next and (page or cursor):
            place = _place_of(page[-1], order) if page else cursor.place  # type: ignore[union-attr]
            self._next = _link(url, order, Cursor("after", place))
        if has_previous and (page or cursor):
            before = Cursor("before", _place_of(page[0], order)) if page else Cursor("upto", cursor.place)  # type: ignore[union-attr]
            self._previous = _link(url, order, before)
        return page

    def get_paginated_response(self, data: Any) -> Response:
        """The page with the addresses of its neighbours."""
        return Response({"next": self._next, "previous": self._previous, "results": data})

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        """The order of the queryset, or the one that was asked for; always ending in the queryset's last column."""
        own: tuple[str, ...] = tuple(str(name) for name in queryset.query.order_by) or ("-pk",)
        wanted = request.query_params.get("ordering")
        choices = orderings(view)
        if wanted is None or not choices:
            return own
        if wanted not in choices:
            raise refuse("ordering", f"Lists can be ordered by one of: {', '.join(choices)}.")
        falling = wanted.startswith("-")
        column = view.ordering_fields[wanted.lstrip("-")]
        return tuple(f"-{name}" if falling else name for name in (column, own[-1].lstrip("-")))

    def _size(self, request: Request) -> int:
        given = request.query_params.get("page_size")
        if given is None:
            return self.page_size
        if not (given.isascii() and given.isdigit() and len(given) < 9 and 1 <= int(given) <= self.max_page_size):
            raise refuse("page_size", f"Give a whole number from 1 to {self.max_page_size}.")
        return int(given)

    def _cursor(self, request: Request, queryset: QuerySet[Any], order: Sequence[str]) -> Cursor | None:
        encoded = request.query_params.get("cursor")
        if not encoded:
            return None
        try:
            if len(encoded) > LONGEST_CURSOR:
                raise ValueError
            kept, direction, place = json.loads(urlsafe_b64decode(encoded.encode("ascii")))
            if kept != list(order) or direction not in _DIRECTIONS or len(place) != len(order):
                raise ValueError
            columns = (_column(queryset, name) for name in order)
            values = [_read(column, value) for column, value in zip(columns, place, strict=True)]
        except (ValueError, TypeError, RecursionError, binascii.Error, InvalidValue) as error:
            raise refuse("cursor", "This cursor isn't one of this list. Begin without one.") from error
        return Cursor(direction, values)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """How the schema describes the parameters of a list."""
        parameters = [
            _parameter("cursor", {"type": "string"}, "Opaque; take it from `next` or `previous`."),
            _parameter(
                "page_size",
                {"type": "integer", "minimum": 1, "maximum": self.max_page_size, "default": self.page_size},
                "Rows in a page.",
            ),
        ]
        if choices := orderings(view):
            words = "Another order; `-` begins with the greatest. Missing values are the greatest."
            parameters.append(_parameter("ordering", {"type": "string", "enum": choices}, words))
        return parameters

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """How the schema describes a page."""
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }


def orderings(view: Any) -> list[str]:
    """What `?ordering=` may say on this list. Lists under one object (a timeline) have their own order."""
    if getattr(view, "action", None) not in (None, "list"):
        return []
    return [sign + name for name in getattr(view, "ordering_fields", None) or () for sign in ("", "-")]


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _turned(order: Sequence[str]) -> tuple[str, ...]:
    return tuple(name[1:] if name.startswith("-") else f"-{name}" for name in order)


def _column(queryset: QuerySet[Any], name: str) -> Any:
    bare = name.lstrip("-")
    meta = queryset.model._meta
    return meta.pk if bare == "pk" else meta.get_field(bare)


def _read(column: Any, value: Any) -> Any:
    if isinstance(value, str) and "\0" in value:
        raise ValueError
    return column.target_field.to_python(value) if column.is_relation else column.to_python(value)


def _place_of(row: Any, order: Sequence[str]) -> list[Any]:
    return [getattr(row, name.lstrip("-")) for name in order]


def _beyond(queryset: QuerySet[Any], order: Sequence[str], cursor: Cursor) -> Q:
    """Rows behind the place in this order. A missing value is greater than any other, as in PostgreSQL's orders."""
    beyond, same, bound = Q(), Q(), Q()
    for number, (name, value) in enumerate(zip(order, cursor.place, strict=True)):
        column, falling, last = name.lstrip("-"), name.startswith("-"), number == len(order) - 1
        nullable = _column(queryset, name).null
        if value is None:
            # Behind what is missing: falling, everything that isn't; rising, nothing.
            beyond |= same & (Q(**{f"{column}__isnull": False}) if falling else Q(pk__in=[]))
            same &= Q(**{f"{column}__isnull": True})
            continue
        sign = "lt" if falling else "gt"
        step = Q(**{f"{column}__{sign}e" if last and cursor.direction == "upto" else f"{column}__{sign}": value})
        if nullable and not falling:
            step |= Q(**{f"{column}__isnull": True})
        if number == 0 and not nullable:
            bound = Q(**{f"{column}__{sign}e": value})  # says a part of it again, for the index
        beyond |= same & step
        same &= Q(**{column: value})
    return bound & beyond


def _link(url: str, order: Sequence[str], cursor: Cursor) -> str:
    place = [value if isinstance(value, int | float | None) else _written(value) for value in cursor.place]
    text = json.dumps([list(order), cursor.direction, place], separators=(",", ":"))
    return str(replace_query_param(url, "cursor", urlsafe_b64encode(text.encode()).decode()))


def _written(value: Any) -> str:
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)
