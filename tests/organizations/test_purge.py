"""A deleted organization is gone for good after a month: everything of it, and nothing of its neighbours."""

from __future__ import annotations

import time
from datetime import time as time_of_day
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, models
from django.utils import timezone

from alerts.models import (
    Alert,
    AlertEvent,
    EscalationPolicy,
    Mute,
    OnCallFeed,
    OnCallOverride,
    OnCallSchedule,
    RuleOverride,
    RuleState,
    ShiftSwap,
)
from freshtrack.celery import app
from notifications.models import (
    Attempt,
    Digest,
    InboxItem,
    Notification,
    NotificationPreference,
    OutboxEntry,
    ProviderEvent,
)
from organizations import founding, purging, slugs
from organizations.models import (
    Change,
    FormerSlug,
    IdempotentAnswer,
    LegalHold,
    Membership,
    Organization,
    SecurityEvent,
)
from organizations.owned import OwnedModel
from sensors.models import Arrival, Gateway, Reading, ReadingDay, ReadingHour, Sensor, Site
from tests.factories import NOON, NotificationFactory, OrganizationFactory, SensorFactory, UserFactory, as_system, fresh
from tests.tenancy.test_walls import fill

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(days=31)


def filled(**fields: Any) -> Organization:
    """An organization with a row in every table that has an organization."""
    organization: Organization = OrganizationFactory(**fields)
    fill(organization)
    with as_system():
        member = Membership.objects.get(organization=organization)
        alert = Alert.objects.select_related("unit").get(organization=organization)
        rows = {"organization": organization}
        FormerSlug.objects.create(**rows, slug=f"old-{organization.slug}")
        SecurityEvent.objects.create(**rows, kind="tried", user=member.user)
        IdempotentAnswer.objects.create(**rows, user=member.user, key="k", fingerprint="f")
        Gateway.objects.create(**rows, serial="G")
        LegalHold.objects.create(**rows, reason="A recall", lifted_at=NOON)
        _tell(organization, member)
        sensor = Sensor.objects.get(organization=organization)
        summary = {**rows, "sensor": sensor, "count": 1, "total": 300, "humidity_count": 0, "humidity_total": 0}
        ReadingHour.objects.create(**summary, hour=NOON)
        ReadingDay.objects.create(**summary, day=NOON.replace(hour=0))
        Arrival.objects.create(**rows, sensors=[sensor.pk], hours=[1])
        alert.muted_by = Mute.objects.create(**rows, starts_at=NOON, ends_at=NOON)
        alert.parent = alert
        alert.save(update_fields=["muted_by", "parent"])
        AlertEvent.objects.create(**rows, alert=alert, event="opened", at=NOON)
        override = {"rule": alert.rule, "unit": alert.unit, "threshold": 4.0, "reason": "Stock-taking"}
        RuleOverride.objects.create(**rows, **override, expires_at=timezone.now() + timedelta(days=1))
        RuleState.objects.create(**rows, rule=alert.rule, unit=alert.unit, cause_key=f"{alert.pk}", state={})
        _call(organization, member)
    return organization


def _call(organization: Organization, member: Membership) -> None:
    """Somebody is on duty, and called."""
    rows = {"organization": organization}
    EscalationPolicy.objects.create(**rows, name="Night", steps=[])
    schedule = OnCallSchedule.objects.create(**rows, name="Kitchen", time_zone="UTC")
    times = {"starts_at": NOON, "ends_at": NOON + timedelta(hours=1)}
    OnCallOverride.objects.create(**rows, **times, schedule=schedule, user=member.user)
    ShiftSwap.objects.create(**rows, **times, schedule=schedule, offered_by=member.user, taken_by=UserFactory())
    OnCallFeed.objects.create(**rows, schedule=schedule, user=member.user, hash=f"{organization.pk}", prefix="ftc_")


def _tell(organization: Organization, member: Membership) -> None:
    """A message of the organization was tried, and its provider told what became of it."""
    rows = {"organization": organization}
    message = Notification.objects.get(**rows)
    message.item = InboxItem.objects.create(**rows, user=member.user, event="alert.opened", dedupe_key=f"{message.pk}")
    message.save(update_fields=["item"])
    tried = {"number": 1, "at": NOON, "duration_ms": 5, "channel": "email", "provider": "smtp", "outcome": "sent"}
    Attempt.objects.create(**rows, **tried, notification=message)
    heard = {"provider": "mailgun", "kind": "delivered", "recipient": message.to, "notification": message}
    ProviderEvent.objects.create(**heard, event_id=f"{message.pk}")
    Digest.objects.create(**rows, user=member.user, period="daily", at=time_of_day(7), next_at=NOON)
    NotificationPreference.objects.create(**rows, user=member.user, severity="info", channels=["email"])


def left_of(organization: Organization) -> dict[str, int]:
    """How many rows each table has of it, by what the database itself knows about its columns."""
    found = {}
    with as_system(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT a.attisdropped"
            " AND c.relnamespace = 'public'::regnamespace AND a.attname IN ('organization_id', 'organization_number')"
        )
        for table, column in cursor.fetchall():
            value = organization.number if column == "organization_number" else organization.pk
            cursor.execute(f'SELECT count(*) FROM "{table}" WHERE "{column}" = %s', [value])
            found[table] = cursor.fetchone()[0]
        found["organizations_organization"] = Organization.objects.filter(pk=organization.pk).count()
    return {table: count for table, count in found.items() if count}


def store_readings(sensor: Sensor, number: int) -> None:
    with as_system(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sensors_reading (sensor_id, recorded_at, organization_number, delay_s, temperature)"
            " SELECT %s, %s::timestamptz - make_interval(secs => 60 * n), %s, 1, 300 FROM generate_series(1, %s) AS n",
            [sensor.pk, NOON, sensor.organization.number, number],
        )


class TestWhatRemains:
    def test_nothing_but_the_change_log(self) -> None:
        gone, neighbour = filled(deleted_at=timezone.now() - LONG_AGO), filled()
        before = left_of(neighbour)
        assert {model._meta.db_table for model in purging.tables()} <= set(left_of(gone)), "make a row in filled()"
        assert purging.purge() == 1
        assert set(left_of(gone)) == {"organizations_change"}
        assert left_of(neighbour) == before

    def test_nothing_that_providers_told_of_its_messages(self) -> None:
        filled(deleted_at=timezone.now() - LONG_AGO)
        neighbour = filled()
        assert purging.purge() == 1
        with as_system():
            heard = ProviderEvent.objects.values_list("notification__organization", flat=True)
            assert list(heard) == [neighbour.pk]

    def test_a_message_that_is_older_than_the_summary_it_is_a_part_of(self) -> None:
        """Two servers' clocks differ; and it is left for another batch."""
        gone = OrganizationFactory(deleted_at=timezone.now() - LONG_AGO)
        part = NotificationFactory(organization=gone)
        with as_system():
            others = [
                Notification(organization=gone, channel="email", status="dead", dedupe_key=f"{gone.pk}:{number}")
                for number in range(purging.BATCH)
            ]
            Notification.objects.bulk_create(others)
            Notification.objects.filter(pk=part.pk).update(summary=others[-1])
        assert purging.purge() == 1
        assert set(left_of(gone)) == {"organizations_change"}

    def test_its_address_is_free_again(self) -> None:
        gone = filled(deleted_at=timezone.now() - LONG_AGO, slug="blue-fish")
        with as_system():
            assert slugs.free(among=["blue-fish", "old-blue-fish", "new-fish"]) == ["new-fish"]
        purging.purge()
        with as_system():
            assert slugs.free(among=["blue-fish", "old-blue-fish"]) == ["blue-fish", "old-blue-fish"]
            assert not Organization.objects.filter(pk=gone.pk).exists()

    def test_the_change_log_says_that_rows_went_and_not_what_stood_in_them(self) -> None:
        gone = filled(deleted_at=timezone.now() - LONG_AGO, name="Secret Kitchen")
        purging.purge()
        with as_system():
            removed = {c.entity: c.changes for c in Change.objects.filter(organization=gone, action="delete")}
        assert set(removed) >= {"site", "unit", "sensor", "membership", "api_key", "alert", "organization"}
        assert [entity for entity, changes in removed.items() if changes] == []

    def test_an_ordinary_deletion_still_says_what_stood_there(self) -> None:
        gone, neighbour = filled(deleted_at=timezone.now() - LONG_AGO), filled()
        purging.purge()
        with as_system():
            IdempotentAnswer.objects.all().delete()
            site = Site.objects.create(organization=neighbour, name="Empty")
            site_id = str(site.pk)
            site.delete()
            deleted = Change.objects.get(organization=neighbour, entity_id=site_id, action="delete")
        assert deleted.changes["name"]["before"] == "Empty"
        assert fresh(neighbour).deleted_at is None
        assert not left_of(gone).get("sensors_site")


class TestWhen:
    def test_not_while_an_owner_can_bring_it_back(self) -> None:
        recent = filled(deleted_at=timezone.now() - founding.RESTORABLE + timedelta(minutes=1))
        living = filled()
        assert purging.purge() == 0
        assert "sensors_site" in left_of(recent)
        assert "sensors_site" in left_of(living)

    def test_twice_is_the_same_as_once(self) -> None:
        filled(deleted_at=timezone.now() - LONG_AGO)
        assert (purging.purge(), purging.purge()) == (1, 0)

    def test_an_interrupted_purge_goes_on_where_it_stopped(self) -> None:
        gone = filled(deleted_at=timezone.now() - LONG_AGO)
        assert not purging.remove(organization=gone, until=time.monotonic())
        assert "organizations_organization" in left_of(gone)
        for _ in range(100):
            if purging.remove(organization=gone, until=time.monotonic()):
                break
        assert set(left_of(gone)) == {"organizations_change"}

    def test_an_organization_that_staff_brought_back_is_left_alone(self) -> None:
        saved = filled(deleted_at=timezone.now() - LONG_AGO)
        with as_system():
            Organization.objects.filter(pk=saved.pk).update(deleted_at=None)
        before = left_of(saved)
        with pytest.raises(purging.NotDeleted):
            purging.remove(organization=saved)
        assert left_of(saved) == before

    def test_beat_rings_for_it(self) -> None:
        rung = {entry["task"] for entry in settings.TIMETABLE.values()}
        assert "organizations.purge" in rung & set(app.tasks)


class TestTheOrder:
    def test_every_owned_model_is_in_it(self) -> None:
        owned = {model for model in apps.get_models() if issubclass(model, OwnedModel)}
        assert owned | {Reading, ReadingHour, ReadingDay, Arrival, Attempt, OutboxEntry} == set(purging.tables())
        assert {FormerSlug, SecurityEvent, IdempotentAnswer} <= set(purging.tables())

    def test_what_refers_to_a_row_goes_before_the_row(self) -> None:
        order = purging.tables()
        for model in order:
            for field in model._meta.concrete_fields:
                referred = field.related_model
                if isinstance(field, models.ForeignKey) and referred in order and referred is not model:
                    assert order.index(model) < order.index(referred), f"{model.__name__}.{field.name}"

    def test_a_message_is_out_of_the_outbox_before_its_attempts_go(self) -> None:
        """Whoever settles needs the entry: no attempt is written after them, which nobody would delete."""
        order = purging.tables()
        assert order.index(OutboxEntry) < order.index(Attempt) < order.index(Notification)


@pytest.mark.django_db(transaction=True)
def test_twenty_thousand_readings_go_in_short_transactions() -> None:
    gone = filled(deleted_at=timezone.now() - LONG_AGO)
    neighbour = filled()
    for sensor in [SensorFactory(unit__area__site__organization=gone) for _ in range(4)]:
        store_readings(sensor, 5000)
    with as_system():
        kept = Sensor.objects.get(organization=neighbour)
    store_readings(kept, 3000)
    longest = 0.0
    moments = [time.monotonic()]

    def clock(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal longest
        if "set_config('role'" in sql:
            moments.append(time.monotonic())  # a transaction begins
        result = execute(sql, params, many, context)
        longest = max(longest, time.monotonic() - moments[-1])
        return result

    with connection.execute_wrapper(clock):
        assert purging.purge() == 1
    print(f"\n20,000 readings purged in {len(moments) - 1} transactions, the longest {longest * 1000:.0f} ms")
    assert longest < 2.0
    assert set(left_of(gone)) == {"organizations_change"}
    assert left_of(neighbour)["sensors_reading"] == 3001
