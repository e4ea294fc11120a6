"""Promised messages: how many a second are claimed, handed over and settled, and how soon an urgent one is on its way.

Through real Celery workers, with channels that reach nobody (courier.py, slow_courier.py) or a slow mail server
(slow_mail.py). Beside it BullMQ, where BENCH_PEERS has it, with a Redis of its own.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from celery import Celery

from bench import machine
from bench.figures import latency
from bench.house import House
from bench.node import Peers
from bench.sizes import Sizes
from freshtrack.embedded.processes import wait_until
from freshtrack.embedded.redis import binary
from freshtrack.up import services
from freshtrack.up.children import Child
from tests.stack import ROOT

URGENT, DEFAULT, BULK = 0, 1, 2
QUEUES: Final = ("urgent", "default", "bulk")
NOOP, SLOW, MAIL = "webhook", "slack", "email"
PATIENCE_S: Final = 900.0
WARM_UP: Final = 2000
URGENT_PAUSE_S: Final = 0.02
BULLMQ: Final = "bullmq_bench.js"
BULLMQ_AT_ONCE: Final = 50
# Where a peer that asks nobody looks for Redis.
BULLMQ_REDIS: Final = 6390

# The page of the product's own e-mails: as long as an alarm's, and no easier to compress.
PAGE: Final = (ROOT / "templates" / "email" / "base.html").read_text()
PROMISE: Final = """
INSERT INTO notifications_notification (id, organization_id, channel, "to", event, about, subject, text, html, urgency,
  dedupe_key, status, attempts, next_attempt_at, provider_id, last_error, created_at)
SELECT uuidv7(), %s, %s, 'cook-' || number || '@example.com', 'alert.opened', 'alert:' || number,
  'Cooler 1 is too warm', 'It is 8.0 °C, more than 5.0 °C for 15 minutes.' || chr(10) || repeat('More about it. ', 20),
  '<p>It is 8.0 °C, more than 5.0 °C for 15 minutes.</p>' || %s, %s,
  'bench:' || gen_random_uuid(), 'promised', 0, clock_timestamp(), '', '', clock_timestamp()
FROM generate_series(1, %s) AS number
"""
TABLES: Final = ("notifications_notification", "notifications_outboxentry", "notifications_attempt")


class OutboxBench:
    """One organization with much to tell."""

    def __init__(self, house: House, sizes: Sizes, peers: Peers | None) -> None:
        self._house, self._sizes, self._peers = house, sizes, peers
        with house.database() as database:
            row = database.execute("SELECT id FROM organizations_organization LIMIT 1").fetchone()
        assert row is not None
        self._organization = row[0]

    def measure(self) -> dict[str, Any]:
        """What is repeated, contestants in turn."""
        self._forget()
        return {
            "bullmq": self._bullmq(),
            "one": self._throughput(1),
            "two": self._throughput(2),
            "urgent": self._urgent(),
            "beside_bulk": self._beside_bulk(),
        }

    def slow_provider(self) -> dict[str, Any]:
        """Through the product's e-mail channel, to a mail server that thinks for 50 ms: in two processes."""
        count = self._sizes.slow_messages
        with _slow_mail() as server:
            port = int(server.stdout.readline())  # type: ignore[union-attr]
            with self._worker("default", concurrency=2, EMAIL_URL=f"smtp://127.0.0.1:{port}") as worker:
                self._promise(MAIL, DEFAULT, count)
                began, memory = time.monotonic(), 0.0
                self._ring(DEFAULT, times=2)
                while not self._all_sent():
                    assert time.monotonic() - began < PATIENCE_S
                    memory = max(memory, machine.memory_of_family_mb(worker.process.pid))
                    time.sleep(0.2)
                seconds = time.monotonic() - began
            told, _ = server.communicate(timeout=30)
        got = json.loads(told)
        return {"seconds": round(seconds, 1), "memory_mb": round(memory), "promised": count, **got}

    def _throughput(self, processes: int) -> dict[str, Any]:
        count = self._sizes.promised
        with self._worker("bulk", concurrency=processes) as worker:
            self._drained(min(WARM_UP, count), processes)
            self._promise(NOOP, BULK, count)
            before = machine.cpu_seconds(worker.process.pid), machine.cpu_seconds(self._house.postgres_pid)
            updated = self._updates()
            began = self._now()
            self._drain(processes)
            after = machine.cpu_seconds(worker.process.pid), machine.cpu_seconds(self._house.postgres_pid)
            hot = self._updates()
        with self._house.database() as database:
            row = database.execute(
                "SELECT count(*), extract(epoch FROM max(sent_at)) FROM notifications_notification"
                " WHERE sent_at >= to_timestamp(%s)",
                [began],
            ).fetchone()
        assert row is not None
        assert row[0] == count, f"{count} were promised and {row[0]} sent"
        return {
            "messages_a_second": round(count / (float(row[1]) - began)),
            "cpu_ms_a_1000": {
                who: round((late - early) * 1e6 / count, 1)
                for who, early, late in zip(("worker", "postgres"), before, after, strict=True)
            },
            "hot": round((hot[1] - updated[1]) / max(1, hot[0] - updated[0]), 2),
            "load_average": machine.load_average(),
        }

    def _urgent(self) -> dict[str, Any]:
        """From the commit to the channel, one message at a time."""
        with self._worker("urgent", concurrency=1):
            return self._latency()

    def _beside_bulk(self) -> dict[str, Any]:
        """The same while bulk messages, and as many jobs, wait for their own worker: as `make up` runs them."""
        count = self._sizes.bulk_jobs
        # What beat wanted while other parts were measured isn't done here: it would alert of silence.
        self._empty(*QUEUES)
        with self._worker("urgent", concurrency=1):
            # Before anybody works on them: to ring so often takes a while.
            self._promise(SLOW, BULK, count)
            self._ring(BULK, times=count)
            with self._worker("default", "bulk", concurrency=2, is_empty=False):
                got = self._latency()
                waiting = self._waiting()
        self._forget()
        return {**got, "still_waiting": waiting}

    def _latency(self) -> dict[str, Any]:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "bench.promising", str(self._organization)),
                *(str(self._sizes.urgent), str(URGENT_PAUSE_S)),
            ],
            cwd=ROOT,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        committed: dict[str, float] = json.loads(done.stdout)
        query = (
            "SELECT notification_id::text, extract(epoch FROM at)::float8 FROM notifications_attempt"
            " WHERE outcome = 'sent' AND notification_id = ANY(%s::uuid[])"
        )

        def begun() -> dict[str, float]:
            with self._house.database() as database:
                return dict(database.execute(query, [list(committed)]).fetchall())

        assert wait_until(lambda: len(begun()) == len(committed), seconds=60)
        return latency([moment - committed[key] for key, moment in begun().items()])

    # --- the outbox ---------------------------------------------------------------------------------------------------

    def _drained(self, count: int, processes: int) -> None:
        self._promise(NOOP, BULK, count)
        self._drain(processes)

    def _drain(self, bells: int) -> None:
        self._ring(BULK, times=bells)
        end = time.monotonic() + PATIENCE_S
        with self._house.database() as database:
            # Seldom asked, over one connection: rows tell when the last one was sent.
            while database.execute("SELECT FROM notifications_outboxentry LIMIT 1").fetchone() is not None:
                assert time.monotonic() < end
                time.sleep(0.1)

    def _promise(self, channel: str, urgency: int, count: int) -> None:
        """Rows as the product's own promises make them; what autovacuum would do, before the clock starts."""
        with self._house.database() as database:
            database.execute(PROMISE, [self._organization, channel, PAGE, urgency, count])
            for table in TABLES:
                database.execute(f"VACUUM (ANALYZE) {table}".encode())
            database.execute("CHECKPOINT")

    def _all_sent(self) -> bool:
        with self._house.database() as database:
            return database.execute("SELECT FROM notifications_outboxentry LIMIT 1").fetchone() is None

    def _waiting(self) -> int:
        with self._house.database() as database:
            row = database.execute("SELECT count(*) FROM notifications_outboxentry").fetchone()
        return int(row[0]) if row else 0

    def _forget(self) -> None:
        """What still waits, of alerts that other parts opened, too: each measurement begins with nothing."""
        with self._house.database() as database:
            database.execute("DELETE FROM notifications_outboxentry")

    def _now(self) -> float:
        with self._house.database() as database:
            row = database.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        assert row is not None
        return float(row[0])

    def _updates(self) -> tuple[int, int]:
        """Of messages: how many rows were changed, and how many of them without touching an index."""
        with self._house.database() as database:
            row = database.execute(
                "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'notifications_notification'"
            ).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

    # --- who is rung for ----------------------------------------------------------------------------------------------

    def _ring(self, urgency: int, *, times: int) -> None:
        env = self._house.stack.env
        address = env["REDIS_URL"].replace("unix://", "redis+socket://", 1)
        with Celery("bench", broker=address, set_as_current=False) as app:
            app.conf.broker_transport_options = {"global_keyprefix": f"{env['REDIS_PREFIX']}:celery:"}
            with app.producer_pool.acquire(block=True) as producer:
                for _ in range(times):
                    app.send_task("notifications.drain", args=[urgency], queue=QUEUES[urgency], producer=producer)

    def _environment(self, **more: str) -> dict[str, str]:
        env = {**self._house.stack.env, "DJANGO_SETTINGS_MODULE": "bench.outbox_settings", **more}
        return services.environment_of_services(env)

    @contextlib.contextmanager
    def _worker(self, *queues: str, concurrency: int, is_empty: bool = True, **env: str) -> Iterator[Child]:
        """A Celery worker with the bench's channels, for as long as it is needed; nothing waits for it at first."""
        service = services.worker(*queues, log=f"bench-{queues[-1]}", concurrency=concurrency)
        if is_empty:
            self._empty(*queues)
        stack = self._house.stack
        child = stack.children.start(
            service.name,
            service.command,
            log=stack.home / "logs" / f"{service.log}.log",
            environment=self._environment(**env),
            folder=ROOT,
        )
        try:
            _wait(lambda: service.ready_words in child.output() or not child.running())
            assert child.running(), child.obituary()
            yield child
        finally:
            child.process.kill()
            child.process.wait()
            stack.children.forget(child)
            self._empty(*queues)

    def _empty(self, *queues: str) -> None:
        env = self._house.stack.env
        address = env["REDIS_URL"].replace("unix://", "redis+socket://", 1)
        with Celery("bench", broker=address, set_as_current=False) as app:
            app.conf.broker_transport_options = {"global_keyprefix": f"{env['REDIS_PREFIX']}:celery:"}
            with app.connection_for_write() as connection:
                for queue in queues:
                    connection.default_channel.queue_purge(queue)

    # --- the peer -----------------------------------------------------------------------------------------------------

    def _bullmq(self) -> dict[str, Any] | None:
        """Jobs a second of BullMQ, one process with fifty at once; None where there is none."""
        if self._peers is None or not (self._peers.folder / BULLMQ).is_file():
            return None
        with _redis() as port:
            done = subprocess.run(
                ["node", BULLMQ, str(self._sizes.bullmq_jobs), str(BULLMQ_AT_ONCE)],
                cwd=self._peers.folder,
                env={**self._house.stack.env, "REDIS_PORT": str(port), "NODE_ENV": "production"},
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
        assert done.returncode == 0, done.stderr
        got: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return {
            "jobs_a_second": got["process_s"],
            "cpu_ms_a_1000": got["worker_cpu_ms_per_1000"],
            "p99_ms": got["lat_p99_ms"],
        }


def _wait(condition: Callable[[], object]) -> None:
    assert wait_until(lambda: bool(condition()), seconds=60)


@contextlib.contextmanager
def _redis() -> Iterator[int]:
    """A Redis that keeps what it is told as the product's does, on loopback."""
    with tempfile.TemporaryDirectory(prefix="bench-redis-") as folder:
        port = BULLMQ_REDIS
        process = subprocess.Popen(
            [
                *(str(binary()), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder),
                *("--appendonly", "yes", "--appendfsync", "everysec"),
            ],
            stdout=subprocess.DEVNULL,
        )
        try:
            _wait(lambda: _accepts(port) or process.poll() is not None)
            assert process.poll() is None, f"Redis can't start on port {port}."
            yield port
        finally:
            process.terminate()
            process.wait(10)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def _slow_mail() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.slow_mail"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
