"""Not now: times in which nobody is told. They always end, and never stop recording.

Alerts open, move and resolve during a mute as ever. What was kept quiet and still lasts at its end is told then
(lifecycle.tell_due); what was told before and recovers meanwhile is told as recovered.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from alerts.models import Alert, AlertRule, AlertStatus, Mute, MuteKind
from freshtrack.errors import DomainError
from organizations.models import Organization, User
from sensors.models import Site, Unit

LONGEST: Final = timedelta(days=30)


class MuteIsOver(DomainError):
    """What has ended stays as it was: it is the record of what was kept quiet."""

    code = "mute_is_over"


class WrongEnd(DomainError):
    """A mute ends, in the future and within 30 days of its beginning."""

    code = "invalid"
    status = 400

    def __init__(self, words: str) -> None:
        super().__init__(f"ends_at: {words}")
        self.extra = {"errors": [{"field": "ends_at", "code": "invalid", "detail": words}]}


# Locked while an alert is about to be kept quiet by it, so that whoever ends it early finds that alert. Locked by
# somebody who is changing it: then it counts as none, since telling once too often is the safe side.
_COVERING: Final = """
SELECT * FROM alerts_mute
WHERE organization_id = ANY (%s::uuid[]) AND starts_at <= %s AND ends_at > %s
  AND (site_id = ANY (%s::uuid[]) OR unit_id = ANY (%s::uuid[]) OR rule_id = ANY (%s::uuid[])
       OR (site_id IS NULL AND unit_id IS NULL AND rule_id IS NULL))
ORDER BY ends_at DESC, id
FOR SHARE SKIP LOCKED
"""


def covering(*, alert: Alert, at: datetime) -> Mute | None:
    """The mute that keeps people from being told of this alert now; of several the one that ends last.

    An alert of a gateway is of the gateway's site. Call inside a transaction.
    """
    return covering_each(alerts=[alert], at=at).get(alert.pk)


def covering_each(*, alerts: Sequence[Alert], at: datetime) -> dict[UUID, Mute]:
    """The same of many, stored or not yet: alert -> mute. Call inside a transaction."""
    places = [
        sorted({value for value in column if value is not None})
        for column in zip(
            *((alert.organization_id, alert.site_id, alert.unit_id, alert.rule_id) for alert in alerts), strict=True
        )
    ]
    found = list(Mute.objects.raw(_COVERING, [places[0], at, at, *places[1:]])) if places else []
    return {alert.pk: mute for alert in alerts for mute in reversed(found) if _covers(mute, alert)}


def _covers(mute: Mute, alert: Alert) -> bool:
    if mute.organization_id != alert.organization_id:
        return False
    pairs = ((mute.site_id, alert.site_id), (mute.unit_id, alert.unit_id), (mute.rule_id, alert.rule_id))
    scopes = [(held, own) for held, own in pairs if held is not None]
    return not scopes or any(held == own for held, own in scopes)


def with_silenced(mutes: QuerySet[Mute]) -> QuerySet[Mute]:
    """With the number of alerts that each kept quiet, as `silenced`."""
    quiet = (
        Alert.objects.filter(muted_by=OuterRef("pk")).order_by().values("muted_by").annotate(count=Count("pk"))
    ).values("count")
    return mutes.annotate(silenced=Coalesce(Subquery(quiet, output_field=IntegerField()), 0))


def begin(
    *,
    organization: Organization,
    by: User,
    at: datetime,
    ends_at: datetime,
    starts_at: datetime | None = None,
    kind: str = MuteKind.MUTE,
    site: Site | None = None,
    unit: Unit | None = None,
    rule: AlertRule | None = None,
    reason: str = "",
) -> Mute:
    """Keep quiet from `starts_at` (now) to `ends_at`: a site, a unit, a rule, or with none of them everything.

    Who was told of an alert already isn't told less of it. Call inside a transaction.
    Raises WrongEnd if it would end in the past, before it begins, or later than 30 days after that.
    """
    starts_at = starts_at or at
    _check(starts_at=starts_at, ends_at=ends_at, at=at)
    return Mute.objects.create(
        organization=organization,
        kind=kind,
        site=site,
        unit=unit,
        rule=rule,
        reason=reason,
        starts_at=starts_at,
        ends_at=ends_at,
        created_by=by,
        created_at=at,
    )


def change(*, mute: Mute, at: datetime, ends_at: datetime | None = None, reason: str | None = None) -> Mute:
    """Give it another end or reason. What it keeps quiet is told at the new end. Call inside a transaction.

    Raises MuteIsOver if it has ended, WrongEnd as `begin` does.
    """
    mute = _locked(mute)
    if mute.ends_at <= at:
        raise MuteIsOver("This has ended already. Make a new one.")
    if reason is not None:
        mute.reason = reason
    if ends_at is not None and ends_at != mute.ends_at:
        _check(starts_at=mute.starts_at, ends_at=ends_at, at=at)
        _end_at(mute, ends_at)
    mute.save(update_fields=["reason", "ends_at"])
    return mute


def end(*, mute: Mute, at: datetime) -> Mute:
    """End it now; one that hasn't begun never will. The row stays for the record. Twice is the same as once.

    What it kept quiet and still lasts is told by the next sweep. Call inside a transaction.
    """
    mute = _locked(mute)
    if mute.ends_at > at:
        _end_at(mute, max(at, mute.starts_at))
        mute.save(update_fields=["ends_at"])
    return mute


def _check(*, starts_at: datetime, ends_at: datetime, at: datetime) -> None:
    if ends_at <= at:
        raise WrongEnd("It must end in the future.")
    if ends_at <= starts_at:
        raise WrongEnd("It must end after it begins.")
    if ends_at - starts_at > LONGEST:
        raise WrongEnd(f"It may last {LONGEST.days} days. Longer than that, switch the rule off.")


def _locked(mute: Mute) -> Mute:
    return Mute.objects.select_for_update(of=("self",), no_key=True).get(pk=mute.pk)


def _end_at(mute: Mute, ends_at: datetime) -> None:
    """Alerts that wait for its end wait for the new one; those acknowledged or snoozed since wait for another."""
    Alert.objects.filter(muted_by=mute, status=AlertStatus.OPEN, snoozed_until=None, tell_at=mute.ends_at).update(
        tell_at=ends_at
    )
    mute.ends_at = ends_at
