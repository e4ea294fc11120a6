"""The physical model of a unit: heat and water vapour between the room, the air inside, the goods and the evaporator.

Pure and seeded: the same seed, start and excursions give the same samples, and nothing here reads a clock.

Heat flows between three lumps: coil (evaporator, or element in hot holding), air (with everything that follows it
within a minute) and product. A thermostat with hysteresis and protection times switches the compressor, a timer
defrosts, people open doors and bring goods. Each step solves coil and air together, implicitly, so that steps of half a
minute stay stable and no joule is lost: `Unit.gained_j - Unit.removed_j` is what `Unit.stored_j` has risen by.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from heapq import heappop, heappush
from random import Random
from typing import Final

from ingest.simulator.cabinets import Cabinet

MELTING_J_KG: Final = 334_000.0  # ice to water
CONDENSING_J_KG: Final = 2_500_000.0  # vapour to water at 0 °C
AIR_J_KG_K: Final = 1006.0
AIR_KG_M3: Final = 1.27  # at 5 °C
LONGEST_STEP_S: Final = 30.0


class Excursion(StrEnum):
    """What goes wrong. The first three happen to a unit, the last two only to what is told about it."""

    DOOR_LEFT_OPEN = "door_left_open"
    COMPRESSOR_FAILURE = "compressor_failure"
    POWER_CUT = "power_cut"
    PROBE_FAULT = "probe_fault"
    GATEWAY_SILENCE = "gateway_silence"


UNIT_EXCURSIONS: Final = frozenset({Excursion.DOOR_LEFT_OPEN, Excursion.COMPRESSOR_FAILURE, Excursion.POWER_CUT})


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """An excursion and when its cause is there: from `start` until before `end`."""

    kind: Excursion
    start: datetime
    end: datetime

    def covers(self, at: datetime) -> bool:
        return self.start <= at < self.end


@dataclass(frozen=True, slots=True)
class Sample:
    """The true state of a unit at a moment, with what a judge of alerts needs to know about it.

    `excursion` stays until the unit has recovered, not only while its cause lasts: an alert in between is a true one.
    `air` is the bath in hot holding, where `humidity` is None.
    """

    at: datetime
    air: float
    product: float
    humidity: float | None
    door_open: bool
    defrosting: bool
    excursion: Excursion | None
    running: bool


def stream(seed: int | str, name: str) -> Random:
    """Return a stream of chance of its own, so that a change in one use of chance leaves all others as they were."""
    return Random(f"{seed}/{name}")  # noqa: S311 (weather and doors, no secrets)


def saturated(temperature: float) -> float:
    """Return the kg of water vapour in a kg of air saturated at `temperature`, over ice below zero (Magnus formula)."""
    if temperature < 0.0:
        pressure = 611.2 * math.exp(22.46 * temperature / (272.62 + temperature))
    else:
        pressure = 611.2 * math.exp(17.62 * temperature / (243.12 + temperature))
    return 0.622 * pressure / (101_325.0 - pressure)


def relative_humidity(vapour: float, temperature: float) -> float:
    """Return % RH as sensors give it: over water, also below zero."""
    pressure = 611.2 * math.exp(17.62 * temperature / (243.12 + temperature))
    return min(100.0, 100.0 * vapour * (101_325.0 - pressure) / (0.622 * pressure))


def heat_capacity(cabinet: Cabinet, product: float) -> float:
    """Return J/kgK of the goods. Frozen food takes some 230 kJ/kg of melting between -5 and -1 °C: the plateau."""
    if not cabinet.freezes or product < -5.0:
        return cabinet.product_j_kg_k
    return 60_000.0 if product < -1.0 else 3600.0


class Unit:
    """One cold (or hot) unit that lives from `start` on. `timezone` says when its people work."""

    def __init__(
        self,
        cabinet: Cabinet,
        *,
        seed: int | str,
        start: datetime,
        timezone: tzinfo = UTC,
        traffic: float = 1.0,
        spans: Iterable[Span] = (),
    ) -> None:
        self.cabinet = cabinet
        self.timezone = timezone
        self.traffic = traffic
        self._doors = stream(seed, "doors")
        self._weather = stream(seed, "weather")
        self._timer_shift_h = stream(seed, "timer").uniform(-0.4, 0.4)
        self._spans: list[Span] = []
        self._now = start.timestamp()
        self._planned_until = self._now - self._now % 3600.0
        self._wander = 0.0
        self._openings: list[tuple[float, float]] = []  # heaps of what is to come
        self._loadings: list[tuple[float, float, float]] = []
        self._defrosts: list[float] = []
        self._open_until = self._now
        self.ambient = cabinet.ambient
        self.air = self._bulb = (cabinet.cut_in + cabinet.cut_out) / 2
        self.product = self.air - 3.0 if cabinet.heats else self.air
        self.coil = self.air
        self.frost_kg = 0.0
        self._vapour = 0.0 if cabinet.heats else 0.8 * saturated(self.air)
        self._latent_w = 0.0
        self._on = False
        self._switched = self._now - cabinet.least_off_s
        self._defrost_since: float | None = None
        self._drip_until: float | None = None
        self._fan_waits = False
        self._recovering: Excursion | None = None
        self.gained_j = 0.0
        self.removed_j = 0.0
        self._plan()
        for span in spans:
            self.suffer(span)

    # --- what a user of the model calls ---

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self._now, UTC)

    @property
    def stored_j(self) -> float:
        """Heat in coil, air and product above 0 °C. Meaningful for goods that don't freeze."""
        cabinet = self.cabinet
        return (
            cabinet.coil_j_k * self.coil
            + cabinet.air_j_k * self.air
            + cabinet.product_kg * cabinet.product_j_kg_k * self.product
        )

    def suffer(self, span: Span) -> None:
        """Let something go wrong, now or later."""
        if span.kind not in UNIT_EXCURSIONS:
            raise ValueError(f"{span.kind} doesn't happen to a unit but to a sensor or a gateway.")
        self._spans.append(span)

    def advance(self, *, to: datetime, step_s: float = 10.0) -> Sample:
        """Live until `to` in equal steps of `step_s` at most and return the state then."""
        distance = to.timestamp() - self._now
        if distance > 0:
            steps = math.ceil(distance / min(step_s, LONGEST_STEP_S))
            for _ in range(steps):
                self._step(distance / steps)
            self._now = to.timestamp()  # sums of thirds don't drift away from the caller's clock
        return self.sample()

    def samples(self, *, duration: timedelta, every_s: float = 10.0, step_s: float = 10.0) -> Iterator[Sample]:
        """Live for `duration` and yield the state every `every_s`."""
        start = self._now
        for number in range(1, int(duration.total_seconds() / every_s) + 1):
            yield self.advance(to=datetime.fromtimestamp(start + number * every_s, UTC), step_s=step_s)

    def sample(self) -> Sample:
        return Sample(
            at=self.at,
            air=self.air,
            product=self.product,
            humidity=None if self.cabinet.heats else relative_humidity(self._vapour, self.air),
            door_open=self._now < self._open_until or self._cause(Excursion.DOOR_LEFT_OPEN),
            defrosting=self._defrost_since is not None,
            excursion=self._excursion(),
            running=self._on,
        )

    # --- people, weather and timers: an hour at a time ---

    def _plan(self) -> None:
        """Decide what happens in the next hour: openings, goods, defrosts and the room's temperature."""
        cabinet, begin = self.cabinet, self._planned_until
        self._planned_until = begin + 3600.0
        local = datetime.fromtimestamp(begin, self.timezone)
        hour = local.hour + local.minute / 60  # some zones are half an hour off
        self._wander = 0.7 * self._wander + self._weather.gauss(0.0, 0.5)
        # A kitchen is warmest in the afternoon and coolest before dawn.
        day_curve = math.cos(2 * math.pi * (hour - 15.5) / 24)
        self._room = cabinet.ambient + cabinet.ambient_swing * day_curve + self._wander
        self._room_vapour = cabinet.ambient_humidity / 100 * saturated(self._room)
        mean = cabinet.openings_per_day * self.traffic * cabinet.hours[local.hour] / sum(cabinet.hours)
        for _ in range(poisson(self._doors, mean)):
            at = begin + self._doors.random() * 3600.0
            length = self._doors.lognormvariate(math.log(cabinet.opening_s), cabinet.opening_spread)
            heappush(self._openings, (at, min(length, cabinet.longest_opening_s)))
        for loading in cabinet.loadings:
            if (loading.hour - hour) % 24 < 1.0 and self._doors.random() < loading.chance:
                at = begin + (loading.hour - hour) % 24 * 3600.0 + self._doors.uniform(-1200.0, 1200.0)
                heappush(self._openings, (at, loading.door_s))
                heappush(self._loadings, (at + loading.door_s / 2, loading.share, loading.temperature))
        if cabinet.defrost is not None:
            for due in cabinet.defrost.hours:
                wait = (due + self._timer_shift_h - hour) % 24
                if wait < 1.0:
                    heappush(self._defrosts, begin + wait * 3600.0)

    def _door_share(self, begin: float, end: float) -> float:
        """Return which share of a step the door is open, so that an opening shorter than a step counts in full."""
        if self._cause(Excursion.DOOR_LEFT_OPEN):
            return 1.0
        covered = max(0.0, min(self._open_until, end) - begin)
        while self._openings and self._openings[0][0] < end:
            at, length = heappop(self._openings)
            if at + length <= max(self._open_until, begin):
                continue  # somebody else holds it open, or it was before our time
            covered += max(0.0, min(at + length, end) - max(at, self._open_until, begin))
            self._open_until = at + length
        return covered / (end - begin)

    def _load(self) -> None:
        while self._loadings and self._loadings[0][0] <= self._now:
            _, share, temperature = heappop(self._loadings)
            change = share * (temperature - self.product)
            self.product += change
            self.gained_j += change * self.cabinet.product_kg * self.cabinet.product_j_kg_k

    # --- what goes wrong ---

    def _cause(self, kind: Excursion) -> bool:
        if not self._spans:
            return False
        at = self.at
        return any(span.kind is kind and span.covers(at) for span in self._spans)

    def _excursion(self) -> Excursion | None:
        """Return the excursion that is on, or that the unit still recovers from."""
        if self._spans:
            at = self.at
            for span in self._spans:
                if span.covers(at):
                    self._recovering = span.kind
                    return span.kind
            self._spans = [span for span in self._spans if span.start > at]
        if self._recovering is not None and self._is_healthy():
            self._recovering = None
        return self._recovering

    def _is_healthy(self) -> bool:
        if self.cabinet.heats:
            return self.product >= self.cabinet.healthy_above
        return self.air <= self.cabinet.healthy_above

    # --- the controller ---

    def _control(self, *, powered: bool) -> None:
        """Thermostat with hysteresis and protection times. Without power the controller forgets nothing but stops."""
        cabinet = self.cabinet
        if not powered:
            if self._on:
                self._on, self._switched = False, self._now
            return
        if self._defrost_since is not None:
            return
        since = self._now - self._switched
        if self._on:
            done = self._bulb >= cabinet.cut_out if cabinet.heats else self._bulb <= cabinet.cut_out
            if done and since >= cabinet.least_on_s:
                self._on, self._switched = False, self._now
        else:
            due = self._bulb <= cabinet.cut_in if cabinet.heats else self._bulb >= cabinet.cut_in
            if due and since >= cabinet.least_off_s:
                self._on, self._switched = True, self._now

    def _defrost(self, *, powered: bool) -> float:
        """Start and end defrosts by the timer and return the heater's power."""
        defrost = self.cabinet.defrost
        if defrost is None:
            return 0.0
        if self._defrost_since is None:
            if not powered or not self._defrosts or self._defrosts[0] > self._now:
                return 0.0
            due = heappop(self._defrosts)
            if due < self._now - 3600.0:
                return 0.0  # a timer that missed its hour without power waits for the next
            self._defrost_since, self._drip_until = self._now, None
            self._on, self._switched = False, self._now
        if self._drip_until is None:
            if self.coil < defrost.end_coil and self._now - self._defrost_since < defrost.longest_s:
                return defrost.heater_w if powered else 0.0
            self._drip_until = self._now + defrost.drip_s
        if self._now >= self._drip_until:
            self._defrost_since = self._drip_until = None
            self._fan_waits = not defrost.fan_runs
        return 0.0

    def _fan_runs(self, *, powered: bool) -> bool:
        defrost = self.cabinet.defrost
        if not powered or (self._defrost_since is not None and defrost is not None and not defrost.fan_runs):
            return False
        if self._fan_waits and self.coil < self.air - 2.0:
            self._fan_waits = False  # the coil is cold again: blowing no longer spreads the heater's warmth and water
        return not self._fan_waits

    # --- physics ---

    def _step(self, dt: float) -> None:
        cabinet, begin = self.cabinet, self._now
        self._now = now = begin + dt
        if now >= self._planned_until:
            self._plan()
        self._load()
        powered = not self._cause(Excursion.POWER_CUT)
        self._control(powered=powered)
        heater_w = self._defrost(powered=powered)
        fan = self._fan_runs(powered=powered)
        self.ambient += (self._room - self.ambient) * min(1.0, dt / 1800.0)

        cooling_w = 0.0
        if self._on and self._defrost_since is None and not self._cause(Excursion.COMPRESSOR_FAILURE):
            if cabinet.heats:
                cooling_w = -cabinet.capacity_w
            else:
                # A compressor moves about 3 % more heat for each kelvin of evaporating temperature.
                warmer = 0.03 * (self.coil - cabinet.coil_rated)
                cooling_w = cabinet.capacity_w * min(1.5, max(0.3, 1.0 + warmer))
        coil_w_k = cabinet.coil_w_k if fan else cabinet.coil_w_k * cabinet.still_share
        door_w_k = cabinet.door_w_k * self._door_share(begin, now)
        outside_w_k = cabinet.envelope_w_k + door_w_k
        fan_w = cabinet.fan_w if fan else 0.0

        # Coil and air at the end of the step, from both heat balances at once.
        coil_w = heater_w + self._latent_w - cooling_w
        first = cabinet.coil_j_k / dt + coil_w_k
        second = cabinet.air_j_k / dt + coil_w_k + outside_w_k + cabinet.product_w_k
        coil_side = cabinet.coil_j_k / dt * self.coil + coil_w
        air_side = (
            cabinet.air_j_k / dt * self.air + outside_w_k * self.ambient + cabinet.product_w_k * self.product + fan_w
        )
        determinant = first * second - coil_w_k * coil_w_k
        self.coil = (coil_side * second + coil_w_k * air_side) / determinant
        self.air = (first * air_side + coil_w_k * coil_side) / determinant

        room_w = cabinet.product_ambient_w_k * (self.ambient - self.product)
        self.gained_j += dt * (outside_w_k * (self.ambient - self.air) + fan_w + heater_w + self._latent_w + room_w)
        self.removed_j += dt * cooling_w
        self.product += (
            dt
            * (cabinet.product_w_k * (self.air - self.product) + room_w)
            / (cabinet.product_kg * heat_capacity(cabinet, self.product))
        )
        self._bulb += (self.air - self._bulb) * (1.0 - math.exp(-dt / cabinet.bulb_s))
        if not cabinet.heats:
            self._melt()
            self._move_vapour(dt, coil_w_k=coil_w_k, door_w_k=door_w_k)

    def _melt(self) -> None:
        """Ice on the coil keeps it at 0 °C until the last of it has melted."""
        if self.coil > 0.0 and self.frost_kg > 0.0:
            heat = self.cabinet.coil_j_k * self.coil
            melted = min(self.frost_kg, heat / MELTING_J_KG)
            self.frost_kg -= melted
            self.coil -= melted * MELTING_J_KG / self.cabinet.coil_j_k
            self.removed_j += melted * MELTING_J_KG

    def _move_vapour(self, dt: float, *, coil_w_k: float, door_w_k: float) -> None:
        """Water vapour comes through the door and from the goods and freezes to the coil.

        Heat and vapour travel with the same air (Lewis relation), so kg/s is W/K divided by the heat capacity of air.
        A wet or icy coil gives vapour back while it is warm: that's why humidity rises in each pause of the compressor.
        """
        cabinet = self.cabinet
        at_coil = saturated(self.coil)
        coil_kg_s = coil_w_k / AIR_J_KG_K
        if at_coil > self._vapour and self.frost_kg <= 0.0:
            coil_kg_s = 0.0  # dry
        outside_kg_s = (door_w_k + 0.1 * cabinet.envelope_w_k) / AIR_J_KG_K  # a tenth of the envelope's loss is leaks
        goods_kg_s = cabinet.wet_share * cabinet.product_w_k / AIR_J_KG_K
        # Cardboard and wet shelves hold a few times the vapour that the air does.
        held = 3.0 * AIR_KG_M3 * cabinet.volume_m3 / dt
        vapour = (
            held * self._vapour
            + coil_kg_s * at_coil
            + outside_kg_s * self._room_vapour
            + goods_kg_s * saturated(self.product)
        ) / (held + coil_kg_s + outside_kg_s + goods_kg_s)
        self._vapour = min(vapour, saturated(self.air) if self.air >= 0.0 else vapour)
        caught = coil_kg_s * (self._vapour - at_coil)
        if self.coil < 0.0 or caught < 0.0:
            self.frost_kg = max(0.0, self.frost_kg + caught * dt)
            latent = CONDENSING_J_KG + MELTING_J_KG
        else:
            latent = CONDENSING_J_KG  # it drips off as water
        self._latent_w = caught * latent


def poisson(chance: Random, mean: float) -> int:
    """Draw how often something happens that happens `mean` times on average (Knuth; means here are below 50)."""
    limit, product, count = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count
