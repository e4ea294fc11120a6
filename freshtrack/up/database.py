"""The set-up jobs of the database and of what is served from files."""

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
from freshtrack.up.web_app import DIST


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


def collect(installation: Installation, environment: Mapping[str, str]) -> Job:
    """Gather and compress the static files, once for each build of the web app and each set of packages."""
    note = installation.home / "static.json"
    return Job(
        name="static files",
        doing="collecting static files",
        done="static files collected",
        command=(sys.executable, "manage.py", "collectstatic", "--noinput", "--clear"),
        environment=environment_of_services(environment),
        folder=CHECKOUT,
        log=installation.logs / "static.log",
        after=frozenset({"web app"}),
        needed=lambda: _read(note) != fingerprints.of_static_files(DIST) or not _collected(installation),
        succeeded=lambda: _write(note, fingerprints.of_static_files(DIST)),
    )


def _applied(owner: str) -> int | None:
    """How many migrations the database has seen, or None if it can't say (its own migrate will)."""
    with contextlib.suppress(psycopg.Error), psycopg.connect(owner, connect_timeout=10) as connection:
        row = connection.execute("SELECT count(*) FROM django_migrations").fetchone()
        return row[0] if row else None
    return None


def _collected(installation: Installation) -> bool:
    return (installation.home / "static").is_dir()


def _read(note: Path) -> object:
    with contextlib.suppress(OSError, ValueError):
        return json.loads(note.read_text())
    return None


def _write(note: Path, made_from: object) -> None:
    note.write_text(json.dumps(made_from))
