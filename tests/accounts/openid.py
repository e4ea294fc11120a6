"""A small OpenID provider that speaks the protocol over HTTP: discovery, authorize, token, userinfo, keys."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "freshtrack", "the client's secret"


class Provider:
    """`person` is who is signed in there: the claims of the next sign-in."""

    def __init__(self) -> None:
        self.person: dict[str, Any] = {}
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: dict[str, dict[str, Any]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.answer(self, {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                provider.answer(self, {name: values[0] for name, values in parse_qs(body).items()})

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, request: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        url = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/.well-known/openid-configuration":
            return _json(request, self.discovery())
        if url.path == "/authorize":
            return self.authorize(request, query)
        if url.path == "/token":
            return self.token(request, form)
        if url.path == "/userinfo":
            person = self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
            return _json(request, person or {}, status=200 if person else 401)
        if url.path == "/jwks":
            key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
            return _json(request, {"keys": [{**key, "kid": "1", "use": "sig", "alg": "RS256"}]})
        return _json(request, {}, status=404)

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def authorize(self, request: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        """The person agrees at once; without one they say no."""
        back = query["redirect_uri"]
        if self.person:
            code = secrets.token_urlsafe()
            self.codes[code] = query
            answer = {"code": code, "state": query["state"]}
        else:
            answer = {"error": "access_denied", "state": query["state"]}
        request.send_response(302)
        request.send_header("Location", f"{back}?{urlencode(answer)}")
        request.end_headers()

    def token(self, request: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        """Once for each code, to the client that knows the secret and began it (RFC 7636)."""
        begun = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if begun is None or begun.get("code_challenge") != challenge or begun["redirect_uri"] != form["redirect_uri"]:
            return _json(request, {"error": "invalid_grant"}, status=400)
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return _json(request, {"error": "invalid_client"}, status=401)
        access, now = secrets.token_urlsafe(), int(time.time())
        self.tokens[access] = dict(self.person)
        claims = {**self.person, "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300}
        identity = jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": "1"})
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": identity}
        return _json(request, {**answer, "refresh_token": "a refresh token"})


def _json(request: BaseHTTPRequestHandler, body: dict[str, Any], status: int = 200) -> None:
    content = json.dumps(body).encode()
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)


@contextmanager
def openid_provider() -> Iterator[Provider]:
    """A running provider on a free loopback port."""
    provider = Provider()
    thread = threading.Thread(target=provider.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.server.shutdown()
        provider.server.server_close()
        thread.join(10)
