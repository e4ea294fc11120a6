"""`python -m bench.promising ORGANIZATION COUNT PAUSE_S`: promise urgent messages as the product does, one at a time.

Prints the moment of each commit by message, as JSON: seconds since 1970.
"""

from __future__ import annotations

import json
import sys
import time
from uuid import UUID, uuid4

import django
from django.db import transaction

django.setup()

from django.utils import timezone  # noqa: E402

from notifications import outbox  # noqa: E402
from notifications.models import ContactMethod, Urgency  # noqa: E402
from organizations.tenancy import acting_as_system  # noqa: E402


def promise(organization: UUID) -> tuple[str, float]:
    """One message; the bell rings on commit. Returns its id and when it was committed."""
    moments: list[float] = []
    # No row of its own: the message has the address.
    contact = ContactMethod(pk=None, kind="webhook", address="https://nobody.example/")
    with acting_as_system("seeding"):
        # Before the bell, which is rung on commit as well.
        transaction.on_commit(lambda: moments.append(time.time()))
        row = outbox.promise(
            outbox.Message(
                organization_id=organization,
                contact=contact,
                event="alert.opened",
                about="",
                subject="Cooler 1 is too warm",
                text="It is 8 °C.",
                urgency=Urgency.URGENT,
            ),
            dedupe_key=f"bench:{uuid4()}",
            at=timezone.now(),
        )
    assert row is not None
    return str(row.pk), moments[0]


if __name__ == "__main__":
    whose, count, pause_s = UUID(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    promise(whose)  # opens connections
    time.sleep(1)
    told = {}
    for _ in range(count):
        key, moment = promise(whose)
        told[key] = moment
        time.sleep(pause_s)
    print(json.dumps(told))
