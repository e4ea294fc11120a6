"""A mail server that can be stopped at any moment of a conversation: it waits, hangs up, or says nothing any more.

    with provider() as mail:
        mail.hold("cook@example.com", "data")       # it has the message, and neither took nor refused it
        mail.wait_for("cook@example.com", "data")
        mail.release("cook@example.com")            # it takes the message and says so

Moments: "rcpt" (nothing of the message has been said), "data" (all of it, it isn't taken yet), "yes" (it is taken, and
the sender hasn't heard of it); and "gone", where the sender went while it was held.
"""

from __future__ import annotations

import contextlib
import email
import socket
import socketserver
import struct
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from email.policy import default
from typing import Final, cast

PATIENCE_S: Final = 60.0
HOLD, RESET, HANG = "hold", "reset", "hang"
GONE: Final = "gone"


class Provider:
    """What it was told to do, and the messages that it took: how often, and under which ids, for each address."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.taken: Counter[str] = Counter()
        self.ids: dict[str, set[str]] = defaultdict(set)
        self._orders: dict[tuple[str, str], str] = {}
        self._there: set[tuple[str, str]] = set()
        self._changed = threading.Condition()

    @property
    def url(self) -> str:
        """For EMAIL_URL."""
        return f"smtp://127.0.0.1:{self.port}"

    def order(self, what: str, address: str, moment: str) -> None:
        """Once: hold (until released), reset (hang up rudely) or hang (say nothing for as long as anybody listens)."""
        self._orders[address, moment] = what

    def hold(self, address: str, moment: str) -> None:
        self.order(HOLD, address, moment)

    def wait_for(self, address: str, moment: str) -> None:
        """Until a conversation about this address has come to where it is held."""
        with self._changed:
            assert self._changed.wait_for(lambda: (address, moment) in self._there, PATIENCE_S), (address, moment)

    def release(self, *addresses: str) -> None:
        with self._changed:
            self._orders = {key: what for key, what in self._orders.items() if key[0] not in addresses}
            self._changed.notify_all()

    def take(self, address: str, content: bytes) -> None:
        message = email.message_from_bytes(content, policy=default)
        with self._changed:
            self.taken[address] += 1
            self.ids[address].add(str(message["Message-ID"]))

    def come_to(self, address: str, moment: str, line: socket.socket) -> bool:
        """Do what was ordered for this moment; False if the conversation is over."""
        with self._changed:
            what = self._orders.get((address, moment))
            self._there.add((address, moment))
            self._changed.notify_all()
            if what == HOLD:
                while (address, moment) in self._orders and _is_there(line):
                    self._changed.wait(0.05)
                if not _is_there(line):
                    self._there.add((address, GONE))
                    self._changed.notify_all()
                    return False
            elif what is not None:
                del self._orders[address, moment]
        if what == HANG:
            line.settimeout(PATIENCE_S)
            with contextlib.suppress(OSError):
                while line.recv(1024):
                    pass
            return False
        if what == RESET:
            # No farewell: what is on its way is thrown away.
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        return True


def _is_there(line: socket.socket) -> bool:
    """Whether the other side still listens."""
    line.setblocking(False)
    try:
        return line.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        line.setblocking(True)


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        mail = cast("_Server", self.server).mail
        self._say("220 here")
        address = ""
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                self._say("250 here")
            elif verb == b"RCPT":
                address = line.decode().partition("<")[2].partition(">")[0]
                if not mail.come_to(address, "rcpt", self.connection):
                    return
                self._say("250 known")
            elif verb == b"DATA":
                self._say("354 go on")
                content = b"".join(iter(self.rfile.readline, b".\r\n"))
                if not mail.come_to(address, "data", self.connection):
                    return
                mail.take(address, content)
                if not mail.come_to(address, "yes", self.connection):
                    return
                self._say("250 taken")
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 fine")

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    mail: Provider

    def handle_error(self, request: object, client_address: object) -> None:
        """Senders that were killed don't say goodbye."""


@contextlib.contextmanager
def provider() -> Iterator[Provider]:
    """A running one on a free loopback port."""
    with _Server(("127.0.0.1", 0), _Conversation) as server:
        server.mail = Provider(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.mail
        finally:
            server.shutdown()
            thread.join(PATIENCE_S)
