"""How a gateway talks to `POST /api/v1/ingest/readings`: batches over HTTP, and what each answer asks it to do.

Used by the simulated gateways and by `manage.py replay`; only the standard library and msgspec are needed.
"""

import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

PATH: Final = "/api/v1/ingest/readings"
LARGEST_BATCH: Final = 1000  # the door takes 10,000; small batches are stored and answered sooner
RETRY_AT_MOST_S: Final = 60.0
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Reading(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One reading as the contract has it."""

    sensor: str
    channel: str = "0"
    recorded_at: datetime
    temperature: float | None = None
    humidity: float | None = None
    battery: float | None = None
    signal: float | None = None
    door_open: bool | None = None


class Refusal(msgspec.Struct, frozen=True):
    """Why one reading of a batch was refused."""

    index: int
    code: str
    detail: str = ""


class Answer(msgspec.Struct, frozen=True):
    accepted: int
    duplicates: int
    rejected: list[Refusal] = []


class Envelope(msgspec.Struct):
    readings: Sequence[Reading]


class Unavailable(Exception):
    """Nobody took the readings this time: keep them and try again, not before `retry_after_s` if it is given."""

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


class Refused(Exception):
    """The whole batch was refused. `status` says whether a smaller batch (413) or another key (401, 403) may pass."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Door:
    """The platform's ingest door as seen by one gateway."""

    url: str
    key: str
    timeout_s: float = 10.0

    def post(self, readings: Sequence[Reading]) -> Answer:
        """Post one batch and return the answer, which means that it is committed.

        Repeating a batch is harmless: the platform counts duplicates. Raises Unavailable or Refused.
        """
        body = msgspec.json.encode(Envelope(readings=readings))
        answer = call(self.url.rstrip("/") + PATH, token=self.key, body=body, timeout_s=self.timeout_s)
        try:
            return msgspec.json.decode(answer, type=Answer)
        except msgspec.MsgspecError as error:
            # Something else listens there, a proxy's own page for example.
            raise Unavailable(f"{self.url} answered, but not as FreshTrack does: {error}") from error


class Poster(Protocol):
    """What takes a batch: a Door, or in tests whatever stands for one."""

    def post(self, readings: Sequence[Reading]) -> Answer: ...


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would turn our POST into a GET and carry the key to another host: it's an answer, not a way."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


_THROUGH_PROXY = urllib.request.build_opener(_NoRedirects)
# http_proxy is for the world outside; asking a proxy for our own machine's loopback address finds nobody.
_DIRECT = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler({}))


def call(url: str, *, token: str, body: bytes | None = None, timeout_s: float = 10.0) -> bytes:
    """GET (without body) or POST JSON and return the body of a successful answer. Raises Unavailable or Refused."""
    if not url.startswith(("http://", "https://")):
        raise Refused(0, f"{url} is not an address that begins with http:// or https://.")
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", "User-Agent": "freshtrack-gateway/1"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 (scheme checked above)
    try:
        opener = _DIRECT if urllib.parse.urlsplit(url).hostname in LOOPBACK else _THROUGH_PROXY
        with opener.open(request, timeout=timeout_s) as answer:
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as error:
        with error:
            reason = _reason(error)
            if error.code >= 500 or error.code in (408, 425, 429):
                raise Unavailable(reason, retry_after_s=_retry_after(error)) from error
            raise Refused(error.code, reason) from error
    except urllib.error.URLError as error:
        raise Unavailable(f"{url} can't be reached: {error.reason}") from error
    except (TimeoutError, ConnectionError, http.client.HTTPException, ssl.SSLError) as error:
        raise Unavailable(f"{url} broke off: {error or type(error).__name__}") from error


def _reason(error: urllib.error.HTTPError) -> str:
    """Return the words of a problem+json answer, or at least its status."""
    try:
        problem: Any = json.loads(error.read(65_536))
        words = problem.get("detail") or problem.get("title")
        code = f" ({problem['code']})" if problem.get("code") else ""
    except (ValueError, AttributeError, OSError, http.client.HTTPException):
        words, code = error.reason, ""
    return f"HTTP {error.code}: {words}{code}"


def _retry_after(error: urllib.error.HTTPError) -> float | None:
    """Return Retry-After in seconds, within reason. Its other form, a date, is treated as absent."""
    try:
        seconds = float(error.headers.get("Retry-After", ""))
    except ValueError:
        return None
    return min(max(seconds, 0.0), RETRY_AT_MOST_S) if seconds == seconds else None
