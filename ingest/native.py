"""The native format: {"readings": [{"sensor", "recorded_at", "temperature", …}, …]}."""

from __future__ import annotations

from datetime import datetime

import msgspec
from django.conf import settings

from ingest.samples import BadBody, Candidate, Decoded, validate


class _Body(msgspec.Struct, gc=False):
    readings: list[Candidate]


class _LooseBody(msgspec.Struct, gc=False):
    readings: list[msgspec.Raw]


# The strict decoder does a whole request at once; only a request with a broken reading is taken apart.
_strict = msgspec.json.Decoder(_Body)
_loose = msgspec.json.Decoder(_LooseBody)
_one = msgspec.json.Decoder(Candidate)


def decode(body: bytes, *, at: datetime) -> Decoded:
    """Readings of a request, each judged by itself.

    Raises BadBody for what isn't JSON (400, NaN and Infinity included), for another shape (400), and for more readings
    than one request may have (413).
    """
    decoded = Decoded()
    try:
        candidates = list(enumerate(_strict.decode(body).readings))
    except msgspec.ValidationError:
        candidates = _each(body, decoded)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadBody(400, "malformed_json", f"The body isn't valid JSON: {error}") from error
    _limit(len(candidates) + len(decoded.rejected))
    validate(candidates, at=at, into=decoded)
    if decoded.rejected:
        sent = _loose.decode(body).readings
        decoded.sent = {rejection.index: bytes(sent[rejection.index]) for rejection in decoded.rejected}
    decoded.rejected.sort(key=lambda rejection: rejection.index)
    return decoded


def _each(body: bytes, decoded: Decoded) -> list[tuple[int, Candidate]]:
    try:
        readings = _loose.decode(body).readings
    except msgspec.ValidationError as error:
        raise BadBody(400, "invalid", f'Expected {{"readings": [...]}}: {error}') from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadBody(400, "malformed_json", f"The body isn't valid JSON: {error}") from error
    _limit(len(readings))
    candidates = []
    for index, raw in enumerate(readings):
        try:
            candidates.append((index, _one.decode(raw)))
        except (msgspec.DecodeError, RecursionError) as error:
            decoded.refuse(index, "invalid", str(error))
    return candidates


def _limit(count: int) -> None:
    if count > settings.INGEST_MAX_READINGS:
        raise BadBody(
            413,
            "too_many_readings",
            f"One request may carry {settings.INGEST_MAX_READINGS:,} readings; this one has {count:,}. Send several.",
        )
