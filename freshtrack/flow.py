"""Long answers at the pace of who reads them, and broken off so that the reader notices.

Uvicorn lets an application wait while the client has no room. Daphne doesn't: it keeps in memory whatever it is given,
and where an application fails in the middle of an answer it leaves the client waiting for the rest for ever. Twisted,
which daphne is made of, can do both; this tells it to.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

logger = logging.getLogger(__name__)

Scope = Any
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Stalled(Exception):
    """The client has stopped reading."""


class _Room:
    """Whether there is room in daphne's connection: what Twisted calls a push producer, which it pauses and resumes."""

    def __init__(self) -> None:
        self._free = asyncio.Event()
        self._free.set()

    def pauseProducing(self) -> None:
        """The connection has more than it can send."""
        self._free.clear()

    def resumeProducing(self) -> None:
        """It has sent what it had."""
        self._free.set()

    def stopProducing(self) -> None:
        """The client is gone; daphne tells the application so, and drops what still comes."""
        self._free.set()

    async def wait(self) -> None:
        if not self._free.is_set():
            await self._free.wait()


class _Paced:
    """`send` of one request: a part of an answer is sent when the client has taken the parts before it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        # daphne.server.Server.create_application: partial(self.handle_reply, protocol).
        given = getattr(send, "args", ())
        self._daphnes = given[0] if given and hasattr(given[0], "registerProducer") else None
        self._room: _Room | None = None
        self.started = self.ended = False

    async def __call__(self, message: Message) -> None:
        is_body = message["type"] == "http.response.body"
        more = is_body and message.get("more_body", False)
        if is_body and not more:
            self._leave()
            self.ended = True
        if not more:
            self.started = True
            await self._send(message)
            return
        self._enter()
        try:
            # Django hands over 64 KiB at a time. Who needs longer for that reads nothing any more.
            async with asyncio.timeout(settings.SLOW_CLIENT_S):
                await self._send(message)
                if self._room is not None:
                    await self._room.wait()
        except TimeoutError:
            raise Stalled(f"The client took no part for {settings.SLOW_CLIENT_S} s.") from None

    def _enter(self) -> None:
        # Without a channel the client is gone already.
        if self._daphnes is None or self._room is not None or self._daphnes.channel is None:
            return
        self._room = _Room()
        self._daphnes.registerProducer(self._room, True)

    def _leave(self) -> None:
        if self._room is None or self._daphnes is None:
            return
        self._room = None
        if self._daphnes.channel is not None:
            self._daphnes.unregisterProducer()

    def abort(self) -> bool:
        """Close the connection at once. False: the server does it by itself when it sees the error."""
        if self._daphnes is None:
            return False
        self._leave()
        if self._daphnes.channel is not None:
            self._daphnes.channel.transport.abortConnection()
        return True


async def paced(application: Any, scope: Scope, receive: Receive, send: Send) -> None:
    """Run an HTTP application. An error in the middle of an answer closes the connection.

    So nobody takes a part for the whole: the chunk that ends an answer never comes.
    """
    pace = _Paced(send)
    try:
        await application(scope, receive, pace)
    except Exception as error:
        if not pace.started or pace.ended:
            raise
        if isinstance(error, Stalled):
            logger.warning("a client stopped reading in the middle of an answer; its connection was closed")
        if not pace.abort():
            raise
        if not isinstance(error, Stalled):
            logger.warning("an answer was broken off: %s", type(error).__name__, exc_info=error)
