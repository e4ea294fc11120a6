"""Shown and kept are two things: the plan limits what is shown, the law what is deleted (docs/retention.md)."""

from __future__ import annotations

from datetime import datetime, timedelta

from organizations.models import Organization


def shown_from(organization: Organization, *, at: datetime) -> datetime | None:
    """The moment before which the organization's plan hides readings; None: nothing is hidden.

    Hidden readings stay where they are, so a larger plan shows them again at once.
    """
    if organization.history_days is None:
        return None
    return at - timedelta(days=organization.history_days)
