"""Refused readings are kept, with what is needed to see why; however a gateway misbehaves, they stay few and cheap."""

from __future__ import annotations

import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from freshtrack.celery import app
from ingest import native, pipeline, quarantine, tts
from ingest.authentication import Sender
from ingest.models import QuarantinedReading
from ingest.pipeline import Delivery, Outcome
from ingest.quarantine import Refused
from ingest.samples import Decoded
from organizations.models import ApiKey, LegalHold, Organization
from organizations.tenancy import acting_as_system
from sensors.models import Sensor
from tests.factories import (
    NOON,
    OrganizationFactory,
    QuarantinedReadingFactory,
    SensorFactory,
    as_system,
    key_of,
)

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(days=1)


def reading(minute: float = 0, temperature: Any = 3.4, *, sensor: str = "S", **more: Any) -> dict[str, Any]:
    moment = (NOON + timedelta(minutes=minute)).isoformat()
    return {"sensor": sensor, "recorded_at": moment, "temperature": temperature, **more}


def body(*readings: Any) -> bytes:
    return msgspec.json.encode({"readings": list(readings)})


def store(
    organization: Organization,
    decoded: Decoded,
    *,
    at: datetime = LATER,
    key: UUID | None = None,
    form: str = "readings",
) -> Outcome:
    sender = Sender(organization.pk, organization.number, True, key)
    return pipeline.store([Delivery(sender, decoded, form)], at=at)[0]


def post(organization: Organization, *readings: Any, at: datetime = LATER, key: UUID | None = None) -> Outcome:
    return store(organization, native.decode(body(*readings), at=at), at=at, key=key)


def kept(organization: Organization) -> list[QuarantinedReading]:
    with as_system():
        rows = QuarantinedReading.objects.filter(organization=organization).select_related("key")
        return list(rows.order_by("code", "serial", "recorded_at", "pk"))


def refused(organization: Organization, payload: bytes = b'{"sensor": "S"}', **changes: Any) -> Refused:
    one = Refused(organization.pk, None, "readings", "invalid", "Expected `float`.", payload)
    return one._replace(**changes)


def keep(*several: Refused, at: datetime = LATER) -> int:
    with as_system():
        return quarantine.keep(several, at=at)


class TestWhatIsKept:
    def test_a_refused_reading_says_what_was_sent_by_whom_and_why_it_was_refused(self) -> None:
        sensor = SensorFactory(serial="S")
        key_of(sensor.organization)
        with as_system():
            key = ApiKey.objects.get(organization=sensor.organization)
        sent = {**reading(temperature=999), "note": "left by the gateway"}
        outcome = post(sensor.organization, reading(5), sent, key=key.pk)
        assert (outcome.accepted, [r.code for r in outcome.rejected]) == (1, ["out_of_range"])
        [row] = kept(sensor.organization)
        assert (row.code, row.detail) == ("out_of_range", "temperature 999.0 is outside -200 to 200 °C.")
        assert (row.serial, row.channel, row.recorded_at) == ("S", "0", NOON)
        assert (row.sensor_id, row.site_id) == (sensor.public_id, sensor.site_id)
        assert (row.format, row.payload, row.state, row.times) == ("readings", sent, "kept", 1)
        assert (row.key, row.first_received_at, row.last_received_at) == (key, LATER, LATER)

    @pytest.mark.parametrize(
        ("sent", "code", "serial", "recorded_at"),
        [
            (reading(temperature="3.4"), "invalid", "S", NOON),
            ({**reading(), "recorded_at": "2026-11-20 12:00"}, "invalid", "S", None),
            ({**reading(), "recorded_at": "0001-01-01T00:00:00+14:00"}, "too_old", "S", None),
            (reading(sensor="x" * 65), "invalid", "", NOON),
            (reading(sensor=17), "invalid", "", NOON),  # type: ignore[arg-type]
            ("not a reading", "invalid", "", None),
            ([1, 2], "invalid", "", None),
            (None, "invalid", "", None),
            (reading(temperature=None), "missing_value", "S", NOON),
            (reading(temperature=-127), "sensor_fault", "S", NOON),
            (reading(3 * 24 * 60), "in_future", "S", NOON + timedelta(days=3)),
            ({**reading(), "recorded_at": "1999-12-31T00:00:00Z"}, "too_old", "S", datetime(1999, 12, 31, tzinfo=UTC)),
        ],
    )
    def test_each_code_with_what_can_be_read_of_it(
        self, sent: Any, code: str, serial: str, recorded_at: datetime | None
    ) -> None:
        organization = OrganizationFactory()
        assert [r.code for r in post(organization, sent).rejected] == [code]
        [row] = kept(organization)
        assert (row.code, row.serial, row.recorded_at, row.payload) == (code, serial, recorded_at, sent)

    def test_a_contradiction_is_kept_and_what_is_stored_stays(self) -> None:
        organization = OrganizationFactory()
        post(organization, reading(0, 3.4, humidity=80, battery=93))
        outcome = post(organization, reading(0, 9.91, humidity=81, battery=90, door_open=False))
        assert [r.code for r in outcome.rejected] == ["conflict"]
        [row] = kept(organization)
        assert row.payload == {
            "sensor": "S",
            "recorded_at": NOON.isoformat(),
            "temperature": 9.91,
            "humidity": 81.0,
            "battery": 90,
            "door_open": False,
        }
        with as_system():
            assert Sensor.objects.get().temperature == 3.4

    def test_a_power_on_value_is_kept(self) -> None:
        organization = OrganizationFactory()
        post(organization, reading(0, 3.4))
        post(organization, reading(5, 85))
        [row] = kept(organization)
        assert (row.code, row.payload["temperature"]) == ("sensor_fault", 85)

    def test_a_request_in_which_everything_is_refused_is_kept_too(self) -> None:
        organization = OrganizationFactory()
        outcome = post(organization, reading(temperature=999), reading(5, "warm"))
        assert len(outcome.rejected) == len(kept(organization)) == 2

    def test_a_measurement_of_an_uplink_is_kept_in_the_native_spelling(self) -> None:
        organization = OrganizationFactory()
        event = {
            "end_device_ids": {"dev_eui": "a84041000181c061"},
            "received_at": "2026-11-20T12:00:00Z",
            "uplink_message": {"decoded_payload": {"TempC1": -327.68}},
        }
        store(organization, tts.decode(msgspec.json.encode(event), at=LATER), form="ttn")
        [fault] = kept(organization)
        assert (fault.format, fault.serial, fault.channel) == ("ttn", "A84041000181C061", "1")
        assert fault.payload == {
            "sensor": "A84041000181C061",
            "channel": "1",
            "recorded_at": NOON.isoformat(),
            "temperature": -327.68,
        }

    def test_an_uplink_without_a_device_is_kept_without_a_serial(self) -> None:
        organization = OrganizationFactory()
        event = {"received_at": "2026-11-20T12:00:00Z", "uplink_message": {"decoded_payload": {"temperature": 3}}}
        store(organization, tts.decode(msgspec.json.encode(event), at=LATER), form="ttn")
        [row] = kept(organization)
        assert (row.code, row.serial, row.payload["temperature"]) == ("invalid", "", 3)


class TestRepeats:
    def test_the_same_reading_refused_again_counts_instead_of_filling_the_list(self) -> None:
        organization = OrganizationFactory()
        wrong = reading(temperature=999)
        post(organization, wrong, wrong)
        post(organization, wrong, at=LATER + timedelta(minutes=5))
        [row] = kept(organization)
        assert (row.times, row.first_received_at) == (3, LATER)
        assert row.last_received_at == LATER + timedelta(minutes=5)

    def test_another_code_or_another_value_is_another_row(self) -> None:
        organization = OrganizationFactory()
        post(organization, reading(temperature=999), reading(temperature=998), reading(temperature="999"))
        assert len(kept(organization)) == 3

    def test_what_was_decided_stays_decided_and_the_next_one_is_a_new_row(self) -> None:
        organization = OrganizationFactory()
        post(organization, reading(temperature=999))
        with as_system():
            QuarantinedReading.objects.update(state="discarded")
        post(organization, reading(temperature=999))
        assert sorted((row.state, row.times) for row in kept(organization)) == [("discarded", 1), ("kept", 1)]

    def test_two_organizations_with_the_same_reading_have_a_row_each(self) -> None:
        one, other = OrganizationFactory(), OrganizationFactory()
        keep(refused(one), refused(other), refused(other))
        assert [row.times for row in kept(one)] == [1]
        assert [row.times for row in kept(other)] == [2]

    def test_a_sensor_that_was_claimed_meanwhile_is_known_from_then_on(self) -> None:
        organization = OrganizationFactory()
        keep(refused(organization))
        assert kept(organization)[0].site_id is None
        sensor = SensorFactory(serial="S", unit__area__site__organization=organization)
        keep(refused(organization))
        [row] = kept(organization)
        assert (row.site_id, row.sensor_id) == (sensor.site_id, sensor.public_id)

    def test_the_count_does_not_run_over(self) -> None:
        organization = OrganizationFactory()
        keep(refused(organization))
        with as_system():
            QuarantinedReading.objects.update(times=2**31 - 2)
        keep(refused(organization), refused(organization), refused(organization))
        assert kept(organization)[0].times == 2**31 - 1


class TestWhatAPayloadMayHold:
    @pytest.mark.parametrize(
        "payload",
        [
            b'{"sensor": "S\\u0000", "note": "\\u0000"}',
            b'{"sensor": "\\ud800"}',
            b'{"sensor": "S", "temperature": 1e400}',
            b'{"sensor": "S", "temperature": -1e-99999}',
            b'{"sensor": "\xff\xfe"}',
            b'{"a":' * 900 + b"1" + b"}" * 900,
            b"\x00\x01",
            b"",
        ],
        ids=["nul", "half a surrogate", "large", "small", "not utf-8", "deep", "binary", "nothing"],
    )
    def test_whatever_is_sent_can_be_kept_and_read_again(self, payload: bytes) -> None:
        organization = OrganizationFactory()
        assert keep(refused(organization, payload), refused(organization)) == 2
        assert len(kept(organization)) == 2

    @given(payload=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: b'{"sensor": "%s"}' % text.encode()))
    @bounded(max_examples=60)
    def test_no_bytes_can_spoil_the_batch_of_others(self, payload: bytes) -> None:
        organization = OrganizationFactory()
        keep(refused(organization, payload), refused(organization, b'{"sensor": "others"}'))
        assert "others" in {row.serial for row in kept(organization)}

    def test_a_long_one_is_shown_as_the_beginning_of_its_text(self) -> None:
        organization = OrganizationFactory()
        long = msgspec.json.encode({**reading(), "note": "x" * 10_000})
        keep(refused(organization, long), refused(organization, long + b" "))
        rows = kept(organization)
        assert [len(row.payload) for row in rows] == [quarantine.LONGEST_PAYLOAD] * 2
        assert rows[0].payload.startswith('{"sensor":"S"')
        assert (rows[0].serial, rows[0].recorded_at) == ("S", NOON)

    def test_the_fingerprint_is_that_of_code_format_and_payload(self) -> None:
        organization = OrganizationFactory()
        keep(refused(organization, b"{}"))
        assert kept(organization)[0].fingerprint == hashlib.sha256(b"invalid\nreadings\n{}").hexdigest()


class TestTheCost:
    def test_a_batch_of_several_organizations_is_one_statement(self) -> None:
        organizations = [OrganizationFactory() for _ in range(3)]
        several = [refused(o, f'{{"sensor": "S{n}"}}'.encode()) for o in organizations for n in range(100)]
        with as_system(), CaptureQueriesContext(connection) as queries:
            assert quarantine.keep(several, at=LATER) == 300
        assert len(queries) == 1

    def test_good_readings_cost_nothing_more(self) -> None:
        with as_system(), CaptureQueriesContext(connection) as queries:
            assert quarantine.keep([], at=LATER) == 0
        assert len(queries) == 0

    def test_a_flood_of_one_gateway_is_counted_and_neighbours_are_kept(
        self, settings: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.QUARANTINE_A_MINUTE = 10
        broken, neighbour = OrganizationFactory(), OrganizationFactory()
        outcome = post(broken, *(reading(n, 999) for n in range(25)))
        assert len(outcome.rejected) == 25
        post(broken, *(reading(n, 998) for n in range(5)))
        post(neighbour, reading(temperature=999))
        assert (len(kept(broken)), len(kept(neighbour))) == (10, 1)
        post(neighbour, reading(temperature=998), at=LATER + timedelta(minutes=1))
        told = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
        assert [message.partition(": ")[2] for message in told if str(broken.pk) in message] == [
            "over 10 refused readings in a minute; more are not kept",
            "20 refused readings of a minute were not kept",
        ]
        assert "998" not in caplog.text

    def test_the_next_minute_has_a_budget_of_its_own(self, settings: Any) -> None:
        settings.QUARANTINE_A_MINUTE = 1
        organization = OrganizationFactory()
        for minute in range(3):
            at = LATER + timedelta(minutes=minute)
            post(organization, reading(minute, 999), reading(minute, 998), at=at)
        assert len(kept(organization)) == 3


class TestTheSweep:
    @pytest.fixture(autouse=True)
    def small(self, settings: Any) -> None:
        settings.QUARANTINE_KEPT, settings.QUARANTINE_DAYS = 3, 90

    def rows(self, organization: Organization, *states: str, at: datetime = LATER) -> list[QuarantinedReading]:
        """The first is the oldest."""
        return [
            QuarantinedReadingFactory(
                organization=organization, state=state, last_received_at=at + timedelta(seconds=number)
            )
            for number, state in enumerate(states)
        ]

    def left(self, rows: list[QuarantinedReading]) -> list[int]:
        with as_system():
            found = set(QuarantinedReading.objects.values_list("pk", flat=True))
        return [number for number, row in enumerate(rows) if row.pk in found]

    def test_what_somebody_decided_goes_first_then_the_oldest(self) -> None:
        rows = self.rows(OrganizationFactory(), "kept", "kept", "discarded", "kept", "resubmitted", "kept")
        others = self.rows(OrganizationFactory(), "kept", "discarded", "kept")
        assert quarantine.sweep(at=LATER) == 3
        assert (self.left(rows), self.left(others)) == ([1, 3, 5], [0, 1, 2])
        assert quarantine.sweep(at=LATER) == 0

    def test_what_did_not_come_for_ninety_days_goes(self) -> None:
        organization = OrganizationFactory()
        old = self.rows(organization, "kept", "discarded", at=LATER - timedelta(days=91))
        young = self.rows(organization, "kept", at=LATER - timedelta(days=89))
        assert quarantine.sweep(at=LATER) == 2
        assert (self.left(old), self.left(young)) == ([], [0])

    def test_a_legal_hold_keeps_what_is_old_but_not_what_is_too_much(self) -> None:
        organization = OrganizationFactory()
        with as_system():
            LegalHold.objects.create(organization=organization, reason="A recall.")
        rows = self.rows(organization, "kept", "kept", "kept", "kept", at=LATER - timedelta(days=91))
        assert quarantine.sweep(at=LATER) == 1
        assert self.left(rows) == [1, 2, 3]

    def test_much_is_removed_in_batches_and_the_next_sweep_goes_on(self) -> None:
        rows = self.rows(OrganizationFactory(), *["kept"] * 9)
        assert quarantine.sweep(at=LATER, at_once=2, batches=2) == 4
        assert quarantine.sweep(at=LATER, at_once=2, batches=2) == 2
        assert self.left(rows) == [6, 7, 8]

    def test_beat_rings_for_it(self, settings: Any) -> None:
        rung = {entry["task"] for entry in settings.TIMETABLE.values()}
        assert "ingest.sweep_quarantine" in rung & set(app.tasks)


class TestTwoWriters:
    @pytest.mark.django_db(transaction=True)
    def test_who_refuse_the_same_in_another_order_take_turns(self, settings: Any) -> None:
        """Without an order of their own the two would wait for each other."""
        settings.QUARANTINE_A_MINUTE = 10_000
        organization = OrganizationFactory()
        several = [refused(organization, f'{{"sensor": "S{n}"}}'.encode()) for n in range(200)]

        def write(batch: list[Refused]) -> int:
            try:
                with acting_as_system("tests"):
                    return quarantine.keep(batch, at=LATER)
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as threads:
            counts = list(threads.map(write, [several, several[::-1]] * 6))
        assert counts == [200] * 12
        assert [row.times for row in kept(organization)] == [12] * 200
