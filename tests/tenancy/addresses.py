"""Every address of the API from the URL configuration itself, so that a new one can't be forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.urls import URLPattern, URLResolver, get_resolver

API = "api/v1/"
ORGANIZATION = "api/v1/orgs/<slug:organization>/"
_METHODS = ("get", "post", "put", "patch", "delete")


class Route(NamedTuple):
    """One address: `name` is what follows the organization (or the API's base), with `{pk}` for ids."""

    name: str
    view: Any
    actions: dict[str, str]

    @property
    def room(self) -> str:
        return self.name.split("/")[0]


class Call(NamedTuple):
    """One method of a route, and the line of the permission table that it needs."""

    route: Route
    method: str
    action: str

    def __str__(self) -> str:
        return f"{self.method} {self.route.name or '(organization)'}"


def walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Each pattern in full, with what it calls."""
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from walk(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            yield path, pattern.callback


def _route(name: str, callback: Any) -> Route:
    view = getattr(callback, "cls", None) or getattr(callback, "view_class", None)
    actions = getattr(callback, "actions", None) or {m: m.upper() for m in _METHODS if hasattr(view, m)}
    name = re.sub(r"\(\?P<(\w+)>[^)]*\)|<(?:\w+:)?(\w+)>", r"{\1\2}", name)
    return Route(name.replace("^", "").replace("$", "").replace(r"\Z", ""), view, actions)


def scoped() -> list[Route]:
    """What lies under an organization."""
    paths = walk(get_resolver().url_patterns, "")
    routes = [_route(path[len(ORGANIZATION) :], view) for path, view in paths if path.startswith(ORGANIZATION)]
    return sorted(routes, key=lambda route: route.name)


def others() -> list[Route]:
    """What lies elsewhere in the API."""
    paths = walk(get_resolver().url_patterns, "")
    routes = [
        _route(path[len(API) :], view)
        for path, view in paths
        if path.startswith(API) and not path.startswith(ORGANIZATION)
    ]
    return sorted(routes, key=lambda route: route.name)


ROUTES = scoped()
CALLS = [
    Call(route, method, getattr(route.view, "may", {}).get(action, ""))
    for route in ROUTES
    for method, action in route.actions.items()
    if method != "head"  # GET without its body
]
