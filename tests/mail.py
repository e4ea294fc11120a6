"""A real SMTP server that keeps what it gets, and answers, dawdles or breaks off as it is told."""

from __future__ import annotations

import asyncio
import email
import socket
import ssl
import struct
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default
from typing import Any, Final

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

# Where it can go wrong: the greeting, EHLO, MAIL FROM, RCPT TO, DATA, in the middle of the words (where nobody can
# answer, so only a Reset or SILENT is possible), after the last dot.
STAGES: Final = ("connect", "ehlo", "mail", "rcpt", "data", "body", "end")


@dataclass(frozen=True)
class Slow:
    """Answers as ever, after this time."""

    seconds: float


class Reset:
    """The line breaks with a TCP reset. `taken`: the message was kept, only the answer is lost."""

    def __init__(self, *, taken: bool = False) -> None:
        self.taken = taken


SILENT: Final = "silent"  # never answers


class Sink:
    """Handler of aiosmtpd. `answers` are given to the next messages instead of taking them.

    `faults` names for each stage what happens there instead, one at a time: an answer such as "451 Busy", SILENT, a
    Slow or a Reset.
    """

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.answers: list[str] = []
        self.faults: dict[str, list[Any]] = defaultdict(list)
        self.port = 0
        self.connections = 0
        self.encrypted = 0
        self.over = False
        self.lines: list[tuple[Any, Any]] = []  # transports and their sockets
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """For EMAIL_URL."""
        return f"smtp://127.0.0.1:{self.port}"

    async def hang_up(self) -> None:
        """Leave no line open, whatever it was in the middle of."""
        self.over = True
        for line, _ in self.lines:
            line.abort()
        while any(end.fileno() != -1 for _, end in self.lines):
            await asyncio.sleep(0.005)

    async def fault(self, stage: str, server: Any) -> Any:
        """What is to happen here instead of the usual: an answer, a Reset, or None. Waits where it is slow."""
        with self._lock:
            found = self.faults[stage].pop(0) if self.faults[stage] else None
        if isinstance(found, Slow):
            await asyncio.sleep(found.seconds)
            return None
        while found == SILENT and not self.over and server.transport is not None:
            await asyncio.sleep(0.02)
        if isinstance(found, Reset) and not found.taken:
            _break_off(server)
        return found

    async def handle_EHLO(
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        """Each connection says who it is once, and once more inside TLS."""
        answer = await self.fault("ehlo", server)
        session.refused = answer if isinstance(answer, str) else None
        if session.refused:
            return [session.refused]
        with self._lock:
            if session.ssl is None:
                self.connections += 1
            else:
                self.encrypted += 1
        session.host_name = hostname
        return responses

    async def handle_HELO(self, server: Any, session: Any, envelope: Any, hostname: str) -> str:
        """Whom EHLO refused HELO refuses as well."""
        session.host_name = hostname
        return getattr(session, "refused", None) or "250 " + hostname

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        """Everybody may send."""
        answer = await self.fault("mail", server)
        if isinstance(answer, str):
            return answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        """nobody@… doesn't exist."""
        answer = await self.fault("rcpt", server)
        if isinstance(answer, str):
            return answer
        if address.startswith("nobody@"):
            return "550 5.1.1 No such person here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Take it, or answer as told."""
        answer = await self.fault("end", server)
        if isinstance(answer, str):
            return answer
        if isinstance(answer, Reset) and not answer.taken:
            return "421 Broken off"
        with self._lock:
            if self.answers:
                return self.answers.pop(0)
            self.raw.append(envelope.content)
            self.messages.append(email.message_from_bytes(envelope.content, policy=default))  # type: ignore[arg-type]
        if isinstance(answer, Reset):
            _break_off(server)
        return "250 OK"


class _Server(SMTP):
    """With faults where aiosmtpd asks no handler."""

    greeted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.event_handler.lines.append((transport, transport.get_extra_info("socket")))
        super().connection_made(transport)

    async def push(self, status: Any) -> None:
        if not self.greeted:
            self.greeted = True
            answer = await self.event_handler.fault("connect", self)
            if isinstance(answer, str):
                await super().push(answer)
                if self.transport is not None:
                    self.transport.close()
                return
        if self.transport is not None:  # else nobody is left to hear it
            await super().push(status)

    async def smtp_DATA(self, arg: str) -> None:
        answer = await self.event_handler.fault("data", self)
        if isinstance(answer, str):
            await self.push(answer)
        elif self.event_handler.faults["body"]:
            await super().push("354 Go on")
            await self._reader.readuntil(b"\r\n")
            await self.event_handler.fault("body", self)
        else:
            await super().smtp_DATA(arg)


def _break_off(server: Any) -> None:
    transport = server.transport
    if transport is not None:
        # Without lingering the kernel sends RST.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


class _Controller(Controller):
    def factory(self) -> SMTP:
        """One for each connection."""
        return _Server(self.handler, **self.SMTP_kwargs)


@contextmanager
def mail_server(*, tls: ssl.SSLContext | None = None) -> Iterator[Sink]:
    """A running server on a free loopback port; with `tls` it takes mail after STARTTLS only."""
    sink = Sink()
    terms: dict[str, Any] = {"tls_context": tls, "require_starttls": True} if tls else {}
    for attempt in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            sink.port = probe.getsockname()[1]
        controller = _Controller(sink, hostname="127.0.0.1", port=sink.port, **terms)
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
        asyncio.run_coroutine_threadsafe(sink.hang_up(), controller.loop).result(10)
        controller.stop()
