"""Long answers go out at the pace of who reads them, and an error in their middle breaks the connection."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from freshtrack import flow
from freshtrack.embedded.processes import wait_until

ROOT = Path(__file__).resolve().parent.parent
PART = b"x" * 65_536
PARTS = 3_000  # 190 MB


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """An application that sends more than fits into memory, or fails in the middle."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/fails":
        await send({"type": "http.response.body", "body": b"a part", "more_body": True})
        raise RuntimeError("in the middle")
    for _ in range(PARTS if scope["path"] == "/long" else 1):
        await send({"type": "http.response.body", "body": PART, "more_body": True})
    await send({"type": "http.response.body", "body": b"the end"})


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await flow.paced(answer, scope, receive, send)


class Server:
    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port, self.process = port, process

    def ask(self, path: str) -> int:
        """Read the whole answer; its length."""
        with httpx.stream("GET", f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            return sum(len(part) for part in answer.iter_raw())

    def answers(self) -> bool:
        try:
            return self.ask("/") > 0
        except httpx.TransportError:
            return False

    def memory_mb(self) -> float:
        words = Path(f"/proc/{self.process.pid}/status").read_text().split("VmRSS:")[1].split()
        return int(words[0]) / 1024


@pytest.fixture(params=["daphne", "uvicorn"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = {
        "daphne": ["daphne", "-b", "127.0.0.1", "-p", str(port), "-v", "0", "tests.test_flow:application"],
        "uvicorn": ["uvicorn", "tests.test_flow:application", "--port", str(port), "--lifespan", "off"],
    }
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "freshtrack.settings", "SLOW_CLIENT_S": "2"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments[request.param]], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    server = Server(port, process)
    try:
        assert wait_until(server.answers, seconds=60), (tmp_path / "log").read_text()
        yield server
    finally:
        process.terminate()
        process.wait(20)


def test_whoever_reads_gets_everything(server: Server) -> None:
    assert server.ask("/long") == PARTS * len(PART) + len(b"the end")


def test_an_error_in_the_middle_breaks_the_connection_at_once(server: Server) -> None:
    """Whoever waits for the rest would wait for ever, or take the part for the whole."""
    for _ in range(2):
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            server.ask("/fails")
        assert server.answers(), "others don't notice"


def test_whoever_stops_reading_costs_no_memory_and_is_disconnected(server: Server) -> None:
    before = server.memory_mb()
    with socket.create_connection(("127.0.0.1", server.port)) as sleeper:
        sleeper.sendall(b"GET /long HTTP/1.1\r\nHost: here\r\n\r\n")

        def growth() -> float:
            return server.memory_mb() - before

        assert not wait_until(lambda: growth() > 30, seconds=3)
        sleeper.settimeout(30)
        received = 0
        try:
            while part := sleeper.recv(1 << 20):
                received += len(part)
        except ConnectionError:
            pass
    assert received < PARTS * len(PART) / 2
    assert server.answers()
