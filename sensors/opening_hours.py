"""When a site is open, as people give it: by weekday the hours from and to, local time."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# More than these in one day is a mistake.
MOST_A_DAY: Final = 6
_CLOCK: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
_MIDNIGHT: Final = "24:00"  # the end of a day

_SPAN: Final = {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2}
_SCHEMA: Final = {
    "type": "object",
    "properties": {day: {"type": "array", "items": _SPAN, "maxItems": MOST_A_DAY} for day in DAYS},
    "additionalProperties": False,
    "description": (
        'Local time, for example {"mon": [["08:00", "14:00"], ["17:00", "24:00"]]}. A day that is left out is closed;'
        " an empty object means always open. A night goes over two days."
    ),
}


@extend_schema_field(_SCHEMA)
class OpeningHoursField(serializers.Field[dict[str, list[list[str]]], Any, Any, Any]):
    """Hours of each weekday, put in order. Days that are given without hours are closed."""

    def to_internal_value(self, data: Any) -> dict[str, list[list[str]]]:
        """Raises ValidationError that says what is wrong with which day."""
        if not isinstance(data, dict):
            raise serializers.ValidationError("Give an object with hours by weekday.", code="invalid")
        if unknown := [str(day) for day in data if day not in DAYS]:
            words = f"{unknown[0][:20]} is no weekday. They are {', '.join(DAYS)}."
            raise serializers.ValidationError(words, code="unknown_day")
        return {day: _hours(day, data[day]) for day in DAYS if day in data}

    def to_representation(self, value: dict[str, list[list[str]]]) -> dict[str, list[list[str]]]:
        """As it is stored."""
        return value


def _hours(day: str, spans: Any) -> list[list[str]]:
    if not isinstance(spans, list) or len(spans) > MOST_A_DAY:
        words = f'{day}: give a list of up to {MOST_A_DAY} hours, such as [["08:00", "22:00"]].'
        raise serializers.ValidationError(words, code="invalid")
    found = sorted(_span(day, span) for span in spans)
    for one, next_one in pairwise(found):
        if next_one[0] < one[1]:
            words = f"{day}: {'–'.join(one)} and {'–'.join(next_one)} overlap."
            raise serializers.ValidationError(words, code="overlap")
    return found


def _span(day: str, span: Any) -> list[str]:
    if not isinstance(span, list) or len(span) != 2 or not all(isinstance(clock, str) for clock in span):
        raise serializers.ValidationError(f'{day}: hours are a pair such as ["08:00", "22:00"].', code="invalid")
    begin, end = span
    if not _CLOCK.fullmatch(begin) or not (_CLOCK.fullmatch(end) or end == _MIDNIGHT):
        raise serializers.ValidationError(f"{day}: write times as HH:MM, 00:00 to 24:00.", code="invalid")
    if end <= begin:
        words = f"{day}: closing comes after opening. Give a night as two: until 24:00, and from 00:00 on the next day."
        raise serializers.ValidationError(words, code="overnight")
    return [begin, end]
