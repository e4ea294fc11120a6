"""What can go wrong in words a person understands, as RFC 9457 problem+json.

A domain function raises a `DomainError` defined beside it; one handler turns it into 409 with its code. Everything not
foreseen is a bug: 500, logged once.
"""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DataError, IntegrityError, OperationalError, ProgrammingError
from django.http import Http404, HttpRequest, JsonResponse
from psycopg.errors import InsufficientPrivilege, UniqueViolation
from rest_framework import exceptions, status
from rest_framework.response import Response

from freshtrack import requests, words
from freshtrack.parsing import TooLarge

logger = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"
DATABASE_UNAVAILABLE = "The database is not available. Try again in a moment."

TITLES = {
    400: "The request is invalid",
    401: "Sign in first",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    409: "Not possible in this state",
    410: "Gone",
    412: "It was changed meanwhile",
    413: "Too large",
    415: "Unsupported content type",
    422: "Another request under the same key",
    429: "Too fast",
    500: "Our mistake",
    503: "Try again soon",
}


class DomainError(Exception):
    """Something a person asked for that can't be done, and why. The message is a sentence for that person."""

    code: ClassVar[str] = "conflict"
    status: ClassVar[int] = status.HTTP_409_CONFLICT
    # What the answer says beyond words: members of its body, and headers.
    extra: Mapping[str, Any] = MappingProxyType({})
    headers: Mapping[str, str] = MappingProxyType({})


class AlreadyExists(DomainError):
    """Two made the same at the same moment; this one came second."""

    code = "already_exists"


class OutsideYourSites(DomainError):
    """A member who is restricted to some sites would change something beyond them."""

    code = "outside_your_sites"
    status = status.HTTP_403_FORBIDDEN


def problem(status_code: int, *, code: str, detail: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """The body of an error answer. `errors` are [{"field", "code", "detail"}] for invalid fields."""
    body: dict[str, Any] = {
        "type": f"urn:freshtrack:problem:{code}",
        "title": TITLES.get(status_code, "Error"),
        "status": status_code,
        "detail": detail,
        "code": code,
        "request_id": requests.current_id(),
    }
    if errors is not None:
        body["errors"] = errors
    return body


def _as_ours(exc: Exception) -> Exception:
    """What others raise as an error of ours, or as it is."""
    if isinstance(exc, Http404):
        return exceptions.NotFound()
    if isinstance(exc, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(exc, RequestDataTooBig):
        return TooLarge("The body is too large.")
    if _is_refused_by_row_security(exc):
        # The second wall held where the first had a gap; the log says where to mend it.
        logger.warning("row-level security refused a change", exc_info=exc)
        return OutsideYourSites("This belongs to a site, or to all sites, that you may not change.")
    if isinstance(exc, IntegrityError) and isinstance(exc.__cause__, UniqueViolation):
        logger.warning("a constraint refused what was checked before", exc_info=exc)
        return AlreadyExists("The same was made at the same moment. Look at what is there now.")
    if isinstance(exc, DataError):
        # A number, a text or an id that its column can't hold, and that no check refused before.
        logger.warning("the database couldn't read a value", exc_info=exc)
        return exceptions.ValidationError("A value is too large, or isn't what is expected there.")
    return exc


def problem_response(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every foreseen error as problem+json, anything else is raised on and becomes a 500."""
    exc = _as_ours(exc)
    headers: dict[str, str] = {}
    if isinstance(exc, DomainError):
        body = problem(exc.status, code=exc.code, detail=str(exc)) | dict(exc.extra)
        headers = dict(exc.headers)
    elif isinstance(exc, OperationalError):
        # The database is away or overloaded: not this request's fault.
        logger.error("the database didn't answer", exc_info=exc)
        body = problem(503, code="database_unavailable", detail=DATABASE_UNAVAILABLE)
        headers["Retry-After"] = "5"
    elif isinstance(exc, exceptions.ValidationError):
        errors = list(_flatten(exc.detail))
        body = problem(400, code="invalid", detail=_sentence(errors), errors=errors)
    elif isinstance(exc, exceptions.APIException):
        body = problem(exc.status_code, code=_code(exc), detail=_detail(exc))
        headers = _headers(exc)
    else:
        return None
    return Response(body, status=body["status"], headers=headers, content_type=PROBLEM_JSON)


def _is_refused_by_row_security(exc: Exception) -> bool:
    """PostgreSQL names a missing privilege on a table in the same class of errors: that one is a bug."""
    return (
        isinstance(exc, ProgrammingError)
        and isinstance(exc.__cause__, InsufficientPrivilege)
        and "row-level security" in str(exc)
    )


def _code(exc: exceptions.APIException) -> str:
    codes = exc.get_codes()
    return codes if isinstance(codes, str) else str(exc.default_code)


def _wait(exc: exceptions.APIException) -> int | None:
    """Seconds until a throttled caller may try again."""
    wait = getattr(exc, "wait", None)
    return None if wait is None else math.ceil(wait)


def _detail(exc: exceptions.APIException) -> str:
    if isinstance(exc, exceptions.Throttled):
        wait = _wait(exc)
        return f"Too many requests. Try again in {wait} s." if wait else "Too many requests. Try again later."
    return str(exc.detail)


def _headers(exc: exceptions.APIException) -> dict[str, str]:
    headers: dict[str, str] = {}
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    wait = _wait(exc)
    if wait is not None:
        headers["Retry-After"] = str(wait)
    return headers


def _flatten(detail: Any, field: str = "") -> Any:
    """DRF's nested error details as flat {"field", "code", "detail"}; fields of fields are joined by dots."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            inner = "" if key == "non_field_errors" else str(key)
            yield from _flatten(value, ".".join(part for part in (field, inner) if part))
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            yield from _flatten(value, f"{field}.{index}" if nested and field else field)
    else:
        yield {"field": field, "code": getattr(detail, "code", None) or "invalid", "detail": words.plain(str(detail))}


def _sentence(errors: list[dict[str, str]]) -> str:
    if not errors:
        return "The request is invalid."
    first = errors[0]
    return f"{first['field']}: {first['detail']}" if first["field"] else first["detail"]


def _page(status_code: int, code: str, detail: str) -> JsonResponse:
    return JsonResponse(problem(status_code, code=code, detail=detail), status=status_code, content_type=PROBLEM_JSON)


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's handler400."""
    return _page(400, "invalid", "The request could not be understood.")


def permission_denied(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's handler403, a failed CSRF check included."""
    return _page(403, "permission_denied", "You may not do this.")


def csrf_failure(request: HttpRequest, reason: str = "") -> JsonResponse:
    """Django's CSRF_FAILURE_VIEW."""
    return _page(403, "csrf_failed", "The form's token is missing or old. Reload the page and try again.")


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's handler404."""
    return _page(404, "not_found", "There is nothing at this address.")


def server_error(request: HttpRequest) -> JsonResponse:
    """Django's handler500. The log has the traceback under the same request id.

    Views of libraries come here too when the database is away, those for signing in among them: that is a 503.
    """
    if isinstance(sys.exception(), OperationalError):
        unavailable = _page(503, "database_unavailable", DATABASE_UNAVAILABLE)
        unavailable.headers["Retry-After"] = "5"
        return unavailable
    return _page(500, "internal_error", "Something went wrong on our side. It was logged under this request id.")
