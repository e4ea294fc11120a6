"""The set-up jobs of the database: its tables, and the demo organizations in them."""

import contextlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import psycopg

from freshtrack.up import fingerprints
from freshtrack.up.installation import CHECKOUT, Installation
from freshtrack.up.jobs import Job, migration_progress
from freshtrack.up.services import environment_of_services


def migrate(installation: Installation, environment: Mapping[str, str]) -> Job:
    """Bring the tables up to date, as their owner. Left out when nothing changed since the last time."""
    owner = environment.get("MIGRATION_DATABASE_URL") or environment["DATABASE_URL"]
    note = installation.home / "migrated.json"
    made_from = fingerprints.of_migrations()

    return Job(
        name="migrate",
        doing="preparing the database",
        done="database prepared",
        command=(sys.executable, "-m", "freshtrack.up.migrations"),
        environment={**environment, "DATABASE_URL": owner},
        folder=CHECKOUT,
        log=installation.logs / "migrate.log",
        # The database is asked as well: it may have been restored, emptied or exchanged.
        needed=lambda: _read(note) != [made_from, _applied(owner)],
        progress=migration_progress,
        succeeded=lambda: _write(note, [made_from, _applied(owner)]),
    )


def seed(installation: Installation, environment: Mapping[str, str]) -> Job:
    """Make the demo organizations and demo.json. Each start, because the port may have changed."""
    return Job(
        name="seed",
        doing="seeding the demo organization",
        done="demo organization seeded",
        command=(sys.executable, "manage.py", "seed_demo"),
        environment=environment_of_services(environment),
        folder=CHECKOUT,
        log=installation.logs / "seed.log",
        after=frozenset({"migrate"}),
    )


def _applied(owner: str) -> int | None:
    """How many migrations the database has seen, or None if it can't say (its own migrate will)."""
    with contextlib.suppress(psycopg.Error), psycopg.connect(owner, connect_timeout=10) as connection:
        row = connection.execute("SELECT count(*) FROM django_migrations").fetchone()
        return row[0] if row else None
    return None


def _read(note: Path) -> object:
    with contextlib.suppress(OSError, ValueError):
        return json.loads(note.read_text())
    return None


def _write(note: Path, made_from: object) -> None:
    note.write_text(json.dumps(made_from))
