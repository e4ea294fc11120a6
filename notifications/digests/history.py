"""Which digests a person has had: what was promised tells it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import JSONField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Concat

from notifications.digests.periods import Plan, Sent
from notifications.models import Digest, Notification

# What is older than two weeks says nothing about this one.
_RECENT: Final = timedelta(days=16)
EVENT: Final = "digest."


def event_of(period: str) -> str:
    """The event of its message."""
    return f"{EVENT}{period}"


def facts(*, day: date, until: datetime) -> dict[str, Any]:
    """What the message of a digest carries. A preview carries none: it counts for no day."""
    return {"day": day.isoformat(), "until": until.isoformat()}


def with_last(digests: QuerySet[Digest], *, at: datetime) -> QuerySet[Digest]:
    """The digests with what the last message of each carried, whatever row it was that asked for it then."""
    last = (
        Notification.objects.filter(
            user=OuterRef("user"),
            organization=OuterRef("organization"),
            event=Concat(Value(EVENT), OuterRef("period")),
            extra__has_key="day",
            created_at__gt=at - _RECENT,
        )
        .order_by("-created_at", "-pk")
        .values("extra")[:1]
    )
    return digests.annotate(last=Subquery(last, output_field=JSONField()))


def sent(plan: Plan, facts: dict[str, Any] | None) -> Sent | None:
    """The last digest, of what its message carried."""
    if not facts:
        return None
    return Sent(plan.number(date.fromisoformat(facts["day"])), datetime.fromisoformat(facts["until"]))
