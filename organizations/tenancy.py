"""The only two ways to reach customers' rows.

Note [Two walls]. The first wall is code: views start from `OrganizationScoped`, querysets from `.for_organization()`.
The second is PostgreSQL: the runtime login sees no customer's row at all. `acting_in(organization)` opens a
transaction in the role `freshtrack_tenant`, which sees one organization; `acting_as_system(reason)` opens one in
`freshtrack_system`, which sees them all and whose users are the short list `SYSTEM_REASONS`. A query that forgets its
filter therefore finds nothing outside these two, and only its own organization's rows inside the first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from freshtrack import requests, rounds
from freshtrack.rounds import Step
from organizations.models import Organization, User

TENANT_ROLE: Final = "freshtrack_tenant"
SYSTEM_ROLE: Final = "freshtrack_system"

# Everybody who may see across organizations, and why. A test holds the code to this list.
SYSTEM_REASONS: Final = {
    "ingest writer": "one commit stores the readings of many organizations",
    "ingest authentication": "the key tells the organization",
    "sign-in": "a token or session tells the person, memberships tell the organizations",
    "own account": "/me/ and /orgs/ span the person's organizations",
    "founding": "a new organization is nobody's yet",
    "invitation": "its link or the person's address tells the organization",
    "purge": "removes organizations that were deleted a month ago",
    "account mail": "a message about a person's own account belongs to no organization",
    "delivery": "the outbox is one queue for all",
    "provider events": "a mail service tells of messages of many organizations",
    "link in a message": "its signature tells the person and the organization",
    "sweep": "finds what is due, whoever it belongs to",
    "admin": "staff work on every organization",
    "seeding": "the demonstration makes its own organizations",
    "live": "one query re-checks all open sockets of a process",
    "tests": "factories make rows of several organizations",
    "auditor": "proving that no open alert of anybody is forgotten",
    "calendar": "reading an on-call calendar by its secret address",
}


@dataclass(frozen=True)
class Origin:
    """Through what and from where a change comes: written into each `Change` row."""

    via: str = "task"  # api, socket, admin, ingest, task, shell
    address: str = ""  # the client's IP address, where there is one


@contextmanager
def acting_in(
    organization: Organization,
    *,
    by: User | None = None,
    origin: Origin | None = None,
    sites: Collection[UUID] | None = None,
) -> Iterator[None]:
    """Open the transaction of an edge (request, socket command, task) inside one organization.

    With `sites` (a member who is restricted to some) PostgreSQL hides what belongs to others.

    Not nestable: the edge opens it once, domain functions only say that they need it. Everything it sets is local to
    the transaction, so it is safe behind PgBouncer in transaction mode.

    Raises RuntimeError when a transaction is already open.
    """
    yield from _scope(TENANT_ROLE, organization=organization, by=by, origin=origin, sites=sites)


@contextmanager
def acting_as_system(reason: str, *, by: User | None = None, origin: Origin | None = None) -> Iterator[None]:
    """Open a transaction that sees every organization. `reason` is one of SYSTEM_REASONS.

    Raises KeyError for an unlisted reason and RuntimeError when a transaction is already open.
    """
    SYSTEM_REASONS[reason]
    yield from _scope(SYSTEM_ROLE, organization=None, by=by, origin=origin or Origin(via=reason), sites=None)


@contextmanager
def opening_as_system(reason: str, *, origin: Origin) -> Iterator[list[Step]]:
    """The same for whoever talks to PostgreSQL in rounds: what opens the transaction is yielded, to be sent first.

    It saves two ways to the database and back. Until it is sent, nothing can be seen.
    """
    SYSTEM_REASONS[reason]
    values = _values(SYSTEM_ROLE, organization=None, by=None, origin=origin, sites=None)
    with transaction.atomic(durable=True):
        yield [*rounds.begin(), Step(_SET_IN_ROUND, list(values.values()))]
    _undo_under_a_test()


def _array(sites: Collection[UUID] | None) -> str:
    """As PostgreSQL reads an array; empty where nothing is restricted."""
    return "" if sites is None else f"{{{','.join(str(site) for site in sites)}}}"


def _scope(
    role: str,
    *,
    organization: Organization | None,
    by: User | None,
    origin: Origin | None,
    sites: Collection[UUID] | None,
) -> Iterator[None]:
    values = _values(role, organization=organization, by=by, origin=origin or Origin(), sites=sites)
    # What follows the commit is logged under the organization too.
    whose = organization.pk if organization else requests.current_organization()
    with requests.of(whose), transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute(_SET, list(values.values()))
        yield
    _undo_under_a_test()


def _values(
    role: str,
    *,
    organization: Organization | None,
    by: User | None,
    origin: Origin,
    sites: Collection[UUID] | None,
) -> dict[str, str]:
    return {
        "freshtrack.organization": str(organization.pk) if organization else "",
        "freshtrack.number": str(organization.number) if organization else "",
        "freshtrack.sites": _array(sites),
        "freshtrack.actor": str(by.pk) if by else "",
        "freshtrack.via": origin.via,
        "freshtrack.address": origin.address,
        "freshtrack.request": requests.current_id(),
        "role": role,
    }


# set_config(…, true) is SET LOCAL with parameters; "role" is SET LOCAL ROLE. In the order of `_values`.
_SET: Final = (
    "SELECT set_config('freshtrack.organization', %s, true), set_config('freshtrack.number', %s, true),"
    " set_config('freshtrack.sites', %s, true), set_config('freshtrack.actor', %s, true),"
    " set_config('freshtrack.via', %s, true),"
    " set_config('freshtrack.address', %s, true), set_config('freshtrack.request', %s, true),"
    " set_config('role', %s, true)"
)
_SET_IN_ROUND: Final = _SET.replace("%s", "{}").format(*(f"${number}" for number in range(1, 9)))


def _undo_under_a_test() -> None:
    if connection.in_atomic_block:
        # Only under a test's own transaction: what COMMIT would have undone is undone by hand.
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('role', 'none', true), set_config('freshtrack.organization', '', true),"
                " set_config('freshtrack.number', '', true), set_config('freshtrack.sites', '', true)"
            )
