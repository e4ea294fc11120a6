"""The first wall: every address under /orgs/<slug>/ with every method, called by everybody, against the one table."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.permissions import SAFE_METHODS
from rest_framework.test import APIClient

from organizations.models import RESTRICTABLE, Membership, Role
from organizations.permissions import TABLE, member_may
from organizations.scoped_views import OrganizationScoped
from tests.factories import MembershipFactory, UserFactory, token_of
from tests.tenancy import matrix
from tests.tenancy.addresses import CALLS, ROUTES, Call, others
from tests.tenancy.matrix import ELSEWHERE, OWN, SMUGGLED
from tests.tenancy.world import BODIES, HERE, REFUSED_BY_STATE, ROWS, THERE, Customer, Ids, customer

pytestmark = pytest.mark.django_db

OURS = "Ours"
# Who may call what isn't under an organization.
ELSEWHERE_IN_THE_API = {
    "schema/": "everybody: it holds no data",
    "docs/": "everybody: it holds no data",
    "me/": "the signed-in person, about themselves",
    "me/access-tokens/": "the signed-in person: their own",
    "me/access-tokens/{token}/": "the signed-in person: their own",
    "me/contact-methods/": "the signed-in person: their own",
    "me/contact-methods/{contact}/": "the signed-in person: their own",
    "me/contact-methods/{contact}/send-code/": "the signed-in person: their own",
    "me/contact-methods/{contact}/verify/": "the signed-in person: their own",
    "me/digests/": "the signed-in person: their own",
    "me/inbox/": "the signed-in person: their own",
    "me/inbox/count/": "the signed-in person: their own",
    "me/inbox/read-all/": "the signed-in person: their own",
    "me/inbox/{item}/read/": "the signed-in person: their own",
    "me/notification-preferences/": "the signed-in person: their own",
    "me/invitations/": "the signed-in person: what was sent to their verified addresses",
    "me/invitations/{invitation}/accept/": "the signed-in person with the verified address",
    "invitations/look-up/": "whoever has the link",
    "invitations/accept/": "the signed-in person with the link and the verified address",
    "orgs/": "the signed-in person: their own organizations, and founding one",
    "staff/queues/": "staff: it names organizations by their ids",
}


@pytest.fixture(autouse=True)
def unlimited(settings: Any) -> None:
    """Nobody types as fast as these tests."""
    rates = {scope: "1000000/min" for scope in settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}


@pytest.fixture
def ours() -> Customer:
    return customer(OURS)


class Caller:
    """Somebody at the door. After each request everything is as it was before."""

    def __init__(self, secret: str | None) -> None:
        self.client = APIClient(raise_request_exception=False)
        if secret is not None:
            self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")

    def ask(self, call: Call, slug: str, ids: Ids, body_ids: Ids, **query: str) -> Any:
        body = BODIES.get(str(call), lambda _: None)(body_ids)
        path = f"/api/v1/orgs/{slug}/{matrix.path_of(call, ids)}"
        before = transaction.savepoint()
        kind = {} if call.method == "get" else {"format": "json"}
        response = getattr(self.client, call.method)(path, query or body, **kind)
        response.said = b"".join(response).decode()  # downloads are read as they come
        transaction.savepoint_rollback(before)
        assert response.status_code < 500, f"{call}: {response.status_code} {response.said}"
        return response


def by(membership: Membership, **fields: Any) -> Caller:
    return Caller(token_of(membership.user, **fields))


def check(call: Call, response: Any, expected: int | None) -> None:
    """None: it succeeds, or the state of things is against it."""
    status = response.status_code
    good = status == expected if expected else 200 <= status < 300 or status in REFUSED_BY_STATE.get(str(call), ())
    assert good, f"{call}: {status}, not {expected or 'success'}: {response.said[:500]}"


def requests(variants: set[str]) -> Iterator[tuple[Call, str]]:
    return ((call, variant) for call in CALLS for variant in matrix.variants(call) if variant in variants)


# --- nothing is forgotten ----------------------------------------------------------------------------------------


def test_there_are_addresses_and_each_is_scoped() -> None:
    assert len(CALLS) > 40
    assert [route.name for route in ROUTES if not issubclass(route.view, OrganizationScoped)] == []


def test_each_call_has_a_line_in_the_permission_table() -> None:
    assert [str(call) for call in CALLS if call.action not in TABLE] == []


def test_each_way_to_write_has_a_body_and_each_body_an_address() -> None:
    ways = {str(call) for call in CALLS if call.method in ("post", "put", "patch")}
    assert sorted(ways - set(BODIES)) == [], "add valid bodies to tests/tenancy/world.py"
    assert sorted(set(BODIES) - ways) == []
    assert set(REFUSED_BY_STATE) | set(ROWS) <= {str(call) for call in CALLS}


def test_what_is_not_under_an_organization_says_who_may_call_it() -> None:
    assert {route.name for route in others()} == set(ELSEWHERE_IN_THE_API)


# --- those who have no business here -----------------------------------------------------------------------------


def test_nobody_is_asked_to_sign_in(ours: Customer) -> None:
    for call, _ in requests({OWN}):
        check(call, Caller(None).ask(call, ours.organization.slug, ours.here, ours.here), 401)


def test_a_deactivated_person_is_nobody(ours: Customer) -> None:
    gone = MembershipFactory(organization=ours.organization, user=UserFactory(is_active=False))
    caller = by(gone)
    for call, _ in requests({OWN}):
        check(call, caller.ask(call, ours.organization.slug, ours.here, ours.here), 401)


@pytest.mark.parametrize("who", ["without an organization", "of another organization", "past member"])
def test_for_a_stranger_the_organization_does_not_exist(who: str, ours: Customer) -> None:
    strangers = {
        "without an organization": lambda: UserFactory(),
        "of another organization": lambda: MembershipFactory().user,
        "past member": lambda: MembershipFactory(organization=ours.organization, ended_at="2026-01-01T00:00:00Z").user,
    }
    caller = Caller(token_of(strangers[who]()))
    for call, _ in requests({OWN}):
        response = caller.ask(call, ours.organization.slug, ours.here, ours.here)
        check(call, response, 404)
        assert OURS not in response.said, call


def test_a_deleted_organization_is_gone(ours: Customer) -> None:
    member = MembershipFactory(organization__deleted_at="2026-01-01T00:00:00Z", role=Role.ADMIN)
    caller = by(member)
    for call, _ in requests({OWN}):
        check(call, caller.ask(call, member.organization.slug, ours.here, ours.here), 404)


# --- members -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", Role.values)
def test_each_role_may_do_what_the_table_says(role: str, ours: Customer) -> None:
    member = ours.member(role)
    caller = by(member)
    for call, _ in requests({OWN}):
        response = caller.ask(call, ours.organization.slug, ours.here, ours.here)
        check(call, response, None if member_may(member, call.action) else 403)
        if str(call) in matrix.LISTS_OF_PLACES and response.status_code == 200:
            assert HERE in response.said, call
            assert THERE in response.said, call


@pytest.mark.parametrize("role", [Role.OWNER, Role.STAFF])
def test_a_token_for_reading_reads(role: str, ours: Customer) -> None:
    member = ours.member(role)
    caller = by(member, scopes=["read"])
    for call, _ in requests({OWN}):
        may = call.method.upper() in SAFE_METHODS and member_may(member, call.action)
        check(call, caller.ask(call, ours.organization.slug, ours.here, ours.here), None if may else 403)


@pytest.mark.parametrize("role", RESTRICTABLE)
def test_members_of_some_sites_find_nothing_of_the_others(role: str, ours: Customer) -> None:
    member = ours.member(role, restricted=True)
    caller = by(member)
    for call, variant in requests({OWN, ELSEWHERE, SMUGGLED}):
        if variant != OWN and not matrix.is_of_a_site(call, variant):
            continue  # keys, members and the like are those of the whole organization
        ids = ours.there if variant == ELSEWHERE else ours.here
        body_ids = ours.here if variant == OWN else ours.there
        response = caller.ask(call, ours.organization.slug, ids, body_ids)
        expected = {OWN: None, ELSEWHERE: 404, SMUGGLED: 400}[variant]
        check(call, response, expected if member_may(member, call.action) else 403)
        assert THERE not in response.said, f"{call} ({variant})"
        if str(call) in matrix.LISTS_OF_PLACES and response.status_code == 200:
            assert HERE in response.said, call


@pytest.mark.parametrize("restricted", [False, True], ids=["whole organization", "one site"])
@pytest.mark.parametrize("role", [*RESTRICTABLE, Role.ADMIN, Role.OWNER])
def test_exports_follow_the_same_table(role: str, restricted: bool, ours: Customer) -> None:
    if restricted and role not in RESTRICTABLE:
        return
    member = ours.member(role, restricted=restricted)
    stranger = by(MembershipFactory(role=Role.OWNER))
    exports = [call for call in CALLS if call.method == "get" and _is_exported(call)]
    assert [str(call) for call in exports if "{" not in call.route.name] != []
    for call in exports:
        response = by(member).ask(call, ours.organization.slug, ours.here, ours.here, format="csv")
        check(call, response, None if member_may(member, call.action) else 403)
        assert (OURS in response.said) == (response.status_code == 200), call
        assert not restricted or THERE not in response.said, call
        response = stranger.ask(call, ours.organization.slug, ours.here, ours.here, format="csv")
        check(call, response, 404)
        assert OURS not in response.said, call


def _is_exported(call: Call) -> bool:
    view = call.route.view
    own = getattr(getattr(view, call.route.actions[call.method], None), "kwargs", {})
    renderers = own.get("renderer_classes", getattr(view, "renderer_classes", ()))
    return any(renderer.format == "csv" for renderer in renderers)


# --- another organization's member, with our ids under their own address -------------------------------------------


@pytest.mark.parametrize("role", Role.values)
def test_ids_of_another_organization_are_unknown(role: str, ours: Customer) -> None:
    theirs = customer("Rivals")
    member = theirs.member(role)
    caller = by(member)
    for call, variant in requests({OWN, ELSEWHERE, SMUGGLED}):
        if variant == OWN and call.method != "get":
            continue  # what they do at home is no business of this test
        ids = ours.here if variant == ELSEWHERE else theirs.here
        body_ids = theirs.here if variant == OWN else ours.here
        response = caller.ask(call, theirs.organization.slug, ids, body_ids)
        expected = {OWN: None, ELSEWHERE: 404, SMUGGLED: 400}[variant]
        check(call, response, expected if member_may(member, call.action) else 403)
        assert OURS not in response.said, f"{call} ({variant})"
        assert variant != SMUGGLED or _leaves_no_hint(caller, call, theirs, response, ours.here), call


def _leaves_no_hint(caller: Caller, call: Call, theirs: Customer, response: Any, foreign: Ids) -> bool:
    """The answer about a foreign id reads like that about one that nobody has."""
    unknown = {kind: str(uuid.uuid4()) if _is_id(value) else value for kind, value in foreign.items()}
    other = caller.ask(call, theirs.organization.slug, theirs.here, unknown)
    return _without_ids(response, foreign) == _without_ids(other, unknown)


def _is_id(value: str) -> bool:
    try:
        return bool(uuid.UUID(value))
    except ValueError:
        return False


def _without_ids(response: Any, ids: Ids) -> tuple[int, dict[str, Any]]:
    text = response.said
    for value in ids.values():
        text = text.replace(value, "…")
    body = json.loads(text)
    return response.status_code, {name: value for name, value in body.items() if name != "request_id"}


@pytest.mark.parametrize("restricted", [False, True], ids=["of another organization", "of another site"])
def test_filters_by_foreign_ids_find_nothing(restricted: bool, ours: Customer) -> None:
    """Nor do they tell that somebody has such a row."""
    if restricted:
        asking, foreign, mark = ours, ours.there, THERE
    else:
        asking, foreign, mark = customer("Rivals"), ours.here, OURS
    caller = by(asking.member(Role.MANAGER if restricted else Role.OWNER, restricted=restricted))
    entitled = by(ours.owner)
    asked = 0
    for call in CALLS:
        if call.method != "get" or "{" in call.route.name:
            continue
        for name, value in _filters(call, foreign, mark):
            answers = [
                caller.ask(call, asking.organization.slug, {}, {}, **{name: wanted})
                for wanted in (value, str(uuid.uuid4()) if _is_id(value) else "nobody has this")
            ]
            assert mark not in answers[0].said, f"{call} ?{name}="
            assert HERE not in answers[0].said, f"{call} ?{name}="
            asked += 1
            first, second = (_without_ids(answer, foreign) for answer in answers)
            assert first[0] == second[0], f"{call} ?{name}="
            if "results" in first[1]:
                assert first[1]["results"] == second[1]["results"] == [], f"{call} ?{name}="
            # The filter works: whose it is finds it.
            found = entitled.ask(call, ours.organization.slug, {}, {}, **{name: value})
            assert found.json()["results"] != [], f"{call} ?{name}={value}"
    assert asked > 10


def _filters(call: Call, foreign: Ids, mark: str) -> Iterator[tuple[str, str]]:
    """Each filter of a list that takes an id or words, with what another has."""
    values = {
        "site": foreign["sites"],
        "area": foreign["areas"],
        "unit": foreign["units"],
        "sensor": foreign["sensors"],
        "rule": foreign["alert-rules"],
        "serial": foreign["serial"],
        "search": mark,
        "object_id": foreign["units"],
        "about": f"alert:{foreign['alerts']}",
    }
    queryset = getattr(call.route.view, "queryset", None)
    if queryset is None:
        return
    found = DjangoFilterBackend().get_filterset_class(call.route.view, queryset.all())
    names = set(found.base_filters) if found else set()
    if getattr(call.route.view, "search_fields", None):
        names.add("search")
    for name in sorted(names & set(values)):
        yield name, values[name]
