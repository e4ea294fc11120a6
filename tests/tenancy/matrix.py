"""Who calls what with whose ids: the plan of tests/tenancy/test_routes.py, and its size."""

from __future__ import annotations

import re
from typing import Any, Final

from organizations.models import RESTRICTABLE, Role
from tests.tenancy.addresses import CALLS, ROUTES, Call
from tests.tenancy.world import BODIES, ROWS, Ids

# Everything is where the caller belongs; the address names a row elsewhere; the body does.
OWN: Final = "own"
ELSEWHERE: Final = "elsewhere"
SMUGGLED: Final = "smuggled"

_OF_THE_ORGANIZATION: Final = {"invitations", "api-keys", "audit-events", ""}
# Lists whose rows tell their site by their words.
LISTS_OF_PLACES: Final = {
    f"get {room}/"
    for room in (
        *("sites", "areas", "units", "gateways", "sensors", "alert-rules", "alerts", "notifications", "members"),
        *("quarantined-readings", "mutes"),
    )
}


class _Named(dict[str, str]):
    """Ids that name themselves."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def __missing__(self, kind: str) -> str:
        return f"{kind} {self.place}"


def row_of(call: Call) -> str:
    """Which id the address takes."""
    return ROWS.get(str(call), call.route.room)


def path_of(call: Call, ids: Ids) -> str:
    """The rest of the address. KeyError: tests/tenancy/world.py has no row for it."""
    return re.sub(r"\{\w+\}", lambda _: ids[row_of(call)], call.route.name)


def body_of(call: Call, ids: Ids) -> dict[str, Any] | None:
    """What is sent; None where nothing is."""
    make = BODIES.get(str(call))
    return None if make is None else make(ids)


def variants(call: Call) -> list[str]:
    """The ways in which a call can reach for somebody else's rows."""
    found = [OWN]
    if "{" in call.route.name:
        found.append(ELSEWHERE)
    if body_of(call, _Named("here")) != body_of(call, _Named("there")):
        found.append(SMUGGLED)
    return found


def is_of_a_site(call: Call, variant: str) -> bool:
    """Whether what the call reaches for belongs to a site, and not to the whole organization."""
    return variant == SMUGGLED or call.route.room not in _OF_THE_ORGANIZATION


def size() -> str:
    """In words."""
    own = len(CALLS)
    foreign = sum(variant != OWN or call.method == "get" for call in CALLS for variant in variants(call))
    of_sites = sum(v == OWN or is_of_a_site(call, v) for call in CALLS for v in variants(call))
    # Nobody, deactivated, three strangers, a member of a deleted organization, two tokens for reading; then the roles.
    requests = 8 * own + len(Role) * own + len(RESTRICTABLE) * of_sites + len(Role) * foreign
    return (
        f"{len(ROUTES)} addresses under an organization with {own} methods, called as nobody, as strangers, past"
        f" members, every role, restricted to sites and from another organization: {requests} requests"
    )
