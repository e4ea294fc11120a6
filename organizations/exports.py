"""Downloads of any length: a page at a time, each in a transaction of its own, so memory and locks stay small."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from django.http import HttpRequest, StreamingHttpResponse
from rest_framework.renderers import BaseRenderer, JSONRenderer

from freshtrack import csv
from organizations.models import Membership
from organizations.permissions import member_may
from organizations.tenancy import Origin, acting_in

logger = logging.getLogger(__name__)

ROWS_A_PAGE: Final = 1000

Row = Sequence[Any]
# Where the last page ended -> (rows, where this one ends); no rows: it was the last.
Page = Callable[[Any], tuple[Sequence[Row], Any]]


class ExportEnded(Exception):
    """The person may not go on. The connection breaks off, so that nobody takes the part for the whole."""


class CsvRenderer(BaseRenderer):
    """Lets a list be asked for with `?format=csv` or `Accept: text/csv`; the view streams it.

    What it renders itself are errors, as problem+json.
    """

    media_type = "text/csv"
    format = "csv"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """An error."""
        return bytes(JSONRenderer().render(data))


def download(
    request: HttpRequest,
    *,
    name: str,
    header: Row,
    page: Page,
    membership: Membership,
    action: str,
) -> StreamingHttpResponse:
    """A CSV file as it is read. Each page looks again whether the member may still do `action`.

    `page` is called inside the member's transaction. Under ASGI the pages are read in threads: Django would otherwise
    collect them all before it sends the first.
    """
    parts = _parts(header=header, page=page, membership=membership, action=action, address=_address(request))
    content: Any = _in_threads(parts) if isinstance(request, ASGIRequest) else parts
    response = StreamingHttpResponse(content, content_type="text/csv; charset=utf-8; header=present")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    # Somebody's records: no proxy or shared computer keeps them.
    response.headers["Cache-Control"] = "no-store"
    return response


def _address(request: HttpRequest) -> str:
    return request.META.get("REMOTE_ADDR") or ""


def _parts(*, header: Row, page: Page, membership: Membership, action: str, address: str) -> Iterator[bytes]:
    place = None
    yield csv.lines([header])
    while True:
        rows, place = _read(page, place, membership=membership, action=action, address=address)
        if not rows:
            return
        yield csv.lines(rows)


def _read(page: Page, place: Any, *, membership: Membership, action: str, address: str) -> tuple[Sequence[Row], Any]:
    with acting_in(
        membership.organization,
        by=membership.user,
        origin=Origin(via="api", address=address),
        sites=membership.site_ids,
    ):
        current = (
            Membership.objects.current()
            .filter(pk=membership.pk, user__is_active=True, organization__deleted_at=None)
            .first()
        )
        if current is None or current.site_ids != membership.site_ids or not member_may(current, action):
            logger.warning("an export was broken off: its reader may not go on")
            raise ExportEnded
        found = page(place)
    if not connection.in_atomic_block:
        connection.close()  # back into the pool: a slow reader must not hold it
    return found


async def _in_threads(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (part := await sync_to_async(_next)(parts)) is not None:
        yield part


def _next(parts: Iterator[bytes]) -> bytes | None:
    return next(parts, None)
