"""The load client counts what it says: whole answers, from the time at which a request was to be sent."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bench.client import BadAnswer
from bench.load import Prepared, paced, saturate

pytestmark = pytest.mark.asyncio

WANTED = b'{"accepted":1}'
Answering = Callable[[int, asyncio.StreamWriter], Awaitable[None]]


def whole(body: bytes, status: int = 200) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


async def at_once(number: int, out: asyncio.StreamWriter) -> None:
    out.write(whole(WANTED))


@asynccontextmanager
async def server(answer: Answering) -> AsyncIterator[int]:
    """Answers requests that end with a full stop; `answer` is told which one it is."""
    count = 0
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        writers.append(writer)
        try:
            while True:
                await reader.readuntil(b".")
                count += 1
                await answer(count, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]
    for writer in writers:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def connections(port: int, *, count: int, requests: int) -> list[Prepared]:
    return [Prepared(port=port, requests=[b"x."] * requests, wanted=WANTED) for _ in range(count)]


async def test_a_closed_load_ends_when_everything_prepared_was_answered() -> None:
    async with server(at_once) as port:
        load = await saturate(connections(port, count=3, requests=20), seconds=30)

    assert load.requests == len(load.latencies) == 60
    assert load.seconds < 20


async def test_a_closed_load_ends_with_its_time() -> None:
    async with server(at_once) as port:
        load = await saturate(connections(port, count=2, requests=1_000_000), seconds=0.2)

    assert 0 < load.requests < 1_000_000
    assert 0.2 <= load.seconds < 10


async def test_an_answer_may_come_in_pieces() -> None:
    async def in_pieces(number: int, out: asyncio.StreamWriter) -> None:
        answer = whole(WANTED)
        for piece in (answer[:10], answer[10:-5], answer[-5:]):
            out.write(piece)
            await out.drain()
            await asyncio.sleep(0)

    async with server(in_pieces) as port:
        load = await saturate(connections(port, count=1, requests=5), seconds=30)

    assert load.requests == 5


@pytest.mark.parametrize(
    ("body", "status"),
    [(b'{"accepted":0}', 200), (WANTED, 503), (b"", 204)],
    ids=["another answer", "another status", "nothing"],
)
async def test_an_answer_that_may_not_be_counted_ends_the_load(body: bytes, status: int) -> None:
    async def refuse(number: int, out: asyncio.StreamWriter) -> None:
        out.write(whole(body, status))

    async with server(refuse) as port:
        with pytest.raises(BadAnswer):
            await saturate(connections(port, count=1, requests=5), seconds=30)


async def test_a_server_that_hangs_up_ends_the_load() -> None:
    async def hang_up(number: int, out: asyncio.StreamWriter) -> None:
        out.close()

    async with server(hang_up) as port:
        with pytest.raises(BadAnswer, match="closed the connection"):
            await saturate(connections(port, count=1, requests=5), seconds=30)


async def test_an_open_load_sends_as_many_as_its_rate_says() -> None:
    async with server(at_once) as port:
        load = await paced(connections(port, count=4, requests=50), requests_a_second=100, seconds=0.5)

    assert load.requests == 50
    assert load.seconds >= 0.49


async def test_latency_counts_from_the_intended_time_also_behind_a_slow_answer() -> None:
    stalled = 0.3

    async def stall_once(number: int, out: asyncio.StreamWriter) -> None:
        if number == 1:
            await asyncio.sleep(stalled)
        out.write(whole(WANTED))

    async with server(stall_once) as port:
        load = await paced(connections(port, count=1, requests=20), requests_a_second=100, seconds=0.2)

    # A client that measures from the moment of sending would see one slow answer of twenty.
    assert load.requests == 20
    assert sum(latency > stalled / 4 for latency in load.latencies) >= 15
