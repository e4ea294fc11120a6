"""What bench.isolation compares. `python -m bench.isolated_views UNITS ROUNDS` prints JSON.

Both sides run the same views and querysets on the same rows of the same server, in turn. With walls: the runtime login,
its roles, row-level security and the round trips that open a scope. Without: a superuser, whom no row-level security
stops, no scope and no transaction; only the filter by organization is left.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, cast

from django.db import connections
from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate

from alerts.views.alerts import Alerts
from bench.figures import percentile
from freshtrack.embedded.postgres import SUPERUSER
from organizations.models import Membership, Organization, Role, User
from organizations.tenancy import acting_in
from sensors.views import Units

SLUG = "crowd-1"
WARM_UP = 5
_WORDS = (
    'freshtrack_words("sensors_unit"."organization_id", "sensors_unit"."name" || \' \' || "sensors_unit"."note")'
    " @@ freshtrack_wanted(%s, %s)"
)


class Unthrottled:
    """Counting requests costs the same on both sides, and isn't what is compared."""

    throttle_classes = ()


class WalledUnits(Unthrottled, Units):
    """As it is."""


class WalledAlerts(Unthrottled, Alerts):
    """As it is."""


class Bare(Unthrottled):
    """Finds the membership, and opens no scope."""

    kwargs: dict[str, Any]

    def perform_authentication(self, request: Request) -> None:
        """One query instead of two scopes."""
        self.membership = (
            Membership.objects.current()
            .select_related("organization")
            .get(user=cast("User", request.user), organization__slug=self.kwargs["organization"])
        )
        request.membership = self.membership  # type: ignore[attr-defined]

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The same search, in the query itself."""
        request = self.request  # type: ignore[attr-defined]
        typed = request.query_params.get("search")
        return searched(queryset, self.membership.organization, typed) if typed else queryset


class BareUnits(Bare, Units):
    """Without walls."""


class BareAlerts(Bare, Alerts):
    """Without walls."""


def searched(queryset: QuerySet[Any], organization: Organization, typed: str) -> QuerySet[Any]:
    """What a search would be if no row-level security stood in the way of the index."""
    return queryset.filter(RawSQL(_WORDS, [organization.pk, typed], output_field=BooleanField()))


class Sides:
    """The two connections, of which Django uses one at a time."""

    def __init__(self) -> None:
        self._walled = connections["default"]
        settings = copy.deepcopy(self._walled.settings_dict)
        settings["USER"] = SUPERUSER
        self._bare = type(self._walled)(settings, alias="default")

    @contextmanager
    def without_walls(self) -> Iterator[None]:
        """As superuser."""
        connections["default"] = self._bare
        try:
            yield
        finally:
            connections["default"] = self._walled


def measure(*, units: int, rounds: int) -> dict[str, Any]:
    """Name -> times and ratios, of queries alone and of whole requests."""
    sides = Sides()
    with sides.without_walls():
        organization = Organization.objects.get(slug=SLUG)
        person, _ = User.objects.get_or_create(email="crowd@bench.example")
        Membership.objects.get_or_create(organization=organization, user=person, defaults={"role": Role.OWNER})
    lists: dict[str, tuple[Any, Any, Any, str]] = {
        "list_of_units": (Units, WalledUnits, BareUnits, f"?page_size={units}"),
        "list_of_alerts": (Alerts, WalledAlerts, BareAlerts, f"?page_size={units}"),
        "search": (Units, WalledUnits, BareUnits, f"?page_size={units}&search=coo+row"),
    }
    results: dict[str, Any] = {}
    for name, (view, walled, bare, query) in lists.items():
        kinds: dict[str, tuple[Callable[[], int], Callable[[], int]]] = {
            "queries": _queries(view, organization, searching="search=" in query, rows=units),
            "requests": (_request(walled, person, query), _request(bare, person, query)),
        }
        results[name] = {kind: compare(*both, sides=sides, rounds=rounds) for kind, both in kinds.items()}
    return results


def _queries(
    view: Any, organization: Organization, *, searching: bool, rows: int
) -> tuple[Callable[[], int], Callable[[], int]]:
    def listed() -> QuerySet[Any]:
        return cast("QuerySet[Any]", view.queryset.all().for_organization(organization))

    def walled() -> int:
        with acting_in(organization):
            found = listed()
            if searching:
                condition = '"sensors_unit"."id" = ANY (ARRAY(SELECT sensors_unit_search(%s)))'
                found = found.filter(RawSQL(condition, ["coo row"], output_field=BooleanField()))
            return len(found[:rows])

    def bare() -> int:
        return len((searched(listed(), organization, "coo row") if searching else listed())[:rows])

    return walled, bare


def _request(view: Any, person: User, query: str) -> Callable[[], int]:
    answer = view.as_view({"get": "list"})
    factory = APIRequestFactory()

    def ask() -> int:
        request = factory.get(f"/api/v1/orgs/{SLUG}/x/{query}", headers={"Host": "127.0.0.1"})
        force_authenticate(request, user=person)
        response = cast("Response", answer(request, organization=SLUG))
        response.render()
        assert response.status_code == 200, response.content
        return len(cast("Any", response.data)["results"])

    return ask


def compare(walled: Callable[[], int], bare: Callable[[], int], *, sides: Sides, rounds: int) -> dict[str, float]:
    """Both in turn. Raises AssertionError unless both find the same."""
    times: dict[str, list[float]] = {"walled": [], "bare": []}
    found = {"walled": 0, "bare": -1}

    def once(name: str, run: Callable[[], int]) -> None:
        began = perf_counter()
        found[name] = run()
        times[name].append(perf_counter() - began)

    for number in range(WARM_UP + rounds):
        if number == WARM_UP:
            times = {"walled": [], "bare": []}
        # Who is first finds colder caches: each is, half of the time.
        if number % 2:
            once("walled", walled)
        with sides.without_walls():
            once("bare", bare)
        if not number % 2:
            once("walled", walled)
    assert found["walled"] == found["bare"] > 0, found
    middle = {name: percentile(samples, 0.5) for name, samples in times.items()}
    return {
        "rows": found["walled"],
        "walled_ms": round(middle["walled"] * 1000, 2),
        "bare_ms": round(middle["bare"] * 1000, 2),
        "ratio": round(middle["walled"] / middle["bare"], 3),
        # Of the quickest: what others do on the machine disturbs these least.
        "ratio_of_least": round(min(times["walled"]) / min(times["bare"]), 3),
    }


def main() -> None:
    """The command."""
    units, rounds = (int(argument) for argument in sys.argv[1:])
    print(json.dumps(measure(units=units, rounds=rounds)))
