"""Whoever is killed, and whenever: each message is sent once, or once more under the same id where nobody can know."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple
from uuid import UUID, uuid4

import psycopg
import pytest
from celery import Celery

from freshtrack.embedded.processes import wait_until
from freshtrack.up import services
from freshtrack.up.children import Child
from tests.doors import Installation, installation
from tests.flows.provider import GONE, HANG, RESET, Provider, provider
from tests.stack import ROOT

PATIENCE_S: Final = 60.0
ONCE, MARKED, TWICE = "once", "once, marked", "twice, marked"

# When: what the worker has done with the message.
BEFORE, CLAIMED, DURING, ANSWERED, AFTER = (
    "before the claim",
    "claimed, not begun",
    "in the provider's DATA",
    "after its yes, before our commit",
    "after our commit",
)
WHEN: Final = (BEFORE, CLAIMED, DURING, ANSWERED, AFTER)

# What becomes of each. Nobody knows what a worker that vanished did, nor what a provider did that had the whole message
# and was never heard: those messages are marked. All others tell.
EXPECTED: Final = {
    "worker, SIGKILL": (ONCE, MARKED, MARKED, TWICE, ONCE),
    "worker, SIGTERM": (ONCE, ONCE, ONCE, ONCE, ONCE),
    "Redis, SIGKILL": (ONCE, ONCE, ONCE, ONCE, ONCE),
    "PostgreSQL backend, SIGKILL": (ONCE, ONCE, ONCE, ONCE, ONCE),
    "PostgreSQL, SIGKILL": (ONCE, ONCE, ONCE, ONCE, ONCE),
    "provider, reset": (ONCE, ONCE, MARKED, TWICE, ONCE),
    "provider, hangs": (ONCE, ONCE, MARKED, TWICE, ONCE),
}

PROMISE = """
INSERT INTO notifications_notification (id, organization_id, channel, "to", event, about, subject, text, html,
  dedupe_key, status, attempts, next_attempt_at, provider_id, last_error, created_at)
VALUES (%s, %s, 'email', %s, 'alert.opened', '', 'Cooler 1 is too warm', 'It is 8 °C.', '<p>It is 8 °C.</p>',
  %s, 'promised', 0, clock_timestamp(), '', '', clock_timestamp())
"""


class Fate(NamedTuple):
    """What a message came to."""

    status: str
    maybe_twice: bool
    taken: int
    ids: int


class Round:
    """Five messages, each stopped at a moment of its own, and then somebody is killed."""

    def __init__(self, house: Installation, mail: Provider, organization: str, who: str) -> None:
        self.house, self.mail, self._organization = house, mail, organization
        self.ids = {when: uuid4() for when in WHEN}
        self.address = {when: f"{number}.{uuid4().hex[:8]}@example.com" for number, when in enumerate(WHEN)}
        self.worker: Child | None = None
        self._who = who.replace(", ", "-").replace(" ", "-").lower()
        self._workers = 0

    def promise(self, *when: str) -> None:
        """Rows, and no bell: that is rung when the moment has come."""
        for one in when:
            key = self.ids[one]
            self.house.sql(PROMISE, [key, self._organization, self.address[one], f"crash:{key}"])

    def start_worker(self) -> None:
        self._workers += 1
        log = f"{self._who}-{self._workers}"
        self.worker = child = self.house.children.start(
            log,
            services.worker(log=log, concurrency=1).command,
            log=self.house.home / "logs" / f"{log}.log",
            environment=services.environment_of_services(self.house.env),
            folder=ROOT,
        )
        self.wait(lambda: services.worker().ready_words in child.output() or not child.running())
        assert child.running(), child.output()

    def ring(self) -> None:
        """What beat does every five seconds."""
        address = self.house.env["REDIS_URL"].replace("unix://", "redis+socket://", 1)
        with Celery("sender", broker=address, set_as_current=False) as app:
            app.conf.broker_transport_options = {"global_keyprefix": f"{self.house.env['REDIS_PREFIX']}:celery:"}
            app.send_task("notifications.sweep", queue="urgent", retry=False)

    def sent(self, *when: str) -> bool:
        found = self.house.sql(
            "SELECT count(*) FROM notifications_notification WHERE status = 'sent' AND id = ANY(%s)",
            [[self.ids[one] for one in when]],
        )
        return bool(found == [(len(when),)])

    def fate(self, when: str) -> Fate:
        ((status, maybe_twice),) = self.house.sql(
            "SELECT status, maybe_twice FROM notifications_notification WHERE id = %s", [self.ids[when]]
        )
        address = self.address[when]
        return Fate(status, maybe_twice, self.mail.taken[address], len(self.mail.ids[address]))

    def wait(self, condition: Callable[[], object]) -> None:
        assert wait_until(lambda: bool(condition()), seconds=PATIENCE_S), self.worker and self.worker.output()

    def let_time_pass(self, *, leases: bool = False) -> None:
        """Pauses before the next attempt are over; and leases of whoever is dead."""
        self.house.sql(
            "UPDATE notifications_outboxentry SET due_at = clock_timestamp() WHERE %s OR lease IS NULL", [leases]
        )

    @contextlib.contextmanager
    def everybody_in_place(self) -> Iterator[None]:
        """Each message is where it should be when somebody is killed. What holds them is gone at the end."""
        self.promise(AFTER)
        self.ring()
        self.wait(lambda: self.sent(AFTER))
        held = {CLAIMED: "rcpt", DURING: "data", ANSWERED: "data"}
        for when, moment in held.items():
            self.mail.hold(self.address[when], moment)
        self.promise(*held)
        self.ring()
        for when, moment in held.items():
            self.mail.wait_for(self.address[when], moment)
        with self._uncommitted(self.ids[ANSWERED]):
            self.promise(BEFORE)
            yield
        self.mail.release(*self.address.values())

    @contextlib.contextmanager
    def _uncommitted(self, key: UUID) -> Iterator[None]:
        """The provider says yes to this message, and what became of it can't be written down: its entry is locked."""
        with contextlib.suppress(psycopg.OperationalError), self.house.connect() as other, other.transaction():
            other.execute("SELECT FROM notifications_outboxentry WHERE notification_id = %s FOR UPDATE", [key])
            self.mail.release(self.address[ANSWERED])
            self.wait(lambda: _waiting_for_a_lock(self.house))
            yield


def _waiting_for_a_lock(house: Installation) -> list[int]:
    """Backends of workers that wait to settle."""
    found = house.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'freshtrack_app' AND wait_event_type = 'Lock'")
    return [pid for (pid,) in found]


def _sessions(house: Installation) -> set[int]:
    return {pid for (pid,) in house.sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")}


def _has_new_sessions(house: Installation, before: set[int]) -> bool:
    """Whether PostgreSQL has thrown out everybody and lets us in again."""
    with contextlib.suppress(psycopg.OperationalError):
        return not before & _sessions(house)
    return False


@pytest.fixture(scope="module")
def mail() -> Iterator[Provider]:
    with provider() as mail:
        yield mail


@pytest.fixture(scope="module")
def house(mail: Provider) -> Iterator[Installation]:
    with installation(durable=True, env={"EMAIL_URL": mail.url}) as house:
        yield house


@pytest.fixture(scope="module")
def organization(house: Installation) -> str:
    return str(house.furnish("told(pk=OrganizationFactory().pk)")["pk"])


def kill_worker(round_: Round) -> None:
    assert round_.worker is not None
    os.killpg(round_.worker.process.pid, signal.SIGKILL)
    round_.worker.process.wait()
    round_.house.children.forget(round_.worker)
    for when in (CLAIMED, DURING):
        round_.mail.wait_for(round_.address[when], GONE)


def kill_a_backend(round_: Round) -> None:
    """PostgreSQL ends all sessions and recovers by itself."""
    for pid in _waiting_for_a_lock(round_.house):
        os.kill(pid, signal.SIGKILL)


def kill_postgres(round_: Round) -> None:
    round_.house.kill_database()


def kill_redis(round_: Round) -> None:
    assert round_.house.embedded is not None
    server = round_.house.embedded.redis
    assert server is not None
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    server.start()


def survived(round_: Round) -> tuple[str, ...]:
    """What became of each message, when all are over and everybody was rung for once more."""
    round_.ring()
    round_.wait(lambda: round_.sent(*WHEN))
    taken = dict(round_.mail.taken)
    round_.ring()
    last = uuid4()
    round_.house.sql(PROMISE, [last, round_._organization, f"{last}@example.com", f"crash:{last}"])
    round_.ring()
    round_.wait(lambda: round_.mail.taken[f"{last}@example.com"])
    fates = {when: round_.fate(when) for when in WHEN}
    assert all(fate.ids == 1 for fate in fates.values()), fates
    assert all(round_.mail.taken[address] == taken[address] for address in round_.address.values())
    names = {(1, False): ONCE, (1, True): MARKED, (2, True): TWICE}
    return tuple(names.get((fate.taken, fate.maybe_twice), str(fate)) for fate in fates.values())


def of_workers(round_: Round) -> None:
    with round_.everybody_in_place():
        kill_worker(round_)
    round_.let_time_pass(leases=True)
    round_.start_worker()


def of_workers_that_are_asked(round_: Round) -> None:
    with round_.everybody_in_place():
        assert round_.worker is not None
        round_.worker.process.send_signal(signal.SIGTERM)
        round_.wait(lambda: round_.worker and "Warm shutdown" in round_.worker.output())
    assert round_.worker.process.wait(PATIENCE_S) == 0
    round_.house.children.forget(round_.worker)
    assert round_.sent(CLAIMED, DURING, ANSWERED, AFTER), "it finished what it had begun"
    round_.start_worker()


def of_others(kill: Callable[[Round], None]) -> Callable[[Round], None]:
    def play(round_: Round) -> None:
        before = _sessions(round_.house)
        with round_.everybody_in_place():
            kill(round_)
        # The provider says yes to the others while the database is away.
        if kill is kill_postgres:
            round_.house.start_database()
        if kill is not kill_redis:
            round_.wait(lambda: _has_new_sessions(round_.house, before))
        round_.wait(lambda: round_.sent(CLAIMED, DURING, ANSWERED, AFTER))

    return play


def of_providers(what: str) -> Callable[[Round], None]:
    def play(round_: Round) -> None:
        round_.promise(AFTER)
        round_.ring()
        round_.wait(lambda: round_.sent(AFTER))
        moments = {CLAIMED: "rcpt", DURING: "data", ANSWERED: "yes"}
        for when, moment in moments.items():
            round_.mail.order(what, round_.address[when], moment)
        round_.promise(*moments)
        round_.ring()
        keys = [round_.ids[when] for when in moments]
        failed = "SELECT count(*) FROM notifications_notification WHERE status = 'failed' AND id = ANY(%s)"
        round_.wait(lambda: round_.house.sql(failed, [keys]) == [(3,)])
        round_.promise(BEFORE)
        round_.let_time_pass()

    return play


PLAYS: Final = {
    "worker, SIGKILL": of_workers,
    "worker, SIGTERM": of_workers_that_are_asked,
    "Redis, SIGKILL": of_others(kill_redis),
    "PostgreSQL backend, SIGKILL": of_others(kill_a_backend),
    "PostgreSQL, SIGKILL": of_others(kill_postgres),
    "provider, reset": of_providers(RESET),
    "provider, hangs": of_providers(HANG),
}


def test_nothing_is_lost_and_nothing_doubled_unmarked_whoever_is_killed_whenever(
    house: Installation, mail: Provider, organization: str
) -> None:
    found: dict[str, tuple[str, ...]] = {}
    worker: Child | None = None
    for who, play in PLAYS.items():
        round_ = Round(house, mail, organization, who)
        round_.worker = worker
        if worker is None:
            round_.start_worker()
        play(round_)
        found[who] = survived(round_)
        worker = round_.worker
    print(table(found))
    assert found == EXPECTED


def table(found: dict[str, tuple[str, ...]]) -> str:
    """Who is killed, and when."""
    rows = [("", *WHEN), *((who, *fates) for who, fates in found.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(WHEN) + 1)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
