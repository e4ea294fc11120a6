"""Who changed what, through what and from where: the audit trail, which is the change log read by people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from freshtrack.times import rfc3339
from organizations.changes import fields_of
from organizations.models import Change, Membership, User

STAFF = "FreshTrack staff"
UNKNOWN = "Somebody whose account was removed"


def trail(membership: Membership) -> QuerySet[Change]:
    """The organization's rows, newest first.

    By transaction, as the index is: within the seconds that transactions take, rows may stand in another order than
    their moments.
    """
    return Change.objects.for_member(membership).order_by("-transaction", "-id")


def about_site(rows: QuerySet[Change], sites: Iterable[UUID]) -> QuerySet[Change]:
    """What happened at these sites, what left them included."""
    sites = list(sites)
    return rows.filter(Q(site_id__in=sites) | Q(changes__site_id__before__in=[str(site) for site in sites]))


def events_of(rows: Iterable[Change]) -> list[dict[str, Any]]:
    """How rows are shown. One query for all the people in them. Call inside a transaction."""
    rows = list(rows)
    people = _people({row.actor_id for row in rows if row.actor_id is not None})
    return [
        {
            "id": str(row.id),
            "at": rfc3339(row.at),
            "actor": _actor(row, people),
            "via": row.via,
            "address": row.address,
            "request_id": "" if row.request_id == "-" else row.request_id,  # nothing asked for it
            "entity": row.entity,
            "object_id": row.entity_id,
            "site": None if row.site_id is None else str(row.site_id),
            "action": row.action,
            "changes": fields_of(row),
        }
        for row in rows
    ]


def _people(ids: set[UUID]) -> dict[UUID, User]:
    """Members, past ones included; row-level security hides everybody else."""
    return User.objects.only("pk", "email", "name").in_bulk(ids) if ids else {}


def _actor(row: Change, people: dict[UUID, User]) -> dict[str, Any] | None:
    if row.actor_id is None:
        return None
    person = people.get(row.actor_id)
    if person is not None:
        return {"id": str(person.pk), "email": person.email, "name": person.name}
    return {"id": str(row.actor_id), "email": "", "name": STAFF if row.via == "admin" else UNKNOWN}
