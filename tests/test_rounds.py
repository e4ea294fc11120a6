"""Several statements in one way to the database and back: in order, all or nothing, prepared where that is safe."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from freshtrack.arrays import int4s
from freshtrack.rounds import Step, _prepared, array_of, ask, begin

pytestmark = pytest.mark.django_db(transaction=True)

COUNT = Step("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'round_%'")


@pytest.fixture
def prepares() -> Iterator[None]:
    """A connection of its own, whose statements may stay prepared."""
    connection.ensure_connection()
    connection.connection.prepare_threshold = 3
    ask([Step("DEALLOCATE ALL")])
    _prepared.pop(connection.connection, None)
    yield
    ask([Step("DEALLOCATE ALL")])
    _prepared.pop(connection.connection, None)
    connection.connection.prepare_threshold = None


def number(statement: str) -> int:
    [(found,)] = ask([Step(statement)])
    return int(found)


def test_each_step_answers_with_its_first_row_in_their_order() -> None:
    ids = np.array([3, 1, 2])
    rows = ask(
        [
            Step("SELECT $1::integer, $2::text, NULL::text, 7::bigint, -2::smallint", ["41", "warm"]),
            Step("SELECT array_agg(id ORDER BY id) FROM unnest($1::integer[]) AS id", [int4s(ids)]),
            Step("SELECT WHERE false"),
            Step("SET LOCAL statement_timeout = 0"),
            Step("VALUES (1), (2)"),
        ]
    )
    assert rows[0] == (41, "warm", None, 7, -2)
    assert rows[1][0].tolist() == [1, 2, 3]
    assert rows[2:] == [(), (), (1,)]
    assert ask([]) == []


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9), max_size=5))
def test_words_arrive_as_they_are(words: list[str]) -> None:
    [(count, text)] = ask(
        [Step("SELECT cardinality($1::text[])::bigint, array_to_string($1::text[], '\x1f')", [array_of(words)])]
    )
    assert (count, text) == (len(words), "\x1f".join(words))


def test_the_first_error_is_told_as_djangos_and_nothing_after_it_is_done() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ask(
            [
                *begin(),
                Step("CREATE TEMPORARY TABLE once (a integer PRIMARY KEY) ON COMMIT DROP"),
                Step("INSERT INTO once VALUES (1)"),
                Step("INSERT INTO once VALUES (1)"),
                Step("SELECT 1 / 0"),
            ]
        )
    with pytest.raises(DatabaseError, match="division by zero"):
        ask([Step("SELECT 1 / 0")])
    # The conversation goes on as if nothing had been.
    assert number("SELECT count(*) FROM pg_class WHERE relname = 'once'") == 0


def test_a_transaction_is_begun_once_and_django_ends_it() -> None:
    with transaction.atomic():
        assert [step.statement for step in begin()] == ["BEGIN"]
        ask([*begin(), Step("CREATE TEMPORARY TABLE begun (a integer)")])
        assert begin() == []
        transaction.set_rollback(True)
    assert number("SELECT count(*) FROM pg_class WHERE relname = 'begun'") == 0


def test_a_statement_is_prepared_once_where_a_session_is_ours(prepares: None) -> None:
    step = Step("SELECT $1::integer + 1", ["1"])
    assert ask([step, step, COUNT]) == [(2,), (2,), (2,)]  # it, and the one that counts
    assert ask([step, COUNT]) == [(2,), (2,)]


def test_what_could_not_be_prepared_is_tried_again(prepares: None) -> None:
    later = Step("SELECT count(*) FROM made_later")
    with pytest.raises(DatabaseError, match="made_later"):
        ask([later])
    ask([Step("CREATE TEMPORARY TABLE made_later (a integer)")])
    assert ask([later]) == [(0,)]


def test_without_permission_nothing_stays_in_the_session() -> None:
    connection.ensure_connection()
    connection.connection.prepare_threshold = None
    assert ask([Step("DEALLOCATE ALL"), Step("SELECT $1::integer", ["1"]), COUNT]) == [(), (1,), (0,)]


def test_more_than_fits_into_the_buffers_of_both_sides() -> None:
    many = np.arange(300_000)
    [(back,), (length,)] = ask(
        [
            Step("SELECT array_agg(id ORDER BY id) FROM unnest($1::integer[]) AS id", [int4s(many)]),
            Step("SELECT length(repeat($1::text, 1000))::bigint", ["x" * 10_000]),
        ]
    )
    assert (back == many).all()
    assert length == 10_000_000


def test_a_conversation_that_is_cut_off_ends_the_connection() -> None:
    connection.close()
    [(own,)] = ask([Step("SELECT pg_backend_pid()::bigint")])
    parameters = connection.get_connection_params()
    with psycopg.connect(**{key: parameters[key] for key in ("host", "dbname", "user") if key in parameters}) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [own])
    with pytest.raises(DatabaseError):
        ask([Step("SELECT 1"), Step("SELECT pg_sleep(0)")])
    assert connection.connection.closed
    connection.close()
    assert number("SELECT 1") == 1
