"""Mail services that tell by webhook what became of a message, read by django-anymail.

Sending stays SMTP with each of them. A service is one here if it tells, of a message that came by SMTP, which one it
was: by a header that it repeats in its webhooks (`tag`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from anymail.webhooks.brevo import BrevoTrackingWebhookView
from anymail.webhooks.mailgun import MailgunTrackingWebhookView
from anymail.webhooks.postmark import PostmarkTrackingWebhookView
from anymail.webhooks.sparkpost import SparkPostTrackingWebhookView
from django.conf import settings

# Under this name the services give us our own id back.
TAG: Final = "notification"


@dataclass(frozen=True)
class Service:
    """One of them."""

    # anymail's view: it knows the shapes and checks who asks.
    view: type[Any]
    # The headers by which it learns our id.
    tag: Callable[[UUID], dict[str, str]]
    # Whether a bounce or a rejection is about this message, or the moment, and not about the address.
    passing: Callable[[Mapping[str, Any]], bool]
    # When it was signed, in seconds since 1970; None: it isn't signed by the time.
    signed_at: Callable[[Mapping[str, Any]], float] | None = None


def _in_json(name: str, inside: str | None = None) -> Callable[[UUID], dict[str, str]]:
    def tag(key: UUID) -> dict[str, str]:
        own = {TAG: str(key)}
        return {name: json.dumps({inside: own} if inside else own)}

    return tag


def _postmark_tag(key: UUID) -> dict[str, str]:
    # Without the second it would put a Message-ID of its own in place of ours.
    return {f"X-PM-Metadata-{TAG}": str(key), "X-PM-KeepID": "true"}


# https://postmarkapp.com/developer/api/bounce-api#bounce-types: the receiver is full or strict, or we did it wrong.
_POSTMARK_PASSING: Final = {
    "Transient",
    "DnsError",
    "SoftBounce",
    "VirusNotification",
    "Blocked",
    "DMARCPolicy",
    "Unknown",
}


def _postmark_passing(event: Mapping[str, Any]) -> bool:
    # "Inactive": Postmark itself sends nothing there any more.
    return event.get("Type") in _POSTMARK_PASSING and event.get("Inactive") is not True


def _mailgun_passing(event: Mapping[str, Any]) -> bool:
    told = event.get("event-data", {})
    # "rejected": Mailgun wouldn't send these words; "old": eight hours of temporary failures.
    return bool(told.get("event") == "rejected" or told.get("severity") == "temporary" or told.get("reason") == "old")


# https://support.sparkpost.com/docs/deliverability/bounce-classification-codes: Hard are 10, 30 and 90.
_SPARKPOST_FINAL: Final = {"10", "30", "90"}


def _sparkpost_passing(event: Mapping[str, Any]) -> bool:
    told: Mapping[str, Any] = next(iter(event.get("msys", {}).values()), {})
    return str(told.get("bounce_class", "")) not in _SPARKPOST_FINAL


SERVICES: Final[dict[str, Service]] = {
    "brevo": Service(
        BrevoTrackingWebhookView, _in_json("X-Mailin-custom"), lambda event: event.get("event") == "soft_bounce"
    ),
    "mailgun": Service(
        MailgunTrackingWebhookView,
        _in_json("X-Mailgun-Variables"),
        _mailgun_passing,
        lambda event: float(event["signature"]["timestamp"]),
    ),
    "postmark": Service(PostmarkTrackingWebhookView, _postmark_tag, _postmark_passing),
    "sparkpost": Service(SparkPostTrackingWebhookView, _in_json("X-MSYS-API", "metadata"), _sparkpost_passing),
}


def configured() -> Service | None:
    """The one that carries our mail (EMAIL_PROVIDER), if there is one."""
    return SERVICES.get(settings.EMAIL_PROVIDER)


def headers(key: UUID) -> dict[str, str]:
    """What the service needs to tell us later which message it was."""
    service = configured()
    return service.tag(key) if service else {}
