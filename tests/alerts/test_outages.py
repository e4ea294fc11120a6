"""After an outage of our own: nobody is called silent who is just about to deliver, and nobody waits for ever."""

from __future__ import annotations

import pytest

from alerts.models import Listening
from alerts.silence import outages
from alerts.silence.outages import Attention, Door, following
from organizations.models import Organization
from sensors.models import Sensor
from tests.alerts.sweeps import (
    alerts,
    at,
    gateway_of,
    hear,
    manager_of,
    only,
    rounds_until,
    rule_of_gateways,
    rule_of_silence,
    sensor_heard,
    subjects,
    sweep,
    sweep_now,
)
from tests.factories import AreaFactory, OrganizationFactory, SiteFactory, UnitFactory, as_system
from tests.ingest.test_pipeline import post, reading

MINUTE = 60.0
OPEN = Door(None, is_shut=False)


def heard(at: float) -> Door:
    """Readings come."""
    return Door(at, is_shut=False)


class TestFollowing:
    """Pure: seconds since some moment."""

    def test_the_first_round_of_all_knows_of_no_outage(self) -> None:
        assert following(None, OPEN, now=1000) == Attention(1000)

    def test_rounds_that_come_by_all_the_time_are_no_outage(self) -> None:
        known = Attention(0)
        for number in range(1, 100):
            known = following(known, heard(15.0 * number), now=15.0 * number)
        assert known.until is None
        assert not known.holds(1e9)

    def test_after_a_pause_what_fell_due_meanwhile_is_held_and_what_was_due_before_is_not(self) -> None:
        known = following(Attention(0), OPEN, now=3600)
        assert known == Attention(3600, since=0, back=3600, until=3600 + outages.GRACE_S)
        assert (known.holds(-1), known.holds(0), known.holds(1), known.holds(3601)) == (False, False, True, True)

    def test_the_grace_ends_by_itself(self) -> None:
        known, now = following(Attention(0), OPEN, now=3600), 3600.0
        while known.holds(1800):
            now += 15
            known = following(known, heard(now), now=now)
        assert now == 3600 + outages.GRACE_S

    @pytest.mark.parametrize("period", [95, 120, 240, 359, 361, 700])
    def test_no_crash_loop_extends_it_for_ever(self, period: float) -> None:
        """A worker that lives for one round each few minutes, and nothing ever comes."""
        now, known = 3600.0, following(Attention(0), OPEN, now=3600)
        for due in (1800.0, 3600.0 + period / 2, 3600.0 + 3 * period + 1):
            told = None
            for _ in range(50):
                now += period
                known = following(known, Door(-1.0, is_shut=False), now=now)
                if due <= now and not known.holds(due):
                    told = now
                    break
            assert told is not None
            assert told - max(due, 3600) <= outages.LONGEST_GRACE_S + 2 * period

    def test_while_nothing_has_come_from_anybody_it_lasts_a_little_longer_and_ends_too(self) -> None:
        known, now = following(Attention(0), heard(-10), now=3600), 3600.0
        while known.holds(1800):
            now += 15
            known = following(known, heard(-10), now=now)
        assert now == 3600 + outages.LONGEST_GRACE_S

    def test_a_shut_door_holds_what_fell_due_after_the_last_reading_for_half_an_hour(self) -> None:
        known, now, held = Attention(885), 900.0, []
        while now <= 2 * 3600:
            known = following(known, Door(0.0, is_shut=True), now=now)
            assert not known.holds(0.0)
            held += [now] if known.holds(600) else []
            now += 15
        assert (held[0], held[-1]) == (900, outages.LONGEST_SHUT_S - 15)

    def test_once_the_door_is_open_again_everybody_has_time_to_deliver(self) -> None:
        known, now = Attention(885), 900.0
        while now < 1300:
            known = following(known, Door(0.0, is_shut=True), now=now)
            now += 15
        while known.holds(600):
            known = following(known, heard(now), now=now)
            now += 15
        assert abs(now - 1300 - outages.GRACE_S) <= 30

    def test_a_clock_that_was_set_back_is_no_outage(self) -> None:
        assert following(Attention(7200), OPEN, now=3600) == Attention(3600)


@pytest.fixture
def sensor() -> Sensor:
    """A sensor S that was heard at noon, a critical rule of ten minutes, a manager; and the sweep comes by."""
    sensor = sensor_heard(0, serial="S", unit=UnitFactory(name="Walk-in cooler"))
    rule_of_silence(sensor.organization)
    manager_of(sensor.organization)
    sweep(0)
    return sensor


@pytest.mark.django_db
class TestAfterAnOutage:
    def test_who_delivers_within_the_grace_was_never_silent(self, sensor: Sensor) -> None:
        assert sweep_now(60) == 0
        post(sensor.organization, *(reading(minute, 3.0) for minute in range(1, 62)), at=at(62))
        for minute in range(61, 80):
            rounds_of(minute)
        assert [alert.opened_at for alert in alerts()] == [at(71)], "silent since it delivered, as ever"
        assert only().found_at is None

    def test_who_stays_silent_is_told_after_the_grace_with_the_true_times(self, sensor: Sensor) -> None:
        assert sweep_now(60) == 0
        told = next(minute for minute in range(61, 90) if rounds_of(minute))
        assert told == 60 + outages.LONGEST_GRACE_S / MINUTE
        alert = only()
        assert (alert.started_at, alert.opened_at, alert.found_at) == (at(0), at(10), at(told))
        assert alert.facts["outage"] == {"from": at(0).isoformat(), "to": at(60).isoformat()}
        assert len(subjects()) == 1

    def test_once_others_are_heard_it_waits_no_longer_than_six_minutes(self, sensor: Sensor) -> None:
        other = sensor_heard(0)
        assert sweep_now(60) == 0
        hear(other, 61)
        assert next(minute for minute in range(61, 90) if rounds_of(minute)) in (66, 67)

    def test_who_was_due_before_the_outage_waits_no_longer(self, sensor: Sensor) -> None:
        rounds_until(12)  # the last round was after it was due, and didn't come so far
        assert sweep_now(60) == 1
        assert (only().opened_at, only().found_at) == (at(10), at(60))
        assert "outage" not in only().facts

    def test_a_gateway_is_given_the_same_time_and_told_once(self) -> None:
        area = AreaFactory()
        sensors = [sensor_heard(0, serial=f"K{number}", unit=UnitFactory(area=area)) for number in range(3)]
        gateway_of(sensors[0])
        rule_of_silence(area.organization, delay=10)
        rule_of_gateways(area.organization, delay=15)
        manager_of(area.organization)
        sweep(0)
        assert sweep_now(60) == 0
        assert [rounds_of(minute) for minute in (62, 65, 69)] == [0, 0, 0]
        assert rounds_of(70) == 4
        assert only(unit=None).opened_at in (at(10), at(15))
        assert len(subjects()) == 1

    def test_a_dead_sensor_does_not_open_its_gateway_for_what_we_could_not_hear(self) -> None:
        area = AreaFactory()
        sensors = [sensor_heard(5, serial=f"K{number}", unit=UnitFactory(area=area)) for number in range(3)]
        gateway_of(sensors[0])
        rule_of_silence(area.organization, delay=10)
        rule_of_gateways(area.organization, delay=60)
        manager_of(area.organization)
        hear(sensors[0], -5)  # due at five past
        rounds_until(5.5)
        assert sweep_now(14) == 1
        assert only().sensor_id == sensors[0].pk

    def test_a_crash_loop_still_alarms(self, sensor: Sensor) -> None:
        told = next(minute for minute in range(60, 120, 2) if sweep_now(minute))
        assert told <= 60 + outages.LONGEST_GRACE_S / MINUTE + 2

    def test_two_rounds_at_the_same_moment_know_the_same(self, sensor: Sensor) -> None:
        assert (sweep_now(60), sweep_now(60)) == (0, 0)
        with as_system():
            assert Listening.objects.get().back_at == at(60)


def rounds_of(minute: float) -> int:
    """The rounds of a minute, as they come by every fifteen seconds."""
    return sum(sweep_now(minute - 0.75 + number / 4) for number in range(4))


@pytest.mark.django_db
class TestOurDoor:
    """Rounds go on all the time, and readings don't come."""

    def organizations(self, count: int, *, sensors: int = 5) -> list[Organization]:
        found = []
        for _ in range(count):
            organization = OrganizationFactory()
            area = AreaFactory(site=SiteFactory(organization=organization))
            for number in range(sensors):
                sensor_heard(-number, unit=UnitFactory(area=area))
            rule_of_silence(organization, delay=10)
            found.append(organization)
        return found

    def test_if_nothing_comes_from_any_of_many_it_is_ours_that_is_shut(self) -> None:
        self.organizations(5)
        assert sweep(9) == 0
        assert [rounds_of(minute) for minute in (12, 13, 20)] == [0, 0, 0]
        with as_system():
            assert outages.look_at_door(at=at(20)) == Door(at(0).timestamp(), is_shut=True)

    def test_it_is_waited_for_half_an_hour_and_then_everybody_is_told(self) -> None:
        self.organizations(5)
        sweep(9)
        told = next(minute for minute in range(10, 60) if rounds_of(minute))
        assert told == outages.LONGEST_SHUT_S / MINUTE
        assert {alert.opened_at for alert in alerts()} == {at(10 - number) for number in range(5)}

    @pytest.mark.parametrize(("count", "sensors"), [(4, 10), (5, 3)])
    def test_few_may_be_silent_together(self, count: int, sensors: int) -> None:
        self.organizations(count, sensors=sensors)
        assert sweep(15) == count * sensors

    def test_a_single_reading_from_anybody_says_that_it_is_open(self) -> None:
        self.organizations(5)
        sensor_heard(14)
        assert sweep(15) == 25
