"""Answers that come by a message: whoever was told says "I have it" without signing in.

The link in an e-mail is one way (Note [Links in messages]). Whatever the way, the person must belong still, be allowed
to, and see the site; what became of it is said in words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from alerts import lifecycle
from alerts.models import Alert, AlertStatus, Channel
from notifications import links
from organizations.models import Membership
from organizations.permissions import member_may


class Standing(StrEnum):
    """How an alert stands for the person who answers."""

    OPEN = "open"
    TAKEN = "taken"  # by this answer
    YOURS = "yours"
    THEIRS = "theirs"
    RESOLVED = "resolved"


class NotYours(Exception):
    """The person left, lost the right or the site, or the alert is gone. Nothing of it is told."""


@dataclass(frozen=True)
class Asked:
    """Who may answer what."""

    alert_id: UUID
    membership: Membership


def asked(*, token: str, at: datetime) -> tuple[UUID, UUID]:
    """The alert and the person of a link. Raises links.Worthless, links.TooOld."""
    about, user_id = links.asked_of(token, at=at)
    kind, _, key = about.partition(":")
    if kind != "alert":
        raise links.Worthless
    return UUID(key), user_id


def admit(*, alert_id: UUID, user_id: UUID) -> Asked:
    """Who answers, if that person may still acknowledge this alert. Call inside a system transaction.

    Raises NotYours.
    """
    found = Alert.objects.filter(pk=alert_id).values_list("organization_id", "site_id").first()
    if found is None:
        raise NotYours
    organization_id, site_id = found
    membership = (
        Membership.objects.current()
        .select_related("organization", "user")
        .filter(organization=organization_id, organization__deleted_at=None, user=user_id, user__is_active=True)
        .first()
    )
    if membership is None or not member_may(membership, "alerts.acknowledge"):
        raise NotYours
    if membership.site_ids is not None and site_id not in membership.site_ids:
        raise NotYours
    return Asked(alert_id, membership)


def look(asked: Asked) -> tuple[Alert, Standing]:
    """The alert as it stands now; changes nothing. Raises NotYours. Call inside the organization's transaction."""
    alert = (
        Alert.objects.for_member(asked.membership)
        .select_related("unit", "site", "sensor", "gateway", "organization", "acknowledged_by", "resolved_by")
        .filter(pk=asked.alert_id)
        .first()
    )
    if alert is None:
        raise NotYours
    return alert, _standing(alert, asked)


def acknowledge(asked: Asked, *, channel: Channel, at: datetime) -> tuple[Alert, Standing]:
    """Take charge in the person's name, if it is open; else only say how it stands. Twice is the same as once.

    Raises NotYours. Call inside the organization's transaction.
    """
    alert, standing = look(asked)
    if standing != Standing.OPEN:
        return alert, standing
    try:
        lifecycle.acknowledge(alert=alert, by=asked.membership.user, at=at, channel=channel)
    except lifecycle.IllegalTransition:
        return look(asked)  # resolved at this very moment
    alert, standing = look(asked)
    # Somebody else may have been quicker by a moment.
    return alert, Standing.TAKEN if standing == Standing.YOURS else standing


def _standing(alert: Alert, asked: Asked) -> Standing:
    if alert.status == AlertStatus.RESOLVED:
        return Standing.RESOLVED
    if alert.status == AlertStatus.OPEN:
        return Standing.OPEN
    return Standing.YOURS if alert.acknowledged_by_id == asked.membership.user_id else Standing.THEIRS
