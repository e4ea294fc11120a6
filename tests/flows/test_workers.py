"""Real workers and beats that are told to stop, killed, doubled: no job is lost, and what failed can be seen."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery

from freshtrack.embedded.processes import wait_until
from freshtrack.up import services
from freshtrack.up.children import Child
from tests.stack import ROOT, Stack, running_stack

PATIENCE_S = 60


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(processes=()) as stack:
        yield stack


@pytest.fixture
def broker(stack: Stack) -> Iterator[redis.Redis]:
    """The broker as it lies in Redis, empty at the beginning."""
    client = redis.Redis.from_url(stack.env["REDIS_URL"], decode_responses=True)
    for key in client.scan_iter(f"{prefix(stack)}*"):
        client.delete(key)
    yield client
    client.close()


@pytest.fixture
def sender(stack: Stack) -> Iterator[Celery]:
    """Somebody who rings, in the test's own process."""
    address = stack.env["REDIS_URL"].replace("unix://", "redis+socket://", 1)
    app = Celery("sender", broker=address, set_as_current=False)
    app.conf.broker_transport_options = {"global_keyprefix": prefix(stack)}
    yield app
    app.close()


@pytest.fixture
def start(stack: Stack) -> Iterator[Callable[..., Child]]:
    """Starts workers of the queue "default" that know the jobs of tests, and waits until they are ready."""
    started: list[Child] = []

    def start(**env: str) -> Child:
        log = f"worker-{len(started)}"
        service = services.worker("default", log=log, concurrency=1)
        child = stack.children.start(
            service.name,
            (*service.command, "--include", "tests.flows.jobs"),
            log=stack.home / "logs" / f"{log}.log",
            environment=services.environment_of_services({**stack.env, **env}),
            folder=ROOT,
        )
        started.append(child)
        wait(lambda: service.ready_words in child.output() or not child.running(), child)
        assert child.running(), child.output()
        return child

    yield start
    for child in started:
        if child.running():
            child.process.kill()
        stack.children.forget(child)


def prefix(stack: Stack) -> str:
    return f"{stack.env['REDIS_PREFIX']}:celery:"


def wait(condition: Callable[[], Any], child: Child) -> None:
    assert wait_until(condition, seconds=PATIENCE_S), child.output()


def told(folder: Path) -> list[str]:
    path = folder / "told"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def waiting(stack: Stack, broker: redis.Redis) -> tuple[int, int]:
    """How many jobs wait, and how many a worker has and hasn't acknowledged."""
    return int(broker.llen(f"{prefix(stack)}default")), int(broker.hlen(f"{prefix(stack)}unacked"))


def test_a_worker_that_is_told_to_stop_finishes_what_it_does(
    stack: Stack, broker: redis.Redis, sender: Celery, start: Callable[..., Child], tmp_path: Path
) -> None:
    worker = start()
    for _ in range(2):
        sender.send_task("tests.linger", args=[str(tmp_path)], queue="default")
    wait(lambda: told(tmp_path) == ["began"], worker)

    worker.process.send_signal(signal.SIGTERM)
    wait(lambda: "Warm shutdown" in worker.output(), worker)
    worker.process.send_signal(signal.SIGTERM)  # supervisors ask again
    assert not wait_until(lambda: not worker.running(), seconds=1), "it waits for its job"
    began = time.monotonic()
    (tmp_path / "enough").touch()

    assert worker.process.wait(PATIENCE_S) == 0
    assert time.monotonic() - began < 10, "and for nothing else"
    assert told(tmp_path) == ["began", "ended"]
    assert waiting(stack, broker) == (1, 0), "the one that hadn't begun waits for another worker"


def test_what_takes_too_long_is_given_back_before_the_worker_is_killed(
    stack: Stack, broker: redis.Redis, sender: Celery, start: Callable[..., Child], tmp_path: Path
) -> None:
    worker = start(WORKER_GRACE_S="1")
    sender.send_task("tests.linger", args=[str(tmp_path)], queue="default")
    wait(lambda: told(tmp_path) == ["began"], worker)

    worker.process.send_signal(signal.SIGTERM)
    worker.process.wait(PATIENCE_S)

    assert told(tmp_path) == ["began"]
    assert waiting(stack, broker) == (1, 0), worker.output()
    (tmp_path / "enough").touch()
    wait(lambda: told(tmp_path) == ["began", "began", "ended"], start())


def test_a_job_whose_process_dies_begins_anew(
    stack: Stack, broker: redis.Redis, sender: Celery, start: Callable[..., Child], tmp_path: Path
) -> None:
    worker = start()
    sender.send_task("tests.linger", args=[str(tmp_path)], queue="default")
    wait(lambda: told(tmp_path) == ["began"], worker)

    os.kill(int((tmp_path / "told").read_text().split()[1]), signal.SIGKILL)

    wait(lambda: told(tmp_path) == ["began", "began"], worker)
    (tmp_path / "enough").touch()
    wait(lambda: waiting(stack, broker) == (0, 0), worker)
    assert told(tmp_path) == ["began", "began", "ended"]


def test_a_job_of_a_worker_that_was_killed_is_given_to_another_in_time(
    stack: Stack, broker: redis.Redis, sender: Celery, start: Callable[..., Child], tmp_path: Path
) -> None:
    worker = start()
    sender.send_task("tests.linger", args=[str(tmp_path)], queue="default")
    wait(lambda: told(tmp_path) == ["began"], worker)

    os.killpg(worker.process.pid, signal.SIGKILL)
    worker.process.wait()
    assert waiting(stack, broker) == (0, 1), "nobody knows yet that it died"
    # Half an hour passes.
    (held,) = broker.zrange(f"{prefix(stack)}unacked_index", 0, -1)
    broker.zadd(f"{prefix(stack)}unacked_index", {held: time.time() - 2400})

    (tmp_path / "enough").touch()
    wait(lambda: told(tmp_path) == ["began", "began", "ended"], start())


def test_what_failed_is_kept_with_its_organization_and_can_be_tried_again(
    stack: Stack, broker: redis.Redis, sender: Celery, start: Callable[..., Child], tmp_path: Path
) -> None:
    worker = start()
    whose = "0190a1b2-0000-7000-8000-000000000001"
    sender.send_task(
        "tests.fail",
        args=[str(tmp_path)],
        kwargs={"organization_id": whose},
        queue="default",
    )
    wait(lambda: stack.sql("SELECT 1 FROM organizations_failedjob"), worker)

    query = (
        "SELECT task, queue, organization_id::text, args, kwargs, error, traceback, task_id"
        " FROM organizations_failedjob"
    )
    ((task, queue, organization, args, kwargs, error, traceback, task_id),) = stack.sql(query)
    assert (task, queue, organization) == ("tests.fail", "default", whose)
    assert (args, kwargs) == ([str(tmp_path)], {"organization_id": whose})
    assert error == "NotYet: sent to /verify-email/… in vain", "no secret"
    assert "raise NotYet(" in traceback
    assert "026160" not in traceback + worker.output()
    said = next(line for line in worker.output().splitlines() if line.endswith("the job says something"))
    assert f"[{task_id} {whose}]" in said, "whose job it was, in every line of its log"

    (tmp_path / "enough").touch()
    stack.manage("shell", "--no-imports", "-c", RETRY)
    wait(lambda: told(tmp_path) == ["ended"], worker)
    ((by, at),) = stack.sql("SELECT retried_by_id IS NOT NULL, retried_at IS NOT NULL FROM organizations_failedjob")
    assert (by, at) == (True, True)


def test_what_is_urgent_waits_behind_nothing(stack: Stack, broker: redis.Redis, sender: Celery, tmp_path: Path) -> None:
    """The two workers of `make up`, of which one has its hands full."""
    slow, quick = tmp_path / "slow", tmp_path / "quick"
    for folder in (slow, quick):
        folder.mkdir()
    (quick / "enough").touch()
    workers = [
        stack.children.start(
            service.name,
            (*service.command, "--include", "tests.flows.jobs"),
            log=stack.home / "logs" / f"both-{service.log}.log",
            environment=services.environment_of_services(stack.env),
            folder=ROOT,
        )
        for service in services.workers()
    ]
    try:
        wait(lambda: all(" ready." in worker.output() for worker in workers), workers[0])
        for _ in range(500):
            sender.send_task("tests.linger", args=[str(slow)], queue="bulk")
        wait(lambda: len(told(slow)) == 2, workers[1])

        sender.send_task("tests.linger", args=[str(quick)], queue="urgent")

        wait(lambda: told(quick) == ["began", "ended"], workers[0])
        assert told(slow) == ["began", "began"], "which hold up the other messages, and nobody else"
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.wait()
            stack.children.forget(worker)


RETRY = """
from django.db import transaction
from django.utils import timezone
from organizations import failures
from organizations.models import FailedJob, User
sam = User.objects.create_user("sam@freshtrack.example", is_staff=True)
with transaction.atomic():
    failures.retry(job=FailedJob.objects.get(), by=sam, at=timezone.now())
"""


def test_two_beats_do_no_harm(stack: Stack, broker: redis.Redis) -> None:
    def signs() -> dict[str, float]:
        rows = stack.sql("SELECT name, extract(epoch FROM clock_timestamp() - at)::float FROM organizations_beat")
        return dict(rows)

    def start_beat(name: str) -> Child:
        service = services.beat()
        return stack.children.start(
            name,
            service.command,
            log=stack.home / "logs" / f"{name}.log",
            environment=services.environment_of_services(stack.env),
            folder=ROOT,
        )

    stack.sql("DELETE FROM organizations_beat")
    stack.start("worker")
    beats = [start_beat("beat-1"), start_beat("beat-2")]
    everybody = {"beat", "worker:urgent", "worker:default", "worker:bulk"}
    wait(lambda: everybody <= signs().keys(), stack.running["worker"])
    rung = "SELECT sum(total_run_count) FROM django_celery_beat_periodictask"
    wait(
        lambda: min(beat.output().count("notifications.sweep") for beat in beats) >= 2,
        beats[1],
    )

    names = [name for (name,) in stack.sql("SELECT name FROM django_celery_beat_periodictask")]
    assert len(names) == len(set(names))
    assert all("Traceback" not in log for log in (*(beat.output() for beat in beats), stack.log("worker")))
    assert stack.sql(rung)[0][0] is not None
    assert stack.sql("SELECT error FROM organizations_failedjob WHERE task <> 'tests.fail'") == []

    # One of them stops: the other goes on, and nobody misses anything.
    beats[0].process.send_signal(signal.SIGKILL)
    stack.sql("DELETE FROM organizations_beat")
    wait(lambda: everybody <= signs().keys(), beats[1])
    for beat in beats:
        beat.process.kill()
        beat.process.wait()
        stack.children.forget(beat)
