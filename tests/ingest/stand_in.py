"""A stand-in for the platform: a real HTTP server that answers as the contract says, or as badly as a test asks."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Scripted:
    """An answer for one POST. `hold` keeps the client waiting until it is set, after the readings are stored."""

    status: int = 200
    body: dict[str, Any] | bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None


class Platform:
    """Keeps what it was sent. Scripted answers come first, in order; then everything is accepted."""

    def __init__(self) -> None:
        self.scripted: deque[Scripted] = deque()
        self.requests: list[dict[str, Any]] = []
        self.stored: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.newest: dict[tuple[str, str], str | None] = {}
        self.sensors_status = 200
        self._changed = threading.Condition()
        self._holds: list[threading.Event] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        for hold in self._holds:
            hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait_until(self, condition: Callable[[Platform], bool], *, timeout: float = 20.0) -> None:
        """Wait for something that requests bring about."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), timeout), "the platform waited in vain"

    def answer(self, headers: dict[str, str], body: bytes) -> Scripted:
        readings = json.loads(body)["readings"]
        with self._changed:
            self.requests.append({"headers": headers, "readings": readings})
            scripted = self.scripted.popleft() if self.scripted else Scripted()
            if scripted.status == 200 and scripted.body is None:
                scripted.body = self._store(readings)
            if scripted.hold is not None:
                self._holds.append(scripted.hold)
            self._changed.notify_all()
        return scripted

    def _store(self, readings: list[dict[str, Any]]) -> dict[str, Any]:
        answer: dict[str, Any] = {"accepted": 0, "duplicates": 0, "rejected": []}
        for index, reading in enumerate(readings):
            key = (reading["sensor"], reading.get("channel", "0"), reading["recorded_at"])
            if reading.get("temperature") == -127:
                answer["rejected"].append({"index": index, "code": "sensor_fault", "detail": "The probe is broken."})
            elif key in self.stored:
                answer["duplicates"] += 1
            else:
                self.stored[key] = reading
                answer["accepted"] += 1
        return answer

    def sensors(self, serial: str) -> dict[str, Any]:
        return {
            "results": [
                {"serial": known, "channel": channel, "last_reading_at": at}
                for (known, channel), at in self.newest.items()
                if known == serial
            ],
            "next": None,
            "previous": None,
        }


def _handler(platform: Platform) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/api/v1/ingest/readings"
            scripted = platform.answer(dict(self.headers.items()), body)
            if scripted.hold is not None:
                scripted.hold.wait(30)
            self._send(scripted.status, scripted.body or {}, scripted.headers)

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            assert url.path.endswith("/sensors/")
            if platform.sensors_status != 200:
                self._send(platform.sensors_status, {"detail": "Not for you.", "code": "permission_denied"}, {})
            else:
                self._send(200, platform.sensors(parse_qs(url.query)["serial"][0]), {})

        def _send(self, status: int, body: dict[str, Any] | bytes, headers: dict[str, str]) -> None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):
                pass  # a client that had enough of waiting

        def log_message(self, *args: Any) -> None:
            """Keep quiet."""

    return Handler


@contextmanager
def running() -> Iterator[Platform]:
    platform = Platform()
    try:
        yield platform
    finally:
        platform.close()
