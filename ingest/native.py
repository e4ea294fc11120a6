"""The native format: {"readings": [{"sensor", "recorded_at", "temperature", …}, …]}."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from django.conf import settings

from ingest.samples import BadBody, Candidate, Decoded, LooseBody


class _Body(msgspec.Struct, gc=False):
    readings: list[Candidate]


# The strict decoder does a whole request at once; only a request with a broken reading is taken apart.
_strict = msgspec.json.Decoder(_Body)
_loose = msgspec.json.Decoder(LooseBody)
# A string that isn't UTF-8 is found only where it is read.
_MALFORMED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_one = msgspec.json.Decoder(Candidate)


def decode(body: bytes, *, at: datetime) -> Decoded:
    """Readings of a request; those that can't be read are refused, each by itself. `at` isn't needed here.

    Raises BadBody for what isn't JSON (400, NaN and Infinity included), for another shape (400), and for more readings
    than one request may have (413).
    """
    try:
        decoded = Decoded(_strict.decode(body).readings, body=body)
    except msgspec.ValidationError:
        return _each(body)
    except _MALFORMED as error:
        raise _malformed(error) from error
    _limit(decoded.count)
    return decoded


def _each(body: bytes) -> Decoded:
    try:
        readings = _loose.decode(body).readings
    except msgspec.ValidationError as error:
        raise BadBody(400, "invalid", f'Expected {{"readings": [...]}}: {error}') from error
    except _MALFORMED as error:
        raise _malformed(error) from error
    _limit(len(readings))
    decoded = Decoded(indexes=(indexes := []), body=body)
    for index, raw in enumerate(readings):
        try:
            decoded.candidates.append(_one.decode(raw))
        except UnicodeDecodeError as error:
            raise _malformed(error) from error
        except (msgspec.DecodeError, RecursionError) as error:
            decoded.refuse(index, "invalid", str(error))
        else:
            indexes.append(index)
    return decoded


def _malformed(error: Exception) -> BadBody:
    return BadBody(400, "malformed_json", f"The body isn't valid JSON: {error}")


def _limit(count: int) -> None:
    if count > settings.INGEST_MAX_READINGS:
        raise BadBody(
            413,
            "too_many_readings",
            f"One request may carry {settings.INGEST_MAX_READINGS:,} readings; this one has {count:,}. Send several.",
        )
