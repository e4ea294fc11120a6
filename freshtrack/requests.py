"""One id per request or job, in the answer's X-Request-Id, in every log line and in the change log.

Beside it stands the organization that is acted in, by its id: "-" where it is none, or many.
"""

import logging
import random
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

_current: ContextVar[str] = ContextVar("request_id", default="-")
_organization: ContextVar[str] = ContextVar("organization", default="-")
# A proxy's id is kept if it looks like one: it ends up in logs, so no spaces or line ends.
_ACCEPTABLE = re.compile(r"^[A-Za-z0-9._-]{8,64}$")

type_of_get_response = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


def current_id() -> str:
    """The id of the request being answered, or "-" outside one."""
    return _current.get()


def begin(proposed: str = "") -> str:
    """Start a request: keep the proxy's id if it is acceptable, else make one."""
    # It is no secret, and the system's randomness costs as much as reading the request.
    request_id = proposed if proposed and _ACCEPTABLE.match(proposed) else f"{random.getrandbits(128):032x}"
    _current.set(request_id)
    return request_id


def go_back(request_id: str) -> None:
    """Return to what was being done before `begin`."""
    _current.set(request_id)


def current_organization() -> str:
    """The id of the organization that is acted in, or "-"."""
    return _organization.get()


def belong_to(organization_id: object) -> None:
    """From here on everything is about this organization; None: about no one of them."""
    _organization.set(str(organization_id or "-"))


@contextmanager
def of(organization_id: object) -> Iterator[None]:
    """What is logged within this belongs to the organization; None: to no one of them."""
    before = _organization.get()
    belong_to(organization_id)
    try:
        yield
    finally:
        # Not by a token: a generator may be closed in another context than it was begun in.
        _organization.set(before)


class RequestIdMiddleware:
    """Works for sync and async stacks, so that Django doesn't switch threads for it."""

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
        request_id = begin(request.headers.get("X-Request-Id", ""))
        response = self.get_response(request)
        assert isinstance(response, HttpResponseBase)  # noqa: S101 (the sync stack)
        response.headers["X-Request-Id"] = request_id
        return response

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        request_id = begin(request.headers.get("X-Request-Id", ""))
        answer = self.get_response(request)
        assert not isinstance(answer, HttpResponseBase)  # noqa: S101 (the async stack)
        response = await answer
        response.headers["X-Request-Id"] = request_id
        return response


class RequestIdFilter(logging.Filter):
    """Gives each log record `request_id` and `organization`."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id, record.organization = current_id(), current_organization()
        return True


# Pages whose address ends in a secret from an e-mail: the proxy's log leaves it out as well (deploy/Caddyfile).
_SECRET_LINK = re.compile(r"/(reset-password|verify-email|invitation|answer|unsubscribe|on-call)/[^\s?#\"']+")


def without_secrets(text: str) -> str:
    """The text with the ends of such addresses taken out."""
    return _SECRET_LINK.sub(r"/\1/…", text)


_TRACES = logging.Formatter()


class SecretLinksFilter(logging.Filter):
    """Takes the secret out of addresses that end in one: Django logs the path of what it answers with an error.

    Out of traces too: an error's words may hold what it was about.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if _SECRET_LINK.search(message):
            record.msg, record.args = without_secrets(message), ()
        if record.exc_info and not record.exc_text:
            # What is here already is what a formatter writes.
            record.exc_text = without_secrets(_TRACES.formatException(record.exc_info))
        return True
