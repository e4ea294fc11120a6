"""Gateways that send until they are answered, and the ledger of what they sent and what was acknowledged.

Each gateway has sensors of its own, whose readings go out in the order of their times, and shares others with its
colleagues. What isn't answered with 200 is sent again, the same bytes, to another door if there is one.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.doors import PATH

STEP_S = 20
# Of the sensors of its own: cold for so many readings, then warm for as many.
BLOCK = 25
PATIENCE_S = 20.0


class Name(NamedTuple):
    """What a reading is stored under."""

    serial: str
    recorded_at: datetime


class Values(NamedTuple):
    """What is stored, in hundredths where the product does so."""

    temperature: int
    humidity: int | None
    battery: int | None
    door: int | None


@dataclass
class Parcel:
    """One request: what it holds, and what was answered in the end."""

    body: bytes
    fresh: dict[Name, Values]
    repeated: int
    refused: list[tuple[int, str]]
    attempts: int = 0
    answer: dict[str, Any] | None = None


@dataclass
class Ledger:
    """What all gateways sent, and what was acknowledged. Threads share it."""

    sent: dict[Name, Values] = field(default_factory=dict)
    acknowledged: dict[Name, Values] = field(default_factory=dict)
    parcels: list[Parcel] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def post(self, parcel: Parcel) -> None:
        """Before it is sent."""
        with self.lock:
            self.sent.update(parcel.fresh)

    def acknowledge(self, parcel: Parcel) -> None:
        """After 200."""
        with self.lock:
            self.acknowledged.update(parcel.fresh)
            self.parcels.append(parcel)

    def some_acknowledged(self, chance: random.Random, count: int) -> list[tuple[Name, Values]]:
        """Readings that are certainly stored."""
        with self.lock:
            recent = self.parcels[-50:]
        known = [item for parcel in recent for item in parcel.fresh.items()]
        return chance.sample(known, min(count, len(known)))


class Gateway(threading.Thread):
    """Sends parcels until it is told to stop, and is satisfied with nothing but 200."""

    def __init__(
        self,
        *,
        urls: Sequence[str],
        key: str,
        ledger: Ledger,
        own: Sequence[str],
        shared: Sequence[str],
        number: int,
        seed: str,
        stop: threading.Event,
    ) -> None:
        super().__init__(name=f"gateway {seed}", daemon=True)
        self.ledger, self.own, self.shared, self.stop = ledger, own, shared, stop
        self.last_answer = 0
        self._urls, self._key = urls, key
        self._chance = random.Random(seed)
        # Twenty days back, so that a long run stays in the past. Of a shared sensor no two have readings of one moment:
        # with other values these would be conflicts.
        self._begin = datetime.now(UTC).replace(microsecond=0) - timedelta(days=20)
        self._apart = timedelta(milliseconds=number + 1)
        self._next = dict.fromkeys([*own, *shared], 0)
        self._held_back: list[tuple[Name, Values]] = []
        self._door = self._chance.randrange(len(urls))
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                parcel = self._fill()
                self.ledger.post(parcel)
                self._send(parcel)
                self.ledger.acknowledge(parcel)
                self.last_answer += 1
        except AssertionError as problem:
            self.ledger.problems.append(str(problem))
        finally:
            if self._connection is not None:
                self._connection.close()

    def _fill(self) -> Parcel:
        """New readings in order, some that are late, repeats of stored ones, contradictions and nonsense."""
        chance = self._chance
        fresh: dict[Name, Values] = {}
        for serial in self.own:
            fresh.update(self._measure(serial) for _ in range(chance.choice([1, 1, 3, 12])))
        for serial in self.shared:
            fresh.update(self._measure(serial) for _ in range(chance.choice([0, 1, 5])))
        late = [item for item in fresh.items() if item[0].serial in self.shared and chance.random() < 0.2]
        for name, _ in late:
            del fresh[name]
        fresh.update(self._held_back)
        self._held_back = late
        readings: list[dict[str, Any]] = [_spelled(name, values) for name, values in fresh.items()]
        repeated = self.ledger.some_acknowledged(chance, chance.choice([0, 0, 2, 7]))
        readings += [_spelled(name, values) for name, values in repeated]
        wrong = []
        for name, values in self.ledger.some_acknowledged(chance, chance.choice([0, 0, 1])):
            other = values._replace(temperature=values.temperature + 1)
            wrong.append((_spelled(name, other), "conflict"))
        if chance.random() < 0.2:
            nonsense = {**_spelled(*next(iter(fresh.items()))), "temperature": "warm"}
            wrong.append((nonsense, "invalid"))
        # Contradictions come last: what they contradict may be in the same parcel, and the first wins.
        refused = [(len(readings) + position, code) for position, (_, code) in enumerate(wrong)]
        readings += [reading for reading, _ in wrong]
        return Parcel(json.dumps({"readings": readings}).encode(), fresh, len(repeated), refused)

    def _measure(self, serial: str) -> tuple[Name, Values]:
        number = self._next[serial]
        self._next[serial] += 1
        moment = self._begin + timedelta(seconds=STEP_S * number)
        if serial in self.shared:
            return Name(serial, moment + self._apart), self._values(300 + number % 40)
        warm = (number // BLOCK) % 2 == 1
        return Name(serial, moment), self._values((700 if warm else 300) + number % 40)

    def _values(self, temperature: int) -> Values:
        chance = self._chance
        return Values(
            temperature,
            chance.choice([None, chance.randrange(10_000)]),
            chance.choice([None, chance.randrange(100)]),
            chance.choice([None, 0, 1]),
        )

    def _send(self, parcel: Parcel) -> None:
        """Until it is answered with 200."""
        waiting = threading.Event()
        while True:
            parcel.attempts += 1
            try:
                status, headers, content = self._post(parcel.body)
            except (OSError, http.client.HTTPException) as error:
                self._note(type(error).__name__)
            else:
                if status == 200:
                    parcel.answer = json.loads(content)
                    return
                self._note(f"{status} {json.loads(content)['code']}")
                assert status == 503, f"{status}: {content[:500]!r}"
                assert int(headers["retry-after"]) > 0
            self._door = (self._door + 1) % len(self._urls)
            waiting.wait(self._chance.uniform(0.05, 0.25))

    def _post(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        place = urlsplit(self._urls[self._door]).netloc
        if self._connection is None or f"{self._connection.host}:{self._connection.port}" != place:
            if self._connection is not None:
                self._connection.close()
            self._connection = http.client.HTTPConnection(place, timeout=PATIENCE_S)
        try:
            self._connection.request(
                "POST", PATH, body, {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
            )
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            raise
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content

    def _note(self, what: str) -> None:
        with self.ledger.lock:
            self.ledger.refusals[what] += 1


def _spelled(name: Name, values: Values) -> dict[str, Any]:
    return {
        "sensor": name.serial,
        "recorded_at": name.recorded_at.isoformat(),
        "temperature": values.temperature / 100,
        "humidity": None if values.humidity is None else values.humidity / 100,
        "battery": values.battery,
        "door_open": None if values.door is None else bool(values.door),
    }


def expected_alerts(readings: Iterable[tuple[Name, Values]], *, limit: int, clear_at: int, delay_s: int) -> list[Any]:
    """(started, opened, resolved) of a sensor alone in its unit, read off its readings in the order of their times.

    The rule: above `limit`, for `delay_s`; clear at `clear_at` or less, at once.
    """
    alerts: list[list[Any]] = []
    started: datetime | None = None
    is_open = False
    for name, values in sorted(readings):
        if values.temperature > limit and started is None:
            started = name.recorded_at
        elif values.temperature <= (clear_at if is_open else limit):
            if is_open:
                alerts[-1][2] = name.recorded_at
            started, is_open = None, False
        if started is not None and not is_open and name.recorded_at - started >= timedelta(seconds=delay_s):
            alerts.append([started, name.recorded_at, None])
            is_open = True
    return [tuple(alert) for alert in alerts]
