"""One socket of one screen: admits it, says hello, shows the snapshot, then leaves the talking to the hub."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import Any, Final
from uuid import UUID

import msgspec
from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.utils import timezone

from alerts import lifecycle
from alerts.models import Alert, Channel
from freshtrack.errors import DomainError
from live import access, snapshots
from live.hub import Connection, encode, hub
from organizations import permissions
from organizations.tenancy import Origin, acting_in

logger = logging.getLogger(__name__)

LARGEST_MESSAGE: Final = 64 * 1024
MOST_MALFORMED_A_MINUTE: Final = 20


class LiveSocket(AsyncWebsocketConsumer):
    """`/ws/v1/orgs/<slug>/live/`, see the contract for the messages."""

    # No channel of its own: the hub listens for all. A name that isn't configured gives no layer, so that opening a
    # socket doesn't need Redis.
    channel_layer_alias = "none: see live/hub.py"
    connection: Connection | None = None

    async def connect(self) -> None:
        """Refusals accept first: only then does a browser learn the close code."""
        self._malformed: deque[float] = deque()
        offered = self.scope.get("subprotocols") or ()
        await self.accept(subprotocol=access.SUBPROTOCOL if access.SUBPROTOCOL in offered else None)
        try:
            await self._admit()
        except access.Refused as refused:
            await self.send(encode({"type": "bye", "reason": str(refused)}))
            await self.close(refused.code)
        except Exception:
            logger.exception("a socket could not be admitted")
            await self.disconnect(access.TRY_AGAIN)
            await self.close(access.TRY_AGAIN)

    async def _admit(self) -> None:
        session = self.scope.get("session")
        bearer = access.bearer_of(self.scope)
        # In a thread of its own: an issuer that doesn't answer must not hold up the thread that all sockets share.
        verify = sync_to_async(access.claims_of, thread_sensitive=False)
        grant = await sync_to_async(access.admit)(
            slug=self.scope["url_route"]["kwargs"]["organization"],
            bearer=bearer,
            claims=await verify(bearer, address=self._address),
            session_user=self.scope.get("user"),
            session_key=getattr(session, "session_key", None),
            same_origin=access.is_same_origin(self.scope),
            address=self._address,
        )
        # Joined before the snapshot is taken: what happens meanwhile waits behind it and nothing falls between.
        self.grant = grant
        self._ready = False
        self._held: list[str] = []
        connection = Connection(grant=grant, send=self._write, close=self.close)
        await hub().join(connection, cursor=self._cursor)
        self.connection = connection
        cursor, units = await sync_to_async(snapshots.take)(grant, address=self._address)
        await self.send(
            encode(
                {
                    "type": "hello",
                    "cursor": cursor,
                    "heartbeat_s": settings.LIVE_HEARTBEAT_S,
                    "flush_ms": settings.LIVE_FLUSH_MS,
                }
            )
        )
        await self.send(encode({"type": "snapshot", "cursor": cursor, "units": units}))
        self._ready = True
        while self._held:
            await self.send(self._held.pop(0))

    async def _write(self, text: str) -> None:
        if self._ready and not self._held:
            await self.send(text)
        else:
            self._held.append(text)

    async def _cursor(self) -> str:
        cursor, _ = await sync_to_async(snapshots.take)(self.grant, address=self._address)
        return cursor

    @property
    def _address(self) -> str:
        client = self.scope.get("client")
        return client[0] if client else ""

    async def disconnect(self, code: int) -> None:
        """Forget the socket."""
        if self.connection is not None:
            await hub().leave(self.connection)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A message of the client. What can't be understood gets an `error`; too much of it ends the socket."""
        if self.connection is None:
            return
        message = _parse(text_data)
        if message is None:
            await self._complain("malformed", "Send JSON objects with a `type`, as text, up to 64 KiB.")
            return
        answer = {"ping": self._ping, "acknowledge": self._acknowledge}.get(message["type"])
        if answer is None:
            await self._complain("unknown_type", f"There is no message {message['type'][:40]!r}.")
            return
        await answer(message)

    async def _complain(self, code: str, detail: str) -> None:
        now = time.monotonic()
        self._malformed.append(now)
        while self._malformed and now - self._malformed[0] > 60:
            self._malformed.popleft()
        await self.send(encode({"type": "error", "code": code, "detail": detail}))
        if len(self._malformed) > MOST_MALFORMED_A_MINUTE:
            await self.send(encode({"type": "bye", "reason": "too many malformed messages"}))
            await self.close(access.TOO_MANY)

    async def _reply(self, message: dict[str, Any], *, error: str | None = None) -> None:
        await self.send(encode({"type": "reply", "id": message.get("id"), "ok": error is None, "error": error}))

    async def _ping(self, message: dict[str, Any]) -> None:
        await self._reply(message)

    async def _acknowledge(self, message: dict[str, Any]) -> None:
        error = await sync_to_async(acknowledge)(
            self.grant, alert_id=message.get("alert"), note=message.get("note") or "", address=self._address
        )
        await self._reply(message, error=error)


def _parse(text: str | None) -> dict[str, Any] | None:
    if text is None or len(text) > LARGEST_MESSAGE:
        return None
    try:
        message = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return message if isinstance(message, dict) and isinstance(message.get("type"), str) else None


def acknowledge(grant: access.Grant, *, alert_id: Any, note: Any, address: str) -> str | None:
    """Acknowledge an alert over the socket; returns the error's code or None. Opens its own transaction."""
    if not permissions.member_may(grant.membership, "alerts.acknowledge"):
        return "permission_denied"
    if not grant.may_write:
        return "insufficient_scope"
    if not isinstance(alert_id, str) or not isinstance(note, str) or len(note) > 2000:
        return "invalid"
    try:
        key = msgspec.convert(alert_id, UUID)
    except msgspec.ValidationError:
        return "invalid"
    try:
        origin = Origin(via="socket", address=address)
        with acting_in(grant.organization, by=grant.user, origin=origin, sites=grant.sites):
            alert = Alert.objects.for_member(grant.membership).filter(pk=key).first()
            if alert is None:
                return "not_found"
            lifecycle.acknowledge(alert=alert, by=grant.user, at=timezone.now(), channel=Channel.LIVE, note=note)
    except DomainError as error:
        return error.code
    return None
