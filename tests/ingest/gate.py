"""A real ingest process and a hand on the wire to it, below every HTTP library."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.doors import PATH, Door, Installation, installation

MIB = 1024 * 1024


@dataclass
class Answer:
    """What came back over the wire."""

    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.content)
        return told


class Gate:
    """An ingest process with a key, and the means to talk to it below HTTP."""

    def __init__(self, house: Installation, door: Door, key: str) -> None:
        self.house, self.door, self.key = house, door, key
        self.memory = door.memory()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.door.port), timeout=60)

    def head(self, method: str = "POST", path: str = PATH, key: str | None = None, **headers: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: freshtrack", f"Authorization: Bearer {key or self.key}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"

    def post(self, body: bytes, *, path: str = PATH, **headers: str) -> Answer:
        headers = {"Content_Type": "application/json", "Content_Length": str(len(body)), **headers}
        with self.connect() as wire:
            send(wire, self.head(path=path, **headers) + body)
            return read(wire)

    def stored(self) -> int:
        count: int = self.house.sql("SELECT count(*) FROM sensors_reading")[0][0]
        return count


def send(wire: socket.socket, data: bytes) -> None:
    """All of it, unless the other side has heard enough."""
    try:
        wire.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        return


def read(wire: socket.socket, *, has_body: bool = True) -> Answer:
    """One answer; an empty one (status 0) if the other side closed without a word."""
    data = b""
    try:
        while b"\r\n\r\n" not in data:
            part = wire.recv(65536)
            if not part:
                return Answer(0, {}, data)
            data += part
        head, _, content = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while has_body and len(content) < int(headers["content-length"]):
            part = wire.recv(65536)
            if not part:
                break
            content += part
    except ConnectionResetError:
        return Answer(0, {}, data)
    return Answer(int(first.split()[1]), headers, content)


def opened_gate() -> Iterator[Gate]:
    """For a fixture of a module: `gate = pytest.fixture(scope="module")(opened_gate)`."""
    with installation() as house:
        key = house.furnish("told(key=key_of(OrganizationFactory()))")["key"]
        gate = Gate(house, house.open_door(), key)
        # The first request brings much to memory that stays there.
        gate.post(b'{"readings": [{"sensor": "first", "recorded_at": "2026-01-01T00:00:00Z", "battery": 1}]}')
        gate.memory = gate.door.memory()
        yield gate


def problem(answer: Answer) -> tuple[int, str]:
    """Status and code, after everything that each problem has to have."""
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert {"type", "title", "status", "detail", "code", "request_id"} <= told.keys()
    assert told["status"] == answer.status
    assert told["request_id"] == answer.headers["x-request-id"]
    assert told["detail"]
    assert answer.status != 500
    assert len(answer.content) < 4096
    return answer.status, told["code"]
