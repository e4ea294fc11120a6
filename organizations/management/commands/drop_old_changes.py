"""`manage.py drop_old_changes`: months of the change log whose time is over.

The only way in which anything leaves the change log. It logs in as the owner of the tables (MIGRATION_DATABASE_URL),
because no role of the application may.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any, Final, NamedTuple

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from psycopg import sql

from organizations.changes import KEPT_FOR_CATCH_UP, LONGEST_TRANSACTION

TABLE: Final = "organizations_change"
# Requests wait behind us while we wait for the lock: rather try again at a quieter time.
PATIENCE: Final = "3s"

# Months by their names, with the moment at which each ends.
_OLD: Final = """
    SELECT inhrelid::regclass::text, pg_total_relation_size(inhrelid)
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = %(table)s::regclass AND relname ~ ('^' || %(table)s || '_[0-9]{4}_[0-9]{2}$')
      AND (to_date(right(relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC'
          <= least(now() - make_interval(months => %(months)s), now() - make_interval(days => %(days)s))
    ORDER BY relname
"""


class Month(NamedTuple):
    """One partition."""

    name: str
    size: int

    def __str__(self) -> str:
        return f"{self.name.removeprefix(TABLE + '_').replace('_', '-')} ({self.size / 1024 / 1024:.1f} MiB)"


class Command(BaseCommand):
    help = (
        "Drops months of the change log (the audit trail) that are older than AUDIT_KEEP_MONTHS. Without --drop it only"
        " says which. Needs MIGRATION_DATABASE_URL. Repeatable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether it is meant."""
        parser.add_argument("--drop", action="store_true", help="Do it. There is no way back but a backup.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Names each month; after dropping also how many rows it had and their SHA-256, to be kept as a record."""
        address = os.environ.get("MIGRATION_DATABASE_URL") or os.environ["DATABASE_URL"]
        with psycopg.connect(address, autocommit=True) as db:
            _must_own(db)
            months = _old_months(db)
            if not months:
                self.stdout.write(f"No month of the change log is older than {settings.AUDIT_KEEP_MONTHS} months.")
                return
            for month in months:
                if not options["drop"]:
                    self.stdout.write(f"would drop {month}")
                    continue
                rows, digest = _drop(db, month)
                self.stdout.write(f"dropped {month}: {rows} rows, SHA-256 {digest}")
        if not options["drop"]:
            self.stdout.write("Nothing was changed. Say --drop to drop them, after a backup.")


def _must_own(db: psycopg.Connection[Any]) -> None:
    found = db.execute(
        "SELECT current_user, relowner::regrole::text, pg_has_role(current_user, relowner, 'USAGE')"
        " FROM pg_class WHERE oid = %s::regclass",
        [TABLE],
    ).fetchone()
    assert found is not None  # noqa: S101 (the cast fails without the table)
    login, owner, owns = found
    if not owns:
        raise CommandError(
            f"{login} may not drop what was recorded; no login of the application may. Set MIGRATION_DATABASE_URL to"
            f" the login {owner}, or run this in the container `migrate`."
        )


def _old_months(db: psycopg.Connection[Any]) -> list[Month]:
    # Whatever is configured, who was away must be able to catch up.
    days = (KEPT_FOR_CATCH_UP + LONGEST_TRANSACTION).days
    parameters = {"table": TABLE, "months": settings.AUDIT_KEEP_MONTHS, "days": days}
    return [Month(*row) for row in db.execute(_OLD, parameters).fetchall()]


def _drop(db: psycopg.Connection[Any], month: Month) -> tuple[int, str]:
    """(rows, SHA-256 of them as PostgreSQL's COPY writes them in the order of their ids)."""
    table = sql.Identifier(month.name)
    digest = hashlib.sha256()
    rows = 0
    with db.transaction(), db.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'UTC'")  # the sum is of rows as text: the same on every machine
        # Only a month that nobody writes any more: what is counted is what is dropped.
        with cursor.copy(sql.SQL("COPY (SELECT * FROM {} ORDER BY id) TO STDOUT").format(table)) as lines:
            for line in lines:
                digest.update(line)
                rows += 1
        cursor.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(PATIENCE))
        try:
            cursor.execute(sql.SQL("DROP TABLE {}").format(table))
        except psycopg.errors.LockNotAvailable:
            raise CommandError(f"{month} is in use. Try again at a quieter time; nothing more was dropped.") from None
    return rows, digest.hexdigest()
