"""Secrets, and what changes with each reading, never get into the change log: looked up in the triggers themselves."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Final

import pytest
from django.db import connection
from django.utils import timezone

from ingest import native, pipeline
from ingest.authentication import Sender
from ingest.pipeline import Delivery
from organizations.models import ApiKey, Change, Invitation, Role
from organizations.permissions import SEEN_WITH
from tests.factories import MembershipFactory, RuleFactory, SensorFactory, as_system
from tests.organizations.people import base, client_of

pytestmark = pytest.mark.django_db

_SECRET: Final = re.compile(r"hash|secret|token|password|key|prefix|fingerprint|code|html|text|body")
# Columns that sound like secrets and are none, with the reason.
NO_SECRETS: Final = {
    "alerts_alert.cause_key": "which rule and unit",
    "organizations_apikey.prefix": "shown in lists, to recognise the key by; too short to guess the rest",
}
# What isn't in SEEN_WITH is for those who may read the audit trail.
# What people wish for themselves is nobody's business but theirs and the auditor's.
AUDIT_ONLY: Final = {"security_event", "notification_preference", "digest", "on_call_feed"}


def recorded() -> dict[str, tuple[str, set[str]]]:
    """Each table with a trigger of the change log: its entity, and the columns that get into it."""
    with connection.cursor() as db:
        db.execute(
            "SELECT t.tgrelid::regclass::text, encode(t.tgargs, 'escape'), array_agg(a.attname::text)"
            " FROM pg_trigger t JOIN pg_attribute a ON a.attrelid = t.tgrelid AND a.attnum > 0 AND NOT a.attisdropped"
            " WHERE t.tgname = 'record_change' GROUP BY 1, 2"
        )
        rows = db.fetchall()
    found = {}
    for table, arguments, columns in rows:
        entity, hidden = arguments.split("\\000")[:2]
        found[table] = (entity, set(columns) - set(hidden.strip("{}").split(",")))
    return found


def test_no_recorded_column_is_a_secret() -> None:
    suspects = {f"{table}.{column}" for table, (_, columns) in recorded().items() for column in columns}
    suspects = {column for column in suspects if _SECRET.search(column.split(".")[1])}
    assert suspects - set(NO_SECRETS) == set(), "hide it where the table gets its walls, or say why it is no secret"
    assert set(NO_SECRETS) <= suspects, "no longer needed"


def test_each_kind_of_row_says_who_may_see_it() -> None:
    entities = {entity for entity, _ in recorded().values()}
    assert entities == set(SEEN_WITH) | AUDIT_ONLY


def test_what_every_reading_changes_is_not_recorded() -> None:
    """Readings in every state of a sensor and an alert; what then stands in the log are moves, not values."""
    now = timezone.now()
    sensor = SensorFactory(serial="S")
    RuleFactory(organization=sensor.organization, delay_s=0)
    sender = Sender(sensor.organization_id, sensor.organization.number, True)

    def send(minute: int, temperature: float) -> None:
        at = now - timedelta(hours=1) + timedelta(minutes=minute)
        reading = {"sensor": "S", "recorded_at": at.isoformat(), "temperature": temperature, "battery": 100 - minute}
        decoded = native.decode(json.dumps({"readings": [reading]}).encode(), at=now)
        pipeline.store([Delivery(sender, decoded)], at=at)

    send(0, 3.0)
    send(1, 9.0)  # opens
    with as_system():
        before = Change.objects.count()
        assert Change.objects.filter(entity="alert", action="create").exists()
    for minute in range(2, 20):
        send(minute, 9.0 + minute)  # warmer with each: the peak, the newest values, the battery
    with as_system():
        assert Change.objects.count() == before
        shown = {name for row in Change.objects.all() for name in row.changes}
    assert not shown & {"temperature", "humidity", "battery", "last_reading_at", "last_received_at", "peak", "state"}


def test_secrets_that_the_api_gives_out_are_nowhere_in_the_log() -> None:
    owner = MembershipFactory(role=Role.OWNER)
    client = client_of(owner.user)
    made = client.post(f"{base(owner)}api-keys/", {"name": "Gateway", "scopes": ["ingest"]}, format="json")
    invited = client.post(
        f"{base(owner)}invitations/", {"email": "new@example.com", "role": "staff", "sites": None}, format="json"
    )
    assert (made.status_code, invited.status_code) == (201, 201)
    with as_system():
        hashes = [ApiKey.objects.get().hash, Invitation.objects.get().hash]
        log = json.dumps([row.changes for row in Change.objects.all()])
    assert "new@example.com" in log
    for secret in (made.json()["key"], *hashes, "/invitation/"):
        assert secret not in log
