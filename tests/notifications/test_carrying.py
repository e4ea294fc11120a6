"""Whatever a channel does, and whatever happens meanwhile: every message is settled once, or goes back unsent."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from types import FrameType

import psycopg
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection
from django.utils import timezone

from freshtrack.embedded.processes import wait_until
from notifications import outbox
from notifications.channels import NotNow, Parcel, Send, Sent
from notifications.models import Attempt, Notification, NotificationStatus, OutboxEntry, Outcome, Urgency
from notifications.outbox import claiming
from notifications.outbox.carrying import Carried, carry
from notifications.outbox.claiming import Claim
from tests.factories import NotificationFactory, as_system, fresh
from tests.outbox import make_due
from tests.stack import superuser

pytestmark = pytest.mark.django_db

SENT, FAILED, PROMISED = NotificationStatus.SENT, NotificationStatus.FAILED, NotificationStatus.PROMISED


class Courier:
    """A channel that does what a test says."""

    PROVIDER = "courier"

    def __init__(self, send: Send, *, at_once: int = 2, enter: Callable[[], None] = lambda: None) -> None:
        self.AT_ONCE = at_once
        self._send, self._enter = send, enter

    @contextmanager
    def carrier(self) -> Iterator[Send]:
        self._enter()
        yield self._send


def yes(parcel: Parcel) -> Sent:
    return Sent(f"courier-{parcel.id}")


def claimed(most: int = 100) -> Claim:
    with as_system():
        return claiming.claim(urgency=Urgency.DEFAULT, most=most)


def statuses() -> dict[str, int]:
    with as_system():
        found = list(Notification.objects.values_list("status", flat=True))
    return {status: found.count(status) for status in set(found)}


def waiting() -> list[tuple[bool, int]]:
    """Of what waits: whether it is leased, and its attempts."""
    with as_system():
        return [(entry.lease is not None, entry.attempts) for entry in OutboxEntry.objects.all()]


def out_of_order() -> None:
    raise OSError("the line is dead")


def test_a_channel_that_cannot_even_begin_fails_its_messages_and_holds_up_nobody() -> None:
    NotificationFactory.create_batch(5)
    assert carry(claimed(), channels={"email": Courier(yes, enter=out_of_order)}) == Carried(0)
    assert statuses() == {FAILED: 5}
    assert waiting() == [(False, 1)] * 5
    with as_system():
        assert {attempt.detail for attempt in Attempt.objects.all()} == {"Its carrier broke down: OSError"}


def test_a_carrier_that_breaks_down_leaves_the_rest_to_the_others() -> None:
    NotificationFactory.create_batch(20)
    first = threading.Lock()

    def once() -> None:
        if first.acquire(blocking=False):
            raise OSError("one connection too many")

    assert carry(claimed(), channels={"email": Courier(yes, enter=once)}).sent == 20
    assert statuses() == {SENT: 20}


def test_a_channel_that_wants_to_end_the_process_only_fails_its_message() -> None:
    rows = NotificationFactory.create_batch(3)

    def send(parcel: Parcel) -> Sent:
        if parcel.id == rows[0].pk:
            raise SystemExit("goodbye")
        return yes(parcel)

    assert carry(claimed(), channels={"email": Courier(send, at_once=2)}).sent == 2
    assert (fresh(rows[0]).status, fresh(rows[1]).status, fresh(rows[2]).status) == (FAILED, SENT, SENT)


def test_whatever_a_provider_says_it_is_written_down_that_it_answered() -> None:
    good, bad = NotificationFactory(), NotificationFactory()

    def send(parcel: Parcel) -> Sent:
        if parcel.id == bad.pk:
            raise OSError('NUL \x00, half a character \ud800, "quotes" \\ {braces}, NULL' + "…" * 3000)
        return Sent("\x00" + "long" * 100, code="x" * 100)

    assert carry(claimed(), channels={"email": Courier(send)}).sent == 1
    assert fresh(good).provider_id == ("long" * 100)[:200]
    assert fresh(bad).last_error.startswith('OSError: NUL , half a character ?, "quotes" \\ {braces}, NULL…')
    with as_system():
        assert Attempt.objects.get(notification=good).code == "x" * 32


def test_a_message_that_is_deleted_while_it_is_sent_keeps_nobody_from_being_settled() -> None:
    rows = NotificationFactory.create_batch(3)
    claim = claimed()
    with as_system():
        rows[0].organization.delete()
    assert carry(claim, channels={"email": Courier(yes)}).sent == 3
    assert statuses() == {SENT: 2}
    with as_system():
        assert Attempt.objects.count() == 2


def test_what_a_provider_that_hangs_keeps_waiting_goes_back_and_is_no_attempt() -> None:
    NotificationFactory.create_batch(6)
    enough = threading.Event()

    def hang(parcel: Parcel) -> Sent:
        enough.wait(10)
        raise TimeoutError("no answer")

    threading.Timer(0.3, enough.set).start()
    got = carry(claimed(), channels={"email": Courier(hang, at_once=2)}, begin_within_s=0.1)
    assert got == Carried(0, frozenset({"email"}))
    assert statuses() == {FAILED: 2, PROMISED: 4}
    assert sorted(waiting()) == [(False, 0)] * 4 + [(False, 1)] * 2
    assert len(claimed().messages) == 4, "due at once, and nobody thinks that they may have arrived"


def test_the_messages_of_a_channel_that_hangs_can_be_left_out() -> None:
    NotificationFactory(channel="email")
    other = NotificationFactory(channel="sms")
    with as_system():
        claim = claiming.claim(urgency=Urgency.DEFAULT, most=10, without=["email"])
    assert [message.parcel.id for message in claim.messages] == [other.pk]


def test_nothing_is_begun_under_a_lease_that_is_ending() -> None:
    NotificationFactory.create_batch(2)
    claim = claimed()
    late = replace(claim, at=claim.at - claiming.LEASE.total_seconds() + 1)
    assert carry(late, channels={"email": Courier(yes)}).sent == 0
    assert (statuses(), waiting()) == ({PROMISED: 2}, [(False, 0)] * 2)


def test_what_may_kill_its_senders_is_sent_alone_and_after_the_others() -> None:
    NotificationFactory.create_batch(4)
    for _ in range(3):
        assert len(claimed().messages) == 4
        make_due()
    NotificationFactory.create_batch(4)
    lock, busy, most, order = threading.Lock(), 0, 0, list[int]()

    def send(parcel: Parcel) -> Sent:
        nonlocal busy, most
        with lock:
            busy += 1
            order.append(parcel.attempt)
            most = max(most, busy) if parcel.attempt > 1 else most
        time.sleep(0.01)
        with lock:
            busy -= 1
        return yes(parcel)

    assert carry(claimed(), channels={"email": Courier(send, at_once=4)}).sent == 8
    assert (order, most) == ([1] * 4 + [4] * 4, 1)
    with as_system():
        assert Notification.objects.filter(maybe_twice=True).count() == 4
        lost = Attempt.objects.filter(outcome=Outcome.LOST)
        assert sorted(lost.values_list("number", flat=True)) == [1] * 4 + [2] * 4 + [3] * 4


def test_whoever_vanishes_with_a_message_too_often_ends_it() -> None:
    row = NotificationFactory()
    for _ in range(claiming.MOST_LOST):
        claimed()
        make_due()
    assert carry(claimed(), channels={"email": Courier(yes)}).sent == 0
    assert (fresh(row).status, fresh(row).last_error) == (
        NotificationStatus.DEAD,
        "Its sender vanished 20 times: given up.",
    )


def test_a_worker_that_is_out_of_time_settles_what_comes_back_and_leaves_the_rest_to_others() -> None:
    NotificationFactory.create_batch(6)
    begun, enough = list[Parcel](), threading.Event()

    def send(parcel: Parcel) -> Sent:
        begun.append(parcel)
        enough.wait(10)
        return yes(parcel)

    def out_of_time(_signal: int, _frame: FrameType | None) -> None:
        raise SoftTimeLimitExceeded  # as Celery does

    def watch() -> None:
        assert wait_until(lambda: len(begun) == 2, seconds=10)
        os.kill(os.getpid(), signal.SIGUSR1)
        enough.set()

    before = signal.signal(signal.SIGUSR1, out_of_time)
    try:
        threading.Thread(target=watch).start()
        with pytest.raises(SoftTimeLimitExceeded):
            carry(claimed(), channels={"email": Courier(send, at_once=2)})
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert 2 <= statuses()[SENT] == len(begun)
    assert waiting() == [(False, 0)] * (6 - len(begun)), "nobody thinks that they may have arrived"


def test_what_may_have_arrived_unheard_is_marked_before_it_is_sent_again() -> None:
    row, other = NotificationFactory(), NotificationFactory()

    def send(parcel: Parcel) -> Sent:
        raise NotNow("the line broke", unheard=parcel.id == row.pk)

    carry(claimed(), channels={"email": Courier(send)})
    assert (fresh(row).status, fresh(row).maybe_twice) == (FAILED, True)
    assert (fresh(other).status, fresh(other).maybe_twice) == (FAILED, False)


def test_when_it_was_tried_is_told_by_the_clock_of_the_database() -> None:
    row = NotificationFactory()
    carry(claimed(), channels={"email": Courier(yes)})
    with as_system():
        attempt = Attempt.objects.get(notification=row)
    assert attempt.at <= fresh(row).sent_at <= timezone.now() + timedelta(seconds=1)


class TestWithoutADatabase:
    pytestmark = pytest.mark.django_db(transaction=True)

    def test_what_was_sent_meanwhile_is_written_down_when_it_is_back(self) -> None:
        rows = NotificationFactory.create_batch(4)
        claim = claimed()
        database = connection.settings_dict["NAME"]
        gone = threading.Event()

        def send(parcel: Parcel) -> Sent:
            if not gone.is_set():
                gone.set()
                _lock_out(database)
                threading.Timer(1.0, _let_in, [database]).start()
            return yes(parcel)

        assert carry(claim, channels={"email": Courier(send, at_once=1)}).sent == 4
        assert statuses() == {SENT: 4}
        with as_system():
            assert Attempt.objects.count() == 4
        assert not fresh(rows[0]).maybe_twice

    def test_a_message_is_not_resent_while_a_former_resend_is_under_way(self) -> None:
        row = NotificationFactory(status=NotificationStatus.DEAD)
        with as_system():
            OutboxEntry.objects.all().delete()
            assert outbox.resend_all(ids=[row.pk], at=timezone.now()) == [row.pk]
        claim = claimed()
        with as_system():
            assert outbox.resend_all(ids=[row.pk], at=timezone.now()) == []
        carry(claim, channels={"email": Courier(yes)})
        with as_system():
            assert outbox.resend_all(ids=[row.pk], at=timezone.now()) == []
        assert waiting() == []


def _lock_out(database: str) -> None:
    """Nobody but the superuser is let in, and whoever is in is thrown out: as when the server restarts."""
    with superuser() as everything:
        everything.execute(psycopg.sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(_name(database)))
        everything.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            [database],
        )
    assert wait_until(lambda: not _sessions(database), seconds=10)


def _sessions(database: str) -> int:
    with superuser() as everything:
        row = everything.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [database]).fetchone()
    return int(row[0]) if row else 0


def _let_in(database: str) -> None:
    with superuser() as everything:
        everything.execute(psycopg.sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(_name(database)))


def _name(database: str) -> psycopg.sql.Identifier:
    return psycopg.sql.Identifier(database)
