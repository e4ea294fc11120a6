"""What drf-spectacular can't see of our conventions: errors, headers, and that answers are whole.

The web app's client is generated from the result, and tests send whatever it allows.
"""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.openapi import AutoSchema
from rest_framework.permissions import AllowAny

from freshtrack.errors import PROBLEM_JSON, TITLES

_PROBLEM: Final = {
    "type": "object",
    "description": "RFC 9457. `code` is for programs, `detail` for people; the log has more under `request_id`.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "What is wrong with which field (400).",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {name: {"type": "string"} for name in ("field", "code", "detail")},
            },
        },
        "current": {
            "type": "object",
            "additionalProperties": True,
            "description": "The object as it is now (412).",
        },
    },
}
_RETRY_AFTER: Final = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}, "required": True}}
_ETAG: Final = {"ETag": {"description": "Its version, for If-Match.", "schema": {"type": "string"}}}
# What may come instead of an answer, everywhere.
_ALWAYS: Final = (406, 429, 503)
_ERRORS: Final = (400, 401, 403, 404, 405, 406, 409, 410, 412, 413, 415, 422, 429, 503)

# Shapes that leave out what isn't set. All others are whole: each field is there, if only as null.
SPARSE: Final = {"Scope", "PolicyScope", "Target", "Problem"}

_IF_MATCH: Final = "The version that was seen, from ETag: refused with 412 if somebody changed the object since."
_IDEMPOTENCY_KEY: Final = (
    "Makes the request repeatable: under the same key it is done once, and answered alike for 48 h"
    " (`Idempotency-Replayed: true`). Another request under the same key is refused with 422."
)


class Conventions(AutoSchema):
    """Errors and headers of each operation."""

    def _get_parameters(self) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super()._get_parameters()
        if self._takes_versions():
            parameters.append(_header("If-Match", _IF_MATCH, {"type": "string"}))
        if self._is_repeatable():
            # The pattern: printable ASCII.
            key = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[ -~]+$"}
            parameters.append(_header("Idempotency-Key", _IDEMPOTENCY_KEY, key))
        return parameters

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status in sorted(self._errors()):
            bodies.setdefault(str(status), {"$ref": f"#/components/responses/Problem{status}"})
        if "{organization}" in self.path:
            bodies.setdefault("308", {"$ref": "#/components/responses/Moved"})
        if self._answers_object():
            for code in {"200", "201"} & set(bodies):
                bodies[code]["headers"] = {**bodies[code].get("headers", {}), **_ETAG}
        return bodies

    def _errors(self) -> set[int]:
        changes = self.method in ("POST", "PUT", "PATCH", "DELETE")
        # `problems` of a view: what it answers beyond what can be seen from outside.
        errors = {*_ALWAYS, *getattr(self.view, "problems", ())}
        if self._get_parameters() or changes:
            errors.add(400)
        if self.view.permission_classes and AllowAny not in self.view.permission_classes:
            errors |= {401, 403}
        if "{" in self.path:
            errors.add(404)
        if changes:
            errors |= {403, 409}
        if self.method in ("POST", "PUT", "PATCH"):
            errors |= {413, 415}
        if self._takes_versions():
            errors.add(412)
        if self._is_repeatable():
            errors.add(422)
        return errors

    def _takes_versions(self) -> bool:
        return self.method in ("PUT", "PATCH", "DELETE") and hasattr(self.view, "compare_version")

    def _is_repeatable(self) -> bool:
        return self.method == "POST" and getattr(self.view, "stores_answers", False)

    def _answers_object(self) -> bool:
        return getattr(self.view, "action", None) in getattr(self.view, "whole", ())


def _header(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"in": "header", "name": name, "required": False, "schema": schema, "description": description}


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Spectacular's last step: the shapes that all operations share, and which fields are always there."""
    schemas = result["components"]["schemas"]
    schemas["Problem"] = _PROBLEM
    for name, schema in schemas.items():
        if not name.endswith("Request") and name not in SPARSE and schema.get("properties"):
            schema["required"] = sorted(schema["properties"])
    result["components"]["responses"] = {f"Problem{status}": _problem(status) for status in _ERRORS}
    result["components"]["responses"]["Moved"] = {
        "description": "The organization has another slug now: ask again there, in the same way.",
        "headers": {"Location": {"schema": {"type": "string"}, "required": True}},
    }
    return result


def _problem(status: int) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": TITLES[status],
        "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in (429, 503):
        response["headers"] = _RETRY_AFTER
    return response
