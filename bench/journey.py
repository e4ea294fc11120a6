"""From a gateway's POST to a frame on somebody's screen, one at a time, through the web process of `make up`."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import websockets

from bench.client import Connection
from bench.figures import latency
from bench.fleet import Fleet, ingest_request
from bench.house import House
from bench.sizes import Sizes

PATIENCE_S = 15.0
# Beyond the window in which the live hub gathers readings: the next one is alone again.
BEYOND_FLUSH_S = 0.02

Frame = dict[str, Any]


class JourneyBench:
    """One gateway and one screen."""

    def __init__(self, house: House, fleet: Fleet, sizes: Sizes) -> None:
        self._house = house
        self._fleet = fleet
        self._sizes = sizes

    async def measure(self) -> dict[str, Any]:
        """Lone readings, then alerts."""
        gateway = await Connection.open(self._house.web_port)
        url = f"ws://127.0.0.1:{self._house.web_port}/ws/v1/orgs/{self._house.demo['org']}/live/"
        protocols = [websockets.Subprotocol(name) for name in ("freshtrack.v1", f"bearer.{self._house.demo['token']}")]
        async with websockets.connect(url, subprotocols=protocols, max_size=None) as screen:
            hello = await _hear(screen, lambda frame: frame["type"] == "hello")
            await _hear(screen, lambda frame: frame["type"] == "snapshot")
            pause = hello["flush_ms"] / 1000 + BEYOND_FLUSH_S
            answered, seen = await self._lone_readings(gateway, screen, pause)
            opened = await self._alerts(gateway, screen)
        gateway.close()
        return {
            "flush_ms": hello["flush_ms"],
            "reading_to_answer": latency(answered),
            "reading_to_frame": latency(seen),
            "alert_to_frame": latency(opened),
        }

    async def _lone_readings(
        self, gateway: Connection, screen: websockets.ClientConnection, pause: float
    ) -> tuple[list[float], list[float]]:
        answered, seen = [], []
        for number in range(self._sizes.lone_readings):
            await asyncio.sleep(pause)
            moment = _moment()
            began = perf_counter()
            post = asyncio.create_task(
                gateway.timed(self._reading(self._fleet.lone["serial"], moment, 3 + number % 7 / 10))
            )
            await _hear(screen, lambda frame, moment=moment: _holds(frame, self._fleet.lone["unit"], moment))
            seen.append(perf_counter() - began)
            answered.append((await post)[0])
        return answered, seen

    async def _alerts(self, gateway: Connection, screen: websockets.ClientConnection) -> list[float]:
        """Each is opened by one reading over a limit without delay, and resolved by the next."""
        times = []
        for _ in range(self._sizes.alerts):
            for temperature, event in ((35.0, "opened"), (20.0, "resolved")):
                began = perf_counter()
                post = asyncio.create_task(
                    gateway.timed(self._reading(self._fleet.alarmed["serial"], _moment(), temperature))
                )
                await _hear(screen, lambda frame, event=event: self._is_alert(frame, event))
                if event == "opened":
                    times.append(perf_counter() - began)
                await post
        return times

    def _reading(self, serial: str, moment: str, temperature: float) -> bytes:
        reading = f'{{"sensor":"{serial}","recorded_at":"{moment}","temperature":{temperature:.2f},"humidity":80.0}}'
        return ingest_request(self._house.demo["ingest_key"], [reading])

    def _is_alert(self, frame: Frame, event: str) -> bool:
        return bool(
            frame["type"] == "alert"
            and frame["event"] == event
            and frame["alert"]["rule"] == self._fleet.alarmed["rule"]
        )


def _moment() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _holds(frame: Frame, unit: str, moment: str) -> bool:
    return frame["type"] == "readings" and any(
        entry["unit"] == unit and _same(entry["recorded_at"], moment) for entry in frame["batch"]
    )


def _same(one: str, other: str) -> bool:
    # The product leaves out milliseconds that are zero.
    return datetime.fromisoformat(one) == datetime.fromisoformat(other)


async def _hear(screen: websockets.ClientConnection, wanted: Callable[[Frame], bool]) -> Frame:
    """The next frame that is wanted."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            frame: Frame = json.loads(await screen.recv())
            if wanted(frame):
                return frame
