"""What people see of refused readings, and what becomes of them when somebody decides."""

from __future__ import annotations

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import lifecycle
from alerts.models import Alert
from ingest import native, pipeline
from ingest.authentication import Sender
from ingest.models import QuarantinedReading
from ingest.pipeline import Delivery
from notifications.models import Notification
from organizations.models import ApiKey, Organization, SecurityEvent
from sensors.models import Reading, Sensor
from tests.api.client import Api
from tests.factories import (
    ContactMethodFactory,
    MembershipFactory,
    QuarantinedReadingFactory,
    RuleFactory,
    SensorFactory,
    SiteFactory,
    as_system,
    fresh,
    key_of,
)

pytestmark = pytest.mark.django_db

ROOM = "quarantined-readings/"


@pytest.fixture
def sensor() -> Sensor:
    found: Sensor = SensorFactory(serial="S")
    return found


@pytest.fixture
def api(sensor: Sensor) -> Api:
    return Api(sensor.organization, role="manager")


def wrong(sensor: Sensor, **fields: Any) -> QuarantinedReading:
    """A refused reading of a sensor. By default it would be stored now."""
    row: QuarantinedReading = QuarantinedReadingFactory(
        organization=sensor.organization,
        serial=sensor.serial,
        sensor_id=sensor.public_id,
        site_id=sensor.site_id,
        **fields,
    )
    return row


def sent(sensor: Sensor, *, minutes_ago: float = 2, **values: Any) -> dict[str, Any]:
    moment = timezone.now().replace(microsecond=0) - timedelta(minutes=minutes_ago)
    return {"sensor": sensor.serial, "recorded_at": moment.isoformat(), **values}


def store(organization: Organization, reading: dict[str, Any]) -> None:
    decoded = native.decode(native.msgspec.json.encode({"readings": [reading]}), at=timezone.now())
    sender = Sender(organization.pk, organization.number, True)
    pipeline.store([Delivery(sender, decoded)], at=timezone.now())


def stored() -> list[float | None]:
    with as_system():
        return list(Reading.objects.order_by("recorded_at").values_list("temperature", flat=True))


def trail(organization: Organization) -> list[tuple[str, str]]:
    with as_system():
        rows = SecurityEvent.objects.filter(organization=organization).order_by("created_at")
        return list(rows.values_list("kind", "detail"))


class TestReading:
    def test_one_tells_everything_that_is_known(self, sensor: Sensor, api: Api) -> None:
        key_of(sensor.organization)
        with as_system():
            key = ApiKey.objects.get(organization=sensor.organization)
        row = wrong(sensor, key=key)
        shown = api.read(f"{ROOM}{row.pk}/")
        assert shown == api.read(ROOM)["results"][0]
        assert {name: shown[name] for name in ("id", "code", "serial", "channel", "format", "times", "state")} == {
            **{"id": str(row.pk), "code": "in_future", "serial": "S", "channel": "0"},
            **{"format": "readings", "times": 1, "state": "kept"},
        }
        assert (shown["sensor"], shown["site"]) == (str(sensor.public_id), str(sensor.site_id))
        assert shown["payload"] == row.payload
        assert shown["key"] == {"id": str(key.pk), "name": "Gateway"}
        assert (shown["decided_at"], shown["decided_by"]) == (None, None)

    def test_lists_begin_with_what_came_last_and_go_on_by_cursor(self, sensor: Sensor, api: Api) -> None:
        now = timezone.now()
        rows = [wrong(sensor, last_received_at=now - timedelta(minutes=n // 2)) for n in range(5)]
        in_order = sorted(rows, key=lambda row: (row.last_received_at, row.pk), reverse=True)
        assert [row["id"] for row in api.all(ROOM, page_size=2)] == [str(row.pk) for row in in_order]

    def test_lists_are_narrowed_down(self, sensor: Sensor, api: Api) -> None:
        now = timezone.now()
        conflict = wrong(sensor, code="conflict", last_received_at=now - timedelta(days=2))
        discarded = wrong(sensor, state="discarded", last_received_at=now - timedelta(days=4))
        unknown = QuarantinedReadingFactory(organization=sensor.organization, serial="other", code="invalid")
        everything = {conflict, discarded, unknown}
        for query, expected in [
            ({"code": "conflict"}, {conflict}),
            ({"code": ["conflict", "invalid"]}, {conflict, unknown}),
            ({"serial": "S"}, {conflict, discarded}),
            ({"sensor": str(sensor.public_id)}, {conflict, discarded}),
            ({"site": str(sensor.site_id)}, {conflict, discarded}),
            ({"state": "discarded"}, {discarded}),
            ({"state": ["kept", "discarded"]}, everything),
            ({"after": (now - timedelta(days=3)).isoformat()}, {conflict, unknown}),
            ({"before": (now - timedelta(days=3)).isoformat()}, {discarded}),
            ({}, everything),
        ]:
            assert {row["id"] for row in api.all(ROOM, **query)} == {str(row.pk) for row in expected}, query

    @pytest.mark.parametrize("query", [{"code": "nonsense"}, {"state": "lost"}, {"site": "x"}, {"after": "today"}])
    def test_a_filter_that_can_not_be_says_so(self, query: dict[str, str], api: Api) -> None:
        assert api.read(ROOM, status=400, **query)["code"] == "invalid"

    def test_a_page_costs_as_much_as_a_row(self, sensor: Sensor, api: Api) -> None:
        def cost() -> int:
            with CaptureQueriesContext(connection) as queries:
                api.read(ROOM)
            return len(queries)

        key_of(sensor.organization)
        with as_system():
            key = ApiKey.objects.get(organization=sensor.organization)
        wrong(sensor, key=key)
        api.read(ROOM)
        first = cost()
        for _ in range(20):
            wrong(sensor, key=key, state="discarded", decided_by=MembershipFactory(organization=api.organization).user)
        assert cost() == first

    def test_the_summary_counts_what_waits(self, sensor: Sensor, api: Api) -> None:
        old = timezone.now() - timedelta(hours=25)
        wrong(sensor, code="conflict", last_received_at=old)
        wrong(sensor, code="conflict")
        wrong(sensor, code="invalid")
        wrong(sensor, code="invalid", state="discarded")
        wrong(SensorFactory())
        summary = api.read(f"{ROOM}summary/")
        assert summary == {"total": 3, "by_code": {"conflict": 2, "invalid": 1}, "last_24_h": 2}

    def test_as_csv_everything_that_the_filters_leave(self, sensor: Sensor, api: Api) -> None:
        wrong(sensor, code="conflict")
        wrong(sensor, code="invalid", payload="=HYPERLINK(1)")
        answer = api.get(api.path(ROOM), {"format": "csv", "code": "invalid"})
        assert answer.status_code == 200
        rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode())))
        assert [(row["code"], row["serial"], row["payload"]) for row in rows] == [("invalid", "S", "'=HYPERLINK(1)")]
        assert rows[0]["recorded_at"].endswith("Z")
        assert [kind for kind, _ in trail(api.organization)] == ["refused_readings_exported"]

    def test_only_managers_and_above_see_them(self, sensor: Sensor) -> None:
        wrong(sensor)
        for role, status in (("viewer", 403), ("staff", 403), ("manager", 200), ("admin", 200), ("owner", 200)):
            Api(sensor.organization, role=role).read(ROOM, status=status)

    def test_members_of_some_sites_see_those_of_their_sensors(self, sensor: Sensor) -> None:
        elsewhere = SiteFactory(organization=sensor.organization)
        mine, theirs = wrong(sensor), wrong(sensor)
        with as_system():
            QuarantinedReading.objects.filter(pk=theirs.pk).update(site_id=elsewhere.pk)
        QuarantinedReadingFactory(organization=sensor.organization)
        api = Api(sensor.organization, role="manager", site_ids=[sensor.site_id])
        assert [row["id"] for row in api.all(ROOM)] == [str(mine.pk)]
        assert api.read(f"{ROOM}summary/")["total"] == 1
        api.read(f"{ROOM}{theirs.pk}/", status=404)
        api.write(f"{ROOM}{theirs.pk}/discard/", status=404)
        api.write(f"{ROOM}discard/", {"ids": [str(theirs.pk)]}, status=400)


class TestResubmitting:
    def test_what_is_stored_now_is_resubmitted(self, sensor: Sensor, api: Api) -> None:
        row = wrong(sensor)
        answer = api.write(f"{ROOM}{row.pk}/resubmit/", status=200)
        person = api.member.user
        assert answer["state"] == "resubmitted"
        assert answer["decided_by"] == {"id": str(person.pk), "email": person.email, "name": person.name}
        assert stored() == [3.5]
        assert fresh(sensor).temperature == 3.5
        assert api.read(f"{ROOM}{row.pk}/")["decided_at"] == answer["decided_at"] is not None

    def test_a_duplicate_of_what_is_stored_is_resubmitted_too(self, sensor: Sensor, api: Api) -> None:
        row = wrong(sensor)
        store(sensor.organization, row.payload)
        assert api.write(f"{ROOM}{row.pk}/resubmit/", status=200)["state"] == "resubmitted"
        assert stored() == [3.5]

    def test_a_contradiction_never_overwrites(self, sensor: Sensor, api: Api) -> None:
        reading = sent(sensor, temperature=3.5)
        store(sensor.organization, reading)
        row = wrong(sensor, code="conflict", payload={**reading, "temperature": 9.9})
        problem = api.write(f"{ROOM}{row.pk}/resubmit/", status=409)
        assert (problem["code"], problem["refusal"]["code"]) == ("still_refused", "conflict")
        assert "Another value of this sensor is stored" in problem["refusal"]["detail"]
        assert stored() == [3.5]
        assert fresh(row).state == "kept"

    def test_a_corrected_one_is_judged_by_the_same_rules(self, sensor: Sensor, api: Api) -> None:
        row = wrong(sensor, code="out_of_range", payload=sent(sensor, temperature=345))
        for reading, code in [
            (None, "out_of_range"),
            (sent(sensor, temperature="34.5"), "invalid"),
            (sent(sensor), "missing_value"),
            (sent(sensor, temperature=-127), "sensor_fault"),
            (sent(sensor, minutes_ago=-20, temperature=3), "in_future"),
            ({"sensor": "S", "recorded_at": "1999-01-01T00:00:00Z", "temperature": 3}, "too_old"),
            ({}, "invalid"),
        ]:
            body = {} if reading is None else {"reading": reading}
            problem = api.write(f"{ROOM}{row.pk}/resubmit/", body, status=409)
            assert (problem["code"], problem["refusal"]["code"]) == ("still_refused", code)
        assert fresh(sensor).status == "offline"
        corrected = sent(sensor, temperature=34.5)
        answer = api.write(f"{ROOM}{row.pk}/resubmit/", {"reading": corrected}, status=200)
        assert answer["payload"]["temperature"] == 345
        assert stored() == [34.5]

    @pytest.mark.parametrize("reading", [["a"], "a", 1, None, {"temperature": [1]}, {"temperature": {"a": 1}}])
    def test_what_can_not_be_a_reading_is_refused_before(self, reading: Any, sensor: Sensor, api: Api) -> None:
        row = wrong(sensor)
        api.write(f"{ROOM}{row.pk}/resubmit/", {"reading": reading}, status=400)
        assert stored() == []

    def test_text_that_is_no_reading_needs_a_correction(self, sensor: Sensor, api: Api) -> None:
        row = wrong(sensor, code="invalid", payload='{"sensor": "S')
        assert api.write(f"{ROOM}{row.pk}/resubmit/", status=409)["refusal"]["code"] == "invalid"
        body = {"reading": sent(sensor, temperature=3)}
        api.write(f"{ROOM}{row.pk}/resubmit/", body, status=200)
        assert stored() == [3.0]

    def test_a_second_time_is_refused(self, sensor: Sensor, api: Api) -> None:
        row, other = wrong(sensor), wrong(sensor)
        api.write(f"{ROOM}{row.pk}/resubmit/", status=200)
        assert api.write(f"{ROOM}{row.pk}/resubmit/", status=409)["code"] == "already_decided"
        assert api.write(f"{ROOM}{row.pk}/discard/", status=409)["code"] == "already_decided"
        api.write(f"{ROOM}{other.pk}/discard/", status=200)
        problem = api.write(f"{ROOM}{other.pk}/resubmit/", status=409)
        assert (problem["code"], problem["detail"]) == ("already_decided", "This reading was discarded already.")

    def test_the_audit_trail_tells_who_corrected_what(self, sensor: Sensor, api: Api) -> None:
        wrongly = sent(sensor, temperature=345)
        row = wrong(sensor, code="out_of_range", payload=wrongly)
        corrected = {**wrongly, "temperature": 34.5, "humidity": 80}
        api.write(f"{ROOM}{row.pk}/resubmit/", {"reading": corrected}, status=200)
        [(kind, detail)] = trail(api.organization)
        assert kind == "reading_resubmitted"
        assert detail.startswith("S, ")
        assert detail.endswith(", out_of_range: temperature 345 → 34.5, humidity nothing → 80")
        with as_system():
            assert SecurityEvent.objects.get().user == api.member.user

    def test_it_is_judged_by_the_alert_rules_also_for_a_member_of_one_site(self, sensor: Sensor) -> None:
        boss = MembershipFactory(organization=sensor.organization)
        ContactMethodFactory(user=boss.user)
        RuleFactory(organization=sensor.organization, threshold=5, delay_s=0, name="Everywhere")
        row = wrong(sensor, code="out_of_range", payload=sent(sensor, temperature=99))
        api = Api(sensor.organization, role="manager", site_ids=[sensor.site_id])
        api.write(f"{ROOM}{row.pk}/resubmit/", status=200)
        with as_system():
            alert = Alert.objects.get()
            assert (alert.unit_id, alert.value, alert.rule_name) == (sensor.unit_id, 99.0, "Everywhere")
            lifecycle.tell_due(at=timezone.now(), most=10)
            assert Notification.objects.filter(about=f"alert:{alert.pk}", to=boss.user.email).exists()

    def test_a_member_of_one_site_can_not_reach_a_sensor_elsewhere(self, sensor: Sensor) -> None:
        """Neither one of another site, nor one that nobody knows yet: they couldn't see what they made."""
        other = SensorFactory(
            serial="there", unit__area__site__organization=sensor.organization, organization=sensor.organization
        )
        row = wrong(sensor)
        api = Api(sensor.organization, role="manager", site_ids=[sensor.site_id])
        for serial in (other.serial, "unknown"):
            body = {"reading": {**row.payload, "sensor": serial}}
            problem = api.write(f"{ROOM}{row.pk}/resubmit/", body, status=403)
            assert problem["code"] == "outside_your_sites"
        assert stored() == []
        with as_system():
            assert Sensor.objects.count() == 2
        api.write(f"{ROOM}{row.pk}/resubmit/", status=200)

    def test_what_one_member_does_not_see_is_not_missing_for_the_next(self, sensor: Sensor, api: Api) -> None:
        """Both requests may be answered by one thread of one process."""
        there = SensorFactory(serial="there", unit__area__site__organization=sensor.organization)
        RuleFactory(organization=sensor.organization, site=there.site, threshold=5, delay_s=0, name="There")
        restricted = Api(sensor.organization, role="manager", site_ids=[sensor.site_id])
        restricted.write(f"{ROOM}{wrong(sensor).pk}/resubmit/", status=200)
        row = wrong(there, payload=sent(there, temperature=99))
        api.write(f"{ROOM}{row.pk}/resubmit/", status=200)
        with as_system():
            assert [alert.rule_name for alert in Alert.objects.all()] == ["There"]

    def test_a_sensor_of_a_refused_attempt_was_never_there(self, api: Api) -> None:
        row = QuarantinedReadingFactory(organization=api.organization, serial="new")
        refused = {**row.payload, "temperature": -127}
        api.write(f"{ROOM}{row.pk}/resubmit/", {"reading": refused}, status=409)
        with as_system():
            assert not Sensor.objects.filter(serial="new").exists()
        api.write(f"{ROOM}{row.pk}/resubmit/", status=200)
        with as_system():
            assert Reading.objects.get().sensor.serial == "new"

    def test_an_unknown_sensor_becomes_an_unclaimed_one_as_at_the_door(self, api: Api) -> None:
        row = QuarantinedReadingFactory(organization=api.organization, serial="new")
        api.write(f"{ROOM}{row.pk}/resubmit/", status=200)
        with as_system():
            assert Sensor.objects.get(serial="new").status == "unclaimed"

    def test_a_repeat_with_the_same_key_is_answered_alike(self, sensor: Sensor, api: Api) -> None:
        row = wrong(sensor)
        headers = {"Idempotency-Key": "tap"}
        first = api.write(f"{ROOM}{row.pk}/resubmit/", status=200, headers=headers)
        assert api.write(f"{ROOM}{row.pk}/resubmit/", status=200, headers=headers) == first


class TestSeveralAtOnce:
    def test_each_is_stored_or_refused_by_itself(self, sensor: Sensor, api: Api) -> None:
        good = wrong(sensor, payload=sent(sensor, minutes_ago=3, temperature=3.1))
        bad = wrong(sensor, payload=sent(sensor, temperature=999))
        text = wrong(sensor, payload="…")
        again = wrong(sensor, payload=sent(sensor, minutes_ago=1, temperature=3.2))
        done = wrong(sensor, state="discarded")
        rows = [good, bad, text, again, done]
        answer = api.write(f"{ROOM}resubmit/", {"ids": [str(row.pk) for row in rows]}, status=200)
        results = answer["results"]
        assert [result["id"] for result in results] == [str(row.pk) for row in rows]
        assert [(r["state"], r["refusal"] and r["refusal"]["code"]) for r in results] == [
            ("resubmitted", None),
            ("kept", "out_of_range"),
            ("kept", "invalid"),
            ("resubmitted", None),
            ("discarded", "already_decided"),
        ]
        assert stored() == [3.1, 3.2]
        assert [fresh(row).state for row in rows] == [result["state"] for result in results]
        assert trail(api.organization) == [("readings_resubmitted", "2 of S")]

    def test_what_is_beyond_a_members_sites_stays(self, sensor: Sensor) -> None:
        mine = wrong(sensor)
        moved = wrong(sensor, payload={**mine.payload, "sensor": "there"})
        api = Api(sensor.organization, role="manager", site_ids=[sensor.site_id])
        answer = api.write(f"{ROOM}resubmit/", {"ids": [str(moved.pk), str(mine.pk)]}, status=200)
        assert [r["refusal"] and r["refusal"]["code"] for r in answer["results"]] == ["outside_your_sites", None]

    def test_several_are_discarded(self, sensor: Sensor, api: Api) -> None:
        rows = [wrong(sensor), wrong(sensor), wrong(sensor, state="resubmitted")]
        answer = api.write(f"{ROOM}discard/", {"ids": [str(row.pk) for row in rows]}, status=200)
        assert [(r["state"], r["refusal"] and r["refusal"]["code"]) for r in answer["results"]] == [
            ("discarded", None),
            ("discarded", None),
            ("resubmitted", "already_decided"),
        ]
        assert stored() == []
        assert trail(api.organization) == [("readings_discarded", "2 of S")]

    def test_five_hundred_cost_as_many_statements_as_five(self, sensor: Sensor, api: Api) -> None:
        def cost(path: str, count: int, start: int) -> int:
            ids = [
                str(wrong(sensor, payload=sent(sensor, minutes_ago=start + n, temperature=3)).pk) for n in range(count)
            ]
            with CaptureQueriesContext(connection) as queries:
                results = api.write(f"{ROOM}{path}/", {"ids": ids}, status=200)["results"]
            assert not [result for result in results if result["refusal"]]
            return len(queries)

        cost("resubmit", 1, 1000)
        assert cost("resubmit", 5, 2000) == cost("resubmit", 500, 3000)
        assert cost("discard", 5, 4000) == cost("discard", 500, 5000)

    @pytest.mark.parametrize("ids", [[], "x", ["x"], None, [str(n) for n in range(2)]])
    @pytest.mark.parametrize("path", ["resubmit", "discard"])
    def test_ids_are_ids(self, path: str, ids: Any, api: Api) -> None:
        assert api.write(f"{ROOM}{path}/", {"ids": ids}, status=400)["code"] == "invalid"

    def test_more_than_five_hundred_are_too_many(self, sensor: Sensor, api: Api) -> None:
        ids = [str(wrong(sensor).pk)] * 501
        api.write(f"{ROOM}discard/", {"ids": ids}, status=400)

    def test_an_id_of_another_organization_is_as_unknown_as_nobodys(self, sensor: Sensor, api: Api) -> None:
        mine, theirs = wrong(sensor), QuarantinedReadingFactory()
        for path in ("resubmit", "discard"):
            api.write(f"{ROOM}{path}/", {"ids": [str(mine.pk), str(theirs.pk)]}, status=400)
        assert (fresh(mine).state, fresh(theirs).state) == ("kept", "kept")


class TestDiscarding:
    def test_it_is_put_away_unstored_and_the_note_is_kept(self, sensor: Sensor, api: Api) -> None:
        row = wrong(sensor)
        answer = api.write(f"{ROOM}{row.pk}/discard/", {"note": "The probe was in the sink."}, status=200)
        assert (answer["state"], answer["decided_by"]["id"]) == ("discarded", str(api.member.user.pk))
        assert stored() == []
        [(kind, detail)] = trail(api.organization)
        assert kind == "reading_discarded"
        assert detail.endswith(", in_future: The probe was in the sink.")


class TestTwoPeople:
    @pytest.mark.django_db(transaction=True)
    def test_who_decide_at_the_same_moment_decide_once(self) -> None:
        sensor = SensorFactory(serial="S")
        rows = [wrong(sensor, payload=sent(sensor, minutes_ago=n, temperature=3)) for n in range(1, 6)]
        people = [Api(sensor.organization), Api(sensor.organization)]

        def decide(number: int) -> list[int]:
            try:
                api = people[number]
                ways = ["resubmit", "discard"]
                return [
                    api.post(api.path(f"{ROOM}{row.pk}/{ways[number]}/"), {}, format="json").status_code for row in rows
                ]
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as threads:
            answers = list(threads.map(decide, range(2)))
        for row, pair in zip(rows, zip(*answers, strict=True), strict=True):
            assert sorted(pair) == [200, 409]
            assert fresh(row).state == ("resubmitted" if pair[0] == 200 else "discarded")
        assert len(stored()) == answers[0].count(200)
