"""A new release takes over what the former one had promised, through the real migrations as in production."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.doors import Installation, installation
from tests.stack import ROOT

# The last of the release that had no outbox.
FORMER = "0005"


def migrate(house: Installation, *command: str) -> None:
    """As the owner of the tables, whom row-level security shows no row."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**house.env, "DATABASE_URL": house.env["MIGRATION_DATABASE_URL"]},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif("FRESHTRACK_TEST_HOME" not in os.environ, reason="makes a database of its own")
def test_what_waited_when_a_release_was_replaced_is_sent_by_the_next() -> None:
    statuses = ("promised", "failed", "sending", "sent", "dead")
    with installation() as house:
        house.furnish(
            "from tests.factories import NotificationFactory\n"
            f"for number, status in enumerate({statuses}):\n"
            "    NotificationFactory(subject=status, attempts=number, urgency=0)\n"
            "told()"
        )
        migrate(house, "manage.py", "migrate", "notifications", FORMER)
        house.sql(
            "UPDATE notifications_notification SET status = subject,"
            " claimed_until = CASE subject WHEN 'sending' THEN now() END,"
            " sent_at = CASE subject WHEN 'sent' THEN now() END"
        )

        migrate(house, "-m", "freshtrack.up.migrations")

        waiting = house.sql(
            "SELECT n.subject, n.status, n.maybe_twice, o.attempts, o.urgency = n.urgency,"
            " o.due_at = n.next_attempt_at, o.organization_id = n.organization_id"
            " FROM notifications_outboxentry o JOIN notifications_notification n ON n.id = o.notification_id"
            " ORDER BY o.attempts"
        )
        rows = house.sql("SELECT status FROM notifications_notification ORDER BY attempts")
    same = (True, True, True)
    assert waiting == [
        ("promised", "promised", False, 0, *same),
        ("failed", "failed", False, 1, *same),
        ("sending", "failed", True, 2, *same),  # nobody knows whether it arrived
    ]
    assert [status for (status,) in rows] == ["promised", "failed", "failed", "sent", "dead"]
