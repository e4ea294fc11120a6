"""Pages behind links in messages: for anybody who has the link, on any phone (Note [Links in messages])."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from notifications import links
from organizations.accounts import limits

TOO_OLD = "This link is too old."
WORTHLESS = "This link isn’t whole, or nobody made it."


def page(template: str, words: Mapping[str, Any], *, status: int = HTTPStatus.OK) -> HttpResponse:
    """A page that nobody keeps, indexes or is told the address of. Without the request: it knows no session."""
    response = HttpResponse(render_to_string(template, {"public_url": settings.PUBLIC_URL, **words}), status=status)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


def sorry(title: str, text: str, *, status: int) -> HttpResponse:
    """A link that leads nowhere, and what to do instead."""
    return page("links/sorry.html", {"title": title, "text": text}, status=status)


def worthless(request: HttpRequest, error: links.Worthless | links.TooOld, *, instead: str) -> HttpResponse:
    """The page for such a link. Only wrong ones are counted by address: mail services press buttons for thousands."""
    if isinstance(error, links.TooOld):
        return sorry(TOO_OLD, instead, status=HTTPStatus.GONE)
    network = limits.network_of(request.META.get("REMOTE_ADDR") or "")
    wait_s = limits.spend("wrong links", network, limits.rate_of(settings.RATE_LINKS))
    return too_fast(wait_s) if wait_s else sorry(WORTHLESS, instead, status=HTTPStatus.NOT_FOUND)


def wait_of(name: str, person: object) -> int:
    """Count one request with a good link of this person. Returns 0, or the seconds to wait."""
    return limits.spend(name, str(person), limits.rate_of(settings.RATE_LINKS))


def too_fast(wait_s: int) -> HttpResponse:
    """429 in words."""
    response = sorry("Too fast.", f"Try again in {wait_s} seconds.", status=HTTPStatus.TOO_MANY_REQUESTS)
    response.headers["Retry-After"] = str(wait_s)
    return response
