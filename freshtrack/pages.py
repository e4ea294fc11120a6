"""The web app's one page. Its files have their content's hash in the name; the page itself must never be cached."""

from __future__ import annotations

from contextlib import suppress

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

NOT_BUILT = (
    "<!doctype html><meta charset=utf-8><title>FreshTrack</title><p>The web app isn't built. Run <code>make up</code>, "
    "or <code>npm ci &amp;&amp; npm run build</code> in <code>frontend/</code>."
)


@require_safe
@never_cache
@ensure_csrf_cookie
def web_app(request: HttpRequest, path: str = "") -> HttpResponse:
    """The same page for every address of the web app, whose router takes it from there."""
    # The collected copy first: it fits the collected files, also while a new build is being made.
    for folder in (settings.STATIC_ROOT / "spa", settings.WEB_APP):
        with suppress(FileNotFoundError):
            return HttpResponse((folder / "index.html").read_text())
    return HttpResponse(NOT_BUILT, status=503)
