"""Exceptions: another limit or delay of one rule for one unit, for a reason and a time. They revert by themselves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils import dateformat
from rest_framework import status

from alerts import rule_words
from alerts.models import WITHOUT_THRESHOLD, AlertRule, Metric, RuleOverride, Severity
from alerts.profiles import laws
from freshtrack.errors import DomainError
from notifications import outbox, people
from notifications.telling import Notice, Words, tell
from organizations import permissions
from organizations.models import Membership, Organization, User
from sensors.models import Unit

LONGEST: Final = timedelta(days=90)
ENDED: Final = "rule.override_ended"


class _Refused(DomainError):
    """It can't be as it was asked for; `field` says what to change."""

    status: ClassVar[int] = status.HTTP_400_BAD_REQUEST

    def __init__(self, words: str, *, field: str) -> None:
        super().__init__(words)
        self.extra = {"errors": [{"field": field, "code": self.code, "detail": words}]}


class BeyondLegalLimit(_Refused):
    """The law's limit can't be overridden."""

    code = "beyond_legal_limit"


class NotOverridable(_Refused):
    """The rule has no such thing, or isn't there to be moved."""

    code = "not_overridable"


class WrongExpiry(_Refused):
    """An override ends, in the future and within 90 days."""

    code = "invalid"


class AlreadyOverridden(DomainError):
    """One at a time: which of two would hold?"""

    code = "already_overridden"


def begin(
    *,
    organization: Organization,
    rule: AlertRule,
    unit: Unit,
    by: User,
    at: datetime,
    expires_at: datetime,
    reason: str,
    threshold: float | None = None,
    delay_s: int | None = None,
) -> RuleOverride:
    """Let one unit have another limit (°C, …) or delay of a rule until `expires_at`. Its owner is who made it.

    What isn't given stays the rule's. Call inside a transaction. Raises WrongExpiry, NotOverridable for a hard limit, a
    rule that doesn't hold the unit or one that has no limit to move, BeyondLegalLimit, and AlreadyOverridden.
    """
    if expires_at <= at:
        raise WrongExpiry("It must end in the future.", field="expires_at")
    if expires_at - at > LONGEST:
        words = f"It may last {LONGEST.days} days. Longer than that, change the rule."
        raise WrongExpiry(words, field="expires_at")
    # Two at the same moment: the second waits here, and finds the first. Not the rule, which somebody who is restricted
    # to some sites may see and not change.
    unit = Unit.objects.select_for_update(of=("self",), no_key=True).select_related("site").get(pk=unit.pk)
    _check(rule, unit, threshold=threshold, delay_s=delay_s)
    _check_law(rule, unit, threshold=threshold, delay_s=delay_s, at=at)
    current = RuleOverride.objects.for_organization(organization).filter(rule=rule, unit=unit, ended_at=None)
    # The sweep comes every few seconds; what is over is over before it.
    for over in current.filter(expires_at__lte=at).select_for_update(of=("self",)).select_related(*_TOLD_WITH):
        _expire(over, at=at)
    if current.exists():
        raise AlreadyOverridden("This rule is overridden for this unit already. End that first.")
    return RuleOverride.objects.create(
        organization=organization,
        rule=rule,
        unit=unit,
        threshold=threshold,
        delay_s=delay_s,
        reason=reason,
        owner=by,
        created_at=at,
        expires_at=expires_at,
    )


def end(*, override: RuleOverride, by: User, at: datetime) -> RuleOverride:
    """The rule's own terms hold again from now on. Twice is the same as once. Call inside a transaction."""
    override = RuleOverride.objects.select_for_update(of=("self",), no_key=True).get(pk=override.pk)
    if override.ended_at is None:
        override.ended_at, override.ended_by = at, by
        override.save(update_fields=["ended_at", "ended_by"])
    return override


def end_expired(*, at: datetime, most: int = 200) -> int:
    """End what has expired, at most so many, and tell each owner that it did; return how many there were.

    Who no longer belongs to the organization or sees the site isn't told; then those who may change rules are. What
    somebody is ending just now is left to the next round, so two sweeps at once are as one. In a system transaction.
    """
    due = list(
        RuleOverride.objects.filter(ended_at=None, expires_at__lte=at)
        .select_for_update(skip_locked=True, of=("self",), no_key=True)
        .select_related(*_TOLD_WITH)
        .order_by("expires_at", "pk")[:most]
    )
    for override in due:
        _expire(override, at=at)
    return len(due)


_TOLD_WITH: Final = ("organization", "rule", "unit__site", "owner")


def _expire(override: RuleOverride, *, at: datetime) -> None:
    override.ended_at = at
    override.save(update_fields=["ended_at"])
    if override.rule.deleted_at is None and override.unit.deleted_at is None:
        _tell(override, at=at)


# --- what is allowed --------------------------------------------------------------------------------------------------


def holds(rule: AlertRule, unit: Unit) -> bool:
    """Whether the unit lies in the rule's scope. A gateway isn't a unit's."""
    if rule.metric == Metric.GATEWAY:
        return False
    places = ((rule.unit_id, unit.pk), (rule.area_id, unit.area_id), (rule.site_id, unit.site_id))
    return all(wanted in (None, there) for wanted, there in places) and rule.unit_kind in ("", unit.kind)


def _check(rule: AlertRule, unit: Unit, *, threshold: float | None, delay_s: int | None) -> None:
    if rule.organization_id != unit.organization_id or not holds(rule, unit):
        raise NotOverridable("This rule doesn't watch this unit.", field="rule")
    if rule.is_ceiling:
        raise NotOverridable("This is a hard limit. It can't be overridden.", field="rule")
    if threshold is None and delay_s is None:
        raise NotOverridable("Give another threshold, another delay_s, or both.", field="threshold")
    if threshold is not None and rule.condition in WITHOUT_THRESHOLD:
        raise NotOverridable("This rule has no threshold, only a delay.", field="threshold")


def _check_law(rule: AlertRule, unit: Unit, *, threshold: float | None, delay_s: int | None, at: datetime) -> None:
    zone = ZoneInfo(unit.site.timezone)
    legal = laws.limits(kind=unit.kind, jurisdiction=unit.site.jurisdiction, on=at.astimezone(zone).date())
    own = laws.Terms(rule.metric, rule.condition, rule.threshold, rule.delay_s)
    changed = own._replace(
        threshold=own.threshold if threshold is None else threshold,
        delay_s=own.delay_s if delay_s is None else delay_s,
    )
    limit = laws.loosened(own=own, changed=changed, legal=legal)
    if limit is None:
        return
    field = "delay_s" if laws.loosened(own=own, changed=changed._replace(threshold=own.threshold), legal=legal) else ""
    what = "wait that long" if field else "go that far"
    raise BeyondLegalLimit(f"An override can't {what}: {limit.citation}.", field=field or "threshold")


# --- what its owner is told -------------------------------------------------------------------------------------------


def _tell(override: RuleOverride, *, at: datetime) -> None:
    def said(user: User) -> Words:
        context = _words(override, scale=user.temperature_unit)
        subject = render_to_string("alerts/email/override_ended.subject.txt", context).strip()
        return Words(
            subject=subject,
            text=render_to_string("alerts/email/override_ended.txt", context),
            html=outbox.inline_styles(render_to_string("alerts/email/override_ended.html", context)),
            short=f"{subject}. From now on: {context['now']}.",
        )

    notice = Notice(
        organization_id=override.organization_id,
        site_id=override.unit.site_id,
        event=ENDED,
        about=f"rule_override:{override.pk}",
        severity=Severity.INFO,
        path=_path(override),
        key=f"rule_override:{override.pk}:ended",
        words=said,
    )
    tell(notice, people=_concerned(override), at=at)


def _path(override: RuleOverride) -> str:
    return f"/o/{override.organization.slug}/units/{override.unit_id}"


def _concerned(override: RuleOverride) -> list[UUID]:
    def those_who_may(action: str) -> QuerySet[Membership]:
        return people.members(
            organization_id=override.organization_id,
            site_id=override.unit.site_id,
            roles=permissions.roles_that_may(action),
        )

    if override.owner_id and those_who_may("rules.view").filter(user=override.owner_id).exists():
        return [override.owner_id]
    return list(those_who_may("rules.change").values_list("user_id", flat=True))


def _words(override: RuleOverride, *, scale: str) -> dict[str, Any]:
    rule, unit, organization = override.rule, override.unit, override.organization
    zone = ZoneInfo(unit.site.timezone)
    threshold = rule.threshold if override.threshold is None else override.threshold
    delay_s = rule.delay_s if override.delay_s is None else override.delay_s
    return {
        "organization": organization,
        "unit": unit,
        "site": unit.site,
        "rule": rule_words.name(rule),
        "now": rule_words.terms(rule.metric, rule.condition, rule.threshold, rule.delay_s, scale=scale),
        "before": rule_words.terms(rule.metric, rule.condition, threshold, delay_s, scale=scale),
        "since": f"{dateformat.format(override.created_at.astimezone(zone), 'D j M Y, H:i')} ({zone.key})",
        "reason": override.reason,
        "owner": override.owner.get_full_name() if override.owner else "somebody who left",
        "link": f"{settings.PUBLIC_URL}{_path(override)}",
    }
