"""One open screen, and readings that arrive: what tests of the socket work with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.utils import timezone

from ingest import native, pipeline
from ingest.authentication import Sender
from ingest.pipeline import Delivery
from live.routing import sockets
from organizations import events
from organizations.models import Role
from sensors.models import Sensor
from tests.factories import MembershipFactory, RuleFactory, SensorFactory, token_of


class Screen(WebsocketCommunicator):
    """One socket; `next(type)` skips frames of other types."""

    def __init__(self, slug: str, token: str | None = None, **headers: str) -> None:
        protocols = ["freshtrack.v1", f"bearer.{token}"] if token else ["freshtrack.v1"]
        pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        super().__init__(sockets, f"/ws/v1/orgs/{slug}/live/", subprotocols=protocols, headers=pairs)

    async def open(self) -> Screen:
        connected, protocol = await self.connect(timeout=5)
        assert (connected, protocol) == (True, "freshtrack.v1")
        return self

    async def next(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(5):
            while True:
                message = await self.receive_json_from(timeout=5)
                if message["type"] == kind:
                    return message

    async def until(self, kind: str) -> list[dict[str, Any]]:
        """Everything up to the next frame of this type."""
        frames = []
        async with asyncio.timeout(5):
            while not frames or frames[-1]["type"] != kind:
                frames.append(await self.receive_json_from(timeout=5))
        return frames

    async def close_code(self) -> int:
        async with asyncio.timeout(10):
            while True:
                output = await self.receive_output(timeout=10)
                if output["type"] == "websocket.close":
                    return int(output["code"])

    async def say(self, **message: Any) -> None:
        await self.send_to(text_data=json.dumps(message))


@sync_to_async
def cooler(role: str = Role.OWNER) -> tuple[Sensor, str]:
    """A sensor S in a cooler with a rule without delay, and the token of a member."""
    sensor = SensorFactory(serial="S")
    RuleFactory(organization=sensor.organization, delay_s=0)
    member = MembershipFactory(organization=sensor.organization, role=role)
    return sensor, token_of(member.user)


def _post(sensors: Sequence[Sensor], temperature: float) -> events.Afterwards:
    at = timezone.now()
    readings = [{"sensor": s.serial, "recorded_at": at.isoformat(), "temperature": temperature} for s in sensors]
    decoded = native.decode(json.dumps({"readings": readings}).encode(), at=at)
    organization = sensors[0].organization
    with events.collecting() as afterwards:
        pipeline.store([Delivery(Sender(organization.pk, organization.number, True), decoded)], at=at)
    return afterwards


async def post(*sensors: Sensor, temperature: float) -> None:
    """A reading of each through the pipeline, told to the screens as the writer does."""
    afterwards = await sync_to_async(_post)(sensors, temperature)
    await events.send(afterwards.events)
