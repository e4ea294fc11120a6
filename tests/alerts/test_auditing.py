"""The proof that nobody is forgotten: what is stuck is found, told and reported, and no watcher is soothed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts import auditing, lifecycle
from alerts.models import Alert, AlertEvent, AuditRound
from alerts.tasks import audit
from organizations.models import Membership, Organization
from sensors.models import Unit
from tests.alerts.people import HOUR, MINUTE, Cooler, cooler, sweep, told
from tests.factories import (
    NOON,
    AlertFactory,
    GatewayFactory,
    MuteFactory,
    PolicyFactory,
    RuleFactory,
    UnitFactory,
    as_system,
    fresh,
)


class Watcher:
    """An outside watcher that counts who asks for its address."""

    def __init__(self) -> None:
        self.status = 200
        self.asked: list[str] = []
        watcher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                watcher.asked.append(self.path)
                self.send_response(watcher.status)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_port}/ping/secret-of-ours"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)


@pytest.fixture
def watcher(settings: Any) -> Iterator[Watcher]:
    found = Watcher()
    settings.HEARTBEAT_URL = found.address
    yield found
    found.stop()


@pytest.fixture
def place() -> Cooler:
    return cooler()


def look(at: datetime = NOON + HOUR) -> AuditRound:
    with as_system():
        return auditing.audit(at=at)


def spoil(alert: Alert, **columns: Any) -> None:
    """What a fault of ours might do to a row."""
    with as_system():
        Alert.objects.filter(pk=alert.pk).update(**columns)


@pytest.mark.django_db
class TestWhatHolds:
    def test_an_alert_whose_next_step_is_to_come(self, place: Cooler) -> None:
        PolicyFactory(organization=place.unit.organization)
        place.opens()
        found = look(NOON + MINUTE)
        assert (found.checked, found.stuck, found.alerts) == (1, 0, [])

    def test_one_that_is_due_and_that_the_sweep_is_about_to_take(self, place: Cooler) -> None:
        alert = place.opens()
        due = fresh(alert).tell_at
        assert look(due + auditing.LATE).stuck == 0

    def test_one_that_somebody_answered(self, place: Cooler) -> None:
        alert = place.opens()
        with as_system():
            lifecycle.acknowledge(alert=alert, **place.who(NOON + MINUTE))
        assert look().stuck == 0

    def test_one_whose_answer_holds_for_good(self, place: Cooler) -> None:
        with as_system():
            Organization.objects.update(acknowledgement_minutes=0)
        alert = place.opens()
        with as_system():
            lifecycle.acknowledge(alert=alert, **place.who(NOON + MINUTE))
        assert fresh(alert).tell_at is None
        assert look().stuck == 0

    def test_one_that_is_snoozed_or_muted(self, place: Cooler) -> None:
        alert = place.opens()
        with as_system():
            lifecycle.snooze(alert=alert, until=NOON + 5 * HOUR, **place.who(NOON + MINUTE))
        MuteFactory(organization=place.unit.organization, ends_at=NOON + 5 * HOUR)
        place.opens(rule=RuleFactory(organization=place.unit.organization, severity="critical"))
        found = look()
        assert (found.checked, found.stuck) == (2, 0)

    def test_a_part_of_its_gateways_silence_of_which_people_hear(self, place: Cooler) -> None:
        gateway = GatewayFactory(site=place.site)
        silence = AlertFactory(unit=place.unit, condition="no_data", severity="critical", tell_at=NOON + 2 * HOUR)
        spoil(silence, unit=None, sensor=None, gateway=gateway)
        child = AlertFactory(unit=place.unit, severity="critical", condition="no_data", parent=silence, tell_at=None)
        assert look().stuck == 0
        spoil(silence, status="resolved", resolved_at=NOON)
        assert look(NOON + HOUR + MINUTE).alerts == [f"{child.pk}: no next step was due"]

    @pytest.mark.parametrize("what", ["unit", "rule"])
    def test_of_what_was_removed_nobody_wants_to_hear(self, place: Cooler, what: str) -> None:
        alert = place.opens()
        spoil(alert, tell_at=None)
        with as_system():
            row: Unit | Any = place.unit if what == "unit" else place.rule
            type(row).objects.filter(pk=row.pk).update(deleted_at=NOON)
        assert look().stuck == 0

    def test_warnings_and_what_is_over_are_not_looked_at(self, place: Cooler) -> None:
        place.opens(rule=RuleFactory(organization=place.unit.organization, severity="warning"))
        spoil(place.opens(), status="resolved", resolved_at=NOON, tell_at=None)
        assert look().checked == 0


@pytest.mark.django_db
class TestWhatIsStuck:
    def test_an_open_alert_without_a_next_step_is_told_and_reported(
        self, place: Cooler, caplog: pytest.LogCaptureFixture
    ) -> None:
        alert = place.opens()
        spoil(alert, tell_at=None)
        with caplog.at_level(logging.ERROR):
            found = look()
        assert (found.stuck, found.alerts) == (1, [f"{alert.pk}: no next step was due"])
        assert str(alert.pk) in caplog.text
        assert sweep(NOON + HOUR) == 1
        assert told()[-1] == ("alert.again", NOON + HOUR)
        with as_system():
            note = AlertEvent.objects.filter(alert=alert, event="commented").get().note
        assert note == "Found by the auditor: no next step was due. Told now."
        assert look(NOON + HOUR + MINUTE).stuck == 0

    def test_one_that_nobody_was_ever_told_of(self, place: Cooler) -> None:
        alert = AlertFactory(unit=place.unit, rule=place.rule, severity="critical", cause_key=place.cause, tell_at=None)
        assert look().stuck == 1
        sweep(NOON + HOUR)
        assert [event for event, _ in told()] == ["alert.opened"]
        assert fresh(alert).tell_at > NOON + HOUR

    def test_one_that_is_long_overdue(self, place: Cooler) -> None:
        alert = place.opens()
        late = fresh(alert).tell_at + auditing.LATE + timedelta(seconds=1)
        assert look(late).alerts == [f"{alert.pk}: its next step was overdue"]
        assert fresh(alert).tell_at == late

    def test_an_answer_that_would_never_lapse_though_it_should(self, place: Cooler) -> None:
        alert = place.opens()
        with as_system():
            lifecycle.acknowledge(alert=alert, **place.who(NOON + MINUTE))
        spoil(alert, tell_at=None)
        assert look().alerts == [f"{alert.pk}: its acknowledgement would never have lapsed"]
        assert fresh(alert).status == "open"
        sweep(NOON + HOUR)
        assert told()[-1] == ("alert.again", NOON + HOUR)

    @pytest.mark.parametrize("how", ["left", "switched off"])
    def test_whoever_answered_and_left_is_no_human_here_any_more(self, place: Cooler, how: str) -> None:
        PolicyFactory(organization=place.unit.organization)
        alert = place.opens()
        with as_system():
            lifecycle.acknowledge(alert=alert, **place.who(NOON + MINUTE))
            if how == "left":
                Membership.objects.filter(pk=place.cook.pk).update(ended_at=NOON + HOUR)
            else:
                type(place.cook.user).objects.filter(pk=place.cook.user_id).update(is_active=False)
        assert look().alerts == [f"{alert.pk}: whoever had acknowledged it doesn't work here any more"]
        row = fresh(alert)
        assert (row.status, row.step) == ("open", 0)
        sweep(NOON + HOUR)
        assert (fresh(alert).step, told()[-1][0]) == (1, "alert.again")

    def test_it_costs_the_same_however_many_hold(self, place: Cooler) -> None:
        costs = []
        for number in (1, 30):
            for _ in range(number):
                unit = UnitFactory(area=place.unit.area)
                AlertFactory(unit=unit, rule=place.rule, severity="critical", tell_at=NOON + 2 * HOUR)
            with CaptureQueriesContext(connection) as asked:
                look(NOON + HOUR + len(costs) * MINUTE)
            costs.append(len(asked))
        assert costs[0] == costs[1]

    def test_rounds_are_kept_for_a_month(self, place: Cooler) -> None:
        with as_system():
            AuditRound.objects.create(at=NOON - timedelta(days=31), checked=0)
        kept = look()
        with as_system():
            assert list(AuditRound.objects.values_list("pk", flat=True)) == [kept.pk]


@pytest.mark.django_db(transaction=True)
class TestTheWatcher:
    def test_it_is_pinged_by_a_round_that_found_nothing(self, watcher: Watcher) -> None:
        assert audit() == 0
        assert watcher.asked == ["/ping/secret-of-ours"]

    def test_it_is_not_by_one_that_did_and_again_once_that_is_mended(self, watcher: Watcher) -> None:
        place = cooler()
        spoil(place.opens(), tell_at=None)
        assert audit() == 1
        assert watcher.asked == []
        assert audit() == 0
        assert len(watcher.asked) == 1

    def test_a_watcher_that_is_away_is_no_error_and_its_address_is_in_no_log(
        self, watcher: Watcher, caplog: pytest.LogCaptureFixture, settings: Any
    ) -> None:
        watcher.status = 500
        with caplog.at_level(logging.DEBUG):
            assert audit() == 0
            watcher.stop()
            assert audit() == 0
            settings.HEARTBEAT_URL = "not an address"
            assert audit() == 0
        assert "The watcher at HEARTBEAT_URL wasn't reached" in caplog.text
        assert "secret-of-ours" not in "\n".join(
            record.getMessage() for record in caplog.records if record.name.startswith("alerts")
        )

    def test_without_one_nobody_is_asked(self, watcher: Watcher, settings: Any) -> None:
        settings.HEARTBEAT_URL = ""
        assert audit() == 0
        assert watcher.asked == []
