"""A real SMTP server that keeps what it gets, and answers as it is told."""

from __future__ import annotations

import email
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller


class Sink:
    """Handler of aiosmtpd. `answers` are given to the next messages instead of taking them."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.answers: list[str] = []
        self.port = 0
        self.connections = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """For EMAIL_URL."""
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_EHLO(
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        """Each connection says who it is once."""
        with self._lock:
            self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        """nobody@… doesn't exist."""
        if address.startswith("nobody@"):
            return "550 5.1.1 No such person here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Take it, or answer as told."""
        with self._lock:
            if self.answers:
                return self.answers.pop(0)
            self.messages.append(email.message_from_bytes(envelope.content, policy=default))  # type: ignore[arg-type]
        return "250 OK"


@contextmanager
def mail_server() -> Iterator[Sink]:
    """A running server on a free loopback port."""
    sink = Sink()
    for attempt in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            sink.port = probe.getsockname()[1]
        controller = Controller(sink, hostname="127.0.0.1", port=sink.port)
        try:
            controller.start()
        except OSError:
            if attempt == 4:
                raise
            continue  # somebody else took the port meanwhile
        break
    try:
        yield sink
    finally:
        controller.stop()
