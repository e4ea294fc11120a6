"""Bodies of requests: JSON that is no larger than it may be, and that every answer can repeat."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from rest_framework import exceptions, status
from rest_framework.parsers import JSONParser


class TooLarge(exceptions.APIException):
    """The body is larger than anything we could be sent."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class BoundedJSONParser(JSONParser):
    """JSON up to DATA_UPLOAD_MAX_MEMORY_SIZE."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The body as Python.

        Raises TooLarge, and ParseError for what isn't JSON: `NaN`, half of a surrogate pair, endless nesting included.
        """
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise TooLarge(f"The body is larger than {limit // 1024} KiB.")
        try:
            parsed = super().parse(io.BytesIO(body), media_type, dict(parser_context or {}))
            # Only an escape can bring in what no encoding of text has.
            for text in _texts(parsed) if b"\\u" in body else ():
                text.encode()
        except UnicodeEncodeError:
            raise exceptions.ParseError("The text has half of a surrogate pair.") from None
        except RecursionError:
            raise exceptions.ParseError("The JSON is nested too deeply.") from None
        return parsed


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
