"""Several ingest processes side by side, behind a PgBouncer in transaction mode, as a bigger installation runs them."""

from __future__ import annotations

import itertools
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from freshtrack.embedded.processes import wait_until
from tests.bouncer import NoBouncer, bouncer, executable
from tests.doors import PATH, Door, Installation, installation

# Fewer than the processes have threads, so that they take turns on them.
SERVER_CONNECTIONS = 4
# Contract: a revoked key is refused everywhere within 5 s; so is whatever else changes.
EFFECTIVE_SECONDS = 5.0
BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)


@pytest.fixture
def house() -> Iterator[Installation]:
    """A database that is reached through PgBouncer only."""
    try:
        executable()
    except NoBouncer as reason:
        pytest.skip(str(reason))
    with (
        installation(env={"RATE_PER_USER": "100000/min", "DEMO": "0"}) as made,
        bouncer(made.sockets, connections=SERVER_CONNECTIONS) as folder,
    ):
        made.env["DATABASE_URL"] = f"postgres://freshtrack_app@/{made.database}?host={folder}"
        yield made
        # Before PgBouncer goes: processes without their database would have much to say.
        made.children.stop(15.0)


def post(door: Door, key: str, readings: Sequence[dict[str, Any]], *, timeout: float = 60.0) -> httpx.Response:
    return httpx.post(
        door.url + PATH, json={"readings": readings}, headers={"Authorization": f"Bearer {key}"}, timeout=timeout
    )


def reading(serial: str, *, second: float = 0, **values: Any) -> dict[str, Any]:
    moment = BEGIN + timedelta(seconds=second)
    return {"sensor": serial, "recorded_at": moment.isoformat(), "temperature": 3.4, **values}


def wait_for(what: str, condition: Callable[[], bool], *, seconds: float = 30.0) -> float:
    """The seconds it took."""
    began = time.monotonic()
    assert wait_until(condition, seconds=seconds), f"{what} didn't happen within {seconds:.0f} s"
    return time.monotonic() - began


def behind(house: Installation, query: str) -> set[tuple[Any, ...]]:
    """The answers of every connection that PgBouncer holds, asked as the product's login."""
    folder = house.env["DATABASE_URL"].rpartition("host=")[2]
    with ExitStack() as held:
        answers = set()
        for _ in range(SERVER_CONNECTIONS):
            connection = held.enter_context(psycopg.connect(host=folder, user="freshtrack_app", dbname=house.database))
            # In a transaction each of them holds a connection of its own.
            answers |= set(connection.execute(query.encode()).fetchall())
        return answers


# --- side by side -----------------------------------------------------------------------------------------------------

WARM_UNITS = 4
OVERLAP = """
organization = OrganizationFactory()
owner = UserFactory()
MembershipFactory(organization=organization, user=owner)
ContactMethodFactory(user=owner)
area = AreaFactory(site__organization=organization)
for number in range(4):
    unit = UnitFactory(area=area, name=f"WARM-{number}")
    for channel in range(2):
        SensorFactory(serial=f"WARM-{number}", channel=str(channel), unit=unit)
RuleFactory(organization=organization, severity="critical", delay_s=0)
told(key=key_of(organization))
"""


def test_overlapping_repeats_at_two_processes_are_counted_exactly_and_alert_once(house: Installation) -> None:
    key = house.furnish(OVERLAP)["key"]
    doors = house.open_doors(2)
    chance = random.Random(20)
    # Half of the probes are known and stand in units that are too warm; the others are seen for the first time.
    probes = [(f"WARM-{n}", str(channel), 9.0) for n in range(WARM_UNITS) for channel in range(2)]
    probes += [(f"NEW-{n}", "0", 3.0) for n in range(8)]
    readings = [
        reading(serial, second=20 * number, channel=channel, temperature=temperature + number % 10 / 100)
        for number in range(60)
        for serial, channel, temperature in probes
    ]
    parcels = []
    for _ in range(3):
        # Each reading goes out three times, each time in other company and another order.
        chance.shuffle(readings)
        parcels += [readings[start : start + 40] for start in range(0, len(readings), 40)]
    chance.shuffle(parcels)
    with ThreadPoolExecutor(12) as gateways:
        answers = list(gateways.map(lambda parcel: post(chance.choice(doors), key, parcel), parcels))

    assert Counter(answer.status_code for answer in answers) == {200: len(parcels)}
    told = [answer.json() for answer in answers]
    assert [row for answer in told for row in answer["rejected"]] == []
    assert sum(answer["accepted"] for answer in told) == len(readings)
    assert sum(answer["duplicates"] for answer in told) == 2 * len(readings)
    assert house.sql("SELECT count(*) FROM sensors_reading") == [(len(readings),)]
    assert house.sql("SELECT count(*) FROM sensors_sensor") == [(len(probes),)]
    alerts = house.sql("SELECT u.name FROM alerts_alert a JOIN sensors_unit u ON u.id = a.unit_id ORDER BY u.name")
    assert alerts == [(f"WARM-{number}",) for number in range(WARM_UNITS)]
    assert house.let_the_worker_tell() == WARM_UNITS
    assert house.sql("SELECT count(*) FROM notifications_notification") == [(WARM_UNITS,)]
    assert house.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(0,)]
    nothing_stays_in_the_connections(house)


def nothing_stays_in_the_connections(house: Installation) -> None:
    """What is prepared, set or locked for a session would meet the next client of PgBouncer."""
    assert behind(house, "SELECT count(*) FROM pg_prepared_statements") == {(0,)}
    assert behind(
        house, "SELECT coalesce(current_setting('freshtrack.organization', true), ''), current_role::text"
    ) == {("", "freshtrack_app")}
    assert house.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


def test_a_pooler_that_nobody_mentioned_harms_nobody(house: Installation) -> None:
    """PgBouncer before 1.22 hands a session to another client without the statements that the first had prepared."""
    key = house.furnish("told(key=key_of(OrganizationFactory()))")["key"]
    doors = [house.open_door(DATABASE_PREPARES="True") for _ in range(2)]
    with ThreadPoolExecutor(8) as gateways:
        answers = list(gateways.map(lambda n: post(doors[n % 2], key, [reading("S", second=n)]), range(150)))
    assert Counter(answer.status_code for answer in answers) == {200: 150}


def test_of_two_contradictions_at_two_processes_one_is_stored_and_the_other_told(house: Installation) -> None:
    key = house.furnish("told(key=key_of(OrganizationFactory()))")["key"]
    doors = house.open_doors(2)
    rounds = 40
    together = threading.Barrier(2)

    def claim(door: Door, temperature: float) -> list[dict[str, Any]]:
        answers = []
        for number in range(rounds):
            together.wait()
            answer = post(door, key, [reading(f"S-{number % 5}", second=number, temperature=temperature)])
            assert answer.status_code == 200, answer.text
            answers.append(answer.json())
        return answers

    with ThreadPoolExecutor(2) as gateways:
        colds, warms = gateways.map(claim, doors, (3.0, 4.0))
    for number, (cold, warm) in enumerate(zip(colds, warms, strict=True)):
        stored = house.sql(
            "SELECT r.temperature FROM sensors_reading r JOIN sensors_sensor s ON s.id = r.sensor_id"
            " WHERE s.serial = %s AND r.recorded_at = %s",
            [f"S-{number % 5}", BEGIN + timedelta(seconds=number)],
        )
        winner, loser = (cold, warm) if stored == [(300,)] else (warm, cold)
        assert stored in ([(300,)], [(400,)])
        assert (winner["accepted"], winner["rejected"]) == (1, [])
        assert (loser["accepted"], [row["code"] for row in loser["rejected"]]) == (0, ["conflict"])


# --- what changes elsewhere -------------------------------------------------------------------------------------------

CHANGES = """
organization = OrganizationFactory(slug="house")
owner = UserFactory()
MembershipFactory(organization=organization, user=owner)
area = AreaFactory(site__organization=organization)
facts = {}
for door in range(2):
    quiet, watched, eased = (UnitFactory(area=area, name=f"{name}-{door}") for name in ("quiet", "watched", "eased"))
    moving = SensorFactory(serial=f"MOVING-{door}", unit=quiet)
    retiring = SensorFactory(serial=f"RETIRING-{door}", unit=quiet)
    SensorFactory(serial=f"EASED-{door}", unit=eased)
    RuleFactory(organization=organization, unit=watched, delay_s=0)
    rule = RuleFactory(organization=organization, unit=eased, delay_s=0, threshold=50.0)
    facts[door] = dict(watched=watched.pk, moving=moving.public_id, retiring=retiring.public_id, rule=rule.pk,
                       eased=eased.pk)
told(key=key_of(organization), token=token_of(owner), facts=facts, id=organization.pk)
"""


class Pulse:
    """Sends a reading with new time on each beat, so that nothing is a duplicate."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._numbers = itertools.count()

    def send(self, door: Door, serial: str, temperature: float = 20.0) -> httpx.Response:
        second = next(self._numbers) * 0.001
        return post(door, self._key, [reading(serial, second=second, temperature=temperature)])


def test_a_change_made_elsewhere_counts_in_every_process_within_five_seconds(house: Installation) -> None:
    told = house.furnish(CHANGES)
    doors = house.open_doors(2)
    assert house.stack is not None
    house.stack.start("web")
    pulse = Pulse(told["key"])
    api = httpx.Client(
        base_url=f"{house.stack.url}/api/v1/orgs/house/",
        headers={"Authorization": f"Bearer {told['token']}"},
        timeout=30,
    )

    def alerts_of(unit: str) -> int:
        count: int = house.sql("SELECT count(*) FROM alerts_alert WHERE unit_id = %s", [unit])[0][0]
        return count

    def soon(what: str, condition: Callable[[], bool]) -> None:
        seconds = wait_for(what, condition, seconds=EFFECTIVE_SECONDS)
        print(f"{what}: {seconds:.1f} s")

    with api:
        for number, door in enumerate(doors):
            facts = told["facts"][str(number)]
            # Everything is remembered by this process, however it does that.
            for serial in ("MOVING", "RETIRING", "EASED"):
                assert pulse.send(door, f"{serial}-{number}").json()["accepted"] == 1
            assert alerts_of(facts["watched"]) == alerts_of(facts["eased"]) == 0

        for number in range(len(doors)):
            facts = told["facts"][str(number)]
            claim = api.post(f"sensors/{facts['moving']}/claim/", json={"unit": facts["watched"]})
            assert claim.status_code == 200, claim.text
        for number, door in enumerate(doors):
            facts = told["facts"][str(number)]
            soon(
                f"a moved sensor at process {number}",
                lambda door=door, number=number, facts=facts: (
                    pulse.send(door, f"MOVING-{number}").status_code == 200 and alerts_of(facts["watched"]) == 1
                ),
            )

        for number in range(len(doors)):
            change = api.patch(f"alert-rules/{told['facts'][str(number)]['rule']}/", json={"threshold": 5.0})
            assert change.status_code == 200, change.text
        for number, door in enumerate(doors):
            facts = told["facts"][str(number)]
            soon(
                f"a changed rule at process {number}",
                lambda door=door, number=number, facts=facts: (
                    pulse.send(door, f"EASED-{number}").status_code == 200 and alerts_of(facts["eased"]) == 1
                ),
            )

        for number in range(len(doors)):
            gone = api.delete(f"sensors/{told['facts'][str(number)]['retiring']}/")
            assert gone.status_code in (200, 204), gone.text
        for number, door in enumerate(doors):
            soon(
                f"a retired sensor at process {number}",
                lambda door=door, number=number: (
                    pulse.send(door, f"RETIRING-{number}").status_code == 200
                    and house.sql("SELECT status FROM sensors_sensor WHERE serial = %s", [f"RETIRING-{number}"])
                    == [("retired",)]
                ),
            )

        keys = api.get("api-keys/").json()["results"]
        assert api.delete(f"api-keys/{keys[0]['id']}/").status_code in (200, 204)
        began = time.monotonic()
        for number, door in enumerate(doors):
            soon(
                f"a revoked key at process {number}",
                lambda door=door, number=number: pulse.send(door, f"MOVING-{number}").status_code == 401,
            )
        assert time.monotonic() - began <= EFFECTIVE_SECONDS
    house.stack.children.forget(house.stack.running["web"])


# --- stopping ---------------------------------------------------------------------------------------------------------


@contextmanager
def readings_locked(house: Installation) -> Iterator[None]:
    """Nobody can store a reading meanwhile."""
    with house.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE sensors_reading IN ACCESS EXCLUSIVE MODE")
        yield


def somebody_waits(house: Installation) -> bool:
    waiting = house.sql(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'freshtrack_app' AND wait_event_type = 'Lock'"
    )
    return bool(waiting[0][0])


def test_a_process_that_is_told_to_end_answers_what_it_has_taken_in(house: Installation) -> None:
    key = house.furnish("told(key=key_of(OrganizationFactory()))")["key"]
    door = house.open_door()
    assert post(door, key, [reading("S")]).status_code == 200
    with ThreadPoolExecutor(24) as gateways, httpx.Client() as idle:
        # A connection that is kept for the next request, and no reason to wait.
        idle.get(door.url + PATH)
        with readings_locked(house):
            answers: list[Future[httpx.Response]] = [
                gateways.submit(post, door, key, [reading(f"S-{number}", second=step) for step in range(20)])
                for number in range(24)
            ]
            wait_for("a held batch", lambda: somebody_waits(house))
            # All of them and the idle one have their connection: only then is nobody left to be turned away.
            wait_for("all being connected", lambda: connections(door) >= 25)
            began = time.monotonic()
            door.ask_to_end()
            wait_for("the door being shut", lambda: not door.answers(), seconds=5)
            assert not any(answer.done() for answer in answers)
        assert [answer.result().json()["accepted"] for answer in answers] == [20] * 24
        assert door.ended(seconds=10 - (time.monotonic() - began))
        print(f"ended after {time.monotonic() - began:.1f} s")
    assert house.sql("SELECT count(*) FROM sensors_reading") == [(1 + 24 * 20,)]
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'freshtrack_app' AND state <> 'idle'"
    assert house.sql(sessions) == [(0,)]


def connections(door: Door) -> int:
    """How many clients the door has taken in: one that still waits for that belongs to nobody (inode 0)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    established, nobody = "01", "0"
    mine = [row for row in rows[1:] if row[1].endswith(f":{door.port:04X}") and row[3] == established]
    return sum(row[9] != nobody for row in mine)


def test_half_a_request_does_not_hold_up_the_end(house: Installation) -> None:
    key = house.furnish("told(key=key_of(OrganizationFactory()))")["key"]
    door = house.open_door()
    with socket.create_connection(("127.0.0.1", door.port)) as slow, socket.create_connection(("127.0.0.1", door.port)):
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: 1000\r\n\r\n"
        slow.sendall(head.encode() + b'{"readings": [')
        assert post(door, key, [reading("S")]).status_code == 200
        door.ask_to_end()
        assert door.ended(seconds=10)
    assert house.sql("SELECT count(*) FROM sensors_reading") == [(1,)]


def test_a_rolling_restart_loses_nothing_and_no_answer(house: Installation) -> None:
    key = house.furnish("told(key=key_of(OrganizationFactory()))")["key"]
    doors = house.open_doors(2)
    stop = threading.Event()
    sent: Counter[str] = Counter()

    def gateway(number: int) -> tuple[int, int]:
        """As the proxy does: a connection that isn't accepted is tried at the next process."""
        accepted = duplicates = 0
        for parcel in itertools.count():
            if stop.is_set():
                return accepted, duplicates
            readings = [reading(f"S-{number}", second=parcel * 10 + step) for step in range(10)]
            for attempt in itertools.count():
                try:
                    answer = post(doors[(number + parcel + attempt) % 2], key, readings, timeout=20)
                except httpx.TransportError as error:
                    sent[type(error).__name__] += 1
                    assert attempt < 1000
                    continue
                assert answer.status_code == 200, answer.text
                break
            sent["readings"] += 10
            accepted += answer.json()["accepted"]
            duplicates += answer.json()["duplicates"]
        return accepted, duplicates

    with ThreadPoolExecutor(6) as gateways:
        results = [gateways.submit(gateway, number) for number in range(6)]
        try:
            for door in doors:
                before = sent["readings"]
                wait_for("a load", lambda before=before: sent["readings"] > before + 200)
                door.ask_to_end()
                assert door.ended(seconds=10), door.log()[-2000:]
                door.start()
        finally:
            stop.set()
        counts = [result.result() for result in results]
    print(dict(sent))
    stored = house.sql("SELECT count(*) FROM sensors_reading")[0][0]
    assert stored == sent["readings"]
    # Had an answer been lost after its commit, the repeat would have been counted as duplicates.
    assert (sum(accepted for accepted, _ in counts), sum(repeats for _, repeats in counts)) == (stored, 0)
    assert "Traceback" not in "".join(door.log() for door in doors)
