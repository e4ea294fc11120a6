"""A site of the roster come alive: its units, its probes, and the readings that they produce, in order of time.

No clock and no network here: `readings(to=…)` lives until then and returns what was measured on the way.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from ingest.posting import Reading
from ingest.simulator.cabinets import CABINETS, COUNTER_FRIDGE
from ingest.simulator.model import Excursion, Unit
from ingest.simulator.probes import Probe
from ingest.simulator.roster import DemoSite, DemoUnit
from ingest.simulator.scenarios import Staged

# Before anybody looks a unit needs some hours to forget the state it was born in.
WARM_UP: Final = timedelta(hours=6)
HISTORY_STEP_S: Final = 20.0
LIVE_STEP_S: Final = 5.0


@dataclass(kw_only=True, slots=True)
class LivingUnit:
    """A unit with its probes, which report together every `period_s`, at `phase` of the period."""

    plan: DemoUnit
    unit: Unit
    probes: list[Probe]
    live_period_s: float
    phase: float
    period_s: float = field(default=0.0)

    def due_after(self, at: float) -> float:
        # Whole milliseconds, as the platform keeps them, and a tolerance above what a float of today's date loses.
        shift = round(self.phase * self.period_s, 3)
        return round((math.floor((at - shift) / self.period_s + 1e-6) + 1) * self.period_s + shift, 3)

    def live(self, *, to: datetime, step_s: float) -> None:
        """Advance, with the probes following in steps of `step_s`."""
        at = self.unit.at
        while at < to:
            at = min(to, at + timedelta(seconds=step_s))
            sample = self.unit.advance(to=at, step_s=step_s)
            for probe in self.probes:
                probe.feel(sample)


class LivingSite:
    """All units of a site from `start` on, `interval_s` between two readings of a sensor."""

    def __init__(self, plan: DemoSite, *, seed: int | str, start: datetime, interval_s: float) -> None:
        self.plan = plan
        self.units: list[LivingUnit] = []
        for number, unit_plan in enumerate(plan.units):
            name = f"{seed}/{plan.gateway}/{unit_plan.name}"
            unit = Unit(
                COUNTER_FRIDGE if unit_plan.show else CABINETS[unit_plan.kind],
                seed=name,
                start=start - WARM_UP,
                timezone=ZoneInfo(plan.timezone),
                traffic=unit_plan.traffic,
            )
            first = unit.sample()
            probes = [Probe(sensor, seed=name, first=first, quick=unit_plan.show) for sensor in unit_plan.sensors]
            living = LivingUnit(
                plan=unit_plan,
                unit=unit,
                probes=probes,
                live_period_s=min([interval_s, *(s.report_every_s for s in unit_plan.sensors if s.report_every_s)]),
                phase=number / len(plan.units),
            )
            living.live(to=start, step_s=HISTORY_STEP_S)
            self.units.append(living)

    def history(self, *, to: datetime, every_s: float = 300.0) -> list[Reading]:
        """Live until `to` and return readings as sparse as loggers send them, so that charts have a past."""
        return self._run(to=to, period_s=every_s, step_s=HISTORY_STEP_S)

    def readings(self, *, to: datetime) -> list[Reading]:
        """Live until `to` and return the readings since, without those that the radio lost."""
        return self._run(to=to, period_s=None, step_s=LIVE_STEP_S)

    def skip(self, *, to: datetime) -> None:
        """Live until `to` without measuring."""
        for living in self.units:
            living.live(to=to, step_s=HISTORY_STEP_S)

    def stage(self, staged: Iterable[Staged]) -> None:
        """Let things go wrong with units and probes. Gateways are silent by themselves."""
        for item in staged:
            for living in self.units:
                if living.plan is item.unit:
                    if item.span.kind is Excursion.PROBE_FAULT:
                        for probe in living.probes:
                            probe.suffer(item.span)
                    else:
                        living.unit.suffer(item.span)

    def _run(self, *, to: datetime, period_s: float | None, step_s: float) -> list[Reading]:
        readings: list[Reading] = []
        for living in self.units:
            living.period_s = period_s or living.live_period_s
            while (due := living.due_after(living.unit.at.timestamp())) <= to.timestamp():
                living.live(to=datetime.fromtimestamp(due, UTC), step_s=step_s)
                readings.extend(reading for probe in living.probes if (reading := probe.report()) is not None)
            if period_s is not None:
                living.live(to=to, step_s=step_s)
        readings.sort(key=lambda reading: reading.recorded_at)
        return readings
