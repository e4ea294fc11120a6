"""How long the statements of a request take in the database, by PostgreSQL's own clock.

The server is told to write the duration of every statement to its log, and the log is read: whatever driver the product
uses, and however many statements it takes. Parsing, planning and sending the rows to the socket are in it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from bench.house import House
from freshtrack.embedded.processes import wait_until

RELOAD_SECONDS = 10.0
SETTING = "log_min_duration_statement"
# As freshtrack/embedded/postgres.py has the prefix: moment, process, user@database.
LINE = re.compile(
    r"^\S+ \S+ \S+ \[\d+\] (?P<user>[^@\s]*)@(?P<database>\S*) LOG:  duration: (?P<ms>[\d.]+) ms"
    r"(?:  (?:statement|parse|bind|execute) ?[^:]*: (?P<text>.*(?:\n\t.*)*))?",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Statement:
    """One step of one statement: parsed, bound or executed."""

    ms: float
    text: str


class Durations:
    """The durations that were written since the last look."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._position = house.server_log.stat().st_size

    def take(self) -> list[Statement]:
        """What the product's own login did in the house's database."""
        with self._house.server_log.open("rb") as log:
            log.seek(self._position)
            written = log.read()
        self._position += len(written)
        return statements_in(written.decode(errors="replace"), database=self._house.stack.database)


def statements_in(log: str, *, database: str) -> list[Statement]:
    """The statements in a piece of the log that the product's runtime login sent to a database."""
    return [
        Statement(float(found["ms"]), found["text"] or "")
        for found in LINE.finditer(log)
        if found["database"] == database and found["user"] == "freshtrack_app"
    ]


@contextlib.contextmanager
def watched(house: House) -> Iterator[Durations]:
    """While PostgreSQL writes durations."""
    try:
        _tell(house, f"ALTER SYSTEM SET {SETTING} = 0", "0")
        yield Durations(house)
    finally:
        _tell(house, f"ALTER SYSTEM RESET {SETTING}", "-1")


def _tell(house: House, statement: str, value: str) -> None:
    with house.database() as database:
        database.execute(statement.encode())
        database.execute("SELECT pg_reload_conf()")

    def shown() -> bool:
        with house.database() as database:
            row = database.execute(f"SHOW {SETTING}".encode()).fetchone()
        return row is not None and row[0] == value

    if not wait_until(shown, seconds=RELOAD_SECONDS):
        raise RuntimeError(f"PostgreSQL didn't take in {statement!r}.")
