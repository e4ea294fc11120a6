"""What was acknowledged is there: whoever is killed, however often, in the middle of whatever."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import pytest

from freshtrack.embedded.processes import wait_until
from tests.doors import PATH, Door, Installation, installation
from tests.flows.senders import Gateway, Ledger, Name, Values, expected_alerts

# How long processes are killed; a soak of an hour: FRESHTRACK_SOAK_SECONDS=3600 pytest tests/flows/test_durability.py
SOAK_SECONDS = float(os.environ.get("FRESHTRACK_SOAK_SECONDS", "16"))
GATEWAYS = 6
SHARED = ("SHARED-0", "SHARED-1", "SHARED-2")
RECOVERY_SECONDS = 30.0
# Everything a process may hold: the writer's connection, one that looks keys up, and one of another thread.
MOST_CONNECTIONS = 6

FURNISHING = f"""
organization = OrganizationFactory()
owner = UserFactory()
MembershipFactory(organization=organization, user=owner)
ContactMethodFactory(user=owner)
area = AreaFactory(site__organization=organization)
for gateway in range({GATEWAYS}):
    for number in range(2):
        serial = f"OWN-{{gateway}}-{{number}}"
        SensorFactory(serial=serial, unit=UnitFactory(area=area, name=serial))
for serial in {SHARED!r}:
    SensorFactory(serial=serial, unit=UnitFactory(area=area, name=serial))
RuleFactory(organization=organization, name="warm", severity="critical", delay_s=0)
RuleFactory(organization=organization, name="lasting", severity="info", delay_s=60, hysteresis=0.0)
told(key=key_of(organization), organization=organization.number)
"""


@pytest.fixture
def house() -> Iterator[Installation]:
    """A PostgreSQL that forgets nothing, without any process yet."""
    with installation(durable=True) as made:
        yield made


class Lasting(NamedTuple):
    """Such a PostgreSQL with one process, which each test leaves as it found them."""

    house: Installation
    door: Door
    key: str

    def post(self, *readings: dict[str, Any], timeout: float = 30.0) -> httpx.Response:
        return httpx.post(
            self.door.url + PATH,
            json={"readings": readings},
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=timeout,
        )

    def stored(self, prefix: str) -> int:
        """Readings of the sensors whose serial begins like this."""
        count: int = self.house.sql(
            "SELECT count(*) FROM sensors_reading r JOIN sensors_sensor s ON s.id = r.sensor_id"
            " WHERE starts_with(s.serial, %s)",
            [prefix],
        )[0][0]
        return count


@pytest.fixture(scope="module")
def lasting() -> Iterator[Lasting]:
    with installation(durable=True) as made:
        key = made.furnish("told(key=key_of(OrganizationFactory()))")["key"]
        yield Lasting(made, made.open_door(), key)


def reading(serial: str = "S", *, minutes_ago: float = 5, **values: Any) -> dict[str, Any]:
    moment = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return {"sensor": serial, "recorded_at": moment.isoformat(), "temperature": 3.4, **values}


def wait_for(what: str, condition: Callable[[], bool], *, seconds: float = RECOVERY_SECONDS) -> None:
    assert wait_until(condition, seconds=seconds), f"{what} didn't happen within {seconds:.0f} s"


def refused(answer: httpx.Response, status: int, code: str) -> bool:
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    return True


# --- killed, and killed again ----------------------------------------------------------------------------------------


class Chaos:
    """Kills what stores readings, and starts it again as a supervisor would."""

    def __init__(self, house: Installation, doors: list[Door], chance: random.Random) -> None:
        self.house, self.doors, self._chance = house, doors, chance
        self.strikes: Counter[str] = Counter()

    def strike(self, what: str) -> None:
        """Kill one thing, or two at once, and start it again."""
        self.strikes[what] += 1
        getattr(self, f"_{what}")()

    def _a_door(self) -> None:
        door = self._chance.choice(self.doors)
        door.kill()
        door.start()

    def _the_database(self) -> None:
        self.house.kill_database()
        self.house.start_database()

    def _a_backend(self) -> None:
        """PostgreSQL then ends all sessions and recovers by itself."""
        backends = self.house.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'freshtrack_app'")
        if backends:
            os.kill(self._chance.choice(backends)[0], signal.SIGKILL)

    def _everything(self) -> None:
        self.house.kill_database()
        for door in self.doors:
            door.kill()
        self.house.start_database()
        for door in self.doors:
            door.start()


def test_nothing_acknowledged_is_lost_or_doubled_whoever_is_killed(house: Installation) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    key = house.furnish(FURNISHING)["key"]
    doors = [house.open_door(), house.open_door()]
    ledger, stop = Ledger(), threading.Event()
    gateways = [
        Gateway(
            urls=[door.url for door in doors],
            key=key,
            ledger=ledger,
            own=(f"OWN-{number}-0", f"OWN-{number}-1"),
            shared=SHARED,
            number=number,
            seed=f"{seed}-{number}",
            stop=stop,
        )
        for number in range(GATEWAYS)
    ]
    for gateway in gateways:
        gateway.start()
    chaos = Chaos(house, doors, chance)
    end = time.monotonic() + SOAK_SECONDS
    plan: list[str] = []
    while time.monotonic() < end or plan:
        plan = plan or chance.sample(["a_door", "the_database", "a_backend", "everything"], 4)
        answered = [gateway.last_answer for gateway in gateways]
        more = len(ledger.parcels) + chance.randrange(4 * GATEWAYS)
        wait_for(
            "everybody being answered again",
            lambda answered=answered, more=more: (
                bool(ledger.problems)
                or (
                    (all(gateway.last_answer > before for gateway, before in zip(gateways, answered, strict=True)))
                    and len(ledger.parcels) >= more
                )
            ),
        )
        assert not ledger.problems, ledger.problems
        chaos.strike(plan.pop())
    stop.set()
    for gateway in gateways:
        gateway.join(RECOVERY_SECONDS)
        assert not gateway.is_alive(), "the last parcel was never answered"

    print(f"{len(ledger.parcels)} parcels, {len(ledger.sent)} readings, {chaos.strikes}, {ledger.refusals}")
    assert not ledger.problems, ledger.problems
    assert ledger.sent == ledger.acknowledged
    everything_is_stored_once(house, ledger)
    every_answer_was_true(ledger)
    newest_values_agree(house)
    alerts_opened_once(house, ledger)
    every_hour_is_noted_or_summed_up(house)


def everything_is_stored_once(house: Installation, ledger: Ledger) -> None:
    """Also with its values, and nothing else beside it."""
    rows = house.sql(
        "SELECT s.serial, r.recorded_at, r.temperature, r.humidity, r.battery, r.door"
        " FROM sensors_reading r JOIN sensors_sensor s ON s.id = r.sensor_id"
    )
    stored = {Name(serial, moment): Values(*values) for serial, moment, *values in rows}
    assert len(stored) == len(rows)
    lost = ledger.acknowledged.keys() - stored.keys()
    assert not lost, f"{len(lost)} acknowledged readings are gone: {sorted(lost)[:3]}"
    invented = stored.keys() - ledger.sent.keys()
    assert not invented, f"{len(invented)} readings that nobody sent: {sorted(invented)[:3]}"
    assert stored == ledger.sent


def every_answer_was_true(ledger: Ledger) -> None:
    """Counts are exact. Who had to repeat a request finds it stored whole or not at all."""
    for parcel in ledger.parcels:
        assert parcel.answer is not None
        accepted, duplicates = parcel.answer["accepted"], parcel.answer["duplicates"]
        assert [(row["index"], row["code"]) for row in parcel.answer["rejected"]] == parcel.refused
        new = len(parcel.fresh)
        assert accepted + duplicates == new + parcel.repeated
        assert accepted == new or (accepted == 0 and parcel.attempts > 1), (accepted, new, parcel.attempts)
    told = sum(parcel.answer["accepted"] for parcel in ledger.parcels if parcel.answer)
    unheard = sum(len(parcel.fresh) for parcel in ledger.parcels if parcel.answer and not parcel.answer["accepted"])
    assert told + unheard == len(ledger.acknowledged)


def newest_values_agree(house: Installation) -> None:
    """What lists and tiles show is the newest stored reading of each sensor."""
    strays = house.sql(
        "SELECT s.serial, s.last_reading_at, r.recorded_at, s.temperature, r.temperature FROM sensors_sensor s,"
        " LATERAL (SELECT * FROM sensors_reading r WHERE r.sensor_id = s.id ORDER BY recorded_at DESC LIMIT 1) r"
        " WHERE (s.last_reading_at, s.temperature) IS DISTINCT FROM (r.recorded_at, r.temperature)"
    )
    assert strays == []


def alerts_opened_once(house: Installation, ledger: Ledger) -> None:
    """Each incident is one alert with the right moments; who is told hears of each move once, and of all that lasts."""
    assert house.let_the_worker_tell() > 0
    rows = house.sql(
        "SELECT u.name, a.rule_name, a.started_at, a.opened_at, a.resolved_at"
        " FROM alerts_alert a JOIN sensors_unit u ON u.id = a.unit_id ORDER BY a.opened_at"
    )
    found: dict[tuple[str, str], list[Any]] = {}
    for unit, rule, *moments in rows:
        found.setdefault((unit, rule), []).append(tuple(moments))
    warm = 0
    for serial in {name.serial for name in ledger.sent} - set(SHARED):
        readings = [item for item in ledger.sent.items() if item[0].serial == serial]
        expected = expected_alerts(readings, limit=500, clear_at=400, delay_s=0)
        assert found.pop((serial, "warm"), []) == expected, serial
        warm += len(expected)
        expected = expected_alerts(readings, limit=500, clear_at=500, delay_s=60)
        assert found.pop((serial, "lasting"), []) == expected, serial
    assert found == {}
    assert warm > 0
    # A summary is about nothing by itself: its parts are rows of their own.
    twice = house.sql(
        "SELECT about, event, count(*) FROM notifications_notification WHERE event <> 'summary'"
        " GROUP BY about, event HAVING count(*) > 1"
    )
    assert twice == []
    # What comes and goes is kept quiet for a while: then the sweep is to tell of it.
    forgotten = house.sql(
        "SELECT a.rule_name, a.opened_at FROM alerts_alert a WHERE a.rule_name = 'warm' AND a.resolved_at IS NULL"
        " AND a.tell_at IS NULL AND NOT EXISTS"
        " (SELECT FROM notifications_notification n WHERE n.about = 'alert:' || a.id)"
    )
    assert forgotten == []
    assert house.sql("SELECT count(*) > 0 FROM notifications_notification WHERE event = 'alert.opened'") == [(True,)]


def every_hour_is_noted_or_summed_up(house: Installation) -> None:
    """No hour is forgotten by the summaries: it is noted as to be summed up, or it is and agrees."""
    forgotten = house.sql(
        "SELECT DISTINCT sensor_id, floor(extract(epoch FROM recorded_at) / 3600)::integer FROM sensors_reading"
        " EXCEPT SELECT noted.* FROM sensors_arrival, unnest(sensors, hours) AS noted"
        " EXCEPT SELECT sensor_id, (extract(epoch FROM hour) / 3600)::integer FROM sensors_readinghour"
    )
    assert forgotten == [], f"{len(forgotten)} hours of sensors"


# --- when 200 is said -------------------------------------------------------------------------------------------------


def test_commits_reach_the_disk_before_they_are_answered(lasting: Lasting) -> None:
    house = lasting.house
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert house.sql(f"SHOW {setting}", role="freshtrack_app") == [("on",)], setting
    assert lasting.post(reading("disk")).status_code == 200

    def flushes() -> int:
        count: int = house.sql("SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal'")[0][0]
        return count

    before = flushes()
    for number in range(20):
        assert lasting.post(reading(f"disk-{number}")).json()["accepted"] == 1
    # A session reports its figures some time after it made them, at the latest when it ends.
    end_sessions(house)
    wait_for("twenty flushes", lambda: flushes() - before >= 20)
    wait_for("recovery", lambda: lasting.post(reading("disk-again")).status_code == 200)


def test_no_answer_comes_before_the_commit(lasting: Lasting) -> None:
    """Commits wait for a standby that doesn't exist: stored and flushed, but not committed yet."""
    house = lasting.house
    assert lasting.post(reading("held")).status_code == 200

    def hold(standby: str) -> None:
        house.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{standby}'")
        house.sql("SELECT pg_reload_conf()")
        wait_for("the setting", lambda: house.sql("SHOW synchronous_standby_names") == [(standby,)])

    def waiting_commits() -> int:
        count: int = house.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'freshtrack_app' AND wait_event = 'SyncRep'"
        )[0][0]
        return count

    hold("nobody")
    with ThreadPoolExecutor(8) as gateways:
        answers: list[Future[httpx.Response]] = [
            gateways.submit(lasting.post, reading(f"held-{number}")) for number in range(8)
        ]
        try:
            wait_for("a commit that is held back", lambda: waiting_commits() > 0)
            # The process itself is awake: it answers other questions meanwhile.
            for _ in range(20):
                assert lasting.door.answers()
            assert not any(answer.done() for answer in answers)
            assert lasting.stored("held") == 1
        finally:
            hold("")
        assert [answer.result().json()["accepted"] for answer in answers] == [1] * 8
    assert lasting.stored("held") == 9


# --- a database that can't --------------------------------------------------------------------------------------------


def end_sessions(house: Installation) -> None:
    house.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'freshtrack_app'")


def test_a_full_disk_acknowledges_nothing_and_harms_nothing(lasting: Lasting) -> None:
    """What PostgreSQL says when a table can't grow any more."""
    house = lasting.house
    sensors = house.sql("SELECT count(*) FROM sensors_sensor")
    house.sql(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION"
        " 'could not extend file \"base/1/1\": No space left on device' USING ERRCODE = 'disk_full'; END $$"
    )
    house.sql("CREATE TRIGGER no_room BEFORE INSERT ON sensors_reading FOR EACH ROW EXECUTE FUNCTION no_room()")
    try:
        for number in range(3):
            answer = lasting.post(reading(f"full-{number}"), reading(f"full-too-{number}"))
            assert refused(answer, 503, "database_unavailable")
            assert "No space" not in answer.text, "what the server says is for its operator"
    finally:
        house.sql("DROP TRIGGER no_room ON sensors_reading")
        house.sql("DROP FUNCTION no_room")
    assert lasting.stored("full") == 0
    assert house.sql("SELECT count(*) FROM sensors_sensor") == sensors, "nor is anything else stored"
    assert lasting.post(reading("full-0"), reading("full-too-0")).json()["accepted"] == 2
    assert "No space left" in lasting.door.log(), "the operator is told"


def test_a_database_that_is_read_only_acknowledges_nothing(lasting: Lasting) -> None:
    """A standby that was taken for the primary, or a switch in the middle of a failover."""
    house = lasting.house
    house.sql(f"ALTER ROLE freshtrack_app IN DATABASE {house.database} SET default_transaction_read_only = on")
    try:
        end_sessions(house)
        wait_for("a refusal", lambda: lasting.post(reading("read-only")).status_code == 503)
        before = lasting.stored("read-only")
        for number in range(3):
            refused(lasting.post(reading(f"read-only-{number}")), 503, "database_unavailable")
        assert lasting.stored("read-only") == before
    finally:
        house.sql(f"ALTER ROLE freshtrack_app IN DATABASE {house.database} RESET ALL")
        end_sessions(house)
    wait_for("recovery", lambda: lasting.post(reading("read-only-0")).status_code == 200, seconds=10)


def test_a_restart_of_the_database_is_survived_within_seconds_and_leaks_no_connection(lasting: Lasting) -> None:
    house, door = lasting.house, lasting.door
    assert lasting.post(reading("restart")).status_code == 200
    files = door.open_files()
    recoveries = []
    for number in range(3):
        house.stop_database()
        refused(lasting.post(reading(f"restart-away-{number}")), 503, "database_unavailable")
        house.start_database()
        began = time.monotonic()
        wait_for(
            "recovery",
            lambda number=number: lasting.post(reading(f"restart-{number}")).status_code == 200,
            seconds=10,
        )
        recoveries.append(time.monotonic() - began)
    print("recovered after", [f"{seconds:.2f} s" for seconds in recoveries])
    with ThreadPoolExecutor(16) as gateways:
        answers = list(gateways.map(lambda n: lasting.post(reading(f"restart-after-{n}")), range(64)))
    assert {answer.status_code for answer in answers} == {200}
    sessions = house.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'freshtrack_app'")[0][0]
    assert sessions <= MOST_CONNECTIONS
    wait_for("sockets being closed", lambda: door.open_files() <= files + MOST_CONNECTIONS)
    idle = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'freshtrack_app' AND state LIKE 'idle in%'"
    wait_for("transactions being ended", lambda: house.sql(idle) == [(0,)])


def test_many_who_ask_at_once_while_the_database_is_away_are_told_within_seconds(lasting: Lasting) -> None:
    """Not one after the other: a gateway gives up after ten seconds or so, and learns nothing then."""
    lasting.house.stop_database()
    try:
        # What is remembered of the key is forgotten after a while; from then on it has to be looked up.
        wait_for("a refusal", lambda: lasting.post(reading("away")).status_code == 503)
        began = time.monotonic()
        with ThreadPoolExecutor(4) as gateways:
            answers = list(gateways.map(lambda n: lasting.post(reading(f"away-{n}")), range(4)))
        took = time.monotonic() - began
    finally:
        lasting.house.start_database()
    for answer in answers:
        refused(answer, 503, "database_unavailable")
    wait_for("recovery", lambda: lasting.post(reading("back")).status_code == 200, seconds=10)
    assert took < 12, f"the last of four was told after {took:.0f} s"
