"""What was tried and refused, or done to an account: rows that tell their story in the audit trail."""

from __future__ import annotations

from organizations.models import Organization, SecurityEvent, User


def note(*, organization: Organization, kind: str, detail: str = "", user: User | None = None) -> SecurityEvent:
    """Tell the organization. A refusal rolls its transaction back, so note it in another one. Inside a transaction."""
    return SecurityEvent.objects.create(organization=organization, kind=kind, detail=detail[:300], user=user)
