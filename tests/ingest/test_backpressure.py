"""More than the database can take: refused at once, with little memory, and nobody pays for another one's flood."""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from freshtrack.embedded.processes import wait_until
from tests.doors import PATH, Door, Installation, installation

MIB = 1024 * 1024
QUEUE = 20_000
# So many connections of one organization, and readings of another meanwhile.
FLOOD, SINGLES = 48, 30
FURNISHING = "told(flood=key_of(OrganizationFactory()), quiet=key_of(OrganizationFactory()))"


@pytest.fixture(scope="module")
def house() -> Iterator[Installation]:
    with installation(env={"INGEST_QUEUE_READINGS": str(QUEUE)}) as made:
        yield made


@pytest.fixture(scope="module")
def keys(house: Installation) -> dict[str, str]:
    """Of two organizations: one that floods, one that sends a reading now and then."""
    return house.furnish(FURNISHING)


@pytest.fixture
def door(house: Installation) -> Iterator[Door]:
    door = house.doors[0] if house.doors else house.open_door()
    if door.child is None:
        door.start()
    yield door
    assert "Traceback" not in door.log()


@contextmanager
def database_held(house: Installation) -> Iterator[None]:
    """Nobody can store a reading meanwhile."""
    with house.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE sensors_reading IN ACCESS EXCLUSIVE MODE")
        yield


def parcel(number: int, count: int, *, serial: str = "S", padding: int = 0) -> bytes:
    """Readings that no other parcel has."""
    begin = datetime.now(UTC) - timedelta(days=9) + timedelta(seconds=number)
    readings = [
        {
            "sensor": f"{serial}-{step % 50}",
            "recorded_at": (begin + timedelta(milliseconds=step // 50)).isoformat(),
            "temperature": 3.4,
            **({"note": "x" * padding} if padding else {}),
        }
        for step in range(count)
    ]
    return json.dumps({"readings": readings}).encode()


def post(client: httpx.Client, key: str, body: bytes) -> httpx.Response:
    return client.post(PATH, content=body, headers={"Authorization": f"Bearer {key}"})


def busy(answer: httpx.Response) -> bool:
    """Refused as the contract says: with a word of when to come back."""
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "busy"
    assert "Nothing was stored" in answer.json()["detail"]
    return int(answer.headers["retry-after"]) > 0


def test_a_full_queue_refuses_at_once_and_recovers(house: Installation, door: Door, keys: dict[str, str]) -> None:
    key = keys["flood"]
    limits = httpx.Limits(max_connections=200)
    with httpx.Client(base_url=door.url, timeout=60, limits=limits) as client:
        assert post(client, key, parcel(0, 1, serial="first")).status_code == 200
        before = door.memory()
        refusals: list[float] = []
        acknowledged: Counter[str] = Counter()
        seen: list[int] = []

        def gateway(number: int) -> int:
            body = parcel(number, 1000)
            began = time.monotonic()
            answer = post(client, key, body)
            if answer.status_code != 200:
                assert busy(answer)
                refusals.append(time.monotonic() - began)
                return 0
            accepted: int = answer.json()["accepted"]
            return accepted

        with ThreadPoolExecutor(60) as gateways:
            with database_held(house):
                answers = [gateways.submit(gateway, number) for number in range(400)]
                # 380 parcels more than the queue holds: all but those that wait have been refused meanwhile.
                assert wait_until(lambda: len(refusals) >= 300, seconds=60)
                seen.append(door.memory())
            acknowledged["readings"] = sum(answer.result() for answer in answers)
        # Each was refused or stored; how many came after the database was back depends on the machine.
        assert acknowledged["readings"] == (400 - len(refusals)) * 1000 >= QUEUE * 0.5
        print(
            f"{len(refusals)} refused, the slowest after {max(refusals) * 1000:.0f} ms, median "
            f"{statistics.median(refusals) * 1000:.0f} ms; memory {before / MIB:.0f} to {max(seen) / MIB:.0f} MiB"
        )
        assert statistics.median(refusals) < 2
        assert max(seen) < before + 96 * MIB
        stored = house.sql(
            "SELECT count(*) FROM sensors_reading WHERE sensor_id IN"
            " (SELECT id FROM sensors_sensor WHERE serial LIKE 'S-__' OR serial LIKE 'S-_')"
        )
        assert stored == [(acknowledged["readings"],)]
        assert post(client, key, parcel(5000, 1000)).json()["accepted"] == 1000


def test_requests_of_full_size_do_not_fill_the_memory(house: Installation, door: Door, keys: dict[str, str]) -> None:
    """4 MiB each, with few readings in them: the queue counts readings, but what holds memory are bytes."""
    key = keys["flood"]
    body = parcel(0, 40, serial="big", padding=100_000)
    assert 3.5 * MIB < len(body) < 4 * MIB
    with httpx.Client(base_url=door.url, timeout=60, limits=httpx.Limits(max_connections=200)) as client:
        assert post(client, key, body).status_code == 200
        before, most = door.memory(), 0
        with ThreadPoolExecutor(80) as gateways:
            with database_held(house):
                answers = [gateways.submit(post, client, key, body) for _ in range(80)]
                most = watch_memory(door, seconds=4)
            statuses = Counter(answer.result().status_code for answer in answers)
        print(f"{dict(statuses)}; memory {before / MIB:.0f} to {most / MIB:.0f} MiB")
        assert set(statuses) <= {200, 503}
        assert most < before + 200 * MIB


def test_half_sent_requests_of_full_size_do_not_fill_the_memory(
    house: Installation, door: Door, keys: dict[str, str]
) -> None:
    """Whoever has a key may open many connections and send all but the last byte on each."""
    before = door.memory()
    stop = threading.Event()

    def almost() -> Iterator[bytes]:
        for _ in range(63):
            yield b" " * 65_536
        stop.wait(30)

    def send(client: httpx.Client) -> int:
        try:
            return client.post(PATH, content=almost(), headers={"Authorization": f"Bearer {keys['flood']}"}).status_code
        except httpx.TransportError:
            return 0

    with (
        httpx.Client(base_url=door.url, timeout=60, limits=httpx.Limits(max_connections=200)) as client,
        ThreadPoolExecutor(100) as gateways,
    ):
        answers = [gateways.submit(send, client) for _ in range(100)]
        most = watch_memory(door, seconds=4)
        stop.set()
        statuses = Counter(answer.result() for answer in answers)
    print(f"{dict(statuses)}; memory {before / MIB:.0f} to {most / MIB:.0f} MiB")
    assert set(statuses) <= {0, 400, 413, 503}
    assert most < before + 200 * MIB


def watch_memory(door: Door, *, seconds: float) -> int:
    """The most that the process held within that time."""
    most = 0

    def look() -> bool:
        nonlocal most
        most = max(most, door.memory())
        return False

    wait_until(look, seconds=seconds)
    return most


@pytest.mark.parametrize(
    "size",
    [
        1000,
        100,
    ],
)
def test_a_flood_of_one_organization_does_not_starve_another(
    house: Installation, door: Door, keys: dict[str, str], size: int
) -> None:
    """Single readings of one while another sends as much as it can on dozens of connections."""
    stop = threading.Event()
    flooded: Counter[int] = Counter()
    numbers = iter(range(10**9))
    lock = threading.Lock()

    def flood(client: httpx.Client) -> None:
        while not stop.is_set():
            with lock:
                body = parcel(next(numbers), size, serial=f"flood-{size}")
            flooded[post(client, keys["flood"], body).status_code] += 1

    alone, waits, statuses = [], [], Counter[int]()
    limits = httpx.Limits(max_connections=200)
    with (
        httpx.Client(base_url=door.url, timeout=60, limits=limits) as crowd,
        httpx.Client(base_url=door.url, timeout=60) as single,
        ThreadPoolExecutor(FLOOD) as gateways,
    ):
        for number in range(20):
            alone.append(timed(single, keys["quiet"], number, f"alone-{size}")[0])
        results = [gateways.submit(flood, crowd) for _ in range(FLOOD)]
        try:
            assert wait_until(lambda: flooded[200] >= FLOOD, seconds=60)
            for number in range(SINGLES):
                wait, status = timed(single, keys["quiet"], number, f"quiet-{size}")
                waits.append(wait)
                statuses[status] += 1
        finally:
            stop.set()
        for result in results:
            result.result()
    waits.sort()
    print(
        f"alone {statistics.median(alone) * 1000:.0f} ms; during a flood of {size} a request: median "
        f"{statistics.median(waits) * 1000:.0f} ms, p90 {waits[SINGLES * 9 // 10] * 1000:.0f} ms, most "
        f"{waits[-1] * 1000:.0f} ms;"
        f" quiet {dict(statuses)}, flood {dict(flooded)}"
    )
    assert set(flooded) <= {200, 503}
    assert statuses == {200: SINGLES}, "the queue is full of another one's readings, and nobody else's business"
    assert waits[-1] < 5


def timed(client: httpx.Client, key: str, number: int, serial: str) -> tuple[float, int]:
    body = parcel(number, 1, serial=serial)
    began = time.monotonic()
    status = post(client, key, body).status_code
    return time.monotonic() - began, status


def test_a_database_that_stays_away_costs_no_memory(house: Installation, door: Door, keys: dict[str, Any]) -> None:
    """Requests that can't be stored are refused, not collected."""
    key = keys["flood"]
    with httpx.Client(base_url=door.url, timeout=60, limits=httpx.Limits(max_connections=100)) as client:
        assert post(client, key, parcel(1, 1, serial="away")).status_code == 200
        before = door.memory()
        # What stands for the database is a lock that nobody gives back in time: clients lose patience first.
        with database_held(house), ThreadPoolExecutor(50) as gateways:
            impatient = [
                gateways.submit(give_up_early, door, key, parcel(number, 200, serial="away")) for number in range(200)
            ]
            outcomes = Counter(result.result() for result in impatient)
            most = door.memory()
        print(f"{dict(outcomes)}; memory {before / MIB:.0f} to {most / MIB:.0f} MiB")
        assert most < before + 96 * MIB
        assert wait_until(lambda: post(client, key, parcel(9000, 1, serial="away")).status_code == 200, seconds=30)


def give_up_early(door: Door, key: str, body: bytes) -> str:
    try:
        return str(
            httpx.post(
                door.url + PATH, content=body, headers={"Authorization": f"Bearer {key}"}, timeout=1.0
            ).status_code
        )
    except httpx.TransportError as error:
        return type(error).__name__
