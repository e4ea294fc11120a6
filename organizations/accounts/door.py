"""What is common to all requests that sign somebody in: limits for each address, and when a session was last seen."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Final

from allauth.usersessions.models import UserSession
from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect, JsonResponse
from requests.exceptions import RequestException

from freshtrack.errors import PROBLEM_JSON, problem
from freshtrack.requests import type_of_get_response
from organizations.accounts import limits

logger = logging.getLogger(__name__)

ALLAUTH: Final = "/_allauth/"
_AUTH: Final = f"{ALLAUTH}browser/v1/auth/"
# Each is counted by itself, for each address, at RATE_SIGN_IN.
LIMITED: Final = {
    f"{_AUTH}login": "sign-in",
    f"{_AUTH}webauthn/login": "sign-in",
    "/admin/login/": "sign-in",
    f"{_AUTH}signup": "sign-up",
    f"{_AUTH}provider/signup": "sign-up",
    f"{_AUTH}provider/redirect": "provider",
    f"{_AUTH}provider/token": "provider",
    f"{_AUTH}password/request": "forgotten",
    f"{_AUTH}password/reset": "reset",
    f"{_AUTH}email/verify": "verify",
    f"{_AUTH}reauthenticate": "second factor",
    f"{_AUTH}2fa/authenticate": "second factor",
    f"{_AUTH}2fa/reauthenticate": "second factor",
    f"{_AUTH}webauthn/authenticate": "second factor",
    f"{_AUTH}webauthn/reauthenticate": "second factor",
}
# Those that guess by GET as well: the key is in a header.
GUESSED_BY_GET: Final = (f"{_AUTH}password/reset", f"{_AUTH}email/verify")
# These hash nothing, so that a look-up more or less could be seen from outside: they answer after this time.
UNHURRIED: Final = (f"{_AUTH}password/request", f"{_AUTH}email/verify", f"{_AUTH}email/verify/resend")
ANSWER_AFTER_S: Final = 0.25
# What a person asks for when the app is opened; writing with every request would make each read a write.
SEEN_AT: Final = (ALLAUTH, "/api/v1/me/", "/admin/")
SEEN_RESOLUTION_S: Final = 300
_SEEN: Final = "seen_at"
# allauth's own answer doesn't say when: its longest wait but for those of a day.
ALLAUTH_WAIT_S: Final = 300


def too_fast(wait_s: int) -> JsonResponse:
    """429 with Retry-After. Its "status" is what allauth's answers have too."""
    body = problem(429, code="throttled", detail=f"Too many attempts. Try again in {wait_s} s.")
    return JsonResponse(body, status=429, headers={"Retry-After": str(wait_s)}, content_type=PROBLEM_JSON)


class SignInDoor:
    """Middleware. Works for sync and async stacks, so that Django doesn't switch threads for it."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: type_of_get_response) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._acall(request)
        if not _concerned(request):
            return self.get_response(request)
        refusal = _refusal(request)
        if refusal is not None:
            return refusal
        response = self.get_response(request)
        assert isinstance(response, HttpResponseBase)  # noqa: S101 (the sync stack)
        return _afterwards(request, response)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        began = time.monotonic()
        if _concerned(request):
            refusal = await sync_to_async(_refusal)(request)
            if refusal is not None:
                return refusal
        answer = self.get_response(request)
        assert not isinstance(answer, HttpResponseBase)  # noqa: S101 (the async stack)
        response = await answer
        if not _concerned(request):
            return response
        response = await sync_to_async(_afterwards)(request, response)
        if request.path in UNHURRIED and request.method == "POST":
            await asyncio.sleep(ANSWER_AFTER_S - (time.monotonic() - began))
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Called by Django: a provider that doesn't answer isn't our mistake, and leads back to where one came from."""
        if not isinstance(exception, RequestException) or not request.path.startswith(ALLAUTH):
            return None
        logger.warning("an identity provider didn't answer: %s", type(exception).__name__)
        page = "account" if request.user.is_authenticated else "sign-in"
        return HttpResponseRedirect(f"{settings.PUBLIC_URL}/{page}?error=provider_unavailable")


def _concerned(request: HttpRequest) -> bool:
    return request.path.startswith(SEEN_AT)


def _refusal(request: HttpRequest) -> HttpResponseBase | None:
    name = LIMITED.get(request.path)
    if name is None or (request.method != "POST" and request.path not in GUESSED_BY_GET):
        return None
    who = limits.network_of(request.META.get("REMOTE_ADDR") or "")
    wait = limits.spend(name, who, limits.rate_of(settings.RATE_SIGN_IN))
    return too_fast(wait) if wait else None


def _afterwards(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if (
        response.status_code == HTTPStatus.TOO_MANY_REQUESTS
        and request.path.startswith(ALLAUTH)
        and "Retry-After" not in response.headers
    ):
        return too_fast(ALLAUTH_WAIT_S)
    if response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        _note_seen(request)
    return response


def _note_seen(request: HttpRequest) -> None:
    """Keep when and from where this session was used, for the list of sessions."""
    session: SessionBase = request.session
    if settings.SESSION_COOKIE_NAME not in request.COOKIES or not session.session_key:
        return
    if time.time() - session.get(_SEEN, 0) < SEEN_RESOLUTION_S or not request.user.is_authenticated:
        return
    UserSession.objects.create_from_request(request)
    session[_SEEN] = time.time()
