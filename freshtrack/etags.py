"""Versions of single objects: `ETag` in answers, `If-Match` in changes, so that nobody overwrites what they never saw.

The version is one of what people edit. What changes by itself (a temperature, a status, when a device was last seen)
is left out, else a change would be refused because a reading came in meanwhile.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, ClassVar, Final

from django.db.models import QuerySet
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from freshtrack.errors import DomainError

_ENCODER: Final = JSONEncoder(sort_keys=True, separators=(",", ":"))
_TAG: Final = re.compile(r'\s*(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)')
_CHANGES: Final = ("PUT", "PATCH", "DELETE")


class PreconditionFailed(DomainError):
    """Somebody changed the object since it was read. The answer shows what it is now."""

    code = "precondition_failed"
    status = status.HTTP_412_PRECONDITION_FAILED

    def __init__(self, *, current: dict[str, Any], etag: str) -> None:
        super().__init__("Somebody else changed this meanwhile. Look at what it is now, and try again.")
        self.extra = {"current": current}
        self.headers = {"ETag": etag}


def etag_of(shape: dict[str, Any], *, without: frozenset[str] = frozenset()) -> str:
    """The version of an object as it is answered, `without` the fields that change by themselves."""
    kept = {name: value for name, value in shape.items() if name not in without}
    return f'"{hashlib.sha256(_ENCODER.encode(kept).encode()).hexdigest()[:32]}"'


def tags_in(header: str) -> list[str] | None:
    """The versions that an If-Match or If-None-Match names; None: any (`*`). Weak ones count: proxies weaken tags.

    Raises ValidationError for what is neither.
    """
    if header.strip() == "*":
        return None
    tags, at = [], 0
    while at < len(header):
        found = _TAG.match(header, at)
        if found is None:
            words = 'Give versions in quotes, as they came in ETag: If-Match: "…", or * for any.'
            raise serializers.ValidationError({"If-Match": [words]})
        tags.append(f'"{found[1]}"')
        at = found.end()
    return tags


class Versioned(generics.GenericAPIView[Any]):
    """Gives single objects their ETag, locks what is changed, and compares `If-Match` under the lock.

    Views name in `volatile` the fields that change by themselves, and in `whole` the actions that answer with the
    object itself. A view that finds its object in another way calls `compare_version` before it changes it.
    """

    volatile: ClassVar[frozenset[str]] = frozenset()
    whole: ClassVar[frozenset[str]] = frozenset(
        {"retrieve", "create", "update", "partial_update", "restore", "claim", "acknowledge", "resolve"}
    )
    _never: ClassVar[frozenset[str]] = frozenset({"key", "token"})  # secrets, shown only once

    def get_object(self) -> Any:
        """The object; in a change, locked until the answer and compared with `If-Match`.

        Locked in any case: a change writes the row as it was read, and must not write back what a reading just set.
        """
        found = super().get_object()
        if self.request.method not in _CHANGES:
            return found
        locked = self.locked(self.get_queryset()).filter(pk=found.pk).first()
        # Nothing to lock: PostgreSQL hides from changes what this member may only look at.
        found = locked if locked is not None else found
        self.compare_version(found)
        return found

    def locked(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The same rows for a change. Only the object's own: parents must not wait for each other."""
        return queryset.select_for_update(of=("self",))

    def shape_of(self, found: Any) -> dict[str, Any]:
        """The object as this view answers it."""
        return dict(self.get_serializer(found).data)

    def compare_version(self, found: Any) -> None:
        """Compare with `If-Match`, if there is one. Call with the row locked.

        Raises PreconditionFailed if somebody changed it meanwhile.
        """
        header = self.request.headers.get("If-Match")
        if header is None:
            return
        tags = tags_in(header)
        shape = self.shape_of(found)
        etag = self._etag_of(shape)
        if tags is not None and etag not in tags:
            self.on_conflict(found, current=shape, etag=etag)

    def on_conflict(self, found: Any, *, current: dict[str, Any], etag: str) -> None:
        """Refuse. A view that can tell which fields somebody else changed may let the others through."""
        raise PreconditionFailed(current=current, etag=etag)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Whole objects carry their version; who has it already gets 304 instead."""
        response = super().finalize_response(request, response, *args, **kwargs)
        shape = getattr(response, "data", None)
        if not (isinstance(shape, dict) and 200 <= response.status_code < 300 and self._is_whole(shape)):
            return response
        etag = self._etag_of(shape)
        response.headers["ETag"] = etag
        if request.method == "GET" and not self.volatile and self._is_known(request, etag):
            # Only where the version is one of all that is answered.
            response.data, response.status_code = None, status.HTTP_304_NOT_MODIFIED
        return response

    def _is_whole(self, shape: dict[str, Any]) -> bool:
        action = getattr(self, "action", None)
        return "id" in shape and (action in self.whole if action else "results" not in shape)

    def _etag_of(self, shape: dict[str, Any]) -> str:
        return etag_of(shape, without=self.volatile | self._never)

    def _is_known(self, request: Request, etag: str) -> bool:
        header = request.headers.get("If-None-Match")
        if header is None:
            return False
        try:
            tags = tags_in(header)
        except serializers.ValidationError:
            return False  # it only saves work
        return tags is None or etag in tags
