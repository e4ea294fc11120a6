"""How moments are written for the outside."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(moment: datetime) -> str:
    """UTC with Z, milliseconds only where there are any."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def rfc3339_or_none(moment: datetime | None) -> str | None:
    """The same, None for None."""
    return None if moment is None else rfc3339(moment)
