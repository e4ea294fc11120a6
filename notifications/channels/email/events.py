"""What became of an e-mail after it was handed over: POST /webhooks/email/<service>/tracking/.

The service posts as EMAIL_WEBHOOK_SECRET (user:password, HTTP basic), Mailgun signs as well. An answer other than 200
makes it post again, so repeats and events out of order are the rule: each event is kept once, moves a message only
forwards, and switches an address off only for what happened after its owner last proved it.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from anymail.exceptions import AnymailConfigurationError, AnymailWebhookValidationFailure
from anymail.signals import AnymailTrackingEvent, EventType
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import connection
from django.db.models import Case, DateTimeField, F, Q, Value, When
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from freshtrack.errors import PROBLEM_JSON, problem
from notifications import addresses
from notifications.channels.email.services import SERVICES, TAG, Service
from notifications.models import ContactKind, ContactMethod, Notification, NotificationStatus, ProviderEvent
from organizations.tenancy import acting_as_system

# SparkPost's batches are the largest of those services'; its default is 10,000 events but it ends one at 1 MB.
LARGEST_BODY: Final = 1024 * 1024
# Mailgun tries for eight hours with a signature of its own each time; an older one is somebody else's copy.
SIGNED_WITHIN_S: Final = 300


# Who opens what and when is nobody's business here, and there would be more of it than of all else.
_NO_NEWS: Final = {EventType.QUEUED, EventType.SENT, EventType.OPENED, EventType.CLICKED}


class Verdict(StrEnum):
    """What an event means for the message and the address. A `ProviderEvent` keeps it as its kind."""

    DELIVERED = "delivered"
    LOST = "lost"  # this message won't arrive; others may
    BOUNCED = "bounced"  # nothing will arrive there any more
    COMPLAINED = "complained"  # it arrived, and its reader called it spam
    NOTED = "noted"


@dataclass(frozen=True)
class Told:
    """One event in our words."""

    event_id: str
    verdict: Verdict
    kind: str
    notification_id: UUID | None
    recipient: str
    detail: str
    at: datetime


@csrf_exempt
@require_http_methods(["POST", "HEAD"])
def tracking(request: HttpRequest, service: str) -> HttpResponseBase:
    """200 once every event is kept; 400 for who isn't the service, 413 for more than it would ever send.

    404 unless this is the service that carries our mail and a secret is set.
    """
    found = SERVICES.get(service)
    if found is None or service != settings.EMAIL_PROVIDER or not settings.ANYMAIL.get("WEBHOOK_SECRET"):
        raise Http404
    if request.method == "HEAD":
        return HttpResponse()
    try:
        if len(request.body) > LARGEST_BODY:
            raise RequestDataTooBig
    except RequestDataTooBig:
        return _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", "This is more than one post may hold.")
    try:
        events = _read(request, found)
    except (AnymailWebhookValidationFailure, AnymailConfigurationError):
        return _refusal(HTTPStatus.BAD_REQUEST, "invalid", "The post isn't signed as it should be.")
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        # Whoever knows the secret and sends something else would send it again and again for a 500.
        return _refusal(HTTPStatus.BAD_REQUEST, "invalid", "The post can't be understood.")
    told = [_told(service, found, event, at=timezone.now()) for event in events if event.event_type not in _NO_NEWS]
    with acting_as_system("provider events"):
        with connection.cursor() as cursor:
            # Less than the second after which PostgreSQL ends a deadlock: whoever settles what it sent never loses one
            # to us, since it would send again. The service posts again after our 503.
            cursor.execute("SET LOCAL lock_timeout = '500ms'")
        record(provider=service, told=told)
    return HttpResponse()


def _refusal(status: HTTPStatus, code: str, detail: str) -> JsonResponse:
    return JsonResponse(problem(status, code=code, detail=detail), status=status, content_type=PROBLEM_JSON)


urlpatterns = [path("email/<slug:service>/tracking/", tracking, name="email-tracking")]


def _read(request: HttpRequest, service: Service) -> list[AnymailTrackingEvent]:
    view = service.view()
    view.setup(request)
    view.run_validators(request)
    if service.signed_at is not None:
        age_s = time.time() - service.signed_at(json.loads(request.body))
        if abs(age_s) > SIGNED_WITHIN_S:
            raise AnymailWebhookValidationFailure("signed too long ago")
    events: list[AnymailTrackingEvent] = view.parse_events(request)
    return events


def _told(provider: str, service: Service, event: AnymailTrackingEvent, *, at: datetime) -> Told:
    moment = event.timestamp or at
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return Told(
        event_id=_event_id(event),
        verdict=_verdict(service, event),
        kind=str(event.event_type)[:32],
        notification_id=_notification_id(event),
        recipient=_text(event.recipient, 320),
        detail=_text(event.mta_response or event.description or event.reject_reason, 2000),
        # Its clock may be ahead, ours decides what comes after what.
        at=min(moment, at),
    )


def _verdict(service: Service, event: AnymailTrackingEvent) -> Verdict:
    kind = event.event_type
    if kind == EventType.DELIVERED:
        return Verdict.DELIVERED
    if kind == EventType.COMPLAINED:
        return Verdict.COMPLAINED
    if kind == EventType.BOUNCED:
        return Verdict.NOTED if service.passing(event.esp_event) else Verdict.BOUNCED
    if kind == EventType.REJECTED:
        return Verdict.LOST if service.passing(event.esp_event) else Verdict.BOUNCED
    return Verdict.LOST if kind == EventType.FAILED else Verdict.NOTED


def _notification_id(event: AnymailTrackingEvent) -> UUID | None:
    """Ours: as the service gives it back (services.py), or from the Message-ID, <uuid@domain>."""
    metadata = event.metadata if isinstance(event.metadata, dict) else {}
    for name in (metadata.get(TAG), event.message_id):
        match = re.match(r"<?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:@|$)", str(name or ""))
        if match:
            return UUID(match[1])
    return None


def _event_id(event: AnymailTrackingEvent) -> str:
    """The service's, or for those that give none what makes it the same event again."""
    if event.event_id:
        return _text(event.event_id, 200)
    same = [event.event_type, event.message_id, event.recipient, str(event.timestamp), event.click_url]
    return "sha256:" + hashlib.sha256(json.dumps(same, default=str).encode()).hexdigest()


def _text(words: Any, longest: int) -> str:
    return "" if words is None else str(words).replace("\x00", "")[:longest]


# --- what follows ------------------------------------------------------------------------------------------------


def record(*, provider: str, told: Sequence[Told]) -> list[Told]:
    """Keep what is new and draw the consequences, a handful of statements for all. Returns what was new.

    Call inside a system transaction; may be repeated.
    """
    known = set(
        ProviderEvent.objects.filter(provider=provider, event_id__in=[one.event_id for one in told]).values_list(
            "event_id", flat=True
        )
    )
    new = list({one.event_id: one for one in told if one.event_id not in known}.values())
    if not new:
        return []
    ids = {one.notification_id for one in new if one.notification_id}
    rows = Notification.objects.filter(pk__in=ids, channel=ContactKind.EMAIL).only("pk", "to", "user_id")
    messages = {row.pk: row for row in rows}
    ProviderEvent.objects.bulk_create(
        [
            ProviderEvent(
                provider=provider,
                event_id=one.event_id,
                kind=one.kind,
                recipient=one.recipient,
                notification=messages.get(one.notification_id) if one.notification_id else None,
                detail=one.detail,
                at=one.at,
            )
            for one in new
        ],
        ignore_conflicts=True,  # the same post twice at once: both do the same, and once is enough
    )
    ours = [(one, messages[one.notification_id]) for one in new if one.notification_id in messages]
    _deliver([(one, message) for one, message in ours if one.verdict in (Verdict.DELIVERED, Verdict.COMPLAINED)])
    _lose([(one, message) for one, message in ours if one.verdict in (Verdict.LOST, Verdict.BOUNCED)])
    _switch_off([(one, message) for one, message in ours if one.verdict in (Verdict.BOUNCED, Verdict.COMPLAINED)])
    return new


def _deliver(arrived: Iterable[tuple[Told, Notification]]) -> None:
    moments: dict[UUID, datetime] = {}
    for one, message in arrived:
        moments[message.pk] = min(one.at, moments.get(message.pk, one.at))
    if not moments:
        return
    at = Case(
        *(
            When(Q(pk=key) | Q(summary_id=key), then=Value(moment, output_field=DateTimeField()))
            for key, moment in moments.items()
        )
    )
    # The service may be quicker than we are with its yes: `sent` comes after `delivered` then, and changes nothing.
    _with_parts(moments).exclude(status=NotificationStatus.DEAD).update(
        status=NotificationStatus.DELIVERED,
        delivered_at=Coalesce(F("delivered_at"), at),
        sent_at=Coalesce(F("sent_at"), at),
    )


def _lose(lost: Iterable[tuple[Told, Notification]]) -> None:
    reasons = {message.pk: f"{one.kind}: {one.detail}".rstrip(": ") for one, message in lost}
    if reasons:
        why = Case(*(When(Q(pk=key) | Q(summary_id=key), then=Value(words)) for key, words in reasons.items()))
        _with_parts(reasons).update(status=NotificationStatus.DEAD, last_error=why)


def _with_parts(keys: Iterable[UUID]) -> Any:
    """Parts of a summary share its fate."""
    known = list(keys)
    return Notification.objects.filter(Q(pk__in=known) | Q(summary_id__in=known))


def _switch_off(addressed: Sequence[tuple[Told, Notification]]) -> None:
    # What was passed on from the address to somebody else, who doesn't want it or isn't there, is no reason.
    told = {
        (message.user_id, message.to): one
        for one, message in addressed
        if not one.recipient or one.recipient.lower() == message.to.lower()
    }
    contacts = ContactMethod.objects.filter(
        kind=ContactKind.EMAIL,
        disabled_at=None,
        user__in={user_id for user_id, _ in told if user_id},
        address__in={address for _, address in told},
    )
    for contact in contacts if told else ():
        found = told.get((contact.user_id, contact.address))
        # Proved again since then: it works.
        if found is None or (contact.verified_at is not None and contact.verified_at >= found.at):
            continue
        spam = found.verdict == Verdict.COMPLAINED
        because = "A message was called spam there." if spam else found.detail or found.kind
        addresses.switch_off(contact_id=contact.pk, because=because, at=found.at)
