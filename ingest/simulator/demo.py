"""Puts the demo's gateways together: keys from demo.json, a gateway a site, a thread a gateway."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import msgspec

from ingest.posting import call
from ingest.simulator.gateways import Gateway, NewestTimes, Say, Tally
from ingest.simulator.roster import DemoSite

SUMMARY_EVERY_S: Final = 60.0


class NoKeys(Exception):
    """The seeding hasn't written its keys, or not in a form that can be read."""


class _Organization(msgspec.Struct):
    org: str
    ingest_key: str
    token: str


class _DemoFile(_Organization):
    second_org: _Organization


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """What a demo organization's gateways need: the key to post, and the token to ask what is stored already."""

    ingest_key: str
    token: str


def read_keys(path: Path) -> dict[str, Keys]:
    """Return the keys of both demo organizations by slug. Raises NoKeys with a sentence for the person."""
    try:
        content = msgspec.json.decode(path.read_bytes(), type=_DemoFile)
    except FileNotFoundError as error:
        raise NoKeys(f"{path} isn't there. `manage.py seed_demo` writes it.") from error
    except (OSError, msgspec.MsgspecError) as error:
        raise NoKeys(f"{path} can't be used: {error}. `manage.py seed_demo` writes it anew.") from error
    return {item.org: Keys(ingest_key=item.ingest_key, token=item.token) for item in (content, content.second_org)}


class _Sensor(msgspec.Struct):
    serial: str
    channel: str
    last_reading_at: datetime | None


class _Sensors(msgspec.Struct):
    results: list[_Sensor]


def newest_times(site: DemoSite, *, url: str, org: str, token: str) -> Mapping[tuple[str, str], datetime | None]:
    """Ask the platform for the time of the newest reading of each sensor of `site`. Raises Unavailable or Refused."""
    newest: dict[tuple[str, str], datetime | None] = {
        (sensor.serial, sensor.channel): None for unit in site.units for sensor in unit.sensors
    }
    for serial in sorted({serial for serial, _ in newest}):
        answer = call(f"{url.rstrip('/')}/api/v1/orgs/{org}/sensors/?{urlencode({'serial': serial})}", token=token)
        for sensor in msgspec.json.decode(answer, type=_Sensors).results:
            if (sensor.serial, sensor.channel) in newest:
                newest[sensor.serial, sensor.channel] = sensor.last_reading_at
    return newest


@dataclass(frozen=True, kw_only=True)
class Player:
    """A gateway, and how it learns what is stored of its sensors."""

    gateway: Gateway
    newest: NewestTimes | None


def play(
    players: Sequence[Player],
    *,
    stop: threading.Event,
    history: timedelta,
    duration_s: float | None,
    say: Say,
) -> None:
    """Play all gateways, each in a thread of its own, until `stop` is set or `duration_s` is over.

    Says once a minute how it goes. Raises what a gateway raised, should one break: a demo that half works is a lie.
    """
    broken: list[BaseException] = []

    def run(player: Player) -> None:
        try:
            player.gateway.play(newest=player.newest, history=history)
        except Exception as error:  # handed to the caller below; a thread has nobody else to tell
            broken.append(error)
            stop.set()

    threads = [
        # Daemons: a request that hangs in a time-out must not hold up the end of the process.
        threading.Thread(target=run, args=(player,), name=player.gateway.plan.gateway, daemon=True)
        for player in players
    ]
    for thread in threads:
        thread.start()
    ends = None if duration_s is None else datetime.now(UTC) + timedelta(seconds=duration_s)
    tallies = [player.gateway.outbox.tally.copy() for player in players]
    while True:
        left = SUMMARY_EVERY_S if ends is None else (ends - datetime.now(UTC)).total_seconds()
        if stop.wait(max(0.0, min(SUMMARY_EVERY_S, left))):
            break
        if ends is not None and datetime.now(UTC) >= ends:
            stop.set()
            break
        for number, player in enumerate(players):
            say(_summary(player.gateway, tallies, number))
    for thread in threads:
        thread.join(timeout=0.5)
    if broken:
        raise broken[0]


def play_once(
    players: Sequence[Player], *, stop: threading.Event, history: timedelta, patience_s: float = 30.0
) -> bool:
    """Send what is missing of the past and one reading a sensor. Returns whether the platform has taken everything."""
    for player in players:
        player.gateway.begin(newest=player.newest, history=history)
    ends = datetime.now(UTC) + timedelta(seconds=patience_s)
    while any(len(player.gateway.outbox) for player in players) and datetime.now(UTC) < ends:
        if stop.wait(0.2):
            break
        for player in players:
            player.gateway.outbox.flush()
    return not any(len(player.gateway.outbox) for player in players)


def _summary(gateway: Gateway, tallies: list[Tally], number: int) -> str:
    now = gateway.outbox.tally.copy()
    lately, tallies[number] = now.since(tallies[number]), now
    words = f"{gateway.plan.gateway}: in the last minute {lately}"
    if len(gateway.outbox):
        words += f"; {len(gateway.outbox)} wait"
    return words + ("; silent" if gateway.is_silent else "")
