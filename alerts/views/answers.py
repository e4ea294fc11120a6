"""/answer/<token>/: what the link in a message is about, and the button that answers it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from alerts import answers, words
from alerts.answers import Asked, NotYours, Standing
from alerts.models import Alert, Channel, Severity
from notifications import links
from notifications.views.links import page, sorry, too_fast, wait_of, worthless
from organizations.tenancy import Origin, acting_as_system, acting_in

_INSTEAD = "Sign in to see what is open, and acknowledge it there."


# Exempt: no cookie counts here, so there is nothing that another site could borrow (Note [Links in messages]).
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows what it is about, POST acknowledges. Whatever the state, the page says it in words."""
    now = timezone.now()
    try:
        alert_id, user_id = answers.asked(token=token, at=now)
    except (links.Worthless, links.TooOld) as error:
        return worthless(request, error, instead=_INSTEAD)
    if wait_s := wait_of("answer", user_id):
        return too_fast(wait_s)
    origin = Origin(via="email", address=request.META.get("REMOTE_ADDR") or "")
    try:
        with acting_as_system("link in a message"):
            asked = answers.admit(alert_id=alert_id, user_id=user_id)
        member = asked.membership
        with acting_in(member.organization, by=member.user, origin=origin, sites=member.site_ids):
            if request.method == "POST":
                alert, standing = answers.acknowledge(asked, channel=Channel.EMAIL, at=now)
            else:
                alert, standing = answers.look(asked)
            shown = _shown(alert, standing, asked)
    except NotYours:
        text = "You don’t look after this any more, or it is gone. Ask a colleague, or sign in to see what is yours."
        return sorry("This isn’t yours any more.", text, status=HTTPStatus.FORBIDDEN)
    return page("alerts/answer.html", shown)


def _shown(alert: Alert, standing: Standing, asked: Asked) -> dict[str, Any]:
    member = asked.membership
    return {
        "standing": standing.value,
        "place": words.place(alert),
        "site": alert.site.name if alert.site else "",
        "critical": alert.severity == Severity.CRITICAL,
        "sentence": words.sentence(alert, scale=member.user.temperature_unit),
        "since": words.local(alert, alert.started_at),
        "who": alert.acknowledged_by.get_full_name() if alert.acknowledged_by else "",
        "when": words.local(alert, alert.acknowledged_at) if alert.acknowledged_at else "",
        "over": words.local(alert, alert.resolved_at) if alert.resolved_at else "",
        "by": alert.resolved_by.get_full_name() if alert.resolved_by else "",
        "person": member.user.get_full_name(),
        "path": f"/o/{member.organization.slug}/alerts/{alert.pk}",
    }
