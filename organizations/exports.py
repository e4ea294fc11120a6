"""Downloads of any length: a page at a time, each in a transaction of its own, so memory and locks stay small.

Before each page, and every few seconds between, it is looked again whether the reader may go on.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from rest_framework import status
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from freshtrack import csv
from freshtrack.errors import DomainError
from organizations.authentication import Access
from organizations.models import AccessToken, Membership
from organizations.permissions import member_may
from organizations.tenancy import Origin, acting_as_system, acting_in

logger = logging.getLogger(__name__)

ROWS_A_PAGE: Final = 1000
# Whoever may not any more is refused within 5 s (contract), also in the middle of a page that they take slowly.
LOOK_AGAIN_S: Final = 2.5
# A process that is killed gives its places back after this time; each page renews it.
LEASE_S: Final = 180
BACK_IN_S: Final = 20

Row = Sequence[Any]
# Where the last page ended -> (rows, where this one ends); no rows: it was the last.
Page = Callable[[Any], tuple[Sequence[Row], Any]]
T = TypeVar("T")


class ExportEnded(Exception):
    """The person may not go on. The connection breaks off, so that nobody takes the part for the whole."""


class TooManyExports(DomainError):
    """So many downloads of this person or organization are running that another would only slow them down."""

    code = "too_many_exports"
    status = status.HTTP_429_TOO_MANY_REQUESTS

    def __init__(self) -> None:
        super().__init__("Other downloads are still running. Wait until one of them has ended.")
        self.headers = {"Retry-After": str(BACK_IN_S)}


class CsvRenderer(BaseRenderer):
    """Lets a list be asked for with `?format=csv` or `Accept: text/csv`; the view streams it.

    What it renders itself are errors, as problem+json.
    """

    media_type = "text/csv"
    format = "csv"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """An error."""
        return bytes(JSONRenderer().render(data))


class Reader:
    """Somebody who downloads: reads pages as this member while the member may do `action`, and no longer."""

    def __init__(self, request: Request, *, membership: Membership, action: str) -> None:
        self.membership, self.action = membership, action
        self._origin = Origin(via="api", address=request.META.get("REMOTE_ADDR") or "")
        self._access = request.auth if isinstance(request.auth, Access) else None
        session = getattr(request, "session", None)
        self._session_key = None if self._access or session is None else session.session_key
        self._places = _Places(membership)
        self._looked = time.monotonic()

    def read(self, page: Callable[[], T]) -> T:
        """What `page` reads, in a transaction of its own, as the member.

        Raises ExportEnded if the member may not any more, or sees other sites than when the download began.
        """
        self._look_at_credentials()
        member = self.membership
        with acting_in(member.organization, by=member.user, origin=self._origin, sites=member.site_ids):
            current = (
                Membership.objects.current()
                .filter(pk=member.pk, user__is_active=True, organization__deleted_at=None)
                .first()
            )
            if current is None or current.site_ids != member.site_ids or not member_may(current, self.action):
                self.end()
            found = page()
        self._give_back()
        self._places.renew()
        self._looked = time.monotonic()
        return found

    def look_again(self) -> None:
        """Call between the parts of a page: a client that reads slowly must not go on with what was read before.

        Raises ExportEnded.
        """
        if time.monotonic() - self._looked > LOOK_AGAIN_S:
            self.read(lambda: None)

    def end(self) -> None:
        """Break the download off. Raises ExportEnded."""
        logger.warning("an export was broken off: its reader may not go on")
        raise ExportEnded

    def leave(self) -> None:
        """The download is over, however it ended. Repeatable."""
        self._places.leave()

    def _look_at_credentials(self) -> None:
        """A revoked token or an ended session ends what was begun with it."""
        now = timezone.now()
        if self._access is not None and self._access.token is not None:
            with acting_as_system("sign-in"):
                token = AccessToken.objects.filter(pk=self._access.token.pk).first()
            good = token is not None and token.is_usable(at=now)
        elif self._access is not None:
            good = self._access.expires_at is None or self._access.expires_at > now.timestamp()
        elif self._session_key is not None:
            good = Session.objects.filter(session_key=self._session_key, expire_date__gt=now).exists()
        else:
            good = True
        if not good:
            self._give_back()
            self.end()

    def _give_back(self) -> None:
        if not connection.in_atomic_block:
            connection.close()  # back into the pool: a slow reader must not hold it


class _Places:
    """One of the downloads that a person, and one of those that an organization, may have at once.

    Counted in Redis over all processes, and not at all while Redis is away. Raises TooManyExports.
    """

    def __init__(self, membership: Membership) -> None:
        self._mark = secrets.token_hex(8)
        self._taken: list[str] = []
        self._renewed = time.monotonic()
        for kind, whose, most in (
            ("user", membership.user_id, settings.EXPORTS_PER_USER),
            ("organization", membership.organization_id, settings.EXPORTS_PER_ORGANIZATION),
        ):
            keys = (f"export:{kind}:{whose}:{number}" for number in range(most))
            free = next((key for key in keys if cache.add(key, self._mark, LEASE_S)), None)
            if free is None:
                self.leave()
                raise TooManyExports
            self._taken.append(free)

    def renew(self) -> None:
        if time.monotonic() - self._renewed < LEASE_S / 10:
            return
        self._renewed = time.monotonic()
        for key in self._taken:
            cache.touch(key, LEASE_S)

    def leave(self) -> None:
        for key in self._taken:
            # After a lapse it may be somebody else's.
            if cache.get(key) == self._mark:
                cache.delete(key)
        self._taken = []


def download(
    request: Request,
    *,
    name: str,
    header: Row,
    page: Page,
    membership: Membership,
    action: str,
) -> StreamingHttpResponse:
    """A CSV file as it is read. Each page looks again whether the member may still do `action`.

    `page` is called inside the member's transaction. Raises TooManyExports.
    """
    reader = Reader(request, membership=membership, action=action)
    return stream(request, name=name, content_type=csv.CONTENT_TYPE, reader=reader, parts=_lines(reader, header, page))


def _lines(reader: Reader, header: Row, page: Page) -> Iterator[bytes]:
    place = None
    yield csv.lines([header])
    while True:
        rows, place = reader.read(partial(page, place))
        if not rows:
            return
        yield csv.lines(rows)


class _Download(StreamingHttpResponse):
    """Gives its place back at the end, also where nobody ever asked for the first part."""

    reader: Reader

    def close(self) -> None:
        """The server is done with it."""
        super().close()
        self.reader.leave()


def stream(
    request: Request,
    *,
    name: str,
    content_type: str,
    reader: Reader,
    parts: Iterator[bytes],
    headers: Mapping[str, str] | None = None,
    packed: bool = False,
) -> StreamingHttpResponse:
    """A file as `parts` make it, which read through `reader`. gzip for clients that take it, unless it is `packed`.

    Under ASGI the parts are made in threads, one when the client has taken the one before: Django would otherwise
    collect them all before it sends the first.
    """
    if request.method == "HEAD":
        parts = iter(())  # headers only: nobody would get what is read
    gzip = not packed and _takes_gzip(request.headers.get("Accept-Encoding", ""))
    parts = _until_the_end(_gzipped(parts) if gzip else parts, reader)
    content: Any = _in_threads(parts) if isinstance(request._request, ASGIRequest) else parts
    response = _Download(content, content_type=content_type, headers=dict(headers or {}))
    response.reader = reader
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    # Somebody's records: no proxy or shared computer keeps them.
    response.headers["Cache-Control"] = "no-store"
    if not packed:
        patch_vary_headers(response, ("Accept-Encoding",))
    if gzip:
        response.headers["Content-Encoding"] = "gzip"
    return response


def _takes_gzip(header: str) -> bool:
    found = re.search(r"(?:^|,)\s*(?:x-)?gzip\s*(?:;\s*q=([0-9.]+))?\s*(?:,|$)", header, re.IGNORECASE)
    return found is not None and (found[1] is None or float(found[1].strip(".") or 0) > 0)


def _gzipped(parts: Iterator[bytes]) -> Iterator[bytes]:
    # Level 1: a tenth of the size of a table already, at a rate beyond that at which rows are read.
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    for part in parts:
        # Flushed, so that what was made arrives: an export that must wait for its next rows isn't silent.
        yield packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()


def _until_the_end(parts: Iterator[bytes], reader: Reader) -> Iterator[bytes]:
    try:
        yield from parts
    finally:
        reader.leave()


async def _in_threads(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    try:
        while (part := await sync_to_async(_next)(parts)) is not None:
            yield part
    finally:
        # The client may be gone in the middle, and with it the thread of its request.
        asyncio.get_running_loop().run_in_executor(None, _close, parts)


def _next(parts: Iterator[bytes]) -> bytes | None:
    return next(parts, None)


def _close(parts: Any) -> None:
    # ValueError: a part is being made just now. When it is made, nobody holds the rest, and that is an end too.
    with suppress(ValueError):
        parts.close()
