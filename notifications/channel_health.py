"""How the channels are: when something arrived last, what went wrong last, and how often.

What an organization's own messages met, not what the providers say of themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q, QuerySet

from notifications.models import Attempt, Outcome

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(hours=24)
# Further back nobody looks for the last success.
LOOKED_BACK: Final = timedelta(days=30)
_ERRORS: Final = [Outcome.FAILED.value, Outcome.REFUSED.value, Outcome.LOST.value]


@dataclass(frozen=True)
class Counts:
    """Attempts by how they ended. Failed: tried again, or lost with their sender."""

    sent: int = 0
    failed: int = 0
    refused: int = 0


@dataclass(frozen=True)
class LastError:
    """What the provider, or the line to it, said."""

    at: datetime
    code: str
    detail: str


@dataclass(frozen=True)
class Health:
    """One channel through one provider."""

    channel: str
    provider: str
    last_success: datetime | None
    last_error: LastError | None
    hour: Counts
    day: Counts


def of_organization(*, organization_id: UUID, at: datetime) -> list[Health]:
    """Each channel and provider that carried something lately, by name. Inside a transaction.

    One statement for the last day, and three for each channel and provider: index scans (attempt_of_channel) that end
    at the first row, or thirty days back.
    """
    attempts = Attempt.objects.filter(organization=organization_id, at__lte=at)
    counted = _counted(attempts.filter(at__gt=at - DAY), at=at)
    recent = attempts.filter(at__gt=at - LOOKED_BACK).order_by("-at", "-pk")
    pairs = set(counted)
    for channel in set(settings.CHANNELS) - {channel for channel, _ in pairs}:
        last = recent.filter(channel=channel).values_list("provider", flat=True).first()
        pairs |= {(channel, last)} if last is not None else set()
    return [_health(recent, channel, provider, counted.get((channel, provider))) for channel, provider in sorted(pairs)]


def _counted(attempts: QuerySet[Attempt], *, at: datetime) -> dict[tuple[str, str], tuple[Counts, Counts]]:
    """(hour, day) for each channel and provider."""

    def ended(outcomes: Iterable[str], **when: datetime) -> Count:
        return Count("pk", filter=Q(outcome__in=list(outcomes), **when))

    ways = {"sent": [Outcome.SENT], "failed": [Outcome.FAILED, Outcome.LOST], "refused": [Outcome.REFUSED]}
    rows = attempts.values("channel", "provider").annotate(
        **{f"day_{name}": ended(outcomes) for name, outcomes in ways.items()},
        **{f"hour_{name}": ended(outcomes, at__gt=at - HOUR) for name, outcomes in ways.items()},
    )
    found: dict[tuple[str, str], tuple[Counts, Counts]] = {}
    for row in rows:
        numbers: dict[str, Any] = dict(row)
        hour, day = (Counts(**{name: numbers[f"{span}_{name}"] for name in ways}) for span in ("hour", "day"))
        found[row["channel"], row["provider"]] = (hour, day)
    return found


def _health(recent: QuerySet[Attempt], channel: str, provider: str, counts: tuple[Counts, Counts] | None) -> Health:
    hour, day = counts or (Counts(), Counts())
    own = recent.filter(channel=channel, provider=provider)
    error = own.filter(outcome__in=_ERRORS).first()
    return Health(
        channel,
        provider,
        last_success=own.filter(outcome=Outcome.SENT).values_list("at", flat=True).first(),
        last_error=LastError(error.at, error.code, error.detail) if error else None,
        hour=hour,
        day=day,
    )
