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
    owner = _owner(environment)
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
        needed=lambda: _read(note) != [made_from, _history(owner)],
        progress=migration_progress,
        succeeded=lambda: _write(note, [made_from, _history(owner)]),
    )


def seed(installation: Installation, environment: Mapping[str, str]) -> Job:
    """Make the demo organizations and demo.json. Left out when neither they nor what makes them changed."""
    owner = _owner(environment)
    note = installation.home / "seeded.json"
    demo = installation.home / "demo.json"

    def made_from() -> object:
        # demo.json among them: whoever spoils or deletes it gets it back.
        files = fingerprints.of_files([*fingerprints.python_sources(), demo], salt=installation.address)
        return [files, environment.get("PUBLIC_URL"), _history(owner)]

    return Job(
        name="seed",
        doing="seeding the demo organization",
        done="demo organization seeded",
        command=(sys.executable, "manage.py", "seed_demo"),
        environment=environment_of_services(environment),
        folder=CHECKOUT,
        log=installation.logs / "seed.log",
        after=frozenset({"migrate"}),
        needed=lambda: not demo.exists() or _read(note) != made_from(),
        succeeded=lambda: _write(note, made_from()),
    )


def _owner(environment: Mapping[str, str]) -> str:
    return environment.get("MIGRATION_DATABASE_URL") or environment["DATABASE_URL"]


def _history(owner: str) -> object:
    """What was applied to this very database and when, or None if it can't say (its own migrate will)."""
    with contextlib.suppress(psycopg.Error), psycopg.connect(owner, connect_timeout=10) as connection:
        row = connection.execute("SELECT count(*), max(applied)::text FROM django_migrations").fetchone()
        return list(row) if row else None
    return None


def _read(note: Path) -> object:
    with contextlib.suppress(OSError, ValueError):
        return json.loads(note.read_text())
    return None


def _write(note: Path, made_from: object) -> None:
    note.write_text(json.dumps(made_from))
