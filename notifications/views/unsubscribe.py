"""/unsubscribe/<token>/: by the mail program's own button (RFC 8058), or by the one on the page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from notifications import links
from notifications.addresses import SETTINGS_PATH
from notifications.channels.email import unsubscribing
from notifications.views.links import page, sorry, too_fast, wait_of, worthless
from organizations.tenancy import Origin, acting_as_system

_INSTEAD = "Sign in and choose in your settings what you are sent."


# Exempt: no cookie counts here, so there is nothing that another site could borrow (Note [Links in messages]).
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET says what would be switched off, POST does it, whatever its body. Again: the same page."""
    now = timezone.now()
    try:
        wish = unsubscribing.wish_of(token, at=now)
    except (links.Worthless, links.TooOld) as error:
        return worthless(request, error, instead=_INSTEAD)
    if wait_s := wait_of("unsubscribe", wish.user_id):
        return too_fast(wait_s)
    origin = Origin(via="email", address=request.META.get("REMOTE_ADDR") or "")
    with acting_as_system("link in a message", origin=origin):
        names = unsubscribing.names(wish)
        if names is not None and request.method == "POST":
            unsubscribing.switch_off(wish=wish, at=now)
    if names is None:
        return sorry("There is nothing to switch off.", "The account or the organization is gone.", status=404)
    email, organization = names
    words = {
        "what": wish.words,
        "organization": organization,
        "email": email,
        "done": request.method == "POST",
        "settings_path": SETTINGS_PATH,
    }
    return page("links/unsubscribe.html", words)
