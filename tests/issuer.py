"""A small OpenID issuer over HTTP: publishes its keys, signs tokens, rotates, counts who asks, can go away."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

AUDIENCE: Final = "freshtrack"
DISCOVERY: Final = "/.well-known/openid-configuration"
KEYS: Final = "/keys"
WELL_KNOWN_KEYS: Final = "/.well-known/jwks.json"


@cache
def rsa_key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Made once for each number: it takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def make_key(algorithm: str, number: int = 0) -> Any:
    """A private key for the algorithm; another one for each number where making one is slow."""
    if algorithm == "RS256":
        return rsa_key(number)
    return ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else ed25519.Ed25519PrivateKey.generate()


class Key:
    """A private key of the issuer, and how it is published."""

    def __init__(self, algorithm: str, *, kid: str | None = None, private: Any = None, number: int = 0) -> None:
        self.algorithm = algorithm
        self.kid = kid or f"{algorithm}-{uuid4().hex[:8]}"
        self.private = private or make_key(algorithm, number)

    def published(self, **fields: Any) -> dict[str, Any]:
        to_jwk = jwt.get_algorithm_by_name(self.algorithm).to_jwk
        shape = json.loads(to_jwk(self.private.public_key()))
        shape.pop("key_ops", None)
        return {**shape, "kid": self.kid, "use": "sig", "alg": self.algorithm, **fields}


class Issuer:
    """Its address has a part of its own, so that no two of them are ever taken for each other."""

    def __init__(self, *keys: Key) -> None:
        self.keys = list(keys) or [Key("ES256")]
        self.path = f"/{uuid4().hex}"
        # What is answered at which path below `path`: a JSON shape, text, or a status.
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []
        self.pause_s = 0.0
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}{self.path}"

    @property
    def fetches(self) -> int:
        """How often somebody asked for the keys."""
        return sum(path in (KEYS, WELL_KNOWN_KEYS) for path in self.asked)

    def start(self) -> None:
        """Begin to answer; at the same address as before."""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer._answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Nobody answers any more. Twice is the same as once."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(10)
            self._server = None

    def rotate(self, algorithm: str = "ES256", number: int = 1) -> Key:
        """Sign with a new key from now on; the old one isn't published any more."""
        self.keys = [Key(algorithm, number=number)]
        return self.keys[0]

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.removeprefix(self.path)
        self.asked.append(path)
        time.sleep(self.pause_s)
        usual = {
            DISCOVERY: lambda: {"issuer": self.url, "jwks_uri": f"{self.url}{KEYS}"},
            KEYS: lambda: {"keys": [key.published() for key in self.keys]},
        }
        answer = self.answers[path] if path in self.answers else usual.get(path, lambda: 404)()
        status, headers = 200, {}
        if isinstance(answer, int):
            status, answer = answer, {}
        if isinstance(answer, str) and answer.startswith("http"):
            status, headers, answer = 302, {"Location": answer}, {}
        content = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        request.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(content)

    def claims(self, **said: Any) -> dict[str, Any]:
        """Of somebody with a verified address; None leaves a claim out."""
        now = int(time.time())
        usual = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "somebody",
            "iat": now,
            "exp": now + 300,
            "email": "cook@example.com",
            "email_verified": True,
            "name": "Cora Cook",
        }
        return {name: value for name, value in {**usual, **said}.items() if value is not None}

    def token(self, *, key: Key | None = None, header: dict[str, Any] | None = None, **said: Any) -> str:
        """A signed token; `header` replaces what its header usually says."""
        key = key or self.keys[0]
        names = {"kid": key.kid, **(header or {})}
        return jwt.encode(
            self.claims(**said),
            key.private,
            algorithm=key.algorithm,
            headers={name: value for name, value in names.items() if value is not None},
        )


@contextmanager
def running(*keys: Key) -> Iterator[Issuer]:
    """An issuer that answers until the end of the block."""
    issuer = Issuer(*keys)
    issuer.start()
    try:
        yield issuer
    finally:
        issuer.stop()
