"""/admin/queues/ and its API: what waits, what failed, and what staff can do about it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.conf import settings as django_settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from freshtrack.queues import asking
from notifications.models import Attempt, Notification, Urgency
from organizations import counting
from organizations.models import Beat, FailedJob, User
from tests.admin.conftest import text_of
from tests.factories import MembershipFactory, NotificationFactory, UserFactory, as_system, fresh, token_of

pytestmark = pytest.mark.django_db

PAGE = "/admin/queues/"
API = "/api/v1/staff/queues/"


@pytest.fixture(autouse=True)
def broker() -> Iterator[Any]:
    """Redis as it is after a start: no bells, no workers, nothing counted."""
    cache.clear()
    client = counting.client()

    def clear() -> None:
        for key in [*client.scan_iter(asking.key_of("*")), *client.scan_iter(f"{django_settings.REDIS_PREFIX}:jobs:*")]:
            client.delete(key)

    clear()
    yield client
    clear()


@pytest.fixture
def away(settings: Any) -> Iterator[None]:
    """Redis doesn't answer."""
    settings.REDIS_URL = "redis://127.0.0.1:1"
    counting.client.cache_clear()
    yield
    counting.client.cache_clear()


def failed(number: int = 1, **fields: Any) -> FailedJob:
    with as_system():
        return FailedJob.objects.create(
            **{
                "task": "tests.nothing",
                "task_id": f"job-{number}",
                "queue": "bulk",
                "args": [1],
                "kwargs": {"b": 2},
                "error": "ValueError: it can't be",
                "traceback": "Traceback (most recent call last)",
                **fields,
            }
        )


def overview(staff: User) -> Any:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(staff)}")
    answer = client.get(API)
    assert answer.status_code == 200, answer.content
    return answer.json()


def of_queue(found: Any, name: str) -> Any:
    return next(queue for queue in found["queues"] if queue["queue"] == name)


# --- who -----------------------------------------------------------------------------------------------------------


def test_customers_and_strangers_see_no_queue(client: Client, staff: User) -> None:
    assert APIClient().get(API).status_code == 401
    for person in (MembershipFactory(role="owner").user, UserFactory(is_staff=True)):
        api = APIClient()
        api.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(person)}")
        assert api.get(API).status_code == 403
        assert api.post(API).status_code in (403, 405)
    client.force_login(UserFactory(is_staff=True))
    for address in (PAGE, f"{PAGE}part/"):
        assert client.get(address).status_code == 403
    client.force_login(MembershipFactory(role="owner").user)
    for address in (PAGE, f"{PAGE}part/"):
        assert client.get(address)["Location"].startswith("/admin/login/")
    client.force_login(staff)
    assert client.get(API).status_code == 200, "the page's own session will do"


def test_who_may_only_look_changes_nothing(client: Client, broker: Any) -> None:
    looker = UserFactory(is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_failedjob"))
    client.force_login(looker)
    current_app.send_task("tests.nothing", queue="bulk")
    job = failed()

    said = text_of(client.get(PAGE))
    assert "tests.nothing" in said
    assert "Purge" not in said
    assert client.post(PAGE, {"purge": "bulk", "typed": "bulk"}).status_code == 403
    assert client.post(PAGE, {"job": str(job.pk)}).status_code == 403

    assert broker.llen(asking.key_of("bulk")) == 1
    assert fresh(job).retried_at is None


# --- what is shown -------------------------------------------------------------------------------------------------


def test_depth_and_age_of_bells_and_of_rows(staff: User, broker: Any) -> None:
    for _ in range(3):
        current_app.send_task("tests.nothing", queue="bulk")
    message = json.loads(broker.lindex(asking.key_of("bulk"), -1))
    message["headers"]["sent_at"] = time.time() - 120
    broker.lset(asking.key_of("bulk"), -1, json.dumps(message))
    now = timezone.now()
    NotificationFactory(urgency=Urgency.URGENT, next_attempt_at=now - timedelta(seconds=90))
    NotificationFactory(urgency=Urgency.URGENT, next_attempt_at=now - timedelta(seconds=30))
    NotificationFactory(urgency=Urgency.BULK, next_attempt_at=now + timedelta(hours=1))

    found = overview(staff)

    assert [queue["queue"] for queue in found["queues"]] == ["urgent", "default", "bulk"]
    urgent, bulk = of_queue(found, "urgent"), of_queue(found, "bulk")
    assert (urgent["messages_due"], urgent["messages_later"], urgent["bells"]) == (2, 0, 0)
    assert 90 <= urgent["oldest_message_s"] < 120
    assert (bulk["messages_due"], bulk["messages_later"], bulk["bells"]) == (0, 1, 3)
    assert 120 <= bulk["oldest_bell_s"] < 150
    assert bulk["oldest_message_s"] is None


def test_signs_of_life_tell_beat_from_workers(staff: User) -> None:
    now = timezone.now()
    for name in ("beat", "worker:urgent", "worker:bulk"):
        Beat.objects.create(name=name, at=now)
    Beat.objects.create(name="worker:default", at=now - timedelta(minutes=5))

    found = overview(staff)
    assert found["beat"] == "ok"
    assert [queue["workers"] for queue in found["queues"]] == ["ok", "down", "ok"]
    ready = Client().get("/health/ready")
    assert (ready.status_code, ready.json()["checks"]["workers_default"]) == (503, "down")

    Beat.objects.filter(name="worker:default").update(at=now)
    assert Client().get("/health/ready").json() == {
        "status": "ok",
        "checks": {
            **{"database": "ok", "redis": "ok", "beat": "ok"},
            **{f"workers_{queue}": "ok" for queue in ("urgent", "default", "bulk")},
        },
    }

    Beat.objects.update(at=now - timedelta(minutes=5))
    checks = Client().get("/health/ready").json()["checks"]
    assert (checks["beat"], checks["workers_urgent"]) == ("down", "unknown"), "nobody asked them"
    assert "Beat is silent" in text_of(_office(staff).get(PAGE))


def _office(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def test_a_worker_that_does_not_answer_is_counted_and_waited_for_no_longer_than_a_moment(
    staff: User, broker: Any
) -> None:
    """As after a kill: Redis still knows where it listened."""
    broker.sadd(asking.key_of("_kombu.binding.celery.pidbox"), "\x06\x16\x06\x16celery@gone.celery.pidbox")
    found = overview(staff)
    assert (found["workers"], found["workers_silent"], found["running"]) == ([], 1, [])


def test_rates_of_tasks_and_of_messages(staff: User, broker: Any) -> None:
    minute = int(time.time() // 60)
    for ago, fields in ((0, {"n": 3, "ms": 600}), (30, {"n": 7, "ms": 400, "failed": 1}), (90, {"n": 99})):
        for kind, value in fields.items():
            key = f"{django_settings.REDIS_PREFIX}:jobs:{minute - ago}"
            broker.hset(key, f"urgent|notifications.sweep|{kind}", value)
    sent: Notification = NotificationFactory(status="sent", sent_at=timezone.now())
    with as_system():
        for outcome, seconds in (("sent", 5), ("sent", 600), ("failed", 600), ("sent", 7200)):
            Attempt.objects.create(
                notification=sent,
                number=1,
                at=timezone.now() - timedelta(seconds=seconds),
                duration_ms=1,
                channel="email",
                provider="smtp",
                outcome=outcome,
            )

    found = overview(staff)

    assert found["tasks"] == [
        {
            "task": "notifications.sweep",
            "queue": "urgent",
            "last_minute": 3,
            "last_hour": 10,
            "failed_last_hour": 1,
            "average_ms": 100.0,
        }
    ]
    rates = {rate["outcome"]: (rate["last_minute"], rate["last_hour"]) for rate in found["messages"]}
    assert rates == {"sent": (1, 2), "failed": (0, 1), "refused": (0, 0), "lost": (0, 0)}


def test_while_redis_is_away_rows_are_shown_all_the_same(staff: User, away: None) -> None:
    NotificationFactory(urgency=Urgency.URGENT)
    found = overview(staff)
    assert (found["redis"], found["jobs_in_hand"], of_queue(found, "urgent")["bells"]) == ("down", None, None)
    assert of_queue(found, "urgent")["messages_due"] == 1
    said = text_of(_office(staff).get(PAGE))
    assert "Redis doesn&#x27;t answer" in said or "Redis doesn't answer" in said


def test_many_messages_and_failures_cost_no_more_queries(office: Client) -> None:
    counts = []
    for round_ in range(2):
        for number in range(5):
            NotificationFactory()
            failed(10 * round_ + number)
        office.get(PAGE)
        with CaptureQueriesContext(connection) as queries:
            assert office.get(PAGE).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[1] <= 16


def test_a_part_of_the_page_is_fetched_without_the_rest(office: Client) -> None:
    failed()
    said = text_of(office.get(f"{PAGE}part/"))
    assert "<html" not in said
    assert 'data-failed="1"' in said


# --- what staff do -------------------------------------------------------------------------------------------------


def test_failed_jobs_are_sent_once_more_to_their_queue(office: Client, staff: User, broker: Any) -> None:
    first, second, third = (failed(number, organization_id=staff.pk) for number in (1, 2, 3))

    said = text_of(office.post(PAGE, {"job": [str(first.pk), str(second.pk), "nonsense"]}, follow=True))

    assert "Sent once more: 2 jobs." in said
    assert [fresh(job).retried_by for job in (first, second, third)] == [staff, staff, None]
    bells = [json.loads(text) for text in broker.lrange(asking.key_of("bulk"), 0, -1)]
    assert [bell["headers"]["task"] for bell in bells] == ["tests.nothing"] * 2
    assert {bell["headers"]["organization_id"] for bell in bells} == {str(staff.pk)}
    assert "'b': 2" in bells[0]["headers"]["kwargsrepr"]
    assert LogEntry.objects.filter(user=staff, change_message="Tried again.").count() == 2

    again = text_of(office.post(PAGE, {"job": str(first.pk)}, follow=True))
    assert "It was tried again already." in again
    assert broker.llen(asking.key_of("bulk")) == 2


def test_a_queue_is_purged_after_its_name_was_typed_and_no_message_is_lost(
    office: Client, staff: User, broker: Any
) -> None:
    waiting = NotificationFactory(urgency=Urgency.BULK)
    for _ in range(2):
        current_app.send_task("tests.nothing", queue="bulk")
    current_app.send_task("tests.nothing", queue="default")

    for typed in ("", "default", "BULK"):
        assert "type the name of the queue" in text_of(
            office.post(PAGE, {"purge": "bulk", "typed": typed}, follow=True)
        )
    assert "type the name" in text_of(office.post(PAGE, {"purge": "unacked", "typed": "unacked"}, follow=True))
    assert broker.llen(asking.key_of("bulk")) == 2

    assert "2 jobs forgotten" in text_of(office.post(PAGE, {"purge": "bulk", "typed": "bulk"}, follow=True))

    assert (broker.llen(asking.key_of("bulk")), broker.llen(asking.key_of("default"))) == (0, 1)
    assert of_queue(overview(staff), "bulk")["messages_due"] == 1
    assert fresh(waiting).status == "promised"
    assert LogEntry.objects.get(user=staff).change_message == "Purged: 2 jobs."


def test_without_redis_nothing_is_purged_and_somebody_says_so(office: Client, away: None) -> None:
    said = text_of(office.post(PAGE, {"purge": "bulk", "typed": "bulk"}, follow=True))
    assert "so nothing was purged" in said


def test_nobody_is_made_to_purge_by_another_page(staff: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)
    assert client.post(PAGE, {"purge": "bulk", "typed": "bulk"}).status_code == 403
