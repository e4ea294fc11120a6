"""The first wall: every address under /orgs/<slug>/, called as nobody, as a stranger and as every role."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from organizations.models import Organization, Role
from organizations.permissions import TABLE, may
from organizations.scoped_views import OrganizationScoped
from tests.factories import AlertFactory, MembershipFactory, NotificationFactory, SensorFactory, UserFactory

pytestmark = pytest.mark.django_db


class Route(NamedTuple):
    path: str
    view: Any
    actions: dict[str, str]


def routes() -> Iterator[Route]:
    """Every address with an organization in it, from the URL configuration itself."""
    yield from _walk(get_resolver().url_patterns, "")


def _walk(patterns: list[Any], prefix: str) -> Iterator[Route]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern) and "<slug:organization>" in path:
            view = getattr(pattern.callback, "cls", None) or getattr(pattern.callback, "view_class", None)
            actions = getattr(pattern.callback, "actions", None) or {
                method: method.upper() for method in ("get", "post", "put", "patch", "delete") if hasattr(view, method)
            }
            yield Route(path, view, actions)


ALL = sorted(routes(), key=lambda route: route.path)
CALLS = [(route, method, action) for route in ALL for method, action in route.actions.items()]


def url(route: Route, organization: Organization, ids: dict[str, str]) -> str:
    path = route.path.replace("<slug:organization>", organization.slug)
    path = path.replace("^", "").replace("$", "").replace(r"\Z", "")
    room = re.search(r"/orgs/[^/]+/([a-z-]*)", path)
    path = re.sub(r"\(\?P<pk>[^)]*\)", ids.get(room.group(1) if room else "", "x"), path)
    return "/" + path


@pytest.fixture
def world() -> tuple[Organization, dict[str, str]]:
    """One organization with a row for every address."""
    sensor = SensorFactory()
    alert = AlertFactory(unit=sensor.unit)
    notification = NotificationFactory(organization=sensor.organization)
    ids = {
        "sites": str(sensor.site_id),
        "areas": str(sensor.unit.area_id),
        "units": str(sensor.unit_id),
        "sensors": str(sensor.public_id),
        "alerts": str(alert.pk),
        "alert-rules": str(alert.rule_id),
        "notifications": str(notification.pk),
    }
    return sensor.organization, ids


def call(user: Any, route: Route, method: str, world: tuple[Organization, dict[str, str]]) -> int:
    client = APIClient()
    if user is not None:
        client.force_authenticate(user)
    response = getattr(client, method)(url(route, *world), {}, format="json")
    return int(response.status_code)


def test_there_are_routes_and_each_is_scoped() -> None:
    print(f"\n{len(ALL)} addresses, {len(CALLS)} calls, each as nobody, stranger and {len(Role)} roles")
    assert len(CALLS) > 40
    assert [route.path for route in ALL if not issubclass(route.view, OrganizationScoped)] == []


def test_each_call_has_a_line_in_the_permission_table() -> None:
    missing = [f"{method} {route.path}" for route, method, action in CALLS if route.view.may.get(action) not in TABLE]
    assert missing == []


def test_nobody_and_strangers_get_nowhere(world: Any) -> None:
    stranger, lonely = MembershipFactory().user, UserFactory()
    for route, method, _ in CALLS:
        assert call(None, route, method, world) == 401, route.path
        assert call(stranger, route, method, world) == 404, route.path
        assert call(lonely, route, method, world) == 404, route.path


@pytest.mark.parametrize("role", Role.values)
def test_each_role_may_do_what_the_table_says(role: str, world: Any) -> None:
    member = MembershipFactory(organization=world[0], role=role)
    for route, method, action in CALLS:
        status = call(member.user, route, method, world)
        allowed = may(role, route.view.may[action])
        assert (status != 403) == allowed, f"{role} {method} {route.path}: {status}"
        # A row may be gone because an earlier call deleted it; it is never somebody else's fault.
        assert status < 500, f"{role} {method} {route.path}: {status}"


def test_a_past_member_is_a_stranger(world: Any) -> None:
    past = MembershipFactory(organization=world[0], ended_at="2026-01-01T00:00:00Z")
    assert call(past.user, ALL[0], "get", world) == 404


def test_a_deleted_organization_is_gone(world: Any) -> None:
    _, ids = world
    member = MembershipFactory(organization__deleted_at="2026-01-01T00:00:00Z")
    assert call(member.user, ALL[0], "get", (member.organization, ids)) == 404
