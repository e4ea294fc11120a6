"""The door without its database: nothing is acknowledged, and the gateway is told to come back."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from freshtrack.embedded.processes import wait_until
from tests.stack import ROOT


@pytest.fixture
def lonely_door(tmp_path: Path) -> Iterator[str]:
    """The ingest process alone, its database nowhere."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgres://freshtrack_app@/freshtrack?host={tmp_path}",
        "REDIS_URL": f"unix://{tmp_path}/redis.sock",
    }
    command = [sys.executable, "-m", "uvicorn", "freshtrack.asgi:ingest", "--port", str(port), "--log-level", "warning"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(url, timeout=2).status_code == 404
        except httpx.TransportError:
            return False

    try:
        assert wait_until(answers, seconds=60), (tmp_path / "log").read_text()
        yield url
    finally:
        process.terminate()
        process.wait(20)


def test_nothing_is_acknowledged_and_the_gateway_is_told_when_to_come_back(lonely_door: str) -> None:
    reading = {"sensor": "S", "recorded_at": datetime.now(UTC).isoformat(), "temperature": 3.4}
    answer = httpx.post(
        f"{lonely_door}/api/v1/ingest/readings",
        json={"readings": [reading]},
        headers={"Authorization": "Bearer ftk_whatever"},
        timeout=30,
    )
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert "Nothing was stored" in answer.json()["detail"]
