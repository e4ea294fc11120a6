"""Joining the removals of hundreds of fields changes how long migrating takes, and nothing else."""

import importlib
from collections.abc import Sequence

import pytest
from django.db import connection, models
from django.db.migrations import CreateModel, DeleteModel, Migration, RemoveField
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from freshtrack.up.removals import WORTHWHILE, RemoveFields, join

NAMES = [f"number_{index}" for index in range(WORTHWHILE)]


class Stock(Migration):
    """A model with many fields, one of them a foreign key with its index, loses them all."""

    operations: Sequence[Operation] = [
        CreateModel("shelf", [("id", models.BigAutoField(primary_key=True))]),
        CreateModel(
            "item",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("shelf", models.ForeignKey("stock.shelf", models.CASCADE)),
                ("kept", models.TextField(unique=True)),
                *((name, models.IntegerField(db_index=True, default=0)) for name in NAMES),
            ],
        ),
        RemoveField("item", "shelf"),
        *(RemoveField("item", name) for name in NAMES),
        DeleteModel("shelf"),
    ]


def statements(migration: type[Migration]) -> list[str]:
    """What the migration would say to the database."""
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        migration("0001_initial", "stock").apply(ProjectState(), editor, collect_sql=True)
        return [line for line in editor.collected_sql if not line.startswith("--")]


def shape(state: ProjectState) -> dict[tuple[str, str], list[str]]:
    """The fields of each model and how they would be written in a migration file."""
    return {
        key: [f"{name} {field.deconstruct()[1:]}" for name, field in model.fields.items()] + [repr(model.options)]
        for key, model in state.models.items()
    }


@pytest.fixture
def joined() -> type[Migration]:
    migration = type("Joined", (Stock,), {})
    join(migration)
    return migration


@pytest.mark.django_db
def test_the_statements_and_their_order_stay_the_same(joined: type[Migration]) -> None:
    assert [type(operation) for operation in joined.operations] == [CreateModel, CreateModel, RemoveFields, DeleteModel]
    assert statements(joined) == statements(Stock)
    assert sum("DROP COLUMN" in statement for statement in statements(joined)) == WORTHWHILE + 1


@pytest.mark.django_db
def test_djstripes_models_end_up_the_same() -> None:
    loader = MigrationLoader(None)
    one_by_one = loader.graph.nodes["djstripe", "0002_2_10"]
    before = loader.project_state(("djstripe", "0002_2_10"), at_end=False)
    original = importlib.import_module("djstripe.migrations.0002_2_10").Migration
    joined = type("Joined", (original,), {})
    join(joined)

    together = joined("0002_2_10", "djstripe")
    assert len(together.operations) < len(one_by_one.operations) / 20
    assert shape(together.mutate_state(before)) == shape(one_by_one.mutate_state(before))


def test_short_runs_are_left_alone() -> None:
    short = type("Short", (Stock,), {"operations": Stock.operations[2:5]})
    join(short)
    assert [type(operation) for operation in short.operations] == [RemoveField, RemoveField, RemoveField]
