"""Bring the database up to date, saying how much there is to do before doing it.

Runs as a process of its own (`python -m freshtrack.up.migrations`) and logs in as the owner of the tables, with
MIGRATION_DATABASE_URL or else DATABASE_URL. The first line of output is `plan N`; then follow the lines of Django's
`migrate`, if there is anything to do.
"""

import os

import django
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from freshtrack.up import removals


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "freshtrack.settings")
    if os.environ.get("MIGRATION_DATABASE_URL"):
        os.environ["DATABASE_URL"] = os.environ["MIGRATION_DATABASE_URL"]
    django.setup()
    removals.join_djstripe()
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    print(f"plan {len(plan)}", flush=True)
    if plan:
        call_command("migrate", interactive=False)
    # Beat would lay them as well; here the log of a deployment shows what changed.
    call_command("lay_schedules")


if __name__ == "__main__":
    main()
