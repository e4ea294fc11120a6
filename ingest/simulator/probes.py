"""What a probe makes of the truth: inertia, offset, noise, quantisation, a weakening battery and a lossy radio."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ingest.posting import Reading
from ingest.simulator.model import Excursion, Sample, Span, stream
from ingest.simulator.roster import DemoSensor

PROBE_FAULT_VALUE: Final = -127.0  # what a DS18B20 driver reports when the probe's wire is torn
LOST_UPLINKS: Final = 0.01  # unconfirmed LoRaWAN uplinks indoors: one to a few percent are never heard
BATTERY_DAYS: Final = 900.0  # two to three years at ten-minute reports, as vendors state


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeKind:
    """How a sort of probe measures."""

    time_constant_s: float
    noise: float  # standard deviation, K
    quantum: float  # step of the digital value, K
    offset: float  # standard deviation of the fixed error between specimens, K


PROBES: Final = {
    # A chip behind a membrane: half a minute in moving air. Digital T/RH chips: ±0.2 K, reported in tenths.
    "air": ProbeKind(time_constant_s=30.0, noise=0.04, quantum=0.1, offset=0.12),
    # 30 ml of glycol: 35 g x 3.5 kJ/kgK against 50 cm² x 16 W/m²K in moving air gives about 25 minutes.
    "bottle": ProbeKind(time_constant_s=1500.0, noise=0.02, quantum=0.0625, offset=0.15),  # DS18B20: 1/16 K
    # A steel probe in the food itself.
    "product": ProbeKind(time_constant_s=15.0, noise=0.03, quantum=0.0625, offset=0.15),
}
# The probe of the show unit is a bare chip in the air stream.
QUICK_AIR: Final = ProbeKind(time_constant_s=5.0, noise=0.03, quantum=0.0625, offset=0.05)


class Probe:
    """One sensor of the roster. `feel` the state often, `report` when it is time; nothing here reads a clock."""

    def __init__(self, sensor: DemoSensor, *, seed: int | str, first: Sample, quick: bool = False) -> None:
        self.sensor = sensor
        self.kind = QUICK_AIR if quick else PROBES[sensor.sees]
        self._chance = stream(seed, f"{sensor.serial}/{sensor.channel}")
        self._offset = self._chance.gauss(0.0, self.kind.offset)
        self._felt = self._truth(first)
        self._felt_at = self._born = first.at
        self._last = first
        self._faults: list[Span] = []

    def suffer(self, span: Span) -> None:
        """Let the probe report its fault value during `span`."""
        if span.kind is not Excursion.PROBE_FAULT:
            raise ValueError(f"{span.kind} doesn't happen to a probe.")
        self._faults.append(span)

    def feel(self, sample: Sample) -> None:
        """Follow the unit with the probe's inertia. Samples come in order of time."""
        elapsed = (sample.at - self._felt_at).total_seconds()
        truth = self._truth(sample)
        self._felt += (truth - self._felt) * (1.0 - math.exp(-elapsed / self.kind.time_constant_s))
        self._felt_at, self._last = sample.at, sample

    def report(self) -> Reading | None:
        """Return the reading of the moment last felt, or None if the radio lost it."""
        sample, sensor = self._last, self.sensor
        value = self._felt + self._offset + self._chance.gauss(0.0, self.kind.noise)
        temperature = round(round(value / self.kind.quantum) * self.kind.quantum, 4)
        self._faults = [span for span in self._faults if span.end > sample.at]
        if any(span.covers(sample.at) for span in self._faults):
            temperature = PROBE_FAULT_VALUE
        humidity = None
        if sensor.humidity and sample.humidity is not None:
            humidity = round(min(100.0, max(0.0, sample.humidity + self._chance.gauss(0.0, 0.3))), 1)
        signal = min(-30.0, max(-140.0, sensor.signal_dbm + self._chance.gauss(0.0, 2.5)))
        lost = self._chance.random() < LOST_UPLINKS
        if lost:
            return None
        return Reading(
            sensor=sensor.serial,
            channel=sensor.channel,
            recorded_at=sample.at,
            temperature=temperature,
            humidity=humidity,
            battery=self._battery(sample.at),
            signal=float(round(signal)),
            door_open=sample.door_open if sensor.door_contact else None,
        )

    def _truth(self, sample: Sample) -> float:
        return sample.product if self.sensor.sees == "product" else sample.air

    def _battery(self, at: datetime) -> float:
        used = 100.0 * (at - self._born).total_seconds() / 86_400.0 / BATTERY_DAYS
        return float(max(1, round(self.sensor.battery_percent - used)))
