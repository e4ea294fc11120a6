"""Several statements in one way to the database and back.

Where a batch costs more for its waiting and its bookkeeping than for its readings, this is what the hot path is made
of: libpq's pipeline, statements that stay prepared, columns as the bytes that PostgreSQL itself uses (arrays.py). A
round of five statements costs about what a cursor needs for one.

    ids, name = ask([Step("SELECT array_agg(id) FROM …"), Step("SELECT name … = ANY ($1::integer[])", [int4s(ids)])])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from django.db import connection
from psycopg import errors, pq
from psycopg.abc import PQGen
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait

from freshtrack.arrays import unpack

Parameter = bytes | str | None
Row = tuple[Any, ...]

_TEXT, _BINARY = pq.Format.TEXT, pq.Format.BINARY


class Step(NamedTuple):
    """One statement with $1, $2 …; its parameters are packed columns, or text as PostgreSQL reads it."""

    statement: str
    parameters: Sequence[Parameter] = ()


def ask(steps: Sequence[Step]) -> list[Row]:
    """Run the steps in order; the first row of each, empty where there is none.

    Arrays of numbers and moments come back as columns (arrays.py), text and numbers as they are; other types must be
    cast in the statement. Where a step fails those after it don't run, and its error is raised as Django's.
    """
    if not steps:
        return []
    connection.ensure_connection()
    raw = connection.connection
    with connection.wrap_database_errors, raw.lock:
        try:
            return _read(_converse(raw, steps), raw)
        except psycopg.Error:
            raise
        except BaseException:
            raw.close()  # interrupted in the middle: nobody could take this conversation up again
            raise


def array_of(items: Iterable[UUID | str]) -> str:
    """A parameter for `::uuid[]` or `::text[]`."""
    return "{" + ",".join('"' + str(item).replace("\\", "\\\\").replace('"', '\\"') + '"' for item in items) + "}"


def begin() -> list[Step]:
    """What must come first in a transaction that Django has promised (`transaction.atomic`) and nobody has begun."""
    connection.ensure_connection()
    is_idle = connection.connection.pgconn.transaction_status == pq.TransactionStatus.IDLE
    return [Step("BEGIN")] if is_idle else []


# --- the conversation -------------------------------------------------------------------------------------------------

# The statements that each session holds ready.
_prepared: Final[WeakKeyDictionary[psycopg.Connection[Any], set[bytes]]] = WeakKeyDictionary()
_names: Final[dict[str, bytes]] = {}


def _converse(raw: psycopg.Connection[Any], steps: Sequence[Step]) -> list[list[PGresult]]:
    """Send everything, then read everything: the results of each step."""
    conn = raw.pgconn
    # None: behind a pooler the next transaction may meet a session that holds nothing (writer.py finds out).
    held = _prepared.setdefault(raw, set()) if raw.prepare_threshold is not None else None
    sent: list[bytes | None] = []  # for each command the name of what it prepares
    conn.enter_pipeline_mode()
    for step in steps:
        values, formats = _encoded(step.parameters)
        if held is None:
            conn.send_query_params(step.statement.encode(), values, param_formats=formats, result_format=_BINARY)
        else:
            name = _name(step.statement)
            if name not in held and name not in sent:
                conn.send_prepare(name, step.statement.encode())
                sent.append(name)
            conn.send_query_prepared(name, values, param_formats=formats, result_format=_BINARY)
        sent.append(None)
    conn.pipeline_sync()
    answers = raw.wait(_talk(conn))
    conn.exit_pipeline_mode()
    steps_answers = []
    for prepared, results in zip(sent, answers, strict=True):
        if prepared is None:
            steps_answers.append(results)
        elif held is not None and results[0].status == pq.ExecStatus.COMMAND_OK:
            held.add(prepared)
        elif results[0].status == pq.ExecStatus.FATAL_ERROR:
            raise errors.error_from_result(results[0], encoding=raw.info.encoding)
    return steps_answers


def _talk(conn: PGconn) -> PQGen[list[list[PGresult]]]:
    """Send and receive by turns until the end is reached: a list of results for each command."""
    answers: list[list[PGresult]] = []
    current: list[PGresult] = []
    unsent = True
    while True:
        ready = yield Wait.RW if unsent else Wait.R
        if unsent and ready & Ready.W:
            unsent = bool(conn.flush())
        if not ready & Ready.R:
            continue
        conn.consume_input()
        while not conn.is_busy():
            result = conn.get_result()
            if result is None:  # the end of a command's results, or of all that has come
                if not current:
                    break
                answers.append(current)
                current = []
            elif result.status == pq.ExecStatus.PIPELINE_SYNC:
                return answers
            else:
                current.append(result)


def _name(statement: str) -> bytes:
    """What a statement is prepared as: the same text, the same name."""
    name = _names.get(statement)
    if name is None:
        name = _names[statement] = b"round_" + blake2b(statement.encode(), digest_size=12).hexdigest().encode()
    return name


def _encoded(parameters: Sequence[Parameter]) -> tuple[list[bytes | None], list[pq.Format]]:
    values = [one.encode() if isinstance(one, str) else one for one in parameters]
    return values, [_TEXT if isinstance(one, str) else _BINARY for one in parameters]


# --- answers ----------------------------------------------------------------------------------------------------------


def _read(answers: Sequence[Sequence[PGresult]], raw: psycopg.Connection[Any]) -> list[Row]:
    """The first row of each step. Raises the first error, which is the one that the others follow from."""
    for results in answers:
        for result in results:
            if result.status == pq.ExecStatus.FATAL_ERROR:
                raise errors.error_from_result(result, encoding=raw.info.encoding)
    return [_row(results[0]) for results in answers]


def _row(result: PGresult) -> Row:
    if not result.ntuples:
        return ()
    return tuple(_value(result, column) for column in range(result.nfields))


def _value(result: PGresult, column: int) -> Any:
    data = result.get_value(0, column)
    return None if data is None else _READERS[result.ftype(column)](data)


def _text(data: bytes) -> str:
    return bytes(data).decode()


def _whole(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


# By type (pg_type.dat): boolean; text and varchar; smallint, integer and bigint; arrays of smallint, integer and
# timestamptz.
_READERS: Final[dict[int, Callable[[bytes], Any]]] = {
    16: lambda data: data == b"\x01",
    **dict.fromkeys((25, 1043), _text),
    **dict.fromkeys((20, 21, 23), _whole),
    **dict.fromkeys((1005, 1007, 1185), unpack),
}
