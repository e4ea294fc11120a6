"""Packed columns: a measured value with two decimals in two bytes instead of four to eight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.validators import BaseValidator
from django.db import models

if TYPE_CHECKING:
    _Base = models.SmallIntegerField[float | None, float | None]
else:
    _Base = models.SmallIntegerField


class CentiField(_Base):
    """A float in Python, hundredths in an int2 column: -327.68 to 327.67 in steps of 0.01.

    Raw SQL sees hundredths: `temperature / 100.0`.
    """

    @property
    def validators(self) -> list[BaseValidator]:  # type: ignore[override]
        """None of the integer's: its limits are those of the column, not of the value."""
        return []

    def from_db_value(self, value: int | None, expression: Any, connection: Any) -> float | None:
        """Hundredths to degrees."""
        return None if value is None else value / 100

    def to_python(self, value: Any) -> float | None:
        """Text from a form or fixture to a float."""
        return None if value is None or value == "" else float(value)

    def get_prep_value(self, value: Any) -> int | None:
        """Degrees to hundredths, rounded to the nearest."""
        return None if value is None else centi(float(value))

    def formfield(self, **kwargs: Any) -> Any:
        """A number field that accepts decimals."""
        return models.Field.formfield(self, **kwargs)


def centi(value: float) -> int:
    """Hundredths, rounded to the nearest; halves go to the even one, as round() does."""
    return round(value * 100)
