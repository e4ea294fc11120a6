"""The load: connections that send prepared requests, as fast as they are answered or at fixed times.

Shares the machine with what it measures, so it does little: whole requests as bytes before the clock starts, callbacks
of uvloop and no coroutine for a request, one comparison for an answer, no garbage collection meanwhile. What it took of
the processors is told with every result. The same for every contestant.
"""

import asyncio
import contextlib
import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter

from bench.client import BadAnswer

# uvloop's timers count milliseconds: requests that are due in the next one go out together, and the wait counts.
TICK_S = 0.001
# Answers that don't come at all end the measurement.
PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What one connection will send, in order, and what the answer to each must end with."""

    port: int
    requests: list[bytes]
    wanted: bytes


@dataclass
class Load:
    """What one load came to."""

    requests: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)  # of one connection after another
    client_cpu: float = 0.0  # processor seconds
    began: float = 0.0  # by perf_counter


class Gateway(asyncio.Protocol):
    """One keep-alive connection with one request in flight."""

    def __init__(self, prepared: Prepared, ended: Callable[[BaseException | None], None]) -> None:
        self._next = iter(prepared.requests).__next__
        self._wanted = prepared.wanted
        self._ended = ended
        self._received = b""
        self._sent_at = 0.0
        self._waiting: list[float] = []  # intended times of requests that are due and not sent yet
        self._busy = False
        self._transport: asyncio.Transport | None = None
        self.latencies: list[float] = []
        self.until: float | None = None  # closed loop: send the next at once, until then

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def start(self) -> None:
        """Closed loop: the first request."""
        self._send(perf_counter())

    def due(self, intended: float) -> None:
        """Open loop: a request was to be sent at this time; it waits its turn behind an unanswered one."""
        if self._busy:
            self._waiting.append(intended)
        else:
            self._send(intended)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def idle(self) -> bool:
        return not self._busy

    def data_received(self, data: bytes) -> None:
        now = perf_counter()
        if self._received:
            data = self._received + data
        if not data.endswith(self._wanted):
            self._received = data
            self._look_at(data)
            return
        if not data.startswith(b"HTTP/1.1 20"):
            self._ended(BadAnswer(f"The answer was {data[:400]!r}"))
            return
        self._received = b""
        self.latencies.append(now - self._sent_at)
        self._busy = False
        if self.until is None:
            if self._waiting:
                self._send(self._waiting.pop(0))
            else:
                self._ended(None)
        elif now < self.until:
            self._send(now)
        else:
            self._ended(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._busy:
            self._ended(exc or BadAnswer("The server closed the connection."))

    def _send(self, counted_from: float) -> None:
        try:
            request = self._next()
        except StopIteration:
            self._ended(None)
            return
        self._busy = True
        self._sent_at = counted_from
        assert self._transport is not None
        self._transport.write(request)

    def _look_at(self, data: bytes) -> None:
        """An answer that doesn't end as wanted: not all of it came, or it isn't what a measurement may count."""
        head, found, body = data.partition(b"\r\n\r\n")
        _name, known, length = head.lower().partition(b"\r\ncontent-length:")
        if found and not (known and len(body) < int(length.split(b"\r\n", 1)[0])):
            self._ended(BadAnswer(f"Wanted was an answer that ends with {self._wanted!r}, and it was {data[:600]!r}"))


async def saturate(connections: list[Prepared], seconds: float) -> Load:
    """Every connection sends its next request when the last was answered: as much as the server takes."""
    async with _Crowd(connections) as crowd:
        with _undisturbed():
            began, cpu = perf_counter(), time.process_time()
            for gateway in crowd.gateways:
                gateway.until = began + seconds
                gateway.start()
            await crowd.all_ended(len(crowd.gateways))
            return crowd.load(began, time.process_time() - cpu)


async def paced(connections: list[Prepared], requests_a_second: float, seconds: float) -> Load:
    """Requests at fixed times, whether or not earlier ones were answered. Latency counts from the intended time."""
    count = round(requests_a_second * seconds)
    async with _Crowd(connections) as crowd:
        gateways = crowd.gateways
        with _undisturbed():
            began, cpu = perf_counter(), time.process_time()
            sent = 0
            while sent < count:
                crowd.check()
                now = perf_counter()
                while sent < count and began + sent / requests_a_second <= now:
                    gateways[sent % len(gateways)].due(began + sent / requests_a_second)
                    sent += 1
                await asyncio.sleep(TICK_S)
            while not all(gateway.idle() for gateway in gateways):
                crowd.check()
                if perf_counter() > began + seconds + PATIENCE_S:
                    raise BadAnswer("Requests were not answered.")
                await asyncio.sleep(TICK_S)
            return crowd.load(began, time.process_time() - cpu)


class _Crowd:
    """The connections of one load."""

    def __init__(self, connections: list[Prepared]) -> None:
        self._prepared = connections
        self._ends = 0
        self._failure: BaseException | None = None
        self._changed = asyncio.Event()
        self.gateways: list[Gateway] = []

    async def __aenter__(self) -> "_Crowd":
        loop = asyncio.get_running_loop()
        for prepared in self._prepared:
            _, gateway = await loop.create_connection(
                lambda prepared=prepared: Gateway(prepared, self._end),  # type: ignore[misc]
                *("127.0.0.1", prepared.port),
            )
            self.gateways.append(gateway)
        return self

    async def __aexit__(self, *_: object) -> None:
        for gateway in self.gateways:
            gateway.close()

    def check(self) -> None:
        """Raises what went wrong."""
        if self._failure is not None:
            raise self._failure

    async def all_ended(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self._ends < count:
                self._changed.clear()
                await self._changed.wait()
                self.check()

    def load(self, began: float, client_cpu: float) -> Load:
        seconds = perf_counter() - began
        latencies = [latency for gateway in self.gateways for latency in gateway.latencies]
        return Load(requests=len(latencies), seconds=seconds, latencies=latencies, client_cpu=client_cpu, began=began)

    def _end(self, failure: BaseException | None) -> None:
        self._ends += 1
        self._failure = self._failure or failure
        self._changed.set()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
