"""Signing in while PostgreSQL is away: come back soon, instead of "our mistake"."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from freshtrack.embedded.processes import wait_until
from tests.stack import ROOT


@pytest.fixture
def lonely_app(tmp_path: Path) -> Iterator[str]:
    """The web process alone, its database nowhere."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "DATABASE_URL": f"postgres://freshtrack_app@/freshtrack?host={tmp_path}"}
    command = [sys.executable, "-m", "uvicorn", "freshtrack.asgi:live", "--port", str(port), "--lifespan", "off"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/health/live", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    try:
        assert wait_until(answers, seconds=60), (tmp_path / "log").read_text()
        yield url
    finally:
        process.terminate()
        process.wait(20)


def test_signing_in_and_up_and_asking_who_one_is_say_503(lonely_app: str) -> None:
    with httpx.Client(base_url=f"{lonely_app}/_allauth/browser/v1/", timeout=60) as browser:
        browser.get("config")
        headers = {"X-CSRFToken": browser.cookies["csrftoken"]}
        for path, data in (
            ("auth/login", {"email": "chef@example.com", "password": "violet anchor 27 tram"}),
            ("auth/signup", {"email": "chef@example.com", "password": "violet anchor 27 tram"}),
            ("auth/password/request", {"email": "chef@example.com"}),
        ):
            answer = browser.post(path, json=data, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
            assert answer.headers["content-type"] == "application/problem+json"
            assert int(answer.headers["retry-after"]) > 0
