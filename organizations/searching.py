"""How lists are narrowed down: `?search=`, and filters that say what is wrong instead of ignoring it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from django import forms
from django.db import models
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django_filters import rest_framework as filters
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema_field
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

from freshtrack.pagination import refuse

LONGEST_SEARCH: Final = 200


class WordSearch(BaseFilterBackend):
    """`?search=` on views that name the database's function for it as `search_function`.

    Rows match that have, for each word given, one that begins like it; case and accents don't matter. The function
    looks into the organization and the sites of the open scope (sensors/migrations/0004_search.py) and returns keys;
    `search_fields` tells people where it looks.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        """The rows that match. An empty search is none."""
        function = getattr(view, "search_function", None)
        typed = request.query_params.get("search", "")
        if function is None or not typed:
            return queryset
        if len(typed) > LONGEST_SEARCH or "\0" in typed:
            raise refuse("search", f"Give at most {LONGEST_SEARCH} characters of text.")
        meta = queryset.model._meta
        # An array, so that PostgreSQL asks the function first and then looks up the keys, whatever it believes about
        # how many there are. The names are the view's, not the request's.
        condition = f'"{meta.db_table}"."{meta.pk.column}" = ANY (ARRAY(SELECT {function}(%s)))'
        return queryset.filter(RawSQL(condition, [typed], output_field=models.BooleanField()))  # noqa: S611

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """How the schema describes it."""
        if getattr(view, "search_function", None) is None:
            return []
        words = f"Beginnings of words, case and accents ignored, in: {', '.join(view.search_fields)}."
        schema = {"type": "string", "maxLength": LONGEST_SEARCH}
        return [{"name": "search", "in": "query", "required": False, "schema": schema, "description": words}]


class _Ids(forms.Field):
    """UUIDs, as often as the parameter is given."""

    widget = forms.SelectMultiple

    def to_python(self, value: Iterable[str] | None) -> list[UUID]:
        """Raises ValidationError for the first that is none."""
        try:
            return [UUID(text) for text in value or () if text]
        except ValueError:
            raise forms.ValidationError("An id is a UUID. This isn't one.", code="invalid") from None


_ID: Final = {"type": "string", "format": "uuid"}


@extend_schema_field({"oneOf": [_ID, {"type": "array", "items": _ID}]})
class IdsFilter(filters.Filter):  # type: ignore[misc]
    """Rows of one of these parents: `?site=…&site=…`. An id that nobody has, or that is somebody else's, finds none."""

    field_class = _Ids

    def filter(self, qs: QuerySet[Any], value: Sequence[UUID] | None) -> QuerySet[Any]:
        """All rows if no id was given."""
        return qs.filter(**{f"{self.field_name}__in": value}) if value else qs


class _TrueOrFalse(forms.Field):
    """Django's own takes anything else as "not given"."""

    def to_python(self, value: str | None) -> bool | None:
        """Raises ValidationError for anything but true and false."""
        if value in (None, ""):
            return None
        if str(value).lower() not in ("true", "false", "1", "0"):
            raise forms.ValidationError("Say true or false.", code="invalid")
        return str(value).lower() in ("true", "1")


class TrueOrFalseFilter(filters.BooleanFilter):  # type: ignore[misc]
    """`?enabled=true`."""

    field_class = _TrueOrFalse

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Instead of a list of choices, which forgets what it doesn't know.
        super().__init__(*args, widget=forms.TextInput, **kwargs)


class _Moment(filters.IsoDateTimeFilter.field_class):  # type: ignore[misc]
    """Django's own takes years and zones that PostgreSQL doesn't know."""

    def to_python(self, value: Any) -> datetime | None:
        """Raises ValidationError for what isn't a moment from 1900 to 9998."""
        moment: datetime | None = super().to_python(value)
        if moment is not None and not 1900 <= moment.year < 9999:
            raise forms.ValidationError("Give a moment from this or the last century.", code="invalid")
        return moment and moment.astimezone(UTC)


class MomentFilter(filters.IsoDateTimeFilter):  # type: ignore[misc]
    """A date with time and zone, such as 2026-11-20T12:00:00Z."""

    field_class = _Moment


class ChoicesFilter(filters.MultipleChoiceFilter):  # type: ignore[misc]
    """One of several choices: `?status=open&status=acknowledged`. An unknown one is refused."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, distinct=False, **kwargs)


class FilterSet(filters.FilterSet):  # type: ignore[misc]
    """What a view's `filterset_fields` become: parents by id, choices and truth values that are checked."""

    FILTER_DEFAULTS: ClassVar[dict[Any, Any]] = {
        **filters.FilterSet.FILTER_DEFAULTS,
        models.ForeignKey: {"filter_class": IdsFilter},
        models.BooleanField: {"filter_class": TrueOrFalseFilter},
    }

    @classmethod
    def filter_for_lookup(cls, field: Any, lookup_type: str) -> tuple[Any, dict[str, Any]]:
        """Fields with choices take several of them."""
        if lookup_type == "exact" and getattr(field, "choices", None):
            return ChoicesFilter, {"choices": field.choices}
        found: tuple[Any, dict[str, Any]] = super().filter_for_lookup(field, lookup_type)
        return found


class Narrowing(DjangoFilterBackend):  # type: ignore[misc]
    """Filters of lists."""

    filterset_base = FilterSet
