"""The door that gateways knock at: a small ASGI application in front of Django.

POST /api/v1/ingest/<format>, with or without a slash at the end. The path picks the adapter, the key the organization;
limits come before work, and nothing is acknowledged before the commit.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final

import msgspec
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.utils import timezone

from freshtrack import requests
from freshtrack.errors import PROBLEM_JSON, problem
from ingest import native, tts
from ingest.authentication import Guesses, KeyCache, Sender
from ingest.pipeline import Delivery, Outcome
from ingest.samples import BadBody, Decoded
from ingest.waiting import Busy
from ingest.writer import Unavailable, Writer
from organizations import secrets

logger = logging.getLogger(__name__)

Scope = Any
Receive = Callable[[], Any]
Send = Callable[[dict[str, Any]], Any]
Adapter = Callable[..., Decoded]

# A gateway on a bad line may be slow; one that sends nothing holds a connection for no reason.
BODY_PATIENCE_S: Final = 30.0
_TOO_SLOW: Final = "the body is too slow"

ADAPTERS: Final[dict[str, Adapter]] = {"readings": native.decode, "ttn": tts.decode}


class Refusal(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, code: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers = headers


class Meter:
    """How many bytes a request holds in memory, of what all requests of the process may."""

    def __init__(self, door: IngestDoor) -> None:
        self._door = door
        self._held = 0

    def hold(self, size: int) -> None:
        """Now it holds so many, until `close`. Raises Busy if that is too much for all together."""
        self._door.held += size - self._held
        self._held = size
        if self._door.held > self._door.most_held:
            raise Busy

    def close(self) -> None:
        """It is answered."""
        self._door.held -= self._held
        self._held = 0


class IngestDoor:
    """The ASGI application. One writer and one key cache a process."""

    def __init__(self) -> None:
        # Read once: each look at Django's settings costs a microsecond.
        self.most_bytes, self.most_held = settings.INGEST_MAX_BYTES, settings.INGEST_QUEUE_BYTES
        self._writer = Writer()
        self._keys = KeyCache()
        self._guesses = Guesses()
        self.held = 0  # bytes of bodies on their way
        self._pending: dict[str, asyncio.Future[Sender | None]] = {}
        self._looking_up = ThreadPoolExecutor(1, thread_name_prefix="ingest-keys")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4404})  # before it is accepted: the server answers 403
            return
        meter = Meter(self)
        headers = dict(scope["headers"])  # ASGI has their names in lower case
        request_id = requests.begin(headers.get(b"x-request-id", b"").decode("latin-1"))
        try:
            outcome = await self._receive(scope, headers, receive, meter)
        except Refusal as refusal:
            await _refuse(send, refusal, request_id)
        except BadBody as bad:
            await _refuse(send, Refusal(bad.status, bad.code, str(bad)), request_id)
        except Busy:
            detail = "The server is busy. Nothing was stored; send the same readings again in a moment."
            await _refuse(send, Refusal(503, "busy", detail, Retry_After="2"), request_id)
        except (Unavailable, DatabaseError, InterfaceError):
            detail = "The database is not available. Nothing was stored; send the same readings again in a moment."
            await _refuse(send, Refusal(503, "database_unavailable", detail, Retry_After="5"), request_id)
        except Exception:
            logger.exception("an ingest request failed")
            detail = "Something went wrong on our side. It was logged under this request id; nothing was stored."
            await _refuse(send, Refusal(500, "internal_error", detail), request_id)
        else:
            await _answer(send, 200, _spelled(outcome), request_id)
        finally:
            meter.close()

    async def _live(self, receive: Receive, send: Send) -> None:
        """The server's start and stop, where it tells (uvicorn does, daphne doesn't)."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def close(self) -> None:
        """Finish what was taken in and give the connections back."""
        await self._writer.close()
        self._looking_up.shutdown()

    async def _receive(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, meter: Meter) -> Outcome:
        form = scope["path"].removeprefix("/api/v1/ingest/").removesuffix("/")
        adapter = ADAPTERS.get(form)
        if adapter is None:
            raise Refusal(404, "not_found", "There is no such format here.")
        if scope["method"] != "POST":
            raise Refusal(405, "method_not_allowed", "Readings are sent with POST.", Allow="POST")
        client = scope.get("client")
        sender = await self._sender(headers, address=client[0] if client else "")
        _check_type(headers)
        body = await self._read(headers, receive, meter)
        if headers.get(b"content-encoding") is not None:
            body = self._inflate(headers, body)
            meter.hold(len(body))
        decoded = _decode(adapter, body, at=timezone.now())
        if not decoded.count:
            return Outcome(rejected=decoded.rejected)
        return await self._writer.write(Delivery(sender, decoded, form))

    async def _sender(self, headers: dict[bytes, bytes], *, address: str) -> Sender:
        kind, _, secret = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        secret = secret.strip()
        challenge = 'Bearer realm="FreshTrack ingest"'
        if kind.lower() != "bearer" or not secret:
            raise Refusal(401, "not_authenticated", "Send Authorization: Bearer <key>.", WWW_Authenticate=challenge)
        digest = secrets.digest(secret)
        known, is_ageing, sender = self._keys.get(digest)
        if not known:
            # Shielded: a client that leaves doesn't take the others' look-up with it.
            sender = await asyncio.shield(self._look_up(digest))
        elif is_ageing:
            self._look_up(digest)  # meanwhile what is remembered holds: nobody waits for a look-up every few seconds
        if sender is None:
            wait = 0 if known else self._guesses.count(address)
            if wait:
                detail = f"Too many wrong keys. Try again in {wait} s."
                raise Refusal(429, "throttled", detail, Retry_After=str(wait))
            detail = "This key is unknown, expired or revoked."
            raise Refusal(401, "authentication_failed", detail, WWW_Authenticate=challenge)
        if not sender.may_ingest:
            raise Refusal(403, "permission_denied", "This key may not send readings: it lacks the scope ingest.")
        return sender

    def _look_up(self, digest: str) -> asyncio.Future[Sender | None]:
        """One look-up of a key at a time, however many requests wait for it."""
        found = self._pending.get(digest)
        if found is None:
            loop = asyncio.get_running_loop()
            found = self._pending[digest] = loop.run_in_executor(self._looking_up, _look_up, self._keys, digest)
            found.add_done_callback(lambda done: self._looked_up(digest, done))
        return found

    def _looked_up(self, digest: str, done: asyncio.Future[Sender | None]) -> None:
        self._pending.pop(digest, None)
        if not done.cancelled():
            done.exception()  # whoever waits is told; whoever only refreshed has what it needs

    async def _read(self, headers: dict[bytes, bytes], receive: Receive, meter: Meter) -> bytes:
        """The body as it was sent, never more than the limit of it in memory."""
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self.most_bytes:
            raise self._too_large()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        # What asyncio.timeout does, for a tenth of the time: nearly every body is there already.
        alarm = asyncio.get_running_loop().call_later(BODY_PATIENCE_S, task.cancel, _TOO_SLOW)
        try:
            return await self._read_parts(receive, meter)
        except asyncio.CancelledError as cancelled:
            if cancelled.args != (_TOO_SLOW,):
                raise
            task.uncancel()
            raise Refusal(408, "timeout", f"The body didn't arrive within {BODY_PATIENCE_S:.0f} s.") from cancelled
        finally:
            alarm.cancel()

    async def _read_parts(self, receive: Receive, meter: Meter) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refusal(400, "incomplete", "The connection ended before the body did.")
            part = message.get("body", b"")
            size += len(part)
            if size > self.most_bytes:
                raise self._too_large()
            meter.hold(size)
            if not message.get("more_body"):
                return b"".join([*parts, part]) if parts else part
            parts.append(part)

    def _too_large(self) -> Refusal:
        limit = self.most_bytes // (1024 * 1024)
        return Refusal(
            413, "too_large", f"The body may have {limit} MiB, inflated too. Send the readings in several parts."
        )

    def _inflate(self, headers: dict[bytes, bytes], body: bytes) -> bytes:
        """Undo Content-Encoding: gzip, stopping at the limit: a small bomb must not become a large body."""
        encoding = headers.get(b"content-encoding", b"identity").decode("latin-1").strip().lower()
        if encoding in {"identity", ""}:
            return body
        if encoding not in {"gzip", "x-gzip"}:
            raise Refusal(
                415, "unsupported_encoding", "Content-Encoding may be gzip or absent.", Accept_Encoding="gzip"
            )
        inflater = zlib.decompressobj(wbits=31)  # 31: gzip with header and checksum
        try:
            inflated = inflater.decompress(body, self.most_bytes + 1)
        except zlib.error as error:
            raise BadBody(400, "malformed_gzip", "The body isn't valid gzip.") from error
        if len(inflated) > self.most_bytes:
            raise self._too_large()
        if not inflater.eof:
            raise BadBody(400, "malformed_gzip", "The gzip body is cut off.")
        if inflater.unused_data:
            raise BadBody(400, "malformed_gzip", "Something follows the gzip body. Send one gzip member.")
        return inflated


def _look_up(keys: KeyCache, digest: str) -> Sender | None:
    close_old_connections()
    try:
        return keys.look_up(digest)
    finally:
        close_old_connections()


def _check_type(headers: dict[bytes, bytes]) -> None:
    if headers.get(b"content-type", b"") in {b"", b"application/json"}:
        return
    kind = headers.get(b"content-type", b"application/json").decode("latin-1").partition(";")[0].strip().lower()
    # Many gateways send JSON as text/plain, or as a form because curl does so by default.
    if kind not in {"application/json", "text/plain", "application/x-www-form-urlencoded", "text/json", ""}:
        raise Refusal(415, "unsupported_media_type", f"Content-Type {kind[:60]} isn't understood here. Send JSON.")


def _decode(adapter: Adapter, body: bytes, *, at: datetime) -> Decoded:
    if not body or body.isspace():
        raise BadBody(400, "malformed_json", "The body is empty.")
    return adapter(body, at=at)


def _spelled(outcome: Outcome) -> bytes:
    rejected = msgspec.json.encode(outcome.rejected) if outcome.rejected else b"[]"
    return b'{"accepted":%d,"duplicates":%d,"rejected":%b}' % (outcome.accepted, outcome.duplicates, rejected)


async def _refuse(send: Send, refusal: Refusal, request_id: str) -> None:
    body = msgspec.json.encode(problem(refusal.status, code=refusal.code, detail=str(refusal)))
    extra = {name.replace("_", "-"): value for name, value in refusal.headers.items()}
    await _answer(send, refusal.status, body, request_id, content_type=PROBLEM_JSON.encode(), **extra)


async def _answer(
    send: Send, status: int, body: bytes, request_id: str, *, content_type: bytes = b"application/json", **headers: str
) -> None:
    pairs = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        (b"x-request-id", request_id.encode()),
    ]
    if headers:
        pairs += [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
