"""Removing hundreds of columns without rebuilding every model after each one.

dj-stripe's migration 0002_2_10 removes 514 fields, one operation each, and Django rebuilds the related models in memory
after every operation: a minute of computing for some statements that take a second. The statements, their order and
the resulting state stay the same here; only the rebuilding waits until the last field of a run is gone.
"""

import importlib
from collections.abc import Iterable
from itertools import groupby

from django.apps.registry import Apps
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import Migration, RemoveField
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

# Below this a run costs less than a second.
WORTHWHILE = 20


class RemoveFields(Operation):
    """Several RemoveField operations in a row as one."""

    reversible = False
    atomic = False

    def __init__(self, removals: Iterable[RemoveField]) -> None:
        self.removals = list(removals)

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        # Without rendered models the state changes plain data only; whoever needs them next renders them once.
        state.clear_delayed_apps_cache()
        state.__dict__.pop("apps", None)
        for removal in self.removals:
            removal.state_forwards(app_label, state)

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        before: Apps = from_state.apps
        for removal in self.removals:
            model = before.get_model(app_label, removal.model_name)
            if self.allow_migrate_model(schema_editor.connection.alias, model):
                schema_editor.remove_field(model, model._meta.get_field(removal.name))

    def describe(self) -> str:
        return f"Remove {len(self.removals)} fields"


def join(migration: type[Migration]) -> None:
    """Replace long runs of RemoveField in a migration by one operation each."""
    operations: list[Operation] = []
    for kind, run in groupby(migration.operations, key=type):
        members = list(run)
        if kind is RemoveField and len(members) >= WORTHWHILE:
            operations.append(RemoveFields(member for member in members if isinstance(member, RemoveField)))
        else:
            operations.extend(members)
    migration.operations = operations


def join_djstripe() -> None:
    """Apply `join` to the migration for which it is worth the trouble. Call it before migrations are loaded."""
    join(importlib.import_module("djstripe.migrations.0002_2_10").Migration)
