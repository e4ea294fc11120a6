"""Every hole of an organization, worst first."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from alerts.coverage import knowing, policies
from alerts.coverage.causes import Causes
from alerts.coverage.holes import Coverage, rank
from alerts.coverage.reaching import Reaching
from organizations.models import Organization, User


def of_organization(
    *, organization: Organization, at: datetime, site_ids: Collection[UUID] | None = None, by: User | None = None
) -> Coverage:
    """What might reach nobody at this moment or within two weeks; of these sites only (None: of all).

    `by`: who asks, and mends their own addresses themselves. A dozen statements however many policies, schedules,
    people and sites there are. Call inside a transaction.
    """
    reaching = Reaching(knowing.load(organization=organization, site_ids=site_ids, at=at))
    found = policies.of_policies(reaching)
    causes = Causes(reaching, critical=found.critical, asker=None if by is None else by.pk)
    holes = [*found.holes, *policies.of_places(reaching, found), *causes.of_schedules(), *causes.of_people()]
    return Coverage(at, sorted(holes, key=rank))
