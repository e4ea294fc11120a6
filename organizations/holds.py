"""Legal holds: while one stands, nothing of the organization is deleted, whatever its age and whoever asks.

An inspection, a recall, a lawsuit: what is evidence must stay. A hold keeps months of readings from being dropped
(sensors/keeping.py) and a deleted organization from being purged (purging.py); it hides and shows nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db.models import QuerySet

from freshtrack.errors import DomainError
from organizations import membership
from organizations.models import LegalHold, Organization, User

# Standing at a time. Far more than anybody can look after.
MOST: Final = 100


class TooManyHolds(DomainError):
    """Nobody can look after so many."""

    code = "too_many"


def standing(organization: Organization) -> QuerySet[LegalHold]:
    """Those that weren't lifted. Call inside a transaction."""
    return LegalHold.objects.for_organization(organization).filter(lifted_at=None)


def place(*, organization: Organization, reason: str, by: User, at: datetime) -> LegalHold:
    """From now on nothing of the organization is deleted. Each one stands for itself. Call inside a transaction.

    Waits for a purge that is deleting just now. Raises TooManyHolds.
    """
    membership.lock(organization.pk)
    if standing(organization).count() >= MOST:
        raise TooManyHolds(f"There are {MOST} holds already. Lift some that nobody needs first.")
    return LegalHold.objects.create(organization=organization, reason=reason, placed_by=by, placed_at=at)


def lift(*, hold: LegalHold, by: User, at: datetime) -> LegalHold:
    """Its reason is over. It stays on record, with who lifted it. Twice is the same as once. Call inside a transaction.

    What another hold or the law still keeps stays.
    """
    hold = LegalHold.objects.select_for_update(of=("self",)).select_related("placed_by", "lifted_by").get(pk=hold.pk)
    if hold.lifted_at is None:
        hold.lifted_by, hold.lifted_at = by, at
        hold.save(update_fields=["lifted_by", "lifted_at"])
    return hold
