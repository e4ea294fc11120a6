"""What changed since a cursor, and how a row of the change log reads: as the API calls things, not as columns do.

Note [Cursors]. A cursor is a place in the order (transaction, id), and reaches up to the oldest transaction that still
runs: what lies below that one has committed or never will, so a change that commits late is never skipped. The socket
and `changes/` use the same ones. A cursor carries the second in which it was issued: by that it gets too old, and by
that a look-up leaves out the partitions of the months before.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, NamedTuple, Self

from django.apps import apps
from django.db import connection
from django.db.models import CharField, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.fields import BooleanField
from django.db.models.functions import Cast
from rest_framework import status

from freshtrack.errors import DomainError
from freshtrack.times import rfc3339
from organizations.models import Change, Membership
from organizations.permissions import entities_seen_by

# Requirements, E3: kept 90 days for catch-up.
KEPT_FOR_CATCH_UP: Final = timedelta(days=90)
# A row is written before its transaction commits, so it may be older than the cursor behind which it appears. Writing
# transactions take seconds; a day is for the one that somebody forgot in a console.
LONGEST_TRANSACTION: Final = timedelta(days=1)
LARGEST_PAGE: Final = 500

_CURSOR: Final = re.compile(r"([0-9]{1,19})-([0-9]{1,19})-([0-9]{1,11})")
_LARGEST: Final = 2**63 - 1


class CursorTooOld(DomainError):
    """What changed since can't be told any more: fetch everything anew."""

    code = "cursor_too_old"
    status: ClassVar[int] = status.HTTP_410_GONE


class NotACursor(ValueError):
    """The text wasn't issued by us."""


@dataclass(frozen=True)
class Cursor:
    """A place in the change log (Note [Cursors]), and when it was issued, in seconds since 1970."""

    transaction: int
    id: int
    issued: int

    def __str__(self) -> str:
        return f"{self.transaction}-{self.id}-{self.issued}"

    @classmethod
    def of(cls, text: str) -> Self:
        """Read one back.

        Raises NotACursor.
        """
        found = _CURSOR.fullmatch(text)
        if found is None:
            raise NotACursor
        numbers = [int(part) for part in found.groups()]
        if max(numbers[:2]) > _LARGEST:
            raise NotACursor
        return cls(*numbers)


class Now(NamedTuple):
    """Where the log stands."""

    oldest: int  # the oldest transaction that still runs
    next: int  # the number that the next transaction will get
    at: datetime

    @property
    def cursor(self) -> Cursor:
        """Everything below it was told."""
        return Cursor(self.oldest, 0, int(self.at.timestamp()))


def _now() -> Now:
    with connection.cursor() as db:
        db.execute(
            "SELECT pg_snapshot_xmin(now)::text::bigint, pg_snapshot_xmax(now)::text::bigint, clock_timestamp()"
            " FROM pg_current_snapshot() AS now"
        )
        return Now(*db.fetchone())


def cursor() -> str:
    """The cursor of now. Call inside a transaction, before reading what it goes with."""
    return str(_now().cursor)


class CaughtUp(NamedTuple):
    """A part of what changed, in order, and where to go on. `complete`: up to now."""

    results: list[dict[str, Any]]
    cursor: str
    complete: bool


def since(cursor: Cursor, *, membership: Membership, most: int) -> CaughtUp:
    """What changed since, as far as the member may see it; at most so many changes. Call inside a transaction.

    May be repeated with the same cursor. Of members who are restricted to some sites: what left these sites reads as
    deleted, without what came after; what came into them, without what was before.

    Raises CursorTooOld: over 90 days, or from a transaction that hasn't been (the database was restored meanwhile).
    """
    # First this, then the rows, by a later snapshot: everything below `oldest` is decided and visible in it.
    now = _now()
    issued = datetime.fromtimestamp(min(cursor.issued, int(now.at.timestamp())), UTC)
    ahead = cursor.transaction > now.next or cursor.issued - now.at.timestamp() > LONGEST_TRANSACTION.total_seconds()
    if ahead or now.at - issued > KEPT_FOR_CATCH_UP:
        raise CursorTooOld(
            "This is too long ago to say what changed since. Fetch everything anew, then go on from now."
        )
    rows = list(_after(cursor, issued=issued, below=now.oldest, membership=membership)[: most + 1])
    complete = len(rows) <= most
    page = rows[:most]
    reached = str(now.cursor) if complete else str(_place_of(page[-1]))
    return CaughtUp(_results(page, membership=membership), reached, complete)


def _after(cursor: Cursor, *, issued: datetime, below: int, membership: Membership) -> QuerySet[Change]:
    return (
        seen_by(membership)
        .filter(behind(cursor.transaction, cursor.id), transaction__lt=below, at__gte=issued - LONGEST_TRANSACTION)
        .order_by("transaction", "id")
    )


def behind(transaction: int, id: int) -> RawSQL:
    """Rows after a place in the log's order. A comparison of pairs, which the index knows."""
    return _compared(">", transaction, id)


def ahead_of(transaction: int, id: int) -> RawSQL:
    """Rows before it."""
    return _compared("<", transaction, id)


def _compared(sign: str, transaction: int, id: int) -> RawSQL:
    condition = f"(organizations_change.transaction, organizations_change.id) {sign} (%s, %s)"
    return RawSQL(condition, [transaction, id], output_field=BooleanField())  # noqa: S611 (numbers are parameters)


def seen_by(membership: Membership) -> QuerySet[Change]:
    """The rows that the member may see in `changes/`: by their kind, and by the member's sites."""
    rows = Change.objects.for_member(membership).filter(entity__in=entities_seen_by(membership))
    if membership.site_ids is None:
        return rows
    # The second wall says the same and more: of the rules, only those that watch a place of the member's.
    everybodys = Q(site_id=None, entity__in=["organization", "alert_rule"])
    colleagues = Membership.objects.for_member(membership).annotate(key=Cast("pk", CharField())).values("key")
    theirs = Q(site_id=None, entity="membership", entity_id__in=colleagues)
    left = Q(changes__site_id__before__in=[str(site) for site in membership.site_ids])
    return rows.filter(Q(site_id__in=membership.site_ids) | left | everybodys | theirs)


def _place_of(row: Change) -> Cursor:
    return Cursor(row.transaction, row.id, int(row.at.timestamp()))


def _results(rows: Iterable[Change], *, membership: Membership) -> list[dict[str, Any]]:
    rows = list(rows)
    known = None if membership.site_ids is None else {str(site) for site in membership.site_ids}
    rules = set() if known is None else _rules_still_seen(rows)
    shown = []
    for row in rows:
        action, changes = row.action, fields_of(row)
        if known is not None:
            action, changes = _as_seen_from(known, row, changes, stays=row.entity_id in rules)
        shown.append(
            {
                "cursor": str(_place_of(row)),
                "entity": row.entity,
                "id": row.entity_id,
                "action": action,
                "changes": changes,
                "at": rfc3339(row.at),
            }
        )
    return shown


def _rules_still_seen(rows: Iterable[Change]) -> set[str]:
    """Rules that gave up their site and still watch a place of the member's, or now every place."""
    moved = [row.entity_id for row in rows if row.entity == "alert_rule" and row.site_id is None]
    if not moved:
        return set()
    # Rules live in a room above: asked for by name, not imported. Row-level security says which the member may see.
    rules = apps.get_model("alerts", "AlertRule")._default_manager.filter(pk__in=moved)
    return {str(key) for key in rules.values_list("pk", flat=True)}


def _as_seen_from(
    known: Collection[str], row: Change, changes: dict[str, Any], *, stays: bool
) -> tuple[str, dict[str, Any]]:
    """(action, changes) for somebody who knows these sites only."""
    if row.entity == "membership" and "sites" in changes:
        told = {moment: _only(known, sites) for moment, sites in changes["sites"].items()}
        changes = {**changes, "sites": told}
    moved = row.changes.get("site_id")
    if row.action != "update" or moved is None:
        return row.action, changes
    if moved["after"] not in known and not stays:
        return "delete", {name: {"before": values["before"], "after": None} for name, values in changes.items()}
    if moved["before"] not in known:
        return "update", {name: {"before": None, "after": values["after"]} for name, values in changes.items()}
    return "update", changes


def _only(known: Collection[str], sites: list[str] | None) -> list[str] | None:
    return None if sites is None else [site for site in sites if site in known]


# --- names ------------------------------------------------------------------------------------------------------

# Numbers that only the database knows, and what the row says already.
_LEFT_OUT: Final[dict[str, frozenset[str]]] = {
    "": frozenset({"id", "public_id", "organization_id"}),
    "organization": frozenset({"number"}),
    "alert": frozenset({"sensor_id", "cause_key"}),
}
_RENAMED: Final[dict[tuple[str, str], str]] = {
    ("organization", "time_zone"): "timezone",
    ("membership", "site_ids"): "sites",
    ("invitation", "site_ids"): "sites",
}
# Columns of which at most one is set; the API has one object for them.
_SCOPE: Final = {"site_id": "site", "area_id": "area", "unit_id": "unit", "unit_kind": "unit_kind"}


def fields_of(row: Change) -> dict[str, dict[str, Any]]:
    """{field: {"before", "after"}} under the names and in the forms of the API."""
    columns = row.changes
    fields: dict[str, dict[str, Any]] = {}
    if row.entity == "alert_rule":
        moved = {column: columns[column] for column in _SCOPE if column in columns}
        columns = {column: values for column, values in columns.items() if column not in _SCOPE}
        if moved or row.action == "create":
            fields["scope"] = {moment: _scope(moved, moment, row.action) for moment in ("before", "after")}
    for column, values in columns.items():
        if column not in _LEFT_OUT[""] and column not in _LEFT_OUT.get(row.entity, ()):
            name = _RENAMED.get((row.entity, column)) or column.removesuffix("_id")
            fields[name] = {moment: _value(column, value) for moment, value in values.items()}
    return fields


def _scope(moved: dict[str, dict[str, Any]], moment: str, action: str) -> dict[str, Any] | None:
    if (action, moment) in (("create", "before"), ("delete", "after")):
        return None
    return {_SCOPE[column]: values[moment] for column, values in moved.items() if values[moment]}


def _value(column: str, value: Any) -> Any:
    """Moments as everywhere in the API: the log has them in the zone of whoever wrote."""
    if isinstance(value, str) and (column == "at" or column.endswith("_at")):
        return rfc3339(datetime.fromisoformat(value))
    return value
