"""An HTTP client that costs little, since it shares the machine with what it measures.

One keep-alive connection, one request at a time, whole requests prepared as bytes before the clock starts.
"""

import asyncio
from time import perf_counter

LARGEST_ANSWER = 64 * 1024 * 1024


class BadAnswer(Exception):
    """The server answered, but not what a measurement may count."""


class Connection(asyncio.Protocol):
    """One connection to 127.0.0.1. Understands answers with a Content-Length, which is what the product sends."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, port: int) -> "Connection":
        _, connection = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return connection

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        assert self._transport is not None
        self._answer = self._loop.create_future()
        self._transport.write(request)
        return await self._answer

    async def timed(self, request: bytes, *, expect: int = 200) -> tuple[float, bytes]:
        """Seconds until the whole answer was here, and its body. Raises BadAnswer for another status."""
        began = perf_counter()
        status, body = await self.send(request)
        took = perf_counter() - began
        if status != expect:
            raise BadAnswer(f"{request[:80]!r}... was answered {status}: {body[:300]!r}")
        return took, body

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._received[:end].lower()
        at = head.find(b"\r\ncontent-length:")
        if at < 0:
            self._fail(BadAnswer(f"An answer without Content-Length: {head[:300]!r}"))
            return
        length = int(head[at + 17 :].split(b"\r\n", 1)[0])
        whole = end + 4 + length
        if len(self._received) >= whole and self._answer is not None:
            body, self._received = self._received[end + 4 : whole], b""
            self._answer.set_result((int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or BadAnswer("The server closed the connection."))

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


def request(method: str, path: str, *, token: str, body: bytes = b"") -> bytes:
    """A whole request as bytes."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nAccept: application/json\r\n"
    )
    if method != "GET":
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body
