"""Jobs: whose they are, in their log and their scope; what failed of them."""

from __future__ import annotations

import json
import logging
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from billiard.einfo import ExceptionInfo
from celery import Celery, shared_task
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from freshtrack import requests
from freshtrack.celery import app
from organizations import counting, failures, jobs
from organizations.models import FailedJob, Organization, User
from organizations.purging import purge
from organizations.tenancy import acting_in
from sensors.models import Site
from tests.factories import OrganizationFactory, SiteFactory, UserFactory, as_system, fresh

pytestmark = pytest.mark.django_db


@shared_task(name="tests.whose", bind=True)
def whose(self: Any, organization_id: str | None = None) -> str:
    return requests.current_organization()


def test_a_job_says_whose_it_is() -> None:
    mine = str(uuid.uuid4())
    assert whose.apply(kwargs={"organization_id": mine}).get() == mine
    assert whose.apply(headers={"organization_id": mine}).get() == mine
    assert whose.apply().get() == "-", "and the next one isn't taken for the same customer's"
    assert requests.current_organization() == "-"


def test_a_job_of_one_organization_carries_it_in_its_message() -> None:
    mine, queue = uuid.uuid4(), f"{settings.CELERY_BROKER_TRANSPORT_OPTIONS['global_keyprefix']}default"
    redis = counting.client()
    redis.delete(queue)
    whose.send_for(mine)
    headers = json.loads(redis.lindex(queue, 0) or "{}")["headers"]
    assert (headers["task"], headers["organization_id"]) == ("tests.whose", str(mine))
    assert headers["sent_at"] == pytest.approx(time.time(), abs=60), "how long it waits can be told"
    redis.delete(queue)


def test_what_acts_in_an_organization_is_logged_under_it() -> None:
    ours = OrganizationFactory()
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "something", (), None)
    with acting_in(ours):
        requests.RequestIdFilter().filter(record)
    assert record.organization == str(ours.pk)  # type: ignore[attr-defined]
    requests.RequestIdFilter().filter(record)
    assert record.organization == "-"  # type: ignore[attr-defined]


def test_a_job_of_one_organization_sees_that_one() -> None:
    ours, theirs = SiteFactory(), SiteFactory()
    with jobs.acting_in(ours.organization_id) as organization:
        assert organization == ours.organization
        assert list(Site.objects.all()) == [ours]
    assert theirs.organization_id != ours.organization_id


def test_a_job_of_an_organization_that_was_deleted_does_nothing() -> None:
    gone = OrganizationFactory(deleted_at=timezone.now())
    with pytest.raises(jobs.OrganizationIsGone), jobs.acting_in(gone.pk):
        raise AssertionError("it isn't there")


# --- failures ------------------------------------------------------------------------------------------------------


def fail(error: Exception, *args: Any, **kwargs: Any) -> FailedJob:
    """As a worker does when a task raises; tests/flows/test_workers.py has a real one."""
    try:
        raise error
    except Exception:
        einfo = ExceptionInfo(sys.exc_info())
    key = str(uuid.uuid4())
    failures.record(sender=purge, task_id=key, exception=error, args=args, kwargs=kwargs, einfo=einfo)
    return FailedJob.objects.get(task_id=key)


@pytest.fixture
def sam(db: None) -> User:
    user: User = UserFactory(is_staff=True)
    return user


def test_what_no_message_can_hold_is_kept_as_it_looked_and_never_sent(sam: User) -> None:
    job = fail(ValueError("a\x00zero"), Organization, [1, "b\x00c"], organization_id="not one", text="x")

    assert (job.task, job.queue, job.organization_id) == ("organizations.purge", "bulk", None)
    assert job.error == "ValueError: azero"
    assert "Organization" in str(job.args[0])
    assert (job.args[1], job.kwargs["text"]) == ([1, "bc"], "x")
    with pytest.raises(failures.NotRetryable, match="couldn't be kept"):
        failures.retry(job=job, by=sam, at=timezone.now())


def test_what_is_long_is_bounded(sam: User) -> None:
    job = fail(ValueError("e" * 5000), "a" * 30_000)
    assert len(job.error) == 1000
    assert len(str(job.args)) < 2000
    with pytest.raises(failures.NotRetryable):
        failures.retry(job=job, by=sam, at=timezone.now())


def test_it_is_tried_again_once(sam: User) -> None:
    job, now = fail(ValueError("no")), timezone.now()
    failures.retry(job=job, by=sam, at=now)
    assert (fresh(job).retried_by, fresh(job).retried_at) == (sam, now)
    with pytest.raises(failures.NotRetryable, match="already"):
        failures.retry(job=job, by=sam, at=now)


@pytest.fixture
def no_broker() -> Iterator[None]:
    """A port at which nobody listens."""
    away = Celery("away", broker="redis://127.0.0.1:1", set_as_current=False)
    away.conf.task_publish_retry = False
    away.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    away.set_current()
    yield
    app.set_current()
    away.close()


def test_without_the_broker_nobody_is_told_that_it_was_sent(sam: User, no_broker: None) -> None:
    job = fail(ValueError("no"))
    began = time.monotonic()
    with pytest.raises(failures.BrokerIsAway), transaction.atomic():
        failures.retry(job=job, by=sam, at=timezone.now())
    assert fresh(job).retried_at is None
    assert time.monotonic() - began < 4, "left to itself the client tries for six seconds"


def test_failures_are_forgotten_after_a_month(django_assert_max_num_queries: Any) -> None:
    with as_system():
        now = timezone.now()
        rows = [
            FailedJob(task="a", task_id=str(number), error="x", failed_at=now - timedelta(days=age))
            for number, age in enumerate((29, 31, 400))
        ]
        flood = [
            FailedJob(task="b", task_id=f"b{number}", error="x", failed_at=now - timedelta(seconds=number))
            for number in range(failures.KEPT_OF_A_TASK + 5)
        ]
        FailedJob.objects.bulk_create([*rows, *flood])

    with django_assert_max_num_queries(12):
        assert failures.forget_failures() == 2 + 5

    assert list(FailedJob.objects.filter(task="a").values_list("task_id", flat=True)) == ["0"]
    kept = FailedJob.objects.filter(task="b")
    assert kept.count() == failures.KEPT_OF_A_TASK
    assert kept.filter(task_id="b0").exists(), "the newest stay"
