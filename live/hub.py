"""One hub a process: joins an organization's group once, encodes a frame once, writes it to whom it concerns.

A consumer per socket in the group would cost a thread hop, a task and an encoding for each socket and event. Readings
are coalesced with a leading edge: the first goes at once, what follows within LIVE_FLUSH_MS goes as one batch; alerts
go at once. A socket that doesn't keep up loses readings, never alerts, and never holds up the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final
from uuid import UUID

import msgspec
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from redis.exceptions import RedisError

from live import access
from live.access import Grant
from organizations import events

logger = logging.getLogger(__name__)

RECHECK_S: Final = 3.0
RECONNECT_S: Final = 1.0
# Frames waiting for one socket; a screen shows the newest state, not an endless queue.
MOST_WAITING: Final = 256

_encoder = msgspec.json.Encoder()


def encode(message: dict[str, Any]) -> str:
    """One message as the text of one frame."""
    return _encoder.encode(message).decode()


class Connection:
    """One open socket as the hub sees it: a bounded queue with a task that writes it out."""

    def __init__(
        self,
        *,
        grant: Grant,
        send: Callable[[str], Coroutine[Any, Any, None]],
        close: Callable[[int], Coroutine[Any, Any, None]],
    ) -> None:
        self.grant = grant
        self._send = send
        self._close = close
        self._waiting: deque[tuple[str, bool]] = deque()
        self._closing: int | None = None
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._write())
        self.dropped = 0

    def offer(self, text: str, *, may_drop: bool = False) -> None:
        """Queue a frame. When the socket is slow, waiting readings make room."""
        if len(self._waiting) >= MOST_WAITING:
            kept = deque(item for item in self._waiting if not item[1])
            self.dropped += len(self._waiting) - len(kept)
            self._waiting = kept
            if len(kept) >= MOST_WAITING:
                if may_drop:
                    self.dropped += 1
                    return
                self.end(code=1013, reason="too_slow")  # it must fetch everything anew
                return
        self._waiting.append((text, may_drop))
        self._wake.set()

    def end(self, *, code: int, reason: str) -> None:
        """Say goodbye and close, after what is waiting already. Twice is the same as once."""
        if self._closing is None:
            self._closing = code
            self._waiting.append((encode({"type": "bye", "reason": reason}), False))
            self._wake.set()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                text, _ = self._waiting.popleft()
                await self._send(text)
            if self._closing is not None:
                await self._close(self._closing)
                return

    def stop(self) -> None:
        """The socket is gone."""
        self._task.cancel()


def of_sites(message: dict[str, Any], sites: frozenset[UUID]) -> dict[str, Any] | None:
    """What a member who is restricted to these sites may see of an event; None: nothing.

    Whoever publishes an event says of which site it is (an alert says it itself, readings each). What says nothing is
    for those who may see every site.
    """
    names = {str(site) for site in sites}
    if message["type"] == "readings":
        batch = [reading for reading in message["batch"] if reading["site"] in names]
        return {**message, "batch": batch} if batch else None
    subject = message["alert"] if message["type"] == "alert" else message
    return message if subject.get("site") in names else None


class Room:
    """One organization's sockets in this process."""

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self.cursor = ""
        self.joined = False  # the channel group: only with Redis
        self.waiting: list[dict[str, Any]] = []
        self.flush: asyncio.TimerHandle | None = None

    def tell(self, message: dict[str, Any], *, may_drop: bool = False) -> None:
        """Queue for everybody what they may see of it, encoded once for each distinct set of sites."""
        texts: dict[frozenset[UUID] | None, str | None] = {}
        for connection in self.connections:
            sites = connection.grant.sites
            if sites not in texts:
                seen = message if sites is None else of_sites(message, sites)
                texts[sites] = encode({"type": seen["type"], "cursor": self.cursor, **seen}) if seen else None
            text = texts[sites]
            if text is not None:
                connection.offer(text, may_drop=may_drop)

    def inbox(self, people: dict[str, dict[str, Any]]) -> None:
        """What each person finds in the inbox, on that person's own screens only; by id."""
        for connection in self.connections:
            own = people.get(str(connection.grant.user.pk))
            if own is not None:
                connection.offer(encode({"type": "inbox", **own}))

    def readings(self, batch: list[dict[str, Any]]) -> None:
        """Leading edge: at once if the room was quiet, else with the next flush."""
        if self.flush is None:
            self.tell({"type": "readings", "batch": batch}, may_drop=True)
            self._schedule()
        else:
            self.waiting += batch

    def _schedule(self) -> None:
        self.flush = asyncio.get_running_loop().call_later(settings.LIVE_FLUSH_MS / 1000, self._flush)

    def _flush(self) -> None:
        self.flush = None
        if self.waiting:
            batch, self.waiting = self.waiting, []
            self.tell({"type": "readings", "batch": batch}, may_drop=True)
            self._schedule()


class Hub:
    """The sockets of one event loop."""

    def __init__(self) -> None:
        self._rooms: dict[UUID, Room] = {}
        self._layer = get_channel_layer()
        self._channel: str | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._lock = asyncio.Lock()
        self.per_user: dict[UUID, int] = {}

    async def join(self, connection: Connection, *, cursor: Callable[[], Coroutine[Any, Any, str]]) -> None:
        """Start to deliver the organization's events to a socket.

        Raises access.Refused when the person has too many sockets open.
        """
        user_id, organization_id = connection.grant.user.pk, connection.grant.organization.pk
        if self.per_user.get(user_id, 0) >= settings.LIVE_SOCKETS_PER_USER:
            raise access.Refused(access.TOO_MANY, "Too many open screens.")
        self.per_user[user_id] = self.per_user.get(user_id, 0) + 1
        async with self._lock:
            if not self._tasks:
                self._tasks = [asyncio.create_task(self._recheck())]
            room = self._rooms.get(organization_id)
            if room is None:
                room = self._rooms[organization_id] = Room()
                await self._subscribe(organization_id, room)
                room.cursor = await cursor()
        room.connections.add(connection)

    async def leave(self, connection: Connection) -> None:
        """Forget a socket. Twice is the same as once."""
        connection.stop()
        user_id, organization_id = connection.grant.user.pk, connection.grant.organization.pk
        room = self._rooms.get(organization_id)
        if room is None or connection not in room.connections:
            return
        room.connections.discard(connection)
        self.per_user[user_id] -= 1
        if not self.per_user[user_id]:
            del self.per_user[user_id]
        async with self._lock:
            if not room.connections and self._rooms.get(organization_id) is room:
                del self._rooms[organization_id]
                if not room.joined:
                    return
                try:
                    await self._layer.group_discard(events.group_name(organization_id), self._channel)
                except (OSError, RedisError):
                    logger.warning("a channel group could not be left")

    async def _subscribe(self, organization_id: UUID, room: Room) -> None:
        """Without Redis a screen still gets its snapshot, and polls; the re-check tries again."""
        try:
            async with asyncio.timeout(events.PATIENCE_S):
                if self._channel is None:
                    self._channel = await self._layer.new_channel()
                    self._tasks.append(asyncio.create_task(self._receive()))
                await self._layer.group_add(events.group_name(organization_id), self._channel)
        except (OSError, RedisError, TimeoutError) as error:
            logger.warning("a channel group could not be joined: %s", error or type(error).__name__)
        else:
            room.joined = True

    async def _receive(self) -> None:
        while True:
            try:
                message = await self._layer.receive(self._channel)
            except (OSError, RedisError) as error:
                logger.warning("live events are interrupted: %s", error)
                await asyncio.sleep(RECONNECT_S)
                continue
            room = self._rooms.get(UUID(message["organization"]))
            if room is None:
                continue
            for event in message["events"]:
                if event["type"] == "readings":
                    room.readings(event["batch"])
                elif event["type"] == "inbox":
                    room.inbox(event["people"])
                else:
                    room.tell(event)

    async def _recheck(self) -> None:
        """Every 3 s one look whether each socket may still be open: works without Redis too."""
        while True:
            await asyncio.sleep(RECHECK_S)
            for organization_id, room in list(self._rooms.items()):
                if not room.joined:
                    async with self._lock:
                        await self._subscribe(organization_id, room)
            connections = [c for room in self._rooms.values() for c in room.connections]
            try:
                over = await sync_to_async(access.ended)([c.grant for c in connections])
            except Exception:
                logger.exception("open sockets could not be re-checked")
                continue
            for connection in connections:
                code = over.get(connection.grant)
                if code is not None:
                    connection.end(code=code, reason="not_authorized" if code == access.WHO_ARE_YOU else "role_changed")


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def hub() -> Hub:
    """The hub of the running event loop; a process has one loop, tests have several."""
    loop = asyncio.get_running_loop()
    found = _hubs.get(loop)
    if found is None:
        for old in [known for known in _hubs if known.is_closed()]:
            del _hubs[old]
        found = _hubs[loop] = Hub()
    return found
