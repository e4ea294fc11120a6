"""Beat's timetable: laid once, then staff's."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from freshtrack.up.services import QUEUES
from organizations import timetable

pytestmark = pytest.mark.django_db

TIMES: dict[str, dict[str, Any]] = {
    "sweep": {"task": "notifications.sweep", "schedule": timedelta(seconds=5)},
    "purge": {"task": "organizations.purge", "schedule": timedelta(minutes=5), "queue": "bulk", "args": [1]},
}


@pytest.fixture(autouse=True)
def empty() -> None:
    PeriodicTask.objects.all().delete()


def row(name: str) -> PeriodicTask:
    found: PeriodicTask = PeriodicTask.objects.select_related("interval").get(name=name)
    return found


def every(name: str) -> timedelta:
    found = row(name).interval
    return timedelta(**{found.period: found.every})


def test_what_the_settings_name_is_laid_and_a_second_time_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("lay_schedules")
    assert set(PeriodicTask.objects.values_list("name", flat=True)) == set(settings.TIMETABLE)
    assert {name: every(name) for name in settings.TIMETABLE} == {
        name: entry["schedule"] for name, entry in settings.TIMETABLE.items()
    }
    assert (row("heartbeat of bulk").queue, row("heartbeat of bulk").args) == ("bulk", '["bulk"]')
    capsys.readouterr()

    call_command("lay_schedules")

    assert capsys.readouterr().out == "The timetable is as it should be.\n"


def test_a_bell_that_nobody_hears_for_long_is_dropped() -> None:
    timetable.lay(TIMES)
    assert row("sweep").expire_seconds == 30, "a worker that comes back doesn't run each sweep that it missed"
    assert row("purge").expire_seconds == 300, "and what is rare isn't dropped before its next time"


def test_what_staff_changed_stays() -> None:
    timetable.lay(TIMES)
    slow, _ = IntervalSchedule.objects.get_or_create(every=1, period="hours")
    PeriodicTask.objects.filter(name="sweep").update(interval=slow)
    PeriodicTask.objects.filter(name="purge").update(interval=None, crontab=CrontabSchedule.objects.create(hour="3"))
    PeriodicTask.objects.create(name="of staff", task="organizations.purge", interval=slow)

    laid = timetable.lay({name: {**entry, "schedule": timedelta(seconds=7)} for name, entry in TIMES.items()})

    assert (laid.changed, laid.removed, sorted(laid.left)) == ([], [], ["purge", "sweep"])
    assert every("sweep") == timedelta(hours=1)
    timetable.lay({"other": TIMES["sweep"]})
    assert set(PeriodicTask.objects.values_list("name", flat=True)) == {"sweep", "purge", "of staff", "other"}


def test_what_nobody_touched_follows_a_new_release_and_stays_off() -> None:
    timetable.lay(TIMES)
    PeriodicTask.objects.filter(name="sweep").update(enabled=False)

    laid = timetable.lay({"sweep": {**TIMES["sweep"], "schedule": timedelta(minutes=2)}})

    assert (laid.changed, laid.removed) == (["sweep"], ["purge"])
    assert (every("sweep"), row("sweep").enabled) == (timedelta(minutes=2), False)


def test_rows_of_former_releases_are_taken_over() -> None:
    seconds, _ = IntervalSchedule.objects.get_or_create(every=10, period="seconds")
    PeriodicTask.objects.create(name="heartbeat", task="organizations.heartbeat", interval=seconds)
    PeriodicTask.objects.create(name="deliver what was promised", task="notifications.sweep", interval=seconds)

    laid = timetable.lay({"deliver what was promised": TIMES["sweep"]})

    assert (laid.removed, laid.changed) == (["heartbeat"], ["deliver what was promised"])
    assert every("deliver what was promised") == timedelta(seconds=5)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_lay_each_row_once() -> None:
    failed: list[Exception] = []

    def lay() -> None:
        try:
            timetable.lay(TIMES)
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=lay) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert PeriodicTask.objects.count() == 2


# --- which queue ---------------------------------------------------------------------------------------------------


def tasks() -> list[str]:
    current_app.loader.import_default_modules()
    return sorted(name for name in current_app.tasks if not name.startswith(("celery.", "tests.")))


def test_every_task_of_the_house_has_its_queue() -> None:
    routed = {task: route["queue"] for task, route in settings.CELERY_TASK_ROUTES.items()}
    assert [task for task in tasks() if task not in routed] == [], "say in CELERY_TASK_ROUTES how urgent it is"
    assert set(routed) == set(tasks())
    assert set(routed.values()) <= set(settings.QUEUES)
    assert settings.QUEUES == QUEUES, "and `make up` has workers for each"
    assert {entry["task"] for entry in settings.TIMETABLE.values()} <= set(tasks())


def test_no_job_may_take_longer_than_the_broker_waits_for_its_worker() -> None:
    """Beyond that a second worker would begin it beside the first."""
    patience = settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]
    for name in tasks():
        task = current_app.tasks[name]
        soft = task.soft_time_limit or settings.CELERY_TASK_SOFT_TIME_LIMIT
        hard = task.time_limit or settings.CELERY_TASK_TIME_LIMIT
        assert soft < hard < patience, name
        assert task.acks_late, name
        assert task.reject_on_worker_lost, name
